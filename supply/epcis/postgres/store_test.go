package postgres

import (
	"context"
	"strings"
	"sync"
	"testing"

	"charye/supply/epcis"
	"charye/supply/epcis/epcistest"
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

// places gives each place of the suite a database of its own.
func places(url func(t testing.TB) string) epcistest.Open {
	var mu sync.Mutex
	urls := map[string]string{}
	return func(t testing.TB, place string) epcis.Store {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if urls[place] == "" {
			urls[place] = url(t)
		}
		s, err := Open(context.Background(), urls[place])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	epcistest.Run(t, places(func(t testing.TB) string { return p.URL(p.Database(t, migrate)) }))
}

func TestConformanceBehindPgBouncer(t *testing.T) {
	t.Parallel()
	p, b := services.SharedPostgres(t), services.SharedBouncer(t)
	epcistest.Run(t, places(func(t testing.TB) string { return b.URL(p.Database(t, migrate)) }))
}

func TestEventsStay(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	db := p.Database(t, migrate)
	for _, sql := range []string{`DELETE FROM epcis_event`, `UPDATE epcis_event SET body = ''`, `TRUNCATE epcis_event`} {
		if err := p.Exec(context.Background(), db, sql); err == nil || !strings.Contains(err.Error(), "only ever added") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
