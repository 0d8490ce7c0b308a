package delivery

import (
	"cmp"
	"container/heap"
	"slices"

	"charye/internal/civil"
	"charye/site"
)

// place is a site that needs or has something.
type place struct {
	site.Site
	region int
}

// planner makes one plan.
type planner struct {
	in        *Input
	today, to civil.Date
	calendar  *calendar
	products  []string
	places    map[site.Num]*place
	cells     [][]*cell // by product, then by site
	shelves   map[shelfKey]*shelf
	stops     map[stop][]*Shipment // by leaving
	moved     map[move]*Shipment
	givers    []*givers // by product; nil: none
	out       *Plan
}

type shelfKey struct{ depot, product int }

type stop struct {
	depot int
	site  site.Num
}

// Make plans. Needs are looked at day by day: what is needed sooner gets a box first, and on one day the site that needs most of a box. A box goes
// with a delivery that is foreseen for the site anyway if that covers the day, else with the last departure that comes in time.
// From every depot the boxes that expire first go first.
func Make(in Input) (*Plan, error) {
	p, err := newPlanner(&in)
	if err != nil {
		return nil, err
	}
	for day := p.today; day <= p.to; day++ {
		for n := range p.products {
			p.day(day, n)
		}
	}
	p.reserve()
	p.finish()
	return p.out, nil
}

// lack is what a site is missing on a day.
type lack struct {
	cell  *cell
	vials int
}

// lacks is a heap: who misses most first, then by site.
type lacks []lack

func (l lacks) Len() int { return len(l) }
func (l lacks) Less(i, j int) bool {
	if l[i].vials != l[j].vials {
		return l[i].vials > l[j].vials
	}
	return l[i].cell.place.Num < l[j].cell.place.Num
}
func (l lacks) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *lacks) Push(x any)   { *l = append(*l, x.(lack)) }
func (l *lacks) Pop() any {
	old := *l
	x := old[len(old)-1]
	*l = old[:len(old)-1]
	return x
}

// shown reports whether a day is one of those asked for. What is needed before them is planned all the same: a box goes only once.
func (p *planner) shown(day civil.Date) bool { return day >= p.in.From }

// day uses what sites have and brings what is missing.
func (p *planner) day(day civil.Date, product int) {
	shelf := p.calendar.shelfLife(p.products[product], day)
	var list lacks
	for _, c := range p.cells[product] {
		vials := 0
		for ; c.next < len(c.needs) && c.needs[c.next].Day == day; c.next++ {
			vials += c.needs[c.next].Vials
		}
		if vials == 0 {
			continue
		}
		if missing := use(c.stock, day, shelf, vials); missing > 0 {
			list = append(list, lack{c, missing})
		}
	}
	heap.Init(&list)
	for len(list) > 0 {
		l := &list[0]
		if !p.bring(l, day, shelf) {
			p.short(l.cell, day, shelf)
			heap.Pop(&list)
			continue
		}
		if l.vials = p.again(l.cell, day, nil); l.vials == 0 {
			heap.Pop(&list)
		} else {
			heap.Fix(&list, 0)
		}
	}
}

// again uses up anew what a site has, up to a day, and gives what is missing on it: a box that came may be there for some days before, and expire
// before those that were used then. note is told what is missing on every day.
func (p *planner) again(c *cell, upto civil.Date, note func(day civil.Date, vials int)) (missing int) {
	for i := range c.stock {
		c.stock[i].left = c.stock[i].box.Vials
	}
	for i := 0; i < len(c.needs) && c.needs[i].Day <= upto; {
		day, vials := c.needs[i].Day, 0
		for ; i < len(c.needs) && c.needs[i].Day == day; i++ {
			vials += c.needs[i].Vials
		}
		missing = use(c.stock, day, p.calendar.shelfLife(p.products[c.product], day), vials)
		if note != nil {
			note(day, missing)
		}
	}
	return missing
}

// offer is a box that could come, and with what.
type offer struct {
	pick pick
	way  way
	with *Shipment // nil: a stop would be made for it
	cost int
}

// bring has one box come to a site for a day, from a depot or from another site; false when there is none. A transfer is not cheaper where a stop
// is needed for the rest.
func (p *planner) bring(l *lack, day, shelf civil.Date) bool {
	c := l.cell
	o, ok := p.depot(c, day, shelf)
	if g := p.givers[c.product]; g != nil {
		if t, found := p.giver(g, c, day, shelf); found && (!ok || t.cost < o.cost && l.vials <= t.box.Vials) {
			why := Cheaper
			if !ok {
				why = Sooner
			}
			p.hand(c, t, day, why)
			return true
		}
	}
	if !ok {
		return false
	}
	o.pick.take()
	p.send(c, o, day, false)
	return true
}

// depot finds the box that would come from a depot.
func (p *planner) depot(c *cell, day, shelf civil.Date) (o offer, ok bool) {
	for _, w := range p.calendar.ways(c.place.region, p.products[c.product], c.product, day) {
		s := p.shelves[shelfKey{w.depot, c.product}]
		if s == nil {
			continue
		}
		if with, of := p.joins(w.depot, c, day); with != nil {
			if b, ok := s.first(day+shelf, of.leave); ok {
				return offer{b, of, with, 0}, true
			}
		}
		if b, ok := s.first(day+shelf, w.leave); ok {
			return offer{b, w, nil, w.cost}, true
		}
	}
	return o, false
}

// joins finds the last shipment of a depot to a site that can still take a product and covers a day.
func (p *planner) joins(depot int, c *cell, day civil.Date) (*Shipment, way) {
	list := p.stops[stop{depot, c.place.Num}]
	for i := len(list) - 1; i >= 0; i-- {
		s := list[i]
		w, ok := p.calendar.departure(depot, c.place.region, p.products[c.product], s.Leave)
		if ok && w.arrive <= day && day < w.covers && w.cutOff.After(p.in.Now) {
			return s, w
		}
	}
	return nil, way{}
}

// send puts a box into a shipment.
func (p *planner) send(c *cell, o offer, day civil.Date, reserve bool) {
	b, s := o.pick.box(), o.with
	if s == nil {
		k := stop{o.way.depot, c.place.Num}
		list := p.stops[k]
		i, there := slices.BinarySearchFunc(list, o.way.leave, func(s *Shipment, d civil.Date) int { return cmp.Compare(s.Leave, d) })
		if there {
			s = list[i]
		} else {
			s = &Shipment{
				Depot: p.calendar.depots[o.way.depot], Site: c.place.Num, Leave: o.way.leave, Leaves: o.way.leaves, CutOff: o.way.cutOff, Arrives: o.way.arrive,
				Cost: o.way.cost,
			}
			p.stops[k] = slices.Insert(list, i, s)
		}
	}
	if o.way.cutOff.Before(s.CutOff) {
		s.CutOff = o.way.cutOff
	}
	s.Loads = append(s.Loads, loaded(b, day, reserve))
	c.add(b, s.Arrives)
	switch {
	case reserve:
		p.out.Totals.Reserve += b.Vials
	case p.shown(day):
		p.out.Totals.Shipped += b.Vials
	}
}

func loaded(b *Box, day civil.Date, reserve bool) Load {
	l := Load{Box: b.SSCC, Product: b.Product, Lot: b.Lot, Expires: b.Expires, Vials: b.Vials, For: day, Reserve: reserve}
	if reserve {
		l.For = 0
	}
	return l
}

// short notes that something is missing, and why; how much is counted in the end.
func (p *planner) short(c *cell, day, shelf civil.Date) {
	x := Short{Site: c.place.Num, Day: day, Product: p.products[c.product], Why: NoBox}
	served := p.calendar.late(c.place.region, x.Product, c.product, day)
	if len(served) == 0 {
		x.Why = NoDepot
	}
	for _, w := range served {
		if w.cutOff.After(p.in.Now) && w.leave >= p.today {
			continue // it could go: there is no box
		}
		if _, ok := p.shelves[shelfKey{w.depot, c.product}].first(day+shelf, 1<<30); ok && (x.Why != PastCutOff || w.cutOff.After(x.CutOff)) {
			x.Why, x.CutOff = PastCutOff, w.cutOff
		}
	}
	p.out.Short = append(p.out.Short, x)
}

// reserve puts boxes on top of what sites are sent, where depots have them left.
func (p *planner) reserve() {
	for n, list := range p.cells {
		for _, c := range list {
			p.top(c, n)
		}
	}
}

func (p *planner) top(c *cell, product int) {
	var first *Shipment
	var of way
	for d := range p.calendar.depots {
		for _, s := range p.stops[stop{d, c.place.Num}] {
			w, ok := p.calendar.departure(d, c.place.region, p.products[product], s.Leave)
			if ok && w.cutOff.After(p.in.Now) && (first == nil || s.Arrives < first.Arrives) &&
				slices.ContainsFunc(s.Loads, func(l Load) bool { return l.Product == p.products[product] }) {
				first, of = s, w
			}
		}
	}
	if first == nil {
		return
	}
	rules, _ := p.in.Programme.ShippingOn(first.Leave).Product(p.products[product])
	want := (c.wanted*rules.Reserve + 99) / 100
	shelf := p.calendar.shelfLife(p.products[product], p.to)
	for i := range c.stock {
		if s := &c.stock[i]; s.from <= p.to && s.box.Expires >= p.to+shelf {
			want -= s.left
		}
	}
	for want > 0 {
		b, ok := p.shelves[shelfKey{of.depot, product}].first(p.to+shelf, first.Leave)
		if !ok {
			return
		}
		b.take()
		want -= b.box().Vials
		p.send(c, offer{b, of, first, 0}, 0, true)
	}
}
