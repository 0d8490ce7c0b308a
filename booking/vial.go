package booking

import (
	"fmt"

	"charye/internal/civil"
	"charye/site"
)

// Doses come in vials. Where a product's vials are counted at its sites, each day there opens as many as what is booked on it
// needs: with 10 doses a vial 1 to 10 bookings open one, 11 open two. The vials of a site are a [Counter] that has to be there
// before anything is booked of it ([Ledger.SetCapacity] brings it); a site without one has none.

// Vial says how a dose draws on the vials of its site. The zero Vial: it does not.
type Vial struct {
	Product uint16 // a number of the product, 1 … MaxVialProduct, that is no other's
	Doses   int    // in a vial, 1 … MaxVialDoses
}

// The bounds of a [Vial].
const (
	MaxVialProduct = 1<<9 - 1
	MaxVialDoses   = 1<<5 - 1
)

const (
	productShift = 5
	vialSite     = 9
	openedSite   = 14
	openedDay    = 38
	maxOpenedDay = 1<<14 - 1
)

// firstOpened is the first day for which vials can be counted; the last is 2064-11-08.
var firstOpened = civil.New(2020, 1, 1)

func (v Vial) counted() bool { return v.Doses != 0 }

// valid reports whether the vials of a session can be named.
func (v Vial) valid(s Session) bool {
	day := s.Day - firstOpened
	return v == Vial{} || v.Product >= 1 && v.Product <= MaxVialProduct && v.Doses >= 1 && v.Doses <= MaxVialDoses &&
		s.Site <= site.MaxNum && day >= 0 && day <= maxOpenedDay
}

// VialsCounter names the vials of a product at a site.
func VialsCounter(at site.Num, product uint16) Counter {
	return Counter(KindVials)<<kindShift | Counter(at&site.MaxNum)<<vialSite | Counter(product&MaxVialProduct)
}

// OpenedCounter names what is booked of a product at a site on a day.
func OpenedCounter(at site.Num, day civil.Date, v Vial) Counter {
	return Counter(KindOpened)<<kindShift | Counter(day-firstOpened)&maxOpenedDay<<openedDay | Counter(at&site.MaxNum)<<openedSite |
		Counter(v.Product&MaxVialProduct)<<productShift | Counter(v.Doses&MaxVialDoses)
}

// opens takes a [KindOpened] counter apart: the vials it draws on, and how many doses are in one.
func (c Counter) opens() (vials Counter, doses int) {
	at := site.Num(c >> openedSite & Counter(site.MaxNum))
	return VialsCounter(at, uint16(c>>productShift&MaxVialProduct)), int(c & MaxVialDoses)
}

// Opened tells of which product, site and day a [KindOpened] counter is; ok is false for other kinds.
func (c Counter) Opened() (at site.Num, day civil.Date, v Vial, ok bool) {
	if c.Kind() != KindOpened {
		return 0, 0, Vial{}, false
	}
	v = Vial{Product: uint16(c >> productShift & MaxVialProduct), Doses: int(c & MaxVialDoses)}
	return site.Num(c >> openedSite & Counter(site.MaxNum)), firstOpened + civil.Date(c>>openedDay&maxOpenedDay), v, true
}

// Vials tells of which site and product a [KindVials] counter is; ok is false for other kinds.
func (c Counter) Vials() (at site.Num, product uint16, ok bool) {
	return site.Num(c >> vialSite & Counter(site.MaxNum)), uint16(c & MaxVialProduct), c.Kind() == KindVials
}

func vialsText(c Counter) string {
	if at, day, v, ok := c.Opened(); ok {
		return fmt.Sprintf("opened:%d-%s-%d of %d", at, day, v.Product, v.Doses)
	}
	at, product, _ := c.Vials()
	return fmt.Sprintf("vials:%d-%d", at, product)
}

// VialsFor is how many vials so many doses open.
func VialsFor(doses, perVial int) int { return (doses + perVial - 1) / perVial }

// open moves what is booked of a product on a day, and with it the vials that this opens or closes; false when there is none left.
func (t *taking) open(v Vial, s Session, by int) bool {
	if !v.counted() {
		return true
	}
	day := t.s.cell(OpenedCounter(s.Site, s.Day, v))
	if !day.known && day.Used == 0 {
		day.Capacity = MaxQuantity
	}
	vials := t.s.cell(VialsCounter(s.Site, v.Product))
	more := VialsFor(day.Used+by, v.Doses) - VialsFor(day.Used, v.Doses)
	if more > 0 && more > vials.Capacity-vials.Used {
		return false
	}
	t.move(day, by)
	if more != 0 {
		t.move(vials, more)
	}
	return true
}

// Counters lists every counter that taking a choice can move.
func (c *Choice) Counters() []Counter {
	return appendDrawn([]Counter{c.Seat.Counter}, c.Vial, c.Slot.Session)
}

func appendDrawn(out []Counter, v Vial, s Session) []Counter {
	if !v.counted() {
		return out
	}
	return append(out, OpenedCounter(s.Site, s.Day, v), VialsCounter(s.Site, v.Product))
}
