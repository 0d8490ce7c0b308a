package trace

import (
	"cmp"
	"slices"
	"time"

	"charye/site"
	"charye/supply"
)

// classOf is the lot of the first vial of which anybody told it; 0: of none.
func (b *builder) classOf(singles []int32) name {
	for _, n := range singles {
		if c := b.serials.vials[n].class; c != 0 {
			return c
		}
	}
	return 0
}

// fillNew makes a box with vials that are named, beside those that are counted. Those that come out of other boxes bring their way.
func (b *builder) fillNew(t *told, parent name, box supply.Box, singles []int32) {
	var fresh, others []int32
	for _, n := range singles {
		v := &b.serials.vials[n]
		lot, _ := b.lot(v.class)
		switch {
		case v.class == 0 && v.box < 0:
			b.problem(t, "box %s: nobody told of which lot vial %s is", box.SSCC, b.vialText(v))
		case v.class != 0 && lot != box.Lot || v.box >= 0 && b.boxes[v.box].Lot != box.Lot:
			b.problem(t, "box %s is of lot %s, and vial %s of another", box.SSCC, box.Lot.ID, b.vialText(v))
		case v.box < 0:
			fresh = append(fresh, n)
		default:
			others = append(others, n)
		}
	}
	counted := box.Vials
	if box.Vials += len(fresh) + len(others); box.Vials == 0 && len(singles) > 0 {
		return
	}
	if !b.box(t, parent, box) {
		return
	}
	into := int32(len(b.boxes) - 1)
	for _, n := range fresh {
		b.serials.vials[n].box = into
	}
	if len(others) == 0 {
		return
	}
	y := &b.boxes[into]
	if counted+len(fresh) == 0 { // it is where the first of them was
		v := &b.serials.vials[others[0]]
		if s := b.stayOf(v); s != nil {
			y.Place, y.Site, y.Since = b.r.names.text(s.place), s.site, t.when()
			y.stays, y.open = []stay{{place: s.place, site: s.site, begin: t.at, end: goesOn, via: b.via(y.name)}}, true
		}
	}
	y.Moved += len(others) * y.DosesPerVial
	for _, n := range others {
		b.putIn(t, n, into)
	}
}

// fillCarton puts vials into a carton: when that is in a box, into the box, which is one by that if nothing else was in it.
func (b *builder) fillCarton(t *told, singles []int32) {
	box := t.parent
	for n := 0; box != 0 && b.r.names.all[box].sscc == 0 && n < deepestPack; n++ {
		box = b.parent[box]
	}
	if b.r.names.all[box].sscc != 0 {
		b.fill(t, box, nil, singles)
	}
}

// stayOf is where a vial is; nil when nobody has it.
func (b *builder) stayOf(v *vialState) *stay {
	if !v.apart {
		return b.boxes[v.box].now()
	}
	if n := len(v.way.past); n > 0 && v.way.past[n-1].end == goesOn {
		return &v.way.past[n-1]
	}
	return nil
}

// onHandApart counts what is in vials that are not with their boxes.
func (b *builder) onHandApart() {
	if b.serials == nil {
		return
	}
	for i := range b.serials.vials {
		v := &b.serials.vials[i]
		if at := site.Num(0); v.apart && !v.gone {
			if at = b.where(v); at != 0 {
				b.sum(at, b.boxes[v.box].Lot).OnHand += b.left(v)
			}
		}
	}
}

// sensedSingles gives the vials of which a sensor told something batches of their own.
func (b *builder) sensedSingles() {
	if b.serials == nil {
		return
	}
	for i := range b.serials.vials {
		if v := &b.serials.vials[i]; v.box >= 0 && b.g.told(v.name) {
			b.single(v, 0, true)
		}
	}
}

// told reports whether any sensor told something of a point.
func (g *senses) told(point name) bool { return len(g.times[point])+len(g.sums[point]) > 0 }

// name says of a batch which vial it is in, and by which way that went, where it is not that of its box.
func (b *builder) name(to *supply.Batch, vial name) {
	v := &b.serials.vials[b.serials.of[vial]]
	k, _ := b.sgtin(vial)
	to.Vial = b.t.Index.AddVial(k)
	sensed := b.g.told(vial)
	if v.way == nil && !sensed {
		return
	}
	to.Way = []supply.Leg{}
	own := 0 // so many stays were not those of its box
	if v.way != nil {
		own = len(v.way.past)
	}
	for i, s := range b.past(v, goesOn) {
		if sensed && !slices.Contains(s.via, vial) {
			s.via = append([]name{vial}, s.via...)
		}
		l := supply.Leg{Point: supply.Point(b.r.names.text(b.g.pointOf(&s, s.place))), Site: s.site, Begin: instant(s.begin)}
		if s.end != goesOn {
			l.End = instant(s.end)
		}
		to.Way = append(to.Way, l)
		if i < own || string(l.Point) == b.r.names.text(vial) {
			b.wentAlone(Leg{Place: b.r.names.text(s.place), Point: l.Point, Site: l.Site, Begin: l.Begin, End: l.End, Boxes: []supply.SSCC{b.boxes[v.box].SSCC}})
		}
	}
}

// wentAlone keeps a leg by which a vial went and not the box that it is in: once for all that went so together.
func (b *builder) wentAlone(l Leg) {
	for i := len(b.t.alone) - 1; i >= 0 && i >= len(b.t.alone)-mostTogether; i-- {
		if o := &b.t.alone[i]; o.Place == l.Place && o.Point == l.Point && o.Begin.Equal(l.Begin) && o.End.Equal(l.End) && o.Boxes[0] == l.Boxes[0] {
			return
		}
	}
	b.t.alone = append(b.t.alone, l)
}

// mostTogether is how far back legs are compared.
const mostTogether = 64

// Vial is a vial with a serial number as the events leave it.
type Vial struct {
	supply.SGTIN
	Box   supply.SSCC // that it is of: of the last that it was packed in
	Given int         // doses that were told to be given from it by its name
	Left  int         // doses; where nothing was told of it alone, as many as it came with, or as its box has
	Stage supply.Stage
	Since time.Time // when it came into its stage; zero: as it came
	Alone bool      // something was told of it alone: it has clocks of its own
	Apart bool      // it is not with its box
	Place string    // where it is
	Site  site.Num
	Gone  bool // destroyed or at the end of its life
}

// vialTold is what is kept of a vial; of most there is nothing more than their box.
type vialTold struct {
	supply.SGTIN
	box  supply.SSCC
	more *Vial
}

// tellSingles keeps what became of the vials, by box and name.
func (b *builder) tellSingles() {
	if b.serials == nil {
		return
	}
	t := b.t
	for i := range b.serials.vials {
		v := &b.serials.vials[i]
		if v.box < 0 {
			continue
		}
		x := &b.boxes[v.box]
		k, _ := b.sgtin(v.name)
		one := vialTold{SGTIN: k, box: x.SSCC}
		if v.alone {
			m := &Vial{SGTIN: k, Box: x.SSCC, Given: int(v.given), Left: b.left(v), Alone: true, Apart: v.apart, Gone: v.gone || x.gone}
			var last *batch
			for _, p := range b.parts(v) {
				if last == nil || p.now() >= last.now() {
					last = p
				}
			}
			if m.Stage = last.now().of(); last.changes != nil {
				m.Since = instant(last.since())
			}
			if s := b.stayOf(v); s != nil && !m.Gone {
				m.Place, m.Site = b.r.names.text(s.place), s.site
			}
			one.more = m
		}
		t.vials = append(t.vials, one)
	}
	slices.SortFunc(t.vials, func(a, b vialTold) int { return cmp.Or(cmp.Compare(a.box, b.box), a.SGTIN.Compare(b.SGTIN)) })
	t.byVial = make(map[supply.SGTIN]uint32, len(t.vials))
	for i := range t.vials {
		t.byVial[t.vials[i].SGTIN] = uint32(i)
	}
}

// Vial finds a vial that was packed into a box by its name.
func (t *Trace) Vial(k supply.SGTIN) (Vial, bool) {
	n, ok := t.byVial[k]
	if !ok {
		return Vial{}, false
	}
	return t.vial(&t.vials[n]), true
}

func (t *Trace) vial(x *vialTold) Vial {
	if x.more != nil {
		return *x.more
	}
	b := t.boxes[x.box]
	v := Vial{SGTIN: x.SGTIN, Box: x.box, Left: min(b.DosesPerVial, b.Left()), Place: b.Place, Site: b.Site, Gone: t.Index.Ended(x.box)}
	if n := len(b.Parts); n > 0 { // of those without a name it is in what has come the least far
		v.Stage, v.Since = b.Parts[0].Stage, b.Parts[0].Since
	}
	return v
}

// Singles is how many vials with names there are in boxes.
func (t *Trace) Singles() int { return len(t.vials) }

// Vials lists the vials of a box that have names, by their names.
func (t *Trace) Vials(box supply.SSCC) (out []Vial) {
	from, _ := slices.BinarySearchFunc(t.vials, box, func(v vialTold, k supply.SSCC) int { return cmp.Compare(v.box, k) })
	for ; from < len(t.vials) && t.vials[from].box == box; from++ {
		out = append(out, t.vial(&t.vials[from]))
	}
	return out
}
