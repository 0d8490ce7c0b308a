package sqlite

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"charye/internal/durable"
	"charye/supply"
	"charye/supply/supplytest"
)

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	var mu sync.Mutex
	supplytest.Run(t, func(t testing.TB, place string) supply.Verdicts {
		mu.Lock()
		defer mu.Unlock()
		dir, err := durable.OpenDir(filepath.Join(base, place))
		if err != nil {
			t.Fatal(err)
		}
		return open(t, dir.Path())
	})
}

func TestAlarms(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	var mu sync.Mutex
	supplytest.RunAlarms(t, func(t testing.TB, place string) supply.Alarms {
		mu.Lock()
		defer mu.Unlock()
		dir, err := durable.OpenDir(filepath.Join(base, place))
		if err != nil {
			t.Fatal(err)
		}
		return open(t, dir.Path())
	})
}

func TestTasks(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	var mu sync.Mutex
	supplytest.RunTasks(t, func(t testing.TB, place string) supply.Tasks {
		mu.Lock()
		defer mu.Unlock()
		dir, err := durable.OpenDir(filepath.Join(base, place))
		if err != nil {
			t.Fatal(err)
		}
		return open(t, dir.Path())
	})
}

func TestJournal(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	var mu sync.Mutex
	supplytest.RunJournal(t, func(t testing.TB, place string) supplytest.Journal {
		mu.Lock()
		defer mu.Unlock()
		dir, err := durable.OpenDir(filepath.Join(base, place))
		if err != nil {
			t.Fatal(err)
		}
		return open(t, dir.Path())
	})
}

// TestOneBoxOnePromise: what the book would refuse the tables refuse too.
func TestOneBoxOnePromise(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	for _, c := range []struct{ sql, want string }{
		{`INSERT INTO journal (seq, kind, body) VALUES (1, 'settle', '')`, ""}, {`INSERT INTO promise (box, settlement) VALUES (7, 1)`, ""},
		{`INSERT INTO promise (box, settlement) VALUES (7, 1)`, "UNIQUE constraint failed"}, {`DELETE FROM journal`, "only ever added"}, {`UPDATE journal SET body = 'x'`, "only ever added"},
		{`INSERT INTO journal (seq, kind, body) VALUES (3, 'settle', '')`, "without gaps"},
	} {
		if _, err := s.db.W.Exec(c.sql); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.sql, err)
		}
	}
}

func TestVerdictsStay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	k, _ := supply.NewSSCC(0, "8809999", 1)
	if _, err := s.Decide(context.Background(), supply.Verdict{At: time.Unix(0, 0), Action: supply.Hold, Case: "c", Boxes: []supply.SSCC{k}, Reason: "r", Evidence: []string{"e"}, Asked: "a", Agreed: "b"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ sql, want string }{
		{`DELETE FROM verdict`, "only ever added"}, {`UPDATE verdict SET body = ''`, "only ever added"},
		{`INSERT INTO verdict (seq, body) VALUES (3, '')`, "without gaps"},
	} {
		if _, err := s.db.W.Exec(c.sql); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.sql, err)
		}
	}
}
