package supply_test

import (
	"testing"
	"time"

	"charye/supply"
)

// TestTravel: a box may be warm again for what is left of the mildest warm band, whatever of it was further out; not at all when it is not fit, when nothing
// is known of some of its way, or when vials of it were thawed or punctured.
func TestTravel(t *testing.T) {
	t.Parallel()
	const most = time.Duration(1<<63 - 1)
	for name, c := range map[string]struct {
		warm, hot int // minutes
		known     bool
		pass      bool // what is not known
		parts     []supply.Batch
		stage     supply.Stage
		room      time.Duration
		may       bool
	}{
		"never warm":                    {0, 0, true, false, nil, 0, 800 * time.Minute, true},
		"warm":                          {300, 0, true, false, nil, 0, 500 * time.Minute, true},
		"hot counts too":                {300, 20, true, false, nil, 0, 480 * time.Minute, true},
		"nothing is left":               {800, 0, true, false, nil, 0, 0, true},
		"too long":                      {801, 0, true, false, nil, 0, 0, false},
		"too hot":                       {0, 31, true, false, nil, 0, 0, false},
		"not known":                     {0, 0, false, false, nil, 0, 0, false},
		"not known, and passed over":    {0, 0, false, true, nil, 0, 800 * time.Minute, true},
		"thawed a moment ago":           {0, 0, true, false, []supply.Batch{{}, {Changes: []supply.Change{{Stage: supply.Thawed, At: minute(2000)}}}}, 0, 0, false},
		"a leg on which it was thawed":  {0, 0, true, true, nil, supply.Thawed, 0, false},
		"divided, and all as they came": {0, 0, true, false, []supply.Batch{{}}, 0, 800 * time.Minute, true},
	} {
		thawed := flu()
		thawed.Rules = append(thawed.Rules, supply.Rule{From: thawed.Rules[0].From, Stage: supply.Thawed, Bands: thawed.Rules[0].Bands})
		x := index(t, thawed)
		b := box(1)
		must(t, x.AddBox(b))
		from := 0
		for _, s := range []struct {
			point   supply.Point
			celsius supply.Celsius
			minutes int
		}{{"fridge", 5 * deg, 100}, {"ramp", 20 * deg, c.warm}, {"car", 30 * deg, c.hot}, {"end", 5 * deg, 2000 - 100 - c.warm - c.hot}} {
			if s.minutes == 0 {
				continue
			}
			must(t, x.AddLeg(supply.Leg{Point: s.point, Begin: minute(from), End: minute(from + s.minutes), Aboard: []supply.SSCC{b.SSCC}, Stage: c.stage}))
			if c.known {
				must(t, x.AddSeries(steady(s.point, from, from+s.minutes, 1, s.celsius)))
			}
			from += s.minutes
		}
		if c.parts != nil {
			must(t, x.Divide(b.SSCC, c.parts))
		}
		if room, may := x.Travel(b.SSCC, asOf(minute(2000)), c.pass); room != c.room || may != c.may {
			t.Errorf("%s: %v %v, want %v %v", name, room, may, c.room, c.may)
		}
	}
	unbound := &supply.Product{ID: "flu", Rules: []supply.Rule{{From: flu().Rules[0].From, Bands: []supply.Band{
		{Name: "all", Upto: 8 * deg, Budget: supply.Unlimited}, {Name: "warm", Side: supply.Warm, Upto: supply.Hottest, Budget: supply.Unlimited},
	}}}}
	if room := unbound.Room(&supply.Exposure{}, flu().Rules[0].From); room != most {
		t.Errorf("without a bound there is room for %v", room)
	}
	if room := unbound.Room(&supply.Exposure{}, flu().Rules[0].From-1); room != 0 {
		t.Errorf("before the first rule there is room for %v", room)
	}
	if _, may := index(t, flu()).Travel(1, asOf(minute(0)), true); may {
		t.Error("a box that is not there may travel")
	}
}

// TestEachGiven goes through doses from the last told one back, and stops when it is told to.
func TestEachGiven(t *testing.T) {
	t.Parallel()
	x := index(t, flu())
	must(t, x.AddBox(box(1)), x.AddBox(box(2)))
	for n := range 5 {
		must(t, x.AddGiven(supply.Given{Person: who(n + 1), Box: box(1 + n%2).SSCC, Site: 3, Dose: 1, At: minute(n)}))
	}
	var got []supply.Given
	x.EachGiven(func(g supply.Given) bool {
		got = append(got, g)
		return len(got) < 3
	})
	if len(got) != 3 || got[0].Person != who(5) || got[2].Person != who(3) || got[1].Box != box(2).SSCC || !got[0].At.Equal(minute(4)) {
		t.Errorf("%+v", got)
	}
}
