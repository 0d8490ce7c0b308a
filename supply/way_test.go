package supply_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"charye/supply"
)

// TestWay: the stretches of a way add up to its judgement, its parts lie end to end, and silence and gaps are where they are.
func TestWay(t *testing.T) {
	t.Parallel()
	x := index(t, flu())
	b := box(1)
	must(t, x.AddBox(b))
	must(t, x.AddLeg(supply.Leg{Point: "truck", Begin: minute(0), End: minute(60), Aboard: []supply.SSCC{b.SSCC}}))
	must(t, x.AddLeg(supply.Leg{Point: "fridge", Site: 3, Begin: minute(90), Aboard: []supply.SSCC{b.SSCC}}))
	must(t, x.AddSeries(steady("truck", 0, 30, 10, -deg)))
	must(t, x.AddSeries(steady("fridge", 90, 300, 10, 5*deg)))
	at := asOf(minute(400))
	at.Overdue = time.Hour
	w, err := x.Way(b.SSCC, at)
	must(t, err)
	if len(w.Stretches) != 2 {
		t.Fatalf("%d stretches", len(w.Stretches))
	}
	truck, fridge := w.Stretches[0], w.Stretches[1]
	if len(truck.Parts) != 2 || truck.Parts[0].Hi != -deg || truck.Parts[1].Known || !truck.Parts[1].Begin.Equal(minute(40)) {
		t.Errorf("truck: %+v", truck.Parts)
	}
	if band, ok := w.Rules[supply.Unopened].Outer(supply.Cold, truck.Parts[0]); !ok || band != 0 {
		t.Errorf("the frozen part is in band %d, %t", band, ok)
	}
	if truck.Silent || !fridge.Silent || !fridge.Heard.Equal(minute(310)) || fridge.Before != 30*time.Minute {
		t.Errorf("silent %t %t, heard %v, before %v", truck.Silent, fridge.Silent, fridge.Heard, fridge.Before)
	}
	at.Overdue = 3 * time.Hour
	if w, err = x.Way(b.SSCC, at); err != nil || w.Stretches[1].Silent || !w.Stretches[1].Upto.Equal(minute(310)) {
		t.Errorf("not overdue: %+v, %v", w.Stretches[1], err)
	}
	if _, err := x.Way(box(2).SSCC, at); err == nil {
		t.Error("a box that nobody knows has a way")
	}
}

func TestWayAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x, err := supply.NewIndex(flu())
		must(t, err)
		b := box(1)
		must(t, x.AddBox(b))
		begin := 0
		for n := range rapid.IntRange(1, 4).Draw(t, "legs") {
			p := supply.Point([]string{"a", "b", "c", "d"}[n])
			begin += rapid.IntRange(0, 90).Draw(t, "pause")
			end := begin + rapid.IntRange(1, 300).Draw(t, "long")
			l := supply.Leg{Point: p, Begin: minute(begin), End: minute(end), Aboard: []supply.SSCC{b.SSCC}, Unlogged: rapid.Bool().Draw(t, "unlogged")}
			if n == 3 {
				l.End = time.Time{}
			}
			must(t, x.AddLeg(l))
			for range rapid.IntRange(0, 2).Draw(t, "loggers") {
				from := begin + rapid.IntRange(-30, 100).Draw(t, "from")
				s := steady(p, from, from+rapid.IntRange(0, 300).Draw(t, "told"), 10, supply.Celsius(rapid.IntRange(-3, 30).Draw(t, "celsius"))*deg)
				must(t, x.AddSeries(s))
			}
			if rapid.Bool().Draw(t, "summary") {
				must(t, x.AddSummary(supply.Summary{Point: p, From: minute(begin), To: minute(end + 1), Min: 2 * deg, Max: 9 * deg}))
			}
			begin = end
		}
		at := supply.AsOf{At: minute(rapid.IntRange(1, 2000).Draw(t, "now")), Zone: time.UTC, Overdue: time.Hour, Handover: 20 * time.Minute}
		w, err := x.Way(b.SSCC, at)
		must(t, err)
		j, err := x.Judge(b.SSCC, at)
		must(t, err)
		var sum supply.Exposure
		for _, s := range w.Stretches {
			sum.Add(&s.Exposure)
			sum.Unknown += s.Before
			unlogged, unknown := s.Leg.Unlogged, time.Duration(0)
			for i, p := range s.Parts {
				if !p.End.After(p.Begin) || i > 0 && p.Begin.Before(s.Parts[i-1].End) || !unlogged && i > 0 && !p.Begin.Equal(s.Parts[i-1].End) {
					t.Fatalf("parts %+v", s.Parts)
				}
				if !p.Known {
					unknown += p.End.Sub(p.Begin)
				}
			}
			if unknown != s.Exposure.Unknown {
				t.Fatalf("%v of parts are not known, %v of the exposure", unknown, s.Exposure.Unknown)
			}
		}
		sum.Unknown += w.After
		if sum.Time != j.Exposure.Time || sum.Unknown != j.Exposure.Unknown || w.Judgement.Fit() != j.Fit() {
			t.Fatalf("the way adds up to %+v, the judgement is %+v", sum, j.Exposure)
		}
	})
}
