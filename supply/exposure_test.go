package supply_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/internal/civil"
	"charye/supply"
)

const deg = supply.Degree

var zero = time.Date(2020, 9, 10, 0, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return zero.Add(time.Duration(n) * time.Minute) }

// flu is freeze-sensitive: not a moment below zero, half a day below 2, 800 minutes above 8, half an hour above 25.
func flu() *supply.Product {
	return &supply.Product{ID: "flu", Rules: []supply.Rule{{From: civil.New(2020, 9, 1), Bands: []supply.Band{
		{Name: "freezing", Side: supply.Cold, Upto: -1},
		{Name: "cold", Side: supply.Cold, Upto: 2*deg - 1, Budget: 720 * time.Minute},
		{Name: "2-8", Upto: 8 * deg, Budget: supply.Unlimited},
		{Name: "room", Side: supply.Warm, Upto: 25 * deg, Budget: 800 * time.Minute},
		{Name: "hot", Side: supply.Warm, Upto: supply.Hottest, Budget: 30 * time.Minute},
	}}}}
}

func index(t testing.TB, p ...*supply.Product) *supply.Index {
	t.Helper()
	x, err := supply.NewIndex(p...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

type fatal interface {
	Helper()
	Fatal(args ...any)
}

func must(t fatal, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func box(n int) supply.Box {
	k, _ := supply.NewSSCC(0, "8809999", uint64(n))
	return supply.Box{SSCC: k, Product: "flu", Lot: supply.LotKey{GTIN: 17, ID: "A"}, Vials: 10, DosesPerVial: 10}
}

func asOf(at time.Time) supply.AsOf {
	return supply.AsOf{At: at, Zone: time.UTC, Overdue: 36 * time.Hour}
}

// steady is a series of equal readings from an instant up to another.
func steady(at supply.Point, from, to, step int, c supply.Celsius) supply.Series {
	s := supply.Series{Point: at, Device: "test", Interval: time.Duration(step) * time.Minute}
	for m := from; m <= to; m += step {
		s.Readings = append(s.Readings, supply.Reading{At: minute(m), Celsius: c})
	}
	return s
}

// TestBandBoundaries: exact to the millionth of a degree and to the nanosecond.
func TestBandBoundaries(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		long time.Duration
		fit  bool
		band string
	}{
		{"2", 2000 * time.Minute, true, ""},
		{"8", 2000 * time.Minute, true, ""},
		{"8.000001", 800 * time.Minute, true, ""},
		{"8.000001", 800*time.Minute + 1, false, "room"},
		{"25", 800 * time.Minute, true, ""},
		{"25.000001", 30 * time.Minute, true, ""},
		{"25.000001", 30*time.Minute + 1, false, "hot"},
		{"1.999999", 720 * time.Minute, true, ""},
		{"1.999999", 720*time.Minute + 1, false, "cold"},
		{"0", 720 * time.Minute, true, ""},
		{"-0.000001", 1, false, "freezing"},
		{"-0.0", 60 * time.Minute, true, ""},
	} {
		c, err := supply.ParseCelsius(tc.text)
		must(t, err)
		x := index(t, flu())
		end := zero.Add(3000 * time.Minute)
		s := supply.Series{Point: "van", Interval: 3000 * time.Minute, Readings: []supply.Reading{
			{At: zero, Celsius: 5 * deg}, {At: minute(10), Celsius: c}, {At: minute(10).Add(tc.long), Celsius: 5 * deg},
		}}
		must(t, x.AddBox(box(1)), x.AddLeg(supply.Leg{Point: "van", Begin: zero, End: end, Aboard: []supply.SSCC{box(1).SSCC}}), x.AddSeries(s))
		j, err := x.Judge(box(1).SSCC, asOf(end))
		must(t, err)
		band := ""
		if len(j.Findings) > 0 {
			band = j.Findings[0].Band
		}
		if j.Fit() != tc.fit || band != tc.band {
			t.Errorf("%s °C for %v: fit %t, %+v, unknown %v", tc.text, tc.long, j.Fit(), j.Findings, j.Exposure.Unknown)
		}
	}
}

// TestSummedAlongTheChain: no leg is too long, the chain is; and heat does not make up for freezing, nor the mean for either.
func TestSummedAlongTheChain(t *testing.T) {
	t.Parallel()
	x := index(t, flu())
	for n := 1; n <= 3; n++ {
		must(t, x.AddBox(box(n)))
	}
	k := func(n ...int) (out []supply.SSCC) {
		for _, i := range n {
			out = append(out, box(i).SSCC)
		}
		return out
	}
	must(t,
		x.AddLeg(supply.Leg{Point: "truck", Begin: minute(0), End: minute(450), Aboard: k(1, 2)}),
		x.AddLeg(supply.Leg{Point: "van", Begin: minute(450), End: minute(850), Aboard: k(1)}),
		x.AddLeg(supply.Leg{Point: "van", Begin: minute(450), End: minute(700), Aboard: k(2)}),
		x.AddLeg(supply.Leg{Point: "store", Begin: minute(700), End: minute(850), Aboard: k(2)}),
		x.AddLeg(supply.Leg{Point: "ice", Begin: minute(0), End: minute(10), Aboard: k(3)}),
		x.AddLeg(supply.Leg{Point: "store", Begin: minute(10), End: minute(850), Aboard: k(3)}),
		x.AddSeries(steady("truck", 0, 450, 10, 12*deg)), x.AddSeries(steady("van", 450, 850, 10, 12*deg)),
		x.AddSeries(steady("store", 0, 850, 10, 5*deg)), x.AddSeries(steady("ice", 0, 10, 10, -deg/2)),
	)
	want := map[int]string{1: "room", 2: "", 3: "freezing"}
	for n, band := range want {
		j, err := x.Judge(box(n).SSCC, asOf(minute(850)))
		must(t, err)
		got := ""
		for _, f := range j.Findings {
			got += f.Band
		}
		if got != band || j.Exposure.Unknown != 0 {
			t.Errorf("box %d: %q, want %q; %+v", n, got, band, j)
		}
		if mkt, ok := j.Exposure.MeanKinetic(); n == 3 && (!ok || mkt < 2*deg || mkt > 8*deg) {
			t.Errorf("the frozen box has a mean kinetic temperature of %s: that is why it judges nothing", mkt)
		}
	}
}

// TestUnknownHoldsThatBoxOnly: gaps in readings, in custody, and at the end.
func TestUnknownHoldsThatBoxOnly(t *testing.T) {
	t.Parallel()
	x := index(t, flu())
	for n := 1; n <= 6; n++ {
		must(t, x.AddBox(box(n)))
	}
	one := func(n int) []supply.SSCC { return []supply.SSCC{box(n).SSCC} }
	gap := steady("van", 0, 100, 10, 5*deg)
	gap.Readings = append(gap.Readings[:5], gap.Readings[7:]...) // 40, then 70
	must(t,
		x.AddSeries(gap), x.AddSeries(steady("fridge", 0, 3000, 10, 5*deg)),
		x.AddLeg(supply.Leg{Point: "van", Begin: minute(0), End: minute(50), Aboard: one(1)}), // left before the gap
		x.AddLeg(supply.Leg{Point: "fridge", Begin: minute(50), Aboard: one(1)}),
		x.AddLeg(supply.Leg{Point: "van", Begin: minute(0), End: minute(100), Aboard: one(2)}), // was in it
		x.AddLeg(supply.Leg{Point: "fridge", Begin: minute(100), Aboard: one(2)}),
		x.AddLeg(supply.Leg{Point: "fridge", Begin: minute(0), End: minute(60), Aboard: one(3)}), // an hour in nobody's hands
		x.AddLeg(supply.Leg{Point: "fridge", Begin: minute(120), Aboard: one(3)}),
		x.AddLeg(supply.Leg{Point: "silent", Begin: minute(0), Aboard: one(4)}),                                  // never a word
		x.AddLeg(supply.Leg{Point: "trolley", Begin: minute(0), End: minute(5), Unlogged: true, Aboard: one(5)}), // none foreseen
		x.AddLeg(supply.Leg{Point: "fridge", Begin: minute(5), Aboard: one(5)}),
	)
	now := minute(3000 + 36*60)
	got := map[int]time.Duration{}
	untraced := 0
	for n := 1; n <= 6; n++ {
		j, err := x.Judge(box(n).SSCC, asOf(now))
		must(t, err)
		if j.Untraced {
			untraced = n
		}
		if j.Fit() != (n == 1 || n == 5) {
			t.Errorf("box %d is fit: %t, %+v", n, j.Fit(), j)
		}
		if j.Exposure.Unknown > 0 {
			got[n] = j.Exposure.Unknown
		}
	}
	if untraced != 6 {
		t.Errorf("untraced: %d, want 6", untraced)
	}
	want := map[int]time.Duration{2: 20 * time.Minute, 3: time.Hour, 4: now.Sub(zero)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// An hour later the refrigerator is overdue: silence is unknown.
	if j, err := x.Judge(box(1).SSCC, asOf(now.Add(time.Hour))); err != nil || j.Fit() {
		t.Errorf("%+v, %v", j, err)
	}
}

// TestSummaries: time beyond a limit is at most what the sum says, and at most the time there was.
func TestSummaries(t *testing.T) {
	t.Parallel()
	day := func(lo, hi supply.Celsius, silent time.Duration, out ...supply.Outside) supply.Summary {
		return supply.Summary{Point: "fridge", From: minute(0), To: minute(1440), Min: lo, Max: hi, Silent: silent, Outside: out}
	}
	above := func(c supply.Celsius, m int) supply.Outside {
		return supply.Outside{Limit: c, Above: true, For: time.Duration(m) * time.Minute}
	}
	below := func(c supply.Celsius, m int) supply.Outside {
		return supply.Outside{Limit: c, For: time.Duration(m) * time.Minute}
	}
	for _, tc := range []struct {
		name    string
		s       supply.Summary
		want    [5]int // minutes by band
		unknown int
	}{
		{"in the band", day(3*deg, 7*deg, 0), [5]int{2: 1440}, 0},
		{"above for 12 minutes", day(3*deg, 9*deg, 0, above(8*deg, 12)), [5]int{2: 1428, 3: 12}, 0},
		{"above, and nobody says how long", day(3*deg, 9*deg, 0), [5]int{3: 1440}, 0},
		{"hot: all of it may have been", day(3*deg, 26*deg, 0, above(8*deg, 12)), [5]int{2: 1428, 4: 12}, 0},
		{"hot, with both limits", day(3*deg, 26*deg, 0, above(8*deg, 12), above(25*deg, 2)), [5]int{2: 1428, 3: 10, 4: 2}, 0},
		{"a limit that says nothing of the band", day(3*deg, 9*deg, 0, above(10*deg, 0)), [5]int{3: 1440}, 0},
		{"frozen", day(-deg, 7*deg, 0, below(2*deg, 30), below(0, 5)), [5]int{0: 5, 1: 25, 2: 1410}, 0},
		{"frozen, by a limit of 2", day(-deg, 7*deg, 0, below(2*deg, 30)), [5]int{0: 30, 2: 1410}, 0},
		{"both", day(-deg, 9*deg, 0, below(0, 5), above(8*deg, 12)), [5]int{0: 5, 1: 1435, 3: 12}, 0},
		{"the sensor was away", day(3*deg, 7*deg, 21*time.Minute), [5]int{2: 1419}, 21},
		{"all warm", day(16*deg, 19*deg, 0, above(8*deg, 1440)), [5]int{3: 1440}, 0},
	} {
		x := index(t, flu())
		must(t, x.AddBox(box(1)), x.AddSummary(tc.s), x.AddLeg(supply.Leg{Point: "fridge", Begin: minute(0), End: minute(1440), Aboard: []supply.SSCC{box(1).SSCC}}))
		j, err := x.Judge(box(1).SSCC, asOf(minute(1440)))
		must(t, err)
		var got [5]int
		for b := range got {
			got[b] = int(j.Exposure.Time[supply.Unopened][b] / time.Minute)
		}
		if got != tc.want || int(j.Exposure.Unknown/time.Minute) != tc.unknown {
			t.Errorf("%s: %v unknown %v, want %v unknown %d min", tc.name, got, j.Exposure.Unknown, tc.want, tc.unknown)
		}
	}
}

// TestDatedRules: the rule of the day on which it is judged holds.
func TestDatedRules(t *testing.T) {
	t.Parallel()
	frozen := func(from civil.Date, days int) supply.Rule {
		return supply.Rule{From: from, Stage: supply.Thawed, Bands: []supply.Band{
			{Name: "frozen again", Side: supply.Cold, Upto: 2*deg - 1}, {Name: "2-8", Upto: 8 * deg, Budget: time.Duration(days) * 24 * time.Hour},
			{Name: "warm", Side: supply.Warm, Upto: supply.Hottest, Budget: 2 * time.Hour},
		}}
	}
	p := flu()
	p.Rules = append(p.Rules, frozen(civil.New(2020, 9, 1), 5), frozen(civil.New(2020, 9, 20), 31))
	x := index(t, p)
	must(t, x.AddBox(box(1)), x.AddSeries(steady("fridge", 0, 60*24*40, 10, 5*deg)),
		x.AddLeg(supply.Leg{Point: "fridge", Stage: supply.Thawed, Begin: minute(0), Aboard: []supply.SSCC{box(1).SSCC}}))
	for day, fit := range map[int]bool{5: true, 6: false, 9: false, 10: true, 31: true, 32: false} {
		if j, err := x.Judge(box(1).SSCC, asOf(zero.AddDate(0, 0, day))); err != nil || j.Fit() != fit {
			t.Errorf("thawed for %d days: fit %t, %+v %v", day, j.Fit(), j.Findings, err)
		}
	}
	if j, err := x.Judge(box(1).SSCC, asOf(zero.AddDate(0, 0, -20))); err != nil || !j.Untraced {
		t.Errorf("before its chain: %+v, %v", j, err)
	}
}

func TestWrongRules(t *testing.T) {
	t.Parallel()
	store := supply.Band{Name: "all", Upto: supply.Hottest, Budget: supply.Unlimited}
	for name, p := range map[string]*supply.Product{
		"no rule": {ID: "p"}, "no id": {Rules: []supply.Rule{{Bands: []supply.Band{store}}}},
		"open end":     {ID: "p", Rules: []supply.Rule{{Bands: []supply.Band{{Name: "a", Upto: 8 * deg}}}}},
		"no storage":   {ID: "p", Rules: []supply.Rule{{Bands: []supply.Band{{Name: "a", Side: supply.Warm, Upto: supply.Hottest}}}}},
		"out of order": {ID: "p", Rules: []supply.Rule{{Bands: []supply.Band{{Name: "a", Side: supply.Warm, Upto: deg}, store}}}},
		"twice":        {ID: "p", Rules: []supply.Rule{{Bands: []supply.Band{store}}, {Bands: []supply.Band{store}}}},
		"backwards":    {ID: "p", Rules: []supply.Rule{{Bands: []supply.Band{{Name: "a", Upto: supply.Hottest}, {Name: "b", Upto: 0}}}}},
	} {
		if err := p.Validate(); !errors.Is(err, supply.ErrRules) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMeanKinetic holds the formula against values that can be checked by hand: a constant is its own mean, and half 20, half 30 °C is a little
// over 25 (26.2 °C by the formula, computed apart).
func TestMeanKinetic(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b supply.Celsius
		want float64
	}{{5 * deg, 5 * deg, 5}, {-20 * deg, -20 * deg, -20}, {20 * deg, 30 * deg, byHand(20, 30)}, {0, 40 * deg, byHand(0, 40)}} {
		x := index(t, flu())
		must(t, x.AddBox(box(1)), x.AddLeg(supply.Leg{Point: "v", Begin: minute(0), End: minute(200), Aboard: []supply.SSCC{box(1).SSCC}}),
			x.AddSeries(supply.Series{Point: "v", Interval: 100 * time.Minute, Readings: []supply.Reading{{At: minute(0), Celsius: tc.a}, {At: minute(100), Celsius: tc.b}}}))
		j, err := x.Judge(box(1).SSCC, asOf(minute(200)))
		must(t, err)
		if got, ok := j.Exposure.MeanKinetic(); !ok || math.Abs(got.Degrees()-tc.want) > 1e-4 {
			t.Errorf("%s and %s: %s, want %.5f", tc.a, tc.b, got, tc.want)
		}
	}
}

// byHand is the formula in its other form, by Arrhenius' rate: k ~ exp(-E/RT) for each half, then T from the mean of the rates.
func byHand(a, b float64) float64 {
	const e, r = 83144.0, 8.3144
	rate := (math.Exp(-e/(r*(a+273.15))) + math.Exp(-e/(r*(b+273.15)))) / 2
	return -e/r/math.Log(rate) - 273.15
}

// TestAgainstMinutes: random chains, loggers with holes and several loggers at one point, against a model that walks minute by minute.
func TestAgainstMinutes(t *testing.T) {
	t.Parallel()
	temps := []supply.Celsius{-5 * deg, -1, 0, deg, 2*deg - 1, 2 * deg, 5 * deg, 8 * deg, 8*deg + 1, 20 * deg, 25 * deg, 25*deg + 1, 40 * deg}
	uppers := []supply.Celsius{-1, 2*deg - 1, 8 * deg, 25 * deg, supply.Hottest}
	rapid.Check(t, func(t *rapid.T) {
		x, err := supply.NewIndex(flu())
		must(t, err, x.AddBox(box(1)))
		type log struct {
			step int
			at   []int
			c    []supply.Celsius
		}
		points := []supply.Point{"a", "b"}
		logs := map[supply.Point][]log{}
		for _, p := range points {
			for range rapid.IntRange(0, 2).Draw(t, "loggers") {
				l := log{step: rapid.SampledFrom([]int{2, 6, 10}).Draw(t, "step")}
				s := supply.Series{Point: p, Interval: time.Duration(l.step) * time.Minute}
				for m := rapid.IntRange(0, 40).Draw(t, "from"); m < 140; {
					c := rapid.SampledFrom(temps).Draw(t, "c")
					l.at, l.c = append(l.at, m), append(l.c, c)
					s.Readings = append(s.Readings, supply.Reading{At: minute(m), Celsius: c})
					m += rapid.SampledFrom([]int{l.step, l.step, l.step, l.step * 3 / 2, l.step*3/2 + 1, 4 * l.step}).Draw(t, "next")
				}
				logs[p] = append(logs[p], l)
				must(t, x.AddSeries(s))
			}
		}
		var model [5]int
		unknown := 0
		at := rapid.IntRange(0, 20).Draw(t, "begin")
		for range rapid.IntRange(1, 4).Draw(t, "legs") {
			end := at + rapid.IntRange(1, 50).Draw(t, "long")
			p := rapid.SampledFrom(points).Draw(t, "point")
			must(t, x.AddLeg(supply.Leg{Point: p, Begin: minute(at), End: minute(end), Aboard: []supply.SSCC{box(1).SSCC}}))
			for m := at; m < end; m++ {
				bands := map[int]bool{}
				for _, l := range logs[p] {
					for i, r := range l.at {
						upto := r + l.step
						if next := end; i+1 == len(l.at) && next-r <= l.step*3/2 {
							upto = next
						} else if i+1 < len(l.at) && l.at[i+1]-r <= l.step*3/2 {
							upto = l.at[i+1]
						}
						from := r
						if i == 0 && r > at && r-at <= l.step*3/2 {
							from = at // the first of all stands back to the beginning, when that is near
						}
						if m >= from && m < upto {
							b := 0
							for l.c[i] > uppers[b] {
								b++
							}
							bands[b] = true
						}
					}
				}
				lo, hi := 9, -1
				for b := range bands {
					lo, hi = min(lo, b), max(hi, b)
				}
				switch {
				case hi < 0:
					unknown++
				case lo == hi:
					model[lo]++
				default:
					model[lo]++
					model[hi]++
				}
			}
			at = end
			if rapid.Bool().Draw(t, "a hole in custody") {
				hole := rapid.IntRange(1, 30).Draw(t, "hole")
				unknown += hole
				at += hole
			}
		}
		// The chain ends where it is judged from; a hole at its end is one too.
		j, err := x.Judge(box(1).SSCC, supply.AsOf{At: minute(at), Zone: time.UTC})
		must(t, err)
		var got [5]int
		for b := range got {
			got[b] = int(j.Exposure.Time[supply.Unopened][b] / time.Minute)
		}
		if got != model || int(j.Exposure.Unknown/time.Minute) != unknown {
			t.Fatalf("%v unknown %v, minute by minute %v unknown %d", got, j.Exposure.Unknown, model, unknown)
		}
		budget := [5]int{0, 720, -1, 800, 30}
		fit := unknown == 0 && model[0] <= budget[0] && model[0]+model[1] <= budget[1] && model[3]+model[4] <= budget[3] && model[4] <= budget[4]
		if j.Fit() != fit {
			t.Fatalf("fit %t, minute by minute %t: %v", j.Fit(), fit, model)
		}
	})
}
