package sqlite_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"charye/booking"
	"charye/booking/sqlite"
	"charye/internal/civil"
	"charye/person"
	"charye/site"
)

// A national opening: 12,000 sites, 14 days of first doses, 16 sessions a day of 5 seats; every booking takes a random first
// dose, the second dose four weeks later and one dose of stock. Every pick is equally likely, the hardest case for the
// page cache: a real rush crowds into the first days.
const (
	benchSites    = 12_000
	benchDays     = 14
	benchSessions = 16
	benchSeats    = 5
)

type national struct {
	rng   *rand.Rand
	next  uint64
	first civil.Date
	at    time.Time
}

func newNational() *national {
	return &national{
		rng: rand.New(rand.NewPCG(1, 2)), first: civil.New(2021, 7, 26), at: time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC),
	}
}

func (n *national) request() booking.Request {
	n.next++
	n.at = n.at.Add(50 * time.Microsecond)
	var who person.Key
	binary.BigEndian.PutUint64(who[:], n.rng.Uint64())
	binary.BigEndian.PutUint64(who[8:], n.next)
	var idem, body [16]byte
	binary.BigEndian.PutUint64(idem[:], n.next)
	slot := booking.Slot{Product: "moderna", Session: booking.Session{
		Site: site.Num(1 + n.rng.IntN(benchSites)), Day: n.first + civil.Date(n.rng.IntN(benchDays)), Minute: 540 + 30*n.rng.IntN(benchSessions),
	}}
	seat := func(at booking.Slot) booking.Choice {
		return booking.Choice{Slot: at, Minutes: 30, Seat: booking.Claim{Counter: booking.SeatCounter(at.Session), Capacity: benchSeats, N: 1}}
	}
	second := slot
	second.Day += 28
	later := second
	later.Minute += 30
	return booking.Request{
		Op: booking.OpBook, Campaign: 7, Person: who, Actor: who, Channel: "api", At: n.at,
		Doses:  [][]booking.Choice{{seat(slot)}, {seat(second), seat(later)}},
		Shared: []booking.Claim{{Counter: booking.StockCounter(7), Capacity: 1_850_000, N: 1}},
		Sealed: make([]byte, 60), Idempotency: idem, Body: body,
	}
}

func apply(b *testing.B, l booking.Ledger, n *national, requests, size int) {
	batch := make([]booking.Request, 0, size)
	for requests > 0 {
		batch = batch[:0]
		for range min(size, requests) {
			batch = append(batch, n.request())
		}
		requests -= len(batch)
		out, err := l.Apply(context.Background(), batch)
		if err != nil {
			b.Fatal(err)
		}
		for _, o := range out {
			if o.Result != booking.Done && o.Result != booking.Full {
				b.Fatalf("result %d", o.Result)
			}
		}
	}
}

// BenchmarkBatched shows the budget of bookings: batched commits against one transaction for each booking, on the same
// file in the same run. The two take turns, so that both meet tables of the same size and the machine in the same mood.
func BenchmarkBatched(b *testing.B) {
	l, err := sqlite.Open(context.Background(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	n := newNational()
	const size, single = 1024, 200
	var batched, one time.Duration
	var nBatched, nOne int
	for b.Loop() {
		start := time.Now()
		apply(b, l, n, 10*size, size)
		batched += time.Since(start)
		nBatched += 10 * size
		start = time.Now()
		apply(b, l, n, single, 1)
		one += time.Since(start)
		nOne += single
	}
	perBatched, perOne := batched.Seconds()/float64(nBatched), one.Seconds()/float64(nOne)
	b.ReportMetric(1/perBatched, "batched-bookings/s")
	b.ReportMetric(1/perOne, "single-bookings/s")
	b.ReportMetric(perOne/perBatched, "ratio")
	b.ReportMetric(float64(nBatched+nOne), "bookings-in-file")
}

// BenchmarkOpen opens a ledger after a rush: it reads what it keeps in memory.
func BenchmarkOpen(b *testing.B) {
	const bookings = 100 * 1024
	dir := b.TempDir()
	l, err := sqlite.Open(context.Background(), dir)
	if err != nil {
		b.Fatal(err)
	}
	apply(b, l, newNational(), bookings, 1024)
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l, err := sqlite.Open(context.Background(), dir)
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/bookings*1e6, "s/million-bookings")
}

// BenchmarkDay asks for a site's day after a rush: the first time all that was booked meanwhile is caught up with.
func BenchmarkDay(b *testing.B) {
	const bookings = 50 * 1024
	var first, later time.Duration
	for b.Loop() {
		b.StopTimer()
		l, err := sqlite.Open(context.Background(), b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		n := newNational()
		apply(b, l, n, bookings, 1024)
		b.StartTimer()
		start := time.Now()
		if _, err := l.Day(context.Background(), 1, n.first, 2000); err != nil {
			b.Fatal(err)
		}
		first += time.Since(start)
		start = time.Now()
		for at := range site.Num(1000) {
			if _, err := l.Day(context.Background(), at, n.first, 2000); err != nil {
				b.Fatal(err)
			}
		}
		later += time.Since(start)
		b.StopTimer()
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(first.Seconds()*1e6/float64(b.N)/bookings, "µs/booking-caught-up")
	b.ReportMetric(later.Seconds()*1e6/float64(b.N)/1000, "µs/day")
}
