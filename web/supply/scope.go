package supply

import (
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"charye/supply"
	"charye/supply/epcis"
	"charye/supply/room"
	"charye/supply/trace"
	"charye/walk"
	"charye/web/catalogue"
	"charye/web/page"
)

type scopeLeg struct {
	Where      string
	Begin, End time.Time
	Goes       bool
	Boxes      int
	Own        bool
}

type scopeState struct {
	Name string
	N    int
}

type scopeLot struct {
	ID, URL, Expires string
	Boxes            int
}

type scopeSite struct {
	Name, URL                   string
	Boxes, Doses, Given, Booked int
}

type supplyScopeData struct {
	supplyState
	Errors             []page.FieldError
	Point, From, Until string // as in the form
	Lot                string
	Asked              bool
	Of                 string // what it is the scope of, in words
	OfURL              string
	Legs               []scopeLeg
	LegsAll            int
	Boxes              []boxRow
	BoxesAll           int
	BoxesURL           string
	States             []scopeState
	Doses              int // left in the boxes
	Lots               []scopeLot
	LotsAll            int
	Sites              []scopeSite
	SitesAll           int
	Booked             int
	Given, People      int
	Drawing            template.HTML
	CaseURL            string
}

// Wrong gives the message for a field, empty when it is right.
func (d supplyScopeData) Wrong(field string) string {
	for _, e := range d.Errors {
		if e.Field == field {
			return e.Text
		}
	}
	return ""
}

const formTime = "2006-01-02T15:04" // of an input of the type datetime-local

func (h *Pages) supplyScope(q *page.Request) error {
	v, a, err := h.supply(q)
	if err != nil {
		return err
	}
	d := supplyScopeData{supplyState: h.supplyState(q, v), Point: q.Field("point"), From: q.Field("from"), Until: q.Field("until"), Lot: q.Field("lot")}
	var s room.Scope
	asks := ""
	switch box, alarm := q.Field("box"), q.Field("alarm"); {
	case box != "":
		k, ok := trace.SSCCOf(box)
		if _, known := v.Trace.Box(k); !ok || !known {
			return &walk.Error{Code: walk.NotFound, Detail: "box: no event of custody tells of such a box"}
		}
		s = v.Of([]supply.SSCC{k})
		s.Legs = v.Trace.Journey(k)
		d.Asked, d.Of, d.OfURL, asks = true, q.Words("supply.scope.of.box", "box", k.String()), boxPath(k), page.WithQuery("/supply/cases/new", "box", k.String())
	case alarm != "":
		seq, err := strconv.ParseInt(alarm, 10, 64)
		x, ok := v.Alarm(seq)
		if err != nil || !ok {
			return &walk.Error{Code: walk.NotFound, Detail: "alarm: there is no such alarm"}
		}
		s = v.Of(x.Boxes)
		d.Asked, d.Of, d.OfURL = true, q.Words("supply.scope.of.alarm", "what", q.Words(causeNames[x.Cause]), "where", h.placeName(q, v, string(x.Point), x.Site)), "/supply/alarms/"+alarm
		asks = page.WithQuery("/supply/cases/new", "alarm", alarm)
	case d.Lot != "":
		boxes := v.Trace.OfLot(d.Lot)
		if len(boxes) == 0 {
			d.Errors = append(d.Errors, page.FieldError{Field: "lot", Text: q.Words("supply.scope.wrong.lot")})
			break
		}
		s = v.Of(boxes)
		d.Asked, d.Of, d.OfURL, asks = true, q.Words("supply.scope.of.lot", "lot", d.Lot), page.WithQuery("/supply/boxes", "lot", d.Lot), page.WithQuery("/supply/cases/new", "lot", d.Lot)
	case d.Point != "" || d.From != "" || d.Until != "":
		place, ok := pointOf(v, d.Point)
		begin, err1 := time.ParseInLocation(formTime, d.From, h.Zone)
		end, err2 := time.ParseInLocation(formTime, d.Until, h.Zone)
		if !ok {
			d.Errors = append(d.Errors, page.FieldError{Field: "point", Text: q.Words("supply.scope.wrong.point")})
		}
		if err1 != nil {
			d.Errors = append(d.Errors, page.FieldError{Field: "from", Text: q.Words("supply.scope.wrong.from")})
		}
		if err2 != nil || err1 == nil && !end.After(begin) {
			d.Errors = append(d.Errors, page.FieldError{Field: "until", Text: q.Words("supply.scope.wrong.until")})
		}
		if len(d.Errors) > 0 {
			break
		}
		s = v.OfReading(place, begin, end)
		d.Asked, d.Of = true, q.Words("supply.scope.of.reading", "where", h.placeName(q, v, place, v.SiteOf(place)), "begin", q.Lang.Moment(begin), "end", q.Lang.Moment(end))
		asks = page.WithQuery("/supply/cases/new", "point", place, "from", d.From, "until", d.Until)
	}
	if d.Asked {
		h.tellScope(q, v, &d, &s)
		if walk.May(a, walk.AskVerdict) && len(s.Boxes) > 0 {
			d.CaseURL = asks
		}
	}
	status := http.StatusOK
	if len(d.Errors) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return q.Show(status, "supplyscope", page.View{Title: q.Words("supply.scope.title"), Wide: true, Error: len(d.Errors) > 0, D: d})
}

// pointOf reads a place, box or vehicle as people write it: a URI, the digits of an SSCC or GLN, or the number of a site.
func pointOf(v *room.View, text string) (string, bool) {
	if k, ok := trace.SSCCOf(text); ok {
		return epcis.Key("https://id.gs1.org/00/" + k.String()), true
	}
	if g, err := supply.ParseGLN(text); err == nil {
		return epcis.Key("https://id.gs1.org/414/" + g.String()), true
	}
	if at, ok := v.Sites.ByID(strings.TrimPrefix(text, "site:")); ok {
		return trace.SiteURN(at.ID), true
	}
	if i := strings.IndexByte(text, ':'); i > 0 && len(text) <= 128 {
		return epcis.Key(text), true
	}
	return "", false
}

func (h *Pages) tellScope(q *page.Request, v *room.View, d *supplyScopeData, s *room.Scope) {
	d.LegsAll, d.BoxesAll, d.LotsAll, d.SitesAll = len(s.Legs), len(s.Boxes), len(s.Lots), len(s.Sites)
	d.Booked, d.Given, d.People = s.Booked, s.Given, s.People
	for _, l := range part(s.Legs, 0, supplyMost) {
		d.Legs = append(d.Legs, scopeLeg{h.placeName(q, v, l.Place, l.Site), l.Begin, l.End, l.End.IsZero(), len(l.Boxes), string(l.Point) != l.Place})
	}
	for _, k := range part(s.Boxes, 0, supplyMost) {
		d.Boxes = append(d.Boxes, h.boxRow(q, v, k))
	}
	for _, k := range s.Boxes {
		b, _ := v.Trace.Box(k)
		d.Doses += b.Left()
	}
	for _, st := range []supply.State{supply.Usable, supply.Held, supply.Recalled, supply.Destroyed} {
		if n := s.States[st]; n > 0 {
			d.States = append(d.States, scopeState{q.Words(stateNames[st]), n})
		}
	}
	for _, l := range part(s.Lots, 0, supplyMost) {
		row := scopeLot{ID: l.Lot.ID, URL: page.WithQuery("/supply/boxes", "lot", l.Lot.ID), Boxes: l.Boxes}
		if l.Expires != 0 {
			row.Expires = q.Plain(l.Expires)
		}
		d.Lots = append(d.Lots, row)
	}
	for _, x := range part(s.Sites, 0, supplyMost) {
		d.Sites = append(d.Sites, scopeSite{x.Site.Name, sitePath(x.Site), x.Boxes, x.Doses, x.Given, x.Booked})
	}
	d.Drawing = h.drawScope(q, d)
}

// drawScope draws what the tree says: one thing leads to the next, at the end both to those who have booked and to those who were given a dose.
func (h *Pages) drawScope(q *page.Request, d *supplyScopeData) template.HTML {
	type node struct {
		x, y        int
		name, count string
	}
	const width, high, gap = 170, 74, 44
	count := func(n int) string { return catalogue.Number(n) }
	nodes := []node{
		{0, 60, q.Words("supply.scope.legs"), count(d.LegsAll)},
		{1, 60, q.Words("supply.scope.boxes"), count(d.BoxesAll)},
		{2, 60, q.Words("supply.scope.lots"), count(d.LotsAll)},
		{3, 60, q.Words("supply.scope.sites"), count(d.SitesAll)},
		{4, 12, q.Words("supply.scope.booked"), count(d.Booked)},
		{4, 108, q.Words("supply.scope.people"), count(d.People)},
	}
	if d.LegsAll == 0 {
		nodes = nodes[1:]
		for i := range nodes {
			nodes[i].x--
		}
	}
	last := nodes[len(nodes)-1].x
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="flow" viewBox="0 0 %d 196" aria-hidden="true" focusable="false">`, last*(width+gap)+width)
	at := func(n node) (x, y int) { return n.x * (width + gap), n.y }
	for i := 1; i < len(nodes); i++ {
		from := nodes[i-1]
		if i == len(nodes)-1 {
			from = nodes[i-2]
		}
		x1, y1 := at(from)
		x2, y2 := at(nodes[i])
		x1, y1, y2 = x1+width, y1+high/2, y2+high/2
		fmt.Fprintf(&b, `<path class="edge" d="M%d %dC%d %d %d %d %d %d"/>`, x1, y1, x1+gap/2, y1, x2-gap/2, y2, x2, y2)
	}
	for _, n := range nodes {
		x, y := at(n)
		fmt.Fprintf(&b, `<rect class="node" x="%d" y="%d" width="%d" height="%d" rx="12"/><text class="count" x="%d" y="%d" text-anchor="middle">%s</text><text class="name" x="%[5]d" y="%[8]d" text-anchor="middle">%s</text>`,
			x+1, y, width-2, high, x+width/2, y+34, esc(n.count), y+58, esc(n.name))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // every text in it went through esc, all else are numbers
}
