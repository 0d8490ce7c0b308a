package reschedule

import (
	"context"
	"fmt"
	"io"
	"time"

	"golang.org/x/time/rate"

	"charye/booking"
)

// Way is how a plan is carried out.
type Way struct {
	Undo      bool             // from To back to From
	PerSecond float64          // most doses a second; 0: as fast as the ledger takes them
	Now       func() time.Time // for the events
	Progress  func(Outcome)    // after each batch; nil: nobody
}

// Outcome counts what became of the moves of a plan.
type Outcome struct {
	Moved     int
	There     int // moved before: by an earlier, interrupted run
	Since     int // elsewhere by now: people moved them since, and their choice stands
	Cancelled int
	Full      int // the seat was taken meanwhile; plan again for these
	Gone      int // the session is no longer in the rules
}

// batch is how many moves go to the ledger together.
const batch = 1024

// Carry carries a plan out, in order. It may be stopped at any moment and run again: what has moved is found to be there, and
// nobody is told twice. The people of one batch are different ones, since a person has one booking in a campaign.
func Carry(ctx context.Context, l booking.Ledger, r Rules, plan io.Reader, way Way) (o Outcome, err error) {
	pace := rate.NewLimiter(rate.Inf, batch)
	if way.PerSecond > 0 {
		pace = rate.NewLimiter(rate.Limit(way.PerSecond), batch)
	}
	p := r.places()
	why := ""
	moves := make([]Move, 0, batch)
	send := func() error {
		if len(moves) == 0 {
			return nil
		}
		if err := pace.WaitN(ctx, len(moves)); err != nil {
			return err
		}
		if err := carry(ctx, l, p, moves, why, way.Now(), &o); err != nil {
			return err
		}
		if way.Progress != nil {
			way.Progress(o)
		}
		moves = moves[:0]
		return nil
	}
	_, _, err = lines(plan, r.Programme.ID, func(h *header, _ int, m Move) error {
		if why = h.Why; way.Undo {
			why += " undone"
			m.From, m.To = m.To, m.From
		}
		if moves = append(moves, m); len(moves) < batch {
			return nil
		}
		return send()
	})
	if err != nil {
		return o, err
	}
	return o, send()
}

// carry sends one batch.
func carry(ctx context.Context, l booking.Ledger, p *places, moves []Move, why string, at time.Time, o *Outcome) error {
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
	for _, m := range moves {
		b, ok := found[m.Booking]
		from, err1 := booking.ParseSlot(m.From)
		to, err2 := booking.ParseSlot(m.To)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("%w: booking %d goes from %q to %q", ErrPlan, m.Booking, clip(m.From), clip(m.To))
		}
		choice, inRules := p.choice(to)
		switch {
		case !ok || b.Status != booking.Booked || m.Dose > len(b.Doses):
			o.Cancelled++
		case b.Doses[m.Dose-1].Slot == to:
			o.There++
		case b.Doses[m.Dose-1].Slot != from:
			o.Since++
		case !inRules:
			o.Gone++
		default:
			doses := make([][]booking.Choice, len(b.Doses))
			for i, d := range b.Doses {
				doses[i] = []booking.Choice{{Slot: d.Slot, Minutes: d.Minutes, Seat: d.Seat, Vial: d.Vial}}
			}
			choice.Vial = b.Doses[m.Dose-1].Vial // of the same product at the same site
			doses[m.Dose-1] = []booking.Choice{choice}
			requests = append(requests, booking.Request{
				Op: booking.OpChange, Campaign: b.Campaign, Person: b.Person, Channel: systemChannel, Why: why, At: at, Booking: b.ID, Doses: doses,
				Apart: p.apart(b.Doses[0].Slot.Product, at),
			})
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
		switch outcomes[i].Result {
		case booking.Done:
			o.Moved++
		case booking.Repeated:
			o.There++
		case booking.Full, booking.Limited:
			o.Full++
		case booking.Visited:
			o.Since++
		case booking.NoBooking:
			o.Cancelled++
		case booking.AlreadyBooked, booking.HoldGone, booking.KeyReused, booking.Malformed:
			return fmt.Errorf("booking %d: the ledger answers a move with %v", requests[i].Booking, outcomes[i].Result)
		}
	}
	return nil
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
