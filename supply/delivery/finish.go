package delivery

import (
	"cmp"
	"slices"

	"charye/internal/civil"
	"charye/site"
)

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
	p.missing()
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

// missing counts what is short with all that comes. What came for a later day can have been there for an earlier one.
func (p *planner) missing() {
	type shortage struct {
		site    site.Num
		product string
		day     civil.Date
	}
	final := map[shortage]int{}
	for n, list := range p.cells {
		for _, c := range list {
			p.again(c, p.to, func(day civil.Date, vials int) {
				if vials > 0 {
					final[shortage{c.place.Num, p.products[n], day}] = vials
				}
			})
		}
	}
	p.out.Short = slices.DeleteFunc(p.out.Short, func(s Short) bool { return !p.shown(s.Day) || final[shortage{s.Site, s.Product, s.Day}] == 0 })
	for i := range p.out.Short {
		s := &p.out.Short[i]
		s.Vials = final[shortage{s.Site, s.Product, s.Day}]
		s.Boxes = p.fill(s.Product, s.Day, s.Vials)
		p.out.Totals.Short += s.Vials
	}
}

// fill is how many boxes hold so many vials; 0 where the rules of the day do not say.
func (p *planner) fill(product string, day civil.Date, vials int) int {
	if s := p.in.Programme.ShippingOn(day); s != nil {
		if r, ok := s.Product(product); ok {
			return (vials + r.VialsPerBox - 1) / r.VialsPerBox
		}
	}
	return 0
}
