package supply

import (
	"math"
	"time"

	"charye/internal/civil"
)

// Exposure is how long a box was in each band of its product's rules, summed over its chain of custody, stage by stage.
type Exposure struct {
	// Time is by stage and by band, as the rule in force has them. Where several loggers ride at one point, an instant counts in the coldest and in
	// the warmest band that any of them told. Time from summaries is an upper bound.
	Time    [Punctured + 1][MaxBands]time.Duration
	Unknown time.Duration // custody without a reading, where one was foreseen
	AtMost  bool          // some of the time comes from summaries: at most that long
	// Coldest and Warmest are of all that was told; Told is false when nothing was.
	Coldest, Warmest Celsius
	Told             bool

	arrhenius, weight float64
}

// Add sums up the exposure of two stretches of custody.
func (e *Exposure) Add(o *Exposure) {
	for s := range e.Time {
		for b := range e.Time[s] {
			e.Time[s][b] += o.Time[s][b]
		}
	}
	e.Unknown += o.Unknown
	e.AtMost = e.AtMost || o.AtMost
	e.arrhenius += o.arrhenius
	e.weight += o.weight
	if o.Told {
		e.told(o.Coldest, o.Warmest)
	}
}

func (e *Exposure) told(lo, hi Celsius) {
	if !e.Told {
		e.Coldest, e.Warmest, e.Told = lo, hi, true
		return
	}
	e.Coldest, e.Warmest = min(e.Coldest, lo), max(e.Warmest, hi)
}

// The default activation energy over the gas constant, in kelvin: 83.144 kJ/mol over 8.3144 J/(mol K).
const (
	activation    = 83_144.0 / 8.3144
	kelvinOfZeroC = 273.15
)

// MeanKinetic is the mean kinetic temperature: the one constant temperature at which a product would have aged as much as it did,
//
//	T = (ΔH/R) / -ln( Σ tᵢ exp(-ΔH / (R Tᵢ)) / Σ tᵢ )
//
// with ΔH = 83.144 kJ/mol, R = 8.3144 J/(mol·K), T in kelvin, weighted by time (Haynes, J. Pharm. Sci. 60 (1971) 927; ICH Q1A(R2)
// glossary; USP <1079.2>). It is shown to people and judges nothing: it hides freezing, and an hour of heat in a month of cold. Where only a summary is
// known its warmest temperature stands for all of it. ok is false when nothing was told.
func (e *Exposure) MeanKinetic() (c Celsius, ok bool) {
	if e.weight <= 0 {
		return 0, false
	}
	t := activation/-math.Log(e.arrhenius/e.weight) - kelvinOfZeroC
	return Celsius(math.Round(t * float64(Degree))), true
}

func (e *Exposure) age(c Celsius, d time.Duration) {
	k := c.Degrees() + kelvinOfZeroC
	if k <= 0 {
		return
	}
	e.arrhenius += d.Seconds() * math.Exp(-activation/k)
	e.weight += d.Seconds()
}

// at counts a stretch at which loggers told from lo to hi.
func (e *Exposure) at(r *Rule, lo, hi Celsius, d time.Duration) {
	cold, warm := r.band(lo), r.band(hi)
	e.Time[r.Stage][cold] += d
	if warm != cold {
		e.Time[r.Stage][warm] += d
	}
	e.told(lo, hi)
	e.age(hi, d)
}

// within counts a stretch d of a summary: as long in the outer bands as it may have been at most.
func (e *Exposure) within(r *Rule, s *Summary, d time.Duration) {
	silent := min(s.Silent, d)
	e.Unknown += silent
	if d -= silent; d == 0 {
		return
	}
	e.told(s.Min, s.Max)
	e.age(s.Max, d)
	lo, hi := r.band(s.Min), r.band(s.Max)
	if lo == hi {
		e.Time[r.Stage][lo] += d
		return
	}
	e.AtMost = true
	rest := d
	counted := time.Duration(0)
	for b := hi; b > lo && r.Bands[b].Side == Warm; b-- {
		most := s.beyond(r.below(b), true, d)
		e.Time[r.Stage][b] += max(0, most-counted)
		counted = max(counted, most)
	}
	rest -= counted
	counted = 0
	b := lo
	for ; b < hi && r.Bands[b].Side == Cold; b++ {
		most := s.beyond(r.Bands[b].Upto+1, false, d)
		e.Time[r.Stage][b] += max(0, most-counted)
		counted = max(counted, most)
	}
	if rest -= counted; rest > 0 {
		// What is left was where the product belongs, or in the mildest band that the summary allows.
		for b < hi && r.Bands[b].Side == Cold {
			b++
		}
		e.Time[r.Stage][b] += rest
	}
}

// beyond is the longest that it may have been above (or below) a temperature during d.
func (s *Summary) beyond(c Celsius, above bool, d time.Duration) time.Duration {
	for _, o := range s.Outside {
		if o.Above == above && (above && o.Limit <= c || !above && o.Limit >= c) {
			d = min(d, o.For)
		}
	}
	return d
}

// record is all that was told of a point.
type record struct {
	series    []Series
	summaries []Summary // by From
	last      int64     // until when anything was told, in nanoseconds
}

// exposure counts one stretch of custody against one rule.
func (p *record) exposure(r *Rule, begin, end int64, unlogged bool) (e Exposure) {
	p.each(begin, end, func(at, upto int64, lo, hi Celsius, known bool) {
		if known {
			e.at(r, lo, hi, time.Duration(upto-at))
		} else {
			p.fill(&e, r, at, upto, unlogged)
		}
	})
	return e
}

// each cuts [begin, end) where what any logger tells changes, and calls yield for each piece in order, without a gap.
func (p *record) each(begin, end int64, yield func(at, upto int64, lo, hi Celsius, known bool)) {
	var spans [][]span
	for i := range p.series {
		if s := p.series[i].spans(begin, end, nil); len(s) > 0 {
			spans = append(spans, s)
		}
	}
	for at := begin; at < end; {
		upto := end
		var lo, hi Celsius
		known := false
		for i, list := range spans {
			for len(list) > 0 && list[0].end <= at {
				list = list[1:]
			}
			spans[i] = list
			switch {
			case len(list) == 0:
				continue
			case list[0].begin > at:
				upto = min(upto, list[0].begin)
				continue
			case !known:
				lo, hi, known = list[0].at, list[0].at, true
			default:
				lo, hi = min(lo, list[0].at), max(hi, list[0].at)
			}
			upto = min(upto, list[0].end)
		}
		yield(at, upto, lo, hi, known)
		at = upto
	}
}

// fill takes from summaries what no reading tells of [begin, end); what they do not tell either is unknown.
func (p *record) fill(e *Exposure, r *Rule, begin, end int64, unlogged bool) {
	at := begin
	for i := range p.summaries {
		s := &p.summaries[i]
		from, to := max(s.From.UnixNano(), at), min(s.To.UnixNano(), end)
		if to <= from {
			continue
		}
		if from > at && !unlogged {
			e.Unknown += time.Duration(from - at)
		}
		e.within(r, s, time.Duration(to-from))
		at = to
	}
	if at < end && !unlogged {
		e.Unknown += time.Duration(end - at)
	}
}

// Finding is a budget that was passed.
type Finding struct {
	Stage  Stage
	Side   Side
	Band   string
	Spent  time.Duration // here and further out
	Budget time.Duration
}

// Judgement is what an exposure means for a product.
type Judgement struct {
	Exposure Exposure
	Findings []Finding
	Untraced bool // nobody told where the box has been
}

// Fit reports whether a box may be used as far as its temperature goes: no budget is passed and nothing is unknown.
func (j *Judgement) Fit() bool { return len(j.Findings) == 0 && j.Exposure.Unknown == 0 && !j.Untraced }

// Judge holds an exposure against the rules in force on a day. The exposure must have been counted by the same rules.
func (p *Product) Judge(e *Exposure, on civil.Date) Judgement {
	j := Judgement{Exposure: *e}
	for s := Unopened; s <= Punctured; s++ {
		r := p.rule(s, on)
		if r == nil {
			continue
		}
		for b := range r.Bands {
			band := &r.Bands[b]
			if band.Budget == Unlimited {
				continue
			}
			spent := e.Time[s][b]
			for o := range r.Bands {
				if further := band.Side == Warm && o > b || band.Side == Cold && o < b; further {
					spent += e.Time[s][o]
				}
			}
			if spent > band.Budget {
				j.Findings = append(j.Findings, Finding{s, band.Side, band.Name, spent, band.Budget})
			}
		}
	}
	return j
}
