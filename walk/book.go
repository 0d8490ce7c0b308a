package walk

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/weak"
	"charye/programme"
	"charye/site"
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
		return Hold{}, unavailable(err)
	}
	if out.Result != booking.Done {
		return Hold{}, w.refused(c, out, w.nearFirst(c, req))
	}
	return Hold{ID: strconv.FormatInt(out.Hold.ID, 10), Slot: slot, ExpiresAt: out.Hold.Until}, nil
}

// Book confirms: committed when it returns. repeated tells that the idempotency key had been answered before.
func (w *Walk) Book(ctx context.Context, a Actor, pass string, r BookRequest) (b Booking, repeated bool, err error) {
	if r.IdempotencyKey == "" || len(r.IdempotencyKey) > maxIdempotencyKey {
		return Booking{}, false, refuse(BadRequest, "Idempotency-Key: want 1 to %d characters, a new one for each booking", maxIdempotencyKey).field("Idempotency-Key")
	}
	if (r.Slot == "") == (r.Hold == "") {
		return Booking{}, false, refuse(BadRequest, "slot, hold: want exactly one of the two").field("slot")
	}
	c, s, req, err := w.bookRequest(ctx, a, pass, r)
	var other subject
	if err == nil && r.WithPass != "" {
		other, err = w.withPartner(ctx, a, r, &req)
	}
	if err != nil {
		// The pass ended with the booking it made, and its seats are taken: a repeat of that very request gets its answer.
		if b, ok := w.repeat(ctx, a, r.Recipient, digest(r.IdempotencyKey), digest(r.Slot+"\x00"+r.Hold)); ok {
			return b, true, nil
		}
		return Booking{}, false, err
	}
	begun := time.Now()
	out, err := w.desk.Do(ctx, req)
	if err != nil {
		return Booking{}, false, unavailable(err)
	}
	w.line.Observe(c.Num, time.Since(begun))
	switch out.Result {
	case booking.Done, booking.Repeated:
		if out.Booking.Status == booking.Cancelled { // nothing is booked, so "booked" is not said
			return Booking{}, false, refuse(Conflict, "Idempotency-Key: its booking was cancelled since; take a new one").field("Idempotency-Key")
		}
		w.leave(ctx, c, s.key)
		w.settle(ctx, s.recipient)
		b = w.view(out.Booking, s)
		if out.Partner != nil && out.Partner.Booking.ID != 0 {
			with := w.view(out.Partner.Booking, other)
			b.With = &with
			w.leave(ctx, with.Campaign, other.key)
			w.settle(ctx, other.recipient)
		}
		return b, out.Result == booking.Repeated, nil
	case booking.Full, booking.AlreadyBooked, booking.HoldGone, booking.NoBooking, booking.KeyReused, booking.Limited, booking.Visited, booking.Malformed:
	}
	return Booking{}, false, w.refused(c, out, w.nearFirst(c, req))
}

// bookRequest makes all checks of a booking and gives the request that the ledger decides on.
func (w *Walk) bookRequest(ctx context.Context, a Actor, pass string, r BookRequest) (*programme.Campaign, subject, booking.Request, error) {
	none := booking.Request{}
	c, s, err := w.passOf(ctx, a, pass)
	if err != nil {
		return nil, subject{}, none, err
	}
	now := w.now()
	req := w.ask(c, s, a, now)
	if r.Slot != "" {
		if req, err = w.request(c, s, a, r.Slot, now); err != nil {
			return nil, subject{}, none, err
		}
	} else {
		if req.Hold, err = strconv.ParseInt(r.Hold, 10, 64); err != nil || req.Hold <= 0 {
			return nil, subject{}, none, refuse(BadRequest, "hold: want the id that POST /api/v1/holds gave").field("hold")
		}
		if err = w.rulesOfHold(ctx, c, s, &req); err != nil {
			return nil, subject{}, none, err
		}
	}
	req.Op = booking.OpBook
	req.Idempotency, req.Body = digest(r.IdempotencyKey), digest(r.Slot+"\x00"+r.Hold)
	if req.Sealed, err = w.sealName(a, s); err != nil {
		return nil, subject{}, none, err
	}
	return c, s, req, nil
}

// withPartner has a request book somebody else at the same time and place too, with a pass of theirs. Both are booked, or neither.
func (w *Walk) withPartner(ctx context.Context, a Actor, r BookRequest, req *booking.Request) (subject, error) {
	if r.Slot == "" {
		return subject{}, refuse(BadRequest, "slot: two people are booked by a slot, not by a hold").field("slot")
	}
	_, s, partner, err := w.bookRequest(ctx, a, r.WithPass, BookRequest{Slot: r.Slot, IdempotencyKey: r.IdempotencyKey})
	switch {
	case err != nil:
		return subject{}, ofPartner(err)
	case s.key == req.Person:
		return subject{}, refuse(BadRequest, "with: it is the pass of the same person; want the other's").field("with")
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

func digest(s string) [16]byte {
	h := sha256.Sum256([]byte(s))
	return [16]byte(h[:16])
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
			return w.view(o.Booking, o.subject), true
		}
	}
	return Booking{}, false
}

// ask is the frame of a request; request fills in the slot with its series.
func (w *Walk) ask(c *programme.Campaign, s subject, a Actor, now time.Time) booking.Request {
	return booking.Request{Campaign: c.Num, Person: s.key, Actor: a.Key, Channel: a.Channel, At: now}
}

func (w *Walk) request(c *programme.Campaign, s subject, a Actor, slot string, now time.Time) (booking.Request, error) {
	first, at, err := w.choice(c, s, slot, true, "")
	if err != nil {
		return booking.Request{}, err
	}
	of, ok := w.series(c, s, first.Slot.Product)
	if !ok {
		return booking.Request{}, refuse(BadRequest, "slot: there is no such product").field("slot")
	}
	req := w.ask(c, s, a, now)
	req.Doses, req.Limits, req.Apart = w.seriesFrom(of, at, first, 1), w.limits(of.Product), w.apart(of.Product, now)
	req.Shared = w.claims(c, a.Channel, at, first.Slot.Day, now)
	if n := len(req.Doses); len(req.Doses[n-1]) == 0 {
		e := refuse(SlotFull, "dose %d finds no seat at this site within its interval; take one of the alternatives or another site", n)
		e.Alternatives = w.alternatives(c, at, first.Slot)
		return booking.Request{}, e
	}
	return req, nil
}

// limits are what a person may have booked in other campaigns beside a product.
func (w *Walk) limits(p *programme.Product) (out []booking.Limit) {
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
func (w *Walk) rulesOfHold(ctx context.Context, c *programme.Campaign, s subject, req *booking.Request) error {
	ruled := func(id string) bool {
		p, ok := w.programme.Product(id)
		return ok && len(w.limits(p))+len(w.apart(p, req.At)) > 0
	}
	if !slices.ContainsFunc(c.Products, ruled) {
		return nil
	}
	h, ok, err := w.ledger.Hold(ctx, s.key, c.Num)
	if err != nil {
		return unavailable(err)
	}
	if !ok || len(h.Doses) == 0 {
		return nil // the ledger refuses the booking
	}
	if p, ok := w.programme.Product(h.Doses[0].Slot.Product); ok {
		req.Limits, req.Apart = w.limits(p), w.apart(p, req.At)
	}
	return nil
}

// sealName keeps the person's name and year of birth for the clinic, sealed.
func (w *Walk) sealName(a Actor, s subject) ([]byte, error) {
	var name string
	switch {
	case s.recipient != nil:
		name = s.recipient.Name
	case a.OpenName != nil:
		var err error
		if name, err = a.OpenName(); err != nil {
			return nil, err
		}
	}
	if name == "" {
		return nil, nil
	}
	return w.keys.Seal(booking.NamePlace(s.key), []byte(withYear(name, s.born)))
}

// refused is the one table from what the ledger refuses to what a person is told.
// near gives what there is instead of a full slot.
func (w *Walk) refused(c *programme.Campaign, out booking.Outcome, near func() []Slot) error {
	switch out.Result {
	case booking.Full:
		e := refuse(SlotFull, "somebody was quicker: the slot has just been taken; take one of the alternatives")
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
		return refuse(NotEligible, "this person has doses booked in another campaign that do not go together with this product, or enough of it; cancel those first, or take another product")
	case booking.AlreadyBooked:
		return refuse(AlreadyBooked, "this person has a booking in %s; look it up, change or cancel it", c.ID)
	case booking.HoldGone:
		return refuse(Conflict, "hold: its minutes are over or it was replaced; choose a slot again").field("hold")
	case booking.KeyReused:
		return refuse(Conflict, "Idempotency-Key: it was used for another request; take a new one").field("Idempotency-Key")
	case booking.Visited:
		return refuse(Conflict, "a dose of this booking was given, or its person is there; ring the clinic or the call desk")
	case booking.NoBooking:
		return refuse(NotFound, "there is no such booking of yours")
	case booking.Done, booking.Repeated, booking.Malformed:
	}
	return refuse(Internal, "unexpected outcome %d", out.Result)
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
		s, ok := w.sites.Load().index.ByNum(wanted.Site)
		if !ok {
			return nil
		}
		return w.alternatives(c, s, wanted)
	}
}

// ownBooking is a booking together with how the actor comes to see it.
type ownBooking struct {
	booking.Booking
	subject  subject
	campaign *programme.Campaign
}

// ownAll lists the actor's bookings and those of their recipients, in the campaign consent was given for.
func (w *Walk) ownAll(ctx context.Context, a Actor) ([]ownBooking, error) {
	if err := citizen(a); err != nil {
		return nil, err
	}
	var out []ownBooking
	add := func(s subject, campaign string) error {
		bs, err := w.ledger.Bookings(ctx, s.key)
		if err != nil {
			return unavailable(err)
		}
		for _, b := range bs {
			c, ok := w.programme.CampaignByNum(b.Campaign)
			if ok && (campaign == "" || campaign == c.ID) {
				out = append(out, ownBooking{Booking: b, subject: s, campaign: c})
			}
		}
		return nil
	}
	if err := add(subject{key: a.Key, born: a.Born, channel: a.Channel}, ""); err != nil {
		return nil, err
	}
	rs, err := w.people.Recipients(ctx, a.Key)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, r := range rs {
		if r.Key == a.Key {
			continue
		}
		if err := add(subject{key: r.Key, born: r.Born, recipient: &r, channel: a.Channel}, r.Campaign); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// own finds one of the actor's bookings by its public id. Somebody else's is not found, whatever the id.
func (w *Walk) own(ctx context.Context, a Actor, id string) (ownBooking, error) {
	num, ok := w.parseBookingID(id)
	if !ok {
		return ownBooking{}, refuse(NotFound, "there is no such booking of yours")
	}
	if weak.Off(weak.BookingOf) {
		if b, ok, err := w.ledger.Booking(ctx, num); ok && err == nil {
			c, _ := w.programme.CampaignByNum(b.Campaign)
			return ownBooking{Booking: b, subject: subject{key: b.Person}, campaign: c}, nil
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
	return ownBooking{}, refuse(NotFound, "there is no such booking of yours")
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
	if dose < 1 || dose > len(o.Doses) {
		return Booking{}, refuse(BadRequest, "dose: want 1 to %d", len(o.Doses)).field("dose")
	}
	if o.Status != booking.Booked {
		return Booking{}, refuse(Conflict, "the booking is cancelled or over; it cannot be changed")
	}
	missed := !o.Doses[dose-1].Draws() // turned away, or not come for: there is no seat to lose, and no cut-off
	now := w.now()
	if _, leftover := o.Doses[0].Seat.Counter.Leftover(); leftover && dose == 1 { // it took nothing from the stock, and nothing of that can come of it
		return Booking{}, refuse(Closed, "a leftover dose is of its day and place; ring the clinic when you cannot come")
	}
	if !missed && !w.mayChange(o, now, dose-1) {
		return Booking{}, refuse(Closed, "the time for changing dose %d online is over; ring the clinic or the call desk", dose)
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
		return Booking{}, refuse(BadRequest, "slot: there is no such product").field("slot")
	}
	lists := make([][]booking.Choice, 0, len(o.Doses))
	for _, d := range o.Doses[:dose-1] {
		lists = append(lists, kept(d))
	}
	if dose > 1 {
		before := o.Doses[dose-2].Slot
		if want := of.product(dose, before.Day); moved.Slot.Product != want {
			return Booking{}, refuse(BadRequest, "slot: dose %d is of %s; take a slot of it", dose, want).field("slot")
		}
		if !of.follows(dose, before, moved.Slot) && !(lateable(&o.Booking, dose) && of.late(dose, before, moved.Slot)) {
			return Booking{}, refuse(BadRequest, "slot: the day is outside the interval after dose %d", dose-1).field("slot")
		}
	}
	lists = append(lists, w.laterDoses(o, of, at, moved, dose)...)
	req := w.ask(o.campaign, o.subject, a, now)
	req.Op, req.Booking, req.Doses, req.Shared = booking.OpChange, o.ID, lists, o.Shared
	if dose == 1 {
		req.Shared = w.moved(o.campaign, o.Shared, at, moved.Slot.Day)
	}
	req.Apart = w.apart(of.Product, now)
	if began != o.Doses[0].Slot.Product {
		req.Limits = w.limits(of.Product)
	}
	near := func() []Slot {
		if dose == 1 {
			return w.alternatives(o.campaign, at, moved.Slot)
		}
		return w.sameDay(at, moved.Slot)
	}
	if n := len(lists); len(lists[n-1]) == 0 {
		e := refuse(SlotFull, "dose %d finds no seat at this site within its interval; take one of the alternatives or another site", n)
		e.Alternatives = near()
		return Booking{}, e
	}
	out, err := w.desk.Do(ctx, req)
	if err != nil {
		return Booking{}, unavailable(err)
	}
	switch out.Result {
	case booking.Done, booking.Repeated: // repeated: it stands there already
		return w.view(out.Booking, o.subject), nil
	case booking.Full, booking.AlreadyBooked, booking.HoldGone, booking.NoBooking, booking.KeyReused, booking.Limited, booking.Visited, booking.Malformed:
	}
	return Booking{}, w.refused(o.campaign, out, near)
}

// laterDoses gives the lists from a moved dose on: later doses stay where they are as long as product, site and interval
// allow it; from the first that cannot, the series is planned anew. There are as many as the product's series wants, also
// when the move is to a product with another number of doses.
func (w *Walk) laterDoses(o ownBooking, of series, at site.Site, moved booking.Choice, dose int) [][]booking.Choice {
	lists := [][]booking.Choice{{moved}}
	last := moved
	for i, d := range o.Doses[dose:] {
		if d.Slot.Site != last.Slot.Site || !of.follows(dose+i+1, last.Slot, d.Slot) {
			return append(lists[:len(lists)-1], w.seriesFrom(of, at, last, dose+i)...)
		}
		lists = append(lists, kept(d))
		last = kept(d)[0]
	}
	// Of a whole series this adds nothing but the last dose itself.
	return append(lists[:len(lists)-1], w.seriesFrom(of, at, last, dose+len(lists)-1)...)
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
		return w.view(o.Booking, o.subject), nil
	}
	now := w.now()
	if !w.mayChange(o, now, 0) {
		return Booking{}, refuse(Closed, "the time for cancelling online is over; ring the clinic or the call desk")
	}
	req := w.ask(o.campaign, o.subject, a, now)
	req.Op, req.Booking = booking.OpCancel, o.ID
	out, err := w.desk.Do(ctx, req)
	if err != nil {
		return Booking{}, unavailable(err)
	}
	switch out.Result {
	case booking.Done, booking.Repeated:
		return w.view(out.Booking, o.subject), nil
	case booking.Full, booking.AlreadyBooked, booking.HoldGone, booking.NoBooking, booking.KeyReused, booking.Limited, booking.Visited, booking.Malformed:
	}
	return Booking{}, w.refused(o.campaign, out, nil)
}

// view is a booking as its person sees it.
func (w *Walk) view(b booking.Booking, s subject) Booking {
	c, _ := w.programme.CampaignByNum(b.Campaign)
	v := Booking{
		ID: w.formatBookingID(b.ID), Number: booking.Number(b.ID), Campaign: c,
		Cancelled: b.Status == booking.Cancelled, Displaced: b.Displaced(), Missed: b.Status == booking.Missed, MadeAt: b.MadeAt, Sequence: b.Changed,
	}
	if s.recipient != nil {
		v.Recipient, v.ForName = s.recipient.ID, s.recipient.Name
	}
	v.Name, _ = w.openName(&b)
	index := w.sites.Load().index
	for _, d := range b.Doses {
		at, _ := index.ByNum(d.Slot.Site)
		product, _ := w.programme.Product(d.Slot.Product)
		if product == nil {
			product = &programme.Product{ID: d.Slot.Product}
		}
		start := d.Slot.Day.At(d.Slot.Minute, w.programme.Zone)
		v.Doses = append(v.Doses, Dose{
			Dose: d.Dose, Site: at, Product: *product, SlotID: d.Slot.String(),
			Start: start, End: start.Add(time.Duration(d.Minutes) * time.Minute),
			State: d.Visit.State, Why: d.Visit.Why, Movable: b.Status == booking.Booked && !d.Draws(),
		})
		if r := visitRules(c, d.Slot.Day); r != nil && d.Visit.State == booking.TurnedAway && d.Dose == 1 {
			v.Doses[len(v.Doses)-1].KeptUntil = (d.Slot.Day + civil.Date(r.KeepDays) + 1).At(0, w.programme.Zone)
		}
	}
	if c != nil {
		v.UntilDays = c.ChangeRule(s.channel, civil.Of(w.now(), w.programme.Zone)).UntilDays
	}
	v.Changeable = b.Status == booking.Booked && c != nil && w.mayChange(ownBooking{Booking: b, subject: s, campaign: c}, w.now(), 0)
	return v
}

// A booking's public id is its number with a keyed tag, so that ids cannot be counted through.
func (w *Walk) formatBookingID(id int64) string {
	return strconv.FormatInt(id, 36) + "-" + w.bookingTag(id)
}

func (w *Walk) parseBookingID(s string) (int64, bool) {
	head, _, ok := strings.Cut(s, "-")
	if !ok {
		return 0, false
	}
	id, err := strconv.ParseInt(head, 36, 64)
	if err != nil || id <= 0 || !equal(s, w.formatBookingID(id)) {
		return 0, false
	}
	return id, true
}
