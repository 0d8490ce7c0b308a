package web

import (
	"context"
	"errors"

	"charye/approval"
	"charye/supply"
	"charye/supply/delivery"
	"charye/supply/room"
	"charye/walk"
)

func whoOf(a walk.Actor) approval.Who { return approval.Who{Key: a.Key, Role: a.Role} }

// told gives refusals as package walk does.
func told(err error) error {
	for _, c := range []struct {
		is    error
		code  walk.Code
		field string
	}{
		{supply.ErrUnknownBox, walk.BadRequest, "boxes"}, {supply.ErrNextStep, walk.BadRequest, "next"}, {supply.ErrVerdict, walk.BadRequest, "verdict"},
		{room.ErrNotYours, walk.NotAllowed, "own"}, {room.ErrNoCase, walk.NotFound, ""}, {supply.ErrNoPlan, walk.NotFound, ""}, {supply.ErrNoTask, walk.NotFound, ""}, {room.ErrBusy, walk.Overloaded, ""}, {approval.ErrNone, walk.NotFound, ""},
		{approval.ErrOwn, walk.NotAllowed, "own"}, {approval.ErrChanged, walk.Conflict, "changed"}, {approval.ErrState, walk.Conflict, "state"}, {approval.ErrTwice, walk.Conflict, "twice"}, {approval.ErrAsked, walk.Conflict, "asked"},
	} {
		if errors.Is(err, c.is) {
			return &walk.Error{Code: c.code, Field: c.field, Detail: err.Error()}
		}
	}
	return err
}

func (s *scripted) Supply(context.Context, walk.Actor) (*room.View, error) {
	if s.room == nil {
		return nil, &walk.Error{Code: walk.NotFound}
	}
	return s.room.View(), s.step("Supply", "")
}

func (s *scripted) Deliveries(context.Context, walk.Actor) (*delivery.Plan, error) {
	if err := s.step("Deliveries", ""); err != nil || s.room == nil || len(s.programme.Shipping) == 0 {
		return nil, &walk.Error{Code: walk.NotFound, Err: err}
	}
	return s.room.Deliveries(), nil
}

func (s *scripted) PreviewVerdict(ctx context.Context, a walk.Actor, w room.Wish) (room.Making, error) {
	if err := s.step("PreviewVerdict", "%s %s %d boxes", w.Action, w.Case, len(w.Boxes)); err != nil {
		return room.Making{}, err
	}
	m, err := s.room.Begin(ctx, whoOf(a), w)
	if err == nil && !s.slow {
		if err = s.room.Round(ctx); err == nil {
			m, err = s.room.Look(ctx, m.Name)
		}
	}
	return m, told(err)
}

func (s *scripted) PreviewedVerdict(ctx context.Context, _ walk.Actor, name string) (room.Making, error) {
	if err := s.step("PreviewedVerdict", ""); err != nil || s.room == nil {
		return room.Making{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	m, err := s.room.Look(ctx, name)
	return m, told(err)
}

func (s *scripted) PreviewedVerdicts(ctx context.Context, _ walk.Actor) ([]room.Making, error) {
	if err := s.step("PreviewedVerdicts", ""); err != nil || s.room == nil {
		return nil, err
	}
	list, err := s.room.Makings(ctx)
	return list, told(err)
}

func (s *scripted) RetryPreview(ctx context.Context, _ walk.Actor, name string) (room.Making, error) {
	if err := s.step("RetryPreview", ""); err != nil || s.room == nil {
		return room.Making{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	m, err := s.room.Retry(ctx, name)
	return m, told(err)
}

func (s *scripted) VerdictDraft(ctx context.Context, _ walk.Actor, digest string) (room.Draft, error) {
	if err := s.step("VerdictDraft", ""); err != nil || s.room == nil {
		return room.Draft{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	out, err := s.room.Draft(ctx, digest)
	return out, told(err)
}

func (s *scripted) AskVerdict(ctx context.Context, a walk.Actor, digest string) (approval.Request, error) {
	if err := s.step("AskVerdict", ""); err != nil || s.room == nil {
		return approval.Request{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	out, err := s.room.Ask(ctx, whoOf(a), digest)
	return out, told(err)
}

func (s *scripted) AgreeVerdict(ctx context.Context, a walk.Actor, id int64, digest approval.Digest) (approval.Request, error) {
	if err := s.step("AgreeVerdict", "%d", id); err != nil || s.room == nil {
		return approval.Request{}, err
	}
	out, err := s.room.Agree(ctx, whoOf(a), id, digest)
	return out, told(err)
}

func (s *scripted) DeclineVerdict(ctx context.Context, a walk.Actor, id int64, why string) (approval.Request, error) {
	if err := s.step("DeclineVerdict", "%d %s", id, why); err != nil || s.room == nil {
		return approval.Request{}, err
	}
	out, err := s.room.Decline(ctx, whoOf(a), id, why)
	return out, told(err)
}

func (s *scripted) WithdrawVerdict(ctx context.Context, a walk.Actor, id int64) (approval.Request, error) {
	if err := s.step("WithdrawVerdict", "%d", id); err != nil || s.room == nil {
		return approval.Request{}, err
	}
	out, err := s.room.Withdraw(ctx, whoOf(a), id)
	return out, told(err)
}

func (s *scripted) Verdicts(ctx context.Context, _ walk.Actor, before int64, limit int) ([]approval.Request, error) {
	if err := s.step("Verdicts", ""); err != nil || s.room == nil {
		return nil, err
	}
	out, err := s.room.Cases(ctx, before, limit)
	return out, told(err)
}

func (s *scripted) Verdict(ctx context.Context, _ walk.Actor, id int64) (room.Case, error) {
	if err := s.step("Verdict", ""); err != nil || s.room == nil {
		return room.Case{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	out, err := s.room.Case(ctx, id)
	return out, told(err)
}
