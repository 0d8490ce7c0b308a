package room

import (
	"cmp"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/site"
	"charye/supply"
	"charye/supply/trace"
)

// Scope is what a reading, a lot or boxes touch, as counts: nobody is named.
type Scope struct {
	Legs   []trace.Leg // of a reading
	Boxes  []supply.SSCC
	States map[supply.State]int
	Lots   []ScopeLot
	Sites  []ScopeSite // where any of the boxes is or has been
	Booked int         // seats taken from today on at these sites
	Given  int         // doses given from the boxes
	People int         // to whom
}

// ScopeLot is a lot of a scope.
type ScopeLot struct {
	Lot     supply.LotKey
	Boxes   int
	Expires civil.Date // 0: nobody told
}

// ScopeSite is a site of a scope.
type ScopeSite struct {
	Site   site.Site
	Boxes  int // of the scope that are there now
	Doses  int // left in those
	Given  int // doses of the scope given there
	Booked int
}

// OfReading is what was at a place, in a vehicle or beside a logger at any moment of a stretch of time, begin included, end not.
func (v *View) OfReading(point string, begin, end time.Time) Scope {
	boxes, legs := v.Trace.At(point, begin, end)
	s := v.Of(boxes)
	s.Legs = legs
	return s
}

// OfVial is what one vial touches. What was given from its box, and nobody told from which vial, is not in it.
func (v *View) OfVial(k supply.SGTIN) Scope {
	n := v.Trace.Index.Vial(k)
	if n == 0 {
		x, _ := v.Trace.Vial(k)
		found := v.Trace.Index.Of([]supply.SSCC{x.Box}, v.Today)
		found.Given = nil
		s := v.scopeOf(found)
		s.Legs = v.Trace.Journey(x.Box)
		return s
	}
	s := v.scopeOf(v.Trace.Index.OfVial(n, v.Today))
	for _, l := range v.Trace.Index.VialJourney(n) {
		s.Legs = append(s.Legs, trace.Leg{Place: string(l.Point), Point: l.Point, Site: l.Site, Begin: l.Begin, End: l.End, Boxes: s.Boxes})
	}
	return s
}

// Of is what boxes touch.
func (v *View) Of(boxes []supply.SSCC) Scope { return v.scopeOf(v.Trace.Index.Of(boxes, v.Today)) }

func (v *View) scopeOf(found supply.Scope) Scope {
	s := Scope{Boxes: found.Boxes, States: map[supply.State]int{}, Given: len(found.Given)}
	lots, sites := map[supply.LotKey]int{}, map[site.Num]*ScopeSite{}
	for _, n := range found.Sites {
		at, ok := v.Sites.ByNum(n)
		if !ok {
			continue
		}
		sites[n] = &ScopeSite{Site: at, Booked: v.Booked(n)}
		s.Booked += sites[n].Booked
	}
	for _, k := range found.Boxes {
		b, _ := v.Trace.Box(k)
		s.States[v.Register.State(k)]++
		lots[b.Lot]++
		if x := sites[b.Site]; x != nil {
			x.Boxes++
			x.Doses += b.Left()
		}
	}
	for _, g := range found.Given {
		if x := sites[g.Site]; x != nil {
			x.Given++
		}
	}
	s.People = found.People()
	for _, l := range found.Lots {
		expires, _ := v.Trace.Expires(l)
		s.Lots = append(s.Lots, ScopeLot{l, lots[l], expires})
	}
	for _, x := range sites {
		s.Sites = append(s.Sites, *x)
	}
	slices.SortFunc(s.Sites, func(a, b ScopeSite) int {
		return cmp.Or(cmp.Compare(b.Boxes, a.Boxes), cmp.Compare(a.Site.Name, b.Site.Name), cmp.Compare(a.Site.Num, b.Site.Num))
	})
	return s
}
