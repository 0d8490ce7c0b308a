package programme

import (
	"strings"
	"testing"
	"time"

	"charye/internal/civil"
)

const deskFile = `programme: p
name: {ko: 이름, en: Name}
timezone: Asia/Seoul
products:
  - {id: flu, name: {en: Flu}, cvx: "158", dosesPerVial: 10, series: {doses: 1}}
campaigns:
  - id: c
    name: {en: C}
    products: [flu]
    eligible: ELIGIBLE
    opens: 2021-07-12T20:00:00+09:00
    closes: 2021-07-17T18:00:00+09:00
    stock: 10
    line: {order: arrival}
    desk: DESK
timetables:
  - {sites: all, start: 2021-07-26, days: 14, from: "09:00", to: "17:00", every: 30m, seats: 5}
`

func parseDesk(eligible, desk string) (*Campaign, error) {
	src := strings.NewReplacer("ELIGIBLE", eligible, "DESK", desk).Replace(deskFile)
	p, err := Parse("f", []byte(src), Options{})
	if err != nil {
		return nil, err
	}
	return &p.Campaigns[0], nil
}

func TestDeskRules(t *testing.T) {
	t.Parallel()
	c, err := parseDesk("{roster: r, temporary: true}", "{allowed: true, perClerk: 500, from: 2021-07-13, until: 2021-07-14}")
	if err != nil {
		t.Fatal(err)
	}
	if want := (DeskRules{Allowed: true, PerClerk: 500, From: civil.New(2021, time.July, 13), Until: civil.New(2021, time.July, 14)}); c.Desk != want || !c.Temporary {
		t.Errorf("read as %+v, temporary %t", c.Desk, c.Temporary)
	}
	for day, want := range map[int]bool{12: false, 13: true, 14: true, 15: false} {
		if got := c.Desk.On(civil.New(2021, time.July, day)); got != want {
			t.Errorf("on the %dth: %t", day, got)
		}
	}
	c, err = parseDesk("all", "{allowed: false}")
	if err != nil || c.Desk.On(civil.New(2021, time.July, 13)) || c.Temporary {
		t.Errorf("not allowed: %+v, %v", c, err)
	}
}

func TestDeskRulesRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ eligible, desk, want string }{
		{"all", "{allowed: true}", "f:15: campaigns[0].desk.perClerk: missing; want the number of people one clerk may act for"},
		{"all", "{allowed: true, perClerk: 0}", "f:15: campaigns[0].desk.perClerk: is the number 0; want a whole number from 1 to 100000"},
		{"all", "{perClerk: 5}", "campaigns[0].desk.allowed"},
		{"all", "{allowed: true, perClerk: 5, perHelper: 5}", "campaigns[0].desk.perHelper"},
		{"all", "{allowed: true, perClerk: 5, from: 2021-07-02, until: 2021-07-01}", "f:15: campaigns[0].desk.until: 2021-07-01 is before from, 2021-07-02; want a later date"},
		{"{born: {from: 1930-01-01, to: 1990-01-01}, temporary: true}", "{allowed: false}", "f:10: campaigns[0].eligible.temporary: says that temporary identities count like the roster"},
		{"{roster: r, temporary: perhaps}", "{allowed: false}", "f:10: campaigns[0].eligible.temporary"},
	} {
		if _, err := parseDesk(tc.eligible, tc.desk); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %s: %v, want %q", tc.eligible, tc.desk, err, tc.want)
		}
	}
}
