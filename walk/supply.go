package walk

import (
	"context"
	"errors"
	"time"

	"charye/approval"
	"charye/supply"
	"charye/supply/delivery"
	"charye/supply/order"
	"charye/supply/room"
)

// Supply gives the supply room as it stands, to whoever may see it. It names no person.
func (w *Walk) Supply(_ context.Context, a Actor) (*room.View, error) {
	if err := may(a, SeeSupply); err != nil {
		return nil, err
	}
	r, err := w.supplyRoom()
	if err != nil {
		return nil, err
	}
	v := r.View()
	if v == nil {
		e := refuse(Overloaded, "the supply room is still being read; try again after the time given")
		e.RetryAfter = 5 * time.Second
		return nil, e
	}
	return v, nil
}

// Deliveries gives the plan of deliveries as it was made last; nil while it is being made.
func (w *Walk) Deliveries(_ context.Context, a Actor) (*delivery.Plan, error) {
	if err := may(a, SeeSupply); err != nil {
		return nil, err
	}
	r, err := w.supplyRoom()
	if err != nil {
		return nil, err
	}
	if len(w.programme.Shipping) == 0 {
		return nil, refuse(NotFound, "the programme says nothing of shipping, so that there is no plan of deliveries")
	}
	return r.Deliveries(), nil
}

func (w *Walk) supplyRoom() (*room.Room, error) {
	if w.supply == nil {
		return nil, refuse(NotFound, "no product of the programme has rules for its storage, so that there is no supply room")
	}
	return w.supply, nil
}

// PreviewVerdict has a verdict planned, and waits a moment for the plan: what is not done by then is made in the background. Nothing is changed.
func (w *Walk) PreviewVerdict(ctx context.Context, a Actor, wish room.Wish) (room.Making, error) {
	return w.onPreview(a, func(r *room.Room) (room.Making, error) { return r.Begin(ctx, whoOf(a), wish) })
}

// PreviewedVerdict tells how far a preview is. One that nobody asks for is not made any further.
func (w *Walk) PreviewedVerdict(ctx context.Context, a Actor, name string) (room.Making, error) {
	return w.onPreview(a, func(r *room.Room) (room.Making, error) { return r.Look(ctx, name) })
}

// RetryPreview has a preview made that failed or was stopped.
func (w *Walk) RetryPreview(ctx context.Context, a Actor, name string) (room.Making, error) {
	return w.onPreview(a, func(r *room.Room) (room.Making, error) { return r.Retry(ctx, name) })
}

// PreviewedVerdicts lists the previews of a day, everybody's, the last first.
func (w *Walk) PreviewedVerdicts(ctx context.Context, a Actor) (list []room.Making, err error) {
	_, err = w.onPreview(a, func(r *room.Room) (m room.Making, err error) {
		list, err = r.Makings(ctx)
		return m, err
	})
	return list, err
}

func (w *Walk) onPreview(a Actor, do func(*room.Room) (room.Making, error)) (room.Making, error) {
	if err := may(a, AskVerdict); err != nil {
		return room.Making{}, err
	}
	r, err := w.supplyRoom()
	if err != nil {
		return room.Making{}, err
	}
	m, err := do(r)
	if errors.Is(err, room.ErrBusy) {
		e := refuse(Overloaded, "%v", err)
		e.RetryAfter = 30 * time.Second
		return m, e
	}
	return m, supplyError(err)
}

// VerdictDraft gives what the actor, or somebody else who may ask, has previewed.
func (w *Walk) VerdictDraft(ctx context.Context, a Actor, digest string) (room.Draft, error) {
	if err := may(a, AskVerdict); err != nil {
		return room.Draft{}, err
	}
	r, err := w.supplyRoom()
	if err != nil {
		return room.Draft{}, err
	}
	d, err := r.Draft(ctx, digest)
	return d, supplyError(err)
}

// AskVerdict asks others for what the actor has previewed.
func (w *Walk) AskVerdict(ctx context.Context, a Actor, digest string) (approval.Request, error) {
	return w.onVerdict(a, AskVerdict, func(r *room.Room, who approval.Who) (approval.Request, error) { return r.Ask(ctx, who, digest) })
}

// AgreeVerdict agrees to a verdict that somebody else asked for, as the page showed it. It is done in the background.
func (w *Walk) AgreeVerdict(ctx context.Context, a Actor, id int64, digest approval.Digest) (approval.Request, error) {
	return w.onVerdict(a, AgreeVerdict, func(r *room.Room, who approval.Who) (approval.Request, error) { return r.Agree(ctx, who, id, digest) })
}

// DeclineVerdict says no to it, with a reason.
func (w *Walk) DeclineVerdict(ctx context.Context, a Actor, id int64, why string) (approval.Request, error) {
	return w.onVerdict(a, AgreeVerdict, func(r *room.Room, who approval.Who) (approval.Request, error) { return r.Decline(ctx, who, id, why) })
}

// WithdrawVerdict takes the actor's own request back.
func (w *Walk) WithdrawVerdict(ctx context.Context, a Actor, id int64) (approval.Request, error) {
	return w.onVerdict(a, AskVerdict, func(r *room.Room, who approval.Who) (approval.Request, error) { return r.Withdraw(ctx, who, id) })
}

func (w *Walk) onVerdict(a Actor, act Act, do func(*room.Room, approval.Who) (approval.Request, error)) (approval.Request, error) {
	if err := may(a, act); err != nil {
		return approval.Request{}, err
	}
	r, err := w.supplyRoom()
	if err != nil {
		return approval.Request{}, err
	}
	q, err := do(r, whoOf(a))
	return q, supplyError(err)
}

// Verdicts lists the verdicts that were asked for, the last first; before 0: from the last.
func (w *Walk) Verdicts(ctx context.Context, a Actor, before int64, limit int) ([]approval.Request, error) {
	if err := may(a, SeeSupply); err != nil {
		return nil, err
	}
	r, err := w.supplyRoom()
	if err != nil {
		return nil, err
	}
	list, err := r.Cases(ctx, before, limit)
	return list, supplyError(err)
}

// Verdict gives one with its plan.
func (w *Walk) Verdict(ctx context.Context, a Actor, id int64) (room.Case, error) {
	if err := may(a, SeeSupply); err != nil {
		return room.Case{}, err
	}
	r, err := w.supplyRoom()
	if err != nil {
		return room.Case{}, err
	}
	c, err := r.Case(ctx, id)
	return c, supplyError(err)
}

// supplyError tells a refusal as faces know it. [Error.Field] names which one, for the pages' words.
func supplyError(err error) error {
	for _, c := range []struct {
		is    error
		code  Code
		field string
	}{
		{supply.ErrUnknownBox, BadRequest, "boxes"},
		{supply.ErrNextStep, BadRequest, "next"},
		{supply.ErrVerdict, BadRequest, "verdict"},
		{order.ErrReach, BadRequest, "reach"},
		{room.ErrNotYours, NotAllowed, "own"},
		{room.ErrNoCase, NotFound, "none"},
		{supply.ErrNoPlan, NotFound, "plan"},
		{supply.ErrNoTask, NotFound, "preview"},
	} {
		if errors.Is(err, c.is) {
			return refuse(c.code, "%v", err).field(c.field)
		}
	}
	return ApprovalError(err)
}
