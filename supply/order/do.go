package order

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"charye/booking"
	"charye/supply"
	"charye/supply/relief"
)

// Outcome is what became of a plan.
type Outcome struct {
	Seq     int64 // of the verdict
	Kept    bool  // it was kept before, by an earlier run
	Vials   int   // sites' counters that were changed now
	There   int   // counters that were as they are to be
	Changed int   // counters that somebody else has set since the plan: left alone
	Short   int   // counters that cannot be lowered as far as they should, since more is booked: plan again
	Moves   relief.Outcome
}

// Ledger is the part of a [booking.Ledger] that a plan needs.
type Ledger interface {
	relief.Ledger
	SetCapacity(ctx context.Context, claims []booking.Claim) error
	Counters(ctx context.Context, yield func(booking.CounterState)) (seq int64, err error)
}

// Do carries a plan out: the verdict first, so that nothing more is given; then, for a hold, the sites' vials go as far as nobody who has
// booked is touched, people move, and the rest of the vials goes; for a release the vials come and people go back. It may be stopped at any
// moment and run again with the same plan: what was done is found done, and nobody is told twice.
func (w *World) Do(ctx context.Context, l Ledger, verdicts supply.Verdicts, p *Plan, reach Reach, now func() time.Time) (o Outcome, err error) {
	if p.Programme != w.Programme.ID {
		return o, fmt.Errorf("%w: it is for %s, and this is %s", ErrPlan, p.Programme, w.Programme.ID)
	}
	if o.Seq, o.Kept, err = keep(ctx, verdicts, p.Verdict); err != nil {
		return o, err
	}
	if err := setVials(ctx, l, p, &o); err != nil {
		return o, err
	}
	moves := &relief.Plan{}
	for _, m := range p.Moves {
		moves.Moves = append(moves.Moves, relief.Move{Booking: m.Booking, Dose: m.Dose, From: m.From, To: m.To})
	}
	o.Moves, err = relief.Carry(ctx, l, w.rules(reach), moves, relief.Doing{Why: Why(p.Verdict), Now: now})
	if err != nil {
		return o, err
	}
	if !p.Back {
		before := o.Vials
		err = setVials(ctx, l, p, &o)
		o.Vials = max(o.Vials, before)
	}
	return o, err
}

// Why is the word that the events of the moved bookings carry: the action and the case.
func Why(v supply.Verdict) string {
	why := []rune(string(v.Action) + " " + v.Case)
	for len(string(why)) > booking.MaxWord {
		why = why[:len(why)-1]
	}
	return string(why)
}

// keep keeps a verdict once: the plan's instant tells whether it is there.
func keep(ctx context.Context, verdicts supply.Verdicts, v supply.Verdict) (seq int64, there bool, err error) {
	if err := verdicts.Verdicts(ctx, 0, func(k supply.Verdict) error {
		if k.At.Equal(v.At) && k.Same(&v) {
			seq = k.Seq
		}
		return nil
	}); err != nil || seq != 0 {
		return seq, seq != 0, err
	}
	k, err := verdicts.Decide(ctx, v)
	return k.Seq, false, err
}

const (
	vialsAtOnce = 5000
	vialTries   = 5
)

// setVials brings the sites' counters to what the plan wants, as far as what is booked allows.
func setVials(ctx context.Context, l Ledger, p *Plan, o *Outcome) error {
	if len(p.Vials) == 0 {
		return nil
	}
	for try := 1; ; try++ {
		vials, there, changed, short := 0, 0, 0, 0
		state := make(map[booking.Counter]booking.CounterState, len(p.Vials))
		for _, v := range p.Vials {
			state[v.counter()] = booking.CounterState{}
		}
		if _, err := l.Counters(ctx, func(s booking.CounterState) {
			if _, ok := state[s.Counter]; ok {
				state[s.Counter] = s
			}
		}); err != nil {
			return err
		}
		var claims []booking.Claim
		for _, v := range p.Vials {
			s := state[v.counter()]
			to := max(v.To, s.Used)
			switch {
			case s.Capacity == v.To:
				there++
				continue
			case s.Capacity < min(v.From, v.To) || s.Capacity > max(v.From, v.To):
				changed++
				continue
			}
			if to > v.To {
				short++
			}
			if to != s.Capacity {
				vials++
				claims = append(claims, booking.Claim{Counter: v.counter(), Capacity: to})
			}
		}
		var err error
		for part := range slices.Chunk(claims, vialsAtOnce) {
			if err = l.SetCapacity(ctx, part); err != nil {
				break
			}
		}
		if err == nil {
			o.Vials, o.There, o.Changed, o.Short = vials, there, changed, short
			return nil
		}
		if !errors.Is(err, booking.ErrBelowUsed) || try == vialTries { // somebody booked in between
			return err
		}
	}
}
