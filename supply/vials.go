package supply

import (
	"fmt"

	"charye/internal/civil"
	"charye/person"
	"charye/site"
)

// VialNum stands for a vial with a serial number within an index; 0: none.
type VialNum uint32

type vialRecord struct {
	SGTIN
	box uint32 // whose batches it is among, counted from 1; 0: among none
}

// AddVial gives the number of a vial, a new one where it has none. Only vials of which something is told alone need one.
func (x *Index) AddVial(k SGTIN) VialNum {
	if n, ok := x.byVial[k]; ok {
		return n
	}
	x.vials = append(x.vials, vialRecord{SGTIN: k})
	n := VialNum(len(x.vials))
	x.byVial[k] = n
	return n
}

// Vial finds the number of a vial; 0: nothing was told of it alone.
func (x *Index) Vial(k SGTIN) VialNum { return x.byVial[k] }

// NameOf is the name of a vial; zero for 0.
func (x *Index) NameOf(n VialNum) SGTIN {
	if n == 0 || int(n) > len(x.vials) {
		return SGTIN{}
	}
	return x.vials[n-1].SGTIN
}

// ways are those of the batches of one box that went together.
type ways struct{ list []way }

type way struct {
	legs []Leg
	n    []uint32
}

func (w *ways) find(legs []Leg) ([]uint32, bool) {
next:
	for _, o := range w.list {
		if len(o.legs) != len(legs) {
			continue
		}
		for i := range legs {
			a, b := &o.legs[i], &legs[i]
			if a.Point != b.Point || a.Site != b.Site || a.Stage != b.Stage || a.Unlogged != b.Unlogged || !a.Begin.Equal(b.Begin) || !a.End.Equal(b.End) {
				continue next
			}
		}
		return o.n, true
	}
	return nil, false
}

// addWay brings in the legs of a batch. Whoever asks what was at their points is told of the box; the box itself did not go by them.
func (x *Index) addWay(box uint32, legs []Leg, together *ways) ([]uint32, error) {
	if n, ok := together.find(legs); ok || len(legs) == 0 {
		return n, nil
	}
	out := make([]uint32, 0, len(legs))
	for _, l := range legs {
		l.Aboard = nil
		if err := l.check(1); err != nil {
			return nil, err
		}
		out = append(out, x.addLeg(l, []uint32{box}, nil))
	}
	together.list = append(together.list, way{legs, out})
	return out, nil
}

// legsOfBatch gives the legs of a batch, by begin.
func (x *Index) legsOfBatch(n uint32, b *batchRecord) []uint32 {
	if b.apart {
		return b.legs
	}
	return x.legsOf(n)
}

// batchOf is the batch by which the way of a vial is shown: one that is still there, if there is any.
func (x *Index) batchOf(v VialNum) (box uint32, found *batchRecord) {
	if v == 0 || x.vials[v-1].box == 0 {
		return 0, nil
	}
	box = x.vials[v-1].box - 1
	for i := range x.boxes[box].batches {
		if b := &x.boxes[box].batches[i]; b.vial == v && (found == nil || found.until < b.until) {
			found = b
		}
	}
	return box, found
}

// legsOfDose gives the legs of the vial that a dose was given from, where that went alone, else of its box.
func (x *Index) legsOfDose(n uint32) []uint32 {
	if box, b := x.batchOf(x.given.vial(n)); b != nil && (b.apart || box == x.given.at(n).box) {
		return x.legsOfBatch(box, b)
	}
	return x.legsOf(x.given.at(n).box)
}

// JudgeVial holds one vial against the rules: by its own way, where it has one, and its own clocks. ok is false when nothing was told of it alone:
// then it is judged with its box.
func (x *Index) JudgeVial(v VialNum, at AsOf) (Judgement, bool) {
	return x.judgeVial(v, civil.Of(at.At, at.Zone), at, &counted{})
}

func (x *Index) judgeVial(v VialNum, on civil.Date, at AsOf, cache *counted) (Judgement, bool) {
	box, b := x.batchOf(v)
	if b == nil {
		return Judgement{}, false
	}
	return x.judgeThose(box, func(b *batchRecord) bool { return b.vial == v }, on, at, cache)
}

// UnfitVials gives the vials of a box that are still there and not fit, in the order in which something was told of them; 0 stands for those of which
// nothing was told alone.
func (x *Index) UnfitVials(k SSCC, at AsOf) (out []VialNum) {
	n, ok := x.bySSCC[k]
	if !ok {
		return nil
	}
	now, on, seen := min(at.At.UnixNano(), x.boxes[n].end), civil.Of(at.At, at.Zone), map[VialNum]bool{}
	cache := &counted{legs: map[uint32]Exposure{}, open: true}
	if len(x.boxes[n].batches) == 0 {
		if j := x.judge(n, on, at, cache); !j.Fit() {
			out = append(out, 0)
		}
	}
	for i := range x.boxes[n].batches {
		b := &x.boxes[n].batches[i]
		if b.until < now || seen[b.vial] {
			continue
		}
		if j := x.judgeBatch(n, b, now, on, at, cache); !j.Fit() {
			seen[b.vial] = true
			out = append(out, b.vial)
		}
	}
	return out
}

// VialWay is the way of one vial as it is judged; false when nothing was told of it alone.
func (x *Index) VialWay(v VialNum, at AsOf) (Way, bool) {
	box, b := x.batchOf(v)
	if b == nil {
		return Way{}, false
	}
	w := x.way(box, b, at)
	w.Judgement, _ = x.JudgeVial(v, at)
	return w, true
}

// OfVial finds what one vial touches: the box that it is of, where it has been, and the doses that were told to be given from it, the last first.
func (x *Index) OfVial(v VialNum, from civil.Date) Scope {
	box, b := x.batchOf(v)
	if b == nil {
		return Scope{}
	}
	s := Scope{Boxes: []SSCC{x.boxes[box].SSCC}, Lots: []LotKey{x.boxes[box].Lot}}
	sites := map[site.Num]bool{}
	for _, l := range x.legsOfBatch(box, b) {
		if at := x.legs[l].Site; at != 0 {
			sites[at] = true
		}
	}
	x.bookedAt(&s, sites, from)
	for i := len(x.given.vials); i > 0; i-- {
		if x.given.vials[i-1] == v {
			s.Given = append(s.Given, x.givenAt(uint32(i)))
		}
	}
	return s
}

// People counts those to whom doses were given.
func (s *Scope) People() int {
	people := make(map[person.Key]bool, len(s.Given))
	for i := range s.Given {
		people[s.Given[i].Person] = true
	}
	return len(people)
}

// VialJourney gives the legs of a vial's way, begin and end as they are; nil when nothing was told of it alone.
func (x *Index) VialJourney(v VialNum) (out []Leg) {
	box, b := x.batchOf(v)
	if b == nil {
		return nil
	}
	for _, l := range x.legsOfBatch(box, b) {
		out = append(out, x.legs[l].Leg)
	}
	return out
}

func legError(format string, args ...any) error {
	return fmt.Errorf("%w "+format, append([]any{ErrLeg}, args...)...)
}

// check reports what makes a leg unusable; aboard is how much is.
func (l *Leg) check(aboard int) error {
	switch {
	case !l.Point.valid():
		return legError("somewhere: want a point of 1 to %d bytes", maxPoint)
	case l.Begin.IsZero() || !l.End.IsZero() && !l.End.After(l.Begin):
		return legError("at %s: it ends before it begins", l.Point)
	case aboard == 0:
		return legError("at %s: nothing is aboard", l.Point)
	case l.Stage > Punctured:
		return legError("at %s: there is no stage %d", l.Point, l.Stage)
	}
	return nil
}

// addLeg keeps a leg that is right, for boxes and pallets.
func (x *Index) addLeg(l Leg, boxes []uint32, pallets []SSCC) uint32 {
	r := legRecord{Leg: l, begin: l.Begin.UnixNano(), end: forever, boxes: boxes, pallets: pallets}
	r.Aboard = nil
	if !l.End.IsZero() {
		r.end = l.End.UnixNano()
	}
	n := uint32(len(x.legs))
	x.legs = append(x.legs, r)
	p := x.point(l.Point)
	p.legs = append(p.legs, n)
	return n
}
