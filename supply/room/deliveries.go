package room

import (
	"context"
	"time"

	"charye/supply/delivery"
)

// How far ahead the room plans, how old a plan may be before it is made anew, and how long after somebody looked at it that goes on.
const (
	planDays   = 14
	planEvery  = time.Minute
	planWanted = 10 * time.Minute
)

// Deliveries gives the plan of deliveries for today and the days after, as it was made last; nil while there is none. Whoever asks has it made,
// and made anew for a while: it costs as much as reading what is booked.
func (r *Room) Deliveries() *delivery.Plan {
	r.wanted.Store(r.Clock().UnixNano())
	return r.deliveries.Load()
}

// plan makes the plan of deliveries, when somebody wants it and it is old.
func (r *Room) plan(ctx context.Context) error {
	v, now := r.View(), r.Clock()
	if v == nil || now.Sub(time.Unix(0, r.wanted.Load())) > planWanted || len(r.Programme.Shipping) == 0 {
		return nil
	}
	if p := r.deliveries.Load(); p != nil && now.Sub(p.Made) < planEvery && !now.Before(p.Made) {
		return nil
	}
	in, err := delivery.Gather(ctx, r.Ledger, delivery.World{
		Programme: r.Programme, Sites: v.Sites, Trace: v.Trace, Register: v.Register, Now: now, Overdue: r.Limits.Overdue, Handover: r.Limits.Handover,
	})
	if err != nil {
		return err
	}
	in.Days = planDays
	p, err := delivery.Make(in)
	if err != nil {
		return err
	}
	r.deliveries.Store(p)
	return nil
}
