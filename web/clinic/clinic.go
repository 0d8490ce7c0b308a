// Package clinic is the pages of a site's staff on the vaccination day: who comes, who came, what they were given, and what is left over.
//
// It owns how a day is shown and in which words a visit that cannot be is told. It must not name a site: it is that of the session. It must not know of
// the other faces.
package clinic

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/walk"
	"charye/walk/clinic"
	"charye/web/page"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Pages are the pages of a site's staff. Immutable after newClinicPages.
type Pages struct {
	*page.Frame
	svc Service
}

// New makes the pages; it fails when a template is wrong.
func New(f *page.Frame, svc Service) (*Pages, error) {
	return &Pages{Frame: f, svc: svc}, f.AddTemplates(templateFiles)
}

// Service is what the pages of clinics use of those who walk (package walk and those under it).
type Service interface {
	ClinicDay(ctx context.Context, a walk.Actor) (clinic.Day, error)
	FindVisitors(ctx context.Context, a walk.Actor, text string) ([]clinic.Visitor, error)
	Visitor(ctx context.Context, a walk.Actor, booking string, dose int) (clinic.Visitor, error)
	TellVisit(ctx context.Context, a walk.Actor, t clinic.TellVisit) (clinic.Visitor, error)
	OfferLeftovers(ctx context.Context, a walk.Actor, o clinic.OfferLeftovers) (waiting int, err error)
	Now() time.Time
}

// Routes lists the pages of clinics. None of them names a site: it is that of the session.
func (h *Pages) Routes() []page.Route {
	return []page.Route{
		{Pattern: "GET /clinic", Act: walk.ListVisitors, As: person.Clinic, Do: h.clinicDay},
		{Pattern: "GET /clinic/{$}", Act: walk.ListVisitors, As: person.Clinic, Do: h.clinicDay},
		{Pattern: "GET /clinic/print", Act: walk.ListVisitors, As: person.Clinic, Do: h.clinicPrint},
		{Pattern: "GET /clinic/find", Act: walk.ListVisitors, As: person.Clinic, Do: h.clinicFind},
		{Pattern: "GET /clinic/visits/{id}/{dose}", Act: walk.ListVisitors, As: person.Clinic, Do: h.clinicVisit},
		{Pattern: "POST /clinic/visits/{id}/{dose}", Act: walk.TellOfVisit, As: person.Clinic, Do: h.clinicTell},
		{Pattern: "POST /clinic/leftovers", Act: walk.OfferLeftover, As: person.Clinic, Do: h.clinicOffer},
		{Pattern: "GET /clinic/leftovers", Act: walk.ListVisitors, As: person.Clinic, Do: func(q *page.Request) error { return q.Redirect(page.ClinicBase) }},
	}
}

// visitRow is one appointment with where its page is.
type visitRow struct {
	clinic.Visitor
	State string // catalogue key
	Is    string // word of the state
	URL   string
	Why   string // catalogue key; empty: none
}

func visitPath(v *clinic.Visitor) string {
	return page.ClinicBase + "/visits/" + page.PathSegment(v.Booking) + "/" + strconv.Itoa(v.Dose)
}

// visitNames are what the states of a visit are called.
var visitNames = map[booking.VisitState]string{
	booking.Expected: "clinic.state.expected", booking.Arrived: "clinic.state.arrived", booking.Given: "clinic.state.given",
	booking.TurnedAway: "clinic.state.turned", booking.NoShow: "clinic.state.noshow", booking.Spoilt: "clinic.state.spoilt",
}

// turnAwayNames are what the reasons for turning somebody away are called.
var turnAwayNames = map[string]string{
	"fever": "clinic.why.fever", "unwell": "clinic.why.unwell", "not-advised": "clinic.why.advised", "no-vaccine": "clinic.why.vaccine",
	"closed": "clinic.why.closed", "other": "clinic.why.other",
}

func rowOf(v clinic.Visitor) visitRow {
	return visitRow{Visitor: v, State: visitNames[v.State], Is: v.State.String(), URL: visitPath(&v), Why: turnAwayNames[v.Why]}
}

type visitSession struct {
	ID         string
	Start, End time.Time
	Open       bool // not over, or somebody is not settled
	Left       int  // who is still expected or there
	People     []visitRow
}

type productRow struct {
	clinic.SiteProduct
	Until string // suggested time until which leftover doses must be given
}

type clinicDayData struct {
	Site     string
	Day      civil.Date
	Now      time.Time
	Sessions []visitSession
	Products []productRow
	Counts   map[string]int
	Total    int
	More     bool
	Note     string // catalogue key of what has just happened
	About    string // whose booking, by number
	Waiting  int
	Wrong    string // catalogue key of what was wrong with an offer
	Most     int
}

// clinicNotes are what the list can say of what was done.
var clinicNotes = map[string]string{
	"arrived": "clinic.done.arrived", "given": "clinic.done.given", "turned-away": "clinic.done.turned", "no-show": "clinic.done.noshow",
	"expected": "clinic.done.undone", "offered": "clinic.done.offered",
}

func (h *Pages) clinicDay(q *page.Request) error {
	return h.showClinicDay(q, http.StatusOK, "", 0)
}

func (h *Pages) showClinicDay(q *page.Request, status int, wrong string, most int) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	day, err := h.svc.ClinicDay(q.Context(), a)
	if err != nil {
		return err
	}
	d := clinicDayData{Site: day.Site.Name, Day: day.Day, Now: day.Now, More: day.More, Counts: map[string]int{}, Wrong: wrong, Most: most}
	for state := range visitNames {
		n := day.Counts[state]
		d.Counts[strings.ReplaceAll(state.String(), "-", "")] = n
		d.Total += n
	}
	for _, s := range day.Sessions {
		row := visitSession{ID: sessionID(s.Start, h.Zone), Start: s.Start, End: s.End, Open: day.Now.Before(s.End)}
		for _, v := range s.People {
			if v.State == booking.Expected || v.State == booking.Arrived {
				row.Left++
			}
			row.Open = row.Open || v.State == booking.Arrived || v.Missable || v.State == booking.Expected && day.Now.Before(v.Late)
			row.People = append(row.People, rowOf(v))
		}
		d.Sessions = append(d.Sessions, row)
	}
	for _, p := range day.Products {
		d.Products = append(d.Products, productRow{p, suggestedUntil(day, h.Zone)})
	}
	if note := clinicNotes[q.Field("done")]; note != "" && wrong == "" {
		d.Note, d.About = note, q.Field("n")
		d.Waiting, _ = strconv.Atoi(q.Field("waiting"))
	}
	return q.Show(status, "clinic", page.View{Title: q.Words("clinic.title"), Refresh: clinicRefresh, Script: "page.js", Error: wrong != "", D: d})
}

// sessionID is where a session is on the page.
func sessionID(start time.Time, zone *time.Location) string {
	return "s-" + start.In(zone).Format("1504")
}

// clinicRefresh is after how many seconds a list is read again by a browser without a script.
const clinicRefresh = 120

// suggestedUntil is the end of the site's last session, or two hours from now where that is later.
func suggestedUntil(day clinic.Day, zone *time.Location) string {
	until := day.Now.Add(2 * time.Hour)
	for _, s := range day.Sessions {
		if s.End.After(until) {
			until = s.End
		}
	}
	until = until.In(zone)
	if civil.Of(until, zone) != day.Day {
		return "23:59"
	}
	return until.Format("15:04")
}

func (h *Pages) clinicPrint(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	day, err := h.svc.ClinicDay(q.Context(), a)
	if err != nil {
		return err
	}
	d := clinicDayData{Site: day.Site.Name, Day: day.Day, Now: day.Now, More: day.More}
	for _, s := range day.Sessions {
		row := visitSession{Start: s.Start, End: s.End}
		for _, v := range s.People {
			row.People = append(row.People, rowOf(v))
		}
		d.Sessions = append(d.Sessions, row)
	}
	return q.Show(http.StatusOK, "clinicprint", page.View{Title: q.Words("clinic.print.title"), Script: "page.js", D: d})
}

type clinicFindData struct {
	Text  string
	Found []visitRow
	Today civil.Date
	Days  map[string]civil.Date // of those found, by page
}

// Other reports whether an appointment is on another day.
func (d clinicFindData) Other(v visitRow) bool { return d.Days[v.URL] != d.Today }

func (h *Pages) clinicFind(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	text := q.Field("q")
	if text == "" {
		return q.Redirect(page.ClinicBase)
	}
	list, err := h.svc.FindVisitors(q.Context(), a, text)
	if err != nil {
		return err
	}
	d := clinicFindData{Text: text, Today: civil.Of(h.svc.Now(), h.Zone), Days: map[string]civil.Date{}}
	for _, v := range list {
		row := rowOf(v)
		d.Found = append(d.Found, row)
		d.Days[row.URL] = civil.Of(v.Start, h.Zone)
	}
	return q.Show(http.StatusOK, "clinicfind", page.View{Title: q.Words("clinic.find.title"), D: d})
}

// clinicOffer offers leftover doses of open vials.
func (h *Pages) clinicOffer(q *page.Request) error {
	q.Back, q.Again = page.ClinicBase, []string{"campaign", "product", "doses", "until"}
	a, err := q.Actor()
	if err != nil {
		return err
	}
	doses, _ := strconv.Atoi(q.Field("doses"))
	now := h.svc.Now().In(h.Zone)
	until, err := time.ParseInLocation("15:04", q.Field("until"), h.Zone)
	if err != nil {
		return h.showClinicDay(q, http.StatusUnprocessableEntity, "clinic.offer.until", 0)
	}
	at := civil.Of(now, h.Zone).At(until.Hour()*60+until.Minute(), h.Zone)
	waiting, err := h.svc.OfferLeftovers(q.Context(), a, clinic.OfferLeftovers{Campaign: q.Field("campaign"), Product: q.Field("product"), Doses: doses, Until: at})
	if e, ok := errors.AsType[*walk.Error](err); ok {
		switch {
		case e.Field == "doses":
			return h.showClinicDay(q, http.StatusUnprocessableEntity, "clinic.offer.doses", 0)
		case e.Field == "until":
			return h.showClinicDay(q, http.StatusUnprocessableEntity, "clinic.offer.until", 0)
		case e.Code == walk.Closed || e.Code == walk.NotFound:
			return h.showClinicDay(q, http.StatusConflict, "clinic.offer.none", 0)
		}
	}
	if err != nil {
		return err
	}
	return q.Redirect(page.WithQuery(page.ClinicBase, "done", "offered", "waiting", strconv.Itoa(waiting)))
}
