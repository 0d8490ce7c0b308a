package leftovertest

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/internal/civil"
	"charye/leftover"
	"charye/site"
)

// agreesWithReference does random things, with crashes in between, to a store and to the reference: as often as rapid is
// told to, but no longer than some seconds unless there is a fault to pin down.
func agreesWithReference(t *testing.T, open Open) {
	const enough = 3 * time.Second
	began, fault := time.Now(), false
	rapid.Check(t, func(rt *rapid.T) {
		if !fault && time.Since(began) > enough {
			return
		}
		sound := false
		defer func() { fault = fault || !sound }()
		dir := t.TempDir()
		m := &Machine{Ref: NewReference(), Now: Noon}
		s := open(t, dir)
		rt.Repeat(map[string]func(*rapid.T){
			"apply": func(rt *rapid.T) {
				list := m.Requests(rt)
				want := m.Apply(list)
				got, err := s.Apply(context.Background(), list)
				if err != nil {
					rt.Fatal(err)
				}
				if d := gocmp.Diff(want, got, alike); d != "" {
					rt.Fatalf("%+v was answered otherwise:\n%s", list, d)
				}
			},
			"reopen": func(rt *rapid.T) {
				if rapid.IntRange(0, 5).Draw(rt, "really") != 0 {
					rt.Skip("now and then is enough")
				}
				s = open(t, dir)
			},
			"": func(rt *rapid.T) { m.compare(rt, s) },
		})
		events, err := s.Events(context.Background(), 0, 1<<20)
		if err != nil {
			rt.Fatal(err)
		}
		if d := gocmp.Diff(m.Ref.events, events, alike); d != "" {
			rt.Fatalf("the history is another:\n%s", d)
		}
		sound = !rt.Failed()
	})
}

// Machine makes up what may happen to a few people at three sites.
type Machine struct {
	Ref Reference
	Now time.Time
}

// Apply does requests to the reference.
func (m *Machine) Apply(list []leftover.Request) (out []leftover.Outcome) {
	m.Ref, out = m.Ref.Apply(list)
	return out
}

const people = 6

func (m *Machine) day() civil.Date { return Today + civil.Date(m.Now.Sub(Noon)/(24*time.Hour)) }

// Requests draws one or a few.
func (m *Machine) Requests(rt *rapid.T) []leftover.Request {
	list := make([]leftover.Request, rapid.IntRange(1, 3).Draw(rt, "requests"))
	for i := range list {
		step := rapid.SampledFrom([]time.Duration{0, time.Second, 3 * time.Minute, 11 * time.Minute, 3 * time.Hour, 24 * time.Hour}).Draw(rt, "step")
		m.Now = m.Now.Add(step)
		list[i] = m.request(rt)
		if list[i].Op == leftover.OpAdvance && rapid.IntRange(0, 9).Draw(rt, "with others") > 0 {
			return list[i : i+1]
		}
	}
	return list
}

func (m *Machine) request(rt *rapid.T) leftover.Request {
	n := rapid.IntRange(1, people).Draw(rt, "person")
	switch rapid.IntRange(0, 7).Draw(rt, "what") {
	case 0, 1:
		var sites []site.Num
		for num := site.Num(1); num <= 3; num++ {
			if rapid.Bool().Draw(rt, "site") {
				sites = append(sites, num)
			}
		}
		return SignUp(n, m.day(), m.Now, sites...)
	case 2:
		return Doses(m.Now, site.Num(rapid.IntRange(1, 3).Draw(rt, "site")), rapid.IntRange(1, 3).Draw(rt, "doses"))
	case 3, 4, 5:
		var unfit []leftover.Unfit
		if rapid.IntRange(0, 3).Draw(rt, "unfit") == 0 {
			unfit = append(unfit, leftover.Unfit{Person: Key(n), Leaves: rapid.Bool().Draw(rt, "leaves")})
		}
		id := int64(1)
		if due := m.Ref.Due(m.Now); len(due) > 0 {
			id = rapid.SampledFrom(due).Draw(rt, "batch")
		}
		return Advance(id, m.day(), m.Now, unfit...)
	}
	o := leftover.Offer{ID: int64(rapid.IntRange(1, 20).Draw(rt, "offer")), Person: Key(n)}
	var open []leftover.Offer
	for _, x := range m.Ref.offers {
		if x.State.Open() {
			open = append(open, x)
		}
	}
	slices.SortFunc(open, func(a, b leftover.Offer) int { return cmp.Compare(a.ID, b.ID) })
	if len(open) > 0 && rapid.IntRange(0, 9).Draw(rt, "any") > 0 {
		o = rapid.SampledFrom(open).Draw(rt, "which")
	}
	switch rapid.IntRange(0, 3).Draw(rt, "answer") {
	case 0:
		return Answer(leftover.OpDecline, o, m.Now)
	case 1, 2:
		return Answer(leftover.OpAccept, o, m.Now)
	}
	return Settle(o, m.Now, rapid.Bool().Draw(rt, "booked"))
}

// compare looks at everything that a store can be asked.
func (m *Machine) compare(rt *rapid.T, s leftover.Store) {
	ctx := context.Background()
	due, err := s.Due(ctx, m.Now, 100)
	if d := gocmp.Diff(m.Ref.Due(m.Now), due, alike); err != nil || d != "" {
		rt.Fatalf("due: %v\n%s", err, d)
	}
	for n := 1; n <= people; n++ {
		entries, offers, err := s.Of(ctx, 7, Key(n), 100)
		if err != nil {
			rt.Fatal(err)
		}
		wantE, wantO := m.Ref.of(7, Key(n))
		if d := gocmp.Diff(wantE, entries, alike) + gocmp.Diff(wantO, offers, alike); d != "" {
			rt.Fatalf("person %d:\n%s", n, d)
		}
	}
	for id, b := range m.Ref.batches {
		v, ok, err := s.View(ctx, id, leftover.RoomBeyond)
		if err != nil || !ok {
			rt.Fatalf("batch %d: %v, %v", id, ok, err)
		}
		if d := gocmp.Diff(b, v.Batch) + gocmp.Diff(m.Ref.OffersOf(id), v.Offers, alike); d != "" {
			rt.Fatalf("batch %d:\n%s", id, d)
		}
		if have := v.Batch.Doses - v.Free(time.Time{}); have > b.Doses {
			rt.Fatalf("batch %d has %d offers open or booked, and %d doses", id, have, b.Doses)
		}
	}
}

// linearizable records what several callers at two nodes asked and were answered, and looks for an order of one after the
// other that explains it.
func linearizable(t *testing.T, open Open) {
	for round := range 4 {
		dir := t.TempDir()
		nodes := []leftover.Store{open(t, dir), open(t, dir)}
		const clients, each = 5, 10
		var setup []leftover.Request
		for n := 1; n <= 4; n++ {
			setup = append(setup, SignUp(n, Today-civil.Date(n%2), Noon, 1))
		}
		setup = append(setup, Doses(Noon, 1, 2), Doses(Noon, 1, 1))
		apply(t, nodes[0], setup...)
		begin, _ := NewReference().Apply(setup)
		histories := make([][]porcupine.Operation, clients)
		began := time.Now()
		var all sync.WaitGroup
		for c := range clients {
			all.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(round), uint64(c)))
				var seen []leftover.Offer
				for range each {
					r := randomRequest(rng, begin, seen)
					op := porcupine.Operation{ClientId: c, Input: r, Call: int64(time.Since(began))}
					out, err := nodes[c%2].Apply(context.Background(), []leftover.Request{r})
					op.Return = int64(time.Since(began))
					if err != nil {
						t.Errorf("client %d: %v", c, err)
						return
					}
					op.Output = out[0]
					seen = append(seen, out[0].Made...)
					histories[c] = append(histories[c], op)
				}
			})
		}
		all.Wait()
		model := porcupine.Model{
			Init: func() any { return begin },
			Step: func(state, input, output any) (bool, any) {
				next, out := state.(Reference).Apply([]leftover.Request{input.(leftover.Request)})
				return gocmp.Equal(out[0], output.(leftover.Outcome), alike), next
			},
			Equal: func(a, b any) bool {
				x, y := a.(Reference), b.(Reference)
				return x.nextID == y.nextID && gocmp.Equal(x.offers, y.offers) && gocmp.Equal(x.entries, y.entries) && gocmp.Equal(x.batches, y.batches)
			},
		}
		history := slices.Concat(histories...)
		if result := porcupine.CheckOperationsTimeout(model, history, 20*time.Second); result != porcupine.Ok {
			t.Errorf("round %d: %s: no order of one after the other explains what %d requests were answered", round, result, len(history))
		}
	}
}

// randomRequest asks for something in a world of four people, one site and two batches; clocks of callers are minutes apart.
func randomRequest(rng *rand.Rand, begin Reference, seen []leftover.Offer) leftover.Request {
	at := Noon.Add(time.Duration(rng.IntN(12)) * time.Minute)
	batches := begin.Due(Noon)
	o := leftover.Offer{ID: int64(1 + rng.IntN(12)), Person: Key(1 + rng.IntN(4))}
	if len(seen) > 0 {
		o = seen[rng.IntN(len(seen))]
	}
	switch rng.IntN(8) {
	case 0:
		return SignUp(1+rng.IntN(4), Today, at, 1)
	case 1:
		return SignUp(1+rng.IntN(4), Today, at)
	case 2, 3:
		return Advance(batches[rng.IntN(len(batches))], Today, at)
	case 4:
		return Answer(leftover.OpDecline, o, at)
	case 5:
		return Settle(o, at, rng.IntN(2) == 0)
	}
	return Answer(leftover.OpAccept, o, at)
}
