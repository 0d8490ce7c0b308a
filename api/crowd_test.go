package api

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"charye/internal/ratelimit"
	"charye/walk"
)

func TestLineIsMadeOnceASecond(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	release := make(chan struct{})
	b.svc.hook["Line"] = func(context.Context) { <-release }
	var wg sync.WaitGroup
	var wrong atomic.Int64
	for range 50 {
		wg.Go(func() {
			rec := httptest.NewRecorder()
			b.handler.ServeHTTP(rec, request("GET "+c1+"/line"))
			if rec.Code != 200 {
				wrong.Add(1)
			}
		})
	}
	close(release)
	wg.Wait()
	if n := b.svc.count("Line"); n != 1 || wrong.Load() != 0 {
		t.Errorf("50 at once: asked %d times, %d without an answer", n, wrong.Load())
	}
	first := b.do("GET " + c1 + "/line")
	b.svc.line.Admitted++
	b.svc.advance(999 * time.Millisecond)
	if again := b.do("GET " + c1 + "/line"); again.Body.String() != first.Body.String() {
		t.Error("changed within the second")
	}
	b.svc.advance(time.Millisecond)
	later := b.do("GET " + c1 + "/line")
	if !strings.Contains(later.Body.String(), `"admitted":120001`) || later.Header().Get("ETag") == first.Header().Get("ETag") {
		t.Errorf("after a second: %s", later.Body)
	}
	if n := b.svc.count("Line"); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
}

func TestOneCallerLeavingDoesNotSpoilItForOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	asked, release := make(chan struct{}), make(chan struct{})
	b.svc.hook["Line"] = func(context.Context) { close(asked); <-release }
	ctx, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		b.handler.ServeHTTP(httptest.NewRecorder(), request("GET "+c1+"/line").WithContext(ctx))
	})
	<-asked
	wg.Go(func() {
		rec := httptest.NewRecorder()
		b.handler.ServeHTTP(rec, request("GET "+c1+"/line"))
		if rec.Code != 200 {
			t.Errorf("the one who stays gets %d", rec.Code)
		}
	})
	leave()
	close(release)
	wg.Wait()
}

func TestFailuresAreNotKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.svc.fail("Line", &walk.Error{Code: walk.NotFound, Detail: "There is no campaign with this id."})
	wantCode(t, b.do("GET "+c1+"/line"), 404, "not-found", "")
	b.svc.fail("Line", nil)
	wantStatus(t, b.do("GET "+c1+"/line"), 200)
	// With the store gone, what is known serves out its second, and then the truth is told.
	b.svc.fail("Line", errors.New("down"))
	wantStatus(t, b.do("GET "+c1+"/line"), 200)
	b.svc.advance(time.Second)
	wantStatus(t, b.do("GET "+c1+"/line"), 500)
}

func TestConditionalGet(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for path, maxAge := range map[string]string{
		c1 + "/line": "1", c1 + "/draw": "1", c1: "1", "/api/v1/campaigns": "1", c1 + "/sites": "2",
		c1 + "/sites/X/slots?date=2021-07-26": "2", "/api/v1/regions": "60", "/api/openapi.yaml": "300", c1 + "/draw/entrants": "60",
	} {
		first := b.do("GET " + path)
		if got := first.Header().Get("Cache-Control"); got != "public, max-age="+maxAge {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
		etag := first.Header().Get("ETag")
		for value, status := range map[string]int{etag: 304, `"x", W/` + etag: 304, "*": 304, `"x"`: 200, strings.Trim(etag, `"`): 200} {
			wantStatus(t, b.do("GET "+path, "If-None-Match: "+value), status)
		}
	}
}

func TestPrivateAnswersAreNotStored(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, r := range Routes() {
		if r.Access == Public || r.Method != "GET" {
			continue
		}
		rec := b.do("GET "+filled(r.Pattern), auth)
		if rec.Header().Get("Cache-Control") != "no-store" || rec.Header().Get("ETag") != "" {
			t.Errorf("%s: %v", r.Pattern, rec.Header())
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	now := opening
	c := newCache(time.Second, 10*(1000+entryOverhead+8), func() time.Time { return now })
	fill := func(context.Context) ([]byte, error) { return make([]byte, 1000), nil }
	for i := range 1000 {
		e, err := c.get(t.Context(), string(rune('a'+i)), now, fill)
		if err != nil || len(e.body) != 1000 {
			t.Fatal(err)
		}
		if c.bytes > c.maxBytes || c.bytes < 0 || len(c.m) > 11 {
			t.Fatalf("%d entries, %d bytes of %d", len(c.m), c.bytes, c.maxBytes)
		}
	}
	now = now.Add(time.Second)
	if _, err := c.get(t.Context(), "big", now, func(context.Context) ([]byte, error) { return make([]byte, 1<<20), nil }); err != nil {
		t.Fatal(err)
	}
	if c.m["big"] != nil || c.bytes > c.maxBytes {
		t.Error("an answer larger than the cache was kept")
	}
}

// When as many are inside as may be, the next is refused at once, and the waiting page lives on.
func TestOverloadIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *Options) { o.MaxInFlight = 2 })
	entered, release := make(chan struct{}), make(chan struct{})
	b.svc.hook["Join"] = func(context.Context) { entered <- struct{}{}; <-release }
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			b.handler.ServeHTTP(httptest.NewRecorder(), request("POST "+c1+"/places", auth))
		})
	}
	<-entered
	<-entered
	rec := b.do("POST "+c1+"/places", auth)
	wantCode(t, rec, 503, "overloaded", "")
	if rec.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	wantStatus(t, b.do("GET "+c1+"/line"), 200)
	wantStatus(t, b.do("GET /healthz"), 200)
	close(release)
	wg.Wait()
	delete(b.svc.hook, "Join")
	wantStatus(t, b.do("POST "+c1+"/places", auth), 201)
}

func limited(l Limits) func(*Options) { return func(o *Options) { o.Limits = l } }

func TestPersonIsLimited(t *testing.T) {
	t.Parallel()
	b := newBench(t, limited(Limits{Join: Pair{Person: ratelimit.Rate{Every: 10 * time.Second, Burst: 2}}}))
	join := func(who string) *httptest.ResponseRecorder {
		return b.do("POST "+c1+"/places", "Authorization: Bearer "+who)
	}
	join(session)
	join(session)
	rec := join(session)
	wantCode(t, rec, 429, "rate-limited", "")
	if rec.Header().Get("Retry-After") != "10" {
		t.Errorf("Retry-After %q", rec.Header().Get("Retry-After"))
	}
	wantStatus(t, join("SESSION-2"), 201)
	wantStatus(t, b.do("GET /api/v1/bookings", auth), 200) // another class
	if n := b.svc.count("Join"); n != 3 {
		t.Errorf("%d joins reached the walk, want 3", n)
	}
	b.svc.advance(10 * time.Second)
	wantStatus(t, join(session), 201)
}

func TestAddressIsLimitedBeforeItsTokensAreLookedAt(t *testing.T) {
	t.Parallel()
	b := newBench(t, limited(Limits{Read: Pair{Address: ratelimit.Rate{Every: time.Second, Burst: 3}}}))
	from := func(addr string) int {
		r := request("GET /api/v1/me", "Authorization: Bearer guess")
		r.RemoteAddr = addr
		return b.send(r).Code
	}
	for i, c := range []struct {
		addr string
		want int
	}{
		{"192.0.2.1:1", 401}, {"192.0.2.1:2", 401}, {"[::ffff:192.0.2.1]:3", 401}, {"192.0.2.1:4", 429}, {"192.0.2.2:1", 401},
		{"[2001:db8::1]:1", 401}, {"[2001:db8::2]:1", 401}, {"[2001:db8::ffff:0:0:3]:1", 401}, {"[2001:db8::4]:1", 429}, {"[2001:db8:0:1::1]:1", 401},
		{"@", 401},
	} {
		if got := from(c.addr); got != c.want {
			t.Errorf("%d: %s gets %d, want %d", i, c.addr, got, c.want)
		}
	}
}

func TestDefaultLimitsLetACarrierThroughAndStopAGuesser(t *testing.T) {
	t.Parallel()
	b := newBench(t, limited(Limits{}))
	for i := range 5000 { // thousands of people behind one address, polling at once
		rec := httptest.NewRecorder()
		if b.handler.ServeHTTP(rec, request("GET "+c1+"/line")); rec.Code != 200 {
			t.Fatalf("poll %d gets %d", i, rec.Code)
		}
	}
	body := `{"campaign":"c","name":"n","born":"1962-02-03","identity":"i","consent":true}`
	passed := 0
	for range 100 {
		if b.do("POST /api/v1/recipients", auth, body).Code == 201 {
			passed++
		}
	}
	if passed != 10 {
		t.Errorf("%d of 100 guesses passed, want 10", passed)
	}
}

func TestLimitsOff(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 100 {
		wantStatus(t, b.do("POST "+c1+"/places", auth), 201)
	}
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:f::/48")}
	for _, c := range []struct{ peer, forwarded, want string }{
		{"192.0.2.1:5", "", "192.0.2.1"},
		{"192.0.2.1:5", "203.0.113.9", "192.0.2.1"}, // not a proxy of ours: its word counts for nothing
		{"10.0.0.1:5", "203.0.113.9", "203.0.113.9"},
		{"10.0.0.1:5", "1.2.3.4, 203.0.113.9", "203.0.113.9"}, // what the client wrote itself stands further left
		{"10.0.0.1:5", "1.2.3.4, 203.0.113.9, 10.0.0.7", "203.0.113.9"},
		{"10.0.0.1:5", "1.2.3.4, rubbish", "10.0.0.1"},
		{"10.0.0.1:5", "", "10.0.0.1"},
		{"10.0.0.1:5", "10.0.0.2, 10.0.0.3", "10.0.0.2"},
		{"[2001:db8:f::1]:5", "2001:db8:1::5", "2001:db8:1::5"},
		{"[::ffff:10.0.0.1]:5", "203.0.113.9", "203.0.113.9"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := clientAddr(r, trusted).String(); got != c.want {
			t.Errorf("peer %s, forwarded %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
}

func TestEntrantsRanges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := "GET " + c1 + "/draw/entrants"
	all := b.do(path)
	if all.Body.String() != string(b.svc.entrants) || all.Header().Get("Content-Type") != "application/octet-stream" || all.Header().Get("Content-Length") != "48" {
		t.Errorf("all: %v, %d bytes", all.Header(), all.Body.Len())
	}
	part := b.do(path, "Range: bytes=16-31")
	if part.Code != 206 || part.Body.String() != "0123456789abcdef" || part.Header().Get("Content-Range") != "bytes 16-31/48" {
		t.Errorf("number 2: %d %v", part.Code, part.Header())
	}
	if two := b.do(path, "Range: bytes=0-0,47-47"); two.Code != 206 || !strings.HasPrefix(two.Header().Get("Content-Type"), "multipart/byteranges") {
		t.Errorf("two ranges: %d %v", two.Code, two.Header())
	}
	wantStatus(t, b.do(path, "Range: bytes=48-"), 416)
	wantStatus(t, b.do(path, "Range: bytes=0-15", `If-Range: "other"`), 200)
	wantStatus(t, b.do(path, `If-Match: "other"`), 412)
	if b.svc.closed != b.svc.count("Entrants") || b.svc.closed == 0 {
		t.Errorf("%d opened, %d closed", b.svc.count("Entrants"), b.svc.closed)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	var down atomic.Bool
	b := newBench(t, func(o *Options) {
		o.Ready = func(context.Context) error {
			asked.Add(1)
			if down.Load() {
				return errors.New("store at /var/lib/secret is down")
			}
			return nil
		}
	})
	for range 10 {
		wantStatus(t, b.do("GET /readyz"), 200)
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times within a second", asked.Load())
	}
	down.Store(true)
	b.svc.advance(time.Second)
	rec := b.do("GET /readyz")
	wantCode(t, rec, 503, "overloaded", "")
	if strings.Contains(rec.Body.String(), "secret") {
		t.Error("the cause is shown")
	}
	wantStatus(t, b.do("GET /healthz"), 200)
	wantStatus(t, newBench(t, func(o *Options) { o.Ready = nil }).do("GET /readyz"), 503)
}

// pipes is a listener of in-memory connections, so that a real server runs under synctest's clock.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// A body that does not come is given up; a body that came does not limit how long its answer may take.
func TestBodyTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		svc := newScript()
		var cut atomic.Bool
		svc.hook["Join"] = func(ctx context.Context) {
			time.Sleep(5 * time.Second)
			cut.Store(ctx.Err() != nil)
		}
		listener := make(pipes)
		server := &http.Server{Handler: New(svc, tokens{session: hong}, Options{Limits: Limits{Off: true}, BodyTimeout: time.Second})}
		done := make(chan struct{})
		go func() { defer close(done); _ = server.Serve(listener) }()
		talk := func(body string) (int, time.Duration) {
			client, conn := net.Pipe()
			defer func() { _ = client.Close() }()
			listener <- conn
			start := time.Now()
			_, err := io.WriteString(client, "POST "+c1+"/places HTTP/1.1\r\nHost: x\r\n"+auth+"\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"+body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(client), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			return resp.StatusCode, time.Since(start)
		}
		if status, took := talk("{"); status != 400 || took != time.Second {
			t.Errorf("half a body: %d after %v", status, took)
		}
		if status, took := talk("{}"); status != 201 || took != 5*time.Second || cut.Load() {
			t.Errorf("a whole body and a slow answer: %d after %v, cut %v", status, took, cut.Load())
		}
		close(listener)
		<-done
		_ = server.Close()
	})
}
