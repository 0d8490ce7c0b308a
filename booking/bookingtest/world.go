package bookingtest

import (
	"encoding/binary"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/site"
)

// The small world of the tests: where everything is scarce, everything collides.

// start is the stroke of the hour in every test.
var start = time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC)

var firstDay = civil.New(2021, 7, 26)

// who gives a person by number, from 1.
func who(n int) (k person.Key) {
	binary.BigEndian.PutUint64(k[:], uint64(n)*0x9e3779b97f4a7c15)
	k[15] = byte(n)
	return k
}

// key gives an idempotency key or a body hash by number; 0 is none.
func key(n int) (k [16]byte) {
	binary.BigEndian.PutUint64(k[:], uint64(n))
	return k
}

// seat gives the choice of a session: the n-th half hour of site 1 on the day-th day, with so many seats.
func seat(day, n, seats int) booking.Choice {
	s := booking.Session{Site: site.Num(1), Day: firstDay + civil.Date(day), Minute: 540 + 30*n}
	return booking.Choice{
		Slot:    booking.Slot{Session: s, Product: "moderna"},
		Minutes: 30,
		Seat:    booking.Claim{Counter: booking.SeatCounter(s), Capacity: seats, N: 1},
	}
}

func stock(campaign uint32, doses int) []booking.Claim {
	return []booking.Claim{{Counter: booking.StockCounter(campaign), Capacity: doses, N: 1}}
}

// pick makes a list of choices for each dose from single picks.
func pick(choices ...booking.Choice) [][]booking.Choice {
	out := make([][]booking.Choice, len(choices))
	for i, c := range choices {
		out[i] = []booking.Choice{c}
	}
	return out
}

// Requests of person n in campaign 1, on the web, at the stroke of the hour; tests change what they are about.

func book(n int, doses [][]booking.Choice, shared []booking.Claim) booking.Request {
	return booking.Request{
		Op: booking.OpBook, Campaign: 1, Person: who(n), Actor: who(n), Channel: "web", At: start, Doses: doses, Shared: shared,
		Sealed: []byte("sealed"),
	}
}

func hold(n int, doses [][]booking.Choice, shared []booking.Claim) booking.Request {
	r := book(n, doses, shared)
	r.Op, r.HoldUntil, r.Sealed = booking.OpHold, start.Add(5*time.Minute), nil
	return r
}

func bookHold(n int, id int64) booking.Request {
	r := book(n, nil, nil)
	r.Hold = id
	return r
}

func change(n int, id int64, doses [][]booking.Choice) booking.Request {
	r := book(n, doses, nil)
	r.Op, r.Booking, r.Sealed = booking.OpChange, id, nil
	return r
}

func cancel(n int, id int64) booking.Request {
	r := book(n, nil, nil)
	r.Op, r.Booking, r.Sealed = booking.OpCancel, id, nil
	return r
}

func at(r booking.Request, t time.Time) booking.Request {
	r.At = t
	return r
}

func withKey(r booking.Request, idempotency, body int) booking.Request {
	r.Idempotency, r.Body = key(idempotency), key(body)
	return r
}
