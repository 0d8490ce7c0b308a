package leftovers

import (
	"context"

	"charye/booking"
	"charye/internal/batch"
	"charye/internal/clock"
	"charye/internal/seal"
	"charye/leftover"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/walk"
)

// Walk is what the lists need of [walk.Walk].
type Walk interface {
	CampaignRules(id string) (*programme.Campaign, error)
	Subject(ctx context.Context, a walk.Actor, c *programme.Campaign, recipient string) (walk.Subject, error)
	MayHave(c *programme.Campaign, s walk.Subject) error
	LiveBooking(ctx context.Context, c *programme.Campaign, who person.Key) (booking.Booking, bool, error)
	Plan(c *programme.Campaign, who walk.Subject, product *programme.Product, at site.Site, first booking.Choice) [][]booking.Choice
	Limits(p *programme.Product) []booking.Limit
	SealName(a walk.Actor, s walk.Subject) ([]byte, error)
	Refused(c *programme.Campaign, out booking.Outcome, near func() []walk.Slot) error
	Leave(ctx context.Context, c *programme.Campaign, who person.Key)
	View(b booking.Booking, s walk.Subject) walk.Booking
}

// Told says whom a message is for: what the lists need of package tell.
type Told interface {
	Helpers(ctx context.Context, campaign uint32, who []person.Key) (map[person.Key][]person.Key, error)
	MayKnow(ctx context.Context, c *programme.Campaign, m *notify.Message) (bool, error)
}

// Deps are what the lists are wired to.
type Deps struct {
	Walk      Walk
	Told      Told
	Programme *programme.Programme
	Store     leftover.Store // nil: leftover doses are not offered
	Desk      *booking.Desk
	Free      *booking.Snapshot
	Sites     *site.Directory
	Outbox    notify.Outbox // nil: nobody is told anything
	Keys      *seal.Keys
	Clock     clock.Func
}

// Lists serves the lists of all sites. Safe for concurrent use, except [Lists.Round], which one goroutine calls.
type Lists struct {
	walk      Walk
	people    Told
	programme *programme.Programme
	store     leftover.Store
	pool      *batch.Pool[leftover.Request, leftover.Outcome] // nil without a store
	desk      *booking.Desk
	free      *booking.Snapshot
	sites     *site.Directory
	outbox    notify.Outbox
	key       [32]byte // of the draw among equals
	now       clock.Func

	told int64 // up to which offer people were told; of Round
}

// New wires them.
func New(d Deps) *Lists {
	l := &Lists{
		walk: d.Walk, people: d.Told, programme: d.Programme, store: d.Store, desk: d.Desk, free: d.Free, sites: d.Sites, outbox: d.Outbox, now: d.Clock,
	}
	if d.Store != nil {
		l.key, l.pool = d.Keys.Secret("leftover-draw"), batch.New(d.Store.Apply, batch.Options{MaxBatch: leftover.MaxRequests})
	}
	return l
}

// Stop answers everybody who waits for a commit, and takes no more.
func (l *Lists) Stop() {
	if l.pool != nil {
		l.pool.Stop()
	}
}
