package postgres_test

import (
	"context"
	"strings"
	"testing"

	"charye/booking"
	"charye/booking/bookingtest"
	"charye/booking/postgres"
	"charye/test/services"
)

func TestMain(m *testing.M) { services.Main(m) }

func migrate(ctx context.Context, url string) error {
	l, err := postgres.Open(ctx, url)
	if err != nil {
		return err
	}
	return l.Close()
}

// database gives the URL of a migrated database of its own.
func database(t testing.TB, p *services.Postgres, parameters ...string) string {
	t.Helper()
	return p.URL(p.Database(t, migrate), parameters...)
}

func openAt(t testing.TB, url string) *postgres.Ledger {
	t.Helper()
	l, err := postgres.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

// opener gives ledgers in databases of their own. Reopening is a second node: the first is as good as dead.
func opener(p *services.Postgres, parameters ...string) bookingtest.Open {
	parameters = append(parameters, "pool_max_conns=4", "pool_max_conn_idle_time=2s", "pool_health_check_period=1s")
	return func(t testing.TB) (booking.Ledger, func() booking.Ledger) {
		url := database(t, p, parameters...)
		return openAt(t, url), func() booking.Ledger { return openAt(t, url) }
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	bookingtest.Run(t, opener(services.SharedPostgres(t)))
}

// TestConformanceSimpleProtocol is how a node speaks through an older PgBouncer in transaction mode.
func TestConformanceSimpleProtocol(t *testing.T) {
	t.Parallel()
	bookingtest.Run(t, opener(services.SharedPostgres(t), "default_query_exec_mode=simple_protocol"))
}

// TestConformanceBehindPgBouncer runs the suite through a real PgBouncer in transaction mode.
func TestConformanceBehindPgBouncer(t *testing.T) {
	t.Parallel()
	b := services.SharedBouncer(t)
	p := services.SharedPostgres(t)
	bookingtest.Run(t, func(t testing.TB) (booking.Ledger, func() booking.Ledger) {
		url := b.URL(p.Database(t, migrate))
		return openAt(t, url), func() booking.Ledger { return openAt(t, url) }
	})
}

// TestManyNodes also asks the server whether anybody ever waited in a ring.
func TestManyNodes(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	t.Cleanup(func() {
		if err := p.Exec(context.Background(), "postgres", `DO $$ BEGIN
			IF (SELECT sum(deadlocks) FROM pg_stat_database) > 0 THEN RAISE 'deadlocks'; END IF; END $$`); err != nil {
			t.Error(err)
		}
	})
	bookingtest.RunNodes(t, func(t testing.TB, nodes int) (out []booking.Ledger) {
		url := database(t, p)
		for range nodes {
			out = append(out, openAt(t, url))
		}
		return out
	})
}

// TestEventsStay: no statement changes or takes away what happened.
func TestEventsStay(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	name := p.Database(t, migrate)
	l := openAt(t, p.URL(name))
	stock := booking.Claim{Counter: booking.StockCounter(1), Capacity: 7}
	if err := l.SetCapacity(t.Context(), []booking.Claim{stock}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{`UPDATE events SET why = 'otherwise'`, `DELETE FROM events`, `TRUNCATE events`} {
		if err := p.Exec(t.Context(), name, statement); err == nil || !strings.Contains(err.Error(), "only ever added") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if events, err := l.Events(t.Context(), 0, 10); err != nil || len(events) != 1 {
		t.Fatalf("%d events, %v", len(events), err)
	}
}
