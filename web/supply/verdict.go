package supply

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"charye/approval"
	"charye/booking"
	"charye/supply"
	"charye/supply/order"
	"charye/supply/room"
	"charye/supply/trace"
	"charye/walk"
	"charye/web/page"
)

type actionRow struct{ ID, Name, Text string }

// actionTexts say what an action means, in the order in which it is offered.
var actionTexts = []struct {
	action supply.Action
	text   string
}{
	{supply.Hold, "supply.action.hold.text"}, {supply.Release, "supply.action.release.text"}, {supply.Recall, "supply.action.recall.text"},
	{supply.Destroy, "supply.action.destroy.text"},
}

type newVerdictData struct {
	Errors                              []page.FieldError
	Actions                             []actionRow
	Action, Case, Boxes, Reason         string
	Evidence, Kilometres, Days, Because string // Because: of which alarm, in words
	Count                               int
	All                                 string // names the boxes where they are too many to list
}

// Wrong gives the message for a field, empty when it is right.
func (d newVerdictData) Wrong(field string) string {
	for _, e := range d.Errors {
		if e.Field == field {
			return e.Text
		}
	}
	return ""
}

// newVerdict is the form, filled in as far as the address says: from an alarm, a lot, a box, or what was somewhere.
func (h *Pages) newVerdict(q *page.Request) error {
	v, _, err := h.supply(q)
	if err != nil {
		return err
	}
	d := newVerdictData{Action: string(supply.Hold), Kilometres: "30", Days: "30"}
	boxes := h.boxesOf(q, v, q.Field)
	if q.Field("alarm") != "" {
		seq, _ := strconv.ParseInt(q.Field("alarm"), 10, 64)
		x, ok := v.Alarm(seq)
		if !ok {
			return &walk.Error{Code: walk.NotFound, Detail: "alarm: there is no such alarm"}
		}
		where := h.placeName(q, v, string(x.Point), x.Site)
		d.Because = q.Words("supply.scope.of.alarm", "what", q.Words(causeNames[x.Cause]), "where", where)
		d.Case = x.At.In(h.Zone).Format("2006-01-02") + " " + where
		d.Reason = q.Words(causeNames[x.Cause])
		d.Evidence = q.Words("supply.new.evidence.alarm", "n", strconv.FormatInt(x.Seq, 10), "time", q.Lang.Moment(x.At))
	}
	if len(boxes) > mostTyped {
		d.All, d.Count = allOf(q), len(boxes)
	} else {
		d.setBoxes(boxes)
	}
	return h.showNewVerdict(q, d)
}

// mostTyped is how many boxes the form lists one by one. Of more it names what they are all of.
const mostTyped = 500

// allOf names all boxes of an alarm, of a lot, or of what was somewhere, as the form carries it.
func allOf(q *page.Request) string {
	v := url.Values{}
	for _, name := range []string{"alarm", "lot", "point", "from", "until"} {
		if x := q.Field(name); x != "" {
			v.Set(name, x)
		}
	}
	return v.Encode()
}

// boxesOf are the boxes that a form or an address is about.
func (h *Pages) boxesOf(q *page.Request, v *room.View, get func(string) string) (boxes []supply.SSCC) {
	switch {
	case get("alarm") != "":
		seq, _ := strconv.ParseInt(get("alarm"), 10, 64)
		x, _ := v.Alarm(seq)
		return x.Act
	case get("lot") != "":
		return v.Trace.OfLot(get("lot"))
	case get("box") != "":
		if k, ok := trace.SSCCOf(get("box")); ok {
			return []supply.SSCC{k}
		}
	case get("point") != "":
		begin, err1 := time.ParseInLocation(formTime, get("from"), h.Zone)
		end, err2 := time.ParseInLocation(formTime, get("until"), h.Zone)
		if err1 == nil && err2 == nil {
			boxes, _ = v.Trace.At(get("point"), begin, end)
		}
	}
	return boxes
}

func (d *newVerdictData) setBoxes(boxes []supply.SSCC) {
	lines := make([]string, len(boxes))
	for i, k := range boxes {
		lines[i] = k.String()
	}
	d.Boxes, d.Count = strings.Join(lines, "\n"), len(boxes)
}

func (h *Pages) showNewVerdict(q *page.Request, d newVerdictData) error {
	for _, x := range actionTexts {
		d.Actions = append(d.Actions, actionRow{string(x.action), q.Words(actionNames[x.action]), q.Words(x.text)})
	}
	status := http.StatusOK
	if len(d.Errors) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return q.Show(status, "supplynew", page.View{Title: q.Words("supply.new.title"), Wide: true, Error: len(d.Errors) > 0, D: d})
}

// longField is a value that may be longer than others, such as the boxes of a whole lot.
func (h *Pages) longField(q *page.Request, name string) string {
	return strings.TrimSpace(q.FormValue(name))
}

func (h *Pages) previewVerdict(q *page.Request) error {
	q.Back = "/supply/cases/new"
	a, err := q.Actor()
	if err != nil {
		return err
	}
	d := newVerdictData{
		Action: q.Field("action"), Case: q.Field("case"), Boxes: h.longField(q, "boxes"), Reason: q.Field("reason"), Evidence: h.longField(q, "evidence"),
		Kilometres: q.Field("km"), Days: q.Field("days"), All: q.Field("all"),
	}
	v, err := h.svc.Supply(q.Context(), a)
	if err != nil {
		return err
	}
	w := h.wish(q, &d, v)
	d.Count = len(w.Boxes)
	if len(d.Errors) > 0 {
		return h.showNewVerdict(q, d)
	}
	made, err := h.svc.PreviewVerdict(q.Context(), a, w)
	if e, ok := errors.AsType[*walk.Error](err); ok && e.Code == walk.Overloaded {
		d.Errors = append(d.Errors, page.FieldError{Field: "action", Text: q.Words("supply.new.wrong.busy")})
		return h.showNewVerdict(q, d)
	}
	if e, ok := errors.AsType[*walk.Error](err); ok && e.Code == walk.BadRequest {
		field, key := "boxes", "supply.new.wrong.next"
		switch e.Field {
		case "boxes":
			key = "supply.new.wrong.unknown"
		case "reach":
			field, key = "km", "supply.new.wrong.reach"
		case "verdict":
			field, key = "action", "supply.new.wrong.action"
		}
		d.Errors = append(d.Errors, page.FieldError{Field: field, Text: q.Words(key, "what", boxIn(e.Detail))})
		return h.showNewVerdict(q, d)
	}
	if err != nil {
		return err
	}
	return q.Redirect(makingPath(&made))
}

// boxIn finds the box that a refusal names.
func boxIn(detail string) string {
	for _, word := range strings.FieldsFunc(detail, func(r rune) bool { return r < '0' || r > '9' }) {
		if len(word) == 18 {
			return word
		}
	}
	return "–"
}

// wish reads the form.
func (h *Pages) wish(q *page.Request, d *newVerdictData, v *room.View) room.Wish {
	wrong := func(field, key string, kv ...any) {
		d.Errors = append(d.Errors, page.FieldError{Field: field, Text: q.Words(key, kv...)})
	}
	w := room.Wish{Action: supply.Action(d.Action), Case: d.Case, Reason: d.Reason}
	if actionNames[w.Action] == "" {
		wrong("action", "supply.new.wrong.action", "what", "–")
	}
	if w.Case == "" {
		wrong("case", "supply.new.wrong.case")
	}
	for _, word := range strings.FieldsFunc(d.Boxes, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' || r == ' ' || r == '\t' }) {
		k, ok := trace.SSCCOf(word)
		if !ok {
			wrong("boxes", "supply.new.wrong.boxes", "what", cutWord(word))
			break
		}
		w.Boxes = append(w.Boxes, k)
	}
	if all, err := url.ParseQuery(d.All); err == nil && d.All != "" && len(w.Boxes) == 0 {
		for _, k := range h.boxesOf(q, v, all.Get) { // what may not go there from where it is, such as what is destroyed already, is left out
			if v.Register.Allows(supply.Verdict{Action: w.Action, Case: w.Case, Boxes: []supply.SSCC{k}}) == nil {
				w.Boxes = append(w.Boxes, k)
			}
		}
	}
	if len(w.Boxes) == 0 && d.Wrong("boxes") == "" {
		wrong("boxes", "supply.new.wrong.none")
	}
	if w.Reason == "" {
		wrong("reason", "supply.new.wrong.reason")
	}
	for line := range strings.Lines(d.Evidence) {
		if line = strings.TrimSpace(line); line != "" && len(line) <= room.MaxText {
			w.Evidence = append(w.Evidence, line)
		}
	}
	if len(w.Evidence) == 0 || len(w.Evidence) > room.MaxEvidence {
		wrong("evidence", "supply.new.wrong.evidence", "n", room.MaxEvidence)
	}
	km, err := strconv.Atoi(d.Kilometres)
	if err != nil || km < 0 || km*1000 > room.MaxMetres {
		wrong("km", "supply.new.wrong.km", "n", room.MaxMetres/1000)
	}
	days, err := strconv.Atoi(d.Days)
	if err != nil || days < 0 || days > room.MaxDays {
		wrong("days", "supply.new.wrong.days", "n", room.MaxDays)
	}
	w.Metres, w.Days = km*1000, days
	return w
}

func cutWord(s string) string {
	if r := []rune(s); len(r) > 24 {
		return string(r[:24]) + "…"
	}
	return s
}

// planData is what a plan does, as both the draft and the case show it.
type planData struct {
	Action, Case, Reason string
	Evidence             []string
	Asked                string
	Named                int
	Boxes, Doses, Sites  int
	Moves, Without       int
	Places               []planPlace
	PlacesAll            int
	Rows                 []planMove
	Left                 []planLeft
	Digest               string
}

type planPlace struct {
	Name                 string
	Leave, Come, Without int
	Counted              bool
	VialsFrom, VialsTo   int
}

type planMove struct {
	Number   string
	Dose     int
	From, To string
	Way      string
}

type planLeft struct {
	Number string
	Dose   int
	Where  string
}

func (h *Pages) planData(q *page.Request, v *room.View, p *order.Plan) planData {
	d := planData{
		Action: actionNames[p.Verdict.Action], Case: p.Verdict.Case, Reason: p.Verdict.Reason, Evidence: p.Verdict.Evidence, Asked: p.Verdict.Asked, Named: len(p.Verdict.Boxes),
		Boxes: p.Boxes, Doses: p.Doses, Sites: p.Sites, Moves: len(p.Moves), Without: len(p.Without),
	}
	all := p.Places()
	slices.SortStableFunc(all, func(a, b order.Place) int { return (b.Leave + b.Come + b.Without) - (a.Leave + a.Come + a.Without) })
	d.PlacesAll = len(all)
	for _, x := range part(all, 0, supplyPage) {
		at, _ := v.Sites.ByNum(x.Site)
		d.Places = append(d.Places, planPlace{at.Name, x.Leave, x.Come, x.Without, x.Counted, x.VialsFrom, x.VialsTo})
	}
	slot := func(s booking.Slot) string {
		at, _ := v.Sites.ByNum(s.Site)
		return fmt.Sprintf("%s %s %02d:%02d", at.Name, s.Day, s.Minute/60, s.Minute%60)
	}
	for _, m := range part(p.Moves, 0, supplyPage) {
		d.Rows = append(d.Rows, planMove{booking.Number(m.Booking), m.Dose, slot(m.From), slot(m.To), fmt.Sprintf("%.1f km", float64(m.Metres)/1000)})
	}
	for _, l := range part(p.Without, 0, supplyPage) {
		at, _ := v.Sites.ByNum(l.Site)
		d.Left = append(d.Left, planLeft{booking.Number(l.Booking), l.Dose, at.Name})
	}
	return d
}

type draftData struct {
	planData
	Plan string // its digest
	Mine bool   // previewed by who looks
}

func (h *Pages) verdictDraft(q *page.Request) error {
	v, a, err := h.supply(q)
	if err != nil {
		return err
	}
	d, err := h.svc.VerdictDraft(q.Context(), a, q.PathValue("digest"))
	if err != nil {
		return err
	}
	data := draftData{h.planData(q, v, d.Plan), d.Digest, d.Plan.Verdict.Asked == room.Name(approval.Who{Key: a.Key, Role: a.Role})}
	data.Digest = d.Digest
	return q.Show(http.StatusOK, "supplydraft", page.View{Title: q.Words("supply.draft.title"), Wide: true, D: data})
}

func (h *Pages) askVerdict(q *page.Request) error {
	digest := q.Field("plan")
	q.Back, q.Again = "/supply/cases/draft/"+page.PathSegment(digest), []string{"plan"}
	a, err := q.Actor()
	if err != nil {
		return err
	}
	r, err := h.svc.AskVerdict(q.Context(), a, digest)
	if e, ok := errors.AsType[*walk.Error](err); ok && e.Field == "asked" && r.ID > 0 {
		err = nil // the same was asked for a moment ago: here it is
	}
	if err != nil {
		return err
	}
	return q.Redirect(casePath(r.ID))
}
