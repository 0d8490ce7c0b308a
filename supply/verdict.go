package supply

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Action is what a verdict does.
type Action string

// The actions (사용중지, 해제, 회수, 폐기).
const (
	Hold    Action = "hold"    // do not use until it is known; nothing is lost yet
	Release Action = "release" // the end of one hold
	Recall  Action = "recall"  // never to be used; to be sent back
	Destroy Action = "destroy" // never to be used; destroyed
)

// State is what may be done with a box.
type State string

// The states of a box; [Register.State] derives them from verdicts alone.
const (
	Usable    State = "usable"
	Held      State = "held"
	Recalled  State = "recalled"
	Destroyed State = "destroyed"
)

// Verdict is a decision about boxes, and an event once a [Register] has taken it in: it can be followed by another, never changed.
type Verdict struct {
	Seq    int64 // 1, 2, 3 … without gaps; given by the register
	At     time.Time
	Action Action
	// Case names what it is about, such as "2020-09 truck 11t-0412". A box is held as long as any case holds it, and a release ends the
	// hold of its own case only.
	Case     string
	Boxes    []SSCC
	Reason   string   // for people
	Evidence []string // what it rests on: files with digests, report numbers; at least one
	Asked    string   // who wants it, a person or a rule of the system
	Agreed   string   // who has agreed: somebody else (four eyes)
}

// What [Register.Decide] refuses.
var (
	ErrFourEyes = errors.New("a verdict needs two: who asks and somebody else who agrees")
	ErrVerdict  = errors.New("not a verdict")
	ErrNextStep = errors.New("a box cannot go there from where it is")
)

// Register keeps the verdicts and knows the state of every box. A box without a verdict is usable: whether it is fit is for
// [Product.Judge]. It is for one goroutine; what it was told before is brought back by [Register.Replay].
type Register struct {
	seq   int64
	boxes map[SSCC]*standing
}

// standing is where a box is.
type standing struct {
	cases []string // that hold it
	final State    // Recalled or Destroyed; empty: neither
}

// NewRegister begins an empty register.
func NewRegister() *Register { return &Register{boxes: map[SSCC]*standing{}} }

// Decide takes a verdict in, wholly or not at all, and gives the event: the verdict with its number and each box once.
//
// A box that a case holds already may be held by it again, which changes nothing; a release is for boxes that the case holds;
// what was recalled can be destroyed, what was destroyed stays so.
func (g *Register) Decide(v Verdict) (Verdict, error) {
	switch {
	case v.Asked == "" || v.Agreed == "" || v.Asked == v.Agreed:
		return Verdict{}, ErrFourEyes
	case v.At.IsZero(), v.Case == "", v.Reason == "", len(v.Evidence) == 0, len(v.Boxes) == 0:
		return Verdict{}, fmt.Errorf("%w: want an instant, a case, a reason, evidence and boxes", ErrVerdict)
	}
	boxes := slices.Clone(v.Boxes)
	slices.Sort(boxes)
	boxes = slices.Compact(boxes)
	for _, b := range boxes {
		if err := g.check(b, &v); err != nil {
			return Verdict{}, err
		}
	}
	g.seq++
	v.Seq, v.Boxes, v.At, v.Evidence = g.seq, boxes, v.At.UTC(), slices.Clone(v.Evidence)
	for _, b := range boxes {
		g.move(b, &v)
	}
	return v, nil
}

// Allows reports what [Register.Decide] would refuse of the boxes of a verdict; nil: nothing. It changes nothing.
func (g *Register) Allows(v Verdict) error {
	for _, b := range v.Boxes {
		if err := g.check(b, &v); err != nil {
			return err
		}
	}
	return nil
}

func (g *Register) check(b SSCC, v *Verdict) error {
	if b == 0 {
		return fmt.Errorf("%w: a box without an SSCC", ErrVerdict)
	}
	s := g.boxes[b]
	state := s.state()
	ok := false
	switch v.Action {
	case Hold:
		ok = state == Usable || state == Held
	case Release:
		ok = state == Held && slices.Contains(s.cases, v.Case)
		if state == Held && !ok {
			return fmt.Errorf("%w: box %s is held, but not by case %q", ErrNextStep, b, v.Case)
		}
	case Recall:
		ok = state == Usable || state == Held
	case Destroy:
		ok = state == Held || state == Recalled
	default:
		return fmt.Errorf("%w: there is no action %q", ErrVerdict, v.Action)
	}
	if !ok {
		return fmt.Errorf("%w: box %s is %s, so there is no %s", ErrNextStep, b, state, v.Action)
	}
	return nil
}

func (g *Register) move(b SSCC, v *Verdict) {
	s := g.boxes[b]
	if s == nil {
		s = &standing{}
		g.boxes[b] = s
	}
	switch v.Action {
	case Hold:
		if !slices.Contains(s.cases, v.Case) {
			s.cases = append(s.cases, v.Case)
		}
	case Release:
		s.cases = slices.DeleteFunc(s.cases, func(c string) bool { return c == v.Case })
	case Recall:
		s.final = Recalled
	case Destroy:
		s.final = Destroyed
	}
}

func (s *standing) state() State {
	switch {
	case s == nil:
		return Usable
	case s.final != "":
		return s.final
	case len(s.cases) > 0:
		return Held
	}
	return Usable
}

// State is what may be done with a box now.
func (g *Register) State(b SSCC) State { return g.boxes[b].state() }

// Cases are the cases that hold a box; nil when none does.
func (g *Register) Cases(b SSCC) []string {
	if s := g.boxes[b]; s != nil && s.final == "" {
		return slices.Clone(s.cases)
	}
	return nil
}

// Seq is the number of the last verdict.
func (g *Register) Seq() int64 { return g.seq }

// Replay takes in events of an earlier register, in their order.
func (g *Register) Replay(events []Verdict) error {
	for i := range events {
		if events[i].Seq != g.seq+1 {
			return fmt.Errorf("%w: number %d follows number %d", ErrVerdict, events[i].Seq, g.seq)
		}
		if _, err := g.Decide(events[i]); err != nil {
			return fmt.Errorf("verdict %d: %w", events[i].Seq, err)
		}
	}
	return nil
}
