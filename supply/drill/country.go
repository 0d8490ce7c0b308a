package drill

import (
	"context"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/site"
	"charye/supply"
)

// Country is the made-up country on the evening on which the programme was stopped, for those who measure other parts of Charye on it.
type Country struct {
	Sites   []site.Site
	Boxes   []Box
	Product string
	Stopped time.Time // that evening
	Until   civil.Date
	world   *world
}

// Box is a box of the country.
type Box struct {
	supply.Box
	Site    site.Num // 0: in the depot
	Used    int      // doses given from it
	Spoilt  bool     // or nothing is known of it: it would be held
	Arrived time.Time
}

// NewCountry makes it, at a scale from 0.001 to 1. The same seed gives the same country.
func NewCountry(sc Scenario, scale float64, seed uint64) (*Country, error) {
	w, err := newWorld(sc.scaled(scale), seed)
	if err != nil {
		return nil, err
	}
	c := &Country{Sites: w.sites, Product: product, Stopped: stopped, Until: bookedTo, world: w}
	for i := range w.boxes {
		b := &w.boxes[i]
		c.Boxes = append(c.Boxes, Box{Box: b.Box, Site: b.site, Used: b.used, Spoilt: w.truth(b, stopped, false) != fine, Arrived: b.arrived})
	}
	return c, nil
}

// Book has people book four of five doses left, in an empty ledger, and gives how many did; it may be called once. progress, which may be nil, is told of each.
func (c *Country) Book(ctx context.Context, l booking.Ledger, progress func(n int)) (n int, err error) {
	err = c.world.book(ctx, l, func(*booking.Booking) error {
		if n++; progress != nil {
			progress(n)
		}
		return nil
	})
	return n, err
}
