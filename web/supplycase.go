package web

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
)

// caseStates are what states of a request for a verdict are called.
var caseStates = map[approval.State]string{
	approval.Asked: "supply.case.asked", approval.Agreed: "supply.case.agreed", approval.Begun: "supply.case.begun", approval.Done: "supply.case.done",
	approval.Declined: "supply.case.declined", approval.Withdrawn: "supply.case.withdrawn", approval.Lapsed: "supply.case.lapsed",
}

type caseRow struct {
	ID     int64
	What   string // the first line of its summary
	State  string // catalogue key
	At     time.Time
	Mine   bool
	Reason string
}

func (q *request) caseRow(r *approval.Request, a walk.Actor) caseRow {
	c := caseRow{ID: r.ID, State: caseStates[r.State(q.h.svc.Now())], At: r.AskedAt, Mine: r.Asked.Key == a.Key, Reason: r.Reason}
	if len(r.Summary) > 0 {
		c.What = r.Summary[0]
	}
	return c
}

// openCases are the requests that wait for somebody, or that are being done.
func (q *request) openCases(a walk.Actor) (out []caseRow, err error) {
	list, err := q.h.svc.Verdicts(q.Context(), a, 0, supplyPage)
	for i := range list {
		if list[i].State(q.h.svc.Now()).Open() {
			out = append(out, q.caseRow(&list[i], a))
		}
	}
	return out, err
}

type supplyCasesData struct {
	Cases []caseRow
	After string
	Asks  bool
}

func (h *handler) supplyCases(q *request) error {
	a, err := q.actor()
	if err != nil {
		return err
	}
	before, _ := strconv.ParseInt(q.field("before"), 10, 64)
	list, err := h.svc.Verdicts(q.Context(), a, max(0, before), supplyPage)
	if err != nil {
		return err
	}
	d := supplyCasesData{Asks: walk.May(a, walk.AskVerdict)}
	for i := range list {
		d.Cases = append(d.Cases, q.caseRow(&list[i], a))
	}
	if len(list) == supplyPage {
		d.After = withQuery("/supply/cases", "before", strconv.FormatInt(list[len(list)-1].ID, 10))
	}
	return q.show(http.StatusOK, "supplycases", view{Title: q.words("supply.cases.title"), Wide: true, D: d})
}

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
	Errors                              []fieldError
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
func (h *handler) newVerdict(q *request) error {
	v, _, err := q.supply()
	if err != nil {
		return err
	}
	d := newVerdictData{Action: string(supply.Hold), Kilometres: "30", Days: "30"}
	boxes := q.boxesOf(v, q.field)
	if q.field("alarm") != "" {
		seq, _ := strconv.ParseInt(q.field("alarm"), 10, 64)
		x, ok := v.Alarm(seq)
		if !ok {
			return &walk.Error{Code: walk.NotFound, Detail: "alarm: there is no such alarm"}
		}
		where := q.placeName(v, string(x.Point), x.Site)
		d.Because = q.words("supply.scope.of.alarm", "what", q.words(causeNames[x.Cause]), "where", where)
		d.Case = x.At.In(h.zone).Format("2006-01-02") + " " + where
		d.Reason = q.words(causeNames[x.Cause])
		d.Evidence = q.words("supply.new.evidence.alarm", "n", strconv.FormatInt(x.Seq, 10), "time", q.lang.moment(x.At))
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
func allOf(q *request) string {
	v := url.Values{}
	for _, name := range []string{"alarm", "lot", "point", "from", "until"} {
		if x := q.field(name); x != "" {
			v.Set(name, x)
		}
	}
	return v.Encode()
}

// boxesOf are the boxes that a form or an address is about.
func (q *request) boxesOf(v *room.View, get func(string) string) (boxes []supply.SSCC) {
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
		begin, err1 := time.ParseInLocation(formTime, get("from"), q.h.zone)
		end, err2 := time.ParseInLocation(formTime, get("until"), q.h.zone)
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

func (h *handler) showNewVerdict(q *request, d newVerdictData) error {
	for _, x := range actionTexts {
		d.Actions = append(d.Actions, actionRow{string(x.action), q.words(actionNames[x.action]), q.words(x.text)})
	}
	status := http.StatusOK
	if len(d.Errors) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return q.show(status, "supplynew", view{Title: q.words("supply.new.title"), Wide: true, Error: len(d.Errors) > 0, D: d})
}

// longField is a value that may be longer than others, such as the boxes of a whole lot.
func (q *request) longField(name string) string { return strings.TrimSpace(q.FormValue(name)) }

func (h *handler) previewVerdict(q *request) error {
	q.back = "/supply/cases/new"
	a, err := q.actor()
	if err != nil {
		return err
	}
	d := newVerdictData{
		Action: q.field("action"), Case: q.field("case"), Boxes: q.longField("boxes"), Reason: q.field("reason"), Evidence: q.longField("evidence"),
		Kilometres: q.field("km"), Days: q.field("days"), All: q.field("all"),
	}
	v, err := h.svc.Supply(q.Context(), a)
	if err != nil {
		return err
	}
	w := d.wish(q, v)
	d.Count = len(w.Boxes)
	if len(d.Errors) > 0 {
		return h.showNewVerdict(q, d)
	}
	draft, err := h.svc.PreviewVerdict(q.Context(), a, w)
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
		d.Errors = append(d.Errors, fieldError{field, q.words(key, "what", boxIn(e.Detail))})
		return h.showNewVerdict(q, d)
	}
	if err != nil {
		return err
	}
	return q.redirect("/supply/cases/draft/" + draft.Digest)
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
func (d *newVerdictData) wish(q *request, v *room.View) room.Wish {
	wrong := func(field, key string, kv ...any) {
		d.Errors = append(d.Errors, fieldError{field, q.words(key, kv...)})
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
		for _, k := range q.boxesOf(v, all.Get) { // what may not go there from where it is, such as what is destroyed already, is left out
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

func (q *request) planData(v *room.View, p *order.Plan) planData {
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

func (h *handler) verdictDraft(q *request) error {
	v, a, err := q.supply()
	if err != nil {
		return err
	}
	d, err := h.svc.VerdictDraft(q.Context(), a, q.PathValue("digest"))
	if err != nil {
		return err
	}
	data := draftData{q.planData(v, d.Plan), d.Digest, d.Plan.Verdict.Asked == room.Name(approval.Who{Key: a.Key, Role: a.Role})}
	data.Digest = d.Digest
	return q.show(http.StatusOK, "supplydraft", view{Title: q.words("supply.draft.title"), Wide: true, D: data})
}

func (h *handler) askVerdict(q *request) error {
	digest := q.field("plan")
	q.back, q.again = "/supply/cases/draft/"+pathSegment(digest), []string{"plan"}
	a, err := q.actor()
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
	return q.redirect(casePath(r.ID))
}

func casePath(id int64) string { return "/supply/cases/" + strconv.FormatInt(id, 10) }

type caseData struct {
	planData
	ID                  int64
	State               string // catalogue key
	Open                bool
	AskedAt, Lapses     time.Time
	Mine, MayAgree      bool
	MayDecline          bool
	AgreedAt            time.Time
	Agreed              string
	Declined            string // why
	DoneAt              time.Time
	Done, Refused       bool
	Outcome             room.Outcome
	Raw                 string // an outcome that is no sum, such as why it was refused
	Doing               bool
	Moved, All, Percent int
	Error               string // of the form
	Why                 string
}

func (q *request) caseID() (int64, error) {
	id, err := strconv.ParseInt(q.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, &walk.Error{Code: walk.NotFound, Detail: "there is no such case"}
	}
	return id, nil
}

func (h *handler) supplyCase(q *request) error { return h.showCase(q, http.StatusOK, "") }

func (h *handler) showCase(q *request, status int, wrong string) error {
	v, a, err := q.supply()
	if err != nil {
		return err
	}
	id, err := q.caseID()
	if err != nil {
		return err
	}
	c, err := h.svc.Verdict(q.Context(), a, id)
	if err != nil {
		return err
	}
	now := h.svc.Now()
	st := c.State(now)
	d := caseData{
		planData: q.planData(v, c.Plan), ID: id, State: caseStates[st], Open: st.Open(), AskedAt: c.AskedAt, Lapses: c.Lapses, Mine: c.Asked.Key == a.Key,
		MayAgree: walk.May(a, walk.AgreeVerdict) && c.MayAgree(approval.Who{Key: a.Key, Role: a.Role}, now), Error: wrong,
		Done: st == approval.Done, Doing: st == approval.Agreed || st == approval.Begun, Moved: c.Moved, All: c.Moves, Why: q.field("why"),
	}
	d.MayDecline = walk.May(a, walk.AgreeVerdict) && !d.Mine && (st == approval.Asked || st == approval.Agreed)
	d.Digest = fmt.Sprintf("%x", c.Request.Digest)
	if n := len(c.Request.Agreed); n > 0 {
		d.AgreedAt, d.Agreed = c.Request.Agreed[n-1].At, room.Name(c.Request.Agreed[n-1].Who)
	}
	if st == approval.Declined {
		d.Declined = c.Ended.Why
	}
	if d.All > 0 {
		d.Percent = 100 * d.Moved / d.All
	}
	again := 0
	if d.Doing {
		again = 2
	}
	if d.Done {
		var ok bool
		d.DoneAt = c.Request.Done.At
		if d.Outcome, ok = room.ParseOutcome(c.Request.Done.Why); !ok {
			d.Refused, d.Raw = true, strings.TrimPrefix(c.Request.Done.Why, "not done: ")
		}
	}
	return q.show(status, "supplycase", view{Title: q.words("supply.case.title", "n", strconv.FormatInt(id, 10)), Wide: true, Again: again, Error: wrong != "", D: d})
}

// onCase does something to a request and goes back to its page, also where that says why it was refused.
func (h *handler) onCase(q *request, do func(walk.Actor, int64) error) error {
	id, err := q.caseID()
	if err != nil {
		return err
	}
	q.back = casePath(id)
	a, err := q.actor()
	if err != nil {
		return err
	}
	err = do(a, id)
	if e, ok := errors.AsType[*walk.Error](err); ok {
		switch {
		case e.Field == "own":
			return h.showCase(q, http.StatusForbidden, q.words("supply.case.wrong.own"))
		case e.Code == walk.Conflict:
			return h.showCase(q, http.StatusConflict, q.words("supply.case.wrong.state"))
		}
	}
	if err != nil {
		return err
	}
	return q.redirect(q.back)
}

func (h *handler) agreeVerdict(q *request) error {
	return h.onCase(q, func(a walk.Actor, id int64) error {
		digest, err := approval.ParseDigest(q.field("digest"))
		if err != nil {
			return &walk.Error{Code: walk.Conflict, Field: "changed", Detail: "digest: " + err.Error()}
		}
		_, err = h.svc.AgreeVerdict(q.Context(), a, id, digest)
		return err
	})
}

func (h *handler) declineVerdict(q *request) error {
	if q.field("why") == "" {
		return h.showCase(q, http.StatusUnprocessableEntity, q.words("supply.case.wrong.why"))
	}
	return h.onCase(q, func(a walk.Actor, id int64) error {
		_, err := h.svc.DeclineVerdict(q.Context(), a, id, q.field("why"))
		return err
	})
}

func (h *handler) withdrawVerdict(q *request) error {
	return h.onCase(q, func(a walk.Actor, id int64) error {
		_, err := h.svc.WithdrawVerdict(q.Context(), a, id)
		return err
	})
}
