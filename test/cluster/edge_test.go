package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"charye/test/ports"
	"charye/test/program"
	"charye/test/services"
)

const edgeConfig = "../../deploy/nginx/edge.conf"

// answer is what matters of the edge's answers here.
type answer struct {
	proto  string
	status int
	cache  string
}

// TestEdge holds the edge's configuration against what it is for: HTTP/2 outside, public documents from the cache, nothing of
// anybody's in it, and nothing that is only for the inside.
func TestEdge(t *testing.T) {
	t.Parallel()
	program.NeedE2E(t)
	node := program.Start(t, "demo", "--people", "0")
	e := services.StartEdge(t, edgeConfig, ports.Address(t), strings.TrimPrefix(node.URL, "http://"))
	get := func(path string, header ...string) (a answer, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = strings.TrimPrefix(node.URL, "http://") // a demo knows one name of its own
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		got, err := e.Client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = got.Body.Close() }()
		b, err := io.ReadAll(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer{got.Proto, got.StatusCode, got.Header.Get("Charye-Cache")}, string(b)
	}
	a, _ := get("/healthz")
	if a.proto != "HTTP/2.0" || a.status != 200 {
		t.Errorf("%s %d, want HTTP/2 and 200", a.proto, a.status)
	}
	const line = "/api/v1/campaigns/adults/line"
	if a, body := get(line); a.status != 200 || !strings.Contains(body, `"joined"`) {
		t.Fatalf("the line: %d %s", a.status, body)
	}
	hit := false
	for range 20 { // the document is good for a second, and a second may just be over
		a, _ := get(line)
		hit = hit || a.cache == "HIT"
	}
	if !hit {
		t.Error("twenty looks at the line in a row never met the cache")
	}
	for _, own := range [][]string{{"Authorization", "Bearer x"}, {"Cookie", "a=b"}, {"Charye-Ticket", "x"}} {
		if a, _ := get(line, own...); a.cache == "HIT" {
			t.Errorf("somebody with %s was answered from the cache", own[0])
		}
	}
	if a, _ := get("/api/v1/me"); a.status != 401 || a.cache != "" {
		t.Errorf("somebody's own: %d, cache %q", a.status, a.cache)
	}
	if a, _ := get("/metrics"); a.status != 404 {
		t.Errorf("/metrics from outside: %d", a.status)
	}
	if a, _ := get("/"); a.status != 200 || a.cache != "" {
		t.Errorf("the first page: %d, cache %q", a.status, a.cache)
	}
	big, err := e.Client.Post(e.URL+"/api/v1/campaigns/adults/places", "application/json", bytes.NewReader(make([]byte, 100_000)))
	if err != nil {
		t.Fatal(err)
	}
	_ = big.Body.Close()
	if big.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body of 100 kB: %d, want 413", big.StatusCode)
	}
}

// served is how many requests of people a node has answered since it started.
func served(t *testing.T, n *program.Charye) (sum float64) {
	t.Helper()
	a, err := http.Get(n.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(l, "charye_http_requests_total{"); ok && !strings.Contains(rest, `"/metrics"`) {
			var v float64
			if _, err := fmt.Sscan(rest[strings.LastIndexByte(rest, ' ')+1:], &v); err != nil {
				t.Fatal(err)
			}
			sum += v
		}
	}
	return sum
}

// TestRollingRestart has people look in through the edge while both nodes are restarted, one after the other: nobody sees an
// error. The nodes listen where they listened.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	program.NeedE2E(t)
	w := newWorld(t, form{doses: people})
	e := services.StartEdge(t, edgeConfig, ports.Address(t), strings.TrimPrefix(w.nodes[0].URL, "http://"), strings.TrimPrefix(w.nodes[1].URL, "http://"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	seen := map[string]int{}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			paths := []string{"/api/v1/campaigns/rush/line", "/api/v1/campaigns/rush", "/api/v1/me", "/"}
			for n := i; ctx.Err() == nil; n++ {
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.URL+paths[n%len(paths)], nil)
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Authorization", "Bearer nobody") // past the cache, to a node
				a, err := e.Client.Do(r)
				what := ""
				if err == nil {
					_, _ = io.Copy(io.Discard, a.Body) // what it says is tested elsewhere
					_ = a.Body.Close()
					what = fmt.Sprint(a.StatusCode)
				} else if ctx.Err() == nil {
					what = err.Error()
				}
				mu.Lock()
				if what != "" {
					seen[what]++
				}
				mu.Unlock()
			}
		})
	}
	count := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, k := range seen {
			n += k
		}
		return n
	}
	more := func() {
		t.Helper()
		for from, deadline := count(), time.Now().Add(time.Minute); count() < from+200; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("nobody is answered")
			}
		}
	}
	// A node that was away is left alone by the edge for some seconds; the next is restarted when it is asked again.
	asked := func(n *program.Charye) {
		t.Helper()
		for from, deadline := served(t, n), time.Now().Add(time.Minute); served(t, n) < from+20; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the edge does not ask a node that is there again")
			}
		}
	}
	for _, n := range w.nodes {
		more()
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
		more() // by the other
		n.Restart()
		asked(n)
	}
	more()
	cancel()
	all.Wait()
	t.Logf("answers by status: %v", seen)
	if seen["200"] < 500 {
		t.Errorf("%d answers were what people asked for", seen["200"])
	}
	for what := range seen {
		if what != "200" && what != "401" && what != "303" && what != "429" {
			t.Errorf("somebody saw %s", what)
		}
	}
}
