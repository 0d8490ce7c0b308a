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
)

// RunNodes proves that several ledgers on one store are one ledger: for engines that many nodes use at once. open gives
// that many ledgers on an empty store of their own, which the engine's test closes at its end.
func RunNodes(t *testing.T, open func(t testing.TB, nodes int) []booking.Ledger) {
	for name, run := range map[string]func(*testing.T, []booking.Ledger){
		"LastSeats":     nodesLastSeats,
		"OnePerson":     nodesOnePerson,
		"Linearizable1": nodesLinearizable(1),
		"Linearizable2": nodesLinearizable(2),
		"Linearizable3": nodesLinearizable(3),
		"Linearizable4": nodesLinearizable(4),
		"Follow":        nodesFollow,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ledgers := open(t, 4)
			run(t, ledgers)
			for _, l := range ledgers[:2] {
				for _, finding := range Check(context.Background(), l) {
					t.Error(finding)
				}
			}
		})
	}
}

// nodesLastSeats has every node bring batches of people who all want the same few seats, in orders that would make locks
// taken one by one wait in a ring.
func nodesLastSeats(t *testing.T, ledgers []booking.Ledger) {
	const batches, size, seats = 12, 25, 7
	sessions := [][]booking.Choice{{seat(0, 0, seats)}, {seat(0, 1, seats)}, {seat(0, 2, seats)}}
	var done, full atomic.Int64
	crowd(len(ledgers), func(node int) {
		for i := range batches {
			batch := make([]booking.Request, size)
			for k := range batch {
				n := 1 + (node*batches+i)*size + k
				first := sessions[(n+node)%3]
				batch[k] = book(n, [][]booking.Choice{first, {seat(28, (n*7+node)%5, 1000)}}, stock(1, 1000))
				if n%3 == 0 {
					batch[k].Op, batch[k].HoldUntil, batch[k].Sealed = booking.OpHold, start.Add(time.Minute), nil
				}
			}
			if node%2 == 1 {
				slices.Reverse(batch)
			}
			out, err := ledgers[node].Apply(context.Background(), batch)
			if err != nil {
				t.Errorf("node %d: %v", node, err)
				return
			}
			for _, o := range out {
				switch {
				case o.Result == booking.Done:
					done.Add(1)
				case o.Result == booking.Full && o.FullDose == 1:
					full.Add(1)
				default:
					t.Errorf("node %d: %s", node, describe(o))
				}
			}
		}
	})
	if want := int64(3 * seats); done.Load() != want || full.Load() != int64(len(ledgers)*batches*size)-want {
		t.Errorf("%d granted and %d refused, want %d granted", done.Load(), full.Load(), want)
	}
}

// nodesOnePerson has one person ask at every node at once: a booking, the same once more, a hold, and a booking with the
// same key in another campaign.
func nodesOnePerson(t *testing.T, ledgers []booking.Ledger) {
	for round := range 10 {
		var mu sync.Mutex
		results := map[booking.Result]int{}
		crowd(2*len(ledgers), func(i int) {
			r := withKey(book(1+round, pick(seat(0, 0, 100)), nil), 1+i%2, 1)
			if i >= len(ledgers) {
				r = hold(1+round, pick(seat(0, 1, 100)), nil)
			}
			out, err := ledgers[i%len(ledgers)].Apply(context.Background(), []booking.Request{r})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if r.Op == booking.OpBook {
				results[out[0].Result]++
			} else if res := out[0].Result; res != booking.Done && res != booking.AlreadyBooked {
				t.Errorf("hold: %s", describe(out[0]))
			}
		})
		// Of the two keys one made the booking; it is told again to its own and is in the way of the other.
		if results[booking.Done] != 1 || results[booking.Repeated] != len(ledgers)/2-1 || results[booking.AlreadyBooked] != len(ledgers)/2 {
			t.Errorf("round %d: results %v", round, results)
		}
	}
}

// nodesLinearizable records what clients at different nodes asked and were answered, and looks for an order of one after
// the other that explains it.
func nodesLinearizable(seed uint64) func(*testing.T, []booking.Ledger) {
	return func(t *testing.T, ledgers []booking.Ledger) { nodesHistory(t, ledgers, seed) }
}

func nodesHistory(t *testing.T, ledgers []booking.Ledger, seed uint64) {
	if err := ledgers[0].SetCapacity(context.Background(), []booking.Claim{{Counter: fewVials, Capacity: 1}}); err != nil {
		t.Fatal(err)
	}
	const clients, each = 6, 16
	histories := make([][]porcupine.Operation, clients)
	began := time.Now()
	crowd(clients, func(c int) {
		rng := rand.New(rand.NewPCG(seed, uint64(c)))
		var mine booking.Outcome
		for i := range each {
			r := randomRequest(rng, c, i, mine)
			op := porcupine.Operation{ClientId: c, Input: r, Call: int64(time.Since(began))}
			out, err := ledgers[(c+i)%len(ledgers)].Apply(context.Background(), []booking.Request{r})
			op.Return = int64(time.Since(began))
			if err != nil {
				t.Errorf("client %d: %v", c, err)
				return
			}
			op.Output = out[0]
			if out[0].Booking.ID != 0 {
				mine.Booking = out[0].Booking
			}
			if out[0].Hold.ID != 0 {
				mine.Hold = out[0].Hold
			}
			histories[c] = append(histories[c], op)
		}
	})
	history := slices.Concat(histories...)
	if result := porcupine.CheckOperationsTimeout(linearModel, history, 20*time.Second); result != porcupine.Ok {
		t.Errorf("%s: no order of one after the other explains what %d requests were answered", result, len(history))
	}
}

// nodesFollow has a snapshot at one node follow what others book: it never sees a gap, and ends where they are.
func nodesFollow(t *testing.T, ledgers []booking.Ledger) {
	ctx := context.Background()
	s, err := booking.NewSnapshot(ctx, ledgers[0])
	if err != nil {
		t.Fatal(err)
	}
	const each = 40
	over := make(chan struct{})
	var writers, reader sync.WaitGroup
	reader.Go(func() {
		for {
			if err := s.Refresh(ctx); err != nil {
				t.Error(err)
			}
			select {
			case <-over:
				return
			default:
			}
		}
	})
	for node, l := range ledgers[1:] {
		writers.Go(func() {
			for i := range each {
				n := 1 + node*each + i
				if _, err := l.Apply(ctx, []booking.Request{book(n, pick(seat(0, n%4, 1000)), stock(1, 1000))}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(over)
	reader.Wait()
	if err := s.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if used, want := s.Used(booking.StockCounter(1)), each*(len(ledgers)-1); used != want {
		t.Errorf("%d taken, want %d", used, want)
	}
}
