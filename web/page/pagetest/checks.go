package pagetest

import (
	"regexp"
	"strings"
	"testing"

	"charye/web/catalogue"
)

var (
	inlineCode  = regexp.MustCompile(`(?i)<script(?:\s+defer)?\s*>|<style|\sstyle=|\son[a-z]+=|javascript:`)
	controls    = regexp.MustCompile(`<(?:input|select)[^>]*>`)
	idAttribute = regexp.MustCompile(`\sid="([^"]*)"`)
	quoted      = regexp.MustCompile(`"[^"]*"`)
	tags        = regexp.MustCompile(`<[^>]*>`)
	outside     = regexp.MustCompile(`(?:src|href|action)="(?:https?:)?//`)
)

// tagsOf gives the markup of a page without its text.
func tagsOf(body string) string { return strings.Join(tags.FindAllString(body, -1), "\n") }

// CheckPage checks what must hold on every page.
func CheckPage(t *testing.T, where, lang, body string) {
	t.Helper()
	for _, want := range []string{`<html lang="` + lang + `">`, `<main id="main"`, `class="skip" href="#main"`, `<title>`, `</html>`, `name="viewport"`} {
		if !strings.Contains(body, want) {
			t.Errorf("%s: lacks %s", where, want)
		}
	}
	if n := strings.Count(body, "<h1"); n != 1 {
		t.Errorf("%s: %d h1", where, n)
	}
	if m := inlineCode.FindString(quoted.ReplaceAllString(tagsOf(body), `""`)); m != "" {
		t.Errorf("%s: inline code %q", where, m)
	}
	if m := outside.FindString(body); m != "" {
		t.Errorf("%s: loads or sends to somewhere else: %q", where, m)
	}
	for _, hole := range []string{"ZgotmplZ", "%!", "<no value>", "<nil>"} {
		if strings.Contains(body, hole) {
			t.Errorf("%s: %q on the page", where, hole)
		}
	}
	ids := map[string]bool{}
	for _, m := range idAttribute.FindAllStringSubmatch(body, -1) {
		if ids[m[1]] || m[1] == "" {
			t.Errorf("%s: id %q twice or empty", where, m[1])
		}
		ids[m[1]] = true
	}
	for _, c := range controls.FindAllString(body, -1) {
		if strings.Contains(c, `type="hidden"`) {
			continue
		}
		labelled := false
		if m := idAttribute.FindStringSubmatch(c); m != nil {
			labelled = strings.Contains(body, `<label for="`+m[1]+`"`)
		}
		before := body[:strings.Index(body, c)]
		labelled = labelled || strings.LastIndex(before, "<label") > strings.LastIndex(before, "</label>")
		if !labelled {
			t.Errorf("%s: no label for %s", where, c)
		}
	}
}

func Languages(t testing.TB) map[string]*catalogue.Language {
	t.Helper()
	all, err := catalogue.Load(Seoul)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
