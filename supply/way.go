package supply

import (
	"fmt"
	"slices"
	"time"

	"charye/internal/civil"
)

// Part is a stretch of time at one pair of temperatures: the coldest and the warmest that any logger told of it.
type Part struct {
	Begin, End time.Time
	Lo, Hi     Celsius
	Known      bool // false: nothing was told, where something was foreseen
	Sum        bool // of a summary: the least and the most of a longer time, not when they were
}

// Stretch is one leg of the way of a box, or what of it was before or after a change of stage, with what it went through there.
type Stretch struct {
	Leg      Leg       // without Aboard; begin, end and stage are the stretch's
	Upto     time.Time // up to when it counts: its end, the moment from which it is looked at, or the last word of a logger that is not overdue
	Exposure Exposure
	Parts    []Part        // in order, without a gap, from the leg's begin up to Upto
	Before   time.Duration // between the leg before and this one, when that is longer than a handover: unknown
	Heard    time.Time     // the last word from its point; zero: none
	Silent   bool          // it goes on, and its point has not been heard of for longer than is allowed
}

// Way is the whole way of a box as it is judged. Of a box without batches the exposures of its stretches, and the times in between and after, add up to its
// judgement; of one with batches the stretches are those of one that is still there, the first that is not fit or else the first, and the judgement is that of all.
type Way struct {
	Stretches []Stretch
	Batches   int           // whose vials have clocks of their own
	After     time.Duration // since the end of the last, when that is longer than a handover: unknown
	Judgement Judgement
	Rules     [Punctured + 1]*Rule // in force, by stage; nil: none
}

// Way gives the way of a box up to a moment, leg by leg. Its judgement is that of [Index.Judge].
func (x *Index) Way(k SSCC, at AsOf) (Way, error) {
	n, ok := x.bySSCC[k]
	if !ok {
		return Way{}, fmt.Errorf("%w: %s", ErrUnknownBox, k)
	}
	w := x.way(n, x.shown(n, civil.Of(at.At, at.Zone), at), at)
	w.Judgement = x.judge(n, civil.Of(at.At, at.Zone), at, &counted{})
	return w, nil
}

// way is the way of a batch of a box, without its judgement.
func (x *Index) way(n uint32, batch *batchRecord, at AsOf) (w Way) {
	p, on, now := x.products[x.boxes[n].Product], civil.Of(at.At, at.Zone), at.At.UnixNano()
	for s := range w.Rules {
		w.Rules[s] = p.rule(Stage(s), on)
	}
	for i := range x.boxes[n].batches {
		if len(x.boxes[n].batches[i].changes) > 0 {
			w.Batches++
		}
	}
	changes := batch.changes
	until, upto := min(now, x.boxes[n].end), int64(0)
	for _, l := range x.legsOfBatch(n, batch) {
		r := &x.legs[l]
		if r.begin > until {
			break
		}
		point := x.points[r.Point]
		for i, c := range pieces(r, changes, until) {
			end := min(c.end, until, x.counts(r, at))
			s := Stretch{Leg: r.Leg, Exposure: x.during(r, p, c.stage, c.begin, end, on, at), Upto: time.Unix(0, end).UTC(), Parts: point.parts(c.begin, end, r.Unlogged)}
			s.Leg.Begin, s.Leg.Stage = time.Unix(0, c.begin).UTC(), c.stage
			if c.end != r.end {
				s.Leg.End = time.Unix(0, c.end).UTC()
			}
			if point.last > 0 {
				s.Heard = time.Unix(0, point.last).UTC()
			}
			s.Silent = r.end > now && end == now && now-max(point.last, r.begin) > int64(at.Overdue)
			if i == 0 && len(w.Stretches) > 0 && r.begin-upto > int64(at.Handover) {
				s.Before = time.Duration(r.begin - upto)
			}
			w.Stretches = append(w.Stretches, s)
		}
		upto = max(upto, r.end)
	}
	if len(w.Stretches) > 0 && upto < until && until-upto > int64(at.Handover) {
		w.After = time.Duration(until - upto)
	}
	return w
}

// shown is the batch whose way is shown.
func (x *Index) shown(n uint32, on civil.Date, at AsOf) *batchRecord {
	now := min(at.At.UnixNano(), x.boxes[n].end)
	var first *batchRecord
	for i := range x.boxes[n].batches {
		b := &x.boxes[n].batches[i]
		if b.until < now {
			continue
		}
		if j := x.judgeBatch(n, b, now, on, at, &counted{}); !j.Fit() {
			return b
		}
		if first == nil {
			first = b
		}
	}
	if first == nil {
		return &batchRecord{until: forever}
	}
	return first
}

// piece is what of a leg is in one stage, in nanoseconds since 1970.
type piece struct {
	begin, end int64
	stage      Stage
}

// pieces cuts a leg where the stage changes before a moment. There is one at least.
func pieces(l *legRecord, changes []Change, until int64) (out []piece) {
	next := piece{l.begin, l.end, l.Stage}
	for _, c := range changes {
		at := c.At.UnixNano()
		if at >= min(l.end, until) {
			break
		}
		if at > next.begin {
			out = append(out, piece{next.begin, at, next.stage})
			next.begin = at
		}
		next.stage = max(c.Stage, l.Stage)
	}
	return append(out, next)
}

// parts gives what was told of [begin, end), in order: what no reading tells is taken from summaries, and what those do not tell either is not known.
func (p *record) parts(begin, end int64, unlogged bool) (out []Part) {
	add := func(from, to int64, t Part) {
		if to <= from {
			return
		}
		t.Begin, t.End = time.Unix(0, from).UTC(), time.Unix(0, to).UTC()
		if n := len(out); n > 0 && out[n-1].Known == t.Known && out[n-1].Sum == t.Sum && out[n-1].Lo == t.Lo && out[n-1].Hi == t.Hi {
			out[n-1].End = t.End
			return
		}
		out = append(out, t)
	}
	p.each(begin, end, func(at, upto int64, lo, hi Celsius, known bool) {
		if known {
			add(at, upto, Part{Lo: lo, Hi: hi, Known: true})
			return
		}
		for i := range p.summaries {
			s := &p.summaries[i]
			from, to := max(s.From.UnixNano(), at), min(s.To.UnixNano(), upto)
			if to <= from {
				continue
			}
			if !unlogged {
				add(at, from, Part{})
			}
			add(from, to, Part{Lo: s.Min, Hi: s.Max, Known: true, Sum: true})
			at = to
		}
		if !unlogged {
			add(at, upto, Part{})
		}
	})
	return out
}

// Outer reports whether a part touches a side of a rule, cold or warm, and in which band furthest out.
func (r *Rule) Outer(side Side, p Part) (band int, ok bool) {
	if !p.Known {
		return 0, false
	}
	band = r.band(p.Hi)
	if side == Cold {
		band = r.band(p.Lo)
	}
	return band, r.Bands[band].Side == side
}

// Above is the temperature that a band begins above; for the coldest, less than absolute zero.
func (r *Rule) Above(band int) Celsius { return r.below(band) }

// Points lists the points of which anything was told or at which anything was, in order.
func (x *Index) Points() []Point {
	out := make([]Point, 0, len(x.points))
	for p := range x.points {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}
