package booking_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
)

// What a ledger can show of Decide is in booking/bookingtest; here is what only an engine sees: what to load, and in which
// order to write.

func bookAt(who byte, minute, seats int) booking.Request {
	s := booking.Session{Site: 1, Day: civil.New(2021, 7, 26), Minute: minute}
	return booking.Request{
		Op: booking.OpBook, Campaign: 1, Person: person.Key{who}, At: time.Unix(1626087600, 0),
		Doses: [][]booking.Choice{{{
			Slot: booking.Slot{Session: s, Product: "moderna"}, Minutes: 30,
			Seat: booking.Claim{Counter: booking.SeatCounter(s), Capacity: seats, N: 1},
		}}},
		Shared: []booking.Claim{{Counter: booking.StockCounter(1), Capacity: 100, N: 1}},
	}
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	late := bookAt(3, 600, 1)
	late.At = late.At.Add(time.Minute)
	expire := booking.Request{Op: booking.OpExpire, At: late.At.Add(-time.Second)}
	bad := bookAt(8, 600, 1)
	bad.Shared[0].N = 0
	got := booking.Needs([]booking.Request{late, bookAt(1, 540, 1), expire, bad, bookAt(3, 540, 1)})
	if want := []person.Key{{1}, {3}}; !slices.Equal(got.Persons, want) {
		t.Errorf("persons %d, want 1 and 3", len(got.Persons))
	}
	if !got.Until.Equal(late.At) {
		t.Errorf("until %v, want the latest instant %v", got.Until, late.At)
	}
}

func TestChangesInOrder(t *testing.T) {
	t.Parallel()
	s := booking.NewState(10, 100)
	old := booking.Booking{ID: 4, Campaign: 1, Person: person.Key{9}, Status: booking.Booked, Shared: bookAt(1, 540, 1).Shared}
	s.AddBooking(old)
	s.AddCounter(booking.CounterState{Counter: booking.StockCounter(1), Capacity: 3, Used: 1})
	cancel := booking.Request{Op: booking.OpCancel, Campaign: 1, Person: person.Key{9}, Booking: 4, At: time.Unix(1626087600, 0)}
	batch := []booking.Request{bookAt(2, 600, 1), bookAt(1, 540, 1), bookAt(5, 540, 1), cancel, bookAt(9, 570, 1)}
	var results []booking.Result
	for _, o := range booking.Decide(s, batch) {
		results = append(results, o.Result)
	}
	if want := []booking.Result{booking.Done, booking.Done, booking.Full, booking.Done, booking.Done}; !slices.Equal(results, want) {
		t.Fatalf("results %v, want %v", results, want)
	}
	ch := s.Changes()
	var booked []int64
	for _, b := range ch.Booked {
		booked = append(booked, b.ID)
	}
	if !slices.Equal(booked, []int64{10, 11, 12}) || len(ch.Changed) != 1 || ch.Changed[0].Status != booking.Cancelled {
		t.Errorf("booked %v, changed %d", booked, len(ch.Changed))
	}
	if ch.NextBooking != 13 || ch.NextSeq != 104 || len(ch.Events) != 4 || ch.Events[0].Seq != 100 {
		t.Errorf("next booking %d, next event %d, events %d", ch.NextBooking, ch.NextSeq, len(ch.Events))
	}
	seat := func(minute int) booking.CounterState {
		return booking.CounterState{Counter: bookAt(1, minute, 1).Doses[0][0].Seat.Counter, Capacity: 1, Used: 1}
	}
	want := []booking.CounterState{seat(540), seat(570), seat(600), {Counter: booking.StockCounter(1), Capacity: 3, Used: 3}}
	if diff := cmp.Diff(want, ch.Counters); diff != "" {
		t.Errorf("counters (-want +got)\n%s", diff)
	}
}

// TestRefusedLeavesNothing wants no write at all from a batch of which nothing was granted.
func TestRefusedLeavesNothing(t *testing.T) {
	t.Parallel()
	s := booking.NewState(1, 1)
	for _, o := range booking.Decide(s, []booking.Request{bookAt(1, 540, 0), bookAt(2, 540, 0)}) {
		if o.Result != booking.Full || o.FullDose != 1 {
			t.Errorf("result %d, full dose %d", o.Result, o.FullDose)
		}
	}
	if diff := cmp.Diff(booking.Changes{NextBooking: 1, NextSeq: 1}, s.Changes()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
