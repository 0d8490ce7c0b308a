package whole_test

import (
	"errors"
	"fmt"
	"os"
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

// TestRandomProgrammes has a few people do random things under random rules, with deliveries, reductions and invitations, doses that go although they
// are booked, intervals that change, helpers and guardians, on the real engines (CHARYE_RANDOM=1m for longer). Whatever happens, every promise of the ledger holds, nobody has two bookings in a campaign, every series is as the rules
// want it (number of doses, products, intervals, hours), no two products that do not go together are with one person, and no more is
// booked than there ever was.
func TestRandomProgrammes(t *testing.T) {
	t.Parallel()
	enough := 8 * time.Second
	if long, err := time.ParseDuration(os.Getenv("CHARYE_RANDOM")); err == nil {
		enough = long
	}
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
		w.Set(at(12, 20, 0))
		r := &randomWalk{world: w, rt: rt, lost: map[uint32]*lostDoses{}}
		w.Children("pupils", childBorn, child)
		r.vials()
		for range rapid.IntRange(5, 30).Draw(rt, "steps") {
			switch rapid.IntRange(0, 13).Draw(rt, "step") {
			case 10:
				r.reduceSome()
			case 11:
				r.giveBack()
			case 12:
				r.rescheduleSome()
			case 13:
				r.help()
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
		say("  - id: p%d\n    name: {en: P%d}\n    cvx: \"207\"\n    dosesPerVial: %d", i, i, num("per vial", 1, 3))
		doses := num("doses", 1, 3)
		if num("not with", 0, 3) == 0 {
			say("    notWith: [p%d]", (i+1)%3)
		}
		if num("most", 0, 3) == 0 {
			say("    most: %d", doses+num("more", 0, 2))
		}
		if num("vials", 0, 2) == 0 {
			say("    vials: {}")
		}
		if num("apart", 0, 2) == 0 {
			say("    apart: [{from: 2021-07-01, products: [p%d], days: %d, sameDay: %v}]", (i+1)%3, num("apart by", 1, 9), num("same day", 0, 1) == 0)
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
		if stock > 1 && num("held back", 0, 3) == 0 {
			say("    holdBack: {doses: 1, until: 2021-07-14T12:00:00+09:00}")
		}
		if num("shares", 0, 1) == 0 {
			say("    shares: [{channel: calldesk, doses: %d, until: 2021-07-15T00:00:00+09:00}, {region: 서울, doses: %d}, {day: 2021-07-27, doses: %d}]",
				num("of the desk", 0, stock), num("of the region", 0, 3), num("of the day", 0, 2))
		}
		if num("invitations", 0, 1) == 0 {
			say("    invitations: {hours: %d}", num("hours", 1, 12))
		}
		say("    line: {order: arrival, inside: 100, perSecond: 1000}")
		guardians := ""
		if num("guardians", 0, 1) == 0 {
			guardians = fmt.Sprintf(", guardians: {under: %d, wards: %v}", num("under", 5, 30), num("wards", 0, 1) == 0)
		}
		say("    helpers: {allowed: true, perHelper: 3%s}", guardians)
	}
	say("timetables:\n  - {sites: all, start: 2021-07-26, days: %d, from: \"09:00\", to: \"10:00\", every: 30m, seats: %d}", num("days", 2, 6), num("seats", 1, 2))
	if num("longer at one site", 0, 1) == 0 {
		say("  - {sites: S2, start: 2021-07-26, days: %d, from: \"09:00\", to: \"10:00\", every: 30m, seats: 2}", num("days there", 7, 20))
	}
	return b.String()
}

// randomWalk is a world under random steps.
type randomWalk struct {
	*world
	rt     *rapid.T
	booked int
	lost   map[uint32]*lostDoses // by campaign
	also   []booking.Interval    // that follow-up doses were moved to by a rule of another day
}

const randomPeople = 5

// vials says how many there are of each product that counts them, at one of the two sites; the other has none.
func (r *randomWalk) vials() {
	for i := range r.Programme().Products {
		if p := &r.Programme().Products[i]; p.Vials != nil {
			id := booking.VialsCounter(1, p.Num)
			must(r.T, r.Ledger.SetCapacity(r.T.Context(), []booking.Claim{{Counter: id, Capacity: rapid.IntRange(1, 4).Draw(r.rt, "vials")}}))
		}
	}
	r.GoOn()
}

// someone is a person who comes by the web or rings the call desk.
func (r *randomWalk) someone(n int) walk.Actor {
	a := r.Actor(n)
	a.Channel = rapid.SampledFrom([]string{"web", programme.ChannelDesk}).Draw(r.rt, "channel")
	return a
}

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
	now := time.Unix(0, r.Clock.Load()).Add(time.Duration(rapid.IntRange(1, 900).Draw(r.rt, "minutes")) * time.Minute)
	if now.Before(at(17, 17, 0)) {
		r.Advance(now)
		r.GoOn()
	}
}

func (r *randomWalk) book() {
	r.bookFor(r.who(), fmt.Sprintf("c%d", rapid.IntRange(0, 1).Draw(r.rt, "campaign")), "", r.Actor(0).Key)
}

// bookFor has person n book for themselves, or for a recipient with this key.
func (r *randomWalk) bookFor(n int, campaign, recipient string, of person.Key) {
	ctx := r.T.Context()
	if recipient == "" {
		of = r.Actor(n).Key
	}
	p, _, err := r.Join(ctx, r.Actor(n), campaign, recipient)
	if !r.polite(err) {
		return
	}
	r.GoOn()
	a := r.someone(n)
	if recipient != "" {
		a.Channel = "web"
	}
	pass, err := r.Enter(ctx, a, campaign, recipient, p.Ticket, "phone", false)
	if !r.polite(err) {
		return
	}
	day := firstDay + civil.Date(rapid.IntRange(0, 3).Draw(r.rt, "day"))
	slots, err := r.SlotsFor(ctx, r.Actor(n), campaign, recipient, rapid.SampledFrom([]string{"S1", "S2"}).Draw(r.rt, "site"), day)
	if !r.polite(err) || len(slots) == 0 {
		return
	}
	slot := slots[rapid.IntRange(0, len(slots)-1).Draw(r.rt, "slot")].ID
	ask := walk.BookRequest{Slot: slot, IdempotencyKey: fmt.Sprint(r.Clock.Load(), n)}
	mine := r.keptFor(campaign, of)
	if rapid.Bool().Draw(r.rt, "hold first") {
		h, err := r.Hold(ctx, a, pass.Token, slot)
		if !r.polite(err) || rapid.IntRange(0, 2).Draw(r.rt, "goes away") == 0 {
			return
		}
		ask.Slot, ask.Hold = "", h.ID
	}
	if _, _, err := r.Book(ctx, a, pass.Token, ask); r.polite(err) {
		r.booked++
		if !mine {
			r.rt.Errorf("somebody booked in %s what is for those who lost their dose", campaign)
		}
	}
}

// own picks one of somebody's live bookings.
func (r *randomWalk) own(n int) (walk.Booking, bool) {
	list, err := r.Bookings(r.T.Context(), r.Actor(n))
	must(r.T, err)
	for _, b := range list {
		if !b.Cancelled && !b.Missed {
			return b, true
		}
	}
	return walk.Booking{}, false
}

func (r *randomWalk) cancel() {
	n := r.who()
	if b, ok := r.own(n); ok {
		_, err := r.Cancel(r.T.Context(), r.Actor(n), b.ID)
		r.polite(err)
		must(r.T, r.Round(r.T.Context())) // pages know of it a moment later
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
	slots, err := r.DoseSlots(r.T.Context(), r.Actor(n), b.ID, dose, rapid.SampledFrom([]string{"S1", "S2"}).Draw(r.rt, "site"), day)
	if !r.polite(err) || len(slots) == 0 {
		return
	}
	_, err = r.Change(r.T.Context(), r.Actor(n), b.ID, dose, slots[rapid.IntRange(0, len(slots)-1).Draw(r.rt, "slot")].ID)
	r.polite(err)
}

// check looks at everything that is booked.
func (r *randomWalk) check() {
	ctx := r.T.Context()
	for _, finding := range booking.Check(ctx, r.Ledger) {
		r.rt.Error(finding)
	}
	live := map[uint32]int{}
	all := map[person.Key][]booking.Booking{}
	firsts := map[person.Key][]string{}
	must(r.T, r.Ledger.All(ctx, func(b booking.Booking) error {
		if b.Status != booking.Booked {
			return nil
		}
		live[b.Campaign]++
		all[b.Person] = append(all[b.Person], b)
		firsts[b.Person] = append(firsts[b.Person], b.Doses[0].Slot.Product)
		r.series(&b)
		return nil
	}))
	r.distances(all)
	r.parts(all)
	r.fewer(all)
	for _, ids := range firsts {
		for i, id := range ids {
			for _, other := range ids[i+1:] {
				a, _ := r.Programme().Product(id)
				b, _ := r.Programme().Product(other)
				if slices.Contains(a.NotWith, other) || slices.Contains(b.NotWith, id) {
					r.rt.Errorf("somebody has both %s and %s", id, other)
				}
				if id == other && a.Most > 0 && 2*a.Series.Doses > a.Most && a.DoseProduct(2, born, firstDay) == id {
					r.rt.Errorf("somebody has %d doses of %s, at most %d are theirs", 2*a.Series.Doses, id, a.Most)
				}
			}
		}
	}
	for i := range r.Programme().Campaigns {
		c := &r.Programme().Campaigns[i]
		most := c.Stock
		for _, d := range c.Deliveries {
			most = max(most, c.StockAt(d.At))
		}
		if n := live[c.Num]; n > most {
			r.rt.Errorf("%d are booked in %s, which never had more than %d", n, c.ID, most)
		}
	}
}

// distances holds what one person has in two campaigns against each other.
func (r *randomWalk) distances(all map[person.Key][]booking.Booking) {
	for _, list := range all {
		for _, a := range list {
			for _, b := range list {
				if a.Campaign >= b.Campaign {
					continue
				}
				for _, d := range a.Doses {
					for _, e := range b.Doses {
						r.distance(d.Slot, e.Slot)
					}
				}
			}
		}
	}
}

func (r *randomWalk) distance(a, b booking.Slot) {
	for _, pair := range [][2]booking.Slot{{a, b}, {b, a}} {
		p, _ := r.Programme().Product(pair[0].Product)
		for _, rule := range p.Apart {
			days := int(max(a.Day-b.Day, b.Day-a.Day))
			if slices.Contains(rule.Products, pair[1].Product) && days < rule.Days && (days != 0 || !rule.SameDay) {
				r.rt.Errorf("%v and %v are %d days apart, want %+v", a, b, days, rule)
			}
		}
	}
}

// parts counts the first doses of each region, day and channel, and the vials, and holds them against what there is.
func (r *randomWalk) parts(all map[person.Key][]booking.Booking) {
	shares, opened := map[string]int{}, map[booking.Slot]int{}
	for _, list := range all {
		for _, b := range list {
			first := b.Doses[0].Slot
			shares[fmt.Sprint(b.Campaign, first.Day)]++
			shares[fmt.Sprint(b.Campaign, " at ", first.Site)]++
			for _, d := range b.Doses {
				opened[booking.Slot{Product: d.Slot.Product, Session: booking.Session{Site: d.Slot.Site, Day: d.Slot.Day}}]++
			}
		}
	}
	for i := range r.Programme().Campaigns {
		c := &r.Programme().Campaigns[i]
		for _, s := range c.Shares {
			n := shares[fmt.Sprint(c.Num, s.Day)]
			if s.Region != "" {
				n = shares[fmt.Sprint(c.Num, " at ", 1)]
			}
			if s.Channel == "" && n > s.Doses {
				r.rt.Errorf("%d first doses of %s where %+v is all", n, c.ID, s)
			}
		}
	}
	vials := map[booking.Counter]int{}
	for at, doses := range opened {
		if p, _ := r.Programme().Product(at.Product); p.Vials != nil {
			vials[booking.VialsCounter(at.Site, p.Num)] += booking.VialsFor(doses, p.DosesPerVial)
		}
	}
	have := map[booking.Counter]int{}
	_, err := r.Ledger.Counters(r.T.Context(), func(st booking.CounterState) { have[st.Counter] = st.Capacity })
	must(r.T, err)
	for id, n := range vials {
		if n > have[id] {
			r.rt.Errorf("%d vials of %v are opened, there are %d", n, id, have[id])
		}
	}
}

// series holds a booking against the rules.
func (r *randomWalk) series(b *booking.Booking) {
	c, _ := r.Programme().CampaignByNum(b.Campaign)
	first, _ := r.Programme().Product(b.Doses[0].Slot.Product)
	if len(b.Doses) != first.Series.Doses {
		r.rt.Errorf("a series of %s has %d doses, want %d", first.ID, len(b.Doses), first.Series.Doses)
	}
	born := r.bornOf(b.Person)
	if !first.Suits(born, b.Doses[0].Slot.Day) {
		r.rt.Errorf("%s is not for somebody of this age", first.ID)
	}
	for i, d := range b.Doses {
		region, kind := "서울특별시", "clinic"
		if d.Slot.Site == 2 {
			region, kind = "부산광역시", "hospital"
		}
		if !hasSession(r.Programme(), fmt.Sprintf("S%d", d.Slot.Site), kind, region, d.Slot, i == 0) {
			r.rt.Errorf("dose %d is at %v, where no session is", i+1, d.Slot)
		}
		if i == 0 {
			continue
		}
		before := b.Doses[i-1].Slot.Day
		iv := first.Series.Interval(c.ID, before)
		rules := append([]booking.Interval{{Default: iv.Default, Min: iv.Min, Max: iv.Max}}, r.also...)
		if !slices.ContainsFunc(rules, func(iv booking.Interval) bool { return booking.LegalInterval(before, d.Slot.Day, iv) }) {
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
