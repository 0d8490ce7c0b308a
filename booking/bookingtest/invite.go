package bookingtest

import (
	"context"
	"sync"
	"testing"
	"time"

	"charye/booking"
)

// standBy has campaign 1 stand by with so many numbers in its line.
func (b *bench) standBy(numbers int) {
	b.Helper()
	if err := b.SetCapacity(context.Background(), []booking.Claim{{Counter: booking.StandbyCounter(1), Capacity: numbers}}); err != nil {
		b.Fatal(err)
	}
}

// invite offers what is free to numbers from … to, of the people 1, 2 …, until an hour later.
func invite(from, to, doses int) booking.Request {
	r := booking.Request{
		Op: booking.OpInvite, Campaign: 1, Channel: "system", At: start, HoldUntil: start.Add(time.Hour), Shared: stock(1, doses),
	}
	for n := from; n <= to; n++ {
		r.Callees = append(r.Callees, booking.Callee{Number: uint32(n), Person: who(n)})
	}
	return r
}

func (b *bench) wantInvited(r booking.Request, result booking.Result, people int, upTo uint32) {
	b.Helper()
	if out := b.want(result, r); out.Invited != (booking.Invited{People: people, UpTo: upTo}) {
		b.Fatalf("invited %+v, want %d people up to number %d", out.Invited, people, upTo)
	}
}

func (b *bench) wantHold(n int, until time.Time) {
	b.Helper()
	h, ok, err := b.Hold(context.Background(), who(n), 1)
	if err != nil || ok != !until.IsZero() || ok && (!h.Until.Equal(until) || h.Person != who(n) || h.Campaign != 1) {
		b.Fatalf("person %d has %s (%v, %v), want one until %v", n, describeHold(h), ok, err, until)
	}
}

// testInvitations: who booked before is passed over; what is free is kept for the next in order, and nobody else can take it.
func testInvitations(t *testing.T, open Open) {
	b := fresh(t, open)
	s := seat(0, 0, 9)
	b.want(booking.Malformed, invite(1, 3, 3)) // the campaign does not stand by
	first := b.want(booking.Done, book(1, pick(s), stock(1, 3)))
	b.want(booking.Done, book(2, pick(s), stock(1, 3)))
	third := b.want(booking.Done, book(3, pick(s), stock(1, 3)))
	b.standBy(6)
	b.wantInvited(invite(1, 6, 3), booking.Done, 0, 3) // those who booked; then there is nothing
	b.wantInvited(invite(1, 6, 3), booking.Repeated, 0, 3)
	b.want(booking.Done, cancel(1, first.Booking.ID))
	b.want(booking.Full, book(6, pick(s), stock(1, 3))) // free, and not for them
	b.want(booking.Full, hold(6, pick(s), stock(1, 3)))
	b.want(booking.Full, book(1, pick(s), stock(1, 3))) // nor for who gave it back
	b.wantInvited(invite(4, 6, 3), booking.Done, 1, 4)
	b.wantHold(4, start.Add(time.Hour))
	b.wantHold(5, time.Time{})
	b.want(booking.Full, book(5, pick(s), stock(1, 3)))
	h, _, _ := b.Hold(context.Background(), who(4), 1)
	b.want(booking.HoldGone, bookHold(4, h.ID)) // an invitation is no slot
	b.crash()
	b.want(booking.Done, book(4, pick(s), stock(1, 3)))
	b.wantHold(4, time.Time{})
	b.want(booking.Done, cancel(3, third.Booking.ID))
	b.want(booking.Done, change(2, 2, pick(seat(0, 1, 9)))) // a change takes nothing of the stock
	b.wantInvited(invite(5, 6, 3), booking.Done, 1, 5)
	b.want(booking.Done, book(5, pick(s), stock(1, 3)))
	if err := b.SetCapacity(context.Background(), stock(1, 5)); err != nil {
		t.Fatal(err)
	}
	b.wantInvited(invite(6, 9, 3), booking.Done, 1, 6) // 7 … 9 are not in the line
	b.want(booking.Done, book(1, pick(s), stock(1, 3)))
	b.wantUsed(booking.StockCounter(1), 5)
	b.wantUsed(booking.StandbyCounter(1), 6)
}

// testInvitationOver: an invitation that is over is the next one's; one under which a slot was held comes back when that is over.
func testInvitationOver(t *testing.T, open Open) {
	b := fresh(t, open)
	s := seat(0, 0, 9)
	b.standBy(3)
	b.wantInvited(invite(1, 3, 1), booking.Done, 1, 1)
	held := b.want(booking.Done, at(hold(1, pick(s), stock(1, 1)), start.Add(time.Minute)))
	b.wantHold(1, start.Add(5*time.Minute))
	b.wantUsed(s.Seat.Counter, 1)
	b.want(booking.Done, booking.Request{Op: booking.OpExpire, Channel: "system", At: start.Add(5 * time.Minute)})
	b.wantHold(1, start.Add(time.Hour))
	b.wantUsed(s.Seat.Counter, 0)
	b.wantUsed(booking.StockCounter(1), 1)
	b.want(booking.HoldGone, at(bookHold(1, held.Hold.ID), start.Add(6*time.Minute)))
	late := invite(2, 3, 1)
	late.At, late.HoldUntil = start.Add(time.Hour), start.Add(2*time.Hour)
	b.wantInvited(late, booking.Done, 1, 2)
	b.wantHold(1, time.Time{})
	b.want(booking.Full, at(book(1, pick(s), stock(1, 1)), start.Add(61*time.Minute)))
	b.want(booking.Done, at(book(2, pick(s), stock(1, 1)), start.Add(61*time.Minute)))
}

// testLimits: what somebody has booked in another campaign stands against a product, or against more of it, until it is cancelled;
// through a hold too.
func testLimits(t *testing.T, open Open) {
	b := fresh(t, open)
	s := seat(0, 0, 9)
	other := seat(28, 1, 9)
	other.Slot.Product = "janssen"
	in := func(campaign uint32, r booking.Request, limits ...booking.Limit) booking.Request {
		r.Campaign, r.Limits = campaign, limits
		return r
	}
	none, one := booking.Limit{Product: "moderna"}, booking.Limit{Product: "moderna", Most: 1}
	held := b.want(booking.Done, in(2, hold(1, pick(other), nil), none))
	first := b.want(booking.Done, in(1, book(1, pick(s), nil), booking.Limit{Product: "janssen"}))
	b.want(booking.Limited, in(2, bookHold(1, held.Hold.ID), none))
	b.want(booking.Limited, in(2, book(1, pick(other), nil), none))
	b.want(booking.Limited, in(2, hold(1, pick(other), nil), none))
	b.want(booking.Done, in(3, book(1, pick(other), nil), one))
	b.want(booking.Limited, in(4, book(1, pick(s), nil), booking.Limit{Product: "pfizer"}, none))
	b.want(booking.Done, cancel(1, first.Booking.ID))
	b.want(booking.Done, in(2, bookHold(1, held.Hold.ID), none))
}

// testInvitedAtOnce: however many nodes call the line at once, each number is called once and no dose is kept twice.
func testInvitedAtOnce(t *testing.T, open Open) {
	b := fresh(t, open)
	const people, doses, callers = 60, 37, 4
	b.standBy(people)
	var all sync.WaitGroup
	var mu sync.Mutex
	invited := 0
	for range callers {
		all.Go(func() {
			for from := 1; from <= people; from += 7 {
				out, err := b.Apply(context.Background(), []booking.Request{invite(from, min(from+6, people), doses)})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				invited += out[0].Invited.People
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if invited != doses {
		t.Errorf("%d invited to %d doses", invited, doses)
	}
	for n := 1; n <= people; n++ {
		if _, ok, err := b.Hold(context.Background(), who(n), 1); err != nil || ok != (n <= doses) {
			t.Errorf("number %d is invited: %v, %v", n, ok, err)
		}
	}
}
