package room

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/site"
	"charye/supply"
	"charye/supply/delivery"
	"charye/supply/journal"
	"charye/supply/trace"
)

// View is the supply room at a moment. It is read by any number of goroutines and never changes.
type View struct {
	At       time.Time // as of when boxes are judged
	Today    civil.Date
	Zone     *time.Location
	Read     int // events of custody that count
	Problems []trace.Problem
	Sites    *site.Index
	Trace    *trace.Trace
	Register *supply.Register
	Verdicts []supply.Verdict
	Alarms   []Alarm // those that need somebody first, then the others; newest first
	Open     int     // how many of them need somebody
	Book     *journal.Book
	Fates    map[supply.SSCC]delivery.Fate // of the boxes that are promised

	GLN func(site.Num) (supply.GLN, bool) // nil: no site has one

	limits   Limits
	products map[string]*supply.Product
	place    func(string) site.Num
	free     *booking.Snapshot
	doubts   map[supply.SSCC]Doubt
	doubted  map[supply.AlarmKey][]supply.SSCC
	shelves  []Shelf // by region and name of the site
	regions  []Region
	transit  Region
	depots   Region
	bySite   map[site.Num][]supply.SSCC
}

// Stock is doses and boxes.
type Stock struct {
	Boxes, Usable, Held int // boxes with doses left; doses that may be given; doses held
	Doubt               int // boxes of the usable that are in doubt
}

func (s *Stock) add(o Stock) {
	s.Boxes += o.Boxes
	s.Usable += o.Usable
	s.Held += o.Held
	s.Doubt += o.Doubt
}

// Shelf is what a site has.
type Shelf struct {
	Site site.Site
	Stock
}

// Region is what the sites of a region have together.
type Region struct {
	Name  string
	Sites int
	Stock
}

// Alarm is an alarm as it stands.
type Alarm struct {
	supply.Alarm
	Boxes []supply.SSCC // in doubt for it now
	Act   []supply.SSCC // of those, the usable ones: somebody has to decide on them
}

// Needs reports whether somebody has to decide.
func (a *Alarm) Needs() bool { return len(a.Act) > 0 }

func (v *View) asOf() supply.AsOf {
	return supply.AsOf{At: v.At, Zone: v.Zone, Overdue: v.limits.Overdue, Handover: v.limits.Handover}
}

// look makes the view of a moment.
func (r *Room) look(t *trace.Trace, g *supply.Register, now time.Time) *View {
	v := &View{
		At: now, Today: r.today(now), Zone: r.Programme.Zone, Read: t.Read, Problems: t.Problems, Sites: r.places.Sites, Trace: t, Register: g,
		Verdicts: slices.Clone(r.kept), GLN: r.places.GLN, limits: r.Limits, products: r.products, place: r.places.Site, free: r.free,
		doubts: map[supply.SSCC]Doubt{}, doubted: map[supply.AlarmKey][]supply.SSCC{}, bySite: map[site.Num][]supply.SSCC{},
	}
	t.Index.Unfit(v.asOf(), func(k supply.SSCC, j supply.Judgement) {
		d := Doubt{Cause: j.Cause(), Judgement: j}
		if d.Keys = v.keysOf(k, &j); len(d.Keys) == 0 {
			return // nothing that somebody could do, or not yet
		}
		if len(j.Findings) == 0 {
			d.Cause = d.Keys[0].Cause
		}
		v.doubts[k] = d
		if s := g.State(k); s == supply.Destroyed {
			return
		}
		for _, key := range d.Keys {
			v.doubted[key] = append(v.doubted[key], k)
		}
	})
	v.count()
	v.listAlarms(r.alarms)
	return v
}

// count sums stock up.
func (v *View) count() {
	bySite := map[site.Num]*Stock{}
	for _, k := range v.Trace.Boxes() {
		b, _ := v.Trace.Box(k)
		if b.Site != 0 {
			v.bySite[b.Site] = append(v.bySite[b.Site], k)
		}
		s := v.stockOf(b)
		switch {
		case s.Boxes == 0 || b.Place == "":
		case b.Site != 0:
			if bySite[b.Site] == nil {
				bySite[b.Site] = &Stock{}
			}
			bySite[b.Site].add(s)
		case UnderWay(b.Place):
			v.transit.add(s)
		default:
			v.depots.add(s)
		}
	}
	regions := map[string]*Region{}
	for n, s := range bySite {
		at, ok := v.Sites.ByNum(n)
		if !ok {
			continue
		}
		v.shelves = append(v.shelves, Shelf{at, *s})
		if regions[at.Region] == nil {
			regions[at.Region] = &Region{Name: at.Region}
		}
		regions[at.Region].Sites++
		regions[at.Region].add(*s)
	}
	slices.SortFunc(v.shelves, func(a, b Shelf) int {
		return cmp.Or(cmp.Compare(a.Site.Region, b.Site.Region), cmp.Compare(a.Site.Name, b.Site.Name), cmp.Compare(a.Site.Num, b.Site.Num))
	})
	for _, x := range regions {
		v.regions = append(v.regions, *x)
	}
	slices.SortFunc(v.regions, func(a, b Region) int { return cmp.Compare(a.Name, b.Name) })
}

func (v *View) stockOf(b *trace.Box) (s Stock) {
	left := b.Left()
	if left <= 0 {
		return s
	}
	switch v.Register.State(b.SSCC) {
	case supply.Usable:
		s = Stock{Boxes: 1, Usable: left}
		if _, doubt := v.doubts[b.SSCC]; doubt {
			s.Doubt = 1
		}
	case supply.Held:
		s = Stock{Boxes: 1, Held: left}
	case supply.Recalled, supply.Destroyed:
	}
	return s
}

// UnderWay reports whether a place of custody is a vehicle, pallet or box, and not a place on the ground.
func UnderWay(place string) bool {
	_, ground := trace.GLNOf(place)
	return !ground
}

// listAlarms joins what was raised with what is in doubt now.
func (v *View) listAlarms(raised []supply.Alarm) {
	v.Alarms, v.Open = make([]Alarm, 0, len(raised)), 0
	for _, a := range raised {
		x := Alarm{Alarm: a}
		if a.Cleared.IsZero() {
			x.Boxes = v.doubted[a.AlarmKey]
		}
		for _, k := range x.Boxes {
			if v.Register.State(k) == supply.Usable {
				x.Act = append(x.Act, k)
			}
		}
		if x.Needs() {
			v.Open++
		}
		v.Alarms = append(v.Alarms, x)
	}
	slices.SortFunc(v.Alarms, func(a, b Alarm) int {
		if a.Needs() != b.Needs() {
			if a.Needs() {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Seq, a.Seq)
	})
}

// Alarm finds an alarm by its number.
func (v *View) Alarm(seq int64) (Alarm, bool) {
	for _, a := range v.Alarms {
		if a.Seq == seq {
			return a, true
		}
	}
	return Alarm{}, false
}

// siteOf is the site at which an alarm is: that of its leg, else that where all of the boxes are.
func (v *View) siteOf(k supply.AlarmKey, boxes []supply.SSCC) site.Num {
	if n := v.place(string(k.Point)); k.Point != "" {
		return n
	}
	b, _ := v.Trace.Box(boxes[0])
	return b.Site
}

// Doubt is what is against a box; ok is false when nothing is that needs somebody.
func (v *View) Doubt(k supply.SSCC) (Doubt, bool) { d, ok := v.doubts[k]; return d, ok }

// Regions are the stock by region, and what is on its way and in places that are no sites.
func (v *View) Regions() (all []Region, transit, depots Region) {
	return v.regions, v.transit, v.depots
}

// SitesOf gives one page of the stock of sites: of a region, and whose name, address or number has a text in it; empty: all. total is how many there are.
func (v *View) SitesOf(region, text string, from, n int) (page []Shelf, total int) {
	text = strings.ToLower(text)
	for i := range v.shelves {
		s := &v.shelves[i]
		if region != "" && s.Site.Region != region || text != "" && !strings.Contains(strings.ToLower(s.Site.Name+"\n"+s.Site.Address+"\n"+s.Site.ID), text) {
			continue
		}
		if total >= from && len(page) < n {
			page = append(page, *s)
		}
		total++
	}
	return page, total
}

// Shelf is what one site has.
func (v *View) Shelf(n site.Num) (s Stock) {
	for _, k := range v.bySite[n] {
		b, _ := v.Trace.Box(k)
		s.add(v.stockOf(b))
	}
	return s
}

// Filter chooses boxes: all that is given must be met.
type Filter struct {
	Site  site.Num
	Lot   string
	Place string
	Alarm int64 // in doubt for it now
}

// Boxes gives the boxes that a filter chooses, in the order of custody.
func (v *View) Boxes(f Filter) []supply.SSCC {
	list := v.Trace.Boxes()
	switch {
	case f.Alarm != 0:
		a, _ := v.Alarm(f.Alarm)
		list = a.Boxes
	case f.Site != 0:
		list = v.bySite[f.Site]
	}
	var out []supply.SSCC
	for _, k := range list {
		b, _ := v.Trace.Box(k)
		if f.Site != 0 && b.Site != f.Site || f.Lot != "" && b.Lot.ID != f.Lot || f.Place != "" && b.Place != f.Place {
			continue
		}
		out = append(out, k)
	}
	return out
}

// Way is the way of a box as it is judged.
func (v *View) Way(k supply.SSCC) (supply.Way, error) { return v.Trace.Index.Way(k, v.asOf()) }

// SiteOf is the site of a place of custody; 0: it is none.
func (v *View) SiteOf(place string) site.Num { return v.place(place) }

// bookedAhead is how many days to come are looked at for bookings.
const bookedAhead = 180

// Booked is how many seats are taken at a site from today on, with those held for minutes.
func (v *View) Booked(n site.Num) (seats int) {
	for d := range bookedAhead {
		seats += v.free.SeatsUsed(n, v.Today+civil.Date(d))
	}
	return seats
}
