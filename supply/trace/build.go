package trace

import (
	"cmp"
	"fmt"
	"slices"

	"charye/internal/civil"
	"charye/site"
	"charye/supply"
)

// builder tells the story of the events in the order of their own time. Its tables are by name, or by number of a box.
type builder struct {
	r      *Reader
	rules  Rules
	t      *Trace
	byGTIN map[supply.GTIN]*supply.Product
	sites  []int32 // of a name, as a place; -1: not asked yet
	lots   map[name]lotClass

	boxOf  []int32  // by name, the number of a box; -1: none was packed
	parent []name   // of boxes, pallets; a parent that is no unit is a vehicle
	inside [][]name // the other way
	boxes  []boxState
	found  []int32 // by find: used again and again
	sums   map[account]*Account

	serials *serials // nil: no event names a vial
	g       *senses
}

type boxState struct {
	*Box
	name  name
	gone  bool // destroyed or at the end of its life
	open  bool // stays has one that goes on, the last
	stays []stay
	parts []*batch // of its vials, when not all are as they came; see stage.go
}

type account struct {
	site site.Num
	lot  supply.LotKey
}

type lotClass struct {
	key supply.LotKey
	ok  bool
}

// Build tells the story of all events that count. The same events and rules give the same trace, in whatever order they were recorded.
func (r *Reader) Build(rules Rules) (*Trace, error) {
	x, err := supply.NewIndex(rules.Products...)
	if err != nil {
		return nil, err
	}
	n := len(r.names.all)
	b := &builder{
		r: r, rules: rules, t: &Trace{Index: x, boxes: map[supply.SSCC]*Box{}, expiry: map[supply.LotKey]civil.Date{}, Read: r.mark(), AsOf: r.last, site: rules.Site},
		byGTIN: map[supply.GTIN]*supply.Product{}, sites: make([]int32, n), lots: map[name]lotClass{},
		boxOf: make([]int32, n), parent: make([]name, n), inside: make([][]name, n), sums: map[account]*Account{},
	}
	for i := range n {
		b.sites[i], b.boxOf[i] = -1, -1
	}
	for _, p := range rules.Products {
		for _, g := range p.GTINs {
			b.byGTIN[g] = p
		}
	}
	order := r.sorted()
	b.commissioned(order)
	g := newSenses(r, order)
	b.g, g.vial = g, func(n name) bool { return b.vial(n) >= 0 }
	for _, i := range order {
		t := &r.events[i]
		if t.wrong {
			continue
		}
		if t.sense != nil && t.sense.fault != "" {
			b.problem(t, "%s", t.sense.fault)
		}
		if t.stage == misspelt { // where things are counts all the same
			b.problem(t, "charye:stage: want %q or %q", supply.Thawed, supply.Punctured)
		}
		if t.to != 0 && t.step == leaves {
			b.send(t)
		}
		b.event(t)
	}
	b.t.Problems = append(b.t.Problems, g.gather(order)...)
	b.legs(g)
	b.t.Problems = append(b.t.Problems, g.feed(x)...)
	b.settle()
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
	case t.kind == ofAssociation:
		return // told before
	case t.kind == ofAggregation && t.action == add:
		b.pack(t)
	case t.kind == ofAggregation && t.action == remove:
		b.unpack(t)
	case t.kind == ofObject && t.action == add && t.expires != 0:
		for _, q := range b.r.portionsOf(t) {
			if lot, ok := b.lot(q.class); ok {
				b.t.expiry[lot] = t.expires
			}
		}
		b.moved(t)
	case t.kind == ofTransformation:
		b.split(t)
	default:
		switch t.step {
		case dispensing, destroying:
			b.used(t)
			return
		case counting:
			b.counted(t)
		case decommissioning:
			b.decommissioned(t, b.singles(t))
			for _, n := range b.named(t) {
				b.end(n, t.at)
			}
		default:
			b.moved(t)
		}
		if t.stage.said() {
			b.staged(t)
		}
	}
}

// names are those of an event: its parent, if there is one, and its things.
func (b *builder) names(t *told) []name {
	things := b.r.thingsOf(t)
	if t.parent == 0 {
		return things
	}
	return append([]name{t.parent}, things...)
}

// named finds the boxes that an event names, and those in what it names. The list is good until the next is asked for.
func (b *builder) named(t *told) []int32 { return b.find(b.names(t)...) }

// deepestPack is how far packing within packing is followed.
const deepestPack = 16

// find gives the numbers of the boxes among names, and in what they name, by SSCC. The list is good until the next is asked for.
func (b *builder) find(list ...name) []int32 {
	b.found = b.found[:0]
	var visit func(name, int)
	visit = func(n name, depth int) {
		if k := b.boxOf[n]; k >= 0 {
			b.found = append(b.found, k)
		}
		if depth < deepestPack {
			for _, c := range b.inside[n] {
				visit(c, depth+1)
			}
		}
	}
	for _, n := range list {
		visit(n, 0)
	}
	if len(b.found) > 1 {
		slices.SortFunc(b.found, func(x, y int32) int { return cmp.Compare(b.boxes[x].SSCC, b.boxes[y].SSCC) })
		b.found = slices.Compact(b.found)
	}
	return b.found
}

// siteOf is the site that a place belongs to; 0 for none.
func (b *builder) siteOf(place name) site.Num {
	if place == 0 {
		return 0
	}
	if b.sites[place] < 0 {
		b.sites[place] = int32(b.rules.Site(b.r.names.text(place)))
	}
	return site.Num(b.sites[place])
}

func (b *builder) lot(class name) (supply.LotKey, bool) {
	l, known := b.lots[class]
	if !known {
		l.key, l.ok = lotOf(b.r.names.text(class))
		b.lots[class] = l
	}
	return l.key, l.ok
}

func (b *builder) sum(at site.Num, lot supply.LotKey) *Account {
	k := account{at, lot}
	if b.sums[k] == nil {
		b.sums[k] = &Account{Site: at, Lot: lot}
	}
	return b.sums[k]
}

func (b *builder) accounts() {
	for i := range b.boxes {
		if x := &b.boxes[i]; x.Site != 0 {
			b.sum(x.Site, x.Lot).OnHand += b.withBox(int32(i))
		}
	}
	b.onHandApart()
	for _, a := range b.sums {
		b.t.Accounts = append(b.t.Accounts, *a)
	}
	slices.SortFunc(b.t.Accounts, func(x, y Account) int {
		return cmp.Or(cmp.Compare(x.Site, y.Site), cmp.Compare(x.Lot.GTIN, y.Lot.GTIN), cmp.Compare(x.Lot.ID, y.Lot.ID))
	})
}
