package person

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"charye/internal/civil"
	"charye/internal/weak"
)

const (
	maxAnswer     = 1 << 20        // bytes of any answer of a provider
	discoveryLife = 24 * time.Hour // a provider's addresses and keys are asked for again after this
	maxSubject    = 512
)

// signingAlgs are the only algorithms an ID token may be signed with, whatever the provider or the token says.
var signingAlgs = []string{oidc.RS256, oidc.ES256}

// remote is one provider and what is known of it so far.
type remote struct {
	Provider
	client   *http.Client
	secret   string
	redirect string

	mu      sync.Mutex
	known   *discovered
	pending chan struct{} // closed when the discovery under way has ended; nil when none is
	failed  error         // how the last discovery failed
	retryAt time.Time     // no discovery before this
	wait    time.Duration // pause after the last failure
}

// discovered is what a provider says of itself. Its key set is fetched at the first token and kept; an unknown key id
// fetches it again.
type discovered struct {
	provider *oidc.Provider
	keys     *oidc.RemoteKeySet
	oauth    oauth2.Config
	sendsIss bool // it promises the iss parameter of RFC 9207
	at       time.Time
}

// discover gives what is known of the provider, asking it when nothing is known or it was long ago. One question is
// under way at a time and everybody waits for that one; after a failure the next is asked one second later, then two, up
// to thirty, and until then the failure is answered at once: a provider that is down costs nobody a timeout.
func (r *remote) discover(ctx context.Context, now time.Time) (*discovered, error) {
	r.mu.Lock()
	for {
		young := r.known != nil && now.Sub(r.known.at) < discoveryLife
		early := now.Before(r.retryAt)
		if r.known != nil && (young || early || r.pending != nil) {
			defer r.mu.Unlock()
			return r.known, nil
		}
		if r.failed != nil && early {
			defer r.mu.Unlock()
			return nil, r.failed
		}
		pending := r.pending
		if pending == nil {
			break
		}
		r.mu.Unlock()
		select {
		case <-pending:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrProviderDown, ctx.Err())
		}
		r.mu.Lock()
	}
	done := make(chan struct{})
	r.pending = done
	r.mu.Unlock()

	// The answer is for everybody who waits: one person who leaves does not stop it. The client's timeout bounds it.
	known, err := r.ask(context.WithoutCancel(ctx), now)

	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = nil
	close(done)
	if err == nil {
		r.known, r.failed, r.wait, r.retryAt = known, nil, 0, time.Time{}
		return known, nil
	}
	r.wait = min(max(2*r.wait, time.Second), 30*time.Second)
	r.retryAt = now.Add(r.wait)
	r.failed = fmt.Errorf("%w: %s: discovery: %w", ErrProviderDown, r.ID, err)
	if r.known != nil {
		return r.known, nil
	}
	return nil, r.failed
}

func (r *remote) ask(ctx context.Context, now time.Time) (*discovered, error) {
	ctx = oidc.ClientContext(ctx, r.client)
	p, err := oidc.NewProvider(ctx, r.Issuer)
	if err != nil {
		return nil, clip(err)
	}
	var doc struct {
		JWKS     string   `json:"jwks_uri"`
		UserInfo string   `json:"userinfo_endpoint"`
		Auth     []string `json:"token_endpoint_auth_methods_supported"`
		SendsIss bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := p.Claims(&doc); err != nil {
		return nil, errors.New("document is of the wrong form")
	}
	end := p.Endpoint()
	for name, s := range map[string]string{"authorization_endpoint": end.AuthURL, "token_endpoint": end.TokenURL, "jwks_uri": doc.JWKS} {
		if u, err := url.Parse(s); err != nil || !secure(u) {
			return nil, fmt.Errorf("document: %s is not an https address", name)
		}
	}
	if u, err := url.Parse(doc.UserInfo); doc.UserInfo != "" && (err != nil || !secure(u)) {
		return nil, errors.New("document: userinfo_endpoint is not an https address")
	}
	// The way of client authentication is fixed here: trying one after the other could burn the single-use code.
	end.AuthStyle = oauth2.AuthStyleInHeader
	if r.secret == "" || doc.Auth != nil && !slices.Contains(doc.Auth, "client_secret_basic") {
		end.AuthStyle = oauth2.AuthStyleInParams
	}
	return &discovered{
		provider: p, keys: oidc.NewRemoteKeySet(ctx, doc.JWKS), sendsIss: doc.SendsIss, at: now,
		oauth: oauth2.Config{ClientID: r.ClientID, ClientSecret: r.secret, Endpoint: end, RedirectURL: r.redirect, Scopes: r.Scopes},
	}, nil
}

// visitor is what a provider says of the person who signed in.
type visitor struct {
	subject, name string
	born          civil.Date
	seen          time.Time
	roles         Roles
	unit          string
}

// exchange trades the code for an ID token, checks it, and reads the person from its claims.
func (r *remote) exchange(ctx context.Context, known *discovered, code string, in signIn, now time.Time) (visitor, error) {
	ctx = oidc.ClientContext(ctx, r.client)
	token, err := known.oauth.Exchange(ctx, code, oauth2.VerifierOption(in.Verifier))
	if err != nil {
		if re, ok := errors.AsType[*oauth2.RetrieveError](err); ok && re.Response != nil && re.Response.StatusCode < 500 {
			return visitor{}, fmt.Errorf("%w: %s: token endpoint answered %d", ErrSignInRefused, r.ID, re.Response.StatusCode)
		}
		if unreachable(ctx, err) {
			return visitor{}, fmt.Errorf("%w: %s: %w", ErrProviderDown, r.ID, clip(err))
		}
		return visitor{}, fmt.Errorf("%w: %s: token endpoint's answer is of the wrong form", ErrProviderAnswer, r.ID)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return visitor{}, fmt.Errorf("%w: %s: no ID token", ErrProviderAnswer, r.ID)
	}
	keys, unchecked := &watchedKeys{set: known.keys}, weak.Off(weak.IDToken)
	id, err := oidc.NewVerifier(r.Issuer, keys, &oidc.Config{
		ClientID: r.ClientID, SupportedSigningAlgs: signingAlgs, Now: func() time.Time { return now },
		SkipClientIDCheck: unchecked, SkipExpiryCheck: unchecked, SkipIssuerCheck: unchecked, InsecureSkipSignatureCheck: unchecked,
	}).Verify(ctx, raw)
	switch {
	case keys.err != nil && unreachable(ctx, keys.err):
		return visitor{}, fmt.Errorf("%w: %s: keys: %w", ErrProviderDown, r.ID, clip(keys.err))
	case err != nil:
		return visitor{}, fmt.Errorf("%w: %s: %s", ErrProviderAnswer, r.ID, why(err))
	case id.Issuer != r.Issuer && !unchecked:
		// The library lets one well-known issuer go without its scheme; nobody is exempt here.
		return visitor{}, fmt.Errorf("%w: %s: issuer", ErrProviderAnswer, r.ID)
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(in.Nonce)) != 1 && !weak.Off(weak.Nonce):
		return visitor{}, fmt.Errorf("%w: %s: nonce", ErrProviderAnswer, r.ID)
	case id.Subject == "":
		return visitor{}, fmt.Errorf("%w: %s: sub", ErrProviderClaims, r.ID)
	}
	if id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil {
		return visitor{}, fmt.Errorf("%w: %s: access token hash", ErrProviderAnswer, r.ID)
	}
	var claims map[string]json.RawMessage
	if err := id.Claims(&claims); err != nil {
		return visitor{}, fmt.Errorf("%w: %s: claims are of the wrong form", ErrProviderAnswer, r.ID)
	}
	// A token for several audiences, or one that names its party, must name us.
	if azp := text(claims, "azp"); azp != r.ClientID && (len(id.Audience) > 1 || azp != "") {
		return visitor{}, fmt.Errorf("%w: %s: authorised party", ErrProviderAnswer, r.ID)
	}
	if err := r.addUserInfo(ctx, known, token, id.Subject, claims); err != nil {
		return visitor{}, err
	}
	return r.read(claims, id.IssuedAt, in, now)
}

// addUserInfo asks the userinfo endpoint for the claims that the ID token lacks: many providers deliver them only there.
func (r *remote) addUserInfo(ctx context.Context, known *discovered, token *oauth2.Token, sub string, claims map[string]json.RawMessage) error {
	needed := []string{r.SubjectClaim, r.BirthClaim}
	if r.Staff != nil {
		needed = []string{r.SubjectClaim, r.Staff.RolesClaim}
	}
	if known.provider.UserInfoEndpoint() == "" || !slices.ContainsFunc(needed, func(name string) bool { return claims[name] == nil }) {
		return nil
	}
	info, err := known.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		if unreachable(ctx, err) {
			return fmt.Errorf("%w: %s: userinfo: %w", ErrProviderDown, r.ID, clip(err))
		}
		return fmt.Errorf("%w: %s: userinfo", ErrProviderAnswer, r.ID)
	}
	if info.Subject != sub {
		return fmt.Errorf("%w: %s: userinfo speaks of another person", ErrProviderAnswer, r.ID)
	}
	var more map[string]json.RawMessage
	if err := info.Claims(&more); err != nil {
		return fmt.Errorf("%w: %s: userinfo is of the wrong form", ErrProviderAnswer, r.ID)
	}
	wanted := []string{r.SubjectClaim, r.BirthClaim, r.NameClaim}
	if r.Staff != nil { // how they signed in (amr, acr) is for the signed token alone to say
		wanted = []string{r.SubjectClaim, r.NameClaim, r.Staff.RolesClaim, r.Staff.UnitClaim}
	}
	for _, name := range wanted {
		if claims[name] == nil && more[name] != nil {
			claims[name] = more[name]
		}
	}
	return nil
}

func (r *remote) read(claims map[string]json.RawMessage, issued time.Time, in signIn, now time.Time) (visitor, error) {
	v := visitor{subject: text(claims, r.SubjectClaim), name: boundedName(text(claims, r.NameClaim))}
	if v.subject == "" || len(v.subject) > maxSubject {
		return visitor{}, fmt.Errorf("%w: %s: %s", ErrProviderClaims, r.ID, r.SubjectClaim)
	}
	var ok bool
	if r.Staff != nil {
		if err := r.readStaff(claims, &v); err != nil {
			return visitor{}, err
		}
	} else if v.born, ok = birthdate(text(claims, r.BirthClaim), now); !ok {
		return visitor{}, fmt.Errorf("%w: %s: %s", ErrProviderClaims, r.ID, r.BirthClaim)
	}
	v.seen = issued
	var authTime float64
	if json.Unmarshal(claims["auth_time"], &authTime) == nil && authTime > 0 {
		v.seen = time.Unix(int64(authTime), 0)
	} else if in.Fresh {
		return visitor{}, fmt.Errorf("%w: %s: auth_time", ErrProviderClaims, r.ID)
	}
	if in.Fresh && v.seen.Before(time.Unix(in.Began, 0).Add(-freshSignInSlip)) {
		return visitor{}, fmt.Errorf("%w: %s: it did not ask the person again", ErrProviderAnswer, r.ID)
	}
	if v.seen.After(now) || v.seen.Unix() <= 0 {
		v.seen = now
	}
	return v, nil
}

// readStaff reads the roles, and wants the sign-in to have been with a second factor.
func (r *remote) readStaff(claims map[string]json.RawMessage, v *visitor) error {
	s := r.Staff
	shown := slices.ContainsFunc(texts(claims, "amr"), func(m string) bool { return slices.Contains(s.AMR, m) })
	if len(s.ACR) > 0 {
		shown = slices.Contains(s.ACR, text(claims, "acr"))
	}
	if !shown && !weak.Off(weak.Factor) {
		return fmt.Errorf("%w: %s", ErrSecondFactor, r.ID)
	}
	for _, said := range texts(claims, s.RolesClaim) {
		v.roles |= RolesOf(s.Roles[said])
	}
	if v.roles == 0 {
		return fmt.Errorf("%w: %s: %s", ErrNoStaffRole, r.ID, s.RolesClaim)
	}
	if s.UnitClaim != "" {
		if v.unit = text(claims, s.UnitClaim); len(v.unit) > maxUnit {
			return fmt.Errorf("%w: %s: %s", ErrProviderClaims, r.ID, s.UnitClaim)
		}
	}
	return nil
}

// texts gives a claim that is a string or a list of strings; anything else is empty.
func texts(claims map[string]json.RawMessage, name string) []string {
	var list []string
	if json.Unmarshal(claims[name], &list) == nil {
		return list
	}
	if s := text(claims, name); s != "" {
		return []string{s}
	}
	return nil
}

// text gives a claim that is a string; anything else is empty.
func text(claims map[string]json.RawMessage, name string) string {
	var s string
	if json.Unmarshal(claims[name], &s) != nil {
		return ""
	}
	return s
}

// birthdate reads YYYY-MM-DD or YYYYMMDD, from 1880 on and not after the last place on Earth's today. OpenID Connect
// also allows a year alone or year 0000; neither can answer who is eligible.
func birthdate(s string, now time.Time) (civil.Date, bool) {
	if len(s) == 8 {
		s = s[:4] + "-" + s[4:6] + "-" + s[6:]
	}
	d, err := civil.Parse(s)
	return d, err == nil && d >= civil.New(1880, time.January, 1) && d <= civil.Of(now, time.FixedZone("", 14*60*60))
}

// watchedKeys remembers why a check failed, to tell a provider that is down from a token that is bad.
type watchedKeys struct {
	set *oidc.RemoteKeySet
	err error
}

func (w *watchedKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	b, err := w.set.VerifySignature(ctx, jwt)
	w.err = err
	return b, err
}

// guarded makes the client for providers out of c: bounded in time and bytes, following no redirects, and failing on
// server errors so that they look like what they are.
func guarded(c *http.Client, timeout time.Duration) *http.Client {
	g := &http.Client{}
	if c != nil {
		*g = *c
	}
	if g.Timeout == 0 {
		g.Timeout = timeout
	}
	if g.Timeout == 0 {
		g.Timeout = defaultTimeout
	}
	g.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	g.Transport = bounded{g.Transport}
	return g
}

type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	next := b.next
	if next == nil {
		next = http.DefaultTransport
	}
	res, err := next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests {
		_ = res.Body.Close()
		return nil, fmt.Errorf("answered %d", res.StatusCode)
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, maxAnswer), res.Body}
	return res, nil
}

// unreachable tells failures of the way to the provider from its answers.
func unreachable(ctx context.Context, err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok || ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// why names the check that an ID token failed, without quoting the token.
func why(err error) string {
	if _, ok := errors.AsType[*oidc.TokenExpiredError](err); ok {
		return "ID token has expired"
	}
	return "ID token: " + clip(err).Error()
}

// clip bounds an error's text: some quote the whole body of an answer.
func clip(err error) error {
	if s := err.Error(); len(s) > 200 {
		return errors.New(s[:200] + " …")
	}
	return err
}
