// Package faults_test is the drills: the built program is killed, stopped, starved of disk and stared at by clients that
// never finish, and must keep every promise that it made. Everything goes over loopback.
package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"charye/booking"
	bookingsqlite "charye/booking/sqlite"
	"charye/internal/durable"
	"charye/site"
	sitesqlite "charye/site/sqlite"
	"charye/test/program"
)

func TestMain(m *testing.M) {
	program.Patient()
	program.Main(m)
}

// always is a programme whose one campaign is open from the start; its people are born 1962-1966.
const always = `programme: drill
name: {ko: 훈련, en: Drill}
timezone: Asia/Seoul
trial: true
products:
  - id: alpha
    name: {ko: 알파, en: Alpha}
    cvx: "207"
    dosesPerVial: 10
    series: {doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]}
campaigns:
  - id: drill
    name: {ko: 훈련, en: Drill}
    products: [alpha]
    eligible: {born: {from: 1962-01-01, to: 1966-12-31}}
    gathers: +0s
    opens: +1s
    closes: +6h
    stock: 100000
    line: {order: arrival, inside: 30000, perSecond: 5000, passMinutes: 10}
timetables:
  - {sites: all, start: +1d, days: 14, from: "09:00", to: "17:00", every: 30m, seats: 500}
`

// write puts a text into a file of the test.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// furnish puts the made-up sites into a data directory.
func furnish(t *testing.T, data string) {
	t.Helper()
	if _, err := durable.OpenDir(data); err != nil {
		t.Fatal(err)
	}
	store, err := sitesqlite.Open(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Put(t.Context(), site.Demo(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// checkLedger proves the promises of the ledger of a stopped server, and tells how many live bookings it has.
func checkLedger(t *testing.T, data string) {
	t.Helper()
	ledger, err := bookingsqlite.Open(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range booking.Check(t.Context(), ledger) {
		t.Errorf("the ledger: %s", finding)
	}
	if err := ledger.Close(); err != nil {
		t.Error(err)
	}
}

// sessions mints sessions with the server's keys, as charye session does.
func sessions(t *testing.T, data string, from, n int) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program.Binary(t), "session", "--data", data, "--people", fmt.Sprint(n), "--from", fmt.Sprint(from))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("charye session: %v", err)
	}
	var tokens []string
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var line struct{ Session string }
		if err := dec.Decode(&line); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, line.Session)
	}
	if len(tokens) != n {
		t.Fatalf("%d sessions, want %d", len(tokens), n)
	}
	return tokens
}

// answer is what came back, as far as drills read it.
type answer struct {
	status     int
	retryAfter string
	mediaType  string
	raw        string

	Ticket string
	State  string
	Number number
	Code   string
	Pass   string
	ID     string
	Joined int

	Remaining, Admitted int
	Slots               []struct {
		ID   string
		Free int
	}
	Sites []struct {
		ID   string
		Name string
		Free map[string]int
	}
	Bookings []struct {
		ID        string
		Cancelled bool
	}
}

// number is a place's number; a booking's, which is for saying on the telephone, reads as 0.
type number uint32

// UnmarshalJSON implements [json.Unmarshaler].
func (n *number) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' || string(b) == "null" {
		return nil
	}
	return json.Unmarshal(b, (*uint32)(n))
}

// call is one request. header holds pairs.
func call(ctx context.Context, client *http.Client, method, url, body string, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	b, err := io.ReadAll(res.Body)
	if err := res.Body.Close(); err != nil {
		return answer{}, err
	}
	if err != nil {
		return answer{}, fmt.Errorf("an answer that began and did not end: %w", err)
	}
	a := answer{status: res.StatusCode, retryAfter: res.Header.Get("Retry-After"), mediaType: res.Header.Get("Content-Type"), raw: string(b)}
	if len(b) > 0 && b[0] == '{' {
		if err := json.Unmarshal(b, &a); err != nil {
			return answer{}, fmt.Errorf("%s %s: %w: %s", method, url, err, b)
		}
	}
	return a, nil
}

// mustCall is call for answers that must come.
func mustCall(t *testing.T, method, url, body string, header ...string) answer {
	t.Helper()
	a, err := call(t.Context(), http.DefaultClient, method, url, body, header...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return a
}

// eventually repeats a look until it is content; the last complaint is the failure.
func eventually(t *testing.T, within time.Duration, look func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := look()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %v", within, err)
		}
		<-again.C
	}
}
