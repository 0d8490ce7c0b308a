package approval

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"charye/internal/chain"
)

// Store is what an engine keeps. [Register.Decide] decides; the engine keeps what came out, with the body of what was asked, in one
// transaction.
//
// Guarantees every engine gives (approval/approvaltest proves them): what Decide returned is durable; a refused or failed step changed
// nothing; steps of all processes follow one another, so that of two who do the last thing at once one is refused; rows and bodies are
// numbered without gaps and only ever added. All methods are safe for concurrent use, by several processes. What was changed behind the
// engine's back is [ErrBroken] from then on: nothing is agreed or done on a history that does not hold.
type Store interface {
	// Decide takes one step; the errors are those of [Register.Decide], with the request where there is one. [ErrUnknown]: it may have
	// been taken; taking it again finds out.
	Decide(ctx context.Context, s Step) (Request, error)
	// Request finds one; [ErrNone].
	Request(ctx context.Context, id int64) (Request, error)
	// Latest lists requests, the last first, from the first before an id on; before 0: from the last one. At most limit.
	Latest(ctx context.Context, before int64, limit int) ([]Request, error)
	// About lists the requests for exactly one thing, the last first.
	About(ctx context.Context, k Kind, d Digest) ([]Request, error)
	// Body gives what a request is about, held against its digest; [ErrNone], [ErrBroken].
	Body(ctx context.Context, id int64) ([]byte, error)
	// Head is the chain over all that happened.
	Head(ctx context.Context) (chain.Noted, error)

	Source
	Close() error
}

// Source gives everything as it is kept, to be moved or checked.
type Source interface {
	// Rows gives the history after an event, in order, until yield gives an error.
	Rows(ctx context.Context, after int64, yield func(Row) error) error
	// KeptBody gives a body as it is kept; [ErrNone].
	KeptBody(ctx context.Context, id int64) ([]byte, error)
}

// ErrUnknown means that nobody knows whether a step was taken: the connection broke during the commit.
var ErrUnknown = errors.New("whether this was done is not known; look at the request before you do it again")

// Log is the reading half of a [Store] over what an engine keeps, and what writes decide on. Safe for concurrent use.
type Log struct {
	from Source
	mu   sync.Mutex
	g    *Register
}

// NewLog reads from an engine's rows.
func NewLog(from Source) *Log { return &Log{from: from, g: &Register{}} }

// Deciding calls do with what is known, while nobody else reads or decides. When do fails with something else than a refusal, what is known
// is forgotten: it may have gone on with what was not kept.
func (l *Log) Deciding(do func(*Register) (kept bool, err error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept, err := do(l.g)
	if !kept {
		l.g = &Register{}
	}
	return err
}

func (l *Log) reading(ctx context.Context, read func(*Register) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.from.Rows(ctx, l.g.seq, l.g.Take); err != nil {
		return err
	}
	return read(l.g)
}

// Request implements [Store].
func (l *Log) Request(ctx context.Context, id int64) (out Request, err error) {
	err = l.reading(ctx, func(g *Register) (err error) { out, err = g.Request(id); return err })
	return out, err
}

// Latest implements [Store].
func (l *Log) Latest(ctx context.Context, before int64, limit int) (out []Request, err error) {
	err = l.reading(ctx, func(g *Register) error { out = g.Latest(before, limit); return nil })
	return out, err
}

// About implements [Store].
func (l *Log) About(ctx context.Context, k Kind, d Digest) (out []Request, err error) {
	err = l.reading(ctx, func(g *Register) error {
		for _, r := range slices.Backward(g.list) {
			if r.Kind == k && r.Digest == d {
				out = append(out, r.clone())
			}
		}
		return nil
	})
	return out, err
}

// Head implements [Store].
func (l *Log) Head(ctx context.Context) (out chain.Noted, err error) {
	err = l.reading(ctx, func(g *Register) error { out = g.Head(); return nil })
	return out, err
}

// Body implements [Store].
func (l *Log) Body(ctx context.Context, id int64) ([]byte, error) {
	r, err := l.Request(ctx, id)
	if err != nil {
		return nil, err
	}
	b, err := l.from.KeptBody(ctx, id)
	switch {
	case errors.Is(err, ErrNone):
		return nil, fmt.Errorf("%w: the body of request %d is not there", ErrBroken, id)
	case err != nil:
		return nil, err
	case DigestOf(r.Kind, b) != r.Digest:
		return nil, fmt.Errorf("%w: the body of request %d is not what was asked for", ErrBroken, id)
	}
	return b, nil
}

// Audited is what [Audit] found.
type Audited struct {
	Head     chain.Noted
	Requests int64
	Findings []string
}

// Audit reads everything again and holds it against itself, against the rules, and against chains that were noted elsewhere. Reading ends
// at the first event that does not hold, since nothing behind it can be judged.
func Audit(ctx context.Context, from Source, noted ...chain.Noted) (a Audited, err error) {
	g := &Register{}
	err = from.Rows(ctx, 0, func(row Row) error {
		if err := g.Take(row); err != nil {
			return err
		}
		for _, n := range noted {
			if n.Seq == row.Seq && n.Chain != row.Chain {
				a.Findings = append(a.Findings, fmt.Sprintf("the chain after event %d is %x, noted was %x: what happened up to there was changed since", n.Seq, row.Chain, n.Chain))
			}
		}
		return nil
	})
	a.Head, a.Requests = g.Head(), int64(len(g.list))
	if errors.Is(err, ErrBroken) {
		a.Findings = append(a.Findings, err.Error())
		return a, nil
	}
	if err != nil {
		return a, err
	}
	for _, n := range noted {
		if n.Seq > g.seq {
			a.Findings = append(a.Findings, fmt.Sprintf("a chain was noted after event %d, the last event is %d: events were taken away", n.Seq, g.seq))
		}
	}
	for _, r := range g.list {
		b, err := from.KeptBody(ctx, r.ID)
		switch {
		case errors.Is(err, ErrNone):
			a.Findings = append(a.Findings, fmt.Sprintf("the body of request %d is not there", r.ID))
		case err != nil:
			return a, err
		case DigestOf(r.Kind, b) != r.Digest:
			a.Findings = append(a.Findings, fmt.Sprintf("the body of request %d is not what was asked for", r.ID))
		}
	}
	return a, nil
}
