package desk

import (
	"errors"
	"net/http"

	"charye/person"
	"charye/walk"
	"charye/walk/desk"
	"charye/web/page"
)

// bornData are the three boxes of a date of birth, and what is wrong in a form.
type bornData struct {
	Errors           []page.FieldError
	Year, Month, Day string
}

// Wrong gives the message for a field, empty when it is right.
func (d bornData) Wrong(field string) string {
	for _, e := range d.Errors {
		if e.Field == field {
			return e.Text
		}
	}
	return ""
}

func (d *bornData) wrong(q *page.Request, field, key string) {
	d.Errors = append(d.Errors, page.FieldError{Field: field, Text: q.Words(key)})
}

func bornOf(q *page.Request) bornData {
	return bornData{Year: q.Field("year"), Month: q.Field("month"), Day: q.Field("day")}
}

type newCallerData struct {
	bornData
	Campaigns   []page.CampaignCard
	Campaign    string
	Name, Phone string
	Consent     string
	Here        bool // consent in person is possible: a local office
	Issues      bool
}

func (h *Pages) newCaller(q *page.Request) error {
	return h.showNewCaller(q, newCallerData{Campaign: q.Field("campaign")})
}

func (h *Pages) showNewCaller(q *page.Request, d newCallerData) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	d.Here, d.Issues = a.Role == person.Office, walk.May(a, walk.IssueTemporary)
	if d.Campaigns, err = h.desked(q); err != nil {
		return err
	}
	status := http.StatusOK
	if len(d.Errors) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return q.Show(status, "desknew", page.View{Title: q.Words("desk.new.title"), Error: len(d.Errors) > 0, D: d})
}

func (h *Pages) registerCaller(q *page.Request) error {
	q.Back = page.DeskBase + "/callers/new"
	a, err := q.Actor()
	if err != nil {
		return err
	}
	d := newCallerData{
		bornData: bornOf(q), Campaign: q.Field("campaign"), Name: q.Field("name"), Phone: q.Field("phone"), Consent: q.Field("consent"),
	}
	born, bornErr := page.Birthday(d.Year, d.Month, d.Day, h.svc.Now(), h.Zone)
	identity := q.Field("identity")
	for field, missing := range map[string]bool{"identity": identity == "", "name": d.Name == "", "campaign": d.Campaign == ""} {
		if missing {
			d.wrong(q, field, newCallerErrors[field])
		}
	}
	if bornErr != nil {
		d.wrong(q, "born", newCallerErrors["born"])
	}
	if len(d.Errors) > 0 {
		sortErrors(d.Errors)
		return h.showNewCaller(q, d)
	}
	r, err := h.svc.RegisterCaller(q.Context(), a, desk.NewCaller{
		Campaign: d.Campaign, Name: d.Name, Born: born, Identity: identity, Phone: d.Phone, Consent: d.Consent,
	})
	if err == nil {
		return q.Redirect(page.DeskBase + "/callers/" + page.PathSegment(r.ID))
	}
	e, ok := errors.AsType[*walk.Error](err)
	if !ok || e.Code != walk.BadRequest && e.Code != walk.HelperNotAllowed {
		return err
	}
	field := e.Field
	if newCallerErrors[field] == "" {
		field = "unknown"
	}
	at := map[string]string{"unknown": "identity", "code": "identity", "limit": "form"}[field]
	if at == "" {
		at = field
	}
	d.wrong(q, at, newCallerErrors[field])
	return h.showNewCaller(q, d)
}

var newCallerErrors = map[string]string{
	"campaign": "desk.new.error.campaign", "identity": "for.error.identity", "name": "for.error.name", "born": "for.error.born",
	"phone": "contact.error.phone", "consent": "desk.new.error.consent", "unknown": "desk.new.error.unknown", "code": "desk.new.error.code",
	"limit": "desk.new.error.limit",
}

// fieldOrder is the order of the fields on the forms of the desk.
var fieldOrder = []string{"campaign", "identity", "born", "name", "phone", "consent", "paper"}

func sortErrors(list []page.FieldError) {
	at := func(f string) int {
		for i, name := range fieldOrder {
			if name == f {
				return i
			}
		}
		return len(fieldOrder)
	}
	for i := range list {
		for j := i; j > 0 && at(list[j].Field) < at(list[j-1].Field); j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

// paperNames are what the papers are called.
var paperNames = map[person.Paper]string{
	person.PaperPassport: "desk.paper.passport", person.PaperStay: "desk.paper.stay", person.PaperBirth: "desk.paper.birth",
	person.PaperWork: "desk.paper.work", person.PaperWitness: "desk.paper.witness", person.PaperNone: "desk.paper.none",
}

type paperRow struct {
	ID      person.Paper
	Name    string
	Checked bool
}

type temporaryData struct {
	bornData
	Name   string
	Papers []paperRow
	Alike  bool // the office gave one to somebody of this name and date of birth
}

func (h *Pages) temporaryForm(q *page.Request) error {
	return h.showTemporary(q, temporaryData{}, "")
}

func (h *Pages) showTemporary(q *page.Request, d temporaryData, chosen person.Paper) error {
	for _, p := range person.Papers {
		d.Papers = append(d.Papers, paperRow{p, q.Words(paperNames[p]), p == chosen})
	}
	status := http.StatusOK
	if len(d.Errors) > 0 || d.Alike {
		status = http.StatusUnprocessableEntity
	}
	return q.Show(status, "desktemporary", page.View{Title: q.Words("desk.temporary.title"), Error: status != http.StatusOK, D: d})
}

type printData struct {
	desk.Temporary
	Paper string // catalogue key
}

// issueTemporary answers with the page to print: the code is nowhere else, so that there is no address to come back to.
func (h *Pages) issueTemporary(q *page.Request) error {
	q.Back = page.DeskBase + "/temporary"
	a, err := q.Actor()
	if err != nil {
		return err
	}
	d := temporaryData{bornData: bornOf(q), Name: q.Field("name")}
	paper := person.Paper(q.Field("paper"))
	born, bornErr := page.Birthday(d.Year, d.Month, d.Day, h.svc.Now(), h.Zone)
	if bornErr != nil {
		d.wrong(q, "born", "for.error.born")
	}
	if d.Name == "" {
		d.wrong(q, "name", "for.error.name")
	}
	if paperNames[paper] == "" {
		d.wrong(q, "paper", "desk.temporary.error.paper")
	}
	if len(d.Errors) > 0 {
		sortErrors(d.Errors)
		return h.showTemporary(q, d, paper)
	}
	t, err := h.svc.IssueTemporary(q.Context(), a, desk.NewTemporary{Name: d.Name, Born: born, Paper: paper, Anyway: q.Field("anyway") != ""})
	if e, ok := errors.AsType[*walk.Error](err); ok && e.Code == walk.Conflict && e.Field == "anyway" {
		d.Alike = true
		return h.showTemporary(q, d, paper)
	}
	if err != nil {
		return err
	}
	return q.Show(http.StatusOK, "desktemporaryprint", page.View{Title: q.Words("desk.print.title"), Script: "page.js", D: printData{t, paperNames[t.Paper]}})
}
