package booking_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/site"
)

// BenchmarkChain is what chaining costs an event, in either engine.
func BenchmarkChain(b *testing.B) {
	e := booking.Event{
		At: time.UnixMicro(1_626_087_600_000_000), Kind: booking.EventBooked, Campaign: 7, Person: [16]byte{1}, Actor: [16]byte{1}, Channel: "api", Booking: 9,
		Deltas: []booking.Delta{{Counter: 1, By: 1}, {Counter: 2, By: 1}, {Counter: 3, By: 1}},
	}
	var chain booking.Hash
	for b.Loop() {
		e.Seq++
		chain = booking.Link(chain, e.Seq, e.Digest())
	}
}

// BenchmarkDecide decides full batches of bookings with a first dose, 24 choices for the second and stock. Loading the
// state is part of it, as it is for an engine with its counters in memory.
func BenchmarkDecide(b *testing.B) {
	const size = 1024
	rng := rand.New(rand.NewPCG(1, 2))
	day := civil.New(2021, 7, 26)
	sessions := func(civil.Date) []booking.SessionInfo {
		out := make([]booking.SessionInfo, 16)
		for i := range out {
			out[i] = booking.SessionInfo{Minute: 540 + 30*i, Minutes: 30, Seats: 5}
		}
		return out
	}
	free := func(_ booking.Counter, capacity int) int { return capacity }
	batch := make([]booking.Request, size)
	for i := range batch {
		at := booking.Session{Site: site.Num(rng.IntN(12_000)), Day: day + civil.Date(rng.IntN(14)), Minute: 540 + 30*rng.IntN(16)}
		first := booking.Choice{
			Slot: booking.Slot{Session: at, Product: "moderna"}, Minutes: 30,
			Seat: booking.Claim{Counter: booking.SeatCounter(at), Capacity: 5, N: 1},
		}
		var who person.Key
		binary.BigEndian.PutUint64(who[:], rng.Uint64())
		batch[i] = booking.Request{
			Op: booking.OpBook, Campaign: 7, Person: who, Actor: who, Channel: "api", At: time.Unix(1626087600, 0),
			Doses:  booking.Series(first, []booking.After{func(civil.Date) booking.Interval { return booking.Interval{Default: 28, Min: 21, Max: 42} }}, sessions, free, 0),
			Shared: []booking.Claim{{Counter: booking.StockCounter(7), Capacity: 1_850_000, N: 1}},
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		booking.Needs(batch)
		s := booking.NewState(1, 1)
		for _, o := range booking.Decide(s, batch) {
			if o.Result != booking.Done && o.Result != booking.Full {
				b.Fatalf("result %d", o.Result)
			}
		}
		s.Changes()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/request")
}

// listed is a ledger of counters and nothing else.
type listed struct {
	booking.Ledger
	counters []booking.CounterState
}

func (l listed) Counters(_ context.Context, yield func(booking.CounterState)) (int64, error) {
	for _, c := range l.counters {
		yield(c)
	}
	return 1, nil
}

// nationalSnapshot has every session of 12,000 sites on 14 days taken once.
func nationalSnapshot(b *testing.B) *booking.Snapshot {
	var l listed
	for s := range 12_000 {
		for d := range 14 {
			for m := range 16 {
				at := booking.Session{Site: site.Num(s + 1), Day: civil.New(2021, 7, 26) + civil.Date(d), Minute: 540 + 30*m}
				l.counters = append(l.counters, booking.CounterState{Counter: booking.SeatCounter(at), Capacity: 5, Used: 1})
			}
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	snap, err := booking.NewSnapshot(context.Background(), l)
	if err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ResetTimer()
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(l.counters)), "B/session")
	runtime.KeepAlive(snap)
	runtime.KeepAlive(l)
	return snap
}

func BenchmarkSnapshotSeatsUsed(b *testing.B) {
	snap := nationalSnapshot(b)
	b.RunParallel(func(pb *testing.PB) {
		rng := rand.New(rand.NewPCG(rand.Uint64(), 2))
		day := civil.New(2021, 7, 26)
		for pb.Next() {
			if snap.SeatsUsed(site.Num(1+rng.IntN(12_000)), day+civil.Date(rng.IntN(14))) != 16 {
				b.Error("wrong sum")
				return
			}
		}
	})
}

func BenchmarkSnapshotUsed(b *testing.B) {
	snap := nationalSnapshot(b)
	b.RunParallel(func(pb *testing.PB) {
		rng := rand.New(rand.NewPCG(rand.Uint64(), 2))
		day := civil.New(2021, 7, 26)
		for pb.Next() {
			at := booking.Session{Site: site.Num(1 + rng.IntN(12_000)), Day: day + civil.Date(rng.IntN(14)), Minute: 540 + 30*rng.IntN(16)}
			if snap.Used(booking.SeatCounter(at)) != 1 {
				b.Error("wrong count")
				return
			}
		}
	})
}
