package drill

import (
	"context"
	"fmt"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/site"
	"charye/supply"
)

// tell brings custody and doses given into the index, as the events of the autumn would have.
func (d *drill) tell(context.Context) (err error) {
	begun := time.Now()
	w := d.world
	if d.index, err = supply.NewIndex(&rules); err != nil {
		return err
	}
	for i := range w.boxes {
		if err := d.index.AddBox(w.boxes[i].Box); err != nil {
			return err
		}
	}
	keys := func(boxes []int) []supply.SSCC {
		out := make([]supply.SSCC, len(boxes))
		for i, b := range boxes {
			out[i] = w.boxes[b].SSCC
		}
		return out
	}
	for _, s := range w.depot {
		if err := d.index.AddLeg(supply.Leg{Point: depotPoint, Begin: s.from, End: s.to, Aboard: keys(s.boxes)}); err != nil {
			return err
		}
	}
	var stay []int
	for i := range w.boxes {
		if w.boxes[i].site == 0 {
			stay = append(stay, i)
		}
	}
	if len(stay) > 0 {
		if err := d.index.AddLeg(supply.Leg{Point: depotPoint, Begin: firstDay.At(0, kst).Add(-48 * time.Hour), Aboard: keys(stay)}); err != nil {
			return err
		}
	}
	for _, r := range w.runs {
		for _, p := range r.drops {
			if err := d.index.AddLeg(supply.Leg{Point: r.point, Site: p.site, Begin: r.begin, End: p.at, Aboard: keys(p.boxes)}); err != nil {
				return err
			}
			if p.site == 0 {
				continue
			}
			if err := d.index.AddLeg(supply.Leg{Point: fridge(p.site), Site: p.site, Begin: p.at, Aboard: keys(p.boxes)}); err != nil {
				return err
			}
		}
	}
	for i := range w.given {
		if err := d.index.AddGiven(w.given[i].Given); err != nil {
			return err
		}
	}
	r := d.report
	r.Doses, r.Boxes, r.Sites, r.Legs, r.Given, r.Lots = len(w.boxes)*perBox, len(w.boxes), len(w.sites), d.index.Legs(), len(w.given), len(w.lots)
	for _, run := range w.runs {
		switch {
		case run.trouble.silent:
			r.Unrecorded++
		case run.trouble.any():
			r.Departures++
		}
	}
	r.Times.Tell = since(begun)
	return nil
}

const depotPoint supply.Point = "depot Gimpo"

func fridge(at site.Num) supply.Point { return supply.Point(fmt.Sprintf("fridge T%05d", at)) }

// book fills the ledger: every site takes bookings for a share of what it has, one after the other around the country.
func (d *drill) book(ctx context.Context) error {
	begun := time.Now()
	w := d.world
	open := openDays()
	type filling struct {
		left int
		used []uint16
	}
	fill := make([]filling, len(w.sites))
	total := 0
	for i := range w.places {
		onHand := 0
		for _, list := range [][]int{w.places[i].first, w.places[i].second} {
			for _, b := range list {
				onHand += w.boxes[b].Doses() - w.boxes[b].used
			}
		}
		fill[i] = filling{int(float64(onHand) * w.sc.Booked), make([]uint16, 2*len(open))}
		total += fill[i].left
	}
	stock := []booking.Claim{{Counter: booking.StockCounter(campaign), Capacity: len(w.boxes) * perBox, N: 1}}
	first := civil.New(2020, time.September, 1).At(9*60, kst)
	batch := make([]booking.Request, 0, 4096)
	send := func() error {
		out, err := d.cfg.Ledger.Apply(ctx, batch)
		if err != nil {
			return err
		}
		for i := range out {
			b := &out[i].Booking
			if out[i].Result != booking.Done || b.ID != int64(len(d.booked)+1) {
				return fmt.Errorf("booking %d got result %d and number %d: the ledger was not empty", len(d.booked)+1, out[i].Result, b.ID)
			}
			s := b.Doses[0].Slot
			d.booked = append(d.booked, slot{s.Site, s.Day, int16(s.Minute)})
			d.index.AddAppointment(supply.Appointment{
				Booking: b.ID, Person: b.Person, Site: s.Site, Day: s.Day, Minute: int16(s.Minute), Dose: 1, Product: product, Made: b.MadeAt.UnixMicro(),
			})
		}
		batch = batch[:0]
		return nil
	}
	for n := 0; n < total; {
		for i := range fill {
			f := &fill[i]
			if f.left == 0 {
				continue
			}
			f.left--
			k := w.rng.IntN(len(f.used))
			for int(f.used[k]) >= w.places[i].seats {
				k = (k + 1) % len(f.used)
			}
			f.used[k]++
			at := booking.Session{Site: w.sites[i].Num, Day: open[k/2], Minute: (9 + 5*(k%2)) * 60}
			who := key(w.rng.Uint64(), w.rng.Uint64())
			batch = append(batch, booking.Request{
				Op: booking.OpBook, Campaign: campaign, Person: who, Actor: who, Channel: "web", At: first.Add(time.Duration(n) * 300 * time.Millisecond), Shared: stock,
				Doses: [][]booking.Choice{{{Slot: booking.Slot{Session: at, Product: product}, Minutes: 180, Seat: booking.Claim{Counter: booking.SeatCounter(at), Capacity: w.places[i].seats, N: 1}}}},
			})
			n++
			if len(batch) == cap(batch) {
				if err := send(); err != nil {
					return err
				}
			}
		}
	}
	if len(batch) > 0 {
		if err := send(); err != nil {
			return err
		}
	}
	d.report.Bookings = len(d.booked)
	d.report.Times.Book = since(begun)
	return nil
}
