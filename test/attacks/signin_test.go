package attacks_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"charye/internal/weak"
	"charye/person/oidctest"
	"charye/test/program"
)

// liar is an identity provider in the hands of attackers, and beside it an honest one: two issuers at one address.
type liar struct {
	at     string
	bad    atomic.Pointer[oidctest.Provider]
	honest atomic.Pointer[oidctest.Provider]
}

// newLiar begins to listen; who may sign in there is known when the program's addresses are ([liar.serves]).
func newLiar(w *world) *liar {
	l := &liar{}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		p := l.honest.Load()
		if strings.HasPrefix(r.URL.Path, "/bad/") {
			p = l.bad.Load()
		}
		p.ServeHTTP(rw, r)
	}))
	w.Cleanup(func() {
		s.CloseClientConnections() // a slow answer may still be under way
		s.Close()
	})
	l.at = s.URL
	return l
}

func (l *liar) file() string {
	return fmt.Sprintf(`providers:
  - {id: bad, name: {ko: 나쁜 곳, en: Bad}, issuer: %[1]s/bad, clientID: charye, namespace: bad}
  - {id: honest, name: {ko: 좋은 곳, en: Honest}, issuer: %[1]s/honest, clientID: charye, namespace: honest}
`, l.at)
}

func (l *liar) serves(nodes []*program.Charye) {
	c := oidctest.Client{ID: "charye"}
	for _, n := range nodes {
		c.RedirectURIs = append(c.RedirectURIs, n.URL+"/sign-in/callback")
	}
	for name, into := range map[string]*atomic.Pointer[oidctest.Provider]{"bad": &l.bad, "honest": &l.honest} {
		p, err := oidctest.New(oidctest.Options{Issuer: l.at + "/" + name, Clients: []oidctest.Client{c}})
		if err != nil {
			panic(err) // the options are those above
		}
		into.Store(p)
	}
}

// begun is a sign-in that a browser has begun: its cookies, and where the provider's form is.
func (a *assault) begun(provider string) (cookies map[string]string, form string) {
	a.Helper()
	cookies = map[string]string{}
	r := a.page("GET", "/sign-in/"+provider+"?return=%2F", nil, cookies)
	return cookies, r.header.Get("Location")
}

// answered fills in the form of a provider and gives the address that it sends the browser back to.
func (a *assault) answered(form, name string) string {
	a.Helper()
	r := a.page("POST", form, oidctest.Fields{Name: name, Born: "1964-07-01", Identity: "640701-1"}.Values(), map[string]string{})
	return r.header.Get("Location")
}

// came brings an answer to the program, and counts whether it made a session.
func (a *assault) came(what, back string, cookies map[string]string) {
	a.Helper()
	r := a.page("GET", back, nil, cookies)
	if cookies["charye_session"] != "" {
		a.note(false, fmt.Sprintf("%s: signed in, %d to %s", what, r.status, r.header.Get("Location")))
		return
	}
	a.note(true, fmt.Sprintf("%d to the sign-in page", r.status))
}

// lies has the provider misbehave in these ways, one after the other, and then signs in honestly: the tries failed for the lie.
func (a *assault) lies(faults map[string]oidctest.Fault) {
	a.Helper()
	p := a.lying.bad.Load()
	for what, fault := range faults {
		cookies, form := a.begun("bad")
		p.Misbehave.Set(fault)
		a.came(what, a.answered(form, "거짓말"), cookies)
		p.Misbehave.Set(oidctest.Behave)
	}
	cookies, form := a.begun("bad")
	a.page("GET", a.answered(form, "참말"), nil, cookies)
	a.note(cookies["charye_session"] != "", "the honest answer signs in")
}

// What a provider says, said by somebody else, of somebody else, for somebody else, without a signature, with the public key as a
// shared secret, or too late. All of these were found in clients of OpenID Connect.
var idTokens = attack{name: "ID tokens that are not genuine", without: weak.IDToken, run: func(a *assault) {
	a.lies(map[string]oidctest.Fault{
		"another issuer": oidctest.WrongIssuer, "another audience": oidctest.WrongAudience, "given to another party": oidctest.ManyAudiences,
		"alg none": oidctest.AlgNone, "HS256 with the public key": oidctest.HS256WithPublicKey, "changed after signing": oidctest.BadSignature,
		"expired": oidctest.Expired, "another key": oidctest.UnknownKid,
	})
}}

// A genuine ID token of another sign-in, put in with a stolen code.
var otherSignIn = attack{name: "an ID token of another sign-in", without: weak.Nonce, run: func(a *assault) {
	a.lies(map[string]oidctest.Fault{"another nonce": oidctest.WrongNonce, "no nonce": oidctest.NoNonce})
}}

// Codes and states carried from one browser to another (login CSRF, code injection), used twice, or brought from another provider
// (mix-up).
var signInAnswers = attack{name: "answers of other sign-ins", why: "state, PKCE, nonce and the provider's own single use: each alone stops it", run: func(a *assault) {
	bad := a.lying.bad.Load()
	victim, victimForm := a.begun("honest")
	victimBack := a.answered(victimForm, "피해자")
	attacker, attackerForm := a.begun("honest")
	attackerBack := a.answered(attackerForm, "공격자")
	with := func(address string, change func(url.Values)) string {
		u, err := url.Parse(address)
		if err != nil {
			a.Fatal(err)
		}
		q := u.Query()
		change(q)
		u.RawQuery = q.Encode()
		return u.String()
	}
	of := func(address, field string) string {
		u, err := url.Parse(address)
		if err != nil {
			a.Fatal(err)
		}
		return u.Query().Get(field)
	}
	copyOf := func(cookies map[string]string) map[string]string {
		return map[string]string{"charye_login": cookies["charye_login"]}
	}
	a.came("the victim's answer in a browser that began nothing", victimBack, map[string]string{})
	a.came("the attacker's answer in the victim's browser", attackerBack, copyOf(victim))
	a.came("a stolen code with the attacker's state", with(victimBack, func(q url.Values) { q.Set("state", of(attackerBack, "state")) }), copyOf(attacker))
	a.came("two states", with(attackerBack, func(q url.Values) { q.Add("state", q.Get("state")) }), copyOf(attacker))
	a.came("no state", with(attackerBack, func(q url.Values) { q.Del("state") }), copyOf(attacker))
	a.came("a made-up code", with(attackerBack, func(q url.Values) { q.Set("code", "x") }), copyOf(attacker))
	a.came("another provider's name", with(attackerBack, func(q url.Values) { q.Set("iss", bad.Issuer()) }), copyOf(attacker))
	a.came("no provider's name", with(attackerBack, func(q url.Values) { q.Del("iss") }), copyOf(attacker))
	mixed, mixedForm := a.begun("bad")
	mixedBack := a.answered(mixedForm, "공격자")
	a.came("an honest provider's code for a sign-in at the bad one", with(mixedBack, func(q url.Values) { q.Set("code", of(victimBack, "code")) }), copyOf(mixed))
	a.came("an honest provider's whole answer for it", victimBack, copyOf(mixed))
	for _, fault := range []oidctest.Fault{oidctest.MixedUpIss, oidctest.ReplayedCode, oidctest.Redirects, oidctest.OtherUserInfo} {
		cookies, form := a.begun("bad")
		bad.Misbehave.Set(fault)
		a.came(fmt.Sprint("fault ", fault), a.answered(form, "공격자"), cookies)
		bad.Misbehave.Set(oidctest.Behave)
	}
	// The honest answer counts, once.
	once := copyOf(victim)
	fresh, freshForm := a.begun("honest")
	freshBack := a.answered(freshForm, "손님")
	again := copyOf(fresh)
	a.page("GET", freshBack, nil, fresh)
	a.note(fresh["charye_session"] != "", "the honest answer signs in")
	a.came("the same answer again", freshBack, again)
	a.came("the same answer in another browser", freshBack, once)
}}

// A provider that is slow, down or talks nonsense harms who signs in there, and nobody else.
var providerDown = attack{name: "a provider that is down", why: "there is no check to switch off: what is tried is what others still can do", run: func(a *assault) {
	bad := a.lying.bad.Load()
	for _, fault := range []oidctest.Fault{oidctest.ServerError, oidctest.Garbage, oidctest.Slow} {
		cookies, form := a.begun("bad")
		back := a.answered(form, "손님")
		bad.Misbehave.Set(fault)
		began, stuck := time.Now(), make(chan struct{})
		go func() {
			defer close(stuck)
			a.came("nothing is believed of it", back, cookies)
		}()
		// Meanwhile: whoever is signed in goes on, and another provider signs people in.
		r := a.me(0).get("/api/v1/bookings")
		a.note(r.status == http.StatusOK, "whoever is signed in goes on")
		others, otherForm := a.begun("honest")
		a.page("GET", a.answered(otherForm, "손님"), nil, others)
		a.note(others["charye_session"] != "", "others sign in elsewhere")
		<-stuck
		a.note(time.Since(began) < 15*time.Second, "it is said within bounds")
		bad.Misbehave.Set(oidctest.Behave)
	}
}}

// Identity numbers tried one after the other: a number of thirteen digits has little that cannot be guessed once the date of birth
// is known.
var guessing = attack{name: "identity numbers by trying", without: weak.Guesses, run: func(a *assault) {
	clerk, _ := a.atWork(fmt.Sprint("나추측 ", a.base), "calldesk", "", true)
	looked := 0
	began := time.Now()
	for i := range 30 {
		form := url.Values{
			"campaign": {"open"}, "consent": {"phone"}, "name": {"누구"}, "year": {"1964"}, "month": {"7"}, "day": {"1"},
			"identity": {fmt.Sprintf("640701-1%06d", 271*i)},
		}
		if r := a.page("POST", "/desk/callers/new", form, clerk); r.status != http.StatusTooManyRequests {
			looked++
		}
	}
	allowed := 11 + int(time.Since(began)/(30*time.Second))
	a.note(looked <= allowed, "ten tries, then 429")
	if looked > allowed {
		a.note(false, fmt.Sprintf("%d of 30 numbers were looked up", looked))
	}
}}
