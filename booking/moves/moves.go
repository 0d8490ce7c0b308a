// Package moves carries out what a plan says of booked doses: from a slot to another, each only if it is still where the plan found
// it, and counted.
//
// It owns how a move is found done, overtaken or impossible, and the one way in which plans of every kind (a new interval, a held
// lot, a loss of doses) go to the ledger; and what sessions there are while a plan is made ([Places]). It must not know who makes plans, their files, engines or faces. Every move
// is decided by booking.Decide like everybody's wish: capacity holds, and a person's own choice since the plan was made stands.
package moves

import (
	"context"
	"fmt"
	"time"

	"charye/booking"
)

// Ledger is the part of a [booking.Ledger] that moves need.
type Ledger interface {
	Several(ctx context.Context, ids []int64) ([]booking.Booking, error)
	Apply(ctx context.Context, batch []booking.Request) ([]booking.Outcome, error)
}

// System is the channel of what nobody asked for themselves.
const System = "system"

// AtOnce is how many moves go to the ledger together at most.
const AtOnce = 1024

// Step is one dose on its way.
type Step struct {
	Dose     int // 1, 2 …
	From, To booking.Slot
}

// Move moves doses of one booking, all or none. Every step counts as made when one of them is.
type Move struct {
	Booking int64
	Steps   []Step
}

// Back is the move in the other direction.
func (m Move) Back() Move {
	out := Move{Booking: m.Booking, Steps: make([]Step, len(m.Steps))}
	for i, s := range m.Steps {
		out.Steps[i] = Step{Dose: s.Dose, From: s.To, To: s.From}
	}
	return out
}

// Outcome counts what became of moves.
type Outcome struct {
	Moved     int
	There     int // moved before: by an earlier, interrupted run
	Since     int // elsewhere by now: people moved them since, and their choice stands
	Cancelled int
	Full      int // the seat or the last vial was taken meanwhile; plan again for these
	Gone      int // the session is no longer in the rules
}

// Way is how moves are carried out.
type Way struct {
	Why string // for the events, at most [booking.MaxWord] bytes
	At  time.Time
	// Choice is a slot as the rules have it now, for a dose that is elsewhere; ok is false when there is no such session.
	Choice func(to booking.Slot, is booking.Dose) (c booking.Choice, ok bool)
	// Apart are the products that a series which began with one must keep away from; nil: none.
	Apart func(first string) []booking.Apart
	// Edit may change what is asked of the ledger for the i-th move; nil: nothing is changed.
	Edit func(i int, b *booking.Booking, q *booking.Request)
	// Done is told of every move that took effect now, by its index; nil: nobody.
	Done func(i int)
}

// Carry carries out one batch of moves, in their order, and adds to what became of them. What has moved before is found to be
// there, so that it may be run again.
func Carry(ctx context.Context, l Ledger, list []Move, w Way, o *Outcome) error {
	ids := make([]int64, len(list))
	for i := range list {
		ids[i] = list[i].Booking
	}
	found, err := find(ctx, l, ids)
	if err != nil {
		return err
	}
	requests := make([]booking.Request, 0, len(list))
	sent := make([]int, 0, len(list))
	for i, m := range list {
		b := found[m.Booking]
		if !o.ready(b, m) {
			continue
		}
		doses := Kept(b)
		gone := false
		for _, s := range m.Steps {
			c, ok := w.Choice(s.To, b.Doses[s.Dose-1])
			gone = gone || !ok
			doses[s.Dose-1] = []booking.Choice{c}
		}
		if gone {
			o.Gone++
			continue
		}
		q := booking.Request{Op: booking.OpChange, Campaign: b.Campaign, Person: b.Person, Channel: System, Why: w.Why, At: w.At, Booking: b.ID, Doses: doses}
		if w.Apart != nil {
			q.Apart = w.Apart(doses[0][0].Slot.Product)
		}
		if w.Edit != nil {
			w.Edit(i, b, &q)
		}
		requests, sent = append(requests, q), append(sent, i)
		// Two moves of one booking in one batch: the second must know of the first.
		for _, s := range m.Steps {
			c := doses[s.Dose-1][0]
			b.Doses[s.Dose-1] = booking.Dose{Dose: s.Dose, Slot: c.Slot, Minutes: c.Minutes, Seat: c.Seat, Vial: c.Vial}
		}
	}
	if len(requests) == 0 {
		return nil
	}
	outcomes, err := l.Apply(ctx, requests)
	if err != nil {
		return err
	}
	for i := range outcomes {
		if err := o.Count(&outcomes[i], requests[i].Booking); err != nil {
			return err
		}
		if outcomes[i].Result == booking.Done && w.Done != nil {
			w.Done(sent[i])
		}
	}
	return nil
}

// find gives bookings by id, with doses that the caller may write.
func find(ctx context.Context, l Ledger, ids []int64) (map[int64]*booking.Booking, error) {
	list, err := l.Several(ctx, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[int64]*booking.Booking, len(list))
	for i := range list {
		list[i].Doses = append([]booking.Dose(nil), list[i].Doses...)
		found[list[i].ID] = &list[i]
	}
	return found, nil
}

// ready reports whether a booking is where a move begins, and counts it otherwise.
func (o *Outcome) ready(b *booking.Booking, m Move) bool {
	if b == nil || b.Status != booking.Booked || len(m.Steps) == 0 {
		o.Cancelled++
		return false
	}
	there := true
	for _, s := range m.Steps {
		if s.Dose < 1 || s.Dose > len(b.Doses) {
			o.Cancelled++
			return false
		}
		there = there && b.Doses[s.Dose-1].Slot == s.To
	}
	if there {
		o.There++
		return false
	}
	for _, s := range m.Steps {
		if b.Doses[s.Dose-1].Slot != s.From {
			o.Since++
			return false
		}
	}
	return true
}

// Count adds what the ledger made of a request about a booking.
func (o *Outcome) Count(out *booking.Outcome, id int64) error {
	switch out.Result {
	case booking.Done:
		o.Moved++
	case booking.Repeated:
		o.There++
	case booking.Full, booking.Limited:
		o.Full++
	case booking.Visited:
		o.Since++ // somebody has come for the dose
	case booking.NoBooking:
		o.Cancelled++
	case booking.AlreadyBooked, booking.HoldGone, booking.KeyReused, booking.Malformed:
		return fmt.Errorf("booking %d: the ledger answers a move with result %d", id, out.Result)
	}
	return nil
}

// Kept asks for all doses of a booking as they are.
func Kept(b *booking.Booking) [][]booking.Choice {
	out := make([][]booking.Choice, len(b.Doses))
	for i, d := range b.Doses {
		out[i] = []booking.Choice{{Slot: d.Slot, Minutes: d.Minutes, Seat: d.Seat, Vial: d.Vial}}
	}
	return out
}
