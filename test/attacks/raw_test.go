package attacks_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"charye/internal/weak"
	"charye/test/ports"
	"charye/test/services"
)

// Our pages in somebody else's frame, with a button of theirs over ours.
var foreignFrame = attack{name: "frames (clickjacking)", without: weak.Frames, run: func(a *assault) {
	cookies := map[string]string{"charye_session": a.sessions[a.base]}
	for _, path := range []string{"/", "/c/open", "/c/open/wait", "/bookings", "/contact", "/sign-in", "/desk", "/no-such-page", "/api/v1/campaigns"} {
		r := a.page("GET", path, nil, cookies)
		a.note(strings.Contains(r.header.Get("Content-Security-Policy"), "frame-ancestors 'none'"), "in nobody's frame")
	}
}}

// Many names that a table would put into one bucket, or a table of them that is large: fields, parameters, cookies and headers by
// the thousand.
var manyNames = attack{name: "names by the thousand (hash flooding)", why: "bounds on bytes, and tables whose hash has a secret of each process", run: func(a *assault) {
	var query, cookies, object strings.Builder
	for i := range 4000 {
		_, _ = fmt.Fprintf(&query, "&q%d=", i)
		_, _ = fmt.Fprintf(&cookies, "c%d=1; ", i)
		_, _ = fmt.Fprintf(&object, `,"f%d":0`, i)
	}
	p := a.me(0)
	for range 5 {
		began := time.Now()
		a.refused("query", p.get("/api/v1/campaigns?"+query.String()[1:]), 400, 414, 431, 0)
		a.refused("object", p.do("POST", "/api/v1/campaigns/open/places", "{"+object.String()[1:]+"}"), 400, 413)
		a.refused("cookies", a.as("").with("Cookie", cookies.String()).get("/api/v1/me"), 400, 401, 431, 0)
		form := url.Values{}
		for i := range 4000 {
			form.Set(fmt.Sprint("f", i), "1")
		}
		r := a.page("POST", "/c/open/join", form, map[string]string{})
		a.refused("form", r, 303, 400, 413)
		a.note(time.Since(began) < 5*time.Second, "in time")
	}
	a.note(a.as("").get("/healthz").status == 200, "still well")
}}

// Requests that two readers, the edge and the program, would cut at different places, so that the end of one becomes somebody
// else's beginning. Found in nearly every proxy since 2005.
var smuggled = attack{name: "request smuggling", without: weak.LastInChunks, run: func(a *assault) {
	const inner = "GET /api/v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	const chunked = "0\r\n\r\n" + inner
	cut := func(headers, body string) string {
		return "POST /api/v1/campaigns/open/places HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n" + headers + "\r\n" + body
	}
	length := func(s string) string { return fmt.Sprintf("Content-Length: %d\r\n", len(s)) }
	tries := map[string]string{
		"length and chunks":       cut(length(chunked)+"Transfer-Encoding: chunked\r\n", chunked),
		"chunks and length":       cut("Transfer-Encoding: chunked\r\n"+length(chunked), chunked),
		"a space before chunks":   cut(length(chunked)+"Transfer-Encoding : chunked\r\n", chunked),
		"a tab before chunks":     cut(length(chunked)+"Transfer-Encoding:\tchunked\r\n", chunked),
		"chunks twice":            cut(length(chunked)+"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunked),
		"chunks and more":         cut(length(chunked)+"Transfer-Encoding: xchunked\r\n", chunked),
		"folded":                  cut(length(chunked)+"X: y\r\n Transfer-Encoding: chunked\r\n", chunked),
		"a line feed alone":       cut(length(chunked)+"X: y\nTransfer-Encoding: chunked\r\n", chunked),
		"two lengths":             cut("Content-Length: 2\r\n"+length("{}"+inner), "{}"+inner),
		"two lengths in one":      cut(fmt.Sprintf("Content-Length: 2, %d\r\n", len("{}"+inner)), "{}"+inner),
		"a length with a sign":    cut("Content-Length: +2\r\n", "{}"+inner),
		"a length in hexadecimal": cut("Content-Length: 0x2\r\n", "{}"+inner),
		"a size with an end":      cut("Transfer-Encoding: chunked\r\n", "2;\n{}\r\n0\r\n\r\n"+inner[:0]+"X"),
		"a get with a body":       "GET /api/v1/campaigns HTTP/1.1\r\nHost: HOST\r\n" + length(inner) + "Transfer-Encoding: chunked\r\n\r\n" + inner,
	}
	node := strings.Replace(strings.TrimPrefix(a.nodes[0].URL, "http://"), "localhost", "127.0.0.1", 1)
	edge := services.StartEdge(a.T, "../../deploy/nginx/edge.conf", ports.Address(a.T), node)
	ca, err := os.ReadFile(edge.CA)
	if err != nil {
		a.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	at := strings.TrimPrefix(edge.URL, "https://")
	doors := map[string]func() (net.Conn, error){
		"program": func() (net.Conn, error) {
			return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(a.Context(), "tcp", node)
		},
		"edge": func() (net.Conn, error) {
			return (&tls.Dialer{Config: &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}}).
				DialContext(a.Context(), "tcp", at)
		},
	}
	for door, dial := range doors {
		for what, text := range tries {
			answers, err := a.raw(dial, strings.Replace(text, "HOST", strings.TrimPrefix(a.nodes[0].URL, "http://"), 1))
			switch {
			case err != nil:
				a.Fatalf("%s, %s: %v", door, what, err)
			case len(answers) > 1:
				a.note(false, fmt.Sprintf("%s, %s: answered %v, as several requests", door, what, answers))
			case len(answers) == 0:
				a.note(true, "hung up on")
			default:
				a.note(true, fmt.Sprint("one answer, ", answers[0]))
			}
			if door == "edge" { // whoever comes next over the same connections gets their own answer
				r, err := http.NewRequestWithContext(a.Context(), http.MethodGet, edge.URL+"/healthz", nil)
				if err != nil {
					a.Fatal(err)
				}
				r.Host = strings.TrimPrefix(a.nodes[0].URL, "http://")
				got, err := edge.Client.Do(r)
				if err != nil {
					a.Fatal(err)
				}
				_ = got.Body.Close()
				a.note(got.StatusCode == http.StatusOK, "the next caller's answer is their own")
			}
		}
	}
}}

// raw sends bytes over a connection of its own and gives the status of each answer until the other side has no more to say.
func (a *assault) raw(dial func() (net.Conn, error), text string) (answers []int, err error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Second)) // an answer takes milliseconds; nothing else says that there is none
	if _, err := io.WriteString(c, text); err != nil {
		return nil, nil // hung up on before the end
	}
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return answers, nil // the end, or nothing more within the time
		}
		answers = append(answers, r.StatusCode)
		if _, err := io.Copy(io.Discard, r.Body); err != nil && !errors.Is(err, io.EOF) {
			return answers, nil
		}
		_ = r.Body.Close()
	}
}
