package walk

import (
	"context"
	"errors"

	"charye/booking"
	"charye/notify"
)

// messagesShown is how many of a person's messages are shown to them.
const messagesShown = 20

// Contact gives how the actor wants to be told; an empty one when they left nothing.
func (w *Walk) Contact(ctx context.Context, a Actor) (notify.Contact, error) {
	if err := w.tells(a); err != nil {
		return notify.Contact{}, err
	}
	c, err := w.outbox.Contact(ctx, a.Key)
	if err != nil && !errors.Is(err, notify.ErrNoContact) {
		return notify.Contact{}, unavailable(err)
	}
	return c, nil
}

// SetContact keeps how the actor wants to be told, for messages about bookings and for nothing else; a contact without
// addresses takes it back. Devices are left as they are: see [Walk.AddDevice]. It gives what was kept.
func (w *Walk) SetContact(ctx context.Context, a Actor, c notify.Contact) (notify.Contact, error) {
	if err := w.tells(a); err != nil {
		return c, err
	}
	clean, err := c.WithoutDevices().Clean(w.programme.Trial)
	if wrong, ok := errors.AsType[*notify.AddressError](err); ok {
		return c, refuse(BadRequest, "%s", wrong.Error()).field(wrong.Field)
	}
	if err != nil {
		return c, err
	}
	return w.editContact(ctx, a, func(had notify.Contact) notify.Contact { return clean.WithDevicesOf(had) })
}

// AddDevice has the actor be told on a device too, before all other addresses. The endpoint of a subscription is one that this server
// will call: what is not a public one is refused.
func (w *Walk) AddDevice(ctx context.Context, a Actor, lang string, s notify.Subscription) (notify.Contact, error) {
	if err := w.tells(a); err != nil {
		return notify.Contact{}, err
	}
	clean, err := s.Clean(w.programme.Trial)
	if wrong, ok := errors.AsType[*notify.AddressError](err); ok {
		return notify.Contact{}, refuse(BadRequest, "%s", wrong.Error()).field(wrong.Field)
	}
	if err != nil {
		return notify.Contact{}, err
	}
	if _, err := (notify.Contact{Lang: lang}).Clean(false); err != nil {
		return notify.Contact{}, refuse(BadRequest, "lang: want ko or en").field("lang")
	}
	return w.editContact(ctx, a, func(had notify.Contact) notify.Contact {
		had.Lang = lang
		return had.WithDevice(clean.Address())
	})
}

// RemoveDevices has the actor be told on no device any more.
func (w *Walk) RemoveDevices(ctx context.Context, a Actor) (notify.Contact, error) {
	if err := w.tells(a); err != nil {
		return notify.Contact{}, err
	}
	return w.editContact(ctx, a, notify.Contact.WithoutDevices)
}

func (w *Walk) editContact(ctx context.Context, a Actor, edit func(notify.Contact) notify.Contact) (notify.Contact, error) {
	kept, err := w.outbox.EditContact(ctx, a.Key, w.now(), func(had notify.Contact) (notify.Contact, error) { return edit(had), nil })
	if err == nil && len(kept.Addresses) > 0 {
		err = w.tellLate(ctx, a) // when it fails they save once more; who was told is known by the message
	}
	if err != nil {
		return kept, unavailable(err)
	}
	return kept, nil
}

// Messages lists what the actor was told, the latest first.
func (w *Walk) Messages(ctx context.Context, a Actor) ([]notify.Kept, error) {
	if err := w.tells(a); err != nil {
		return nil, err
	}
	list, err := w.outbox.Messages(ctx, a.Key, messagesShown)
	if err != nil {
		return nil, unavailable(err)
	}
	return list, nil
}

func (w *Walk) tells(a Actor) error {
	if err := citizen(a); err != nil {
		return err
	}
	if w.outbox == nil {
		return refuse(NotFound, "nobody is told anything here")
	}
	return nil
}

// Facts gives what there is to tell of a booking, for [notify.Courier]; link is where people look theirs up.
func (w *Walk) Facts(link string) notify.Describe {
	return func(ctx context.Context, id int64, was []booking.Session) (notify.Facts, bool, error) {
		b, ok, err := w.ledger.Booking(ctx, id)
		if err != nil || !ok {
			return notify.Facts{}, ok, err
		}
		f := notify.Facts{Booking: b, Number: booking.Number(b.ID), Zone: w.programme.Zone, Link: link}
		if c, ok := w.programme.CampaignByNum(b.Campaign); ok {
			f.Campaign = c.Name
		}
		v := w.view(b, subject{key: b.Person})
		if r := v.Repeat; r != nil && r.Dose > 0 && r.From != 0 {
			f.From = r.From.At(0, w.programme.Zone)
		}
		for _, d := range v.Doses {
			f.Doses = append(f.Doses, notify.DoseFacts{Dose: d.Dose, Start: d.Start, Site: d.Site, Product: d.Product.Name})
			if !d.KeptUntil.IsZero() {
				f.Until = d.KeptUntil
			}
		}
		for _, s := range was {
			at, _ := w.sites.Load().index.ByNum(s.Site)
			f.Was = append(f.Was, notify.DoseFacts{Start: s.Day.At(s.Minute, w.programme.Zone), Site: at})
		}
		return f, true, w.whatFollows(ctx, &f)
	}
}

// whatFollows fills in what comes next for somebody who did not come for the first dose.
func (w *Walk) whatFollows(ctx context.Context, f *notify.Facts) error {
	c, ok := w.programme.CampaignByNum(f.Booking.Campaign)
	if f.Booking.Status != booking.Missed || !ok {
		return nil
	}
	all, err := w.ledger.Bookings(ctx, f.Booking.Person)
	if err != nil {
		return err
	}
	switch e := w.afterMissing(c, all); {
	case !w.now().Before(c.Closes):
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
func (w *Walk) Invitation(link string) notify.DescribeTurn {
	return func(ctx context.Context, campaign uint32, m *notify.Message) (notify.Facts, bool, error) {
		c, ok := w.programme.CampaignByNum(campaign)
		if !ok {
			return notify.Facts{}, false, nil
		}
		if ok, err := w.mayKnow(ctx, c, m); err != nil || !ok {
			return notify.Facts{}, false, err
		}
		until, err := w.invitation(ctx, c, m.Subject())
		return notify.Facts{Campaign: c.Name, Zone: w.programme.Zone, Link: link, Until: until}, !until.IsZero(), err
	}
}

// MessageRules gives the programme's rules of messages as the courier wants them.
func (w *Walk) MessageRules() notify.Rules {
	m := w.programme.Messages
	return notify.Rules{Zone: w.programme.Zone, QuietFrom: m.QuietFrom, QuietTo: m.QuietTo, RemindDays: m.RemindDays, RemindAt: m.RemindAt}
}

// Followed is the last event of the ledger that pages know of: an outbox that was never used begins behind it.
func (w *Walk) Followed() int64 { return w.free.Version() }
