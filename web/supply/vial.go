package supply

import (
	"cmp"
	"slices"
	"time"

	"charye/supply"
	"charye/supply/room"
	"charye/supply/trace"
	"charye/web/page"
)

// vialRow is one vial with a serial number.
type vialRow struct {
	Serial, URL string
	Left, Given int
	Stage       string    // catalogue key; empty: as it came
	Since       time.Time // of the stage
	Where       string    // empty: with its box
	Gone        bool
	Unfit       bool // a budget is passed
	Doubt       bool // something of its way is not known
}

func vialPath(k supply.SGTIN) string { return page.WithQuery("/supply/readings", "vial", k.String()) }

// vialRow says how a vial stands; j is what is against it.
func (h *Pages) vialRow(q *page.Request, v *room.View, x *trace.Vial, j *supply.Judgement) vialRow {
	r := vialRow{Serial: x.Serial, URL: vialPath(x.SGTIN), Left: x.Left, Given: x.Given, Gone: x.Gone, Unfit: len(j.Findings) > 0, Doubt: !j.Fit()}
	if x.Stage != supply.Unopened {
		r.Stage, r.Since = stageNames[x.Stage], x.Since
	}
	if x.Apart && !x.Gone {
		r.Where = h.placeName(q, v, x.Place, x.Site)
	}
	return r
}

// vialRows lists the vials of a box, first those that are not fit, then those of which something was told.
func (h *Pages) vialRows(q *page.Request, v *room.View, box supply.SSCC) (rows []vialRow, all int) {
	list, unfit := v.Trace.Vials(box), v.UnfitVials(box)
	fit := supply.Judgement{}
	against := func(x *trace.Vial) *supply.Judgement {
		name := x.SGTIN
		if !x.Alone {
			name = supply.SGTIN{}
		}
		if j, ok := unfit[name]; ok {
			return &j
		}
		return &fit
	}
	rank := func(x *trace.Vial) int {
		switch {
		case !against(x).Fit() && x.Alone && x.Left > 0:
			return 0
		case x.Alone && x.Left > 0:
			return 1
		case x.Alone:
			return 3
		}
		return 2
	}
	slices.SortStableFunc(list, func(a, b trace.Vial) int { return cmp.Compare(rank(&a), rank(&b)) })
	for i := range part(list, 0, supplyPage) {
		rows = append(rows, h.vialRow(q, v, &list[i], against(&list[i])))
	}
	return rows, len(list)
}

// vialCard is what the page of readings says of the one vial that was asked for.
type vialCard struct {
	vialRow
	Name     string // as on its label
	Box      string
	Sentence string
	Fit      bool
}

func (h *Pages) vialCard(q *page.Request, v *room.View, k supply.SGTIN) *vialCard {
	x, j, ok := v.Vial(k)
	if !ok {
		return nil
	}
	w := supply.Way{Judgement: j}
	c := &vialCard{vialRow: h.vialRow(q, v, &x, &j), Name: k.String(), Box: x.Box.String(), Fit: j.Fit(), Sentence: h.sentence(q, &w)}
	if x.Left == 0 || x.Gone {
		c.Sentence, c.Fit = "", true
	}
	return c
}

// vialOf finds a vial by what was typed or scanned: its label, URN or Digital Link.
func vialOf(v *room.View, text string) (supply.SGTIN, bool) {
	k, ok := trace.SGTINOf(text)
	if !ok {
		return k, false
	}
	_, ok = v.Trace.Vial(k)
	return k, ok
}

// findLabel gives the page of what a label that was scanned is of: a vial that custody knows by its name, else the box or lot that it says.
func findLabel(v *room.View, text string) (to string, ok bool) {
	if k, ok := vialOf(v, text); ok {
		return vialPath(k), true
	}
	parse := supply.ParseElements
	if supply.IsLink(text) {
		parse = supply.ParseLink
	}
	e, err := parse(text)
	if err != nil {
		return "", false
	}
	if _, known := v.Trace.Box(e.SSCC); known {
		return boxPath(e.SSCC), true
	}
	if e.Lot != "" && len(v.Trace.OfLot(e.Lot)) > 0 {
		return page.WithQuery("/supply/boxes", "lot", e.Lot), true
	}
	return "", false
}
