// Package tell is what people are told and where: the addresses they leave, the messages they got, what there is to say of a booking, an invitation
// or a turn that is near, and to whom.
//
// It owns the facts of messages and the rounds that find those whose turn is near. When and in which words is package notify's, which sends them. It
// must not know of HTTP, HTML or how anything is kept.
package tell

import (
	"context"
	"errors"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/clock"
	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/walk"
	"charye/walk/stock"
)

// Walk is what telling needs of [walk.Walk].
type Walk interface {
	View(b booking.Booking, s walk.Subject) walk.Booking
	AfterMissing(c *programme.Campaign, all []booking.Booking) *walk.ComesAgain
	InvitedUntil(ctx context.Context, c *programme.Campaign, who person.Key) (time.Time, error)
}

// Deps are what telling is wired to.
type Deps struct {
	Walk      Walk
	Programme *programme.Programme
	Line      line.Line
	Ledger    booking.Ledger
	Stock     *stock.Stock
	Sites     *site.Directory
	People    person.Store
	Outbox    notify.Outbox // nil: nobody is told anything
	Clock     clock.Func
}

// Teller knows what to tell. Safe for concurrent use, except [Teller.Round], which one goroutine calls.
type Teller struct {
	walk      Walk
	programme *programme.Programme
	line      line.Line
	ledger    booking.Ledger
	stock     *stock.Stock
	sites     *site.Directory
	people    person.Store
	outbox    notify.Outbox
	rules     notify.Rules
	now       clock.Func

	near map[uint32]*lookedAt // by campaign; of Round
}

// New wires it.
func New(d Deps) *Teller {
	return &Teller{
		walk: d.Walk, programme: d.Programme, line: d.Line, ledger: d.Ledger, stock: d.Stock, sites: d.Sites, people: d.People, outbox: d.Outbox,
		rules: notify.RulesOf(d.Programme), now: d.Clock, near: map[uint32]*lookedAt{},
	}
}

// messagesShown is how many of a person's messages are shown to them.
const messagesShown = 20

// Contact gives how the actor wants to be told; an empty one when they left nothing.
func (t *Teller) Contact(ctx context.Context, a walk.Actor) (notify.Contact, error) {
	if err := t.tells(a); err != nil {
		return notify.Contact{}, err
	}
	c, err := t.outbox.Contact(ctx, a.Key)
	if err != nil && !errors.Is(err, notify.ErrNoContact) {
		return notify.Contact{}, walk.Unavailable(err)
	}
	return c, nil
}

// SetContact keeps how the actor wants to be told, for messages about bookings and for nothing else; a contact without
// addresses takes it back. Devices are left as they are: see [Teller.AddDevice]. It gives what was kept.
func (t *Teller) SetContact(ctx context.Context, a walk.Actor, c notify.Contact) (notify.Contact, error) {
	if err := t.tells(a); err != nil {
		return c, err
	}
	clean, err := c.WithoutDevices().Clean(t.programme.Trial)
	if wrong, ok := errors.AsType[*notify.AddressError](err); ok {
		return c, walk.Refuse(walk.BadRequest, "%s", wrong.Error()).At(wrong.Field)
	}
	if err != nil {
		return c, err
	}
	return t.editContact(ctx, a, func(had notify.Contact) notify.Contact { return clean.WithDevicesOf(had) })
}

// AddDevice has the actor be told on a device too, before all other addresses. The endpoint of a subscription is one that this server
// will call: what is not a public one is refused.
func (t *Teller) AddDevice(ctx context.Context, a walk.Actor, lang string, s notify.Subscription) (notify.Contact, error) {
	if err := t.tells(a); err != nil {
		return notify.Contact{}, err
	}
	clean, err := s.Clean(t.programme.Trial)
	if wrong, ok := errors.AsType[*notify.AddressError](err); ok {
		return notify.Contact{}, walk.Refuse(walk.BadRequest, "%s", wrong.Error()).At(wrong.Field)
	}
	if err != nil {
		return notify.Contact{}, err
	}
	if _, err := (notify.Contact{Lang: lang}).Clean(false); err != nil {
		return notify.Contact{}, walk.Refuse(walk.BadRequest, "lang: want ko or en").At("lang")
	}
	return t.editContact(ctx, a, func(had notify.Contact) notify.Contact {
		had.Lang = lang
		return had.WithDevice(clean.Address())
	})
}

// RemoveDevices has the actor be told on no device any more.
func (t *Teller) RemoveDevices(ctx context.Context, a walk.Actor) (notify.Contact, error) {
	if err := t.tells(a); err != nil {
		return notify.Contact{}, err
	}
	return t.editContact(ctx, a, notify.Contact.WithoutDevices)
}

func (t *Teller) editContact(ctx context.Context, a walk.Actor, edit func(notify.Contact) notify.Contact) (notify.Contact, error) {
	kept, err := t.outbox.EditContact(ctx, a.Key, t.now(), func(had notify.Contact) (notify.Contact, error) { return edit(had), nil })
	if err == nil && len(kept.Addresses) > 0 {
		err = t.tellLate(ctx, a) // when it fails they save once more; who was told is known by the message
	}
	if err != nil {
		return kept, walk.Unavailable(err)
	}
	return kept, nil
}

// Messages lists what the actor was told, the latest first.
func (t *Teller) Messages(ctx context.Context, a walk.Actor) ([]notify.Kept, error) {
	if err := t.tells(a); err != nil {
		return nil, err
	}
	list, err := t.outbox.Messages(ctx, a.Key, messagesShown)
	if err != nil {
		return nil, walk.Unavailable(err)
	}
	return list, nil
}

func (t *Teller) tells(a walk.Actor) error {
	if err := walk.Citizen(a); err != nil {
		return err
	}
	if t.outbox == nil {
		return walk.Refuse(walk.NotFound, "nobody is told anything here")
	}
	return nil
}

// Facts gives what there is to tell of a booking, for [notify.Courier]; link is where people look theirs up.
func (t *Teller) Facts(link string) notify.Describe {
	return func(ctx context.Context, id int64, was []booking.Session) (notify.Facts, bool, error) {
		b, ok, err := t.ledger.Booking(ctx, id)
		if err != nil || !ok {
			return notify.Facts{}, ok, err
		}
		f := notify.Facts{Booking: b, Number: booking.Number(b.ID), Zone: t.programme.Zone, Link: link}
		if c, ok := t.programme.CampaignByNum(b.Campaign); ok {
			f.Campaign = c.Name
		}
		v := t.walk.View(b, walk.Subject{Key: b.Person})
		if r := v.Repeat; r != nil && r.Dose > 0 && r.From != 0 {
			f.From = r.From.At(0, t.programme.Zone)
		}
		for _, d := range v.Doses {
			f.Doses = append(f.Doses, notify.DoseFacts{Dose: d.Dose, Start: d.Start, Site: d.Site, Product: d.Product.Name})
			if !d.KeptUntil.IsZero() {
				f.Until = d.KeptUntil
			}
		}
		for _, s := range was {
			at, _ := t.sites.Now().ByNum(s.Site)
			f.Was = append(f.Was, notify.DoseFacts{Start: s.Day.At(s.Minute, t.programme.Zone), Site: at})
		}
		return f, true, t.whatFollows(ctx, &f)
	}
}

// whatFollows fills in what comes next for somebody who did not come for the first dose.
func (t *Teller) whatFollows(ctx context.Context, f *notify.Facts) error {
	c, ok := t.programme.CampaignByNum(f.Booking.Campaign)
	if f.Booking.Status != booking.Missed || !ok {
		return nil
	}
	all, err := t.ledger.Bookings(ctx, f.Booking.Person)
	if err != nil {
		return err
	}
	switch e := t.walk.AfterMissing(c, all); {
	case !t.now().Before(c.Closes):
		f.Next = notify.NextOver
	case e == nil:
		f.Next = notify.NextNow
	case e.Last:
		f.Next, f.From = notify.NextLast, e.Until
	default:
		f.Next, f.From = notify.NextFrom, e.From
	}
	return nil
}

// Invitation gives what there is to tell somebody for whom a dose is kept, or who helps them, for [notify.Courier]; link is where people begin.
func (t *Teller) Invitation(link string) notify.DescribeTurn {
	return func(ctx context.Context, campaign uint32, m *notify.Message) (notify.Facts, bool, error) {
		c, ok := t.programme.CampaignByNum(campaign)
		if !ok {
			return notify.Facts{}, false, nil
		}
		if ok, err := t.MayKnow(ctx, c, m); err != nil || !ok {
			return notify.Facts{}, false, err
		}
		until, err := t.walk.InvitedUntil(ctx, c, m.Subject())
		return notify.Facts{Campaign: c.Name, Zone: t.programme.Zone, Link: link, Until: until}, !until.IsZero(), err
	}
}

// takesHelpers reports whether a campaign takes helpers today.
func (t *Teller) takesHelpers(c *programme.Campaign) bool {
	return c.Helpers.On(civil.Of(t.now(), t.programme.Zone))
}
