package moves

import (
	"context"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/programme"
	"charye/site"
)

// Places answers what sessions a site has, and how much of each counter is taken while a plan is made: what the plan takes and gives
// back counts. It is a copy of one moment; the ledger has the last word.
type Places struct {
	Programme *programme.Programme
	Index     *site.Index

	byNum    map[site.Num]*site.Site
	used     map[booking.Counter]int
	capacity map[booking.Counter]int
}

// NewPlaces knows the rules and the sites, and takes every counter for free until [Places.Read].
func NewPlaces(p *programme.Programme, sites []site.Site) *Places {
	out := &Places{Programme: p, Index: site.NewIndex(sites), byNum: make(map[site.Num]*site.Site, len(sites)), used: map[booking.Counter]int{}, capacity: map[booking.Counter]int{}}
	for i := range sites {
		out.byNum[sites[i].Num] = &sites[i]
	}
	return out
}

// Read takes in the counters as they stand.
func (p *Places) Read(ctx context.Context, l booking.Ledger) error {
	_, err := l.Counters(ctx, func(s booking.CounterState) {
		p.used[s.Counter], p.capacity[s.Counter] = s.Used, s.Capacity
	})
	return err
}

// Site finds a site; ok is false for one that is no more.
func (p *Places) Site(num site.Num) (s *site.Site, ok bool) {
	s, ok = p.byNum[num]
	return s, ok
}

// Sessions lists those of a site, by the rules.
func (p *Places) Sessions(num site.Num) booking.Sessions {
	s := p.byNum[num]
	return func(day civil.Date) (out []booking.SessionInfo) {
		if s == nil {
			return nil
		}
		for _, x := range p.Programme.Sessions(s.ID, s.Kind, s.Region, day) {
			out = append(out, booking.SessionInfo{Minute: x.Minute, Minutes: x.Minutes, Seats: x.Seats})
		}
		return out
	}
}

// Free serves as [booking.Free].
func (p *Places) Free(c booking.Counter, capacity int) int { return capacity - p.used[c] }

// Used is how much of a counter is taken.
func (p *Places) Used(c booking.Counter) int { return p.used[c] }

// Capacity is that of a counter; 0 for one that is not there.
func (p *Places) Capacity(c booking.Counter) int { return p.capacity[c] }

// Take has a plan take n of a counter; less than 0 gives back.
func (p *Places) Take(c booking.Counter, n int) { p.used[c] += n }

// Vial says how a dose of a product draws on the vials of its site.
func (p *Places) Vial(product string) booking.Vial {
	if x, ok := p.Programme.Product(product); ok && x.Vials != nil {
		return booking.Vial{Product: x.Num, Doses: x.DosesPerVial}
	}
	return booking.Vial{}
}

// InVial reports whether the vials of a site, where they are counted, have a dose for a slot.
func (p *Places) InVial(s booking.Slot) bool {
	v := p.Vial(s.Product)
	return v == booking.Vial{} || p.opens(s, v, 1) <= p.capacity[booking.VialsCounter(s.Site, v.Product)]-p.used[booking.VialsCounter(s.Site, v.Product)]
}

// TakeDose has a plan take the seat and the dose of a slot; by -1 gives them back.
func (p *Places) TakeDose(s booking.Slot, v booking.Vial, by int) {
	p.used[booking.SeatCounter(s.Session)] += by
	if v != (booking.Vial{}) {
		p.used[booking.VialsCounter(s.Site, v.Product)] += p.opens(s, v, by)
		p.used[booking.OpenedCounter(s.Site, s.Day, v)] += by
	}
}

// opens is how many vials more a dose more or less on a day opens.
func (p *Places) opens(s booking.Slot, v booking.Vial, by int) int {
	booked := p.used[booking.OpenedCounter(s.Site, s.Day, v)]
	return booking.VialsFor(booked+by, v.Doses) - booking.VialsFor(booked, v.Doses)
}

// Apart is what the doses of a series must keep away from that are booked at an instant.
func (p *Places) Apart(first string, at time.Time) (out []booking.Apart) {
	product, ok := p.Programme.Product(first)
	if !ok {
		return nil
	}
	for _, a := range p.Programme.AwayFrom(product, civil.Of(at, p.Programme.Zone)) {
		out = append(out, booking.Apart(a))
	}
	return out
}

// Choice is a slot as the rules have it now. A dose that stays at its site and of its product draws on vials as before.
func (p *Places) Choice(to booking.Slot, is booking.Dose) (booking.Choice, bool) {
	for _, x := range p.Sessions(to.Site)(to.Day) {
		if x.Minute != to.Minute {
			continue
		}
		c := booking.Choice{Slot: to, Minutes: x.Minutes, Seat: booking.Claim{Counter: booking.SeatCounter(to.Session), Capacity: x.Seats, N: 1}, Vial: p.Vial(to.Product)}
		if to.Site == is.Slot.Site && to.Product == is.Slot.Product {
			c.Vial = is.Vial
		}
		return c, true
	}
	return booking.Choice{}, false
}
