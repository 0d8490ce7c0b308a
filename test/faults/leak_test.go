package faults_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"charye/person"
	"charye/test/program"
)

// emitted is what came out of a server and a rush, by where: texts that somebody might keep, send on or read.
type emitted map[string][]byte

// marks are what must be in none of it: what stands for a person, literally, or by the form that made-up people have.
type marks struct {
	literal []string
	tokens  []string // these may be in an answer to their owner: whoever comes too early is told their place, with its ticket
	forms   []*regexp.Regexp
}

const mistakes = "answers to mistakes"

// in gives what was found, each as "mark in place"; no more than a few of each place.
func (m *marks) in(all emitted) (found []string) {
	for where, text := range all {
		n := len(found)
		looked := m.literal
		if where != mistakes {
			looked = slices.Concat(m.literal, m.tokens)
		}
		for _, mark := range looked {
			if bytes.Contains(text, []byte(mark)) {
				found = append(found, fmt.Sprintf("%q in %s", mark, where))
			}
		}
		for _, form := range m.forms {
			if hit := form.Find(text); hit != nil {
				found = append(found, fmt.Sprintf("%q in %s", hit, where))
			}
		}
		if len(found) > n+5 {
			found = append(found[:n+5], fmt.Sprintf("and more in %s", where))
		}
	}
	slices.Sort(found)
	return found
}

// TestNobodyLeaks: people with marks on everything that stands for them (names, identity numbers, subjects, telephone numbers, addresses, devices, their
// sessions, tickets and passes) walk through a rush, and stumble now and then. Then all that the server and the rush gave out is searched for the marks: logs,
// metrics, what is answered to mistakes, the addresses that an edge would log, the rush's report, and the bytes of all database files.
func TestNobodyLeaks(t *testing.T) {
	t.Parallel()
	program.NeedE2E(t)
	marks, all := markedRush(t, program.Binary(t), nil)
	total := 0
	for where, text := range all {
		total += len(text)
		if len(text) == 0 && !strings.HasPrefix(where, "file") {
			t.Errorf("nothing of %s was seen", where)
		}
	}
	if found := marks.in(all); len(found) > 0 {
		t.Errorf("people are in what was given out:\n%s", strings.Join(found, "\n"))
	}
	t.Logf("%d marks and %d forms, searched for in %d places of %d kB: none found", len(marks.literal)+len(marks.tokens), len(marks.forms), len(all), total/1000)
}

// TestLeakIsSeen has a build log a name on purpose, and wants the search to find it, where it is and nowhere else.
func TestLeakIsSeen(t *testing.T) {
	t.Parallel()
	program.NeedE2E(t)
	marks, all := markedRush(t, program.Variant(t, "test", "charye_weak"), []string{"CHARYE_WEAK=quiet"})
	found := marks.in(all)
	if len(found) == 0 {
		t.Fatal("a name was logged, and the search does not see it")
	}
	for _, f := range found {
		if !strings.HasSuffix(f, "in the server's log") {
			t.Error(f)
		}
	}
	t.Logf("found, as it should be: %s", found[0])
}

// marked is one of the people with marks.
type marked struct {
	nth              int
	session          string
	name, identity   string // of the one whom they help
	phone, mail, dev string
}

// markedRush serves a trial, brings a rush and the marked people, stops, and gives all that came out.
func markedRush(t *testing.T, binary string, env []string) (*marks, emitted) {
	t.Helper()
	const people, crowd, first = 12, 150, 7_000_000
	data := filepath.Join(t.TempDir(), "data")
	furnish(t, data)
	roster := "subject,identity,born\n"
	for i := range people {
		roster += fmt.Sprintf("MARKSUBJECT%04d,MARKIDENTITY%04d,1964-07-01\n", i, i)
	}
	rules := strings.NewReplacer("passMinutes: 10}", "passMinutes: 10}\n    helpers: {allowed: true, perHelper: 5}", "stock: 100000", "stock: 5000").Replace(always)
	imported := command(t, binary, "import", "roster", "--id", "marked", "--data", data, write(t, "marked.csv", roster))
	c := program.StartVariant(t, binary, env, "serve", "--programme", write(t, "drill.yaml", rules), "--data", data)
	waitOpen(t, c)
	edge := newLoggingEdge(t, c.URL)

	m := &marks{forms: []*regexp.Regexp{regexp.MustCompile(`trial-\d{10}`), regexp.MustCompile(`T\d{6}-\d{7}`)}}
	for n := range crowd {
		m.literal = append(m.literal, person.Trial(n).Name)
	}
	var list []*marked
	for i, session := range sessions(t, data, first, people) {
		p := &marked{
			nth: i, session: session, name: fmt.Sprintf("MARKNAME%04d", i), identity: fmt.Sprintf("MARKIDENTITY%04d", i),
			phone: fmt.Sprintf("0109999%04d", i), mail: fmt.Sprintf("markmail%04d@example.org", i), dev: fmt.Sprintf("MARKDEVICE%04d", i),
		}
		m.tokens = append(m.tokens, p.session)
		m.literal = append(m.literal, p.name, p.identity, p.phone, p.mail, p.dev, fmt.Sprintf("MARKSUBJECT%04d", i), person.Trial(first+i).Name)
		list = append(list, p)
	}

	dir := t.TempDir()
	report := []string{filepath.Join(dir, "rush.json"), filepath.Join(dir, "rush.html")}
	rush := exec.CommandContext(t.Context(), binary, "rush", "--target", edge.URL, "--data", data, "--people", fmt.Sprint(crowd), "--json", report[0], "--html", report[1], "--seed", "5")
	var said []byte
	ended := make(chan error, 1)
	go func() {
		var err error
		said, err = rush.CombinedOutput()
		ended <- err
	}()
	metrics := func() []byte { return []byte(mustCall(t, "GET", c.URL+"/metrics", "").raw) }
	all := emitted{"what an import says": imported, "metrics before": metrics()}
	for _, p := range list {
		m.tokens = append(m.tokens, p.walk(t, edge.URL)...)
	}
	all["metrics in the middle"] = metrics()
	// The rush counts its own people, and finds the marked ones beside them; that is all that it may find.
	if err := <-ended; err != nil && !bytes.Contains(said, []byte("BROKEN:")) {
		t.Fatalf("the rush: %v\n%s", err, said)
	}
	all["metrics at the end"] = metrics()
	for _, path := range report {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all["the rush's "+filepath.Base(path)] = b
	}
	files(t, data, "file, while it was served: ", all)
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	files(t, data, "file: ", all)
	all["what the rush says"], all["the server's log"] = said, []byte(c.Logs())
	all["what a check says"] = command(t, binary, "check", "--data", data)
	all["addresses"], all[mistakes] = edge.addresses.Bytes(), edge.mistakes.Bytes()
	return m, all
}

func command(t *testing.T, binary string, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), binary, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("charye %s: %v\n%s", args[0], err, out)
	}
	return out
}

// files adds the bytes of all files of a data directory, but those that are there to hold what is looked for: what the trial would have sent to people.
func files(t *testing.T, data, kind string, all emitted) {
	t.Helper()
	entries, err := os.ReadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() || e.Name() == "messages.ndjson" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(data, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[kind+e.Name()] = b
	}
}

// walk has somebody do everything that leaves a trace, and make mistakes with their own data in them. It gives their ticket and pass, which are marks too.
func (p *marked) walk(t *testing.T, at string) (tokens []string) {
	t.Helper()
	do := func(status int, method, path, body string, header ...string) answer {
		t.Helper()
		var a answer
		eventually(t, 2*time.Minute, func() error { // a person has a rate, and the crowd of the rush is before them
			a = mustCall(t, method, at+path, body, append(bearer(p.session), header...)...)
			if a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable {
				return errors.New(a.raw)
			}
			return nil
		})
		if a.status != status {
			t.Fatalf("marked person %d: %s %s: %d %s; want %d", p.nth, method, path, a.status, a.raw, status)
		}
		return a
	}
	const campaign = "/api/v1/campaigns/drill"
	do(200, "PUT", "/api/v1/me/contact", fmt.Sprintf(`{"lang":"ko","phone":%q,"mail":%q}`, p.phone, p.mail))
	do(200, "GET", "/api/v1/me", "")
	recipient := func(born string) string {
		return fmt.Sprintf(`{"campaign":"drill","name":%q,"identity":%q,"born":%q,"consent":true}`, p.name, p.identity, born)
	}
	helped := do(201, "POST", "/api/v1/recipients", recipient("1964-07-01")).ID

	// Mistakes: each says what is wrong, and quotes nobody.
	do(403, "POST", "/api/v1/recipients", recipient("1964-07-02"))
	do(400, "POST", "/api/v1/recipients", recipient("yesterday"))
	do(400, "POST", "/api/v1/recipients", strings.TrimSuffix(recipient("1964-07-01"), "}")+fmt.Sprintf(`,"nickname":%q}`, p.name))
	do(400, "POST", "/api/v1/recipients", recipient("1964-07-01")+p.name)
	do(400, "PUT", "/api/v1/me/contact", fmt.Sprintf(`{"lang":"ko","phone":"%s x","mail":"%s@"}`, p.phone, p.mail))
	do(401, "GET", "/api/v1/me", "", "Authorization", "Bearer "+p.session+"x")

	for _, who := range []string{"", helped} {
		body := "{}"
		if who != "" {
			body = fmt.Sprintf(`{"recipient":%q}`, who)
		}
		ticket := do(201, "POST", campaign+"/places", body).Ticket
		var pass string
		eventually(t, 2*time.Minute, func() error {
			a := mustCall(t, "POST", at+campaign+"/passes", strings.Replace(body, "{", `{"device":"`+p.dev+`"`+map[bool]string{true: ",", false: ""}[who != ""], 1), append(bearer(p.session), "Charye-Ticket", ticket)...)
			if pass = a.Pass; a.status != http.StatusCreated {
				return fmt.Errorf("%d %s", a.status, a.raw)
			}
			return nil
		})
		tokens = append(tokens, ticket, pass)
		do(400, "POST", campaign+"/passes", fmt.Sprintf(`{"device":%q,"name":%q}`, p.dev, p.name), "Charye-Ticket", ticket)
		do(403, "POST", "/api/v1/bookings", `{"slot":"x"}`, "Charye-Pass", pass+"x", "Idempotency-Key", p.dev)
		p.book(t, at+campaign, do, pass, who)
	}
	do(200, "GET", "/api/v1/bookings", "")
	do(200, "GET", "/api/v1/me/messages", "")
	return tokens
}

func (p *marked) book(t *testing.T, campaign string, do func(int, string, string, string, ...string) answer, pass, who string) {
	t.Helper()
	public := func(path string) (a answer) {
		eventually(t, 2*time.Minute, func() error {
			if a = mustCall(t, "GET", campaign+path, ""); a.status != http.StatusOK {
				return errors.New(a.raw)
			}
			return nil
		})
		return a
	}
	for _, s := range public("/sites").Sites {
		for day := range s.Free {
			for _, slot := range public("/sites/" + s.ID + "/slots?date=" + day).Slots {
				if slot.Free == 0 {
					continue
				}
				do(201, "POST", "/api/v1/bookings", fmt.Sprintf(`{"slot":%q}`, slot.ID), "Charye-Pass", pass, "Idempotency-Key", p.dev+who)
				return
			}
		}
	}
	t.Fatal("no free slot")
}

// loggingEdge stands before a server as an edge does, and keeps what an edge's logs keep, and more: each address with where people came from, what the answer's
// header says, and the whole answer where it is one to a mistake.
type loggingEdge struct {
	*httptest.Server
	mu                  sync.Mutex
	addresses, mistakes bytes.Buffer
}

func newLoggingEdge(t *testing.T, server string) *loggingEdge {
	t.Helper()
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	e := &loggingEdge{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
		ModifyResponse: func(a *http.Response) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			_, _ = fmt.Fprintf(&e.addresses, "%s %s %d %q %q %v\n", a.Request.Method, a.Request.URL, a.StatusCode, a.Request.Referer(), a.Request.UserAgent(), a.Header) // a buffer takes it
			if a.StatusCode < 400 {
				return nil
			}
			b, err := io.ReadAll(a.Body)
			if err = errors.Join(err, a.Body.Close()); err != nil {
				return err
			}
			e.mistakes.Write(b)
			e.mistakes.WriteByte('\n')
			a.Body = io.NopCloser(bytes.NewReader(b))
			return nil
		},
	}
	e.Server = httptest.NewServer(proxy)
	t.Cleanup(e.Close)
	return e
}
