package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"charye/internal/telemetry"
	"charye/walk"
)

// codesOfWalk reads the constants of type Code from the source, so that a new one cannot be forgotten here.
func codesOfWalk(t *testing.T) (codes []walk.Code) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../walk/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "Code" {
				continue
			}
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, walk.Code(text))
		}
	}
	return codes
}

// DESIGN 8: the statuses are a promise.
var promised = map[walk.Code]int{
	walk.NotSignedIn: 401, walk.NotEligible: 403, walk.NoPass: 403, walk.PassExpired: 403, walk.HelperNotAllowed: 403, walk.NotAllowed: 403,
	walk.NotYourTurn: 425, walk.NotOpen: 425, walk.OtherDevice: 409, walk.SlotFull: 409, walk.AlreadyBooked: 409, walk.Conflict: 409,
	walk.Closed: 410, walk.BadRequest: 400, walk.RateLimited: 429, walk.Overloaded: 503, walk.NotFound: 404, walk.Internal: 500,
}

func TestEveryCodeHasItsStatus(t *testing.T) {
	t.Parallel()
	codes := codesOfWalk(t)
	if len(codes) < 17 {
		t.Fatalf("found only %d codes", len(codes))
	}
	for _, code := range codes {
		b := newBench(t)
		b.svc.fail("Book", fmt.Errorf("book: %w", &walk.Error{Code: code, Detail: "Because."}))
		rec := b.do("POST /api/v1/bookings", auth, "Charye-Pass: P", "Idempotency-Key: k", `{"slot":"s"}`)
		p := decode[problemDoc](t, rec)
		if promised[code] == 0 || rec.Code != promised[code] || p.Code != string(code) || p.Type != "urn:charye:problem:"+string(code) {
			t.Errorf("%s: %d %s", code, rec.Code, rec.Body)
		}
		if code != walk.Internal && p.Detail != "Because." {
			t.Errorf("%s: detail %q", code, p.Detail)
		}
		if (code == walk.RateLimited || code == walk.Overloaded) && rec.Header().Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", code)
		}
	}
}

func TestProblemCarriesWhatHelps(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	place := b.svc.place
	b.svc.fail("Enter", &walk.Error{Code: walk.NotYourTurn, Detail: "Not yet.", Place: &place})
	rec := b.do("POST "+c1+"/passes", auth, "Charye-Ticket: T", `{"device":"d-1234567"}`)
	p := decode[problemDoc](t, rec)
	if p.Place == nil || p.Place.Number != 5200 || p.RetryAfterSeconds != 20 || rec.Header().Get("Retry-After") != "20" {
		t.Errorf("not-your-turn: Retry-After %q, %s", rec.Header().Get("Retry-After"), rec.Body)
	}

	b.svc.fail("Hold", &walk.Error{Code: walk.SlotFull, Detail: "Full.", Alternatives: b.svc.slots()})
	p = decode[problemDoc](t, b.do("POST /api/v1/holds", auth, "Charye-Pass: P", `{"slot":"s"}`))
	if len(p.Alternatives) != 1 || p.Alternatives[0].ID != "12.2021-07-26.0930.moderna" {
		t.Errorf("slot-full: %+v", p)
	}

	b.svc.fail("Hold", &walk.Error{Code: walk.NotOpen, Detail: "Opens at eight.", RetryAfter: 59*time.Second + time.Millisecond})
	rec = b.do("POST /api/v1/holds", auth, "Charye-Pass: P", `{"slot":"s"}`)
	if rec.Header().Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q, want it rounded up to 60", rec.Header().Get("Retry-After"))
	}
}

func TestInternalErrorsSayNothing(t *testing.T) {
	t.Parallel()
	const secret = "00112233445566778899aabbccddeeff"
	for name, cause := range map[string]any{
		"error":            errors.New("sqlite: no such table; person " + secret),
		"internal":         &walk.Error{Code: walk.Internal, Detail: "row of " + secret, Err: errors.New(secret)},
		"unknown code":     &walk.Error{Code: "made-up", Detail: secret},
		"panic":            "nil map, person " + secret,
		"panic with error": errors.New("index out of range " + secret),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			b := newBench(t, func(o *Options) { o.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
			if err, ok := cause.(error); ok && !strings.HasPrefix(name, "panic") {
				b.svc.fail("Join", err)
			} else {
				b.svc.hook["Join"] = func(context.Context) { panic(cause) }
			}
			rec := b.do("POST "+c1+"/places", auth)
			p := decode[problemDoc](t, rec)
			if rec.Code != 500 || p.Code != "internal" || strings.Contains(rec.Body.String(), secret) || strings.Contains(rec.Body.String(), "sqlite") {
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
			if p.Instance == "" || !strings.Contains(log.String(), p.Instance) || !strings.Contains(log.String(), c1[:8]) {
				t.Errorf("instance %q is not in the log %s", p.Instance, log.String())
			}
			if strings.Contains(log.String(), secret) || strings.Contains(log.String(), session) {
				t.Errorf("the log names a person: %s", log.String())
			}
		})
	}
}

func TestPanicWhileAPublicDocumentIsMade(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.svc.hook["Line"] = func(context.Context) { panic("boom") }
	wantCode(t, b.do("GET "+c1+"/line"), 500, "internal", "")
	delete(b.svc.hook, "Line")
	wantStatus(t, b.do("GET "+c1+"/line"), 200)
}

func TestTimeIsUp(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *Options) { o.CallTimeout = time.Nanosecond })
	rec := b.do("POST "+c1+"/places", auth)
	wantCode(t, rec, 503, "overloaded", "")
}

// A request whose context is over must not end as an empty 200.
func TestGivenUpIsNotSuccess(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantCode(t, b.send(request("POST "+c1+"/places", auth).WithContext(ctx)), 503, "overloaded", "")
}

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b := newBench(t, func(o *Options) { o.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
	b.svc.fail("Join", errors.New("down"))
	for range 500 {
		b.do("POST "+c1+"/places", auth)
	}
	if n := strings.Count(log.String(), "\n"); n < 1 || n > 30 {
		t.Errorf("%d lines for 500 failures in one second", n)
	}
}

func TestRequestsAreCounted(t *testing.T) {
	t.Parallel()
	m := telemetry.New()
	b := newBench(t, func(o *Options) { o.Metrics = m })
	b.do("GET " + c1 + "/line")
	b.do("GET " + c1 + "/place")
	b.do("POST "+c1+"/places", auth)
	b.do("GET /no/such")
	b.do("PATCH " + c1 + "/line")
	b.do("GET /api//v1")
	body := b.do("GET /metrics").Body.String()
	for _, want := range []string{
		`charye_http_requests_total{class="2xx",method="GET",route="/api/v1/campaigns/{c}/line"} 1`,
		`charye_http_requests_total{class="4xx",method="GET",route="/api/v1/campaigns/{c}/place"} 1`,
		`charye_http_requests_total{class="2xx",method="POST",route="/api/v1/campaigns/{c}/places"} 1`,
		`charye_http_requests_total{class="4xx",method="any",route="(not found)"} 1`,
		`charye_http_requests_total{class="4xx",method="any",route="(wrong method)"} 1`,
		`charye_http_requests_total{class="4xx",method="any",route="(bad path)"} 1`,
		`charye_http_refusals_total{code="not-signed-in"} 1`,
		`charye_http_requests_in_flight{lane="work"} 0`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, "age-55-59") || strings.Contains(body, "no/such") {
		t.Error("a label comes from a request")
	}
}

// An answer that breaks off must not look whole.
func TestBrokenOffAnswerCutsTheConnection(t *testing.T) {
	t.Parallel()
	f := New(newScript(), tokens{}, Options{Limits: Limits{Off: true}}).(*face)
	route := &Route{Pattern: "/x", lane: lanePublic, counters: telemetry.New().Route("/x", "GET"), handle: func(_ *face, x *exchange) error {
		x.begin(http.StatusOK)
		return errors.New("half-way")
	}}
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("panic %v, want ErrAbortHandler", err)
		}
	}()
	f.serve(route, "", httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
}
