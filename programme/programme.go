// Package programme is the dated rules: products and their series, campaigns and their opening times, who is eligible,
// who may help, and the hours in which sites vaccinate. All of it is read from one YAML file.
//
// It owns the form of that file and every question that the rules alone can answer. It must not know of lines, stored
// bookings or HTTP, and it never asks what time it is: callers pass the instant.
package programme

import (
	"time"

	"charye/internal/civil"
	"charye/supply"
)

// Text is a sentence or a name in the two languages of the programme.
type Text struct{ KO, EN string }

// In gives the text in a language ("ko" or "en"); an absent one falls back to the other.
func (t Text) In(lang string) string {
	if lang == "en" && t.EN != "" || t.KO == "" {
		return t.EN
	}
	return t.KO
}

// Programme is one public vaccination effort with its dated rules (접종사업). It is immutable after [Parse].
type Programme struct {
	ID         string
	Name       Text
	Zone       *time.Location
	Trial      bool // allows the demo provider, made-up sessions and relative times
	Products   []Product
	Campaigns  []Campaign
	Timetables []Timetable
	Messages   MessageRules
	Shipping   []Shipping // by From, ascending; empty: deliveries are not planned
	FourEyes   FourEyes
	Retention  Retention // the zero one erases nothing by date

	resolved map[string]string
	plans    *plans
}

// Product is a vaccine with its series rules.
type Product struct {
	ID           string
	Name         Text
	CVX          string // CDC's vaccine code
	DosesPerVial int
	Num          uint16     // with Vials: a number made from ID, 1 … 511, no other such product's
	Vials        *VialRules // nil: its vials are not counted at sites
	Apart        []Apart    // what its doses must keep away from
	Ages         []AgeRule  // by From, ascending; empty: any age
	Series       Series
	// NotWith are products of which nobody may have a dose booked in another campaign who books this one, nor the other way round.
	NotWith []string
	// Storage says how it is stored and under which GTINs it comes; nil: the file says neither, and the supply room cannot judge it.
	Storage *supply.Product
	Most    int // doses of this product that one person may have booked in all campaigns together; 0: as many as their series have
}

// AgeRule says how old somebody must be and may be on the day of their first dose, for first doses from a date on.
type AgeRule struct {
	From     civil.Date
	Min, Max int // whole years; Max 0: no upper bound
}

// Series says how many doses a person gets and how far apart.
type Series struct {
	Doses     int        // 1 or more
	Intervals []Interval // by From, ascending; empty when Doses is 1
	Mixed     []Mixed    // by From, ascending: doses that are of another product
	Again     []Again    // by From, ascending: when a spoilt dose may be given again; empty: not by Charye
}

// Again says how long after a dose that turned out to be spoilt (recalled, frozen, too long in the warm) it may be given again at the
// earliest (재접종), for doses given from a date on.
type Again struct {
	From  civil.Date
	After int // days
}

// Mixed has a dose of a series be of another product (교차접종), where the dose before it is on From or later. The intervals stay
// those of the series.
type Mixed struct {
	Dose    int // 2 …
	Product string
	From    civil.Date
	Born    *BornRange // nil: everybody's
}

// Interval is the number of days between one dose and the next, for doses given from a date on: of everybody, or of those who
// booked in some campaigns.
type Interval struct {
	From              civil.Date
	Campaigns         []string // ids; empty: all that have no entry of their own from the same date or a later one
	Default, Min, Max int      // days, Min ≤ Default ≤ Max
}

// Campaign is one opening of a programme for one cohort (사전예약 차수).
type Campaign struct {
	ID       string
	Num      uint32 // a stable number made from ID, unique in the programme; for compact keys
	Name     Text
	Products []string // product ids a person may choose from; see Offers
	Offers   []Offer  // for each of Products, when and to whom it is offered

	Born   *BornRange // eligible dates of birth; nil: any
	Roster string     // eligible only when in this roster; empty: no roster needed
	Except []string   // not eligible when in one of these rosters: already vaccinated, taken out by their district …
	Rota   *Rota      // nil: everybody on every day

	// Temporary: an identity given at a local office counts like a row of Roster.
	Temporary bool

	// All times are in the programme's zone and whole seconds.
	Gathers time.Time // joining begins; equals Opens when there is no gathering
	Opens   time.Time // the stroke of the hour: draw, and admission begins
	Closes  time.Time // no joining, admission or booking from here on
	Pauses  []Pause   // by From; they do not overlap

	Stock      int        // doses of dose 1 on offer from the opening on
	Deliveries []Delivery // by At: what comes to it, or goes from it, later
	HoldBack   HoldBack
	Shares     []Share
	// InviteFor is how long a dose that comes free after the campaign was sold out is kept for the next in line, who is told;
	// 0: it is nobody's, and whoever has a turn may take it.
	InviteFor time.Duration

	Near *NearRules // nil: the programme's; see [Programme.Near]

	Line    LineRules
	Helpers HelperRules
	Desk    DeskRules
	Change  ChangeRules

	Leftovers *Leftovers // nil: leftover doses are not offered

	Visits []VisitRules // by From: what holds on the day of an appointment; see [Campaign.VisitsOn]
}

// Delivery changes the stock of a campaign at an instant.
type Delivery struct {
	At    time.Time
	Doses int // negative: a reduction, of what is not booked yet
}

// Offer is a product in a campaign: to be chosen on the days From … Until, by those born in Born.
type Offer struct {
	Product     string
	From, Until civil.Date // both included; zero: no bound
	Born        *BornRange // nil: everybody
}

// Rota spreads people over days by the last digit of their day of birth (10부제): on each of Days days from From, those take places
// whose digit is that of the day of the month. A day's window is from Opens until Closes, on the next day when Closes is not
// later. After the last window everybody may come.
type Rota struct {
	From          civil.Date
	Days          int
	Opens, Closes int // minutes of the day
}

// BornRange is a range of birth dates, both ends included.
type BornRange struct{ From, To civil.Date }

// Pause is a planned stop of admission and booking; places are kept.
type Pause struct {
	From, To time.Time
	Why      Text
}

// LineRules say how a campaign's line is ordered and how fast it moves.
type LineRules struct {
	Order       Order
	Inside      int     // most people who may be choosing at once
	PerSecond   float64 // admissions per second; 0 means auto: follow the measured booking latency
	PassMinutes int     // life of a pass
}

// Order of a line.
type Order string

// The two orders: a random draw of all who gathered before the opening, or arrival from the first joiner on.
const (
	OrderDraw    Order = "draw"
	OrderArrival Order = "arrival"
)

// HelperRules say whether, when and for how many people a helper may act in a campaign.
type HelperRules struct {
	Allowed     bool
	PerHelper   int
	From, Until civil.Date // both included; zero: no bound
	Guardians   *Guardians // nil: everybody agrees for themselves
}

// Guardians say who cannot agree for themselves: their parent or guardian agrees and acts for them.
type Guardians struct {
	Under int  // whoever is younger, in whole years, and nobody else acts for them
	Wards bool // also for older people who are under guardianship
}

// DeskRules say whether, when and for how many people a clerk of the call desk or of a local office may act in a campaign.
type DeskRules struct {
	Allowed     bool
	PerClerk    int
	From, Until civil.Date // both included; zero: no bound
}

// ChangeRules are the cut-offs for changing and cancelling: allowed until UntilDays days before the day of the dose, at
// the end of that day in the programme's zone. 0 allows until the start of the session.
type ChangeRules struct {
	UntilDays int
	Rules     []ChangeRule // by From: other cut-offs from a date on, for some channels or for all
}

// ChangeRule is a cut-off that takes the place of the general one, for changes made from a date on.
type ChangeRule struct {
	From      civil.Date
	Channels  []string      // those of [Channels], or web and api; empty: all
	UntilDays int           // as [ChangeRules.UntilDays]
	Notice    time.Duration // the least time between the change and the session, beside UntilDays
}

// Timetable gives sites their sessions where they bring none of their own.
//
// First doses may be chosen on the Days days from Start. The same hours go on after that for follow-up doses only, for
// as long as the longest series of the programme needs: otherwise the last first doses would have no second.
type Timetable struct {
	Sites    string // [AllSites], "region:NAME", "kind:NAME" or a site id
	Start    civil.Date
	Days     int
	From, To int // minutes of the day; the last session ends at or before To
	Every    int // minutes
	Seats    int // per session
}

// Session is a stretch of time at a site with a number of seats (접종 시간대).
type Session struct {
	Minute  int // start, minutes after local midnight
	Minutes int // length
	Seats   int
	First   bool // first doses may be booked here; otherwise follow-up doses only
}

// Phase is what the dates alone say about a campaign at an instant. Sold out is not among them: that is for the counters.
type Phase string

// The phases in their order; [PhasePaused] lies within open.
const (
	PhaseDraft     Phase = "draft"
	PhaseGathering Phase = "gathering"
	PhaseOpen      Phase = "open"
	PhasePaused    Phase = "paused"
	PhaseClosed    Phase = "closed"
)
