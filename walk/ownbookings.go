package walk

import (
	"context"
	"strconv"
	"strings"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/weak"
	"charye/programme"
	"charye/site"
)

// ownBooking is a booking together with how the actor comes to see it.
type ownBooking struct {
	booking.Booking
	subject  Subject
	campaign *programme.Campaign
}

// ownAll lists the actor's bookings and those of their recipients, in the campaign consent was given for.
func (w *Walk) ownAll(ctx context.Context, a Actor) ([]ownBooking, error) {
	if err := Citizen(a); err != nil {
		return nil, err
	}
	var out []ownBooking
	add := func(s Subject, campaign string) error {
		bs, err := w.ledger.Bookings(ctx, s.Key)
		if err != nil {
			return Unavailable(err)
		}
		for _, b := range bs {
			c, ok := w.programme.CampaignByNum(b.Campaign)
			if ok && (campaign == "" || campaign == c.ID) {
				out = append(out, ownBooking{Booking: b, subject: s, campaign: c})
			}
		}
		return nil
	}
	if err := add(Subject{Key: a.Key, Born: a.Born, channel: a.Channel}, ""); err != nil {
		return nil, err
	}
	rs, err := w.people.Recipients(ctx, a.Key)
	if err != nil {
		return nil, Unavailable(err)
	}
	for _, r := range rs {
		if r.Key == a.Key {
			continue
		}
		if err := add(Subject{Key: r.Key, Born: r.Born, Recipient: &r, channel: a.Channel}, r.Campaign); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// own finds one of the actor's bookings by its public id. Somebody else's is not found, whatever the id.
func (w *Walk) own(ctx context.Context, a Actor, id string) (ownBooking, error) {
	num, ok := w.ParseBookingID(id)
	if !ok {
		return ownBooking{}, Refuse(NotFound, "there is no such booking of yours")
	}
	if weak.Off(weak.BookingOf) {
		if b, ok, err := w.ledger.Booking(ctx, num); ok && err == nil {
			c, _ := w.programme.CampaignByNum(b.Campaign)
			return ownBooking{Booking: b, subject: Subject{Key: b.Person}, campaign: c}, nil
		}
	}
	if a.IsStaff() && !weak.Off(weak.Apart) {
		return w.bookingOf(ctx, a, num)
	}
	all, err := w.ownAll(ctx, a)
	if err != nil {
		return ownBooking{}, err
	}
	for _, o := range all {
		if o.ID == num {
			return o, nil
		}
	}
	return ownBooking{}, Refuse(NotFound, "there is no such booking of yours")
}

// Bookings lists the actor's bookings and those of their recipients, newest first.
func (w *Walk) Bookings(ctx context.Context, a Actor) ([]Booking, error) {
	all, err := w.ownAll(ctx, a)
	if err != nil {
		return nil, err
	}
	out := make([]Booking, 0, len(all))
	for _, o := range all {
		v, err := w.viewMissed(ctx, o)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	sortNewest(out)
	return out, nil
}

// Booking finds one of those by id; anybody else's is [NotFound].
func (w *Walk) Booking(ctx context.Context, a Actor, id string) (Booking, error) {
	o, err := w.own(ctx, a, id)
	if err != nil {
		return Booking{}, err
	}
	return w.viewMissed(ctx, o)
}

// Change moves one dose (1, 2 …) of a booking to another slot; the later doses follow where the interval demands it.
func (w *Walk) Change(ctx context.Context, a Actor, id string, dose int, slot string) (Booking, error) {
	o, err := w.own(ctx, a, id)
	if err != nil {
		return Booking{}, err
	}
	last := len(o.Doses)
	if of, ok := w.series(o.campaign, o.subject, o.Doses[0].Slot.Product); ok {
		last = o.bookable(of)
	}
	if dose < 1 || dose > last {
		return Booking{}, Refuse(BadRequest, "dose: want 1 to %d", last).At("dose")
	}
	if o.Status != booking.Booked {
		return Booking{}, Refuse(Conflict, "the booking is cancelled or over; it cannot be changed")
	}
	another := dose > len(o.Doses)                // behind one that was spoilt
	missed := another || !o.Doses[dose-1].Draws() // turned away, or not come for: there is no seat to lose, and no cut-off
	now := w.now()
	if _, leftover := o.Doses[0].Seat.Counter.Leftover(); leftover && dose == 1 { // it took nothing from the stock, and nothing of that can come of it
		return Booking{}, Refuse(Closed, "a leftover dose is of its day and place; ring the clinic when you cannot come")
	}
	if !missed && !w.mayChange(o, now, dose-1) {
		return Booking{}, Refuse(Closed, "the time for changing dose %d online is over; ring the clinic or the call desk", dose)
	}
	moved, at, err := w.choice(o.campaign, o.subject, slot, dose == 1, o.Doses[0].Slot.Product)
	if err != nil {
		return Booking{}, err
	}
	began := o.Doses[0].Slot.Product
	if dose == 1 {
		began = moved.Slot.Product
	}
	of, ok := w.series(o.campaign, o.subject, began)
	if !ok {
		return Booking{}, Refuse(BadRequest, "slot: there is no such product").At("slot")
	}
	lists := make([][]booking.Choice, 0, len(o.Doses))
	for _, d := range o.Doses[:dose-1] {
		lists = append(lists, kept(d))
	}
	if dose > 1 {
		want, legal := of.behind(&o.Booking, dose, o.Doses[dose-2].Slot, moved.Slot.Day)
		if moved.Slot.Product != want {
			return Booking{}, Refuse(BadRequest, "slot: dose %d is of %s; take a slot of it", dose, want).At("slot")
		}
		if !legal {
			return Booking{}, Refuse(BadRequest, "slot: the day is outside the interval after dose %d", dose-1).At("slot")
		}
	}
	if another {
		lists = append(lists, []booking.Choice{moved})
	} else {
		lists = append(lists, w.laterDoses(o, of, at, moved, dose)...)
	}
	req := w.ask(o.campaign, o.subject, a, now)
	req.Op, req.Booking, req.Doses, req.Shared = booking.OpChange, o.ID, lists, o.Shared
	if dose == 1 {
		req.Shared = w.stock.Moved(o.campaign, o.Shared, at, moved.Slot.Day)
	}
	if len(lists) > len(o.Doses) && o.short() {
		req.Shared = w.oneMore(o.campaign, o.Shared)
	}
	req.Apart = w.apart(of.Product, now)
	if began != o.Doses[0].Slot.Product {
		req.Limits = w.Limits(of.Product)
	}
	near := func() []Slot {
		if dose == 1 {
			return w.alternatives(o.campaign, at, moved.Slot)
		}
		return w.sameDay(at, moved.Slot)
	}
	if n := len(lists); len(lists[n-1]) == 0 {
		e := Refuse(SlotFull, "dose %d finds no seat at this site within its interval; take one of the alternatives or another site", n)
		e.Alternatives = near()
		return Booking{}, e
	}
	out, err := w.desk.Do(ctx, req)
	if err != nil {
		return Booking{}, Unavailable(err)
	}
	switch out.Result {
	case booking.Done, booking.Repeated: // repeated: it stands there already
		return w.View(out.Booking, o.subject), nil
	case booking.Full, booking.AlreadyBooked, booking.HoldGone, booking.NoBooking, booking.KeyReused, booking.Limited, booking.Visited, booking.Malformed:
	}
	return Booking{}, w.Refused(o.campaign, out, near)
}

// laterDoses gives the lists from a moved dose on: later doses stay where they are as long as product, site and interval
// allow it; from the first that cannot, the series is planned anew. There are as many as the product's series wants, also
// when the move is to a product with another number of doses.
func (w *Walk) laterDoses(o ownBooking, of series, at site.Site, moved booking.Choice, dose int) [][]booking.Choice {
	lists := [][]booking.Choice{{moved}}
	last := moved
	number := o.Counting(dose) // nothing behind a dose that can be moved was given
	for i, d := range o.Doses[dose:] {
		if d.Slot.Site != last.Slot.Site || !of.follows(number+i+1, last.Slot, d.Slot) {
			return append(lists[:len(lists)-1], w.seriesFrom(of, at, last, number+i)...)
		}
		lists = append(lists, kept(d))
		last = kept(d)[0]
	}
	// Of a whole series this adds nothing but the last dose itself.
	return append(lists[:len(lists)-1], w.seriesFrom(of, at, last, number+len(lists)-1)...)
}

func kept(d booking.Dose) []booking.Choice {
	return []booking.Choice{{Slot: d.Slot, Minutes: d.Minutes, Seat: d.Seat, Vial: d.Vial}}
}

// mayChange reports whether the dose at index i may still be moved or dropped at this moment.
func (w *Walk) mayChange(o ownBooking, now time.Time, i int) bool {
	d := o.Doses[i].Slot
	return o.campaign.MayChange(o.subject.channel, now, d.Day.At(d.Minute, w.programme.Zone), w.programme.Zone)
}

// Cancel cancels a whole booking. Cancelling a cancelled one gives it again.
func (w *Walk) Cancel(ctx context.Context, a Actor, id string) (Booking, error) {
	o, err := w.own(ctx, a, id)
	if err != nil {
		return Booking{}, err
	}
	if o.Status == booking.Cancelled {
		return w.View(o.Booking, o.subject), nil
	}
	now := w.now()
	if !w.mayChange(o, now, 0) {
		return Booking{}, Refuse(Closed, "the time for cancelling online is over; ring the clinic or the call desk")
	}
	req := w.ask(o.campaign, o.subject, a, now)
	req.Op, req.Booking = booking.OpCancel, o.ID
	out, err := w.desk.Do(ctx, req)
	if err != nil {
		return Booking{}, Unavailable(err)
	}
	switch out.Result {
	case booking.Done, booking.Repeated:
		return w.View(out.Booking, o.subject), nil
	case booking.Full, booking.AlreadyBooked, booking.HoldGone, booking.NoBooking, booking.KeyReused, booking.Limited, booking.Visited, booking.Malformed:
	}
	return Booking{}, w.Refused(o.campaign, out, nil)
}

// View is a booking as its person sees it.
func (w *Walk) View(b booking.Booking, s Subject) Booking {
	c, _ := w.programme.CampaignByNum(b.Campaign)
	v := Booking{
		ID: w.BookingID(b.ID), Number: booking.Number(b.ID), Campaign: c,
		Cancelled: b.Status == booking.Cancelled, Displaced: b.Displaced(), Missed: b.Status == booking.Missed, MadeAt: b.MadeAt, Sequence: b.Changed,
	}
	if s.Recipient != nil {
		v.Recipient, v.ForName = s.Recipient.ID, s.Recipient.Name
	}
	v.Name, _ = w.OpenName(&b)
	index, now := w.sites.Now(), w.now()
	for i, d := range b.Doses {
		at, _ := index.ByNum(d.Slot.Site)
		product, _ := w.programme.Product(d.Slot.Product)
		if product == nil {
			product = &programme.Product{ID: d.Slot.Product}
		}
		start := d.Slot.Day.At(d.Slot.Minute, w.programme.Zone)
		v.Doses = append(v.Doses, Dose{
			Dose: d.Dose, Repeats: b.Again(d.Dose) != nil, Site: at, Product: *product, SlotID: d.Slot.String(),
			Start: start, End: start.Add(time.Duration(d.Minutes) * time.Minute),
			State: d.Visit.State, Why: d.Visit.Why, Movable: b.Status == booking.Booked && !d.Draws(),
			Changeable: b.Status == booking.Booked && c != nil && d.Visit.State == booking.Expected && w.mayChange(ownBooking{Booking: b, subject: s, campaign: c}, now, i),
		})
		if r := visitRules(c, d.Slot.Day); r != nil && d.Visit.State == booking.TurnedAway && d.Dose == 1 {
			v.Doses[len(v.Doses)-1].KeptUntil = (d.Slot.Day + civil.Date(r.KeepDays) + 1).At(0, w.programme.Zone)
		}
	}
	if c != nil {
		v.UntilDays = c.ChangeRule(s.channel, civil.Of(w.now(), w.programme.Zone)).UntilDays
	}
	if c != nil {
		v.Repeat = w.toRepeat(ownBooking{Booking: b, subject: s, campaign: c})
	}
	v.Changeable = b.Status == booking.Booked && c != nil && w.mayChange(ownBooking{Booking: b, subject: s, campaign: c}, now, 0)
	return v
}

// BookingID is the public id of a booking: its number with a keyed tag, so that ids cannot be counted through.
func (w *Walk) BookingID(id int64) string {
	return strconv.FormatInt(id, 36) + "-" + w.bookingTag(id)
}

// ParseBookingID reads a public id.
func (w *Walk) ParseBookingID(s string) (int64, bool) {
	head, _, ok := strings.Cut(s, "-")
	if !ok {
		return 0, false
	}
	id, err := strconv.ParseInt(head, 36, 64)
	if err != nil || id <= 0 || !equal(s, w.BookingID(id)) {
		return 0, false
	}
	return id, true
}
