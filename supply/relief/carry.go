package relief

import (
	"context"
	"time"

	"charye/booking"
	"charye/booking/moves"
)

// Ledger is the part of a [booking.Ledger] that carries a plan out.
type Ledger = moves.Ledger

// Outcome counts what became of the moves of a plan.
type Outcome = moves.Outcome

// Doing is how a plan is carried out.
type Doing struct {
	Undo bool   // from To back to From
	Why  string // for the events: the case, at most [booking.MaxWord] bytes
	Now  func() time.Time
	// Done is told of every move that took effect now; nil: nobody.
	Done func(Move)
}

// Carry carries the moves of a plan out, in their order. It may be stopped at any moment and run again: what has moved is found to be there. Capacity is kept by the
// ledger: a seat that went meanwhile is counted as Full and its booking stays as it is.
func Carry(ctx context.Context, l Ledger, r Rules, p *Plan, d Doing) (o Outcome, err error) {
	for from := 0; from < len(p.Moves); from += moves.AtOnce {
		some := p.Moves[from:min(from+moves.AtOnce, len(p.Moves))]
		list := make([]moves.Move, len(some))
		for i, m := range some {
			list[i] = moves.Move{Booking: m.Booking, Steps: []moves.Step{{Dose: m.Dose, From: m.From, To: m.To}}}
			if d.Undo {
				list[i] = list[i].Back()
			}
		}
		way := moves.Way{Why: d.Why, At: d.Now(), Choice: r.choice, Apart: r.Apart}
		if d.Done != nil {
			way.Done = func(i int) { d.Done(some[i]) }
		}
		if err := moves.Carry(ctx, l, list, way, &o); err != nil {
			return o, err
		}
	}
	return o, nil
}

// choice is a slot as the rules have it now.
func (r Rules) choice(s booking.Slot, _ booking.Dose) (booking.Choice, bool) {
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
