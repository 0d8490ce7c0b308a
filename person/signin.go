package person

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"charye/internal/seal"
)

// What signing in refuses. Errors of this file never carry names, dates of birth, subjects, codes or tokens.
var (
	// ErrNoProvider: no provider of that id is configured.
	ErrNoProvider = errors.New("no such identity provider")
	// ErrProviderDown: the provider cannot be reached, is too slow or fails. Others are not affected; try again soon.
	ErrProviderDown = errors.New("identity provider is not available")
	// ErrReturnTo: the address to return to is not a path of this server.
	ErrReturnTo = errors.New("return address is not a local path")
	// ErrSignInState: the answer does not belong to the sign-in that this browser began, or the provider's name in it is
	// another's. The sign-in must be begun again.
	ErrSignInState = errors.New("sign-in does not belong to this browser")
	// ErrSignInExpired: more than [SignInTime] has gone by since the sign-in was begun.
	ErrSignInExpired = errors.New("sign-in took too long")
	// ErrSignInRefused: the provider said no: the person declined, or the code was used, expired or made up.
	ErrSignInRefused = errors.New("identity provider refused the sign-in")
	// ErrProviderAnswer: the provider's answer cannot be trusted: signature, algorithm, issuer, audience, nonce or time.
	ErrProviderAnswer = errors.New("identity provider's answer is not valid")
	// ErrProviderClaims: the answer is genuine but lacks a usable subject or date of birth.
	ErrProviderClaims = errors.New("identity provider did not give what is needed")
)

// SignInTime is how long a person may take at the provider.
const SignInTime = 10 * time.Minute

// SessionLife is how long a session lasts after the sign-in where nobody says otherwise, so that people can sign in days before.
const SessionLife = 7 * 24 * time.Hour

const (
	signInPlace     = "signin/state/1"
	maxReturnTo     = 512
	maxSignInState  = 4000 // fits one cookie
	maxCode         = 4096
	defaultTimeout  = 5 * time.Second
	freshSignInSlip = time.Minute // how far a provider's clock may be behind ours when it must ask again
)

// SignInOptions are what [NewProviders] needs besides the providers.
type SignInOptions struct {
	// RedirectURL is this server's own address that providers send people back to; one for all providers.
	RedirectURL string
	// Client calls the providers; nil is a client of its own. Its transport and timeout are kept, redirects are not
	// followed.
	Client *http.Client
	// Timeout bounds each call to a provider when Client brings none; 0 is 5 seconds.
	Timeout time.Duration
	// Secrets are the client secrets, by provider id. Whoever starts the server reads them from the providers' ClientSecretFile.
	Secrets map[string]string
	// SessionLife is how long a session lasts after the sign-in; 0 is [SessionLife].
	SessionLife time.Duration
}

// Providers signs people in by OpenID Connect (authorization code flow with PKCE S256, state and nonce). The server keeps
// nothing between the two halves of a sign-in: what it must remember goes, sealed, with the browser. Safe for concurrent use.
type Providers struct {
	list []Provider
	ids  map[string]*remote
	keys *seal.Keys
	kr   *Keyer
	life time.Duration
}

// StaffNamespaces lists the key spaces of the providers of staff: a place of work is named within one.
func (ps *Providers) StaffNamespaces() (out []string) {
	for _, r := range ps.list {
		if r.Staff != nil && !slices.Contains(out, r.Namespace) {
			out = append(out, r.Namespace)
		}
	}
	return out
}

// NewProviders prepares sign-in with all providers of the list; what a provider leaves empty has the defaults of
// [ReadProviders]. It calls nobody: each provider's discovery document is fetched when somebody first signs in with it.
func NewProviders(list []Provider, keys *seal.Keys, o SignInOptions) (*Providers, error) {
	back, err := url.Parse(o.RedirectURL)
	if err != nil || !secure(back) || back.RawQuery != "" || back.Fragment != "" {
		return nil, fmt.Errorf("sign-in: redirect address %q: want an https address without query (http only on this machine)", o.RedirectURL)
	}
	ps := &Providers{list: slices.Clone(list), ids: make(map[string]*remote, len(list)), keys: keys, kr: NewKeyer(keys), life: o.SessionLife.Truncate(time.Second)}
	if ps.life <= 0 {
		ps.life = SessionLife
	}
	client := guarded(o.Client, o.Timeout)
	for i := range ps.list {
		p := &ps.list[i]
		if err := p.complete(); err != nil {
			return nil, fmt.Errorf("sign-in: provider %s: %w", p.ID, err)
		}
		if ps.ids[p.ID] != nil {
			return nil, fmt.Errorf("sign-in: two providers have the id %s", p.ID)
		}
		r := &remote{Provider: *p, client: client, redirect: o.RedirectURL}
		if p.ClientSecretFile != "" {
			if r.secret = o.Secrets[p.ID]; r.secret == "" {
				return nil, fmt.Errorf("sign-in: provider %s has a client secret file, and no secret was read from it", p.ID)
			}
		}
		ps.ids[p.ID] = r
	}
	return ps, nil
}

// List gives the providers in the order of the file, for the page where people choose one.
func (ps *Providers) List() []Provider { return slices.Clone(ps.list) }

// signIn is what must be remembered between Begin and Finish.
type signIn struct {
	Provider string `json:"p"`
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	ReturnTo string `json:"r"`
	Began    int64  `json:"t"` // Unix seconds
	Fresh    bool   `json:"f,omitempty"`
}

// Begin starts a sign-in with a provider. The browser is sent to redirectURL; loginState goes with it in an HttpOnly,
// SameSite=Lax cookie and comes back to [Providers.Finish]. returnTo is where the person wanted to go, a path of this server.
//
// Errors: [ErrNoProvider], [ErrReturnTo], [ErrProviderDown].
func (ps *Providers) Begin(ctx context.Context, providerID, returnTo string, now time.Time) (redirectURL, loginState string, err error) {
	return ps.begin(ctx, providerID, returnTo, now, false)
}

// BeginFresh is Begin where the provider must ask the person again although it may still know them; Finish then insists
// that it did. For deliberate acts such as taking a pass over to another device.
func (ps *Providers) BeginFresh(ctx context.Context, providerID, returnTo string, now time.Time) (redirectURL, loginState string, err error) {
	return ps.begin(ctx, providerID, returnTo, now, true)
}

func (ps *Providers) begin(ctx context.Context, providerID, returnTo string, now time.Time, fresh bool) (string, string, error) {
	r := ps.ids[providerID]
	if r == nil {
		return "", "", ErrNoProvider
	}
	if !LocalPath(returnTo) {
		return "", "", ErrReturnTo
	}
	known, err := r.discover(ctx, now)
	if err != nil {
		return "", "", err
	}
	fresh = fresh || r.Staff != nil // a shift begins with a second factor, not with what the provider remembers
	in := signIn{
		Provider: providerID, State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		ReturnTo: returnTo, Began: now.Unix(), Fresh: fresh,
	}
	plain, err := json.Marshal(in)
	if err != nil {
		return "", "", fmt.Errorf("begin sign-in: %w", err)
	}
	sealed, err := ps.keys.Seal(signInPlace, plain)
	if err != nil {
		return "", "", fmt.Errorf("begin sign-in: %w", err)
	}
	opts := []oauth2.AuthCodeOption{oidc.Nonce(in.Nonce), oauth2.S256ChallengeOption(in.Verifier)}
	if fresh {
		opts = append(opts, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	if r.Staff != nil && len(r.Staff.ACR) > 0 {
		opts = append(opts, oauth2.SetAuthURLParam("acr_values", strings.Join(r.Staff.ACR, " ")))
	}
	return known.oauth.AuthCodeURL(in.State, opts...), base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Finish completes a sign-in with the query that the provider's redirect brought and the loginState of the browser's
// cookie. The session's times are whole seconds: SignedInAt is when the provider last saw the person, ExpiresAt counts
// from now.
//
// A loginState that is used a second time gives nothing: the code in the query is single-use at the provider, which
// answers [ErrSignInRefused]. The face drops the cookie when Finish was called, whatever it returned.
//
// A provider of staff gives a session of staff: for a shift from the moment that the provider asked, with a second factor.
//
// Errors: [ErrSignInState], [ErrSignInExpired], [ErrSignInRefused], [ErrProviderDown], [ErrProviderAnswer], [ErrProviderClaims]; of
// staff also [ErrSecondFactor], [ErrNoStaffRole], and then the path that the person wanted comes with what the exchange failed for.
func (ps *Providers) Finish(ctx context.Context, loginState string, query url.Values, now time.Time) (Session, string, error) {
	in, err := ps.openState(loginState)
	if err != nil {
		return Session{}, "", err
	}
	r := ps.ids[in.Provider]
	if r == nil || !LocalPath(in.ReturnTo) {
		return Session{}, "", ErrSignInState
	}
	if !single(query, "state") || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(in.State)) != 1 {
		return Session{}, "", ErrSignInState
	}
	if now.Unix()-in.Began >= int64(SignInTime/time.Second) {
		return Session{}, "", ErrSignInExpired
	}
	known, err := r.discover(ctx, now)
	if err != nil {
		return Session{}, "", err
	}
	// RFC 9207: an answer that names another issuer is a mix-up, errors included.
	if query.Has("iss") || known.sendsIss {
		if !single(query, "iss") || query.Get("iss") != r.Issuer {
			return Session{}, "", fmt.Errorf("%w: it names another provider", ErrSignInState)
		}
	}
	if query.Has("error") {
		if query.Get("error") == "temporarily_unavailable" || query.Get("error") == "server_error" {
			return Session{}, "", ErrProviderDown
		}
		return Session{}, "", ErrSignInRefused
	}
	code := query.Get("code")
	if !single(query, "code") || code == "" || len(code) > maxCode {
		return Session{}, "", ErrSignInRefused
	}
	who, err := r.exchange(ctx, known, code, in, now)
	if err != nil {
		if r.Staff == nil {
			return Session{}, "", err
		}
		return Session{}, in.ReturnTo, err
	}
	if r.Staff != nil {
		seen := who.seen.UTC().Truncate(time.Second)
		return Session{
			// Whoever is staff and citizen too is two persons here.
			Key: ps.kr.Key("staff\x00"+r.Namespace, who.subject), Name: who.name, SignedInAt: seen, ExpiresAt: seen.Add(StaffSessionLife),
			Roles: who.roles, Unit: ps.kr.Unit(r.Namespace, who.unit),
		}, in.ReturnTo, nil
	}
	return Session{
		Key: ps.kr.Key(r.Namespace, who.subject), Born: who.born, Name: who.name,
		SignedInAt: who.seen.UTC().Truncate(time.Second), ExpiresAt: now.UTC().Truncate(time.Second).Add(ps.life),
	}, in.ReturnTo, nil
}

func (ps *Providers) openState(loginState string) (signIn, error) {
	var in signIn
	if len(loginState) > maxSignInState {
		return in, ErrSignInState
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(loginState)
	if err != nil {
		return in, ErrSignInState
	}
	plain, err := ps.keys.Open(signInPlace, sealed)
	if err != nil || json.Unmarshal(plain, &in) != nil || in.State == "" || in.Nonce == "" || in.Verifier == "" {
		return signIn{}, ErrSignInState
	}
	return in, nil
}

// single reports whether the query gives a parameter once; two values could be read differently by two readers.
func single(query url.Values, name string) bool { return len(query[name]) == 1 }

// LocalPath reports whether s is a path of this server, with or without a query, fit to redirect a browser to: it begins
// with exactly one slash, and holds no backslash, control or invisible character, which browsers turn into another host.
func LocalPath(s string) bool {
	if len(s) == 0 || len(s) > maxReturnTo || s[0] != '/' {
		return false
	}
	for _, r := range s {
		if r <= ' ' || r == '\\' || r >= 0x7f {
			return false
		}
	}
	path, _, _ := strings.Cut(s, "?")
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil && !strings.Contains(path, "//")
}
