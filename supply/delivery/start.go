package delivery

import (
	"cmp"
	"fmt"
	"slices"

	"charye/internal/civil"
	"charye/site"
)

// newPlanner sorts the input: needs and boxes by site and product, boxes of depots onto shelves.
func newPlanner(in *Input) (*planner, error) {
	p := &planner{
		in: in, today: civil.Of(in.Now, in.Programme.Zone), to: in.From + civil.Date(in.Days) - 1, places: map[site.Num]*place{}, shelves: map[shelfKey]*shelf{},
		stops: map[stop][]*Shipment{}, moved: map[move]*Shipment{},
	}
	p.out = &Plan{Made: in.Now, From: in.From, To: p.to}
	switch {
	case in.Programme.ShippingOn(p.to) == nil:
		return nil, fmt.Errorf("%w for %s in programme %s; want an entry of shipping that begins by then", ErrRules, p.to, in.Programme.ID)
	case in.Days < 1 || in.From < p.today:
		return nil, fmt.Errorf("%w: %d days from %s; want one day or more, from %s on", ErrInput, in.Days, in.From, p.today)
	}
	var err error
	if p.calendar, err = newCalendar(in, p.today); err != nil {
		return nil, err
	}
	for i := range in.Programme.Products {
		p.products = append(p.products, in.Programme.Products[i].ID)
	}
	p.cells = make([][]*cell, len(p.products))
	byKey := map[cellKey]*cell{}
	for i := range in.Needs {
		n := &in.Needs[i]
		if n.Vials <= 0 || n.Day < p.today {
			continue
		}
		c, err := p.cell(byKey, n.Site, n.Product)
		if err != nil {
			return nil, err
		}
		c.needs = append(c.needs, *n)
		if n.Day <= p.to {
			c.wanted += n.Vials
			if p.shown(n.Day) {
				p.out.Totals.Needed += n.Vials
			}
		}
	}
	if err := p.load(byKey); err != nil {
		return nil, err
	}
	for _, list := range p.cells {
		slices.SortFunc(list, func(a, b *cell) int { return cmp.Compare(a.place.Num, b.place.Num) })
		for _, c := range list {
			slices.SortFunc(c.needs, func(a, b Need) int { return cmp.Compare(a.Day, b.Day) })
		}
	}
	for _, list := range p.cells { // how far what is there goes by itself
		for _, c := range list {
			p.again(c, p.to, func(day civil.Date, vials int) {
				if p.shown(day) {
					p.out.Totals.There -= vials
				}
			})
			p.again(c, p.today-1, nil)
		}
	}
	p.out.Totals.There += p.out.Totals.Needed
	p.surplus()
	return p, nil
}

type cellKey struct {
	site    site.Num
	product int
}

func (p *planner) cell(byKey map[cellKey]*cell, at site.Num, product string) (*cell, error) {
	n := slices.Index(p.products, product)
	if n < 0 {
		return nil, fmt.Errorf("%w: there is no product %q in programme %s", ErrInput, product, p.in.Programme.ID)
	}
	k := cellKey{at, n}
	c := byKey[k]
	if c == nil {
		x := p.places[at]
		if x == nil {
			s, ok := p.in.Sites.ByNum(at)
			if !ok {
				return nil, fmt.Errorf("%w: there is no site %d", ErrInput, at)
			}
			x = &place{s, p.calendar.region(s.Region)}
			p.places[at] = x
		}
		c = &cell{place: x, product: n}
		byKey[k] = c
		p.cells[n] = append(p.cells[n], c)
	}
	return c, nil
}

// load brings the boxes to where they are.
func (p *planner) load(byKey map[cellKey]*cell) error {
	depots := map[shelfKey][]*Box{}
	for i := range p.in.Boxes {
		b := &p.in.Boxes[i]
		if b.Bar == "" && b.Expires == 0 {
			c := *b
			c.Bar = NoExpiry
			b = &c
		}
		switch {
		case b.Vials <= 0:
			continue
		case b.Bar != "":
			p.out.Aside = append(p.out.Aside, Aside{*b, b.Bar})
		case b.Depot != "":
			d, n := slices.Index(p.calendar.depots, b.Depot), slices.Index(p.products, b.Product)
			if d < 0 || n < 0 {
				return fmt.Errorf("%w: box %s of %q is in depot %q; the programme has not both", ErrInput, b.SSCC, b.Product, b.Depot)
			}
			if b.Away != "" {
				p.out.Aside = append(p.out.Aside, Aside{*b, b.Away})
				continue
			}
			c := *b
			c.From = max(c.From, p.today)
			depots[shelfKey{d, n}] = append(depots[shelfKey{d, n}], &c)
		default:
			c, err := p.cell(byKey, b.Site, b.Product)
			if err != nil {
				return err
			}
			c.add(b, b.From)
		}
	}
	for k, list := range depots {
		p.shelves[k] = newShelf(list)
	}
	return nil
}
