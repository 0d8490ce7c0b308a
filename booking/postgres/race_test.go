package postgres_test

import (
	"context"
	"testing"
	"time"

	"charye/booking"
	"charye/booking/postgres"
	"charye/test/services"
)

// TestGroundMoves has one node decide, another change what that was decided on, and the first send it then: the answer is
// that of a batch decided after the other's, for everything that can move under it.
func TestGroundMoves(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	session := func(minute int) booking.Session {
		s := sessionOfTests
		s.Minute = minute
		return s
	}
	choice := func(minute, seats int) [][]booking.Choice {
		s := session(minute)
		return [][]booking.Choice{{{Slot: booking.Slot{Session: s, Product: "moderna"}, Minutes: 30, Seat: booking.Claim{Counter: booking.SeatCounter(s), Capacity: seats, N: 1}}}}
	}
	book := func(who uint64, minute, seats int) booking.Request {
		r := request(who)
		r.Doses, r.Shared, r.Idempotency, r.Body = choice(minute, seats), nil, [16]byte{}, [16]byte{}
		return r
	}
	hold := func(who uint64, minute, seats int) booking.Request {
		r := book(who, minute, seats)
		r.Op, r.HoldUntil = booking.OpHold, r.At.Add(time.Minute)
		return r
	}
	keyed := func(r booking.Request, campaign uint32) booking.Request {
		r.Idempotency, r.Campaign, r.Body = [16]byte{7}, campaign, [16]byte{byte(campaign)}
		return r
	}
	on := func(op booking.Op, who uint64, id int64, minute, seats int) booking.Request {
		r := book(who, minute, seats)
		r.Op, r.Booking = op, id
		if op == booking.OpCancel {
			r.Doses = nil
		}
		return r
	}
	one := func(t *testing.T, l *postgres.Ledger, r booking.Request) booking.Outcome {
		t.Helper()
		out, err := l.Apply(context.Background(), []booking.Request{r})
		if err != nil {
			t.Fatal(err)
		}
		return out[0]
	}
	for _, c := range []struct {
		name string
		// before prepares and gives the id of a booking of person 1, or 0; first is decided, second is done by the other node in
		// between, want is what first is answered then.
		before        []booking.Request
		first, second func(id int64) booking.Request
		want          booking.Result
		moves         int64 // how often first is decided anew
	}{
		{"another seat of one stock moves nothing", nil,
			func(int64) booking.Request { return book(1, 540, 5) }, func(int64) booking.Request { return book(2, 570, 5) }, booking.Done, 0},
		{"the seat before the last one", []booking.Request{book(9, 540, 3)},
			func(int64) booking.Request { return book(1, 540, 3) }, func(int64) booking.Request { return book(2, 540, 3) }, booking.Done, 0},
		{"the last seat", []booking.Request{book(9, 540, 2)},
			func(int64) booking.Request { return book(1, 540, 2) }, func(int64) booking.Request { return book(2, 540, 2) }, booking.Full, 1},
		{"a seat met for the first time", nil,
			func(int64) booking.Request { return book(1, 540, 2) }, func(int64) booking.Request { return book(2, 540, 2) }, booking.Done, 1},
		{"the person books elsewhere", nil,
			func(int64) booking.Request { return book(1, 540, 5) }, func(int64) booking.Request { return book(1, 570, 5) }, booking.AlreadyBooked, 1},
		{"the person holds elsewhere, and the hold goes with the booking", nil,
			func(int64) booking.Request { return book(1, 540, 5) }, func(int64) booking.Request { return hold(1, 570, 5) }, booking.Done, 1},
		{"the person books while holding elsewhere", nil,
			func(int64) booking.Request { return hold(1, 540, 5) }, func(int64) booking.Request { return book(1, 570, 5) }, booking.AlreadyBooked, 1},
		{"one key in two campaigns", nil,
			func(int64) booking.Request { return keyed(book(1, 540, 5), 1) }, func(int64) booking.Request { return keyed(book(1, 570, 5), 2) }, booking.KeyReused, 1},
		{"a change of what is cancelled", []booking.Request{book(1, 540, 5)},
			func(id int64) booking.Request { return on(booking.OpChange, 1, id, 570, 5) },
			func(id int64) booking.Request { return on(booking.OpCancel, 1, id, 0, 0) }, booking.NoBooking, 1},
		{"a cancellation of what is changed", []booking.Request{book(1, 540, 5)},
			func(id int64) booking.Request { return on(booking.OpCancel, 1, id, 0, 0) },
			func(id int64) booking.Request { return on(booking.OpChange, 1, id, 570, 5) }, booking.Done, 1},
		{"a booking through a hold that was replaced", []booking.Request{hold(1, 540, 5)},
			func(id int64) booking.Request {
				r := book(1, 540, 5)
				r.Hold, r.Doses = id, nil
				return r
			}, func(int64) booking.Request { return hold(1, 570, 5) }, booking.HoldGone, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url := database(t, p)
			a, b := openAt(t, url), openAt(t, url)
			id := int64(0)
			for _, r := range c.before {
				o := one(t, b, r)
				if o.Result != booking.Done {
					t.Fatalf("before: result %d", o.Result)
				}
				id = o.Booking.ID + o.Hold.ID
			}
			a.SetBetween(func() {
				if o := one(t, b, c.second(id)); o.Result != booking.Done {
					t.Errorf("the other node was answered %d", o.Result)
				}
			})
			if o := one(t, a, c.first(id)); o.Result != c.want {
				t.Errorf("answered %d, want %d", o.Result, c.want)
			}
			if n := a.Collided(); n != c.moves {
				t.Errorf("decided anew %d times, want %d", n, c.moves)
			}
			check(t, a)
		})
	}
}

// TestRefusalStands has a node refuse somebody beside a booking, and another free the seat in between: the refusal would be
// of no instant at all (before the booking there was room, after it too), so all of it is decided anew.
func TestRefusalStands(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	url := database(t, p)
	a, b := openAt(t, url), openAt(t, url)
	with := func(who uint64) booking.Request {
		r := request(who)
		r.Shared = nil
		r.Doses[0][0].Seat.Capacity = 2
		return r
	}
	first, err := b.Apply(context.Background(), []booking.Request{with(9)})
	if err != nil || first[0].Result != booking.Done {
		t.Fatal(first, err)
	}
	a.SetBetween(func() {
		r := with(9)
		r.Op, r.Booking, r.Doses = booking.OpCancel, first[0].Booking.ID, nil
		if out, err := b.Apply(context.Background(), []booking.Request{r}); err != nil || out[0].Result != booking.Done {
			t.Error(out, err)
		}
	})
	out, err := a.Apply(context.Background(), []booking.Request{with(1), with(2)})
	if err != nil {
		t.Fatal(err)
	}
	if out[0].Result != booking.Done || out[1].Result != booking.Done || a.Collided() != 1 {
		t.Errorf("answered %d and %d, decided anew %d times; want both booked after one more try", out[0].Result, out[1].Result, a.Collided())
	}
	check(t, a)
}

// TestBatchNeedsRoomOnItsWay has a node book a seat and give another back in one batch, and another node take the last seat in
// between. The sum would fit; its events, one after the other, would not.
func TestBatchNeedsRoomOnItsWay(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	url := database(t, p)
	a, b := openAt(t, url), openAt(t, url)
	with := func(who uint64) booking.Request {
		r := request(who)
		r.Shared = nil
		r.Doses[0][0].Seat.Capacity = 2
		return r
	}
	first, err := b.Apply(context.Background(), []booking.Request{with(9)})
	if err != nil || first[0].Result != booking.Done {
		t.Fatal(first, err)
	}
	a.SetBetween(func() {
		if out, err := b.Apply(context.Background(), []booking.Request{with(8)}); err != nil || out[0].Result != booking.Done {
			t.Error(out, err)
		}
	})
	back := with(9)
	back.Op, back.Booking, back.Doses = booking.OpCancel, first[0].Booking.ID, nil
	out, err := a.Apply(context.Background(), []booking.Request{with(1), back})
	if err != nil {
		t.Fatal(err)
	}
	if out[0].Result != booking.Full || out[1].Result != booking.Done || a.Collided() != 1 {
		t.Errorf("answered %d and %d, decided anew %d times; want full, cancelled, once", out[0].Result, out[1].Result, a.Collided())
	}
	check(t, a)
}

// TestLateCommit has a batch arrive at the server after its node was told that it never would: what was answered as not done
// stays undone.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	x := services.NewProxy(t, p)
	db := p.Database(t, migrate)
	node, direct := openAt(t, services.URL(x.Socket(), db)), openAt(t, p.URL(db))
	if _, err := node.Apply(context.Background(), []booking.Request{request(1)}); err != nil {
		t.Fatal(err)
	}
	x.CutAt(2, false) // the message with the commit is lost on its way
	if _, err := node.Apply(context.Background(), []booking.Request{request(2)}); err == nil {
		t.Fatal("a batch that never arrived was answered as done")
	}
	// What node would have sent, arriving now: the row of its batch finds its place taken.
	if err := p.Exec(context.Background(), db, `INSERT INTO booking_batches (first_event, events)
		SELECT max(first_event), 1 FROM booking_batches WHERE events = 0`); err == nil {
		t.Error("a batch that was given up could still be committed")
	}
	if bookedOnce(t, direct, request(2).Person) {
		t.Error("it was booked")
	}
	check(t, direct)
}
