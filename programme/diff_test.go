package programme

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDifferences changes the file in one place at a time, while its campaign is open.
func TestDifferences(t *testing.T) {
	t.Parallel()
	src := string(readFile(t, "covid19.yaml"))
	parse := func(src string) *Programme {
		t.Helper()
		p, err := Parse("f", []byte(src), Options{FirstStart: at("2021-07-11T00:00:00Z")})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	before := parse(src)
	c := &before.Campaigns[0]
	during, earlier, later := c.Opens, c.Gathers.Add(-1), c.Closes
	lines := func(list []Change) (out []string) {
		for _, c := range list {
			out = append(out, c.String())
		}
		return out
	}
	if open, rest := Differences(before, parse(src), during); len(open)+len(rest) > 0 {
		t.Fatalf("a programme differs from itself: %v %v", open, rest)
	}
	for _, v := range []struct {
		name, old, new string
		open, rest     []string // while it is open
	}{
		{"stock", "stock: 1850000", "stock: 10", []string{"campaigns[age-55-59].stock: 1850000 → 10"}, nil},
		{"closing", "closes: 2021-07-17T18:00:00+09:00", "closes: 2021-07-18T18:00:00+09:00",
			[]string{"campaigns[age-55-59].closes: 2021-07-17T18:00:00+09:00 → 2021-07-18T18:00:00+09:00"}, nil},
		{"an interval of its product", "min: 21d, max: 42d", "min: 21d, max: 60d", []string{"products[moderna].series.intervals[0].max: 42 → 60"}, nil},
		{"the hours of sites", `to: "17:00"`, `to: "18:00"`, []string{"timetables[0].to: 1020 → 1080"}, nil},
		{"who may help", "perHelper: 5", "perHelper: 6", []string{"campaigns[age-55-59].helpers.perHelper: 5 → 6"}, nil},
		{"who must agree", "trial: true", "trial: true\nfourEyes: {reschedule: 9}", []string{"fourEyes.on: false → true", "fourEyes.reschedule: 0 → 9"}, nil},
		{"it is gone", "id: age-55-59", "id: other", []string{"campaigns[age-55-59]: the campaign → (nothing)", "campaigns[other]: (nothing) → a new campaign, from 2021-07-12T19:00:00+09:00"}, nil},
		{"a pause more", "    stock: 1850000", "    pauses: [{from: 2021-07-13T00:00:00+09:00, to: 2021-07-13T01:00:00+09:00, why: {en: x}}]\n    stock: 1850000",
			nil, []string{"campaigns[age-55-59].pauses: (nothing) → [{from 2021-07-13T00:00:00+09:00, to 2021-07-13T01:00:00+09:00, why x}]"}},
		{"its name", "en: Ages 55–59", "en: Fifty-five", nil, []string{"campaigns[age-55-59].name: 55–59세 / Ages 55–59 → 55–59세 / Fifty-five"}},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(src, v.old) {
				t.Fatalf("the file does not say %q", v.old)
			}
			after := parse(strings.Replace(src, v.old, v.new, 1))
			open, rest := Differences(before, after, during)
			if d := cmp.Diff([][]string{v.open, v.rest}, [][]string{lines(open), lines(rest)}); d != "" {
				t.Error(d)
			}
			if open, _ := Differences(before, after, earlier); len(open) > 0 {
				t.Errorf("before the gathering: %v", open)
			}
			if open, _ := Differences(before, after, later); len(open) > 0 && v.name != "closing" {
				t.Errorf("after the closing: %v", open)
			} else if len(open) == 0 && v.name == "closing" {
				t.Error("a campaign that is closed was opened again, and nobody was asked")
			}
		})
	}
}

// TestPauseTakenBack: to stop is always allowed, to go on earlier is not.
func TestPauseTakenBack(t *testing.T) {
	t.Parallel()
	src := string(readFile(t, "covid19.yaml"))
	with := func(pauses string) *Programme {
		t.Helper()
		p, err := Parse("f", []byte(strings.Replace(src, "    stock:", "    pauses: ["+pauses+"]\n    stock:", 1)), Options{FirstStart: at("2021-07-11T00:00:00Z")})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	one := "{from: 2021-07-13T00:00:00+09:00, to: 2021-07-13T06:00:00+09:00, why: {en: x}}"
	shorter := "{from: 2021-07-13T00:00:00+09:00, to: 2021-07-13T05:00:00+09:00, why: {en: x}}"
	two := "{from: 2021-07-14T00:00:00+09:00, to: 2021-07-14T06:00:00+09:00, why: {en: x}}"
	for _, v := range []struct {
		name          string
		before, after string
		asks          bool
	}{{"one more", one, one + ", " + two, false}, {"another", one, two, true}, {"shorter", one, shorter, true}, {"longer", shorter, one, false}} {
		b, a := with(v.before), with(v.after)
		if open, _ := Differences(b, a, b.Campaigns[0].Opens); len(open) > 0 != v.asks {
			t.Errorf("%s: %v", v.name, open)
		}
	}
}
