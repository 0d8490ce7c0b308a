package rush

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// chartLine is one series of a chart.
type chartLine struct {
	name   string
	colour string
	x, y   []float64
}

const (
	chartW, chartH                   = 960, 250
	padLeft, padRight, padTop, padUp = 70, 16, 12, 38
)

// chart draws lines over time as inline SVG, with a title and a description for those who do not see it.
func chart(id, title, unit string, lines []chartLine) string {
	x0, x1, top := math.Inf(1), math.Inf(-1), 0.0
	for _, l := range lines {
		for i := range l.x {
			x0, x1, top = math.Min(x0, l.x[i]), math.Max(x1, l.x[i]), math.Max(top, l.y[i])
		}
	}
	if x1 <= x0 {
		return ""
	}
	step := niceStep(top)
	top = math.Max(step, math.Ceil(top/step)*step)
	px := func(x float64) float64 { return padLeft + (x-x0)/(x1-x0)*(chartW-padLeft-padRight) }
	py := func(y float64) float64 { return chartH - padUp - y/top*(chartH-padTop-padUp) }

	var b strings.Builder
	put := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, format, args...) }
	put(`<figure><figcaption id="%s-t">%s</figcaption>`, id, html.EscapeString(title))
	put(`<svg viewBox="0 0 %d %d" role="img" aria-labelledby="%s-t %s-d"><desc id="%s-d">%s</desc>`, chartW, chartH, id, id, id, html.EscapeString(describe(unit, lines)))
	for y := 0.0; y <= top+step/2; y += step {
		put(`<line class="g" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`,
			padLeft, chartW-padRight, py(y), py(y), padLeft-6, py(y)+4, short(y))
	}
	xs := niceStep(x1 - x0)
	for x := math.Ceil(x0/xs) * xs; x <= x1; x += xs {
		put(`<line class="g" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text x="%.1f" y="%d" text-anchor="middle">%.4g</text>`,
			px(x), px(x), padTop, chartH-padUp, px(x), chartH-padUp+16, x+0)
	}
	put(`<text x="%d" y="%d" text-anchor="middle">seconds after the opening</text>`, (chartW+padLeft)/2, chartH-4)
	if x0 < 0 && x1 > 0 {
		put(`<line class="o" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, px(0), px(0), padTop, chartH-padUp)
	}
	for i, l := range lines {
		b.WriteString(`<polyline class="l" stroke="` + l.colour + `"`)
		if i > 0 { // not by colour alone
			put(` stroke-dasharray="%s"`, [...]string{"7 3", "2 3", "9 3 2 3", "1 2"}[(i-1)%4])
		}
		b.WriteString(` points="`)
		for j := range l.x {
			put("%.1f,%.1f ", px(l.x[j]), py(l.y[j]))
		}
		b.WriteString(`"/>`)
	}
	b.WriteString(`</svg><p class="k">`)
	for i, l := range lines {
		put(`<span><svg class="s" viewBox="0 0 30 8" aria-hidden="true"><line x1="0" x2="30" y1="4" y2="4" stroke="%s" stroke-width="2"`, l.colour)
		if i > 0 {
			put(` stroke-dasharray="%s"`, [...]string{"7 3", "2 3", "9 3 2 3", "1 2"}[(i-1)%4])
		}
		put(`/></svg> %s</span> `, html.EscapeString(l.name))
	}
	b.WriteString("</p></figure>\n")
	return b.String()
}

// describe says in words what a chart shows.
func describe(unit string, lines []chartLine) string {
	var parts []string
	for _, l := range lines {
		best, at := 0.0, 0.0
		for i, y := range l.y {
			if y > best {
				best, at = y, l.x[i]
			}
		}
		last := 0.0
		if len(l.y) > 0 {
			last = l.y[len(l.y)-1]
		}
		parts = append(parts, fmt.Sprintf("%s: highest %s%s at %.0f seconds, %s at the end", l.name, short(best), unit, at, short(last)))
	}
	return strings.Join(parts, "; ") + "."
}

// niceStep gives a step of 1, 2 or 5 times a power of ten that divides a range into about five.
func niceStep(span float64) float64 {
	if span <= 0 {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(span/5)))
	for _, m := range []float64{1, 2, 5, 10} {
		if span/(p*m) <= 6 {
			return p * m
		}
	}
	return p * 10
}

func short(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1e6:
		return fmt.Sprintf("%.4gM", v/1e6)
	case a >= 1e4:
		return fmt.Sprintf("%.4gk", v/1e3)
	default:
		return fmt.Sprintf("%.4g", v)
	}
}
