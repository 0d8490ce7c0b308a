package gateway

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"charye/internal/seal"
	"charye/notify"
)

// browser is what a browser keeps of a subscription, and the push service it has it with: a real one over HTTPS, on this machine.
type browser struct {
	*httptest.Server
	key  *ecdh.PrivateKey
	auth []byte

	mu     sync.Mutex
	status int
	got    []*http.Request
	bodies [][]byte
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{key: key, auth: make([]byte, 16), status: http.StatusCreated}
	_, _ = rand.Read(b.auth)
	b.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.got, b.bodies = append(b.got, r), append(b.bodies, body)
		if b.status == http.StatusTemporaryRedirect {
			w.Header().Set("Location", b.URL+"/elsewhere")
		}
		w.WriteHeader(b.status)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *browser) subscription() notify.Subscription {
	e := base64.RawURLEncoding
	return notify.Subscription{Endpoint: b.URL + "/push/abc?x=1&y=2", P256dh: e.EncodeToString(b.key.PublicKey().Bytes()), Auth: e.EncodeToString(b.auth)}
}

func (b *browser) answers(status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status = status
}

// read decrypts a message as RFC 8291 and RFC 8188 have a browser do it.
func (b *browser) read(body []byte) ([]byte, error) {
	if len(body) < 21 || len(body) < 21+int(body[20]) {
		return nil, errors.New("no header")
	}
	salt, size, sender, sealed := body[:16], binary.BigEndian.Uint32(body[16:20]), body[21:21+int(body[20])], body[21+int(body[20]):]
	if len(sealed) > int(size) || len(body) > 4096 {
		return nil, fmt.Errorf("%d bytes in a record of %d, %d in all", len(sealed), size, len(body))
	}
	from, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return nil, err
	}
	shared, err := b.key.ECDH(from)
	if err != nil {
		return nil, err
	}
	info := "WebPush: info\x00" + string(b.key.PublicKey().Bytes()) + string(sender)
	ikm, err := hkdf.Key(sha256.New, shared, b.auth, info, 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, sealed, nil)
	if err != nil {
		return nil, err
	}
	plain = []byte(strings.TrimRight(string(plain), "\x00"))
	if len(plain) == 0 || plain[len(plain)-1] != 2 {
		return nil, errors.New("no end of the last record")
	}
	return plain[:len(plain)-1], nil
}

// checkVAPID checks who sent a message, as RFC 8292 has a push service do it.
func checkVAPID(r *http.Request, origin, public string) error {
	token, key, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "vapid t="), ", k=")
	parts := strings.Split(token, ".")
	if !ok || key != public || len(parts) != 3 {
		return fmt.Errorf("authorization %q", r.Header.Get("Authorization"))
	}
	raw := base64.RawURLEncoding
	point, err := raw.DecodeString(key)
	if err != nil {
		return err
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return err
	}
	sig, err := raw.DecodeString(parts[2])
	if err != nil || len(sig) != 64 {
		return fmt.Errorf("a signature of %d bytes, %w", len(sig), err)
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(pub, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return errors.New("the signature does not hold")
	}
	var claims struct {
		Aud, Sub string
		Exp      int64
	}
	body, err := raw.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(body, &claims)
	}
	if left := time.Until(time.Unix(claims.Exp, 0)); err != nil || claims.Aud != origin || claims.Sub != "mailto:ops@example.org" || left <= 0 || left > 24*time.Hour {
		return fmt.Errorf("claims %+v, %w", claims, err)
	}
	return nil
}

func pushKeys(t *testing.T) PushKeys {
	t.Helper()
	keys, err := seal.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	return NewPushKeys(keys)
}

// pushTo makes the gateway of a trial that trusts the browser's push service.
func pushTo(t *testing.T, b *browser, keys PushKeys) *pushService {
	t.Helper()
	g, err := newPushService(&PushConfig{Contact: "mailto:ops@example.org"}, keys, true)
	if err != nil {
		t.Fatal(err)
	}
	g.client.Transport.(*http.Transport).TLSClientConfig = b.Client().Transport.(*http.Transport).TLSClientConfig
	return g
}

// TestPush sends to a browser that decrypts, through a push service that checks who it is from.
func TestPush(t *testing.T) {
	t.Parallel()
	b, keys := newBrowser(t), pushKeys(t)
	g := pushTo(t, b, keys)
	id := notify.ID{1, 2, 3}
	w := notify.Words{
		Subject: "[예약 순서가 가까워졌습니다] 55–59세", Body: "순서가 가까워졌습니다.\n대기열: https://charye.example/c/a\n", Link: "https://charye.example/c/a",
		Urgent: true, Expires: time.Now().Add(time.Hour),
	}
	if err := g.Send(t.Context(), id, b.subscription().Address(), w); err != nil {
		t.Fatal(err)
	}
	r := b.got[0]
	if err := checkVAPID(r, b.URL, keys.Public); err != nil {
		t.Error(err)
	}
	if h := r.Header; r.Method != http.MethodPost || r.URL.RequestURI() != "/push/abc?x=1&y=2" || h.Get("Content-Encoding") != "aes128gcm" ||
		h.Get("Topic") != "AQIDAAAAAAAAAAAAAAAAAA" || h.Get("Urgency") != "high" || h.Get("Ttl") < "3500" || h.Get("Ttl") > "3600" {
		t.Errorf("%s %s, headers %v", r.Method, r.URL, h)
	}
	plain, err := b.read(b.bodies[0])
	if err != nil {
		t.Fatal(err)
	}
	var got notice
	if err := json.Unmarshal(plain, &got); err != nil {
		t.Fatal(err)
	}
	if want := (notice{w.Subject, "순서가 가까워졌습니다.", w.Link, hex.EncodeToString(id[:])}); got != want {
		t.Errorf("the browser reads %+v, want %+v", got, want)
	}

	// However long the words, one record takes them.
	long := notify.Words{Subject: strings.Repeat("긴 제목 ", 500), Body: strings.Repeat("긴 글 \"\n", 5000), Link: "https://charye.example/" + strings.Repeat("x", 5000)}
	if err := g.Send(t.Context(), id, b.subscription().Address(), long); err != nil {
		t.Fatal(err)
	}
	if plain, err = b.read(b.bodies[1]); err != nil || !json.Valid(plain) || len(plain) < maxBody || b.got[1].Header.Get("Urgency") != "normal" {
		t.Errorf("long words: %d bytes, %v", len(plain), err)
	}
}

func TestPushRefusals(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	g := pushTo(t, b, pushKeys(t))
	send := func() error { return g.Send(t.Context(), notify.ID{1}, b.subscription().Address(), words) }
	for status, want := range map[int]error{
		200: nil, 201: nil, 202: nil, 404: notify.ErrGone, 410: notify.ErrGone, 400: notify.ErrRefused, 413: notify.ErrRefused,
		307: errors.New("again"), 401: errors.New("again"), 403: errors.New("again"), 429: errors.New("again"), 500: errors.New("again"), 503: errors.New("again"),
	} {
		b.answers(status)
		before := len(b.got)
		err := send()
		again := want != nil && !errors.Is(want, notify.ErrRefused)
		switch {
		case len(b.got) != before+1:
			t.Errorf("status %d: %d requests", status, len(b.got)-before)
		case want == nil && err != nil, again && (err == nil || errors.Is(err, notify.ErrRefused)), want != nil && !again && !errors.Is(err, want):
			t.Errorf("status %d: %v", status, err)
		case errors.Is(err, notify.ErrGone) != errors.Is(want, notify.ErrGone):
			t.Errorf("status %d is gone for good: %v", status, err)
		}
		if err != nil && strings.Contains(err.Error(), "/push/") {
			t.Errorf("status %d: the error tells the address: %v", status, err)
		}
	}
	b.Close()
	if err := send(); err == nil || errors.Is(err, notify.ErrRefused) || strings.Contains(err.Error(), "/push/") || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("a service that is away: %v", err)
	}
	other := *g
	other.config = &PushConfig{Services: []string{"fcm.googleapis.com", ".push.apple.com"}}
	if err := other.Send(t.Context(), notify.ID{1}, b.subscription().Address(), words); !errors.Is(err, notify.ErrRefused) || errors.Is(err, notify.ErrGone) {
		t.Errorf("a service that is not on the list: %v", err)
	}
	for host, want := range map[string]bool{"fcm.googleapis.com": true, "web.push.apple.com": true, "push.apple.com": false, "evilpush.apple.com": false, "xfcm.googleapis.com": false} {
		if got := other.config.serves(host); got != want {
			t.Errorf("%s is called: %v", host, got)
		}
	}
}

// TestPushStaysOutside: but in a trial nothing on this machine or a private network is ever dialled, whatever name led there.
func TestPushStaysOutside(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	met := make(chan struct{}, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			_ = c.Close()
			met <- struct{}{}
		}
	}()
	g, err := newPushService(&PushConfig{Contact: "https://charye.example/"}, pushKeys(t), false)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+host+":"+port+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := g.client.Do(r)
		if err == nil {
			_ = a.Body.Close()
		}
		if !errors.Is(err, errPrivate) {
			t.Errorf("%s: %v", host, err)
		}
	}
	select {
	case <-met:
		t.Error("this machine was dialled")
	default:
	}
	b := newBrowser(t)
	if err := g.Send(t.Context(), notify.ID{1}, b.subscription().Address(), words); !errors.Is(err, notify.ErrGone) || len(b.got) > 0 {
		t.Errorf("a subscription of a trial: %v", err)
	}
	for a, want := range map[string]bool{
		"142.250.76.10": true, "2404:6800:4004::1": true, "8.8.8.8": true,
		"127.0.0.1": false, "127.8.9.1": false, "0.0.0.0": false, "10.1.2.3": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.0.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "240.1.1.1": false, "198.18.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12::1": false, "ff02::1": false, "::ffff:10.0.0.1": false,
		"::ffff:8.8.8.8": true, "64:ff9b::a00:1": false, "2002:a00:1::1": false, "::10.0.0.1": false,
	} {
		if got := public(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s is public: %v", a, got)
		}
	}
}

// TestPushKeys: the same key file gives the same keys, for ever; another gives others.
func TestPushKeys(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "keys.json")
	var got [2]PushKeys
	for i := range got {
		keys, err := seal.LoadOrCreate(name)
		if err != nil {
			t.Fatal(err)
		}
		got[i] = NewPushKeys(keys)
	}
	if got[0] != got[1] || got[0] == pushKeys(t) {
		t.Error("the keys are not those of the key file")
	}
	if b, err := base64.RawURLEncoding.DecodeString(got[0].Public); err != nil || len(b) != 65 || b[0] != 4 {
		t.Errorf("public key %x, %v", b, err)
	}
}

// TestFilePush: a trial shows where a message would have gone, and keeps no keys of a browser.
func TestFilePush(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	name := filepath.Join(t.TempDir(), "messages.ndjson")
	f, err := OpenFile(name, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	s := b.subscription()
	err = errors.Join(f.Send(t.Context(), notify.ID{1}, s.Address(), words), f.Close())
	got, e := os.ReadFile(name)
	if err = errors.Join(err, e); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got), b.URL) || strings.Contains(string(got), s.Auth) || strings.Contains(string(got), s.P256dh) {
		t.Errorf("the file has %s", got)
	}
}
