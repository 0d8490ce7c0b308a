package supply

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/site"
)

// Index answers what a reading touches, and what a dose went through: reading → leg → boxes → lots → sites → appointments →
// people, and back. It lives in memory and is fed by plain values, from whatever tells of custody: an EPCIS store, an import, a drill.
//
// It is for one writer or many readers at a time; whoever owns it holds the lock. Memory: about 45 bytes for each dose given, 72 for each
// appointment, some hundred for each box with its legs; `go test -run '^$' -bench NationalYear ./supply` measures it.
type Index struct {
	products map[string]*Product
	order    []*Product
	boxes    []boxRecord
	bySSCC   map[SSCC]uint32
	legs     []legRecord
	points   map[Point]*pointRecord
	packed   map[SSCC][]packing // by parent
	parents  map[SSCC][]packing // by child; of pallets in pallets too
	carried  map[SSCC][]uint32  // legs of pallets
	lots     []LotKey
	byLot    map[LotKey]uint32
	sites    map[site.Num][]Appointment
	given    doses
	vials    []vialRecord // by number, from 1 on; those of which nothing was told alone are not here
	byVial   map[SGTIN]VialNum
}

type boxRecord struct {
	Box
	lot     uint32
	legs    []uint32 // by which it went itself, by begin
	batches []batchRecord
	end     int64  // when it was no more; forever while it is
	doses   uint32 // the last dose given from it, counted from 1; 0: none
	used    uint32
}

// legRecord keeps instants as nanoseconds since 1970; end is the largest int64 while the leg goes on.
type legRecord struct {
	Leg
	begin, end int64
	boxes      []uint32
	pallets    []SSCC
}

type pointRecord struct {
	legs []uint32
	record
}

// packing is a box or pallet within a pallet for a time.
type packing struct {
	unit       SSCC // the child by parent, the parent by child
	begin, end int64
}

const forever = int64(1<<63 - 1)

// Appointment is a future booking as the supply room sees it: who comes where and when. Made orders those of a site: the last booked first.
type Appointment struct {
	Booking int64
	Person  person.Key
	Site    site.Num
	Day     civil.Date
	Minute  int16
	Dose    uint8 // of its series, from 1
	Product string
	Made    int64 // when it was booked, in any unit that grows
}

// NewIndex makes an empty index of products with valid rules.
func NewIndex(products ...*Product) (*Index, error) {
	x := &Index{
		products: map[string]*Product{}, bySSCC: map[SSCC]uint32{}, points: map[Point]*pointRecord{}, packed: map[SSCC][]packing{},
		parents: map[SSCC][]packing{}, carried: map[SSCC][]uint32{}, byLot: map[LotKey]uint32{}, sites: map[site.Num][]Appointment{}, byVial: map[SGTIN]VialNum{},
	}
	for _, p := range products {
		if err := p.Validate(); err != nil {
			return nil, err
		}
		if x.products[p.ID] == nil {
			x.order = append(x.order, p)
		}
		x.products[p.ID] = p
	}
	return x, nil
}

// WithoutAppointments is an index that has everything of this one but the appointments, and takes its own. The two share what they have:
// after that nothing else may be added to either.
func (x *Index) WithoutAppointments() *Index {
	y := *x
	y.sites = map[site.Num][]Appointment{}
	return &y
}

// What the index refuses.
var (
	ErrUnknownBox = errors.New("no such box")
	ErrBox        = errors.New("not a box")
	ErrLeg        = errors.New("not a leg of custody")
)

// AddBox brings in a box of a product that the index knows.
func (x *Index) AddBox(b Box) error {
	switch _, twice := x.bySSCC[b.SSCC]; {
	case b.SSCC == 0:
		return fmt.Errorf("%w: it has no SSCC", ErrBox)
	case twice:
		return fmt.Errorf("%w: there is a box %s already", ErrBox, b.SSCC)
	case x.products[b.Product] == nil:
		return fmt.Errorf("%w: box %s: there are no storage rules of %q", ErrBox, b.SSCC, b.Product)
	case b.Vials < 1 || b.DosesPerVial < 1 || b.Vials > 1_000_000 || b.DosesPerVial > 1000:
		return fmt.Errorf("%w: box %s has %d vials of %d doses", ErrBox, b.SSCC, b.Vials, b.DosesPerVial)
	}
	lot, ok := x.byLot[b.Lot]
	if !ok {
		lot = uint32(len(x.lots))
		x.lots = append(x.lots, b.Lot)
		x.byLot[b.Lot] = lot
	}
	x.bySSCC[b.SSCC] = uint32(len(x.boxes))
	x.boxes = append(x.boxes, boxRecord{Box: b, lot: lot, end: forever})
	if b.Parent != 0 {
		x.pack(b.SSCC, b.Parent, -forever)
	}
	return nil
}

// Pack tells that a box or pallet is in a pallet from an instant on, and in no other.
func (x *Index) Pack(child, parent SSCC, at time.Time) error {
	if child == parent || child == 0 || parent == 0 {
		return fmt.Errorf("%w: %s cannot be packed in %s", ErrBox, child, parent)
	}
	x.Unpack(child, at)
	x.pack(child, parent, at.UnixNano())
	return nil
}

func (x *Index) pack(child, parent SSCC, at int64) {
	x.packed[parent] = append(x.packed[parent], packing{child, at, forever})
	x.parents[child] = append(x.parents[child], packing{parent, at, forever})
}

// Unpack tells that a box or pallet is in no pallet from an instant on.
func (x *Index) Unpack(child SSCC, at time.Time) {
	end := at.UnixNano()
	for i := range x.parents[child] {
		p := &x.parents[child][i]
		if p.end != forever || p.begin > end {
			continue
		}
		p.end = end
		for j := range x.packed[p.unit] {
			if c := &x.packed[p.unit][j]; c.unit == child && c.end == forever {
				c.end = end
			}
		}
	}
}

// AddLeg brings in a leg of custody. What is aboard and is no box that the index knows is a pallet.
func (x *Index) AddLeg(l Leg) error {
	if err := l.check(len(l.Aboard)); err != nil {
		return err
	}
	var boxes []uint32
	var pallets []SSCC
	for _, k := range l.Aboard {
		if b, ok := x.bySSCC[k]; ok {
			boxes = append(boxes, b)
		} else {
			pallets = append(pallets, k)
		}
	}
	n := x.addLeg(l, boxes, pallets)
	for _, k := range pallets {
		x.carried[k] = append(x.carried[k], n)
	}
	for _, b := range boxes {
		list := append(x.boxes[b].legs, n)
		for i := len(list) - 1; i > 0 && x.legs[list[i-1]].begin > x.legs[n].begin; i-- {
			list[i], list[i-1] = list[i-1], list[i]
		}
		x.boxes[b].legs = list
	}
	return nil
}

func (x *Index) point(p Point) *pointRecord {
	r := x.points[p]
	if r == nil {
		r = &pointRecord{}
		x.points[p] = r
	}
	return r
}

// AddSeries brings in what a logger told. The readings are kept, not copied.
func (x *Index) AddSeries(s Series) error {
	if err := s.Validate(); err != nil {
		return err
	}
	if len(s.Readings) == 0 {
		return nil
	}
	p := x.point(s.Point)
	p.series = append(p.series, s)
	p.last = max(p.last, s.Readings[len(s.Readings)-1].At.UnixNano()+int64(s.Interval))
	return nil
}

// AddSummary brings in a summary.
func (x *Index) AddSummary(s Summary) error {
	if err := s.Validate(); err != nil {
		return err
	}
	p := x.point(s.Point)
	p.summaries = append(p.summaries, s)
	if n := len(p.summaries); n > 1 && p.summaries[n-2].From.After(s.From) {
		slices.SortStableFunc(p.summaries, func(a, b Summary) int { return a.From.Compare(b.From) })
	}
	p.last = max(p.last, s.To.UnixNano())
	return nil
}

// Box finds a box.
func (x *Index) Box(k SSCC) (Box, bool) {
	n, ok := x.bySSCC[k]
	if !ok {
		return Box{}, false
	}
	return x.boxes[n].Box, true
}

// Boxes is how many boxes there are, Legs how many legs, Given how many doses were given.
func (x *Index) Boxes() int { return len(x.boxes) }

// Legs is how many legs of custody there are.
func (x *Index) Legs() int { return len(x.legs) }

// Used is how many doses were given from a box.
func (x *Index) Used(k SSCC) int {
	if n, ok := x.bySSCC[k]; ok {
		return int(x.boxes[n].used)
	}
	return 0
}

// AddAppointment brings in a future booking. Whoever feeds the index tells each once and drops it when it is over.
func (x *Index) AddAppointment(a Appointment) {
	list := x.sites[a.Site]
	x.sites[a.Site] = append(list, a)
}

// DropAppointment forgets a booking at a site: it was given, moved or cancelled.
func (x *Index) DropAppointment(at site.Num, booking int64, dose uint8) {
	list := x.sites[at]
	for i := range list {
		if list[i].Booking == booking && list[i].Dose == dose {
			list[i] = list[len(list)-1]
			x.sites[at] = list[:len(list)-1]
			return
		}
	}
}

// Appointments lists those of a site from a day on, the last booked first.
func (x *Index) Appointments(at site.Num, from civil.Date) []Appointment {
	var out []Appointment
	for _, a := range x.sites[at] {
		if a.Day >= from {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, LastBooked)
	return out
}

// LastBooked orders appointments: the last booked first.
func LastBooked(a, b Appointment) int {
	return cmp.Or(cmp.Compare(b.Made, a.Made), cmp.Compare(b.Booking, a.Booking), cmp.Compare(b.Dose, a.Dose))
}

// legsOf gives all legs that a box went by, itself or in a pallet, by begin.
func (x *Index) legsOf(n uint32) []uint32 {
	b := &x.boxes[n]
	if len(x.parents[b.SSCC]) == 0 {
		return b.legs
	}
	all := slices.Clone(b.legs)
	x.carriedBy(b.SSCC, -forever, forever, 0, &all)
	slices.SortFunc(all, func(a, b uint32) int { return cmp.Or(cmp.Compare(x.legs[a].begin, x.legs[b].begin), cmp.Compare(a, b)) })
	return slices.Compact(all)
}

// deepest is how many pallets within pallets are followed.
const deepest = 8

func (x *Index) carriedBy(unit SSCC, begin, end int64, depth int, to *[]uint32) {
	if depth >= deepest {
		return
	}
	for _, p := range x.parents[unit] {
		from, upto := max(begin, p.begin), min(end, p.end)
		if from >= upto {
			continue
		}
		for _, l := range x.carried[p.unit] {
			if at := x.legs[l].begin; at >= from && at < upto {
				*to = append(*to, l)
			}
		}
		x.carriedBy(p.unit, from, upto, depth+1, to)
	}
}

// aboard gives all boxes of a leg, itself and in its pallets.
func (x *Index) aboard(l *legRecord, to []uint32) []uint32 {
	to = append(to, l.boxes...)
	for _, k := range l.pallets {
		to = x.inside(k, l.begin, 0, to)
	}
	return to
}

func (x *Index) inside(pallet SSCC, at int64, depth int, to []uint32) []uint32 {
	if depth >= deepest {
		return to
	}
	for _, c := range x.packed[pallet] {
		if c.begin > at || c.end <= at {
			continue
		}
		if n, ok := x.bySSCC[c.unit]; ok {
			to = append(to, n)
		} else {
			to = x.inside(c.unit, at, depth+1, to)
		}
	}
	return to
}
