package walk

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"charye/booking"
	"charye/internal/weak"
	"charye/line"
	"charye/person"
	"charye/programme"
)

// Eligible answers, before any waiting, whether the actor (or their recipient) may book in the campaign; nil means yes.
func (w *Walk) Eligible(ctx context.Context, a Actor, campaign, recipient string) error {
	c, err := w.CampaignRules(campaign)
	if err != nil {
		return err
	}
	s, err := w.Subject(ctx, a, c, recipient)
	if err != nil {
		return err
	}
	return w.MayTake(c, s)
}

// Join gives the one place of the actor, or of their recipient.
func (w *Walk) Join(ctx context.Context, a Actor, campaign, recipient string) (p Place, created bool, err error) {
	c, err := w.CampaignRules(campaign)
	if err != nil {
		return Place{}, false, err
	}
	s, err := w.Subject(ctx, a, c, recipient)
	if err != nil {
		return Place{}, false, err
	}
	if err := w.MayTake(c, s); err != nil {
		return Place{}, false, err
	}
	lp, created, err := w.line.Join(ctx, c.Num, s.Key)
	if err != nil {
		return Place{}, false, w.lineError(c, err)
	}
	p, err = w.withInvitation(ctx, c, w.place(lp))
	return p, created, err
}

func (w *Walk) place(p line.Place) Place {
	return Place{
		Place: p,
		Ticket: w.tickets.Encode(line.Ticket{
			Campaign: p.Campaign, Person: p.Person, Seq: p.Seq, Number: p.Number, IssuedAt: w.now(),
		}),
		Pseudonym: w.pseudonym.Of(p.Campaign, p.Person),
	}
}

// ticket reads a ticket and finds the place it proves. A ticket whose seq or number is not the place's own is refused:
// it was made by a line that is not this one.
func (w *Walk) ticket(ctx context.Context, c *programme.Campaign, text string) (line.Place, error) {
	t, err := w.tickets.Parse(text)
	if err != nil || t.Campaign != c.Num {
		return line.Place{}, Refuse(BadRequest, "Charye-Ticket: not a ticket of this campaign; join again, the place is kept").At("Charye-Ticket")
	}
	p, err := w.line.Place(ctx, c.Num, t.Person)
	if back, ok := w.line.(line.Returner); ok && (errors.Is(err, line.ErrNoPlace) || err == nil && p.Seq > t.Seq) {
		p, err = back.Return(ctx, t)
	}
	if err != nil {
		return line.Place{}, w.lineError(c, err)
	}
	if p.Seq != t.Seq || (t.Number != 0 && p.Number != 0 && t.Number != p.Number) {
		return line.Place{}, Refuse(Conflict, "the ticket does not match the place in this line; join again")
	}
	return p, nil
}

// PlaceByTicket shows the place that a ticket proves. A ticket opens nothing else.
func (w *Walk) PlaceByTicket(ctx context.Context, campaign, ticket string) (Place, error) {
	c, err := w.CampaignRules(campaign)
	if err != nil {
		return Place{}, err
	}
	p, err := w.ticket(ctx, c, ticket)
	if err != nil {
		return Place{}, err
	}
	return w.withInvitation(ctx, c, w.place(p))
}

// PlaceOf shows the actor's (or recipient's) place without a ticket; [NotFound] when there is none.
func (w *Walk) PlaceOf(ctx context.Context, a Actor, campaign, recipient string) (Place, error) {
	c, err := w.CampaignRules(campaign)
	if err != nil {
		return Place{}, err
	}
	s, err := w.Subject(ctx, a, c, recipient)
	if err != nil {
		return Place{}, err
	}
	p, err := w.line.Place(ctx, c.Num, s.Key)
	if err != nil {
		return Place{}, w.lineError(c, err)
	}
	return w.withInvitation(ctx, c, w.place(p))
}

// WhereIs finds somebody's place in a campaign, without a ticket; ok is false where they have none.
func (w *Walk) WhereIs(ctx context.Context, c *programme.Campaign, who person.Key) (p Place, ok bool, err error) {
	lp, err := w.line.Place(ctx, c.Num, who)
	if err != nil {
		if err = w.lineError(c, err); CodeOf(err) == NotFound {
			return Place{}, false, nil
		}
		return Place{}, false, err
	}
	p, err = w.withInvitation(ctx, c, Place{Place: lp})
	return p, err == nil, err
}

// Ticketed is a place with the ticket that proves it.
func (w *Walk) Ticketed(p Place) Place {
	out := w.place(p.Place)
	out.KeptUntil = p.KeptUntil
	return out
}

// Enter exchanges a place whose turn has come for a pass on this device. takeover moves a live pass from another device
// and needs a sign-in within the last five minutes.
func (w *Walk) Enter(ctx context.Context, a Actor, campaign, recipient, ticket, device string, takeover bool) (Pass, error) {
	c, err := w.CampaignRules(campaign)
	if err != nil {
		return Pass{}, err
	}
	if device == "" || len(device) > 200 {
		return Pass{}, Refuse(BadRequest, "device: want 1 to 128 characters that this device keeps").At("device")
	}
	s, err := w.Subject(ctx, a, c, recipient)
	if err != nil {
		return Pass{}, err
	}
	p, err := w.ticket(ctx, c, ticket)
	if err != nil {
		return Pass{}, err
	}
	if p.Person != s.Key && weak.Off(weak.TicketOf) {
		s.Key = p.Person
	}
	if p.Person != s.Key {
		return Pass{}, Refuse(NoPass, "Charye-Ticket: it is another person's").At("Charye-Ticket")
	}
	if err := w.bookable(c); err != nil {
		return Pass{}, err
	}
	if err := w.MayTake(c, s); err != nil {
		return Pass{}, err
	}
	takeover = takeover || weak.Off(weak.Device)
	if takeover && !weak.Off(weak.Device) && w.now().Sub(a.SignedInAt) > takeoverWithin {
		return Pass{}, Refuse(NotSignedIn, "moving to another device needs a sign-in within the last five minutes; sign in again")
	}
	all, err := w.ledger.Bookings(ctx, s.Key)
	if err != nil {
		return Pass{}, Unavailable(err)
	}
	if _, live := liveOf(c, all); live {
		return Pass{}, Refuse(AlreadyBooked, "this person has a booking in %s; look it up, change or cancel it", c.ID)
	}
	if err := w.mayComeAgain(ctx, c, s.Key, all); err != nil {
		return Pass{}, err
	}
	if st, err := w.line.Status(ctx, c.Num); err != nil {
		return Pass{}, Unavailable(err)
	} else if st.SoldOut && p.State == line.Admitted {
		e := Refuse(SlotFull, "the stock of %s is used up; the place keeps its order for what comes back", c.ID)
		e.RetryAfter = soldOutRetry
		return Pass{}, e
	}
	if err := w.invitable(ctx, c, p); err != nil {
		return Pass{}, err
	}
	if err := w.leftFor(ctx, c, a.Channel, p); err != nil {
		return Pass{}, err
	}
	h := sha256.Sum256([]byte(device))
	pass, err := w.line.Enter(ctx, c.Num, s.Key, line.Device(h[:16]), takeover)
	if err != nil {
		err = w.lineError(c, err)
		if e, ok := errors.AsType[*Error](err); ok && e.Code == NotYourTurn {
			place := w.place(p)
			e.Place = &place
			e.RetryAfter = p.PollAfter
		}
		return Pass{}, err
	}
	return Pass{Token: w.passes.Encode(pass), ExpiresAt: pass.ExpiresAt}, nil
}

// soldOutRetry is when to look again after the stock was used up: a cancellation may come at any time, nobody need run.
const soldOutRetry = 5 * time.Minute

// bookable refuses when the dates do not allow entering and booking at this moment.
func (w *Walk) bookable(c *programme.Campaign) error {
	now := w.now()
	switch c.Phase(now) {
	case programme.PhaseOpen:
		return nil
	case programme.PhaseClosed:
		return w.lineError(c, line.ErrClosed)
	case programme.PhasePaused:
		e := Refuse(NotOpen, "%s is paused; places are kept", c.ID)
		e.RetryAfter = 10 * time.Second
		if p, ok := c.Pause(now); ok {
			e.RetryAfter = p.To.Sub(now)
		}
		return e
	case programme.PhaseDraft, programme.PhaseGathering:
		if weak.Off(weak.Opening) {
			return nil
		}
	}
	return w.lineError(c, line.ErrNotOpen)
}

// LiveBooking finds what somebody has booked in a campaign.
func (w *Walk) LiveBooking(ctx context.Context, c *programme.Campaign, who person.Key) (booking.Booking, bool, error) {
	bs, err := w.ledger.Bookings(ctx, who)
	if err != nil {
		return booking.Booking{}, false, Unavailable(err)
	}
	b, live := liveOf(c, bs)
	return b, live, nil
}

// liveOf finds the live booking in a campaign among somebody's.
func liveOf(c *programme.Campaign, all []booking.Booking) (booking.Booking, bool) {
	for _, b := range all {
		if b.Campaign == c.Num && b.Status == booking.Booked {
			return b, true
		}
	}
	return booking.Booking{}, false
}

// passOf reads a pass token and checks everything that makes it count: signature, life, person, the live serial.
func (w *Walk) passOf(ctx context.Context, a Actor, token string) (*programme.Campaign, Subject, error) {
	if a.Key.IsZero() {
		return nil, Subject{}, Refuse(NotSignedIn, "sign in first")
	}
	p, err := w.passes.Parse(token, w.now())
	over := errors.Is(err, line.ErrPassExpired)
	if err != nil && !over {
		return nil, Subject{}, Refuse(NoPass, "Charye-Pass: not a pass; wait for the turn and ask for one")
	}
	c, ok := w.programme.CampaignByNum(p.Campaign)
	if !ok {
		return nil, Subject{}, Refuse(NoPass, "Charye-Pass: not a pass of this programme")
	}
	s, err := w.subjectOfPass(ctx, a, c, p)
	if err != nil {
		return nil, Subject{}, err
	}
	// What the dates say comes first: nobody is told to ask for a new pass when there is none to be had.
	if err := w.bookable(c); err != nil {
		return nil, Subject{}, err
	}
	if over {
		return nil, Subject{}, Refuse(PassExpired, "the pass is over; the turn is kept, ask for a new pass")
	}
	if err := w.line.CheckPass(ctx, p); err != nil && !weak.Off(weak.LivePass) {
		return nil, Subject{}, w.lineError(c, err)
	}
	if err := w.MayTake(c, s); err != nil {
		return nil, Subject{}, err
	}
	s.channel = a.Channel
	return c, s, nil
}
