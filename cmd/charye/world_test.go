package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"charye/internal/telemetry"
	"charye/person"
	"charye/site"
)

// realProgramme is one that is no trial, and open for years.
const realProgramme = `
programme: real
name: {en: A real one}
timezone: Asia/Seoul
products:
  - {id: alpha, name: {en: Alpha}, cvx: "207", dosesPerVial: 10, series: {doses: 1}}
campaigns:
  - id: all
    name: {en: Everybody}
    products: [alpha]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2099-07-17T18:00:00+09:00
    stock: 100
    line: {order: arrival}
timetables:
  - {sites: all, start: 2099-01-01, days: 14, from: "09:00", to: "17:00", every: 30m, seats: 5}
`

// serving is a whole server on a port of its own, with everything real, and what it logged.
type serving struct {
	*server
	t    *testing.T
	data string
	log  *lockedBuffer
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var quietLog = slog.New(slog.DiscardHandler)

// serve starts a server for a programme; the test's end stops it, gracefully.
func serve(t *testing.T, programmeYAML string, change func(*serveCmd)) *serving {
	t.Helper()
	c := serveCmd{Programme: written(t, "programme.yaml", programmeYAML), Data: filepath.Join(t.TempDir(), "data"), Listen: "127.0.0.1:0"}
	if change != nil {
		change(&c)
	}
	out := &serving{t: t, data: c.Data, log: &lockedBuffer{}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var err error
	out.server, err = openServer(ctx, c, telemetry.NewLogger(out.log, slog.LevelDebug))
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	if _, _, err := out.sites.Put(ctx, site.Demo(), time.Now()); err != nil {
		t.Error(err)
	}
	if err := out.walk.Round(ctx); err != nil { // the sites are there from the first request on
		t.Error(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- out.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return out
}

// written gives the path of a file with this content.
func written(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// demoNow is the demo's programme, opening a second from now and with a wide door.
func demoNow() string {
	return strings.NewReplacer("opens: +45s", "opens: +1s", "perSecond: 25", "perSecond: 1000").Replace(string(demoProgramme))
}

// session signs trial person n in.
func (s *serving) session(n int) string {
	s.t.Helper()
	m := &mint{sessions: person.NewSessions(s.keys), keyer: person.NewKeyer(s.keys), now: time.Now().Truncate(time.Second)}
	_, token, err := m.session(n, bornFor(&s.programme.Campaigns[0]))
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// call is one request of the API; headers are name, value pairs.
func (s *serving) call(method, path, body string, headers ...string) (status int, answer map[string]any) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header[headers[i]] = []string{headers[i+1]}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	_ = json.Unmarshal(b, &answer) // not everything is JSON; who needs it finds it missing
	return res.StatusCode, answer
}

func (s *serving) must(status int, method, path, body string, headers ...string) map[string]any {
	s.t.Helper()
	got, answer := s.call(method, path, body, headers...)
	if got != status {
		s.t.Fatalf("%s %s: %d %v, want %d", method, path, got, answer, status)
	}
	return answer
}

// insider is somebody whose turn has come, with a pass.
type insider struct{ bearer, ticket, pass string }

const adults = "/api/v1/campaigns/adults"

// admit takes the trial people from … from+n-1 from joining to a pass.
func (s *serving) admit(from, n int) []insider {
	s.t.Helper()
	out := make([]insider, n)
	for i := range out {
		out[i].bearer = "Bearer " + s.session(from+i)
		place := s.inTime("POST", adults+"/places", "", "Authorization", out[i].bearer)
		out[i].ticket, _ = place["ticket"].(string)
	}
	for i := range out {
		pass := s.inTime("POST", adults+"/passes", `{"device":"the-device"}`, "Authorization", out[i].bearer, "Charye-Ticket", out[i].ticket)
		out[i].pass, _ = pass["pass"].(string)
	}
	return out
}

// inTime repeats a call for as long as the answer is that it is too early, and gives what was made.
func (s *serving) inTime(method, path, body string, headers ...string) map[string]any {
	s.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		switch status, answer := s.call(method, path, body, headers...); status {
		case http.StatusCreated:
			return answer
		case http.StatusTooEarly, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		default:
			s.t.Fatalf("%s %s: %d %v", method, path, status, answer)
		}
		select {
		case <-tick.C:
		case <-s.t.Context().Done():
			s.t.Fatalf("%s %s: the time never came", method, path)
		}
	}
}

// slots gives free slots of some site.
func (s *serving) slots() []string {
	s.t.Helper()
	page := s.must(http.StatusOK, "GET", adults+"/sites", "")
	first := page["sites"].([]any)[0].(map[string]any)
	for day := range first["free"].(map[string]any) {
		doc := s.must(http.StatusOK, "GET", adults+"/sites/"+first["id"].(string)+"/slots?date="+day, "")
		var out []string
		for _, x := range doc["slots"].([]any) {
			out = append(out, x.(map[string]any)["id"].(string))
		}
		return out
	}
	s.t.Fatal("no day with free seats")
	return nil
}
