package drill_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"charye/booking"
	"charye/booking/sqlite"
	"charye/supply/drill"
)

func run(t *testing.T, scale float64, seed uint64) *drill.Report {
	t.Helper()
	l, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r, err := drill.Run(t.Context(), drill.Config{Scenario: "2020-09", Scale: scale, Seed: seed, Ledger: l})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAutumn2020InSmall: a 250th of the country, with several seeds: every promise is kept, and everything that the drill
// is about has happened.
func TestAutumn2020InSmall(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		r := run(t, 0.004, seed+1)
		var text bytes.Buffer
		if err := r.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if !r.OK() || !strings.Contains(text.String(), "every promise was kept") {
			t.Errorf("seed %d:\n%s", seed+1, text.String())
		}
		if r.Held.Freezing == 0 || r.Held.Heat == 0 || r.Held.Unknown == 0 || r.Held.Share > 0.35 || r.People.Listed == 0 || r.Moves.Moved == 0 ||
			r.Released.Back == 0 || r.Moves.Moved+r.Moves.Untouched != r.Bookings {
			t.Errorf("seed %d: too little happened:\n%s", seed+1, text.String())
		}
	}
}

// TestSameSeedSameDrill: but for the times.
func TestSameSeedSameDrill(t *testing.T) {
	t.Parallel()
	var texts [2]string
	for i := range texts {
		r := run(t, 0.002, 9)
		r.Times, r.PeakBytes = drill.Times{}, 0
		var b bytes.Buffer
		if err := r.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		texts[i] = b.String()
	}
	if texts[0] != texts[1] {
		t.Errorf("one seed, two drills:\n%s\n%s", texts[0], texts[1])
	}
}

// meddler is a ledger that also moves the appointment of somebody whose dose is there.
type meddler struct {
	booking.Ledger
	done bool
}

func (m *meddler) Apply(ctx context.Context, batch []booking.Request) ([]booking.Outcome, error) {
	out, err := m.Ledger.Apply(ctx, batch)
	if err != nil || m.done || batch[0].Op != booking.OpChange {
		return out, err
	}
	m.done = true
	for id := int64(1); ; id++ {
		b, ok, err := m.Booking(ctx, id)
		if err != nil || !ok {
			return nil, errors.Join(err, errors.New("nobody to meddle with"))
		}
		if b.Changed > 0 || slices.ContainsFunc(batch, func(r booking.Request) bool { return r.Booking == id }) {
			continue
		}
		to := b.Doses[0].Slot
		to.Minute = 9*60 + 14*60 - to.Minute
		seat := booking.Claim{Counter: booking.SeatCounter(to.Session), Capacity: b.Doses[0].Seat.Capacity, N: 1}
		o, err := m.Ledger.Apply(ctx, []booking.Request{{
			Op: booking.OpChange, Campaign: b.Campaign, Person: b.Person, Channel: "system", At: batch[0].At, Booking: id,
			Doses: [][]booking.Choice{{{Slot: to, Minutes: 180, Seat: seat}}},
		}})
		if err != nil {
			return nil, err
		}
		if o[0].Result == booking.Done {
			return out, nil
		}
	}
}

// TestDrillBites: a single appointment that was moved without need is a broken promise.
func TestDrillBites(t *testing.T) {
	t.Parallel()
	l, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r, err := drill.Run(t.Context(), drill.Config{Scenario: "2020-09", Scale: 0.003, Seed: 4, Ledger: &meddler{Ledger: l}})
	if err != nil {
		t.Fatal(err)
	}
	if r.OK() || !strings.Contains(strings.Join(r.Violations, "\n"), "nothing had happened to its dose") {
		t.Errorf("violations: %q", r.Violations)
	}
}

func TestWrongDrills(t *testing.T) {
	t.Parallel()
	for _, c := range []drill.Config{{Scenario: "2019", Scale: 1}, {Scenario: "2020-09"}, {Scenario: "2020-09", Scale: 2}} {
		if _, err := drill.Run(t.Context(), c); !errors.Is(err, drill.ErrScenario) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
