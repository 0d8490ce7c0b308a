package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"charye/notify"
)

var words = notify.Words{Subject: "[예약 확정] 55–59세", Body: "예약번호 0000-0009-4\n.\n한 줄 더\n"}

func TestReadConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, src, bad string }{
		{"both", "mail: {server: 'smtp.example.org:587', from: '접종 <a@example.org>', user: u, passwordFile: s}\ntext: {url: 'https://x.example/v1', tokenFile: t}", ""},
		{"text on this machine", "text: {url: 'http://127.0.0.1:9/v1'}", ""},
		{"empty", "", "is empty"},
		{"neither", "mail:\n", "names no way out"},
		{"unknown field", "text:\n  url: https://x.example/\n  tokn: a", "line 3: field tokn not found"},
		{"two documents", "text: {url: 'https://x.example/'}\n---\ntext: {}", "one document"},
		{"plain http", "text: {url: 'http://x.example/'}", "text.url"},
		{"credentials in the address", "text: {url: 'https://a:b@x.example/'}", "text.url"},
		{"no port", "mail: {server: smtp.example.org, from: a@example.org}", "mail.server"},
		{"no sender", "mail: {server: 'smtp.example.org:25', from: nobody}", "mail.from"},
		{"push", "push: {contact: 'mailto:ops@example.org', services: [fcm.googleapis.com, .push.apple.com]}", ""},
		{"push without contact", "push: {}", "push.contact"},
		{"push with a bare contact", "push: {contact: ops@example.org}", "push.contact"},
		{"push to all", "push: {contact: 'https://example.org/', services: [com]}", "push.services[0]"},
		{"user without password", "mail: {server: 'smtp.example.org:25', from: a@example.org, user: u}", "mail.user, passwordFile"},
	} {
		got, err := ReadConfig("/etc/charye/messages.yaml", []byte(c.src))
		if c.bad != "" {
			if err == nil || !strings.Contains(err.Error(), c.bad) || !strings.HasPrefix(err.Error(), "/etc/charye/messages.yaml: ") {
				t.Errorf("%s: %v, want %q", c.name, err, c.bad)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got.Mail != nil && got.Mail.PasswordFile != "/etc/charye/s" {
			t.Errorf("%s: the password is looked for in %s", c.name, got.Mail.PasswordFile)
		}
	}
}

func FuzzReadConfig(f *testing.F) {
	f.Add([]byte("mail: {server: 'smtp.example.org:587', from: 'a@example.org'}"))
	f.Add([]byte("text: {url: 'https://x.example/v1'}"))
	f.Add([]byte("push: {contact: 'mailto:a@example.org', services: [x.example]}"))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := ReadConfig("f", src)
		if err == nil && c.Mail == nil && c.Text == nil && c.Push == nil {
			t.Error("a file without a way out was taken")
		}
	})
}

func TestTextService(t *testing.T) {
	t.Parallel()
	var got []*http.Request
	var bodies []textMessage
	status := http.StatusAccepted
	var mu sync.Mutex
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var m textMessage
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		got, bodies = append(got, r), append(bodies, m)
		if status == http.StatusFound {
			w.Header().Set("Location", "http://example.invalid/")
		}
		w.WriteHeader(status)
	}))
	defer srv.Close()
	g := newTextService(srv.URL, "secret")
	send := func() error {
		return g.Send(t.Context(), notify.ID{1, 2}, notify.Address{Channel: notify.Text, Value: "01012345678"}, words)
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if h := got[0].Header; h.Get("Authorization") != "Bearer secret" || h.Get("Idempotency-Key") != "01020000000000000000000000000000" {
		t.Errorf("headers %v", h)
	}
	if want := (textMessage{"01012345678", words.Subject, words.Body}); bodies[0] != want {
		t.Errorf("sent %+v, want %+v", bodies[0], want)
	}
	for code, refused := range map[int]bool{400: true, 404: true, 410: true, 422: true, 401: false, 403: false, 429: false, 500: false, 503: false, 302: false} {
		mu.Lock()
		status = code
		mu.Unlock()
		err := send()
		if err == nil || errors.Is(err, notify.ErrRefused) != refused {
			t.Errorf("status %d: %v, refused for good: %v", code, err, refused)
		}
	}
	srv.Close()
	if err := send(); err == nil || errors.Is(err, notify.ErrRefused) || strings.Contains(err.Error(), "0101234") {
		t.Errorf("a service that is away: %v", err)
	}
}

// mailbox is a real SMTP server's other half.
type mailbox struct {
	mu     sync.Mutex
	refuse error
	mails  []string
}

func (b *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{b}, nil }

type mailSession struct{ b *mailbox }

func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s *mailSession) Rcpt(string, *smtp.RcptOptions) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return s.b.refuse
}
func (s *mailSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.mails = append(s.b.mails, string(b))
	return err
}
func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

func TestMailServer(t *testing.T) {
	t.Parallel()
	box := &mailbox{}
	srv := smtp.NewServer(box)
	srv.Domain = "localhost"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }() // ends with the listener
	defer func() { _ = srv.Close() }()
	g, err := newMailServer(&MailConfig{Server: l.Addr().String(), From: "예방접종 <noreply@example.org>"}, "")
	if err != nil {
		t.Fatal(err)
	}
	send := func() error {
		return g.Send(t.Context(), notify.ID{0xab}, notify.Address{Channel: notify.Mail, Value: "kim@example.org"}, words)
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	m, err := netmail.ReadMessage(strings.NewReader(box.mails[0]))
	if err != nil {
		t.Fatal(err)
	}
	if id := m.Header.Get("Message-Id"); id != "<ab000000000000000000000000000000@example.org>" {
		t.Errorf("Message-ID %s", id)
	}
	if to := m.Header.Get("To"); !strings.Contains(to, "kim@example.org") || m.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("headers %v", m.Header)
	}
	box.mu.Lock()
	box.refuse = &smtp.SMTPError{Code: 550, Message: "no such mailbox"}
	box.mu.Unlock()
	if err := send(); !errors.Is(err, notify.ErrRefused) || strings.Contains(err.Error(), "kim") {
		t.Errorf("refused for good: %v", err)
	}
	box.mu.Lock()
	box.refuse = &smtp.SMTPError{Code: 451, Message: "try later"}
	box.mu.Unlock()
	if err := send(); err == nil || errors.Is(err, notify.ErrRefused) || strings.Contains(err.Error(), "kim") {
		t.Errorf("refused for now: %v", err)
	}
	if err := errors.Join(srv.Close()); err != nil {
		t.Fatal(err)
	}
	if err := send(); err == nil || errors.Is(err, notify.ErrRefused) {
		t.Errorf("a server that is away: %v", err)
	}
}

func TestFileKnowsARepeat(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "messages.ndjson")
	now := func() time.Time { return time.Unix(0, 0) }
	send := func(g *File, id byte) {
		t.Helper()
		if err := g.Send(context.Background(), notify.ID{id}, notify.Address{Channel: notify.Text, Value: "010"}, words); err != nil {
			t.Fatal(err)
		}
	}
	for _, ids := range [][]byte{{1, 2, 1}, {2, 3}} {
		g, err := OpenFile(path, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			send(g, id)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		cut, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = cut.WriteString(`{"at":"2021-07-12T`); err != nil { // as a crash leaves it
			t.Fatal(err)
		}
		if err := cut.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if g, err := OpenFile(path, now); err != nil || g.Close() != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	lines := 0
	for s := bufio.NewScanner(f); s.Scan(); lines++ {
		var l fileLine
		if err := json.Unmarshal(s.Bytes(), &l); err != nil || l.Text != words.Body {
			t.Errorf("line %q: %v", s.Text(), err)
		}
	}
	if lines != 3 {
		t.Errorf("%d lines, want 3", lines)
	}
}
