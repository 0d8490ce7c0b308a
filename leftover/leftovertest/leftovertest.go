package leftovertest

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"charye/internal/civil"
	"charye/leftover"
	"charye/person"
	"charye/site"
)

// Open gives a store over the place dir, an empty folder; opening the same place again, also while the first is open, must
// give the same leftovers. What it opens is closed with the test.
type Open func(t testing.TB, dir string) leftover.Store

// Run checks an engine.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Open)
	}{
		{"OneAfterTheOther", oneAfterTheOther},
		{"Reopen", survivesReopening},
		{"Ties", allEqualsAreDrawn},
		{"Cancelled", cancelledDoesNothing},
		{"ManyWindows", oneAcceptsInManyWindows},
		{"AcceptedOrLapsed", acceptedOrLapsed},
		{"Model", agreesWithReference},
		{"Linearizable", linearizable},
		{"EntriesErased", entriesErased},
	} {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.test(t, open) })
	}
}

// Noon is the instant that the suite's requests are made at, and Today its day.
var (
	Noon  = time.Date(2021, 8, 2, 3, 0, 0, 0, time.UTC)
	Today = civil.New(2021, 8, 2)
)

// Key gives the key of the nth person.
func Key(n int) (k person.Key) {
	binary.BigEndian.PutUint64(k[8:], uint64(n))
	k[0] = 1
	return k
}

// SignUp is a request of the nth person.
func SignUp(n int, day civil.Date, at time.Time, sites ...site.Num) leftover.Request {
	return leftover.Request{Op: leftover.OpSignUp, At: at, Day: day, Campaign: 7, Person: Key(n), Born: civil.New(1964, 7, 1), Sites: sites, Most: 5, Channel: "api"}
}

// Doses is the request of a site that has some left over for two hours, ten minutes for each person.
func Doses(at time.Time, num site.Num, doses int) leftover.Request {
	return leftover.Request{Op: leftover.OpOpen, At: at, Channel: "staff", Batch: leftover.Batch{
		Campaign: 7, Site: num, Product: "moderna", Doses: doses, Until: at.Add(2 * time.Hour), Minutes: 10,
	}}
}

// Advance is the request to go on with a batch.
func Advance(batch int64, day civil.Date, at time.Time, unfit ...leftover.Unfit) leftover.Request {
	return leftover.Request{Op: leftover.OpAdvance, At: at, Day: day, BatchID: batch, Unfit: unfit, Key: [32]byte{1, 2, 3}}
}

// Answer is a person's request about an offer.
func Answer(op leftover.Op, o leftover.Offer, at time.Time) leftover.Request {
	return leftover.Request{Op: op, At: at, Person: o.Person, Offer: o.ID, Channel: "api"}
}

// Settle says that the booking of an offer stands, or not.
func Settle(o leftover.Offer, at time.Time, booked bool) leftover.Request {
	r := Answer(leftover.OpSettle, o, at)
	r.Booked = booked
	return r
}

func apply(t testing.TB, s leftover.Store, list ...leftover.Request) []leftover.Outcome {
	t.Helper()
	out, err := s.Apply(context.Background(), list)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func one(t testing.TB, s leftover.Store, r leftover.Request, want leftover.Result) leftover.Outcome {
	t.Helper()
	out := apply(t, s, r)[0]
	if out.Result != want {
		t.Fatalf("operation %d: result %d, want %d", r.Op, out.Result, want)
	}
	return out
}

// offeredTo are the people of a batch who have an offer in a state.
func offeredTo(t testing.TB, s leftover.Store, batch int64, st leftover.State) (who []person.Key) {
	t.Helper()
	v, ok, err := s.View(context.Background(), batch, leftover.RoomBeyond)
	if err != nil || !ok {
		t.Fatalf("batch %d: %v, %v", batch, ok, err)
	}
	for _, o := range v.Offers {
		if o.State == st {
			who = append(who, o.Person)
		}
	}
	return who
}

func oneAfterTheOther(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	ctx := context.Background()
	for n := 1; n <= 4; n++ { // one a day: the order is theirs
		one(t, s, SignUp(n, Today-civil.Date(10-n), Noon.AddDate(0, 0, n-10), 3, 4), leftover.Done)
	}
	one(t, s, SignUp(1, Today, Noon, 4, 3), leftover.Repeated)
	one(t, s, SignUp(1, Today, Noon, 1, 2, 3, 4, 5, 6), leftover.TooMany)
	b := one(t, s, Doses(Noon, 3, 1), leftover.Done).Batch
	if due, err := s.Due(ctx, Noon, 10); err != nil || !slices.Equal(due, []int64{b.ID}) {
		t.Fatalf("due %v, %v", due, err)
	}
	out := one(t, s, Advance(b.ID, Today, Noon, leftover.Unfit{Person: Key(1)}), leftover.Done)
	if len(out.Made) != 1 || out.Made[0].Person != Key(2) {
		t.Fatalf("made %+v, want an offer to the second: the first cannot", out.Made)
	}
	first := out.Made[0]
	if live, err := s.Live(ctx, Noon, 0, 10); err != nil || len(live) != 1 || live[0] != first {
		t.Errorf("live %+v, %v", live, err)
	}
	if due, err := s.Due(ctx, Noon.Add(9*time.Minute), 10); err != nil || len(due) != 0 {
		t.Errorf("due while somebody thinks: %v, %v", due, err)
	}
	someone := first
	someone.Person = Key(3)
	one(t, s, Answer(leftover.OpAccept, someone, Noon), leftover.NoOffer)
	one(t, s, Answer(leftover.OpDecline, first, Noon.Add(time.Minute)), leftover.Done)
	one(t, s, Answer(leftover.OpDecline, first, Noon.Add(time.Minute)), leftover.Repeated)
	one(t, s, Answer(leftover.OpAccept, first, Noon.Add(time.Minute)), leftover.Gone)
	second := one(t, s, Advance(b.ID, Today, Noon.Add(time.Minute)), leftover.Done).Made[0]
	one(t, s, Answer(leftover.OpAccept, second, second.Until), leftover.Gone) // its minutes are over to the microsecond
	third := one(t, s, Advance(b.ID, Today, second.Until), leftover.Done).Made[0]
	if second.Person != Key(3) || third.Person != Key(4) {
		t.Errorf("offered to %v and %v, want the third and the fourth", second.Person, third.Person)
	}
	one(t, s, Answer(leftover.OpAccept, third, second.Until.Add(time.Second)), leftover.Done)
	one(t, s, Answer(leftover.OpAccept, third, second.Until.Add(time.Hour)), leftover.Repeated) // theirs, however late they ask again
	one(t, s, Settle(third, second.Until.Add(2*time.Second), true), leftover.Done)
	one(t, s, Settle(third, second.Until.Add(2*time.Second), true), leftover.Repeated)
	if got := one(t, s, Advance(b.ID, Today, second.Until.Add(3*time.Second)), leftover.Done); len(got.Made) != 0 || !got.Batch.Over() {
		t.Errorf("after the last dose: %+v", got)
	}
	if entries, _, err := s.Of(ctx, 7, Key(4), 5); err != nil || len(entries) != 0 {
		t.Errorf("who has a dose is still in %v, %v", entries, err)
	}
	entries, offers, err := s.Of(ctx, 7, Key(2), 5)
	if err != nil || len(entries) != 2 || len(offers) != 1 || offers[0].State != leftover.Declined {
		t.Errorf("who declined has %v and %v, %v", entries, offers, err)
	}
	if n, err := s.Waiting(ctx, 7, 3); err != nil || n != 3 {
		t.Errorf("%d in the list, %v", n, err)
	}
	if _, ok, err := s.View(ctx, 999, 1); ok || err != nil {
		t.Errorf("a batch that is not there: %v, %v", ok, err)
	}
	one(t, s, Advance(999, Today, Noon), leftover.NoBatch)
	events, err := s.Events(ctx, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		if e.Seq != int64(i)+1 {
			t.Errorf("event %d has number %d", i+1, e.Seq)
		}
	}
	if last := events[len(events)-1]; last.Kind != leftover.EventClosed || last.Batch != b.ID || last.Site != 3 {
		t.Errorf("the last event is %+v", last)
	}
	if some, err := s.Events(ctx, 2, 1); err != nil || len(some) != 1 || some[0] != events[2] {
		t.Errorf("a page of events: %v, %v", some, err)
	}
}

func survivesReopening(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	list := []leftover.Request{SignUp(1, Today, Noon, 3), SignUp(2, Today-1, Noon, 3), Doses(Noon, 3, 1)}
	id := apply(t, s, list...)[2].Batch.ID
	o := one(t, s, Advance(id, Today, Noon), leftover.Done).Made[0]
	one(t, s, Answer(leftover.OpAccept, o, Noon.Add(time.Second)), leftover.Done)
	again := open(t, dir)
	if got := offeredTo(t, again, id, leftover.Taken); !slices.Equal(got, []person.Key{Key(2)}) {
		t.Errorf("taken by %v", got)
	}
	a, _, err := s.View(context.Background(), id, 1)
	b, _, err2 := again.View(context.Background(), id, 1)
	if d := cmp.Diff(a, b); err != nil || err2 != nil || d != "" {
		t.Errorf("%v, %v: the other sees\n%s", err, err2, d)
	}
	one(t, again, Answer(leftover.OpAccept, o, Noon.Add(time.Minute)), leftover.Repeated)
	since, err := again.Since(context.Background(), Noon, 10)
	if err != nil || len(since) != 1 || since[0].Batch.ID != id || len(since[0].Offers) != 1 {
		t.Errorf("made since noon: %+v, %v", since, err)
	}
}

// allEqualsAreDrawn has many more equals than a batch has doses: whoever is offered one is drawn from all of them.
func allEqualsAreDrawn(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	const people = 200
	ref := NewReference()
	var list []leftover.Request
	for n := 1; n <= people; n++ {
		list = append(list, SignUp(n, Today-3, Noon, 3))
	}
	list = append(list, SignUp(people+1, Today-2, Noon, 3), Doses(Noon, 3, 2))
	out := apply(t, s, list...)
	ref, _ = ref.Apply(list)
	id := out[people+1].Batch.ID
	v, _, err := s.View(context.Background(), id, 1)
	if err != nil || len(v.Next) != people || !v.More {
		t.Fatalf("%d come next, more %v, %v; want all %d equals and one behind them", len(v.Next), v.More, err, people)
	}
	got := one(t, s, Advance(id, Today, Noon), leftover.Done).Made
	_, want := ref.Apply([]leftover.Request{Advance(id, Today, Noon)})
	if d := cmp.Diff(want[0].Made, got); d != "" {
		t.Errorf("offered otherwise than by the draw:\n%s", d)
	}
}

func cancelledDoesNothing(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Apply(ctx, []leftover.Request{SignUp(1, Today, Noon, 3)}); err == nil {
		t.Error("a request whose caller is gone was answered")
	}
	if _, err := s.Apply(context.Background(), make([]leftover.Request, leftover.MaxRequests+1)); err == nil {
		t.Error("too many requests were taken")
	}
	if out := apply(t, s, leftover.Request{Op: leftover.OpAccept}, leftover.Request{}); out[0].Result != leftover.Malformed || out[1].Result != leftover.Malformed {
		t.Errorf("senseless requests: %+v", out)
	}
	if events, err := s.Events(context.Background(), 0, 10); err != nil || len(events) != 0 {
		t.Errorf("it left %v, %v", events, err)
	}
}

// oneAcceptsInManyWindows has one person accept from several nodes at once.
func oneAcceptsInManyWindows(t *testing.T, open Open) {
	dir := t.TempDir()
	nodes := []leftover.Store{open(t, dir), open(t, dir)}
	id := apply(t, nodes[0], SignUp(1, Today, Noon, 3), Doses(Noon, 3, 1))[1].Batch.ID
	o := one(t, nodes[0], Advance(id, Today, Noon), leftover.Done).Made[0]
	var done, repeated atomic.Int64
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			out, err := nodes[i%2].Apply(context.Background(), []leftover.Request{Answer(leftover.OpAccept, o, Noon.Add(time.Second))})
			switch {
			case err != nil:
				t.Error(err)
			case out[0].Result == leftover.Done:
				done.Add(1)
			case out[0].Result == leftover.Repeated:
				repeated.Add(1)
			}
		})
	}
	all.Wait()
	if done.Load() != 1 || repeated.Load() != 19 {
		t.Errorf("%d accepted, %d again; want 1 and 19", done.Load(), repeated.Load())
	}
}

// acceptedOrLapsed has a person accept in the last moment on one node while another, whose clock says that it is over, offers
// the dose to the next: it is one of the two's.
func acceptedOrLapsed(t *testing.T, open Open) {
	for range 5 {
		dir := t.TempDir()
		nodes := []leftover.Store{open(t, dir), open(t, dir)}
		id := apply(t, nodes[0], SignUp(1, Today-1, Noon, 3), SignUp(2, Today, Noon, 3), Doses(Noon, 3, 1))[2].Batch.ID
		o := one(t, nodes[0], Advance(id, Today, Noon), leftover.Done).Made[0]
		var accepted leftover.Result
		var made []leftover.Offer
		var both sync.WaitGroup
		both.Go(func() {
			out, err := nodes[0].Apply(context.Background(), []leftover.Request{Answer(leftover.OpAccept, o, o.Until.Add(-time.Microsecond))})
			if err != nil {
				t.Error(err)
				return
			}
			accepted = out[0].Result
		})
		both.Go(func() {
			out, err := nodes[1].Apply(context.Background(), []leftover.Request{Advance(id, Today, o.Until)})
			if err != nil {
				t.Error(err)
				return
			}
			made = out[0].Made
		})
		both.Wait()
		if (accepted == leftover.Done) == (len(made) == 1) {
			t.Errorf("accepted: %d, and offered to %d others", accepted, len(made))
		}
	}
}

// alike compares what an engine gives with what the reference gives.
var alike = cmp.Options{cmpopts.EquateEmpty()}
