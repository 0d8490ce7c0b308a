package bookingtest

import (
	"slices"

	"charye/booking"
)

// gone reports whether what a dose took was given back at its visit.
func gone(d booking.Dose) bool {
	return d.Visit.State == booking.TurnedAway || d.Visit.State == booking.NoShow
}

// stays gives the dose of a booking that a change leaves as it is, with what happened at it.
func (m model) stays(r *booking.Request, i int) *booking.Dose {
	if r.Op != booking.OpChange {
		return nil
	}
	b := m.mine(r)
	if b == nil || i >= len(b.Doses) || i >= len(r.Doses) || b.Doses[i].Visit.State == booking.Expected || len(r.Doses[i]) != 1 || r.Doses[i][0].Slot != b.Doses[i].Slot {
		return nil
	}
	return &b.Doses[i]
}

// visit says what happened, by the table of what may follow what.
func (m *model) visit(r *booking.Request) booking.Outcome {
	b := m.mine(r)
	if b == nil || b.Status == booking.Cancelled || r.Dose > len(b.Doses) {
		return booking.Outcome{Result: booking.NoBooking}
	}
	now, want := b.Doses[r.Dose-1].Visit, r.Visit
	want.At = r.At
	if want.State == booking.Spoilt {
		want.From = now.From
	}
	legal := map[booking.VisitState][]booking.VisitState{
		booking.Expected:   {booking.Arrived, booking.Given, booking.TurnedAway, booking.NoShow},
		booking.Arrived:    {booking.Expected, booking.Given, booking.TurnedAway},
		booking.Given:      {booking.Expected, booking.Spoilt},
		booking.TurnedAway: {booking.Expected},
		booking.NoShow:     {booking.Expected},
	}
	over := b.Status == booking.Missed
	switch {
	case want.State == now.State && want.From == now.From && (!over || want.State == booking.NoShow):
		return booking.Outcome{Result: booking.Repeated, Booking: *b}
	case over && (r.Dose != 1 || want.State != booking.Expected):
		return booking.Outcome{Result: booking.Visited, Booking: *b}
	case !slices.Contains(legal[now.State], want.State):
		return booking.Outcome{Result: booking.Visited, Booking: *b}
	}
	back := *b
	back.Doses = slices.Clone(b.Doses)
	d := &back.Doses[r.Dose-1]
	d.Visit = want
	if want.State == booking.Expected {
		d.Visit = booking.Visit{}
	}
	if want.State == booking.NoShow && r.Dose == 1 {
		back.Status = booking.Missed
	}
	if over {
		if other := m.live(r.Person, r.Campaign); other != nil {
			return booking.Outcome{Result: booking.AlreadyBooked, Booking: *other}
		}
		if m.holdOf(r.Person, r.Campaign) >= 0 || slices.ContainsFunc(back.Doses, gone) {
			return booking.Outcome{Result: booking.Visited, Booking: *b}
		}
		back.Status = booking.Booked
	}
	if want.State == booking.Expected && gone(booking.Dose{Visit: now}) {
		// Room for it beside everything else: what it still has counts for itself.
		again, shared, first := booking.Request{}, []booking.Claim(nil), r.Dose-1
		list := back.Doses[first : first+1]
		if over {
			list = back.Doses
			if !now.Kept {
				shared = b.Shared
			}
		}
		for _, d := range list {
			again.Doses = append(again.Doses, []booking.Choice{{Slot: d.Slot, Minutes: d.Minutes, Seat: d.Seat, Vial: d.Vial}})
		}
		if _, full, ok := m.fit(&again, shared, 0, 0); !ok {
			full.Booking = *b
			if full.FullDose > 0 {
				full.FullDose = list[full.FullDose-1].Dose
			}
			return full
		}
	}
	*b = back
	return booking.Outcome{Result: booking.Done, Booking: *b}
}
