package bookingtest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"charye/booking"
)

func testSnapshot(t *testing.T, open Open) {
	ctx := context.Background()
	b := fresh(t, open)
	one, two := seat(0, 0, 5), seat(0, 1, 5)
	b.want(booking.Done, book(1, pick(one), stock(1, 9)))
	s, err := booking.NewSnapshot(ctx, b.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	want := func(first, second, stock int) {
		t.Helper()
		at := one.Slot.Session
		if s.Used(one.Seat.Counter) != first || s.Used(two.Seat.Counter) != second || s.SeatsUsed(at.Site, at.Day) != first+second ||
			s.Used(booking.StockCounter(1)) != stock || s.Free(one.Seat.Counter, 5) != 5-first {
			t.Errorf("snapshot: %d, %d, in all %d, stock %d, free %d", s.Used(one.Seat.Counter), s.Used(two.Seat.Counter),
				s.SeatsUsed(at.Site, at.Day), s.Used(booking.StockCounter(1)), s.Free(one.Seat.Counter, 5))
		}
	}
	want(1, 0, 1)
	b.want(booking.Done, hold(2, pick(two), stock(1, 9)))
	b.want(booking.Done, cancel(1, 1))
	want(1, 0, 1) // it lags until it is refreshed
	version := s.Version()
	if err := s.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	want(0, 1, 1)
	if s.Version() <= version || s.Version() != b.lastSeq() {
		t.Errorf("version %d, was %d", s.Version(), version)
	}
	if n := s.SeatsUsed(one.Slot.Site+1, one.Slot.Day) + s.SeatsUsed(one.Slot.Site, one.Slot.Day+1) + s.Used(booking.StockCounter(7)) + s.Used(0); n != 0 {
		t.Errorf("%d taken where nobody was", n)
	}
	testFollow(t, b)
}

// testSnapshotWhileBooking reads a snapshot from many goroutines while it takes in bookings: counts only grow then, and
// end where the ledger is.
func testSnapshotWhileBooking(t *testing.T, open Open) {
	ctx := context.Background()
	b := fresh(t, open)
	s, err := booking.NewSnapshot(ctx, b.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	const people, sessions = 60, 8
	at := seat(0, 0, people).Slot.Session
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			sum, one, version := 0, 0, int64(0)
			for {
				nextSum, nextOne, nextVersion := s.SeatsUsed(at.Site, at.Day), s.Used(booking.SeatCounter(at)), s.Version()
				if nextSum < sum || nextOne < one || nextVersion < version || nextSum > people {
					t.Errorf("sum %d after %d, one session %d after %d, version %d after %d", nextSum, sum, nextOne, one, nextVersion, version)
					return
				}
				sum, one, version = nextSum, nextOne, nextVersion
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for n := range people {
		b.want(booking.Done, book(n+1, pick(seat(0, n%sessions, people), seat(28+n, 0, people)), stock(1, people)))
		if err := s.Refresh(ctx); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	readers.Wait()
	if n := s.SeatsUsed(at.Site, at.Day); n != people {
		t.Errorf("%d taken on the day, want %d", n, people)
	}
}

// testFollow gives Follow a clock of its own and a ledger that fails once.
func testFollow(t *testing.T, b *bench) {
	list := b.events(0)
	synctest.Test(t, func(t *testing.T) {
		feed := &recorded{Ledger: b.Ledger, events: list}
		s, err := booking.NewSnapshot(context.Background(), feed)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		var failures []error
		go func() { ended <- s.Follow(ctx, time.Second, func(err error) { failures = append(failures, err) }) }()
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if s.Version() != 0 || len(failures) != 1 || !errors.Is(failures[0], errFeed) {
			t.Errorf("after the failure: version %d, %v", s.Version(), failures)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s.Version() != int64(len(list)) {
			t.Errorf("version %d after the second interval, want %d", s.Version(), len(list))
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Follow ended with %v", err)
		}
	})
}

var errFeed = errors.New("the feed is down")

// recorded plays events back from memory: a real database cannot run inside a bubble of [synctest]. Its first answer is
// an error.
type recorded struct {
	booking.Ledger
	events []booking.Event
	failed bool
}

func (f *recorded) Counters(context.Context, func(booking.CounterState)) (int64, error) {
	return 0, nil
}

func (f *recorded) Events(_ context.Context, after int64, limit int) ([]booking.Event, error) {
	if !f.failed {
		f.failed = true
		return nil, errFeed
	}
	rest := f.events[after:]
	return rest[:min(limit, len(rest))], nil
}
