package person_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/person/oidctest"
)

const callback = "https://charye.example/signin/callback"

// rsaKey is shared: making one takes long under the race detector.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// stage is one provider, a relying party and a browser.
type stage struct {
	*testing.T
	op    *oidctest.Provider
	ps    *person.Providers
	keyer *person.Keyer
	now   time.Time
	calls atomic.Int64 // of our server to the provider
}

type countingTransport struct {
	n    *atomic.Int64
	next http.RoundTripper
}

func (c countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.next.RoundTrip(r)
}

func newStage(t *testing.T, change func(*person.Provider, *oidctest.Options)) *stage {
	t.Helper()
	s := &stage{T: t, now: signedIn.Add(300 * time.Millisecond)}
	p := person.Provider{
		ID: "gov", NameKO: "정부", NameEN: "Government", Issuer: "https://id.example/idp", ClientID: "charye",
		SubjectClaim: "ci", Namespace: person.NamespaceCI, // the rest by default
	}
	o := oidctest.Options{
		Issuer: p.Issuer, Key: rsaKey(), Now: func() time.Time { return s.now },
		Clients: []oidctest.Client{{ID: "charye", RedirectURIs: []string{callback}}},
	}
	if change != nil {
		change(&p, &o)
	}
	var err error
	if s.op, err = oidctest.New(o); err != nil {
		t.Fatal(err)
	}
	keys := testKeys(t)
	s.keyer = person.NewKeyer(keys)
	s.ps, err = person.NewProviders([]person.Provider{p}, keys, person.SignInOptions{
		RedirectURL: callback, Client: &http.Client{Transport: countingTransport{&s.calls, s.op.Client(nil).Transport}},
		Secrets: map[string]string{"gov": clientSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// clientSecret is what a provider with a ClientSecretFile proves itself with; others do not use it.
const clientSecret = "s+cr t&%"

var visitor = oidctest.Visitor{Name: "김하나", Born: civil.New(1962, time.March, 15), Identity: "620315-1"}

// atProvider is what the browser does there: it follows the redirect, fills in the form, and comes back with a query.
func atProvider(t *testing.T, op http.Handler, redirect string, v oidctest.Visitor) url.Values {
	t.Helper()
	return filledIn(t, op, redirect, oidctest.Fields{Name: v.Name, Born: v.Born.String(), Identity: v.Identity})
}

func filledIn(t *testing.T, op http.Handler, redirect string, f oidctest.Fields) url.Values {
	t.Helper()
	w := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodPost, redirect, strings.NewReader(f.Values().Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	op.ServeHTTP(w, req)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("the provider's form answered %d", w.Code)
	}
	back, err := url.Parse(w.Header().Get("Location"))
	if err != nil || !strings.HasPrefix(back.String(), callback+"?") {
		t.Fatalf("the provider sent the browser to %v", back)
	}
	return back.Query()
}

func (s *stage) begin() (redirect, state string) {
	s.Helper()
	redirect, state, err := s.ps.Begin(s.Context(), "gov", "/ko/campaigns?x=1", s.now)
	if err != nil {
		s.Fatalf("Begin: %v", err)
	}
	return redirect, state
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	redirect, state := s.begin()
	u, err := url.Parse(redirect)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" || q.Get("state") == "" || q.Get("scope") != "openid profile" {
		t.Errorf("authorization request %v", q)
	}
	query := atProvider(t, s.op, redirect, visitor)
	s.now = s.now.Add(20 * time.Second)
	got, returnTo, err := s.ps.Finish(t.Context(), state, query, s.now)
	if err != nil {
		t.Fatalf("Finish: %v", err)
	}
	want := person.Session{
		Key: s.keyer.Key("ci", visitor.CI()), Born: visitor.Born, Name: visitor.Name,
		SignedInAt: signedIn, ExpiresAt: signedIn.Add(20*time.Second + 7*24*time.Hour),
	}
	if got != want || returnTo != "/ko/campaigns?x=1" {
		t.Errorf("Finish = %+v, %q; want %+v", got, returnTo, want)
	}
	if _, err := person.NewSessions(testKeys(t)).Issue(got); err != nil {
		t.Errorf("the session cannot be issued: %v", err)
	}

	// The same cookie and answer once more: the code is used up.
	if _, _, err := s.ps.Finish(t.Context(), state, query, s.now); !errors.Is(err, person.ErrSignInRefused) {
		t.Errorf("replayed: %v, want ErrSignInRefused", err)
	}
	// Again from the start, with discovery and keys known: one call, and the same person.
	before := s.calls.Load()
	redirect, state = s.begin()
	again, _, err := s.ps.Finish(t.Context(), state, atProvider(t, s.op, redirect, visitor), s.now)
	if err != nil || again.Key != got.Key {
		t.Errorf("second sign-in: %v, %v", again, err)
	}
	if n := s.calls.Load() - before; n != 1 {
		t.Errorf("second sign-in made %d calls to the provider, want 1", n)
	}
}

// TestMisbehaviour: each fault of the provider is refused with its error, and a person who begins anew with a provider that
// behaves again gets in.
func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault oidctest.Fault
		want  error
	}{
		"wrong issuer":           {oidctest.WrongIssuer, person.ErrProviderAnswer},
		"wrong audience":         {oidctest.WrongAudience, person.ErrProviderAnswer},
		"another's party":        {oidctest.ManyAudiences, person.ErrProviderAnswer},
		"wrong nonce":            {oidctest.WrongNonce, person.ErrProviderAnswer},
		"no nonce":               {oidctest.NoNonce, person.ErrProviderAnswer},
		"alg none":               {oidctest.AlgNone, person.ErrProviderAnswer},
		"HS256 with public key":  {oidctest.HS256WithPublicKey, person.ErrProviderAnswer},
		"bad signature":          {oidctest.BadSignature, person.ErrProviderAnswer},
		"expired":                {oidctest.Expired, person.ErrProviderAnswer},
		"unknown kid":            {oidctest.UnknownKid, person.ErrProviderAnswer},
		"no ID token":            {oidctest.NoIDToken, person.ErrProviderAnswer},
		"garbage":                {oidctest.Garbage, person.ErrProviderAnswer},
		"userinfo of another":    {oidctest.OtherUserInfo, person.ErrProviderAnswer},
		"no date of birth":       {oidctest.NoBirthdate, person.ErrProviderClaims},
		"half a date of birth":   {oidctest.BadBirthdate, person.ErrProviderClaims},
		"no subject":             {oidctest.NoSubject, person.ErrProviderClaims},
		"replayed code":          {oidctest.ReplayedCode, person.ErrSignInRefused},
		"person declined":        {oidctest.Denied, person.ErrSignInRefused},
		"mixed-up iss":           {oidctest.MixedUpIss, person.ErrSignInState},
		"missing iss":            {oidctest.NoIss, person.ErrSignInState},
		"500":                    {oidctest.ServerError, person.ErrProviderDown},
		"500 at token endpoint":  {oidctest.TokenServerError, person.ErrProviderDown},
		"redirect of the secret": {oidctest.Redirects, person.ErrSignInRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			redirect, state := s.begin()
			s.op.Misbehave.Set(c.fault)
			query := atProvider(t, s.op, redirect, visitor)
			got, returnTo, err := s.ps.Finish(t.Context(), state, query, s.now)
			if !errors.Is(err, c.want) || got != (person.Session{}) || returnTo != "" {
				t.Fatalf("Finish = %v, %q, %v; want %v", got, returnTo, err, c.want)
			}
			for _, secret := range []string{visitor.Name, "1962", visitor.CI(), query.Get("code"), "620315"} {
				if secret != "" && strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells of the person or the code: %v", err)
				}
			}
			s.op.Misbehave.Set(oidctest.Behave)
			redirect, state = s.begin()
			if _, _, err := s.ps.Finish(t.Context(), state, atProvider(t, s.op, redirect, visitor), s.now); err != nil {
				t.Errorf("afterwards, with a provider that behaves: %v", err)
			}
		})
	}
}

func TestDiscoveryMisbehaviour(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]oidctest.Fault{
		"another issuer": oidctest.DiscoveryIssuer, "plain http": oidctest.InsecureEndpoints,
		"500": oidctest.ServerError, "garbage": oidctest.Garbage,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			s.op.Misbehave.Set(fault)
			for range 5 {
				if _, _, err := s.ps.Begin(t.Context(), "gov", "/", s.now); !errors.Is(err, person.ErrProviderDown) {
					t.Fatalf("Begin: %v, want ErrProviderDown", err)
				}
			}
			if n := s.calls.Load(); n != 1 {
				t.Errorf("a provider that is down was asked %d times at once", n)
			}
			s.op.Misbehave.Set(oidctest.Behave)
			s.now = s.now.Add(time.Second)
			s.begin()
		})
	}
}

func TestSlowProvider(t *testing.T) {
	t.Parallel()
	rsaKey() // made outside the bubble
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.op.Misbehave.Set(oidctest.Slow)
		start := time.Now()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, _, err := s.ps.Begin(t.Context(), "gov", "/", s.now); !errors.Is(err, person.ErrProviderDown) {
					t.Errorf("Begin: %v", err)
				}
			})
		}
		wg.Wait()
		if d := time.Since(start); d != 5*time.Second || s.calls.Load() != 1 {
			t.Errorf("twenty people waited %v for %d calls; want 5s for one", d, s.calls.Load())
		}

		s.op.Misbehave.Set(oidctest.Behave)
		s.now = s.now.Add(2 * time.Second)
		redirect, state := s.begin()
		query := atProvider(t, s.op, redirect, visitor)
		s.op.Misbehave.Set(oidctest.SlowKeys)
		if _, _, err := s.ps.Finish(t.Context(), state, query, s.now); !errors.Is(err, person.ErrProviderDown) {
			t.Errorf("Finish with slow keys: %v", err)
		}
		s.op.Misbehave.Set(oidctest.Slow)
		redirect, state = s.begin()
		query = atProvider(t, s.op, redirect, visitor)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, _, err := s.ps.Finish(ctx, state, query, s.now); !errors.Is(err, person.ErrProviderDown) {
			t.Errorf("Finish with a slow provider: %v", err)
		}
	})
}

// TestDownProviderIsAlone: of two providers one is down, the other signs people in.
func TestDownProviderIsAlone(t *testing.T) {
	t.Parallel()
	a, b := twoProviders(t)
	a.op.Misbehave.Set(oidctest.ServerError)
	if _, _, err := a.ps.Begin(t.Context(), "a", "/", a.now); !errors.Is(err, person.ErrProviderDown) {
		t.Errorf("a: %v", err)
	}
	if _, err := signInWith(a.ps, t, "b", b.op, a.now); err != nil {
		t.Errorf("b: %v", err)
	}
	if _, _, err := a.ps.Begin(t.Context(), "c", "/", a.now); !errors.Is(err, person.ErrNoProvider) {
		t.Errorf("c: %v", err)
	}
}

// twoProviders gives stages of providers a and b that share one relying party and the namespace ci.
func twoProviders(t *testing.T) (a, b *stage) {
	t.Helper()
	a = newStage(t, func(_ *person.Provider, o *oidctest.Options) { o.Issuer = "https://a.example" })
	b = newStage(t, func(_ *person.Provider, o *oidctest.Options) { o.Issuer = "https://b.example/idp" })
	keys := testKeys(t)
	var list []person.Provider
	for id, s := range map[string]*stage{"a": a, "b": b} {
		list = append(list, person.Provider{
			ID: id, Issuer: s.op.Issuer(), ClientID: "charye", Scopes: []string{"openid"},
			SubjectClaim: "ci", Namespace: "ci", BirthClaim: "birthdate", NameClaim: "name",
		})
	}
	ps, err := person.NewProviders(list, keys, person.SignInOptions{RedirectURL: callback, Client: a.op.Client(b.op.Client(nil).Transport)})
	if err != nil {
		t.Fatal(err)
	}
	a.ps, b.ps = ps, ps
	return a, b
}

func signInWith(ps *person.Providers, t *testing.T, id string, op http.Handler, now time.Time) (person.Session, error) {
	t.Helper()
	redirect, state, err := ps.Begin(t.Context(), id, "/", now)
	if err != nil {
		return person.Session{}, err
	}
	s, _, err := ps.Finish(t.Context(), state, atProvider(t, op, redirect, visitor), now)
	return s, err
}

func TestProvidersOfOneNamespaceKnowTheSamePerson(t *testing.T) {
	t.Parallel()
	a, b := twoProviders(t)
	sa, err := signInWith(a.ps, t, "a", a.op, a.now)
	if err != nil {
		t.Fatal(err)
	}
	sb, err := signInWith(a.ps, t, "b", b.op, a.now)
	if err != nil {
		t.Fatal(err)
	}
	if sa.Key != sb.Key {
		t.Error("one CI from two providers gives two people")
	}
	if visitor.Sub(a.op.Issuer()) == visitor.Sub(b.op.Issuer()) {
		t.Error("the two providers share their own subjects: the test shows nothing")
	}
}

func TestFreshSignIn(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	try := func() (person.Session, error) {
		redirect, state, err := s.ps.BeginFresh(t.Context(), "gov", "/", s.now)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(redirect, "prompt=login") || !strings.Contains(redirect, "max_age=0") {
			t.Errorf("the provider is not told to ask again: %s", redirect)
		}
		got, _, err := s.ps.Finish(t.Context(), state, atProvider(t, s.op, redirect, visitor), s.now)
		return got, err
	}
	if got, err := try(); err != nil || !got.SignedInAt.Equal(signedIn) {
		t.Errorf("fresh: %v, %v", got, err)
	}
	s.op.Misbehave.Set(oidctest.StaleAuth)
	if _, err := try(); !errors.Is(err, person.ErrProviderAnswer) {
		t.Errorf("stale: %v", err)
	}
	// An ordinary sign-in takes the provider's word, and the session says how old it is.
	redirect, state := s.begin()
	got, _, err := s.ps.Finish(t.Context(), state, atProvider(t, s.op, redirect, visitor), s.now)
	if err != nil || !got.SignedInAt.Equal(signedIn.Add(-time.Hour)) {
		t.Errorf("ordinary: %v, %v", got, err)
	}
}

func TestClaimsFromUserInfo(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	redirect, state := s.begin()
	s.op.Misbehave.Set(oidctest.UserInfoOnly)
	got, _, err := s.ps.Finish(t.Context(), state, atProvider(t, s.op, redirect, visitor), s.now)
	if err != nil || got.Born != visitor.Born {
		t.Errorf("Finish = %v, %v", got, err)
	}
}

// TestProviderChangesItsKeys: a provider that signs with a new key is asked for its keys again, without a restart.
func TestProviderChangesItsKeys(t *testing.T) {
	t.Parallel()
	fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	before := newStage(t, nil)
	after := newStage(t, func(_ *person.Provider, o *oidctest.Options) { o.Key = fresh })
	var present atomic.Pointer[oidctest.Provider]
	present.Store(before.op)
	ps, err := person.NewProviders(before.ps.List(), testKeys(t), person.SignInOptions{
		RedirectURL: callback,
		Client: &http.Client{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			return present.Load().Client(nil).Transport.RoundTrip(r)
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	old, err := signInWith(ps, t, "gov", before.op, before.now)
	if err != nil {
		t.Fatal(err)
	}
	present.Store(after.op)
	now, err := signInWith(ps, t, "gov", after.op, before.now)
	if err != nil || now.Key != old.Key {
		t.Errorf("after the change: %v, %v", now, err)
	}
	// A day later the provider is down when its document is due again: what is known goes on being used.
	after.op.Misbehave.Set(oidctest.ServerError)
	if _, _, err := ps.Begin(t.Context(), "gov", "/", before.now.Add(25*time.Hour)); err != nil {
		t.Errorf("Begin with a document of yesterday: %v", err)
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestConfidentialClientAndES256(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]error{clientSecret: nil, "another": person.ErrSignInRefused} {
		s := newStage(t, func(p *person.Provider, o *oidctest.Options) {
			p.ClientSecretFile, p.SubjectClaim, p.Namespace = "gov.secret", "sub", p.Issuer
			o.Key, o.Clients[0].Secret = crypto.Signer(key), secret
		})
		got, err := signInWith(s.ps, t, "gov", s.op, s.now)
		if !errors.Is(err, want) {
			t.Errorf("secret %q: %v, want %v", secret, err, want)
		}
		if err == nil && got.Key != s.keyer.Key(s.op.Issuer(), visitor.Sub(s.op.Issuer())) {
			t.Error("the key does not come from sub in the issuer's namespace")
		}
	}
}
