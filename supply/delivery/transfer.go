package delivery

import (
	"cmp"
	"slices"

	"charye/internal/civil"
	"charye/programme"
	"charye/site"
)

// givers are the sites that have boxes of a product which they do not need.
type givers struct {
	index *site.Index
	spare map[site.Num]*spare
	boxes int // that are left
}

// spare is what a site can do without.
type spare struct {
	cell  *cell
	boxes []*Box // by expiry
	vials int    // of them, and of opened boxes
	keep  int    // vials of reserve that stay
	until civil.Date
}

// move is a way of a transfer.
type move struct {
	giver, site site.Num
	leave       civil.Date
}

// search goes through the givers around a site, the nearest first. Those that have nothing for a day have nothing for a later one.
type search struct {
	page []site.Near
	next string
	last bool
}

// handing is a box that another site could give.
type handing struct {
	spare  *spare
	box    *Box
	way    way
	metres int
	cost   int
}

// surplus finds out what sites have that nobody there is foreseen for: boxes that stay whole when everything that is booked is given, from what is
// there and under way to there alone. So whoever gives one is short of nothing by it.
func (p *planner) surplus() {
	p.givers = make([]*givers, len(p.products))
	transfers := false
	for day := p.today; day <= p.to; day++ {
		s := p.in.Programme.ShippingOn(day)
		transfers = transfers || s != nil && s.Transfers != nil
	}
	if !transfers || p.in.Room == nil {
		return
	}
	for n := range p.products {
		g := &givers{spare: map[site.Num]*spare{}}
		var sites []site.Site
		for _, c := range p.cells[n] {
			if len(c.stock) == 0 || !c.place.Placed() {
				continue
			}
			if s := p.spareOf(c); len(s.boxes) > 0 {
				g.spare[c.place.Num] = s
				g.boxes += len(s.boxes)
				sites = append(sites, c.place.Site)
			}
		}
		if len(sites) > 0 {
			g.index = site.NewIndex(sites)
			p.givers[n] = g
		}
	}
}

func (p *planner) spareOf(c *cell) *spare {
	list := slices.Clone(c.stock)
	s := &spare{cell: c, until: p.to}
	for _, n := range c.needs {
		use(list, n.Day, p.calendar.shelfLife(n.Product, n.Day), n.Vials)
		s.until = max(s.until, n.Day)
	}
	for i := range list {
		x := &list[i]
		s.vials += x.left
		if x.left == x.box.Vials && !x.box.Coming && x.box.Away == "" && x.box.From <= p.today {
			s.boxes = append(s.boxes, x.box)
		}
	}
	if r := p.in.Programme.ShippingOn(p.to); r != nil {
		if q, ok := r.Product(p.products[c.product]); ok {
			s.keep = (c.wanted*q.Reserve + 99) / 100
		}
	}
	return s
}

// giver finds the nearest site that can give a box for a day.
func (p *planner) giver(g *givers, c *cell, day, shelf civil.Date) (h handing, ok bool) {
	t, w := p.calendar.transfer(day)
	if t == nil || g.boxes == 0 || !c.place.Placed() {
		return h, false
	}
	if c.near == nil {
		c.near = &search{}
	}
	for {
		if len(c.near.page) == 0 && !c.near.more(g.index, c.place.Site) {
			return h, false
		}
		near := &c.near.page[0]
		if near.Metres > t.WithinKm*1000 {
			return h, false
		}
		if near.Num != c.place.Num {
			if b := p.gives(g.spare[near.Num], t, day+shelf); b != nil {
				return handing{g.spare[near.Num], b, w, near.Metres, p.moving(t, near.Num, c.place.Num, w.leave, near.Metres)}, true
			}
		}
		c.near.page = c.near.page[1:]
	}
}

// more reads the next page; false when there is none.
func (s *search) more(x *site.Index, at site.Site) bool {
	if s.last {
		return false
	}
	page, next, err := x.Nearest(at.Lat, at.Lon, s.next, site.MaxPage)
	if err != nil {
		s.last = true
		return false
	}
	s.page, s.next, s.last = page, next, next == ""
	return len(page) > 0
}

// moving is what a transfer costs; nothing more when one goes that way already.
func (p *planner) moving(t *programme.Transfers, giver, to site.Num, leave civil.Date, metres int) int {
	if p.moved[move{giver, to, leave}] != nil {
		return 0
	}
	return t.Cost + t.CostPerKm*((metres+999)/1000)
}

// gives finds the box that a site gives for a day: of those that may travel the one that expires first.
func (p *planner) gives(s *spare, t *programme.Transfers, expires civil.Date) *Box {
	for i := 0; i < len(s.boxes); i++ {
		b := s.boxes[i]
		if b.Expires < expires {
			continue
		}
		if s.vials-b.Vials < s.keep && b.Expires > s.until {
			continue
		}
		room, ok := p.in.Room(b.SSCC)
		if !ok || room < t.Leg {
			s.boxes = slices.Delete(s.boxes, i, i+1)
			p.givers[s.cell.product].boxes--
			i--
			continue
		}
		return b
	}
	return nil
}

// hand has a site give a box to another.
func (p *planner) hand(c *cell, h handing, day civil.Date, why Why) {
	s := h.spare
	s.boxes = slices.DeleteFunc(s.boxes, func(b *Box) bool { return b == h.box })
	s.vials -= h.box.Vials
	p.givers[c.product].boxes--
	s.cell.give(h.box)
	k := move{s.cell.place.Num, c.place.Num, h.way.leave}
	x := p.moved[k]
	if x == nil {
		x = &Shipment{
			Giver: k.giver, Site: k.site, Leave: k.leave, Leaves: h.way.leaves, CutOff: h.way.cutOff, Arrives: h.way.arrive, Why: why, Metres: h.metres, Cost: h.cost,
		}
		p.moved[k] = x
	}
	x.Loads = append(x.Loads, loaded(h.box, day, false))
	c.add(h.box, x.Arrives)
	p.out.Totals.Moved += h.box.Vials
}

// finish sorts the plan and lists what is left.
func (p *planner) finish() {
	for _, list := range p.stops {
		for _, s := range list {
			p.out.Shipments = append(p.out.Shipments, *s)
		}
	}
	for _, s := range p.moved {
		p.out.Transfers = append(p.out.Transfers, *s)
	}
	for _, list := range [][]Shipment{p.out.Shipments, p.out.Transfers} {
		slices.SortFunc(list, func(a, b Shipment) int {
			return cmp.Or(cmp.Compare(a.Leave, b.Leave), cmp.Compare(slices.Index(p.calendar.depots, a.Depot), slices.Index(p.calendar.depots, b.Depot)),
				cmp.Compare(a.Giver, b.Giver), cmp.Compare(a.Site, b.Site))
		})
		for i := range list {
			slices.SortFunc(list[i].Loads, func(a, b Load) int {
				return cmp.Or(cmp.Compare(a.Product, b.Product), cmp.Compare(a.Expires, b.Expires), cmp.Compare(a.Box, b.Box))
			})
		}
	}
	slices.SortFunc(p.out.Short, func(a, b Short) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Site, b.Site), cmp.Compare(a.Product, b.Product))
	})
	unused := func(b *Box, vials int) {
		if vials > 0 && b.Expires <= p.to+p.calendar.shelfLife(b.Product, p.to) {
			p.out.Unused = append(p.out.Unused, Unused{b.SSCC, b.Product, b.Lot, b.Expires, vials, b.Depot, b.Site})
		}
	}
	for _, s := range p.shelves {
		s.left(func(b *Box) { unused(b, b.Vials) })
	}
	for _, list := range p.cells {
		for _, c := range list {
			for i := range c.stock {
				x := *c.stock[i].box
				x.Depot, x.Site = "", c.place.Num
				unused(&x, c.stock[i].left)
			}
		}
	}
	slices.SortFunc(p.out.Unused, func(a, b Unused) int { return cmp.Or(cmp.Compare(a.Expires, b.Expires), cmp.Compare(a.Box, b.Box)) })
	slices.SortFunc(p.out.Aside, func(a, b Aside) int { return cmp.Or(cmp.Compare(a.Why, b.Why), cmp.Compare(a.Box.SSCC, b.Box.SSCC)) })
}
