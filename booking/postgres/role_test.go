package postgres_test

import (
	"strings"
	"testing"

	"charye/booking"
	"charye/booking/bookingtest"
	"charye/booking/postgres"
	"charye/internal/pgdb"
	"charye/test/services"
)

// TestConformanceOfServingRole runs the suite as a role that owns nothing and has what [pgdb.Grant] gives.
func TestConformanceOfServingRole(t *testing.T) {
	t.Parallel()
	p := services.OwnPostgres(t, services.Fast...)
	if err := p.Exec(t.Context(), "postgres", `CREATE ROLE serving LOGIN`); err != nil {
		t.Fatal(err)
	}
	bookingtest.Run(t, func(t testing.TB) (booking.Ledger, func() booking.Ledger) {
		name := p.Database(t, migrate)
		if err := pgdb.Grant(t.Context(), p.URL(name), "serving", postgres.Kept); err != nil {
			t.Fatal(err)
		}
		url := strings.Replace(p.URL(name, "pool_max_conns=4"), "user=charye", "user=serving", 1)
		return openAt(t, url), func() booking.Ledger { return openAt(t, url) }
	})
}
