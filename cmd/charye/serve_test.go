package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charye/internal/seal"
	"charye/person"
	"charye/person/oidctest"
)

// visitor is a browser without a script: it keeps cookies and follows redirects.
func visitor(t *testing.T, change func(*http.Client)) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: time.Minute}
	if change != nil {
		change(c)
	}
	return c
}

// page is an answer that was read to its end.
type page struct {
	status  int
	proto   string
	header  http.Header
	at      *url.URL // where the redirects led
	cookies []*http.Cookie
	text    string
}

// get gives the page behind all redirects.
func get(t *testing.T, c *http.Client, address string) page {
	t.Helper()
	return send(t, c, http.MethodGet, address, nil)
}

// post sends a form, as a browser would.
func post(t *testing.T, c *http.Client, address *url.URL, form url.Values) page {
	t.Helper()
	return send(t, c, http.MethodPost, address.String(), form)
}

func send(t *testing.T, c *http.Client, method, address string, form url.Values) page {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page{res.StatusCode, res.Proto, res.Header, res.Request.URL, res.Cookies(), string(b)}
}

// still makes a visitor stay where a redirect is.
func still(c *http.Client) {
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
}

// TestSignInAtAnotherName: somebody who typed 127.0.0.1 is signed in at the public address, where the provider brings
// everybody back to.
func TestSignInAtAnotherName(t *testing.T) {
	t.Parallel()
	s := serve(t, demoNow(), nil)
	public, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	if public.Hostname() != "localhost" {
		t.Fatalf("the public address is %s, want localhost", s.url)
	}
	other := "http://127.0.0.1:" + public.Port()
	c := visitor(t, nil)
	form := get(t, c, other+"/sign-in/trial?return=%2Fbookings")
	if form.at.Host != public.Host || !strings.HasPrefix(form.at.Path, trialProviderPath) {
		t.Fatalf("signing in at %s led to %s:\n%s", other, form.at, form.text)
	}
	fields := oidctest.Fields{Name: "김차례", Born: "1969-07-02", Identity: "1"}
	back := post(t, c, form.at, fields.Values())
	if back.status != http.StatusOK || back.at.String() != s.url+"/bookings" || !strings.Contains(back.text, "/sign-out") {
		t.Fatalf("after the sign-in: %d at %s:\n%s", back.status, back.at, back.text)
	}
	// A proxy that hides the typed host is no endless way round, and the rest of the pages stay where they are.
	quiet := visitor(t, still)
	for path, want := range map[string]int{
		"/sign-in?moved=1": http.StatusOK, "/sign-in": http.StatusSeeOther, "/": http.StatusOK, "/sign-in/callback": http.StatusSeeOther,
	} {
		res := get(t, quiet, other+path)
		if moved := strings.HasPrefix(res.header.Get("Location"), s.url); res.status != want || moved != (path == "/sign-in") {
			t.Errorf("%s: %d to %q, want %d", path, res.status, res.header.Get("Location"), want)
		}
	}
}

// TestRealProgramme: without trial there is no made-up provider and no made-up session, and sign-in goes to the provider of
// the file with what its client needs.
func TestRealProgramme(t *testing.T) {
	t.Parallel()
	var gov *oidctest.Provider
	idp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { gov.ServeHTTP(w, r) }))
	t.Cleanup(idp.Close)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gov.secret"), []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	providers := filepath.Join(dir, "providers.yaml")
	if err := os.WriteFile(providers, []byte(`providers:
  - {id: gov, name: {ko: 정부, en: Government}, issuer: "`+idp.URL+`", clientID: charye, clientSecretFile: gov.secret, subjectClaim: ci, namespace: ci}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, realProgramme, func(c *serveCmd) {
		c.Providers = providers
		c.TrustedProxy = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	var err error
	gov, err = oidctest.New(oidctest.Options{
		Issuer: idp.URL, Clients: []oidctest.Client{{ID: "charye", Secret: "s3cret", RedirectURIs: []string{s.url + callbackPath}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := visitor(t, nil)
	form := get(t, c, s.url+"/sign-in/gov?return=%2Fbookings")
	if q := form.at.Query(); !strings.HasPrefix(form.at.String(), idp.URL) || q.Get("redirect_uri") != s.url+callbackPath || q.Get("code_challenge") == "" {
		t.Fatalf("signing in led to %s", form.at)
	}
	back := post(t, c, form.at, oidctest.Fields{Name: "이진짜", Born: "1960-01-01", Identity: "7"}.Values())
	if back.status != http.StatusOK || back.at.Path != "/bookings" || !strings.Contains(back.text, "/sign-out") {
		t.Fatalf("after the sign-in: %d at %s", back.status, back.at)
	}
	for _, path := range []string{"/sign-in/trial", trialProviderPath + "/.well-known/openid-configuration"} {
		if res := get(t, visitor(t, still), s.url+path); res.status != http.StatusNotFound {
			t.Errorf("%s: %d in a real programme, want 404", path, res.status)
		}
	}
	if out, errs, code := command(t, "session", "--data", s.data, "--people", "1"); code != exitFailed || out != "" || !strings.Contains(errs, "trial: true") {
		t.Errorf("sessions of a real programme: %d, %q, %q", code, out, errs)
	}
	if log := s.log.String(); strings.Contains(log, "s3cret") || strings.Contains(log, "이진짜") {
		t.Error("the log shows a secret or a person")
	}
}

// command runs the program as main does.
func command(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, streams{out: &out, err: &errs})
	return out.String(), errs.String(), code
}

// TestTrialStaysTrial: made-up people never come into a real programme through its data directory, nor the other way round.
func TestTrialStaysTrial(t *testing.T) {
	t.Parallel()
	providers := written(t, "providers.yaml", `providers:
  - {id: gov, name: {ko: 정부, en: Government}, issuer: "https://id.example", clientID: charye}
`)
	trial := strings.Replace(realProgramme, "timezone:", "trial: true\ntimezone:", 1)
	for first, then := range map[string]string{trial: realProgramme, realProgramme: trial} {
		data := filepath.Join(t.TempDir(), "data")
		c := serveCmd{Programme: written(t, "p.yaml", first), Data: data, Listen: "127.0.0.1:0", Providers: providers}
		s, err := openServer(t.Context(), c, quietLog)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		c.Programme = written(t, "p.yaml", then)
		if _, err := openServer(t.Context(), c, quietLog); err == nil || !strings.Contains(err.Error(), "own directory") {
			t.Errorf("trial and real in one directory: %v", err)
		}
	}
}

// TestSessions: one person and session in each line, the same person for the same number, of the birthday asked for.
func TestSessions(t *testing.T) {
	t.Parallel()
	s := serve(t, demoNow(), nil)
	type line struct{ Person, Session string }
	sessions := func(args ...string) []line {
		t.Helper()
		out, errs, code := command(t, append([]string{"session", "--data", s.data}, args...)...)
		if code != exitDone {
			t.Fatalf("session %v: %d %s", args, code, errs)
		}
		var all []line
		for text := range strings.Lines(out) {
			var l line
			dec := json.NewDecoder(strings.NewReader(text))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&l); err != nil || l.Person == "" || l.Session == "" {
				t.Fatalf("line %q: %v", text, err)
			}
			all = append(all, l)
		}
		return all
	}
	three, third := sessions("--people", "3"), sessions("--people", "1", "--from", "3", "--born", "1950-02-03")
	if len(three) != 3 || len(third) != 1 || three[2].Person != third[0].Person || three[0].Person == three[1].Person {
		t.Fatalf("people %v and %v", three, third)
	}
	me := s.must(http.StatusOK, "GET", "/api/v1/me", "", "Authorization", "Bearer "+third[0].Session)
	if me["born"] != "1950-02-03" || me["name"] != person.Trial(3).Name {
		t.Fatalf("the third is %v", me)
	}
	other, err := seal.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := person.NewSessions(other).Verify(third[0].Session, time.Now()); err == nil {
		t.Fatal("another installation takes the session")
	}
}

// TestTLS: this server speaks HTTP/1.1 only, whatever a client offers, and cookies are bound to the host.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, pool := selfSigned(t)
	s := serve(t, demoNow(), func(c *serveCmd) { c.TLSCert, c.TLSKey = cert, key })
	if !strings.HasPrefix(s.url, "https://localhost:") {
		t.Fatalf("the address is %s", s.url)
	}
	conn, err := tls.Dial("tcp", s.listener.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("agreed on %q, want http/1.1", got)
	}
	_ = conn.Close()
	c := visitor(t, func(c *http.Client) {
		c.Transport = &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool}}
		still(c)
	})
	res := get(t, c, s.url+"/sign-in/trial?return=%2F")
	if res.proto != "HTTP/1.1" || res.status != http.StatusSeeOther {
		t.Fatalf("answered %s %d", res.proto, res.status)
	}
	if len(res.cookies) == 0 {
		t.Fatal("no cookie for the sign-in")
	}
	for _, k := range res.cookies {
		if !strings.HasPrefix(k.Name, "__Host-") || !k.Secure || !k.HttpOnly {
			t.Errorf("cookie %s is not bound to the host", k.Name)
		}
	}
	if res := get(t, visitor(t, still), "http://"+s.listener.Addr().String()+"/"); res.status != http.StatusBadRequest {
		t.Errorf("plain HTTP was answered %d", res.status)
	}
}

// selfSigned makes a certificate for localhost.
func selfSigned(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(cert)
	return written(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		written(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))), pool
}

// TestRefusedBeforeAnythingIsWritten: what is wrong with the command line or its files leaves no data directory.
func TestRefusedBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	demo, real := written(t, "demo.yaml", demoNow()), written(t, "real.yaml", realProgramme)
	empty := written(t, "empty.secret", "\n")
	providers := func(secret string) string {
		return written(t, "providers.yaml", `providers:
  - {id: gov, name: {ko: 정부, en: Government}, issuer: "https://id.example", clientID: charye, clientSecretFile: "`+secret+`"}
`)
	}
	cert, key, _ := selfSigned(t)
	for name, tc := range map[string]struct {
		args []string
		code int
		says string
	}{
		"nobody could sign in":   {[]string{"--programme", real}, exitUsage, "--providers"},
		"no providers file":      {[]string{"--programme", real, "--providers", "none.yaml"}, exitFailed, "none.yaml"},
		"no secret file":         {[]string{"--programme", real, "--providers", providers("none.secret")}, exitFailed, "none.secret"},
		"empty secret file":      {[]string{"--programme", real, "--providers", providers(empty)}, exitFailed, "empty.secret"},
		"public URL with a path": {[]string{"--programme", demo, "--public-url", "https://charye.example/base"}, exitUsage, "--public-url"},
		"public URL of a name":   {[]string{"--programme", demo, "--public-url", "charye.example"}, exitUsage, "--public-url"},
		"sign-in in the clear":   {[]string{"--programme", demo, "--public-url", "http://charye.example"}, exitUsage, "in the clear"},
		"certificate alone":      {[]string{"--programme", demo, "--tls-cert", cert}, exitUsage, "--tls-key"},
		"not a certificate":      {[]string{"--programme", demo, "--tls-cert", demo, "--tls-key", key}, exitFailed, "demo.yaml"},
		"profiles for everybody": {[]string{"--programme", demo, "--debug", ":6060"}, exitUsage, "--debug"},
		"no tokens file":         {[]string{"--programme", demo, "--supply-tokens", "none.tokens"}, exitFailed, "none.tokens"},
		"wrong tokens file":      {[]string{"--programme", demo, "--supply-tokens", empty}, exitFailed, "no token"},
		"not a network":          {[]string{"--programme", demo, "--trusted-proxy", "everybody"}, exitUsage, "--trusted-proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			out, errs, code := command(t, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, tc.args...)...)
			if code != tc.code || out != "" || !strings.Contains(errs, tc.says) || strings.Count(errs, "\n") != 1 {
				t.Errorf("exit %d, stdout %q, stderr %q; want %d and %q in one line", code, out, errs, tc.code, tc.says)
			}
			if _, err := os.Stat(data); err == nil {
				t.Error("a data directory was made")
			}
		})
	}
}

// TestStopsWhenAdmissionDoes: a server that lets nobody in any more ends with an error instead of standing there.
func TestStopsWhenAdmissionDoes(t *testing.T) {
	t.Parallel()
	c := serveCmd{Programme: written(t, "p.yaml", demoNow()), Data: filepath.Join(t.TempDir(), "data"), Listen: "127.0.0.1:0"}
	s, err := openServer(t.Context(), c, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	s.work = func(context.Context) error { return io.ErrUnexpectedEOF }
	if err := s.run(t.Context()); err == nil || !strings.Contains(err.Error(), io.ErrUnexpectedEOF.Error()) {
		t.Fatalf("the server ended with %v", err)
	}
}
