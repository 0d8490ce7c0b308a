package oidctest

import (
	"crypto/rand"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"charye/internal/civil"
)

//go:embed form.html
var formFS embed.FS

var pages = template.Must(template.ParseFS(formFS, "form.html"))

const (
	maxName     = 60 // characters
	maxIdentity = 32 // bytes
	maxParam    = 512
)

// page is what form.html shows.
type page struct {
	Lang, OtherLang, OtherURL string
	Words                     words
	Client                    string
	Show                      string // form, refused or out
	Fields                    Fields
	NameWrong                 string
	BornWrong                 string
	IdentityWrong             string
	RolesWrong                string
	Roles                     []roleBox // of staff
	Staff                     bool
}

type roleBox struct {
	Role    string
	Checked bool
}

// Fields are the form as it was filled in. A POST to the authorize address, with the query that the browser came with,
// signs in; simulated visitors do the same.
type Fields struct {
	Name, Born, Identity string
	// Of staff only.
	Roles  []string
	Unit   string
	Factor bool
}

// Values gives the form's fields as a browser posts them.
func (f Fields) Values() url.Values {
	v := url.Values{"name": {f.Name}, "birthdate": {f.Born}, "identity": {f.Identity}}
	if len(f.Roles) > 0 {
		v["role"], v["unit"] = f.Roles, []string{f.Unit}
		if f.Factor {
			v.Set("factor", "1")
		}
	}
	return v
}

// request is a checked authorization request.
type request struct {
	client   Client
	redirect string
	state    string
	grant    grant
}

// form shows the sign-in form.
func (p *Provider) form(w http.ResponseWriter, r *http.Request) {
	q, ok := p.check(w, r)
	if !ok {
		return
	}
	if slices.Contains(strings.Fields(r.URL.Query().Get("prompt")), "none") {
		// Nobody is ever signed in here, so nobody can be let through unasked.
		p.back(w, r, q, url.Values{"error": {"login_required"}})
		return
	}
	pg := page{Show: "form", Client: q.client.ID, Fields: Fields{Factor: true}}
	pg.staff(q.client)
	show(w, r, http.StatusOK, pg)
}

// signIn takes the form and sends the visitor back with a code.
func (p *Provider) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	q, ok := p.check(w, r)
	if !ok {
		return
	}
	if err := r.ParseForm(); err != nil {
		show(w, r, http.StatusBadRequest, page{Show: "refused"})
		return
	}
	fault := p.Misbehave.Get()
	if r.PostForm.Has("cancel") || fault == Denied {
		p.back(w, r, q, url.Values{"error": {"access_denied"}})
		return
	}
	f := Fields{
		Name: strings.TrimSpace(r.PostForm.Get("name")), Born: strings.TrimSpace(r.PostForm.Get("birthdate")),
		Identity: strings.TrimSpace(r.PostForm.Get("identity")),
		Roles:    r.PostForm["role"], Unit: strings.TrimSpace(r.PostForm.Get("unit")), Factor: r.PostForm.Has("factor"),
	}
	pg := page{Show: "form", Client: q.client.ID, Fields: f}
	pg.staff(q.client)
	say := wordsOf(language(r))
	born, bornOK := birthday(f.Born)
	if pg.Staff {
		f.Born, born = "", 0
		if len(f.Roles) == 0 || len(f.Unit) > maxName || slices.ContainsFunc(f.Roles, func(role string) bool { return !slices.Contains(q.client.Staff, role) }) {
			pg.RolesWrong = say.RolesWrong
		}
	} else if !bornOK || born > civil.Of(p.now(), time.FixedZone("", 14*60*60)) || born < civil.New(1880, time.January, 1) {
		pg.BornWrong = say.BornWrong
	}
	if f.Name == "" || utf8.RuneCountInString(f.Name) > maxName || !utf8.ValidString(f.Name) {
		pg.NameWrong = say.NameWrong
	}
	if len(f.Identity) > maxIdentity || !utf8.ValidString(f.Identity) {
		pg.IdentityWrong = say.IdentityWrong
	}
	if pg.BornWrong+pg.NameWrong+pg.IdentityWrong+pg.RolesWrong != "" {
		show(w, r, http.StatusUnprocessableEntity, pg)
		return
	}
	q.grant.visitor = Visitor{Name: f.Name, Born: born, Identity: f.Identity}
	if q.grant.staff = pg.Staff; pg.Staff {
		q.grant.visitor.Roles, q.grant.visitor.Unit, q.grant.visitor.SecondFactor = f.Roles, f.Unit, f.Factor
	}
	q.grant.at = p.now()
	code := rand.Text()
	if !p.codes.put(code, q.grant, p.now()) {
		p.back(w, r, q, url.Values{"error": {"temporarily_unavailable"}})
		return
	}
	if fault == ReplayedCode {
		_, _ = p.codes.take(code, p.now()) // as the first use would
	}
	p.back(w, r, q, url.Values{"code": {code}})
}

// staff makes the form one of staff, where the client wants that.
func (pg *page) staff(c Client) {
	pg.Staff = c.Staff != nil
	for _, role := range c.Staff {
		pg.Roles = append(pg.Roles, roleBox{role, slices.Contains(pg.Fields.Roles, role)})
	}
}

// check reads the authorization request. A wrong client or redirect address is told here; anything else is told to the
// client.
func (p *Provider) check(w http.ResponseWriter, r *http.Request) (request, bool) {
	v := r.URL.Query()
	q := request{redirect: v.Get("redirect_uri"), state: v.Get("state")}
	var known bool
	q.client, known = p.clients[v.Get("client_id")]
	if !known || !slices.Contains(q.client.RedirectURIs, q.redirect) {
		show(w, r, http.StatusBadRequest, page{Show: "refused"})
		return q, false
	}
	q.grant = grant{client: q.client.ID, redirect: q.redirect, challenge: v.Get("code_challenge"), nonce: v.Get("nonce")}
	problem := ""
	switch {
	case v.Get("response_type") != "code":
		problem = "unsupported_response_type"
	case !slices.Contains(strings.Fields(v.Get("scope")), "openid"):
		problem = "invalid_scope"
	case v.Get("code_challenge_method") != "S256", len(q.grant.challenge) != 43, len(q.state) > maxParam, len(q.grant.nonce) > maxParam:
		problem = "invalid_request"
	}
	if problem != "" {
		if len(q.state) > maxParam {
			q.state = ""
		}
		p.back(w, r, q, url.Values{"error": {problem}})
		return q, false
	}
	return q, true
}

// back sends the browser to the client with the answer.
func (p *Provider) back(w http.ResponseWriter, r *http.Request, q request, answer url.Values) {
	if q.state != "" {
		answer.Set("state", q.state)
	}
	switch p.Misbehave.Get() {
	case MixedUpIss:
		answer.Set("iss", "https://elsewhere.invalid")
	case NoIss:
	default:
		answer.Set("iss", p.issuer)
	}
	u, err := url.Parse(q.redirect)
	if err != nil {
		show(w, r, http.StatusBadRequest, page{Show: "refused"})
		return
	}
	all := u.Query()
	for k, v := range answer {
		all[k] = v
	}
	u.RawQuery = all.Encode()
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
}

// logout says goodbye. There is nothing to end: the provider asks everybody every time.
func (p *Provider) logout(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	to := v.Get("post_logout_redirect_uri")
	if c, ok := p.clients[v.Get("client_id")]; ok && to != "" && slices.Contains(c.LogoutURIs, to) {
		if u, err := url.Parse(to); err == nil {
			if state := v.Get("state"); state != "" && len(state) <= maxParam {
				q := u.Query()
				q.Set("state", state)
				u.RawQuery = q.Encode()
			}
			http.Redirect(w, r, u.String(), http.StatusSeeOther)
			return
		}
	}
	show(w, r, http.StatusOK, page{Show: "out"})
}

func show(w http.ResponseWriter, r *http.Request, status int, pg page) {
	pg.Lang, pg.OtherLang = language(r), "en"
	if pg.Lang == "en" {
		pg.OtherLang = "ko"
	}
	pg.Words = wordsOf(pg.Lang)
	q := r.URL.Query()
	q.Set("lang", pg.OtherLang)
	pg.OtherURL = "?" + q.Encode()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", pg.Lang)
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, "form.html", pg) // the reader may be gone
}

// language chooses ko or en: the page's own switch, then the client's wish, then the browser's.
func language(r *http.Request) string {
	q := r.URL.Query()
	for _, wish := range []string{q.Get("lang"), q.Get("ui_locales"), r.Header.Get("Accept-Language")} {
		for _, tag := range strings.FieldsFunc(wish, func(c rune) bool { return c == ',' || c == ' ' }) {
			switch tag, _, _ = strings.Cut(strings.ToLower(tag), ";"); {
			case strings.HasPrefix(tag, "ko"):
				return "ko"
			case strings.HasPrefix(tag, "en"):
				return "en"
			}
		}
	}
	return "ko"
}

// birthday reads a date as people write it: 1964-03-15, 19640315, 1964.3.15, 1964년 3월 15일.
func birthday(s string) (civil.Date, bool) {
	if len(s) > 40 {
		return 0, false
	}
	parts := strings.FieldsFunc(s, func(c rune) bool { return c < '0' || c > '9' })
	if len(parts) == 1 && len(parts[0]) == 8 {
		parts = []string{parts[0][:4], parts[0][4:6], parts[0][6:]}
	}
	if len(parts) != 3 || len(parts[0]) != 4 {
		return 0, false
	}
	var n [3]int
	for i, part := range parts {
		v, err := strconv.Atoi(part)
		if err != nil || i > 0 && len(part) > 2 {
			return 0, false
		}
		n[i] = v
	}
	d := civil.New(n[0], time.Month(n[1]), n[2])
	want := time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC)
	return d, want.Year() == n[0] && int(want.Month()) == n[1] && want.Day() == n[2]
}
