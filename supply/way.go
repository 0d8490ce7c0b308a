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

// Stretch is one leg of the way of a box, with what it went through there.
type Stretch struct {
	Leg      Leg       // without Aboard
	Upto     time.Time // up to when it counts: its end, the moment from which it is looked at, or the last word of a logger that is not overdue
	Exposure Exposure
	Parts    []Part        // in order, without a gap, from the leg's begin up to Upto
	Before   time.Duration // between the leg before and this one, when that is longer than a handover: unknown
	Heard    time.Time     // the last word from its point; zero: none
	Silent   bool          // it goes on, and its point has not been heard of for longer than is allowed
}

// Way is the whole way of a box as it is judged. Of a box without batches the exposures of its stretches, and the times in between and after, add up to its
// judgement; the stretches of one with batches are those of vials that stay as they came, and the judgement is that of all batches.
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
	var w Way
	p, on, now := x.products[x.boxes[n].Product], civil.Of(at.At, at.Zone), at.At.UnixNano()
	for s := range w.Rules {
		w.Rules[s] = p.rule(Stage(s), on)
	}
	w.Batches = len(x.boxes[n].batches)
	until, upto := min(now, x.boxes[n].end), int64(0)
	for _, l := range x.legsOf(n) {
		r := &x.legs[l]
		if r.begin > until {
			break
		}
		s := Stretch{Leg: r.Leg, Exposure: x.during(r, p, r.Stage, r.begin, until, on, at)}
		point := x.points[r.Point]
		end := min(until, x.counts(r, at))
		s.Upto = time.Unix(0, end).UTC()
		s.Parts = point.parts(r.begin, end, r.Unlogged)
		if point.last > 0 {
			s.Heard = time.Unix(0, point.last).UTC()
		}
		s.Silent = r.end > now && end == now && now-max(point.last, r.begin) > int64(at.Overdue)
		if len(w.Stretches) > 0 && r.begin-upto > int64(at.Handover) {
			s.Before = time.Duration(r.begin - upto)
		}
		upto = max(upto, r.end)
		w.Stretches = append(w.Stretches, s)
	}
	if len(w.Stretches) > 0 && upto < until && until-upto > int64(at.Handover) {
		w.After = time.Duration(until - upto)
	}
	w.Judgement = x.judge(n, on, at, &counted{})
	return w, nil
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
