package walk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/walk"
)

// TestRandomProgrammes has a few people do random things under random rules, with deliveries, reductions and invitations, on the real
// engines. Whatever happens, every promise of the ledger holds, nobody has two bookings in a campaign, every series is as the rules
// want it (number of doses, products, intervals, hours), no two products that do not go together are with one person, and no more is
// booked than there ever was.
func TestRandomProgrammes(t *testing.T) {
	t.Parallel()
	const enough = 8 * time.Second
	began, fault := time.Now(), false
	booked := 0
	rapid.Check(t, func(rt *rapid.T) {
		if !fault && time.Since(began) > enough {
			return
		}
		sound := false
		defer func() { fault = fault || !sound }()
		w, end := worldOf(t, randomRules(rt))
		defer end()
		w.set(at(12, 20, 0))
		r := &randomWalk{world: w, rt: rt}
		for range rapid.IntRange(5, 30).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				r.later()
			case 1, 2:
				r.cancel()
			case 3, 4:
				r.change()
			default:
				r.book()
			}
			r.check()
		}
		booked += r.booked
		sound = !rt.Failed()
	})
	if booked == 0 {
		t.Error("nobody could book anything: the test looks at nothing")
	}
}

// randomRules gives a programme of three products and two campaigns.
func randomRules(rt *rapid.T) string {
	num := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(rt, name) }
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("programme: random\nname: {en: Random}\ntimezone: Asia/Seoul\nproducts:")
	for i := range 3 {
		say("  - id: p%d\n    name: {en: P%d}\n    cvx: \"207\"\n    dosesPerVial: 10", i, i)
		doses := num("doses", 1, 3)
		if num("not with", 0, 3) == 0 {
			say("    notWith: [p%d]", (i+1)%3)
		}
		if num("most", 0, 3) == 0 {
			say("    most: %d", doses+num("more", 0, 2))
		}
		if num("ages", 0, 3) == 0 {
			say("    ages: [{from: 2021-01-01, min: %d}]", num("age", 50, 58))
		}
		say("    series:\n      doses: %d", doses)
		if doses == 1 {
			continue
		}
		least := num("min", 1, 5)
		usual := least + num("default", 0, 4)
		say("      intervals:\n        - {from: 2021-01-01, default: %dd, min: %dd, max: %dd}", usual, least, usual+num("max", 0, 4))
		say("        - {from: 2021-07-30, campaigns: [c1], default: %dd, min: %dd, max: %dd}", usual+1, least, usual+5)
		if num("mixed", 0, 2) == 0 {
			say("      mixed: [{dose: 2, product: p%d, from: 2021-07-%02d}]", (i+2)%3, num("mixed from", 1, 31))
		}
	}
	say("campaigns:")
	for i := range 2 {
		stock := num("stock", 1, 5)
		say("  - id: c%d\n    name: {en: C%d}\n    products: [p%d, p%d]\n    eligible: all", i, i, i, i+1)
		say("    opens: 2021-07-12T20:00:00+09:00\n    closes: 2021-07-17T18:00:00+09:00\n    stock: %d", stock)
		if num("deliveries", 0, 1) == 0 {
			say("    deliveries: [{at: 2021-07-13T0%d:00:00+09:00, doses: %d}, {at: 2021-07-14T00:00:00+09:00, doses: %d}]", num("hour", 0, 9), num("came", 1, 3), -num("went", 1, 1))
		}
		if num("invitations", 0, 1) == 0 {
			say("    invitations: {hours: %d}", num("hours", 1, 12))
		}
		say("    line: {order: arrival, inside: 100, perSecond: 1000}")
	}
	say("timetables:\n  - {sites: all, start: 2021-07-26, days: %d, from: \"09:00\", to: \"10:00\", every: 30m, seats: %d}", num("days", 2, 6), num("seats", 1, 2))
	return b.String()
}

// randomWalk is a world under random steps.
type randomWalk struct {
	*world
	rt     *rapid.T
	booked int
}

const randomPeople = 5

func (r *randomWalk) who() int {
	return rapid.IntRange(1, randomPeople).Draw(r.rt, "who")
}

// polite fails when an error is none that people can be told of.
func (r *randomWalk) polite(err error) bool {
	if err == nil {
		return true
	}
	if e, ok := errors.AsType[*walk.Error](err); !ok || e.Code == walk.Internal || e.Code == walk.Overloaded {
		r.rt.Fatalf("refused with %v", err)
	}
	return false
}

func (r *randomWalk) later() {
	now := time.Unix(0, r.now.Load()).Add(time.Duration(rapid.IntRange(1, 900).Draw(r.rt, "minutes")) * time.Minute)
	if now.Before(at(17, 17, 0)) {
		r.advance(now)
		r.settle()
	}
}

func (r *randomWalk) book() {
	ctx, n := r.t.Context(), r.who()
	campaign := fmt.Sprintf("c%d", rapid.IntRange(0, 1).Draw(r.rt, "campaign"))
	p, _, err := r.Join(ctx, r.actor(n), campaign, "")
	if !r.polite(err) {
		return
	}
	r.settle()
	pass, err := r.Enter(ctx, r.actor(n), campaign, "", p.Ticket, "phone", false)
	if !r.polite(err) {
		return
	}
	day := firstDay + civil.Date(rapid.IntRange(0, 3).Draw(r.rt, "day"))
	slots, err := r.SlotsFor(ctx, r.actor(n), campaign, "", rapid.SampledFrom([]string{"S1", "S2"}).Draw(r.rt, "site"), day)
	if !r.polite(err) || len(slots) == 0 {
		return
	}
	slot := slots[rapid.IntRange(0, len(slots)-1).Draw(r.rt, "slot")].ID
	ask := walk.BookRequest{Slot: slot, IdempotencyKey: fmt.Sprint(r.now.Load(), n)}
	if rapid.Bool().Draw(r.rt, "hold first") {
		h, err := r.Hold(ctx, r.actor(n), pass.Token, slot)
		if !r.polite(err) || rapid.IntRange(0, 2).Draw(r.rt, "goes away") == 0 {
			return
		}
		ask.Slot, ask.Hold = "", h.ID
	}
	if _, _, err := r.Book(ctx, r.actor(n), pass.Token, ask); r.polite(err) {
		r.booked++
	}
}

// own picks one of somebody's live bookings.
func (r *randomWalk) own(n int) (walk.Booking, bool) {
	list, err := r.Bookings(r.t.Context(), r.actor(n))
	must(r.t, err)
	for _, b := range list {
		if !b.Cancelled {
			return b, true
		}
	}
	return walk.Booking{}, false
}

func (r *randomWalk) cancel() {
	n := r.who()
	if b, ok := r.own(n); ok {
		_, err := r.Cancel(r.t.Context(), r.actor(n), b.ID)
		r.polite(err)
	}
}

func (r *randomWalk) change() {
	n := r.who()
	b, ok := r.own(n)
	if !ok {
		return
	}
	dose := rapid.IntRange(1, len(b.Doses)).Draw(r.rt, "dose")
	day := civil.Of(b.Doses[dose-1].Start, seoul) + civil.Date(rapid.IntRange(-3, 3).Draw(r.rt, "days"))
	slots, err := r.DoseSlots(r.t.Context(), r.actor(n), b.ID, dose, rapid.SampledFrom([]string{"S1", "S2"}).Draw(r.rt, "site"), day)
	if !r.polite(err) || len(slots) == 0 {
		return
	}
	_, err = r.Change(r.t.Context(), r.actor(n), b.ID, dose, slots[rapid.IntRange(0, len(slots)-1).Draw(r.rt, "slot")].ID)
	r.polite(err)
}

// check looks at everything that is booked.
func (r *randomWalk) check() {
	ctx := r.t.Context()
	for _, finding := range booking.Check(ctx, r.ledger) {
		r.rt.Error(finding)
	}
	live := map[uint32]int{}
	firsts := map[person.Key][]string{}
	must(r.t, r.ledger.All(ctx, func(b booking.Booking) error {
		if b.Status != booking.Booked {
			return nil
		}
		live[b.Campaign]++
		firsts[b.Person] = append(firsts[b.Person], b.Doses[0].Slot.Product)
		r.series(&b)
		return nil
	}))
	for _, ids := range firsts {
		for i, id := range ids {
			for _, other := range ids[i+1:] {
				a, _ := r.programme.Product(id)
				b, _ := r.programme.Product(other)
				if slices.Contains(a.NotWith, other) || slices.Contains(b.NotWith, id) {
					r.rt.Errorf("somebody has both %s and %s", id, other)
				}
				if id == other && a.Most > 0 && 2*a.Series.Doses > a.Most && a.DoseProduct(2, born, firstDay) == id {
					r.rt.Errorf("somebody has %d doses of %s, at most %d are theirs", 2*a.Series.Doses, id, a.Most)
				}
			}
		}
	}
	for i := range r.programme.Campaigns {
		c := &r.programme.Campaigns[i]
		most := c.Stock
		for _, d := range c.Deliveries {
			most = max(most, c.StockAt(d.At))
		}
		if n := live[c.Num]; n > most {
			r.rt.Errorf("%d are booked in %s, which never had more than %d", n, c.ID, most)
		}
	}
}

// series holds a booking against the rules.
func (r *randomWalk) series(b *booking.Booking) {
	c, _ := r.programme.CampaignByNum(b.Campaign)
	first, _ := r.programme.Product(b.Doses[0].Slot.Product)
	if len(b.Doses) != first.Series.Doses {
		r.rt.Errorf("a series of %s has %d doses, want %d", first.ID, len(b.Doses), first.Series.Doses)
	}
	if !first.Suits(born, b.Doses[0].Slot.Day) {
		r.rt.Errorf("%s is not for somebody of this age", first.ID)
	}
	for i, d := range b.Doses {
		region, kind := "서울특별시", "clinic"
		if d.Slot.Site == 2 {
			region, kind = "부산광역시", "hospital"
		}
		if !hasSession(r.programme, fmt.Sprintf("S%d", d.Slot.Site), kind, region, d.Slot, i == 0) {
			r.rt.Errorf("dose %d is at %v, where no session is", i+1, d.Slot)
		}
		if i == 0 {
			continue
		}
		before := b.Doses[i-1].Slot.Day
		iv := first.Series.Interval(c.ID, before)
		if !booking.LegalInterval(before, d.Slot.Day, booking.Interval{Default: iv.Default, Min: iv.Min, Max: iv.Max}) {
			r.rt.Errorf("dose %d is %d days after the one before, want %+v", i+1, d.Slot.Day-before, iv)
		}
		if want := first.DoseProduct(i+1, born, before); d.Slot.Product != want && len(b.Doses) == 2 {
			r.rt.Errorf("dose %d is of %s, want %s", i+1, d.Slot.Product, want)
		}
	}
}

func hasSession(p *programme.Programme, id, kind, region string, s booking.Slot, first bool) bool {
	for _, x := range p.Sessions(id, kind, region, s.Day) {
		if x.Minute == s.Minute && (x.First || !first) {
			return true
		}
	}
	return false
}
