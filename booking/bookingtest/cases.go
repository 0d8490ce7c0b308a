package bookingtest

import (
	"context"
	"testing"
	"time"

	"charye/booking"
)

func testBook(t *testing.T, open Open) {
	b := fresh(t, open)
	one, two := seat(0, 0, 5), seat(28, 0, 5)
	r := withKey(book(1, pick(one, two), stock(1, 100)), 7, 8)
	r.Actor, r.At = who(2), start.Add(1234567*time.Nanosecond)
	out := b.want(booking.Done, r)
	want := booking.Booking{
		ID: out.Booking.ID, Campaign: 1, Person: who(1), Actor: who(2), Channel: "web", Status: booking.Booked,
		Doses: []booking.Dose{
			{Dose: 1, Slot: one.Slot, Minutes: 30, Seat: one.Seat}, {Dose: 2, Slot: two.Slot, Minutes: 30, Seat: two.Seat},
		},
		Shared: stock(1, 100), MadeAt: start.Add(1234 * time.Microsecond), Sealed: []byte("sealed"), Idempotency: key(7), Body: key(8),
	}
	if got, want := describeBooking(out.Booking), describeBooking(want); got != want {
		t.Errorf("answered %s\nwant     %s", got, want)
	}
	several, err := b.Several(context.Background(), []int64{out.Booking.ID, out.Booking.ID + 1<<40})
	if err != nil || len(several) != 1 || describeBooking(several[0]) != describeBooking(want) {
		t.Errorf("several: %v, %v", several, err)
	}
	kept, ok, err := b.Booking(context.Background(), out.Booking.ID)
	if err != nil || !ok || describeBooking(kept) != describeBooking(want) {
		t.Errorf("kept %s (%v, %v)\nwant %s", describeBooking(kept), ok, err, describeBooking(want))
	}
	for _, c := range []booking.Counter{one.Seat.Counter, two.Seat.Counter, booking.StockCounter(1)} {
		b.wantUsed(c, 1)
	}
	next := b.want(booking.Done, book(2, pick(one, two), stock(1, 100)))
	if next.Booking.ID <= out.Booking.ID {
		t.Errorf("ids do not grow: %d after %d", next.Booking.ID, out.Booking.ID)
	}
}

func testFirstChoice(t *testing.T, open Open) {
	b := fresh(t, open)
	choices := []booking.Choice{seat(28, 0, 1), seat(28, 1, 1), seat(27, 0, 1)}
	for n, want := range choices {
		out := b.want(booking.Done, book(n+1, [][]booking.Choice{{seat(0, 0, 9)}, choices}, nil))
		if got := out.Booking.Doses[1].Slot; got != want.Slot {
			t.Errorf("person %d got %v, want %v", n+1, got, want.Slot)
		}
	}
	out := b.want(booking.Full, book(4, [][]booking.Choice{{seat(0, 0, 9)}, choices}, nil))
	if out.FullDose != 2 {
		t.Errorf("full dose %d, want 2", out.FullDose)
	}
}

func testAllOrNothing(t *testing.T, open Open) {
	b := fresh(t, open)
	b.want(booking.Done, book(1, pick(seat(0, 0, 2), seat(28, 0, 1)), stock(1, 2)))
	before := b.picture()
	for _, c := range []struct {
		name   string
		r      booking.Request
		dose   int
		result booking.Result
	}{
		{"second dose full", book(2, pick(seat(0, 0, 2), seat(28, 0, 1)), stock(1, 2)), 2, booking.Full},
		{"no choice for a dose", book(2, [][]booking.Choice{{seat(0, 0, 2)}, nil}, stock(1, 2)), 2, booking.Full},
		{"no seats at all", book(2, pick(seat(1, 0, 0)), stock(1, 2)), 1, booking.Full},
		{"stock", book(2, pick(seat(0, 0, 2)), []booking.Claim{{Counter: booking.StockCounter(1), Capacity: 2, N: 2}}), 0, booking.Full},
	} {
		out := b.want(c.result, c.r)
		if out.FullDose != c.dose {
			t.Errorf("%s: full dose %d, want %d", c.name, out.FullDose, c.dose)
		}
	}
	if after := b.picture(); after != before {
		t.Errorf("a refused request changed something:\n%s\n%s", before, after)
	}
}

func testOneCounterTwice(t *testing.T, open Open) {
	b := fresh(t, open)
	same := seat(0, 0, 3)
	double := append(stock(1, 3), stock(1, 3)...)
	b.want(booking.Done, book(1, pick(same, same), double))
	b.wantUsed(same.Seat.Counter, 2)
	b.wantUsed(booking.StockCounter(1), 2)
	if out := b.want(booking.Full, book(2, pick(same, same), stock(1, 3))); out.FullDose != 2 {
		t.Errorf("full dose %d, want 2", out.FullDose)
	}
	if out := b.want(booking.Full, book(2, pick(seat(1, 0, 3)), double)); out.FullDose != 0 {
		t.Errorf("full dose %d, want 0", out.FullDose)
	}
	b.want(booking.Done, book(2, pick(same), stock(1, 3)))
}

func testKeptCapacity(t *testing.T, open Open) {
	b := fresh(t, open)
	b.want(booking.Full, book(1, pick(seat(0, 0, 0)), nil)) // not granted: leaves no capacity behind
	b.want(booking.Done, book(1, pick(seat(0, 0, 1)), nil))
	b.want(booking.Full, book(2, pick(seat(0, 0, 50)), nil))
	b.want(booking.Done, cancel(1, 1))
	b.want(booking.Done, book(2, pick(seat(0, 0, 50)), nil))
	b.want(booking.Full, book(3, pick(seat(0, 0, 50)), nil))
	if c := b.used(seat(0, 0, 0).Seat.Counter); c.Capacity != 1 {
		t.Errorf("capacity %d, want the 1 of the first taking", c.Capacity)
	}
}

func testIdempotency(t *testing.T, open Open) {
	b := fresh(t, open)
	r := withKey(book(1, pick(seat(0, 0, 5)), nil), 1, 1)
	first := b.want(booking.Done, r)
	again := b.want(booking.Repeated, at(r, start.Add(time.Hour)))
	if describeBooking(again.Booking) != describeBooking(first.Booking) {
		t.Errorf("told again: %s\nfirst: %s", describeBooking(again.Booking), describeBooking(first.Booking))
	}
	b.want(booking.KeyReused, withKey(book(1, pick(seat(0, 1, 5)), nil), 1, 2))
	b.want(booking.Done, withKey(book(2, pick(seat(0, 0, 5)), nil), 1, 1)) // another person's key is another key
	b.want(booking.Done, cancel(1, first.Booking.ID))
	told := b.want(booking.Repeated, r) // the booking as it stands: cancelled, and not made anew
	if told.Booking.Status != booking.Cancelled {
		t.Errorf("status %d, want cancelled", told.Booking.Status)
	}
	b.want(booking.Done, withKey(book(1, pick(seat(0, 0, 5)), nil), 2, 1))
}

func testOneLiveBooking(t *testing.T, open Open) {
	b := fresh(t, open)
	first := b.want(booking.Done, book(1, pick(seat(0, 0, 5)), nil))
	for _, r := range []booking.Request{book(1, pick(seat(0, 1, 5)), nil), hold(1, pick(seat(0, 1, 5)), nil), bookHold(1, 99)} {
		if out := b.want(booking.AlreadyBooked, r); out.Booking.ID != first.Booking.ID {
			t.Errorf("told of booking %d, want %d", out.Booking.ID, first.Booking.ID)
		}
	}
	other := book(1, pick(seat(0, 1, 5)), nil)
	other.Campaign = 2
	b.want(booking.Done, other)
}

func testChange(t *testing.T, open Open) {
	b := fresh(t, open)
	made := b.want(booking.Done, book(1, pick(seat(0, 0, 1), seat(28, 0, 1)), stock(1, 1)))
	b.want(booking.Done, book(2, pick(seat(1, 0, 1)), nil))
	id := made.Booking.ID
	before := b.picture()
	if out := b.want(booking.Full, change(1, id, pick(seat(2, 0, 1), seat(1, 0, 1)))); out.FullDose != 2 {
		t.Errorf("full dose %d, want 2", out.FullDose)
	}
	b.want(booking.NoBooking, change(2, id, pick(seat(2, 0, 1))))
	b.want(booking.NoBooking, change(1, id+100, pick(seat(2, 0, 1))))
	if b.picture() != before {
		t.Error("a refused change changed something")
	}
	moved := b.want(booking.Done, change(1, id, pick(seat(2, 0, 1), seat(30, 0, 1))))
	if moved.Booking.ID != id || moved.Booking.Changed != 1 || moved.Booking.Doses[0].Slot != seat(2, 0, 1).Slot || len(moved.Booking.Shared) != 1 {
		t.Errorf("moved: %s", describeBooking(moved.Booking))
	}
	b.want(booking.Repeated, change(1, id, pick(seat(2, 0, 1), seat(30, 0, 1))))
	b.wantUsed(seat(0, 0, 1).Seat.Counter, 0)
	b.wantUsed(seat(2, 0, 1).Seat.Counter, 1)
	b.wantUsed(booking.StockCounter(1), 1)
	other := change(1, id, pick(seat(2, 0, 1)))
	other.Shared = stock(2, 1)
	b.want(booking.Done, other) // claims given anew replace the old ones
	b.wantUsed(booking.StockCounter(1), 0)
	b.wantUsed(booking.StockCounter(2), 1)
}

func testChangeOwnSeat(t *testing.T, open Open) {
	b := fresh(t, open)
	one, two := seat(0, 0, 1), seat(28, 0, 1)
	made := b.want(booking.Done, book(1, pick(one, two), stock(1, 1)))
	b.want(booking.Done, change(1, made.Booking.ID, pick(one, seat(28, 1, 1)))) // dose 1 stays where it was full
	b.want(booking.Done, change(1, made.Booking.ID, [][]booking.Choice{{seat(0, 1, 1)}, {seat(28, 1, 1)}}))
	b.wantUsed(one.Seat.Counter, 0)
	b.wantUsed(seat(28, 1, 1).Seat.Counter, 1)
	for _, d := range b.events(b.lastSeq() - 1)[0].Deltas {
		if d.Counter == seat(28, 1, 1).Seat.Counter || d.Counter == booking.StockCounter(1) {
			t.Errorf("the event tells of %v, which did not move", d.Counter)
		}
	}
}

func testCancel(t *testing.T, open Open) {
	b := fresh(t, open)
	made := b.want(booking.Done, book(1, pick(seat(0, 0, 1), seat(28, 0, 1)), stock(1, 1)))
	b.want(booking.NoBooking, cancel(2, made.Booking.ID))
	wrong := cancel(1, made.Booking.ID)
	wrong.Campaign = 2
	b.want(booking.NoBooking, wrong)
	gone := b.want(booking.Done, cancel(1, made.Booking.ID))
	if gone.Booking.Status != booking.Cancelled || len(gone.Booking.Doses) != 2 {
		t.Errorf("cancelled: %s", describeBooking(gone.Booking))
	}
	for _, c := range []booking.Counter{seat(0, 0, 1).Seat.Counter, seat(28, 0, 1).Seat.Counter, booking.StockCounter(1)} {
		b.wantUsed(c, 0)
	}
	again := b.want(booking.Repeated, cancel(1, made.Booking.ID))
	if describeBooking(again.Booking) != describeBooking(gone.Booking) {
		t.Errorf("cancelled again: %s", describeBooking(again.Booking))
	}
	b.want(booking.NoBooking, change(1, made.Booking.ID, pick(seat(0, 0, 1))))
	next := b.want(booking.Done, book(1, pick(seat(0, 0, 1), seat(28, 0, 1)), stock(1, 1)))
	b.want(booking.Done, cancel(1, next.Booking.ID))
}

func testMalformed(t *testing.T, open Open) {
	b := fresh(t, open)
	b.want(booking.Done, book(1, pick(seat(0, 0, 5)), nil))
	before := b.picture()
	ok := book(2, pick(seat(0, 0, 5)), stock(1, 5))
	bend := func(f func(*booking.Request)) booking.Request {
		r := ok
		r.Doses, r.Shared = pick(seat(0, 0, 5)), stock(1, 5)
		f(&r)
		return r
	}
	for i, r := range []booking.Request{
		{},
		bend(func(r *booking.Request) { r.Op = 77 }),
		bend(func(r *booking.Request) { r.At = time.Time{} }),
		bend(func(r *booking.Request) { r.Person = who(0); r.Person = [16]byte{} }),
		bend(func(r *booking.Request) { r.Doses = nil }),
		bend(func(r *booking.Request) { r.Doses[0][0].Seat.N = -1 }),
		bend(func(r *booking.Request) { r.Doses[0][0].Seat.N = 0 }),
		bend(func(r *booking.Request) { r.Doses[0][0].Seat.Counter = 0 }),
		bend(func(r *booking.Request) { r.Shared[0].N = -5 }),
		bend(func(r *booking.Request) { r.Shared[0].Capacity = 1 << 40 }),
		bend(func(r *booking.Request) { r.Doses = make([][]booking.Choice, booking.MaxDoses+1) }),
		bend(func(r *booking.Request) { r.Op, r.HoldUntil = booking.OpHold, r.At }),
		bend(func(r *booking.Request) { r.Op = booking.OpChange }),
		bend(func(r *booking.Request) { r.Op = booking.OpCancel }),
		bend(func(r *booking.Request) { r.Sealed = make([]byte, booking.MaxSealed+1) }),
	} {
		if out := b.do(r)[0]; out.Result != booking.Malformed {
			t.Errorf("request %d: result %d, want Malformed", i, out.Result)
		}
	}
	if b.picture() != before {
		t.Error("a malformed request changed something")
	}
	out := b.do(booking.Request{}, ok) // a fault in one does not touch the others
	if out[0].Result != booking.Malformed || out[1].Result != booking.Done {
		t.Errorf("results %d, %d", out[0].Result, out[1].Result)
	}
}

// testWithinOneBatch has requests of one batch build on each other.
func testWithinOneBatch(t *testing.T, open Open) {
	b := fresh(t, open)
	s := seat(0, 0, 1)
	out := b.do(
		withKey(book(1, pick(s), nil), 1, 1),
		withKey(book(1, pick(s), nil), 1, 1),
		book(2, pick(s), nil),
		cancel(1, 1),
		book(2, pick(s), nil),
		cancel(2, 2),
		book(1, pick(s), nil),
		change(1, 3, pick(seat(0, 1, 1))),
		hold(2, pick(s), nil),
		hold(2, pick(s), nil),
		at(book(3, pick(s), nil), start.Add(5*time.Minute)),
	)
	want := []booking.Result{
		booking.Done, booking.Repeated, booking.Full, booking.Done, booking.Done, booking.Done, booking.Done, booking.Done, booking.Done,
		booking.Done, booking.Done,
	}
	for i := range out {
		if out[i].Result != want[i] {
			t.Errorf("request %d: result %d, want %d", i, out[i].Result, want[i])
		}
	}
	b.wantUsed(s.Seat.Counter, 1)
	held := b.do(hold(4, pick(seat(0, 2, 1)), nil))[0].Hold
	b.do(hold(4, pick(seat(0, 3, 1)), nil), bookHold(4, held.ID), bookHold(4, held.ID+2)) // held, over, held
	list, err := b.Bookings(context.Background(), who(4))
	if err != nil || len(list) != 1 || list[0].Doses[0].Slot != seat(0, 3, 1).Slot {
		t.Errorf("bookings of person 4: %v, %v", list, err)
	}
}
