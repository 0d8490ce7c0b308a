package rush

import (
	"html/template"
	"io"
)

// WriteHTML writes the report as one self-contained page: no script, no style sheet or picture from elsewhere. Every
// chart has a description, and the numbers behind it stand in a table.
func (r *Report) WriteHTML(w io.Writer) error {
	return page.Execute(w, struct {
		*Report
		Charts []template.HTML
	}{r, r.charts()})
}

func (r *Report) charts() (all []template.HTML) {
	pick := func(name, colour string, get func(Sample) int64) chartLine {
		l := chartLine{name: name, colour: colour}
		for _, s := range r.Line {
			l.x, l.y = append(l.x, s.At), append(l.y, float64(get(s)))
		}
		return l
	}
	second := func(name, colour string, get func(PerSecond) int) chartLine {
		l := chartLine{name: name, colour: colour}
		for _, s := range r.Second {
			l.x, l.y = append(l.x, float64(s.At)), append(l.y, float64(get(s)))
		}
		return l
	}
	const blue, orange, green, red = "#0b5cad", "#b45f06", "#2b7a3d", "#b3261e"
	for _, c := range []string{
		chart("people", "People: joined, admitted, booked", "", []chartLine{
			pick("joined", blue, func(s Sample) int64 { return s.Joined }),
			pick("admitted", orange, func(s Sample) int64 { return s.Admitted }),
			pick("booked", green, func(s Sample) int64 { return s.Booked }),
		}),
		chart("inside", "Choosing at this moment (inside)", "", []chartLine{
			pick("inside", blue, func(s Sample) int64 { return s.Inside }),
		}),
		chart("rates", "Answered in each second", " a second", []chartLine{
			second("requests", blue, func(s PerSecond) int { return s.Requests }),
			second("new places", orange, func(s PerSecond) int { return s.Places }),
			second("bookings", green, func(s PerSecond) int { return s.Bookings }),
			second("busy answers (429, 5xx)", red, func(s PerSecond) int { return s.Busy }),
		}),
	} {
		all = append(all, template.HTML(c)) // made above from numbers and constant words, escaped in chart
	}
	return all
}

// TableRow is one row of the table behind the charts.
type TableRow struct {
	Sample
	Requests, Bookings int
}

// Rows gives the numbers behind the charts at some twenty moments.
func (r *Report) Rows() (rows []TableRow) {
	step := max(1, len(r.Line)/20)
	bySecond := map[int]PerSecond{}
	for _, s := range r.Second {
		bySecond[s.At] = s
	}
	for i := 0; i < len(r.Line); i += step {
		s := bySecond[int(r.Line[i].At)]
		rows = append(rows, TableRow{r.Line[i], s.Requests, s.Bookings})
	}
	return rows
}

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"n":   count,
	"i":   func(n int) string { return count(int64(n)) },
	"f":   func(v float64) string { return count(int64(v + 0.5)) },
	"sec": func(ms float64) float64 { return ms / 1000 },
	"mem": size, "byCount": sorted,
}).Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Rush report: {{.Scenario.Title}}</title>
<style>
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:66rem;margin:0 auto;padding:1rem 1rem 4rem;background:#fff;color:#1b1b1f}
h1{font-size:1.6rem;margin:.5rem 0}h2{font-size:1.2rem;margin:2rem 0 .5rem}
.ok,.bad{padding:.6rem 1rem;border-left:.4rem solid;font-weight:600}.ok{border-color:#2b7a3d;background:#e9f5ec}.bad{border-color:#b3261e;background:#fbeae9}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.6rem,1fr));gap:.6rem;margin:1rem 0}
dl div{border:1px solid #c8c8d0;border-radius:.5rem;padding:.55rem .8rem;display:flex;flex-direction:column;justify-content:space-between}dt{font-size:.85rem;line-height:1.3}dd{margin:.2rem 0 0;font-size:1.45rem;line-height:1.2;font-weight:600;font-variant-numeric:tabular-nums}
dl .held{border-color:#2b7a3d;background:#e9f5ec}dl .held dd{color:#1d5c2c}dl .broken{border-color:#b3261e;background:#fbeae9}dl .broken dd{color:#8c1d17}
.w{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.25rem .6rem;border-bottom:1px solid #d8d8de}th:first-child,td:first-child{text-align:left}
caption{text-align:left;font-weight:600;padding:.3rem 0}
figure{margin:1.2rem 0}figcaption{font-weight:600}figure>svg{width:100%;height:auto}
svg text{font-size:12px;fill:currentColor}.g{stroke:currentColor;stroke-opacity:.15}.o{stroke:currentColor;stroke-dasharray:3 3}.l{fill:none;stroke-width:2}
.k{margin:.2rem 0;display:flex;gap:1.2rem;flex-wrap:wrap;font-size:.9rem}.s{width:30px;height:8px;vertical-align:middle}
@media(prefers-color-scheme:dark){body{background:#16161a;color:#e8e8ee}.ok{background:#17301d}.bad{background:#3b1a18}dl .held{background:#17301d}dl .held dd{color:#9fe0af}dl .broken{background:#3b1a18}dl .broken dd{color:#ffb4ab}figure>svg,.s{filter:brightness(1.7)}}
</style></head><body>
<h1>Rush report: {{.Scenario.Title}}</h1>
<p>{{n .Arrivals}} visits by {{i .People}} people over real HTTP/1.1, open arrivals; {{printf "%.0f" .Seconds}} s in all, {{printf "%.0f" .OpenFor}} s from the opening, on {{.Cores}} cores shared by client and server. Started {{.StartedAt.Format "2006-01-02 15:04:05 MST"}}, seed {{.Seed}}.</p>
{{if .OK}}<p class="ok">All invariants held; every attack was stopped.</p>{{else}}<div class="bad"><p>Broken:</p><ul>{{range .Violations}}<li>{{.Kind}} × {{.Count}}: {{range .Examples}}{{.}}; {{end}}</li>{{end}}{{range .Breaches}}<li>got through: {{.}}</li>{{end}}</ul></div>{{end}}
<dl>
<div><dt>Places</dt><dd>{{n .Places}}</dd></div>
<div><dt>Bookings</dt><dd>{{n .Bookings}}</dd></div>
<div class="{{if .Inversions}}broken{{else}}held{{end}}"><dt>Let in out of order</dt><dd>{{.Inversions}}</dd></div>
<div class="{{if .BeforeTurn}}broken{{else}}held{{end}}"><dt>Let in before their turn</dt><dd>{{.BeforeTurn}}</dd></div>
<div class="{{if .Oversold}}broken{{else}}held{{end}}"><dt>Oversold</dt><dd>{{.Oversold}}</dd></div>
<div class="{{if .Duplicates}}broken{{else}}held{{end}}"><dt>Booked twice</dt><dd>{{.Duplicates}}</dd></div>
<div><dt>Places in the best second</dt><dd>{{f .PlacesPerSecond}}</dd></div>
<div><dt>Bookings in the best second</dt><dd>{{f .BookingsPerSecond}}</dd></div>
<div><dt>Requests of one who booked</dt><dd>{{printf "%.1f" .PerBooked.Mean}}</dd></div>
<div><dt>Requests of one who did not</dt><dd>{{printf "%.1f" .PerUnbooked.Mean}}</dd></div>
{{if .Server.CPUSeconds}}<div><dt>Server CPU per person</dt><dd>{{printf "%.2f" .Server.CPUPerPersonMs}} ms</dd></div>{{end}}
{{if .Server.PeakBytes}}<div><dt>Server peak memory</dt><dd>{{mem .Server.PeakBytes}}</dd></div>{{end}}
</dl>
<h2>Over time</h2>
{{range .Charts}}{{.}}{{end}}
<details><summary>The numbers behind the charts</summary><div class="w"><table><caption>The line during the rush</caption><thead><tr><th scope="col">second</th><th scope="col">state</th><th scope="col">joined</th><th scope="col">admitted</th><th scope="col">inside</th><th scope="col">booked</th><th scope="col">remaining</th><th scope="col">requests/s</th><th scope="col">bookings/s</th></tr></thead><tbody>
{{range .Rows}}<tr><td>{{printf "%.0f" .At}}</td><td>{{.State}}</td><td>{{n .Joined}}</td><td>{{n .Admitted}}</td><td>{{n .Inside}}</td><td>{{n .Booked}}</td><td>{{n .Remaining}}</td><td>{{i .Requests}}</td><td>{{i .Bookings}}</td></tr>
{{end}}</tbody></table></div></details>
<h2>Ways around the line</h2>
<div class="w"><table><thead><tr><th scope="col">attack</th><th scope="col">tried</th><th scope="col">stopped</th><th scope="col">got through</th><th scope="col">unanswered</th></tr></thead><tbody>
{{range .Attacks}}{{if .Tried}}<tr><td>{{.Kind}}</td><td>{{n .Tried}}</td><td>{{n .Stopped}}</td><td>{{n .Breached}}</td><td>{{n .Unanswered}}</td></tr>
{{end}}{{end}}</tbody></table></div>
<h2>Waits</h2>
<div class="w"><table><caption>Seconds a person waited</caption><thead><tr><th scope="col">from, to</th><th scope="col">people</th><th scope="col">p50</th><th scope="col">p90</th><th scope="col">p99</th><th scope="col">max</th></tr></thead><tbody>
{{range .Waits}}<tr><td>{{.Name}}</td><td>{{n .Count}}</td><td>{{printf "%.2f" (sec .P50)}}</td><td>{{printf "%.2f" (sec .P90)}}</td><td>{{printf "%.2f" (sec .P99)}}</td><td>{{printf "%.2f" (sec .Max)}}</td></tr>
{{end}}</tbody></table></div>
<h2>Latency</h2>
<div class="w"><table><caption>Milliseconds from the intended moment (corrected for coordinated omission); the last two from sending</caption><thead><tr><th scope="col">call</th><th scope="col">count</th><th scope="col">p50</th><th scope="col">p90</th><th scope="col">p99</th><th scope="col">p99.9</th><th scope="col">max</th><th scope="col">p50 sent</th><th scope="col">p99 sent</th></tr></thead><tbody>
{{range .Calls}}<tr><td>{{.Name}}</td><td>{{n .Count}}</td><td>{{printf "%.1f" .P50}}</td><td>{{printf "%.1f" .P90}}</td><td>{{printf "%.1f" .P99}}</td><td>{{printf "%.1f" .P999}}</td><td>{{printf "%.1f" .Max}}</td><td>{{printf "%.1f" .ServiceP50}}</td><td>{{printf "%.1f" .ServiceP99}}</td></tr>
{{end}}</tbody></table></div>
{{if .Errors}}<h2>Refused or failed</h2>
<div class="w"><table><thead><tr><th scope="col">call</th><th scope="col">status</th><th scope="col">code</th><th scope="col">count</th></tr></thead><tbody>
{{range .Errors}}<tr><td>{{.Call}}</td><td>{{.Status}}</td><td>{{.Code}}</td><td>{{n .Count}}</td></tr>
{{end}}</tbody></table></div>{{end}}
<h2>People and requests</h2>
<div class="w"><table><caption>Requests of honest people, the recount not included</caption><thead><tr><th scope="col">who</th><th scope="col">people</th><th scope="col">mean</th><th scope="col">p50</th><th scope="col">p99</th><th scope="col">max</th></tr></thead><tbody>
{{with .PerBooked}}<tr><td>booked</td><td>{{n .People}}</td><td>{{printf "%.2f" .Mean}}</td><td>{{.P50}}</td><td>{{.P99}}</td><td>{{.Max}}</td></tr>{{end}}
{{with .PerUnbooked}}<tr><td>did not book</td><td>{{n .People}}</td><td>{{printf "%.2f" .Mean}}</td><td>{{.P50}}</td><td>{{.P99}}</td><td>{{.Max}}</td></tr>{{end}}
</tbody></table><table><thead><tr><th scope="col">call</th><th scope="col">requests</th></tr></thead><tbody>
{{$by := .ByCall}}{{range byCount .ByCall}}<tr><td>{{.}}</td><td>{{n (index $by .)}}</td></tr>
{{end}}</tbody></table><table><thead><tr><th scope="col">people ended</th><th scope="col">number</th></tr></thead><tbody>
{{$st := .Standing}}{{range byCount .Standing}}{{if index $st .}}<tr><td>{{.}}</td><td>{{n (index $st .)}}</td></tr>
{{end}}{{end}}</tbody></table></div>
<h2>Recount</h2>
{{with .Delivery}}<p>Then {{n .Doses}} doses came for {{n .StoodBy}} people who stood by. They were kept for {{n .Kept}} of them, in the order of their numbers; {{n .OutOf}} were passed over, and {{n .Booked}} booked theirs within {{printf "%.0f" .Seconds}} s.</p>
{{end}}{{with .Recheck}}<p>After the rush {{n .Asked}} people asked for their bookings and {{n .Places}} for their place. The server shows {{n .Live}} live bookings ({{n .LostAnswer}} whose answer was lost on the way) and {{n .Cancelled}} cancelled ones; {{n .Remaining}} of {{n .StockBefore}} doses remain; {{n .Joined}} joined, {{n .Admitted}} admitted, {{n .Standby}} of this crowd are standby.</p>
{{if .Entrants}}<p>The draw of {{n .Entrants}} entrants was recomputed from its seed: {{if .DrawVerified}}the commitment fits and the order is right{{else}}it is not right{{end}}; {{n .FoundAtNumber}} people of this crowd stand at their number. Commitment <code>{{.DrawCommitment}}</code>.</p>{{end}}{{end}}
</body></html>
`))
