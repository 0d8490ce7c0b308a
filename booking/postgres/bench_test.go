package postgres_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"charye/booking"
	"charye/booking/postgres"
	"charye/internal/civil"
	"charye/person"
	"charye/site"
	"charye/test/services"
)

// A national opening: 12,000 sites, 14 days of first doses, 16 sessions a day of 5 seats; every booking takes a random
// first dose, the second dose four weeks later and one dose of stock. It is that of the embedded engine's benchmark.
const (
	benchSites    = 12_000
	benchDays     = 14
	benchSessions = 16
	benchSeats    = 5
)

type national struct {
	rng   *rand.Rand
	node  uint64
	next  uint64
	first civil.Date
	at    time.Time
}

func newNational(node uint64) *national {
	return &national{
		rng: rand.New(rand.NewPCG(1, node)), node: node, first: civil.New(2021, 7, 26), at: time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC),
	}
}

func (n *national) request() booking.Request {
	n.next++
	n.at = n.at.Add(50 * time.Microsecond)
	var who person.Key
	binary.BigEndian.PutUint64(who[:], n.rng.Uint64())
	binary.BigEndian.PutUint64(who[8:], n.next<<8|n.node)
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
			b.Error(err)
			return
		}
		for _, o := range out {
			if o.Result != booking.Done && o.Result != booking.Full {
				b.Errorf("result %d", o.Result)
			}
		}
	}
}

// BenchmarkBatched shows the budget of bookings: batched commits against one transaction for each booking, in the same
// database in the same run, by one to four nodes at once. The server waits for its disk, as in earnest.
func BenchmarkBatched(b *testing.B) {
	for _, nodes := range []int{1, 2, 3, 4} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			p := services.OwnPostgres(b, "max_wal_size=4GB")
			url := database(b, p)
			ledgers := make([]*postgres.Ledger, nodes)
			worlds := make([]*national, nodes)
			for i := range ledgers {
				ledgers[i], worlds[i] = openAt(b, url), newNational(uint64(i))
			}
			together := func(requests, size int) time.Duration {
				start := time.Now()
				var all sync.WaitGroup
				for i := range ledgers {
					all.Go(func() { apply(b, ledgers[i], worlds[i], requests/nodes, size) })
				}
				all.Wait()
				return time.Since(start)
			}
			const size, single = 1024, 200
			var batched, one time.Duration
			var nBatched, nOne int
			for b.Loop() {
				batched += together(12*size, size)
				nBatched += 12 * size
				one += together(single, 1)
				nOne += single
			}
			perBatched, perOne := batched.Seconds()/float64(nBatched), one.Seconds()/float64(nOne)
			b.ReportMetric(1/perBatched, "batched-bookings/s")
			b.ReportMetric(1/perOne, "single-bookings/s")
			b.ReportMetric(perOne/perBatched, "ratio")
			again := int64(0)
			for _, l := range ledgers {
				again += l.Collided()
			}
			b.ReportMetric(float64(again)/float64(b.N), "again/op")
		})
	}
}
