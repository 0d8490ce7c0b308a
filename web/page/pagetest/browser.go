// Package pagetest is what the tests of all faces use: a browser with cookies and without a script, a doorman who lets in whom the test names, what must
// hold on every page, and the steps that a fake of a service records.
package pagetest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

var Seoul = time.FixedZone("KST", 9*3600)

// Opening is the stroke of the hour in all tests.
var Opening = time.Date(2021, 7, 12, 20, 0, 0, 0, Seoul)

// Browser is a client with cookies and without a script.
type Browser struct {
	T       testing.TB
	h       http.Handler
	Cookies map[string]string
	Lang    string
	Header  http.Header
}

func (b *Browser) Do(method, path string, form url.Values) *httptest.ResponseRecorder {
	b.T.Helper()
	r := httptest.NewRequest(method, "http://charye.test"+path, strings.NewReader(form.Encode()))
	maps.Copy(r.Header, b.Header)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if b.Lang != "" {
		r.Header.Set("Accept-Language", b.Lang)
	}
	for name, value := range b.Cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.Cookies, c.Name)
		} else {
			b.Cookies[c.Name] = c.Value
		}
	}
	return w
}

func (b *Browser) Get(path string) *httptest.ResponseRecorder {
	b.T.Helper()
	return b.Do(http.MethodGet, path, nil)
}

func (b *Browser) Post(path string, kv ...string) *httptest.ResponseRecorder {
	b.T.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		form.Set(kv[i], kv[i+1])
	}
	return b.Do(http.MethodPost, path, form)
}

// WantPage checks a page's status and that it says each of the texts.
func WantPage(t *testing.T, w *httptest.ResponseRecorder, status int, says ...string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, want %d (to %q)\n%.600s", w.Code, status, w.Header().Get("Location"), w.Body)
	}
	for _, s := range says {
		if !strings.Contains(w.Body.String(), s) {
			t.Errorf("page does not say %q", s)
		}
	}
}

func WantRedirect(t *testing.T, w *httptest.ResponseRecorder, to string) {
	t.Helper()
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != to {
		t.Errorf("got %d to %q, want 303 to %q\n%.600s", w.Code, w.Header().Get("Location"), to, w.Body)
	}
}

// NewBrowser gives a browser of pages, without cookies.
func NewBrowser(t testing.TB, pages http.Handler, lang string) *Browser {
	return &Browser{T: t, h: pages, Cookies: map[string]string{}, Lang: lang, Header: http.Header{}}
}
