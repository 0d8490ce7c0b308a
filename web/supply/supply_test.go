package supply

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"charye/person"
	"charye/supply"
	"charye/supply/room/roomtest"
	"charye/walk"
	"charye/web/catalogue"
	"charye/web/page"
	"charye/web/page/pagetest"
)

// inRoom opens a browser of somebody at work in the supply room, with the shipment of which two boxes froze.
func inRoom(t *testing.T, token string) (*pagetest.Browser, *supplyFake, *roomtest.World) {
	t.Helper()
	w := roomtest.New(t)
	w.Shipment()
	w.Stock(1, 8)
	w.Stock(2, 4)
	w.Stock(3, 4)
	for n := range 3 {
		w.Book(n+1, 2, 5)
	}
	svc := newSupplyFake()
	svc.programme, svc.now = w.Programme, w.Now()
	svc.room = w.Room()
	round(t, svc)
	b := pagetest.NewBrowser(t, roomPages(t, svc), "ko")
	if token != "" {
		b.Cookies[page.CookieStaff] = token
	}
	svc.Taken = nil
	return b, svc, w
}

func round(t *testing.T, svc *supplyFake) {
	t.Helper()
	if err := svc.room.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
}

var fillSupply = strings.NewReplacer("{$}", "", "{seq}", "1", "{sscc}", roomtest.Box(3).String(), "{digest}", "x", "{id}", "1", "{name}", "x")

// TestEverySupplyRoute: nobody without a session of staff, no citizen's session, and no role that it is not for.
func TestEverySupplyRoute(t *testing.T) {
	t.Parallel()
	svc := newSupplyFake()
	b := pagetest.NewBrowser(t, roomPages(t, svc), "ko")
	for _, r := range (&Pages{}).Routes() {
		if r.Pattern == "/supply/" {
			continue // where there is nothing
		}
		if r.Act == "" || r.Open {
			t.Errorf("%s is for everybody", r.Pattern)
		}
		method, path, _ := strings.Cut(fillSupply.Replace(r.Pattern), " ")
		for token, roles := range map[string]person.Roles{
			"": 0, "token": 0, "nonsense": 0, "clerk": person.RolesOf(person.CallDesk), "office": person.RolesOf(person.Office), "auditor": person.RolesOf(person.Auditor),
			"logistics": person.RolesOf(person.Logistics), "manager": person.RolesOf(person.Manager),
		} {
			b.Cookies = map[string]string{page.CookieSession: "token"} // a citizen is signed in at the same browser
			if token != "" {
				b.Cookies[page.CookieStaff] = token
			}
			svc.Taken = nil
			w := b.Do(method, path, url.Values{})
			may := false
			for role := range roles.All() {
				may = may || walk.May(walk.Actor{Session: person.Session{Roles: roles}, Role: role}, r.Act)
			}
			switch {
			case roles == 0:
				if to := w.Header().Get("Location"); w.Code != 303 || !strings.HasPrefix(to, "/desk/sign-in?") || len(svc.Taken) > 0 {
					t.Errorf("%s with the session %q: %d to %q after %v", r.Pattern, token, w.Code, to, svc.Taken)
				}
			case (w.Code == 403) == may, !may && len(svc.Taken) > 0:
				t.Errorf("%s as %s: %d, allowed %t, after %v", r.Pattern, token, w.Code, may, svc.Taken)
			}
		}
	}
}

func TestSupplyPages(t *testing.T) {
	t.Parallel()
	b, svc, w := inRoom(t, "logistics")
	frozen := roomtest.Box(3).String()
	for _, lang := range catalogue.Names {
		b.Lang = lang.ID
		page := func(where string, status int, says ...string) string {
			t.Helper()
			a := b.Get(where)
			pagetest.WantPage(t, a, status, says...)
			pagetest.CheckPage(t, where, lang.ID, a.Body.String())
			return a.Body.String()
		}
		page("/supply", 200, `/supply/alarms/1`, `/supply/sites?region=`, "117", `href="/supply/cases/new"`)
		page("/supply/alarms", 200, `/supply/alarms/1`, "11t-0412")
		page("/supply/alarms/1", 200, frozen, roomtest.Box(4).String(), `/supply/cases/new?alarm=1`, `/supply/readings?alarm=1`)
		page("/supply/alarms/2", 404)
		page("/supply/alarms/x", 404)
		page("/supply/sites", 200, "하나의원", "두리의원", "세모병원")
		if s := page("/supply/sites?q=%EB%91%90%EB%A6%AC", 200, "두리의원"); strings.Contains(s, "하나의원") {
			t.Error("the search finds what it should not")
		}
		page("/supply/sites?q=nowhere", 200)
		page("/supply/boxes?site=T1", 200, roomtest.Box(1).String(), roomtest.Box(2).String(), "77")
		page("/supply/boxes?site=T9", 404)
		page("/supply/boxes?lot=Q1", 200, frozen, "/supply/readings?lot=Q1")
		page("/supply/boxes?lot=none", 200)
		body := page("/supply/boxes/"+frozen, 200, "<svg", `class="cold"`, "−1.2\u00a0°C", `class="store"`, `/supply/readings?box=`+frozen, "11t-0412")
		if n := strings.Count(body, `scope="row"`); n < 3+5+1 { // legs, bands, the excursion
			t.Errorf("%d rows beside the chart", n)
		}
		if good := page("/supply/boxes/"+roomtest.Box(1).String(), 200, "card good"); strings.Contains(good, `class="cold"`) {
			t.Error("a box that never froze is drawn as frozen")
		}
		page("/supply/boxes/"+roomtest.Box(77).String(), 404)
		page("/supply/boxes/1", 404)
		page("/supply/readings", 200)
		page("/supply/readings?alarm=1", 200, "두리의원", "세모병원", `class="tree"`, "/supply/cases/new?alarm=1")
		page("/supply/readings?lot=Q1", 200, "하나의원")
		page("/supply/readings?box="+frozen, 200, "두리의원")
		page("/supply/readings?lot=none", 422, `href="#lot"`)
		page("/supply/readings?point=nowhere&from=x&until=y", 422, `href="#point"`, `href="#from"`, `href="#until"`)
		at := func(m int) string { return roomtest.Minute(m).In(pagetest.Seoul).Format(formTime) }
		of := "/supply/readings?point=" + url.QueryEscape(roomtest.Truck) + "&from=" + at(140) + "&until=" + at(150)
		if s := page(of, 200, frozen, roomtest.Box(4).String(), "두리의원"); strings.Contains(s, roomtest.Box(1).String()) {
			t.Error("a box that had left the truck is touched")
		}
		page("/supply/cases", 200)
		page("/supply/cases/new?alarm=1", 200, frozen, roomtest.Box(4).String(), `value="hold" checked`)
		page("/supply/cases/new?lot=Q1", 200, roomtest.Box(1).String())
		page("/supply/cases/new?box="+frozen, 200, frozen)
		page(strings.Replace(of, "/supply/readings?", "/supply/cases/new?", 1), 200, frozen)
		page("/supply/cases/7", 404)
		page("/supply/nowhere", 404)
	}
	// What a text names.
	for text, to := range map[string]string{
		frozen: "/supply/boxes/" + frozen, "(00)" + frozen: "/supply/boxes/" + frozen, roomtest.SiteGLN: "/supply/boxes?site=T1", "T2": "/supply/boxes?site=T2",
		"Q1": "/supply/boxes?lot=Q1", "두리": "/supply/sites?q=%EB%91%90%EB%A6%AC",
	} {
		pagetest.WantRedirect(t, b.Get("/supply/find?q="+url.QueryEscape(text)), to)
	}
	pagetest.WantPage(t, b.Get("/supply/find?q=zzz"), 404, "zzz", `role="alert"`)
	// An old view says so; without products that are stored by rules there is no room.
	w.At(300)
	svc.now = w.Now()
	pagetest.WantPage(t, b.Get("/supply"), 200, "note warn")
	svc.room = nil
	pagetest.WantPage(t, b.Get("/supply"), 404)
}

var hiddenPlan = regexp.MustCompile(`name="(plan|digest)" value="([0-9a-f]{64})"`)

// TestVerdictPages: preview, four eyes, done; each page in both languages.
func TestVerdictPages(t *testing.T) {
	t.Parallel()
	b, svc, w := inRoom(t, "logistics")
	look := func(where string, says ...string) string {
		t.Helper()
		for _, lang := range catalogue.Names {
			b.Lang = lang.ID
			a := b.Get(where)
			pagetest.WantPage(t, a, 200, says...)
			pagetest.CheckPage(t, where, lang.ID, a.Body.String())
		}
		b.Lang = "ko"
		return b.Get(where).Body.String()
	}
	form := []string{"action", "hold", "case", "트럭", "boxes", roomtest.Box(3).String(), "reason", "얼었음", "evidence", "file-3\nfile-4", "km", "30", "days", "20"}
	pagetest.WantPage(t, b.Post("/supply/cases/new"), 422, `href="#action"`, `href="#case"`, `href="#boxes"`, `href="#reason"`, `href="#evidence"`, `href="#km"`, `href="#days"`)
	if svc.Called("PreviewVerdict") {
		t.Error("an empty form was sent on")
	}
	for value, field := range map[string]string{
		"boxes=12": "boxes", "boxes=" + roomtest.Box(99).String(): "boxes", "action=release": "boxes", "km=9999": "km", "days=-1": "days", "action=burn": "action",
	} {
		name, v, _ := strings.Cut(value, "=")
		wrong := append([]string(nil), form...)
		for i := 0; i < len(wrong); i += 2 {
			if wrong[i] == name {
				wrong[i+1] = v
			}
		}
		pagetest.WantPage(t, b.Post("/supply/cases/new", wrong...), 422, `href="#`+field+`"`, `value="얼었음"`)
	}
	all := append([]string{"all", "alarm=1"}, form...)
	all[7] = ""
	to := b.Post("/supply/cases/new", all...).Header().Get("Location")
	pagetest.WantPage(t, b.Get(to), 200, "두리의원", "세모병원")

	to = b.Post("/supply/cases/new", form...).Header().Get("Location")
	draft := look(to, "두리의원", "하나의원", `name="plan"`)
	plan := hiddenPlan.FindStringSubmatch(draft)[2]
	b.Cookies[page.CookieStaff] = "manager"
	if s := b.Get(to).Body.String(); strings.Contains(s, `name="plan"`) {
		t.Error("somebody else is asked to ask for it")
	}
	pagetest.WantPage(t, b.Post("/supply/cases", "plan", plan), 403)
	b.Cookies[page.CookieStaff] = "logistics"
	at := b.Post("/supply/cases", "plan", plan).Header().Get("Location")
	pagetest.WantRedirect(t, b.Post("/supply/cases", "plan", plan), at) // sent twice
	mine := look(at, "/withdraw")
	if strings.Contains(mine, "/agree") || strings.Contains(mine, "/decline") {
		t.Error("who asked is offered to agree")
	}
	look("/supply", at)
	look("/supply/cases", at)
	r, err := svc.room.Case(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	digest := fmt.Sprintf("%x", r.Request.Digest)
	pagetest.WantPage(t, b.Post(at+"/agree", "digest", digest), 403, `role="alert"`)
	b.Cookies[page.CookieStaff] = "auditor"
	pagetest.WantPage(t, b.Post(at+"/agree", "digest", digest), 403)
	look(at)
	b.Cookies[page.CookieStaff] = "manager"
	pagetest.WantPage(t, b.Post(at+"/agree", "digest", strings.Repeat("0", 64)), 409, `role="alert"`)
	pagetest.WantPage(t, b.Post(at+"/agree", "digest", "x"), 409)
	pagetest.WantPage(t, b.Post(at+"/decline"), 422)
	if got := hiddenPlan.FindStringSubmatch(look(at, at+"/agree", at+"/decline")); got == nil || got[2] != digest {
		t.Errorf("the page sends the digest %v", got)
	}
	pagetest.WantRedirect(t, b.Post(at+"/agree", "digest", digest), at)
	look(at, "<progress"[:0], `content="2"`)
	round(t, svc)
	round(t, svc)
	look(at, "card good", "예약"[:0])
	look("/supply/boxes/"+roomtest.Box(3).String(), "트럭", "logistics c9", "manager ca")
	pagetest.WantPage(t, b.Post(at+"/agree", "digest", digest), 409)

	// One that is withdrawn, one that is declined, and one that cannot be done any more.
	again := func() string {
		t.Helper()
		b.Cookies[page.CookieStaff] = "logistics"
		f := append([]string(nil), form...)
		f[1], f[5] = "recall", roomtest.Box(4).String()
		to := b.Post("/supply/cases/new", f...).Header().Get("Location")
		return b.Post("/supply/cases", "plan", strings.TrimPrefix(to, "/supply/cases/draft/")).Header().Get("Location")
	}
	at = again()
	pagetest.WantRedirect(t, b.Post(at+"/withdraw"), at)
	look(at)
	w.At(241)
	svc.now = w.Now()
	at = again()
	b.Cookies[page.CookieStaff] = "manager"
	pagetest.WantRedirect(t, b.Post(at+"/decline", "why", "아직 모릅니다"), at)
	look(at, "아직 모릅니다")
	at = again()
	if _, err := w.Store.Decide(t.Context(), supply.Verdict{
		At: w.Now(), Action: supply.Recall, Case: "x", Boxes: []supply.SSCC{roomtest.Box(4)}, Reason: "r", Evidence: []string{"e"}, Asked: "a", Agreed: "b",
	}); err != nil {
		t.Fatal(err)
	}
	r, err = svc.room.Case(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	b.Cookies[page.CookieStaff] = "manager"
	pagetest.WantRedirect(t, b.Post(at+"/agree", "digest", fmt.Sprintf("%x", r.Request.Digest)), at)
	round(t, svc)
	look(at, "card bad", "is recalled")
}

// TestLong: times in words, and temperatures on the right side of a limit.
func TestSupplyWords(t *testing.T) {
	t.Parallel()
	l := pagetest.Languages(t)["en"]
	for d, want := range map[time.Duration]string{
		0: "0 min", 20 * time.Second: "20 s", time.Minute: "1 min", 90 * time.Minute: "1 h 30 min", 2 * time.Hour: "2 h", 49 * time.Hour: "2 d 1 h", -time.Hour: "0 min",
	} {
		if got, err := l.Long(d); err != nil || got != want {
			t.Errorf("%v: %q, %v; want %q", d, got, err, want)
		}
	}
	for c, want := range map[supply.Celsius]string{
		-1_200_000: "−1.2\u00a0°C", 0: "0.0\u00a0°C", 4_500_000: "4.5\u00a0°C", 2_000_000: "2.0\u00a0°C", 1_999_999: "1.999999\u00a0°C", 8_000_001: "8.000001\u00a0°C", -70_250_000: "−70.2\u00a0°C",
	} {
		if got := celsius(c); got != want {
			t.Errorf("%d: %q, want %q", c, got, want)
		}
	}
}
