package web

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"charye/walk"
)

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
	return withQuery(d.base+"/sign-in/"+p.ID, "return", d.Return, "fresh", fresh)
}

func (h *handler) signInPage(q *request) error {
	d := signInData{
		Providers: h.providers(false), Desk: len(h.providers(true)) > 0, Return: localPath(q.FormValue("return")),
		Fresh: q.field("fresh") != "", Needed: q.field("why") == "needed", Failed: q.field("why") == "failed",
		SignedIn: q.session != nil, Name: q.name(),
	}
	return q.show(http.StatusOK, "signin", view{Title: q.words("signin.title"), Error: d.Failed, D: d})
}

// loginTakes is how long a person may spend at the provider.
const loginTakes = 30 * time.Minute

func (h *handler) signInBegin(q *request) error {
	back := localPath(q.FormValue("return"))
	id := q.PathValue("provider")
	known := false
	for _, p := range h.providers(q.base != "") {
		known = known || p.ID == id
	}
	if !known {
		return &walk.Error{Code: walk.NotFound, Detail: "no such provider"}
	}
	to, state, err := h.signIn.Begin(q.Context(), id, back, q.field("fresh") != "")
	if err != nil {
		h.log.WarnContext(q.Context(), "sign-in could not begin", slog.String("provider", id), slog.Any("err", err))
		return q.redirect(withQuery(q.base+"/sign-in", "return", back, "why", "failed", "fresh", q.field("fresh")))
	}
	h.cookies.set(q.w, cookieLogin, state, loginTakes)
	http.Redirect(q.w, q.Request, to, http.StatusSeeOther)
	return nil
}

func (h *handler) signInFinish(q *request) error {
	state := h.cookies.get(q.Request, cookieLogin)
	h.cookies.clear(q.w, cookieLogin)
	if state == "" {
		return q.redirect(withQuery("/sign-in", "why", "failed"))
	}
	token, back, err := h.signIn.Finish(q.Context(), state, q.URL.Query())
	if err != nil {
		h.log.WarnContext(q.Context(), "sign-in failed", slog.Any("err", err))
		return h.signInFailed(q, back, err)
	}
	s, err := h.signIn.Verify(token)
	if err != nil {
		return err
	}
	if s.IsStaff() {
		return h.staffSignedIn(q, token, s, back)
	}
	if q.session != nil && q.session.Key != s.Key {
		h.cookies.clearPasses(q.w, q.Request) // another person at the same browser
	}
	h.cookies.set(q.w, cookieSession, token, max(s.ExpiresAt.Sub(h.svc.Now()), time.Second))
	return q.redirect(localPath(back))
}

func (h *handler) signOut(q *request) error {
	h.cookies.clear(q.w, cookieSession)
	h.cookies.clear(q.w, cookieLogin)
	h.cookies.clearPasses(q.w, q.Request)
	return q.redirect("/")
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
