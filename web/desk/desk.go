// Package desk is the pages of the call desk and the local offices: callers, their place, temporary registrations, and where staff begin.
//
// It owns what a clerk sees of a caller until the wait; from there on package web mounts the citizens' own pages under the desk's address. It must not
// know of the other faces: to those whose role has work elsewhere it shows the way.
package desk

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/walk"
	"charye/walk/desk"
	"charye/web/page"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Pages are the pages of the call desk and the local offices. Immutable after newDeskPages.
type Pages struct {
	*page.Frame
	svc Service
}

// New makes the pages; it fails when a template is wrong.
func New(f *page.Frame, svc Service) (*Pages, error) {
	return &Pages{Frame: f, svc: svc}, f.AddTemplates(templateFiles)
}

// Service is what the pages of the desk use of those who walk (package walk and those under it).
type Service interface {
	RegisterCaller(ctx context.Context, a walk.Actor, n desk.NewCaller) (person.Recipient, error)
	Caller(ctx context.Context, a walk.Actor, id string) (desk.Caller, error)
	Calls(ctx context.Context, a walk.Actor, campaign string) (desk.Calls, error)
	RemoveCaller(ctx context.Context, a walk.Actor, id string) error
	IssueTemporary(ctx context.Context, a walk.Actor, n desk.NewTemporary) (desk.Temporary, error)
	Now() time.Time
	Campaigns(ctx context.Context) ([]walk.Campaign, error)
	Join(ctx context.Context, a walk.Actor, campaign, recipient string) (p walk.Place, created bool, err error)
	StaffName(k person.Key) string
}

// Routes lists the pages for staff.
func (h *Pages) Routes() []page.Route {
	return []page.Route{
		{Pattern: "GET /desk", Do: h.deskHome},
		{Pattern: "GET /desk/{$}", Do: h.deskHome},
		{Pattern: "POST /desk/role", Do: h.deskRole},

		{Pattern: "GET /desk/callers/new", Act: walk.FindCaller, Do: h.newCaller},
		{Pattern: "POST /desk/callers/new", Act: walk.FindCaller, Do: h.registerCaller},
		{Pattern: "GET /desk/callers/{id}", Act: walk.ServeCaller, Do: h.caller},
		{Pattern: "POST /desk/callers/{id}/join", Act: walk.ServeCaller, Do: h.joinCaller},
		{Pattern: "POST /desk/callers/{id}/remove", Act: walk.ServeCaller, Do: h.removeCaller},
		{Pattern: "GET /desk/calls", Act: walk.ListCallers, Do: h.calls},
		{Pattern: "GET /desk/temporary", Act: walk.IssueTemporary, Do: h.temporaryForm},
		{Pattern: "POST /desk/temporary", Act: walk.IssueTemporary, Do: h.issueTemporary},

		{Pattern: "/desk/", Open: true, Do: page.Missing},
	}
}

func (h *Pages) deskRole(q *page.Request) error {
	if r, ok := person.ParseRole(q.Field("role")); ok && q.Session.Roles.Has(r) {
		h.Cookies.Set(q.W, page.CookieRole, r.String(), person.StaffSessionLife)
	}
	return q.Redirect(page.DeskBase)
}

type roleRow struct{ ID, Name string }

type deskHomeData struct {
	Name      string
	Me        string // the name that stands for them in pages
	Role      string // catalogue key
	Until     time.Time
	Others    []roleRow
	Serves    bool // this role serves callers
	Issues    bool
	Clinic    bool // this role works at a site
	Manages   bool // this role has pages under /manage
	Supply    bool // this role may see the supply room
	Campaigns []page.CampaignCard
}

func (h *Pages) deskHome(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	d := deskHomeData{
		Name: q.Name(), Role: page.RoleNames[a.Role], Until: a.ExpiresAt, Serves: walk.May(a, walk.ServeCaller), Issues: walk.May(a, walk.IssueTemporary),
		Clinic:  walk.May(a, walk.ListVisitors),
		Manages: page.Manages(a), Me: h.svc.StaffName(a.Key),
		Supply: walk.May(a, walk.SeeSupply),
	}
	for r := range a.Roles.All() {
		if r != a.Role {
			d.Others = append(d.Others, roleRow{r.String(), q.Words(page.RoleNames[r])})
		}
	}
	if d.Serves {
		if d.Campaigns, err = h.desked(q); err != nil {
			return err
		}
	}
	return q.Show(http.StatusOK, "desk", page.View{Title: q.Words("desk.title"), D: d})
}

// desked lists the campaigns that take callers today and are not over.
func (h *Pages) desked(q *page.Request) (out []page.CampaignCard, err error) {
	all, err := h.svc.Campaigns(q.Context())
	if err != nil {
		return nil, err
	}
	now := h.svc.Now()
	for _, c := range all {
		if card := q.Card(c, now); c.Desk.On(civil.Of(now, h.Zone)) && card.Joinable {
			out = append(out, card)
		}
	}
	return out, nil
}

type callsData struct {
	desk.Calls
	Now time.Time
}

// callsAgain is after how many seconds a list without script is read again.
const callsAgain = 60

func (h *Pages) calls(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	list, err := h.svc.Calls(q.Context(), a, q.Field("campaign"))
	if err != nil {
		return err
	}
	return q.Show(http.StatusOK, "deskcalls", page.View{Title: q.Words("desk.calls.title"), Refresh: callsAgain, D: callsData{list, h.svc.Now()}})
}

type callerData struct {
	desk.Caller
	Card    page.CampaignCard
	Why     string // why they may not take a place
	Turn    bool
	WaitURL string
}

func (h *Pages) caller(q *page.Request) error {
	a, err := q.Actor()
	if err != nil {
		return err
	}
	c, err := h.svc.Caller(q.Context(), a, q.PathValue("id"))
	if err != nil {
		return err
	}
	d := callerData{Caller: c, Card: q.Card(c.Campaign, h.svc.Now()), WaitURL: q.Path(c.Campaign.ID, "wait", c.ID)}
	if c.Why != nil {
		d.Why = h.whyNotCaller(q, c)
	}
	if p := c.Place; p != nil {
		d.Turn = page.WaitState(c.Campaign.State, p.State, !h.svc.Now().Before(c.Campaign.Opens)) == page.WaitTurn || !p.KeptUntil.IsZero()
	}
	return q.Show(http.StatusOK, "deskcaller", page.View{Title: c.Name, D: d})
}

// whyNotCaller gives the reason in the reader's language.
func (h *Pages) whyNotCaller(q *page.Request, c desk.Caller) string {
	if later, ok := errors.AsType[*walk.ComesLater](c.Why); ok {
		when, err := q.Lang.When(later.From)
		if err != nil {
			h.Log.ErrorContext(q.Context(), "catalogue", slog.Any("err", err))
		}
		return q.Words("campaign.rota.text", "time", when)
	}
	switch born := c.Campaign.Born; {
	case page.CodeOf(c.Why) == walk.HelperNotAllowed:
		return q.Words("desk.why.closed")
	case born != nil && (c.Born < born.From || c.Born > born.To):
		return q.Words("why.born", "from", q.Plain(born.From), "to", q.Plain(born.To), "born", q.Plain(c.Born))
	case c.Temporary && c.Campaign.Roster != "" && !c.Campaign.Temporary:
		return q.Words("desk.why.temporary")
	case c.Campaign.Roster != "":
		return q.Words("why.roster")
	}
	return q.Words("why.other")
}

func (h *Pages) joinCaller(q *page.Request) error {
	id := q.PathValue("id")
	q.Back, q.Again = page.DeskBase+"/callers/"+page.PathSegment(id), []string{}
	a, err := q.Actor()
	if err != nil {
		return err
	}
	c, err := h.svc.Caller(q.Context(), a, id)
	if err != nil {
		return err
	}
	if _, _, err := h.svc.Join(q.Context(), a, c.Campaign.ID, id); err != nil {
		return err
	}
	return q.Redirect(q.Back)
}

func (h *Pages) removeCaller(q *page.Request) error {
	q.Back, q.Again = page.DeskBase, []string{}
	a, err := q.Actor()
	if err != nil {
		return err
	}
	if err := h.svc.RemoveCaller(q.Context(), a, q.PathValue("id")); err != nil {
		return err
	}
	return q.Redirect(page.DeskBase)
}
