package trace

import (
	"math"
	"slices"
	"time"

	"charye/site"
	"charye/supply"
)

// vialState is a vial with a serial number. Of most nothing is told but the box that they were packed in: those have no batch of their own, and
// are among what is as it came.
type vialState struct {
	name  name
	class name  // of its lot; 0: nobody told
	box   int32 // that it is of; -1: none yet
	given int32 // doses that were told to be given from it
	alone bool  // it has batches of its own among the parts of its box
	apart bool  // it is not with its box
	gone  bool
	way   *journey // nil: that of its box
}

// journey is the way of a vial that was not always in the box that it is in.
type journey struct {
	past  []stay
	since int64 // from then on it goes with its box, when it is not apart
}

// serials is the side table of single vials; nil where no event names any.
type serials struct {
	of      []int32 // by name, the number of a vial; -1: not asked yet
	vials   []vialState
	cartons map[name]bool // named like vials, with vials in them
	away    map[int32]int // by box, doses in vials of it that are apart
}

// commissioned reads which vials and cartons there are, and of which lots: whenever an event says it, it holds for all times.
func (b *builder) commissioned(order []uint32) {
	if !b.r.names.vials {
		return
	}
	s := &serials{of: make([]int32, len(b.r.names.all)), cartons: map[name]bool{}, away: map[int32]int{}}
	for i := range s.of {
		s.of[i] = -1
	}
	b.serials = s
	for _, i := range order {
		t := &b.r.events[i]
		if t.kind == ofAggregation && t.action == add && !t.wrong && b.r.names.all[t.parent].vial {
			s.cartons[t.parent] = true
		}
	}
	for _, i := range order {
		t := &b.r.events[i]
		if t.kind != ofObject || t.action != add || t.wrong || t.portions.none() {
			continue
		}
		for _, n := range b.r.thingsOf(t) {
			v := b.vial(n)
			if v < 0 {
				continue
			}
			for _, q := range b.r.portionsOf(t) {
				lot, ok := b.lot(q.class)
				k, _ := b.sgtin(n)
				switch x := &s.vials[v]; {
				case !ok || lot.GTIN != k.GTIN:
				case x.class == 0:
					x.class = q.class
				case x.class != q.class:
					b.finding("vial %s is of lot %s, and of lot %s (%s)", k, b.lots[x.class].key.ID, lot.ID, t.id)
				}
			}
		}
	}
}

// sgtin is what a name says.
func (b *builder) sgtin(n name) (supply.SGTIN, bool) { return sgtinOf(b.r.names.text(n)) }

// vial gives the number of a vial of a product of the programme; -1: it is none.
func (b *builder) vial(n name) int32 {
	s := b.serials
	if s == nil || !b.r.names.all[n].vial || s.cartons[n] {
		return -1
	}
	if s.of[n] < 0 {
		k, ok := b.sgtin(n)
		if !ok || b.byGTIN[k.GTIN] == nil {
			return -1
		}
		s.of[n] = int32(len(s.vials))
		s.vials = append(s.vials, vialState{name: n, box: -1})
	}
	return s.of[n]
}

// singles finds the vials that an event names, and those in the cartons that it names: each once.
func (b *builder) singles(t *told) (out []int32) {
	if b.serials == nil {
		return nil
	}
	var visit func(name, int)
	visit = func(n name, depth int) {
		if v := b.vial(n); v >= 0 {
			out = append(out, v)
		}
		if b.serials.cartons[n] && depth < deepestPack {
			for _, c := range b.inside[n] {
				visit(c, depth+1)
			}
		}
	}
	for _, n := range b.r.thingsOf(t) {
		visit(n, 0)
	}
	if b.serials.cartons[t.parent] && len(out) == 0 && t.kind != ofAggregation {
		visit(t.parent, 0)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (b *builder) vialText(v *vialState) string {
	k, _ := b.sgtin(v.name)
	return k.String()
}

// parts are the batches of a vial.
func (b *builder) parts(v *vialState) (out []*batch) {
	for _, p := range b.boxes[v.box].parts {
		if p.vial == v.name {
			out = append(out, p)
		}
	}
	return out
}

// left is how many doses are in a vial. What was taken from its box, and nobody told from which vial, may have been from this one.
func (b *builder) left(v *vialState) (doses int) {
	for _, p := range b.parts(v) {
		doses += p.doses
	}
	return doses
}

// single gives a vial of a box a batch of its own, when it has none: from now on what is told of it alone is of it alone. Of the batches without a name it was
// in the one that came the furthest, since something is told of it now; or, with fresh, in what is as it came.
func (b *builder) single(v *vialState, when int64, fresh bool) {
	if v.alone {
		return
	}
	x := &b.boxes[v.box]
	if x.parts == nil {
		x.parts = []*batch{{doses: x.Left()}}
	}
	own := &batch{vial: v.name}
	for _, p := range x.inOrder(unsaid, fresh) {
		if p.vial == 0 && p.doses > 0 {
			own.doses, own.changes = min(p.doses, x.DosesPerVial), p.changes
			p.lose(own.doses, when)
			break
		}
	}
	if own.doses == 0 {
		own.until = when
	}
	x.parts = append(x.parts, own)
	v.alone = true
}

// where is the site that a vial is at.
func (b *builder) where(v *vialState) site.Num {
	if v.apart {
		if n := len(v.way.past); n > 0 && v.way.past[n-1].end == goesOn {
			return v.way.past[n-1].site
		}
		return 0
	}
	return b.boxes[v.box].Site
}

// past is the way of a vial until an instant.
func (b *builder) past(v *vialState, until int64) (out []stay) {
	since := int64(math.MinInt64)
	if v.way != nil {
		since = v.way.since
		for _, s := range v.way.past {
			if s.end = min(s.end, until); s.end > s.begin {
				out = append(out, s)
			}
		}
		if v.apart {
			return out
		}
	}
	for _, s := range b.boxes[v.box].stays {
		if s.begin, s.end = max(s.begin, since), min(s.end, until); s.begin < s.end {
			out = append(out, s)
		}
	}
	return out
}

// goes has doses of a lot change from one site to another.
func (b *builder) goes(lot supply.LotKey, doses int, from, to site.Num) {
	if from == to {
		return
	}
	if from != 0 {
		b.sum(from, lot).Returned += doses
	}
	if to != 0 {
		b.sum(to, lot).Received += doses
	}
}

// bring is a vial alone at a place from an instant on.
func (b *builder) bring(v *vialState, place name, at site.Num, when int64) {
	x := &b.boxes[v.box]
	if v.gone || x.gone {
		b.finding("vial %s is at %s on %s, after its end", b.vialText(v), b.r.names.text(place), instant(when).Format(time.RFC3339))
		return
	}
	from, past := b.where(v), b.past(v, when)
	if v.apart {
		if n := len(v.way.past); n > 0 && v.way.past[n-1].end == goesOn && v.way.past[n-1].place == place && v.way.past[n-1].site == at {
			return
		}
	} else {
		b.single(v, when, true)
		b.serials.away[v.box] += b.left(v)
		for _, p := range b.parts(v) {
			p.away = true
		}
	}
	b.goes(x.Lot, b.left(v), from, at)
	v.apart, v.way = true, &journey{past: past}
	if place != 0 {
		v.way.past = append(v.way.past, stay{place: place, site: at, begin: when, end: goesOn, via: []name{v.name}})
	}
}

// takenOut are vials that are in their box no longer; where no place is told they are where the box is.
func (b *builder) takenOut(t *told, list []int32) {
	for _, n := range list {
		v := &b.serials.vials[n]
		switch {
		case v.box < 0:
			b.problem(t, "vial %s was in no box", b.vialText(v))
		case v.apart && t.place == 0:
		case t.place != 0:
			b.bring(v, t.place, b.siteOf(t.place), t.at)
		default:
			s := b.boxes[v.box].now()
			if s == nil {
				s = &stay{}
			}
			b.bring(v, s.place, s.site, t.at)
		}
	}
}

// movedSingles is an event that says where vials are. A vial that is told to be at the site of its box is in the box still, until it is taken out.
func (b *builder) movedSingles(t *told) {
	for _, n := range b.singles(t) {
		v := &b.serials.vials[n]
		if v.box < 0 || slices.Contains(b.named(t), v.box) {
			continue
		}
		now := b.boxes[v.box].now()
		switch at := b.siteOf(t.place); {
		case t.step == leaves:
			b.bring(v, v.name, 0, t.at)
		case t.place == 0:
		case !v.apart && now != nil && (now.place == t.place || at != 0 && now.site == at):
		default:
			b.bring(v, t.place, at, t.at)
		}
	}
}

// putIn puts a vial into a box that there is. It keeps what it went through before.
func (b *builder) putIn(t *told, n, into int32) {
	v, y := &b.serials.vials[n], &b.boxes[into]
	lot, _ := b.lot(v.class)
	switch {
	case v.box == into && !v.apart:
		return
	case v.gone || v.box >= 0 && b.boxes[v.box].gone || y.gone:
		b.finding("vial %s is packed into box %s after its end (%s)", b.vialText(v), y.SSCC, t.id)
		return
	case v.class == 0 && v.box < 0:
		b.problem(t, "box %s: nobody told of which lot vial %s is", y.SSCC, b.vialText(v))
		return
	case v.class != 0 && lot != y.Lot || v.box >= 0 && b.boxes[v.box].Lot != y.Lot:
		b.problem(t, "box %s is of lot %s, and vial %s of another", y.SSCC, y.Lot.ID, b.vialText(v))
		return
	case v.box < 0:
		b.comesTo(v, into, t.at)
		return
	case !v.apart:
		b.finding("vial %s is packed into box %s while it is in box %s (%s)", b.vialText(v), y.SSCC, b.boxes[v.box].SSCC, t.id)
	}
	b.single(v, t.at, true)
	x, list, doses := &b.boxes[v.box], b.parts(v), b.left(v)
	past, from := b.past(v, t.at), b.where(v)
	if v.apart {
		b.serials.away[v.box] -= doses
	}
	b.goes(y.Lot, doses, from, y.Site)
	x.parts = slices.DeleteFunc(x.parts, func(p *batch) bool { return p.vial == v.name })
	if y.parts == nil {
		y.parts = []*batch{{doses: y.Left(), until: untilOf(y.Left(), t.at)}}
	}
	x.Moved += doses // the two may be one: it comes back
	y.Moved -= doses
	for _, p := range list {
		p.away = false
	}
	y.parts = append(y.parts, list...)
	v.box, v.apart, v.way = into, false, &journey{past: past, since: t.at}
}

// untilOf is when a batch of so many doses was used up.
func untilOf(doses int, when int64) int64 {
	if doses == 0 {
		return when
	}
	return 0
}

// comesTo is a vial that was in no box before and comes to one that there is.
func (b *builder) comesTo(v *vialState, into int32, when int64) {
	y := &b.boxes[into]
	v.box = into
	if y.Site != 0 {
		b.sum(y.Site, y.Lot).Received += y.DosesPerVial
	}
	y.Moved -= y.DosesPerVial
	if y.parts == nil && (len(y.stays) == 0 || y.stays[0].begin >= when) {
		return // it was there from the beginning
	}
	if y.parts == nil {
		y.parts = []*batch{{doses: y.Left() - y.DosesPerVial, until: untilOf(y.Left()-y.DosesPerVial, when)}}
	}
	y.parts = append(y.parts, &batch{doses: y.DosesPerVial, vial: v.name})
	v.alone, v.way = true, &journey{since: when}
}
