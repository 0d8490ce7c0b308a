// Package desk is what clerks of a call desk or a local office do beside walking for their callers: they register whoever called or came, see
// whom to ring, and give an identity to somebody who has none.
//
// It owns the callers of a desk and its temporary identities. The steps of the walk itself are those of package walk, which knows from a
// session of staff for whom they may be taken. It must not know of HTTP, HTML or how anything is kept.
package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/clock"
	"charye/internal/ratelimit"
	"charye/internal/seal"
	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/walk"
)

// Walk is what a desk needs of [walk.Walk].
type Walk interface {
	CampaignRules(id string) (*programme.Campaign, error)
	Standing(ctx context.Context, c *programme.Campaign, now time.Time) (walk.Campaign, error)
	TakesCallers(c *programme.Campaign) error
	Identify(ctx context.Context, a walk.Actor, identity string, born civil.Date) (person.Identity, error)
	MayTake(c *programme.Campaign, s walk.Subject) error
	WhereIs(ctx context.Context, c *programme.Campaign, who person.Key) (p walk.Place, ok bool, err error)
	Ticketed(p walk.Place) walk.Place
	LiveBooking(ctx context.Context, c *programme.Campaign, who person.Key) (booking.Booking, bool, error)
	View(b booking.Booking, s walk.Subject) walk.Booking
	DeskKey(a walk.Actor) person.Key
	Look(ctx context.Context, a walk.Actor, campaign, why string, people ...person.Key) error
	Settle(ctx context.Context, r *person.Recipient)
}

// Deps are what a desk is wired to.
type Deps struct {
	Walk      Walk
	Programme *programme.Programme
	Line      line.Line
	People    person.Store
	Keys      *seal.Keys
	Clock     clock.Func
}

// Desk serves all desks. Safe for concurrent use.
type Desk struct {
	walk      Walk
	programme *programme.Programme
	line      line.Line
	people    person.Store
	keyer     *person.Keyer
	given     *ratelimit.Memory // temporary identities, by clerk
	now       clock.Func
}

// New wires it.
func New(d Deps) *Desk {
	return &Desk{
		walk: d.Walk, programme: d.Programme, line: d.Line, people: d.People, keyer: person.NewKeyer(d.Keys), given: ratelimit.NewMemory(1 << 12), now: d.Clock,
	}
}

// NewCaller is what a clerk fills in for somebody who called or came.
type NewCaller struct {
	Campaign string
	Name     string
	Born     civil.Date
	Identity string // identity number or the code of a temporary identity; not kept
	Phone    string // where to call back; may be empty
	Consent  string // [person.ConsentPhone] or [person.ConsentHere]: how the person told the clerk that they agree
}

// Caller is somebody whom a desk serves, as they stand.
type Caller struct {
	person.Recipient
	Campaign walk.Campaign
	Place    *walk.Place   // nil: none yet
	Booking  *walk.Booking // the live one; nil: none
	Why      error         // why they may not take a place; nil when they may
}

// RegisterCaller finds somebody by identity number and date of birth and registers them with the actor's desk; who is registered there
// already, by whatever clerk, is given as they are, with the telephone number they left now.
func (d *Desk) RegisterCaller(ctx context.Context, a walk.Actor, n NewCaller) (person.Recipient, error) {
	none := person.Recipient{}
	if err := walk.Allow(a, walk.FindCaller); err != nil {
		return none, err
	}
	c, err := d.walk.CampaignRules(n.Campaign)
	if err != nil {
		return none, err
	}
	if err := d.walk.TakesCallers(c); err != nil {
		return none, err
	}
	if n, err = n.clean(a.Role); err != nil {
		return none, err
	}
	known, err := d.walk.Identify(ctx, a, n.Identity, n.Born)
	if err != nil {
		return none, err
	}
	now, desk := d.now(), d.walk.DeskKey(a)
	kind := person.OfCallDesk
	if a.Role == person.Office {
		kind = person.OfOffice
	}
	id := rand.Text()
	got, err := d.people.AddRecipient(ctx, person.Recipient{
		ID: id, Helper: desk, Key: known.Key, Campaign: c.ID, Name: n.Name, Born: n.Born, RegisteredAt: now,
		Kind: kind, Clerk: a.Key, Consent: n.Consent, Phone: n.Phone, Temporary: known.Temporary,
	}, c.Desk.PerClerk)
	switch {
	case errors.Is(err, person.ErrHelperLimit):
		return none, walk.Refuse(walk.HelperNotAllowed, "you registered %d callers in this campaign, which is the most it allows one clerk", c.Desk.PerClerk).At("limit")
	case err != nil:
		return none, walk.Unavailable(err)
	case got.ID == id:
		return got, nil
	}
	return d.again(ctx, a, c, got, n.Phone, now)
}

// again is when somebody who is registered calls once more.
func (d *Desk) again(ctx context.Context, a walk.Actor, c *programme.Campaign, r person.Recipient, phone string, now time.Time) (person.Recipient, error) {
	if err := d.walk.Look(ctx, a, c.ID, "registered again", r.Key); err != nil {
		return r, err
	}
	if phone != "" && phone != r.Phone {
		if err := d.people.SetRecipientPhone(ctx, r.Helper, r.ID, phone, a.Key, now); err != nil {
			return r, walk.Unavailable(err)
		}
		r.Phone = phone
	}
	if r.Settled {
		if _, live, err := d.walk.LiveBooking(ctx, c, r.Key); err != nil || live {
			return r, err
		}
		if err := d.people.SettleRecipient(ctx, r.Helper, r.ID, false); err != nil {
			return r, walk.Unavailable(err)
		}
		r.Settled = false
	}
	return r, nil
}

func (n NewCaller) clean(as person.Role) (NewCaller, error) {
	n.Name, n.Phone = strings.TrimSpace(n.Name), strings.TrimSpace(n.Phone)
	if !walk.GoodName(n.Name) {
		return n, walk.Refuse(walk.BadRequest, "name: want 1 to %d characters", walk.MaxName).At("name")
	}
	if n.Identity == "" || len(n.Identity) > walk.MaxIdentity {
		return n, walk.Refuse(walk.BadRequest, "identity: want the identity number").At("identity")
	}
	if n.Consent != person.ConsentPhone && (n.Consent != person.ConsentHere || as != person.Office) {
		return n, walk.Refuse(walk.BadRequest, "consent: the person must have told you that they agree; say how").At("consent")
	}
	if n.Phone == "" {
		return n, nil
	}
	c, err := notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Text, Value: n.Phone}}}.Clean(false)
	if err != nil {
		return n, walk.Refuse(walk.BadRequest, "phone: want a telephone number of 8 to 15 digits, or none").At("phone")
	}
	n.Phone = c.Addresses[0].Value
	return n, nil
}

// Caller gives one of the desk's callers as they stand.
func (d *Desk) Caller(ctx context.Context, a walk.Actor, id string) (Caller, error) {
	if err := walk.Allow(a, walk.ServeCaller); err != nil {
		return Caller{}, err
	}
	r, err := d.people.Recipient(ctx, d.walk.DeskKey(a), id)
	if errors.Is(err, person.ErrNoRecipient) {
		return Caller{}, walk.Refuse(walk.NotFound, "not a caller of this desk")
	} else if err != nil {
		return Caller{}, walk.Unavailable(err)
	}
	c, err := d.walk.CampaignRules(r.Campaign)
	if err != nil {
		return Caller{}, err
	}
	if err := d.walk.Look(ctx, a, c.ID, "caller", r.Key); err != nil {
		return Caller{}, err
	}
	out := Caller{Recipient: r}
	if out.Campaign, err = d.walk.Standing(ctx, c, d.now()); err != nil {
		return Caller{}, err
	}
	s := walk.Subject{Key: r.Key, Born: r.Born, Recipient: &r}
	if out.Why = d.walk.MayTake(c, s); out.Why == nil {
		out.Why = d.walk.TakesCallers(c)
	}
	b, live, err := d.walk.LiveBooking(ctx, c, r.Key)
	if err != nil {
		return Caller{}, err
	}
	if live {
		v := d.walk.View(b, s)
		out.Booking = &v
	}
	p, ok, err := d.walk.WhereIs(ctx, c, r.Key)
	if err != nil || !ok {
		return out, err
	}
	p = d.walk.Ticketed(p)
	out.Place = &p
	return out, nil
}

// RemoveCaller withdraws a caller's consent. Place and booking stay theirs.
func (d *Desk) RemoveCaller(ctx context.Context, a walk.Actor, id string) error {
	if err := walk.Allow(a, walk.ServeCaller); err != nil {
		return err
	}
	r, err := d.people.Recipient(ctx, d.walk.DeskKey(a), id)
	if errors.Is(err, person.ErrNoRecipient) {
		return nil
	}
	if err == nil {
		if err := d.walk.Look(ctx, a, r.Campaign, "consent withdrawn", r.Key); err != nil {
			return err
		}
		err = d.people.RemoveRecipient(ctx, r.Helper, id, d.now())
	}
	if err != nil && !errors.Is(err, person.ErrNoRecipient) {
		return walk.Unavailable(err)
	}
	return nil
}
