// Package ledgers is both real ledgers of bookings, for the tests of what works on either; and one that is killed.
package ledgers

import (
	"context"
	"errors"
	"testing"

	"charye/booking"
	"charye/booking/postgres"
	"charye/booking/sqlite"
	"charye/test/services"
)

// Each runs a test on an empty ledger of each engine. The package's TestMain has to be [services.Main].
func Each(t *testing.T, test func(t *testing.T, l booking.Ledger)) {
	run := func(t *testing.T, l booking.Ledger, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		test(t, l)
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		l, err := sqlite.Open(t.Context(), t.TempDir())
		run(t, l, err)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		s := services.SharedPostgres(t)
		l, err := postgres.Open(t.Context(), s.URL(s.Database(t, func(ctx context.Context, url string) error {
			l, err := postgres.Open(ctx, url)
			if err != nil {
				return err
			}
			return l.Close()
		})))
		run(t, l, err)
	})
}

// Killed is a ledger whose caller is killed after some batches: the one behind them is kept, and nobody hears of it; then nothing is.
type Killed struct {
	booking.Ledger
	After int
}

// ErrKilled is all that is heard then.
var ErrKilled = errors.New("killed")

// Apply keeps a batch as long as the caller lives.
func (k *Killed) Apply(ctx context.Context, batch []booking.Request) ([]booking.Outcome, error) {
	k.After--
	if k.After >= 0 {
		return k.Ledger.Apply(ctx, batch)
	}
	if k.After == -1 {
		if _, err := k.Ledger.Apply(ctx, batch); err != nil {
			return nil, err
		}
	}
	return nil, ErrKilled
}
