package oidctest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"charye/internal/civil"
)

const back = "https://charye.example/cb"

type world struct {
	*testing.T
	p   *Provider
	now time.Time
}

func newWorld(t *testing.T, most int) *world {
	t.Helper()
	w := &world{T: t, now: time.Date(2021, 7, 12, 20, 0, 0, 0, time.UTC)}
	key, err := ecdsa.GenerateKey(p256, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.p, err = New(Options{
		Issuer: "http://localhost:8080/demo-idp", Key: key, Now: func() time.Time { return w.now }, MaxCodes: most,
		Clients: []Client{
			{ID: "charye", RedirectURIs: []string{back}, LogoutURIs: []string{"https://charye.example/"}},
			{ID: "closed", Secret: "geheim", RedirectURIs: []string{back}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

const verifier = "a-verifier-of-forty-three-characters-or-more"

func request43() url.Values {
	sum := sha256.Sum256([]byte(verifier))
	return url.Values{
		"client_id": {"charye"}, "redirect_uri": {back}, "response_type": {"code"}, "scope": {"openid profile"}, "state": {"st"}, "nonce": {"no"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
}

func (w *world) do(method, path string, query url.Values, form url.Values, headers ...string) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequest(method, "/demo-idp"+path+"?"+query.Encode(), strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.p.ServeHTTP(rec, r)
	return rec
}

var hana = Fields{Name: "김하나", Born: "19620315"}

func (w *world) code() string {
	w.Helper()
	res := w.do(http.MethodPost, "/authorize", request43(), hana.Values())
	u, err := url.Parse(res.Header().Get("Location"))
	if err != nil || res.Code != http.StatusSeeOther {
		w.Fatalf("sign-in answered %d, %v", res.Code, err)
	}
	if q := u.Query(); q.Get("state") != "st" || q.Get("iss") != w.p.Issuer() {
		w.Errorf("came back with %v", q)
	}
	return u.Query().Get("code")
}

func (w *world) token(code string, change func(url.Values), headers ...string) (int, map[string]any) {
	w.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {back}, "client_id": {"charye"}, "code_verifier": {verifier}}
	if change != nil {
		change(form)
	}
	res := w.do(http.MethodPost, "/token", nil, form, headers...)
	var body map[string]any
	if err := json.Unmarshal(res.Body.Bytes(), &body); err != nil {
		w.Fatal(err)
	}
	return res.Code, body
}

func TestCodesAreBoundOnceAndShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	code := w.code()
	if status, body := w.token(code, nil); status != http.StatusOK || body["id_token"] == nil {
		t.Fatalf("token: %d %v", status, body)
	}
	if status, body := w.token(code, nil); status != http.StatusBadRequest || body["error"] != "invalid_grant" {
		t.Errorf("used twice: %d %v", status, body)
	}
	for name, change := range map[string]func(url.Values){
		"wrong verifier": func(v url.Values) { v.Set("code_verifier", verifier+"x") },
		"no verifier":    func(v url.Values) { v.Del("code_verifier") },
		"other address":  func(v url.Values) { v.Set("redirect_uri", back+"/") },
		"other client":   func(v url.Values) { v.Set("client_id", "closed"); v.Set("client_secret", "geheim") },
	} {
		code := w.code()
		if status, body := w.token(code, change); status != http.StatusBadRequest || body["error"] != "invalid_grant" {
			t.Errorf("%s: %d %v", name, status, body)
		}
		if status, _ := w.token(code, nil); status != http.StatusBadRequest {
			t.Errorf("%s: the code lived on", name)
		}
	}
	for name, change := range map[string]func(url.Values){
		"unknown client": func(v url.Values) { v.Set("client_id", "x") },
		"wrong secret":   func(v url.Values) { v.Set("client_id", "closed"); v.Set("client_secret", "x") },
		"no secret":      func(v url.Values) { v.Set("client_id", "closed") },
		"needless one":   func(v url.Values) { v.Set("client_secret", "x") },
	} {
		if status, body := w.token(w.code(), change); status != http.StatusUnauthorized || body["error"] != "invalid_client" {
			t.Errorf("%s: %d %v", name, status, body)
		}
	}
	code = w.code()
	w.now = w.now.Add(codeLife)
	if status, _ := w.token(code, nil); status != http.StatusBadRequest {
		t.Errorf("a code of a minute ago: %d", status)
	}
}

func TestCodesAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	for range 3 {
		w.code()
	}
	full := w.do(http.MethodPost, "/authorize", request43(), hana.Values())
	if loc := full.Header().Get("Location"); !strings.Contains(loc, "error=temporarily_unavailable") || strings.Contains(loc, "code=") {
		t.Errorf("when full: %s", loc)
	}
	w.now = w.now.Add(codeLife)
	if w.code() == "" {
		t.Error("room was not made for new codes")
	}
	if n := len(w.p.codes.items); n != 1 {
		t.Errorf("%d codes kept, want 1", n)
	}
}

func TestWrongRequestsDoNotRedirectAnywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	for name, change := range map[string]func(url.Values){
		"unknown client":  func(v url.Values) { v.Set("client_id", "x") },
		"no client":       func(v url.Values) { v.Del("client_id") },
		"unknown address": func(v url.Values) { v.Set("redirect_uri", "https://evil.example/cb") },
		"longer address":  func(v url.Values) { v.Set("redirect_uri", back+".evil.example") },
		"no address":      func(v url.Values) { v.Del("redirect_uri") },
	} {
		q := request43()
		change(q)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if res := w.do(method, "/authorize", q, hana.Values()); res.Code != http.StatusBadRequest || res.Header().Get("Location") != "" {
				t.Errorf("%s %s: %d to %q", method, name, res.Code, res.Header().Get("Location"))
			}
		}
	}
	for want, change := range map[string]func(url.Values){
		"unsupported_response_type": func(v url.Values) { v.Set("response_type", "token") },
		"invalid_scope":             func(v url.Values) { v.Set("scope", "profile") },
		"invalid_request":           func(v url.Values) { v.Set("code_challenge_method", "plain") },
		"login_required":            func(v url.Values) { v.Set("prompt", "none") },
	} {
		q := request43()
		change(q)
		if loc := w.do(http.MethodGet, "/authorize", q, nil).Header().Get("Location"); !strings.HasPrefix(loc, back+"?") || !strings.Contains(loc, "error="+want) {
			t.Errorf("%s: %q", want, loc)
		}
	}
	for _, to := range []string{"https://evil.example/", "https://charye.example/x", ""} {
		if res := w.do(http.MethodGet, "/logout", url.Values{"client_id": {"charye"}, "post_logout_redirect_uri": {to}}, nil); res.Code != http.StatusOK {
			t.Errorf("logout to %q: %d", to, res.Code)
		}
	}
	res := w.do(http.MethodGet, "/logout", url.Values{"client_id": {"charye"}, "post_logout_redirect_uri": {"https://charye.example/"}, "state": {"x y"}}, nil)
	if loc := res.Header().Get("Location"); loc != "https://charye.example/?state=x+y" {
		t.Errorf("logout led to %q", loc)
	}
}

func TestFormIsUsableByAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	for lang, c := range map[string]struct{ accept, remark string }{
		"ko": {"ko-KR,ko;q=0.9,en;q=0.8", "가상의 인증기관"},
		"en": {"en-GB", "made-up identity provider"},
	} {
		wrong := Fields{Name: " ", Born: "1962-02-30", Identity: strings.Repeat("7", 33)}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			res := w.do(method, "/authorize", request43(), wrong.Values(), "Accept-Language", c.accept)
			page := res.Body.String()
			if !strings.Contains(page, `<html lang="`+lang+`">`) || !strings.Contains(page, c.remark) || strings.Contains(page, "<script") {
				t.Errorf("%s %s: wrong page:\n%s", method, lang, page)
			}
			for _, m := range regexp.MustCompile(`<input id="(\w+)"`).FindAllStringSubmatch(page, -1) {
				if !strings.Contains(page, `<label for="`+m[1]+`">`) {
					t.Errorf("%s: %s has no label", lang, m[1])
				}
				if invalid := regexp.MustCompile(`id="` + m[1] + `"[^>]*aria-invalid="true"`).MatchString(page); invalid != (method == http.MethodPost) {
					t.Errorf("%s %s: %s marked as wrong: %v", method, lang, m[1], invalid)
				}
			}
			for _, m := range regexp.MustCompile(`aria-(?:describedby|labelledby)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
				for _, id := range strings.Fields(m[1]) {
					if !strings.Contains(page, `id="`+id+`"`) {
						t.Errorf("%s: described by %s, which is not there", lang, id)
					}
				}
			}
			if n := strings.Count(page, `<a href="#`); n != 3*btoi(method == http.MethodPost) {
				t.Errorf("%s %s: the summary links to %d fields", method, lang, n)
			}
			if res.Header().Get("Cache-Control") != "no-store" || !strings.Contains(res.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'") {
				t.Errorf("headers %v", res.Header())
			}
		}
	}
	q := request43()
	q.Set("lang", "en")
	if page := w.do(http.MethodGet, "/authorize", q, nil, "Accept-Language", "ko").Body.String(); !strings.Contains(page, `lang="ko" hreflang="ko">한국어`) {
		t.Error("no way back to Korean")
	}
	evil := Fields{Name: `"><script>alert(1)</script>`, Born: "x"}
	if page := w.do(http.MethodPost, "/authorize", request43(), evil.Values()).Body.String(); strings.Contains(page, "<script") {
		t.Error("what was typed comes back as HTML")
	}
	cancelled := w.do(http.MethodPost, "/authorize", request43(), url.Values{"cancel": {"1"}}).Header().Get("Location")
	if !strings.Contains(cancelled, "error=access_denied") || !strings.Contains(cancelled, "state=st") {
		t.Errorf("cancel leads to %s", cancelled)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestBirthdays(t *testing.T) {
	t.Parallel()
	want := civil.New(1964, time.March, 5)
	for _, s := range []string{"1964-03-05", "19640305", "1964.3.5", "1964. 3. 5.", "1964/03/05", "1964년 3월 5일", " 1964 3 5 "} {
		if got, ok := birthday(s); !ok || got != want {
			t.Errorf("%q: %v, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "1964", "640305", "1964-13-01", "1964-02-30", "1964-00-10", "1964-3-5-1", "03-05-1964", "1964-003-5", "99999999", strings.Repeat("1", 100)} {
		if got, ok := birthday(s); ok {
			t.Errorf("%q: %v", s, got)
		}
	}
	w := newWorld(t, 0)
	for _, s := range []string{"2021-07-14", "18791231"} {
		if res := w.do(http.MethodPost, "/authorize", request43(), Fields{Name: "a", Born: s}.Values()); res.Code != http.StatusUnprocessableEntity {
			t.Errorf("born %s: %d", s, res.Code)
		}
	}
}

func TestVisitors(t *testing.T) {
	t.Parallel()
	a := Visitor{Name: "김 하나", Born: civil.New(1962, time.March, 15)}
	if b := (Visitor{Name: "  김  하나 ", Born: a.Born}); a.CI() != b.CI() || a.Sub("x") != b.Sub("x") {
		t.Error("spaces make another person")
	}
	withNumber, same := a, a
	withNumber.Identity, same.Identity = "620315-1a", "6203151A"
	if withNumber.CI() != same.CI() {
		t.Error("a hyphen makes another person")
	}
	other := a
	other.Born++
	if a.CI() == other.CI() || a.CI() == withNumber.CI() || a.Sub("x") == a.Sub("y") {
		t.Error("different people are one")
	}
	if len(a.CI()) != 88 {
		t.Errorf("a CI of %d characters", len(a.CI()))
	}
}

// TestMountedUnderItsPrefix serves the provider among other pages, over a real listener.
func TestMountedUnderItsPrefix(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	mux := http.NewServeMux()
	mux.Handle("/demo-idp/", w.p)
	srv := httptest.NewServer(mux)
	defer srv.Close()
	for path, want := range map[string]int{
		"/demo-idp/.well-known/openid-configuration": 200, "/demo-idp/jwks": 200, "/demo-idp/logout": 200, "/demo-idp/none": 404,
		"/jwks": 404, "/demo-idp/token": 405, "/demo-idp/userinfo": 401, "/demo-idp/authorize": 400,
	} {
		res, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != want {
			t.Errorf("%s: %d %v, want %d", path, res.StatusCode, err, want)
		}
		if strings.HasSuffix(path, "/jwks") && want == 200 && strings.Contains(string(body), `"d"`) {
			t.Error("the key set shows the private key")
		}
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	ok := []Client{{ID: "a", RedirectURIs: []string{back}}}
	for name, o := range map[string]Options{
		"no issuer":       {Clients: ok},
		"final slash":     {Issuer: "http://localhost/x/", Clients: ok},
		"query":           {Issuer: "http://localhost/?x", Clients: ok},
		"nameless client": {Issuer: "http://localhost", Clients: []Client{{RedirectURIs: []string{back}}}},
		"no redirect":     {Issuer: "http://localhost", Clients: []Client{{ID: "a"}}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
