package programme

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/internal/civil"
)

// TestVisits: the entry of the day of the appointment holds; wrong files are refused with field and what would be right.
func TestVisits(t *testing.T) {
	t.Parallel()
	const rules = `    visits:
      - {from: 2021-07-26, lateMinutes: 30, noShow: {after: 60, then: rebook}}
      - {from: 2021-09-01, lateMinutes: 0, keepDays: 7, noShow: {after: 0, then: last, afterDays: 3, limit: 2, withinDays: 10}}
      - {from: 2021-10-01, lateMinutes: 10}
`
	src := strings.Replace(string(readFile(t, "covid19.yaml")), "    helpers:", rules+"    helpers:", 1)
	p, err := Parse("f", []byte(src), Options{FirstStart: at("2021-07-11T00:00:00Z")})
	if err != nil {
		t.Fatal(err)
	}
	c := &p.Campaigns[0]
	if got := c.VisitsOn(on("2021-07-25")); got != nil {
		t.Errorf("rules before the first entry: %+v", got)
	}
	for day, want := range map[string]*VisitRules{
		"2021-07-26": {From: on("2021-07-26"), Late: 30 * time.Minute, KeepDays: 30, NoShow: &NoShowRules{After: time.Hour, WithinDays: 14}},
		"2021-08-31": {From: on("2021-07-26"), Late: 30 * time.Minute, KeepDays: 30, NoShow: &NoShowRules{After: time.Hour, WithinDays: 14}},
		"2021-09-01": {From: on("2021-09-01"), KeepDays: 7, NoShow: &NoShowRules{Last: true, AfterDays: 3, Limit: 2, WithinDays: 10}},
		"2021-12-01": {From: on("2021-10-01"), Late: 10 * time.Minute, KeepDays: 30},
	} {
		if d := cmp.Diff(want, c.VisitsOn(on(day))); d != "" {
			t.Errorf("%s (-want +got):\n%s", day, d)
		}
	}
	for _, c := range []struct{ old, new, want string }{
		{"{from: 2021-09-01,", "{from: 2021-07-26,", "visits[1].from: 2021-07-26 is not after that of the entry above it"},
		{"{from: 2021-07-26, late", "{late", "visits[0].from: missing"},
		{"lateMinutes: 30, ", "", "visits[0].lateMinutes: missing"},
		{"lateMinutes: 30", "lateMinutes: 1441", "visits[0].lateMinutes"},
		{"after: 60", "after: 29", "visits[0].noShow.after: 29 is less than lateMinutes, 30; want at least as much"},
		{"then: rebook", "then: never", "visits[0].noShow.then"},
		{"limit: 2", "limit: 0", "visits[1].noShow.limit"},
		{"withinDays: 10", "withinDays: 0", "visits[1].noShow.withinDays"},
		{"keepDays: 7", "keepDays: 0", "visits[1].keepDays"},
		{"keepDays: 7", "keep: 7", "visits[1].keep: unknown field"},
	} {
		_, err := Parse("f", []byte(strings.Replace(src, c.old, c.new, 1)), Options{FirstStart: at("2021-07-11T00:00:00Z")})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.new, err, c.want)
		}
	}
}

// TestAgain: after a no-show people come back, sooner or later, whatever the rules.
func TestAgain(t *testing.T) {
	t.Parallel()
	missed := on("2021-07-26")
	for _, c := range []struct {
		rules       NoShowRules
		n           int
		from, until civil.Date
		last        bool
	}{
		{NoShowRules{WithinDays: 14}, 1, missed, missed + 14, false},
		{NoShowRules{AfterDays: 7, WithinDays: 14}, 9, missed + 7, missed + 14, false},
		{NoShowRules{Limit: 2, WithinDays: 14}, 2, missed, missed + 14, false},
		{NoShowRules{Limit: 2, WithinDays: 14}, 3, missed, missed + 14, true},
		{NoShowRules{Last: true, AfterDays: 30, WithinDays: 14}, 1, missed + 30, missed + 30, true},
	} {
		from, last, until := c.rules.Again(c.n, missed)
		if from != c.from || last != c.last || until != c.until {
			t.Errorf("%+v, %d: from %v, last %v, until %v", c.rules, c.n, from, last, until)
		}
	}
}
