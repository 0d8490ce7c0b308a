package web

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The cookies of the pages. All are HttpOnly, SameSite=Lax and for the whole site; none is ever read by a script.
const (
	cookieSession  = "charye_session" // the session token
	cookieStaff    = "charye_staff"   // the session token of staff; read under /desk only, as the other is read elsewhere only
	cookieRole     = "charye_role"    // which of their roles staff act in
	cookieLogin    = "charye_login"   // state of a sign-in under way
	cookieDevice   = "charye_device"  // a random name of this browser, to which a pass is bound
	cookieLanguage = "charye_lang"
	cookiePass     = "charye_pass_" // + [passName]: expiry and token of a pass
)

// cookieJar sets and reads cookies. With secure they carry the __Host- prefix, so that no neighbouring host and no plain
// connection can plant them.
type cookieJar struct{ secure bool }

func (j cookieJar) name(n string) string {
	if j.secure {
		return "__Host-" + n
	}
	return n
}

func (j cookieJar) get(r *http.Request, n string) string {
	c, err := r.Cookie(j.name(n))
	if err != nil {
		return ""
	}
	return c.Value
}

// set keeps a value for maxAge; 0 keeps it until the browser is closed.
func (j cookieJar) set(w http.ResponseWriter, n, value string, maxAge time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: j.name(n), Value: value, Path: "/", MaxAge: int(maxAge / time.Second),
		HttpOnly: true, Secure: j.secure, SameSite: http.SameSiteLaxMode,
	})
}

func (j cookieJar) clear(w http.ResponseWriter, n string) {
	http.SetCookie(w, &http.Cookie{
		Name: j.name(n), Path: "/", MaxAge: -1, HttpOnly: true, Secure: j.secure, SameSite: http.SameSiteLaxMode,
	})
}

// clearPasses forgets every pass of this browser.
func (j cookieJar) clearPasses(w http.ResponseWriter, r *http.Request) {
	prefix := j.name(cookiePass)
	for _, c := range r.Cookies() {
		if rest, ok := strings.CutPrefix(c.Name, prefix); ok {
			j.clear(w, cookiePass+rest)
		}
	}
}

// passName gives the cookie of one campaign and recipient, so that a helper can be inside for several people at once.
func passName(campaign, recipient string) string {
	sum := sha256.Sum256([]byte(campaign + "\x00" + recipient))
	return cookiePass + hex.EncodeToString(sum[:6])
}

// keptPass is a pass in its cookie. Until is for showing only: package walk checks the token.
type keptPass struct {
	Token string
	Until time.Time
}

// passKeepsFor is how long an expired pass is remembered, so that the page can say that time ran out.
const passKeepsFor = time.Hour

func (j cookieJar) setPass(w http.ResponseWriter, name string, p keptPass, now time.Time) {
	j.set(w, name, strconv.FormatInt(p.Until.Unix(), 36)+"."+p.Token, p.Until.Sub(now)+passKeepsFor)
}

func (j cookieJar) pass(r *http.Request, name string) (keptPass, bool) {
	until, token, ok := strings.Cut(j.get(r, name), ".")
	if !ok || token == "" {
		return keptPass{}, false
	}
	sec, err := strconv.ParseInt(until, 36, 64)
	if err != nil {
		return keptPass{}, false
	}
	return keptPass{Token: token, Until: time.Unix(sec, 0)}, true
}

// device gives this browser's name, making one when there is none.
func (j cookieJar) device(w http.ResponseWriter, r *http.Request) string {
	if v := j.get(r, cookieDevice); len(v) >= 16 && len(v) <= 64 {
		return v
	}
	v := randomName()
	j.set(w, cookieDevice, v, 365*24*time.Hour)
	return v
}

// randomName gives 128 random bits in 22 characters.
func randomName() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program rather than return an error
	return base64.RawURLEncoding.EncodeToString(b[:])
}
