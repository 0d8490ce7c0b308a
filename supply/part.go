package supply

import (
	"fmt"
	"time"
)

// Part is some of the vials of a box, those that were thawed or punctured together: their clocks begin with their first change of stage. What
// the box went through before is theirs too. A part without changes is what is as it came.
type Part struct {
	Changes []Change  // ascending; the stage only ever goes on
	Until   time.Time // when the last of it was used or destroyed; zero: there are some
}

// Change is the instant from which on a stage holds.
type Change struct {
	Stage Stage
	At    time.Time
}

// partRecord is a [Part] with its instants in nanoseconds; until is forever while there are some.
type partRecord struct {
	changes []Change
	until   int64
}

// Divide tells that a box has parts with clocks of their own, instead of those told before. The box is judged by all parts that are still there:
// it is fit when each of them is. No parts: the box is one.
func (x *Index) Divide(k SSCC, parts []Part) error {
	n, ok := x.bySSCC[k]
	if !ok {
		return fmt.Errorf("%w: %s", ErrUnknownBox, k)
	}
	list := make([]partRecord, 0, len(parts))
	for _, p := range parts {
		r := partRecord{changes: p.Changes, until: forever}
		if !p.Until.IsZero() {
			r.until = p.Until.UnixNano()
		}
		for i, c := range p.Changes {
			if c.Stage > Punctured || c.Stage == Unopened || i > 0 && (c.Stage <= p.Changes[i-1].Stage || c.At.Before(p.Changes[i-1].At)) {
				return fmt.Errorf("%w: parts of %s: vials go from unopened to thawed to punctured, and never back", ErrBox, k)
			}
		}
		list = append(list, r)
	}
	x.boxes[n].parts = list
	return nil
}

// End tells that a box was no more from an instant on: destroyed, or taken apart. What was after that is nothing to it.
func (x *Index) End(k SSCC, at time.Time) {
	if n, ok := x.bySSCC[k]; ok {
		x.boxes[n].end = at.UnixNano()
	}
}

// merge takes the judgement of another part of the same box in: of each budget the one that was passed the most, of each time the longest.
func (j *Judgement) merge(o *Judgement) {
	e := &j.Exposure
	for s := range e.Time {
		for b := range e.Time[s] {
			e.Time[s][b] = max(e.Time[s][b], o.Exposure.Time[s][b])
		}
	}
	e.Unknown = max(e.Unknown, o.Exposure.Unknown)
	e.AtMost = e.AtMost || o.Exposure.AtMost
	if o.Exposure.Told {
		e.told(o.Exposure.Coldest, o.Exposure.Warmest)
	}
	if o.Exposure.weight > e.weight {
		e.arrhenius, e.weight = o.Exposure.arrhenius, o.Exposure.weight
	}
	j.Untraced = j.Untraced || o.Untraced
next:
	for _, f := range o.Findings {
		for i := range j.Findings {
			if g := &j.Findings[i]; g.Stage == f.Stage && g.Band == f.Band {
				g.Spent = max(g.Spent, f.Spent)
				continue next
			}
		}
		j.Findings = append(j.Findings, f)
	}
}

// Cause is what is against a box, in one word.
type Cause string

// The causes, what is worse first. [Expired] is time that is over where the product belongs: thawed or punctured for too long.
const (
	Frozen  Cause = "frozen"
	Heated  Cause = "warm"
	Expired Cause = "expired"
	NotTold Cause = "unknown"
	None    Cause = ""
)

// Causes lists all that there are, what is worse first.
func Causes() []Cause { return []Cause{Frozen, Heated, Expired, NotTold} }

// Cause names what is against a box: freezing before heat, heat before time, and all before what is not known; None when it is fit.
func (j *Judgement) Cause() Cause {
	if j.Fit() {
		return None
	}
	cause := NotTold
	for _, f := range j.Findings {
		switch {
		case f.Side == Cold:
			return Frozen
		case f.Side == Warm:
			cause = Heated
		case cause == NotTold:
			cause = Expired
		}
	}
	return cause
}
