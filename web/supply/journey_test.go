package supply

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"charye/supply"
	"charye/supply/room/roomtest"
	"charye/web/catalogue"
	"charye/web/page"
	"charye/web/page/pagetest"
)

// journeyOf asks for the numbers of a box's journey.
func journeyOf(t *testing.T, b *pagetest.Browser, query string) (d journeyDoc) {
	t.Helper()
	w := b.Get("/supply/boxes/" + roomtest.Box(3).String() + "/journey.json" + query)
	if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || got != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s %s: %s", w.Code, got, w.Header().Get("Cache-Control"), w.Body.String())
	}
	dec := json.NewDecoder(w.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestSupplyJourney: the numbers are those of the page's tables.
func TestSupplyJourney(t *testing.T) {
	t.Parallel()
	b, _, _ := inRoom(t, "logistics")
	at := func(m int) float64 { return float64(roomtest.Minute(m).Unix()) }
	for _, lang := range catalogue.Names {
		b.Lang = lang.ID
		d := journeyOf(t, b, "")
		if d.Box != roomtest.Box(3).String() || d.Begin != at(0) || d.End != at(240) || d.From != d.Begin || d.Until != d.End || d.At != at(240) || d.Thinned {
			t.Errorf("%+v", d)
		}
		if len(d.Legs) != 3 || len(d.Gaps) != 0 || len(d.Rules) != 1 || d.Rules[0].Store != [2]float64{2, 8} || len(d.Rules[0].Bands) != 5 || d.Rules[0].Bands[4].Upto != nil || *d.Rules[0].Bands[2].Upto != 8 {
			t.Fatalf("%+v", d)
		}
		truck := d.Legs[1]
		if truck.N != 2 || truck.Begin != at(60) || truck.End != at(180) || truck.Rule != 0 || !strings.Contains(truck.Where, "11t-0412") || d.Legs[2].Where != "두리의원" || !d.Legs[2].Goes || truck.Goes {
			t.Errorf("the truck: %+v", truck)
		}
		var told []string
		for i, k := range truck.Kind {
			told = append(told, fmt.Sprintf("%d %g to %g from %g until %g", k, *truck.Lo[i], *truck.Hi[i], truck.T[i]-at(0), truck.T[i+1]-at(0)))
		}
		if got, want := strings.Join(told, "; "), "0 5 to 5 from 3600 until 8400; 0 -1.2 to -1.2 from 8400 until 9600; 0 5 to 5 from 9600 until 10800"; got != want {
			t.Errorf("the truck tells %s; want %s", got, want)
		}
		if len(d.Out) != 1 || !d.Out[0].Cold || d.Out[0].Most != -1.2 || d.Out[0].Begin != at(140) || d.Out[0].End != at(160) || !strings.Contains(d.Out[0].Text, "−1.2\u00a0°C") {
			t.Errorf("out of range: %+v", d.Out)
		}
		page := b.Get("/supply/boxes/" + d.Box).Body.String()
		if len(d.Marks) != 1 || d.Marks[0].Kind != "alarm" || d.Marks[0].At != at(240) || !strings.Contains(page, `href="/supply/alarms/1"`) {
			t.Errorf("marks: %+v", d.Marks)
		}
		if !strings.Contains(page, `data-at="/supply/boxes/`+d.Box+`/journey.json"`) || !strings.Contains(page, "/assets/journey.") || !strings.Contains(page, `id="journey" hidden`) {
			t.Error("the page does not bring the chart")
		}
		if part := journeyOf(t, b, fmt.Sprintf("?from=%.0f&until=%.0f", at(145), at(150))); len(part.Legs) != 3 || len(part.Legs[0].T)+len(part.Legs[2].T) != 0 ||
			len(part.Legs[1].T) != 2 || *part.Legs[1].Lo[0] != -1.2 || len(part.Out) != 1 || part.Begin != d.Begin || part.From != at(145) {
			t.Errorf("five minutes of it: %+v", part)
		}
	}
	base := "/supply/boxes/" + roomtest.Box(3).String() + "/journey.json"
	for query, field := range map[string]string{"?from=x&until=2": "from", "?from=1&until=-2": "until", "?from=9": "until", "?from=9&until=9": "until", "?until=9": "until", "?from=1&until=99999999999999": "until"} {
		w := b.Get(base + query)
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s (%s): %d", query, field, w.Code)
		}
	}
	pagetest.WantPage(t, b.Get("/supply/boxes/1/journey.json"), 404)
	pagetest.WantPage(t, b.Get("/supply/boxes/"+roomtest.Box(77).String()+"/journey.json"), 404)
}

// TestJourneyMarks: a verdict is marked where it was made.
func TestJourneyMarks(t *testing.T) {
	t.Parallel()
	b, svc, w := inRoom(t, "logistics")
	if _, err := w.Store.Decide(t.Context(), supply.Verdict{
		At: roomtest.Minute(250), Action: supply.Hold, Case: "truck", Boxes: []supply.SSCC{roomtest.Box(3)}, Reason: "r", Evidence: []string{"e"}, Asked: "a", Agreed: "b",
	}); err != nil {
		t.Fatal(err)
	}
	w.At(260)
	svc.now = w.Now()
	round(t, svc)
	d := journeyOf(t, b, "")
	if n := len(d.Marks); n != 2 || d.Marks[1].Kind != "verdict" || !strings.Contains(d.Marks[1].Text, "truck") || d.End != d.Marks[1].At || d.Until != d.End {
		t.Errorf("%+v", d.Marks)
	}
}

// aRequest is one of nobody, for what needs a language only.
func aRequest(t testing.TB, lang string) *page.Request {
	t.Helper()
	return &page.Request{Request: (&http.Request{}).WithContext(t.Context()), Lang: pagetest.Languages(t)[lang]}
}

// fluRule is 2 to 8 degrees.
func fluRule(stage supply.Stage, lo, hi supply.Celsius) *supply.Rule {
	return &supply.Rule{Stage: stage, Bands: []supply.Band{{Name: "cold", Side: supply.Cold, Upto: lo - 1}, {Name: "store", Upto: hi, Budget: supply.Unlimited}, {Name: "warm", Side: supply.Warm, Upto: supply.Hottest}}}
}

// wayOf makes a way of legs that follow each other, with the parts that f gives of each.
func wayOf(stages []supply.Stage, parts func(leg int) []supply.Part) (*supply.Way, []legRow) {
	w := &supply.Way{}
	w.Rules[supply.Unopened], w.Rules[supply.Thawed] = fluRule(supply.Unopened, -90*supply.Degree, -60*supply.Degree), fluRule(supply.Thawed, 2*supply.Degree, 8*supply.Degree)
	var rows []legRow
	for i, st := range stages {
		list := parts(i)
		s := supply.Stretch{Leg: supply.Leg{Point: "p", Begin: list[0].Begin, End: list[len(list)-1].End, Stage: st}, Upto: list[len(list)-1].End, Parts: list}
		w.Stretches = append(w.Stretches, s)
		rows = append(rows, legRow{N: i + 1, Where: "p", Begin: s.Leg.Begin, End: s.Leg.End, begin: s.Leg.Begin, until: s.Upto})
	}
	return w, rows
}

// TestJourneyIsBounded: however much was told, a journey is small, and of each leg the least and the most are in it.
func TestJourneyIsBounded(t *testing.T) {
	t.Parallel()
	q := aRequest(t, "en")
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		stages := make([]supply.Stage, rapid.IntRange(1, 4).Draw(t, "legs"))
		at := roomtest.Begin
		w, rows := wayOf(stages, func(int) (list []supply.Part) {
			for range 1 + r.IntN(2500) {
				p := supply.Part{Begin: at, End: at.Add(time.Duration(1+r.IntN(600)) * time.Second), Known: r.IntN(20) > 0}
				if p.Known {
					p.Lo = supply.Celsius(r.IntN(34))*supply.Degree - 92*supply.Degree
					p.Hi, p.Sum = p.Lo+supply.Celsius(r.IntN(2))*supply.Degree, r.IntN(10) == 0
				}
				list, at = append(list, p), p.End
			}
			return list
		})
		d := (&Pages{}).journey(q, w, rows, at, time.Time{}, time.Time{})
		parts, out := 0, len(d.Out)
		for i, l := range d.Legs {
			parts += len(l.Kind)
			lo, hi := supply.Hottest, supply.AbsoluteZero
			for _, p := range w.Stretches[i].Parts {
				if p.Known {
					lo, hi = min(lo, p.Lo), max(hi, p.Hi)
				}
			}
			gotLo, gotHi := supply.Hottest.Degrees(), supply.AbsoluteZero.Degrees()
			for j := range l.Kind {
				if (l.Lo[j] == nil) != (l.Kind[j] >= partUnknown) || (l.Hi[j] == nil) != (l.Lo[j] == nil) || l.T[j+1] < l.T[j] {
					t.Fatalf("leg %d, part %d: kind %d, %v to %v", i, j, l.Kind[j], l.Lo[j], l.Hi[j])
				}
				if l.Lo[j] != nil {
					gotLo, gotHi = min(gotLo, *l.Lo[j]), max(gotHi, *l.Hi[j])
				}
			}
			if gotLo != lo.Degrees() || gotHi != hi.Degrees() {
				t.Fatalf("leg %d from %g to %g, in the journey from %g to %g", i, lo.Degrees(), hi.Degrees(), gotLo, gotHi)
			}
			if l.T[0] != l.Begin || l.T[len(l.T)-1] > l.End {
				t.Fatalf("leg %d from %g to %g tells from %g to %g", i, l.Begin, l.End, l.T[0], l.T[len(l.T)-1])
			}
		}
		if most := 4 * (journeyColumns + 1 + len(stages)); parts > most || out > most {
			t.Fatalf("%d parts and %d excursions, more than %d", parts, out, most)
		}
	})
}

// TestBandsFollowTheStage: drawing and numbers have the band of the stage that the vials were in at the time.
func TestBandsFollowTheStage(t *testing.T) {
	t.Parallel()
	q := aRequest(t, "en")
	leg := func(i int) []supply.Part {
		begin := roomtest.Minute(60 * i)
		c := []supply.Celsius{-70, -65, 5}[i] * supply.Degree
		return []supply.Part{{Begin: begin, End: begin.Add(time.Hour), Lo: c, Hi: c, Known: true}}
	}
	w, rows := wayOf([]supply.Stage{supply.Unopened, supply.Unopened, supply.Thawed}, leg)
	w.Judgement.Exposure.Told, w.Judgement.Exposure.Coldest, w.Judgement.Exposure.Warmest = true, -70*supply.Degree, 5*supply.Degree
	svg := string((&Pages{}).chart(q, w, rows, excursions(w)))
	c := newScale(w, rows)
	for _, s := range []struct {
		first, last int
		lo, hi      float64
	}{{0, 1, -90, -60}, {2, 2, 2, 8}} {
		x, y := c.x[s.first], c.y(s.hi)
		want := fmt.Sprintf(`<rect class="store" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, x, y, c.x[s.last]+c.wide[s.last]-x, c.y(s.lo)-y)
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in %s", want, svg)
		}
	}
	if n := strings.Count(svg, `class="store"`); n != 2 || strings.Contains(svg, `class="warm"`) || strings.Contains(svg, `class="cold"`) {
		t.Errorf("%d bands in %s", n, svg)
	}
	d := (&Pages{}).journey(q, w, rows, roomtest.Minute(180), time.Time{}, time.Time{})
	if len(d.Rules) != 2 || d.Rules[d.Legs[1].Rule].Store != [2]float64{-90, -60} || d.Rules[d.Legs[2].Rule].Store != [2]float64{2, 8} || d.Legs[2].Stage != "thawed" || len(d.Out) != 0 {
		t.Errorf("%+v", d)
	}
	w.Rules[supply.Thawed] = nil
	if d := (&Pages{}).journey(q, w, rows, roomtest.Minute(180), time.Time{}, time.Time{}); d.Legs[2].Rule != -1 {
		t.Errorf("a stage without a rule has the band %d", d.Legs[2].Rule)
	}
	if n := strings.Count(string((&Pages{}).chart(q, w, rows, nil)), `class="store"`); n != 1 {
		t.Errorf("a stage without a rule is drawn with %d bands", n)
	}
}

// TestJourneyScriptIsSmall measures what the chart adds to the page, compressed.
func TestJourneyScriptIsSmall(t *testing.T) {
	t.Parallel()
	const budget = 30_000
	b, _, _ := inRoom(t, "logistics")
	page := b.Get("/supply/boxes/" + roomtest.Box(3).String()).Body.String()
	_, rest, _ := strings.Cut(page, `src="/assets/journey.`)
	name, _, _ := strings.Cut(rest, `"`)
	b.Header.Set("Accept-Encoding", "gzip")
	w := b.Get("/assets/journey." + name)
	if w.Code != http.StatusOK || w.Body.Len() > budget || w.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("%d, %d bytes of %s; budget %d", w.Code, w.Body.Len(), w.Header().Get("Content-Encoding"), budget)
	}
	t.Logf("the script of the chart: %d bytes compressed", w.Body.Len())
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	script, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"uPlot 1.6.32", "Leon Sorokin", "MIT"} {
		if !strings.Contains(string(script), want) {
			t.Errorf("the script does not say %q", want)
		}
	}
}

// TestPlotIsWhatWasPublished: nobody changes uPlot here; scripts/vendor-uplot brings another version.
func TestPlotIsWhatWasPublished(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"uPlot.esm.js":  "5dd9b3281aa64b461b42d9945f6adb2649d346502b12281a9ae0d46599a80eba",
		"uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
		"LICENSE":       "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
	} {
		b, err := os.ReadFile("../assets/uplot/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != want {
			t.Errorf("%s has the digest %s, want %s", name, got, want)
		}
	}
}
