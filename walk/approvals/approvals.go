// Package approvals is four eyes: what somebody of the staff asks for and others must agree to before it is done.
//
// It owns who may take which step, and what is told of a refusal. What a request goes through is decided by package approval; what is asked
// for is known by those who carry it out. It must not know of HTTP, HTML or how anything is kept.
package approvals

import (
	"context"
	"errors"
	"time"

	"charye/approval"
	"charye/internal/clock"
	"charye/walk"
)

// FourEyes serves what is asked for and agreed to. Safe for concurrent use.
type FourEyes struct {
	store approval.Store // nil: nothing can be asked for
	now   clock.Func
}

// New wires it; without a store nothing can be asked for.
func New(s approval.Store, now clock.Func) *FourEyes { return &FourEyes{store: s, now: now} }

// Who is the actor as the requests know them.
func Who(a walk.Actor) approval.Who { return approval.Who{Key: a.Key, Role: a.Role} }

// Requests lists what is asked for and what became of it, the last first, from the first before an id on; before 0: from the last.
func (f *FourEyes) Requests(ctx context.Context, a walk.Actor, before int64, limit int) ([]approval.Request, error) {
	if err := walk.Allow(a, walk.SeeRequests); err != nil {
		return nil, err
	}
	if f.store == nil {
		return nil, nil
	}
	list, err := f.store.Latest(ctx, before, limit)
	return list, Error(err)
}

// Request gives one with what it is about.
func (f *FourEyes) Request(ctx context.Context, a walk.Actor, id int64) (r approval.Request, body []byte, err error) {
	if err := walk.Allow(a, walk.SeeRequests); err != nil {
		return r, nil, err
	}
	if f.store == nil {
		return r, nil, Error(approval.ErrNone)
	}
	if r, err = f.store.Request(ctx, id); err == nil {
		body, err = f.store.Body(ctx, id)
	}
	return r, body, Error(err)
}

// Asking is what somebody who is signed in wants others to agree to.
type Asking struct {
	Kind    approval.Kind
	Body    []byte
	Summary []string
	Reason  string
	Life    time.Duration // 0: [approval.LifeUsual]
}

// Ask asks for something. What is asked for already is given, with [walk.Conflict].
func (f *FourEyes) Ask(ctx context.Context, a walk.Actor, q Asking) (approval.Request, error) {
	if q.Life == 0 {
		q.Life = approval.LifeUsual
	}
	now := f.now()
	return f.Step(ctx, a, walk.AskRequest, approval.Step{
		Op: approval.OpAsk, Why: q.Reason, Kind: q.Kind, Body: q.Body, Summary: q.Summary, Lapses: now.Add(q.Life),
	})
}

// Agree agrees to what the actor saw: digest is that of the page they looked at.
func (f *FourEyes) Agree(ctx context.Context, a walk.Actor, id int64, digest approval.Digest, why string) (approval.Request, error) {
	return f.Step(ctx, a, walk.DecideRequest, approval.Step{Op: approval.OpAgree, Request: id, Digest: digest, Why: why})
}

// Decline says no, with a reason, also to what was agreed and is not begun.
func (f *FourEyes) Decline(ctx context.Context, a walk.Actor, id int64, why string) (approval.Request, error) {
	return f.Step(ctx, a, walk.DecideRequest, approval.Step{Op: approval.OpDecline, Request: id, Why: why})
}

// Withdraw takes the actor's own request back.
func (f *FourEyes) Withdraw(ctx context.Context, a walk.Actor, id int64, why string) (approval.Request, error) {
	return f.Step(ctx, a, walk.AskRequest, approval.Step{Op: approval.OpWithdraw, Request: id, Why: why})
}

// Carry begins what was agreed, for digest computed anew of what is about to be done, and says that it is done when do comes back without an
// error; what do gives is kept with the request. After an interruption it is called again and do goes on.
func (f *FourEyes) Carry(ctx context.Context, a walk.Actor, id int64, digest approval.Digest, do func(context.Context) (outcome string, err error)) (approval.Request, error) {
	r, err := f.Step(ctx, a, walk.AskRequest, approval.Step{Op: approval.OpBegin, Request: id, Digest: digest})
	if err != nil {
		return r, err
	}
	outcome, err := do(ctx)
	if err != nil {
		return r, err
	}
	return f.Step(context.WithoutCancel(ctx), a, walk.AskRequest, approval.Step{Op: approval.OpDone, Request: id, Digest: digest, Why: outcome})
}

// Step takes a step of the actor, who must be allowed the act, now.
func (f *FourEyes) Step(ctx context.Context, a walk.Actor, act walk.Act, s approval.Step) (approval.Request, error) {
	if err := walk.Allow(a, act); err != nil {
		return approval.Request{}, err
	}
	if f.store == nil {
		return approval.Request{}, Error(approval.ErrNone)
	}
	s.At, s.By = f.now(), Who(a)
	r, err := f.store.Decide(ctx, s)
	return r, Error(err)
}

// Error tells a refusal as faces know it. [walk.Error.Field] names which one, for the pages' words.
func Error(err error) error {
	if err == nil {
		return nil
	}
	for _, c := range []struct {
		is    error
		code  walk.Code
		field string
	}{
		{approval.ErrStep, walk.BadRequest, "step"},
		{approval.ErrNone, walk.NotFound, "none"},
		{approval.ErrOwn, walk.NotAllowed, "own"},
		{approval.ErrTwice, walk.Conflict, "twice"},
		{approval.ErrNotOwn, walk.NotAllowed, "not-own"},
		{approval.ErrChanged, walk.Conflict, "changed"},
		{approval.ErrLapsed, walk.Conflict, "lapsed"},
		{approval.ErrState, walk.Conflict, "state"},
		{approval.ErrAsked, walk.Conflict, "asked"},
		{approval.ErrMany, walk.Conflict, "many"},
	} {
		if errors.Is(err, c.is) {
			return walk.Refuse(c.code, "%v", err).At(c.field)
		}
	}
	return walk.Unavailable(err)
}
