package sqlite

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/site"
)

// A damaged body is refused, never a panic; one that is read is written and read again as the same.
func FuzzBodies(f *testing.F) {
	b := sample()
	e := sampleEvent()
	h := booking.Hold{Doses: b.Doses, Shared: b.Shared}
	for _, body := range [][]byte{appendBooking(nil, &b), appendEvent(nil, &e), appendHold(nil, &h), nil, {1}, {2, 1}, {1, 1, 0xff}} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if b, err := readBooking(body, 1, person.Key{1}, 7); err == nil {
			again, err := readBooking(appendBooking(nil, &b), 1, person.Key{1}, 7)
			if diff := cmp.Diff(b, again); err != nil || diff != "" {
				t.Errorf("a booking does not come back: %v\n%s", err, diff)
			}
		}
		if h, err := readHold(body, 1, person.Key{1}, 7, 9); err == nil {
			again, err := readHold(appendHold(nil, &h), 1, person.Key{1}, 7, 9)
			if diff := cmp.Diff(h, again); err != nil || diff != "" {
				t.Errorf("a hold does not come back: %v\n%s", err, diff)
			}
		}
		if e, err := readEvent(body, 1); err == nil {
			again, err := readEvent(appendEvent(nil, &e), 1)
			if diff := cmp.Diff(e, again); err != nil || diff != "" {
				t.Errorf("an event does not come back: %v\n%s", err, diff)
			}
		}
	})
}

func sample() booking.Booking {
	session := booking.Session{Site: 1042, Day: civil.New(2021, 7, 26), Minute: 540}
	return booking.Booking{
		ID: 5, Campaign: 7, Person: person.Key{1}, Actor: person.Key{2}, Channel: "web", Status: booking.Booked,
		Doses: []booking.Dose{{
			Dose: 1, Slot: booking.Slot{Session: session, Product: "moderna"}, Minutes: 30,
			Seat: booking.Claim{Counter: booking.SeatCounter(session), Capacity: 5, N: 1},
		}},
		Shared: []booking.Claim{{Counter: booking.StockCounter(7), Capacity: 1_850_000, N: 1}},
		MadeAt: time.UnixMicro(1626087600123456).UTC(), Changed: 3, Sealed: []byte{1, 2}, Idempotency: [16]byte{3}, Body: [16]byte{4},
	}
}

func sampleEvent() booking.Event {
	return booking.Event{
		Seq: 9, At: time.UnixMicro(1626087600123456).UTC(), Kind: booking.EventChanged, Campaign: 7, Person: person.Key{1},
		Actor: person.Key{2}, Channel: "web", Why: "expired", Booking: 5,
		Deltas: []booking.Delta{{Counter: booking.StockCounter(7), By: -1}, {Counter: 1, By: 1 << 30}},
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	b, e := sample(), sampleEvent()
	for _, body := range [][]byte{appendBooking(nil, &b), appendEvent(nil, &e)} {
		for n := range body {
			if _, err := readBooking(body[:n], 5, b.Person, 7); err == nil {
				t.Errorf("%d of %d bytes pass as a booking", n, len(body))
			}
			if _, err := readEvent(body[:n], 9); err == nil {
				t.Errorf("%d of %d bytes pass as an event", n, len(body))
			}
		}
	}
	if _, err := readBooking(append(appendBooking(nil, &b), 0), 5, b.Person, 7); err == nil {
		t.Error("a byte too many passes")
	}
	got, err := readBooking(appendBooking(nil, &b), 5, b.Person, 7)
	if diff := cmp.Diff(b, got); err != nil || diff != "" {
		t.Errorf("booking: %v (-want +got)\n%s", err, diff)
	}
	gotEvent, err := readEvent(appendEvent(nil, &e), 9)
	if diff := cmp.Diff(e, gotEvent); err != nil || diff != "" {
		t.Errorf("event: %v (-want +got)\n%s", err, diff)
	}
}

func TestBookingComesBack(t *testing.T) {
	t.Parallel()
	claim := rapid.Custom(func(t *rapid.T) booking.Claim {
		return booking.Claim{
			Counter:  booking.Counter(rapid.Uint64().Draw(t, "counter")),
			Capacity: rapid.IntRange(0, booking.MaxQuantity).Draw(t, "capacity"),
			N:        rapid.IntRange(1, booking.MaxQuantity).Draw(t, "n"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		b := booking.Booking{
			ID: 1, Person: person.Key{1}, Actor: rapid.SampledFrom([]person.Key{{}, {1}, {2}}).Draw(t, "actor"),
			Channel: rapid.String().Draw(t, "channel"), Status: booking.Cancelled, Shared: rapid.SliceOf(claim).Draw(t, "shared"),
			MadeAt: time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(t, "at")).UTC(), Changed: rapid.IntRange(0, 1<<40).Draw(t, "changed"),
			Sealed: rapid.SliceOf(rapid.Byte()).Draw(t, "sealed"), Body: [16]byte{byte(rapid.IntRange(0, 1).Draw(t, "body"))},
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "doses") {
			b.Doses = append(b.Doses, booking.Dose{
				Dose: i + 1, Minutes: rapid.IntRange(0, 1440).Draw(t, "minutes"), Seat: claim.Draw(t, "seat"),
				Slot: booking.Slot{Product: rapid.StringMatching("[a-z0-9-]{1,9}").Draw(t, "product"), Session: booking.Session{
					Site: site.Num(rapid.Uint32Range(0, uint32(site.MaxNum)).Draw(t, "site")),
					Day:  civil.Date(rapid.Int32Range(0, 1<<16-1).Draw(t, "day")), Minute: rapid.IntRange(0, 1439).Draw(t, "minute"),
				}},
			})
		}
		got, err := readBooking(appendBooking(nil, &b), 1, b.Person, 0)
		if diff := cmp.Diff(b, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
	})
}
