package walk

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/programme"
)

// maxIdempotencyKey is the longest Idempotency-Key taken, in bytes; openapi.yaml says the same.
const maxIdempotencyKey = 255

// Hold keeps a slot, with its whole series, for minutes.
func (w *Walk) Hold(ctx context.Context, a Actor, pass, slot string) (Hold, error) {
	c, s, err := w.passOf(ctx, a, pass)
	if err != nil {
		return Hold{}, err
	}
	now := w.now()
	req, err := w.request(c, s, a, slot, now)
	if err != nil {
		return Hold{}, err
	}
	req.Op = booking.OpHold
	req.HoldUntil = now.Add(holdFor).Truncate(time.Second)
	out, err := w.desk.Do(ctx, req)
	if err != nil {
		return Hold{}, Unavailable(err)
	}
	if out.Result != booking.Done {
		return Hold{}, w.Refused(c, out, w.nearFirst(c, req))
	}
	return Hold{ID: strconv.FormatInt(out.Hold.ID, 10), Slot: slot, ExpiresAt: out.Hold.Until}, nil
}

// Book confirms: committed when it returns. repeated tells that the idempotency key had been answered before.
func (w *Walk) Book(ctx context.Context, a Actor, pass string, r BookRequest) (b Booking, repeated bool, err error) {
	if r.IdempotencyKey == "" || len(r.IdempotencyKey) > maxIdempotencyKey {
		return Booking{}, false, Refuse(BadRequest, "Idempotency-Key: want 1 to %d characters, a new one for each booking", maxIdempotencyKey).At("Idempotency-Key")
	}
	if (r.Slot == "") == (r.Hold == "") {
		return Booking{}, false, Refuse(BadRequest, "slot, hold: want exactly one of the two").At("slot")
	}
	c, s, req, err := w.bookRequest(ctx, a, pass, r)
	var other Subject
	if err == nil && r.WithPass != "" {
		other, err = w.withPartner(ctx, a, r, &req)
	}
	if err != nil {
		// The pass ended with the booking it made, and its seats are taken: a repeat of that very request gets its answer.
		if b, ok := w.repeat(ctx, a, r.Recipient, booking.Digest(r.IdempotencyKey), booking.Digest(r.Slot+"\x00"+r.Hold)); ok {
			return b, true, nil
		}
		return Booking{}, false, err
	}
	begun := time.Now()
	out, err := w.desk.Do(ctx, req)
	if err != nil {
		return Booking{}, false, Unavailable(err)
	}
	w.line.Observe(c.Num, time.Since(begun))
	switch out.Result {
	case booking.Done, booking.Repeated:
		if out.Booking.Status == booking.Cancelled { // nothing is booked, so "booked" is not said
			return Booking{}, false, Refuse(Conflict, "Idempotency-Key: its booking was cancelled since; take a new one").At("Idempotency-Key")
		}
		w.Leave(ctx, c, s.Key)
		w.Settle(ctx, s.Recipient)
		b = w.View(out.Booking, s)
		if out.Partner != nil && out.Partner.Booking.ID != 0 {
			with := w.View(out.Partner.Booking, other)
			b.With = &with
			w.Leave(ctx, with.Campaign, other.Key)
			w.Settle(ctx, other.Recipient)
		}
		return b, out.Result == booking.Repeated, nil
	case booking.Full, booking.AlreadyBooked, booking.HoldGone, booking.NoBooking, booking.KeyReused, booking.Limited, booking.Visited, booking.Malformed:
	}
	return Booking{}, false, w.Refused(c, out, w.nearFirst(c, req))
}

// bookRequest makes all checks of a booking and gives the request that the ledger decides on.
func (w *Walk) bookRequest(ctx context.Context, a Actor, pass string, r BookRequest) (*programme.Campaign, Subject, booking.Request, error) {
	none := booking.Request{}
	c, s, err := w.passOf(ctx, a, pass)
	if err != nil {
		return nil, Subject{}, none, err
	}
	now := w.now()
	req := w.ask(c, s, a, now)
	if r.Slot != "" {
		if req, err = w.request(c, s, a, r.Slot, now); err != nil {
			return nil, Subject{}, none, err
		}
	} else {
		if req.Hold, err = strconv.ParseInt(r.Hold, 10, 64); err != nil || req.Hold <= 0 {
			return nil, Subject{}, none, Refuse(BadRequest, "hold: want the id that POST /api/v1/holds gave").At("hold")
		}
		if err = w.rulesOfHold(ctx, c, s, &req); err != nil {
			return nil, Subject{}, none, err
		}
	}
	req.Op = booking.OpBook
	req.Idempotency, req.Body = booking.Digest(r.IdempotencyKey), booking.Digest(r.Slot+"\x00"+r.Hold)
	if req.Sealed, err = w.SealName(a, s); err != nil {
		return nil, Subject{}, none, err
	}
	return c, s, req, nil
}

// withPartner has a request book somebody else at the same time and place too, with a pass of theirs. Both are booked, or neither.
func (w *Walk) withPartner(ctx context.Context, a Actor, r BookRequest, req *booking.Request) (Subject, error) {
	if r.Slot == "" {
		return Subject{}, Refuse(BadRequest, "slot: two people are booked by a slot, not by a hold").At("slot")
	}
	_, s, partner, err := w.bookRequest(ctx, a, r.WithPass, BookRequest{Slot: r.Slot, IdempotencyKey: r.IdempotencyKey})
	switch {
	case err != nil:
		return Subject{}, ofPartner(err)
	case s.Key == req.Person:
		return Subject{}, Refuse(BadRequest, "with: it is the pass of the same person; want the other's").At("with")
	}
	partner.At = req.At
	req.Partner = &partner
	return s, nil
}

// ofPartner says of an error that it is about the other one.
func ofPartner(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		of := *e
		of.Detail = "the other person: " + of.Detail
		return &of
	}
	return err
}

// repeat finds the booking that this idempotency key and body made before, for the actor or one of their recipients.
func (w *Walk) repeat(ctx context.Context, a Actor, recipient string, key, body [16]byte) (Booking, bool) {
	var all []ownBooking
	var err error
	if a.IsStaff() {
		all, err = w.bookingsOf(ctx, a, recipient)
	} else {
		all, err = w.ownAll(ctx, a)
	}
	if err != nil {
		return Booking{}, false
	}
	for _, o := range all {
		if o.Idempotency == key && o.Body == body && o.Status == booking.Booked {
			return w.View(o.Booking, o.subject), true
		}
	}
	return Booking{}, false
}

// ask is the frame of a request; request fills in the slot with its series.
func (w *Walk) ask(c *programme.Campaign, s Subject, a Actor, now time.Time) booking.Request {
	return booking.Request{Campaign: c.Num, Person: s.Key, Actor: a.Key, Channel: a.Channel, At: now}
}

func (w *Walk) request(c *programme.Campaign, s Subject, a Actor, slot string, now time.Time) (booking.Request, error) {
	first, at, err := w.choice(c, s, slot, true, "")
	if err != nil {
		return booking.Request{}, err
	}
	of, ok := w.series(c, s, first.Slot.Product)
	if !ok {
		return booking.Request{}, Refuse(BadRequest, "slot: there is no such product").At("slot")
	}
	req := w.ask(c, s, a, now)
	req.Doses, req.Limits, req.Apart = w.seriesFrom(of, at, first, 1), w.Limits(of.Product), w.apart(of.Product, now)
	req.Shared = w.stock.Claims(c, a.Channel, at, first.Slot.Day, now)
	if n := len(req.Doses); len(req.Doses[n-1]) == 0 {
		e := Refuse(SlotFull, "dose %d finds no seat at this site within its interval; take one of the alternatives or another site", n)
		e.Alternatives = w.alternatives(c, at, first.Slot)
		return booking.Request{}, e
	}
	return req, nil
}

// Limits are what a person may have booked in other campaigns beside a product.
func (w *Walk) Limits(p *programme.Product) (out []booking.Limit) {
	for _, l := range w.programme.Limits(p, p.Series.Doses) {
		out = append(out, booking.Limit(l))
	}
	return out
}

// apart is what the doses of a series must keep away from.
func (w *Walk) apart(p *programme.Product, now time.Time) (out []booking.Apart) {
	for _, a := range w.programme.AwayFrom(p, civil.Of(now, w.programme.Zone)) {
		out = append(out, booking.Apart(a))
	}
	return out
}

// rulesOfHold sets what stands against the booking of the product that a person holds a slot of. Where no product of the campaign has
// such rules, as in most, the hold is not looked up.
func (w *Walk) rulesOfHold(ctx context.Context, c *programme.Campaign, s Subject, req *booking.Request) error {
	ruled := func(id string) bool {
		p, ok := w.programme.Product(id)
		return ok && len(w.Limits(p))+len(w.apart(p, req.At)) > 0
	}
	if !slices.ContainsFunc(c.Products, ruled) {
		return nil
	}
	h, ok, err := w.ledger.Hold(ctx, s.Key, c.Num)
	if err != nil {
		return Unavailable(err)
	}
	if !ok || len(h.Doses) == 0 {
		return nil // the ledger refuses the booking
	}
	if p, ok := w.programme.Product(h.Doses[0].Slot.Product); ok {
		req.Limits, req.Apart = w.Limits(p), w.apart(p, req.At)
	}
	return nil
}

// SealName keeps the person's name and year of birth for the clinic, sealed.
func (w *Walk) SealName(a Actor, s Subject) ([]byte, error) {
	var name string
	switch {
	case s.Recipient != nil:
		name = s.Recipient.Name
	case a.OpenName != nil:
		var err error
		if name, err = a.OpenName(); err != nil {
			return nil, err
		}
	}
	if name == "" {
		return nil, nil
	}
	return w.keys.Seal(booking.NamePlace(s.Key), []byte(withYear(name, s.Born)))
}

// Refused is the one table from what the ledger refuses to what a person is told.
// near gives what there is instead of a full slot.
func (w *Walk) Refused(c *programme.Campaign, out booking.Outcome, near func() []Slot) error {
	switch out.Result {
	case booking.Full:
		e := Refuse(SlotFull, "somebody was quicker: the slot has just been taken; take one of the alternatives")
		switch {
		case out.FullDose == 0:
			e.Detail = fullShare(out.Shared)
		case out.FullDose > 1:
			e.Detail = "dose " + strconv.Itoa(out.FullDose) + " finds no seat at this site within its interval; take one of the alternatives"
		}
		if k := out.Shared.Kind(); out.FullDose != 0 || k == booking.KindDayShare || k == booking.KindRegionShare {
			e.Alternatives = near()
		}
		if out.Partner != nil && out.Partner.Result == booking.Full {
			e.Detail = "there is no room for both of them: " + e.Detail
		}
		return e
	case booking.Limited:
		return Refuse(NotEligible, "this person has doses booked in another campaign that do not go together with this product, or enough of it; cancel those first, or take another product")
	case booking.AlreadyBooked:
		return Refuse(AlreadyBooked, "this person has a booking in %s; look it up, change or cancel it", c.ID)
	case booking.HoldGone:
		return Refuse(Conflict, "hold: its minutes are over or it was replaced; choose a slot again").At("hold")
	case booking.KeyReused:
		return Refuse(Conflict, "Idempotency-Key: it was used for another request; take a new one").At("Idempotency-Key")
	case booking.Visited:
		return Refuse(Conflict, "a dose of this booking was given, or its person is there; ring the clinic or the call desk")
	case booking.NoBooking:
		return Refuse(NotFound, "there is no such booking of yours")
	case booking.Done, booking.Repeated, booking.Malformed:
	}
	return Refuse(Internal, "unexpected outcome %d", out.Result)
}

// fullShare says what of the stock is used up.
func fullShare(id booking.Counter) string {
	switch id.Kind() {
	case booking.KindDayShare:
		return "the doses of this day are used up; take another day"
	case booking.KindRegionShare:
		return "the doses of this region are used up; take a site in another region"
	case booking.KindChannelShare:
		return "what can be booked this way is used up at this moment; the place keeps its order for what comes back"
	default:
		return "the stock of this campaign is used up at this moment; the place keeps its order for what comes back"
	}
}

// nearFirst gives the slots near the first dose of a request.
func (w *Walk) nearFirst(c *programme.Campaign, req booking.Request) func() []Slot {
	return func() []Slot {
		if len(req.Doses) == 0 || len(req.Doses[0]) == 0 {
			return nil
		}
		wanted := req.Doses[0][0].Slot
		s, ok := w.sites.Now().ByNum(wanted.Site)
		if !ok {
			return nil
		}
		return w.alternatives(c, s, wanted)
	}
}
