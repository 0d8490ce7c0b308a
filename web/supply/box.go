package supply

import (
	"html/template"
	"net/http"
	"slices"
	"time"

	"charye/supply"
	"charye/supply/room"
	"charye/supply/trace"
	"charye/walk"
	"charye/web/page"
)

// legRow is one leg of a box in the table that says what the chart draws.
type legRow struct {
	N            int
	Where        string
	Begin, End   time.Time
	Goes         bool   // it goes on
	Min, Max     string // empty: nothing was told
	Kinetic      string
	Bands        []string // time in each band
	Unknown      string   // empty: nothing of it is unknown
	Before       string   // time before it of which nothing is known
	Stage        string
	Own          bool // told by a logger that rides with the box
	Silent       bool
	begin, until time.Time
}

// bandRow is one band of the rules, with what of its budget is used.
type bandRow struct {
	Name, Range, Spent, Budget, Used string
	Over                             bool
	Stage                            string
}

// excursionRow is one time outside of where the product belongs.
type excursionRow struct {
	Begin, End time.Time
	Long, Most string
	Cold       bool
	Where      string
	Sum        bool
}

type verdictRow struct {
	At            time.Time
	Action, Case  string
	Reason        string
	Asked, Agreed string
	Evidence      []string
}

type supplyBoxData struct {
	supplyState
	ID, Lot, GTIN, Product string
	Expires                string
	Vials, Left, Doses     int
	Given, Waste           int
	Where                  string
	Since                  time.Time
	State                  string // catalogue key
	Cases                  []string
	Fit                    bool
	Sentence               string
	Legs                   []legRow
	Heads                  []string // names of the bands
	Bands                  []bandRow
	Excursions             []excursionRow
	More                   int // excursions that are not listed
	Kinetic                string
	AtMost                 bool
	Batches                int
	After                  string
	Chart                  template.HTML
	Verdicts               []verdictRow
	Alarms                 []alarmRow // about this box
	ZoneMinutes            int        // how far the programme's zone is east of Greenwich, for the script's times
	Scope                  string
	Asks                   bool
}

// mostExcursions is how many are listed; a refrigerator that swings for weeks has thousands.
const mostExcursions = 50

func (h *Pages) supplyBox(q *page.Request) error {
	v, a, err := h.supply(q)
	if err != nil {
		return err
	}
	k, ok := trace.SSCCOf(q.PathValue("sscc"))
	b, known := v.Trace.Box(k)
	if !ok || !known {
		return &walk.Error{Code: walk.NotFound, Detail: "sscc: no event of custody tells of such a box"}
	}
	w, err := v.Way(k)
	if err != nil {
		return err
	}
	d := supplyBoxData{
		supplyState: h.supplyState(q, v), ID: k.String(), Lot: b.Lot.ID, GTIN: b.Lot.GTIN.String(), Product: h.productName(q, b.Product), Vials: b.Vials, Left: b.Left(), Doses: b.Doses(),
		Given: b.Given, Waste: b.Waste, Where: h.placeName(q, v, b.Place, b.Site), Since: b.Since, State: stateNames[v.Register.State(k)], Cases: v.Register.Cases(k),
		Fit: w.Judgement.Fit(), Sentence: h.sentence(q, &w), AtMost: w.Judgement.Exposure.AtMost, Batches: w.Batches,
		Scope: page.WithQuery("/supply/readings", "box", k.String()), Asks: walk.May(a, walk.AskVerdict),
	}
	if day, ok := v.Trace.Expires(b.Lot); ok {
		d.Expires = q.Plain(day)
	}
	if c, ok := w.Judgement.Exposure.MeanKinetic(); ok {
		d.Kinetic = celsius(c)
	}
	if w.After > 0 {
		d.After = h.long(q, w.After)
	}
	d.Legs, d.Heads = h.legRows(q, v, k, &w)
	d.Bands = h.bandRows(q, &w)
	all := excursions(&w)
	d.More = max(0, len(all)-mostExcursions)
	for _, e := range part(all, 0, mostExcursions) {
		x := excursionRow{Begin: e.begin, End: e.end, Long: h.long(q, e.end.Sub(e.begin)), Cold: e.side == supply.Cold, Where: d.Legs[e.leg].Where, Sum: e.sum}
		x.Most = celsius(e.most)
		d.Excursions = append(d.Excursions, x)
	}
	d.Chart = h.chart(q, &w, d.Legs, all)
	for i := range v.Verdicts {
		if x := &v.Verdicts[i]; slices.Contains(x.Boxes, k) {
			d.Verdicts = append(d.Verdicts, verdictRow{x.At, actionNames[x.Action], x.Case, x.Reason, x.Asked, x.Agreed, x.Evidence})
		}
	}
	for i := range v.Alarms {
		if x := &v.Alarms[i]; slices.Contains(x.Boxes, k) && len(d.Alarms) < mostMarks {
			d.Alarms = append(d.Alarms, h.alarmRow(q, v, x))
		}
	}
	shown := page.View{Title: q.Words("supply.box.title", "box", d.ID), Wide: true, D: &d}
	if len(d.Legs) > 0 {
		_, east := v.At.In(q.Lang.Zone).Zone()
		d.ZoneMinutes, shown.Script = east/60, "journey.js"
	}
	return q.Show(http.StatusOK, "supplybox", shown)
}

// long is [catalogue.Language.Long] for values that are known to be right.
func (h *Pages) long(q *page.Request, d time.Duration) string {
	s, err := q.Lang.Long(d)
	if err != nil {
		h.Log.ErrorContext(q.Context(), "catalogue")
	}
	return s
}

// sentence says the judgement in words.
func (h *Pages) sentence(q *page.Request, w *supply.Way) string {
	j := &w.Judgement
	if j.Fit() {
		return q.Words("supply.says.fit")
	}
	if j.Untraced {
		return q.Words("supply.says.untraced")
	}
	var worst *supply.Finding
	for i := range j.Findings {
		f := &j.Findings[i]
		if worst == nil || f.Side == supply.Cold && worst.Side != supply.Cold || f.Side == supply.Warm && worst.Side == supply.Store {
			worst = f
		}
	}
	if worst == nil {
		return q.Words("supply.says.unknown", "long", h.long(q, j.Exposure.Unknown))
	}
	switch {
	case worst.Side == supply.Cold && worst.Budget == 0:
		return q.Words("supply.says.frozen", "band", worst.Band, "long", h.long(q, worst.Spent), "most", celsius(j.Exposure.Coldest))
	case worst.Side == supply.Cold:
		return q.Words("supply.says.cold", "band", worst.Band, "long", h.long(q, worst.Spent), "budget", h.long(q, worst.Budget), "most", celsius(j.Exposure.Coldest))
	}
	if worst.Side == supply.Store {
		return q.Words("supply.says.expired", "stage", q.Words(stageNames[worst.Stage]), "band", worst.Band, "long", h.long(q, worst.Spent), "budget", h.long(q, worst.Budget))
	}
	return q.Words("supply.says.warm", "band", worst.Band, "long", h.long(q, worst.Spent), "budget", h.long(q, worst.Budget), "most", celsius(j.Exposure.Warmest))
}

func (h *Pages) legRows(q *page.Request, v *room.View, k supply.SSCC, w *supply.Way) (rows []legRow, heads []string) {
	places := map[int64]trace.Leg{}
	for _, l := range v.Trace.Journey(k) {
		places[l.Begin.UnixNano()] = l
	}
	type column struct {
		stage supply.Stage
		band  int
	}
	var columns []column
	for st, r := range w.Rules {
		if r == nil || !slices.ContainsFunc(w.Stretches, func(s supply.Stretch) bool { return s.Leg.Stage == supply.Stage(st) }) {
			continue
		}
		for i, b := range r.Bands {
			name := b.Name
			if supply.Stage(st) != supply.Unopened {
				name = q.Words(stageNames[supply.Stage(st)]) + ": " + name
			}
			heads, columns = append(heads, name), append(columns, column{supply.Stage(st), i})
		}
	}
	var before trace.Leg
	for i := range w.Stretches {
		s := &w.Stretches[i]
		place := string(s.Leg.Point)
		l, ok := places[s.Leg.Begin.UnixNano()]
		if !ok && before.Point == s.Leg.Point { // the same leg, after a change of stage
			l, ok = before, true
		}
		before = l
		if ok {
			place = l.Place
		}
		row := legRow{
			N: i + 1, Where: h.placeName(q, v, place, s.Leg.Site), Begin: s.Leg.Begin, End: s.Leg.End, Goes: s.Leg.End.IsZero(), Own: ok && string(l.Point) != l.Place,
			Silent: s.Silent, begin: s.Leg.Begin, until: s.Upto,
		}
		if s.Leg.Stage != supply.Unopened {
			row.Stage = stageNames[s.Leg.Stage]
		}
		if s.Exposure.Told {
			row.Min, row.Max = celsius(s.Exposure.Coldest), celsius(s.Exposure.Warmest)
		}
		if c, ok := s.Exposure.MeanKinetic(); ok {
			row.Kinetic = celsius(c)
		}
		for _, c := range columns {
			text := "–"
			if t := s.Exposure.Time[c.stage][c.band]; t > 0 {
				text = h.long(q, t)
			}
			row.Bands = append(row.Bands, text)
		}
		if s.Exposure.Unknown > 0 {
			row.Unknown = h.long(q, s.Exposure.Unknown)
		}
		if s.Before > 0 {
			row.Before = h.long(q, s.Before)
		}
		rows = append(rows, row)
	}
	return rows, heads
}

// bandRows are the budgets: time further out on a side counts in the milder bands of the side too.
func (h *Pages) bandRows(q *page.Request, w *supply.Way) (rows []bandRow) {
	for st, r := range w.Rules {
		if r == nil {
			continue
		}
		times, any := w.Judgement.Exposure.Time[st], false
		for _, t := range times {
			any = any || t > 0
		}
		if !any && supply.Stage(st) != supply.Unopened {
			continue
		}
		for i := range r.Bands {
			b := &r.Bands[i]
			row := bandRow{Name: b.Name, Range: h.rangeOf(q, r, i), Spent: h.long(q, times[i]), Stage: stageNames[supply.Stage(st)]}
			spent := times[i]
			for o := range r.Bands {
				if b.Side == supply.Warm && o > i || b.Side == supply.Cold && o < i {
					spent += times[o]
				}
			}
			switch {
			case b.Budget == supply.Unlimited:
				row.Budget = q.Words("supply.budget.unlimited")
			case b.Budget == 0:
				row.Budget, row.Used, row.Over = q.Words("supply.budget.none"), q.Words("supply.budget.not"), spent > 0
				if row.Over {
					row.Used = q.Words("supply.budget.over")
				}
			default:
				row.Budget, row.Over = h.long(q, b.Budget), spent > b.Budget
				row.Used = q.Words("supply.budget.percent", "percent", int(100*spent/b.Budget))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// rangeOf says which temperatures a band has; those beyond where vaccines are measured are left out.
func (h *Pages) rangeOf(q *page.Request, r *supply.Rule, i int) string {
	upto := r.Bands[i].Upto
	switch from := r.Above(i) + 1; {
	case i == 0 && upto >= supply.Hottest:
		return q.Words("supply.range.all")
	case i == 0:
		return q.Words("supply.range.below", "to", celsius(exact(upto+1)))
	case upto >= supply.Hottest:
		return q.Words("supply.range.above", "from", celsius(exact(from-1)))
	default:
		return q.Words("supply.range.between", "from", celsius(exact(from)), "to", celsius(exact(upto)))
	}
}

// exact takes away the millionth by which a band begins above a limit.
func exact(c supply.Celsius) supply.Celsius {
	const hundredth = supply.Degree / 100
	if r := (c + hundredth/2) / hundredth * hundredth; c-r <= 1 && r-c <= 1 {
		return r
	}
	return c
}
