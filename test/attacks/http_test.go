package attacks_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"charye/api"
	"charye/internal/weak"
)

// The inner pages' addresses worked directly in July 2021. Every call that is not public is made without a session, in every way that
// an address can be written.
var withoutSession = attack{name: "direct addresses", without: weak.Session, run: func(a *assault) {
	fill := strings.NewReplacer("{c}", "open", "{s}", "T1", "{id}", "1-aaaa", "{r}", "r-1")
	for _, r := range api.Routes() {
		if r.Access == api.Public {
			continue
		}
		path := fill.Replace(r.Pattern)
		body := ""
		if r.Method == "POST" || r.Method == "PUT" {
			body = "{}"
		}
		a.refused(r.Method+" "+path, a.as("").do(r.Method, path, body), 400, 401)
		for _, other := range []string{strings.ToUpper(path), "/" + path, path + "/", path + "%20", path + "/.", strings.Replace(path, "/v1", "/v1/%2e%2e/v1", 1), path + ";a=b", path + "%00"} {
			r2 := a.as("").do(r.Method, other, body)
			a.refused(r.Method+" "+other, r2, 301, 307, 308, 400, 401, 403, 404, 405)
		}
	}
}}

// Other methods on the same address, and headers that ask a framework to take one for another.
var otherMethods = attack{name: "methods and overrides", why: "no code reads such a header; there is no check to leave out", run: func(a *assault) {
	p := a.booked(a.base, "open")
	path := "/api/v1/bookings/" + p.booking
	for _, h := range []string{"X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"} {
		for _, m := range []string{"GET", "POST", "HEAD", "OPTIONS"} {
			r := p.with(h, "DELETE").do(m, path+"?_method=DELETE", "")
			a.note(r.status != 0 && p.live("open") == 1, fmt.Sprint(m, " ", r.status))
		}
	}
	for _, m := range []string{"TRACE", "CONNECT", "PATCH", "PROPFIND"} {
		a.refused(m, p.do(m, path, ""), 400, 404, 405)
	}
}}

// A form on another site that books, moves or cancels with the cookies of whoever is signed in.
var foreignForm = attack{name: "foreign forms (CSRF)", without: weak.Origin, run: func(a *assault) {
	p := a.me(0).joins("open")
	cookie := "charye_session=" + a.sessions[a.base] + "; charye_device=phone"
	for _, path := range []string{"/c/open/enter", "/c/open/join", "/sign-out", "/contact"} {
		for _, h := range [][2]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}} {
			r := a.as("").with("Cookie", cookie).with("Content-Type", "application/x-www-form-urlencoded").with(h[0], h[1]).do("POST", path, "ticket="+p.ticket)
			a.refused(path, r, 400)
		}
	}
}}

// Somebody who follows a link to us and is sent on to another site.
var openRedirect = attack{name: "open redirect", without: weak.LocalPath, run: func(a *assault) {
	for _, to := range []string{"//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "/%09/evil.example", "javascript:alert(1)", "///evil.example"} {
		for _, r := range []reply{
			a.as("").get("/lang?to=en&return=" + urlQuery(to)),
			a.as("").get("/sign-in?return=" + urlQuery(to)),
		} {
			at := r.header.Get("Location")
			a.note(!strings.Contains(at, "evil") || strings.HasPrefix(at, "/") && !strings.HasPrefix(at, "//") && !strings.HasPrefix(at, "/\\"), "stays here")
		}
	}
}}

func urlQuery(s string) string {
	return strings.NewReplacer("/", "%2F", ":", "%3A", "\\", "%5C").Replace(s)
}

// A forged host that pages or redirects would carry to other readers of a cache.
var foreignHost = attack{name: "foreign host", why: "links are made from the configured address only; there is no check to leave out", run: func(a *assault) {
	for _, path := range []string{"/", "/c/open", "/sign-in", "/api/v1/campaigns", "/about/fair-turn"} {
		for _, h := range []string{"Host", "X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL", "Forwarded"} {
			r := a.as("").with(h, "evil.example").get(path)
			a.note(!r.has("evil.example") && !strings.Contains(r.header.Get("Location"), "evil.example"), "is not repeated")
		}
	}
}}

// Private answers in a cache between us and everybody; and the public document with somebody's own in it.
var keptAnswers = attack{name: "cache leaks", without: weak.NoStore, run: func(a *assault) {
	p := a.booked(a.base, "open")
	for _, path := range []string{"/api/v1/bookings", "/api/v1/me/contact"} {
		r := p.get(path)
		a.note(strings.Contains(r.header.Get("Cache-Control"), "no-store"), "no-store")
	}
	r := a.as("").with("Charye-Ticket", p.ticket).get("/api/v1/campaigns/open/place")
	a.note(strings.Contains(r.header.Get("Cache-Control"), "no-store"), "no-store")
	public, mine := a.as("").get("/api/v1/campaigns/open/line"), p.with("Charye-Ticket", p.ticket).get("/api/v1/campaigns/open/line")
	for _, secret := range []string{p.ticket, p.pass, p.booking, "pseudonym"} {
		a.note(!public.has(secret) && !mine.has(secret), "nothing personal in it")
	}
}}

// Whether somebody exists, told by another answer or by another time.
var telling = attack{name: "telling answers", why: "unknown and somebody else's take the same way; there is no check to leave out", run: func(a *assault) {
	owner, curious := a.booked(a.base, "open"), a.me(1)
	theirs := curious.do("DELETE", "/api/v1/bookings/"+owner.booking, "")
	tail := owner.booking[strings.Index(owner.booking, "-"):]
	for _, id := range []string{"zzzz" + tail, owner.booking + "a", "1-" + strings.Repeat("0", len(tail)-1), "1"} {
		r := curious.do("DELETE", "/api/v1/bookings/"+id, "")
		a.note(r.status == theirs.status && bytes.Equal(r.body, theirs.body), fmt.Sprint(r.status, " alike"))
	}
}}

// Bodies that are too large, nested too deep, or grow when unpacked.
var tooLarge = attack{name: "oversize and bombs", why: "a bound on bytes read, which a test of the reader leaves out instead (api/request_test.go)", run: func(a *assault) {
	p := a.me(0)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 50<<20))
	_ = z.Close()
	for _, body := range []string{strings.Repeat("x", 2<<20), `{"recipient":"` + strings.Repeat("9", 1<<20) + `"}`, strings.Repeat("[", 100_000)} {
		a.refused("body", p.do("POST", "/api/v1/campaigns/open/places", body), 400, 413, 0)
	}
	a.refused("bomb", p.with("Content-Encoding", "gzip").do("POST", "/api/v1/campaigns/open/places", bomb.String()), 400, 413, 415, 0)
	a.refused("header", p.with("X-Large", strings.Repeat("h", 100_000)).get("/api/v1/campaigns"), 431, 0)
	a.note(a.as("").get("/healthz").status == 200, "still well")
}}

// Connections that send a byte now and then: hundreds of them, and everybody else goes on.
var slowCallers = attack{name: "slow callers (slowloris)", why: "time limits of the listener; the test of api/slow_test.go leaves them out", run: func(a *assault) {
	addr := strings.TrimPrefix(strings.TrimPrefix(a.nodes[0].URL, "http://"), "https://")
	var all sync.WaitGroup
	const callers = 300
	conns := make([]net.Conn, callers)
	for i := range conns {
		all.Go(func() {
			c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(a.Context(), "tcp", strings.Replace(addr, "localhost", "127.0.0.1", 1))
			if err == nil {
				_, _ = fmt.Fprintf(c, "POST /api/v1/campaigns/open/places HTTP/1.1\r\nHost: x\r\nX-Slow: ")
				conns[i] = c
			}
		})
	}
	all.Wait()
	for range 20 {
		begun := time.Now()
		r := a.as("").get("/api/v1/campaigns/open/line")
		a.note(r.status == http.StatusOK && time.Since(begun) < 2*time.Second, "others are served")
	}
	for _, c := range conns {
		if c == nil {
			continue
		}
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second)) // headers must be there within five
		_, err := io.Copy(io.Discard, c)
		a.note(err == nil, "hung up on")
		_ = c.Close()
	}
}}
