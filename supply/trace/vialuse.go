package trace

import (
	"cmp"
	"slices"
	"strings"

	"charye/supply"
)

// stageSingle brings what is left in a vial to a stage, where it has not come as far.
func (b *builder) stageSingle(v *vialState, to stage, when int64) {
	b.single(v, when, false)
	x := &b.boxes[v.box]
	for _, p := range b.parts(v) {
		if p.doses == 0 || p.now() >= to {
			continue
		}
		x.parts = append(x.parts, p.on(p.doses, to, when))
	}
}

// stagedSingles is an event that says that vials were thawed or punctured, by their names.
func (b *builder) stagedSingles(t *told, list []int32) {
	for _, n := range list {
		v := &b.serials.vials[n]
		if v.box < 0 {
			b.problem(t, "vial %s was in no box", b.vialText(v))
			continue
		}
		b.stageSingle(v, t.stage, t.at)
	}
}

// usedSingles is doses given from vials by their names, or destroyed with them.
func (b *builder) usedSingles(t *told, list []int32) {
	if len(list) != 1 && !t.portions.none() {
		b.problem(t, "%s of a quantity wants one vial; has %d", t.step, len(list))
		return
	}
	give := t.step == dispensing
	for _, k := range list {
		v := &b.serials.vials[k]
		if v.box < 0 {
			b.problem(t, "vial %s was in no box", b.vialText(v))
			continue
		}
		x := &b.boxes[v.box]
		b.single(v, t.at, false)
		left := b.left(v)
		rest := left
		if give {
			rest = 1
		}
		n, ok := b.doses(t, x, rest)
		if !ok {
			continue
		}
		at := b.where(v)
		if t.place != 0 {
			at = b.siteOf(t.place)
		}
		if !b.rules.Anywhere && (at != b.where(v) || at == 0) {
			b.finding("vial %s: %d doses are %s where it is not (%s)", b.vialText(v), n, word(give), t.id)
			continue
		}
		if n > left {
			b.finding("vial %s: %d doses are %s, and it has %d (%s)", b.vialText(v), n, word(give), left, t.id)
			continue
		}
		if give && n < left && b.punctures(x) { // a needle was in it
			b.stageSingle(v, punctured, t.at)
		}
		b.spend(v, n, t.at)
		s := b.sum(at, x.Lot)
		if give {
			v.given += int32(n)
			x.Given += n
			s.Given += n
			b.give(t, x, at, n, v)
			continue
		}
		x.Waste += n
		s.Wasted += n
		if n == left {
			b.endSingle(v, t.at)
		}
	}
}

// punctures reports whether there is a rule for vials of a box that a needle was in.
func (b *builder) punctures(x *boxState) bool {
	for _, p := range b.rules.Products {
		if p.ID == x.Product {
			return slices.ContainsFunc(p.Rules, func(r supply.Rule) bool { return r.Stage == supply.Punctured })
		}
	}
	return false
}

// spend takes doses out of a vial.
func (b *builder) spend(v *vialState, doses int, when int64) {
	if v.apart {
		b.serials.away[v.box] -= doses
	}
	list := b.parts(v)
	slices.SortStableFunc(list, func(p, q *batch) int { return cmp.Compare(q.now(), p.now()) })
	for _, p := range list {
		if k := min(doses, p.doses); k > 0 {
			doses -= k
			p.lose(k, when)
		}
	}
}

// endSingle is the end of a vial, in which nothing is left.
func (b *builder) endSingle(v *vialState, when int64) {
	if v.apart {
		v.way.past = b.past(v, when)
	}
	v.gone = true
}

// endApart ends the vials of a box that are not with it when it ends itself: they are destroyed with it where they are, or nobody has them any more.
func (b *builder) endApart(n int32, wasted bool, when int64) {
	if b.serials == nil || b.serials.away[n] == 0 {
		return
	}
	x := &b.boxes[n]
	for i := range b.serials.vials {
		v := &b.serials.vials[i]
		if v.box != n || !v.apart || v.gone {
			continue
		}
		at, left := b.where(v), b.left(v)
		b.spend(v, left, when)
		if wasted {
			x.Waste += left
			if at != 0 {
				b.sum(at, x.Lot).Wasted += left
			}
		} else {
			x.Moved += left
			b.goes(x.Lot, left, at, 0)
		}
		b.endSingle(v, when)
	}
}

// withBox is how many doses of a box are with it.
func (b *builder) withBox(n int32) int {
	if b.serials == nil {
		return b.boxes[n].Left()
	}
	return b.boxes[n].Left() - b.serials.away[n]
}

// counted is a stock-taking of vials by their names.
func (b *builder) countedSingles(t *told, list []int32) {
	for _, n := range list {
		v := &b.serials.vials[n]
		switch {
		case v.box < 0:
			b.problem(t, "vial %s was in no box", b.vialText(v))
		case t.place != 0 && b.siteOf(t.place) != b.where(v):
			b.finding("vial %s is counted where it is not (%s)", b.vialText(v), t.id)
		case v.gone || v.alone && b.left(v) == 0 && v.given == 0:
			b.finding("vial %s is counted, and nothing of it is left (%s)", b.vialText(v), t.id)
		}
	}
}

// decommissioned vials are no more; what was in them goes from where they are.
func (b *builder) decommissioned(t *told, list []int32) {
	for _, n := range list {
		v := &b.serials.vials[n]
		if v.box < 0 || v.gone {
			continue
		}
		b.single(v, t.at, false)
		x, left := &b.boxes[v.box], b.left(v)
		b.goes(x.Lot, left, b.where(v), 0)
		b.spend(v, left, t.at)
		x.Moved += left
		b.endSingle(v, t.at)
	}
}

// sgtinOf reads the name of a vial as events are compared by.
func sgtinOf(key string) (k supply.SGTIN, ok bool) {
	rest, ok := strings.CutPrefix(key, lotKey)
	gtin, serial, two := strings.Cut(rest, "/21/")
	if !ok || !two {
		return k, false
	}
	var err error
	if k.GTIN, err = supply.ParseGTIN(gtin); err != nil {
		return supply.SGTIN{}, false
	}
	k.Serial = unescaped(serial)
	return k, k.Valid()
}
