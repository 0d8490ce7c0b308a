package leftover_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"charye/internal/civil"
	"charye/leftover"
	"charye/leftover/leftovertest"
	"charye/person"
	"charye/site"
)

const (
	today = civil.Date(18841) // leftovertest.Today
	spot  = site.Num(3)
)

var noon = leftovertest.Noon

// TestPromises does random things and holds each offer against a model that knows no more than the promises: no more doses
// given than there are, nobody offered two of one batch or two at once, and nobody passed over who waits longer.
func TestPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := &leftovertest.Machine{Ref: leftovertest.NewReference(), Now: noon}
		offered := map[int64]map[person.Key]bool{}
		state := map[int64]leftover.State{}
		holder := map[person.Key]int64{} // whose offer is open
		doses := map[int64]int{}
		rt.Repeat(map[string]func(*rapid.T){"requests": func(rt *rapid.T) {
			for _, r := range m.Requests(rt) {
				before := m.Ref
				out := m.Apply([]leftover.Request{r})[0]
				if r.Op == leftover.OpOpen {
					doses[out.Batch.ID] = r.Batch.Doses
				}
				for id := int64(1); id <= out.Batch.ID; id++ {
					for _, o := range m.Ref.OffersOf(id) {
						if holder[o.Person] == o.ID && !o.State.Open() {
							delete(holder, o.Person)
						}
						state[o.ID] = o.State
					}
				}
				for _, o := range out.Made {
					if offered[o.Batch] == nil {
						offered[o.Batch] = map[person.Key]bool{}
					}
					if offered[o.Batch][o.Person] {
						rt.Fatalf("person %v was offered two doses of batch %d", o.Person, o.Batch)
					}
					offered[o.Batch][o.Person] = true
					if other, has := holder[o.Person]; has {
						rt.Fatalf("person %v has offer %d open and got %d", o.Person, other, o.ID)
					}
					holder[o.Person] = o.ID
					if until := o.Made.Add(10 * time.Minute); o.Until.After(until) || o.Until.After(m.Ref.Batch(o.Batch).Until) {
						rt.Fatalf("offer %d stands until %v", o.ID, o.Until)
					}
				}
				for batch, n := range doses {
					given := 0
					for _, o := range m.Ref.OffersOf(batch) {
						if o.State.Open() || o.State == leftover.Booked {
							given++
						}
					}
					if given > n {
						rt.Fatalf("%d of %d doses of batch %d are kept or booked", given, n, batch)
					}
				}
				inOrder(rt, before, r, out)
			}
		}})
	})
}

// inOrder finds somebody who waits longer than one who was offered a dose, and was not offered one.
func inOrder(rt *rapid.T, before leftovertest.Reference, r leftover.Request, out leftover.Outcome) {
	var given []leftover.Entry
	var others []leftover.Entry
	for _, e := range before.Entries() {
		if e.Site != out.Batch.Site || e.Left {
			continue
		}
		switch {
		case slices.ContainsFunc(out.Made, func(o leftover.Offer) bool { return o.Person == e.Person }):
			given = append(given, e)
		case slices.ContainsFunc(r.Unfit, func(u leftover.Unfit) bool { return u.Person == e.Person }):
		case slices.ContainsFunc(before.OffersOf(out.Batch.ID), func(o leftover.Offer) bool { return o.Person == e.Person }):
		case hasOpen(before, e.Person):
		default:
			others = append(others, e)
		}
	}
	for _, g := range given {
		for _, o := range others {
			if o.Since < g.Since || o.Since == g.Since && o.Turn.Before(g.Turn) {
				rt.Fatalf("somebody who waits since %v (turn %v) was passed over for one since %v (turn %v)", o.Since, o.Turn, g.Since, g.Turn)
			}
		}
	}
}

func hasOpen(r leftovertest.Reference, who person.Key) bool {
	for id := int64(1); id < 200; id++ {
		for _, o := range r.OffersOf(id) {
			if o.Person == who && o.State.Open() {
				return true
			}
		}
	}
	return false
}

// town is people at one site, with a key.
type town struct {
	leftovertest.Reference
	key [32]byte
}

func newTown(seed uint64) *town {
	t := &town{Reference: leftovertest.NewReference()}
	binary.BigEndian.PutUint64(t.key[:], seed)
	return t
}

func (w *town) do(r leftover.Request) leftover.Outcome {
	var out []leftover.Outcome
	w.Reference, out = w.Apply([]leftover.Request{r})
	return out[0]
}

// day offers one dose on a day and gives who was offered it, in order, until somebody whom takes accepts.
func (w *town) day(day civil.Date, takes func(person.Key) bool, meanwhile func(at time.Time)) (asked []person.Key) {
	at := noon.AddDate(0, 0, int(day-today))
	id := w.do(leftovertest.Doses(at, spot, 1)).Batch.ID
	for range 20 {
		meanwhile(at)
		r := leftovertest.Advance(id, day, at)
		r.Key = w.key
		out := w.do(r)
		for _, o := range out.Made {
			asked = append(asked, o.Person)
			if takes(o.Person) {
				w.do(leftovertest.Answer(leftover.OpAccept, o, at.Add(time.Minute)))
				w.do(leftovertest.Settle(o, at.Add(time.Minute), true))
				return asked
			}
		}
		at = at.Add(10 * time.Minute)
	}
	return asked
}

// TestPollingChangesNothing runs the same days twice: once with everybody quiet, and once with one who asks a thousand times
// an hour, signs up again at every second, and tries to accept whatever there might be. To the last offer it is the same.
func TestPollingChangesNothing(t *testing.T) {
	t.Parallel()
	const people = 10
	run := func(seed uint64, poller int) (asked [][]person.Key) {
		w := newTown(seed)
		for n := 1; n <= people; n++ {
			w.do(leftovertest.SignUp(n, today-1, noon.AddDate(0, 0, -1), spot))
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		for d := range civil.Date(2) {
			accepts := 1 + rng.IntN(people)
			asked = append(asked, w.day(today+d, func(k person.Key) bool { return k == leftovertest.Key(accepts) }, func(at time.Time) {
				for i := range 1000 {
					if poller == 0 {
						break
					}
					r := leftovertest.SignUp(poller, today+d, at.Add(time.Duration(i)*time.Millisecond), spot)
					if i%2 == 0 {
						r = leftovertest.Answer(leftover.OpAccept, leftover.Offer{ID: int64(1 + i%50), Person: leftovertest.Key(poller)}, at)
						if mine := w.open(leftovertest.Key(poller)); mine == r.Offer {
							continue // that would be accepting what is theirs
						}
					}
					if w.inList(leftovertest.Key(poller)) {
						w.do(r)
					}
				}
			}))
		}
		return asked
	}
	for seed := range uint64(3) {
		quiet, polled := run(seed, 0), run(seed, 1+int(seed)%people)
		if !slices.EqualFunc(quiet, polled, func(a, b []person.Key) bool { return slices.Equal(a, b) }) {
			t.Errorf("seed %d: offers went to others:\n%v\n%v", seed, quiet, polled)
		}
	}
}

func (w *town) open(who person.Key) int64 {
	for id := int64(1); id < 100; id++ {
		for _, o := range w.OffersOf(id) {
			if o.Person == who && o.State.Open() {
				return o.ID
			}
		}
	}
	return 0
}

func (w *town) inList(who person.Key) bool {
	return slices.ContainsFunc(w.Entries(), func(e leftover.Entry) bool { return e.Person == who && !e.Left })
}

// TestEqualsShareAlike: of people who signed up on one day, whoever did so at the first millisecond has the share of the others
// and no more, over many draws. The bounds are five standard deviations of the binomial.
func TestEqualsShareAlike(t *testing.T) {
	t.Parallel()
	const people, seeds = 8, 2000
	first := make([]int, people+1)
	for seed := range uint64(seeds) {
		w := newTown(seed)
		for n := 1; n <= people; n++ {
			w.do(leftovertest.SignUp(n, today-1, noon.Add(time.Duration(n)*time.Millisecond), spot))
		}
		asked := w.day(today, func(person.Key) bool { return true }, func(time.Time) {})
		for n := 1; n <= people; n++ {
			if asked[0] == leftovertest.Key(n) {
				first[n]++
			}
		}
	}
	for n := 1; n <= people; n++ {
		if first[n] < 176 || first[n] > 324 { // 250 ± 5 · 14.8
			t.Errorf("person %d was first in %d of %d draws, want 250 and near it", n, first[n], seeds)
		}
	}
	t.Logf("first in %v of %d draws", first[1:], seeds)
}

// TestEverybodyOnceBeforeAnybodyTwice: with nobody accepting, the days go round.
func TestEverybodyOnceBeforeAnybodyTwice(t *testing.T) {
	t.Parallel()
	const people = 7
	w := newTown(5)
	for n := 1; n <= people; n++ {
		w.do(leftovertest.SignUp(n, today-civil.Date(n%3), noon, spot))
	}
	turns := map[person.Key]int{}
	for d := range civil.Date(14) {
		at := noon.AddDate(0, 0, int(d))
		id := w.do(leftovertest.Doses(at, spot, 3)).Batch.ID
		made := w.do(leftovertest.Advance(id, today+d, at)).Made
		if len(made) != 3 {
			t.Fatalf("day %d: %d offers", d, len(made))
		}
		for _, o := range made {
			turns[o.Person]++
			w.do(leftovertest.Answer(leftover.OpDecline, o, at.Add(time.Minute)))
		}
		least, most := 1000, 0
		for n := 1; n <= people; n++ {
			least, most = min(least, turns[leftovertest.Key(n)]), max(most, turns[leftovertest.Key(n)])
		}
		if most-least > 1 {
			t.Errorf("day %d: somebody had %d turns and somebody %d", d, most, least)
		}
	}
}

// TestComingBackGainsNothing: whoever leaves a list and joins it again stands where they stood, or further back.
func TestComingBackGainsNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newTown(rapid.Uint64().Draw(rt, "seed"))
		const people = 6
		for n := 1; n <= people; n++ {
			w.do(leftovertest.SignUp(n, today-civil.Date(rapid.IntRange(1, 4).Draw(rt, "day")), noon, spot))
		}
		for d := range civil.Date(rapid.IntRange(0, 3).Draw(rt, "days")) {
			w.day(today+d, func(person.Key) bool { return false }, func(time.Time) {})
		}
		day := today + 3
		rank := func() int {
			list := slices.DeleteFunc(w.Entries(), func(e leftover.Entry) bool { return e.Left })
			leftover.Order(list, w.key, day)
			return slices.IndexFunc(list, func(e leftover.Entry) bool { return e.Person == leftovertest.Key(1) })
		}
		before := rank()
		for range rapid.IntRange(1, 3).Draw(rt, "times") {
			w.do(leftovertest.SignUp(1, day, noon.AddDate(0, 0, 3)))
			w.do(leftovertest.SignUp(1, day, noon.AddDate(0, 0, 3), spot))
		}
		if after := rank(); after < before {
			rt.Fatalf("from %d to %d", before, after)
		}
	})
}

func TestValidate(t *testing.T) {
	t.Parallel()
	good := func() leftover.Request { return leftovertest.SignUp(1, today, noon, 1, 2) }
	for name, spoil := range map[string]func(*leftover.Request){
		"no time":          func(r *leftover.Request) { r.At = time.Time{} },
		"nobody":           func(r *leftover.Request) { r.Person = person.Key{} },
		"a site twice":     func(r *leftover.Request) { r.Sites = []site.Num{1, 1} },
		"no site":          func(r *leftover.Request) { r.Sites = []site.Num{0} },
		"too many sites":   func(r *leftover.Request) { r.Sites = make([]site.Num, leftover.MaxSites+1) },
		"no campaign":      func(r *leftover.Request) { r.Campaign = 0 },
		"no operation":     func(r *leftover.Request) { r.Op = 0 },
		"another":          func(r *leftover.Request) { r.Op = leftover.OpSettle + 1 },
		"a long word":      func(r *leftover.Request) { r.Channel = string(make([]byte, leftover.MaxWord+1)) },
		"no doses":         func(r *leftover.Request) { *r = leftovertest.Doses(noon, 1, 0) },
		"no product":       func(r *leftover.Request) { *r = leftovertest.Doses(noon, 1, 1); r.Batch.Product = "" },
		"over already":     func(r *leftover.Request) { *r = leftovertest.Doses(noon, 1, 1); r.Batch.Until = noon },
		"no minutes":       func(r *leftover.Request) { *r = leftovertest.Doses(noon, 1, 1); r.Batch.Minutes = 0 },
		"an offer of none": func(r *leftover.Request) { r.Op, r.Offer = leftover.OpAccept, 0 },
	} {
		r := good()
		spoil(&r)
		if r.Validate() == nil {
			t.Errorf("%s is taken", name)
		}
		if _, out := leftovertest.NewReference().Apply([]leftover.Request{r}); out[0].Result != leftover.Malformed {
			t.Errorf("%s: result %d", name, out[0].Result)
		}
	}
	if _, out := leftovertest.NewReference().Apply([]leftover.Request{good(), leftovertest.Advance(1, today, noon)}); out[1].Result != leftover.Malformed {
		t.Errorf("going on with a batch beside something else: result %d", out[1].Result)
	}
	if r := good(); r.Validate() != nil {
		t.Errorf("a good one is refused: %v", r.Validate())
	}
}
