package supply_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/internal/civil"
	"charye/person"
	"charye/site"
	"charye/supply"
)

func who(n int) (k person.Key) {
	k[0], k[1], k[2], k[15] = byte(n), byte(n>>8), byte(n>>16), 1
	return k
}

// TestPallets: what a pallet went through its boxes went through, while they were in it, and pallets in pallets too.
func TestPallets(t *testing.T) {
	t.Parallel()
	x := index(t, flu())
	const inner, outer = supply.SSCC(1_000_001), supply.SSCC(1_000_002)
	b1, b2, b3 := box(1), box(2), box(3)
	b1.Parent, b2.Parent = inner, inner
	must(t, x.AddBox(b1), x.AddBox(b2), x.AddBox(b3), x.Pack(inner, outer, minute(10)))
	leg := func(p supply.Point, from, to int, aboard ...supply.SSCC) {
		must(t, x.AddLeg(supply.Leg{Point: p, Site: 7, Begin: minute(from), End: minute(to), Aboard: aboard}))
	}
	leg("depot", 0, 10, inner, b3.SSCC)
	leg("truck", 10, 20, outer)
	x.Unpack(b2.SSCC, minute(20))
	leg("van", 20, 30, outer)
	leg("moped", 20, 30, b2.SSCC)
	for _, tc := range []struct {
		at       supply.Point
		from, to int
		want     []supply.SSCC
	}{
		{"depot", 0, 1, []supply.SSCC{b1.SSCC, b2.SSCC, b3.SSCC}},
		{"depot", 10, 20, []supply.SSCC{}}, // the end is not included
		{"truck", 19, 99, []supply.SSCC{b1.SSCC, b2.SSCC}},
		{"van", 20, 30, []supply.SSCC{b1.SSCC}},
		{"moped", 25, 26, []supply.SSCC{b2.SSCC}},
		{"elsewhere", 0, 99, []supply.SSCC{}},
	} {
		if diff := cmp.Diff(tc.want, x.Reading(tc.at, minute(tc.from), minute(tc.to), 0).Boxes); diff != "" {
			t.Errorf("%s: %s", tc.at, diff)
		}
	}
	for _, p := range []supply.Point{"depot", "truck", "van", "moped"} {
		must(t, x.AddSeries(steady(p, 0, 30, 5, 5*deg)))
	}
	must(t, x.AddGiven(supply.Given{Person: who(1), Box: b2.SSCC, Site: 7, At: minute(25)}))
	h := x.Person(who(1))
	var way []supply.Point
	for _, p := range h[0].Passages {
		way = append(way, p.Leg.Point)
		if len(p.Series) != 1 || p.Series[0].Readings[0].At.After(p.Leg.Begin) {
			t.Errorf("%s: %+v", p.Leg.Point, p.Series)
		}
	}
	if diff := cmp.Diff([]supply.Point{"depot", "truck", "moped"}, way); diff != "" {
		t.Error(diff)
	}
	if last := h[0].Passages[2].Series[0].Readings; last[len(last)-1].At.After(minute(25)) {
		t.Errorf("a reading after the dose was given: %v", last)
	}
	for _, n := range []int{1, 2} {
		if j, err := x.Judge(box(n).SSCC, asOf(minute(30))); err != nil || !j.Fit() {
			t.Errorf("box %d: %+v, %v", n, j, err)
		}
	}
	// A ring of pallets is followed to an end.
	must(t, x.Pack(outer, inner, minute(40)))
	leg("ring", 40, 50, inner)
	x.Reading("ring", minute(40), minute(50), 0)
}

// TestFollowUp: who was vaccinated before the box failed is not on the list.
func TestFollowUp(t *testing.T) {
	t.Parallel()
	x := index(t, flu())
	s := steady("fridge", 0, 600, 10, 5*deg)
	s.Readings[30].Celsius = -deg // at 300, for ten minutes
	must(t, x.AddBox(box(1)), x.AddLeg(supply.Leg{Point: "fridge", Site: 3, Begin: minute(0), Aboard: []supply.SSCC{box(1).SSCC}}), x.AddSeries(s))
	for n, at := range []int{100, 300, 301, 500} {
		must(t, x.AddGiven(supply.Given{Person: who(n), Box: box(1).SSCC, Site: 3, Dose: 2, At: minute(at)}))
	}
	got := x.FollowUp([]supply.SSCC{box(1).SSCC, 99}, asOf(minute(600)))
	if len(got) != 2 || got[0].Person != who(2) || got[1].Person != who(3) || got[0].Dose != 2 || got[0].Site != 3 || !got[0].At.Equal(minute(301)) {
		t.Errorf("%+v", got)
	}
	if all := x.Of([]supply.SSCC{box(1).SSCC}, 0).Given; len(all) != 4 {
		t.Errorf("%d doses were given from it, 4 are right", len(all))
	}
}

func TestIndexRefuses(t *testing.T) {
	t.Parallel()
	x := index(t, flu())
	must(t, x.AddBox(box(1)))
	odd := box(2)
	odd.Product = "unknown"
	empty := box(3)
	empty.Vials = 0
	for name, err := range map[string]error{"twice": x.AddBox(box(1)), "product": x.AddBox(odd), "empty": x.AddBox(empty), "none": x.AddBox(supply.Box{}), "itself": x.Pack(5, 5, zero)} {
		if !errors.Is(err, supply.ErrBox) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, l := range map[string]supply.Leg{
		"no point": {Begin: zero, Aboard: []supply.SSCC{1}}, "nothing aboard": {Point: "p", Begin: zero}, "backwards": {Point: "p", Begin: minute(2), End: minute(1), Aboard: []supply.SSCC{1}},
		"no beginning": {Point: "p", Aboard: []supply.SSCC{1}}, "no such stage": {Point: "p", Begin: zero, Aboard: []supply.SSCC{1}, Stage: 9},
	} {
		if err := x.AddLeg(l); !errors.Is(err, supply.ErrLeg) {
			t.Errorf("%s: %v", name, err)
		}
	}
	back := steady("p", 0, 10, 5, 0)
	back.Readings[1].At = zero
	for name, err := range map[string]error{
		"backwards": x.AddSeries(back), "no interval": x.AddSeries(supply.Series{Point: "p"}), "no point": x.AddSeries(steady("", 0, 10, 5, 0)),
		"too hot": x.AddSeries(steady("p", 0, 10, 5, supply.Hottest+1)), "no day": x.AddSummary(supply.Summary{Point: "p", From: zero, To: zero}),
		"upside down": x.AddSummary(supply.Summary{Point: "p", From: zero, To: minute(1), Min: 2, Max: 1}),
	} {
		if !errors.Is(err, supply.ErrReadings) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := x.AddGiven(supply.Given{Person: who(1), Box: 99}); !errors.Is(err, supply.ErrUnknownBox) {
		t.Error(err)
	}
	if _, err := x.Judge(99, asOf(zero)); !errors.Is(err, supply.ErrUnknownBox) {
		t.Error(err)
	}
	if x.Person(who(1)) != nil {
		t.Error("a person without a dose has a history")
	}
}

// TestScopeAgainstModel: random worlds; both directions of the index give what looking through everything gives.
func TestScopeAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x, err := supply.NewIndex(flu())
		must(t, err)
		boxes := rapid.IntRange(1, 8).Draw(t, "boxes")
		for n := range boxes {
			b := box(n + 1)
			b.Lot.ID = string(rune('A' + n%3))
			must(t, x.AddBox(b))
		}
		var legs []supply.Leg
		for range rapid.IntRange(0, 12).Draw(t, "legs") {
			l := supply.Leg{
				Point: rapid.SampledFrom([]supply.Point{"a", "b", "c"}).Draw(t, "point"), Site: site.Num(rapid.IntRange(0, 3).Draw(t, "site")), Begin: minute(rapid.IntRange(0, 50).Draw(t, "begin")),
			}
			if rapid.Bool().Draw(t, "ended") {
				l.End = l.Begin.Add(time.Duration(rapid.IntRange(1, 30).Draw(t, "long")) * time.Minute)
			}
			for n := range boxes {
				if rapid.Bool().Draw(t, "aboard") {
					l.Aboard = append(l.Aboard, box(n+1).SSCC)
				}
			}
			if len(l.Aboard) > 0 {
				must(t, x.AddLeg(l))
				legs = append(legs, l)
			}
		}
		var given []supply.Given
		for range rapid.IntRange(0, 20).Draw(t, "given") {
			g := supply.Given{
				Person: who(rapid.IntRange(1, 6).Draw(t, "who")), Box: box(rapid.IntRange(1, boxes).Draw(t, "of")).SSCC, Site: site.Num(rapid.IntRange(1, 3).Draw(t, "at")),
				Dose: 1, At: minute(len(given) + 60),
			}
			must(t, x.AddGiven(g))
			given = append(given, g)
		}
		booked := map[site.Num]int{}
		for n := range rapid.IntRange(0, 20).Draw(t, "appointments") {
			a := supply.Appointment{Booking: int64(n), Site: site.Num(rapid.IntRange(1, 3).Draw(t, "where")), Day: civil.Date(rapid.IntRange(0, 5).Draw(t, "day"))}
			x.AddAppointment(a)
			switch {
			case rapid.Bool().Draw(t, "dropped"):
				x.DropAppointment(a.Site, a.Booking, 0)
			case a.Day >= 2:
				booked[a.Site]++
			}
		}
		p := rapid.SampledFrom([]supply.Point{"a", "b", "c"}).Draw(t, "reading at")
		from := rapid.IntRange(0, 60).Draw(t, "from")
		to := from + rapid.IntRange(1, 20).Draw(t, "to")
		got := x.Reading(p, minute(from), minute(to), 2)

		var wantBoxes []supply.SSCC
		for _, l := range legs {
			if l.Point == p && l.Begin.Before(minute(to)) && (l.End.IsZero() || l.End.After(minute(from))) {
				wantBoxes = append(wantBoxes, l.Aboard...)
			}
		}
		slices.Sort(wantBoxes)
		wantBoxes = slices.Compact(wantBoxes)
		lots, sites, people, appointments := map[string]bool{}, map[site.Num]bool{}, 0, 0
		for _, k := range wantBoxes {
			b, _ := x.Box(k)
			lots[b.Lot.ID] = true
			for _, l := range legs {
				if slices.Contains(l.Aboard, k) && l.Site != 0 {
					sites[l.Site] = true
				}
			}
			for _, g := range given {
				if g.Box == k {
					people++
				}
			}
		}
		for at := range sites {
			appointments += booked[at]
		}
		if !slices.Equal(got.Boxes, wantBoxes) || len(got.Lots) != len(lots) || len(got.Sites) != len(sites) || len(got.Given) != people || got.Appointments != appointments {
			t.Fatalf("%+v; want boxes %v, %d lots, %d sites, %d people, %d appointments", got, wantBoxes, len(lots), len(sites), people, appointments)
		}
		for n := 1; n <= 6; n++ {
			var want []supply.SSCC
			for _, g := range given {
				if g.Person == who(n) {
					want = append(want, g.Box)
				}
			}
			hs := x.Person(who(n))
			if len(hs) != len(want) {
				t.Fatalf("person %d: %d doses, want %d", n, len(hs), len(want))
			}
			for i, h := range hs {
				passed := 0
				for _, l := range legs {
					if slices.Contains(l.Aboard, h.Box.SSCC) && !l.Begin.After(h.Given.At) {
						passed++
					}
				}
				if h.Box.SSCC != want[i] || len(h.Passages) != passed {
					t.Fatalf("person %d, dose %d: box %s by %d legs, want %s by %d", n, i, h.Box.SSCC, len(h.Passages), want[i], passed)
				}
			}
		}
	})
}

// BenchmarkNationalYear asks a national year: 30 million doses given out of boxes of 100 to 1,000, each box by four legs, loggers at every truck, and 3 million appointments.
//
//	go test -run '^$' -bench NationalYear -benchtime 5x -timeout 20m ./supply
func BenchmarkNationalYear(b *testing.B) {
	doses := 30_000_000
	if testing.Short() {
		doses = 300_000
	}
	rng := rand.New(rand.NewPCG(1, 1))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begun := time.Now()
	x := index(b, flu())
	var boxes []supply.SSCC
	var sites []site.Num
	const sitesOfAll, truckBoxes = 12_000, 300
	var aboard []supply.SSCC
	var people []person.Key
	truck := 0
	put := 0
	key := func() (k person.Key) {
		binary.LittleEndian.PutUint64(k[:], rng.Uint64())
		binary.LittleEndian.PutUint64(k[8:], rng.Uint64())
		return k
	}
	flush := func() {
		begin := zero.Add(time.Duration(truck%365*24) * time.Hour)
		p := supply.Point("truck " + time.Duration(truck).String())
		must(b, x.AddLeg(supply.Leg{Point: "depot", Begin: begin, End: begin.Add(8 * time.Hour), Aboard: aboard}),
			x.AddLeg(supply.Leg{Point: p, Begin: begin.Add(8 * time.Hour), End: begin.Add(16 * time.Hour), Aboard: aboard}))
		s := supply.Series{Point: p, Interval: 10 * time.Minute}
		for m := range 49 {
			s.Readings = append(s.Readings, supply.Reading{At: begin.Add(8*time.Hour + time.Duration(m)*10*time.Minute), Celsius: 5 * deg})
		}
		must(b, x.AddSeries(s))
		for i, k := range aboard {
			at := sites[len(sites)-len(aboard)+i]
			must(b, x.AddLeg(supply.Leg{Point: supply.Point("van " + time.Duration(truck*30+i/10).String()), Site: at, Begin: begin.Add(16 * time.Hour), End: begin.Add(20 * time.Hour), Aboard: []supply.SSCC{k}}),
				x.AddLeg(supply.Leg{Point: supply.Point("fridge " + time.Duration(at).String()), Site: at, Begin: begin.Add(20 * time.Hour), Aboard: []supply.SSCC{k}}))
			bx, _ := x.Box(k)
			for range bx.Doses() {
				who := key()
				if err := x.AddGiven(supply.Given{Person: who, Box: k, Site: at, Dose: 1, At: begin.Add(48 * time.Hour)}); err != nil {
					b.Fatal(err)
				}
				if put++; put%1000 == 0 {
					people = append(people, who)
				}
			}
		}
		truck++
		aboard = aboard[:0]
	}
	for n, total := 1, 0; total < doses; n++ {
		bx := box(n)
		bx.Vials, bx.DosesPerVial = 10+10*rng.IntN(10), 10
		bx.Lot.ID = "L" + time.Duration(n/1000).String()
		total += bx.Doses()
		must(b, x.AddBox(bx))
		boxes, sites, aboard = append(boxes, bx.SSCC), append(sites, site.Num(1+rng.IntN(sitesOfAll))), append(aboard, bx.SSCC)
		if len(aboard) == truckBoxes || total >= doses {
			flush()
		}
	}
	for n := range doses / 10 {
		x.AddAppointment(supply.Appointment{Booking: int64(n + 1), Person: key(), Site: site.Num(1 + rng.IntN(sitesOfAll)), Day: 20_000, Minute: 540, Dose: 1, Product: "flu", Made: int64(n)})
	}
	built := time.Since(begun)
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.Logf("%d doses from %d boxes, %d legs, filled in %v", x.Given(), x.Boxes(), x.Legs(), built.Round(time.Millisecond))
	memory := float64(after.HeapAlloc - before.HeapAlloc)

	b.Run("reading", func(b *testing.B) { // one truck: from a reading to the people
		slowest := time.Duration(0)
		n := 0
		for b.Loop() {
			i := n % truck
			n++
			at := zero.Add(time.Duration(i%365*24+10) * time.Hour)
			begun := time.Now()
			s := x.Reading(supply.Point("truck "+time.Duration(i).String()), at, at.Add(time.Hour), 20_000)
			slowest = max(slowest, time.Since(begun))
			if len(s.Boxes) == 0 || len(s.Given) == 0 {
				b.Fatal("a truck that touches nothing")
			}
		}
		b.ReportMetric(slowest.Seconds(), "s-slowest")
		b.ReportMetric(memory/1e6, "MB")
		b.ReportMetric(memory/float64(x.Given()), "B/dose")
	})
	b.Run("tenth", func(b *testing.B) { // every tenth box of the country: as much as 2020, and more
		var tenth []supply.SSCC
		for i := 0; i < len(boxes); i += 10 {
			tenth = append(tenth, boxes[i])
		}
		for b.Loop() {
			if s := x.Of(tenth, 20_000); len(s.Given) < doses/20 {
				b.Fatalf("%d doses", len(s.Given))
			}
		}
	})
	b.Run("person", func(b *testing.B) { // from a person back to every reading
		n := 0
		for b.Loop() {
			h := x.Person(people[n%len(people)])
			n++
			if len(h) != 1 || len(h[0].Passages) != 4 || len(h[0].Passages[1].Series) != 1 {
				b.Fatalf("%+v", h)
			}
		}
	})
}
