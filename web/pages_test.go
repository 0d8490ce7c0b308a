package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"html"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"charye/internal/civil"
	"charye/line"
	"charye/person"
	"charye/programme"
	"charye/walk"
	"charye/web/catalogue"
	"charye/web/page"
	"charye/web/page/pagetest"
)

// everyPage lists addresses that together show each template.
func everyPage() []string {
	const c = "/c/age-55-59"
	return []string{
		"/", "/sign-in", "/sign-in?fresh=1", "/sign-in?why=failed", "/sign-in?why=needed", "/about/fair-turn",
		c, c + "?for=r1", c + "/for", c + "/wait", c + "/wait?for=r1", c + "/takeover", c + "/sites", c + "/sites?region=none", c + "/sites?lat=37.5&lon=127&cursor=x",
		c + "/sites?date=nonsense", c + "/sites/s1", c + "/sites/s3?date=2021-07-29&missing=1", c + "/confirm?slot=s1.2021-07-26.570&hold=h&until=qw4xyz",
		"/bookings", "/bookings/bk_7f3a9c", "/bookings/bk_7f3a9c?done=booked", "/bookings/bk_7f3a9c?done=changed", "/bookings/bk_7f3a9c/change",
		"/bookings/bk_7f3a9c/change?dose=1", "/bookings/bk_7f3a9c/change?dose=2&missing=1", "/bookings/bk_7f3a9c/change/sites?dose=2", "/bookings/bk_7f3a9c/cancel",
		"/nowhere",
	}
}

// inside puts a pass of the campaign into the browser.
func inside(b *pagetest.Browser, recipient string) {
	b.Cookies[page.PassName("age-55-59", recipient)] = strconv.FormatInt(pagetest.Opening.Add(20*time.Minute).Unix(), 36) + ".pass-token"
}

// inScene opens a browser in one of the scenes of the preview, with everything filled in.
func inScene(t *testing.T, scene func(*scripted)) (*pagetest.Browser, *scripted) {
	t.Helper()
	svc := newScripted()
	svc.bookings = []walk.Booking{svc.aBooking()}
	svc.recipients = []person.Recipient{{ID: "r1", Campaign: "age-55-59", Name: "박말순", Born: civil.New(1940, 1, 1)}}
	scene(svc)
	b := signedIn(t, svc)
	inside(b, "")
	inside(b, "r1")
	return b, svc
}

func TestEveryPageInEverySceneAndLanguage(t *testing.T) {
	t.Parallel()
	names := slices.Sorted(maps.Keys(scenes))
	for _, name := range append(names, "empty", "long past") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, svc := inScene(t, func(s *scripted) {
				switch name {
				case "empty":
					s.programme.Campaigns = s.programme.Campaigns[:1]
					s.programme.Campaigns[0] = programme.Campaign{ID: "age-55-59"}
					s.programme.Products = nil
					s.state = "no such state"
					s.doc, s.draw = walk.LineDoc{}, line.Draw{}
					s.place = &walk.Place{}
					b := s.aBookingless()
					s.bookings = []walk.Booking{b}
				case "long past":
					s.bookings[0].Changeable = false
					s.bookings = append(s.bookings, s.aBooking())
					s.bookings[1].ID, s.bookings[1].Cancelled, s.bookings[1].ForName, s.bookings[1].Recipient = "bk_2", true, "박말순", "r1"
				default:
					scenes[name](s)
				}
			})
			if name == "noteligible" {
				svc.Fail["Eligible"] = &walk.Error{Code: walk.HelperNotAllowed}
			}
			for _, lang := range catalogue.Names {
				b.Cookies[page.CookieLanguage] = lang.ID
				for _, page := range append(everyPage(), "/bookings/bk_2?done=cancelled") {
					w := b.Get(page)
					if w.Code >= 300 && w.Code < 400 {
						continue // waiting without a place, or a cancelled booking
					}
					pagetest.CheckPage(t, lang.ID+" "+page, lang.ID, w.Body.String())
					if w.Code >= 500 && name != "busy" {
						t.Errorf("%s %s: status %d", lang.ID, page, w.Code)
					}
				}
			}
		})
	}
}

// aBookingless is a booking of which next to nothing is known.
func (s *scripted) aBookingless() walk.Booking {
	return walk.Booking{ID: "bk_7f3a9c", Campaign: &s.programme.Campaigns[0], Changeable: true, Doses: []walk.Dose{{Dose: 1, Site: madeUpSites[0]}, {Dose: 2}}}
}

func TestHostileNamesStayText(t *testing.T) {
	t.Parallel()
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>'{{.}}`
	svc := newScripted()
	door := pagetest.NewDoorman(svc.now)
	door.Session.Name = evil
	svc.programme.Name = programme.Text{KO: evil, EN: evil}
	svc.programme.Campaigns[0].Name = programme.Text{KO: evil, EN: evil}
	svc.pauseWhy = programme.Text{KO: evil, EN: evil}
	svc.state = "paused"
	svc.placed(line.Waiting, 10, 3, 0, 0)
	svc.place.Ticket = evil
	svc.recipients = []person.Recipient{{ID: "r1", Campaign: "age-55-59", Name: evil}}
	booking := svc.aBooking()
	booking.Number, booking.ForName = evil, evil
	booking.Doses[0].Site.Name, booking.Doses[0].Site.Address, booking.Doses[0].Site.Phone = evil, evil, evil
	svc.bookings = []walk.Booking{booking}
	b := open(t, svc, door, Options{HelpPhone: evil})
	b.Cookies[page.CookieSession] = "token"
	inside(b, "")
	q := url.QueryEscape(evil)
	for _, page := range append(everyPage(), "/sign-in?return="+q, "/c/age-55-59/sites?region="+q+"&date="+q+"&lat="+q+"&cursor="+q, "/c/age-55-59/confirm?slot=s1.2021-07-26.570&hold="+q, "/"+url.PathEscape(evil)) {
		w := b.Get(page)
		if strings.Contains(w.Body.String(), "<script>alert") || strings.Contains(w.Body.String(), "<img src=x") {
			t.Errorf("%s: markup came through", page)
		}
		if w.Code == http.StatusOK {
			pagetest.CheckPage(t, page, "ko", w.Body.String())
		}
	}
	w := b.Post("/c/age-55-59/for", "name", evil, "year", evil, "month", evil, "day", evil, "identity", evil)
	pagetest.WantPage(t, w, http.StatusUnprocessableEntity)
	if strings.Contains(w.Body.String(), "<script>alert") {
		t.Error("form: markup came through")
	}
	if strings.Count(w.Body.String(), html.EscapeString(evil)) == 0 {
		t.Error("form: what was typed is gone")
	}
}

// TestWaitingPageIsSmall measures what a waiting person downloads: page, style, script and icon, compressed.
func TestWaitingPageIsSmall(t *testing.T) {
	t.Parallel()
	const budget = 20_000
	for name := range scenes {
		b, _ := inScene(t, scenes[name])
		for _, lang := range catalogue.Names {
			b.Cookies[page.CookieLanguage] = lang.ID
			b.Header.Set("Accept-Encoding", "gzip")
			w := b.Get("/c/age-55-59/wait")
			if w.Code != http.StatusOK {
				continue
			}
			total := w.Body.Len()
			page := gunzip(t, w.Body)
			for _, m := range regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`).FindAllStringSubmatch(page, -1) {
				if strings.Count(page[:strings.Index(page, m[1])], m[1]) == 0 {
					total += b.Get(m[1]).Body.Len()
				}
			}
			if total > budget {
				t.Errorf("%s in %s: %d bytes, budget %d", name, lang.ID, total, budget)
			}
			if name == "waiting" {
				t.Logf("waiting page in %s: %d bytes compressed in all", lang.ID, total)
			}
		}
	}
}

func gunzip(t *testing.T, r io.Reader) string {
	t.Helper()
	z, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	b := open(t, svc, pagetest.NewDoorman(svc.now), Options{PublicURL: "https://charye.example"})
	w := b.Get("/")
	for name, want := range map[string]string{
		"Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff",
		"Permissions-Policy": "geolocation=(self), camera=(), microphone=(), payment=()", "Cache-Control": "no-store",
		"Content-Type": "text/html; charset=utf-8",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none'; ") || strings.Contains(got, "unsafe") {
		t.Errorf("Content-Security-Policy is %q", got)
	}
	css := regexp.MustCompile(`/assets/app\.[0-9a-f]{12}\.css`).FindString(w.Body.String())
	a := b.Get(css)
	if got := a.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("asset Cache-Control %q", got)
	}
	other := b.Get("/assets/app.000000000000.css")
	if other.Code != http.StatusOK || other.Header().Get("Cache-Control") != "no-cache" || !bytes.Equal(other.Body.Bytes(), a.Body.Bytes()) {
		t.Errorf("asset of another version: %d %q", other.Code, other.Header().Get("Cache-Control"))
	}
	for _, bad := range []string{"/assets/app.css", "/assets/none.000.css", "/assets/..%2fweb.go"} {
		if w := b.Get(bad); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", bad, w.Code)
		}
	}
	if got := gunzip(t, func() io.Reader {
		b.Header.Set("Accept-Encoding", "gzip")
		return b.Get("/").Body
	}()); got != w.Body.String() {
		t.Error("the compressed page is another page")
	}
}

func TestCookiesAreLocked(t *testing.T) {
	t.Parallel()
	for _, public := range []string{"", "http://localhost:8080", "https://charye.example"} {
		svc := newScripted()
		svc.placed(line.Admitted, 1, 0, 0, 0)
		b := open(t, svc, pagetest.NewDoorman(svc.now), Options{PublicURL: public})
		prefix := ""
		if strings.HasPrefix(public, "https") {
			prefix = "__Host-"
		}
		var set []*http.Cookie
		for _, w := range []*httptest.ResponseRecorder{
			b.Get("/sign-in/demo?return=/bookings"), b.Get("/sign-in/callback?code=good"), b.Post("/c/age-55-59/enter"), b.Get("/?lang=en"),
		} {
			set = append(set, w.Result().Cookies()...)
		}
		names := map[string]bool{}
		for _, c := range set {
			names[c.Name] = true
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != (prefix != "") {
				t.Errorf("%q: loose cookie %v", public, c)
			}
		}
		for _, want := range []string{page.CookieSession, page.CookieLogin, page.CookieDevice, page.CookieLanguage, page.PassName("age-55-59", "")} {
			if !names[prefix+want] {
				t.Errorf("%q: cookie %q was not set; have %v", public, prefix+want, names)
			}
		}
	}
	for _, bad := range []string{"charye.example", "ftp://x", "https://", ":"} {
		if _, err := New(newScripted(), pagetest.NewDoorman(pagetest.Opening), Options{PublicURL: bad}); err == nil {
			t.Errorf("public URL %q was taken", bad)
		}
	}
}

func TestFormsFromElsewhereAreRefused(t *testing.T) {
	t.Parallel()
	for _, header := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}} {
		b, svc := inScene(t, scenes["turn"])
		for k, v := range header {
			b.Header.Set(k, v)
		}
		for _, path := range []string{"/c/age-55-59/join", "/c/age-55-59/enter", "/c/age-55-59/hold", "/c/age-55-59/confirm", "/bookings/bk_7f3a9c/cancel", "/bookings/bk_7f3a9c/change", "/sign-out"} {
			w := b.Post(path, "slot", "s1.2021-07-26.570", "dose", "1")
			pagetest.WantPage(t, w, http.StatusBadRequest, "아무것도 바뀌지 않았습니다")
		}
		for _, call := range []string{"Join", "Enter", "Hold", "Book ", "Cancel", "Change"} {
			if svc.Called(call) {
				t.Errorf("%v: %s was called", header, call)
			}
		}
		if b.Cookies[page.CookieSession] == "" {
			t.Errorf("%v: signed out", header)
		}
	}
}

// TestColoursCanBeRead computes the contrast of every pair of colours that stand on each other (WCAG 2.2, 1.4.3 and 1.4.11).
func TestColoursCanBeRead(t *testing.T) {
	t.Parallel()
	css, err := os.ReadFile("assets/app.css")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(string(css), "prefers-color-scheme: dark", 2)
	light := colours(parts[0])
	dark := colours(parts[1][:strings.Index(parts[1], "}\n}")])
	for name, c := range map[string]map[string][3]float64{"light": light, "dark": dark} {
		for _, p := range []struct {
			front, back string
			least       float64
		}{
			{"text", "page", 7}, {"text", "card", 7}, {"quiet", "page", 4.5}, {"quiet", "card", 4.5}, {"link", "page", 4.5}, {"link", "card", 4.5},
			{"link", "accent-soft", 4.5}, {"text", "accent-soft", 7}, {"accent-text", "accent", 4.5}, {"good", "good-soft", 4.5}, {"bad", "bad-soft", 4.5},
			{"bad", "card", 4.5}, {"warn", "warn-soft", 4.5}, {"accent", "page", 3}, {"accent", "accent-soft", 3}, {"focus", "page", 3}, {"focus", "card", 3}, {"quiet", "card", 3},
		} {
			front, ok1 := c[p.front]
			back, ok2 := c[p.back]
			if !ok1 || !ok2 {
				t.Fatalf("%s: no colour %s or %s", name, p.front, p.back)
			}
			if got := contrast(front, back); got < p.least {
				t.Errorf("%s: %s on %s has contrast %.2f, want %.1f", name, p.front, p.back, got, p.least)
			}
		}
	}
}

func colours(css string) map[string][3]float64 {
	out := map[string][3]float64{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{3,6});`).FindAllStringSubmatch(css, -1) {
		hex := m[2]
		if len(hex) == 3 {
			hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
		}
		var c [3]float64
		for i := range c {
			v, _ := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
			c[i] = float64(v) / 255
		}
		out[m[1]] = c
	}
	return out
}

func contrast(a, b [3]float64) float64 {
	luminance := func(c [3]float64) float64 {
		for i, v := range c {
			if v <= 0.04045 {
				c[i] = v / 12.92
			} else {
				c[i] = math.Pow((v+0.055)/1.055, 2.4)
			}
		}
		return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2]
	}
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func TestEveryRefusalIsTold(t *testing.T) {
	t.Parallel()
	codes := []walk.Code{
		walk.NotEligible, walk.NoPass, walk.PassExpired, walk.HelperNotAllowed, walk.NotAllowed, walk.NotYourTurn, walk.NotOpen, walk.OtherDevice, walk.SlotFull,
		walk.AlreadyBooked, walk.Conflict, walk.Closed, walk.BadRequest, walk.RateLimited, walk.Overloaded, walk.NotFound, walk.Internal, "a-new-code",
	}
	for _, code := range codes {
		for _, lang := range catalogue.Names {
			b, svc := inScene(t, scenes["turn"])
			b.Cookies[page.CookieLanguage] = lang.ID
			svc.Fail["Bookings"] = fmt.Errorf("wrapped: %w", &walk.Error{Code: code, Detail: "DETAIL FOR MACHINES", RetryAfter: 9 * time.Second})
			w := b.Get("/bookings")
			pagetest.CheckPage(t, lang.ID+" "+string(code), lang.ID, w.Body.String())
			status := page.StatusOf(code)
			if status == 0 {
				status = http.StatusInternalServerError
			}
			pagetest.WantPage(t, w, status, `<a class="more" href="/">`)
			if strings.Contains(w.Body.String(), "DETAIL FOR MACHINES") {
				t.Errorf("%s: shows the machine's detail", code)
			}
			if code == walk.Overloaded && (w.Header().Get("Retry-After") != "9" || !strings.Contains(w.Body.String(), `content="9"`)) {
				t.Errorf("busy: Retry-After %q and no refresh", w.Header().Get("Retry-After"))
			}
		}
	}
}
