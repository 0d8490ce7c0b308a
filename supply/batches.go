package supply

import (
	"fmt"
	"time"

	"charye/internal/civil"
)

// Batch is some of the vials of a box, those that were thawed or punctured together: their clocks begin with their first change of stage. What
// the box went through before is theirs too. A batch without changes is what is as it came.
type Batch struct {
	Changes []Change  // ascending; the stage only ever goes on
	Until   time.Time // when the last of it was used or destroyed; zero: there are some
	Vial    VialNum   // all of it is in this vial; 0: nobody told which vials these are
	Way     []Leg     // where it was and is, in order, when that is not the way of its box; what is aboard is of no account. nil: the way of its box
}

// Change is the instant from which on a stage holds.
type Change struct {
	Stage Stage
	At    time.Time
}

// batchRecord is a [Batch] with its instants in nanoseconds; until is forever while there are some.
type batchRecord struct {
	changes []Change
	until   int64
	vial    VialNum
	apart   bool     // it has a way of its own
	legs    []uint32 // that way
}

// Divide tells that a box has batches with clocks of their own, instead of those told before. The box is judged by all that are still there:
// it is fit when each of them is. No batches: the box is one.
func (x *Index) Divide(k SSCC, batches []Batch) error {
	n, ok := x.bySSCC[k]
	if !ok {
		return fmt.Errorf("%w: %s", ErrUnknownBox, k)
	}
	list := make([]batchRecord, 0, len(batches))
	var together ways
	for _, p := range batches {
		r := batchRecord{changes: p.Changes, until: forever, vial: p.Vial, apart: p.Way != nil}
		if int(p.Vial) > len(x.vials) {
			return fmt.Errorf("%w: batches of %s: there is no vial %d", ErrBox, k, p.Vial)
		}
		var err error
		if r.legs, err = x.addWay(n, p.Way, &together); err != nil {
			return err
		}
		if !p.Until.IsZero() {
			r.until = p.Until.UnixNano()
		}
		for i, c := range p.Changes {
			if c.Stage > Punctured || c.Stage == Unopened || i > 0 && (c.Stage <= p.Changes[i-1].Stage || c.At.Before(p.Changes[i-1].At)) {
				return fmt.Errorf("%w: batches of %s: vials go from unopened to thawed to punctured, and never back", ErrBox, k)
			}
		}
		if p.Vial != 0 {
			x.vials[p.Vial-1].box = n + 1
		}
		list = append(list, r)
	}
	x.boxes[n].batches = list
	return nil
}

// End tells that a box was no more from an instant on: destroyed, or taken apart. What was after that is nothing to it.
func (x *Index) End(k SSCC, at time.Time) {
	if n, ok := x.bySSCC[k]; ok {
		x.boxes[n].end = at.UnixNano()
	}
}

// Ended reports whether a box is no more.
func (x *Index) Ended(k SSCC) bool {
	n, ok := x.bySSCC[k]
	return ok && x.boxes[n].end != forever
}

// merge takes the judgement of another batch of the same box in: of each budget the one that was passed the most, of each time the longest.
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

// cut counts a leg in pieces, each in the stage that the vials were in, and not beyond an instant.
func (x *Index) cut(sum *Exposure, l *legRecord, p *Product, changes []Change, until int64, on civil.Date, at AsOf) {
	for _, c := range pieces(l, changes, until) {
		e := x.during(l, p, c.stage, c.begin, min(c.end, until), on, at)
		sum.Add(&e)
	}
}

// during counts from begin to end of a leg in a stage, as far as the leg counts.
func (x *Index) during(l *legRecord, p *Product, stage Stage, begin, end int64, on civil.Date, at AsOf) Exposure {
	if end = min(end, x.counts(l, at)); end <= begin {
		return Exposure{}
	}
	rule := p.rule(stage, on)
	if rule == nil {
		return Exposure{Unknown: time.Duration(end - begin)}
	}
	return x.points[l.Point].exposure(rule, begin, end, l.Unlogged)
}

// counts is up to when a leg counts, seen from a moment; not after its begin when it does not count yet.
func (x *Index) counts(l *legRecord, at AsOf) int64 {
	now := at.At.UnixNano()
	end := min(l.end, now)
	if end > l.begin && l.end > now { // it goes on
		if heard := max(x.points[l.Point].last, l.begin); heard < end && now-heard <= int64(at.Overdue) {
			end = heard
		}
	}
	return end
}
