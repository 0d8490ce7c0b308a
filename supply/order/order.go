// Package order is what is done in the supply room: a verdict on boxes with everything that follows from it, written down as a plan that can
// be read before anything happens, carried out, and gone on with where it was interrupted.
//
// It owns what a hold, a release, a recall and a destruction mean for the vials of sites and for appointments, and the form of a plan. It must not
// know of engines, files or faces: it is given the ledger, the rules, the sites, the trace and the verdicts. Temperatures are judged by supply;
// who loses a dose and where it goes is decided by supply/relief.
package order

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/relief"
	"charye/supply/trace"
)

// World is what plans are made from. What is booked is read when a plan asks for it.
type World struct {
	Programme *programme.Programme
	Sites     *site.Index
	Trace     *trace.Trace
	Register  *supply.Register
	Kept      []supply.Verdict
	Now       time.Time

	ahead  Ahead
	free   *booking.Snapshot
	opened map[vialsOf]int // vials opened by what is booked on days that are over
	series map[int64]booking.Ahead
}

type vialsOf struct {
	site    site.Num
	product uint16
}

// Ahead is the part of a [booking.Ledger] that plans read.
type Ahead interface {
	Ahead(ctx context.Context, sites []site.Num, from civil.Date, yield func(booking.Ahead) error) error
}

// Load reads the verdicts. free is how much of the ledger's counters is taken, as of now or a little earlier; t must be of the same programme.
func Load(ctx context.Context, l Ahead, free *booking.Snapshot, v supply.Verdicts, p *programme.Programme, sites *site.Index, t *trace.Trace, now time.Time) (*World, error) {
	w := &World{Programme: p, Sites: sites, Trace: t, Now: now, ahead: l, free: free, opened: map[vialsOf]int{}, series: map[int64]booking.Ahead{}}
	var err error
	if w.Register, w.Kept, err = supply.Registered(ctx, v); err != nil {
		return nil, err
	}
	today := w.Today()
	free.Each(booking.KindOpened, func(c booking.Counter) {
		if at, day, vial, ok := c.Opened(); ok && day < today {
			w.opened[vialsOf{at, vial.Product}] += booking.VialsFor(free.Used(c), vial.Doses)
		}
	})
	return w, nil
}

// Booked lists the appointments to come at sites, the last booked first.
func (w *World) Booked(ctx context.Context, at []site.Num) (map[site.Num][]supply.Appointment, error) {
	today := w.Today()
	minute := int(w.Now.Sub(today.At(0, w.Programme.Zone)) / time.Minute)
	out := make(map[site.Num][]supply.Appointment, len(at))
	for _, n := range at {
		out[n] = nil
	}
	if err := w.ahead.Ahead(ctx, at, today, func(b booking.Ahead) error {
		for i, s := range b.Slots {
			list, wanted := out[s.Site]
			if !wanted || s.Day < today || s.Day == today && s.Minute <= minute {
				continue
			}
			out[s.Site] = append(list, supply.Appointment{
				Booking: b.ID, Person: b.Person, Site: s.Site, Day: s.Day, Minute: int16(s.Minute), Dose: uint8(i + 1), Product: s.Product, Made: b.MadeAt.UnixNano(),
			})
			if len(b.Slots) > 1 {
				w.series[b.ID] = b
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	for _, list := range out {
		slices.SortFunc(list, supply.LastBooked)
	}
	return out, nil
}

// Index reads the appointments to come at sites into the trace's index, which has none of them yet.
func (w *World) Index(ctx context.Context, at []site.Num) error {
	for some := range slices.Chunk(at, relief.ReadAtOnce) {
		found, err := w.Booked(ctx, some)
		if err != nil {
			return err
		}
		for _, n := range some {
			for _, a := range found[n] {
				w.Trace.Index.AddAppointment(a)
			}
		}
	}
	return nil
}

// Today is the day where the programme is.
func (w *World) Today() civil.Date { return civil.Of(w.Now, w.Programme.Zone) }

// OfLot lists the boxes of a lot that a verdict can be about, by where they are now.
func (w *World) OfLot(lot string, v supply.Verdict) (out []supply.SSCC) {
	v.At = w.Now
	for _, k := range w.Trace.OfLot(lot) {
		one := v
		one.Boxes = []supply.SSCC{k}
		if w.Register.Allows(one) == nil {
			out = append(out, k)
		}
	}
	return out
}

// Reach bounds where people may be sent.
type Reach struct {
	Metres int
	Until  civil.Date
	Notice time.Duration // nothing moves to a session that begins sooner than this from now
}

// ErrReach means that a plan is asked for without bounds.
var ErrReach = errors.New("want how far and until when people may be moved")

// Progress is how far a plan is.
type Progress = relief.Progress

// Asked is how a plan is asked for, beside the verdict.
type Asked struct {
	Reach   Reach
	Earlier *Plan // of a release: the plan of the hold that it ends, so that people can go back; nil: they stay where they are
	// Progress is told now and then how far the plan is; nil: nobody.
	Progress func(Progress)
}

// Make plans a verdict. Nothing is changed. What the register refuses is refused here. Of the ledger it reads, some sites at a time, what is booked where
// doses are held and near there; it ends with the error of ctx soon after that is over.
func (w *World) Make(ctx context.Context, v supply.Verdict, asked Asked) (*Plan, error) {
	reach, earlier := asked.Reach, asked.Earlier
	if reach.Metres < 0 || reach.Until < w.Today() {
		return nil, ErrReach
	}
	for _, b := range v.Boxes {
		if _, ok := w.Trace.Box(b); !ok {
			return nil, fmt.Errorf("%w: %s; no event of custody tells what is in it", supply.ErrUnknownBox, b)
		}
	}
	after := supply.NewRegister()
	if err := after.Replay(w.Kept); err != nil {
		return nil, err
	}
	v.At = w.Now.UTC()
	decided, err := after.Decide(v)
	if err != nil {
		return nil, err
	}
	decided.Seq = 0 // given when it is kept
	p := &Plan{Programme: w.Programme.ID, Verdict: decided, Back: v.Action == supply.Release}
	stock, freed := w.stock(after, p)
	if p.Back {
		if earlier != nil {
			p.back(earlier, freed)
		}
		return p, nil
	}
	rules := w.rules(reach)
	rules.Progress = func(at relief.Progress) error {
		if asked.Progress != nil {
			asked.Progress(at)
		}
		return ctx.Err()
	}
	made, err := relief.Make(rules, stock, func(at []site.Num) (map[site.Num][]supply.Appointment, error) { return w.Booked(ctx, at) })
	if err != nil {
		return nil, err
	}
	p.Needs = made.Needs
	for _, m := range made.Moves {
		p.Moves = append(p.Moves, Move{m.Booking, m.Dose, m.From, m.To, m.Metres})
	}
	for _, a := range made.Without {
		p.Without = append(p.Without, Left{a.Booking, int(a.Dose), a.Site, a.Product})
	}
	return p, nil
}

// shelf is a product at a site.
type shelf struct {
	site    site.Num
	product string
}

// stock is what every site has when the register is as after, and, for a release, the doses that come free. It writes into the plan how
// many boxes change and how many vials the sites' counters lose or get.
func (w *World) stock(after *supply.Register, p *Plan) (stock, freed []relief.Stock) {
	usable, held, back := map[shelf]int{}, map[shelf]int{}, map[shelf]int{}
	vials := map[shelf]int{} // that come or go
	touched := map[site.Num]bool{}
	for _, k := range w.Trace.Boxes() {
		b, _ := w.Trace.Box(k)
		was, is := w.Register.State(k) == supply.Usable, after.State(k) == supply.Usable
		if was != is {
			p.Boxes++
			p.Doses += b.Left()
		}
		if b.Site == 0 {
			continue
		}
		s := shelf{b.Site, b.Product}
		switch {
		case was && is:
			usable[s] += b.Left()
		case was:
			held[s] += b.Left()
			vials[s] += booking.VialsFor(b.Left(), b.DosesPerVial)
			touched[b.Site] = true
		case is:
			usable[s] += b.Left()
			back[s] += b.Left()
			vials[s] += booking.VialsFor(b.Left(), b.DosesPerVial)
			touched[b.Site] = true
		}
	}
	p.Sites = len(touched)
	seen := map[shelf]bool{}
	add := func(s shelf) {
		product, ok := w.Programme.Product(s.product)
		if !ok || seen[s] {
			return
		}
		seen[s] = true
		x := relief.Stock{Site: s.site, Product: s.product, Usable: usable[s], Held: held[s], PerVial: product.DosesPerVial}
		free := relief.Stock{Site: s.site, Product: s.product, Usable: back[s], PerVial: product.DosesPerVial}
		if product.Vials != nil {
			has, _ := w.free.Capacity(booking.VialsCounter(s.site, product.Num))
			to := has - vials[s]
			if p.Back {
				to = has + vials[s]
			}
			to = max(0, to)
			x.Counted, x.Vials = true, max(0, to-w.opened[vialsOf{s.site, product.Num}])
			x.Usable = x.Vials * x.PerVial
			if to != has {
				p.Vials = append(p.Vials, Vials{Site: s.site, Product: s.product, Num: product.Num, From: has, To: to})
			}
		}
		stock, freed = append(stock, x), append(freed, free)
	}
	for _, m := range []map[shelf]int{usable, held} {
		for s := range m {
			add(s)
		}
	}
	w.free.Each(booking.KindVials, func(c booking.Counter) { // sites whose boxes nobody told of can take people too
		at, num, _ := c.Vials()
		for i := range w.Programme.Products {
			if q := &w.Programme.Products[i]; q.Vials != nil && q.Num == num {
				add(shelf{at, q.ID})
			}
		}
	})
	slices.SortFunc(p.Vials, func(a, b Vials) int { return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(a.Product, b.Product)) })
	return stock, freed
}

// rules are the programme's, in relief's words.
func (w *World) rules(reach Reach) relief.Rules {
	today := w.Today()
	soonest := w.Now.Add(reach.Notice)
	firstDay := civil.Of(soonest, w.Programme.Zone)
	firstMinute := int(soonest.Sub(firstDay.At(0, w.Programme.Zone)) / time.Minute)
	return relief.Rules{
		Sites: w.Sites, Sessions: w.sessions, Free: w.free.Free, Used: w.free.Used, Vial: w.vial, Apart: w.apart,
		From: today, Until: reach.Until, Metres: reach.Metres,
		Legal: func(a supply.Appointment, to booking.Slot) bool {
			return (to.Day > firstDay || to.Day == firstDay && to.Minute > firstMinute) && w.keeps(a, to)
		},
	}
}

func (w *World) sessions(at site.Num, day civil.Date) (out []booking.SessionInfo) {
	s, ok := w.Sites.ByNum(at)
	if !ok {
		return nil
	}
	for _, x := range w.Programme.Sessions(s.ID, s.Kind, s.Region, day) {
		out = append(out, booking.SessionInfo{Minute: x.Minute, Minutes: x.Minutes, Seats: x.Seats})
	}
	return out
}

func (w *World) vial(product string) booking.Vial {
	if p, ok := w.Programme.Product(product); ok && p.Vials != nil {
		return booking.Vial{Product: p.Num, Doses: p.DosesPerVial}
	}
	return booking.Vial{}
}

func (w *World) apart(first string) (out []booking.Apart) {
	if p, ok := w.Programme.Product(first); ok {
		for _, a := range w.Programme.AwayFrom(p, w.Today()) {
			out = append(out, booking.Apart(a))
		}
	}
	return out
}

// keeps reports whether a dose at a slot keeps the intervals to its neighbours in the series.
func (w *World) keeps(a supply.Appointment, to booking.Slot) bool {
	b := w.series[a.Booking]
	doses := b.Slots
	if len(doses) < 2 {
		return true
	}
	c, ok := w.Programme.CampaignByNum(b.Campaign)
	p, known := w.Programme.Product(doses[0].Product)
	if !ok || !known {
		return false
	}
	legal := func(before int, from, to civil.Date) bool {
		if b.Visits[before] == booking.Spoilt {
			first, ruled := p.Series.AgainFrom(from)
			return ruled && to >= first
		}
		iv := p.Series.Interval(c.ID, from)
		return booking.LegalInterval(from, to, booking.Interval{Default: iv.Default, Min: iv.Min, Max: iv.Max})
	}
	i := int(a.Dose) - 1
	return (i == 0 || legal(i-1, doses[i-1].Day, to.Day)) && (i+1 >= len(doses) || legal(i, to.Day, doses[i+1].Day))
}

// Who gives the people of bookings, for [trace.Rules]: those of all bookings that the events of custody name. It reads the whole ledger.
func Who(ctx context.Context, l booking.Ledger) (func(int64) (person.Key, bool), error) {
	people := map[int64]person.Key{}
	err := l.All(ctx, func(b booking.Booking) error { people[b.ID] = b.Person; return nil })
	return func(id int64) (person.Key, bool) { k, ok := people[id]; return k, ok }, err
}

// PerBooking stands for people where at most their number is asked for: who has one booking is one.
func PerBooking(id int64) (k person.Key, ok bool) {
	k[0] = 0xb0
	for i := range 8 {
		k[15-i] = byte(id >> (8 * i))
	}
	return k, true
}

// BookingOf is the booking that [PerBooking] gave a key; ok is false for any other key.
func BookingOf(k person.Key) (id int64, ok bool) {
	for i := range 8 {
		id |= int64(k[15-i]) << (8 * i)
	}
	again, _ := PerBooking(id)
	return id, k == again
}

// Products are the storage rules of a programme, and how many doses are in a vial.
func Products(p *programme.Programme) (list []*supply.Product, perVial map[string]int) {
	perVial = map[string]int{}
	for i := range p.Products {
		if q := &p.Products[i]; q.Storage != nil {
			list, perVial[q.ID] = append(list, q.Storage), q.DosesPerVial
		}
	}
	return list, perVial
}
