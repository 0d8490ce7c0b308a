package bookingtest

import (
	"context"
	"sync"
	"testing"
	"time"

	"charye/booking"
	"charye/internal/civil"
)

// testApart: doses keep away from those of another campaign, or meet them on the same day where that is allowed; a choice that is too
// near is passed over.
func testApart(t *testing.T, open Open) {
	b := fresh(t, open)
	flu := seat(10, 0, 9)
	flu.Slot.Product = "flu"
	in2 := func(r booking.Request) booking.Request { r.Campaign = 2; return r }
	away := func(r booking.Request, days int, same bool) booking.Request {
		r.Apart = []booking.Apart{{Product: "flu", Days: days, SameDay: same}, {Product: "janssen", Days: 99}}
		return r
	}
	first := b.want(booking.Done, in2(book(1, pick(flu), nil)))
	b.want(booking.Limited, away(book(1, pick(seat(0, 0, 9)), nil), 14, true))
	b.want(booking.Limited, away(book(1, pick(seat(10, 0, 9)), nil), 14, false))
	near := [][]booking.Choice{{seat(3, 0, 9), seat(10, 0, 9), seat(30, 0, 9)}}
	out := b.want(booking.Done, away(book(1, near, nil), 14, true))
	if got := out.Booking.Doses[0].Slot.Day; got != firstDay+10 {
		t.Errorf("the dose is on %v, want the day of the other", got)
	}
	b.want(booking.Limited, away(change(1, out.Booking.ID, pick(seat(12, 0, 9))), 14, true))
	b.want(booking.Done, away(change(1, out.Booking.ID, pick(seat(24, 0, 9))), 14, true))
	held := b.want(booking.Done, hold(2, pick(seat(0, 1, 9)), nil))
	b.want(booking.Done, in2(book(2, pick(flu), nil)))
	b.want(booking.Limited, away(bookHold(2, held.Hold.ID), 14, false))
	gone := in2(cancel(1, first.Booking.ID))
	b.want(booking.Done, gone)
	b.want(booking.Done, away(change(1, out.Booking.ID, pick(seat(12, 0, 9))), 14, true))
}

// ofVial gives a session's choice whose dose draws on the vials of the site.
func ofVial(day, n, seats int) booking.Choice {
	c := seat(day, n, seats)
	c.Vial = vial
	return c
}

// testVials: each day opens as many vials as what is booked on it needs; there is no dose without a vial, nor without a word of how many
// there are; what is given back closes one.
func testVials(t *testing.T, open Open) {
	b := fresh(t, open)
	vials := booking.VialsCounter(1, vial.Product)
	b.want(booking.Full, book(1, pick(ofVial(0, 0, 9)), nil)) // nobody said that there are any
	if err := b.SetCapacity(context.Background(), []booking.Claim{{Counter: vials, Capacity: 2}}); err != nil {
		t.Fatal(err)
	}
	first := b.want(booking.Done, book(1, pick(ofVial(0, 0, 9)), nil))
	b.wantUsed(vials, 1)
	b.want(booking.Done, hold(2, pick(ofVial(0, 1, 9)), nil))
	b.wantUsed(vials, 1)
	third := b.want(booking.Done, book(3, pick(ofVial(28, 0, 9)), nil)) // another day opens another
	b.wantUsed(vials, 2)
	if out := b.want(booking.Full, book(4, pick(ofVial(0, 2, 9)), nil)); out.FullDose != 1 {
		t.Errorf("full is dose %d", out.FullDose)
	}
	b.wantUsed(seat(0, 2, 9).Seat.Counter, 0)
	fourth := b.want(booking.Done, book(4, [][]booking.Choice{{ofVial(0, 2, 9), ofVial(28, 1, 9)}}, nil))
	if got := fourth.Booking.Doses[0].Slot.Day; got != firstDay+28 {
		t.Errorf("the dose is on %v, want the day with half a vial left", got)
	}
	b.crash()
	b.want(booking.Done, cancel(3, third.Booking.ID))
	b.wantUsed(vials, 2) // its vial is open for the other
	b.want(booking.Done, change(4, fourth.Booking.ID, pick(ofVial(28, 2, 9))))
	b.want(booking.Full, change(1, first.Booking.ID, pick(ofVial(1, 0, 9)))) // person 2 has the rest of its vial
	b.want(booking.Done, cancel(4, fourth.Booking.ID))
	b.wantUsed(vials, 1)
	b.want(booking.Done, change(1, first.Booking.ID, pick(ofVial(1, 0, 9))))
	b.wantUsed(vials, 2)
	b.want(booking.Done, booking.Request{Op: booking.OpExpire, Channel: "system", At: start.Add(time.Hour)})
	b.wantUsed(vials, 1)
	if err := b.SetCapacity(context.Background(), []booking.Claim{{Counter: vials, Capacity: 0}}); err == nil {
		t.Error("a vial that is open was taken away")
	}
}

// testVialsAtOnce: however many nodes book at a site at once, there opens no vial too many and no dose is left in an open one
// while somebody is sent away.
func testVialsAtOnce(t *testing.T, open Open) {
	b := fresh(t, open)
	const vials, people = 7, 24
	counter := booking.VialsCounter(1, vial.Product)
	if err := b.SetCapacity(context.Background(), []booking.Claim{{Counter: counter, Capacity: vials}}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	days := map[civil.Date]int{}
	for n := 1; n <= people; n++ {
		all.Go(func() {
			// Each tries three days in an order of their own.
			choices := [][]booking.Choice{{ofVial(n%3, 0, people), ofVial((n+1)%3, 0, people), ofVial((n+2)%3, 0, people)}}
			out, err := b.Apply(context.Background(), []booking.Request{book(n, choices, nil)})
			if err != nil {
				t.Error(err)
				return
			}
			if out[0].Result == booking.Done {
				mu.Lock()
				days[out[0].Booking.Doses[0].Slot.Day]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	booked := 0
	for _, n := range days {
		booked += n
	}
	if opened := vialsOf(days); opened != vials || booked != vials*perVial {
		t.Errorf("%d booked by day %v, which opens %d vials; want %d doses of %d vials", booked, days, opened, vials*perVial, vials)
	}
	b.wantUsed(counter, vials)
}

func both(a, b booking.Request) booking.Request {
	a.Partner = &b
	return a
}

// testPartner: two people are booked together or not at all, with their holds, their keys and their own campaigns.
func testPartner(t *testing.T, open Open) {
	b := fresh(t, open)
	s, next := seat(0, 0, 3), seat(0, 1, 1)
	out := b.want(booking.Done, both(withKey(book(1, pick(s), stock(1, 3)), 1, 1), withKey(book(2, pick(s), stock(1, 3)), 1, 1)))
	if out.Partner == nil || out.Partner.Result != booking.Done || out.Partner.Booking.Person != who(2) || out.Booking.Person != who(1) {
		t.Fatalf("got %s", describe(out))
	}
	again := b.want(booking.Repeated, both(withKey(book(1, pick(s), stock(1, 3)), 1, 1), withKey(book(2, pick(s), stock(1, 3)), 1, 1)))
	if again.Partner == nil || again.Partner.Result != booking.Repeated || again.Partner.Booking.ID != out.Partner.Booking.ID {
		t.Fatalf("got %s", describe(again))
	}
	full := b.want(booking.Full, both(book(3, pick(s), stock(1, 3)), book(4, pick(s), stock(1, 3))))
	if full.Partner == nil || full.FullDose != 0 || full.Shared != booking.StockCounter(1) {
		t.Fatalf("got %s", describe(full))
	}
	b.wantUsed(s.Seat.Counter, 2)
	b.wantUsed(booking.StockCounter(1), 2)
	held := b.want(booking.Done, hold(3, pick(next), nil))
	b.want(booking.Full, both(book(4, pick(s), nil), book(5, pick(next), nil))) // held by 3
	b.want(booking.AlreadyBooked, both(book(3, pick(s), nil), book(2, pick(s), nil)))
	b.wantHold(3, start.Add(5*time.Minute))
	b.crash()
	mixed := b.want(booking.Done, both(bookHold(3, held.Hold.ID), book(4, pick(s), nil)))
	if mixed.Booking.Doses[0].Slot != next.Slot || mixed.Partner.Booking.Doses[0].Slot != s.Slot {
		t.Fatalf("got %s", describe(mixed))
	}
	b.wantUsed(s.Seat.Counter, 3)
	b.want(booking.Malformed, both(book(6, pick(s), nil), book(6, pick(s), nil)))
	b.want(booking.Malformed, both(hold(6, pick(s), nil), book(7, pick(s), nil)))
	b.want(booking.Malformed, both(book(6, pick(s), nil), both(book(7, pick(s), nil), book(8, pick(s), nil))))
}

// testPartnerAtOnce: couples at the last seats, with some people in two couples: nobody is booked alone, and no seat is given twice.
func testPartnerAtOnce(t *testing.T, open Open) {
	b := fresh(t, open)
	const seats, couples = 5, 8
	var all sync.WaitGroup
	for n := 1; n <= couples; n++ {
		all.Go(func() {
			r := both(book(n, pick(seat(0, 0, seats)), nil), book(1+n%couples, pick(seat(0, 0, seats)), nil))
			if _, err := b.Apply(context.Background(), []booking.Request{r}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	booked := 0
	for n := 1; n <= couples; n++ {
		list, err := b.Bookings(context.Background(), who(n))
		if err != nil {
			t.Fatal(err)
		}
		booked += len(list)
	}
	if booked%2 != 0 || booked == 0 || booked > seats {
		t.Errorf("%d people are booked on %d seats by couples", booked, seats)
	}
	b.wantUsed(seat(0, 0, seats).Seat.Counter, booked)
}
