package bookingtest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"charye/booking"
)

func testSetCapacity(t *testing.T, open Open) {
	ctx := context.Background()
	b := fresh(t, open)
	s := seat(0, 0, 2)
	b.want(booking.Done, book(1, pick(s), nil))
	b.want(booking.Done, book(2, pick(s), nil))
	set := func(capacity int) booking.Claim { return booking.Claim{Counter: s.Seat.Counter, Capacity: capacity} }
	untouched := booking.Claim{Counter: booking.StockCounter(1), Capacity: 1}
	before := b.picture()
	if err := b.SetCapacity(ctx, []booking.Claim{untouched, set(1)}); !errors.Is(err, booking.ErrBelowUsed) {
		t.Errorf("capacity below what is taken: %v", err)
	}
	if b.picture() != before {
		t.Error("a refused change of capacity changed something")
	}
	b.want(booking.Full, book(3, pick(s), nil))
	if err := b.SetCapacity(ctx, []booking.Claim{untouched, set(3)}); err != nil {
		t.Fatal(err)
	}
	b.want(booking.Done, book(3, pick(s), stock(1, 100)))
	b.want(booking.Full, book(4, pick(seat(0, 1, 9)), stock(1, 100)))
	changes := 0
	for _, e := range b.events(0) {
		if e.Kind == booking.EventCapacity {
			changes++
		}
	}
	if changes != 2 {
		t.Errorf("%d events of capacities, want 2", changes)
	}
	seq := b.lastSeq()
	if err := b.SetCapacity(ctx, []booking.Claim{set(3)}); err != nil || b.lastSeq() != seq {
		t.Errorf("setting what is set: %v, %d events", err, b.lastSeq()-seq)
	}
}

func testRead(t *testing.T, open Open) {
	ctx := context.Background()
	b := fresh(t, open)
	if list, err := b.Bookings(ctx, who(1)); err != nil || len(list) != 0 {
		t.Errorf("bookings of a stranger: %v, %v", list, err)
	}
	if _, ok, err := b.Booking(ctx, 1); err != nil || ok {
		t.Errorf("booking 1 of none: %v, %v", ok, err)
	}
	if seq := b.lastSeq(); seq != 0 {
		t.Errorf("last event of an empty ledger: %d", seq)
	}
	first := b.want(booking.Done, book(1, pick(seat(0, 0, 5)), nil)).Booking
	b.want(booking.Done, cancel(1, first.ID))
	b.want(booking.Done, book(2, pick(seat(0, 0, 5)), nil))
	second := book(1, pick(seat(0, 1, 5)), nil)
	second.Campaign = 2
	b.want(booking.Done, second)
	third := b.want(booking.Done, book(1, pick(seat(0, 2, 5)), nil)).Booking
	list, err := b.Bookings(ctx, who(1))
	if err != nil || len(list) != 3 {
		t.Fatalf("%d bookings, %v", len(list), err)
	}
	if list[0].ID != first.ID || list[0].Status != booking.Cancelled || list[1].Campaign != 2 || list[2].ID != third.ID {
		t.Errorf("bookings not oldest first: %d, %d, %d", list[0].ID, list[1].ID, list[2].ID)
	}
	for _, limit := range []int{0, 1, 2} {
		events, err := b.Events(ctx, 1, limit)
		if err != nil || len(events) != limit {
			t.Errorf("%d events for limit %d, %v", len(events), limit, err)
		}
	}
	for i := range 3 {
		h := hold(10+i, pick(seat(1, i, 5)), nil)
		h.HoldUntil = start.Add(time.Duration(3-i) * time.Minute)
		b.want(booking.Done, h)
	}
	due, err := b.DueHolds(ctx, start.Add(time.Hour), 2)
	if err != nil || len(due) != 2 || due[0].Person != who(12) || due[1].Person != who(11) {
		t.Errorf("due holds not in order: %v, %v", len(due), err)
	}
}

func testEvents(t *testing.T, open Open) {
	b := fresh(t, open)
	r := book(1, pick(seat(0, 0, 5), seat(28, 0, 5)), stock(1, 5))
	r.Actor, r.Channel, r.Why = who(2), "api", "helper"
	made := b.want(booking.Done, r)
	got := b.events(0)
	if len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	e := got[0]
	if e.Seq != 1 || e.Kind != booking.EventBooked || !e.At.Equal(start) || e.Campaign != 1 || e.Person != who(1) ||
		e.Actor != who(2) || e.Channel != "api" || e.Why != "helper" || e.Booking != made.Booking.ID {
		t.Errorf("event %+v", e)
	}
	want := []booking.Delta{
		{Counter: seat(0, 0, 5).Seat.Counter, By: 1}, {Counter: seat(28, 0, 5).Seat.Counter, By: 1}, {Counter: booking.StockCounter(1), By: 1},
	}
	slices.SortFunc(want, func(a, b booking.Delta) int { return int(int64(a.Counter) - int64(b.Counter)) })
	if !slices.Equal(e.Deltas, want) {
		t.Errorf("deltas %v, want %v", e.Deltas, want)
	}
}

// testStopped ends the context at every place where an engine looks at it: an Apply that failed has changed nothing, and
// the same batch passes afterwards.
func testStopped(t *testing.T, open Open) {
	b := fresh(t, open)
	b.want(booking.Done, book(1, pick(seat(0, 0, 9)), nil))
	b.want(booking.Done, hold(2, pick(seat(0, 0, 9)), nil))
	batch := []booking.Request{cancel(1, 1), hold(2, pick(seat(0, 1, 9)), nil), book(3, pick(seat(0, 0, 9)), stock(1, 9))}
	for looks := 0; ; looks++ {
		if looks > 1000 {
			t.Fatal("Apply never passes")
		}
		before := b.picture()
		_, err := b.Apply(&endsAfter{Context: context.Background(), looks: looks}, batch)
		if err == nil {
			if looks == 0 {
				t.Error("Apply does not look at its context")
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v, want context.Canceled", err)
		}
		if after := b.picture(); after != before {
			t.Fatalf("after %d looks a failed Apply changed something:\n%s\n%s", looks, before, after)
		}
	}
}

// endsAfter is a context that ends after it was looked at so often.
type endsAfter struct {
	context.Context
	looks int
}

func (c *endsAfter) Err() error {
	if c.looks == 0 {
		return context.Canceled
	}
	c.looks--
	return nil
}

func testCrash(t *testing.T, open Open) {
	b := fresh(t, open)
	made := b.want(booking.Done, withKey(book(1, pick(seat(0, 0, 3), seat(28, 0, 3)), stock(1, 9)), 1, 1))
	held := b.want(booking.Done, hold(2, pick(seat(0, 0, 3)), stock(1, 9)))
	b.want(booking.Done, book(3, pick(seat(0, 0, 3)), nil))
	b.want(booking.Done, cancel(3, 2))
	before := b.picture()
	b.crash()
	if after := b.picture(); after != before {
		t.Fatalf("answered before the crash:\n%s\nthere after it:\n%s", before, after)
	}
	again := b.want(booking.Repeated, withKey(book(1, pick(seat(0, 0, 3), seat(28, 0, 3)), stock(1, 9)), 1, 1))
	if describeBooking(again.Booking) != describeBooking(made.Booking) {
		t.Errorf("told again: %s", describeBooking(again.Booking))
	}
	last := b.want(booking.Done, bookHold(2, held.Hold.ID))
	next := b.want(booking.Done, book(4, pick(seat(0, 0, 3)), nil))
	if next.Booking.ID <= last.Booking.ID || last.Booking.ID <= made.Booking.ID {
		t.Errorf("ids %d, then after the crash %d and %d: they do not grow", made.Booking.ID, last.Booking.ID, next.Booking.ID)
	}
	b.want(booking.Full, book(5, pick(seat(0, 0, 3)), nil))
}

// testChain wants every event to be chained as [booking.Link] says, from the first to the last and across a crash, and the seals to be the same on
// pages of any size.
func testChain(t *testing.T, open Open) {
	ctx := context.Background()
	b := fresh(t, open)
	s := seat(0, 0, 5)
	b.do(book(1, pick(s), stock(1, 9)), hold(2, pick(s), nil), book(3, pick(s), stock(1, 9)))
	b.want(booking.Done, cancel(1, b.do(book(1, pick(s), nil))[0].Booking.ID))
	b.crash()
	b.want(booking.Done, book(1, pick(seat(0, 1, 5)), stock(1, 9)))
	if err := b.SetCapacity(ctx, []booking.Claim{{Counter: s.Seat.Counter, Capacity: 9}}); err != nil {
		t.Fatal(err)
	}
	events := b.events(0)
	for _, page := range []int{1, 2, 1000} {
		var chain booking.Hash
		var seals []booking.Seal
		for len(seals) < len(events) {
			list, err := b.Seals(ctx, int64(len(seals)), page)
			if err != nil || len(list) == 0 || len(list) > page {
				t.Fatalf("%d seals after %d, %v", len(list), len(seals), err)
			}
			seals = append(seals, list...)
		}
		for i := range events {
			digest := events[i].Digest()
			chain = booking.Link(chain, events[i].Seq, digest)
			switch s := seals[i]; {
			case s.Seq != events[i].Seq, s.Digest == booking.Hash{} && s.Chain == booking.Hash{},
				s.Digest != booking.Hash{} && s.Digest != digest, s.Chain != booking.Hash{} && s.Chain != chain:
				t.Errorf("event %d has the seal %+v, want of %x, %x", events[i].Seq, s, digest, chain)
			}
		}
		if last := seals[len(seals)-1]; last.Chain != chain {
			t.Errorf("the last event is not chained: %+v", last)
		}
	}
	if rest, err := b.Seals(ctx, int64(len(events)), 10); err != nil || len(rest) != 0 {
		t.Errorf("behind the end are %d seals, %v", len(rest), err)
	}
}
