// Package drill rehearses the autumn of 2020 in which the Korean influenza programme was stopped as a whole, because nobody could say which
// boxes had been warm or frozen and who had got them: 5.78 million doses were held for some half a million suspect ones.
//
// It owns the made-up country (sites, boxes, vans, loggers, people), what went wrong in it, and the check of what Charye did against
// what the simulation itself knows to be true. It must not know of engines or files: it is given an empty ledger. It uses supply and supply/relief as the
// program does, and judges them by its own books, which are kept in minutes by box and never look at a reading.
package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/site"
	"charye/supply"
	"charye/supply/relief"
)

// Config is a drill.
type Config struct {
	Scenario string
	Scale    float64 // of everything; 1 is the country
	Seed     uint64  // the same seed gives the same country
	Ledger   booking.Ledger
	Peak     func() int64      // the process's peak memory in bytes; nil: not told
	Progress func(what string) // told of each step; nil: nobody
}

// Scenario names what is rehearsed.
type Scenario struct {
	Name       string
	Doses      int // supplied in all
	Delivered  int // of these, at sites when the programme was stopped
	Sites      int
	Departures int // from 2-8 °C
	// Doses aboard where it went wrong (background: the make-up of the 480,000 that were recalled).
	Freezing, Outdoors, Unrecorded, LongHeat int
	Given                                    int     // doses given before
	Booked                                   float64 // bookings for each dose at sites
}

// Autumn2020 is September 2020: 5.78 million doses, 5.39 of them delivered to 11,808 sites from 10 to 21 September with 196 departures. The share that is booked
// is made up: in 2020 nobody could book.
var Autumn2020 = Scenario{
	Name: "2020-09", Doses: 5_780_000, Delivered: 5_390_000, Sites: 11_808, Departures: 196,
	Freezing: 270_000, Outdoors: 170_000, Unrecorded: 30_000, LongHeat: 2_000, Given: 118_000, Booked: 0.8,
}

// ErrScenario means that a drill cannot be made as asked.
var ErrScenario = errors.New("no such drill")

// Named finds a scenario.
func Named(name string) (Scenario, error) {
	if name != Autumn2020.Name {
		return Scenario{}, fmt.Errorf("%w: %q; there is %s", ErrScenario, name, Autumn2020.Name)
	}
	return Autumn2020, nil
}

const (
	product   = "flu-4v-2020"
	perBox    = 100 // doses, each in a syringe
	vialDoses = 1
	campaign  = 7
	days      = 12 // of delivery
	vanDrops  = 20
	metres    = 50_000
)

var (
	kst        = time.FixedZone("KST", 9*3600)
	firstDay   = civil.New(2020, time.September, 10)
	stopped    = civil.New(2020, time.September, 21).At(22*60, kst) // the evening of the tip-off
	bookedFrom = civil.New(2020, time.September, 22)
	bookedTo   = civil.New(2020, time.October, 31)
	asOf       = supply.AsOf{At: stopped, Zone: kst, Overdue: 36 * time.Hour, Handover: 5 * time.Minute}
)

// rules are the product's: freezing is never excused; a day's work in the warm is.
var rules = supply.Product{ID: product, Rules: []supply.Rule{{From: civil.New(2020, time.September, 1), Bands: []supply.Band{
	{Name: "below 0 °C", Side: supply.Cold, Upto: -1, Budget: 0},
	{Name: "0-2 °C", Side: supply.Cold, Upto: 2*supply.Degree - 1, Budget: 720 * time.Minute},
	{Name: "2-8 °C", Side: supply.Store, Upto: 8 * supply.Degree, Budget: supply.Unlimited},
	{Name: "8-25 °C", Side: supply.Warm, Upto: 25 * supply.Degree, Budget: 800 * time.Minute},
	{Name: "above 25 °C", Side: supply.Warm, Upto: supply.Hottest, Budget: 30 * time.Minute},
}}}}

// Run makes the country, lets it go wrong, and lets Charye answer. An error means that the drill could not be done; broken promises are in the report.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	sc, err := Named(cfg.Scenario)
	if err != nil {
		return nil, err
	}
	if !(cfg.Scale >= 0.001 && cfg.Scale <= 1) {
		return nil, fmt.Errorf("%w: the scale is %v, want 0.001 to 1", ErrScenario, cfg.Scale)
	}
	say := cfg.Progress
	if say == nil {
		say = func(string) {}
	}
	r := &Report{Scenario: sc.Name, Scale: cfg.Scale, Seed: cfg.Seed}
	d := &drill{cfg: cfg, report: r, say: say}
	begun := time.Now()
	say("the country, its boxes and vans")
	if d.world, err = newWorld(sc.scaled(cfg.Scale), cfg.Seed); err != nil {
		return nil, err
	}
	r.Times.World = since(begun)
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"custody and doses given", d.tell},
		{"bookings", d.book},
		{"the readings arrive", d.judge},
		{"holds, and whom they touch", d.hold},
		{"the plan", d.makePlan},
		{"moving", d.move},
		{"checking", d.check},
		{"the missing records are found", d.release},
		{"checking again", d.checkReleased},
	} {
		say(step.what)
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", step.what, err)
		}
	}
	if cfg.Peak != nil {
		r.PeakBytes = cfg.Peak()
	}
	return r, nil
}

func since(t time.Time) float64 { return float64(time.Since(t).Microseconds()) / 1e6 }

func (s Scenario) scaled(by float64) Scenario {
	n := func(v int) int { return max(1, int(float64(v)*by+0.5)) }
	s.Doses, s.Delivered, s.Sites = n(s.Doses), n(s.Delivered), max(17*2, n(s.Sites))
	s.Departures, s.Freezing, s.Outdoors = n(s.Departures), n(s.Freezing), n(s.Outdoors)
	s.Unrecorded, s.LongHeat, s.Given = n(s.Unrecorded), n(s.LongHeat), n(s.Given)
	return s
}

// drill is one run.
type drill struct {
	cfg    Config
	report *Report
	say    func(string)
	world  *world
	index  *supply.Index
	booked []slot // by booking id less 1: as it was booked
	moved  map[int64]booking.Slot
	unfit  map[supply.SSCC]cause
	state  *supply.Register
	people []supply.Given
	rules  relief.Rules
	plan   *relief.Plan
}

// slot is where a booking was made, in little.
type slot struct {
	site   site.Num
	day    civil.Date
	minute int16
}

func (s slot) full() booking.Slot {
	return booking.Slot{Session: booking.Session{Site: s.site, Day: s.day, Minute: int(s.minute)}, Product: product}
}

func (d *drill) wrong(format string, args ...any) {
	d.report.Violations = append(d.report.Violations, fmt.Sprintf(format, args...))
}

// sessions are those of every site: mornings and afternoons of weekdays without Chuseok; seats for a third more than it has doses.
func (d *drill) sessions(at site.Num, day civil.Date) []booking.SessionInfo {
	if day < bookedFrom || day > bookedTo || !open(day) || at < 1 || int(at) > len(d.world.sites) {
		return nil
	}
	seats := d.world.places[at-1].seats
	return []booking.SessionInfo{{Minute: 9 * 60, Minutes: 180, Seats: seats}, {Minute: 14 * 60, Minutes: 180, Seats: seats}}
}

func open(day civil.Date) bool {
	if w := day.Weekday(); w == time.Saturday || w == time.Sunday {
		return false
	}
	return day < civil.New(2020, time.September, 30) || day > civil.New(2020, time.October, 2)
}

func openDays() (out []civil.Date) {
	for day := bookedFrom; day <= bookedTo; day++ {
		if open(day) {
			out = append(out, day)
		}
	}
	return out
}

// key makes a person out of two random words.
func key(a, b uint64) (k person.Key) {
	for i := range 8 {
		k[i], k[8+i] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	return k
}
