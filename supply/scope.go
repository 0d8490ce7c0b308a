package supply

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/site"
)

// Scope is what something touches.
type Scope struct {
	Boxes        []SSCC     // ascending
	Lots         []LotKey   // by product and number
	Sites        []site.Num // where any of the boxes is or has been, ascending
	Appointments int        // from the day asked for on, at those sites
	Given        []Given    // doses given from the boxes: box after box, and within a box the last one first
}

// Reading finds what was at a point at any moment of a stretch of time, begin included, end not.
func (x *Index) Reading(p Point, begin, end time.Time, from civil.Date) Scope {
	var boxes []uint32
	if r := x.points[p]; r != nil {
		for _, n := range r.legs {
			if l := &x.legs[n]; l.begin < end.UnixNano() && l.end > begin.UnixNano() {
				boxes = x.aboard(l, boxes)
			}
		}
	}
	return x.scope(boxes, from)
}

// Of finds what boxes touch; boxes that the index does not know touch nothing.
func (x *Index) Of(list []SSCC, from civil.Date) Scope {
	boxes := make([]uint32, 0, len(list))
	for _, k := range list {
		if n, ok := x.bySSCC[k]; ok {
			boxes = append(boxes, n)
		}
	}
	return x.scope(boxes, from)
}

func (x *Index) scope(boxes []uint32, from civil.Date) Scope {
	slices.SortFunc(boxes, func(a, b uint32) int { return cmp.Compare(x.boxes[a].SSCC, x.boxes[b].SSCC) })
	boxes = slices.Compact(boxes)
	s := Scope{Boxes: make([]SSCC, 0, len(boxes))}
	lots, sites, total := map[uint32]bool{}, map[site.Num]bool{}, 0
	for _, n := range boxes {
		b := &x.boxes[n]
		s.Boxes = append(s.Boxes, b.SSCC)
		total += int(b.used)
		lots[b.lot] = true
		for _, l := range x.legsOf(n) {
			if at := x.legs[l].Site; at != 0 {
				sites[at] = true
			}
		}
	}
	s.Given = make([]Given, 0, total)
	for _, n := range boxes {
		for d := x.boxes[n].doses; d != 0; d = x.given.at(d).before {
			s.Given = append(s.Given, x.givenAt(d))
		}
	}
	for n := range lots {
		s.Lots = append(s.Lots, x.lots[n])
	}
	slices.SortFunc(s.Lots, func(a, b LotKey) int { return cmp.Or(cmp.Compare(a.GTIN, b.GTIN), cmp.Compare(a.ID, b.ID)) })
	for at := range sites {
		s.Sites = append(s.Sites, at)
		for i := range x.sites[at] {
			if x.sites[at][i].Day >= from {
				s.Appointments++
			}
		}
	}
	slices.Sort(s.Sites)
	return s
}

func compareGiven(a, b Given) int {
	return cmp.Or(slices.Compare(a.Person[:], b.Person[:]), a.At.Compare(b.At), cmp.Compare(a.Box, b.Box))
}

// Passage is one leg of a dose's way, with all that was told of the point meanwhile.
type Passage struct {
	Leg       Leg // without Aboard
	Series    []Series
	Summaries []Summary
}

// History is the way back from a person: a dose with every leg of its box until it was given, and every reading on the way. The readings of a
// passage are those of the leg, and the one before that stands into it.
type History struct {
	Given    Given
	Box      Box
	Passages []Passage
}

// Person gives the histories of a person's doses, the first given first; nil when none was told.
func (x *Index) Person(who person.Key) []History {
	if len(x.given.table) == 0 {
		return nil
	}
	var out []History
	for n := x.given.table[x.given.slot(who)]; n != 0; n = x.given.earlier[n-1] {
		g := x.givenAt(n)
		h := History{Given: g, Box: x.boxes[x.given.at(n).box].Box}
		for _, l := range x.legsOf(x.given.at(n).box) {
			if x.legs[l].Begin.After(g.At) {
				break
			}
			h.Passages = append(h.Passages, x.passage(&x.legs[l], g.At))
		}
		out = append(out, h)
	}
	slices.SortStableFunc(out, func(a, b History) int { return a.Given.At.Compare(b.Given.At) })
	return out
}

func (x *Index) passage(l *legRecord, until time.Time) Passage {
	p := Passage{Leg: l.Leg}
	r := x.points[l.Point]
	end := until
	if !l.End.IsZero() && l.End.Before(until) {
		end = l.End
	}
	for i := range r.series {
		s := r.series[i]
		from, exact := slices.BinarySearchFunc(s.Readings, l.Begin, func(r Reading, t time.Time) int { return r.At.Compare(t) })
		if from > 0 && !exact {
			from--
		}
		to, _ := slices.BinarySearchFunc(s.Readings, end, func(r Reading, t time.Time) int { return r.At.Compare(t) })
		if s.Readings = s.Readings[from:max(from, to)]; len(s.Readings) > 0 {
			p.Series = append(p.Series, s)
		}
	}
	for _, s := range r.summaries {
		if s.From.Before(end) && s.To.After(l.Begin) {
			p.Summaries = append(p.Summaries, s)
		}
	}
	return p
}

// AsOf is the moment from which the chain is looked at.
type AsOf struct {
	At   time.Time
	Zone *time.Location // for which day's rules hold
	// Overdue is how long a leg that goes on may be without a word from its logger before the silence counts as unknown: loggers
	// of refrigerators are read once or twice a day. A leg that has ended counts to its end at once.
	Overdue time.Duration
	// Handover is how long a box may be between two legs, on the ramp; what is longer is unknown.
	Handover time.Duration
}

// Judge counts the exposure of one box over its whole chain and judges it by the rules of the day.
func (x *Index) Judge(k SSCC, at AsOf) (Judgement, error) {
	n, ok := x.bySSCC[k]
	if !ok {
		return Judgement{}, fmt.Errorf("%w: %s", ErrUnknownBox, k)
	}
	return x.judge(n, civil.Of(at.At, at.Zone), at, &counted{}), nil
}

// Unfit judges every box and calls yield for those that are not fit: product by product, in the order in which they came in.
func (x *Index) Unfit(at AsOf, yield func(SSCC, Judgement)) {
	for _, p := range x.order {
		legs := &counted{legs: make(map[uint32]Exposure, len(x.legs)), open: true}
		for n := range x.boxes {
			if x.boxes[n].Product != p.ID {
				continue
			}
			if j := x.judge(uint32(n), civil.Of(at.At, at.Zone), at, legs); !j.Fit() {
				yield(x.boxes[n].SSCC, j)
			}
		}
	}
}

// counted keeps the exposure of legs, so that each is counted once for all boxes of a product aboard. Legs that go on are kept only where
// all are looked at from one moment.
type counted struct {
	legs map[uint32]Exposure
	open bool
}

// judge holds a box against the rules: as one, or each batch that is still there, or was until the box was empty.
func (x *Index) judge(n uint32, on civil.Date, at AsOf, cache *counted) Judgement {
	b := &x.boxes[n]
	now := min(at.At.UnixNano(), b.end)
	if len(b.batches) == 0 {
		return x.judgeBatch(n, nil, now, on, at, cache)
	}
	var out Judgement
	first := true
	for _, gone := range []bool{false, true} {
		for i := range b.batches {
			p := &b.batches[i]
			if (p.until < now) != gone {
				continue
			}
			j := x.judgeBatch(n, p.changes, min(now, p.until), on, at, cache)
			if first {
				out, first = j, false
				continue
			}
			out.merge(&j)
		}
		if !first {
			break
		}
	}
	return out
}

// judgeBatch judges vials of a box that changed their stage, by what the box went through until an instant.
func (x *Index) judgeBatch(n uint32, changes []Change, until int64, on civil.Date, at AsOf, cache *counted) Judgement {
	p := x.products[x.boxes[n].Product]
	now := at.At.UnixNano()
	var sum Exposure
	traced, upto := false, int64(0) // custody is known without a break until upto
	for _, l := range x.legsOf(n) {
		r := &x.legs[l]
		if r.begin > until {
			break
		}
		if r.end > until && until < now || len(changes) > 0 && r.end > changes[0].At.UnixNano() {
			x.cut(&sum, r, p, changes, until, on, at)
		} else {
			e, ok := cache.legs[l]
			if keep := cache.open || r.end <= now; !ok || !keep {
				e = x.exposure(r, p, on, at)
				if keep && cache.legs != nil {
					cache.legs[l] = e
				}
			}
			sum.Add(&e)
		}
		if traced && r.begin-upto > int64(at.Handover) {
			sum.Unknown += time.Duration(r.begin - upto)
		}
		traced, upto = true, max(upto, r.end)
	}
	if traced && upto < until && until-upto > int64(at.Handover) {
		sum.Unknown += time.Duration(until - upto)
	}
	j := p.Judge(&sum, on)
	j.Untraced = !traced
	return j
}

// FollowUp gives the doses that were given from a box after it had ceased to be fit, by person: each dose is judged by what its box had gone
// through until then. Boxes that the index does not know, and those that are fit, have none.
func (x *Index) FollowUp(boxes []SSCC, at AsOf) []Given {
	var out []Given
	x.Doses(boxes, at, func(g Given, j Judgement) {
		if !j.Fit() {
			out = append(out, g)
		}
	})
	slices.SortFunc(out, compareGiven)
	return out
}

// Doses calls yield for each dose that was given from boxes, with what was to be said of its box by what it had gone through until then: box after
// box, and within a box the last one first. Boxes that the index does not know have none.
func (x *Index) Doses(boxes []SSCC, at AsOf, yield func(Given, Judgement)) {
	legs := map[string]*counted{}
	for _, k := range boxes {
		n, ok := x.bySSCC[k]
		if !ok {
			continue
		}
		for d := x.boxes[n].doses; d != 0; d = x.given.at(d).before {
			g := x.givenAt(d)
			then := at
			then.At = g.At
			kept := legs[x.boxes[n].Product]
			if kept == nil {
				kept = &counted{legs: map[uint32]Exposure{}}
				legs[x.boxes[n].Product] = kept
			}
			yield(g, x.judge(n, civil.Of(at.At, at.Zone), then, kept))
		}
	}
}

func (x *Index) exposure(l *legRecord, p *Product, on civil.Date, at AsOf) Exposure {
	end := x.counts(l, at)
	if end <= l.begin {
		return Exposure{}
	}
	rule := p.rule(l.Stage, on)
	if rule == nil {
		return Exposure{Unknown: time.Duration(end - l.begin)}
	}
	return x.points[l.Point].exposure(rule, l.begin, end, l.Unlogged)
}
