package walk

import (
	"context"
	"errors"

	"charye/booking"
	"charye/notify"
	"charye/person"
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
// addresses takes it back. It gives what was kept.
func (w *Walk) SetContact(ctx context.Context, a Actor, c notify.Contact) (notify.Contact, error) {
	if err := w.tells(a); err != nil {
		return c, err
	}
	clean, err := c.Clean()
	if wrong, ok := errors.AsType[*notify.AddressError](err); ok {
		return c, refuse(BadRequest, "%s", wrong.Error()).field(wrong.Field)
	}
	if err != nil {
		return c, err
	}
	if err := w.outbox.SetContact(ctx, a.Key, clean, w.now()); err != nil {
		return c, unavailable(err)
	}
	return clean, nil
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
	return func(ctx context.Context, id int64) (notify.Facts, bool, error) {
		b, ok, err := w.ledger.Booking(ctx, id)
		if err != nil || !ok {
			return notify.Facts{}, ok, err
		}
		f := notify.Facts{Booking: b, Number: booking.Number(b.ID), Zone: w.programme.Zone, Link: link}
		if c, ok := w.programme.CampaignByNum(b.Campaign); ok {
			f.Campaign = c.Name
		}
		for _, d := range w.view(b, subject{key: b.Person}).Doses {
			f.Doses = append(f.Doses, notify.DoseFacts{Dose: d.Dose, Start: d.Start, Site: d.Site, Product: d.Product.Name})
		}
		return f, true, nil
	}
}

// Invitation gives what there is to tell somebody for whom a dose is kept, for [notify.Courier]; link is where people begin.
func (w *Walk) Invitation(link string) notify.DescribeInvitation {
	return func(ctx context.Context, campaign uint32, who person.Key) (notify.Facts, bool, error) {
		c, ok := w.programme.CampaignByNum(campaign)
		if !ok {
			return notify.Facts{}, false, nil
		}
		until, err := w.invitation(ctx, c, who)
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
