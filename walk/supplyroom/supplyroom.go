// Package supplyroom is the way to the supply room for those who may go in: boxes, temperatures and deliveries to see, verdicts to preview, ask
// for and agree to.
//
// It owns who may do what there, and what is told of a refusal. All else is package supply/room's. It must not know of HTTP, HTML or how anything
// is kept.
package supplyroom

import (
	"context"
	"errors"
	"time"

	"charye/approval"
	"charye/programme"
	"charye/supply"
	"charye/supply/delivery"
	"charye/supply/journal"
	"charye/supply/order"
	"charye/supply/room"
	"charye/walk"
	"charye/walk/approvals"
)

// Door is the way in. Safe for concurrent use.
type Door struct {
	programme *programme.Programme
	room      *room.Room // nil: no product has rules for its storage
}

// New makes the door of a room; without one nobody finds anything.
func New(p *programme.Programme, r *room.Room) *Door { return &Door{programme: p, room: r} }

// Supply gives the supply room as it stands, to whoever may see it. It names no person.
func (s *Door) Supply(_ context.Context, a walk.Actor) (*room.View, error) {
	if err := walk.Allow(a, walk.SeeSupply); err != nil {
		return nil, err
	}
	r, err := s.supplyRoom()
	if err != nil {
		return nil, err
	}
	v := r.View()
	if v == nil {
		e := walk.Refuse(walk.Overloaded, "the supply room is still being read; try again after the time given")
		e.RetryAfter = 5 * time.Second
		return nil, e
	}
	return v, nil
}

// Deliveries gives the plan of deliveries as it was made last; nil while it is being made.
func (s *Door) Deliveries(_ context.Context, a walk.Actor) (*room.Planned, error) {
	if err := walk.Allow(a, walk.SeeSupply); err != nil {
		return nil, err
	}
	r, err := s.supplyRoom()
	if err != nil {
		return nil, err
	}
	if len(s.programme.Shipping) == 0 {
		return nil, walk.Refuse(walk.NotFound, "the programme says nothing of shipping, so that there is no plan of deliveries")
	}
	return r.Deliveries(), nil
}

func (s *Door) supplyRoom() (*room.Room, error) {
	if s.room == nil {
		return nil, walk.Refuse(walk.NotFound, "no product of the programme has rules for its storage, so that there is no supply room")
	}
	return s.room, nil
}

// PreviewVerdict has a verdict planned, and waits a moment for the plan: what is not done by then is made in the background. Nothing is changed.
func (s *Door) PreviewVerdict(ctx context.Context, a walk.Actor, wish room.Wish) (room.Making, error) {
	return s.onPreview(a, func(r *room.Room) (room.Making, error) { return r.Begin(ctx, approvals.Who(a), wish) })
}

// PreviewedVerdict tells how far a preview is. One that nobody asks for is not made any further.
func (s *Door) PreviewedVerdict(ctx context.Context, a walk.Actor, name string) (room.Making, error) {
	return s.onPreview(a, func(r *room.Room) (room.Making, error) { return r.Look(ctx, name) })
}

// RetryPreview has a preview made that failed or was stopped.
func (s *Door) RetryPreview(ctx context.Context, a walk.Actor, name string) (room.Making, error) {
	return s.onPreview(a, func(r *room.Room) (room.Making, error) { return r.Retry(ctx, name) })
}

// PreviewedVerdicts lists the previews of a day, everybody's, the last first.
func (s *Door) PreviewedVerdicts(ctx context.Context, a walk.Actor) (list []room.Making, err error) {
	_, err = s.onPreview(a, func(r *room.Room) (m room.Making, err error) {
		list, err = r.Makings(ctx)
		return m, err
	})
	return list, err
}

func (s *Door) onPreview(a walk.Actor, do func(*room.Room) (room.Making, error)) (room.Making, error) {
	if err := walk.Allow(a, walk.AskVerdict); err != nil {
		return room.Making{}, err
	}
	r, err := s.supplyRoom()
	if err != nil {
		return room.Making{}, err
	}
	m, err := do(r)
	if errors.Is(err, room.ErrBusy) {
		e := walk.Refuse(walk.Overloaded, "%v", err)
		e.RetryAfter = 30 * time.Second
		return m, e
	}
	return m, supplyError(err)
}

// VerdictDraft gives what the actor, or somebody else who may ask, has previewed.
func (s *Door) VerdictDraft(ctx context.Context, a walk.Actor, digest string) (room.Draft, error) {
	if err := walk.Allow(a, walk.AskVerdict); err != nil {
		return room.Draft{}, err
	}
	r, err := s.supplyRoom()
	if err != nil {
		return room.Draft{}, err
	}
	d, err := r.Draft(ctx, digest)
	return d, supplyError(err)
}

// AskVerdict asks others for what the actor has previewed.
func (s *Door) AskVerdict(ctx context.Context, a walk.Actor, digest string) (approval.Request, error) {
	return s.onVerdict(a, walk.AskVerdict, func(r *room.Room, who approval.Who) (approval.Request, error) { return r.Ask(ctx, who, digest) })
}

// AgreeVerdict agrees to a verdict that somebody else asked for, as the page showed it. It is done in the background.
func (s *Door) AgreeVerdict(ctx context.Context, a walk.Actor, id int64, digest approval.Digest) (approval.Request, error) {
	return s.onVerdict(a, walk.AgreeVerdict, func(r *room.Room, who approval.Who) (approval.Request, error) { return r.Agree(ctx, who, id, digest) })
}

// DeclineVerdict says no to it, with a reason.
func (s *Door) DeclineVerdict(ctx context.Context, a walk.Actor, id int64, why string) (approval.Request, error) {
	return s.onVerdict(a, walk.AgreeVerdict, func(r *room.Room, who approval.Who) (approval.Request, error) { return r.Decline(ctx, who, id, why) })
}

// WithdrawVerdict takes the actor's own request back.
func (s *Door) WithdrawVerdict(ctx context.Context, a walk.Actor, id int64) (approval.Request, error) {
	return s.onVerdict(a, walk.AskVerdict, func(r *room.Room, who approval.Who) (approval.Request, error) { return r.Withdraw(ctx, who, id) })
}

func (s *Door) onVerdict(a walk.Actor, act walk.Act, do func(*room.Room, approval.Who) (approval.Request, error)) (approval.Request, error) {
	if err := walk.Allow(a, act); err != nil {
		return approval.Request{}, err
	}
	r, err := s.supplyRoom()
	if err != nil {
		return approval.Request{}, err
	}
	q, err := do(r, approvals.Who(a))
	return q, supplyError(err)
}

// Verdicts lists the verdicts that were asked for, the last first; before 0: from the last.
func (s *Door) Verdicts(ctx context.Context, a walk.Actor, before int64, limit int) ([]approval.Request, error) {
	if err := walk.Allow(a, walk.SeeSupply); err != nil {
		return nil, err
	}
	r, err := s.supplyRoom()
	if err != nil {
		return nil, err
	}
	list, err := r.Cases(ctx, before, limit)
	return list, supplyError(err)
}

// Verdict gives one with its plan.
func (s *Door) Verdict(ctx context.Context, a walk.Actor, id int64) (room.Case, error) {
	if err := walk.Allow(a, walk.SeeSupply); err != nil {
		return room.Case{}, err
	}
	r, err := s.supplyRoom()
	if err != nil {
		return room.Case{}, err
	}
	c, err := r.Case(ctx, id)
	return c, supplyError(err)
}

// People lists who was given a dose from what a case recalled or had destroyed. Nobody is named: a person is a booking's number.
func (s *Door) People(ctx context.Context, a walk.Actor, id int64, all bool) (room.People, error) {
	if err := walk.Allow(a, walk.SeeSupply); err != nil {
		return room.People{}, err
	}
	r, err := s.supplyRoom()
	if err != nil {
		return room.People{}, err
	}
	p, err := r.People(ctx, id, all)
	return p, supplyError(err)
}

// NotCount has their doses not count any more, and them told, as far as it comes in some seconds; again goes on.
func (s *Door) NotCount(ctx context.Context, a walk.Actor, id int64) (int, error) {
	if err := walk.Allow(a, walk.AskVerdict); err != nil {
		return 0, err
	}
	r, err := s.supplyRoom()
	if err != nil {
		return 0, err
	}
	n, err := r.NotCount(ctx, id)
	return n, supplyError(err)
}

// supplyError tells a refusal as faces know it. [walk.Error.Field] names which one, for the pages' words.
func supplyError(err error) error {
	for _, c := range []struct {
		is    error
		code  walk.Code
		field string
	}{
		{supply.ErrUnknownBox, walk.BadRequest, "boxes"},
		{supply.ErrNextStep, walk.BadRequest, "next"},
		{supply.ErrVerdict, walk.BadRequest, "verdict"},
		{order.ErrReach, walk.BadRequest, "reach"},
		{journal.ErrTaken, walk.Conflict, "taken"},
		{delivery.ErrChanged, walk.Conflict, "changed"},
		{journal.ErrUnusable, walk.Conflict, "changed"},
		{room.ErrLookAgain, walk.Conflict, "again"},
		{journal.ErrCutOff, walk.Closed, "cutoff"},
		{journal.ErrOver, walk.Conflict, "over"},
		{journal.ErrNoSettlement, walk.NotFound, "none"},
		{journal.ErrEvent, walk.BadRequest, "reason"},
		{room.ErrNotYours, walk.NotAllowed, "own"},
		{room.ErrNoCase, walk.NotFound, "none"},
		{room.ErrNoPeople, walk.NotFound, "people"},
		{supply.ErrNoPlan, walk.NotFound, "plan"},
		{supply.ErrNoTask, walk.NotFound, "preview"},
	} {
		if errors.Is(err, c.is) {
			return walk.Refuse(c.code, "%v", err).At(c.field)
		}
	}
	return approvals.Error(err)
}
