package attacks_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"charye/internal/weak"
)

// page asks for a page of one node, as a browser with these cookies; the answer's cookies are added to them.
func (w *world) page(method, address string, form url.Values, cookies map[string]string) reply {
	w.Helper()
	if strings.HasPrefix(address, "/") {
		address = w.nodes[0].URL + address
	}
	q, err := http.NewRequestWithContext(w.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		w.Fatal(err)
	}
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range cookies {
		q.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	a, err := w.client.Do(q)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	for _, c := range a.Cookies() {
		cookies[c.Name] = c.Value
	}
	b, err := io.ReadAll(io.LimitReader(a.Body, 4<<20))
	if err != nil {
		w.Fatal(err)
	}
	return reply{w, a.StatusCode, a.Header, b}
}

// atWork signs somebody in through the made-up provider of staff; the browser has no session when that was refused, and to is where
// it was sent.
func (w *world) atWork(name, role, unit string, secondFactor bool) (cookies map[string]string, to string) {
	w.Helper()
	cookies = map[string]string{}
	r := w.page("GET", "/desk/sign-in/trial-staff?return=%2Fdesk", nil, cookies)
	form := url.Values{"name": {name}, "role": {role}, "unit": {unit}}
	if secondFactor {
		form.Set("factor", "1")
	}
	r = w.page("POST", r.header.Get("Location"), form, cookies)
	r = w.page("GET", r.header.Get("Location"), nil, cookies)
	if r.status != http.StatusSeeOther {
		w.Fatalf("the sign-in of staff ends with %d %.200s", r.status, r.body)
	}
	return cookies, r.header.Get("Location")
}

var codeShown = regexp.MustCompile(`XT(-[0-9A-Z]{4}){4}`)

// caller is somebody with a temporary identity, registered by an office, with the address of their page.
func (w *world) caller(office map[string]string, name string) string {
	w.Helper()
	born := url.Values{"year": {"1964"}, "month": {"7"}, "day": {"1"}, "name": {name}}
	issue := url.Values{"paper": {"passport"}, "anyway": {"yes"}}
	register := url.Values{"campaign": {"open"}, "consent": {"in person"}}
	for k, v := range born {
		issue[k], register[k] = v, v
	}
	r := w.page("POST", "/desk/temporary", issue, office)
	code := codeShown.Find(r.body)
	if code == nil {
		w.Fatalf("no code was given: %d %.300s", r.status, r.body)
	}
	register.Set("identity", string(code))
	r = w.page("POST", "/desk/callers/new", register, office)
	at := r.header.Get("Location")
	if !strings.HasPrefix(at, "/desk/callers/") {
		w.Fatalf("nobody was registered: %d %.300s", r.status, r.body)
	}
	return at
}

// away tells an answer that shows nothing from one that does what was asked for.
func away(r reply) bool {
	return r.status == 403 || r.status == 404 || r.status == 401 || r.status == 303 && strings.HasPrefix(r.header.Get("Location"), "/desk/sign-in")
}

func (a *assault) kept(what string, r reply) {
	told := fmt.Sprintf("%d", r.status)
	if !away(r) {
		told = fmt.Sprintf("%s: %d %s", what, r.status, r.header.Get("Location"))
	}
	a.note(away(r), told)
}

// deskPages are pages and forms for staff.
var deskPages = []string{
	"GET /desk", "GET /desk/callers/new", "POST /desk/callers/new", "GET /desk/callers/x", "POST /desk/callers/x/join", "POST /desk/callers/x/remove",
	"GET /desk/calls?campaign=open", "GET /desk/temporary", "POST /desk/temporary", "POST /desk/role", "GET /desk/c/open/sites?for=x", "POST /desk/c/open/enter",
	"POST /desk/c/open/hold", "POST /desk/c/open/confirm", "GET /desk/bookings/1-x", "POST /desk/bookings/1-x/cancel",
	"GET /clinic", "GET /clinic/print", "GET /clinic/find?q=김", "GET /clinic/visits/1-x/1", "POST /clinic/visits/1-x/1", "POST /clinic/leftovers",
	"GET /manage", "GET /manage/requests/1", "POST /manage/requests/1/agree", "GET /manage/looks", "GET /manage/figures", "GET /manage/installation", "POST /manage/rules",
}

// Somebody who has found the address of the desk, with the session they have.
var citizenAtDesk = attack{name: "citizens at the desk", why: "the cookie of staff, the session's roles and the table of acts: each alone stops it", run: func(a *assault) {
	mine := a.sessions[a.base]
	for _, cookies := range []map[string]string{{}, {"charye_session": mine}, {"charye_staff": mine}, {"charye_staff": mine, "charye_session": mine, "charye_role": "operator"}} {
		for _, p := range deskPages {
			method, path, _ := strings.Cut(p, " ")
			a.kept(p, a.page(method, path, url.Values{"role": {"operator"}}, cookies))
		}
	}
}}

// A clerk's session used for a booking of one's own: from the desk nobody stands in line for themselves.
var staffForThemselves = attack{name: "staff book for themselves", without: weak.Apart, run: func(a *assault) {
	clerk, _ := a.atWork("나상담", "calldesk", "", true)
	token := clerk["charye_staff"]
	a.refused("join by the API", a.as(token).post("/api/v1/campaigns/later/places", "{}"), 403)
	a.refused("bookings by the API", a.as(token).get("/api/v1/bookings"), 403)
	r := a.page("POST", "/c/later/join", nil, map[string]string{"charye_session": token})
	a.note(strings.HasPrefix(r.header.Get("Location"), "/sign-in"), fmt.Sprint("page ", r.status))
	a.kept("enter without a caller", a.page("POST", "/desk/c/open/enter", nil, clerk))
}}

// A password alone.
var oneFactor = attack{name: "no second factor", without: weak.Factor, run: func(a *assault) {
	for _, role := range []string{"calldesk", "office", "operator"} {
		cookies, to := a.atWork("나상담", role, "", false)
		a.note(cookies["charye_staff"] == "" && strings.Contains(to, "why=factor"), "sent back to use it")
	}
}}

// What another role is for.
var otherRole = attack{name: "another role's work", without: weak.Role, run: func(a *assault) {
	clerk, _ := a.atWork("나상담", "calldesk", "", true)
	auditor, _ := a.atWork("다감사", "auditor", "", true)
	form := url.Values{"year": {"1964"}, "month": {"7"}, "day": {"1"}, "name": {"누구"}, "paper": {"none"}, "anyway": {"yes"}}
	a.kept("a call desk gives identities", a.page("POST", "/desk/temporary", form, clerk))
	clerk["charye_role"] = "office" // not among their roles
	a.kept("a role that was not given", a.page("POST", "/desk/temporary", form, clerk))
	a.kept("an auditor lists callers", a.page("GET", "/desk/calls?campaign=open", nil, auditor))
	a.kept("an auditor registers", a.page("GET", "/desk/callers/new", nil, auditor))
}}

// The callers of another desk, by their address.
var otherDesk = attack{name: "another desk's callers", without: weak.DeskOf, run: func(a *assault) {
	office, _ := a.atWork("라주민", "office", fmt.Sprint("종로 ", a.base), true)
	at := a.caller(office, "누구인가")
	id := strings.TrimPrefix(at, "/desk/callers/")
	if r := a.page("POST", at+"/join", nil, office); r.status != http.StatusSeeOther {
		a.Fatalf("the office's own caller: %d", r.status)
	}
	calls, _ := a.atWork("나상담", "calldesk", "", true)
	elsewhere, _ := a.atWork("라주민", "office", "강남", true) // the same clerk, at another office
	for _, clerk := range []map[string]string{calls, elsewhere} {
		for _, p := range []string{"GET " + at, "POST " + at + "/join", "GET /desk/c/open/wait?for=" + id, "POST /desk/c/open/enter"} {
			method, path, _ := strings.Cut(p, " ")
			a.kept(p, a.page(method, path, url.Values{"for": {id}}, clerk))
		}
		a.page("POST", at+"/remove", nil, clerk)
	}
	r := a.page("GET", at, nil, office)
	a.note(r.status == 200 && r.has("누구인가"), "its own still sees them")
}}

// Roles written into a session, a citizen's made into one of staff, and damaged ones.
var forgedRoles = attack{name: "forged roles", without: weak.Signature, run: func(a *assault) {
	clerk, _ := a.atWork("나상담", "calldesk", "", true)
	tokens := spoiled(clerk["charye_staff"])
	if raw, err := base64.RawURLEncoding.DecodeString(clerk["charye_staff"]); err == nil && len(raw) > 43 {
		all := slices.Clone(raw)
		all[42] = 0xfe // every role there is
		tokens = append(tokens, base64.RawURLEncoding.EncodeToString(all))
	}
	if raw, err := base64.RawURLEncoding.DecodeString(a.sessions[a.base]); err == nil && len(raw) > 41 {
		grown := slices.Concat([]byte{2}, raw[1:41], []byte{0, 0xfe}, make([]byte, 16), raw[41:])
		tokens = append(tokens, base64.RawURLEncoding.EncodeToString(grown))
	}
	for _, token := range tokens {
		a.kept("desk", a.page("GET", "/desk", nil, map[string]string{"charye_staff": token}))
	}
}}
