package web

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"charye/internal/civil"
	"charye/line"
	"charye/person"
	"charye/programme"
	"charye/walk"
	"charye/walk/desk"
	"charye/web/catalogue"
	"charye/web/citizen"
	"charye/web/page/pagetest"

	deskpages "charye/web/desk"

	managepages "charye/web/manage"
	"charye/web/page"
	"charye/web/signin"
)

// atDesk opens a browser of somebody at work.
func atDesk(t *testing.T, token string) (*pagetest.Browser, *scripted) {
	t.Helper()
	svc := newScripted()
	svc.programme.Campaigns[0].Desk = programme.DeskRules{Allowed: true, PerClerk: 500}
	svc.bookings = []walk.Booking{svc.aBooking()}
	svc.placed(line.Admitted, 5021, 0, 0, 0)
	c, _ := svc.Campaign(t.Context(), "age-55-59")
	svc.caller = desk.Caller{
		Recipient: person.Recipient{
			ID: "c1", Campaign: "age-55-59", Name: "박말순", Born: civil.New(1963, 1, 1), Kind: person.OfCallDesk, Consent: person.ConsentPhone,
			Phone: "01012345678", RegisteredAt: svc.now,
		},
		Campaign: c,
	}
	b := open(t, svc, pagetest.NewDoorman(svc.now), Options{Calendar: func(walk.Booking, string) []byte { return []byte("BEGIN:VCALENDAR") }})
	if token != "" {
		b.Cookies[page.CookieStaff] = token
	}
	svc.withRequests()
	svc.Taken = nil
	b.Cookies[page.PassName("age-55-59", "c1")] = "zzzzzzz.pass-token"
	return b, svc
}

var fillPath = strings.NewReplacer("{$}", "", "{provider}", "work", "{id}", "c1", "{campaign}", "age-55-59", "{number}", "2", "{site}", "s1")

// TestEveryDeskRoute: nobody without a session of staff, no citizen's session, and no role that it is not for.
func TestEveryDeskRoute(t *testing.T) {
	t.Parallel()
	for _, r := range slices.Concat((&deskpages.Pages{}).Routes(), (&citizen.Pages{}).CallerRoutes(), (&signin.Pages{}).StaffRoutes(), (&managepages.Pages{}).Routes()) {
		if r.Open && !strings.Contains(r.Pattern, " ") {
			continue // where there is nothing
		}
		method, path, _ := strings.Cut(fillPath.Replace(r.Pattern), " ")
		ask := func(token string) (int, string, *scripted) {
			b, svc := atDesk(t, token)
			b.Cookies[page.CookieSession] = "token" // a citizen is signed in at the same browser
			w := b.Do(method, path+"?for=c1&campaign=age-55-59", url.Values{})
			return w.Code, w.Header().Get("Location"), svc
		}
		for _, token := range []string{"", "token", "nonsense"} {
			status, to, svc := ask(token)
			if r.Open {
				continue
			}
			if status != 303 || !strings.HasPrefix(to, "/desk/sign-in?") || len(svc.Taken) > 0 {
				t.Errorf("%s with the session %q: %d to %q after %v", r.Pattern, token, status, to, svc.Taken)
			}
		}
		for token, roles := range map[string]person.Roles{"auditor": person.RolesOf(person.Auditor), "clerk": person.RolesOf(person.CallDesk), "office": person.RolesOf(person.Office), "boss": person.RolesOf(person.Manager), "operator": person.RolesOf(person.Operator)} {
			may := r.Act == "" && (token == "auditor" || token == "boss" || token == "operator" || !strings.Contains(r.Pattern, page.ManageBase))
			for role := range roles.All() {
				may = may || walk.May(walk.Actor{Session: person.Session{Roles: roles}, Role: role}, r.Act)
			}
			status, _, _ := ask(token)
			if (status == 403) == may {
				t.Errorf("%s as %s: %d, allowed %t", r.Pattern, token, status, may)
			}
		}
	}
}

// TestStaffAreNoCitizens: a session of staff in the citizens' cookie is nobody's, also where a page is for all.
func TestStaffAreNoCitizens(t *testing.T) {
	t.Parallel()
	b, svc := atDesk(t, "")
	b.Cookies[page.CookieSession] = "clerk"
	pagetest.WantRedirect(t, b.Get("/bookings"), "/sign-in?return=%2Fbookings&why=needed")
	pagetest.WantRedirect(t, b.Post("/c/age-55-59/join"), "/sign-in?return=%2Fc%2Fage-55-59&why=needed")
	if svc.Called("Join") || svc.Called("Bookings") {
		t.Errorf("calls: %v", svc.Taken)
	}
	b.Cookies[page.CookieSession] = "token"
	pagetest.WantPage(t, b.Get("/sign-in"), 200, `href="/desk"`)
	pagetest.WantPage(t, b.Get("/sign-in/work"), 404)
	pagetest.WantPage(t, b.Get("/desk/sign-in/demo"), 404)
}

func TestDeskSignIn(t *testing.T) {
	t.Parallel()
	b, _ := atDesk(t, "")
	pagetest.WantRedirect(t, b.Get("/desk/calls?campaign=age-55-59"), "/desk/sign-in?return=%2Fdesk%2Fcalls%3Fcampaign%3Dage-55-59&why=needed")
	w := b.Get("/desk/sign-in?return=%2Fdesk%2Fcalls%3Fcampaign%3Dage-55-59")
	pagetest.WantPage(t, w, 200, "직원 로그인", `/desk/sign-in/work?return=%2Fdesk%2Fcalls`)
	if strings.Contains(w.Body.String(), "간편인증") {
		t.Error("a citizens' provider is offered to staff")
	}
	begin := func() { b.Get("/desk/sign-in/work?return=%2Fdesk%2Fcalls%3Fcampaign%3Dage-55-59") }
	for code, why := range map[string]string{"one-factor": "factor", "no-role": "role", "": "failed"} {
		begin()
		pagetest.WantRedirect(t, b.Get("/sign-in/callback?state=x&code="+code), "/desk/sign-in?return=%2Fdesk%2Fcalls%3Fcampaign%3Dage-55-59&why="+why)
		pagetest.WantPage(t, b.Get("/desk/sign-in?why="+why), 200, `role="alert"`, "<title>확인 필요:")
	}
	begin()
	pagetest.WantRedirect(t, b.Get("/sign-in/callback?state=x&code=clerk"), "/desk/calls?campaign=age-55-59")
	if b.Cookies[page.CookieStaff] != "clerk" || b.Cookies[page.CookieSession] != "" {
		t.Errorf("cookies: %v", b.Cookies)
	}
	pagetest.WantPage(t, b.Get("/desk"), 200, "콜센터", "전화하거나 오신 분 찾기", "감사")
	pagetest.WantRedirect(t, b.Post("/desk/role", "role", "operator"), "/desk") // not theirs
	pagetest.WantPage(t, b.Get("/desk"), 200, "– 콜센터")
	pagetest.WantRedirect(t, b.Post("/desk/role", "role", "auditor"), "/desk")
	pagetest.WantPage(t, b.Get("/desk"), 200, "– 감사", `href="/manage"`, `href="/supply"`)
	pagetest.WantPage(t, b.Get("/desk/callers/new"), 403, "역할이 아닙니다")
	pagetest.WantRedirect(t, b.Post("/desk/sign-out"), "/desk/sign-in")
	if b.Cookies[page.CookieStaff] != "" || b.Cookies[page.CookieRole] != "" {
		t.Errorf("after signing out: %v", b.Cookies)
	}
	// Staff are sent to pages of staff, whatever the address asked for.
	b.Get("/desk/sign-in/work?return=%2Fbookings")
	pagetest.WantRedirect(t, b.Get("/sign-in/callback?state=x&code=office"), "/desk")
}

func TestDeskPages(t *testing.T) {
	t.Parallel()
	for _, lang := range catalogue.Names {
		b, svc := atDesk(t, "office")
		b.Lang = lang.ID
		page := func(where string, status int, says ...string) {
			t.Helper()
			w := b.Get(where)
			pagetest.WantPage(t, w, status, says...)
			pagetest.CheckPage(t, where, lang.ID, w.Body.String())
		}
		page("/desk", 200, `/desk/calls?campaign=age-55-59`, `/desk/temporary`)
		page("/desk/sign-in", 200)
		page("/desk/callers/new", 200, `name="consent" value="in person"`)
		page("/desk/temporary", 200)
		call := desk.Call{Recipient: svc.caller.Recipient, Number: 5021, Ahead: 3, KeptUntil: svc.now}
		svc.calling = desk.Calls{Campaign: svc.caller.Campaign, Called: []desk.Call{call}, Near: []desk.Call{call, call}, NotJoined: []desk.Call{{Recipient: svc.caller.Recipient}}, Waiting: 7, More: true}
		page("/desk/calls?campaign=age-55-59", 200, `tel:01012345678`, `content="60"`)
		svc.calling = desk.Calls{Campaign: svc.caller.Campaign}
		page("/desk/calls?campaign=age-55-59", 200)
		b1 := svc.aBooking()
		for name, set := range map[string]func(c *desk.Caller){
			"no place":      func(*desk.Caller) {},
			"not eligible":  func(c *desk.Caller) { c.Why = &walk.Error{Code: walk.NotEligible}; c.Born = civil.New(1999, 1, 1) },
			"temporary":     func(c *desk.Caller) { c.Why, c.Temporary = &walk.Error{Code: walk.NotEligible}, true },
			"by the roster": func(c *desk.Caller) { c.Why = &walk.Error{Code: walk.NotEligible} },
			"no desk today": func(c *desk.Caller) { c.Why = &walk.Error{Code: walk.HelperNotAllowed} },
			"comes later": func(c *desk.Caller) {
				c.Why = &walk.Error{Code: walk.NotOpen, Err: &walk.ComesLater{From: svc.now.Add(time.Hour)}}
			},
			"waits":   func(c *desk.Caller) { svc.placed(line.Waiting, 9000, 10, 60e9, 120e9); c.Place = svc.place },
			"gathers": func(c *desk.Caller) { svc.placed(line.Gathering, 0, 0, -1, -1); c.Place = svc.place },
			"turn":    func(c *desk.Caller) { svc.placed(line.Admitted, 9, 0, 0, 0); c.Place = svc.place },
			"booked":  func(c *desk.Caller) { c.Booking = &b1; c.Phone = ""; c.Consent = person.ConsentHere },
		} {
			before := svc.caller
			set(&svc.caller)
			w := b.Get("/desk/callers/c1")
			pagetest.WantPage(t, w, 200, "박말순")
			pagetest.CheckPage(t, name, lang.ID, w.Body.String())
			svc.caller = before
		}
		svc.placed(line.Admitted, 9, 0, 0, 0)
		const c = "/desk/c/age-55-59"
		page(c+"/wait?for=c1", 200, `action="/desk/c/age-55-59/enter"`)
		page(c+"/sites?for=c1", 200, `/desk/c/age-55-59/sites/s1?for=c1`, `action="/desk/c/age-55-59/sites"`)
		page(c+"/sites/s1?for=c1", 200, `action="/desk/c/age-55-59/hold"`)
		page(c+"/takeover?for=c1", 200)
		page(c+"/confirm?for=c1&slot=s1.2021-07-26.570&hold=h", 200, `action="/desk/c/age-55-59/confirm"`)
		page("/desk/bookings/bk_7f3a9c?done=booked", 200, `/desk/bookings/bk_7f3a9c/change`, "/desk/callers/")
		page("/desk/bookings/bk_7f3a9c/change?dose=1", 200, `action="/desk/bookings/bk_7f3a9c/change"`)
		page("/desk/bookings/bk_7f3a9c/change/sites?dose=1", 200, "/desk/bookings/bk_7f3a9c/change?")
		page("/desk/bookings/bk_7f3a9c/cancel", 200, `action="/desk/bookings/bk_7f3a9c/cancel"`)
		page("/desk/nowhere", 404, `href="/desk/"`)
		// Nothing on a page of the desk leads into the citizens' booking.
		for _, where := range []string{c + "/wait?for=c1", c + "/sites?for=c1", c + "/sites/s1?for=c1", "/desk/bookings/bk_7f3a9c", "/desk/bookings/bk_7f3a9c/change?dose=1"} {
			if body := b.Get(where).Body.String(); strings.Contains(body, `="/c/`) || strings.Contains(body, `="/bookings`) {
				t.Errorf("%s leads to a page of citizens", where)
			}
		}
	}
}

func TestDeskForms(t *testing.T) {
	t.Parallel()
	b, svc := atDesk(t, "clerk")
	good := []string{"campaign", "age-55-59", "identity", "630909-2000000", "year", "1963", "month", "9", "day", "9", "name", "김말순", "phone", "010-1", "consent", "phone"}
	pagetest.WantPage(t, b.Post("/desk/callers/new"), 422, `href="#identity"`, `href="#born"`, `href="#name"`, `href="#campaign"`)
	if svc.Called("RegisterCaller") {
		t.Error("an empty form was sent on")
	}
	for field, at := range map[string]string{"phone": "phone", "consent": "consent", "code": "identity", "limit": "form", "": "identity"} {
		code := walk.BadRequest
		if field == "" || field == "limit" {
			code = walk.HelperNotAllowed
		}
		svc.Fail["RegisterCaller"] = &walk.Error{Code: code, Field: field}
		w := b.Post("/desk/callers/new", good...)
		pagetest.WantPage(t, w, 422, `href="#`+at+`"`, `value="김말순"`)
		if strings.Contains(w.Body.String(), "630909") {
			t.Error("the identity number was sent back")
		}
	}
	delete(svc.Fail, "RegisterCaller")
	pagetest.WantRedirect(t, b.Post("/desk/callers/new", good...), "/desk/callers/c-new")
	if !svc.Called("RegisterCaller calldesk age-55-59 김말순 1963-09-09 630909-2000000 010-1 consent=phone") {
		t.Errorf("calls: %v", svc.Taken)
	}
	pagetest.WantRedirect(t, b.Post("/desk/callers/c1/join"), "/desk/callers/c1")
	if !svc.Called("Join age-55-59 for=c1") {
		t.Errorf("calls: %v", svc.Taken)
	}
	pagetest.WantRedirect(t, b.Post("/desk/c/age-55-59/enter", "for", "c1"), "/desk/c/age-55-59/sites?for=c1")
	w := b.Post("/desk/c/age-55-59/hold", "for", "c1", "slot", "s1.2021-07-26.570")
	if to := w.Header().Get("Location"); !strings.HasPrefix(to, "/desk/c/age-55-59/confirm?for=c1&hold=hold-1") {
		t.Errorf("hold leads to %q", to)
	}
	pagetest.WantRedirect(t, b.Post("/desk/c/age-55-59/confirm", "for", "c1", "hold", "hold-1", "key", "k"), "/desk/bookings/bk_7f3a9c?done=booked")
	pagetest.WantRedirect(t, b.Post("/desk/bookings/bk_7f3a9c/cancel"), "/desk/bookings/bk_7f3a9c?done=cancelled")
	pagetest.WantRedirect(t, b.Post("/desk/callers/c1/remove"), "/desk")
	svc.Fail["Join"] = &walk.Error{Code: walk.AlreadyBooked}
	pagetest.WantPage(t, b.Post("/desk/callers/c1/join"), 409)
	svc.Fail["Enter"] = &walk.Error{Code: walk.AlreadyBooked}
	pagetest.WantPage(t, b.Post("/desk/c/age-55-59/enter", "for", "c1"), 409, `href="/desk/callers/c1"`)

	b, svc = atDesk(t, "office")
	pagetest.WantPage(t, b.Post("/desk/temporary"), 422, `href="#born"`, `href="#name"`, `href="#paper"`)
	paper := []string{"year", "1970", "month", "3", "day", "3", "name", "누구인가", "paper", "witness"}
	svc.Fail["IssueTemporary"] = &walk.Error{Code: walk.Conflict, Field: "anyway"}
	pagetest.WantPage(t, b.Post("/desk/temporary", paper...), 422, `name="anyway"`, `value="누구인가"`, `value="witness" checked`)
	delete(svc.Fail, "IssueTemporary")
	w = b.Post("/desk/temporary", append(paper, "anyway", "yes")...)
	pagetest.WantPage(t, w, 200, "XT-7K2M-9RPA-4D8W-HR3C", "누구인가")
	if !strings.Contains(w.Header().Get("Cache-Control"), "no-store") {
		t.Error("the code may be kept by a cache")
	}
	pagetest.CheckPage(t, "print", "ko", w.Body.String())
}
