package booking

import (
	"fmt"
	"slices"
	"time"

	"charye/internal/weak"
)

// A campaign that loses doses which are booked already takes them from those who booked last. Whoever can be moved is moved
// ([OpChange]); who cannot is displaced: the booking is over, and its person stands first in line (우선 대기) for what comes
// free in the campaign, before everybody who stands by and before whoever has a turn. A displaced booking takes one of the campaign's
// [DisplacedCounter] and nothing else; its doses stay written, as what it was.
//
//	displaced → recalled    a dose came free and is kept for the person: an invitation
//	          → reinstated  the loss was taken back: booked again
//	          → booked      the person found another dose by themselves; the new booking ends the standing
//
// As long as anybody in a campaign is displaced, nobody takes of its stock who has no hold on it, and nobody is invited from the line.

// Displaced reports whether the booking was taken away by a loss of doses, and its person waits to be recalled.
func (b *Booking) Displaced() bool {
	return b.Status == Cancelled && slices.ContainsFunc(b.Shared, func(c Claim) bool { return c.Counter.Kind() == KindDisplaced })
}

// displaced is what stands for a displaced booking in the counters.
func displaced(campaign uint32) []Claim {
	return []Claim{{Counter: DisplacedCounter(campaign), Capacity: MaxQuantity, N: 1}}
}

// displace takes a booking away.
func (s *State) displace(r *Request, at time.Time) Outcome {
	b := s.person(r.Person).byID(r.Booking)
	switch {
	case b == nil || b.Campaign != r.Campaign:
		return Outcome{Result: NoBooking}
	case b.Displaced():
		return Outcome{Result: Repeated, Booking: b.Booking}
	case b.Status != Booked:
		return Outcome{Result: NoBooking, Booking: b.Booking}
	case slices.ContainsFunc(b.Doses, func(d Dose) bool {
		return d.Visit.State == Arrived || d.Visit.State == Given || d.Visit.State == Spoilt
	}):
		return Outcome{Result: Visited, Booking: b.Booking}
	}
	t := taking{s: s}
	t.give(b.Doses, b.Shared)
	shared := displaced(r.Campaign)
	if _, full, ok := t.take(nil, shared); !ok {
		t.undo()
		return Outcome{Result: Full, Shared: full.shared, Booking: b.Booking}
	}
	b.Status, b.Shared = Cancelled, shared
	s.touch(b)
	deltas := t.keep()
	s.event(r.event(EventDisplaced, at, b.ID, deltas))
	s.resize(r, at, deltas)
	return Outcome{Result: Done, Booking: b.Booking}
}

// recall keeps a dose of the stock for somebody who was displaced.
func (s *State) recall(r *Request, at time.Time) Outcome {
	p := s.person(r.Person)
	b := p.byID(r.Booking)
	if b == nil || b.Campaign != r.Campaign || !b.Displaced() || p.hold(r.Campaign) != nil {
		return Outcome{Result: NoBooking}
	}
	t := taking{s: s}
	t.give(nil, b.Shared)
	if _, full, ok := t.take(nil, r.Shared); !ok {
		t.undo()
		return Outcome{Result: Full, Shared: full.shared, Booking: b.Booking}
	}
	b.Shared = nil
	s.touch(b)
	s.keepInvitation(p, r.Person, r.Campaign, r.Shared, instant(r.HoldUntil), r.event(EventInvited, at, 0, t.keep()))
	return Outcome{Result: Done, Booking: b.Booking}
}

// reinstate gives a displaced booking doses again.
func (s *State) reinstate(r *Request, at time.Time) Outcome {
	p := s.person(r.Person)
	b := p.byID(r.Booking)
	switch {
	case b == nil || b.Campaign != r.Campaign:
		return Outcome{Result: NoBooking}
	case b.Status == Booked:
		return Outcome{Result: Repeated, Booking: b.Booking}
	case !b.Displaced() || p.live(r.Campaign) != nil || p.hold(r.Campaign) != nil:
		return Outcome{Result: NoBooking, Booking: b.Booking}
	case p.limited(r):
		return Outcome{Result: Limited, Booking: b.Booking}
	}
	wanted, ok := p.apart(r)
	if !ok {
		return Outcome{Result: Limited, Booking: b.Booking}
	}
	undo := s.grow(r, b.Shared)
	t := taking{s: s}
	t.give(nil, b.Shared)
	doses, full, ok := t.take(wanted, r.Shared)
	if !ok {
		t.undo()
		undo()
		return Outcome{Result: Full, FullDose: full.dose, Shared: full.shared, Booking: b.Booking}
	}
	b.Status, b.Doses, b.Shared = Booked, doses, slices.Clone(r.Shared)
	b.Changed++
	s.touch(b)
	deltas := t.keep()
	s.event(r.event(EventReinstated, at, b.ID, deltas))
	s.resize(r, at, deltas)
	return Outcome{Result: Done, Booking: b.Booking}
}

// standsFirst reports whether somebody in a campaign was displaced and is not recalled yet.
func (s *State) standsFirst(campaign uint32) bool {
	return s.cell(DisplacedCounter(campaign)).Used > 0 && !weak.Off(weak.FaultFirst)
}

// standNoMore ends the standing of somebody who has booked.
func (s *State) standNoMore(p *known, campaign uint32) []Delta {
	t := taking{s: s}
	for _, b := range p.bookings {
		if b.Campaign == campaign && b.Displaced() {
			t.give(nil, b.Shared)
			b.Shared = nil
			s.touch(b)
		}
	}
	return t.keep()
}

// sized reports whether a counter is of those whose capacity moves with a request of a Resize: what the doses of a campaign are
// counted by for everybody. The share of a channel of its own stays what the rules say.
func sized(c Counter) bool {
	_, part, _ := c.Share()
	return c.Kind() == KindStock || c.Kind() == KindChannelShare && part == 0
}

// grow makes room for what a request of Resize 1 takes anew; undo takes it back.
func (s *State) grow(r *Request, has []Claim) (undo func()) {
	if r.Resize <= 0 {
		return func() {}
	}
	var grown []Claim
	for _, c := range r.Shared {
		if sized(c.Counter) && !holds(has, c.Counter) {
			s.cell(c.Counter).Capacity += c.N
			grown = append(grown, c)
		}
	}
	return func() {
		for _, c := range grown {
			s.cell(c.Counter).Capacity -= c.N
		}
	}
}

// resize has the capacity of a campaign's doses move with what a request gave back or took: what was given back is nobody else's for
// a moment, since it is gone in the same step. What was taken of it has grown before.
func (s *State) resize(r *Request, at time.Time, deltas []Delta) {
	if r.Resize == 0 || weak.Off(weak.FaultResize) && r.Resize < 0 {
		return
	}
	for _, d := range deltas {
		if !sized(d.Counter) || d.By > 0 != (r.Resize > 0) {
			continue
		}
		c := s.cell(d.Counter)
		before := c.Capacity - d.By
		if r.Resize < 0 {
			before = c.Capacity
			c.Capacity += d.By
		}
		c.known, c.dirty = true, true
		e := r.event(EventCapacity, at, 0, []Delta{{Counter: d.Counter}})
		e.Person = [16]byte{} // it is of the campaign's and not of anybody's
		e.Why = fmt.Sprintf("%d to %d", before, c.Capacity)
		s.event(e)
	}
}
