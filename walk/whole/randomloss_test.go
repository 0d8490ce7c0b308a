package whole_test

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"pgregory.net/rapid"

	"charye/booking"
	"charye/booking/moves"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/reduce"
	"charye/reschedule"
	"charye/site"
	"charye/walk"
)

// lostDoses is what the test knows of a campaign's doses that went.
type lostDoses struct {
	went int       // in all, less what was given back
	at   time.Time // when the last went and all who had to lose had lost
	plan []byte    // the last one that is not undone
	net  int       // by which that one changed the doses
}

// The people whom helpers know beside those who come themselves.
const (
	grownUp = 100 // of the roster of residents
	child   = 201
)

var childBorn = civil.New(2010, 3, 2)

func (r *randomWalk) bornOf(who person.Key) civil.Date {
	if who == r.Actor(child).Key {
		return childBorn
	}
	return born
}

func (r *randomWalk) instant() time.Time { return time.Unix(0, r.Clock.Load()) }

func (r *randomWalk) allSites() []site.Site {
	all, err := r.SiteStore.All(r.T.Context())
	must(r.T, err)
	return all
}

// live gives what is booked, by id.
func (r *randomWalk) live() map[int64]booking.Booking {
	out := map[int64]booking.Booking{}
	must(r.T, r.Ledger.All(r.T.Context(), func(b booking.Booking) error {
		if b.Status == booking.Booked {
			out[b.ID] = b
		}
		return nil
	}))
	return out
}

func (r *randomWalk) counter(id booking.Counter) (st booking.CounterState) {
	_, err := r.Ledger.Counters(r.T.Context(), func(s booking.CounterState) {
		if s.Counter == id {
			st = s
		}
	})
	must(r.T, err)
	return st
}

// keptFor reports whether somebody may book in a campaign as far as those are concerned who lost a dose: nobody waits for one, or a dose is kept for them.
func (r *randomWalk) keptFor(campaign string, who person.Key) bool {
	c, _ := r.Programme().Campaign(campaign)
	_, kept, err := r.Ledger.Hold(r.T.Context(), who, c.Num)
	must(r.T, err)
	return kept || r.counter(booking.DisplacedCounter(c.Num)).Used == 0
}

// reduceSome takes doses from a campaign: those lose who booked last, and nobody else changes.
func (r *randomWalk) reduceSome() {
	ctx, c := r.T.Context(), &r.Programme().Campaigns[rapid.IntRange(0, 1).Draw(r.rt, "campaign")]
	doses := rapid.IntRange(1, 3).Draw(r.rt, "went")
	now := r.instant()
	var plan bytes.Buffer
	rules := moves.Rules{Programme: r.Programme(), Sites: r.allSites()}
	sum, err := reduce.Plan(ctx, r.Ledger, rules, reduce.Wish{Campaign: c.ID, Doses: doses, Why: "went"}, now, &plan)
	if errors.Is(err, reduce.ErrTooMany) || errors.Is(err, reduce.ErrNotThere) { // so many are held by people who are choosing; so many there are not
		return
	}
	must(r.T, err)
	before := r.live()
	o, err := reduce.Carry(ctx, r.Ledger, rules, bytes.NewReader(plan.Bytes()), reduce.Way{Now: func() time.Time { return now }})
	must(r.T, err)
	if o.Full == 0 && (o.Short > 0 || o.Moved+o.Displaced+o.Spared != sum.Lose) {
		r.rt.Errorf("planned %+v, done %+v", *sum, o)
	}
	after := r.live()
	var lastKept, firstLost time.Time
	for id, b := range before {
		if b.Campaign != c.Num || !claims(&b, booking.StockCounter(c.Num)) {
			continue
		}
		is, stands := after[id]
		if stands && slices.EqualFunc(is.Doses, b.Doses, func(a, b booking.Dose) bool { return a.Slot == b.Slot }) {
			if b.MadeAt.After(lastKept) {
				lastKept = b.MadeAt
			}
		} else if firstLost.IsZero() || b.MadeAt.Before(firstLost) {
			firstLost = b.MadeAt
		}
	}
	if !c.Channeled() && !firstLost.IsZero() && lastKept.After(firstLost) {
		r.rt.Errorf("somebody lost a dose who booked before somebody who has theirs")
	}
	l := r.lost[c.Num]
	if l == nil {
		l = &lostDoses{}
		r.lost[c.Num] = l
	}
	l.went, l.plan, l.net = l.went+doses, plan.Bytes(), doses
	if o.Short == 0 {
		l.at = now
	}
	r.GoOn()
}

func claims(b *booking.Booking, id booking.Counter) bool {
	return slices.ContainsFunc(b.Shared, func(c booking.Claim) bool { return c.Counter == id })
}

// giveBack undoes the last plan.
func (r *randomWalk) giveBack() {
	for i := range r.Programme().Campaigns {
		l := r.lost[r.Programme().Campaigns[i].Num]
		if l == nil || l.plan == nil || rapid.Bool().Draw(r.rt, "another") {
			continue
		}
		rules := moves.Rules{Programme: r.Programme(), Sites: r.allSites()}
		o, err := reduce.Carry(r.T.Context(), r.Ledger, rules, bytes.NewReader(l.plan), reduce.Way{Undo: true, Now: r.instant})
		must(r.T, err)
		if o.Spared != 0 {
			r.rt.Errorf("undone: %+v", o)
		}
		l.went, l.plan = l.went-l.net, nil
		r.GoOn()
		return
	}
}

// fewer holds what is booked against what there is since doses went: never more than was on offer at some moment since then.
func (r *randomWalk) fewer(all map[person.Key][]booking.Booking) {
	now := r.instant()
	for i := range r.Programme().Campaigns {
		c := &r.Programme().Campaigns[i]
		l := r.lost[c.Num]
		if l == nil {
			l = &lostDoses{}
		}
		come := c.Come(now, r.Programme().Zone)
		n, due, forward := 0, 0, 0
		for _, list := range all {
			for _, b := range list {
				switch {
				case b.Campaign != c.Num:
				case slices.ContainsFunc(come, func(day civil.Date) bool { return claims(&b, booking.ForwardCounter(c.Num, day)) }):
					due++
				case claims(&b, booking.StockCounter(c.Num)):
					n++
				default:
					forward++
				}
			}
		}
		if got, err := r.Campaign(r.T.Context(), c.ID); err != nil || got.OnOffer != max(0, c.StockAt(now)-l.went-due) {
			r.rt.Errorf("%d doses of %s are on offer (%v); the rules say %d, of which %d went and %d were booked before they came", got.OnOffer, c.ID, err, c.StockAt(now), l.went, due)
		}
		if l.at.IsZero() {
			continue
		}
		most := max(0, c.StockAt(l.at)-l.went)
		moments := []time.Time{now, c.HoldBack.Until}
		for _, d := range c.Deliveries {
			moments = append(moments, d.At)
		}
		for _, t := range moments {
			if t.After(l.at) && !t.After(now) {
				most = max(most, c.StockAt(t)-l.went)
			}
		}
		n += due
		coming := 0
		for _, doses := range c.Coming(now, r.Programme().Zone) {
			coming += doses
		}
		if n > most || forward > coming {
			r.rt.Errorf("%d are booked in %s, and %d of what is to come; since %d went there never were more than %d, and %d are to come", n, c.ID, forward, l.went, most, coming)
		}
	}
}

// rescheduleSome moves follow-up doses to another interval: to another site only where they can neither stay nor find room, and not beyond reach.
func (r *randomWalk) rescheduleSome() {
	ctx := r.T.Context()
	var series []booking.Booking // that have a second dose
	for _, b := range r.live() {
		if len(b.Doses) > 1 {
			series = append(series, b)
		}
	}
	if len(series) == 0 {
		return
	}
	slices.SortFunc(series, func(a, b booking.Booking) int { return int(a.ID - b.ID) })
	of := series[rapid.IntRange(0, len(series)-1).Draw(r.rt, "whose")]
	i := slices.IndexFunc(r.Programme().Products, func(p programme.Product) bool { return p.ID == of.Doses[0].Slot.Product })
	c, _ := r.Programme().CampaignByNum(of.Campaign)
	least := rapid.IntRange(1, 25).Draw(r.rt, "new min")
	iv := programme.Interval{From: civil.New(2021, 1, 1), Min: least, Default: least + rapid.IntRange(0, 1).Draw(r.rt, "new default")}
	iv.Max = iv.Default + rapid.IntRange(0, 1).Draw(r.rt, "new max")
	changed := *r.Programme()
	changed.Products = slices.Clone(r.Programme().Products)
	changed.Products[i].Series.Intervals = []programme.Interval{iv}
	product := &changed.Products[i]
	metres := rapid.SampledFrom([]int{0, 10_000, 10_000, 400_000}).Draw(r.rt, "metres")
	rules := moves.Rules{Programme: &changed, Sites: r.allSites()}
	var plan bytes.Buffer
	wish := reschedule.Wish{Campaign: c.ID, Product: product.ID, Dose: 2, Metres: metres, Why: "interval"}
	sum, err := reschedule.Plan(ctx, r.Ledger, rules, wish, r.instant(), &plan)
	must(r.T, err)
	before := r.live()
	o, err := reschedule.Carry(ctx, r.Ledger, rules, bytes.NewReader(plan.Bytes()), reschedule.Way{Now: r.instant})
	must(r.T, err)
	rule := booking.Interval{Default: iv.Default, Min: iv.Min, Max: iv.Max}
	moved := 0
	for id, is := range r.live() {
		was := before[id]
		if was.Campaign != c.Num || len(is.Doses) < 2 || is.Doses[1].Slot == was.Doses[1].Slot {
			continue
		}
		moved++
		first, from, to := is.Doses[0].Slot, was.Doses[1].Slot, is.Doses[1].Slot
		if !booking.LegalInterval(first.Day, to.Day, rule) {
			r.rt.Errorf("moved to %v, %d days after the first dose, want %+v", to, to.Day-first.Day, rule)
		}
		// The two sites are 325 km from each other.
		if to.Site != from.Site && (metres < 400_000 || booking.LegalInterval(first.Day, from.Day, rule)) {
			r.rt.Errorf("sent from %v to %v, within %d m at most", from, to, metres)
		}
	}
	if moved != o.Moved || moved > sum.Moved {
		r.rt.Errorf("%d moved; planned %+v, done %+v", moved, *sum, o)
	}
	if rapid.Bool().Draw(r.rt, "taken back") {
		o, err := reschedule.Carry(ctx, r.Ledger, rules, bytes.NewReader(plan.Bytes()), reschedule.Way{Undo: true, Now: r.instant})
		must(r.T, err)
		for id, is := range r.live() {
			if was := before[id]; o.Full == 0 && !slices.EqualFunc(is.Doses, was.Doses, func(a, b booking.Dose) bool { return a.Slot == b.Slot }) {
				r.rt.Errorf("taken back: %v, was %v", is.Doses, was.Doses)
			}
		}
		if o.Full == 0 {
			r.GoOn()
			return
		}
	}
	r.also = append(r.also, rule)
	r.GoOn()
}

// help has somebody act for another as family or as guardian, which goes exactly where the campaign's rules say so, and book for them.
func (r *randomWalk) help() {
	c := &r.Programme().Campaigns[rapid.IntRange(0, 1).Draw(r.rt, "campaign")]
	n := r.who()
	whom := rapid.SampledFrom([]int{grownUp, child}).Draw(r.rt, "whom")
	of := r.Actor(whom).Key
	guardian := rapid.Bool().Draw(r.rt, "as guardian")
	got, err := r.AddRecipient(r.T.Context(), r.Actor(n), walk.NewRecipient{
		Campaign: c.ID, Name: "이웃", Born: r.bornOf(of), Identity: person.Trial(whom).Identity, Consent: true, Guardian: guardian,
	})
	g := c.Helpers.Guardians
	young := g != nil && r.bornOf(of) == childBorn && g.Under > 11 // in July 2021
	may := !guardian && !young || guardian && g != nil && (young || g.Wards)
	if r.polite(err) != may {
		r.rt.Errorf("a helper of somebody born on %v, as guardian %v: %v; guardians are %+v", r.bornOf(of), guardian, err, g)
	}
	if err == nil {
		r.bookFor(n, c.ID, got.ID, of)
	}
}
