package gateway

import (
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/SherClockHolmes/webpush-go"

	"charye/internal/seal"
	"charye/notify"
)

// PushKeys are the keys by which push services know this installation (VAPID, RFC 8292), in base64url. Browsers subscribe with the
// public one, so it must stay the same.
type PushKeys struct{ Private, Public string }

// NewPushKeys derives the keys from those of the installation: every node has the same, and whoever puts back the key file from a
// backup has them again.
func NewPushKeys(keys *seal.Keys) PushKeys {
	for i := 0; ; i++ {
		secret := keys.Secret(fmt.Sprintf("push %d", i))
		// One in four thousand million is no private key of the curve.
		if k, err := ecdh.P256().NewPrivateKey(secret[:]); err == nil {
			b := base64.RawURLEncoding
			return PushKeys{Private: b.EncodeToString(k.Bytes()), Public: b.EncodeToString(k.PublicKey().Bytes())}
		}
	}
}

// PushConfig says by whom push services can be told of trouble, and which of them are called.
type PushConfig struct {
	Contact  string   `yaml:"contact"`
	Services []string `yaml:"services"`
}

func (c *PushConfig) check() error {
	if _, err := c.subscriber(); err != nil {
		return err
	}
	for i, s := range c.Services {
		if s == "" || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || !strings.Contains(strings.Trim(s, "."), ".") {
			return fmt.Errorf("services[%d]: %q; want a host name in small letters, such as fcm.googleapis.com, or with a dot before it for all below it", i, s)
		}
	}
	return nil
}

// subscriber is the contact as the library takes it.
func (c *PushConfig) subscriber() (string, error) {
	if address, ok := strings.CutPrefix(c.Contact, "mailto:"); ok {
		if a, err := mail.ParseAddress(address); err == nil && a.Address == address {
			return address, nil
		}
	} else if u, err := url.Parse(c.Contact); err == nil && u.Scheme == "https" && u.Host != "" {
		return c.Contact, nil
	}
	return "", fmt.Errorf("contact: %q; want mailto:name@example.org or https://… where the operators of push services find you", c.Contact)
}

func (c *PushConfig) serves(host string) bool {
	for _, s := range c.Services {
		if below, ok := strings.CutPrefix(s, "."); host == s || ok && strings.HasSuffix(host, "."+below) {
			return true
		}
	}
	return len(c.Services) == 0
}

// pushService sends to browsers through their push services. What is sent only the browser can read (RFC 8291). The id of the
// message is the topic: of two that wait with the push service the later replaces the earlier, and the page's worker shows one.
//
// 2xx means taken over; 404 and 410 that the subscription is over; 400 and 413 that this message will never be taken; everything else
// is tried again. Redirects are not followed, no proxy is used, and what is dialled is a public address, whatever a name says.
type pushService struct {
	keys       PushKeys
	config     *PushConfig
	subscriber string
	local      bool
	client     *http.Client
}

func newPushService(c *PushConfig, keys PushKeys, local bool) (*pushService, error) {
	subscriber, err := c.subscriber()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if !local {
		dialer.Control = publicOnly
	}
	return &pushService{keys: keys, config: c, subscriber: subscriber, local: local, client: &http.Client{
		Timeout: 15 * time.Second,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 10 * time.Second,
			MaxResponseHeaderBytes: 1 << 16, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// errPrivate never leaves this package: it is one of the reasons for "cannot be reached".
var errPrivate = errors.New("not a public address")

// publicOnly refuses to dial what is not on the public internet. It sees the address that a name led to.
func publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !public(at.Addr()) {
		return errPrivate
	}
	return nil
}

// special are the networks that no service for everybody is in (the registries of RFC 6890), beside those that netip knows.
var special = func() (out []netip.Prefix) {
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}()

func public(a netip.Addr) bool {
	a = a.Unmap()
	for _, p := range special {
		if p.Contains(a.WithZone("")) {
			return false
		}
	}
	return a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast()
}

// notice is what the page's worker gets. A push service takes some 4,000 bytes.
type notice struct {
	Title string `json:"title"`
	Body  string `json:"body"`
	URL   string `json:"url"`
	Tag   string `json:"tag"`
}

const (
	maxTitle = 200
	maxBody  = 2000
	maxURL   = 500
	longest  = 28 * 24 * time.Hour // push services keep nothing longer
)

func newNotice(id notify.ID, w notify.Words) notice {
	var lines []string
	for line := range strings.Lines(w.Body) {
		if w.Link == "" || !strings.Contains(line, w.Link) { // the notice itself leads there
			lines = append(lines, line)
		}
	}
	n := notice{Title: cut(w.Subject, maxTitle), Body: cut(strings.TrimSpace(strings.Join(lines, "")), maxBody), Tag: hex.EncodeToString(id[:])}
	if len(w.Link) <= maxURL {
		n.URL = w.Link
	}
	return n
}

// cut shortens to so many bytes, at the end of a character.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	s = s[:most-len("…")]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}

// Send implements [notify.Gateway].
func (p *pushService) Send(ctx context.Context, id notify.ID, to notify.Address, w notify.Words) error {
	s, err := notify.ParseSubscription(to.Value, p.local)
	if err != nil {
		return fmt.Errorf("push: the subscription: %w", notify.ErrGone) // kept under other rules than today's
	}
	if u, err := url.Parse(s.Endpoint); err != nil || !p.config.serves(u.Hostname()) {
		return fmt.Errorf("push: a service that is not called: %w", notify.ErrRefused)
	}
	plain, err := json.Marshal(newNotice(id, w))
	if err != nil {
		return err
	}
	ttl := longest
	if !w.Expires.IsZero() {
		ttl = max(0, min(ttl, time.Until(w.Expires)))
	}
	urgency := webpush.UrgencyNormal
	if w.Urgent {
		urgency = webpush.UrgencyHigh
	}
	a, err := webpush.SendNotificationWithContext(ctx, plain, &webpush.Subscription{Endpoint: s.Endpoint, Keys: webpush.Keys{P256dh: s.P256dh, Auth: s.Auth}}, &webpush.Options{
		HTTPClient: p.client, Subscriber: p.subscriber, VAPIDPublicKey: p.keys.Public, VAPIDPrivateKey: p.keys.Private,
		TTL: int(ttl / time.Second), Urgency: urgency, Topic: base64.RawURLEncoding.EncodeToString(id[:]),
	})
	if err != nil {
		return errors.New("push: the service cannot be reached") // the library's error quotes the endpoint
	}
	defer func() { _ = a.Body.Close() }()
	_, _ = io.CopyN(io.Discard, a.Body, 1<<16) // so that the connection can be used again
	switch {
	case a.StatusCode/100 == 2:
		return nil
	case a.StatusCode == http.StatusNotFound, a.StatusCode == http.StatusGone:
		return fmt.Errorf("push: status %d: %w", a.StatusCode, notify.ErrGone)
	case a.StatusCode == http.StatusBadRequest, a.StatusCode == http.StatusRequestEntityTooLarge:
		return fmt.Errorf("push: status %d: %w", a.StatusCode, notify.ErrRefused)
	}
	return fmt.Errorf("push: status %d", a.StatusCode)
}
