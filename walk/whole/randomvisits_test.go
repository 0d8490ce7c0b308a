package whole_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"charye/booking"
	"charye/internal/civil"
	"charye/walk/clinic"
)

// TestRandomVisits has people book, come, stay away, be turned away, move and come again, and two clinics say and take back whatever they like, over
// days, under random rules, on the real engines. Whatever happens, every promise of the ledger holds, what was given stays given where it was, the
// stock is what live bookings and open vials hold and no more than there ever was, nobody who came or was turned away is taken for a no-show, and in
// the end nobody is shut out.
func TestRandomVisits(t *testing.T) {
	t.Parallel()
	const enough = 8 * time.Second
	began, fault := time.Now(), false
	told := map[booking.VisitState]int{}
	rapid.Check(t, func(rt *rapid.T) {
		if !fault && time.Since(began) > enough && len(told) > 0 {
			return // a slow machine goes on until there was something to look at
		}
		sound := false
		defer func() { fault = fault || !sound }()
		r := &randomVisits{told: told, given: map[string]booking.Dose{}}
		w, end := worldOf(t, visitingRules(rt))
		defer end()
		w.StaffFrom([]string{staffSpace})
		r.randomWalk = &randomWalk{world: w, rt: rt}
		w.Set(at(25, 20, 0))
		r.vials()
		for range rapid.IntRange(3, 8).Draw(rt, "bookings before") {
			r.book()
		}
		r.Advance(at(26, 8, 50))
		for range rapid.IntRange(10, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 11).Draw(rt, "step") { // the first ones come most often
			case 0, 1, 2, 3:
				r.tell()
			case 4, 5:
				r.hours()
			case 6, 7:
				r.book()
			case 8:
				r.offer()
			case 9, 10:
				r.change()
			default:
				r.cancel()
			}
			r.look()
		}
		r.nobodyShutOut()
		sound = !rt.Failed()
	})
	if n := told[booking.Arrived] + told[booking.Given] + told[booking.TurnedAway] + told[booking.NoShow]; n == 0 {
		t.Errorf("nothing was ever said of anybody: the test looks at nothing")
	}
}

// visitingRules are random rules whose campaigns are open on the days of vaccination.
func visitingRules(rt *rapid.T) string {
	num := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(rt, name) }
	then := rapid.SampledFrom([]string{"rebook", "last"}).Draw(rt, "then")
	late := num("late", 0, 60)
	return strings.ReplaceAll(randomRules(rt), "closes: 2021-07-17T18:00:00+09:00\n", fmt.Sprintf(
		"closes: 2021-09-30T18:00:00+09:00\n    leftovers: {minutes: 5, sites: 2, withinKm: 10}\n    visits: [{from: 2021-07-01, lateMinutes: %d, keepDays: %d, noShow: {after: %d, then: %s, afterDays: %d, limit: %d, withinDays: %d}}]\n",
		late, num("keep", 1, 3), late+num("after", 0, 60), then, num("after days", 0, 3), num("limit", 1, 2), num("within", 1, 5)))
}

type randomVisits struct {
	*randomWalk
	told  map[booking.VisitState]int
	given map[string]booking.Dose // by booking and dose: as it was given
}

// hours goes on by some hours, at most into August.
func (r *randomVisits) hours() {
	now := time.Unix(0, r.Clock.Load()).Add(time.Duration(rapid.IntRange(20, 600).Draw(r.rt, "minutes")) * time.Minute)
	if now.Before(at(40, 0, 0)) {
		r.Advance(now)
		r.GoOn()
	}
}

// tell has a clinic say something of one of those who are expected there today, or of anybody.
func (r *randomVisits) tell() {
	site := rapid.SampledFrom([]string{"S1", "S2"}).Draw(r.rt, "clinic")
	if rapid.IntRange(0, 4).Draw(r.rt, "the next morning") == 4 { // when people come
		now := time.Unix(0, r.Clock.Load()).In(seoul)
		r.Advance(time.Date(now.Year(), now.Month(), now.Day()+1, 9, rapid.IntRange(0, 59).Draw(r.rt, "minute"), 0, 0, seoul))
	}
	nurse := r.Nurse(1, site)
	day, err := r.ClinicDay(r.T.Context(), nurse)
	if r.polite(err) && len(day.Sessions) == 0 {
		nurse = r.Nurse(1, map[string]string{"S1": "S2", "S2": "S1"}[site])
		day, err = r.ClinicDay(r.T.Context(), nurse)
	}
	if !r.polite(err) || len(day.Sessions) == 0 {
		return
	}
	session := day.Sessions[rapid.IntRange(0, len(day.Sessions)-1).Draw(r.rt, "session")]
	v := session.People[rapid.IntRange(0, len(session.People)-1).Draw(r.rt, "visitor")]
	t := clinic.TellVisit{Booking: v.Booking, Dose: v.Dose, State: booking.VisitState(rapid.IntRange(0, 4).Draw(r.rt, "state"))}
	switch t.State {
	case booking.Given:
		t.From = rapid.SampledFrom([]string{"A1", "B2"}).Draw(r.rt, "lot")
	case booking.TurnedAway:
		t.Why = "fever"
	default:
	}
	got, err := r.TellVisit(r.T.Context(), nurse, t)
	if !r.polite(err) {
		return
	}
	r.told[got.State]++
	id, err := booking.ParseNumber(v.Number)
	must(r.T, err)
	b, ok, err := r.Ledger.Booking(r.T.Context(), id)
	must(r.T, err)
	key := fmt.Sprint(id, " ", v.Dose)
	delete(r.given, key)
	if ok && b.Doses[v.Dose-1].Visit.State == booking.Given {
		r.given[key] = b.Doses[v.Dose-1]
	}
}

// offer has a clinic offer what it has left over.
func (r *randomVisits) offer() {
	nurse := r.Nurse(1, "S1")
	day, err := r.ClinicDay(r.T.Context(), nurse)
	if !r.polite(err) {
		return
	}
	for _, p := range day.Products {
		if p.Spare > 0 && p.Campaign != nil {
			now := time.Unix(0, r.Clock.Load())
			_, err := r.OfferLeftovers(r.T.Context(), nurse, clinic.OfferLeftovers{
				Campaign: p.Campaign.ID, Product: p.Product.ID, Doses: p.Spare, Until: civil.Of(now, seoul).At(24*60-1, seoul),
			})
			r.polite(err)
		}
	}
}

// look looks at everything.
func (r *randomVisits) look() {
	ctx := r.T.Context()
	for _, finding := range booking.Check(ctx, r.Ledger) {
		r.rt.Error(finding)
	}
	taken := map[uint32]int{}
	must(r.T, r.Ledger.All(ctx, func(b booking.Booking) error {
		if _, left := b.Doses[0].Seat.Counter.Leftover(); !left && (b.Status == booking.Booked || b.Status == booking.Missed && b.Doses[0].Visit.Kept) {
			taken[b.Campaign]++
		}
		for i, d := range b.Doses {
			if was, ok := r.given[fmt.Sprint(b.ID, " ", i+1)]; ok && (d.Slot != was.Slot || d.Visit != was.Visit || b.Status != booking.Booked) {
				r.rt.Errorf("dose %d of booking %d was given as %+v, and is %+v (status %d)", i+1, b.ID, was, d, b.Status)
			}
			if d.Visit.State == booking.NoShow {
				end := d.Slot.Day.At(d.Slot.Minute+d.Minutes, seoul)
				if c, _ := r.Programme().CampaignByNum(b.Campaign); d.Visit.At.Before(end.Add(c.VisitsOn(d.Slot.Day).Late)) {
					r.rt.Errorf("taken for a no-show at %v, and they may come until %v", d.Visit.At, end.Add(c.VisitsOn(d.Slot.Day).Late))
				}
			}
		}
		return nil
	}))
	_, err := r.Ledger.Counters(ctx, func(c booking.CounterState) {
		if num, ok := c.Counter.Campaign(); ok && c.Counter == booking.StockCounter(num) && c.Used < taken[num] {
			r.rt.Errorf("%v has %d taken, bookings and open vials hold %d", c.Counter, c.Used, taken[num])
		}
	})
	must(r.T, err)
}

// nobodyShutOut goes beyond every bound: whoever missed something may come again.
func (r *randomVisits) nobodyShutOut() {
	r.Advance(at(60, 12, 0))
	for n := 1; n <= randomPeople; n++ {
		list, err := r.Bookings(r.T.Context(), r.Actor(n))
		must(r.T, err)
		for _, b := range list {
			if b.Missed && b.Again != nil {
				r.rt.Errorf("person %d is still held up: %+v", n, b.Again)
			}
		}
	}
}
