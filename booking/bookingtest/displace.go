package bookingtest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"charye/booking"
)

// Requests of the system that take bookings away and give them back.

func displace(n int, id int64, resize int) booking.Request {
	return booking.Request{Op: booking.OpDisplace, Campaign: 1, Person: who(n), Channel: "system", Why: "reduction", At: start, Booking: id, Resize: resize}
}

func recall(n int, id int64, doses int) booking.Request {
	return booking.Request{
		Op: booking.OpRecall, Campaign: 1, Person: who(n), Channel: "system", At: start, Booking: id, HoldUntil: start.Add(time.Hour), Shared: stock(1, doses),
	}
}

func reinstate(n int, id int64, doses [][]booking.Choice, shared []booking.Claim, resize int) booking.Request {
	return booking.Request{
		Op: booking.OpReinstate, Campaign: 1, Person: who(n), Channel: "system", At: start, Booking: id, Doses: doses, Shared: shared, Resize: resize,
	}
}

func (b *bench) wantCapacity(c booking.Counter, n int) {
	b.Helper()
	if got := b.used(c).Capacity; got != n {
		b.Fatalf("%v has a capacity of %d, want %d", c, got, n)
	}
}

func (b *bench) wantDisplaced(ids ...int64) {
	b.Helper()
	list, err := b.Displaced(context.Background(), 1, 0, 100)
	if err != nil || len(list) != len(ids) {
		b.Fatalf("%d are displaced (%v), want %v", len(list), err, ids)
	}
	for i := range list {
		if list[i].ID != ids[i] || !list[i].Displaced() {
			b.Fatalf("booking %d is displaced, want %d", list[i].ID, ids[i])
		}
	}
	b.wantUsed(booking.DisplacedCounter(1), len(ids))
}

// testDisplaced: who lost a booking comes before everybody else, whatever comes free, and once.
func testDisplaced(t *testing.T, open Open) {
	b := fresh(t, open)
	s := seat(0, 0, 9)
	b.want(booking.Done, book(1, pick(s, seat(28, 0, 9)), stock(1, 3)))
	second := b.want(booking.Done, book(2, pick(s, seat(28, 0, 9)), stock(1, 3)))
	third := b.want(booking.Done, book(3, pick(s), stock(1, 3)))
	b.standBy(9)
	b.want(booking.NoBooking, displace(1, second.Booking.ID, -1)) // another person's
	b.want(booking.Done, displace(3, third.Booking.ID, -1))
	b.want(booking.Repeated, displace(3, third.Booking.ID, -1))
	out := b.want(booking.Done, displace(2, second.Booking.ID, -1))
	if k := out.Booking; !k.Displaced() || len(k.Doses) != 2 {
		t.Fatalf("displaced: %+v", k)
	}
	b.wantUsed(s.Seat.Counter, 1)
	b.wantUsed(seat(28, 0, 9).Seat.Counter, 1)
	b.wantUsed(booking.StockCounter(1), 1)
	b.wantCapacity(booking.StockCounter(1), 1)
	b.crash()
	b.wantDisplaced(second.Booking.ID, third.Booking.ID)
	if list, err := b.Displaced(context.Background(), 1, second.Booking.ID, 1); err != nil || len(list) != 1 || list[0].ID != third.Booking.ID {
		t.Fatalf("the next page: %v, %v", list, err)
	}
	if list, err := b.Displaced(context.Background(), 2, 0, 9); err != nil || len(list) != 0 {
		t.Fatalf("displaced in another campaign: %v, %v", list, err)
	}
	b.want(booking.Full, recall(2, second.Booking.ID, 1)) // nothing came free yet
	if err := b.SetCapacity(context.Background(), stock(1, 3)); err != nil {
		t.Fatal(err)
	}
	b.wantInvited(invite(4, 9, 3), booking.Repeated, 0, 0) // those in line come after
	b.want(booking.Full, book(4, pick(s), stock(1, 3)))
	b.want(booking.Full, hold(4, pick(s), stock(1, 3)))
	b.want(booking.Full, book(2, pick(s), stock(1, 3))) // theirs is not kept yet
	b.want(booking.NoBooking, recall(1, second.Booking.ID, 3))
	b.want(booking.Done, recall(2, second.Booking.ID, 3))
	b.want(booking.NoBooking, recall(2, second.Booking.ID, 3))
	b.wantHold(2, start.Add(time.Hour))
	b.wantDisplaced(third.Booking.ID)
	b.want(booking.Done, book(2, pick(s), stock(1, 3)))
	b.want(booking.Done, recall(3, third.Booking.ID, 3))
	b.wantDisplaced()
	if err := b.SetCapacity(context.Background(), stock(1, 4)); err != nil {
		t.Fatal(err)
	}
	b.wantInvited(invite(1, 9, 4), booking.Done, 1, 4) // 1 and 2 have booked, 3 is recalled
	b.wantUsed(booking.StockCounter(1), 4)
}

// testReinstated: what was taken away is given back as it was, with the capacity it had.
func testReinstated(t *testing.T, open Open) {
	b := fresh(t, open)
	s, later := seat(0, 0, 1), seat(28, 0, 1)
	first := b.want(booking.Done, book(1, pick(s, later), stock(1, 1)))
	b.want(booking.NoBooking, reinstate(2, first.Booking.ID, pick(s, later), stock(1, 1), 1))
	b.want(booking.Repeated, reinstate(1, first.Booking.ID, pick(s, later), stock(1, 1), 1))
	b.want(booking.Done, displace(1, first.Booking.ID, -1))
	b.wantCapacity(booking.StockCounter(1), 0)
	b.want(booking.Full, reinstate(1, first.Booking.ID, pick(s, later), stock(1, 1), 0))
	back := b.want(booking.Done, reinstate(1, first.Booking.ID, pick(s, later), stock(1, 1), 1))
	if k := back.Booking; k.Status != booking.Booked || len(k.Doses) != 2 || k.Changed != 1 {
		t.Fatalf("reinstated: %+v", k)
	}
	b.wantDisplaced()
	b.wantUsed(booking.StockCounter(1), 1)
	b.wantCapacity(booking.StockCounter(1), 1)
	b.want(booking.Done, displace(1, first.Booking.ID, -1))
	other := book(2, pick(s), nil)
	other.Campaign = 2
	b.want(booking.Done, other)                                                          // the seat is somebody's by now
	b.want(booking.Full, reinstate(1, first.Booking.ID, pick(s, later), stock(1, 1), 1)) // and then nothing has moved
	b.wantCapacity(booking.StockCounter(1), 0)
	b.wantDisplaced(first.Booking.ID)
}

// testDisplacedAndFound: who finds a dose by themselves stands first no more.
func testDisplacedAndFound(t *testing.T, open Open) {
	b := fresh(t, open)
	first := b.want(booking.Done, book(1, pick(seat(0, 0, 9)), stock(1, 1)))
	b.want(booking.Done, displace(1, first.Booking.ID, -1))
	b.want(booking.Done, book(1, pick(seat(0, 1, 9)), nil)) // takes nothing of the stock, as a leftover dose does
	b.wantDisplaced()
	b.want(booking.NoBooking, recall(1, first.Booking.ID, 1))
	b.want(booking.NoBooking, reinstate(1, first.Booking.ID, pick(seat(0, 0, 9)), stock(1, 1), 1))
}

// testResize: a change gives back doses that are gone in the same step, and takes back what comes with it.
func testResize(t *testing.T, open Open) {
	b := fresh(t, open)
	s, other := seat(0, 0, 9), seat(7, 0, 9)
	open0 := booking.ChannelShareCounter(1, 0)
	both := append(stock(1, 2), booking.Claim{Counter: open0, Capacity: 2, N: 1})
	forward := []booking.Claim{{Counter: booking.ForwardCounter(1, firstDay+3), Capacity: 5, N: 1}}
	first := b.want(booking.Done, book(1, pick(s), both))
	b.want(booking.Done, book(2, pick(s), both))
	move := change(1, first.Booking.ID, pick(other))
	move.Shared, move.Resize = forward, -1
	b.want(booking.Done, move)
	b.want(booking.Repeated, move)
	for _, c := range []booking.Counter{booking.StockCounter(1), open0} {
		b.wantCapacity(c, 1)
		b.wantUsed(c, 1)
	}
	b.wantUsed(forward[0].Counter, 1)
	b.want(booking.Full, book(3, pick(s), both))
	back := change(1, first.Booking.ID, pick(s))
	back.Shared, back.Resize = both, 1
	b.want(booking.Done, back)
	for _, c := range []booking.Counter{booking.StockCounter(1), open0} {
		b.wantCapacity(c, 2)
		b.wantUsed(c, 2)
	}
	wrong := book(3, pick(s), both)
	wrong.Resize = 1
	b.want(booking.Malformed, wrong)
	back.Resize = 2
	b.want(booking.Malformed, back)
}

// testAdjust: capacities move by what they are, wholly or not at all, and a command once.
func testAdjust(t *testing.T, open Open) {
	b := fresh(t, open)
	b.want(booking.Done, book(1, pick(seat(0, 0, 9)), stock(1, 2)))
	ctx, id, once := context.Background(), booking.StockCounter(1), booking.OnceCounter("deliver 1")
	errTwice := errors.New("done before")
	add := func(n int) error {
		return b.Adjust(ctx, []booking.Counter{id, once}, func(have map[booking.Counter]booking.CounterState) ([]booking.Claim, error) {
			if _, done := have[once]; done {
				return nil, errTwice
			}
			return []booking.Claim{{Counter: id, Capacity: have[id].Capacity + n}, {Counter: once, Capacity: 1}}, nil
		})
	}
	if err := add(-2); !errors.Is(err, booking.ErrBelowUsed) {
		t.Fatalf("below what is booked: %v", err)
	}
	b.wantCapacity(once, 0)
	if err := add(3); err != nil {
		t.Fatal(err)
	}
	b.crash()
	if err := add(3); !errors.Is(err, errTwice) {
		t.Fatalf("the same command again: %v", err)
	}
	b.wantCapacity(id, 5)
	if err := b.Adjust(ctx, []booking.Counter{id}, func(map[booking.Counter]booking.CounterState) ([]booking.Claim, error) {
		return []booking.Claim{{Counter: once, Capacity: 7}}, nil
	}); err == nil {
		t.Error("a counter that was not named was changed")
	}
}

// testAdjustAtOnce: of many who add at once everybody's doses are there.
func testAdjustAtOnce(t *testing.T, open Open) {
	b := fresh(t, open)
	const callers, times = 4, 10
	id := booking.DeliveredCounter(1)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range times {
				if err := b.Adjust(context.Background(), []booking.Counter{id}, func(have map[booking.Counter]booking.CounterState) ([]booking.Claim, error) {
					return []booking.Claim{{Counter: id, Capacity: have[id].Capacity + 1}}, nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	b.wantCapacity(id, callers*times)
}
