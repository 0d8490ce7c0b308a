// Package oidctest is an OpenID Connect provider for demos and tests: a real one, with discovery, a sign-in form, a token
// endpoint with PKCE, keys, userinfo and logout, whose people are whoever the form says they are.
//
// It owns its codes and keys, in memory. It must not know of Charye's sessions, keys or stores: to them it is an outside
// party. It believes everything that is typed, so it must never be configured outside trials. It can misbehave on
// request ([Provider.Misbehave]).
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"charye/internal/clock"
)

const (
	codeLife     = time.Minute
	tokenLife    = 10 * time.Minute
	defaultCodes = 10000
)

// Client is a relying party that may send people here.
type Client struct {
	ID     string
	Secret string // empty for a public client
	// RedirectURIs are compared as whole strings.
	RedirectURIs []string
	// LogoutURIs are where people may be sent after logout.
	LogoutURIs []string
	// Staff makes the form one of staff: it asks for roles and for a second factor instead of a date of birth, and the token has
	// the claims roles, unit and amr.
	Staff []string // the roles to choose from, as the claim says them; nil: a client for citizens
}

// Options of [New].
type Options struct {
	Issuer  string // such as http://localhost:8080/demo-idp; its path is the prefix under which the handler is mounted
	Clients []Client
	Now     clock.Func    // nil is the machine's clock
	Key     crypto.Signer // RSA signs RS256, ECDSA P-256 signs ES256; nil makes a fresh RSA key
	// MaxCodes bounds the codes and the access tokens that are alive at once, each; 0 is 10,000.
	MaxCodes int
}

// Provider is the provider. Mount it at its issuer's path, without stripping the prefix. Safe for concurrent use.
type Provider struct {
	// Misbehave makes the provider break its promises.
	Misbehave Switch

	issuer  string
	clients map[string]Client
	now     clock.Func
	key     jose.JSONWebKey // private
	other   jose.JSONWebKey // private, never published
	mux     *http.ServeMux

	codes  *shelf[grant]
	access *shelf[grant]
}

// New makes a provider with its keys.
func New(o Options) (*Provider, error) {
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(o.Issuer, "/") {
		return nil, fmt.Errorf("oidctest: issuer %q: want an address without query and final slash", o.Issuer)
	}
	p := &Provider{issuer: o.Issuer, clients: map[string]Client{}, now: o.Now, mux: http.NewServeMux()}
	if p.now == nil {
		p.now = clock.System
	}
	if o.MaxCodes <= 0 {
		o.MaxCodes = defaultCodes
	}
	p.codes, p.access = newShelf[grant](o.MaxCodes, codeLife), newShelf[grant](o.MaxCodes, tokenLife)
	for _, c := range o.Clients {
		if c.ID == "" || len(c.RedirectURIs) == 0 {
			return nil, errors.New("oidctest: a client needs an id and a redirect URI")
		}
		p.clients[c.ID] = c
	}
	if p.key, err = signingKey(o.Key); err != nil {
		return nil, err
	}
	hidden, err := ecdsa.GenerateKey(p256, rand.Reader)
	if err != nil {
		return nil, err
	}
	if p.other, err = signingKey(hidden); err != nil {
		return nil, err
	}
	base := u.Path
	p.mux.HandleFunc("GET "+base+"/.well-known/openid-configuration", p.server(p.discovery))
	p.mux.HandleFunc("GET "+base+"/jwks", p.server(p.jwks))
	p.mux.HandleFunc("POST "+base+"/token", p.server(p.token))
	p.mux.HandleFunc("GET "+base+"/userinfo", p.server(p.userInfo))
	p.mux.HandleFunc("GET "+base+"/authorize", p.form)
	p.mux.HandleFunc("POST "+base+"/authorize", p.signIn)
	p.mux.HandleFunc("GET "+base+"/logout", p.logout)
	return p, nil
}

func signingKey(s crypto.Signer) (jose.JSONWebKey, error) {
	k := jose.JSONWebKey{Key: s, Use: "sig", Algorithm: string(jose.RS256)}
	switch s := s.(type) {
	case nil:
		fresh, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return k, err
		}
		k.Key = fresh
	case *rsa.PrivateKey:
	case *ecdsa.PrivateKey:
		if s.Curve != p256 {
			return k, errors.New("oidctest: ECDSA keys must be P-256")
		}
		k.Algorithm = string(jose.ES256)
	default:
		return k, fmt.Errorf("oidctest: keys of type %T are not supported", s)
	}
	sum, err := k.Thumbprint(crypto.SHA256)
	k.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	return k, err
}

// Issuer is the provider's issuer.
func (p *Provider) Issuer() string { return p.issuer }

// ServeHTTP answers requests under the issuer's path.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	p.mux.ServeHTTP(w, r)
}

// server wraps the endpoints that only servers call, which the faults of the whole server hit.
func (p *Provider) server(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		switch fault := p.Misbehave.Get(); {
		case fault == Slow, fault == SlowKeys && strings.HasSuffix(r.URL.Path, "/jwks"):
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server see that the asker has gone
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
				http.Error(w, "slow", http.StatusGatewayTimeout)
			}
		case fault == ServerError, fault == TokenServerError && strings.HasSuffix(r.URL.Path, "/token"):
			http.Error(w, "broken", http.StatusInternalServerError)
		case fault == Redirects && strings.HasSuffix(r.URL.Path, "/token"):
			http.Redirect(w, r, "https://elsewhere.invalid/token", http.StatusTemporaryRedirect)
		case fault == Garbage:
			_, _ = w.Write([]byte("<html>hello"))
		default:
			h(w, r)
		}
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the asker may be gone
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	issuer, base := p.issuer, p.issuer
	switch p.Misbehave.Get() {
	case DiscoveryIssuer:
		issuer = "https://elsewhere.invalid"
	case InsecureEndpoints:
		base = "http://elsewhere.invalid"
	}
	answer(w, http.StatusOK, map[string]any{
		"issuer":                                         issuer,
		"authorization_endpoint":                         base + "/authorize",
		"token_endpoint":                                 base + "/token",
		"jwks_uri":                                       base + "/jwks",
		"userinfo_endpoint":                              base + "/userinfo",
		"end_session_endpoint":                           base + "/logout",
		"response_types_supported":                       []string{"code"},
		"grant_types_supported":                          []string{"authorization_code"},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{p.key.Algorithm},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post", "none"},
		"code_challenge_methods_supported":               []string{"S256"},
		"scopes_supported":                               []string{"openid", "profile"},
		"claims_supported":                               []string{"sub", "ci", "name", "birthdate", "auth_time", "amr", "roles", "unit"},
		"ui_locales_supported":                           []string{"ko", "en"},
		"authorization_response_iss_parameter_supported": true,
	})
}

func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{p.key.Public()}})
}

// token trades a code for an ID token: once, within a minute, to the client it was given to, with its verifier.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code string) { answer(w, status, map[string]string{"error": code}) }
	if err := r.ParseForm(); err != nil {
		refuse(http.StatusBadRequest, "invalid_request")
		return
	}
	id, secret, basic := r.BasicAuth()
	if basic { // RFC 6749, 2.3.1: both are form-encoded inside
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	client, known := p.clients[id]
	if !known || subtle.ConstantTimeCompare([]byte(secret), []byte(client.Secret)) != 1 {
		refuse(http.StatusUnauthorized, "invalid_client")
		return
	}
	if r.PostForm.Get("grant_type") != "authorization_code" {
		refuse(http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	g, ok := p.codes.take(r.PostForm.Get("code"), p.now())
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	if !ok || g.client != id || g.redirect != r.PostForm.Get("redirect_uri") ||
		subtle.ConstantTimeCompare([]byte(challenge), []byte(g.challenge)) != 1 {
		refuse(http.StatusBadRequest, "invalid_grant")
		return
	}
	access := rand.Text()
	p.access.put(access, g, p.now())
	body := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": int(tokenLife / time.Second)}
	if p.Misbehave.Get() != NoIDToken {
		raw, err := p.idToken(g, access)
		if err != nil {
			refuse(http.StatusInternalServerError, "server_error")
			return
		}
		body["id_token"] = raw
	}
	answer(w, http.StatusOK, body)
}

func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	g, ok := p.access.look(token, p.now())
	if !ok {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	claims := p.claims(g)
	switch p.Misbehave.Get() {
	case OtherUserInfo:
		claims["sub"] = Visitor{Name: "somebody else"}.Sub(p.issuer)
	case NoBirthdate:
		delete(claims, "birthdate")
	case NoSubject:
		delete(claims, "ci")
	}
	answer(w, http.StatusOK, claims)
}

// Client gives an HTTP client that reaches this provider in the same process, without a listener, and everything else
// through next (nil: nothing else).
func (p *Provider) Client(next http.RoundTripper) *http.Client {
	return &http.Client{Transport: inProcess{p, next}}
}

// shelf keeps values for a fixed time, each under an unguessable name, up to a number of them.
type shelf[T any] struct {
	mu    sync.Mutex
	most  int
	life  time.Duration
	items map[string]shelved[T]
	order []string // oldest first; names already taken may stand here until they expire
}

type shelved[T any] struct {
	v     T
	until time.Time
}

func newShelf[T any](most int, life time.Duration) *shelf[T] {
	return &shelf[T]{most: most, life: life, items: map[string]shelved[T]{}}
}

// put reports false when the shelf is full of things that are still alive.
func (s *shelf[T]) put(name string, v T, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := 0
	for kept < len(s.order) {
		it, ok := s.items[s.order[kept]]
		if ok && now.Before(it.until) {
			break
		}
		delete(s.items, s.order[kept])
		kept++
	}
	s.order = s.order[kept:]
	if len(s.order) >= s.most {
		return false
	}
	s.items[name] = shelved[T]{v, now.Add(s.life)}
	s.order = append(s.order, name)
	return true
}

// take gives a value once.
func (s *shelf[T]) take(name string, now time.Time) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it, ok := s.items[name]
	delete(s.items, name)
	if !now.Before(it.until) {
		ok = false
	}
	return it.v, ok
}

func (s *shelf[T]) look(name string, now time.Time) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it, ok := s.items[name]
	return it.v, ok && now.Before(it.until)
}
