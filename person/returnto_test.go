package person_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"charye/person"
)

func TestReturnTo(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	for _, good := range []string{"/", "/ko/campaigns/age-55-59", "/en?next=a%2Fb&x=https://a", "/a%5Cb#top", "/" + strings.Repeat("a", 511)} {
		if _, _, err := s.ps.Begin(t.Context(), "gov", good, s.now); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "a", "//evil.example", "///evil.example", `/\evil.example`, `\/evil.example`, "/a//b", "https://evil.example", "https:/evil", "javascript:alert(1)",
		"/a\\b", "/\t/evil.example", "/\n/evil", "/a\r\nSet-Cookie: x", " /a", "/a b", "/\x00", "/\x7f", "/\u2028", "/\u202e", "/가", "/%zz",
		"/" + strings.Repeat("a", 512), "?x", "#x", "evil.example/", "/..//evil.example",
	} {
		if _, _, err := s.ps.Begin(t.Context(), "gov", bad, s.now); !errors.Is(err, person.ErrReturnTo) {
			t.Errorf("%q: %v, want ErrReturnTo", bad, err)
		}
	}
}

// FuzzLocalPath: whatever is accepted stays on this server, as Go and as a browser resolve it.
func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "/a?b=c#d", "//evil", `/\evil`, "/%5cevil", "/..//evil", "/a/../..//b", "/?//evil", "/;//evil"} {
		f.Add(s)
	}
	base, err := url.Parse("https://charye.example/signin/callback")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !person.LocalPath(s) {
			return
		}
		// Browsers take \ for / and drop tabs and line ends.
		for _, seen := range []string{s, strings.NewReplacer(`\`, "/", "\t", "", "\r", "", "\n", "").Replace(s)} {
			u, err := base.Parse(seen)
			if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || u.User != nil {
				t.Errorf("%q leads to %v, %v", s, u, err)
			}
		}
	})
}

func TestProvidersThatCannotBe(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	p := person.Provider{ID: "a", Issuer: "https://a.example", ClientID: "charye"}
	for name, c := range map[string]struct {
		list     []person.Provider
		redirect string
	}{
		"http callback":  {[]person.Provider{p}, "http://charye.example/cb"},
		"ci of nothing":  {[]person.Provider{{ID: "a", Issuer: "https://a.example", ClientID: "charye", SubjectClaim: "ci"}}, callback},
		"no callback":    {[]person.Provider{p}, ""},
		"callback query": {[]person.Provider{p}, callback + "?x=1"},
		"two of an id":   {[]person.Provider{p, p}, callback},
		"no secret":      {[]person.Provider{{ID: "a", Issuer: "https://a.example", ClientSecretFile: "a.secret"}}, callback},
	} {
		if _, err := person.NewProviders(c.list, keys, person.SignInOptions{RedirectURL: c.redirect}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
