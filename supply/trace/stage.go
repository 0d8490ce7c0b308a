package trace

import (
	"cmp"
	"slices"

	"charye/supply"
)

// batch is some of the doses of a box, which were thawed or punctured together. The first of a box has no changes: what is as it came.
type batch struct {
	doses   int
	changes []change
	until   int64 // when the last of it was used; 0: not yet
	vial    name  // all of it is in this vial; 0: nobody told in which
	away    bool  // the vial is not with the box
}

type change struct {
	to stage
	at int64
}

// now is the stage that a batch is in.
func (p *batch) now() stage {
	if len(p.changes) == 0 {
		return unsaid
	}
	return p.changes[len(p.changes)-1].to
}

// since is when it came into its stage.
func (p *batch) since() int64 {
	if len(p.changes) == 0 {
		return 0
	}
	return p.changes[len(p.changes)-1].at
}

// staged is an event that says that vials were thawed or punctured: so many as it says of the one box that it names, or all that were not yet,
// of all that it names. What was punctured does not become thawed again, and nothing becomes unopened.
func (b *builder) staged(t *told) {
	if list := b.singles(t); len(list) > 0 && t.kind == ofObject {
		b.stagedSingles(t, list)
		return
	}
	boxes := b.named(t)
	said := !t.portions.none() && t.kind == ofObject
	if len(boxes) == 0 || said && len(boxes) != 1 {
		b.problem(t, "charye:stage wants boxes that were packed before, and a quantity one box; has %d", len(boxes))
		return
	}
	for _, n := range boxes {
		x := &b.boxes[n]
		all := x.before(t.stage)
		doses := all
		if said {
			var ok bool
			if doses, ok = b.doses(t, x, all); !ok {
				continue
			}
		}
		if doses > all {
			b.finding("box %s: %d doses are %s, and it has %d that were not (%s)", x.SSCC, doses, t.stage.of(), all, t.id)
			continue
		}
		b.stage(t, n, doses)
	}
}

// before is how many doses have not come as far as a stage.
func (x *boxState) before(s stage) (doses int) {
	if x.parts == nil {
		return x.Left()
	}
	for _, p := range x.parts {
		if p.now() < s && !p.away {
			doses += p.doses
		}
	}
	return doses
}

// stage brings doses of a box, as many as there are, to the stage of an event. What is furthest and oldest comes first.
func (b *builder) stage(t *told, n int32, doses int) {
	x := &b.boxes[n]
	if doses == 0 {
		return
	}
	if x.parts == nil {
		x.parts = []*batch{{doses: x.Left()}}
	}
	for _, p := range x.inOrder(t.stage, false) {
		if p.now() >= t.stage || p.doses == 0 || doses == 0 || p.away {
			continue
		}
		k := min(doses, p.doses)
		doses -= k
		x.parts = append(x.parts, p.on(k, t.stage, t.at))
	}
}

// on takes doses out of a batch into one that comes to a stage.
func (p *batch) on(doses int, to stage, when int64) *batch {
	p.lose(doses, when)
	return &batch{doses: doses, changes: append(slices.Clone(p.changes), change{to, when}), vial: p.vial, away: p.away}
}

func (p *batch) lose(doses int, when int64) {
	if p.doses -= doses; p.doses == 0 {
		p.until = when
	}
}

// inOrder lists the parts in the order in which doses are taken: those of the stage that is said, then what is furthest, of that the oldest; or
// the other way round, what is as it came first.
func (x *boxState) inOrder(said stage, fresh bool) []*batch {
	list := slices.Clone(x.parts)
	slices.SortStableFunc(list, func(p, q *batch) int {
		if fresh {
			return cmp.Or(cmp.Compare(p.now(), q.now()), p.unnamed(q), cmp.Compare(q.since(), p.since()))
		}
		if first, second := p.now() == said, q.now() == said; said != unsaid && first != second {
			if first {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(q.now(), p.now()), p.unnamed(q), cmp.Compare(p.since(), q.since()))
	})
	return list
}

// unnamed puts what is in no vial by its name first: what is told of a box without a name is, if it can be, not of a vial that has one.
func (p *batch) unnamed(q *batch) int { return cmp.Compare(min(p.vial, 1), min(q.vial, 1)) }

// take takes doses out of the parts, and gives those that were taken with their changes; nil when they are as they came.
func (x *boxState) take(doses int, said stage, when int64, fresh bool) (out []*batch) {
	if x.parts == nil {
		return nil
	}
	changed := false
	for _, p := range x.inOrder(said, fresh) {
		if k := min(doses, p.doses); k > 0 && !p.away {
			doses -= k
			p.lose(k, when)
			out = append(out, &batch{doses: k, changes: p.changes})
			changed = changed || p.changes != nil
		}
	}
	if !changed {
		return nil
	}
	return out
}

// settle tells the index of the parts of boxes, and of boxes that are no more.
func (b *builder) settle() {
	b.sensedSingles()
	for i := range b.boxes {
		x := &b.boxes[i]
		if x.gone {
			b.t.Index.End(x.SSCC, x.Since)
		}
		if x.parts == nil {
			continue
		}
		batches := make([]supply.Batch, 0, len(x.parts))
		staged := false
		for _, p := range x.parts {
			one := supply.Batch{}
			for _, c := range p.changes {
				one.Changes = append(one.Changes, supply.Change{Stage: c.to.of(), At: instant(c.at)})
			}
			if p.doses == 0 {
				one.Until = instant(p.until)
			} else {
				x.tell(p)
				staged = staged || p.changes != nil
			}
			if p.vial != 0 {
				b.name(&one, p.vial)
			}
			batches = append(batches, one)
		}
		if !staged {
			x.Parts = nil
		}
		if err := b.t.Index.Divide(x.SSCC, batches); err != nil {
			b.t.Problems = append(b.t.Problems, Problem{What: err.Error()})
		}
	}
	b.tellSingles()
}

// tell puts a batch among the parts that are told, beside those that came into the stage with it.
func (x *boxState) tell(p *batch) {
	one := Part{Doses: p.doses, Stage: p.now().of()}
	if p.changes != nil {
		one.Since = instant(p.since())
	}
	for i := range x.Parts {
		if o := &x.Parts[i]; p.vial != 0 && o.Stage == one.Stage && o.Since.Equal(one.Since) {
			o.Doses += one.Doses
			return
		}
	}
	x.Parts = append(x.Parts, one)
}
