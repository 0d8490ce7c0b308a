package leftovers

import (
	"context"
	"strconv"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/leftover"
	"charye/programme"
	"charye/walk"
)

// bookTries is how often an accepted dose is tried to be booked when seats of later doses were taken meanwhile.
const bookTries = 3

// AcceptLeftover takes a dose that is offered to the actor or their recipient: it is theirs and nobody else's from then on, and booked when
// this returns. An error other than a refusal leaves it theirs: asking again goes on where this ended.
func (l *Lists) AcceptLeftover(ctx context.Context, a walk.Actor, campaign, recipient, offer string) (walk.Booking, error) {
	c, s, o, err := l.ownOffer(ctx, a, campaign, recipient, offer)
	if err != nil {
		return walk.Booking{}, err
	}
	b, ok, err := l.store.Batch(ctx, o.Batch)
	if err != nil || !ok {
		return walk.Booking{}, walk.Unavailable(err)
	}
	if o.State == leftover.Live {
		// What cannot be booked is not accepted: the offer stays, to be declined or to go by.
		if _, _, err := l.request(ctx, c, s, b, l.now()); err != nil {
			return walk.Booking{}, err
		}
	}
	out, err := l.pool.Do(ctx, leftover.Request{Op: leftover.OpAccept, At: l.now(), Person: s.Key, Offer: o.ID, Channel: a.Channel})
	if err != nil {
		return walk.Booking{}, walk.Unavailable(err)
	}
	if out.Result != leftover.Done && out.Result != leftover.Repeated {
		return walk.Booking{}, offerRefused(c, out.Result)
	}
	return l.book(ctx, a, c, s, out.Offer, out.Batch)
}

// book books an accepted dose and tells the list what came of it.
func (l *Lists) book(ctx context.Context, a walk.Actor, c *programme.Campaign, s walk.Subject, o leftover.Offer, b leftover.Batch) (walk.Booking, error) {
	var last error
	for range bookTries {
		req, done, err := l.request(ctx, c, s, b, l.now())
		if err != nil {
			if walk.CodeOf(err) == walk.Overloaded {
				return walk.Booking{}, err
			}
			last = err
			break
		}
		if done != nil {
			return l.booked(ctx, c, s, o, *done)
		}
		req.Actor, req.Channel, req.Why = a.Key, a.Channel, "leftover"
		req.Idempotency, req.Body = booking.Digest("leftover\x00"+strconv.FormatInt(o.ID, 10)), booking.Digest("leftover")
		if req.Sealed, err = l.walk.SealName(a, s); err != nil {
			return walk.Booking{}, err
		}
		out, err := l.desk.Do(ctx, req)
		if err != nil {
			return walk.Booking{}, walk.Unavailable(err)
		}
		switch out.Result {
		case booking.Done, booking.Repeated:
			return l.booked(ctx, c, s, o, out.Booking)
		case booking.Full, booking.AlreadyBooked, booking.NoBooking: // what was known of seats and bookings was old
			last = l.walk.Refused(c, out, func() []walk.Slot { return nil })
			if err := l.free.Refresh(ctx); err != nil {
				return walk.Booking{}, walk.Unavailable(err)
			}
			continue
		case booking.HoldGone, booking.KeyReused, booking.Limited, booking.Visited, booking.Malformed:
			last = l.walk.Refused(c, out, func() []walk.Slot { return nil })
		}
		break
	}
	_, err := l.pool.Do(ctx, leftover.Request{Op: leftover.OpSettle, At: l.now(), Person: s.Key, Offer: o.ID, Channel: "system", Why: string(walk.CodeOf(last))})
	if err != nil {
		return walk.Booking{}, walk.Unavailable(err)
	}
	return walk.Booking{}, last
}

func (l *Lists) booked(ctx context.Context, c *programme.Campaign, s walk.Subject, o leftover.Offer, b booking.Booking) (walk.Booking, error) {
	_, err := l.pool.Do(ctx, leftover.Request{Op: leftover.OpSettle, At: l.now(), Person: s.Key, Offer: o.ID, Booked: true, Channel: "system"})
	if err != nil {
		return walk.Booking{}, walk.Unavailable(err) // it is booked; the next asking, or the background work, tells the list
	}
	l.walk.Leave(ctx, c, s.Key)
	return l.walk.View(b, s), nil
}

// request gives the booking of a leftover dose for somebody, or why they cannot have one; done is the booking where
// they have it already. Whoever has booked an appointment that has not come moves to this dose: seat and stock of the old one
// go back, and the later doses are planned anew, all in one step.
func (l *Lists) request(ctx context.Context, c *programme.Campaign, s walk.Subject, b leftover.Batch, now time.Time) (req booking.Request, done *booking.Booking, err error) {
	today := civil.Of(now, l.programme.Zone)
	counter := booking.LeftoverCounter(uint32(b.ID))
	have, live, err := l.walk.LiveBooking(ctx, c, s.Key)
	if err != nil {
		return req, nil, err
	}
	if live && len(have.Doses) > 0 && have.Doses[0].Seat.Counter == counter {
		return req, &have, nil
	}
	switch {
	case !now.Before(b.Until):
		return req, nil, walk.Refuse(walk.Closed, "the dose had to be given by %s", b.Until.In(l.programme.Zone).Format(time.RFC3339))
	case live && l.begun(have, now):
		return req, nil, walk.Refuse(walk.AlreadyBooked, "the first dose of this person's booking in %s was given, or its time has come", c.ID)
	}
	if err := l.walk.MayHave(c, s); err != nil {
		return req, nil, err
	}
	product, ok := l.programme.Product(b.Product)
	if !ok || !product.Suits(s.Born, today) || !offeredTo(c, b.Product, s.Born) {
		return req, nil, walk.Refuse(walk.NotEligible, "%s is not for people of this age in %s", b.Product, c.ID)
	}
	at, ok := l.sites.Now().ByNum(b.Site)
	if !ok {
		return req, nil, walk.Refuse(walk.NotFound, "there is no such site")
	}
	minute := int(now.Sub(today.At(0, l.programme.Zone)) / time.Minute)
	first := booking.Choice{
		Slot:    booking.Slot{Session: booking.Session{Site: b.Site, Day: today, Minute: minute}, Product: b.Product},
		Minutes: max(1, int(b.Until.Sub(now)/time.Minute)),
		Seat:    booking.Claim{Counter: counter, Capacity: b.Doses, N: 1},
	}
	req = booking.Request{
		Op: booking.OpBook, Campaign: c.Num, Person: s.Key, At: now,
		Doses: l.walk.Plan(c, s, product, at, first), Limits: l.walk.Limits(product), Shared: []booking.Claim{},
	}
	if live {
		req.Op, req.Booking = booking.OpChange, have.ID
	}
	if n := len(req.Doses); len(req.Doses[n-1]) == 0 {
		return req, nil, walk.Refuse(walk.SlotFull, "dose %d finds no seat at this site within its interval, so that the series could not be finished", n)
	}
	return req, nil, nil
}

// offeredTo reports whether a campaign has a product for those born on a day. On which days it can be chosen is of no account:
// the dose is there.
func offeredTo(c *programme.Campaign, product string, born civil.Date) bool {
	for i := range c.Offers {
		o := &c.Offers[i]
		if o.Product == product {
			return o.Born == nil || born >= o.Born.From && born <= o.Born.To
		}
	}
	return false
}
