package reschedule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"charye/booking"
	"charye/booking/moves"
)

// Way is how a plan is carried out.
type Way struct {
	Undo      bool             // from To back to From
	Only      map[int64]bool   // with Undo: these bookings alone, of people who declined in time; nil: all
	PerSecond float64          // most doses a second; 0: as fast as the ledger takes them
	Now       func() time.Time // for the events
	Progress  func(Outcome)    // after each batch; nil: nobody
}

// Outcome counts what became of the moves of a plan.
type Outcome = moves.Outcome

// ErrTooLate means that the days are over in which people could have their own move taken back.
var ErrTooLate = errors.New("the days for declining are over")

// Carry carries a plan out, in order. It may be stopped at any moment and run again: what has moved is found to be there, and
// nobody is told twice. The people of one batch are different ones, since a person has one booking in a campaign.
func Carry(ctx context.Context, l booking.Ledger, r moves.Rules, plan io.Reader, way Way) (o Outcome, err error) {
	p := r.Places()
	why := ""
	list := moves.NewStream(way.PerSecond, func(ctx context.Context, batch []moves.Move) error {
		at := way.Now()
		how := moves.Way{Why: why, At: at, Choice: p.Choice, Apart: func(first string) []booking.Apart { return p.Apart(first, at) }}
		if err := moves.Carry(ctx, l, batch, how, &o); err != nil {
			return err
		}
		if way.Progress != nil {
			way.Progress(o)
		}
		return nil
	})
	_, _, err = lines(plan, r.Programme.ID, func(h *header, _ int, m Move) error {
		if err := way.mayDecline(h, r.Programme.Zone); err != nil {
			return err
		}
		from, err1 := booking.ParseSlot(m.From)
		to, err2 := booking.ParseSlot(m.To)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("%w: booking %d goes from %q to %q", ErrPlan, m.Booking, clip(m.From), clip(m.To))
		}
		if way.Only != nil && !way.Only[m.Booking] {
			return nil
		}
		move := moves.Move{Booking: m.Booking, Steps: []moves.Step{{Dose: m.Dose, From: from, To: to}}}
		if why = h.Why; way.Undo {
			why += " undone"
			move = move.Back()
		}
		return list.Add(ctx, move)
	})
	if err != nil {
		return o, err
	}
	return o, list.Flush(ctx)
}

// mayDecline refuses to put single people back beyond the days that the plan gives them.
func (w *Way) mayDecline(h *header, zone *time.Location) error {
	switch {
	case w.Only == nil:
		return nil
	case h.DeclineUntil == nil:
		return fmt.Errorf("%w: the plan gives nobody days to decline", ErrTooLate)
	case !w.Now().Before(*h.DeclineUntil):
		return fmt.Errorf("%w: they ended at %s", ErrTooLate, h.DeclineUntil.In(zone).Format(time.RFC3339))
	}
	return nil
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
