package relief_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/booking"
	"charye/internal/civil"
	"charye/site"
	"charye/supply"
	"charye/supply/relief"
)

// made is a country in memory: so many sites within a degree, products that stand in for one another, vials counted or not, and anything booked.
type made struct {
	rules  relief.Rules
	stock  []relief.Stock
	index  *supply.Index
	asked  map[site.Num]int // how often Make asked for a site
	booked relief.Booked
}

func newMade(t fatal, seed uint64, sites int) *made {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 3))
	x, err := supply.NewIndex()
	if err != nil {
		t.Fatal(err)
	}
	m := &made{index: x, asked: map[site.Num]int{}}
	products, perVial := []string{"a", "b", "c"}, []int{1, 2, 10}
	counted := []bool{rng.IntN(2) == 0, rng.IntN(2) == 0, false}
	var list []site.Site
	used, opened := map[booking.Counter]int{}, map[booking.Counter]int{}
	vial := func(p string) booking.Vial {
		if i := slices.Index(products, p); counted[i] {
			return booking.Vial{Product: uint16(i + 1), Doses: perVial[i]}
		}
		return booking.Vial{}
	}
	for n := range sites {
		at := site.Num(n + 1)
		list = append(list, site.Site{Num: at, ID: fmt.Sprint("S", at), Lat: 36.5 + rng.Float64(), Lon: 126.5 + rng.Float64()})
		for i, p := range products[:1+rng.IntN(3)] {
			s := relief.Stock{Site: at, Product: p, Usable: rng.IntN(12), PerVial: perVial[i]}
			if rng.IntN(4) == 0 {
				s.Held = 1 + rng.IntN(15)
			}
			if counted[i] {
				s.Counted, s.Vials = true, rng.IntN(8)
				s.Usable = s.Vials * s.PerVial
			}
			m.stock = append(m.stock, s)
		}
		for range rng.IntN(14) {
			a := supply.Appointment{
				Booking: int64(len(used)*1000 + rng.IntN(1000)), Person: who(rng.IntN(1000)), Site: at, Day: today + civil.Date(rng.IntN(10)), Minute: []int16{540, 840}[rng.IntN(2)],
				Dose: uint8(1 + rng.IntN(2)), Product: products[rng.IntN(3)], Made: int64(rng.IntN(40)),
			}
			x.AddAppointment(a)
			used[booking.SeatCounter(booking.Session{Site: at, Day: a.Day, Minute: int(a.Minute)})]++
			if v := vial(a.Product); v.Doses > 0 {
				opened[booking.OpenedCounter(at, a.Day, v)] += 1 + rng.IntN(2)/2
			}
		}
	}
	m.rules = relief.Rules{
		Sites: site.NewIndex(list), From: today, Until: today + 9, Metres: rng.IntN(80_000),
		Sessions: func(_ site.Num, day civil.Date) []booking.SessionInfo {
			if day%3 == 0 {
				return nil
			}
			return []booking.SessionInfo{{Minute: 540, Minutes: 60, Seats: 3}, {Minute: 840, Minutes: 60, Seats: 2}}
		},
		Free:    func(c booking.Counter, capacity int) int { return max(0, capacity-used[c]) },
		Used:    func(c booking.Counter) int { return opened[c] },
		Vial:    vial,
		Instead: map[string][]string{"a": {"b"}, "c": {"a", "b"}},
		Legal:   func(a supply.Appointment, to booking.Slot) bool { return a.Dose == 1 || to.Day >= a.Day },
	}
	all := relief.Indexed(x, today)
	m.booked = func(at []site.Num) (map[site.Num][]supply.Appointment, error) {
		for _, n := range at {
			m.asked[n]++
		}
		return all(at)
	}
	return m
}

// TestLooksOnlyWhereItMatters: of any country the plan made of a few sites is, line by line, that made of all; no site is asked for twice.
func TestLooksOnlyWhereItMatters(t *testing.T) {
	t.Parallel()
	moves, without, left := 0, 0, 0
	rapid.Check(t, func(r *rapid.T) {
		m := newMade(r, rapid.Uint64().Draw(r, "seed"), rapid.IntRange(1, 150).Draw(r, "sites"))
		want, err1 := relief.MakeOfAll(m.rules, m.stock, relief.Indexed(m.index, today))
		got, err2 := relief.Make(m.rules, m.stock, m.booked)
		if err1 != nil || err2 != nil {
			r.Fatal(err1, err2)
		}
		if d := cmp.Diff(want, got); d != "" {
			r.Fatal(d)
		}
		for n, times := range m.asked {
			if times != 1 {
				r.Errorf("site %d was asked for %d times", n, times)
			}
		}
		with := map[site.Num]bool{}
		for _, s := range m.stock {
			with[s.Site] = true
		}
		moves, without, left = moves+len(got.Moves), without+len(got.Without), left+len(with)-len(m.asked)
	})
	if moves == 0 || without == 0 || left == 0 {
		t.Errorf("%d moves, %d without, %d sites left out: too little happened", moves, without, left)
	}
}

// TestProgressAndItsEnd: progress grows to the whole, and its error, or that of what is booked, ends the plan.
func TestProgressAndItsEnd(t *testing.T) {
	t.Parallel()
	m := newMade(t, 5, 150)
	var last relief.Progress
	told := 0
	m.rules.Progress = func(p relief.Progress) error {
		if p.Sites < last.Sites || p.Near < last.Near || p.People < last.People {
			t.Errorf("from %+v to %+v", last, p)
		}
		last = p
		told++
		return nil
	}
	p, err := relief.Make(m.rules, m.stock, m.booked)
	if err != nil || last.Sites != last.OfSites || last.People != last.OfPeople || last.OfPeople != len(p.Moves)+len(p.Without) || last.OfSites == 0 || last.Near == 0 {
		t.Errorf("%+v, %v", last, err)
	}
	enough := errors.New("enough")
	m.rules.Progress = func(relief.Progress) error {
		told--
		if told == 0 {
			return enough
		}
		return nil
	}
	if _, err := relief.Make(m.rules, m.stock, m.booked); !errors.Is(err, enough) {
		t.Errorf("progress ends it with %v", err)
	}
	m.rules.Progress = nil
	if _, err := relief.Make(m.rules, m.stock, func([]site.Num) (map[site.Num][]supply.Appointment, error) { return nil, enough }); !errors.Is(err, enough) {
		t.Errorf("what is booked ends it with %v", err)
	}
}
