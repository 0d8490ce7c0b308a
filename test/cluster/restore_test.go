package cluster_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"charye/booking"
	"charye/booking/postgres"
	"charye/internal/civil"
	"charye/person"
	"charye/test/services"
)

// TestPointInTime rehearses the restore of docs/operations.md: a base backup, bookings, an instant, more bookings, and the whole
// restored to the instant. The ledger is sound, and has exactly what was booked before it.
func TestPointInTime(t *testing.T) {
	t.Parallel()
	p := services.Archived(t)
	ctx := context.Background()
	open := func(url string) *postgres.Ledger {
		t.Helper()
		l, err := postgres.Open(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	l := open(p.URL("postgres"))
	book := func(l *postgres.Ledger, from, to int) {
		t.Helper()
		var batch []booking.Request
		for n := from; n < to; n++ {
			var who person.Key
			binary.BigEndian.PutUint64(who[:], uint64(n)+1)
			s := booking.Session{Site: 1, Day: civil.New(2021, 7, 26), Minute: 540 + 30*(n%10)}
			batch = append(batch, booking.Request{
				Op: booking.OpBook, Campaign: 1, Person: who, Actor: who, Channel: "web", At: time.Now(),
				Doses:  [][]booking.Choice{{{Slot: booking.Slot{Session: s, Product: "moderna"}, Minutes: 30, Seat: booking.Claim{Counter: booking.SeatCounter(s), Capacity: 1000, N: 1}}}},
				Shared: []booking.Claim{{Counter: booking.StockCounter(1), Capacity: 100_000, N: 1}},
			})
		}
		if _, err := l.Apply(ctx, batch); err != nil {
			t.Fatal(err)
		}
	}
	book(l, 0, 50)
	backup := p.Backup(t)
	book(l, 50, 120)
	// The instants are the server's own, with room on both sides of the mark.
	time.Sleep(50 * time.Millisecond)
	mark := time.Now()
	time.Sleep(50 * time.Millisecond)
	book(l, 120, 200)
	p.Restore(t, backup, mark)
	restored := open(backup.URL("postgres"))
	a := booking.Audit(ctx, restored, booking.Asked{})
	if len(a.Findings) > 0 || a.Live != 120 {
		t.Errorf("%d bookings are there, want the 120 from before the mark; %v", a.Live, a.Findings)
	}
	book(restored, 300, 310) // and it goes on
	if f := booking.Check(ctx, restored); len(f) > 0 {
		t.Error(f)
	}
}
