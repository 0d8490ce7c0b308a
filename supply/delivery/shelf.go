package delivery

import (
	"cmp"
	"slices"

	"charye/internal/civil"
)

// shelf is the boxes of a product in a depot. What is asked for is taken first-expiring-first-out.
type shelf struct{ groups []*group }

// group is boxes that are there from one day on, by expiry and SSCC. next[i] leads to the first box from i on that was not taken.
type group struct {
	from  civil.Date
	boxes []*Box
	next  []int32
}

func byExpiry(a, b *Box) int {
	return cmp.Or(cmp.Compare(a.Expires, b.Expires), cmp.Compare(a.SSCC, b.SSCC))
}

func newShelf(boxes []*Box) *shelf {
	slices.SortFunc(boxes, func(a, b *Box) int { return cmp.Or(cmp.Compare(a.From, b.From), byExpiry(a, b)) })
	s := &shelf{}
	for _, b := range boxes {
		if n := len(s.groups); n == 0 || s.groups[n-1].from != b.From {
			s.groups = append(s.groups, &group{from: b.From})
		}
		g := s.groups[len(s.groups)-1]
		g.boxes = append(g.boxes, b)
	}
	for _, g := range s.groups {
		g.next = make([]int32, len(g.boxes)+1)
		for i := range g.next {
			g.next[i] = int32(i)
		}
	}
	return s
}

// find follows next to its end, and shortens the way.
func (g *group) find(i int32) int32 {
	root := i
	for g.next[root] != root {
		root = g.next[root]
	}
	for g.next[i] != root {
		g.next[i], i = root, g.next[i]
	}
	return root
}

// pick is a box on a shelf.
type pick struct {
	group *group
	at    int32
}

func (p pick) box() *Box { return p.group.boxes[p.at] }

func (p pick) take() { p.group.next[p.at] = p.at + 1 }

// first finds the box that expires first of those that expire on a day or later and are there on the day of leaving.
func (s *shelf) first(expires, leave civil.Date) (best pick, ok bool) {
	if s == nil {
		return best, false
	}
	for _, g := range s.groups {
		if g.from > leave {
			break
		}
		from, _ := slices.BinarySearchFunc(g.boxes, expires, func(b *Box, d civil.Date) int { return cmp.Compare(b.Expires, d) })
		at := g.find(int32(from))
		if int(at) == len(g.boxes) {
			continue
		}
		if p := (pick{g, at}); !ok || byExpiry(p.box(), best.box()) < 0 {
			best, ok = p, true
		}
	}
	return best, ok
}

// left calls yield for each box that was not taken.
func (s *shelf) left(yield func(*Box)) {
	for _, g := range s.groups {
		for at := g.find(0); int(at) < len(g.boxes); at = g.find(at + 1) {
			yield(g.boxes[at])
		}
	}
}

// stock is a box at a site, or foreseen for it.
type stock struct {
	box  *Box
	left int
	from civil.Date
}

// cell is a product at a site.
type cell struct {
	place   *place
	product int
	needs   []Need // by day
	next    int    // the first need that was not looked at
	stock   []stock
	wanted  int // vials needed on the days planned for
	near    *search
}

// add brings in a box that can be used from a day on.
func (c *cell) add(b *Box, from civil.Date) {
	i, _ := slices.BinarySearchFunc(c.stock, b, func(s stock, b *Box) int { return byExpiry(s.box, b) })
	c.stock = slices.Insert(c.stock, i, stock{b, b.Vials, from})
}

// use takes vials on a day, first-expiring-first-out, and gives how many are missing. Vials must be good for shelf days after it.
func use(list []stock, day, shelf civil.Date, vials int) int {
	for i := range list {
		s := &list[i]
		if vials == 0 {
			return 0
		}
		if s.from > day || s.box.Expires < day+shelf || s.left == 0 {
			continue
		}
		n := min(s.left, vials)
		s.left -= n
		vials -= n
	}
	return vials
}

// give takes a box out.
func (c *cell) give(b *Box) {
	c.stock = slices.DeleteFunc(c.stock, func(s stock) bool { return s.box == b })
}
