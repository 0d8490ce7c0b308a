package booking

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"charye/person"
)

// Need is what an engine loads into a [State] before [Decide]: see [Needs].
type Need struct {
	// Persons are those whose bookings, live and cancelled, and whose holds are needed, ascending.
	Persons []person.Key
	// Until: every hold, whoever's, that is over at this instant is needed too.
	Until time.Time
}

// Needs tells what a batch touches beside counters. An engine loads, and locks where it must, persons in the order given,
// then holds by id, then the counters that [State.Touches] names, in their order: two engines at work on one store then
// never wait for each other in a ring.
func Needs(batch []Request) Need {
	var n Need
	n.Persons = make([]person.Key, 0, len(batch))
	for i := range batch {
		r := &batch[i]
		if r.Validate() != nil {
			continue
		}
		if at := instant(r.At); at.After(n.Until) {
			n.Until = at
		}
		switch r.Op {
		case OpExpire:
		case OpInvite:
			for _, c := range r.Callees {
				if !c.Person.IsZero() {
					n.Persons = append(n.Persons, c.Person)
				}
			}
		default:
			n.Persons = append(n.Persons, r.Person)
			if r.Partner != nil {
				n.Persons = append(n.Persons, r.Partner.Person)
			}
		}
	}
	slices.SortFunc(n.Persons, func(a, b person.Key) int { return bytes.Compare(a[:], b[:]) })
	n.Persons = slices.Compact(n.Persons)
	return n
}

// State is what a batch touches, as an engine loaded it. [Decide] changes it; [State.Changes] then tells what to write.
// It is used for one batch, by one goroutine.
type State struct {
	// Lookup, when set, finds a counter that was not added; ok is false for one never touched. An engine that is the
	// only writer sets it instead of loading what [State.Touches] names.
	Lookup func(Counter) (c CounterState, ok bool)

	nextBooking, nextSeq int64

	counters map[Counter]*cell
	people   map[person.Key]*known
	holds    []*heldHold // by Until, then id: those ended first come first

	events   []Event
	bookings []*kept // those that are new or changed
	added    []*heldHold
	dropped  []int64
}

// cell is a counter in the making. known: a granted request or the ledger has it, so that its capacity stands.
type cell struct {
	CounterState
	known, dirty bool
}

// known is what the state knows about one person.
type known struct {
	bookings []*kept
	holds    []*heldHold // live ones, at most one per campaign
}

type kept struct {
	Booking
	fresh, dirty bool // fresh: made in this batch
}

type heldHold struct {
	Hold
	fresh, gone bool
}

// NewState begins a state. The ids are the next free ones: one more than the largest booking id and event Seq so far.
func NewState(nextBooking, nextSeq int64) *State {
	return &State{
		nextBooking: nextBooking,
		nextSeq:     nextSeq,
		counters:    map[Counter]*cell{},
		people:      map[person.Key]*known{},
	}
}

// AddCounter brings in a counter as it stands in the ledger.
func (s *State) AddCounter(c CounterState) {
	s.counters[c.Counter] = &cell{CounterState: c, known: true}
}

// AddBooking brings in a booking of a person that [Need] names, live or cancelled, oldest first.
func (s *State) AddBooking(b Booking) {
	p := s.person(b.Person)
	p.bookings = append(p.bookings, &kept{Booking: b})
}

// AddHold brings in a hold. One that is both a person's and over may be added twice.
func (s *State) AddHold(h Hold) {
	p := s.person(h.Person)
	if slices.ContainsFunc(p.holds, func(o *heldHold) bool { return o.ID == h.ID }) {
		return
	}
	s.keepHold(p, &heldHold{Hold: h})
}

// Touches names every counter that the batch can move or ask about, ascending. It is called after bookings and holds
// were added.
func (s *State) Touches(batch []Request) []Counter {
	var out []Counter
	claims := func(list []Claim) {
		for _, c := range list {
			out = append(out, c.Counter)
		}
	}
	doses := func(list []Dose) {
		for i := range list {
			out = appendDrawn(append(out, list[i].Seat.Counter), list[i].Vial, list[i].Slot.Session)
		}
	}
	ask := func(r *Request) {
		claims(r.Shared)
		if r.Op == OpInvite {
			out = append(out, StandbyCounter(r.Campaign))
		}
		if r.Op == OpHold || r.Op == OpBook {
			for _, c := range r.Shared {
				if num, ok := c.Counter.Campaign(); ok {
					out = append(out, StandbyCounter(num))
				}
			}
		}
		for _, choices := range r.Doses {
			for i := range choices {
				out = appendDrawn(append(out, choices[i].Seat.Counter), choices[i].Vial, choices[i].Slot.Session)
			}
		}
		if r.Op == OpChange || r.Op == OpCancel || r.Op == OpVisit {
			if b := s.person(r.Person).byID(r.Booking); b != nil {
				claims(b.Shared)
				doses(b.Doses)
			}
		}
	}
	for i := range batch {
		r := &batch[i]
		if r.Validate() != nil {
			continue
		}
		ask(r)
		if r.Partner != nil {
			ask(r.Partner)
		}
	}
	for _, h := range s.holds {
		claims(h.Shared)
		doses(h.Doses)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Changes is what a decided batch asks an engine to write, in one transaction, in the order of the fields: what frees a
// unique key comes before what takes it.
type Changes struct {
	HoldsGone []int64        // delete these
	Changed   []Booking      // update these, by id: doses, claims, status and Changed may differ
	Booked    []Booking      // insert these, by id
	Held      []Hold         // insert these, by id
	Counters  []CounterState // insert or update these, by counter
	Events    []Event        // insert these, by Seq

	NextBooking, NextSeq int64 // as after the batch
}

// Changes collects what changed. It is called once, after [Decide].
func (s *State) Changes() Changes {
	ch := Changes{HoldsGone: s.dropped, Events: s.events, NextBooking: s.nextBooking, NextSeq: s.nextSeq}
	slices.Sort(ch.HoldsGone)
	for _, b := range s.bookings {
		if b.fresh {
			ch.Booked = append(ch.Booked, b.Booking)
		} else {
			ch.Changed = append(ch.Changed, b.Booking)
		}
	}
	byID := func(a, b Booking) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortFunc(ch.Changed, byID)
	slices.SortFunc(ch.Booked, byID)
	for _, h := range s.added {
		if !h.gone {
			ch.Held = append(ch.Held, h.Hold)
		}
	}
	for _, c := range s.counters {
		if c.dirty {
			ch.Counters = append(ch.Counters, c.CounterState)
		}
	}
	slices.SortFunc(ch.Counters, func(a, b CounterState) int { return cmp.Compare(a.Counter, b.Counter) })
	return ch
}

func (s *State) person(k person.Key) *known {
	p := s.people[k]
	if p == nil {
		p = &known{}
		s.people[k] = p
	}
	return p
}

func (s *State) cell(c Counter) *cell {
	if have := s.counters[c]; have != nil {
		return have
	}
	made := &cell{CounterState: CounterState{Counter: c}}
	if s.Lookup != nil {
		if st, ok := s.Lookup(c); ok {
			made.CounterState, made.known = st, true
		}
	}
	s.counters[c] = made
	return made
}

func (p *known) byID(id int64) *kept {
	for _, b := range p.bookings {
		if b.ID == id {
			return b
		}
	}
	return nil
}

func (p *known) live(campaign uint32) *kept {
	for _, b := range p.bookings {
		if b.Campaign == campaign && b.Status == Booked {
			return b
		}
	}
	return nil
}

func (p *known) hold(campaign uint32) *heldHold {
	for _, h := range p.holds {
		if h.Campaign == campaign {
			return h
		}
	}
	return nil
}

func (s *State) keepHold(p *known, h *heldHold) {
	p.holds = append(p.holds, h)
	at, _ := slices.BinarySearchFunc(s.holds, h, func(a, b *heldHold) int {
		return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.ID, b.ID))
	})
	s.holds = slices.Insert(s.holds, at, h)
	if h.fresh {
		s.added = append(s.added, h)
	}
}

func (s *State) dropHold(h *heldHold) {
	h.gone = true
	if !h.fresh {
		s.dropped = append(s.dropped, h.ID)
	}
	p := s.person(h.Person)
	p.holds = slices.DeleteFunc(p.holds, func(o *heldHold) bool { return o == h })
	at := slices.Index(s.holds, h)
	s.holds = slices.Delete(s.holds, at, at+1)
}

// touch marks a booking as one to write.
func (s *State) touch(b *kept) {
	if !b.dirty {
		b.dirty = true
		s.bookings = append(s.bookings, b)
	}
}
