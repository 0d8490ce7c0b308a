package walk

import (
	"slices"

	"charye/booking"
	"charye/internal/civil"
	"charye/programme"
	"charye/site"
)

// choice checks that a slot is real under the rules at this moment, and of a product that this person may choose, and gives the
// claim on its seat. Of which product a follow-up dose must be is the caller's to check. has is the product of the booking that is being changed, which they may keep.
func (w *Walk) choice(c *programme.Campaign, who Subject, text string, first bool, has string) (booking.Choice, site.Site, error) {
	bad := func(format string, args ...any) (booking.Choice, site.Site, error) {
		return booking.Choice{}, site.Site{}, Refuse(BadRequest, format, args...).At("slot")
	}
	slot, err := booking.ParseSlot(text)
	if err != nil {
		return bad("slot: not a slot; take the id of one that the site lists")
	}
	s, ok := w.sites.Now().ByNum(slot.Site)
	if !ok {
		return bad("slot: there is no such site")
	}
	if first && !slices.Contains(c.Products, slot.Product) {
		return bad("slot: %s does not offer this product", c.ID)
	}
	if first && slot.Product != has && !slices.Contains(w.programme.Offered(c, who.Born, civil.Of(w.now(), w.programme.Zone), slot.Day), slot.Product) {
		return bad("slot: %s does not offer this product to somebody of this age today; take one that is listed", c.ID)
	}
	for _, ses := range w.programme.Sessions(s.ID, s.Kind, s.Region, slot.Day) {
		if ses.Minute != slot.Minute {
			continue
		}
		if first && !ses.First {
			return bad("slot: this session takes follow-up doses only")
		}
		if !w.startsLater(slot.Day, ses.Minute, w.now()) {
			return bad("slot: it has begun already; take a later one")
		}
		return w.seatChoice(slot, ses), s, nil
	}
	return bad("slot: the site has no session at that time")
}

func (w *Walk) seatChoice(slot booking.Slot, ses programme.Session) booking.Choice {
	return booking.Choice{
		Slot: slot, Minutes: ses.Minutes, Vial: w.stock.VialsOf(slot.Product),
		Seat: booking.Claim{Counter: booking.SeatCounter(slot.Session), Capacity: ses.Seats, N: 1},
	}
}

// series is the doses that begin with a product, of somebody in a campaign.
type series struct {
	*programme.Product
	campaign *programme.Campaign
	Born     civil.Date
}

func (w *Walk) series(c *programme.Campaign, who Subject, first string) (series, bool) {
	p, ok := w.programme.Product(first)
	return series{p, c, who.Born}, ok
}

// interval is the one after a dose on a day.
func (s series) interval(before civil.Date) booking.Interval {
	iv := s.Series.Interval(s.campaign.ID, before)
	return booking.Interval{Default: iv.Default, Min: iv.Min, Max: iv.Max}
}

// product is that of a dose whose dose before it is on a day.
func (s series) product(dose int, before civil.Date) string {
	return s.DoseProduct(dose, s.Born, before)
}

// follows reports whether a slot may be that of a dose behind another.
func (s series) follows(dose int, before, slot booking.Slot) bool {
	return slot.Product == s.product(dose, before.Day) && booking.LegalInterval(before.Day, slot.Day, s.interval(before.Day))
}

// behind gives the product of a booking's dose 2, 3 … behind another on a day, and whether that day is far enough from it and not too far. Behind a
// dose that was spoilt the same one is given again, from the day on that the programme says.
func (s series) behind(b *booking.Booking, dose int, before booking.Slot, day civil.Date) (product string, ok bool) {
	if spoilt := b.Again(dose); spoilt != nil {
		first, ok := s.Series.AgainFrom(spoilt.Slot.Day)
		return spoilt.Slot.Product, ok && day >= first
	}
	iv := s.interval(before.Day)
	ok = booking.LegalInterval(before.Day, day, iv) || lateable(b, dose) && int(day-before.Day) >= iv.Min
	return s.product(b.Counting(dose), before.Day), ok
}

// lateable reports whether a later dose may come after its interval: it was missed at its time or is not booked yet, and the one before it was given.
func lateable(b *booking.Booking, dose int) bool {
	return dose > 1 && (dose > len(b.Doses) || !b.Doses[dose-1].Draws()) && b.Doses[dose-2].Visit.State == booking.Given
}

// seriesFrom gives the preference lists of the doses from a fixed one on; dose is the fixed one's number in the series.
func (w *Walk) seriesFrom(of series, s site.Site, fixed booking.Choice, dose int) [][]booking.Choice {
	intervals := make([]booking.After, max(0, of.Series.Doses-dose))
	for i := range intervals {
		intervals[i] = of.interval
	}
	hours := func(day civil.Date) []booking.SessionInfo {
		ses := w.programme.Sessions(s.ID, s.Kind, s.Region, day)
		out := make([]booking.SessionInfo, len(ses))
		for i, x := range ses {
			out[i] = booking.SessionInfo{Minute: x.Minute, Minutes: x.Minutes, Seats: x.Seats}
		}
		return out
	}
	lists := booking.Series(fixed, intervals, hours, w.free.Free, booking.DefaultChoices)
	for i := 1; i < len(lists) && len(lists[i-1]) > 0; i++ {
		product := of.product(dose+i, lists[i-1][0].Slot.Day)
		for k := range lists[i] {
			lists[i][k].Slot.Product, lists[i][k].Vial = product, w.stock.VialsOf(product)
		}
	}
	return lists
}

// Plan gives the preference lists of a whole series of somebody in a campaign, whose first dose is fixed.
func (w *Walk) Plan(c *programme.Campaign, who Subject, product *programme.Product, at site.Site, first booking.Choice) [][]booking.Choice {
	return w.seriesFrom(series{product, c, who.Born}, at, first, 1)
}
