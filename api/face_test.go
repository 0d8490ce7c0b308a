package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// bench is a face over a scripted service, and the contract that each of its answers is held against.
type bench struct {
	t       testing.TB
	svc     *script
	handler http.Handler
}

const session = "SESSION-1"

func newBench(t testing.TB, change ...func(*Options)) *bench {
	t.Helper()
	opts := Options{Limits: Limits{Off: true}, Ready: func(context.Context) error { return nil }}
	for _, c := range change {
		c(&opts)
	}
	svc := newScript()
	return &bench{t: t, svc: svc, handler: New(svc, tokens{session: hong, "SESSION-2": other()}, opts)}
}

// request builds "METHOD /path" with headers given as "Name: value"; a last argument that begins with { or is empty is a
// JSON body.
func request(line string, args ...string) *http.Request {
	method, target, _ := strings.Cut(line, " ")
	var body string
	var headers []string
	for _, a := range args {
		if strings.HasPrefix(a, "{") {
			body = a
			continue
		}
		headers = append(headers, a)
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

var auth = "Authorization: Bearer " + session

// do sends a request and holds the answer against the contract.
func (b *bench) do(line string, args ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.send(request(line, args...))
}

func (b *bench) send(r *http.Request) *httptest.ResponseRecorder {
	b.t.Helper()
	rec := httptest.NewRecorder()
	b.handler.ServeHTTP(rec, r)
	theContract().check(b.t, patternOf(r.URL.Path), r.Method, rec)
	return rec
}

var patterns = func() map[string]*regexp.Regexp {
	m := map[string]*regexp.Regexp{}
	wild := regexp.MustCompile(`\\\{[a-z]+\\\}`)
	for _, r := range Routes() {
		m[r.Pattern] = regexp.MustCompile("^" + wild.ReplaceAllString(regexp.QuoteMeta(r.Pattern), `[^/]+`) + "$")
	}
	return m
}()

func patternOf(path string) string {
	for pattern, re := range patterns {
		if re.MatchString(path) {
			return pattern
		}
	}
	return path
}

// filled gives a path of a pattern with something in each wildcard.
func filled(pattern string) string {
	return strings.NewReplacer("{c}", "age-55-59", "{s}", "JDQ4MTYy", "{id}", "bk-9f").Replace(pattern)
}

func wantStatus(t testing.TB, rec *httptest.ResponseRecorder, status int) {
	t.Helper()
	if rec.Code != status {
		t.Errorf("status %d, want %d; body %s", rec.Code, status, rec.Body)
	}
}

func wantCode(t testing.TB, rec *httptest.ResponseRecorder, status int, code, field string) {
	t.Helper()
	p := decode[problemDoc](t, rec)
	if rec.Code != status || p.Code != code || p.Field != field || p.Status != status {
		t.Errorf("%d %s field %q, want %d %s field %q; body %s", rec.Code, p.Code, p.Field, status, code, field, rec.Body)
	}
}
