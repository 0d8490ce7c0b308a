package programme

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"charye/internal/civil"
)

// Shipping is how vaccine goes from depots to sites, for what leaves from a day on.
type Shipping struct {
	From      civil.Date
	Depots    []Depot
	Products  []ShippedProduct
	Transfers *Transfers // nil: sites give nothing to each other
	// LateAfter is how many days after it was due a box under way still counts as coming.
	LateAfter int
	// Unknown has boxes shipped of whose temperature nothing is known for some of their way; otherwise they stay.
	Unknown bool
}

// Depot is a store that sends boxes to sites.
type Depot struct {
	ID       string
	Name     Text
	Places   []string // as custody names it: 13 digits of a GLN (its rooms too), or a URI; the first one stands in shipping events
	Weekdays [7]bool  // by [time.Weekday]: on which its vehicles leave
	NotOn    []civil.Date
	Leaves   int // minute of the day
	Lanes    []Lane
}

// Lane is how a depot reaches the sites of a region.
type Lane struct {
	Region    string // as the file has it; empty: all that have no lane of their own
	Transport int    // days: what leaves on a day can be used so many days later
	Cost      int    // of a stop there, in any unit that the file keeps to
}

// ShippedProduct is how a product is packed and ordered.
type ShippedProduct struct {
	Product     string
	VialsPerBox int
	CutOff      CutOff // before the vehicle leaves
	Covers      int    // days, from that of its arrival on, for which one delivery brings what is needed; 1 or more
	ShelfLife   int    // days that must be left to a vial on the day of its use; 0: the last day will do
	Reserve     int    // per cent of what is needed that a delivery brings on top, where it is there
}

// Transfers are boxes that go from a site that does not need them to one that does.
type Transfers struct {
	WithinKm  int
	Transport int // days
	Leaves    int // minute of any day
	CutOff    CutOff
	Leg       time.Duration // how long a box may be out of its store on the way: it needs as much left of its budget
	Cost      int
	CostPerKm int
}

// CutOff is how long before a departure what it takes is settled: so many days earlier at the same time of day, and a length before that.
type CutOff struct {
	Days   int
	Length time.Duration
}

// Of gives the instant of a departure's cut-off. Days are those of the departure's zone.
func (c CutOff) Of(departure time.Time) time.Time {
	return departure.AddDate(0, 0, -c.Days).Add(-c.Length)
}

// ShippingOn gives the rules for what leaves on a day; nil when there are none yet.
func (p *Programme) ShippingOn(day civil.Date) *Shipping {
	for i := len(p.Shipping) - 1; i >= 0; i-- {
		if p.Shipping[i].From <= day {
			return &p.Shipping[i]
		}
	}
	return nil
}

// Depot finds a depot by its id.
func (s *Shipping) Depot(id string) (*Depot, bool) {
	i := slices.IndexFunc(s.Depots, func(d Depot) bool { return d.ID == id })
	if i < 0 {
		return nil, false
	}
	return &s.Depots[i], true
}

// Product finds how a product is shipped.
func (s *Shipping) Product(id string) (*ShippedProduct, bool) {
	i := slices.IndexFunc(s.Products, func(p ShippedProduct) bool { return p.Product == id })
	if i < 0 {
		return nil, false
	}
	return &s.Products[i], true
}

// Leaving gives the instant at which a depot's vehicles leave on a day; false when none does.
func (d *Depot) Leaving(day civil.Date, zone *time.Location) (time.Time, bool) {
	return day.At(d.Leaves, zone), d.Weekdays[day.Weekday()] && !slices.Contains(d.NotOn, day)
}

// weekdays are the names of the days in the file, by [time.Weekday].
var weekdays = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// cutOffText reads 1d, 36h, 90m.
func cutOffText(s string) (c CutOff, ok bool) {
	if days, isDays := strings.CutSuffix(s, "d"); isDays {
		v, err := strconv.Atoi(days)
		return CutOff{Days: v}, err == nil && v >= 0 && v <= mostCutOff && isDigit(s[0])
	}
	v, err := time.ParseDuration(s)
	return CutOff{Length: v}, err == nil && v >= 0 && v <= mostCutOff*24*time.Hour && v%time.Minute == 0 && isDigit(s[0])
}

// mostCutOff is the longest cut-off in days.
const mostCutOff = 30
