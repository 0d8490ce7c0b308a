package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/internal/weak"
	"charye/person"
	"charye/walk"
	"charye/walk/desk"
)

// deskBase is where the pages of the call desk and the local offices are.
const deskBase = "/desk"

// DeskService is what the pages of the desk use of [walk.Walk] beside what citizens' pages use.
type DeskService interface {
	RegisterCaller(ctx context.Context, a walk.Actor, n desk.NewCaller) (person.Recipient, error)
	Caller(ctx context.Context, a walk.Actor, id string) (desk.Caller, error)
	Calls(ctx context.Context, a walk.Actor, campaign string) (desk.Calls, error)
	RemoveCaller(ctx context.Context, a walk.Actor, id string) error
	IssueTemporary(ctx context.Context, a walk.Actor, n desk.NewTemporary) (desk.Temporary, error)
}

// deskRoute is a page for staff; act is what it is for, empty where any session of staff will do, or none yet.
type deskRoute struct {
	pattern string
	act     walk.Act
	open    bool // before the sign-in
	f       action
}

// deskTable lists the pages for staff. Those under /desk/c and /desk/bookings are the citizens' own, for a caller.
func (h *handler) deskTable() []deskRoute {
	return []deskRoute{
		{pattern: "GET /desk", f: h.deskHome},
		{pattern: "GET /desk/{$}", f: h.deskHome},
		{pattern: "GET /desk/sign-in", open: true, f: h.deskSignIn},
		{pattern: "GET /desk/sign-in/{provider}", open: true, f: h.signInBegin},
		{pattern: "POST /desk/sign-out", open: true, f: h.deskSignOut},
		{pattern: "POST /desk/role", f: h.deskRole},

		{pattern: "GET /desk/callers/new", act: walk.FindCaller, f: h.newCaller},
		{pattern: "POST /desk/callers/new", act: walk.FindCaller, f: h.registerCaller},
		{pattern: "GET /desk/callers/{id}", act: walk.ServeCaller, f: h.caller},
		{pattern: "POST /desk/callers/{id}/join", act: walk.ServeCaller, f: h.joinCaller},
		{pattern: "POST /desk/callers/{id}/remove", act: walk.ServeCaller, f: h.removeCaller},
		{pattern: "GET /desk/calls", act: walk.ListCallers, f: h.calls},
		{pattern: "GET /desk/temporary", act: walk.IssueTemporary, f: h.temporaryForm},
		{pattern: "POST /desk/temporary", act: walk.IssueTemporary, f: h.issueTemporary},

		{pattern: "GET /desk/c/{campaign}/wait", act: walk.ServeCaller, f: h.wait},
		{pattern: "POST /desk/c/{campaign}/enter", act: walk.ServeCaller, f: h.enter},
		{pattern: "GET /desk/c/{campaign}/takeover", act: walk.ServeCaller, f: h.takeover},
		{pattern: "GET /desk/c/{campaign}/sites", act: walk.ServeCaller, f: h.sites},
		{pattern: "GET /desk/c/{campaign}/sites/{site}", act: walk.ServeCaller, f: h.site},
		{pattern: "POST /desk/c/{campaign}/hold", act: walk.ServeCaller, f: h.hold},
		{pattern: "GET /desk/c/{campaign}/confirm", act: walk.ServeCaller, f: h.confirm},
		{pattern: "POST /desk/c/{campaign}/confirm", act: walk.ServeCaller, f: h.book},
		{pattern: "GET /desk/bookings/{id}", act: walk.ServeCaller, f: h.receipt},
		{pattern: "GET /desk/bookings/{id}/calendar.ics", act: walk.ServeCaller, f: h.calendar},
		{pattern: "GET /desk/bookings/{id}/change", act: walk.ServeCaller, f: h.changePage},
		{pattern: "GET /desk/bookings/{id}/change/sites", act: walk.ServeCaller, f: h.changeSites},
		{pattern: "POST /desk/bookings/{id}/change", act: walk.ServeCaller, f: h.change},
		{pattern: "GET /desk/bookings/{id}/cancel", act: walk.ServeCaller, f: h.cancelPage},
		{pattern: "POST /desk/bookings/{id}/cancel", act: walk.ServeCaller, f: h.cancel},
	}
}

func (h *handler) deskRoutes() {
	for _, r := range h.deskTable() {
		h.mux.Handle(r.pattern, h.pageAt(deskBase, r.guarded()))
	}
	h.mux.Handle("/desk/", h.pageAt(deskBase, func(*request) error {
		return &walk.Error{Code: walk.NotFound, Detail: "there is no such page"}
	}))
}

// guarded lets in whom the page is for. Package walk asks again at every step; here it keeps away also from pages that show nothing
// personal, such as a form or a list of sites.
func (r deskRoute) guarded() action {
	if r.open {
		return r.f
	}
	return func(q *request) error {
		a, err := q.actor()
		if err != nil {
			return err
		}
		if r.act != "" && !walk.May(a, r.act) {
			return &walk.Error{Code: walk.NotAllowed, Detail: "this role is not for that"}
		}
		return r.f(q)
	}
}

// readSession finds out who is asking. The pages of staff read one cookie and those of citizens another, and neither takes the other's
// session.
func (h *handler) readSession(q *request) {
	name, staff := cookieSession, false
	if q.base != "" {
		name, staff = cookieStaff, true
	}
	token := h.cookies.get(q.Request, name)
	if token == "" {
		return
	}
	s, err := h.signIn.Verify(token)
	if err != nil || s.IsStaff() != staff && !weak.Off(weak.Apart) {
		return
	}
	if staff {
		over, err := h.svc.SessionEnded(q.Context(), s)
		if err != nil {
			q.unknown = err
		}
		if over || err != nil {
			return
		}
	}
	q.session, q.token = &s, token
	if staff {
		q.role = roleOf(s.Roles, h.cookies.get(q.Request, cookieRole))
	}
}

// roleOf chooses what somebody with several roles acts as: what they chose, else the first that serves callers.
func roleOf(all person.Roles, chosen string) person.Role {
	if r, ok := person.ParseRole(chosen); ok && all.Has(r) {
		return r
	}
	for _, r := range walk.DeskRoles {
		if all.Has(r) {
			return r
		}
	}
	for r := range all.All() {
		return r
	}
	return person.NoRole
}

// path is campaignPath where this request's pages are mounted.
func (q *request) path(campaign, page, recipient string, kv ...string) string {
	return pathAt(q.base, campaign, page, recipient, kv...)
}

// pathAt gives the address of a page for citizens or for staff, whose page about a campaign is that of the caller.
func pathAt(base, campaign, page, recipient string, kv ...string) string {
	if base == "" {
		return campaignPath(campaign, page, recipient, kv...)
	}
	if page == "" {
		if recipient == "" {
			return base
		}
		return withQuery(base+"/callers/"+pathSegment(recipient), kv...)
	}
	return base + campaignPath(campaign, page, recipient, kv...)
}

// providers lists the ways to sign in for citizens or for staff.
func (h *handler) providers(staff bool) []Provider {
	return slices.DeleteFunc(h.signIn.Providers(), func(p Provider) bool { return p.Staff != staff })
}

type deskSignInData struct {
	signInData
	Why string // catalogue key of what went wrong, may be empty
}

func (h *handler) deskSignIn(q *request) error {
	d := deskSignInData{signInData: signInData{
		Providers: h.providers(true), Return: staffPath(q.FormValue("return")), Fresh: q.field("fresh") != "",
		SignedIn: q.session != nil, Name: q.name(), base: deskBase,
	}}
	switch q.field("why") {
	case "factor":
		d.Why = "desk.signin.factor"
	case "role":
		d.Why = "desk.signin.role"
	case "failed":
		d.Why = "desk.signin.failed"
	}
	return q.show(http.StatusOK, "desksignin", view{Title: q.words("desk.signin.title"), Error: d.Why != "", D: d})
}

// staffPath is where staff go on: a page for staff, whatever was asked for.
func staffPath(p string) string {
	p = localPath(p)
	for _, base := range []string{deskBase, manageBase, supplyBase, clinicBase} {
		if rest, ok := strings.CutPrefix(p, base); ok && (rest == "" || rest[0] == '/' || rest[0] == '?') {
			return p
		}
	}
	return deskBase
}

// signInFailed sends back to where the sign-in began, with why when it is something to act on.
func (h *handler) signInFailed(q *request, back string, err error) error {
	base, why := "", "failed"
	switch {
	case errors.Is(err, person.ErrSecondFactor):
		base, why = deskBase, "factor"
	case errors.Is(err, person.ErrNoStaffRole):
		base, why = deskBase, "role"
	case staffPath(back) == back:
		base = deskBase
	}
	return q.redirect(withQuery(base+"/sign-in", "return", localPath(back), "why", why))
}

func (h *handler) staffSignedIn(q *request, token string, s person.Session, back string) error {
	if before, err := h.signIn.Verify(h.cookies.get(q.Request, cookieStaff)); err != nil || before.Key != s.Key {
		h.cookies.clearPasses(q.w, q.Request) // another clerk at the same desk
	}
	h.cookies.set(q.w, cookieStaff, token, max(s.ExpiresAt.Sub(h.svc.Now()), time.Second))
	return q.redirect(staffPath(back))
}

func (h *handler) deskSignOut(q *request) error {
	h.cookies.clear(q.w, cookieStaff)
	h.cookies.clear(q.w, cookieRole)
	h.cookies.clearPasses(q.w, q.Request)
	return q.redirect(deskBase + "/sign-in")
}

func (h *handler) deskRole(q *request) error {
	if r, ok := person.ParseRole(q.field("role")); ok && q.session.Roles.Has(r) {
		h.cookies.set(q.w, cookieRole, r.String(), person.StaffSessionLife)
	}
	return q.redirect(deskBase)
}

// roleNames are what roles are called.
var roleNames = map[person.Role]string{
	person.Clinic: "desk.role.clinic", person.CallDesk: "desk.role.calldesk", person.Office: "desk.role.office", person.Manager: "desk.role.manager",
	person.Logistics: "desk.role.logistics", person.Auditor: "desk.role.auditor", person.Operator: "desk.role.operator",
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
	Campaigns []campaignCard
}

func (h *handler) deskHome(q *request) error {
	a, err := q.actor()
	if err != nil {
		return err
	}
	d := deskHomeData{
		Name: q.name(), Role: roleNames[a.Role], Until: a.ExpiresAt, Serves: walk.May(a, walk.ServeCaller), Issues: walk.May(a, walk.IssueTemporary),
		Clinic:  walk.May(a, walk.ListVisitors),
		Manages: manages(a), Me: h.svc.StaffName(a.Key),
		Supply: walk.May(a, walk.SeeSupply),
	}
	for r := range a.Roles.All() {
		if r != a.Role {
			d.Others = append(d.Others, roleRow{r.String(), q.words(roleNames[r])})
		}
	}
	if d.Serves {
		if d.Campaigns, err = h.desked(q); err != nil {
			return err
		}
	}
	return q.show(http.StatusOK, "desk", view{Title: q.words("desk.title"), D: d})
}

// desked lists the campaigns that take callers today and are not over.
func (h *handler) desked(q *request) (out []campaignCard, err error) {
	all, err := h.svc.Campaigns(q.Context())
	if err != nil {
		return nil, err
	}
	now := h.svc.Now()
	for _, c := range all {
		if card := q.card(c, now); c.Desk.On(civil.Of(now, h.zone)) && card.Joinable {
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

func (h *handler) calls(q *request) error {
	a, err := q.actor()
	if err != nil {
		return err
	}
	list, err := h.svc.Calls(q.Context(), a, q.field("campaign"))
	if err != nil {
		return err
	}
	return q.show(http.StatusOK, "deskcalls", view{Title: q.words("desk.calls.title"), Refresh: callsAgain, D: callsData{list, h.svc.Now()}})
}

type callerData struct {
	desk.Caller
	Card    campaignCard
	Why     string // why they may not take a place
	Turn    bool
	WaitURL string
}

func (h *handler) caller(q *request) error {
	a, err := q.actor()
	if err != nil {
		return err
	}
	c, err := h.svc.Caller(q.Context(), a, q.PathValue("id"))
	if err != nil {
		return err
	}
	d := callerData{Caller: c, Card: q.card(c.Campaign, h.svc.Now()), WaitURL: q.path(c.Campaign.ID, "wait", c.ID)}
	if c.Why != nil {
		d.Why = q.whyNotCaller(c)
	}
	if p := c.Place; p != nil {
		d.Turn = waitState(c.Campaign.State, p.State, !h.svc.Now().Before(c.Campaign.Opens)) == waitTurn || !p.KeptUntil.IsZero()
	}
	return q.show(http.StatusOK, "deskcaller", view{Title: c.Name, D: d})
}

// whyNotCaller gives the reason in the reader's language.
func (q *request) whyNotCaller(c desk.Caller) string {
	if later, ok := errors.AsType[*walk.ComesLater](c.Why); ok {
		when, err := q.lang.when(later.From)
		if err != nil {
			q.h.log.ErrorContext(q.Context(), "catalogue", slog.Any("err", err))
		}
		return q.words("campaign.rota.text", "time", when)
	}
	switch born := c.Campaign.Born; {
	case codeOf(c.Why) == walk.HelperNotAllowed:
		return q.words("desk.why.closed")
	case born != nil && (c.Born < born.From || c.Born > born.To):
		return q.words("why.born", "from", q.plain(born.From), "to", q.plain(born.To), "born", q.plain(c.Born))
	case c.Temporary && c.Campaign.Roster != "" && !c.Campaign.Temporary:
		return q.words("desk.why.temporary")
	case c.Campaign.Roster != "":
		return q.words("why.roster")
	}
	return q.words("why.other")
}

func (h *handler) joinCaller(q *request) error {
	id := q.PathValue("id")
	q.back, q.again = deskBase+"/callers/"+pathSegment(id), []string{}
	a, err := q.actor()
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
	return q.redirect(q.back)
}

func (h *handler) removeCaller(q *request) error {
	q.back, q.again = deskBase, []string{}
	a, err := q.actor()
	if err != nil {
		return err
	}
	if err := h.svc.RemoveCaller(q.Context(), a, q.PathValue("id")); err != nil {
		return err
	}
	return q.redirect(deskBase)
}
