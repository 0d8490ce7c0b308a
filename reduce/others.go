package reduce

import (
	"context"

	"charye/booking"
	"charye/programme"
)

// What people have in other campaigns can be against what a plan would give them. The ledger would refuse it then, and refuse it again in the next
// plan: so it is looked at where one is made.

// look finds what somebody has in other campaigns, where a rule asks for it.
func (m *maker) look(ctx context.Context, l booking.Ledger, b *booking.Booking) error {
	m.others = m.others[:0]
	asked := len(m.Apart(b.Doses[0].Slot.Product, m.at)) > 0
	if m.instead != nil {
		asked = asked || len(m.Apart(m.instead.ID, m.at)) > 0 || len(m.Programme.Limits(m.instead, m.instead.Series.Doses)) > 0
	}
	if !asked {
		return nil
	}
	list, err := l.Bookings(ctx, b.Person)
	for i := range list {
		if list[i].Campaign != b.Campaign && list[i].Status == booking.Booked {
			m.others = append(m.others, list[i])
		}
	}
	return err
}

// clear reports whether a slot is far enough from what they have.
func (m *maker) clear(s booking.Slot, apart []booking.Apart) bool {
	for i := range m.others {
		for _, d := range m.others[i].Doses {
			for _, a := range apart {
				if d.Draws() && d.Slot.Product == a.Product && !a.Allows(int(d.Slot.Day-s.Day)) {
					return false
				}
			}
		}
	}
	return true
}

// within reports whether they may have a series of a product beside what they have.
func (m *maker) within(product *programme.Product) bool {
	for _, limit := range m.Programme.Limits(product, product.Series.Doses) {
		n := 0
		for i := range m.others {
			for _, d := range m.others[i].Doses {
				if d.Draws() && d.Slot.Product == limit.Product {
					n++
				}
			}
		}
		if n > limit.Most {
			return false
		}
	}
	return true
}
