package postgres

import (
	"context"
	"strings"
	"sync"
	"testing"

	"charye/supply"
	"charye/supply/supplytest"
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

func TestConformance(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	var mu sync.Mutex
	urls := map[string]string{}
	supplytest.Run(t, func(t testing.TB, place string) supply.Verdicts {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if urls[place] == "" {
			urls[place] = p.URL(p.Database(t, migrate))
		}
		s, err := Open(context.Background(), urls[place])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	})
}

func TestVerdictsStay(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	db := p.Database(t, migrate)
	for _, sql := range []string{`DELETE FROM supply_verdict`, `UPDATE supply_verdict SET body = ''`, `TRUNCATE supply_verdict`} {
		if err := p.Exec(context.Background(), db, sql); err == nil || !strings.Contains(err.Error(), "only ever added") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
