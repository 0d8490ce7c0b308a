package relief

import (
	"context"
	"fmt"
	"time"

	"charye/booking"
)

// Ledger is the part of a [booking.Ledger] that carries a plan out.
type Ledger interface {
	Several(ctx context.Context, ids []int64) ([]booking.Booking, error)
	Apply(ctx context.Context, batch []booking.Request) ([]booking.Outcome, error)
}

// Doing is how a plan is carried out.
type Doing struct {
	Undo bool   // from To back to From
	Why  string // for the events: the case, at most [booking.MaxWord] bytes
	Now  func() time.Time
	// Done is told of every move that took effect now; nil: nobody.
	Done func(Move)
}

// Outcome counts what became of the moves of a plan.
type Outcome struct {
	Moved     int
	There     int // moved before: by an earlier, interrupted run
	Since     int // elsewhere by now: people moved them since, and their choice stands
	Cancelled int
	Full      int // the seat or the last vial was taken meanwhile; plan again for these
	Gone      int // the session is no longer in the rules
}

// most is how many moves go to the ledger together.
const most = 1024

// Carry carries the moves of a plan out, in their order. It may be stopped at any moment and run again: what has moved is found to be there. Capacity is kept by the
// ledger: a seat that went meanwhile is counted as Full and its booking stays as it is.
func Carry(ctx context.Context, l Ledger, r Rules, p *Plan, d Doing) (o Outcome, err error) {
	for from := 0; from < len(p.Moves); from += most {
		if err := carry(ctx, l, r, p.Moves[from:min(from+most, len(p.Moves))], d, &o); err != nil {
			return o, err
		}
	}
	return o, nil
}

func carry(ctx context.Context, l Ledger, r Rules, moves []Move, d Doing, o *Outcome) error {
	ids := make([]int64, len(moves))
	for i := range moves {
		ids[i] = moves[i].Booking
	}
	list, err := l.Several(ctx, ids)
	if err != nil {
		return err
	}
	found := make(map[int64]*booking.Booking, len(list))
	for i := range list {
		found[list[i].ID] = &list[i]
	}
	requests := make([]booking.Request, 0, len(moves))
	sent := make([]Move, 0, len(moves))
	at := d.Now()
	for _, m := range moves {
		from, to := m.From, m.To
		if d.Undo {
			from, to = to, from
		}
		b := found[m.Booking]
		switch {
		case b == nil || b.Status != booking.Booked || m.Dose < 1 || m.Dose > len(b.Doses):
			o.Cancelled++
			continue
		case b.Doses[m.Dose-1].Slot == to:
			o.There++
			continue
		case b.Doses[m.Dose-1].Slot != from:
			o.Since++
			continue
		}
		choice, ok := choiceOf(r, to)
		if !ok {
			o.Gone++
			continue
		}
		doses := make([][]booking.Choice, len(b.Doses))
		for i, k := range b.Doses {
			doses[i] = []booking.Choice{{Slot: k.Slot, Minutes: k.Minutes, Seat: k.Seat, Vial: k.Vial}}
		}
		doses[m.Dose-1] = []booking.Choice{choice}
		q := booking.Request{Op: booking.OpChange, Campaign: b.Campaign, Person: b.Person, Channel: "system", Why: d.Why, At: at, Booking: b.ID, Doses: doses}
		if r.Apart != nil {
			q.Apart = r.Apart(b.Doses[0].Slot.Product)
		}
		requests = append(requests, q)
		sent = append(sent, m)
		// Two doses of one booking in one batch: the second must know of the first.
		b.Doses[m.Dose-1] = booking.Dose{Dose: m.Dose, Slot: choice.Slot, Minutes: choice.Minutes, Seat: choice.Seat, Vial: choice.Vial}
	}
	if len(requests) == 0 {
		return nil
	}
	outcomes, err := l.Apply(ctx, requests)
	if err != nil {
		return err
	}
	for i := range outcomes {
		switch outcomes[i].Result {
		case booking.Done:
			o.Moved++
			if d.Done != nil {
				d.Done(sent[i])
			}
		case booking.Repeated:
			o.There++
		case booking.Full, booking.Limited:
			o.Full++
		case booking.Visited:
			o.Since++
		case booking.NoBooking:
			o.Cancelled++
		case booking.AlreadyBooked, booking.HoldGone, booking.KeyReused, booking.Malformed:
			return fmt.Errorf("booking %d: the ledger answers a move with result %d", requests[i].Booking, outcomes[i].Result)
		}
	}
	return nil
}

// choiceOf is a slot as the rules have it now.
func choiceOf(r Rules, s booking.Slot) (booking.Choice, bool) {
	for _, x := range r.Sessions(s.Site, s.Day) {
		if x.Minute == s.Minute {
			c := booking.Choice{Slot: s, Minutes: x.Minutes, Seat: booking.Claim{Counter: booking.SeatCounter(s.Session), Capacity: x.Seats, N: 1}}
			if r.Vial != nil {
				c.Vial = r.Vial(s.Product)
			}
			return c, true
		}
	}
	return booking.Choice{}, false
}
