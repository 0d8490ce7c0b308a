package drill_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

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

// TestAutumn2020InSmall: a two-hundredth of the country, with several seeds: every promise is kept, and everything that the drill
// is about has happened.
func TestAutumn2020InSmall(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		r := run(t, 0.005, seed+1)
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

func TestWrongDrills(t *testing.T) {
	t.Parallel()
	for _, c := range []drill.Config{{Scenario: "2019", Scale: 1}, {Scenario: "2020-09"}, {Scenario: "2020-09", Scale: 2}} {
		if _, err := drill.Run(t.Context(), c); !errors.Is(err, drill.ErrScenario) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
