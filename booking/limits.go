package booking

import "slices"

// What somebody has booked in other campaigns can be against a request: how much of it (Request.Limits), and how near
// (Request.Apart).

// limited reports whether what the person has booked in other campaigns is against a request.
func (p *known) limited(r *Request) bool {
	for _, l := range r.Limits {
		n := 0
		for _, b := range p.bookings {
			if b.Campaign == r.Campaign || b.Status != Booked {
				continue
			}
			for i := range b.Doses {
				if b.Doses[i].Slot.Product == l.Product && b.Doses[i].Draws() {
					n++
				}
			}
		}
		if n > l.Most {
			return true
		}
	}
	return false
}

// apart gives the choices that keep their distance. It is false when a dose had choices and none of them does.
func (p *known) apart(r *Request) ([][]Choice, bool) {
	if len(r.Apart) == 0 {
		return r.Doses, true
	}
	out := make([][]Choice, len(r.Doses))
	for i, choices := range r.Doses {
		out[i] = slices.DeleteFunc(slices.Clone(choices), func(c Choice) bool { return !p.clear(r, c.Slot) })
		if len(out[i]) == 0 && len(choices) > 0 {
			return nil, false
		}
	}
	return out, true
}

// farEnough reports whether doses that are chosen already keep their distance.
func (p *known) farEnough(r *Request, doses []Dose) bool {
	return !slices.ContainsFunc(doses, func(d Dose) bool { return !p.clear(r, d.Slot) })
}

// clear reports whether a slot is far enough from all that the person has booked in other campaigns.
func (p *known) clear(r *Request, s Slot) bool {
	for _, b := range p.bookings {
		if b.Campaign == r.Campaign || b.Status != Booked {
			continue
		}
		for i := range b.Doses {
			if !b.Doses[i].Draws() {
				continue
			}
			for _, a := range r.Apart {
				if b.Doses[i].Slot.Product == a.Product && !a.Allows(int(b.Doses[i].Slot.Day-s.Day)) {
					return false
				}
			}
		}
	}
	return true
}

// Allows reports whether two doses may be so many days apart.
func (a Apart) Allows(days int) bool {
	if days < 0 {
		days = -days
	}
	return days >= a.Days || days == 0 && a.SameDay
}
