package supply_test

import (
	"errors"
	"testing"
	"time"

	"charye/supply"
)

func TestDivideRefuses(t *testing.T) {
	t.Parallel()
	x, b := partIndex(t)
	at := func(h int) time.Time { return time.Date(2026, 9, 1, h, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		box   supply.SSCC
		parts []supply.Batch
		want  error
	}{
		"an unknown box": {b + 1, nil, supply.ErrUnknownBox},
		"back":           {b, []supply.Batch{{Changes: []supply.Change{{supply.Punctured, at(1)}, {supply.Thawed, at(2)}}}}, supply.ErrBox},
		"to unopened":    {b, []supply.Batch{{Changes: []supply.Change{{supply.Unopened, at(1)}}}}, supply.ErrBox},
		"out of order":   {b, []supply.Batch{{Changes: []supply.Change{{supply.Thawed, at(2)}, {supply.Punctured, at(1)}}}}, supply.ErrBox},
		"as it goes":     {b, []supply.Batch{{}, {Changes: []supply.Change{{supply.Thawed, at(1)}, {supply.Punctured, at(1)}}, Until: at(3)}}, nil},
	} {
		if err := x.Divide(c.box, c.parts); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestEnd: what was after the end of a box is nothing to it, what was before is.
func TestEnd(t *testing.T) {
	t.Parallel()
	x, b := partIndex(t)
	begin := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	if err := x.AddLeg(supply.Leg{Point: "p", Begin: begin, End: begin.Add(2 * time.Hour), Aboard: []supply.SSCC{b}}); err != nil {
		t.Fatal(err)
	}
	asOf := supply.AsOf{At: begin.Add(10 * time.Hour), Zone: time.UTC, Handover: time.Minute}
	unknown := func() time.Duration {
		j, err := x.Judge(b, asOf)
		if err != nil {
			t.Fatal(err)
		}
		return j.Exposure.Unknown
	}
	if got := unknown(); got != 10*time.Hour {
		t.Errorf("without an end, %v are unknown", got)
	}
	x.End(b, begin.Add(2*time.Hour))
	if got := unknown(); got != 2*time.Hour {
		t.Errorf("with its end, %v are unknown", got)
	}
}

func partIndex(t *testing.T) (*supply.Index, supply.SSCC) {
	t.Helper()
	p := &supply.Product{ID: "v", Rules: []supply.Rule{{Bands: []supply.Band{{Name: "all", Upto: supply.Hottest, Budget: supply.Unlimited}}}}}
	x, err := supply.NewIndex(p)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := supply.NewSSCC(0, "8809999", 1)
	if err := x.AddBox(supply.Box{SSCC: b, Product: "v", Vials: 1, DosesPerVial: 1}); err != nil {
		t.Fatal(err)
	}
	return x, b
}

// TestWayOfBatches: a leg is cut where the vials changed, and the stretches add up to the judgement of the batch that is shown.
func TestWayOfBatches(t *testing.T) {
	t.Parallel()
	bands := func(stage supply.Stage, budget time.Duration) supply.Rule {
		return supply.Rule{Stage: stage, Bands: []supply.Band{{Name: "all", Upto: supply.Hottest, Budget: budget}}}
	}
	x, err := supply.NewIndex(&supply.Product{ID: "v", Rules: []supply.Rule{bands(supply.Unopened, supply.Unlimited), bands(supply.Thawed, supply.Unlimited), bands(supply.Punctured, 2*time.Hour)}})
	must(t, err)
	b, _ := supply.NewSSCC(0, "8809999", 1)
	must(t, x.AddBox(supply.Box{SSCC: b, Product: "v", Vials: 2, DosesPerVial: 1}))
	begin := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	hour := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Hour) }
	must(t, x.AddLeg(supply.Leg{Point: "p", Begin: begin, Aboard: []supply.SSCC{b}}))
	s := supply.Series{Point: "p", Device: "d", Interval: time.Hour}
	for n := range 12 {
		s.Readings = append(s.Readings, supply.Reading{At: hour(n), Celsius: 5 * supply.Degree})
	}
	must(t, x.AddSeries(s))
	thawed := supply.Change{Stage: supply.Thawed, At: hour(2)}
	must(t, x.Divide(b, []supply.Batch{{Until: hour(2)}, {Changes: []supply.Change{thawed}}, {Changes: []supply.Change{thawed, {Stage: supply.Punctured, At: hour(5)}}}}))
	for _, c := range []struct {
		at   int
		want []time.Duration // by stage
	}{{1, []time.Duration{time.Hour}}, {6, []time.Duration{2 * time.Hour, 4 * time.Hour}}, {9, []time.Duration{2 * time.Hour, 3 * time.Hour, 4 * time.Hour}}} {
		w, err := x.Way(b, supply.AsOf{At: hour(c.at), Zone: time.UTC, Handover: time.Minute})
		must(t, err)
		if len(w.Stretches) != len(c.want) || w.Judgement.Fit() != (c.at < 8) {
			t.Fatalf("after %d hours: %d stretches, fit %t: %+v", c.at, len(w.Stretches), w.Judgement.Fit(), w.Judgement)
		}
		for i, s := range w.Stretches {
			if s.Leg.Stage != supply.Stage(i) || s.Exposure.Time[i][0] != c.want[i] || s.Exposure.Unknown != 0 || i > 0 && !s.Leg.Begin.Equal(w.Stretches[i-1].Leg.End) {
				t.Errorf("after %d hours, stretch %d: %s from %s, %v", c.at, i, s.Leg.Stage, s.Leg.Begin, s.Exposure.Time[i][0])
			}
		}
	}
}
