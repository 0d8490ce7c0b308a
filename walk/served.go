package walk

import (
	"context"
	"errors"

	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/walk/look"
)

// Whom staff of a desk walk for: the callers of their own desk, each in the campaign that they agreed for. Every step for one is a look.

// Look writes down that the actor looks at people; nobody is shown whose look could not be written.
func (w *Walk) Look(ctx context.Context, a Actor, campaign, why string, people ...person.Key) error {
	if err := w.looks.Write(ctx, a.who(), campaign, why, people...); err != nil {
		return Unavailable(err)
	}
	return nil
}

// LookAtList is [Walk.Look] at a list; the same list is one look, as one person is.
func (w *Walk) LookAtList(ctx context.Context, a Actor, why string, people []person.Key) error {
	if err := w.looks.WriteList(ctx, a.who(), why, people); err != nil {
		return Unavailable(err)
	}
	return nil
}

func (a Actor) who() look.Who { return look.Who{Clerk: a.Key, Role: a.Role, Unit: a.Unit} }

// DeskKey is the key of the actor's desk.
func (w *Walk) DeskKey(a Actor) person.Key { return w.looks.Desk(a.who()) }

// TakesCallers reports whether the campaign takes callers today.
func (w *Walk) TakesCallers(c *programme.Campaign) error {
	today := civil.Of(w.now(), w.programme.Zone)
	switch d := c.Desk; {
	case d.On(today):
		return nil
	case d.Allowed && d.From != 0 && today < d.From:
		return Refuse(HelperNotAllowed, "%s takes callers from %s", c.ID, d.From)
	case d.Allowed:
		return Refuse(HelperNotAllowed, "%s took callers until %s", c.ID, d.Until)
	}
	return Refuse(HelperNotAllowed, "%s takes no callers", c.ID)
}

// caller resolves for whom a clerk acts: a caller of the clerk's own desk, who agreed for this campaign.
func (w *Walk) caller(ctx context.Context, a Actor, c *programme.Campaign, id string) (Subject, error) {
	if err := Allow(a, ServeCaller); err != nil {
		return Subject{}, err
	}
	if id == "" {
		return Subject{}, Refuse(NotAllowed, "a session of staff is not for one's own; name the caller")
	}
	r, err := w.people.Recipient(ctx, w.DeskKey(a), id)
	return w.served(ctx, a, c, r, err)
}

// callerByKey is caller where the person is known by a pass.
func (w *Walk) callerByKey(ctx context.Context, a Actor, c *programme.Campaign, who person.Key) (Subject, error) {
	if err := Allow(a, ServeCaller); err != nil {
		return Subject{}, err
	}
	r, err := w.people.RecipientOf(ctx, w.DeskKey(a), c.ID, who)
	return w.served(ctx, a, c, r, err)
}

func (w *Walk) served(ctx context.Context, a Actor, c *programme.Campaign, r person.Recipient, err error) (Subject, error) {
	switch {
	case errors.Is(err, person.ErrNoRecipient):
		return Subject{}, Refuse(NotFound, "recipient: not a caller of this desk")
	case err != nil:
		return Subject{}, Unavailable(err)
	case r.Campaign != c.ID:
		return Subject{}, Refuse(HelperNotAllowed, "recipient: consent was given for another campaign")
	}
	if err := w.TakesCallers(c); err != nil {
		return Subject{}, err
	}
	if err := w.Look(ctx, a, c.ID, "serve", r.Key); err != nil {
		return Subject{}, err
	}
	return Subject{Key: r.Key, Born: r.Born, Recipient: &r}, nil
}

// Settle notes that a desk need not ring somebody. If it cannot, the next list finds out again.
func (w *Walk) Settle(ctx context.Context, r *person.Recipient) {
	if r != nil && r.Kind.IsDesk() {
		_ = w.people.SettleRecipient(ctx, r.Helper, r.ID, true)
	}
}

// bookingOf finds a booking of one of the desk's callers, in the campaign that they agreed for.
func (w *Walk) bookingOf(ctx context.Context, a Actor, num int64) (ownBooking, error) {
	if err := Allow(a, ServeCaller); err != nil {
		return ownBooking{}, err
	}
	missing := Refuse(NotFound, "there is no such booking of a caller of this desk")
	b, ok, err := w.ledger.Booking(ctx, num)
	if err != nil {
		return ownBooking{}, Unavailable(err)
	}
	c, known := w.programme.CampaignByNum(b.Campaign)
	if !ok || !known {
		return ownBooking{}, missing
	}
	r, err := w.people.RecipientOf(ctx, w.DeskKey(a), c.ID, b.Person)
	if errors.Is(err, person.ErrNoRecipient) {
		return ownBooking{}, missing
	} else if err != nil {
		return ownBooking{}, Unavailable(err)
	}
	if err := w.Look(ctx, a, c.ID, "booking", r.Key); err != nil {
		return ownBooking{}, err
	}
	return ownBooking{Booking: b, subject: Subject{Key: r.Key, Born: r.Born, Recipient: &r, channel: a.Channel}, campaign: c}, nil
}

// bookingsOf lists the bookings of one of the desk's callers in the campaign that they agreed for.
func (w *Walk) bookingsOf(ctx context.Context, a Actor, recipient string) ([]ownBooking, error) {
	if err := Allow(a, ServeCaller); err != nil {
		return nil, err
	}
	r, err := w.people.Recipient(ctx, w.DeskKey(a), recipient)
	if errors.Is(err, person.ErrNoRecipient) {
		return nil, Refuse(NotFound, "recipient: not a caller of this desk")
	} else if err != nil {
		return nil, Unavailable(err)
	}
	c, err := w.CampaignRules(r.Campaign)
	if err != nil {
		return nil, err
	}
	all, err := w.ledger.Bookings(ctx, r.Key)
	if err != nil {
		return nil, Unavailable(err)
	}
	var out []ownBooking
	for _, b := range all {
		if b.Campaign == c.Num {
			out = append(out, ownBooking{Booking: b, subject: Subject{Key: r.Key, Born: r.Born, Recipient: &r, channel: a.Channel}, campaign: c})
		}
	}
	return out, nil
}
