package catalogue

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func loaded(t testing.TB) map[string]*Language {
	t.Helper()
	all, err := Load(time.FixedZone("KST", 9*3600))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCataloguesSayTheSameThings(t *testing.T) {
	t.Parallel()
	all := loaded(t)
	base := all[Default]
	for id, l := range all {
		for key, forms := range l.Sentences {
			if _, ok := base.Sentences[key]; !ok {
				t.Errorf("%s: %q is not in %s", id, key, base.ID)
			}
			for form, text := range forms {
				if strings.TrimSpace(text) == "" {
					t.Errorf("%s: %q is empty", id, key)
				}
				if form != "other" && (form != "one" || id == "ko") {
					t.Errorf("%s: %q has a form %q that this language does not use", id, key, form)
				}
				want := holes(base.Sentences[key]["other"])
				got := holes(text)
				slices.Sort(want)
				slices.Sort(got)
				// Clock and month words may be placed differently; every other value must appear in both.
				if strings.HasPrefix(key, "date.") || key == "site.slot" {
					continue
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: %q has other values than in %s (-%s +%s):\n%s", id, key, base.ID, base.ID, id, diff)
				}
			}
		}
		for key := range base.Sentences {
			if _, ok := l.Sentences[key]; !ok {
				t.Errorf("%s: %q is missing", id, key)
			}
		}
	}
}

var (
	inTemplates = regexp.MustCompile(`\bt "([^"]+)"`)
	inCode      = regexp.MustCompile(`"([a-z]+(?:\.[a-z0-9-]+)+)"`)
	notKeys     = regexp.MustCompile(`\.(html|js|css|svg|ics|json)$`)
)

// usedKeys finds every key that the templates and the code of the pages name, as they name it.
func usedKeys(t *testing.T) map[string]string {
	t.Helper()
	used := map[string]string{}
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		re := map[string]*regexp.Regexp{".html": inTemplates, ".go": inCode}[filepath.Ext(name)]
		if err != nil || re == nil || strings.HasSuffix(name, "_test.go") {
			return err
		}
		b, err := os.ReadFile(name)
		for _, m := range re.FindAllSubmatch(b, -1) {
			if !notKeys.Match(m[1]) {
				used[string(m[1])] = name
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return used
}

func TestEverySentenceIsUsedAndEveryUsedSentenceIsThere(t *testing.T) {
	t.Parallel()
	used := usedKeys(t)
	have := loaded(t)[Default].Sentences
	for key, file := range used {
		if _, ok := have[key]; !ok {
			t.Errorf("%s uses %q, which the catalogues lack", file, key)
		}
	}
	for key := range have {
		if _, ok := used[key]; !ok {
			t.Errorf("nothing uses %q", key)
		}
	}
}

func TestTextRefusesHoles(t *testing.T) {
	t.Parallel()
	l := &Language{ID: "en", tag: loaded(t)["en"].tag, Sentences: map[string]sentence{
		"a": {"other": "{n} places for {name}", "one": "{n} place for {name}"},
	}}
	for _, c := range []struct {
		key  string
		kv   []any
		want string // empty: an error
	}{
		{"a", []any{"n", 1, "name", "Kim"}, "1 place for Kim"},
		{"a", []any{"n", 1234567, "name", "{n}"}, "1,234,567 places for {n}"},
		{"a", []any{"n", 2}, ""},
		{"a", []any{"n", 2, "name"}, ""},
		{"a", []any{"n", 2.5, "name", "Kim"}, ""},
		{"b", nil, ""},
	} {
		got, err := l.Text(c.key, c.kv...)
		if (err != nil) != (c.want == "") || got != c.want {
			t.Errorf("text(%q, %v) = %q, %v; want %q", c.key, c.kv, got, err, c.want)
		}
	}
}

func TestTimesAndRanges(t *testing.T) {
	t.Parallel()
	all := loaded(t)
	at := time.Date(2021, 7, 26, 0, 30, 0, 0, time.UTC) // 9:30 in Seoul
	for id, want := range map[string]string{"ko": "2021년 7월 26일(월) 오전\u00a09:30", "en": "Mon 26 July 2021, 9:30\u00a0am"} {
		if got, err := all[id].When(at); got != want || err != nil {
			t.Errorf("when in %s = %q, %v; want %q", id, got, err, want)
		}
	}
	for _, c := range []struct {
		lo, hi time.Duration
		ko, en string
	}{
		{-1, -1, "아직 알 수 없습니다. 곧 알려 드립니다.", "We cannot say yet. It will show here soon."},
		{0, 40 * time.Second, "1분 안", "Less than a minute"},
		{30 * time.Second, 61 * time.Second, "길어도 2분쯤", "Up to 2 minutes"},
		{0, time.Minute, "길어도 1분쯤", "Up to 1 minute"},
		{5 * time.Minute, 5 * time.Minute, "5분에서 6분 사이", "5 to 6 minutes"},
		{125 * time.Second, 241 * time.Second, "2분에서 5분 사이", "2 to 5 minutes"},
		{50 * time.Minute, 3*time.Hour + 1*time.Second, "길어도 4시간쯤", "Up to 4 hours"},
		{200 * time.Hour, 1000 * time.Hour, "200시간에서 1,000시간 사이", "200 to 1,000 hours"},
		{2 * time.Minute, 6 * time.Hour, "아직 알 수 없습니다. 곧 알려 드립니다.", "We cannot say yet. It will show here soon."},
	} {
		lo, hi := c.lo, c.hi
		if lo == -1 {
			lo, hi = -time.Second, -time.Second
		}
		for id, want := range map[string]string{"ko": c.ko, "en": c.en} {
			if got, err := all[id].Estimate([2]time.Duration{lo, hi}); got != want || err != nil {
				t.Errorf("estimate(%v, %v) in %s = %q, %v; want %q", c.lo, c.hi, id, got, err, want)
			}
		}
	}
	for _, c := range []struct {
		left time.Duration
		want string
	}{{26*time.Hour + 5*time.Minute, "1 d 2 h"}, {3*time.Hour + 59*time.Second, "3 h 0 min"}, {61 * time.Second, "1 min 1 s"}, {-time.Hour, "0 min 0 s"}} {
		if got, err := all["en"].Countdown(c.left); got != c.want || err != nil {
			t.Errorf("countdown(%v) = %q, %v; want %q", c.left, got, err, c.want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -4321: "-4,321"} {
		if got := Number(n); got != want {
			t.Errorf("number(%d) = %q", n, got)
		}
	}
}
