package delivery

import (
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
	page []neighbour
	next string
	last bool
}

type neighbour struct {
	num    site.Num
	metres int32
}

// atOnce is how many neighbours are looked up at a time: mostly the first will do.
const atOnce = 8

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
		if int(near.metres) > t.WithinKm*1000 {
			return h, false
		}
		if near.num != c.place.Num {
			if b := p.gives(g.spare[near.num], t, day+shelf); b != nil {
				return handing{g.spare[near.num], b, w, int(near.metres), p.moving(t, near.num, c.place.Num, w.leave, int(near.metres))}, true
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
	page, next, err := x.Nearest(at.Lat, at.Lon, s.next, atOnce)
	if err != nil {
		s.last = true
		return false
	}
	s.page = s.page[:0]
	for i := range page {
		s.page = append(s.page, neighbour{page[i].Num, int32(page[i].Metres)})
	}
	s.next, s.last = next, next == ""
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
	if p.shown(day) {
		p.out.Totals.Moved += h.box.Vials
	}
}
