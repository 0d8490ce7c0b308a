package delivery

import (
	"context"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/trace"
)

// World is what a plan is gathered from, as it was read at one moment.
type World struct {
	Programme *programme.Programme
	Sites     *site.Index
	Trace     *trace.Trace
	Register  *supply.Register
	Now       time.Time
	// Overdue and Handover are those of [supply.AsOf]: how boxes are judged.
	Overdue, Handover time.Duration
}

// Gather reads what is booked and where boxes are. The days that are asked for are set by the caller.
//
// Needs are the vials that what is booked opens, by site and day, second doses and held seats included; of today what is left of them. Of days that are over
// it counts as used what was booked, where vials are counted and no dose of that day was told.
func Gather(ctx context.Context, l booking.Ledger, w World) (Input, error) {
	g := newGatherer(&w)
	g.doses()
	if err := g.bookings(ctx, l); err != nil {
		return Input{}, err
	}
	boxes := g.boxes()
	in := Input{Programme: w.Programme, Sites: w.Sites, Now: w.Now, From: g.today, Days: 1, Boxes: boxes}
	for k, doses := range g.booked {
		if k.day < g.today {
			continue
		}
		per := g.products[k.product].DosesPerVial
		vials := booking.VialsFor(doses, per)
		if k.day == g.today { // a vial is open for the rest of the day
			vials = max(0, vials-booking.VialsFor(g.given[k], per))
		}
		in.Needs = append(in.Needs, Need{Site: k.site, Day: k.day, Product: k.product, Vials: vials})
	}
	unknown := false
	if s := w.Programme.ShippingOn(g.today); s != nil {
		unknown = s.Unknown
	}
	in.Room = func(k supply.SSCC) (time.Duration, bool) { return w.Trace.Index.Travel(k, g.at, unknown) }
	return in, nil
}

// shelfOf is a product at a site, dayOf that on a day.
type (
	shelfOf struct {
		site    site.Num
		product string
	}
	dayOf struct {
		shelfOf
		day civil.Date
	}
)

type gatherer struct {
	w        *World
	at       supply.AsOf
	today    civil.Date
	products map[string]*programme.Product // those that are shipped
	counted  map[uint16]string             // those whose vials the ledger counts, by number
	booked   map[dayOf]int                 // doses
	given    map[dayOf]int                 // doses that were told
	first    map[shelfOf]civil.Date        // since when a site has had boxes
}

func newGatherer(w *World) *gatherer {
	g := &gatherer{
		w: w, today: civil.Of(w.Now, w.Programme.Zone), booked: map[dayOf]int{}, given: map[dayOf]int{}, first: map[shelfOf]civil.Date{}, counted: map[uint16]string{},
		products: map[string]*programme.Product{}, at: supply.AsOf{At: w.Now, Zone: w.Programme.Zone, Overdue: w.Overdue, Handover: w.Handover},
	}
	for i := range w.Programme.Shipping {
		for _, s := range w.Programme.Shipping[i].Products {
			if p, ok := w.Programme.Product(s.Product); ok {
				g.products[p.ID] = p
				if p.Vials != nil {
					g.counted[p.Num] = p.ID
				}
			}
		}
	}
	return g
}

// bookings counts what is booked: as the ledger counts it where it counts vials, else booking by booking.
func (g *gatherer) bookings(ctx context.Context, l booking.Ledger) error {
	if _, err := l.Counters(ctx, func(st booking.CounterState) {
		at, day, v, ok := st.Counter.Opened()
		if id := g.counted[v.Product]; ok && id != "" && st.Used > 0 {
			g.booked[dayOf{shelfOf{at, id}, day}] += st.Used
		}
	}); err != nil {
		return err
	}
	return l.All(ctx, func(b booking.Booking) error {
		if b.Status != booking.Booked {
			return nil
		}
		for i := range b.Doses {
			s := &b.Doses[i].Slot
			if p := g.products[s.Product]; p != nil && p.Vials == nil && s.Day >= g.today {
				g.booked[dayOf{shelfOf{s.Site, s.Product}, s.Day}]++
			}
		}
		return nil
	})
}

// doses counts what was told to be given, and since when sites have had boxes.
func (g *gatherer) doses() {
	t := g.w.Trace
	t.Index.EachGiven(func(d supply.Given) bool {
		if b, ok := t.Box(d.Box); ok {
			g.given[dayOf{shelfOf{d.Site, b.Product}, civil.Of(d.At, g.w.Programme.Zone)}]++
		}
		return true
	})
	for i := range t.Legs {
		l := &t.Legs[i]
		for _, k := range l.Boxes {
			b, ok := t.Box(k)
			if s := (shelfOf{l.Site, b.Product}); ok && l.Site != 0 {
				if _, there := g.first[s]; !there { // legs are by their beginning
					g.first[s] = civil.Of(l.Begin, g.w.Programme.Zone)
				}
			}
		}
	}
}

// untold is how many vials a site opened of which nobody told.
func (g *gatherer) untold() map[shelfOf]int {
	out := map[shelfOf]int{}
	for k, doses := range g.booked {
		p := g.products[k.product]
		if first, had := g.first[k.shelfOf]; k.day < g.today && p.Vials != nil && had && k.day >= first && g.given[k] == 0 {
			out[k.shelfOf] += booking.VialsFor(doses, p.DosesPerVial)
		}
	}
	return out
}
