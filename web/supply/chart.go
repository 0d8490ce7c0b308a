package supply

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"charye/supply"
	"charye/web/page"
)

// excursion is a stretch of time outside of where the product belongs, on one side, in one leg.
type excursion struct {
	leg        int
	side       supply.Side
	begin, end time.Time
	most       supply.Celsius // the furthest out
	sum        bool           // from a summary: some time in it
}

// excursions finds them in the order of time.
func excursions(w *supply.Way) (out []excursion) {
	for i := range w.Stretches {
		s := &w.Stretches[i]
		r := w.Rules[s.Leg.Stage]
		if r == nil {
			continue
		}
		first := len(out)
		for _, p := range s.Parts {
			for _, side := range []supply.Side{supply.Cold, supply.Warm} {
				if _, ok := r.Outer(side, p); !ok {
					continue
				}
				at := p.Hi
				if side == supply.Cold {
					at = p.Lo
				}
				joined := false
				for j := len(out) - 1; j >= first && j >= len(out)-2; j-- {
					if e := &out[j]; e.side == side && e.end.Equal(p.Begin) && e.sum == p.Sum {
						e.end, joined = p.End, true
						if side == supply.Cold && at < e.most || side == supply.Warm && at > e.most {
							e.most = at
						}
					}
				}
				if !joined {
					out = append(out, excursion{i, side, p.Begin, p.End, at, p.Sum})
				}
			}
		}
	}
	return out
}

// The chart's measures, in units of its own; it grows and shrinks with the page.
const (
	chartWidth  = 1000
	chartTop    = 26
	chartHeight = 300
	chartLeft   = 64
	chartRight  = 14
	chartFoot   = 62
	legGap      = 6
	leastLeg    = 26
)

// chartScale says where an instant of a leg and a temperature are drawn.
type chartScale struct {
	x      []float64 // begin of each leg
	wide   []float64
	lo, hi float64 // degrees
}

// newScale gives each leg a width by the root of how long it took: a month in a refrigerator must not hide an hour on a truck.
func newScale(w *supply.Way, legs []legRow) chartScale {
	var c chartScale
	total := 0.0
	roots := make([]float64, len(legs))
	for i := range legs {
		roots[i] = math.Sqrt(max(60, legs[i].until.Sub(legs[i].begin).Seconds()))
		total += roots[i]
	}
	room := float64(chartWidth-chartLeft-chartRight) - float64(legGap*max(0, len(legs)-1))
	least := min(leastLeg, room/float64(max(1, len(legs))))
	spare := room - least*float64(len(legs))
	at := float64(chartLeft)
	for i := range legs {
		width := least + spare*roots[i]/total
		c.x, c.wide = append(c.x, at), append(c.wide, width)
		at += width + legGap
	}
	c.lo, c.hi = 0, 10
	for i, b := range storesOf(w) {
		if i == 0 {
			c.lo, c.hi = b.lo.Degrees()-2, b.hi.Degrees()+2
		}
		c.lo, c.hi = min(c.lo, b.lo.Degrees()-2), max(c.hi, b.hi.Degrees()+2)
	}
	if e := &w.Judgement.Exposure; e.Told {
		c.lo, c.hi = min(c.lo, e.Coldest.Degrees()-1), max(c.hi, e.Warmest.Degrees()+1)
	}
	return c
}

// storeOf is where a product belongs: all bands of the side of storage together.
func storeOf(r *supply.Rule) (lo, hi supply.Celsius, ok bool) {
	for i := range r.Bands {
		if r.Bands[i].Side != supply.Store {
			continue
		}
		if !ok {
			lo = r.Above(i) + 1
		}
		hi, ok = r.Bands[i].Upto, true
	}
	return max(lo, -100*supply.Degree), min(hi, 100*supply.Degree), ok
}

// stored is where the product belongs in the stage that its vials are in from one leg to another.
type stored struct {
	first, last int
	stage       supply.Stage
	lo, hi      supply.Celsius
}

// storesOf cuts a way where the stage changes; a stage without a rule belongs nowhere.
func storesOf(w *supply.Way) (out []stored) {
	for i := range w.Stretches {
		stage := w.Stretches[i].Leg.Stage
		if n := len(out); n > 0 && out[n-1].last == i-1 && out[n-1].stage == stage {
			out[n-1].last = i
			continue
		}
		if r := w.Rules[stage]; r != nil {
			if lo, hi, ok := storeOf(r); ok {
				out = append(out, stored{i, i, stage, lo, hi})
			}
		}
	}
	return out
}

func (c *chartScale) y(t float64) float64 {
	return chartTop + (c.hi-min(max(t, c.lo), c.hi))/(c.hi-c.lo)*chartHeight
}

func (c *chartScale) at(leg int, l *legRow, t time.Time) float64 {
	long := l.until.Sub(l.begin).Seconds()
	if long <= 0 {
		return c.x[leg]
	}
	return c.x[leg] + c.wide[leg]*min(1, max(0, t.Sub(l.begin).Seconds()/long))
}

// chart draws the way of a box: legs as bands, where it belongs, what was told, and where it was outside. All that it shows is in the tables too.
func (h *Pages) chart(q *page.Request, w *supply.Way, legs []legRow, all []excursion) template.HTML {
	if len(legs) == 0 {
		return ""
	}
	c := newScale(w, legs)
	var b strings.Builder
	f := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	f(`<svg class="chart" viewBox="0 0 %d %d" role="img" aria-labelledby="chart-title chart-desc">`, chartWidth, chartTop+chartHeight+chartFoot)
	f(`<title id="chart-title">%s</title><desc id="chart-desc">%s</desc>`, esc(q.Words("supply.chart.title")), esc(q.Words("supply.chart.desc")))
	f(`<defs><pattern id="hatch" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="h0" width="8" height="8"/><rect class="h1" width="3" height="8"/></pattern></defs>`)
	for i := range legs {
		f(`<g><title>%s</title><rect class="leg%d" x="%.1f" y="%d" width="%.1f" height="%d"/></g>`, esc(h.legTitle(q, &legs[i])), i%2, c.x[i], chartTop, c.wide[i], chartHeight)
	}
	for _, s := range storesOf(w) {
		from, to := c.x[s.first], c.x[s.last]+c.wide[s.last]
		f(`<g><title>%s</title><rect class="store" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/></g>`,
			esc(q.Words("supply.chart.store", "stage", q.Words(stageNames[s.stage]), "from", celsius(exact(s.lo)), "to", celsius(exact(s.hi)))), from, c.y(s.hi.Degrees()), to-from, c.y(s.lo.Degrees())-c.y(s.hi.Degrees()))
		for _, at := range []supply.Celsius{s.lo, s.hi} {
			f(`<line class="limit" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1[3]f"/>`, from, to, c.y(at.Degrees()))
		}
	}
	h.axes(q, &b, &c, legs)
	for i := range w.Stretches {
		h.drawLeg(q, &b, &c, i, &w.Stretches[i], &legs[i])
	}
	h.drawExcursions(q, &b, &c, legs, all)
	f(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // every text in it went through esc, all else are numbers
}

func esc(s string) string { return html.EscapeString(s) }

func (h *Pages) legTitle(q *page.Request, l *legRow) string {
	end := q.Words("supply.leg.still")
	if !l.Goes {
		end = q.Lang.Moment(l.End)
	}
	if l.Min == "" {
		return q.Words("supply.leg.untold", "n", l.N, "where", l.Where, "begin", q.Lang.Moment(l.Begin), "end", end)
	}
	return q.Words("supply.leg.told", "n", l.N, "where", l.Where, "begin", q.Lang.Moment(l.Begin), "end", end, "min", l.Min, "max", l.Max)
}

// axes draws degrees at the left, and the legs' numbers and times below.
func (h *Pages) axes(q *page.Request, b *strings.Builder, c *chartScale, legs []legRow) {
	step := 1.0
	for _, s := range []float64{1, 2, 5, 10, 20, 50} {
		if step = s; (c.hi-c.lo)/s <= 8 {
			break
		}
	}
	for t := math.Ceil(c.lo/step) * step; t <= c.hi; t += step {
		y := c.y(t)
		label := strings.Replace(strconv.FormatFloat(t, 'f', 0, 64), "-", "−", 1)
		fmt.Fprintf(b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1[3]f"/><text class="tick" x="%[4]d" y="%.1f" text-anchor="end">%s°</text>`,
			chartLeft, chartWidth-chartRight, y, chartLeft-8, y+5, label)
	}
	last := -1000.0
	for i := range legs {
		fmt.Fprintf(b, `<text class="number" x="%.1f" y="%d" text-anchor="middle">%d</text>`, c.x[i]+c.wide[i]/2, chartTop-8, legs[i].N)
		fmt.Fprintf(b, `<line class="edge" x1="%.1f" x2="%.1[1]f" y1="%d" y2="%d"/>`, c.x[i], chartTop, chartTop+chartHeight+6)
		if c.x[i]-last < 92 || c.x[i]+86 > chartWidth {
			continue
		}
		last = c.x[i]
		at := legs[i].Begin.In(q.Lang.Zone)
		fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%d">%s</text><text class="tick" x="%.1[1]f" y="%[4]d">%s</text>`, c.x[i]+2, chartTop+chartHeight+24, at.Format("01-02"), chartTop+chartHeight+44, at.Format("15:04"))
	}
}

// drawLeg draws what was told in a leg: a line, a band where several loggers or a summary tell from one temperature to another, hatching where nothing was told.
func (h *Pages) drawLeg(q *page.Request, b *strings.Builder, c *chartScale, n int, s *supply.Stretch, l *legRow) {
	type column struct {
		lo, hi float64
		known  bool
		sum    bool
	}
	first := int(c.x[n])
	columns := make([]column, int(c.wide[n])+2)
	for _, p := range s.Parts {
		from, to := c.at(n, l, p.Begin), c.at(n, l, p.End)
		if !p.Known {
			if to-from < 2 {
				to = from + 2
			}
			fmt.Fprintf(b, `<g><title>%s</title><rect class="unknown" x="%.1f" y="%d" width="%.1f" height="%d"/></g>`,
				esc(q.Words("supply.chart.unknown", "begin", q.Lang.Moment(p.Begin), "end", q.Lang.Moment(p.End))), from, chartTop, to-from, chartHeight)
			continue
		}
		for x := int(from); x <= int(to) && x-first < len(columns); x++ {
			k := &columns[x-first]
			if !k.known {
				*k = column{p.Lo.Degrees(), p.Hi.Degrees(), true, p.Sum}
				continue
			}
			k.lo, k.hi, k.sum = min(k.lo, p.Lo.Degrees()), max(k.hi, p.Hi.Degrees()), k.sum || p.Sum
		}
	}
	var line, area strings.Builder
	pen := false
	for i, k := range columns {
		if !k.known {
			pen = false
			continue
		}
		x := float64(first + i)
		if k.hi-k.lo > 0.05 {
			fmt.Fprintf(&area, "M%.0f %.1fV%.1f", x, c.y(k.hi), c.y(k.lo))
		}
		if k.sum {
			pen = false
			continue
		}
		op := "L"
		if !pen {
			op = "M"
		}
		fmt.Fprintf(&line, "%s%.0f %.1f", op, x, c.y((k.lo+k.hi)/2))
		pen = true
	}
	if area.Len() > 0 {
		fmt.Fprintf(b, `<path class="spread" d="%s"/>`, area.String())
	}
	if line.Len() > 0 {
		fmt.Fprintf(b, `<path class="line" d="%s"/>`, line.String())
	}
}

// drawExcursions marks them with a shape, not with a colour alone.
func (h *Pages) drawExcursions(q *page.Request, b *strings.Builder, c *chartScale, legs []legRow, all []excursion) {
	for i := range all {
		e := &all[i]
		if i == 200 {
			return // the table says that there are more
		}
		l := &legs[e.leg]
		from, to := c.at(e.leg, l, e.begin), c.at(e.leg, l, e.end)
		if to-from < 4 {
			from, to = (from+to)/2-2, (from+to)/2+2
		}
		class, key, y := "warm", "supply.chart.warm", c.y(e.most.Degrees())-8
		shape := fmt.Sprintf("M%.1f %.1fl-7 -12h14z", (from+to)/2, y)
		if e.side == supply.Cold {
			class, key, y = "cold", "supply.chart.cold", c.y(e.most.Degrees())+8
			shape = fmt.Sprintf("M%.1f %.1fl-7 12h14z", (from+to)/2, y)
		}
		fmt.Fprintf(b, `<g class="%s"><title>%s</title><rect x="%.1f" y="%d" width="%.1f" height="%d"/><path d="%s"/></g>`, class,
			esc(q.Words(key, "begin", q.Lang.Moment(e.begin), "long", h.long(q, e.end.Sub(e.begin)), "most", celsius(e.most))), from, chartTop, to-from, chartHeight, shape)
	}
}
