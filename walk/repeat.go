package walk

import (
	"slices"

	"charye/booking"
	"charye/internal/civil"
	"charye/programme"
)

// What people see when a dose that they were given was spoilt: it does not count, and they book another behind it, without a line.

// Repeat says what somebody has to do about a dose that was spoilt.
type Repeat struct {
	Spoilt  int        // the dose, as [Dose.Dose] has it
	Dose    int        // which dose to book or to move; 0: nothing is to be done
	From    civil.Date // the first day on which that may be; zero: the programme has no rule, ring the clinic or the call desk
	TooSoon bool       // Dose is booked, before that day: it has to be moved
}

// bookable is the last dose of a booking that its person may pick a slot for: one more than it has, where one that was spoilt left the series short.
func (o *ownBooking) bookable(of series) int {
	n := len(o.Doses)
	if o.Status == booking.Booked && n < booking.MaxDoses && o.Counting(n+1) <= of.Series.Doses && o.short() {
		n++
	}
	return n
}

// short reports whether a dose of the booking was spoilt.
func (o *ownBooking) short() bool {
	return slices.ContainsFunc(o.Doses, func(d booking.Dose) bool { return d.Visit.State == booking.Spoilt })
}

// oneMore are the claims of a booking with one more of the stock: what was spoilt is gone, and what was left over at a site never was of it. Shares
// stay what they were.
func (w *Walk) oneMore(c *programme.Campaign, had []booking.Claim) []booking.Claim {
	out := slices.Clone(had)
	more := w.stock.StockClaims(c, "", w.now())[0]
	for i := range out {
		if out[i].Counter == more.Counter {
			out[i].N++
			return out
		}
	}
	return append(out, more)
}

// toRepeat is what there is to do about the last spoilt dose of a booking; nil without one.
func (w *Walk) toRepeat(o ownBooking) *Repeat {
	last := 0
	for i := range o.Doses {
		if o.Doses[i].Visit.State == booking.Spoilt {
			last = i + 1
		}
	}
	if last == 0 || o.Status != booking.Booked {
		return nil
	}
	out := &Repeat{Spoilt: last}
	of, ok := w.series(o.campaign, o.subject, o.Doses[0].Slot.Product)
	if !ok {
		return out
	}
	first, ruled := of.Series.AgainFrom(o.Doses[last-1].Slot.Day)
	switch {
	case last < len(o.Doses) && o.Doses[last].Visit.State == booking.Expected && (!ruled || o.Doses[last].Slot.Day < first):
		out.Dose, out.TooSoon = last+1, true
	case o.bookable(of) > len(o.Doses):
		out.Dose = len(o.Doses) + 1
	}
	if out.Dose == 0 {
		return out
	}
	if out.Dose > last+1 { // behind one that counts
		before := o.Doses[out.Dose-2].Slot.Day
		out.From = before + civil.Date(of.interval(before).Min)
		return out
	}
	if ruled {
		out.From = first
	}
	return out
}
