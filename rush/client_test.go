package rush

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOnlyLoopbackIsATarget(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"http://127.0.0.1:8080":           "127.0.0.1:8080",
		"http://127.9.9.9:1/":             "127.9.9.9:1",
		"http://[::1]:8080":               "[::1]:8080",
		"http://localhost:8080":           "127.0.0.1:8080",
		"http://127.0.0.1":                "127.0.0.1:80",
		"http://[::ffff:127.0.0.1]:8080":  "[::ffff:127.0.0.1]:8080",
		"https://127.0.0.1:8080":          "",
		"http://10.0.0.1:8080":            "",
		"http://0.0.0.0:8080":             "",
		"http://example.org":              "",
		"http://localhost.example.org":    "",
		"http://127.0.0.1:8080/elsewhere": "",
		"http://user@127.0.0.1:8080":      "",
		"127.0.0.1:8080":                  "",
		"":                                "",
	} {
		addr, _, err := loopback(target)
		if addr != want || (err == nil) != (want != "") {
			t.Errorf("loopback(%q) = %q, %v; want %q", target, addr, err, want)
		}
	}
}

// TestClientAgreesWithNetHTTP sends the same requests with this client and with net/http to the same server, which tells
// what it understood.
func TestClientAgreesWithNetHTTP(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		if s := q.URL.Query().Get("status"); s != "" {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(map[string]int{"503": 503, "204": 204, "304": 304, "404": 404}[s])
			return
		}
		if q.URL.Query().Get("close") != "" {
			w.Header().Set("Connection", "close")
		}
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "%d %s %s %q %q %q %q %q %q %q\n", i, q.Method, q.URL, q.Host, q.Header.Get("Authorization"),
				q.Header.Get("Charye-Ticket"), q.Header.Get("Charye-Pass"), q.Header.Get("Idempotency-Key"), q.Header.Get("X-Own"), body)
			_, _ = w.Write(bytes.Repeat([]byte("."), len(q.URL.Query().Get("long"))*10_000))
			if q.URL.Query().Get("chunked") != "" {
				w.(http.Flusher).Flush()
			}
		}
	}))
	defer srv.Close()
	addr, host, err := loopback(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := &conn{targets: []target{{addr, host}}}
	defer c.close()
	for _, q := range []request{
		{method: "GET", path: []byte("/a?b=c")},
		{method: "POST", path: []byte("/p"), session: "S", ticket: []byte("T"), pass: "P", key: "K", extra: "X-Own: 1\r\n", body: []byte(`{"x":1}`)},
		{method: "POST", path: []byte("/empty")},
		{method: "PUT", path: []byte("/long?long=yes"), body: []byte("{}")},
		{method: "GET", path: []byte("/c?chunked=1&long=abc")},
		{method: "GET", path: []byte("/close?close=1")},
		{method: "GET", path: []byte("/after")},
		{method: "HEAD", path: []byte("/head")},
		{method: "DELETE", path: []byte("/d")},
		{method: "GET", path: []byte("/s?status=503")},
		{method: "GET", path: []byte("/s?status=204")},
		{method: "GET", path: []byte("/s?status=304")},
		{method: "GET", path: []byte("/s?status=404")},
	} {
		a, err := c.do(&q, 5*time.Second)
		if err != nil {
			t.Errorf("%s %s: %v", q.method, q.path, err)
			continue
		}
		std, err := http.NewRequest(q.method, srv.URL+string(q.path), bytes.NewReader(q.body))
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range map[string]string{"Charye-Ticket": string(q.ticket), "Charye-Pass": q.pass, "Idempotency-Key": q.key} {
			if v != "" {
				std.Header.Set(name, v)
			}
		}
		if q.session != "" {
			std.Header.Set("Authorization", "Bearer "+q.session)
		}
		if q.extra != "" {
			std.Header.Set("X-Own", "1")
		}
		want, err := http.DefaultClient.Do(std)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(want.Body)
		_ = want.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(body), string(a.body)); diff != "" || a.status != want.StatusCode {
			t.Errorf("%s %s: %d, net/http %d; body (-net/http +own):\n%.300s", q.method, q.path, a.status, want.StatusCode, diff)
		}
		if got := a.retryAfter == 7*time.Second; got != (want.Header.Get("Retry-After") == "7") {
			t.Errorf("%s %s: Retry-After %v", q.method, q.path, a.retryAfter)
		}
	}
}

// script is a server that answers each connection with fixed bytes, once a request line was read.
func script(t *testing.T, answers ...string) *conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for _, a := range answers {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(c)
			for part := range strings.SplitSeq(a, "\x00") { // one part for each request on the connection
				for {
					line, err := r.ReadString('\n')
					if err != nil || line == "\r\n" {
						break
					}
				}
				_, _ = io.WriteString(c, part)
			}
			_ = c.Close()
		}
	}()
	return &conn{targets: []target{{l.Addr().String(), "x"}}}
}

func TestClientReadsOddAnswers(t *testing.T) {
	t.Parallel()
	get := &request{method: "GET", path: []byte("/")}
	for name, c := range map[string]struct {
		bytes, body string
		bad         bool
	}{
		"interim answers":          {bytes: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", body: "ab"},
		"until close":              {bytes: "HTTP/1.0 200 OK\r\n\r\nall of it", body: "all of it"},
		"chunk extension, trailer": {bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n", body: "abc"},
		"header case":              {bytes: "HTTP/1.1 200 OK\r\ncOnTeNt-LeNgTh:  3 \r\n\r\nabc", body: "abc"},
		"short body":               {bytes: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", bad: true},
		"cut chunk":                {bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", bad: true},
		"wrong chunk":              {bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nab", bad: true},
		"two lengths":              {bytes: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", bad: true},
		"negative length":          {bytes: "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab", bad: true},
		"too long":                 {bytes: "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\nab", bad: true},
		"not HTTP":                 {bytes: "hello, this is not a web server\r\n\r\n", bad: true},
		"nothing":                  {bytes: "", bad: true},
		"other coding":             {bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cn := script(t, c.bytes)
			defer cn.close()
			a, err := cn.do(get, 5*time.Second)
			if c.bad {
				if err == nil || !errors.Is(err, errLost) || cn.c != nil {
					t.Errorf("got %d %q, %v; want a lost answer and the connection closed", a.status, a.body, err)
				}
				return
			}
			if err != nil || string(a.body) != c.body {
				t.Errorf("got %q, %v; want %q", a.body, err, c.body)
			}
		})
	}
}

func TestClientDialsAnewWhenAnIdleConnectionWasClosed(t *testing.T) {
	t.Parallel()
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
	c := script(t, ok+"a", ok+"b")
	defer c.close()
	for _, want := range []string{"a", "b"} {
		a, err := c.do(&request{method: "GET", path: []byte("/")}, 5*time.Second)
		if err != nil || string(a.body) != want {
			t.Errorf("got %q, %v; want %q", a.body, err, want)
		}
	}
	// Nobody listens for a third connection: the request may have been read, so its answer counts as lost.
}

func TestClientGivesUpAfterItsTimeLimit(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c := &conn{targets: []target{{l.Addr().String(), "x"}}}
	_, err = c.do(&request{method: "GET", path: []byte("/")}, 500*time.Millisecond)
	if !errors.Is(err, errLost) || kindOf(err) != "timeout" {
		t.Errorf("err = %v (%s); want a timeout", err, kindOf(err))
	}
	_ = l.Close()
	c2 := &conn{targets: []target{{l.Addr().String(), "x"}}}
	if _, err = c2.do(&request{method: "GET", path: []byte("/")}, 10*time.Second); errors.Is(err, errLost) || kindOf(err) != "connection refused" {
		t.Errorf("err = %v (%s); want connection refused, nothing sent", err, kindOf(err))
	}
}

func FuzzHead(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 12\r\nRetry-After: 3\r\nConnection: close\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 503 \r\nTransfer-Encoding: chunked\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 204\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = append(bytes.ReplaceAll(b, []byte("\r\n\r\n"), []byte("\r\n")), "\r\n\r\n"...)
		a, length, chunked, _, err := parseHead(b)
		if err != nil {
			return
		}
		if a.status < 0 || a.status > 999 || length < -1 {
			t.Fatalf("status %d, length %d", a.status, length)
		}
		std, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
		if err != nil || std.StatusCode < 200 || std.StatusCode == 204 || std.StatusCode == 304 {
			return // net/http is stricter about what this client never looks at, or these have no body
		}
		defer func() { _ = std.Body.Close() }()
		if std.StatusCode != a.status || (len(std.TransferEncoding) > 0) != chunked {
			t.Fatalf("status %d chunked %v; net/http %d %v", a.status, chunked, std.StatusCode, std.TransferEncoding)
		}
		if !chunked && length >= 0 && std.ContentLength != length {
			t.Fatalf("length %d; net/http %d", length, std.ContentLength)
		}
	})
}
