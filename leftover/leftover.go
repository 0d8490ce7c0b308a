// Package leftover offers the doses that are left over at the end of a day (잔여백신) to people near the site, one after the
// other, each for minutes: whose turn it is does not depend on who asks, how often or how fast.
//
// It owns the lists of the sites, the batches of doses, the offers, the order ([Order]), the pure decision [Decide], and the
// contract [Store] (engines: leftover/sqlite, leftover/postgres; conformance: leftover/leftovertest). It must not know of
// bookings, stock, lines, messages, HTTP or SQL: whoever may take a dose, and what becomes of it, is told to it. It takes
// instants and days as values.
package leftover

import (
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/site"
)

// Entry is a person's place in the list of a site. Entries are never taken away: whoever leaves and comes back keeps the day
// of their last turn, and stands behind all who stayed.
type Entry struct {
	Campaign uint32
	Site     site.Num
	Person   person.Key
	Born     civil.Date // which products they may have changes with the day; zero of who left
	// Since and Turn are their place in the order: the day from which on they wait, and when they had their last turn, where
	// that was on this day; zero: they had none on it.
	Since civil.Date
	Turn  time.Time
	Left  bool // they are not in the list now
}

// Batch is the doses of one product that a site has left over on a day, all of them to be given until an instant.
type Batch struct {
	ID       int64
	Campaign uint32
	Site     site.Num
	Product  string
	Doses    int
	Made     time.Time
	Until    time.Time
	Minutes  int       // how long an offer stands
	Next     time.Time // when there is something to do again; zero: it is over
}

// Over reports whether nothing will become of the batch any more.
func (b *Batch) Over() bool { return b.Next.IsZero() }

// State of an offer.
type State uint8

// The states of an offer. Live and Taken are the ones with a future.
const (
	Live     State = iota + 1 // it waits for an answer until its minutes are over
	Taken                     // accepted: the dose is nobody else's; the booking is being made
	Booked                    // the booking stands
	Declined                  // refused by the person
	Lapsed                    // its minutes went by
	Returned                  // accepted, and no booking could be made: the dose went on
	Passed                    // no offer was made: the person cannot take a dose of this batch
)

// Open reports whether a dose is kept for this offer.
func (s State) Open() bool { return s == Live || s == Taken }

// Offer is one dose of a batch for one person. There is at most one for a person and batch, whatever became of it.
type Offer struct {
	ID       int64
	Batch    int64
	Campaign uint32
	Person   person.Key
	State    State
	Made     time.Time
	Until    time.Time // from here on it is over, unless it was accepted
	Answered time.Time // when it came into its state, where that is not Live
}

// Op is what a request asks for.
type Op uint8

// The operations. Advance and Settle are the system's own.
const (
	OpSignUp  Op = iota + 1 // Sites are from now on the lists that Person is in; none: they leave all
	OpOpen                  // a site has doses left over: Batch with Campaign, Site, Product, Doses, Until, Minutes
	OpAdvance               // offers of BatchID that are over go by, and free doses are offered to who is next; it comes alone
	OpAccept                // Person accepts Offer
	OpDecline               // Person declines Offer
	OpSettle                // Booked says whether the booking of an accepted Offer stands or the dose goes on
)

// Request asks for one thing.
type Request struct {
	Op       Op
	At       time.Time
	Day      civil.Date // the local day of At
	Campaign uint32     // OpSignUp
	Person   person.Key // OpSignUp, OpAccept, OpDecline, OpSettle
	Born     civil.Date // OpSignUp
	Sites    []site.Num // OpSignUp, each once
	Most     int        // OpSignUp: how many they may be
	Batch    Batch      // OpOpen
	BatchID  int64      // OpAdvance
	Unfit    []Unfit    // OpAdvance: who cannot take a dose of this batch
	Key      [32]byte   // OpAdvance: of the draw among equals; see [Order]
	Offer    int64      // OpAccept, OpDecline, OpSettle
	Booked   bool       // OpSettle
	Channel  string     // "web", "api", "system", "staff"
	Why      string     // OpSettle, for the event
}

// Unfit is somebody who cannot take a dose of a batch, or of the campaign at all: then they leave the list.
type Unfit struct {
	Person person.Key
	Leaves bool
}

// Result says how a request ended.
type Result uint8

// The results. Only Done changed anything.
const (
	Done      Result = iota + 1
	Repeated         // it is so already
	TooMany          // more sites than Most
	NoOffer          // there is no such offer of this person
	Gone             // the offer is over: its minutes went by, it was declined, or the dose went on
	NoBatch          // there is no such batch
	Malformed        // the request contradicts itself: a fault of the calling code
)

// Outcome is the answer to a request. Offer and Batch are set for OpAccept, OpDecline and OpSettle of an offer of the person,
// Batch for OpOpen and OpAdvance.
type Outcome struct {
	Result Result
	Offer  Offer
	Batch  Batch
	Made   []Offer // OpAdvance: new offers
}

// EventKind names what happened.
type EventKind string

// The kinds of event.
const (
	EventSignedUp  EventKind = "signed-up" // to the list of a site
	EventWithdrew  EventKind = "withdrew"  // from it; Why "unfit" or "booked" when not by themselves
	EventOpened    EventKind = "opened"    // a batch
	EventOffered   EventKind = "offered"
	EventAccepted  EventKind = "accepted"
	EventDeclined  EventKind = "declined"
	EventLapsed    EventKind = "lapsed"
	EventPassed    EventKind = "passed"
	EventConfirmed EventKind = "confirmed" // the booking of an accepted dose stands
	EventReturned  EventKind = "returned"  // it cannot be made
	EventClosed    EventKind = "closed"    // a batch
	EventErased    EventKind = "erased"    // rows of lists; Why says how many and why
)

// Event is one line of the history, written in the transaction of the change it tells of. What does not apply is zero.
type Event struct {
	Seq      int64 // 1, 2, 3 … without gaps, in commit order
	At       time.Time
	Kind     EventKind
	Campaign uint32
	Site     site.Num
	Person   person.Key
	Batch    int64
	Offer    int64
	Doses    int // of a batch
	Channel  string
	Why      string
}
