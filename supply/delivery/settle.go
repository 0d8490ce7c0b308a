package delivery

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/journal"
	"charye/supply/trace"
)

// ErrChanged means that what was to be settled is not so any more, or never was by the rules.
var ErrChanged = errors.New("it is not so any more")

// Promises are what a plan sends, box by box, as [ReadPromises] reads them.
func (p *Plan) Promises() (out []Promise) {
	for _, list := range [][]Shipment{p.Shipments, p.Transfers} {
		for i := range list {
			s := &list[i]
			for _, l := range s.Loads {
				out = append(out, Promise{Box: l.Box, Product: l.Product, Depot: s.Depot, Giver: s.Giver, Site: s.Site, CutOff: s.CutOff, Leaves: s.Leaves, Arrives: s.Arrives})
			}
		}
	}
	return out
}

// Departures puts promises together that leave one place at one time with one product: what is settled as one. Cut-offs and days of arrival are those of the
// rules for that product; a promise that the rules do not have is refused as [ErrChanged], naming its line. The first cut-off comes first.
func (w *World) Departures(list []Promise) ([]journal.Departure, error) {
	rules, err := newCalendar(&Input{Programme: w.Programme, Sites: w.Sites, Now: w.Now}, civil.Of(w.Now, w.Programme.Zone))
	if err != nil {
		return nil, err
	}
	type key struct {
		depot   string
		giver   site.Num
		product string
		leaves  int64
	}
	at := map[key]int{}
	var out []journal.Departure
	for i := range list {
		p := &list[i]
		way, err := w.wayOf(rules, p)
		if err != nil {
			if p.Line > 0 {
				err = fmt.Errorf("line %d: %w", p.Line, err)
			}
			return nil, err
		}
		k := key{p.Depot, p.Giver, p.Product, way.leaves.Unix()}
		n, ok := at[k]
		if !ok {
			n = len(out)
			at[k] = n
			giver, _ := w.Sites.ByNum(p.Giver)
			out = append(out, journal.Departure{Depot: p.Depot, Giver: giver.ID, Product: p.Product, Leaves: way.leaves.UTC(), CutOff: way.cutOff.UTC()})
		}
		l := journal.Load{Box: p.Box, Arrives: way.arrive}
		to, _ := w.Sites.ByNum(p.Site)
		l.Site = to.ID
		if x, ok := w.Trace.Box(p.Box); ok {
			l.Lot = x.Lot.ID
			l.Vials, _ = whole(x)
			l.Expires, _ = w.Trace.Expires(x.Lot)
		}
		out[n].Loads = append(out[n].Loads, l)
	}
	for i := range out {
		slices.SortFunc(out[i].Loads, func(a, b journal.Load) int { return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(a.Box, b.Box)) })
	}
	slices.SortStableFunc(out, func(a, b journal.Departure) int {
		return cmp.Or(a.CutOff.Compare(b.CutOff), a.Leaves.Compare(b.Leaves), cmp.Compare(slices.Index(rules.depots, a.Depot), slices.Index(rules.depots, b.Depot)),
			cmp.Compare(a.Giver, b.Giver), cmp.Compare(a.Product, b.Product))
	})
	return out, nil
}

// wayOf is the departure of the rules that a promise goes with.
func (w *World) wayOf(rules *calendar, p *Promise) (way, error) {
	day := civil.Of(p.Leaves, w.Programme.Zone)
	var found way
	ok := false
	if p.Depot != "" {
		to, _ := w.Sites.ByNum(p.Site)
		if d := slices.Index(rules.depots, p.Depot); d >= 0 {
			found, ok = rules.departure(d, rules.region(to.Region), p.Product, day)
		}
	} else if s := w.Programme.ShippingOn(day); s != nil && s.Transfers != nil {
		leaves := day.At(s.Transfers.Leaves, w.Programme.Zone)
		found, ok = way{leave: day, leaves: leaves, arrive: day + civil.Date(s.Transfers.Transport), cutOff: s.Transfers.CutOff.Of(leaves)}, true
	}
	if !ok || !found.leaves.Equal(p.Leaves) {
		return way{}, fmt.Errorf("%w: by the rules of shipping box %s of %s does not leave at %s; plan anew", ErrChanged, p.Box, p.Product, p.Leaves.In(w.Programme.Zone).Format(time.RFC3339))
	}
	return found, nil
}

// Fate is what has become of a promise.
type Fate struct {
	Promise
	Why journal.Why // empty: it waits
	To  string      // with [journal.Left]: the site or place, when somebody told
	Bar Bar         // of one that waits: what is against the box leaving now; empty: nothing
}

// Fates says what has become of promises, as custody and verdicts are now.
func (w *World) Fates(list []Promise) []Fate {
	g := newGatherer(w)
	for i := range w.Programme.Products { // also what is not shipped any more
		g.products[w.Programme.Products[i].ID] = &w.Programme.Products[i]
	}
	depots := g.places()
	late := lateAfter(w.Programme, g.today)
	out := make([]Fate, len(list))
	for i := range list {
		f := Fate{Promise: list[i]}
		x, known := w.Trace.Box(f.Box)
		var b Box
		there := false
		if known {
			b, there = g.stands(x, depots)
		}
		switch {
		case !known:
			f.Bar = Elsewhere
		case w.Register.State(f.Box) != supply.Usable:
			f.Why = journal.Unusable
		case !there || !f.still(&b):
			f.Why, f.To = journal.Left, w.whither(x)
		case missed(&f.Promise, w.Programme.Zone, g.today, late):
			f.Why = journal.Missed
		default:
			f.Bar = g.against(&b)
		}
		out[i] = f
	}
	return out
}

// against says why a box may not leave.
func (g *gatherer) against(b *Box) Bar {
	doubt := Bar("")
	if j, err := g.w.Trace.Index.Judge(b.SSCC, g.at); err != nil || !j.Fit() {
		doubt = Unknown
		if len(j.Findings) > 0 {
			doubt = Doubt
		}
	}
	g.bar(b, doubt)
	switch {
	case b.Bar != "":
		return b.Bar
	case b.Expires == 0:
		return NoExpiry
	}
	return b.Away
}

// whither is where a box that left is or goes, as the id of a site, else as custody names it.
func (w *World) whither(x *trace.Box) string {
	at, place := x.Site, x.Place
	if at == 0 && x.Sent.To != "" {
		at, place = x.Sent.Site, x.Sent.To
	}
	if s, ok := w.Sites.ByNum(at); ok && at != 0 {
		return s.ID
	}
	return place
}

// Settled are the promises of a book that are open, by settlement and box.
func Settled(b *journal.Book, sites *site.Index) (out []Promise) {
	for _, s := range b.Settlements() {
		if s.Open() > 0 {
			out = append(out, PromisesOf(s, sites)...)
		}
	}
	slices.SortFunc(out, func(a, b Promise) int {
		return cmp.Or(cmp.Compare(a.Settlement, b.Settlement), cmp.Compare(a.Box, b.Box))
	})
	return out
}

// PromisesOf are the promises of one settlement that are open. One to a site that is not there any more is left out: nothing can be sent there.
func PromisesOf(s *journal.Settlement, sites *site.Index) (out []Promise) {
	if s.Withdrawn != nil {
		return nil
	}
	giver, _ := sites.ByID(s.Giver)
	for i := range s.Loads {
		l := &s.Loads[i]
		to, ok := sites.ByID(l.Site)
		if _, over := s.Ended[l.Box]; over || !ok {
			continue
		}
		out = append(out, Promise{
			Box: l.Box, Product: s.Product, Depot: s.Depot, Giver: giver.Num, Site: to.Num, CutOff: s.CutOff, Leaves: s.Leaves, Arrives: l.Arrives, Settlement: s.ID,
		})
	}
	return out
}

// Endings are the events that say which promises are over, one for each settlement.
func Endings(fates []Fate, at time.Time, by string) (out []journal.Event) {
	n := map[int64]int{}
	for i := range fates {
		f := &fates[i]
		if f.Why == "" || f.Settlement == 0 {
			continue
		}
		if _, ok := n[f.Settlement]; !ok {
			n[f.Settlement] = len(out)
			out = append(out, journal.Event{At: at, By: by, Kind: journal.End, Settlement: f.Settlement})
		}
		e := &out[n[f.Settlement]]
		e.Ended = append(e.Ended, journal.Ended{Box: f.Box, Why: f.Why, To: f.To})
	}
	return out
}

// MaySettle refuses a departure whose cut-off is over, or of which something is not as it was planned: a box that is not there any more, or that must not leave.
func (w *World) MaySettle(d *journal.Departure) error {
	if !w.Now.Before(d.CutOff) {
		return fmt.Errorf("%w: it was at %s", journal.ErrCutOff, d.CutOff.In(w.Programme.Zone).Format("2006-01-02 15:04"))
	}
	giver, _ := w.Sites.ByID(d.Giver)
	list := make([]Promise, len(d.Loads))
	for i := range d.Loads {
		to, ok := w.Sites.ByID(d.Loads[i].Site)
		if !ok {
			return fmt.Errorf("%w: there is no site %q", ErrChanged, d.Loads[i].Site)
		}
		list[i] = Promise{Box: d.Loads[i].Box, Product: d.Product, Depot: d.Depot, Giver: giver.Num, Site: to.Num, Leaves: d.Leaves}
	}
	wrong, first := 0, ""
	for _, f := range w.Fates(list) {
		x, _ := w.Trace.Box(f.Box)
		what := ""
		switch {
		case f.Why == journal.Left:
			what = "is not there any more"
		case f.Why == journal.Unusable:
			what = "is " + string(w.Register.State(f.Box))
		case f.Why != "" || f.Bar != "":
			what = "must not leave: " + cmp.Or(string(f.Bar), string(f.Why))
		case x.Product != d.Product:
			what = "is of " + x.Product
		default:
			continue
		}
		if wrong++; wrong == 1 {
			first = fmt.Sprintf("box %s %s", f.Box, what)
		}
	}
	switch {
	case wrong > 1:
		return fmt.Errorf("%w: %s, and %d boxes more", ErrChanged, first, wrong-1)
	case wrong == 1:
		return fmt.Errorf("%w: %s", ErrChanged, first)
	}
	return nil
}

// Shippings are the events with which what is open of a settlement leaves, one for each site. place names a site for custody.
func Shippings(s *journal.Settlement, p *programme.Programme, place func(id string) string) (out []trace.Shipping) {
	from := place(s.Giver)
	if s.Depot != "" {
		for i := range p.Shipping {
			if d, ok := p.Shipping[i].Depot(s.Depot); ok {
				from = trace.PlaceKey(d.Places[0])
			}
		}
	}
	at := map[string]int{}
	for i := range s.Loads {
		l := &s.Loads[i]
		if _, over := s.Ended[l.Box]; over || s.Withdrawn != nil {
			continue
		}
		n, ok := at[l.Site]
		if !ok {
			n = len(out)
			at[l.Site] = n
			out = append(out, trace.Shipping{At: s.Leaves.In(p.Zone), From: from, To: place(l.Site)})
		}
		out[n].Boxes = append(out[n].Boxes, l.Box)
	}
	return out
}
