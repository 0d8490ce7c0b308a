package page

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"charye/web/catalogue"
)

// The cookies of the pages. All are HttpOnly, SameSite=Lax and for the whole site; none is ever read by a script.
const (
	CookieSession  = "charye_session" // the session token
	CookieStaff    = "charye_staff"   // the session token of staff; read under /desk only, as the other is read elsewhere only
	CookieRole     = "charye_role"    // which of their roles staff act in
	CookieLogin    = "charye_login"   // state of a sign-in under way
	CookieDevice   = "charye_device"  // a random name of this browser, to which a pass is bound
	CookieLanguage = "charye_lang"
	cookiePass     = "charye_pass_" // + [PassName]: expiry and token of a pass
)

// Cookies sets and reads cookies. With secure they carry the __Host- prefix, so that no neighbouring host and no plain
// connection can plant them.
type Cookies struct{ secure bool }

func (j Cookies) name(n string) string {
	if j.secure {
		return "__Host-" + n
	}
	return n
}

// Get gives a cookie's value; empty: there is none.
func (j Cookies) Get(r *http.Request, n string) string {
	c, err := r.Cookie(j.name(n))
	if err != nil {
		return ""
	}
	return c.Value
}

// Set keeps a value for maxAge; 0 keeps it until the browser is closed.
func (j Cookies) Set(w http.ResponseWriter, n, value string, maxAge time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: j.name(n), Value: value, Path: "/", MaxAge: int(maxAge / time.Second),
		HttpOnly: true, Secure: j.secure, SameSite: http.SameSiteLaxMode,
	})
}

// Clear forgets a cookie.
func (j Cookies) Clear(w http.ResponseWriter, n string) {
	http.SetCookie(w, &http.Cookie{
		Name: j.name(n), Path: "/", MaxAge: -1, HttpOnly: true, Secure: j.secure, SameSite: http.SameSiteLaxMode,
	})
}

// ClearPasses forgets every pass of this browser.
func (j Cookies) ClearPasses(w http.ResponseWriter, r *http.Request) {
	prefix := j.name(cookiePass)
	for _, c := range r.Cookies() {
		if rest, ok := strings.CutPrefix(c.Name, prefix); ok {
			j.Clear(w, cookiePass+rest)
		}
	}
}

// PassName gives the cookie of one campaign and recipient, so that a helper can be inside for several people at once.
func PassName(campaign, recipient string) string {
	sum := sha256.Sum256([]byte(campaign + "\x00" + recipient))
	return cookiePass + hex.EncodeToString(sum[:6])
}

// KeptPass is a pass in its cookie. Until is for showing only: package walk checks the token.
type KeptPass struct {
	Token string
	Until time.Time
}

// passKeepsFor is how long an expired pass is remembered, so that the page can say that time ran out.
const passKeepsFor = time.Hour

// SetPass keeps a pass under its [PassName].
func (j Cookies) SetPass(w http.ResponseWriter, name string, p KeptPass, now time.Time) {
	j.Set(w, name, strconv.FormatInt(p.Until.Unix(), 36)+"."+p.Token, p.Until.Sub(now)+passKeepsFor)
}

// Pass gives a pass that was kept, which may be over.
func (j Cookies) Pass(r *http.Request, name string) (KeptPass, bool) {
	until, token, ok := strings.Cut(j.Get(r, name), ".")
	if !ok || token == "" {
		return KeptPass{}, false
	}
	sec, err := strconv.ParseInt(until, 36, 64)
	if err != nil {
		return KeptPass{}, false
	}
	return KeptPass{Token: token, Until: time.Unix(sec, 0)}, true
}

// Device gives this browser's name, making one when there is none.
func (j Cookies) Device(w http.ResponseWriter, r *http.Request) string {
	if v := j.Get(r, CookieDevice); len(v) >= 16 && len(v) <= 64 {
		return v
	}
	v := RandomName()
	j.Set(w, CookieDevice, v, 365*24*time.Hour)
	return v
}

// RandomName gives 128 random bits in 22 characters.
func RandomName() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program rather than return an error
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// languageOf chooses the language of an answer: the address, then the cookie, then what the browser asks for.
func (h *Frame) languageOf(w http.ResponseWriter, r *http.Request) *catalogue.Language {
	if r.Method == http.MethodGet {
		if l, ok := h.Languages[r.URL.Query().Get("lang")]; ok {
			h.Cookies.Set(w, CookieLanguage, l.ID, 365*24*time.Hour)
			return l
		}
	}
	if l, ok := h.Languages[h.Cookies.Get(r, CookieLanguage)]; ok {
		return l
	}
	return h.Languages[catalogue.Preferred(r.Header.Get("Accept-Language"))]
}
