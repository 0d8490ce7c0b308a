package clinic

import (
	"context"
	"log/slog"
	"sync/atomic"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/clock"
	"charye/internal/seal"
	"charye/leftover"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/supply/dispense"
	"charye/walk"
)

// Walk is what a clinic needs of [walk.Walk].
type Walk interface {
	OpenName(b *booking.Booking) (name string, year int)
	BookingID(id int64) string
	ParseBookingID(s string) (int64, bool)
	Refused(c *programme.Campaign, out booking.Outcome, near func() []walk.Slot) error
	Look(ctx context.Context, a walk.Actor, campaign, why string, people ...person.Key) error
	LookAtList(ctx context.Context, a walk.Actor, why string, people []person.Key) error
}

// Lists are the lists of leftover doses, as a site uses them: those of package leftovers.
type Lists interface {
	Offers() bool
	Of(campaign string) (*programme.Campaign, error)
	OnOffer(ctx context.Context, at site.Site, day civil.Date) (map[string]int, error)
	Open(ctx context.Context, c *programme.Campaign, b leftover.Batch, channel string) (waiting int, err error)
}

// Deps are what a clinic is wired to.
type Deps struct {
	Walk      Walk
	Lists     Lists
	Programme *programme.Programme
	Ledger    booking.Ledger
	Desk      *booking.Desk
	Free      *booking.Snapshot
	Sites     *site.Directory
	Dispense  *dispense.Room // nil: nothing is known of boxes at the counter, and nobody is told of doses
	Keys      *seal.Keys
	Clock     clock.Func
	Log       *slog.Logger
}

// Clinic serves the staff of all sites. Safe for concurrent use, except [Clinic.Round], which one goroutine calls.
type Clinic struct {
	walk      Walk
	lists     Lists
	programme *programme.Programme
	ledger    booking.Ledger
	desk      *booking.Desk
	free      *booking.Snapshot
	sites     *site.Directory
	doses     *dispense.Room
	keyer     *person.Keyer
	now       clock.Func
	log       *slog.Logger

	staffFrom []string // namespaces of providers whose staff work at sites
	units     atomic.Pointer[units]
	gave      givenDoses
	visiting  visiting
}

// New wires it.
func New(d Deps) *Clinic {
	cl := &Clinic{
		walk: d.Walk, lists: d.Lists, programme: d.Programme, ledger: d.Ledger, desk: d.Desk, free: d.Free, sites: d.Sites, doses: d.Dispense,
		keyer: person.NewKeyer(d.Keys), now: d.Clock, log: d.Log,
	}
	if cl.doses == nil {
		cl.doses = dispense.New(SupplyRules(d.Programme))
	}
	return cl
}
