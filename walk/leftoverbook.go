package walk

import (
	"context"
	"strconv"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/leftover"
	"charye/programme"
)

// bookTries is how often an accepted dose is tried to be booked when seats of later doses were taken meanwhile.
const bookTries = 3

// AcceptLeftover takes a dose that is offered to the actor or their recipient: it is theirs and nobody else's from then on, and booked when
// this returns. An error other than a refusal leaves it theirs: asking again goes on where this ended.
func (w *Walk) AcceptLeftover(ctx context.Context, a Actor, campaign, recipient, offer string) (Booking, error) {
	c, s, o, err := w.ownOffer(ctx, a, campaign, recipient, offer)
	if err != nil {
		return Booking{}, err
	}
	b, ok, err := w.leftovers.Batch(ctx, o.Batch)
	if err != nil || !ok {
		return Booking{}, unavailable(err)
	}
	if o.State == leftover.Live {
		// What cannot be booked is not accepted: the offer stays, to be declined or to go by.
		if _, _, err := w.leftoverRequest(ctx, c, s, b, w.now()); err != nil {
			return Booking{}, err
		}
	}
	out, err := w.leftoverPool.Do(ctx, leftover.Request{Op: leftover.OpAccept, At: w.now(), Person: s.key, Offer: o.ID, Channel: a.Channel})
	if err != nil {
		return Booking{}, unavailable(err)
	}
	if out.Result != leftover.Done && out.Result != leftover.Repeated {
		return Booking{}, offerRefused(c, out.Result)
	}
	return w.bookLeftover(ctx, a, c, s, out.Offer, out.Batch)
}

// bookLeftover books an accepted dose and tells the list what came of it.
func (w *Walk) bookLeftover(ctx context.Context, a Actor, c *programme.Campaign, s subject, o leftover.Offer, b leftover.Batch) (Booking, error) {
	var last error
	for range bookTries {
		req, done, err := w.leftoverRequest(ctx, c, s, b, w.now())
		if err != nil {
			if codeOf(err) == Overloaded {
				return Booking{}, err
			}
			last = err
			break
		}
		if done != nil {
			return w.leftoverDone(ctx, c, s, o, *done)
		}
		req.Actor, req.Channel, req.Why = a.Key, a.Channel, "leftover"
		req.Idempotency, req.Body = digest("leftover\x00"+strconv.FormatInt(o.ID, 10)), digest("leftover")
		if req.Sealed, err = w.sealName(a, s); err != nil {
			return Booking{}, err
		}
		out, err := w.desk.Do(ctx, req)
		if err != nil {
			return Booking{}, unavailable(err)
		}
		switch out.Result {
		case booking.Done, booking.Repeated:
			return w.leftoverDone(ctx, c, s, o, out.Booking)
		case booking.Full, booking.AlreadyBooked, booking.NoBooking: // what was known of seats and bookings was old
			last = w.refused(c, out, func() []Slot { return nil })
			if err := w.free.Refresh(ctx); err != nil {
				return Booking{}, unavailable(err)
			}
			continue
		case booking.HoldGone, booking.KeyReused, booking.Limited, booking.Visited, booking.Malformed:
			last = w.refused(c, out, func() []Slot { return nil })
		}
		break
	}
	_, err := w.leftoverPool.Do(ctx, leftover.Request{Op: leftover.OpSettle, At: w.now(), Person: s.key, Offer: o.ID, Channel: "system", Why: string(codeOf(last))})
	if err != nil {
		return Booking{}, unavailable(err)
	}
	return Booking{}, last
}

func (w *Walk) leftoverDone(ctx context.Context, c *programme.Campaign, s subject, o leftover.Offer, b booking.Booking) (Booking, error) {
	_, err := w.leftoverPool.Do(ctx, leftover.Request{Op: leftover.OpSettle, At: w.now(), Person: s.key, Offer: o.ID, Booked: true, Channel: "system"})
	if err != nil {
		return Booking{}, unavailable(err) // it is booked; the next asking, or the background work, tells the list
	}
	w.leave(ctx, c, s.key)
	return w.view(b, s), nil
}

// leftoverRequest gives the booking of a leftover dose for somebody, or why they cannot have one; done is the booking where
// they have it already. Whoever has booked an appointment that has not come moves to this dose: seat and stock of the old one
// go back, and the later doses are planned anew, all in one step.
func (w *Walk) leftoverRequest(ctx context.Context, c *programme.Campaign, s subject, b leftover.Batch, now time.Time) (req booking.Request, done *booking.Booking, err error) {
	today := civil.Of(now, w.programme.Zone)
	counter := booking.LeftoverCounter(uint32(b.ID))
	have, live, err := w.liveBooking(ctx, c, s.key)
	if err != nil {
		return req, nil, err
	}
	if live && len(have.Doses) > 0 && have.Doses[0].Seat.Counter == counter {
		return req, &have, nil
	}
	switch {
	case !now.Before(b.Until):
		return req, nil, refuse(Closed, "the dose had to be given by %s", b.Until.In(w.programme.Zone).Format(time.RFC3339))
	case live && w.begun(have, now):
		return req, nil, refuse(AlreadyBooked, "the first dose of this person's booking in %s was given, or its time has come", c.ID)
	}
	if err := w.mayHave(c, s); err != nil {
		return req, nil, err
	}
	product, ok := w.programme.Product(b.Product)
	if !ok || !product.Suits(s.born, today) || !offeredTo(c, b.Product, s.born) {
		return req, nil, refuse(NotEligible, "%s is not for people of this age in %s", b.Product, c.ID)
	}
	at, ok := w.sites.Load().index.ByNum(b.Site)
	if !ok {
		return req, nil, refuse(NotFound, "there is no such site")
	}
	of := series{product, c, s.born}
	minute := int(now.Sub(today.At(0, w.programme.Zone)) / time.Minute)
	first := booking.Choice{
		Slot:    booking.Slot{Session: booking.Session{Site: b.Site, Day: today, Minute: minute}, Product: b.Product},
		Minutes: max(1, int(b.Until.Sub(now)/time.Minute)),
		Seat:    booking.Claim{Counter: counter, Capacity: b.Doses, N: 1},
	}
	req = booking.Request{
		Op: booking.OpBook, Campaign: c.Num, Person: s.key, At: now,
		Doses: w.seriesFrom(of, at, first, 1), Limits: w.limits(product), Shared: []booking.Claim{},
	}
	if live {
		req.Op, req.Booking = booking.OpChange, have.ID
	}
	if n := len(req.Doses); len(req.Doses[n-1]) == 0 {
		return req, nil, refuse(SlotFull, "dose %d finds no seat at this site within its interval, so that the series could not be finished", n)
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
