package postgres

import (
	"slices"

	"charye/booking"
)

// findExact collects the counters that had to be as they were for the outcomes to be what they are: what people were refused
// for want of, all that was looked at before it, and the choices that were passed over for a later one. Shared counters, which
// everybody moves, need only have room still where they had it.
func (d *decision) findExact(asked []booking.Request) {
	for i := range d.outcomes {
		o, r := &d.outcomes[i], &asked[i]
		switch {
		case r.Op == booking.OpInvite: // whose turn it is
			d.exact = append(d.exact, booking.StandbyCounter(r.Campaign), booking.DisplacedCounter(r.Campaign))
		case r.Op == booking.OpVisit:
			d.exactVisit(o)
		case r.Partner == nil:
			d.exactFor(o, r)
		case o.Partner != nil && o.Result == o.Partner.Result && o.Booking.ID == 0: // refused for the partner's sake, with both at the counter
			d.exactAll(r)
			d.exactAll(r.Partner)
		default:
			d.exactFor(o, r)
			if o.Partner != nil {
				d.exactFor(o.Partner, r.Partner)
			}
		}
	}
	// How many vials what is booked on a day opens depends on how much is booked.
	for _, c := range d.changes.Counters {
		if c.Counter.Kind() == booking.KindOpened {
			d.exact = append(d.exact, c.Counter)
		}
	}
}

// exactAll wants all that a request named to be as it was.
func (d *decision) exactAll(r *booking.Request) {
	for _, c := range r.Shared {
		d.exact = append(d.exact, c.Counter)
	}
	for _, choices := range r.Doses {
		d.exactChoices(choices)
	}
}

// exactVisit wants what a booking, to be taken back from being over, found no room in to be as it was.
func (d *decision) exactVisit(o *booking.Outcome) {
	if o.Result != booking.Full {
		return
	}
	for _, c := range o.Booking.Shared {
		d.exact = append(d.exact, c.Counter)
	}
	for i := range o.Booking.Doses {
		k := &o.Booking.Doses[i]
		d.exactChoices([]booking.Choice{{Slot: k.Slot, Seat: k.Seat, Vial: k.Vial}})
	}
}

func (d *decision) exactChoices(choices []booking.Choice) {
	for i := range choices {
		d.exact = append(d.exact, choices[i].Counters()...)
	}
}

func (d *decision) exactFor(o *booking.Outcome, r *booking.Request) {
	if o.Result == booking.Full {
		shared := r.Shared
		if shared == nil {
			shared = o.Booking.Shared // a change keeps what the booking has
		}
		for _, c := range shared {
			if o.FullDose == 0 {
				d.exact = append(d.exact, c.Counter)
			} else {
				d.room = append(d.room, c)
			}
		}
		for _, choices := range r.Doses[:o.FullDose] {
			d.exactChoices(choices)
		}
		return
	}
	got := o.Booking.Doses
	if r.Op == booking.OpHold {
		got = o.Hold.Doses
	}
	if r.Hold != 0 || o.Result != booking.Done && (o.Result != booking.Repeated || r.Op != booking.OpChange) {
		return
	}
	for k, choices := range r.Doses[:min(len(r.Doses), len(got))] {
		at := slices.IndexFunc(choices, func(c booking.Choice) bool { return c.Slot == got[k].Slot })
		d.exactChoices(choices[:max(at, 0)])
	}
}
