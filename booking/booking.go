// Package booking keeps the promise of a seat: counters, slots, holds, bookings, and [Decide], which alone grants them.
//
// It owns what a slot and a counter are, the pure decision over a batch of requests, the snapshot that pages read free
// counts from, and the contract [Ledger] (engine: booking/sqlite). It must not know of lines, passes, sign-in, HTTP or
// SQL; it takes capacities and instants as values.
package booking

import (
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/site"
)

// Session names a stretch of time at a site: where and when.
type Session struct {
	Site   site.Num
	Day    civil.Date
	Minute int // start, minutes after local midnight, 0 … 1439
}

// Slot is what a person picks: site, session, product (예약 가능 칸). Its text form is [Slot.String], read by [ParseSlot].
type Slot struct {
	Session
	Product string
}

// Counter names a limited quantity: the seats of a session, the doses of a campaign, and what later rules add.
// See [SeatCounter] and [StockCounter].
type Counter uint64

// Claim is one unit-wise taking from a counter. Capacity is what the rules say at the time of the request; an engine
// keeps it when it meets the counter for the first time, and afterwards only an explicit change moves it.
type Claim struct {
	Counter  Counter
	Capacity int
	N        int
}

// Choice is one way to place a dose: a slot and the seat it claims. Minutes is the session's length.
type Choice struct {
	Slot    Slot
	Minutes int
	Seat    Claim
	Vial    Vial // where the product's vials are counted at sites
}

// Op is what a request asks for.
type Op uint8

// The operations. OpVisit says what happened at the appointment of a dose. Some are the system's own: Expire gives back every hold whose time is over at Request.At, whoever's it is;
// Invite offers what came free of the stock of a campaign that stands by to Callees, in their order; Displace takes a booking away
// whose dose is lost, Recall keeps a dose for its person, and Reinstate gives it its doses again.
const (
	OpHold Op = iota + 1
	OpBook
	OpChange
	OpCancel
	OpExpire
	OpInvite
	OpDisplace
	OpRecall
	OpReinstate
	OpVisit
)

// Request asks for one thing for one person in one campaign; it is granted wholly or not at all.
type Request struct {
	Op       Op
	Campaign uint32     // programme.Campaign.Num
	Person   person.Key // who gets the vaccine
	Actor    person.Key // who asks; differs for a helper; zero for the system
	Channel  string     // "web", "api", "system" …
	Why      string     // reason code for the event, may be empty
	At       time.Time  // server time when the request was accepted

	// Doses lists for each dose of the series, in order, the choices in order of preference. The first choice with room is
	// taken. A person's own pick is a list of one; the follow-up dose brings alternatives (see [Series]). For OpChange the
	// whole series is given anew; a dose that stays names its own slot, which counts as free. A list without a choice is a
	// dose for which there is no room.
	Doses [][]Choice
	// Shared are the claims beside the seats: stock of the campaign, shares of a day or channel. For OpChange nil keeps
	// what the booking has. A booking through a hold takes over the hold's doses and claims; its own are not looked at.
	Shared []Claim

	// Apart are the products of other campaigns that the doses must keep away from: OpHold, OpBook, OpChange. A choice that does
	// not is passed over as if it were full; when no choice of a dose is left by that alone, the answer is Limited.
	Apart []Apart

	// Resize has the capacity of the campaign's doses (its stock, and what of it is everybody's) move in the same step: -1 by what the
	// request gives back of them, 1 by what it takes; 0 leaves it. OpChange, OpDisplace, OpReinstate.
	Resize int

	// Partner is somebody who is booked at the same time, wholly or neither of the two: OpBook. It is an OpBook of its own, of another
	// person, and has no partner itself.
	Partner *Request

	// Limits are of how many doses of a product the person may have at most in live bookings of other campaigns: OpHold, OpBook, OpChange,
	// OpReinstate.
	Limits []Limit

	HoldUntil   time.Time // OpHold, OpInvite, OpRecall: when the hold falls back; from that instant on it is over
	Callees     []Callee  // OpInvite: who comes next, by number
	Hold        int64     // OpBook with a hold: its id
	Booking     int64     // OpChange, OpCancel, OpDisplace, OpRecall, OpReinstate, OpVisit: its id
	Dose        int       // OpVisit: which of its doses, 1 …
	Visit       Visit     // OpVisit: what happened; State [Expected] takes back what was said before. At is not looked at
	Idempotency [16]byte  // OpBook: hash of the client's key, per person; a repeat with the same key and Body gets the booking made then, as it now stands. Zero: no key
	Body        [16]byte  // OpBook: hash of what was asked, to catch a key used for something else
	Sealed      []byte    // OpBook: the person's name, sealed, for the clinic; may be nil
}

// Limit is of how many doses of a product somebody may have at most in other campaigns.
type Limit struct {
	Product string
	Most    int
}

// Apart says how far the doses of a booking must be from those of a product in the person's live bookings of other campaigns.
type Apart struct {
	Product string
	Days    int  // at least so many between the two, whichever comes first
	SameDay bool // or both on one day: two shots in one visit
}

// Result says how a request ended.
type Result uint8

// The results. Only Done changed anything; Repeated is an earlier Done told again. (Holds that are over fall back beside
// either, whoever comes by first.)
const (
	Done          Result = iota + 1
	Repeated             // same idempotency key, a change to what is booked already, a cancelled booking cancelled again, nothing to expire
	Full                 // some counter has no room: FullDose says which dose, 0 for a shared counter
	AlreadyBooked        // this person has a live booking in this campaign: Booking is that one
	HoldGone             // the hold does not exist, is another person's, or is over
	NoBooking            // no such live booking of this person; of OpRecall and OpReinstate no displaced one
	KeyReused            // the idempotency key was used for a different request
	Limited              // what the person has booked in other campaigns is against it: see Request.Limits
	Visited              // what was said of the visit is against it: a dose that was given stays where it is, and is not given again
	Malformed            // the request contradicts itself (see [Request.Validate]): a fault of the calling code
)

// Outcome is the answer to one request.
type Outcome struct {
	Result   Result
	Booking  Booking
	Hold     Hold
	FullDose int     // with Full: 1, 2 … for the dose without a seat, 0 for a shared counter such as stock
	Shared   Counter // with Full and FullDose 0: which one; 0 when it is kept for those who were invited
	Invited  Invited
	Partner  *Outcome // of [Request.Partner]: nil where the request itself was refused; what was refused for its sake has its Result
}

// Hold is a slot, with its whole series, kept for minutes; or an invitation: a dose of the stock kept for hours, without Doses.
// One per person and campaign; a new one replaces the old. The invitation that a held slot replaced comes back when that is over.
// Slices of a Hold or a [Booking] are shared between readers: nobody changes them.
type Hold struct {
	ID       int64 // never used again
	Campaign uint32
	Person   person.Key
	Doses    []Dose
	Shared   []Claim
	Until    time.Time
	Invited  time.Time // until when an invitation keeps the dose, whatever becomes of the slot; zero: there is none
}

// Dose is one appointment of a series.
type Dose struct {
	Dose    int // 1, 2 …
	Slot    Slot
	Minutes int
	Seat    Claim
	Vial    Vial
	Visit   Visit // what happened at the appointment
}

// Status of a booking.
type Status uint8

// The states of a booking; docs/lifecycle.md draws them.
const (
	Booked Status = iota + 1
	Cancelled
	Missed // nobody came for dose 1: over, and what it took is given back, but see [Visit.Kept]
)

// Booking is a confirmed appointment: all doses of the series, made in one step.
type Booking struct {
	ID       int64 // grows with time on one node; the public forms are [Booking.Number] and the API's id
	Campaign uint32
	Person   person.Key
	Actor    person.Key
	Channel  string
	Status   Status
	Doses    []Dose
	Shared   []Claim
	MadeAt   time.Time
	Changed  int // how often it was changed; the calendar file's SEQUENCE
	Sealed   []byte

	Idempotency, Body [16]byte
}

// EventKind names what happened.
type EventKind string

// The kinds of event written by [Decide].
const (
	EventHeld       EventKind = "held"
	EventHoldOver   EventKind = "hold-over" // Why: expired, replaced (by a new hold) or given-back (another slot was booked)
	EventBooked     EventKind = "booked"    // through a hold: no deltas, the hold's claims are the booking's from now on
	EventChanged    EventKind = "changed"
	EventCanceled   EventKind = "cancelled"
	EventInvited    EventKind = "invited"     // a dose is kept for somebody who stood by
	EventCalled     EventKind = "called"      // how far the line was looked at for that; of nobody
	EventArrived    EventKind = "arrived"     // whose dose Dose is has come
	EventGiven      EventKind = "given"       // dose Dose, from From
	EventTurnedAway EventKind = "turned-away" // the site could not give dose Dose: Why
	EventNoShow     EventKind = "no-show"     // nobody came for dose Dose
	EventSpoilt     EventKind = "spoilt"      // dose Dose was given from what was not fit, in the case Why: it does not count
	EventUndone     EventKind = "undone"      // what was said of dose Dose last, Why, was wrong
	EventErased     EventKind = "erased"      // [NameKeeper.RewriteNames]: of nobody, Why "N names, retention" or "request"
	EventCapacity   EventKind = "capacity"    // [Ledger.SetCapacity], or a Resize: one counter, By 0, Why "OLD to NEW"

	EventDisplaced  EventKind = "displaced"  // the dose of a booking is lost: it is over, and its person stands first in line
	EventReinstated EventKind = "reinstated" // and is booked again
)

// Event is one line of the table that is audit trail, outbox and feed at once; it is written in the transaction of the
// change it tells of.
type Event struct {
	Seq      int64 // 1, 2, 3 … without gaps, in commit order
	At       time.Time
	Kind     EventKind
	Campaign uint32
	Person   person.Key
	Actor    person.Key
	Channel  string
	Why      string
	Booking  int64   // 0 when the event is about a hold
	Deltas   []Delta // every counter that moved
	Dose     int     // which dose, with the events of visits; else 0
	From     string  // see [Visit.From]
}

// Delta is how far a counter moved: positive when taken, negative when given back.
type Delta struct {
	Counter Counter
	By      int
}
