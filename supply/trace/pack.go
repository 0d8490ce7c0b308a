package trace

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"charye/supply"
)

// pack puts things into a box, pallet or vehicle.
func (b *builder) pack(t *told) {
	into := &b.r.names.all[t.parent]
	singles := b.singles(t)
	switch {
	case into.sscc != 0 && (!t.portions.none() || len(singles) > 0):
		b.fill(t, t.parent, b.r.portionsOf(t), singles)
	case !t.portions.none() && !into.vial: // what a carton holds beside vials with names is counted with the box
		b.problem(t, "a lot is packed into what has no SSCC")
	case into.vial && len(singles) > 0:
		b.fillCarton(t, singles)
	}
	for _, c := range b.r.thingsOf(t) {
		if what := &b.r.names.all[c]; !what.unit && !b.packs(into, what, c) || t.parent == 0 || c == t.parent || b.within(t.parent, c) {
			continue
		}
		b.detach(c)
		b.parent[c] = t.parent
		b.inside[t.parent] = append(b.inside[t.parent], c)
	}
	switch {
	case into.sscc == 0 && t.parent != 0 && !into.vial:
		b.move(b.find(b.r.thingsOf(t)...), t.parent, 0, t.at) // what it is loaded on is where it is
		for _, v := range singles {
			if b.serials.vials[v].box >= 0 {
				b.bring(&b.serials.vials[v], t.parent, 0, t.at)
			}
		}
	case t.place != 0 && t.step != leaves:
		b.move(b.find(t.parent), t.place, b.siteOf(t.place), t.at)
	}
	if t.stage.said() {
		b.staged(t)
	}
}

// packs reports whether a carton is told to be in something, or a vial in a carton. A vial in a box is kept with the vials: see serials.
func (b *builder) packs(into, what *called, n name) bool {
	return what.vial && b.serials != nil && (into.vial || b.serials.cartons[n])
}

// fill makes a box of an SSCC, by what is packed in it: so many vials of a lot, and those that are named beside them.
func (b *builder) fill(t *told, parent name, portions []portion, singles []int32) {
	k := b.r.names.all[parent].sscc
	if len(portions) != 1 && (len(portions) > 1 || len(singles) == 0) {
		b.problem(t, "box %s has %d lots; a box is of one", k, len(portions))
		return
	}
	if into := b.boxOf[parent]; into >= 0 && len(portions) == 0 {
		for _, v := range singles {
			b.putIn(t, v, into)
		}
		return
	}
	class := name(0)
	if len(portions) == 1 {
		class = portions[0].class
	} else if class = b.classOf(singles); class == 0 {
		b.problem(t, "box %s: nobody told of which lot vial %s is", k, b.vialText(&b.serials.vials[singles[0]]))
		return
	}
	lot, ok := b.lot(class)
	if !ok {
		b.problem(t, "box %s: %.60q names no lot (LGTIN)", k, b.r.names.text(class))
		return
	}
	p := b.byGTIN[lot.GTIN]
	if p == nil {
		b.problem(t, "box %s: no product of the programme has the GTIN %s", k, lot.GTIN)
		return
	}
	vials := 0
	if len(portions) == 1 {
		q := portions[0]
		vials, ok = q.whole()
		if unit := b.r.names.text(q.unit); !ok || !pieces(unit) {
			b.problem(t, "box %s: %s; want a whole number of vials", k, strings.Join(strings.Fields(q.text()+" "+unit+" of lot "+lot.ID), " "))
			return
		}
	}
	b.fillNew(t, parent, supply.Box{SSCC: k, Product: p.ID, Lot: lot, Vials: vials, DosesPerVial: b.rules.DosesPerVial[p.ID]}, singles)
}

// box brings in a box; false when it is there already, or is none.
func (b *builder) box(t *told, n name, box supply.Box) bool {
	if old := b.t.boxes[box.SSCC]; old != nil {
		if old.Lot != box.Lot || old.Vials != box.Vials {
			b.finding("box %s is packed twice: %d vials of lot %s, then %d of %s (%s)", box.SSCC, old.Vials, old.Lot.ID, box.Vials, box.Lot.ID, t.id)
		}
		return false
	}
	if err := b.t.Index.AddBox(box); err != nil {
		b.problem(t, "%v", err)
		return false
	}
	x := &Box{Box: box}
	b.t.boxes[box.SSCC] = x
	b.t.order = append(b.t.order, box.SSCC)
	b.boxOf[n] = int32(len(b.boxes))
	b.boxes = append(b.boxes, boxState{Box: x, name: n})
	return true
}

func (q *portion) whole() (int, bool) {
	v := q.amount
	return int(v), v == math.Trunc(v) && v >= 0 && v <= 1e6 // not so when it is not a number
}

func (q *portion) text() string {
	if math.IsNaN(q.amount) {
		return "no quantity"
	}
	return strconv.FormatFloat(q.amount, 'g', -1, 64)
}

// pieces reports whether a unit means single vials (UN/CEFACT: one, each, piece).
func pieces(unit string) bool { return unit == "" || unit == "C62" || unit == "EA" || unit == "H87" }

func (b *builder) unpack(t *told) {
	b.takenOut(t, b.singles(t))
	out := b.r.thingsOf(t)
	if len(out) == 0 && t.portions.none() { // all
		out = slices.Clone(b.inside[t.parent])
	}
	for _, c := range out {
		if b.parent[c] == t.parent {
			b.detach(c)
		}
	}
	if t.place != 0 {
		b.move(b.find(out...), t.place, b.siteOf(t.place), t.at)
	}
	if t.stage.said() {
		b.staged(t)
	}
}

func (b *builder) detach(c name) {
	p := b.parent[c]
	if p == 0 {
		return
	}
	list := b.inside[p]
	i := slices.Index(list, c)
	list[i] = list[len(list)-1]
	b.inside[p] = list[:len(list)-1]
	b.parent[c] = 0
}

// within reports whether a unit lies in another.
func (b *builder) within(unit, in name) bool {
	for n := 0; unit != 0 && n < deepestPack; n++ {
		if unit = b.parent[unit]; unit == in {
			return true
		}
	}
	return false
}
