package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"charye/approval"
	"charye/site"
	"charye/supply"
	"charye/supply/delivery"
	"charye/supply/room"
	"charye/supply/trace"
	"charye/walk"
)

// supplyBase is where the pages of the supply room are. They are pages for staff: sign-in, roles and the way out are those of the desk.
const supplyBase = "/supply"

// SupplyService is what the pages of the supply room use of [walk.Walk].
type SupplyService interface {
	Supply(ctx context.Context, a walk.Actor) (*room.View, error)
	Deliveries(ctx context.Context, a walk.Actor) (*delivery.Plan, error)
	PreviewVerdict(ctx context.Context, a walk.Actor, w room.Wish) (room.Making, error)
	PreviewedVerdict(ctx context.Context, a walk.Actor, name string) (room.Making, error)
	PreviewedVerdicts(ctx context.Context, a walk.Actor) ([]room.Making, error)
	RetryPreview(ctx context.Context, a walk.Actor, name string) (room.Making, error)
	VerdictDraft(ctx context.Context, a walk.Actor, digest string) (room.Draft, error)
	AskVerdict(ctx context.Context, a walk.Actor, digest string) (approval.Request, error)
	AgreeVerdict(ctx context.Context, a walk.Actor, id int64, digest approval.Digest) (approval.Request, error)
	DeclineVerdict(ctx context.Context, a walk.Actor, id int64, why string) (approval.Request, error)
	WithdrawVerdict(ctx context.Context, a walk.Actor, id int64) (approval.Request, error)
	Verdicts(ctx context.Context, a walk.Actor, before int64, limit int) ([]approval.Request, error)
	Verdict(ctx context.Context, a walk.Actor, id int64) (room.Case, error)
}

// supplyTable lists the pages of the supply room.
func (h *handler) supplyTable() []deskRoute {
	return []deskRoute{
		{pattern: "GET /supply", act: walk.SeeSupply, f: h.supplyHome},
		{pattern: "GET /supply/{$}", act: walk.SeeSupply, f: h.supplyHome},
		{pattern: "GET /supply/find", act: walk.SeeSupply, f: h.supplyFind},
		{pattern: "GET /supply/alarms", act: walk.SeeSupply, f: h.supplyAlarms},
		{pattern: "GET /supply/alarms/{seq}", act: walk.SeeSupply, f: h.supplyAlarm},
		{pattern: "GET /supply/sites", act: walk.SeeSupply, f: h.supplySites},
		{pattern: "GET /supply/boxes", act: walk.SeeSupply, f: h.supplyBoxes},
		{pattern: "GET /supply/boxes/{sscc}", act: walk.SeeSupply, f: h.supplyBox},
		{pattern: "GET /supply/boxes/{sscc}/journey.json", act: walk.SeeSupply, f: h.supplyJourney},
		{pattern: "GET /supply/readings", act: walk.SeeSupply, f: h.supplyScope},
		{pattern: "GET /supply/deliveries", act: walk.SeeSupply, f: h.supplyDeliveries},
		{pattern: "GET /supply/deliveries.csv", act: walk.SeeSupply, f: h.deliveriesFile},
		{pattern: "GET /supply/cases", act: walk.SeeSupply, f: h.supplyCases},
		{pattern: "GET /supply/cases/new", act: walk.AskVerdict, f: h.newVerdict},
		{pattern: "POST /supply/cases/new", act: walk.AskVerdict, f: h.previewVerdict},
		{pattern: "GET /supply/cases/draft/{digest}", act: walk.AskVerdict, f: h.verdictDraft},
		{pattern: "GET /supply/cases/making/{name}", act: walk.AskVerdict, f: h.makingVerdict},
		{pattern: "POST /supply/cases/making/{name}/again", act: walk.AskVerdict, f: h.retryPreview},
		{pattern: "POST /supply/cases", act: walk.AskVerdict, f: h.askVerdict},
		{pattern: "GET /supply/cases/{id}", act: walk.SeeSupply, f: h.supplyCase},
		{pattern: "POST /supply/cases/{id}/agree", act: walk.AgreeVerdict, f: h.agreeVerdict},
		{pattern: "POST /supply/cases/{id}/decline", act: walk.AgreeVerdict, f: h.declineVerdict},
		{pattern: "POST /supply/cases/{id}/withdraw", act: walk.AskVerdict, f: h.withdrawVerdict},
	}
}

func (h *handler) supplyRoutes() {
	for _, r := range h.supplyTable() {
		h.mux.Handle(r.pattern, h.pageAt(deskBase, r.guarded()))
	}
	h.mux.Handle("/supply/", h.pageAt(deskBase, func(*request) error {
		return &walk.Error{Code: walk.NotFound, Detail: "there is no such page"}
	}))
}

// supply gives the room as it stands, with who is asking.
func (q *request) supply() (*room.View, walk.Actor, error) {
	a, err := q.actor()
	if err != nil {
		return nil, a, err
	}
	v, err := q.h.svc.Supply(q.Context(), a)
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

func (q *request) supplyState(v *room.View) supplyState {
	return supplyState{v.At, v.Read, q.h.svc.Now().Sub(v.At) > staleAfter*time.Second}
}

// pages is where in a list a page is; From and To count from 1.
type pages struct {
	From, To, Total int
	Before, After   string // addresses; empty: there is none
}

// paged gives the rows of this request's page, and where it is.
func (q *request) from() int {
	n, err := strconv.Atoi(q.field("from"))
	if err != nil || n < 0 || n > 10_000_000 {
		return 0
	}
	return n
}

func (q *request) pages(from, shown, total int) pages {
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

func (h *handler) supplyHome(q *request) error {
	v, a, err := q.supply()
	if err != nil {
		return err
	}
	return h.showSupplyHome(q, v, a, "")
}

func (h *handler) showSupplyHome(q *request, v *room.View, a walk.Actor, notFound string) error {
	d := supplyHomeData{supplyState: q.supplyState(v), Open: v.Open, Find: notFound, NotFound: notFound != "", Problems: len(v.Problems), Asks: walk.May(a, walk.AskVerdict), Plans: len(h.svc.Programme().Shipping) > 0}
	for i := range part(v.Alarms, 0, supplyAlarms) {
		if x := &v.Alarms[i]; x.Needs() {
			d.Alarms = append(d.Alarms, q.alarmRow(v, x))
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
	if d.Cases, err = q.openCases(a); err != nil {
		return err
	}
	status := http.StatusOK
	if d.NotFound {
		status = http.StatusNotFound
	}
	return q.show(status, "supply", view{Title: q.words("supply.title"), Wide: true, D: d})
}

// supplyFind goes to what a text names: a box, a site by its GLN or number, a lot, or sites by name.
func (h *handler) supplyFind(q *request) error {
	v, a, err := q.supply()
	if err != nil {
		return err
	}
	text := q.field("q")
	compact := strings.NewReplacer(" ", "", "(", "", ")", "").Replace(text)
	if len(compact) == 20 {
		compact = strings.TrimPrefix(compact, "00") // the label's element string
	}
	if k, ok := trace.SSCCOf(compact); ok {
		if _, known := v.Trace.Box(k); known {
			return q.redirect(boxPath(k))
		}
	}
	if g, err := supply.ParseGLN(compact); err == nil {
		place := "https://id.gs1.org/414/" + g.String()
		if n := v.SiteOf(place); n != 0 {
			if at, ok := v.Sites.ByNum(n); ok {
				return q.redirect(sitePath(at))
			}
		}
		if len(v.Boxes(room.Filter{Place: place})) > 0 {
			return q.redirect(withQuery("/supply/boxes", "place", place))
		}
	}
	if at, ok := v.Sites.ByID(text); ok {
		return q.redirect(sitePath(at))
	}
	if text != "" && len(v.Trace.OfLot(text)) > 0 {
		return q.redirect(withQuery("/supply/boxes", "lot", text))
	}
	if _, n := v.SitesOf("", text, 0, 1); text != "" && n > 0 {
		return q.redirect(withQuery("/supply/sites", "q", text))
	}
	if strings.Contains(text, ":") && len(v.Boxes(room.Filter{Place: text})) > 0 {
		return q.redirect(withQuery("/supply/boxes", "place", text))
	}
	return h.showSupplyHome(q, v, a, text)
}

func boxPath(k supply.SSCC) string { return "/supply/boxes/" + k.String() }

func sitePath(at site.Site) string { return withQuery("/supply/boxes", "site", at.ID) }

type supplySitesData struct {
	supplyState
	Region, Find string
	Regions      []room.Region
	Sites        []room.Shelf
	Pages        pages
}

func (h *handler) supplySites(q *request) error {
	v, _, err := q.supply()
	if err != nil {
		return err
	}
	d := supplySitesData{supplyState: q.supplyState(v), Region: q.field("region"), Find: q.field("q")}
	d.Regions, _, _ = v.Regions()
	from := q.from()
	var total int
	d.Sites, total = v.SitesOf(d.Region, d.Find, from, supplyPage)
	d.Pages = q.pages(from, len(d.Sites), total)
	return q.show(http.StatusOK, "supplysites", view{Title: q.words("supply.sites.title"), Wide: true, D: d})
}

type boxRow struct {
	ID, Lot, Product, Where string
	Left, Doses             int
	State                   string // catalogue key
	Doubt                   string // catalogue key; empty: none
}

type supplyBoxesData struct {
	supplyState
	Site     *site.Site
	Stock    room.Stock
	Booked   int
	Lot      string
	Place    string
	Scope    string // address of what they touch
	Boxes    []boxRow
	Pages    pages
	Products []productStock
}

type productStock struct {
	Name         string
	Usable, Held int
}

func (q *request) boxRow(v *room.View, k supply.SSCC) boxRow {
	b, _ := v.Trace.Box(k)
	r := boxRow{
		ID: k.String(), Lot: b.Lot.ID, Product: q.productName(b.Product), Where: q.placeName(v, b.Place, b.Site), Left: b.Left(), Doses: b.Doses(),
		State: stateNames[v.Register.State(k)],
	}
	if d, ok := v.Doubt(k); ok {
		r.Doubt = causeNames[d.Cause]
	}
	return r
}

func (h *handler) supplyBoxes(q *request) error {
	v, _, err := q.supply()
	if err != nil {
		return err
	}
	d := supplyBoxesData{supplyState: q.supplyState(v), Lot: q.field("lot"), Place: q.field("place")}
	f := room.Filter{Lot: d.Lot, Place: d.Place}
	title := q.words("supply.boxes.title")
	if id := q.field("site"); id != "" {
		at, ok := v.Sites.ByID(id)
		if !ok {
			return &walk.Error{Code: walk.NotFound, Detail: "site: there is no such site"}
		}
		d.Site, f.Site, title = &at, at.Num, at.Name
		d.Stock, d.Booked = v.Shelf(at.Num), v.Booked(at.Num)
	}
	list := v.Boxes(f)
	if d.Site != nil {
		d.Products = q.productsOf(v, list)
	}
	from := q.from()
	for _, k := range part(list, from, supplyPage) {
		d.Boxes = append(d.Boxes, q.boxRow(v, k))
	}
	d.Pages = q.pages(from, len(d.Boxes), len(list))
	if d.Lot != "" {
		d.Scope = withQuery("/supply/readings", "lot", d.Lot)
		title = q.words("supply.lot.title", "lot", d.Lot)
	}
	return q.show(http.StatusOK, "supplyboxes", view{Title: title, Wide: true, D: d})
}

func (q *request) productsOf(v *room.View, list []supply.SSCC) (out []productStock) {
	at := map[string]int{}
	for _, k := range list {
		b, _ := v.Trace.Box(k)
		i, ok := at[b.Product]
		if !ok {
			i = len(out)
			at[b.Product] = i
			out = append(out, productStock{Name: q.productName(b.Product)})
		}
		switch v.Register.State(k) {
		case supply.Usable:
			out[i].Usable += b.Left()
		case supply.Held:
			out[i].Held += b.Left()
		case supply.Recalled, supply.Destroyed:
		}
	}
	return out
}
