package supply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Verdicts keeps the events of a [Register]: numbered from 1 without gaps, only ever added to. Its methods are safe for concurrent use, and, where
// nodes share a store, from any of them. supply/supplytest proves what every engine must do.
type Verdicts interface {
	// Decide takes a verdict in, by all that were before, and keeps it: what is returned is durable. What [Register.Decide] refuses is
	// returned as it is, and nothing was kept.
	Decide(ctx context.Context, v Verdict) (Verdict, error)
	// Verdicts calls yield for those after a number, in order. An error of yield ends it.
	Verdicts(ctx context.Context, after int64, yield func(Verdict) error) error
	Close() error
}

// ErrVerdictUnknown means that the store was lost while a verdict was being committed: whether it is kept must be looked up.
var ErrVerdictUnknown = errors.New("the store was lost during a verdict: whether it is kept is not known")

// Registered reads all verdicts and gives the register that they make. Events with a gap or that do not follow from one another are an error.
func Registered(ctx context.Context, from Verdicts) (*Register, []Verdict, error) {
	g := NewRegister()
	var list []Verdict
	err := from.Verdicts(ctx, 0, func(v Verdict) error {
		list = append(list, v)
		return g.Replay(list[len(list)-1:])
	})
	return g, list, err
}

// kept is the form in which a verdict is kept and written into plans.
type kept struct {
	Seq      int64     `json:"seq,omitempty"`
	At       time.Time `json:"at"`
	Action   Action    `json:"action"`
	Case     string    `json:"case"`
	Boxes    []SSCC    `json:"boxes"`
	Reason   string    `json:"reason"`
	Evidence []string  `json:"evidence"`
	Asked    string    `json:"asked"`
	Agreed   string    `json:"agreed"`
}

// MarshalJSON gives the form in which verdicts are kept.
func (v Verdict) MarshalJSON() ([]byte, error) { return json.Marshal(kept(v)) }

// UnmarshalJSON reads what MarshalJSON gives.
func (v *Verdict) UnmarshalJSON(b []byte) error {
	var k kept
	if err := json.Unmarshal(b, &k); err != nil {
		return fmt.Errorf("%w: %w", ErrVerdict, err)
	}
	*v = Verdict(k)
	return nil
}

// Same reports whether two verdicts say the same, number and instant aside: the one kept already, and the one sent again.
func (v *Verdict) Same(o *Verdict) bool {
	if v.Action != o.Action || v.Case != o.Case || v.Reason != o.Reason || v.Asked != o.Asked || v.Agreed != o.Agreed ||
		len(v.Boxes) != len(o.Boxes) || len(v.Evidence) != len(o.Evidence) {
		return false
	}
	boxes := map[SSCC]bool{}
	for _, b := range v.Boxes {
		boxes[b] = true
	}
	for _, b := range o.Boxes {
		if !boxes[b] {
			return false
		}
	}
	for i := range v.Evidence {
		if v.Evidence[i] != o.Evidence[i] {
			return false
		}
	}
	return true
}

// HeldAt finds, for each box, since when it may not be used and until when: what was done with it in between was done against a verdict. The
// lists are in order; a zero Until goes on.
func HeldAt(list []Verdict) (map[SSCC][]Span, error) {
	g := NewRegister()
	out := map[SSCC][]Span{}
	for i := range list {
		if err := g.Replay(list[i : i+1]); err != nil {
			return nil, err
		}
		v := &list[i]
		for _, b := range v.Boxes {
			spans := out[b]
			open := len(spans) > 0 && spans[len(spans)-1].Until.IsZero()
			switch usable := g.State(b) == Usable; {
			case usable && open:
				spans[len(spans)-1].Until = v.At
			case !usable && !open:
				out[b] = append(spans, Span{From: v.At, Verdict: v.Seq})
			}
		}
	}
	return out, nil
}

// Span is a time in which a box may not be used, by which verdict it began.
type Span struct {
	From, Until time.Time
	Verdict     int64
}

// Holds reports whether an instant is in it; the instant of the verdict itself is.
func (s Span) Holds(at time.Time) bool {
	return !at.Before(s.From) && (s.Until.IsZero() || at.Before(s.Until))
}
