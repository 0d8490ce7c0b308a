package page

import (
	"net/url"
	"strings"
	"testing"
)

func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "/c/a?b=c#d", "//evil", "/\\evil", "https://evil", "/%2f/evil", "/\tevil", "/a b", ""} {
		f.Add(s)
	}
	base, err := url.Parse("https://charye.example/sign-in")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := LocalPath(s)
		u, err := base.Parse(p)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || !strings.HasPrefix(p, "/") {
			t.Errorf("localPath(%q) = %q leads to %v, %v", s, p, u, err)
		}
		if LocalPath(p) != p {
			t.Errorf("localPath is not stable for %q", s)
		}
	})
}
