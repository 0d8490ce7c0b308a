package booking

import (
	"context"
	"errors"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/site"
)

// Ledger is what an engine keeps. Booking decides in Go ([Decide]); the engine only keeps: Apply loads what the batch
// touches, calls Decide, and writes rows, counters and events in one transaction, which counts only if what was loaded still holds.
//
// Guarantees every engine gives (booking/bookingtest proves them): what Apply returned is durable; a batch whose Apply
// failed changed nothing; no counter passes its capacity; no person has two live bookings in a campaign; events are
// numbered in commit order without gaps, carry exactly the deltas of the change, and are chained by hash ([Link]). All methods are safe for concurrent
// use; Apply calls are linearizable.
type Ledger interface {
	// Apply decides a batch in its order. Outcomes come in the order of the requests. A hold that is over at the At of a
	// request has fallen back before that request is looked at, whether a sweeper came by or not.
	Apply(ctx context.Context, batch []Request) ([]Outcome, error)

	// Bookings lists a person's bookings of every campaign, live and cancelled, oldest first.
	Bookings(ctx context.Context, who person.Key) ([]Booking, error)
	// Booking finds one by id, whoever's it is; ok is false when there is none.
	Booking(ctx context.Context, id int64) (b Booking, ok bool, err error)

	// Several finds those of many ids that there are, in any order.
	Several(ctx context.Context, ids []int64) ([]Booking, error)

	// Day lists the bookings of everybody, live or not, that have a dose at a site on a day, by id, at most limit.
	Day(ctx context.Context, at site.Num, day civil.Date, limit int) ([]Booking, error)

	// Ahead calls yield for every live booking that has a dose at one of the sites on a day or later, in any order. It finds them by site, some
	// sites at a time, and holds no lock in between: it costs what is booked at these sites and not what is booked in the country. Each is told once; one that
	// moves meanwhile may be told where it was, where it is, at both or at neither. What yield is given is its own. An error of yield ends it. Asked for
	// no site, an engine that keeps for this what was booked lately does so then: whoever does that now and then, when little is booked, makes it quick.
	Ahead(ctx context.Context, sites []site.Num, from civil.Date, yield func(Ahead) error) error

	// All calls yield for every booking of everybody, live and cancelled, by id, for those who check or move a ledger. An
	// error of yield ends it. It holds no lock: what changes meanwhile is seen or not.
	All(ctx context.Context, yield func(Booking) error) error

	// Counters calls yield for every counter that was ever touched and returns the Seq of the last event they include.
	Counters(ctx context.Context, yield func(CounterState)) (seq int64, err error)
	// Events lists events after seq, in order, at most limit.
	Events(ctx context.Context, after int64, limit int) ([]Event, error)
	// Seals lists what is kept of the chain over the events ([Link]) for the same events, in order.
	Seals(ctx context.Context, after int64, limit int) ([]Seal, error)

	// SetCapacity changes counters whose rule changed (N is not looked at) and writes an [EventCapacity] for each that
	// differs. A counter never touched before comes into being. A capacity below what is used is refused with
	// [ErrBelowUsed]; then nothing at all has changed.
	SetCapacity(ctx context.Context, claims []Claim) error

	// Adjust is SetCapacity by what stands: rule is given those of the counters that there are, and says which capacities they, or new
	// ones of the same list, are to have. Reading and writing are one step: of two that add to a counter at once each adds to what the
	// other left. rule is called again when somebody else was quicker; its error is returned, and nothing is changed then.
	Adjust(ctx context.Context, counters []Counter, rule func(map[Counter]CounterState) ([]Claim, error)) error

	// Displaced lists bookings of a campaign that are [Booking.Displaced], by id, after that one, at most limit.
	Displaced(ctx context.Context, campaign uint32, after int64, limit int) ([]Booking, error)

	// DueHolds lists holds that are over at the instant (Until at or before it), first those that ended first, at most
	// limit. OpExpire gives them back.
	DueHolds(ctx context.Context, before time.Time, limit int) ([]Hold, error)

	// Hold gives the hold that a person has in a campaign, over or not; ok is false when there is none.
	Hold(ctx context.Context, who person.Key, campaign uint32) (h Hold, ok bool, err error)

	Close() error
}

// CounterState is a counter as it stands: Used counts bookings and live holds.
type CounterState struct {
	Counter  Counter
	Capacity int
	Used     int
}

// ErrBelowUsed is what [Ledger.SetCapacity] returns when more is taken already than the new capacity allows.
var ErrBelowUsed = errors.New("capacity is below what is already taken")

// Ahead is a live booking as those see it who plan for many: where its doses are, and no more of it.
type Ahead struct {
	ID       int64
	Person   person.Key
	Campaign uint32
	MadeAt   time.Time
	Slots    []Slot       // of every dose, also those elsewhere and before
	Visits   []VisitState // what is known of each
}

// AheadAtOnce is how many sites an engine reads with one statement for [Ledger.Ahead].
const AheadAtOnce = 16

// First is the first of its slots at one of the sites on a day or later: engines that find a booking by its doses tell it where they find this one. Sites are
// ascending; ok is false when there is none.
func (a *Ahead) First(sites []site.Num, from civil.Date) (s Slot, ok bool) {
	for _, s := range a.Slots {
		if _, there := slices.BinarySearch(sites, s.Site); there && s.Day >= from {
			return s, true
		}
	}
	return s, false
}
