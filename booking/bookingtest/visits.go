package bookingtest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"charye/booking"
)

// tell says of a dose of person n what happened.
func tell(n int, id int64, dose int, v booking.Visit) booking.Request {
	r := book(n, nil, nil)
	r.Op, r.Booking, r.Dose, r.Visit, r.Sealed, r.Channel = booking.OpVisit, id, dose, v, nil, "clinic"
	return r
}

func state(s booking.VisitState) booking.Visit { return booking.Visit{State: s} }

// testVisits goes through the day of somebody with two doses.
func testVisits(t *testing.T, open Open) {
	b := fresh(t, open)
	id := b.want(booking.Done, book(1, pick(seat(0, 0, 1), seat(28, 0, 1)), stock(1, 2))).Booking.ID
	from := booking.Visit{State: booking.Given, From: `(00)088099990000000013(10)A"B`}
	b.want(booking.Done, tell(1, id, 1, state(booking.Arrived)))
	b.want(booking.Repeated, tell(1, id, 1, state(booking.Arrived)))
	b.want(booking.Visited, tell(1, id, 1, state(booking.NoShow)))
	b.want(booking.Done, tell(1, id, 1, from))
	b.want(booking.Repeated, tell(1, id, 1, from))
	b.want(booking.Visited, tell(1, id, 1, booking.Visit{State: booking.Given, From: "(10)OTHER"}))
	b.want(booking.Visited, cancel(1, id))
	b.want(booking.Visited, change(1, id, pick(seat(1, 0, 1), seat(28, 0, 1))))
	b.want(booking.NoBooking, tell(2, id, 1, state(booking.Arrived)))
	b.want(booking.NoBooking, tell(1, id, 3, state(booking.Arrived)))
	moved := b.want(booking.Done, change(1, id, pick(seat(0, 0, 1), seat(29, 0, 1)))).Booking
	if d := moved.Doses[0]; d.Visit.State != booking.Given || d.Visit.From != from.From {
		t.Errorf("after the second dose moved the first is %+v", d.Visit)
	}
	b.crash()
	b.want(booking.Done, tell(1, id, 2, state(booking.NoShow)))
	b.want(booking.Done, book(2, pick(seat(29, 0, 1)), stock(1, 2))) // the seat is free
	b.want(booking.Full, tell(1, id, 2, state(booking.Expected)))
	got := b.want(booking.Done, change(1, id, pick(seat(0, 0, 1), seat(30, 0, 1)))).Booking
	if got.Status != booking.Booked || got.Doses[1].Visit != (booking.Visit{}) {
		t.Errorf("moved after it was missed: %+v", got)
	}
	want := []booking.EventKind{booking.EventBooked, booking.EventArrived, booking.EventGiven, booking.EventChanged, booking.EventNoShow, booking.EventChanged}
	var kinds []booking.EventKind
	events, err := b.Events(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Booking == id {
			kinds = append(kinds, e.Kind)
		}
		if e.Kind == booking.EventGiven && (e.Dose != 1 || e.From != from.From) {
			t.Errorf("the event is %+v", e)
		}
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}
}

// testSpoilt has a dose found to have been given from what was not fit: it stays told and keeps what it took, and another is booked behind it.
func testSpoilt(t *testing.T, open Open) {
	b := fresh(t, open)
	id := b.want(booking.Done, book(1, pick(seat(0, 0, 1)), stock(1, 2))).Booking.ID
	from := booking.Visit{State: booking.Given, From: "(00)088099990000000013"}
	spoilt := booking.Visit{State: booking.Spoilt, Why: "2020-09"}
	b.want(booking.Visited, tell(1, id, 1, spoilt)) // nobody was given anything
	b.want(booking.Done, tell(1, id, 1, from))
	b.want(booking.Malformed, tell(1, id, 1, state(booking.Spoilt)))
	got := b.want(booking.Done, tell(1, id, 1, spoilt)).Booking
	if v := got.Doses[0].Visit; v.State != booking.Spoilt || v.From != from.From || v.Why != "2020-09" {
		t.Errorf("the visit is %+v", v)
	}
	b.want(booking.Repeated, tell(1, id, 1, spoilt))
	for _, v := range []booking.Visit{state(booking.Expected), from, state(booking.Arrived), state(booking.NoShow)} {
		b.want(booking.Visited, tell(1, id, 1, v)) // for good
	}
	b.want(booking.Visited, cancel(1, id))
	b.want(booking.Visited, change(1, id, pick(seat(28, 0, 1))))
	b.want(booking.Full, book(2, pick(seat(0, 0, 1)), stock(1, 2))) // the seat is not free again
	more := stock(1, 2)
	more[0].N = 2
	again := change(1, id, pick(seat(0, 0, 1), seat(28, 0, 1)))
	again.Shared = more
	got = b.want(booking.Done, again).Booking
	if len(got.Doses) != 2 || got.Counting(2) != 1 || got.Counting(3) != 2 || got.Again(2) == nil || got.Again(3) != nil || got.Again(1) != nil {
		t.Errorf("after it was booked again: %+v", got)
	}
	b.want(booking.Full, book(2, pick(seat(1, 0, 1)), stock(1, 2))) // nor is there stock for anybody else
	b.crash()
	b.want(booking.Done, tell(1, id, 2, from))
	b.check()
	events, err := b.Events(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(events, func(e booking.Event) bool { return e.Kind == booking.EventSpoilt })
	if at < 0 || events[at].Dose != 1 || events[at].Why != "2020-09" || events[at].Booking != id || len(events[at].Deltas) != 0 {
		t.Errorf("events %+v", events)
	}
}

// testMissed ends a booking whose first dose nobody came for, and brings it back.
func testMissed(t *testing.T, open Open) {
	b := fresh(t, open)
	series := pick(seat(0, 0, 1), seat(28, 0, 1))
	id := b.want(booking.Done, book(1, series, stock(1, 1))).Booking.ID
	b.want(booking.Malformed, tell(1, id, 2, booking.Visit{State: booking.NoShow, Kept: true}))
	kept := b.want(booking.Done, tell(1, id, 1, booking.Visit{State: booking.NoShow, Kept: true})).Booking
	if kept.Status != booking.Missed {
		t.Errorf("status %d", kept.Status)
	}
	b.want(booking.Repeated, tell(1, id, 1, booking.Visit{State: booking.NoShow, Kept: true}))
	b.want(booking.Visited, tell(1, id, 1, state(booking.Given)))
	b.want(booking.Visited, tell(1, id, 2, state(booking.Arrived)))
	b.want(booking.NoBooking, cancel(1, id))
	b.want(booking.NoBooking, change(1, id, series))
	b.want(booking.Full, book(2, series, stock(1, 1))) // the dose is the site's
	b.check()
	b.want(booking.Done, tell(1, id, 1, state(booking.Expected)))
	b.want(booking.Done, tell(1, id, 1, state(booking.NoShow)))
	b.want(booking.Done, book(2, series, stock(1, 1))) // and now it is everybody's
	b.want(booking.Full, tell(1, id, 1, state(booking.Expected)))
	b.crash()
	b.want(booking.Done, book(1, pick(seat(1, 0, 1)), nil))
	b.want(booking.AlreadyBooked, tell(1, id, 1, state(booking.Expected)))
	list, err := b.Day(t.Context(), 1, firstDay, 10)
	if err != nil || len(list) != 2 {
		t.Errorf("on the day there are %d, %v", len(list), err)
	}
	if list, err = b.Day(t.Context(), 1, firstDay, 1); err != nil || len(list) != 1 || list[0].ID != id {
		t.Errorf("the first of the day: %+v, %v", list, err)
	}
}

// testMissedOnce has several say at once that nobody came: it is said once.
func testMissedOnce(t *testing.T, open Open) {
	b := fresh(t, open)
	id := b.want(booking.Done, book(1, pick(seat(0, 0, 1), seat(28, 0, 1)), stock(1, 1))).Booking.ID
	var group sync.WaitGroup
	results := make([]booking.Result, 8)
	for i := range results {
		group.Go(func() {
			out, err := b.Apply(t.Context(), []booking.Request{at(tell(1, id, 1, state(booking.NoShow)), start.Add(time.Duration(i)*time.Second))})
			if err == nil {
				results[i] = out[0].Result
			}
		})
	}
	group.Wait()
	slices.Sort(results)
	if results[0] != booking.Done || results[1] != booking.Repeated || results[7] != booking.Repeated {
		t.Errorf("results %v, want it done once and repeated", results)
	}
}
