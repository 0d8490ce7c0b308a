package bookingtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"charye/booking"
)

func testHold(t *testing.T, open Open) {
	b := fresh(t, open)
	s := seat(0, 0, 1)
	held := b.want(booking.Done, hold(1, pick(s), stock(1, 1)))
	if !held.Hold.Until.Equal(start.Add(5*time.Minute)) || len(held.Hold.Doses) != 1 || held.Hold.Doses[0].Slot != s.Slot {
		t.Errorf("held %s", describeHold(held.Hold))
	}
	b.wantUsed(s.Seat.Counter, 1)
	b.want(booking.Full, book(2, pick(s), nil))
	b.want(booking.Full, book(2, pick(seat(0, 1, 1)), stock(1, 1)))
	done := b.want(booking.Done, at(bookHold(1, held.Hold.ID), held.Hold.Until.Add(-time.Microsecond)))
	if done.Booking.Doses[0].Slot != s.Slot || len(done.Booking.Shared) != 1 {
		t.Errorf("booked %s", describeBooking(done.Booking))
	}
	b.wantUsed(s.Seat.Counter, 1)
	if got, want := b.kinds(0), []booking.EventKind{booking.EventHeld, booking.EventBooked}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	if d := b.events(1)[0].Deltas; len(d) != 0 {
		t.Errorf("a booking through a hold moved counters: %v", d)
	}
}

func testHoldReplaced(t *testing.T, open Open) {
	b := fresh(t, open)
	one, two := seat(0, 0, 1), seat(0, 1, 1)
	first := b.want(booking.Done, hold(1, pick(one), nil))
	second := b.want(booking.Done, hold(1, pick(two), nil))
	b.wantUsed(one.Seat.Counter, 0)
	b.wantUsed(two.Seat.Counter, 1)
	b.want(booking.HoldGone, bookHold(1, first.Hold.ID))
	b.want(booking.Done, book(2, pick(one), nil))
	before := b.picture()
	b.want(booking.Full, hold(1, pick(one), nil))
	if b.picture() != before {
		t.Error("the old hold did not stay when the new one could not be granted")
	}
	third := b.want(booking.Done, hold(1, pick(two), nil)) // its own seat counts as free
	b.want(booking.HoldGone, bookHold(1, second.Hold.ID))
	b.want(booking.Done, bookHold(1, third.Hold.ID))
	want := []booking.EventKind{
		booking.EventHeld, booking.EventHoldOver, booking.EventHeld, booking.EventBooked, booking.EventHoldOver, booking.EventHeld, booking.EventBooked,
	}
	if got := b.kinds(0); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func testHoldOver(t *testing.T, open Open) {
	b := fresh(t, open)
	s := seat(0, 0, 1)
	held := b.want(booking.Done, hold(1, pick(s), nil))
	until := held.Hold.Until
	b.want(booking.Full, at(book(2, pick(s), nil), until.Add(-time.Microsecond)))
	b.want(booking.Done, at(book(2, pick(s), nil), until)) // no sweeper came by
	b.want(booking.HoldGone, at(bookHold(1, held.Hold.ID), until))
	b.wantUsed(s.Seat.Counter, 1)

	b.want(booking.Done, hold(3, pick(seat(0, 1, 1)), nil))
	due, err := b.DueHolds(context.Background(), until.Add(-time.Microsecond), 10)
	if err != nil || len(due) != 0 {
		t.Errorf("due a moment early: %d, %v", len(due), err)
	}
	due, err = b.DueHolds(context.Background(), until, 10)
	if err != nil || len(due) != 1 || due[0].Person != who(3) {
		t.Errorf("due: %v, %v", due, err)
	}
	sweep := booking.Request{Op: booking.OpExpire, Channel: "system", At: until}
	b.want(booking.Done, sweep)
	b.want(booking.Repeated, sweep)
	b.wantUsed(seat(0, 1, 1).Seat.Counter, 0)
	over := b.events(b.lastSeq() - 1)[0]
	if over.Kind != booking.EventHoldOver || over.Why != "expired" || over.Person != who(3) || !over.Actor.IsZero() {
		t.Errorf("event %+v", over)
	}
}

// testManyHoldsOver leaves more holds behind than an engine may want to give back in one go.
func testManyHoldsOver(t *testing.T, open Open) {
	b := fresh(t, open)
	const many = 2500
	s := seat(0, 0, many)
	batch := make([]booking.Request, many)
	for i := range batch {
		batch[i] = hold(i+1, pick(s), nil)
	}
	for part := range slices.Chunk(batch, many/2) {
		b.do(part...)
	}
	b.wantUsed(s.Seat.Counter, many)
	late := book(9999, pick(s), []booking.Claim{{Counter: s.Seat.Counter, Capacity: many, N: many - 1}})
	b.want(booking.Done, at(late, start.Add(time.Hour)))
	b.wantUsed(s.Seat.Counter, many)
}

func testHoldThenAnotherSlot(t *testing.T, open Open) {
	b := fresh(t, open)
	one, two := seat(0, 0, 1), seat(0, 1, 1)
	b.want(booking.Done, book(9, pick(two), nil))
	b.want(booking.Done, hold(1, pick(one), stock(1, 1)))
	before := b.picture()
	b.want(booking.Full, book(1, pick(two), stock(1, 1)))
	if b.picture() != before {
		t.Error("the hold did not stay when the other slot was full")
	}
	b.want(booking.Done, book(1, pick(seat(0, 2, 1)), stock(1, 1)))
	b.wantUsed(one.Seat.Counter, 0)
	b.wantUsed(booking.StockCounter(1), 1)
	last := b.events(b.lastSeq() - 2)
	if last[0].Kind != booking.EventHoldOver || last[0].Why != "given-back" || last[1].Kind != booking.EventBooked {
		t.Errorf("events %+v", last)
	}
}

func testHoldGone(t *testing.T, open Open) {
	b := fresh(t, open)
	held := b.want(booking.Done, hold(1, pick(seat(0, 0, 1)), nil))
	b.want(booking.HoldGone, bookHold(2, held.Hold.ID))
	b.want(booking.HoldGone, bookHold(1, held.Hold.ID+1))
	other := bookHold(1, held.Hold.ID)
	other.Campaign = 2
	b.want(booking.HoldGone, other)
	b.want(booking.Done, bookHold(1, held.Hold.ID))
	b.want(booking.Done, cancel(1, 1))
	b.want(booking.HoldGone, bookHold(1, held.Hold.ID))
	next := b.want(booking.Done, hold(1, pick(seat(0, 0, 1)), nil))
	if next.Hold.ID == held.Hold.ID {
		t.Error("a hold's id was used again")
	}
}
