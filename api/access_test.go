package api

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Every route that is not public answers 401 to whoever proves nothing, whatever else they send, and asks the walk nothing.
func TestEveryRouteIsPublicOrAsksWho(t *testing.T) {
	t.Parallel()
	strangers := map[string][]string{
		"nobody":             nil,
		"a cookie":           {"Cookie: session=" + session},
		"basic":              {"Authorization: Basic " + session},
		"bare token":         {"Authorization: " + session},
		"empty token":        {"Authorization: Bearer "},
		"unknown token":      {"Authorization: Bearer SESSION-9"},
		"token with a space": {"Authorization: Bearer " + session + " x"},
		"token in the query": {"X-Session: " + session},
		"a pass":             {"Charye-Pass: PASS-1"},
		"long token":         {"Authorization: Bearer " + strings.Repeat("a", 5000)},
	}
	closed := 0
	for _, route := range Routes() {
		if route.Access == Public {
			continue
		}
		closed++
		for who, headers := range strangers {
			b := newBench(t)
			target := filled(route.Pattern)
			if who == "token in the query" {
				target += "?access_token=" + session
			}
			rec := b.do(route.Method+" "+target, headers...)
			if rec.Code != http.StatusUnauthorized || decode[problemDoc](t, rec).Code != "not-signed-in" {
				t.Errorf("%s %s with %s: %d %s", route.Method, route.Pattern, who, rec.Code, rec.Body)
			}
			wantInvalid := who == "unknown token"
			if got := strings.Contains(rec.Header().Get("WWW-Authenticate"), "invalid_token"); got != wantInvalid {
				t.Errorf("%s with %s: WWW-Authenticate %q", route.Pattern, who, rec.Header().Get("WWW-Authenticate"))
			}
			if call := b.svc.last(); call != "" {
				t.Errorf("%s %s with %s reached %q", route.Method, route.Pattern, who, call)
			}
		}
	}
	if closed < 15 {
		t.Fatalf("only %d routes ask who", closed)
	}
}

func TestTwoAuthorizationHeadersAreNone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := request("GET /api/v1/me", auth)
	r.Header.Add("Authorization", "Bearer SESSION-2")
	wantCode(t, b.send(r), 401, "not-signed-in", "")
}

func TestSessionEndsByServerTime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.svc.now = hong.ExpiresAt.Add(-time.Second)
	wantStatus(t, b.do("GET /api/v1/me", auth, "Date: Mon, 12 Jul 2021 00:00:00 GMT"), 200)
	b.svc.advance(time.Second)
	wantCode(t, b.do("GET /api/v1/me", auth, "Date: Mon, 12 Jul 2021 00:00:00 GMT"), 401, "not-signed-in", "")
}

func TestTicketOpensNothingButThePlace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, route := range Routes() {
		if route.Access != SignedIn {
			continue
		}
		wantStatus(t, b.do(route.Method+" "+filled(route.Pattern), "Charye-Ticket: TICKET-1"), 401)
	}
	wantCode(t, b.do("GET "+c1+"/place?recipient=r-1", "Charye-Ticket: T"), 400, "bad-request", "recipient")
}

func TestCredentialHeaders(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pass, idem := "Charye-Pass: P", "Idempotency-Key: k"
	for _, c := range []struct {
		request string
		args    []string
		status  int
		code    string
		field   string
	}{
		{"POST " + c1 + "/passes", []string{`{"device":"d-1234567"}`}, 400, "bad-request", "Charye-Ticket"},
		{"POST /api/v1/holds", []string{`{"slot":"s"}`}, 403, "no-pass", ""},
		{"POST /api/v1/bookings", []string{idem, `{"slot":"s"}`}, 403, "no-pass", ""},
		{"POST /api/v1/bookings", []string{pass, `{"slot":"s"}`}, 400, "bad-request", "Idempotency-Key"},
		{"POST /api/v1/bookings", []string{pass, "Idempotency-Key: " + strings.Repeat("k", 256), `{"slot":"s"}`}, 400, "bad-request", "Idempotency-Key"},
		{"POST /api/v1/bookings", []string{pass, "Idempotency-Key: a b", `{"slot":"s"}`}, 400, "bad-request", "Idempotency-Key"},
		{"POST /api/v1/bookings", []string{"Charye-Pass: é", idem, `{"slot":"s"}`}, 400, "bad-request", "Charye-Pass"},
		{"POST /api/v1/holds", []string{"Charye-Pass: " + strings.Repeat("p", 5000), `{"slot":"s"}`}, 400, "bad-request", "Charye-Pass"},
	} {
		wantCode(t, b.do(c.request, append(c.args, auth)...), c.status, c.code, c.field)
	}
	r := request("GET "+c1+"/place", "Charye-Ticket: A")
	r.Header.Add("Charye-Ticket", "B")
	wantCode(t, b.send(r), 400, "bad-request", "Charye-Ticket")
	if call := b.svc.last(); call != "" {
		t.Errorf("reached %q", call)
	}
}

func TestPathsHaveOneSpelling(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, path := range []string{
		"//api/v1/campaigns", "/api//v1/campaigns", "/api/v1/campaigns/", "/api/v1/./campaigns", "/api/v1/x/../campaigns",
		"/api/v1/campaigns/..", "/api/v1/campaigns/.", "/%61pi/v1/campaigns", "/api/v1/campaigns/a%2Fb", "/api/v1/campaigns/%2e%2e",
		"/api/v1/campaigns/a%00b", "/api/v1/campaigns/a%0ab", "/api/v1/campaigns/a%5Cb", "/api/v1/campaigns/%ff", "/api/v1/campaigns/age%2d55-59",
		"/healthz/", "/api/v1/campaigns/age-55-59/line/",
	} {
		rec := b.do("GET " + path)
		wantCode(t, rec, 400, "bad-request", "path")
		if rec.Header().Get("Location") != "" {
			t.Errorf("%s is redirected", path)
		}
	}
	for _, path := range []string{"/api", "/api/v2/campaigns", "/api/v1/campaigns/x/nothing", "/", "/metrics/x", "/api/v1/Campaigns"} {
		wantCode(t, b.do("GET "+path), 404, "not-found", "")
	}
	wantStatus(t, b.do("GET "+c1+"/sites/"+strings.Repeat("s", 129)+"/slots?date=2021-07-26"), 404)
	if call := b.svc.last(); call != "" {
		t.Errorf("reached %q", call)
	}
}

func TestWrongMethods(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	allow := map[string]string{}
	for _, r := range Routes() {
		allow[r.Pattern] += r.Method + " "
	}
	for pattern, methods := range allow {
		for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
			if strings.Contains(methods, m+" ") || m == "HEAD" && strings.Contains(methods, "GET ") {
				continue
			}
			rec := b.do(m+" "+filled(pattern), auth)
			if rec.Code != 405 {
				t.Errorf("%s %s: %d", m, pattern, rec.Code)
			}
			for want := range strings.FieldsSeq(methods) {
				if !strings.Contains(rec.Header().Get("Allow"), want) {
					t.Errorf("%s: Allow %q has no %s", pattern, rec.Header().Get("Allow"), want)
				}
			}
		}
	}
}

func TestOwns(t *testing.T) {
	t.Parallel()
	for _, r := range Routes() {
		if !Owns(filled(r.Pattern)) {
			t.Errorf("does not own %s", r.Pattern)
		}
	}
	for _, p := range []string{"/", "/apis", "/healthzz", "/c/age-55-59", ""} {
		if Owns(p) {
			t.Errorf("owns %q", p)
		}
	}
}
