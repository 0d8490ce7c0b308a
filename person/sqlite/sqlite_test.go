package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"charye/internal/civil"
	"charye/internal/durable"
	"charye/internal/seal"
	"charye/person"
	"charye/person/persontest"
)

func keysIn(t testing.TB, dir string) *seal.Keys {
	t.Helper()
	k, err := seal.LoadOrCreate(filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func openIn(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), dir, keysIn(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	persontest.Run(t, func(t *testing.T, place string) person.Store { return openIn(t, place) })
}

// TestConformanceSpilled runs the suite with so little memory that every import spills.
func TestConformanceSpilled(t *testing.T) {
	t.Parallel()
	persontest.Run(t, func(t *testing.T, place string) person.Store {
		s := openIn(t, place)
		s.chunk = 700
		return s
	})
}

func TestSorter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		in := rapid.SliceOfN(rapid.Uint16Range(0, 300), 0, 400).Draw(rt, "in")
		s := newSorter(dir, rapid.IntRange(1, 50).Draw(rt, "memory"), func(b *[2]byte) []byte { return b[:] })
		defer s.close()
		var seen [301]bool
		for _, v := range in {
			seen[v] = true
			if err := s.add([2]byte(binary.BigEndian.AppendUint16(nil, v))); err != nil {
				rt.Fatal(err)
			}
		}
		var want, got []uint16
		for v, ok := range seen {
			if ok {
				want = append(want, uint16(v))
			}
		}
		for b, err := range s.sorted() {
			if err != nil {
				rt.Fatal(err)
			}
			got = append(got, binary.BigEndian.Uint16(b[:]))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			rt.Fatalf("got %v, want %v", got, want)
		}
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("temporary files left: %v, %v", left, err)
	}
}

func people(from, to int) iter.Seq2[person.Identity, error] {
	return func(yield func(person.Identity, error) bool) {
		for n := from; n < to; n++ {
			var id person.Identity
			binary.BigEndian.PutUint64(id.Key[:], uint64(n+1)*0x9E3779B97F4A7C15)
			binary.BigEndian.PutUint64(id.Index[:], uint64(n+1)*0xC2B2AE3D27D4EB4F)
			id.Born = civil.Date(n % 30000)
			if !yield(id, nil) {
				return
			}
		}
	}
}

// TestKilledImport is run by itself as a child that is killed while its pages are being written.
func TestKilledImport(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv("CHARYE_TEST_IMPORT_INTO"); dir != "" {
		s := openIn(t, dir)
		ctx := context.Background()
		gen, err := s.stage(ctx, "health", time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		keys := newSorter(dir, 1000, func(k *person.Key) []byte { return k[:] })
		index := newSorter(dir, 1000, func(r *row) []byte { return r[:] })
		for who := range people(5000, 80000) {
			if err := errors.Join(keys.add(who.Key), index.add(packed(who))); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.fill(ctx, gen, keys, index); err != nil {
			t.Fatal(err)
		}
		fmt.Println("all but the flip is written")
		select {} // until killed
	}
	dir := t.TempDir()
	s := openIn(t, dir)
	if _, err := s.ReplaceRoster(t.Context(), "health", people(0, 5000), time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestKilledImport$")
	child.Env = append(os.Environ(), "CHARYE_TEST_IMPORT_INTO="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	n, err := out.Read(buf)
	if kill := child.Process.Kill(); kill != nil {
		t.Fatal(kill)
	}
	_ = child.Wait() // it was killed
	if err != nil || !strings.HasPrefix(string(buf[:n]), "all but") {
		t.Fatalf("child said %q, %v", buf[:n], err)
	}

	count := func(s *Store, table string) (n int) {
		if err := s.db.R.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	check := func(s *Store, first, last int) {
		t.Helper()
		n := 0
		for _, err := range s.RosterKeys(t.Context(), "health") {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != last-first {
			t.Errorf("%d people, want %d", n, last-first)
		}
		for who := range people(first, first+1) {
			if got, err := s.FindIdentity(t.Context(), who.Index); err != nil || got != who {
				t.Errorf("FindIdentity = %v, %v", got, err)
			}
		}
	}
	check(s, 0, 5000) // the process that went on serving
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openIn(t, dir) // and one started after the crash
	defer func() { _ = s.Close() }()
	check(s, 0, 5000)
	if n := count(s, "roster_key_page"); n <= 3 {
		t.Fatalf("%d pages: the child had not written its own", n)
	}
	if n, err := s.ReplaceRoster(t.Context(), "health", people(7000, 9000), time.Unix(1, 0)); err != nil || n != 2000 {
		t.Fatal(n, err)
	}
	check(s, 7000, 9000)
	if k, i, g := count(s, "roster_key_page"), count(s, "roster_index_page"), count(s, "roster_generation"); k != 1 || i != 1 || g != 1 {
		t.Errorf("%d key pages, %d index pages, %d generations left; want one each", k, i, g)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".roster-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files left: %v, %v", left, err)
	}
}

func TestNamesAreSealedInTheirRow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openIn(t, dir)
	helper, name := person.Key{1}, "김하나둘셋"
	for i := range 2 {
		if _, err := s.AddRecipient(t.Context(), person.Recipient{
			ID: fmt.Sprint("r", i), Helper: helper, Key: person.Key{2, byte(i)}, Campaign: "c", Name: name, RegisteredAt: time.Unix(0, 0),
		}, 5); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.db.W.Exec(`UPDATE recipient SET name = (SELECT name FROM recipient WHERE id = 'r0') WHERE id = 'r1'`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recipient(t.Context(), helper, "r0"); err != nil {
		t.Errorf("own row: %v", err)
	}
	if _, err := s.Recipient(t.Context(), helper, "r1"); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("a name moved to another row opens: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "people.db"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte(name)) {
		t.Error("the file holds a readable name")
	}
}

func TestEveryChangeWritesAnEvent(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir())
	defer func() { _ = s.Close() }()
	ctx, helper := t.Context(), person.Key{1}
	r := person.Recipient{ID: "r", Helper: helper, Key: person.Key{2}, Campaign: "c", Name: "김하나", RegisteredAt: time.Unix(1, 0)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.ReplaceRoster(ctx, "health", people(0, 10), time.Unix(0, 0))
	must(err)
	for range 2 { // the second changes nothing
		_, err = s.AddRecipient(ctx, r, 1)
		must(err)
	}
	over := r
	over.ID, over.Key = "s", person.Key{3}
	if _, err := s.AddRecipient(ctx, over, 1); !errors.Is(err, person.ErrHelperLimit) {
		t.Fatal(err)
	}
	for range 2 {
		must(s.RemoveRecipient(ctx, helper, "r", time.Unix(2, 0)))
	}
	rows, err := s.db.R.Query(`SELECT at, kind, what FROM event ORDER BY seq`)
	must(err)
	defer func() { _ = rows.Close() }()
	var got []string
	for rows.Next() {
		var at int64
		var kind, what string
		must(rows.Scan(&at, &kind, &what))
		got = append(got, fmt.Sprintf("%d %s %s", at, kind, what))
	}
	must(rows.Err())
	want := []string{
		`0 roster.replaced {"people":10,"roster":"health"}`,
		`1000 recipient.added {"campaign":"c","person":"02000000000000000000000000000000","recipient":"r"}`,
		`2000 recipient.removed {"campaign":"c","person":"02000000000000000000000000000000","recipient":"r"}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("events:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestNewerDataIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openIn(t, dir)
	if _, err := s.db.W.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, keysIn(t, dir)); !errors.Is(err, durable.ErrNewerData) {
		t.Errorf("Open: %v, want ErrNewerData", err)
	}
}

// BenchmarkImport shows the rate of a whole import: reading the CSV, keys and indexes, sorting, pages, flip.
func BenchmarkImport(b *testing.B) {
	const n = 1_000_000
	dir := b.TempDir()
	keys := keysIn(b, dir)
	var csv bytes.Buffer
	csv.WriteString("subject,identity,born\n")
	for i := range n {
		p := person.Trial(i)
		fmt.Fprintf(&csv, "%s,%s,%s\n", p.Subject, p.Identity, civil.New(1962, time.January, 1)+civil.Date(i%1826))
	}
	s := openIn(b, dir)
	defer func() { _ = s.Close() }()
	rosters := person.NewRosters(s)
	b.ReportAllocs()
	var reload time.Duration
	for b.Loop() {
		got, err := s.ReplaceRoster(b.Context(), "health", person.ReadRoster("bench.csv", bytes.NewReader(csv.Bytes()), person.NewKeyer(keys)), time.Unix(0, 0))
		if err != nil || got != n {
			b.Fatal(got, err)
		}
		start := time.Now()
		if err := rosters.Reload(b.Context()); err != nil {
			b.Fatal(err)
		}
		reload += time.Since(start)
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "people/s")
	b.ReportMetric(reload.Seconds()*1000/float64(b.N), "reload-ms")
}
