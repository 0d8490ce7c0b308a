package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"charye/notify/gateway"
)

// slowLine is a trial in which one person is let in every ten seconds, and the turn of those within five minutes is near.
const slowLine = `
programme: near
name: {en: Near}
timezone: Asia/Seoul
trial: true
products:
  - {id: alpha, name: {en: Alpha}, cvx: "207", dosesPerVial: 10, series: {doses: 1}}
campaigns:
  - id: all
    name: {en: Everybody}
    products: [alpha]
    eligible: all
    opens: 2021-07-12T20:00:00+09:00
    closes: 2099-07-17T18:00:00+09:00
    stock: 1000
    line: {order: arrival, inside: 100, perSecond: 0.1, passMinutes: 10}
    messages: {near: {within: 5m, inQuiet: true}}
timetables:
  - {sites: all, start: 2099-01-01, days: 14, from: "09:00", to: "17:00", every: 30m, seats: 5}
`

// TestNearIsTold: a whole server tells those who joined and left an address that their turn is near, once.
func TestNearIsTold(t *testing.T) {
	t.Parallel()
	s := serve(t, slowLine, nil)
	for n := range 12 {
		s.must(http.StatusCreated, "POST", "/api/v1/campaigns/all/places", "", "Authorization", "Bearer "+s.session(n))
	}
	for _, n := range []int{8, 10} {
		s.must(http.StatusOK, "PUT", "/api/v1/me/contact", `{"lang":"en","mail":"near@example.org"}`, "Authorization", "Bearer "+s.session(n))
	}
	wait(t, func() bool {
		b, err := os.ReadFile(filepath.Join(s.data, messagesFile))
		return err == nil && bytes.Count(b, []byte("\n")) >= 2
	})
	b, err := os.ReadFile(filepath.Join(s.data, messagesFile))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var m struct{ To, Subject, Text string }
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		if m.To != "near@example.org" || !strings.Contains(m.Subject, "Your turn is near") || !strings.Contains(m.Text, s.url+"/c/all") {
			t.Errorf("told %+v", m)
		}
	}
	if n := bytes.Count(b, []byte("\n")); n != 2 {
		t.Errorf("%d messages, want one to each", n)
	}
	if strings.Contains(s.log.String(), "near@example.org") {
		t.Error("the log has an address")
	}
}

// TestPushIsSent: a server with push among its ways out offers its key on the page, and calls the push service of whoever took it.
func TestPushIsSent(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []http.Header
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Header)
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(service.Close)
	s := serve(t, slowLine, func(c *serveCmd) {
		c.Messages = written(t, "messages.yaml", "push: {contact: 'mailto:ops@example.org'}\n")
	})
	key := gateway.NewPushKeys(s.keys).Public
	page := func(method, path, body string) (status int, to, text string) {
		r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: "charye_session", Value: s.session(8)})
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		a, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = a.Body.Close() }()
		b, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return a.StatusCode, a.Header.Get("Location"), string(b)
	}
	if _, _, shown := page("GET", "/contact", ""); !strings.Contains(shown, `data-key="`+key+`"`) {
		t.Fatalf("the page does not offer the key:\n%s", shown)
	}
	for n := range 12 {
		s.must(http.StatusCreated, "POST", "/api/v1/campaigns/all/places", "", "Authorization", "Bearer "+s.session(n))
	}
	status, to, _ := page("POST", "/contact/device", "endpoint="+service.URL+"/push/1&p256dh=BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4&auth=BTBZMqHH6r4Tts7J_aSIgg")
	if status != http.StatusSeeOther || to != "/contact?done=device" {
		t.Fatalf("status %d, to %s", status, to)
	}
	wait(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) > 0
	})
	mu.Lock()
	defer mu.Unlock()
	if h := got[0]; h.Get("Content-Encoding") != "aes128gcm" || !strings.HasSuffix(h.Get("Authorization"), "k="+key) || h.Get("Urgency") != "high" {
		t.Errorf("headers %v", h)
	}
}

// wait looks again and again until something is so.
func wait(t *testing.T, so func() bool) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(time.Minute); !so(); <-again.C {
		if time.Now().After(end) {
			t.Fatal("it did not happen within a minute")
		}
	}
}
