package supply

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"charye/supply"
	"charye/supply/room"
	"charye/supply/trace"
	"charye/walk"
	"charye/web/page"
)

// The journey of a box for the script that draws it: what the page's tables and drawing say, as numbers. Instants are seconds since 1970, temperatures
// degrees Celsius. docs/supply.md says what each field means.
type journeyDoc struct {
	Box     string        `json:"box"`
	At      float64       `json:"at"`    // as of when
	Begin   float64       `json:"begin"` // of the whole journey
	End     float64       `json:"end"`
	From    float64       `json:"from"` // of what the parts of the legs tell
	Until   float64       `json:"until"`
	Thinned bool          `json:"thinned"` // parts were put together: a shorter time has more of them
	Rules   []journeyRule `json:"rules"`
	Legs    []journeyLeg  `json:"legs"`
	Gaps    [][2]float64  `json:"gaps"` // nobody told where the box was
	Out     []journeyOut  `json:"out"`
	Marks   []journeyMark `json:"marks"`
}

// journeyRule is where the product belongs in one stage.
type journeyRule struct {
	Stage string        `json:"stage"`
	Store [2]float64    `json:"store"` // least and most
	Bands []journeyBand `json:"bands"` // from cold to warm
}

type journeyBand struct {
	Name string   `json:"name"`
	Side string   `json:"side"`
	Upto *float64 `json:"upto"` // null: no end
}

// What a part of a leg is.
const (
	partRead    = 0 // readings
	partSum     = 1 // a summary: the least and the most of that time, not when they were
	partUnknown = 2 // nothing was told, where something was foreseen
	partNone    = 3 // nothing was foreseen
)

// journeyLeg is one row of the legs' table. Its nth part begins at T[n] and ends at T[n+1].
type journeyLeg struct {
	N     int        `json:"n"`
	Begin float64    `json:"begin"`
	End   float64    `json:"end"` // up to when it counts
	Goes  bool       `json:"goes"`
	Where string     `json:"where"`
	Stage string     `json:"stage"`
	Rule  int        `json:"rule"` // place in rules; -1: there is none
	Text  string     `json:"text"` // all of it in a sentence
	T     []float64  `json:"t"`
	Lo    []*float64 `json:"lo"`
	Hi    []*float64 `json:"hi"`
	Kind  []int      `json:"kind"`
}

// journeyOut is a time outside of where the product belongs, or several of one leg and side that lie within a column of the drawing.
type journeyOut struct {
	Begin float64 `json:"begin"`
	End   float64 `json:"end"`
	Cold  bool    `json:"cold"`
	Most  float64 `json:"most"`
	Text  string  `json:"text"`
}

// journeyMark is a moment at which something was noticed or decided.
type journeyMark struct {
	At   float64 `json:"at"`
	Kind string  `json:"kind"` // alarm, verdict
	Text string  `json:"text"`
}

const (
	// journeyColumns is how finely a journey is drawn at most; a part of it, asked for by from and until, has as many again.
	journeyColumns = 1000
	// mostMarks bounds alarms and verdicts; the newest stay.
	mostMarks = 100
)

func (h *Pages) supplyJourney(q *page.Request) error {
	v, _, err := h.supply(q)
	if err != nil {
		return err
	}
	k, ok := trace.SSCCOf(q.PathValue("sscc"))
	if _, known := v.Trace.Box(k); !ok || !known {
		return &walk.Error{Code: walk.NotFound, Detail: "sscc: no event of custody tells of such a box"}
	}
	from, until, err := h.window(q)
	if err != nil {
		return err
	}
	w, err := v.Way(k)
	if err != nil {
		return err
	}
	legs, _ := h.legRows(q, v, k, &w)
	d := h.journey(q, &w, legs, v.At, from, until)
	d.Box, d.Marks = k.String(), h.journeyMarks(q, v, k)
	if n := len(d.Marks); n > 0 && len(d.Legs) > 0 {
		d.End = max(d.End, d.Marks[n-1].At)
		if until.IsZero() {
			d.Until = d.End
		}
	}
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(d); err != nil {
		return fmt.Errorf("journey: %w", err)
	}
	q.W.Header().Set("Content-Type", "application/json")
	q.W.Header().Set("Content-Language", q.Lang.ID)
	q.LeaveGate()
	_, _ = q.W.Write(b.Bytes()) // the client went away; there is nobody to tell
	return nil
}

// window reads which part of a journey is asked for; without it all.
func (h *Pages) window(q *page.Request) (from, until time.Time, err error) {
	read := func(name string) (time.Time, error) {
		text := q.Field(name)
		if text == "" {
			return time.Time{}, nil
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || n > 1<<40 {
			return time.Time{}, &walk.Error{Code: walk.BadRequest, Detail: name + ": want whole seconds since 1970"}
		}
		return time.Unix(n, 0).UTC(), nil
	}
	if from, err = read("from"); err != nil {
		return from, until, err
	}
	if until, err = read("until"); err != nil {
		return from, until, err
	}
	if from.IsZero() != until.IsZero() || !until.IsZero() && !until.After(from) {
		return from, until, &walk.Error{Code: walk.BadRequest, Detail: "until: want it together with from, and after it"}
	}
	return from, until, nil
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// journey tells of a way as it was at a moment, its parts from one instant until another (both zero: all).
func (h *Pages) journey(q *page.Request, w *supply.Way, legs []legRow, at, from, until time.Time) journeyDoc {
	d := journeyDoc{At: seconds(at), Rules: []journeyRule{}, Legs: []journeyLeg{}, Gaps: [][2]float64{}, Out: []journeyOut{}, Marks: []journeyMark{}}
	if len(legs) == 0 {
		return d
	}
	begin, end := legs[0].begin, legs[0].until
	for i := range legs {
		if legs[i].until.After(end) {
			end = legs[i].until
		}
	}
	if w.After > 0 {
		end = end.Add(w.After)
		d.Gaps = append(d.Gaps, [2]float64{seconds(end.Add(-w.After)), seconds(end)})
	}
	if from.IsZero() {
		from, until = begin, end
	}
	d.Begin, d.End, d.From, d.Until = seconds(begin), seconds(end), seconds(from), seconds(until)
	rules := map[supply.Stage]int{}
	for st, r := range w.Rules {
		stage := supply.Stage(st)
		if r == nil || !slices.ContainsFunc(w.Stretches, func(s supply.Stretch) bool { return s.Leg.Stage == stage }) {
			continue
		}
		if x, ok := h.journeyRule(q, r, stage); ok {
			rules[stage] = len(d.Rules)
			d.Rules = append(d.Rules, x)
		}
	}
	within, n := make([][]supply.Part, len(w.Stretches)), 0
	for i := range w.Stretches {
		within[i] = cut(w.Stretches[i].Parts, from, until)
		n += len(within[i])
	}
	column := max(1, until.Sub(from)/journeyColumns)
	d.Thinned = n > 4*journeyColumns
	for i := range w.Stretches {
		s := &w.Stretches[i]
		if d.Thinned {
			within[i] = supply.Thin(within[i], from, column)
		}
		l := journeyLeg{
			N: legs[i].N, Begin: seconds(legs[i].begin), End: seconds(legs[i].until), Goes: legs[i].Goes, Where: legs[i].Where, Stage: q.Words(stageNames[s.Leg.Stage]), Rule: -1, Text: h.legTitle(q, &legs[i]),
		}
		if r, ok := rules[s.Leg.Stage]; ok {
			l.Rule = r
		}
		l.tell(within[i])
		d.Legs = append(d.Legs, l)
		if s.Before > 0 {
			d.Gaps = append(d.Gaps, [2]float64{seconds(legs[i].begin.Add(-s.Before)), l.Begin})
		}
	}
	d.Out = h.journeyOuts(q, excursions(w), from, until, column)
	return d
}

// cut gives the parts of which any is within a time, whole: a reading that began before still stands.
func cut(parts []supply.Part, from, until time.Time) []supply.Part {
	first, _ := slices.BinarySearchFunc(parts, from, func(p supply.Part, at time.Time) int {
		if p.End.After(at) {
			return 1
		}
		return -1
	})
	last := first
	for last < len(parts) && parts[last].Begin.Before(until) {
		last++
	}
	return parts[first:last]
}

// tell writes parts as columns of numbers.
func (l *journeyLeg) tell(parts []supply.Part) {
	l.T, l.Lo, l.Hi, l.Kind = []float64{}, []*float64{}, []*float64{}, []int{}
	add := func(at time.Time, lo, hi *float64, kind int) {
		l.T, l.Lo, l.Hi, l.Kind = append(l.T, seconds(at)), append(l.Lo, lo), append(l.Hi, hi), append(l.Kind, kind)
	}
	for i, p := range parts {
		if i > 0 && p.Begin.After(parts[i-1].End) {
			add(parts[i-1].End, nil, nil, partNone)
		}
		switch lo, hi := p.Lo.Degrees(), p.Hi.Degrees(); {
		case !p.Known:
			add(p.Begin, nil, nil, partUnknown)
		case p.Sum:
			add(p.Begin, &lo, &hi, partSum)
		default:
			add(p.Begin, &lo, &hi, partRead)
		}
	}
	if n := len(parts); n > 0 {
		l.T = append(l.T, seconds(parts[n-1].End))
	}
}

func (h *Pages) journeyRule(q *page.Request, r *supply.Rule, stage supply.Stage) (journeyRule, bool) {
	lo, hi, ok := storeOf(r)
	x := journeyRule{Stage: q.Words(stageNames[stage]), Store: [2]float64{exact(lo).Degrees(), hi.Degrees()}}
	for i := range r.Bands {
		b := journeyBand{Name: r.Bands[i].Name, Side: r.Bands[i].Side.String()}
		if upto := r.Bands[i].Upto; upto < supply.Hottest {
			degrees := upto.Degrees()
			b.Upto = &degrees
		}
		x.Bands = append(x.Bands, b)
	}
	return x, ok
}

// journeyOuts gives the excursions of a time; those of one leg and side that lie in one column are told as one, by how long they took together and the furthest out.
func (h *Pages) journeyOuts(q *page.Request, all []excursion, from, until time.Time, column time.Duration) []journeyOut {
	type together struct {
		excursion
		long time.Duration
	}
	var list []together
	at := map[[3]int64]int{}
	for _, e := range all {
		if !e.end.After(from) || !e.begin.Before(until) {
			continue
		}
		key := [3]int64{int64(e.leg), int64(e.side), int64(e.begin.Sub(from) / column)}
		i, ok := at[key]
		if !ok {
			at[key] = len(list)
			list = append(list, together{e, e.end.Sub(e.begin)})
			continue
		}
		t := &list[i]
		t.end, t.long, t.sum = e.end, t.long+e.end.Sub(e.begin), t.sum || e.sum
		if e.side == supply.Cold {
			t.most = min(t.most, e.most)
		} else {
			t.most = max(t.most, e.most)
		}
	}
	out := make([]journeyOut, 0, len(list))
	for i := range list {
		t := &list[i]
		x := journeyOut{Begin: seconds(t.begin), End: seconds(t.end), Cold: t.side == supply.Cold, Most: t.most.Degrees()}
		long, key := h.long(q, t.long), "supply.chart.warm"
		if x.Cold {
			key = "supply.chart.cold"
		}
		if t.sum {
			long = q.Words("supply.out.within", "long", long)
		}
		x.Text = q.Words(key, "begin", q.Lang.Moment(t.begin), "long", long, "most", celsius(t.most))
		out = append(out, x)
	}
	return out
}

// journeyMarks lists alarms about a box and verdicts on it, in order; the newest when there are many.
func (h *Pages) journeyMarks(q *page.Request, v *room.View, k supply.SSCC) []journeyMark {
	marks := []journeyMark{}
	for i := range v.Alarms {
		if a := &v.Alarms[i]; slices.Contains(a.Boxes, k) {
			marks = append(marks, journeyMark{seconds(a.At), "alarm", q.Words("supply.journey.alarm", "what", q.Words(causeNames[a.Cause]))})
		}
	}
	for i := range v.Verdicts {
		if x := &v.Verdicts[i]; slices.Contains(x.Boxes, k) {
			marks = append(marks, journeyMark{seconds(x.At), "verdict", q.Words("supply.journey.verdict", "what", q.Words(actionNames[x.Action]), "case", x.Case)})
		}
	}
	slices.SortStableFunc(marks, func(a, b journeyMark) int { return cmp.Compare(a.At, b.At) })
	return marks[max(0, len(marks)-mostMarks):]
}
