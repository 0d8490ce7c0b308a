package reduce

import (
	"cmp"
	"slices"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/weak"
	"charye/programme"
)

// product finds a booking the same session with the product that came instead.
func (m *maker) product(b *booking.Booking) (to []booking.Choice, has []booking.Counter, ok bool) {
	if m.instead == nil || m.left <= 0 {
		return nil, nil, false
	}
	first := b.Doses[0].Slot
	if first.Product = m.instead.ID; !m.within(m.instead) {
		return nil, nil, false
	}
	if to, ok = m.series(b, first, m.instead); !ok {
		return nil, nil, false
	}
	m.left--
	return to, nil, true
}

// day finds a booking the first day behind a delivery that has a dose left, with a seat at its site.
func (m *maker) day(b *booking.Booking) (to []booking.Choice, has []booking.Counter, ok bool) {
	s, known := m.Site(b.Doses[0].Slot.Site)
	product, offered := m.Programme.Product(b.Doses[0].Slot.Product)
	if !known || !offered {
		return nil, nil, false
	}
	days := m.Programme.FirstDays(s.ID, s.Kind, s.Region)
	for _, d := range m.coming {
		forward := booking.ForwardCounter(m.campaign.Num, d.day)
		if m.Used(forward) >= d.doses {
			continue
		}
		for _, day := range days {
			share, room := m.dayShare(day)
			if day <= d.day || day <= b.Doses[0].Slot.Day || !room {
				continue
			}
			for _, first := range m.firsts(s.ID, s.Kind, s.Region, b.Doses[0].Slot, day) {
				if to, ok = m.series(b, first, product); !ok {
					continue
				}
				has = append(has, forward)
				for _, c := range b.Shared { // the share of its region stays what it was
					if c.Counter.Kind() == booking.KindRegionShare {
						has = append(has, c.Counter)
					}
				}
				if share != 0 {
					has = append(has, share)
					m.Take(share, 1)
				}
				m.Take(forward, 1)
				return to, has, true
			}
		}
	}
	return nil, nil, false
}

// dayShare names the share of a day, where it has one; room is false when it is used up.
func (m *maker) dayShare(day civil.Date) (id booking.Counter, room bool) {
	for _, s := range m.campaign.Shares {
		if s.Day == day && day != 0 {
			id = booking.DayShareCounter(m.campaign.Num, day)
			return id, m.Used(id) < s.Doses
		}
	}
	return 0, true
}

// firsts lists the slots for a first dose on a day, nearest to the hour of another first.
func (m *maker) firsts(id, kind, region string, near booking.Slot, day civil.Date) (out []booking.Slot) {
	sessions := slices.DeleteFunc(slices.Clone(m.Programme.Sessions(id, kind, region, day)), func(s programme.Session) bool { return !s.First })
	away := func(minute int) int { return max(minute-near.Minute, near.Minute-minute) }
	slices.SortFunc(sessions, func(a, b programme.Session) int {
		return cmp.Or(cmp.Compare(away(a.Minute), away(b.Minute)), cmp.Compare(a.Minute, b.Minute))
	})
	for _, s := range sessions {
		slot := near
		slot.Day, slot.Minute = day, s.Minute
		out = append(out, slot)
	}
	return out
}

// series places a whole series that begins with a slot. A later dose stays where it is as long as product and interval allow it; else it goes as
// near to the default day as there is room at its site, which may be another than that of the first.
func (m *maker) series(b *booking.Booking, first booking.Slot, product *programme.Product) (to []booking.Choice, ok bool) {
	apart := m.Apart(product.ID, m.at)
	c, ok := m.fits(first, b.Doses[0], apart)
	if !ok {
		return nil, false
	}
	to = append(to, c)
	for i := 1; i < len(b.Doses); i++ {
		was := b.Doses[i]
		iv := product.Series.Interval(m.campaign.ID, to[i-1].Slot.Day)
		rule := booking.Interval{Default: iv.Default, Min: iv.Min, Max: iv.Max}
		of := was.Slot.Product // whether a series is mixed depends on who it is of: what it was stays
		if product.ID != b.Doses[0].Slot.Product {
			of = product.ID
		}
		stay := was.Slot
		stay.Product = of
		if booking.LegalInterval(to[i-1].Slot.Day, stay.Day, rule) || weak.Off(weak.FaultSeries) {
			if c, ok := m.fits(stay, was, apart); ok {
				to = append(to, c)
				continue
			}
		}
		found := false
		near := to[i-1].Slot // at its hour
		near.Site = was.Slot.Site
		for _, c := range booking.SecondDose(near, rule, m.Sessions(near.Site), m.Free, 0) {
			c.Slot.Product = of
			if c, found = m.fits(c.Slot, was, apart); found {
				to = append(to, c)
				break
			}
		}
		if !found {
			return nil, false
		}
	}
	return to, true
}

// fits reports whether a slot has a seat and a dose left and is far enough from what its person has elsewhere, and gives it as a choice.
func (m *maker) fits(s booking.Slot, is booking.Dose, apart []booking.Apart) (booking.Choice, bool) {
	c, ok := m.Choice(s, is)
	return c, ok && m.Free(c.Seat.Counter, c.Seat.Capacity) > 0 && m.InVial(s) && m.clear(s, apart)
}
