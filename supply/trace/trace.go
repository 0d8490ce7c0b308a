// Package trace turns the events of custody into what supply asks: boxes and what is in them, the legs of their way, what loggers
// told of it, and the doses that were given, thrown away, sent back or counted.
//
// It owns what an EPCIS event means for a box, and the sums of doses by lot and site. It must not know of engines, files, bookings or
// faces: it is given events in the order of their record, the storage rules, and who stands at which place. Events come in any order of
// their own time and can be declared wrong later, so a [Reader] keeps what each said and [Reader.Build] tells the story anew.
package trace

import (
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/site"
	"charye/supply"
)

// Rules are what events are read by.
type Rules struct {
	Products     []*supply.Product
	DosesPerVial map[string]int // by product
	// Site gives the site that a place belongs to; 0: it is none. The place is an [epcis.Key]: https://id.gs1.org/414/GLN with or
	// without /254/ROOM, or a URI of somebody's own, such as urn:charye:site:ID ([SiteURN]).
	Site func(place string) site.Num
	// Who gives the person of a booking, when a dose is told with one ([BookingURN]); nil: nobody is known.
	Who func(booking int64) (person.Key, bool)
	// Anywhere has doses count wherever they are told to be given or destroyed: for who looks at a few events alone, and not at where the box was meanwhile.
	Anywhere bool
}

// Problem is an event that could not be used, and why.
type Problem struct {
	Event string
	What  string
}

// Box is a box as the events leave it.
type Box struct {
	supply.Box
	Place string   // where it is, or what it travels with; empty: nobody tells
	Site  site.Num // 0: not at a site
	Since time.Time
	Given int // doses
	Waste int
	Moved int // doses that were taken out into other boxes, less those that came from such
	Sent  Sent
	Parts []Part // of what is left, by stage; nil: nothing of it was told to be thawed or punctured
}

// Sent is where a box is meant to go, as the event told with which it left; zero when it has reached a site since.
type Sent struct {
	At       time.Time
	From, To string   // places as the events name them; From is empty when nobody told
	Site     site.Num // of To; 0: not a site
	Stopped  bool     // since then it has been at a place that is no site: a hub, or a store
}

// Part is so many doses of a box that came into a stage together.
type Part struct {
	Doses int
	Stage supply.Stage
	Since time.Time // zero: as they came
}

// Left is how many doses are in it.
func (b *Box) Left() int { return b.Doses() - b.Given - b.Waste - b.Moved }

// Account is what became of the doses of a lot at a site: Received = Given + Wasted + Returned + OnHand.
type Account struct {
	Site                                      site.Num
	Lot                                       supply.LotKey
	Received, Given, Wasted, Returned, OnHand int
}

// Leg is one stretch of the way of boxes.
type Leg struct {
	Place      string       // as the events name it
	Point      supply.Point // of whose readings it is judged: the place's, or those of a logger that rides with the box
	Site       site.Num
	Begin, End time.Time // End zero: it goes on
	Boxes      []supply.SSCC
}

// Trace is the story that the events tell.
type Trace struct {
	Index    *supply.Index
	Legs     []Leg // by begin
	Accounts []Account
	Unknown  int      // doses given to people whom no booking names; each counts as one person
	Findings []string // what contradicts itself: more given than was there, given where the box is not, counted otherwise
	Problems []Problem
	Read     int  // events that count
	AsOf     Mark // the last event read

	boxes  map[supply.SSCC]*Box
	order  []supply.SSCC
	expiry map[supply.LotKey]civil.Date
	site   func(string) site.Num
	alone  []Leg      // of vials that went without the box that they are in
	vials  []vialTold // by box and name
	byVial map[supply.SGTIN]uint32
}

// Box finds a box.
func (t *Trace) Box(k supply.SSCC) (*Box, bool) { b, ok := t.boxes[k]; return b, ok }

// SiteAt gives the site that a place belongs to, by the rules that the story was told by; 0: none.
func (t *Trace) SiteAt(place string) site.Num { return t.site(place) }

// Boxes lists all, in the order in which they came into being.
func (t *Trace) Boxes() []supply.SSCC { return t.order }

// Expires is the last day of use of a lot; false when nobody told it.
func (t *Trace) Expires(l supply.LotKey) (civil.Date, bool) { d, ok := t.expiry[l]; return d, ok }

// OfLot lists the boxes of a lot by its number, of whichever product.
func (t *Trace) OfLot(id string) (out []supply.SSCC) {
	for _, k := range t.order {
		if t.boxes[k].Lot.ID == id {
			out = append(out, k)
		}
	}
	return out
}

// At lists the boxes that were at a place, or judged by its readings, at any moment of [begin, end), and those in which a vial is now that was.
func (t *Trace) At(place string, begin, end time.Time) (out []supply.SSCC, legs []Leg) {
	seen := map[supply.SSCC]bool{}
	for i := range len(t.Legs) + len(t.alone) {
		l := Leg{}
		if i < len(t.Legs) {
			l = t.Legs[i]
		} else {
			l = t.alone[i-len(t.Legs)]
		}
		if l.Place != place && string(l.Point) != place || !l.Begin.Before(end) || !l.End.IsZero() && !l.End.After(begin) {
			continue
		}
		legs = append(legs, l)
		for _, k := range l.Boxes {
			if !seen[k] {
				seen[k] = true
				out = append(out, k)
			}
		}
	}
	return out, legs
}

// Journey lists the legs of a box.
func (t *Trace) Journey(k supply.SSCC) (out []Leg) {
	for _, l := range t.Legs {
		for _, b := range l.Boxes {
			if b == k {
				out = append(out, l)
				break
			}
		}
	}
	return out
}
