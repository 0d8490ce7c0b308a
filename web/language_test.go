package web

import (
	"regexp"
	"strings"
	"testing"

	"charye/web/page"
	"charye/web/page/pagetest"
)

func TestLanguageIsChosenByAddressThenCookieThenBrowser(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ address, cookie, accept, want string }{
		{"", "", "", "ko"},
		{"", "", "ko-KR,ko;q=0.9,en;q=0.8", "ko"},
		{"", "", "en-GB", "en"},
		{"", "", "vi-VN,vi;q=0.9", "en"},
		{"", "", "vi-VN,ko;q=0.4", "ko"},
		{"", "", "*", "ko"},
		{"", "", "en;q=0, ko", "ko"},
		{"", "", strings.Repeat("x", 600), "ko"},
		{"", "en", "ko", "en"},
		{"", "xx", "en", "en"},
		{"ko", "en", "en", "ko"},
		{"xx", "en", "ko", "en"},
	} {
		b := open(t, newScripted(), pagetest.NewDoorman(pagetest.Opening), Options{})
		b.Lang = c.accept
		if c.cookie != "" {
			b.Cookies[page.CookieLanguage] = c.cookie
		}
		w := b.Get(page.WithQuery("/", "lang", c.address))
		pagetest.WantPage(t, w, 200, `<html lang="`+c.want+`">`)
		if got := w.Header().Get("Content-Language"); got != c.want {
			t.Errorf("%+v: Content-Language %q", c, got)
		}
	}
}

func TestLanguageLinkKeepsTheWayBack(t *testing.T) {
	t.Parallel()
	b := open(t, newScripted(), pagetest.NewDoorman(pagetest.Opening), Options{})
	w := b.Get("/c/age-55-59/sites?region=" + "%EC%84%9C%EC%9A%B8%ED%8A%B9%EB%B3%84%EC%8B%9C")
	m := regexp.MustCompile(`href="(/lang\?[^"]+)"`).FindStringSubmatch(w.Body.String())
	if m == nil {
		t.Fatal("no language link")
	}
	pagetest.WantRedirect(t, b.Get(strings.ReplaceAll(m[1], "&amp;", "&")), "/c/age-55-59/sites?region=%EC%84%9C%EC%9A%B8%ED%8A%B9%EB%B3%84%EC%8B%9C")
	if b.Cookies[page.CookieLanguage] != "en" {
		t.Errorf("language cookie is %q", b.Cookies[page.CookieLanguage])
	}
}
