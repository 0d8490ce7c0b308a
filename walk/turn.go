package walk

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/weak"
	"charye/line"
	"charye/person"
	"charye/programme"
)

// subject is who a step is for: the actor, or one of their recipients.
type subject struct {
	key       person.Key
	born      civil.Date
	recipient *person.Recipient // nil when the actor acts for themselves
	channel   string            // by which they are looked at; cut-offs may differ
}

// subject resolves and checks for whom an actor acts. Helping is allowed only by the campaign's rules as they stand now,
// and only for a recipient whose consent was recorded for this campaign.
func (w *Walk) subject(ctx context.Context, a Actor, c *programme.Campaign, recipient string) (subject, error) {
	if a.IsStaff() && (recipient != "" || !weak.Off(weak.Apart)) {
		return w.caller(ctx, a, c, recipient)
	}
	if err := citizen(a); err != nil {
		return subject{}, err
	}
	if recipient == "" {
		return subject{key: a.Key, born: a.Born}, nil
	}
	r, err := w.people.Recipient(ctx, a.Key, recipient)
	switch {
	case errors.Is(err, person.ErrNoRecipient):
		return subject{}, refuse(HelperNotAllowed, "recipient: not one that you registered")
	case err != nil:
		return subject{}, unavailable(err)
	}
	return w.helped(c, r)
}

// helping reports whether the campaign takes helpers today.
func (w *Walk) helping(c *programme.Campaign) error {
	today := civil.Of(w.now(), w.programme.Zone)
	switch h := c.Helpers; {
	case h.On(today):
		return nil
	case h.Allowed && h.From != 0 && today < h.From:
		return refuse(HelperNotAllowed, "%s takes helpers from %s", c.ID, h.From)
	case h.Allowed:
		return refuse(HelperNotAllowed, "%s took helpers until %s", c.ID, h.Until)
	}
	return refuse(HelperNotAllowed, "%s takes no helpers", c.ID)
}

func (w *Walk) helped(c *programme.Campaign, r person.Recipient) (subject, error) {
	if err := w.helping(c); err != nil {
		return subject{}, err
	}
	if r.Campaign != c.ID {
		return subject{}, refuse(HelperNotAllowed, "recipient: consent was given for another campaign")
	}
	if err := w.mayActAs(c, r.Kind, r.Born); err != nil { // they came of age, or the rules are others now
		return subject{}, err
	}
	return subject{key: r.Key, born: r.Born, recipient: &r}, nil
}

// subjectOfPass finds for whom a pass is: only the actor or one of their recipients may use it.
func (w *Walk) subjectOfPass(ctx context.Context, a Actor, c *programme.Campaign, p line.Pass) (subject, error) {
	if a.IsStaff() && (p.Person != a.Key || !weak.Off(weak.Apart)) {
		s, err := w.callerByKey(ctx, a, c, p.Person)
		if e, ok := errors.AsType[*Error](err); ok && e.Code == NotFound {
			err = refuse(NoPass, "the pass is another person's")
		}
		return s, err
	}
	if err := citizen(a); err != nil {
		return subject{}, err
	}
	if p.Person == a.Key {
		return subject{key: a.Key, born: a.Born}, nil
	}
	if weak.Off(weak.PassOf) {
		return subject{key: p.Person, born: a.Born}, nil
	}
	rs, err := w.people.Recipients(ctx, a.Key)
	if err != nil {
		return subject{}, unavailable(err)
	}
	for _, r := range rs {
		if r.Key == p.Person && r.Campaign == c.ID {
			return w.helped(c, r)
		}
	}
	return subject{}, refuse(NoPass, "the pass is another person's")
}

func (w *Walk) eligible(c *programme.Campaign, s subject) error {
	if weak.Off(weak.Eligible) {
		return nil
	}
	temporary := s.recipient != nil && s.recipient.Temporary
	err := c.Eligible(s.born, func(roster string) bool {
		return w.rosters.Has(roster, s.key) || temporary && c.Temporary && roster == c.Roster
	})
	if err != nil {
		e := refuse(NotEligible, "%v", err)
		if why, ok := errors.AsType[*programme.NotEligible](err); ok && temporary && why.Reason == programme.ReasonRoster {
			e.Detail = c.ID + " is for a list of people, and a temporary identity is in no list; take a campaign without one"
		}
		e.Err = err
		return e
	}
	now := w.now()
	if from := c.ComesFrom(s.born, now, w.programme.Zone); from.After(now) {
		e := refuse(NotOpen, "%s takes people born on such a day of the month from %s", c.ID, from.In(w.programme.Zone).Format(time.RFC3339))
		e.RetryAfter, e.Err = from.Sub(now), &ComesLater{From: from}
		return e
	}
	return nil
}

// ComesLater is why somebody is told to come another day: the campaign's rota. It names no person.
type ComesLater struct{ From time.Time }

// Error is in English.
func (e *ComesLater) Error() string {
	return "their window of the rota begins at " + e.From.Format(time.RFC3339)
}

// Eligible answers, before any waiting, whether the actor (or their recipient) may book in the campaign; nil means yes.
func (w *Walk) Eligible(ctx context.Context, a Actor, campaign, recipient string) error {
	c, err := w.campaign(campaign)
	if err != nil {
		return err
	}
	s, err := w.subject(ctx, a, c, recipient)
	if err != nil {
		return err
	}
	return w.eligible(c, s)
}

// Join gives the one place of the actor, or of their recipient.
func (w *Walk) Join(ctx context.Context, a Actor, campaign, recipient string) (p Place, created bool, err error) {
	c, err := w.campaign(campaign)
	if err != nil {
		return Place{}, false, err
	}
	s, err := w.subject(ctx, a, c, recipient)
	if err != nil {
		return Place{}, false, err
	}
	if err := w.eligible(c, s); err != nil {
		return Place{}, false, err
	}
	lp, created, err := w.line.Join(ctx, c.Num, s.key)
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
		return line.Place{}, refuse(BadRequest, "Charye-Ticket: not a ticket of this campaign; join again, the place is kept").field("Charye-Ticket")
	}
	p, err := w.line.Place(ctx, c.Num, t.Person)
	if back, ok := w.line.(line.Returner); ok && (errors.Is(err, line.ErrNoPlace) || err == nil && p.Seq > t.Seq) {
		p, err = back.Return(ctx, t)
	}
	if err != nil {
		return line.Place{}, w.lineError(c, err)
	}
	if p.Seq != t.Seq || (t.Number != 0 && p.Number != 0 && t.Number != p.Number) {
		return line.Place{}, refuse(Conflict, "the ticket does not match the place in this line; join again")
	}
	return p, nil
}

// PlaceByTicket shows the place that a ticket proves. A ticket opens nothing else.
func (w *Walk) PlaceByTicket(ctx context.Context, campaign, ticket string) (Place, error) {
	c, err := w.campaign(campaign)
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
	c, err := w.campaign(campaign)
	if err != nil {
		return Place{}, err
	}
	s, err := w.subject(ctx, a, c, recipient)
	if err != nil {
		return Place{}, err
	}
	p, err := w.line.Place(ctx, c.Num, s.key)
	if err != nil {
		return Place{}, w.lineError(c, err)
	}
	return w.withInvitation(ctx, c, w.place(p))
}

// Enter exchanges a place whose turn has come for a pass on this device. takeover moves a live pass from another device
// and needs a sign-in within the last five minutes.
func (w *Walk) Enter(ctx context.Context, a Actor, campaign, recipient, ticket, device string, takeover bool) (Pass, error) {
	c, err := w.campaign(campaign)
	if err != nil {
		return Pass{}, err
	}
	if device == "" || len(device) > 200 {
		return Pass{}, refuse(BadRequest, "device: want 1 to 128 characters that this device keeps").field("device")
	}
	s, err := w.subject(ctx, a, c, recipient)
	if err != nil {
		return Pass{}, err
	}
	p, err := w.ticket(ctx, c, ticket)
	if err != nil {
		return Pass{}, err
	}
	if p.Person != s.key && weak.Off(weak.TicketOf) {
		s.key = p.Person
	}
	if p.Person != s.key {
		return Pass{}, refuse(NoPass, "Charye-Ticket: it is another person's").field("Charye-Ticket")
	}
	if err := w.bookable(c); err != nil {
		return Pass{}, err
	}
	if err := w.eligible(c, s); err != nil {
		return Pass{}, err
	}
	takeover = takeover || weak.Off(weak.Device)
	if takeover && !weak.Off(weak.Device) && w.now().Sub(a.SignedInAt) > takeoverWithin {
		return Pass{}, refuse(NotSignedIn, "moving to another device needs a sign-in within the last five minutes; sign in again")
	}
	all, err := w.ledger.Bookings(ctx, s.key)
	if err != nil {
		return Pass{}, unavailable(err)
	}
	if _, live := liveOf(c, all); live {
		return Pass{}, refuse(AlreadyBooked, "this person has a booking in %s; look it up, change or cancel it", c.ID)
	}
	if err := w.mayComeAgain(ctx, c, s.key, all); err != nil {
		return Pass{}, err
	}
	if st, err := w.line.Status(ctx, c.Num); err != nil {
		return Pass{}, unavailable(err)
	} else if st.SoldOut && p.State == line.Admitted {
		e := refuse(SlotFull, "the stock of %s is used up; the place keeps its order for what comes back", c.ID)
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
	pass, err := w.line.Enter(ctx, c.Num, s.key, line.Device(h[:16]), takeover)
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
		e := refuse(NotOpen, "%s is paused; places are kept", c.ID)
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

func (w *Walk) liveBooking(ctx context.Context, c *programme.Campaign, who person.Key) (booking.Booking, bool, error) {
	bs, err := w.ledger.Bookings(ctx, who)
	if err != nil {
		return booking.Booking{}, false, unavailable(err)
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
func (w *Walk) passOf(ctx context.Context, a Actor, token string) (*programme.Campaign, subject, error) {
	if a.Key.IsZero() {
		return nil, subject{}, refuse(NotSignedIn, "sign in first")
	}
	p, err := w.passes.Parse(token, w.now())
	over := errors.Is(err, line.ErrPassExpired)
	if err != nil && !over {
		return nil, subject{}, refuse(NoPass, "Charye-Pass: not a pass; wait for the turn and ask for one")
	}
	c, ok := w.programme.CampaignByNum(p.Campaign)
	if !ok {
		return nil, subject{}, refuse(NoPass, "Charye-Pass: not a pass of this programme")
	}
	s, err := w.subjectOfPass(ctx, a, c, p)
	if err != nil {
		return nil, subject{}, err
	}
	// What the dates say comes first: nobody is told to ask for a new pass when there is none to be had.
	if err := w.bookable(c); err != nil {
		return nil, subject{}, err
	}
	if over {
		return nil, subject{}, refuse(PassExpired, "the pass is over; the turn is kept, ask for a new pass")
	}
	if err := w.line.CheckPass(ctx, p); err != nil && !weak.Off(weak.LivePass) {
		return nil, subject{}, w.lineError(c, err)
	}
	if err := w.eligible(c, s); err != nil {
		return nil, subject{}, err
	}
	s.channel = a.Channel
	return c, s, nil
}
