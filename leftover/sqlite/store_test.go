package sqlite

import (
	"context"
	"strings"
	"testing"

	"charye/leftover"
	"charye/leftover/leftovertest"
)

func open(t testing.TB, dir string) leftover.Store {
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
	leftovertest.Run(t, open)
}

// TestHistoryStays: what happened cannot be changed or taken away.
func TestHistoryStays(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := open(t, t.TempDir()).(*Store)
	if _, err := s.Apply(ctx, []leftover.Request{leftovertest.SignUp(1, leftovertest.Today, leftovertest.Noon, 3)}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{`UPDATE events SET at = 0`, `DELETE FROM events`} {
		if _, err := s.db.W.ExecContext(ctx, q); err == nil || !strings.Contains(err.Error(), "only ever added") {
			t.Errorf("%s: %v", q, err)
		}
	}
}

// TestSecondLocks: the schema refuses what the decision would never do.
func TestSecondLocks(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := open(t, t.TempDir()).(*Store)
	if _, err := s.Apply(ctx, []leftover.Request{leftovertest.Doses(leftovertest.Noon, 3, 1), leftovertest.Doses(leftovertest.Noon, 4, 9)}); err != nil {
		t.Fatal(err)
	}
	put := func(id, batch, who, state int) error {
		k := leftovertest.Key(who)
		_, err := s.db.W.ExecContext(ctx, `INSERT INTO offers (id, batch, campaign, person, state, made, until, answered) VALUES (?, ?, 7, ?, ?, 1, 2, 0)`, id, batch, k[:], state)
		return err
	}
	for _, c := range []struct {
		what                  string
		id, batch, who, state int
		ok                    bool
	}{
		{"one dose", 11, 1, 1, 2, true},
		{"another of a batch of one", 12, 1, 2, 1, false},
		{"twice of one batch", 13, 1, 1, 4, false},
		{"two open ones", 14, 2, 1, 1, false},
		{"another's", 15, 2, 2, 1, true},
	} {
		if err := put(c.id, c.batch, c.who, c.state); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

func BenchmarkStore(b *testing.B) {
	leftovertest.Benchmark(b, open)
}
