package delivery

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/programme"
	"charye/site"
)

// way is a departure of a depot that comes in time for a day.
type way struct {
	depot         int
	leave, arrive civil.Date
	leaves        time.Time
	cutOff        time.Time
	cost          int
	covers        civil.Date // the first day that it does not bring for
}

// calendar answers which departures can still be ordered.
type calendar struct {
	programme *programme.Programme
	now       time.Time
	today     civil.Date
	depots    []string // in the order of the rules
	regions   map[string]int
	names     []string // regions by their number
	cache     map[wayKey][]way
	missed    map[wayKey][]way
}

type wayKey struct {
	region, product int
	day             civil.Date
}

// lookBack is how far a departure is looked for that was missed.
const lookBack = 60

func newCalendar(in *Input, today civil.Date) (*calendar, error) {
	c := &calendar{programme: in.Programme, now: in.Now, today: today, regions: map[string]int{}, cache: map[wayKey][]way{}, missed: map[wayKey][]way{}}
	known := map[string]bool{}
	for _, r := range site.Regions() {
		known[r.Name] = true
	}
	for _, s := range in.Sites.All() {
		known[regionOf(s.Region)] = true
	}
	for i := range in.Programme.Shipping {
		s := &in.Programme.Shipping[i]
		for j := range s.Depots {
			d := &s.Depots[j]
			if !slices.Contains(c.depots, d.ID) {
				c.depots = append(c.depots, d.ID)
			}
			for k, l := range d.Lanes {
				if l.Region != "" && !known[regionOf(l.Region)] {
					return nil, fmt.Errorf("shipping[%d].depots[%d].lanes[%d].region: there is no region %q; want the name of one, such as 서울, or that of sites that were imported", i, j, k, l.Region)
				}
			}
		}
	}
	return c, nil
}

func regionOf(name string) string {
	if official, ok := site.RegionName(name); ok {
		return official
	}
	return name
}

// region numbers a region.
func (c *calendar) region(name string) int {
	name = regionOf(name)
	n, ok := c.regions[name]
	if !ok {
		n = len(c.names)
		c.regions[name], c.names = n, append(c.names, name)
	}
	return n
}

// departure is what leaves a depot on a day for a region with a product, by the rules of that day.
func (c *calendar) departure(depot, region int, product string, day civil.Date) (w way, ok bool) {
	s := c.programme.ShippingOn(day)
	if s == nil {
		return w, false
	}
	d, ok := s.Depot(c.depots[depot])
	if !ok {
		return w, false
	}
	p, ok := s.Product(product)
	if !ok {
		return w, false
	}
	l := lane(d, c.names[region])
	leaves, goes := d.Leaving(day, c.programme.Zone)
	if l == nil || !goes {
		return w, false
	}
	arrive := day + civil.Date(l.Transport)
	return way{depot, day, arrive, leaves, p.CutOff.Of(leaves), l.Cost, arrive + civil.Date(p.Covers)}, true
}

func lane(d *programme.Depot, region string) (best *programme.Lane) {
	for i := range d.Lanes {
		switch l := &d.Lanes[i]; {
		case l.Region == "" && best == nil:
			best = l
		case l.Region != "" && regionOf(l.Region) == region:
			return l
		}
	}
	return best
}

// ways lists, for each depot that has one, the last departure that can still be ordered and comes in time for a day: the shortest way first.
func (c *calendar) ways(region int, product string, number int, day civil.Date) []way {
	k := wayKey{region, number, day}
	out, ok := c.cache[k]
	if ok {
		return out
	}
	for d := range c.depots {
		for leave := day; leave >= c.today; leave-- {
			if w, ok := c.departure(d, region, product, leave); ok && w.arrive <= day && w.cutOff.After(c.now) {
				out = append(out, w)
				break
			}
		}
	}
	slices.SortStableFunc(out, func(a, b way) int {
		return cmp.Or(cmp.Compare(a.arrive-a.leave, b.arrive-b.leave), cmp.Compare(a.cost, b.cost))
	})
	c.cache[k] = out
	return out
}

// late lists, for each depot that serves a region with a product, the last departure that would come in time for a day, whether it can be ordered or
// not.
func (c *calendar) late(region int, product string, number int, day civil.Date) []way {
	k := wayKey{region, number, day}
	out, ok := c.missed[k]
	if ok {
		return out
	}
	for d := range c.depots {
		for leave := day; leave > day-lookBack; leave-- {
			if w, ok := c.departure(d, region, product, leave); ok && w.arrive <= day {
				out = append(out, w)
				break
			}
		}
	}
	c.missed[k] = out
	return out
}

// transfer is the last departure of a transfer that can still be settled and comes in time for a day; nil: none, or the rules have none.
func (c *calendar) transfer(day civil.Date) (*programme.Transfers, way) {
	for leave := day; leave >= c.today; leave-- {
		s := c.programme.ShippingOn(leave)
		if s == nil || s.Transfers == nil {
			continue
		}
		t := s.Transfers
		leaves := leave.At(t.Leaves, c.programme.Zone)
		w := way{leave: leave, arrive: leave + civil.Date(t.Transport), leaves: leaves, cutOff: t.CutOff.Of(leaves)}
		if w.arrive <= day && w.cutOff.After(c.now) {
			return t, w
		}
	}
	return nil, way{}
}

// shelfLife is how many days a vial must have left on a day of use.
func (c *calendar) shelfLife(product string, day civil.Date) civil.Date {
	if s := c.programme.ShippingOn(day); s != nil {
		if p, ok := s.Product(product); ok {
			return civil.Date(p.ShelfLife)
		}
	}
	return 0
}
