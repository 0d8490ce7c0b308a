package drill

import (
	"context"
	"fmt"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/supply"
)

// book fills the ledger, and notes what was booked.
func (d *drill) book(ctx context.Context) error {
	begun := time.Now()
	err := d.world.book(ctx, d.cfg.Ledger, func(b *booking.Booking) error {
		if b.ID != int64(len(d.booked)+1) {
			return fmt.Errorf("booking %d got number %d: the ledger was not empty", len(d.booked)+1, b.ID)
		}
		s := b.Doses[0].Slot
		d.booked = append(d.booked, slot{s.Site, s.Day, int16(s.Minute)})
		d.index.AddAppointment(supply.Appointment{
			Booking: b.ID, Person: b.Person, Site: s.Site, Day: s.Day, Minute: int16(s.Minute), Dose: 1, Product: product, Made: b.MadeAt.UnixMicro(),
		})
		return nil
	})
	d.report.Bookings = len(d.booked)
	d.report.Times.Book = since(begun)
	return err
}

// book has every site take bookings for a share of what it has, one after the other around the country, and tells each.
func (w *world) book(ctx context.Context, l booking.Ledger, booked func(*booking.Booking) error) error {
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
		if len(batch) == 0 {
			return nil
		}
		out, err := l.Apply(ctx, batch)
		if err != nil {
			return err
		}
		for i := range out {
			if out[i].Result != booking.Done {
				return fmt.Errorf("a booking got result %d", out[i].Result)
			}
			if err := booked(&out[i].Booking); err != nil {
				return err
			}
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
	return send()
}
