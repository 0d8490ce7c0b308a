package leftover

import (
	"context"
	"time"

	"charye/person"
	"charye/site"
)

// Store is what an engine keeps. [Decide] decides; the engine loads what a request touches, and writes what came out, with
// its events, in one transaction.
//
// Guarantees every engine gives (leftover/leftovertest proves them): what Apply returned is durable; an Apply that failed
// changed nothing; no batch has more open and booked offers than doses; nobody has two offers of one batch, or two open ones
// in a campaign; events are numbered in commit order without gaps and only ever added. All methods are safe for concurrent
// use, by several processes; Apply calls are linearizable.
type Store interface {
	// Apply decides requests in their order, in one transaction. At most [MaxRequests].
	Apply(ctx context.Context, list []Request) ([]Outcome, error)

	// Due lists the batches with something to do at now, at most limit, those that wait for the longest first.
	Due(ctx context.Context, now time.Time, limit int) ([]int64, error)
	// View gives a batch with its offers, by id, and who comes next in its list and may be offered one (see [View.Next]): room
	// more people than it has doses, where there are so many, and all equals of the last of them. ok is false when there is
	// no such batch.
	View(ctx context.Context, batch int64, room int) (v View, ok bool, err error)
	// Since lists the batches made at or after an instant, by id, at most limit, with their offers and without who comes next.
	Since(ctx context.Context, at time.Time, limit int) ([]View, error)
	// SiteSince is Since of one site.
	SiteSince(ctx context.Context, at site.Num, since time.Time, limit int) ([]View, error)
	// Live lists offers that are open at now, by id, from the first after an id on, at most limit.
	Live(ctx context.Context, now time.Time, after int64, limit int) ([]Offer, error)

	// Of gives what a person has in a campaign: the lists they are in, by site, and their last offers, the latest first, at
	// most limit.
	Of(ctx context.Context, campaign uint32, who person.Key, limit int) ([]Entry, []Offer, error)
	// Batch finds one.
	Batch(ctx context.Context, id int64) (b Batch, ok bool, err error)
	// Waiting counts who is in a site's list.
	Waiting(ctx context.Context, campaign uint32, at site.Num) (int, error)

	// Events lists events after a number, in order, at most limit.
	Events(ctx context.Context, after int64, limit int) ([]Event, error)

	Keeper

	Close() error
}

// View is a batch with all that is to be known for offering it.
type View struct {
	Batch  Batch
	Offers []Offer
	Next   []Entry // in the list, without an offer of the batch, and without an open one in the campaign; in no particular order
	More   bool    // there are others behind Next
}

// Free is how many doses nobody has and nobody is offered at an instant.
func (v *View) Free(now time.Time) int {
	n := v.Batch.Doses
	for i := range v.Offers {
		switch o := &v.Offers[i]; o.State {
		case Live:
			if o.Until.After(now) {
				n--
			}
		case Taken, Booked:
			n--
		case Declined, Lapsed, Returned, Passed:
		}
	}
	return max(0, n)
}

// What one Apply and one request may carry at most; more is refused as [Malformed].
const (
	MaxRequests = 1024
	MaxSites    = 20        // of a person, in a campaign
	MaxDoses    = 10_000    // of a batch
	MaxMinutes  = 240       // of an offer
	MaxUnfit    = 1000      // of a request
	MaxBatch    = 1<<31 - 1 // the greatest number of a batch, so that a counter can be named by it
	MaxWord     = 64        // bytes of Channel, Why and a product id
)

// Need is what an engine loads for requests, before [Decide].
type Need struct {
	People  []PersonIn // their entries, also of lists they left, and their open offers
	Offers  []int64    // with their batches, and the entries and open offers of whose they are
	Advance []Look     // batches, as [Store.View] gives them
}

// PersonIn is a person in a campaign.
type PersonIn struct {
	Campaign uint32
	Person   person.Key
}

// Look is a batch with how many more people than it has doses are to be looked at in its list.
type Look struct {
	Batch int64
	Room  int
}

// RoomBeyond is the usual room of [Store.View].
const RoomBeyond = 8

// Needs tells what requests touch.
func Needs(list []Request) (n Need) {
	for i := range list {
		r := &list[i]
		if r.Validate() != nil {
			continue
		}
		switch r.Op {
		case OpSignUp:
			n.People = append(n.People, PersonIn{r.Campaign, r.Person})
		case OpAccept, OpDecline, OpSettle:
			n.Offers = append(n.Offers, r.Offer)
		case OpAdvance:
			n.Advance = append(n.Advance, Look{r.BatchID, RoomBeyond + len(r.Unfit)})
		case OpOpen:
		}
	}
	return n
}
