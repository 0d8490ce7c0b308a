package rush

import (
	"fmt"
	"math"
	"sort"
	"strings"
	"time"
)

// Scenario is the shape of a rush: how many come, when, and how they behave. Shares are fractions of 1.
type Scenario struct {
	Name  string `json:"name"`
	Title string `json:"title"`

	Arrivals int `json:"arrivals"` // visits: a window opened, a page loaded again, by anybody
	Eligible int `json:"eligible"` // people who may book
	Doses    int `json:"doses"`    // first doses on offer

	Gather time.Duration `json:"gatherNanos"` // from gathering to opening, and how long early comers keep coming
	Burst  time.Duration `json:"burstNanos"`  // mean of the exponential burst after the opening
	Late   time.Duration `json:"lateNanos"`   // how long late comers keep coming after the opening
	Think  time.Duration `json:"thinkNanos"`  // mean time between two steps of somebody who is choosing

	Early  float64 `json:"early"`  // share of visits that come while gathering; denser towards the opening
	Stroke float64 `json:"stroke"` // share that comes in the burst; the rest are late comers

	Ineligible float64 `json:"ineligible"` // share of visits by people who may not book
	Cheats     float64 `json:"cheats"`     // share of eligible people who try to get around the line
	Reload     float64 `json:"reload"`     // share of further visits that reload the same window; the others open another one
	GiveUp     float64 `json:"giveUp"`     // share of people who leave while waiting and never come back
	Pause      float64 `json:"pause"`      // share of people who leave while waiting and come back
	Lose       float64 `json:"lose"`       // share of requests cut off by the network
	Hold       float64 `json:"hold"`       // share of people who hold a slot before they confirm
	Look       float64 `json:"look"`       // share of booked people who look their booking up
	Change     float64 `json:"change"`     // share who move it
	Cancel     float64 `json:"cancel"`     // share who cancel it

	// Invitations: for the trial programme: what comes free after it was sold out is kept for the next in line for some hours.
	Invitations bool `json:"invitations"`

	Inside int           `json:"inside"` // for the trial programme: most people choosing at once
	Seats  int           `json:"seats"`  // for the trial programme: seats of a session
	Lead   time.Duration `json:"leadNanos"`
}

var scenarios = map[string]Scenario{
	// Ages 55-59: 3,524,000 invited, 1,850,000 doses, about ten million requests at the stroke of the hour. The evening is
	// pressed into minutes: the load per second is that of a far longer real rush.
	"2021-07-12": {
		Name: "2021-07-12", Title: "12 July 2021, ages 55-59",
		Arrivals: 10_000_000, Eligible: 3_524_000, Doses: 1_850_000,
		Gather: 190 * time.Second, Burst: 64 * time.Second, Late: 285 * time.Second, Think: time.Second,
		Early: 0.3, Stroke: 0.5, Ineligible: 0.05, Cheats: 0.01, Reload: 0.6, GiveUp: 0.03, Pause: 0.05,
		Lose: 0.01, Hold: 0.1, Look: 0.2, Change: 0.02, Cancel: 0.02, Inside: 60_000, Seats: 8, Lead: 20 * time.Second,
	},
	"small": {
		Name: "small", Title: "a small rush",
		Arrivals: 8_000, Eligible: 3_000, Doses: 1_500,
		Gather: 6 * time.Second, Burst: 3 * time.Second, Late: 8 * time.Second, Think: 200 * time.Millisecond,
		Early: 0.3, Stroke: 0.5, Ineligible: 0.05, Cheats: 0.03, Reload: 0.6, GiveUp: 0.03, Pause: 0.05,
		Lose: 0.01, Hold: 0.1, Look: 0.3, Change: 0.05, Cancel: 0.05, Inside: 300, Seats: 5, Lead: 3 * time.Second,
	},
}

// Named gives a scenario by its name; the error lists the names there are.
func Named(name string) (Scenario, error) {
	if s, ok := scenarios[name]; ok {
		return s, nil
	}
	var names []string
	for n := range scenarios {
		names = append(names, n)
	}
	sort.Strings(names)
	return Scenario{}, fmt.Errorf("no scenario %q; there are: %s", name, strings.Join(names, ", "))
}

// Scaled gives the scenario with factor times as many people, visits and doses. Times shrink and grow with the square
// root, so that a smaller rush is shorter and also less dense. factor must be positive.
func (s Scenario) Scaled(factor float64) Scenario {
	if factor == 1 {
		return s
	}
	n := func(v int) int { return max(1, int(math.Round(float64(v)*factor))) }
	s.Arrivals, s.Eligible, s.Doses = n(s.Arrivals), n(s.Eligible), n(s.Doses)
	s.Inside = max(20, n(s.Inside))
	stretch := math.Sqrt(factor)
	t := func(d, least time.Duration) time.Duration {
		return max(least, time.Duration(float64(d)*stretch)).Round(time.Second)
	}
	s.Gather, s.Burst, s.Late = t(s.Gather, 4*time.Second), t(s.Burst, time.Second), t(s.Late, 5*time.Second)
	return s
}

// People gives the scenario scaled to n eligible people.
func (s Scenario) People(n int) Scenario { return s.Scaled(float64(n) / float64(s.Eligible)) }

// Programme gives a trial programme file for the scenario at a scale: relative times, the campaign "rush", stock, and a
// timetable for all sites with more seats than doses once some hundred sites are imported. Its people are born
// 1962-1966.
func (s Scenario) Programme(scale float64) []byte {
	s = s.Scaled(scale)
	seats := s.Seats
	if scale > 0.5 {
		seats *= 2
	}
	opens := s.Lead + s.Gather
	invitations := ""
	if s.Invitations {
		invitations = "    invitations: {hours: 4}\n"
	}
	return fmt.Appendf(nil, `programme: rush-%s
name: {ko: 모의 예약 %s, en: "Trial: %s"}
timezone: Asia/Seoul
trial: true
products:
  - id: moderna
    name: {ko: 모더나, en: Moderna}
    cvx: "207"
    dosesPerVial: 10
    series: {doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]}
campaigns:
  - id: rush
    name: {ko: 55–59세, en: Ages 55–59}
    products: [moderna]
    eligible: {born: {from: 1962-01-01, to: 1966-12-31}}
    gathers: +%ds
    opens: +%ds
    closes: +6h
    stock: %d
%s    line: {order: draw, inside: %d, perSecond: auto, passMinutes: 10}
    helpers: {allowed: true, perHelper: 5}
timetables:
  - {sites: all, start: +1d, days: 14, from: "09:00", to: "17:00", every: 30m, seats: %d}
`, s.Name, s.Name, s.Title, int(s.Lead/time.Second), int(opens/time.Second), s.Doses, invitations, s.Inside, seats)
}
