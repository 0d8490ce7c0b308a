package walk

import (
	"context"
	"errors"
	"time"

	"charye/approval"
)

// whoOf is the actor as the requests know them.
func whoOf(a Actor) approval.Who { return approval.Who{Key: a.Key, Role: a.Role} }

// Requests lists what is asked for and what became of it, the last first, from the first before an id on; before 0: from the last.
func (w *Walk) Requests(ctx context.Context, a Actor, before int64, limit int) ([]approval.Request, error) {
	if err := may(a, SeeRequests); err != nil {
		return nil, err
	}
	if w.approvals == nil {
		return nil, nil
	}
	list, err := w.approvals.Latest(ctx, before, limit)
	return list, ApprovalError(err)
}

// Request gives one with what it is about.
func (w *Walk) Request(ctx context.Context, a Actor, id int64) (r approval.Request, body []byte, err error) {
	if err := may(a, SeeRequests); err != nil {
		return r, nil, err
	}
	if w.approvals == nil {
		return r, nil, ApprovalError(approval.ErrNone)
	}
	if r, err = w.approvals.Request(ctx, id); err == nil {
		body, err = w.approvals.Body(ctx, id)
	}
	return r, body, ApprovalError(err)
}

// Asking is what somebody who is signed in wants others to agree to.
type Asking struct {
	Kind    approval.Kind
	Body    []byte
	Summary []string
	Reason  string
	Life    time.Duration // 0: [approval.LifeUsual]
}

// Ask asks for something. What is asked for already is given, with [Conflict].
func (w *Walk) Ask(ctx context.Context, a Actor, q Asking) (approval.Request, error) {
	if q.Life == 0 {
		q.Life = approval.LifeUsual
	}
	now := w.now()
	return w.step(ctx, a, AskRequest, approval.Step{
		Op: approval.OpAsk, Why: q.Reason, Kind: q.Kind, Body: q.Body, Summary: q.Summary, Lapses: now.Add(q.Life),
	})
}

// Agree agrees to what the actor saw: digest is that of the page they looked at.
func (w *Walk) Agree(ctx context.Context, a Actor, id int64, digest approval.Digest, why string) (approval.Request, error) {
	return w.step(ctx, a, DecideRequest, approval.Step{Op: approval.OpAgree, Request: id, Digest: digest, Why: why})
}

// Decline says no, with a reason, also to what was agreed and is not begun.
func (w *Walk) Decline(ctx context.Context, a Actor, id int64, why string) (approval.Request, error) {
	return w.step(ctx, a, DecideRequest, approval.Step{Op: approval.OpDecline, Request: id, Why: why})
}

// Withdraw takes the actor's own request back.
func (w *Walk) Withdraw(ctx context.Context, a Actor, id int64, why string) (approval.Request, error) {
	return w.step(ctx, a, AskRequest, approval.Step{Op: approval.OpWithdraw, Request: id, Why: why})
}

// Carry begins what was agreed, for digest computed anew of what is about to be done, and says that it is done when do comes back without an
// error; what do gives is kept with the request. After an interruption it is called again and do goes on.
func (w *Walk) Carry(ctx context.Context, a Actor, id int64, digest approval.Digest, do func(context.Context) (outcome string, err error)) (approval.Request, error) {
	r, err := w.step(ctx, a, AskRequest, approval.Step{Op: approval.OpBegin, Request: id, Digest: digest})
	if err != nil {
		return r, err
	}
	outcome, err := do(ctx)
	if err != nil {
		return r, err
	}
	return w.step(context.WithoutCancel(ctx), a, AskRequest, approval.Step{Op: approval.OpDone, Request: id, Digest: digest, Why: outcome})
}

func (w *Walk) step(ctx context.Context, a Actor, act Act, s approval.Step) (approval.Request, error) {
	if err := may(a, act); err != nil {
		return approval.Request{}, err
	}
	if w.approvals == nil {
		return approval.Request{}, ApprovalError(approval.ErrNone)
	}
	s.At, s.By = w.now(), whoOf(a)
	r, err := w.approvals.Decide(ctx, s)
	return r, ApprovalError(err)
}

// ApprovalError tells a refusal as faces know it. [Error.Field] names which one, for the pages' words.
func ApprovalError(err error) error {
	if err == nil {
		return nil
	}
	for _, c := range []struct {
		is    error
		code  Code
		field string
	}{
		{approval.ErrStep, BadRequest, "step"},
		{approval.ErrNone, NotFound, "none"},
		{approval.ErrOwn, NotAllowed, "own"},
		{approval.ErrTwice, Conflict, "twice"},
		{approval.ErrNotOwn, NotAllowed, "not-own"},
		{approval.ErrChanged, Conflict, "changed"},
		{approval.ErrLapsed, Conflict, "lapsed"},
		{approval.ErrState, Conflict, "state"},
		{approval.ErrAsked, Conflict, "asked"},
		{approval.ErrMany, Conflict, "many"},
	} {
		if errors.Is(err, c.is) {
			return refuse(c.code, "%v", err).field(c.field)
		}
	}
	return unavailable(err)
}
