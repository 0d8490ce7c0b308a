package postgres

import (
	"context"
	"strings"
	"sync"
	"testing"

	"charye/leftover"
	"charye/leftover/leftovertest"
	"charye/test/services"
)

func TestMain(m *testing.M) { services.Main(m) }

func migrate(ctx context.Context, url string) error {
	s, err := Open(ctx, url)
	if err != nil {
		return err
	}
	return s.Close()
}

func open(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(context.Background(), url)
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

// places gives each place of the suite a database of its own.
func places(fresh func(t testing.TB) (url string)) leftovertest.Open {
	var mu sync.Mutex
	urls := map[string]string{}
	return func(t testing.TB, dir string) leftover.Store {
		mu.Lock()
		defer mu.Unlock()
		if urls[dir] == "" {
			urls[dir] = fresh(t)
		}
		return open(t, urls[dir])
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	leftovertest.Run(t, places(func(t testing.TB) string { return p.URL(p.Database(t, migrate), "pool_max_conns=4") }))
}

// TestConformanceBehindPgBouncer runs the suite through a real PgBouncer in transaction mode.
func TestConformanceBehindPgBouncer(t *testing.T) {
	t.Parallel()
	p, b := services.SharedPostgres(t), services.SharedBouncer(t)
	leftovertest.Run(t, places(func(t testing.TB) string { return b.URL(p.Database(t, migrate)) }))
}

// TestHistoryStays: what happened cannot be changed or taken away.
func TestHistoryStays(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := services.SharedPostgres(t)
	s := open(t, p.URL(p.Database(t, migrate)))
	if _, err := s.Apply(ctx, []leftover.Request{leftovertest.SignUp(1, leftovertest.Today, leftovertest.Noon, 3)}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{`UPDATE events SET why = ''`, `DELETE FROM events`, `TRUNCATE events`} {
		if _, err := s.db.Exec(ctx, q); err == nil || !strings.Contains(err.Error(), "only ever added") {
			t.Errorf("%s: %v", q, err)
		}
	}
}

func BenchmarkStore(b *testing.B) {
	p := services.SharedPostgres(b)
	leftovertest.Benchmark(b, places(func(t testing.TB) string { return p.URL(p.Database(t, migrate)) }))
}
