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
