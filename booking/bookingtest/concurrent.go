package bookingtest

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"charye/booking"
	"charye/internal/batch"
)

func testDesk(t *testing.T, open Open) {
	ctx := context.Background()
	b := fresh(t, open)
	d := booking.NewDesk(b.Ledger, batch.Options{})
	defer d.Stop()
	s := seat(0, 0, 1)
	held, err := d.Do(ctx, hold(1, pick(s), nil))
	if err != nil || held.Result != booking.Done {
		t.Fatalf("%s, %v", describe(held), err)
	}
	for _, step := range []struct {
		now  time.Time
		used int
	}{{held.Hold.Until.Add(-time.Microsecond), 1}, {held.Hold.Until, 0}, {held.Hold.Until, 0}} {
		if err := d.Sweep(ctx, step.now); err != nil {
			t.Fatal(err)
		}
		b.wantUsed(s.Seat.Counter, step.used)
	}
	d.Stop()
	if _, err := d.Do(ctx, book(1, pick(s), nil)); err == nil {
		t.Error("a stopped desk answered")
	}
}

// testLastSeats lets many more people than there are seats at one session.
func testLastSeats(t *testing.T, open Open) {
	b := fresh(t, open)
	d := booking.NewDesk(b.Ledger, batch.Options{MaxBatch: 16})
	defer d.Stop()
	const people, seats = 300, 7
	s := seat(0, 0, seats)
	var done, full atomic.Int64
	crowd(people, func(n int) {
		r := book(n+1, pick(s, seat(28, n%5, 100)), stock(1, people))
		if n%3 == 0 {
			r.Op, r.HoldUntil, r.Sealed = booking.OpHold, start.Add(time.Minute), nil
		}
		out, err := d.Do(context.Background(), r)
		switch {
		case err != nil:
			t.Errorf("person %d: %v", n+1, err)
		case out.Result == booking.Done:
			done.Add(1)
		case out.Result == booking.Full && out.FullDose == 1:
			full.Add(1)
		default:
			t.Errorf("person %d: %s", n+1, describe(out))
		}
	})
	if done.Load() != seats || full.Load() != people-seats {
		t.Errorf("%d granted and %d refused, want %d and %d", done.Load(), full.Load(), seats, people-seats)
	}
	b.wantUsed(s.Seat.Counter, seats)
	b.wantUsed(booking.StockCounter(1), seats)
}

// testOnePersonManyWindows has one person press the button in many windows: with one key they are one booking, with
// different keys one is made and the others are told of it.
func testOnePersonManyWindows(t *testing.T, open Open) {
	b := fresh(t, open)
	d := booking.NewDesk(b.Ledger, batch.Options{MaxBatch: 8})
	defer d.Stop()
	var done, repeated, already atomic.Int64
	ids := make([]int64, 60)
	crowd(len(ids), func(n int) {
		out, err := d.Do(context.Background(), withKey(book(1, pick(seat(0, 0, 100)), nil), 1+n%2, 1+n%2))
		if err != nil {
			t.Error(err)
			return
		}
		ids[n] = out.Booking.ID
		switch out.Result {
		case booking.Done:
			done.Add(1)
		case booking.Repeated:
			repeated.Add(1)
		case booking.AlreadyBooked:
			already.Add(1)
		default:
			t.Errorf("window %d: %s", n, describe(out))
		}
	})
	if done.Load() != 1 || repeated.Load() != 29 || already.Load() != 30 {
		t.Errorf("done %d, repeated %d, already booked %d", done.Load(), repeated.Load(), already.Load())
	}
	if slices.Min(ids) != slices.Max(ids) {
		t.Errorf("windows were told of different bookings: %v", ids)
	}
}

func crowd(n int, each func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { each(i) })
	}
	all.Wait()
}

// testLinearizable records what many people at a desk asked and were answered, and looks for an order of one after the
// other that explains it.
func testLinearizable(t *testing.T, open Open) { linearizable(t, open, 4, 6, 14, 4) }

// testLinearizableCrowd is the same with fifty at once, and few requests of each: the more are under way at a time, the more orders there are.
func testLinearizableCrowd(t *testing.T, open Open) { linearizable(t, open, 2, 50, 20, 16) }

func linearizable(t *testing.T, open Open, rounds, clients, each, maxBatch int) {
	for round := range rounds {
		// The search may not come to an end within its time: then the same is tried with fewer requests. A history that no order explains
		// fails at once.
		for n := each; ; n = n * 2 / 3 {
			result, requests := linearHistory(t, open, uint64(round), clients, n, maxBatch)
			if result == porcupine.Ok {
				break
			}
			if result == porcupine.Illegal || n < 6 {
				t.Errorf("round %d: %s: no order of one after the other explains what %d requests were answered", round, result, requests)
				break
			}
		}
	}
}

// linearHistory has clients ask a fresh ledger at once, and looks for an order.
func linearHistory(t *testing.T, open Open, seed uint64, clients, each, maxBatch int) (result porcupine.CheckResult, requests int) {
	b := fresh(t, open)
	if err := b.SetCapacity(context.Background(), []booking.Claim{{Counter: fewVials, Capacity: 1}}); err != nil {
		t.Fatal(err)
	}
	d := booking.NewDesk(b.Ledger, batch.Options{MaxBatch: maxBatch})
	histories := make([][]porcupine.Operation, clients)
	began := time.Now()
	crowd(clients, func(c int) {
		rng := rand.New(rand.NewPCG(seed, uint64(c)))
		var mine booking.Outcome // the last booking or hold seen, to act on it
		for i := range each {
			r := randomRequest(rng, c, i, mine)
			op := porcupine.Operation{ClientId: c, Input: r, Call: int64(time.Since(began))}
			out, err := d.Do(context.Background(), r)
			op.Return = int64(time.Since(began))
			if err != nil {
				t.Errorf("client %d: %v", c, err)
				return
			}
			op.Output = out
			if out.Booking.ID != 0 {
				mine.Booking = out.Booking
			}
			if out.Hold.ID != 0 {
				mine.Hold = out.Hold
			}
			histories[c] = append(histories[c], op)
		}
	})
	d.Stop()
	history := slices.Concat(histories...)
	return porcupine.CheckOperationsTimeout(linearModel, history, 15*time.Second), len(history)
}

// fewVials is all that one of the three sessions of the linearizable world can draw on.
var fewVials = booking.VialsCounter(1, vial.Product)

// randomRequest asks something in a world of four people and three sessions.
func randomRequest(rng *rand.Rand, client, i int, mine booking.Outcome) booking.Request {
	n := 1 + rng.IntN(4)
	anySeat := func(day int) booking.Choice {
		s := rng.IntN(3)
		c := seat(day, s, 1)
		if s == 2 {
			c = ofVial(day, s, 2)
		}
		return c
	}
	doses := [][]booking.Choice{{anySeat(0)}, {anySeat(28), anySeat(28)}}
	var r booking.Request
	switch rng.IntN(8) {
	case 0, 1, 2:
		r = withKey(book(n, doses, stock(1, 3)), 1+client*100+i, 1)
		if rng.IntN(4) == 0 {
			r = both(r, withKey(book(1+n%4, [][]booking.Choice{{anySeat(0)}}, stock(1, 3)), 1+client*100+i, 1))
		}
	case 3, 4:
		r = hold(n, doses, stock(1, 3))
	case 5:
		r = bookHold(n, 1+int64(rng.IntN(20)))
		if mine.Hold.ID != 0 {
			r = bookHold(n, mine.Hold.ID)
			r.Person, r.Campaign = mine.Hold.Person, mine.Hold.Campaign
			return r
		}
	case 6:
		r = change(n, 1+int64(rng.IntN(5)), doses)
		if mine.Booking.ID != 0 {
			r.Booking, r.Person = mine.Booking.ID, mine.Booking.Person
		}
	default:
		r = cancel(n, 1+int64(rng.IntN(5)))
		if mine.Booking.ID != 0 {
			r.Booking, r.Person = mine.Booking.ID, mine.Booking.Person
		}
	}
	if rng.IntN(10) == 0 {
		r.At = start.Add(5 * time.Minute) // every hold is over then
		if r.Partner != nil {
			r.Partner.At = r.At
		}
		if r.Op == booking.OpHold {
			r.HoldUntil = r.At.Add(5 * time.Minute)
		}
	}
	return r
}

var linearModel = porcupine.Model{
	Init: func() any { return model{capacity: map[booking.Counter]int{fewVials: 1}} },
	Step: func(state, input, output any) (bool, any) {
		next, why := state.(model).step(input.(booking.Request), output.(booking.Outcome))
		return why == "", next
	},
	Equal: func(a, b any) bool { return a.(model).same(b.(model)) },
}

// same compares two states of the model; the order in which lists grew says nothing.
func (m model) same(o model) bool {
	if len(m.bookings) != len(o.bookings) || len(m.holds) != len(o.holds) {
		return false
	}
	for _, b := range m.bookings {
		if !slices.ContainsFunc(o.bookings, func(x booking.Booking) bool {
			return b.ID == x.ID && describeBooking(b) == describeBooking(x)
		}) {
			return false
		}
	}
	for _, h := range m.holds {
		if !slices.ContainsFunc(o.holds, func(x booking.Hold) bool { return h.ID == x.ID && describeHold(h) == describeHold(x) }) {
			return false
		}
	}
	return true
}
