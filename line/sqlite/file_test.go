package sqlite_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"charye/line"
	"charye/line/linetest"
	"charye/line/sqlite"
)

// Two programs on one file is a mistake; it must not give a seq or a pass twice.
func TestSecondProgramCannotGiveASeqTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clk := linetest.NewClock(opens)
	a := openLine(t, dir, config(false), sqlite.Options{Clock: clk.Now})
	b := openLine(t, dir, config(false), sqlite.Options{Clock: clk.Now})
	owner := make(map[uint32]int)
	for n := range 40 {
		l := a
		if n%3 == 0 {
			l = b
		}
		p, _, err := l.Join(t.Context(), 1, linetest.Person(n))
		if err != nil {
			continue
		}
		if other, taken := owner[p.Seq]; taken {
			t.Fatalf("person %d and %d were both told seq %d", other, n, p.Seq)
		}
		owner[p.Seq] = n
	}
	if len(owner) < 10 {
		t.Fatalf("only %d of 40 got a place: nothing was shown", len(owner))
	}
}

func TestDamagedFileIsRefused(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]string{
		"a lost row":             `DELETE FROM joins WHERE first_seq = 3`,
		"one person twice":       `INSERT INTO joins (campaign, first_seq, people, joined_at) SELECT campaign, 11, people, joined_at FROM joins WHERE first_seq = 1`,
		"admitted beyond all":    `UPDATE campaigns SET admitted = 1000`,
		"a pass of nobody":       `INSERT INTO passes VALUES (99, 1, 99, zeroblob(16), 1, 1)`,
		"numbers lost":           `DELETE FROM numbers`,
		"numbers not dense":      `UPDATE numbers SET numbers = zeroblob(length(numbers))`,
		"another commitment":     `UPDATE campaigns SET commitment = zeroblob(32)`,
		"admission in two forms": `INSERT INTO waves (campaign, admitted, admitted_at) VALUES (1, 1, 9999999999999)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			clk := linetest.NewClock(opens.Add(-time.Minute))
			l := openLine(t, dir, config(true), sqlite.Options{Clock: clk.Now})
			for n := range 10 {
				join(t, l, n)
			}
			clk.Set(opens)
			if err := l.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := l.DB().Exec(damage); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := sqlite.Open(t.Context(), dir, []line.Config{config(true)}, sqlite.Options{Clock: clk.Now, Pseudonyms: linetest.Names("fault")})
			if !errors.Is(err, sqlite.ErrDamaged) {
				t.Errorf("got %v, want ErrDamaged", err)
			}
			if err == nil {
				_ = r.Close()
			}
		})
	}
}

func TestFileItselfRefusesToChangeFacts(t *testing.T) {
	t.Parallel()
	clk := linetest.NewClock(opens.Add(-time.Minute))
	l := openLine(t, t.TempDir(), config(true), sqlite.Options{Clock: clk.Now})
	join(t, l, 0)
	clk.Set(opens.Add(time.Second))
	l.Supply(1, 10, 10)
	for range 2 {
		if err := l.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, change := range []string{
		`UPDATE campaigns SET admitted = 0`, `UPDATE campaigns SET gathered = 0`, `UPDATE campaigns SET drawn_at = NULL`,
		`UPDATE campaigns SET seed = zeroblob(32)`,
	} {
		if _, err := l.DB().Exec(change); err == nil {
			t.Errorf("%s was carried out", change)
		}
	}
}

func TestLostListOfEntrantsIsMadeAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clk := linetest.NewClock(opens.Add(-time.Minute))
	l := openLine(t, dir, config(true), sqlite.Options{Clock: clk.Now})
	for n := range 100 {
		join(t, l, n)
	}
	clk.Set(opens)
	if err := l.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "draw-1.bin")
	want, err := os.ReadFile(list)
	if err != nil || len(want) != 1600 {
		t.Fatalf("the list has %d bytes, %v", len(want), err)
	}
	for name, spoil := range map[string]func(dir string) error{
		"lost": func(dir string) error { return os.Remove(filepath.Join(dir, "draw-1.bin")) },
		"changed": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "draw-1.bin"), make([]byte, 1600), 0o600)
		},
	} {
		copied := copyDir(t, dir)
		if err := spoil(copied); err != nil {
			t.Fatal(err)
		}
		r := openLine(t, copied, config(true), sqlite.Options{Clock: clk.Now})
		if got, err := os.ReadFile(filepath.Join(copied, "draw-1.bin")); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: the list was not made again: %v", name, err)
		}
		_ = r
	}

	// With another key file the list cannot be made again; the numbers stand all the same.
	copied := copyDir(t, dir)
	if err := os.Remove(filepath.Join(copied, "draw-1.bin")); err != nil {
		t.Fatal(err)
	}
	r := openLine(t, copied, config(true), sqlite.Options{Clock: clk.Now, Pseudonyms: linetest.Names("another")})
	if _, err := r.Entrants(t.Context(), 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("entrants under another key: got %v", err)
	}
	for n := range 100 {
		a, _ := l.Place(t.Context(), 1, linetest.Person(n))
		if b, err := r.Place(t.Context(), 1, linetest.Person(n)); err != nil || a.Number != b.Number {
			t.Fatalf("person %d had number %d and has %d, %v", n, a.Number, b.Number, err)
		}
	}
}
