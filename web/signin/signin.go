// Package signin is the pages by which people come in and go out: citizens by their providers, staff by theirs at the desk.
//
// It owns where somebody goes on after the sign-in, and that a citizen's session and one of staff are kept in cookies of their own. It must not know how
// people are identified ([Door] does), nor any other face.
package signin

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"charye/person"
	"charye/programme"
	"charye/walk"
	"charye/web/page"
)

//go:embed templates/*.html
var templateFiles embed.FS

// New makes the pages; it fails when a template is wrong.
func New(f *page.Frame, door Door) (*Pages, error) {
	return &Pages{Frame: f, door: door}, f.AddTemplates(templateFiles)
}

// Provider is one way to sign in, as people choose it.
type Provider struct {
	ID    string
	Name  programme.Text
	Staff bool // for those at work, on the pages under /desk
}

// Door is who lets people in by name. Safe for concurrent use.
type Door interface {
	// Providers lists the ways to sign in, in the order to show them.
	Providers() []Provider
	// Begin starts a sign-in and gives the provider's address to go to. loginState is kept in a cookie of this browser
	// and handed back to Finish; fresh demands that the provider asks the person again (for a takeover).
	Begin(ctx context.Context, provider, returnTo string, fresh bool) (redirect, loginState string, err error)
	// Finish takes the query that the provider came back with. returnTo is what Begin was given.
	Finish(ctx context.Context, loginState string, query url.Values) (sessionToken, returnTo string, err error)
	// Verify reads a session token; any error means that nobody is signed in.
	Verify(token string) (person.Session, error)
}

// Pages are the pages of signing in and out. Immutable after newSignIn.
type Pages struct {
	*page.Frame
	door Door
}

// Routes lists the pages by which citizens come and go, and the address to which providers send everybody back.
func (h *Pages) Routes() []page.Route {
	return []page.Route{
		{Pattern: "GET /sign-in", Do: h.signInPage},
		{Pattern: "GET /sign-in/callback", Do: h.signInFinish},
		{Pattern: "GET /sign-in/{provider}", Do: h.signInBegin},
		{Pattern: "POST /sign-out", Do: h.signOut},
	}
}

// StaffRoutes lists the pages by which staff come and go.
func (h *Pages) StaffRoutes() []page.Route {
	return []page.Route{
		{Pattern: "GET /desk/sign-in", Open: true, Do: h.deskSignIn},
		{Pattern: "GET /desk/sign-in/{provider}", Open: true, Do: h.signInBegin},
		{Pattern: "POST /desk/sign-out", Open: true, Do: h.deskSignOut},
	}
}

type signInData struct {
	Providers []Provider
	Return    string
	Fresh     bool // the provider must ask again, although somebody is signed in
	Needed    bool // the person came here because a page needs a sign-in
	Failed    bool // the last try did not succeed
	SignedIn  bool
	Name      string // may be empty
	Desk      bool   // staff sign in elsewhere
	base      string
}

// URL gives the address that begins a sign-in with a provider.
func (d signInData) URL(p Provider) string {
	fresh := ""
	if d.Fresh {
		fresh = "1"
	}
	return page.WithQuery(d.base+"/sign-in/"+p.ID, "return", d.Return, "fresh", fresh)
}

func (h *Pages) signInPage(q *page.Request) error {
	d := signInData{
		Providers: h.providers(false), Desk: len(h.providers(true)) > 0, Return: page.LocalPath(q.FormValue("return")),
		Fresh: q.Field("fresh") != "", Needed: q.Field("why") == "needed", Failed: q.Field("why") == "failed",
		SignedIn: q.Session != nil, Name: q.Name(),
	}
	return q.Show(http.StatusOK, "signin", page.View{Title: q.Words("signin.title"), Error: d.Failed, D: d})
}

// loginTakes is how long a person may spend at the provider.
const loginTakes = 30 * time.Minute

func (h *Pages) signInBegin(q *page.Request) error {
	back := page.LocalPath(q.FormValue("return"))
	id := q.PathValue("provider")
	known := false
	for _, p := range h.providers(q.Base != "") {
		known = known || p.ID == id
	}
	if !known {
		return &walk.Error{Code: walk.NotFound, Detail: "no such provider"}
	}
	to, state, err := h.door.Begin(q.Context(), id, back, q.Field("fresh") != "")
	if err != nil {
		h.Log.WarnContext(q.Context(), "sign-in could not begin", slog.String("provider", id), slog.Any("err", err))
		return q.Redirect(page.WithQuery(q.Base+"/sign-in", "return", back, "why", "failed", "fresh", q.Field("fresh")))
	}
	h.Cookies.Set(q.W, page.CookieLogin, state, loginTakes)
	http.Redirect(q.W, q.Request, to, http.StatusSeeOther)
	return nil
}

func (h *Pages) signInFinish(q *page.Request) error {
	state := h.Cookies.Get(q.Request, page.CookieLogin)
	h.Cookies.Clear(q.W, page.CookieLogin)
	if state == "" {
		return q.Redirect(page.WithQuery("/sign-in", "why", "failed"))
	}
	token, back, err := h.door.Finish(q.Context(), state, q.URL.Query())
	if err != nil {
		h.Log.WarnContext(q.Context(), "sign-in failed", slog.Any("err", err))
		return h.signInFailed(q, back, err)
	}
	s, err := h.door.Verify(token)
	if err != nil {
		return err
	}
	if s.IsStaff() {
		return h.staffSignedIn(q, token, s, back)
	}
	if q.Session != nil && q.Session.Key != s.Key {
		h.Cookies.ClearPasses(q.W, q.Request) // another person at the same browser
	}
	h.Cookies.Set(q.W, page.CookieSession, token, max(s.ExpiresAt.Sub(h.Now()), time.Second))
	return q.Redirect(page.LocalPath(back))
}

func (h *Pages) signOut(q *page.Request) error {
	h.Cookies.Clear(q.W, page.CookieSession)
	h.Cookies.Clear(q.W, page.CookieLogin)
	h.Cookies.ClearPasses(q.W, q.Request)
	return q.Redirect("/")
}

// staffPath is where staff go on: a page for staff, whatever was asked for.
func staffPath(p string) string {
	p = page.LocalPath(p)
	for _, base := range []string{page.DeskBase, page.ManageBase, page.SupplyBase, page.ClinicBase} {
		if rest, ok := strings.CutPrefix(p, base); ok && (rest == "" || rest[0] == '/' || rest[0] == '?') {
			return p
		}
	}
	return page.DeskBase
}

// signInFailed sends back to where the sign-in began, with why when it is something to act on.
func (h *Pages) signInFailed(q *page.Request, back string, err error) error {
	base, why := "", "failed"
	switch {
	case errors.Is(err, person.ErrSecondFactor):
		base, why = page.DeskBase, "factor"
	case errors.Is(err, person.ErrNoStaffRole):
		base, why = page.DeskBase, "role"
	case staffPath(back) == back:
		base = page.DeskBase
	}
	return q.Redirect(page.WithQuery(base+"/sign-in", "return", page.LocalPath(back), "why", why))
}

func (h *Pages) staffSignedIn(q *page.Request, token string, s person.Session, back string) error {
	if before, err := h.door.Verify(h.Cookies.Get(q.Request, page.CookieStaff)); err != nil || before.Key != s.Key {
		h.Cookies.ClearPasses(q.W, q.Request) // another clerk at the same desk
	}
	h.Cookies.Set(q.W, page.CookieStaff, token, max(s.ExpiresAt.Sub(h.Now()), time.Second))
	return q.Redirect(staffPath(back))
}

// providers lists the ways to sign in for citizens or for staff.
func (h *Pages) providers(staff bool) []Provider {
	return slices.DeleteFunc(h.door.Providers(), func(p Provider) bool { return p.Staff != staff })
}
