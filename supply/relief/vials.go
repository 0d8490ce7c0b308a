package relief

import (
	"charye/booking"
	"charye/internal/civil"
	"charye/supply"
)

type shelfDay struct {
	shelf
	day civil.Date
}

// short finds whose dose is lost where vials are counted: the last booked, until the days that are left open no more vials than there are. Whoever
// turns out to be in a vial that stays open anyway keeps the dose, who booked first first.
func (m *maker) short(s *Stock, list []supply.Appointment) []supply.Appointment {
	k := shelf{s.Site, s.Product}
	var mine []supply.Appointment
	for _, a := range list { // the last booked first
		if a.Product == s.Product {
			mine = append(mine, a)
			m.days[shelfDay{k, a.Day}]++
		}
	}
	open, seen := 0, map[civil.Date]bool{}
	for _, a := range mine {
		d := shelfDay{k, a.Day}
		if seen[a.Day] {
			continue
		}
		seen[a.Day] = true
		if m.rules.Used != nil && m.rules.Vial != nil { // holds of people who are choosing count too
			m.days[d] = max(m.days[d], m.rules.Used(booking.OpenedCounter(s.Site, a.Day, m.rules.Vial(s.Product))))
		}
		open += booking.VialsFor(m.days[d], s.PerVial)
	}
	change := func(a *supply.Appointment, by int) {
		d := shelfDay{k, a.Day}
		open += booking.VialsFor(m.days[d]+by, s.PerVial) - booking.VialsFor(m.days[d], s.PerVial)
		m.days[d] += by
	}
	var lose []supply.Appointment
	if s.Held > 0 {
		for i := 0; i < len(mine) && open > s.Vials; i++ {
			change(&mine[i], -1)
			lose = append(lose, mine[i])
		}
		kept := lose[:0:0]
		for i := len(lose) - 1; i >= 0; i-- {
			if change(&lose[i], 1); open > s.Vials {
				change(&lose[i], -1)
				kept = append(kept, lose[i])
			}
		}
		lose = kept
	}
	m.vials[k] = max(0, s.Vials-open)
	return lose
}

// needs is how many vials more a dose opens at a slot, and whether vials are counted there at all.
func (m *maker) needs(to booking.Slot) (n int, counted bool) {
	k := shelf{to.Site, to.Product}
	if _, counted = m.vials[k]; !counted {
		return 0, false
	}
	v := m.rules.Vial(to.Product)
	d := shelfDay{k, to.Day}
	if _, known := m.days[d]; !known && m.rules.Used != nil {
		m.days[d] = m.rules.Used(booking.OpenedCounter(to.Site, to.Day, v))
	}
	return booking.VialsFor(m.days[d]+1, v.Doses) - booking.VialsFor(m.days[d], v.Doses), true
}

// fits reports whether the vials of a site, where they are counted, have a dose for a slot.
func (m *maker) fits(to booking.Slot) bool {
	n, counted := m.needs(to)
	return !counted || n <= m.vials[shelf{to.Site, to.Product}]
}

func (m *maker) take(to booking.Slot) {
	if n, counted := m.needs(to); counted {
		m.vials[shelf{to.Site, to.Product}] -= n
		m.days[shelfDay{shelf{to.Site, to.Product}, to.Day}]++
	}
}
