package approval

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"charye/internal/chain"
	"charye/internal/weak"
)

// Op is what a step does to a request.
type Op string

// The operations.
const (
	OpAsk      Op = "ask"
	OpAgree    Op = "agree"
	OpDecline  Op = "decline"
	OpWithdraw Op = "withdraw"
	OpBegin    Op = "begin" // somebody starts to do what was agreed, and may go on after an interruption
	OpDone     Op = "done"  // it is done; never again
)

// Step is one thing that somebody does to a request.
type Step struct {
	Op  Op
	At  time.Time
	By  Who
	Why string // OpAsk and OpDecline: it must be given; OpDone: what came of it

	Request int64  // all but OpAsk
	Digest  Digest // OpAgree, OpBegin and OpDone: of what the person saw, or of what is about to be done

	Kind    Kind // OpAsk
	Body    []byte
	Summary []string
	Lapses  time.Time
}

// What [Register.Decide] refuses.
var (
	ErrStep    = errors.New("not a step")                                                    // it contradicts itself; the message names the field
	ErrNone    = errors.New("there is no such request")                                      //
	ErrOwn     = errors.New("who asked cannot be one of those who agree or decline")         //
	ErrTwice   = errors.New("this person has agreed already")                                //
	ErrShell   = errors.New("only somebody who is signed in can agree, decline or withdraw") //
	ErrNotOwn  = errors.New("only who asked can withdraw it")                                //
	ErrChanged = errors.New("this is not what was asked for: another digest")                //
	ErrLapsed  = errors.New("the request has lapsed; ask again")                             //
	ErrState   = errors.New("the request is not in a state for this")                        //
	ErrAsked   = errors.New("the same is asked for already")                                 //
	ErrMany    = errors.New("too many requests are open; decide on those first")             //
	ErrBroken  = errors.New("the history of requests was changed")                           // found while reading it
)

// Register knows every request, by their history. It is for one goroutine; what was kept before is brought back by [Register.Take].
type Register struct {
	seq   int64
	chain chain.Hash
	list  []*Request // by ID, from 1
}

// Head is the chain over all that the register knows.
func (g *Register) Head() chain.Noted { return chain.Noted{Seq: g.seq, Chain: g.chain} }

// Request finds one; [ErrNone].
func (g *Register) Request(id int64) (Request, error) {
	if id < 1 || id > int64(len(g.list)) {
		return Request{}, fmt.Errorf("%w: number %d", ErrNone, id)
	}
	return g.list[id-1].clone(), nil
}

// Latest lists requests, the last first, from the first before an id on; before 0: from the last one. At most limit.
func (g *Register) Latest(before int64, limit int) (out []Request) {
	last := len(g.list)
	if before > 0 && before <= int64(last) {
		last = int(before) - 1
	}
	for i := last; i > 0 && len(out) < limit; i-- {
		out = append(out, g.list[i-1].clone())
	}
	return out
}

// Decide takes a step, wholly or not at all, and gives the row to keep and the request as it is then. The rules:
//
//   - Who asked never agrees nor declines, whatever role or session they come with; nobody agrees twice. On the command line nobody agrees.
//   - Who agrees saw what is asked for: they bring its digest. So does who begins it or says that it is done.
//   - A request is agreed when as many agree as [Needs] says, at once where that is nobody. Somebody's no, also after that, ends it, and so does who asked, until it is begun.
//   - From the instant it lapses nothing becomes of it, unless it was begun before.
//   - What is agreed is done once. Beginning again changes nothing and gives no row (Row.Seq is 0): what was interrupted goes on.
//   - What is open is not asked for twice: the error wraps [ErrAsked] and the request is given.
func (g *Register) Decide(s Step) (Row, Request, error) {
	s.At = s.At.UTC().Truncate(time.Microsecond)
	s.Lapses = s.Lapses.UTC().Truncate(time.Microsecond)
	if err := s.check(); err != nil {
		return Row{}, Request{}, err
	}
	if s.Op == OpAsk {
		return g.ask(s)
	}
	if _, err := g.Request(s.Request); err != nil {
		return Row{}, Request{}, err
	}
	r := g.list[s.Request-1]
	if err := r.refuses(&s); err != nil {
		return Row{}, r.clone(), fmt.Errorf("request %d: %w", r.ID, err)
	}
	if s.Op == OpBegin && r.state == Begun {
		return Row{}, r.clone(), nil
	}
	return g.add(Event{Request: r.ID, At: s.At, Op: s.Op, By: s.By, Digest: r.Digest, Why: s.Why})
}

// ask decides a step that makes a request.
func (g *Register) ask(s Step) (Row, Request, error) {
	digest, open := DigestOf(s.Kind, s.Body), 0
	for _, r := range g.list {
		if !r.State(s.At).Open() {
			continue
		}
		if open++; r.Kind == s.Kind && r.Digest == digest {
			return Row{}, r.clone(), fmt.Errorf("%w: request %d", ErrAsked, r.ID)
		}
	}
	if open >= MaxOpen {
		return Row{}, Request{}, ErrMany
	}
	return g.add(Event{
		Request: int64(len(g.list)) + 1, At: s.At, Op: OpAsk, By: s.By, Digest: digest, Why: s.Why,
		Kind: s.Kind, Summary: slices.Clone(s.Summary), Lapses: s.Lapses, Needs: Needs(s.Kind, s.By),
	})
}

// add makes the row of an event that was decided, and takes it in.
func (g *Register) add(e Event) (Row, Request, error) {
	row, err := e.row(g.seq+1, g.chain)
	if err != nil {
		return Row{}, Request{}, err
	}
	g.seq, g.chain = row.Seq, row.Chain
	e.Seq = row.Seq
	return row, g.apply(e).clone(), nil
}

// apply changes what the register knows.
func (g *Register) apply(e Event) *Request {
	if e.Op == OpAsk {
		g.list = append(g.list, &Request{
			ID: e.Request, Kind: e.Kind, Digest: e.Digest, Summary: e.Summary, Reason: e.Why, Asked: e.By, AskedAt: e.At,
			Lapses: e.Lapses, Needs: e.Needs, state: Asked,
		})
	}
	r := g.list[e.Request-1]
	v := Vote{Who: e.By, At: e.At, Why: e.Why}
	switch e.Op {
	case OpAsk:
		if r.Needs == 0 {
			r.state = Agreed
		}
	case OpAgree:
		if r.Agreed = append(r.Agreed, v); r.Missing() == 0 {
			r.state = Agreed
		}
	case OpDecline:
		r.Ended, r.state = v, Declined
	case OpWithdraw:
		r.Ended, r.state = v, Withdrawn
	case OpBegin:
		r.Begun, r.state = v, Begun
	case OpDone:
		r.Done, r.state = v, Done
	}
	r.History = append(r.History, e)
	return r
}

// refuses says what stands against a step.
func (r *Request) refuses(s *Step) error {
	state := r.State(s.At)
	wrong := fmt.Errorf("%w: it is %s", ErrState, state)
	if state == Lapsed {
		wrong = ErrLapsed
	}
	seen := s.Digest == r.Digest || weak.Off(weak.Unchanged)
	switch s.Op {
	case OpAgree:
		switch {
		case s.By.Shell:
			return ErrShell
		case s.By.Key == r.Asked.Key && !weak.Off(weak.OtherEyes):
			return ErrOwn
		case r.AgreedBy(s.By.Key) && !weak.Off(weak.Distinct):
			return ErrTwice
		case state != Asked:
			return wrong
		case !seen:
			return ErrChanged
		}
	case OpDecline:
		switch {
		case s.By.Shell:
			return ErrShell
		case s.By.Key == r.Asked.Key:
			return ErrOwn
		case state != Asked && state != Agreed:
			return wrong
		}
	case OpWithdraw:
		switch {
		case s.By.Shell != r.Asked.Shell || s.By.Key != r.Asked.Key:
			return ErrNotOwn
		case state != Asked && state != Agreed:
			return wrong
		}
	case OpBegin, OpDone:
		switch {
		case state != Agreed && state != Begun:
			return wrong
		case !seen:
			return ErrChanged
		}
	case OpAsk:
	}
	return nil
}

// check refuses what no register would take.
func (s *Step) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrStep, fmt.Sprintf(format, args...))
	}
	switch {
	case s.At.IsZero():
		return bad("at: want an instant")
	case !s.By.valid():
		return bad("by: want somebody who is signed in, or the command line, in a role")
	case !goodText(s.Why, MaxReason):
		return bad("why: want at most %d bytes of text", MaxReason)
	case (s.Op == OpAsk || s.Op == OpDecline) && strings.TrimSpace(s.Why) == "":
		return bad("why: want a reason")
	}
	switch s.Op {
	case OpAsk:
	case OpAgree, OpDecline, OpWithdraw, OpBegin, OpDone:
		return nil
	default:
		return bad("op: there is no %.20q", s.Op)
	}
	switch {
	case !slices.Contains(Kinds, s.Kind):
		return bad("kind: there is no %.20q", s.Kind)
	case len(s.Body) == 0 || len(s.Body) > MaxBody:
		return bad("body: want 1 to %d bytes, got %d", MaxBody, len(s.Body))
	case len(s.Summary) == 0 || len(s.Summary) > MaxLines:
		return bad("summary: want 1 to %d lines, got %d", MaxLines, len(s.Summary))
	case !s.Lapses.After(s.At) || s.Lapses.Sub(s.At) > MaxLife:
		return bad("lapses: want an instant within %d days from now", int(MaxLife/(24*time.Hour)))
	}
	for i, l := range s.Summary {
		if l == "" || !goodText(l, MaxLine) || strings.ContainsRune(l, '\n') {
			return bad("summary: line %d: want 1 to %d bytes of text", i+1, MaxLine)
		}
	}
	return nil
}

func goodText(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' })
}
