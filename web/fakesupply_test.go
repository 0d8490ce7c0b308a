package web

import (
	"context"
	"errors"

	"charye/approval"
	"charye/supply"
	"charye/supply/delivery"
	"charye/supply/journal"
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
		{journal.ErrTaken, walk.Conflict, "taken"}, {delivery.ErrChanged, walk.Conflict, "changed"}, {journal.ErrUnusable, walk.Conflict, "changed"}, {room.ErrLookAgain, walk.Conflict, "again"},
		{journal.ErrCutOff, walk.Closed, "cutoff"}, {journal.ErrOver, walk.Conflict, "over"}, {journal.ErrNoSettlement, walk.NotFound, "none"}, {journal.ErrEvent, walk.BadRequest, "reason"},
		{room.ErrNotYours, walk.NotAllowed, "own"}, {room.ErrNoCase, walk.NotFound, ""}, {supply.ErrNoPlan, walk.NotFound, ""}, {approval.ErrNone, walk.NotFound, ""},
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

func (s *scripted) Deliveries(context.Context, walk.Actor) (*room.Planned, error) {
	if err := s.step("Deliveries", ""); err != nil || s.room == nil || len(s.programme.Shipping) == 0 {
		return nil, &walk.Error{Code: walk.NotFound, Err: err}
	}
	return s.room.Deliveries(), nil
}

func (s *scripted) PlannedDeparture(_ context.Context, _ walk.Actor, digest string) (room.Departure, error) {
	if err := s.step("PlannedDeparture", ""); err != nil || s.room == nil {
		return room.Departure{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	d, _, ok := s.room.Departure(digest)
	if !ok {
		return d, &walk.Error{Code: walk.NotFound, Field: "again"}
	}
	return d, nil
}

func (s *scripted) Settlement(ctx context.Context, _ walk.Actor, id int64) (*room.View, *journal.Settlement, error) {
	if err := s.step("Settlement", "%d", id); err != nil || s.room == nil {
		return nil, nil, &walk.Error{Code: walk.NotFound, Err: err}
	}
	v, x, err := s.room.Settlement(ctx, id)
	return v, x, told(err)
}

func (s *scripted) SettleDeparture(ctx context.Context, a walk.Actor, digest string) (journal.Event, error) {
	if err := s.step("SettleDeparture", "%.8s", digest); err != nil || s.room == nil {
		return journal.Event{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	e, err := s.room.Settle(ctx, whoOf(a), digest)
	return e, told(err)
}

func (s *scripted) WithdrawSettlement(ctx context.Context, a walk.Actor, id int64, why string) (journal.Event, error) {
	if err := s.step("WithdrawSettlement", "%d %s", id, why); err != nil || s.room == nil {
		return journal.Event{}, &walk.Error{Code: walk.NotFound, Err: err}
	}
	e, err := s.room.WithdrawSettlement(ctx, whoOf(a), id, why)
	return e, told(err)
}

func (s *scripted) SettlementShipping(ctx context.Context, _ walk.Actor, x *journal.Settlement) ([]byte, error) {
	if err := s.step("SettlementShipping", ""); err != nil || s.room == nil {
		return nil, &walk.Error{Code: walk.NotFound, Err: err}
	}
	return s.room.Shipping(ctx, x)
}

func (s *scripted) PreviewVerdict(ctx context.Context, a walk.Actor, w room.Wish) (room.Draft, error) {
	if err := s.step("PreviewVerdict", "%s %s %d boxes", w.Action, w.Case, len(w.Boxes)); err != nil {
		return room.Draft{}, err
	}
	out, err := s.room.Preview(ctx, whoOf(a), w)
	return out, told(err)
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
