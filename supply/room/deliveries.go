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
// and made anew for a while: it costs as much as reading what is booked. What is settled counts where it is to go.
func (r *Room) Deliveries() *Planned {
	r.wanted.Store(r.Clock().UnixNano())
	return r.deliveries.Load()
}

// plan makes the plan of deliveries, when somebody wants it and it is old.
func (r *Room) plan(ctx context.Context) error {
	v, now := r.View(), r.Clock()
	if v == nil || now.Sub(time.Unix(0, r.wanted.Load())) > planWanted || len(r.Programme.Shipping) == 0 {
		return nil
	}
	if p := r.deliveries.Load(); p != nil && now.Sub(p.Made) < planEvery && !now.Before(p.Made) && p.journal == v.Book.Seq() && p.verdicts == len(v.Verdicts) {
		return nil
	}
	w := r.world(v)
	w.Now = now
	in, err := delivery.Gather(ctx, r.Ledger, *w)
	if err != nil {
		return err
	}
	in.Days = planDays
	kept := in.Keep(delivery.Settled(v.Book, v.Sites))
	p, err := delivery.Make(in)
	if err != nil {
		return err
	}
	planned, err := newPlanned(p, kept, w, v)
	if err != nil {
		return err
	}
	r.remember(planned)
	r.deliveries.Store(planned)
	return nil
}
