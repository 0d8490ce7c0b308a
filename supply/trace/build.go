package trace

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/site"
	"charye/supply"
	"charye/supply/epcis"
)

// builder tells the story of the events in the order of their own time.
type builder struct {
	rules  Rules
	t      *Trace
	byGTIN map[supply.GTIN]*supply.Product

	parent map[string]string          // of boxes, pallets; a parent that is no SSCC is a vehicle
	inside map[string]map[string]bool // the other way
	open   map[supply.SSCC]*stay
	closed []stay
	sums   map[account]*Account
	gone   map[supply.SSCC]bool // destroyed or at the end of its life
}

type account struct {
	site site.Num
	lot  supply.LotKey
}

// stay is one box at one place.
type stay struct {
	box        supply.SSCC
	place      string
	site       site.Num
	begin, end time.Time
	via        []string // the box and what it was packed in: whose own loggers may have been there
}

// Build tells the story of all events that count. The same events and rules give the same trace, in whatever order they were recorded.
func (r *Reader) Build(rules Rules) (*Trace, error) {
	x, err := supply.NewIndex(rules.Products...)
	if err != nil {
		return nil, err
	}
	b := &builder{
		rules: rules, t: &Trace{Index: x, boxes: map[supply.SSCC]*Box{}, expiry: map[supply.LotKey]civil.Date{}, Read: len(r.events), site: rules.Site},
		byGTIN: map[supply.GTIN]*supply.Product{}, parent: map[string]string{}, inside: map[string]map[string]bool{},
		open: map[supply.SSCC]*stay{}, sums: map[account]*Account{}, gone: map[supply.SSCC]bool{},
	}
	for _, p := range rules.Products {
		for _, g := range p.GTINs {
			b.byGTIN[g] = p
		}
	}
	list := make([]*told, 0, len(r.events))
	for _, t := range r.events {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *told) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) })
	mounts := map[string][]mounted{}
	for _, t := range list {
		if t.kind == epcis.AssociationEvent {
			for _, d := range t.things {
				switch t.action {
				case "ADD":
					mounts[d] = append(mounts[d], mounted{t.at, t.parent})
				case "DELETE":
					mounts[d] = append(mounts[d], mounted{t.at, ""})
				}
			}
		}
	}
	for _, t := range list {
		if t.sensorFault != "" {
			b.problem(t, "%s", t.sensorFault)
		}
		if t.to != "" && leaves(t.step) {
			b.send(t)
		}
		b.event(t)
	}
	g, problems := gather(list, mounts)
	b.t.Problems = append(b.t.Problems, problems...)
	b.legs(g)
	b.t.Problems = append(b.t.Problems, g.feed(x)...)
	b.accounts()
	return b.t, nil
}

func (b *builder) problem(t *told, format string, args ...any) {
	b.t.Problems = append(b.t.Problems, Problem{t.id, fmt.Sprintf(format, args...)})
}

func (b *builder) finding(format string, args ...any) {
	b.t.Findings = append(b.t.Findings, fmt.Sprintf(format, args...))
}

func (b *builder) event(t *told) {
	switch {
	case t.kind == epcis.AssociationEvent:
		return // told before
	case t.kind == epcis.AggregationEvent && t.action == "ADD":
		b.pack(t)
	case t.kind == epcis.AggregationEvent && t.action == "DELETE":
		b.unpack(t)
	case t.kind == epcis.ObjectEvent && t.action == "ADD" && t.expires != 0:
		for _, q := range t.portions {
			if lot, ok := lotOf(q.class); ok {
				b.t.expiry[lot] = t.expires
			}
		}
		b.moved(t)
	case t.kind == epcis.TransformationEvent:
		return
	default:
		switch t.step {
		case "dispensing", "destroying":
			b.used(t)
		case "cycle_counting", "stock_taking":
			b.counted(t)
		case "decommissioning":
			for _, k := range b.boxes(t.named()) {
				b.end(k, t.at)
			}
		default:
			b.moved(t)
		}
	}
}

func (t *told) named() []string {
	if t.parent != "" {
		return append([]string{t.parent}, t.things...)
	}
	return t.things
}

// pack puts things into a box, pallet or vehicle.
func (b *builder) pack(t *told) {
	k, isUnit := SSCCOf(t.parent)
	if len(t.portions) > 0 {
		if isUnit {
			b.fill(t, k)
		} else {
			b.problem(t, "a lot is packed into what has no SSCC")
		}
	}
	for _, c := range t.things {
		if !strings.HasPrefix(c, boxKey) || c == t.parent || b.within(t.parent, c) {
			continue
		}
		b.detach(c)
		b.parent[c] = t.parent
		if b.inside[t.parent] == nil {
			b.inside[t.parent] = map[string]bool{}
		}
		b.inside[t.parent][c] = true
	}
	switch {
	case !isUnit && t.parent != "":
		b.move(b.boxes(t.things), t.parent, 0, t.at) // what it is loaded on is where it is
	case t.place != "" && !leaves(t.step):
		b.move(b.boxes([]string{t.parent}), t.place, b.rules.Site(t.place), t.at)
	}
}

// fill makes a box of an SSCC, by what is packed in it.
func (b *builder) fill(t *told, k supply.SSCC) {
	if len(t.portions) != 1 {
		b.problem(t, "box %s has %d lots; a box is of one", k, len(t.portions))
		return
	}
	q := t.portions[0]
	lot, ok := lotOf(q.class)
	if !ok {
		b.problem(t, "box %s: %.60q names no lot (LGTIN)", k, q.class)
		return
	}
	p := b.byGTIN[lot.GTIN]
	if p == nil {
		b.problem(t, "box %s: no product of the programme has the GTIN %s", k, lot.GTIN)
		return
	}
	vials, ok := whole(q.amount)
	if !ok || !pieces(q.unit) {
		b.problem(t, "box %s: %s %s of lot %s; want a whole number of vials", k, q.amount, q.unit, lot.ID)
		return
	}
	box := supply.Box{SSCC: k, Product: p.ID, Lot: lot, Vials: vials, DosesPerVial: b.rules.DosesPerVial[p.ID]}
	if old := b.t.boxes[k]; old != nil {
		if old.Lot != lot || old.Vials != vials {
			b.finding("box %s is packed twice: %d vials of lot %s, then %d of %s (%s)", k, old.Vials, old.Lot.ID, vials, lot.ID, t.id)
		}
		return
	}
	if err := b.t.Index.AddBox(box); err != nil {
		b.problem(t, "%v", err)
		return
	}
	b.t.boxes[k] = &Box{Box: box}
	b.t.order = append(b.t.order, k)
}

func whole(s string) (int, bool) {
	v, err := strconv.ParseFloat(s, 64)
	return int(v), err == nil && v == math.Trunc(v) && v >= 0 && v <= 1e6
}

// pieces reports whether a unit means single vials (UN/CEFACT: one, each, piece).
func pieces(unit string) bool { return unit == "" || unit == "C62" || unit == "EA" || unit == "H87" }

func (b *builder) unpack(t *told) {
	out := t.things
	if len(out) == 0 { // all
		for c := range b.inside[t.parent] {
			out = append(out, c)
		}
		slices.Sort(out)
	}
	for _, c := range out {
		if b.parent[c] == t.parent {
			b.detach(c)
		}
	}
	if t.place != "" {
		b.move(b.boxes(out), t.place, b.rules.Site(t.place), t.at)
	}
}

func (b *builder) detach(c string) {
	if p := b.parent[c]; p != "" {
		delete(b.inside[p], c)
		delete(b.parent, c)
	}
}

// within reports whether a unit lies in another.
func (b *builder) within(unit, in string) bool {
	for n := 0; unit != "" && n < 16; n++ {
		if unit = b.parent[unit]; unit == in {
			return true
		}
	}
	return false
}

// boxes finds the boxes among names, and in what they name.
func (b *builder) boxes(names []string) (out []supply.SSCC) {
	seen := map[supply.SSCC]bool{}
	var visit func(string, int)
	visit = func(name string, depth int) {
		if k, ok := SSCCOf(name); ok && b.t.boxes[k] != nil && !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
		if depth < 16 {
			for c := range b.inside[name] {
				visit(c, depth+1)
			}
		}
	}
	for _, n := range names {
		visit(n, 0)
	}
	slices.Sort(out)
	return out
}

// leaves reports whether what a step names is on its way from then on.
func leaves(step string) bool {
	return step == "shipping" || step == "departing" || step == "transporting" || step == "loading"
}

// moved is an event that says where things are.
func (b *builder) moved(t *told) {
	named := t.named()
	for _, name := range named {
		if !strings.HasPrefix(name, boxKey) {
			continue
		}
		// Named without what it was packed in, it has been taken out.
		if p := b.parent[name]; p != "" && !slices.Contains(named, p) && (strings.HasPrefix(p, boxKey) || !leaves(t.step)) {
			b.detach(name)
		}
		boxes := b.boxes([]string{name})
		switch {
		case leaves(t.step):
			with := name
			for p := b.parent[with]; p != ""; p = b.parent[with] {
				with = p
			}
			b.move(boxes, with, 0, t.at)
		case t.place != "":
			b.move(boxes, t.place, b.rules.Site(t.place), t.at)
		}
	}
}

func (b *builder) sum(at site.Num, lot supply.LotKey) *Account {
	k := account{at, lot}
	if b.sums[k] == nil {
		b.sums[k] = &Account{Site: at, Lot: lot}
	}
	return b.sums[k]
}

// move brings boxes to a place at an instant.
func (b *builder) move(boxes []supply.SSCC, place string, at site.Num, when time.Time) {
	for _, k := range boxes {
		if b.gone[k] {
			b.finding("box %s is at %s on %s, after its end", k, place, when.Format(time.RFC3339))
			continue
		}
		x, now := b.t.boxes[k], b.open[k]
		if now != nil && now.place == place && now.site == at {
			continue
		}
		if x.Site != at {
			if x.Site != 0 {
				b.sum(x.Site, x.Lot).Returned += x.Left()
			}
			if at != 0 {
				b.sum(at, x.Lot).Received += x.Left()
			}
		}
		if at != 0 {
			x.Sent = Sent{}
		} else if !b.carries(place) {
			x.Sent.Stopped = x.Sent.To != ""
		}
		b.leave(k, when)
		via := []string{keyOf(k)}
		for p := b.parent[via[0]]; p != "" && len(via) < 16; p = b.parent[p] {
			via = append(via, p)
		}
		b.open[k] = &stay{box: k, place: place, site: at, begin: when, via: via}
		x.Place, x.Site, x.Since = place, at, when
	}
}

func (b *builder) leave(k supply.SSCC, when time.Time) {
	if s := b.open[k]; s != nil {
		if s.end = when; s.end.After(s.begin) {
			b.closed = append(b.closed, *s)
		}
		delete(b.open, k)
	}
}

// end is the end of a box: nobody has it any more.
func (b *builder) end(k supply.SSCC, when time.Time) {
	b.leave(k, when)
	x := b.t.boxes[k]
	if x.Site != 0 {
		b.sum(x.Site, x.Lot).Returned += x.Left() // nothing, when it was empty
	}
	x.Place, x.Site, x.Since, x.Sent = "", 0, when, Sent{}
	b.gone[k] = true
}

// legs groups the stays of boxes that went together, and says whose readings tell of them.
func (b *builder) legs(g *senses) {
	for _, k := range b.t.order {
		if s := b.open[k]; s != nil {
			b.closed = append(b.closed, *s)
		}
	}
	type same struct {
		place, point string
		site         site.Num
		begin, end   int64
	}
	byLeg := map[same]*Leg{}
	for i := range b.closed {
		s := &b.closed[i]
		point := s.place
		for _, own := range s.via {
			if g.covers(own, s.begin, s.end) {
				point = own
				break
			}
		}
		k := same{s.place, point, s.site, s.begin.UnixNano(), 0}
		if !s.end.IsZero() {
			k.end = s.end.UnixNano()
		}
		l := byLeg[k]
		if l == nil {
			l = &Leg{Place: s.place, Point: supply.Point(point), Site: s.site, Begin: s.begin, End: s.end}
			byLeg[k] = l
		}
		l.Boxes = append(l.Boxes, s.box)
	}
	for _, l := range byLeg {
		slices.Sort(l.Boxes)
		b.t.Legs = append(b.t.Legs, *l)
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

func (b *builder) accounts() {
	for _, k := range b.t.order {
		if x := b.t.boxes[k]; x.Site != 0 {
			b.sum(x.Site, x.Lot).OnHand += x.Left()
		}
	}
	for _, a := range b.sums {
		b.t.Accounts = append(b.t.Accounts, *a)
	}
	slices.SortFunc(b.t.Accounts, func(x, y Account) int {
		return cmp.Or(cmp.Compare(x.Site, y.Site), cmp.Compare(x.Lot.GTIN, y.Lot.GTIN), cmp.Compare(x.Lot.ID, y.Lot.ID))
	})
}
