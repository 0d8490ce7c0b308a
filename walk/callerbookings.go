package walk

import (
	"context"
	"errors"

	"charye/person"
)

// bookingOf finds a booking of one of the desk's callers, in the campaign that they agreed for.
func (w *Walk) bookingOf(ctx context.Context, a Actor, num int64) (ownBooking, error) {
	if err := may(a, ServeCaller); err != nil {
		return ownBooking{}, err
	}
	missing := refuse(NotFound, "there is no such booking of a caller of this desk")
	b, ok, err := w.ledger.Booking(ctx, num)
	if err != nil {
		return ownBooking{}, unavailable(err)
	}
	c, known := w.programme.CampaignByNum(b.Campaign)
	if !ok || !known {
		return ownBooking{}, missing
	}
	r, err := w.people.RecipientOf(ctx, w.deskKey(a), c.ID, b.Person)
	if errors.Is(err, person.ErrNoRecipient) {
		return ownBooking{}, missing
	} else if err != nil {
		return ownBooking{}, unavailable(err)
	}
	if err := w.look(ctx, a, c.ID, "booking", r.Key); err != nil {
		return ownBooking{}, err
	}
	return ownBooking{Booking: b, subject: subject{key: r.Key, born: r.Born, recipient: &r, channel: a.Channel}, campaign: c}, nil
}

// bookingsOf lists the bookings of one of the desk's callers in the campaign that they agreed for.
func (w *Walk) bookingsOf(ctx context.Context, a Actor, recipient string) ([]ownBooking, error) {
	if err := may(a, ServeCaller); err != nil {
		return nil, err
	}
	r, err := w.people.Recipient(ctx, w.deskKey(a), recipient)
	if errors.Is(err, person.ErrNoRecipient) {
		return nil, refuse(NotFound, "recipient: not a caller of this desk")
	} else if err != nil {
		return nil, unavailable(err)
	}
	c, err := w.campaign(r.Campaign)
	if err != nil {
		return nil, err
	}
	all, err := w.ledger.Bookings(ctx, r.Key)
	if err != nil {
		return nil, unavailable(err)
	}
	var out []ownBooking
	for _, b := range all {
		if b.Campaign == c.Num {
			out = append(out, ownBooking{Booking: b, subject: subject{key: r.Key, born: r.Born, recipient: &r, channel: a.Channel}, campaign: c})
		}
	}
	return out, nil
}
