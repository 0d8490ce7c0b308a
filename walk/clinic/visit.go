package clinic

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/weak"
	"charye/programme"
	"charye/site"
	"charye/supply/dispense"
	"charye/walk"
)

// UnfitReason is why nothing may be given from a box or lot, for faces to put into words.
type UnfitReason string

// The reasons are those of package dispense.
const (
	UnfitText    = UnfitReason(dispense.Unread)
	UnfitHeld    = UnfitReason(dispense.Held)
	UnfitLot     = UnfitReason(dispense.ScanBox)
	UnfitExpired = UnfitReason(dispense.Expired)
	UnfitProduct = UnfitReason(dispense.Other)
	UnfitUnknown = UnfitReason(dispense.Unknown)
)

// WhyUnfit gives the reason where an error of [Walk.TellVisit] is that; empty otherwise.
func WhyUnfit(err error) UnfitReason {
	if u, ok := errors.AsType[*dispense.Unfit](err); ok {
		return UnfitReason(u.Reason)
	}
	return ""
}

// TurnAwayReasons are why a site could not give a dose, as events have them.
var TurnAwayReasons = []string{"fever", "unwell", "not-advised", "no-vaccine", "closed", "other"}

// TellVisit is what staff of a clinic say of an appointment.
type TellVisit struct {
	Booking string // public id
	Dose    int
	State   booking.VisitState // [booking.Expected]: what was said last was wrong
	Why     string             // of TurnedAway: one of [TurnAwayReasons]
	From    string             // of Given: what was scanned or typed
}

// TellVisit says what happened at an appointment of today at the actor's site; again is fine.
func (cl *Clinic) TellVisit(ctx context.Context, a walk.Actor, t TellVisit) (Visitor, error) {
	b, d, at, err := cl.appointment(ctx, a, walk.TellOfVisit, t.Booking, t.Dose)
	if err != nil {
		return Visitor{}, err
	}
	now := cl.now()
	today := civil.Of(now, cl.programme.Zone)
	if d.Slot.Day != today {
		return Visitor{}, walk.Refuse(walk.Closed, "this appointment is on %s; what happened is said on the day itself", d.Slot.Day)
	}
	c, _ := cl.programme.CampaignByNum(b.Campaign)
	req := booking.Request{
		Op: booking.OpVisit, Campaign: b.Campaign, Person: b.Person, Actor: a.Key, Channel: a.Channel, At: now, Booking: b.ID, Dose: t.Dose,
		Visit: booking.Visit{State: t.State},
	}
	_, leftover := b.Doses[0].Seat.Counter.Leftover()
	switch t.State {
	case booking.Given:
		if first, soon := cl.tooSoon(&b, t.Dose); soon {
			return Visitor{}, walk.Refuse(walk.Conflict, "the dose before was spoilt, and may be given again from %s on; have them choose another day", first).At("state")
		}
		if req.Visit.From, err = cl.fit(ctx, d, t.From, today); err != nil {
			return Visitor{}, err
		}
	case booking.TurnedAway:
		if !slices.Contains(TurnAwayReasons, t.Why) {
			return Visitor{}, walk.Refuse(walk.BadRequest, "why: want one of the reasons").At("why")
		}
		req.Visit.Why = t.Why
		if leftover && t.Dose == 1 { // of its day and place: there is nothing to keep
			req.Op, req.Why, req.Visit = booking.OpCancel, t.Why, booking.Visit{}
		}
	case booking.NoShow:
		v, _ := cl.visitor(&b, t.Dose-1, now)
		r := c.VisitsOn(d.Slot.Day)
		switch {
		case r == nil || r.NoShow == nil:
			return Visitor{}, walk.Refuse(walk.BadRequest, "%s has no rule for people who do not come", c.ID)
		case !v.Missable && d.Visit.State == booking.Expected:
			return Visitor{}, walk.Refuse(walk.NotOpen, "they may still come until %s", v.Late.In(cl.programme.Zone).Format(time.RFC3339))
		}
		if req.Visit.Kept, err = cl.keptOpen(ctx, at, &b, t.Dose); err != nil {
			return Visitor{}, err
		}
	case booking.Spoilt:
		return Visitor{}, walk.Refuse(walk.BadRequest, "state: that a dose was spoilt is said by the supply room, for all who were given one").At("state")
	case booking.Expected, booking.Arrived:
	}
	out, err := cl.desk.Do(ctx, req)
	if err != nil {
		return Visitor{}, walk.Unavailable(err)
	}
	switch out.Result {
	case booking.Done, booking.Repeated:
	case booking.Visited:
		return Visitor{}, walk.Refuse(walk.Conflict, "dose %d of this booking is %s already; undo that first if it is wrong", t.Dose, d.Visit.State)
	case booking.AlreadyBooked:
		return Visitor{}, walk.Refuse(walk.AlreadyBooked, "this person has booked again since; that booking counts")
	case booking.Full:
		return Visitor{}, walk.Refuse(walk.SlotFull, "a seat or vial that was given back has gone to somebody else since; book again at the desk")
	case booking.HoldGone, booking.NoBooking, booking.KeyReused, booking.Limited, booking.Malformed:
		return Visitor{}, cl.walk.Refused(c, out, nil)
	}
	if err := cl.tellSupplyRoom(ctx, at, &b, &out.Booking, t.Dose); err != nil {
		cl.log.LogAttrs(ctx, slog.LevelWarn, "custody was not told of a dose, trying on", slog.String("error", err.Error()))
	}
	v, _ := cl.visitor(&out.Booking, t.Dose-1, now)
	return v, nil
}

// tooSoon reports whether a dose stands before the day on which the spoilt one before it may be given again, which is first.
func (cl *Clinic) tooSoon(b *booking.Booking, dose int) (first civil.Date, soon bool) {
	spoilt := b.Again(dose)
	product, ok := cl.programme.Product(b.Doses[0].Slot.Product)
	if spoilt == nil || !ok {
		return 0, false
	}
	first, ruled := product.Series.AgainFrom(spoilt.Slot.Day)
	return first, ruled && b.Doses[dose-1].Slot.Day < first
}

// fit reads what a dose is to be given from, and refuses what may not be given.
func (cl *Clinic) fit(ctx context.Context, d *booking.Dose, text string, today civil.Date) (string, error) {
	full, why, err := cl.doses.Fit(ctx, d.Slot.Product, text, today)
	switch {
	case err != nil:
		return "", walk.Unavailable(err)
	case why != nil && (why.Reason != dispense.Held && why.Reason != dispense.ScanBox || !weak.Off(weak.HeldBox)):
		code := walk.Conflict
		if why.Reason == dispense.Unread {
			code = walk.BadRequest
		}
		e := walk.Refuse(code, "%s", why.Detail).At("from")
		e.Err = why
		return "", e
	}
	return full, nil
}

// tellSupplyRoom tells the supply room what changed between two states of a booking.
func (cl *Clinic) tellSupplyRoom(ctx context.Context, at site.Site, before, after *booking.Booking, dose int) error {
	was, is := before.Doses[dose-1].Visit, after.Doses[dose-1].Visit
	given := dispense.Dose{Booking: after.ID, Dose: dose, Site: at.ID}
	switch {
	case is.State == booking.Given:
		given.From, given.At = is.From, is.At
		return cl.doses.Gave(ctx, given, cl.now())
	case was.State == booking.Given:
		given.From, given.At = was.From, was.At
		return cl.doses.Undone(ctx, given, cl.now())
	}
	return nil
}

// keptOpen reports whether the dose of somebody who did not come is in a vial that is open, and needed by nobody who is still to come:
// then it is the site's to offer, and is not given back to the stock. The shared counters are those of first doses.
func (cl *Clinic) keptOpen(ctx context.Context, at site.Site, b *booking.Booking, dose int) (bool, error) {
	if dose != 1 {
		return false, nil
	}
	d := &b.Doses[0]
	list, err := cl.ledger.Day(ctx, at.Num, d.Slot.Day, mostVisitors)
	if err != nil {
		return false, walk.Unavailable(err)
	}
	return cl.keptOf(list, at.Num, d.Slot, b.ID), nil
}

// keptOf is keptOpen over a day's bookings; but is the booking in question.
func (cl *Clinic) keptOf(list []booking.Booking, at site.Num, slot booking.Slot, but int64) bool {
	product, ok := cl.programme.Product(slot.Product)
	if !ok {
		return false
	}
	given, coming, kept := 0, 0, 0
	for i := range list {
		b := &list[i]
		for k := range b.Doses {
			d := &b.Doses[k]
			if d.Slot.Site != at || d.Slot.Day != slot.Day || d.Slot.Product != slot.Product || b.Status == booking.Cancelled || b.Status == booking.Missed && k > 0 {
				continue
			}
			switch d.Visit.State {
			case booking.Given, booking.Spoilt:
				given++
			case booking.Expected, booking.Arrived:
				if b.ID != but {
					coming++
				}
			case booking.NoShow:
				if d.Visit.Kept {
					kept++
				}
			case booking.TurnedAway:
			}
		}
	}
	per := max(1, product.DosesPerVial)
	left := booking.VialsFor(given, per)*per - given
	return left-kept > coming
}

// SupplyRules gives what the programme says of products, for a [dispense.Room].
func SupplyRules(p *programme.Programme) dispense.Options {
	o := dispense.Options{PerVial: map[string]int{}}
	for i := range p.Products {
		q := &p.Products[i]
		o.PerVial[q.ID] = q.DosesPerVial
		if q.Storage != nil {
			o.Products = append(o.Products, q.Storage)
		}
	}
	return o
}
