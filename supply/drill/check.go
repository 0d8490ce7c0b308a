package drill

import (
	"context"
	"fmt"
	"time"

	"charye/booking"
	"charye/site"
	"charye/supply"
)

// check holds what Charye did against the simulation's own books, and the ledger against itself.
func (d *drill) check(ctx context.Context) error {
	begun := time.Now()
	d.checkBoxes(false)
	d.checkPeople()
	d.checkBookings(ctx, false)
	d.report.Times.Check = since(begun)
	return ctx.Err()
}

func (d *drill) checkReleased(ctx context.Context) error {
	begun := time.Now()
	d.checkBoxes(true)
	d.checkBookings(ctx, true)
	d.report.Times.CheckReleased = since(begun)
	return ctx.Err()
}

// checkBoxes: held is what the simulation knows to be spoilt or unknown, and nothing else.
func (d *drill) checkBoxes(silentKnown bool) {
	missed, extra, other := 0, 0, 0
	for i := range d.world.boxes {
		b := &d.world.boxes[i]
		truth, held := d.world.truth(b, stopped, silentKnown), d.state.State(b.SSCC) == supply.Held
		switch {
		case truth != fine && !held:
			missed++
		case truth == fine && held:
			extra++
		case truth != d.unfit[b.SSCC]:
			other++
		}
	}
	if missed+extra+other > 0 {
		d.wrong("boxes: %d spoilt ones are not held, %d good ones are, %d are held for the wrong cause", missed, extra, other)
	}
}

// checkPeople: the list is complete and exact.
func (d *drill) checkPeople() {
	type shot struct {
		box supply.SSCC
		who [16]byte
	}
	truth := map[shot]bool{}
	for i := range d.world.given {
		g := &d.world.given[i]
		if d.world.truth(&d.world.boxes[g.box], g.At, false) != fine {
			truth[shot{g.Box, g.Person}] = true
		}
	}
	p := &d.report.People
	p.Listed, p.Truth = len(d.people), len(truth)
	for i := range d.people {
		k := shot{d.people[i].Box, d.people[i].Person}
		if !truth[k] {
			p.Extra++
		}
		delete(truth, k)
	}
	p.Missed = len(truth)
	if p.Extra+p.Missed > 0 || p.Listed != p.Truth {
		d.wrong("people: of %d whose dose was spoilt %d are not on the list, and %d are on it who should not be", p.Truth, p.Missed, p.Extra)
	}
}

// checkBookings reads every booking again.
func (d *drill) checkBookings(ctx context.Context, back bool) {
	atSite := make([]int, len(d.world.sites)+1)
	untouched, moved := 0, 0
	a := booking.Audit(ctx, d.cfg.Ledger, booking.Asked{Each: func(b *booking.Booking) []string {
		if len(b.Doses) != 1 || b.ID < 1 || b.ID > int64(len(d.booked)) {
			return []string{"it was not booked in this drill"}
		}
		at := b.Doses[0].Slot
		atSite[at.Site]++
		to, mayMove := d.moved[b.ID]
		switch was := d.booked[b.ID-1].full(); {
		case !mayMove && (at != was || b.Changed != 0):
			return []string{"it was moved, and nothing had happened to its dose"}
		case mayMove && at != to:
			return []string{fmt.Sprintf("it should be at %s and is at %s", to, at)}
		case at == was:
			untouched++
		default:
			moved++
		}
		for _, s := range d.sessions(at.Site, at.Day) {
			if s.Minute == at.Minute && s.Seats == d.world.places[at.Site-1].seats {
				return nil
			}
		}
		return []string{"there is no session " + at.Session.String()}
	}})
	for _, f := range a.Findings {
		d.wrong("ledger: %s", f)
	}
	if a.Live != len(d.booked) {
		d.wrong("ledger: %d of %d bookings live", a.Live, len(d.booked))
	}
	// By the simulation's own truth, not by what Charye thinks: no site has promised more good doses than it has.
	without := map[site.Num]int{}
	for i := range d.plan.Without {
		without[d.plan.Without[i].Site]++
	}
	short := 0
	for i := range d.world.places {
		good := 0
		for _, list := range [][]int{d.world.places[i].first, d.world.places[i].second} {
			for _, n := range list {
				if b := &d.world.boxes[n]; d.world.truth(b, stopped, back) == fine {
					good += b.Doses() - b.used
				}
			}
		}
		num := d.world.sites[i].Num
		if atSite[num]-without[num] > good {
			short++
		}
	}
	if short > 0 {
		d.wrong("%d sites have more appointments than good doses", short)
	}
	if back {
		d.report.Released.Elsewhere = moved
	} else {
		d.report.Moves.Untouched = untouched
	}
}
