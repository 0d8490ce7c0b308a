package trace

import (
	"cmp"
	"slices"
	"time"

	"charye/site"
	"charye/supply"
)

// stay is one box at one place.
type stay struct {
	place      name
	site       site.Num
	begin, end int64  // microseconds since 1970; end goesOn: it does
	via        []name // the box and what it was packed in: whose own loggers may have been there
}

const goesOn = int64(1<<63 - 1)

// moved is an event that says where things are.
func (b *builder) moved(t *told) {
	named := b.names(t)
	for _, n := range named {
		if !b.r.names.all[n].unit {
			continue
		}
		// Named without what it was packed in, it has been taken out.
		if p := b.parent[n]; p != 0 && !slices.Contains(named, p) && (b.r.names.all[p].unit || t.step != leaves) {
			b.detach(n)
		}
		switch {
		case t.step == leaves:
			with := n
			for p := b.parent[with]; p != 0; p = b.parent[with] {
				with = p
			}
			b.move(b.find(n), with, 0, t.at)
		case t.place != 0:
			b.move(b.find(n), t.place, b.siteOf(t.place), t.at)
		}
	}
	b.movedSingles(t)
}

// move brings boxes to a place at an instant.
func (b *builder) move(boxes []int32, place name, at site.Num, when int64) {
	for _, n := range boxes {
		x := &b.boxes[n]
		if x.gone {
			b.finding("box %s is at %s on %s, after its end", x.SSCC, b.r.names.text(place), instant(when).Format(time.RFC3339))
			continue
		}
		if now := x.now(); now != nil && now.place == place && now.site == at {
			continue
		}
		if x.Site != at {
			b.goes(x.Lot, b.withBox(n), x.Site, at)
		}
		if at != 0 {
			x.Sent = Sent{}
		} else if !b.carries(place) {
			x.Sent.Stopped = x.Sent.To != ""
		}
		x.leave(when)
		x.stays = append(x.stays, stay{place: place, site: at, begin: when, end: goesOn, via: b.via(x.name)})
		x.open = true
		x.Place, x.Site, x.Since = b.r.names.text(place), at, instant(when)
	}
}

// via is a box and all that it is packed in.
func (b *builder) via(box name) []name {
	list := append(make([]name, 0, 3), box)
	for p := b.parent[box]; p != 0 && len(list) < deepestPack; p = b.parent[p] {
		list = append(list, p)
	}
	return list
}

// now is the stay that goes on; nil when nobody has the box.
func (x *boxState) now() *stay {
	if !x.open {
		return nil
	}
	return &x.stays[len(x.stays)-1]
}

func (x *boxState) leave(when int64) {
	if s := x.now(); s != nil {
		if s.end = when; s.end <= s.begin {
			x.stays = x.stays[:len(x.stays)-1]
		}
		x.open = false
	}
}

// end is the end of a box: nobody has it any more.
func (b *builder) end(n int32, when int64) {
	b.endApart(n, false, when)
	x := &b.boxes[n]
	x.leave(when)
	if x.Site != 0 {
		b.sum(x.Site, x.Lot).Returned += x.Left() // nothing, when it was empty
	}
	x.Place, x.Site, x.Since, x.Sent = "", 0, instant(when), Sent{}
	x.gone = true
}

// split takes vials out of a box into one of their own: a TransformationEvent with one box as input, one new SSCC as output, and how many of its
// lot. The new box has been where the old one was until then.
func (b *builder) split(t *told) {
	inputs, outputs := b.r.thingsOf(t), b.r.outputsOf(t)
	if len(outputs) == 0 || !b.r.names.all[outputs[0]].unit {
		return // what is no box any more is none of ours
	}
	var portions []portion
	for _, q := range b.r.portionsOf(t) {
		if q.output {
			portions = append(portions, q)
		}
	}
	into := b.r.names.all[outputs[0]].sscc
	if len(inputs) != 1 || len(outputs) != 1 || into == 0 || b.boxOf[inputs[0]] < 0 || len(portions) != 1 {
		b.problem(t, "want one box that was packed before as input, one SSCC as output, and its lot with so many vials")
		return
	}
	from := b.boxOf[inputs[0]]
	old := b.boxes[from]
	lot, ok := b.lot(portions[0].class)
	vials, whole := portions[0].whole()
	if !ok || lot != old.Lot || !whole || !pieces(b.r.names.text(portions[0].unit)) || vials < 1 {
		b.problem(t, "box %s is of lot %s; want a whole number of its vials", old.SSCC, old.Lot.ID)
		return
	}
	doses := vials * old.DosesPerVial
	if doses > b.withBox(from) {
		b.finding("%d doses are taken out of box %s, and it has %d (%s)", doses, old.SSCC, b.withBox(from), t.id)
		return
	}
	if !b.box(t, outputs[0], supply.Box{SSCC: into, Product: old.Product, Lot: lot, Vials: vials, DosesPerVial: old.DosesPerVial}) {
		return
	}
	x, y := &b.boxes[from], &b.boxes[len(b.boxes)-1]
	x.Moved += doses
	y.parts = x.take(doses, unsaid, t.at, true)
	y.stays, y.open = slices.Clone(x.stays), x.open
	y.Place, y.Site, y.Since, y.Sent, y.gone = x.Place, x.Site, x.Since, x.Sent, x.gone
	if y.open {
		s := y.now()
		if s.begin == t.at { // it begins there
			s.via = b.via(y.name)
		} else {
			y.leave(t.at)
			y.stays, y.open = append(y.stays, stay{place: s.place, site: s.site, begin: t.at, end: goesOn, via: b.via(y.name)}), true
		}
	}
	if t.stage.said() {
		b.stage(t, int32(len(b.boxes)-1), doses)
	}
	if t.place != 0 {
		b.move(b.find(outputs[0]), t.place, b.siteOf(t.place), t.at)
	}
}

// pointOf gives whose readings tell of a stay: those of the nearest logger that told more than a glance of it.
func (g *senses) pointOf(s *stay, place name) name {
	if len(g.times)+len(g.sums) > 0 {
		for _, own := range s.via {
			if g.covers(own, s.begin, s.end) {
				return own
			}
		}
	}
	return place
}

// legs groups the stays of boxes that went together, and says whose readings tell of them.
func (b *builder) legs(g *senses) {
	type same struct {
		place, point name
		site         site.Num
		begin, end   int64
	}
	byLeg := map[same]int{}
	for i := range b.boxes {
		x := &b.boxes[i]
		for j := range x.stays {
			s := &x.stays[j]
			point := g.pointOf(s, s.place)
			k := same{s.place, point, s.site, s.begin, s.end}
			n, ok := byLeg[k]
			if !ok {
				n = len(b.t.Legs)
				byLeg[k] = n
				l := Leg{Place: b.r.names.text(s.place), Point: supply.Point(b.r.names.text(point)), Site: s.site, Begin: instant(s.begin)}
				if s.end != goesOn {
					l.End = instant(s.end)
				}
				b.t.Legs = append(b.t.Legs, l)
			}
			l := &b.t.Legs[n]
			l.Boxes = append(l.Boxes, x.SSCC)
		}
	}
	for i := range b.t.Legs {
		slices.Sort(b.t.Legs[i].Boxes)
	}
	slices.SortFunc(b.t.Legs, func(x, y Leg) int {
		return cmp.Or(x.Begin.Compare(y.Begin), cmp.Compare(x.Place, y.Place), cmp.Compare(x.Boxes[0], y.Boxes[0]))
	})
	for _, l := range b.t.Legs {
		if err := b.t.Index.AddLeg(supply.Leg{Point: l.Point, Site: l.Site, Begin: l.Begin, End: l.End, Aboard: l.Boxes}); err != nil {
			b.t.Problems = append(b.t.Problems, Problem{What: err.Error()})
		}
	}
}
