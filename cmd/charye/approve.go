package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"charye/approval"
	"charye/internal/durable"
	"charye/programme"
	"charye/walk/manage"
)

type requestsCmd struct {
	List     listRequestsCmd    `cmd:"" help:"List what is asked for and what became of it, the last first."`
	Show     showRequestCmd     `cmd:"" help:"Show one request with its history."`
	End      endSessionsCmd     `cmd:"" name:"end-sessions" help:"End the sessions of a member of staff, or of all of them, at once; nobody has to agree."`
	Withdraw withdrawRequestCmd `cmd:"" help:"Take back a request that was asked for on the command line."`
}

// requestsAt opens the requests of an installation, also while it is served.
func (c where) requestsAt(ctx context.Context, do func(*durable.Dir, *programme.Programme, approval.Store) error) (err error) {
	dir, err := durable.ExistingDir(c.Data)
	if err != nil {
		return err
	}
	if err := rightPlace(dir, c.Postgres); err != nil {
		return err
	}
	p, err := servedProgramme(dir)
	if err != nil {
		return err
	}
	s, err := openApprovals(ctx, dir, c.Postgres)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return do(dir, p, s)
}

type listRequestsCmd struct {
	Where where `embed:""`
	Most  int   `default:"20" placeholder:"N" help:"How many, ${default} by default."`
}

// Run lists requests.
func (c listRequestsCmd) Run(ctx context.Context, out streams) error {
	return c.Where.requestsAt(ctx, func(_ *durable.Dir, _ *programme.Programme, s approval.Store) error {
		list, err := s.Latest(ctx, 0, c.Most)
		if err != nil {
			return err
		}
		for i := range list {
			r := &list[i]
			if _, err := fmt.Fprintf(out.out, "%6d  %-10s  %-9s  %s  %s\n", r.ID, r.Kind, r.State(time.Now()), r.AskedAt.Format("2006-01-02 15:04Z"), r.Summary[0]); err != nil {
				return err
			}
		}
		return nil
	})
}

type showRequestCmd struct {
	Where   where `embed:""`
	Request int64 `arg:"" help:"Its number."`
}

// Run shows one.
func (c showRequestCmd) Run(ctx context.Context, out streams) error {
	return c.Where.requestsAt(ctx, func(_ *durable.Dir, _ *programme.Programme, s approval.Store) error {
		r, err := s.Request(ctx, c.Request)
		if err != nil {
			return err
		}
		return tellRequest(out.out, &r, time.Now())
	})
}

type withdrawRequestCmd struct {
	Where   where  `embed:""`
	Request int64  `arg:"" help:"Its number."`
	Why     string `placeholder:"TEXT" help:"Why, for the history."`
}

// Run takes a request back.
func (c withdrawRequestCmd) Run(ctx context.Context, out streams) error {
	return c.Where.requestsAt(ctx, func(_ *durable.Dir, _ *programme.Programme, s approval.Store) error {
		r, err := s.Decide(ctx, approval.Step{Op: approval.OpWithdraw, At: time.Now(), By: approval.Shell, Request: c.Request, Why: c.Why})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out.out, "request %d is withdrawn\n", r.ID)
		return err
	})
}

type endSessionsCmd struct {
	Where  where  `embed:""`
	Staff  string `required:"" placeholder:"NAME" help:"The 12 characters that stand for somebody in pages and requests, or all."`
	Reason string `required:"" placeholder:"TEXT" help:"Why, for the history."`
}

// Run ends sessions. Running servers notice within seconds.
func (c endSessionsCmd) Run(ctx context.Context, out streams) error {
	now := time.Now()
	body, err := manage.EndBody(c.Staff, now)
	if err != nil {
		return &usageError{msg: "--staff: want the 12 characters of 0–9 and a–f that stand for a member of staff, or all"}
	}
	return c.Where.requestsAt(ctx, func(_ *durable.Dir, _ *programme.Programme, s approval.Store) error {
		r, err := s.Decide(ctx, approval.Step{
			Op: approval.OpAsk, At: now, By: approval.Shell, Why: c.Reason, Kind: approval.Sessions, Body: body,
			Summary: []string{"End the sessions of staff: " + c.Staff}, Lapses: now.Add(approval.LifeUrgent),
		})
		if err == nil {
			r, err = s.Decide(ctx, approval.Step{Op: approval.OpDone, At: now, By: approval.Shell, Request: r.ID, Digest: r.Digest})
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out.out, "request %d: sessions of staff (%s) that have begun by now are ended; running servers notice within seconds\n", r.ID, c.Staff)
		return err
	})
}

// tellRequest writes a request for people.
func tellRequest(w io.Writer, r *approval.Request, now time.Time) error {
	state := string(r.State(now))
	if n := r.Missing(); r.State(now) == approval.Asked {
		state = fmt.Sprintf("asked, %d of %d must still agree", n, r.Needs)
	}
	if _, err := fmt.Fprintf(w, "request %d (%s): %s; lapses %s\n  digest %x\n  reason: %s\n", r.ID, r.Kind, state, r.Lapses.Format(time.RFC3339), r.Digest, r.Reason); err != nil {
		return err
	}
	for _, l := range r.Summary {
		if _, err := fmt.Fprintf(w, "  | %s\n", l); err != nil {
			return err
		}
	}
	for i := range r.History {
		e := &r.History[i]
		if _, err := fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %s  %-8s  %s  %s", e.At.Format(time.RFC3339), e.Op, e.By, e.Why), " ")); err != nil {
			return err
		}
	}
	return nil
}

// asking are the flags of every command that asks others to agree.
type asking struct {
	Reason string        `required:"" placeholder:"TEXT" help:"Why, for the people who must agree."`
	Life   time.Duration `default:"72h" placeholder:"TIME" help:"How long it may be agreed to and done, ${default} by default."`
}

// ask asks for something from the command line, where nobody knows who asks: two who are signed in as managers must agree.
func (a asking) ask(ctx context.Context, to io.Writer, s approval.Store, kind approval.Kind, body []byte, summary []string) error {
	now := time.Now()
	for i, l := range summary {
		summary[i] = approval.Clip(l)
	}
	if len(summary) > approval.MaxLines {
		rest := len(summary) - approval.MaxLines + 1
		summary = append(summary[:approval.MaxLines-1:approval.MaxLines-1], fmt.Sprintf("and %d lines more", rest))
	}
	r, err := s.Decide(ctx, approval.Step{
		Op: approval.OpAsk, At: now, By: approval.Shell, Why: a.Reason, Kind: kind, Body: body, Summary: summary, Lapses: now.Add(a.Life),
	})
	if errors.Is(err, approval.ErrAsked) {
		err = nil // the one that is open does as well
	}
	if err != nil {
		return err
	}
	if err := tellRequest(to, &r, now); err != nil {
		return err
	}
	_, err = fmt.Fprintf(to, "%d managers must agree on the page /manage\n", r.Needs)
	return err
}

// agreed finds the request for exactly this that may be carried out; the error says how the matter stands.
func agreed(ctx context.Context, s approval.Store, kind approval.Kind, body []byte, now time.Time) (approval.Request, error) {
	list, err := s.About(ctx, kind, approval.DigestOf(kind, body))
	if err != nil {
		return approval.Request{}, err
	}
	for i := range list {
		if st := list[i].State(now); st == approval.Agreed || st == approval.Begun {
			return list[i], nil
		}
	}
	if len(list) == 0 {
		return approval.Request{}, errNotAsked
	}
	r := &list[0]
	if r.State(now) == approval.Asked {
		return *r, fmt.Errorf("%w: request %d for exactly this waits for %d of %d who must agree", errNotAgreed, r.ID, r.Missing(), r.Needs)
	}
	return *r, fmt.Errorf("%w: request %d for exactly this is %s; ask again", errNotAgreed, r.ID, r.State(now))
}

// Why something that needs others is not done.
var (
	errNotAsked  = errors.New("nobody was asked for exactly this")
	errNotAgreed = errors.New("not agreed")
)

// carried begins an agreed request, does it, and says that it is done. An interrupted act goes on when it is called again.
func carried(ctx context.Context, s approval.Store, r approval.Request, body []byte, do func() (outcome string, err error)) error {
	step := approval.Step{Op: approval.OpBegin, At: time.Now(), By: approval.Shell, Request: r.ID, Digest: approval.DigestOf(r.Kind, body)}
	if _, err := s.Decide(ctx, step); err != nil {
		return err
	}
	outcome, err := do()
	if err != nil {
		return err
	}
	step.Op, step.At, step.Why = approval.OpDone, time.Now(), outcome
	_, err = s.Decide(context.WithoutCancel(ctx), step)
	return err
}
