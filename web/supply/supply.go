// Package supply is the pages of the supply room: what is where, alarms, a box and its journey, what a reading touches, deliveries, and verdicts from a
// preview over four eyes to done.
//
// It owns how the room is shown, in tables, drawings and words. It decides nothing: what is in doubt, who may agree and what follows is in packages
// supply/room and walk. It must not know of the other faces.
package supply

import (
	"context"
	"embed"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"charye/approval"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/journal"
	"charye/supply/room"
	"charye/supply/trace"
	"charye/walk"
	"charye/web/page"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Pages are the pages of the supply room. Immutable after newSupplyPages.
type Pages struct {
	*page.Frame
	svc Service
}

// New makes the pages; it fails when a template is wrong.
func New(f *page.Frame, svc Service) (*Pages, error) {
	return &Pages{Frame: f, svc: svc}, f.AddTemplates(templateFiles)
}

// Service is what the pages of the supply room use of those who walk (package walk and those under it).
type Service interface {
	Supply(ctx context.Context, a walk.Actor) (*room.View, error)
	Deliveries(ctx context.Context, a walk.Actor) (*room.Planned, error)
	PlannedDeparture(ctx context.Context, a walk.Actor, digest string) (room.Departure, error)
	Settlement(ctx context.Context, a walk.Actor, id int64) (*room.View, *journal.Settlement, error)
	SettleDeparture(ctx context.Context, a walk.Actor, digest string) (journal.Event, error)
	WithdrawSettlement(ctx context.Context, a walk.Actor, id int64, why string) (journal.Event, error)
	SettlementShipping(ctx context.Context, a walk.Actor, s *journal.Settlement) ([]byte, error)
	PreviewVerdict(ctx context.Context, a walk.Actor, w room.Wish) (room.Making, error)
	PreviewedVerdict(ctx context.Context, a walk.Actor, name string) (room.Making, error)
	PreviewedVerdicts(ctx context.Context, a walk.Actor) ([]room.Making, error)
	RetryPreview(ctx context.Context, a walk.Actor, name string) (room.Making, error)
	VerdictDraft(ctx context.Context, a walk.Actor, digest string) (room.Draft, error)
	AskVerdict(ctx context.Context, a walk.Actor, digest string) (approval.Request, error)
	People(ctx context.Context, a walk.Actor, id int64, all bool) (room.People, error)
	NotCount(ctx context.Context, a walk.Actor, id int64) (int, error)
	AgreeVerdict(ctx context.Context, a walk.Actor, id int64, digest approval.Digest) (approval.Request, error)
	DeclineVerdict(ctx context.Context, a walk.Actor, id int64, why string) (approval.Request, error)
	WithdrawVerdict(ctx context.Context, a walk.Actor, id int64) (approval.Request, error)
	Verdicts(ctx context.Context, a walk.Actor, before int64, limit int) ([]approval.Request, error)
	Verdict(ctx context.Context, a walk.Actor, id int64) (room.Case, error)
	Now() time.Time
	Programme() *programme.Programme
}

// Routes lists the pages of the supply room.
func (h *Pages) Routes() []page.Route {
	return []page.Route{
		{Pattern: "GET /supply", Act: walk.SeeSupply, Do: h.supplyHome},
		{Pattern: "GET /supply/{$}", Act: walk.SeeSupply, Do: h.supplyHome},
		{Pattern: "GET /supply/find", Act: walk.SeeSupply, Do: h.supplyFind},
		{Pattern: "GET /supply/alarms", Act: walk.SeeSupply, Do: h.supplyAlarms},
		{Pattern: "GET /supply/alarms/{seq}", Act: walk.SeeSupply, Do: h.supplyAlarm},
		{Pattern: "GET /supply/sites", Act: walk.SeeSupply, Do: h.supplySites},
		{Pattern: "GET /supply/boxes", Act: walk.SeeSupply, Do: h.supplyBoxes},
		{Pattern: "GET /supply/boxes/{sscc}", Act: walk.SeeSupply, Do: h.supplyBox},
		{Pattern: "GET /supply/boxes/{sscc}/journey.json", Act: walk.SeeSupply, Do: h.supplyJourney},
		{Pattern: "GET /supply/readings", Act: walk.SeeSupply, Do: h.supplyScope},
		{Pattern: "GET /supply/deliveries", Act: walk.SeeSupply, Do: h.supplyDeliveries},
		{Pattern: "GET /supply/deliveries.csv", Act: walk.SeeSupply, Do: h.deliveriesFile},
		{Pattern: "GET " + departurePath, Act: walk.SeeSupply, Do: h.departure},
		{Pattern: "POST " + departurePath, Act: walk.SettleDelivery, Do: h.settleDeparture},
		{Pattern: "GET " + settledPath, Act: walk.SeeSupply, Do: h.settlements},
		{Pattern: "GET " + settledPath + "/{id}", Act: walk.SeeSupply, Do: h.settlement},
		{Pattern: "GET " + settledPath + "/{id}/boxes.csv", Act: walk.SeeSupply, Do: h.packingFile},
		{Pattern: "GET " + settledPath + "/{id}/shipping.json", Act: walk.SeeSupply, Do: h.shippingFile},
		{Pattern: "POST " + settledPath + "/{id}/withdraw", Act: walk.SettleDelivery, Do: h.withdrawSettlement},
		{Pattern: "GET /supply/cases", Act: walk.SeeSupply, Do: h.supplyCases},
		{Pattern: "GET /supply/cases/new", Act: walk.AskVerdict, Do: h.newVerdict},
		{Pattern: "POST /supply/cases/new", Act: walk.AskVerdict, Do: h.previewVerdict},
		{Pattern: "GET /supply/cases/draft/{digest}", Act: walk.AskVerdict, Do: h.verdictDraft},
		{Pattern: "GET /supply/cases/making/{name}", Act: walk.AskVerdict, Do: h.makingVerdict},
		{Pattern: "POST /supply/cases/making/{name}/again", Act: walk.AskVerdict, Do: h.retryPreview},
		{Pattern: "POST /supply/cases", Act: walk.AskVerdict, Do: h.askVerdict},
		{Pattern: "GET /supply/cases/{id}", Act: walk.SeeSupply, Do: h.supplyCase},
		{Pattern: "GET /supply/people/{id}", Act: walk.SeeSupply, Do: h.people},
		{Pattern: "GET /supply/people/{id}/list.csv", Act: walk.SeeSupply, Do: h.peopleFile},
		{Pattern: "POST /supply/people/{id}", Act: walk.AskVerdict, Do: h.notCount},
		{Pattern: "POST /supply/cases/{id}/agree", Act: walk.AgreeVerdict, Do: h.agreeVerdict},
		{Pattern: "POST /supply/cases/{id}/decline", Act: walk.AgreeVerdict, Do: h.declineVerdict},
		{Pattern: "POST /supply/cases/{id}/withdraw", Act: walk.AskVerdict, Do: h.withdrawVerdict},
		{Pattern: "/supply/", Open: true, Do: page.Missing},
	}
}

// supply gives the room as it stands, with who is asking.
func (h *Pages) supply(q *page.Request) (*room.View, walk.Actor, error) {
	a, err := q.Actor()
	if err != nil {
		return nil, a, err
	}
	v, err := h.svc.Supply(q.Context(), a)
	return v, a, err
}

const (
	supplyPage   = 50  // rows of a table
	supplyAlarms = 5   // on the first page
	supplyMost   = 20  // of each kind in a tree
	staleAfter   = 300 // seconds after which a view is called old
)

// supplyState is when a page's state is of.
type supplyState struct {
	AsOf  time.Time
	Read  int
	Stale bool
}

func (h *Pages) supplyState(q *page.Request, v *room.View) supplyState {
	return supplyState{v.At, v.Read, h.svc.Now().Sub(v.At) > staleAfter*time.Second}
}

// pages is where in a list a page is; From and To count from 1.
type pages struct {
	From, To, Total int
	Before, After   string // addresses; empty: there is none
}

// paged gives the rows of this request's page, and where it is.
func (h *Pages) from(q *page.Request) int {
	n, err := strconv.Atoi(q.Field("from"))
	if err != nil || n < 0 || n > 10_000_000 {
		return 0
	}
	return n
}

func (h *Pages) pages(q *page.Request, from, shown, total int) pages {
	p := pages{From: min(from+1, total), To: from + shown, Total: total}
	at := func(n int) string {
		v := q.URL.Query()
		v.Set("from", strconv.Itoa(n))
		if n == 0 {
			v.Del("from")
		}
		return withQueryValues(q.URL.Path, v)
	}
	if from > 0 {
		p.Before = at(max(0, from-supplyPage))
	}
	if from+shown < total {
		p.After = at(from + shown)
	}
	return p
}

func withQueryValues(path string, v url.Values) string {
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

func part[T any](list []T, from, n int) []T {
	if from >= len(list) {
		return nil
	}
	return list[from:min(from+n, len(list))]
}

type supplyHomeData struct {
	supplyState
	Alarms   []alarmRow
	Open     int
	Regions  []stockRow
	Transit  stockRow
	Depots   stockRow
	All      room.Region
	Find     string
	NotFound bool
	Problems int
	Cases    []caseRow // that wait for somebody to agree
	Asks     bool
	Plans    bool // the programme says how boxes are shipped
}

func (h *Pages) supplyHome(q *page.Request) error {
	v, a, err := h.supply(q)
	if err != nil {
		return err
	}
	return h.showSupplyHome(q, v, a, "")
}

func (h *Pages) showSupplyHome(q *page.Request, v *room.View, a walk.Actor, notFound string) error {
	d := supplyHomeData{supplyState: h.supplyState(q, v), Open: v.Open, Find: notFound, NotFound: notFound != "", Problems: len(v.Problems), Asks: walk.May(a, walk.AskVerdict), Plans: len(h.svc.Programme().Shipping) > 0}
	for i := range part(v.Alarms, 0, supplyAlarms) {
		if x := &v.Alarms[i]; x.Needs() {
			d.Alarms = append(d.Alarms, h.alarmRow(q, v, x))
		}
	}
	regions, transit, depots := v.Regions()
	rows := stockRows(regions, transit, depots)
	d.Regions, d.Transit, d.Depots = rows[:len(regions)], rows[len(regions)], rows[len(regions)+1]
	for _, r := range rows {
		d.All.Sites += r.Sites
		d.All.Boxes += r.Boxes
		d.All.Usable += r.Usable
		d.All.Held += r.Held
		d.All.Doubt += r.Doubt
	}
	var err error
	if d.Cases, err = h.openCases(q, a); err != nil {
		return err
	}
	status := http.StatusOK
	if d.NotFound {
		status = http.StatusNotFound
	}
	return q.Show(status, "supply", page.View{Title: q.Words("supply.title"), Wide: true, D: d})
}

// supplyFind goes to what a text names: a box, a vial, what a label is of, a site by its GLN or number, a lot, or sites by name.
func (h *Pages) supplyFind(q *page.Request) error {
	v, a, err := h.supply(q)
	if err != nil {
		return err
	}
	text := q.Field("q")
	compact := strings.NewReplacer(" ", "", "(", "", ")", "").Replace(text)
	if len(compact) == 20 {
		compact = strings.TrimPrefix(compact, "00") // the label's element string
	}
	if k, ok := trace.SSCCOf(compact); ok {
		if _, known := v.Trace.Box(k); known {
			return q.Redirect(boxPath(k))
		}
	}
	if to, ok := findLabel(v, text); ok {
		return q.Redirect(to)
	}
	if g, err := supply.ParseGLN(compact); err == nil {
		place := "https://id.gs1.org/414/" + g.String()
		if n := v.SiteOf(place); n != 0 {
			if at, ok := v.Sites.ByNum(n); ok {
				return q.Redirect(sitePath(at))
			}
		}
		if len(v.Boxes(room.Filter{Place: place})) > 0 {
			return q.Redirect(page.WithQuery("/supply/boxes", "place", place))
		}
	}
	if at, ok := v.Sites.ByID(text); ok {
		return q.Redirect(sitePath(at))
	}
	if text != "" && len(v.Trace.OfLot(text)) > 0 {
		return q.Redirect(page.WithQuery("/supply/boxes", "lot", text))
	}
	if _, n := v.SitesOf("", text, 0, 1); text != "" && n > 0 {
		return q.Redirect(page.WithQuery("/supply/sites", "q", text))
	}
	if strings.Contains(text, ":") && len(v.Boxes(room.Filter{Place: text})) > 0 {
		return q.Redirect(page.WithQuery("/supply/boxes", "place", text))
	}
	return h.showSupplyHome(q, v, a, text)
}

func boxPath(k supply.SSCC) string { return "/supply/boxes/" + k.String() }

func sitePath(at site.Site) string { return page.WithQuery("/supply/boxes", "site", at.ID) }
