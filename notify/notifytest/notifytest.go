// Package notifytest is the conformance suite of notify.Outbox: every engine passes it.
//
// It knows the contract and nothing of any engine.
package notifytest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"charye/notify"
	"charye/person"
)

// Open opens the engine on a place: the same place again gives the same data, with the same keys. The suite closes what it
// opened.
type Open func(t *testing.T, place string) notify.Outbox

var at = time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC)

// Run proves that an engine keeps the contract.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, *bench){
		"kept once":                         keptOnce,
		"the place moves with the messages": placeMoves,
		"one node follows":                  oneFollows,
		"claimed by one":                    claimedByOne,
		"a lease that ends":                 leaseEnds,
		"finished for good":                 finished,
		"finished together":                 finishedTogether,
		"put back":                          putBack,
		"contacts":                          contacts,
		"a contact that many change":        edited,
		"a turn that is near is told once":  nearOnce,
		"an address left late":              late,
		"an address left at that moment":    crossing,
		"near ones go last":                 nearLast,
		"survives a restart":                restart,
		"contacts are re-sealed":            resealed,
		"contacts are erased":               erased,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bench{T: t, open: open, place: t.TempDir()}
			b.Outbox = b.open(t, b.place)
			test(t, b)
			if err := b.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

type bench struct {
	*testing.T
	notify.Outbox
	open  Open
	place string
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) finish(list ...notify.Ending) error { return b.Finish(context.Background(), list) }

func (b *bench) enqueue(from, to int64, list ...notify.Message) {
	b.Helper()
	b.must(b.Enqueue(context.Background(), from, to, list, at))
}

func (b *bench) claim(now time.Time, limit int) []notify.Claimed {
	b.Helper()
	list, err := b.Claim(context.Background(), now, now.Add(time.Minute), limit)
	b.must(err)
	return list
}

func (b *bench) wantCount(want map[notify.State]int) {
	b.Helper()
	got, err := b.Count(context.Background())
	b.must(err)
	if diff := cmp.Diff(want, got); diff != "" {
		b.Fatalf("messages by state (-want +got):\n%s", diff)
	}
}

func who(n int) (k person.Key) {
	binary.BigEndian.PutUint64(k[:], uint64(n)+1)
	return k
}

// message is the n-th message, due n seconds after at.
func message(n int) notify.Message {
	m := notify.Message{
		To: who(n), Kind: notify.Booked, Booking: int64(n) + 1, Event: int64(n) + 1, Helper: n%2 == 1,
		Due: at.Add(time.Duration(n) * time.Second), Expires: at.Add(time.Hour),
	}
	if n%3 == 0 {
		m.Kind, m.Dose, m.Day, m.Helper = notify.Reminder, 2, 18834, false
	}
	m.ID = notify.NewID(m)
	return m
}

func begin(b *bench) {
	b.Helper()
	seq, err := b.Begin(context.Background(), 0)
	b.must(err)
	if seq != 0 {
		b.Fatalf("the feed begins at %d", seq)
	}
}

func keptOnce(t *testing.T, b *bench) {
	begin(b)
	b.enqueue(0, 1, message(0), message(1), message(0))
	b.enqueue(1, 2, message(1), message(2))
	got := b.claim(at.Add(time.Hour), 10)
	if len(got) != 3 {
		t.Fatalf("%d messages, want 3", len(got))
	}
	for _, c := range got {
		n := int(c.Booking) - 1
		if diff := cmp.Diff(message(n), c.Message, cmp.Comparer(time.Time.Equal)); diff != "" {
			t.Errorf("message %d came back another (-want +got):\n%s", n, diff)
		}
	}
}

func placeMoves(t *testing.T, b *bench) {
	ctx := context.Background()
	seq, err := b.Begin(ctx, 7)
	b.must(err)
	if seq != 7 {
		t.Fatalf("began at %d, want 7", seq)
	}
	if err := b.Enqueue(ctx, 6, 9, []notify.Message{message(0)}, at); !errors.Is(err, notify.ErrOvertaken) {
		t.Fatalf("from the wrong place: %v", err)
	}
	b.wantCount(map[notify.State]int{})
	b.enqueue(7, 9, message(0))
	b.enqueue(9, 12)
	b.enqueue(12, 12) // what is told of something else leaves the place where it is
	if seq, err = b.Begin(ctx, 0); err != nil || seq != 12 {
		t.Fatalf("the feed stands at %d, %v; want 12", seq, err)
	}
	b.wantCount(map[notify.State]int{notify.Queued: 1})
}

// oneFollows has several followers plan the same events at once: each event's messages are kept once, and the place never
// goes back.
func oneFollows(t *testing.T, b *bench) {
	begin(b)
	const events, followers = 40, 4
	var wg sync.WaitGroup
	for range followers {
		wg.Go(func() {
			for {
				seq, err := b.Begin(context.Background(), 0)
				if err != nil || seq >= events {
					if err != nil {
						t.Error(err)
					}
					return
				}
				err = b.Enqueue(context.Background(), seq, seq+1, []notify.Message{message(int(seq))}, at)
				if err != nil && !errors.Is(err, notify.ErrOvertaken) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.wantCount(map[notify.State]int{notify.Queued: events})
}

func claimedByOne(t *testing.T, b *bench) {
	begin(b)
	const n, couriers = 60, 4
	var list []notify.Message
	for i := range n {
		list = append(list, message(i))
	}
	b.enqueue(0, n, list...)
	if got := b.claim(at.Add(4*time.Second), 3); len(got) != 3 {
		t.Fatalf("%d claimed of 5 that are due, want the limit of 3", len(got))
	}
	var mu sync.Mutex
	had := map[notify.ID]int{}
	var wg sync.WaitGroup
	for range couriers {
		wg.Go(func() {
			for {
				got, err := b.Claim(context.Background(), at.Add(time.Hour), at.Add(2*time.Hour), 7)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, c := range got {
					had[c.ID]++
				}
				done := len(had) == n
				mu.Unlock()
				if len(got) == 0 || done {
					return
				}
			}
		})
	}
	wg.Wait()
	for id, times := range had {
		if times != 1 {
			t.Errorf("message %x was claimed %d times", id, times)
		}
	}
	// The three claimed first had a lease of a minute, over by now, so all are there.
	if len(had) != n {
		t.Errorf("%d messages were claimed, want %d", len(had), n)
	}
}

func leaseEnds(t *testing.T, b *bench) {
	begin(b)
	b.enqueue(0, 1, message(1))
	now := at.Add(10 * time.Second)
	if got := b.claim(now, 5); len(got) != 1 || got[0].Tries != 0 {
		t.Fatalf("claimed %v", got)
	}
	if got := b.claim(now.Add(59*time.Second), 5); len(got) != 0 {
		t.Fatalf("claimed %v within the lease of another", got)
	}
	if got := b.claim(now.Add(time.Minute), 5); len(got) != 1 {
		t.Fatal("a message whose courier died is nobody's")
	}
}

func finished(t *testing.T, b *bench) {
	ctx := context.Background()
	begin(b)
	b.enqueue(0, 3, message(1), message(2), message(4))
	b.must(b.finish(notify.Ending{ID: message(1).ID, State: notify.Sent, Why: "", At: at})) // not claimed: stays
	got := b.claim(at.Add(time.Minute), 2)
	if len(got) != 2 {
		t.Fatalf("claimed %d, want 2", len(got))
	}
	b.must(b.finish(notify.Ending{ID: message(1).ID, State: notify.Sent, Why: "text", At: at.Add(time.Second)}))
	b.must(b.finish(notify.Ending{ID: message(1).ID, State: notify.Expired, Why: "again", At: at.Add(2 * time.Second)}))
	b.must(b.finish(notify.Ending{ID: message(2).ID, State: notify.Unreachable, Why: "no address", At: at.Add(time.Second)}))
	b.must(b.finish(notify.Ending{ID: message(2).ID, State: notify.Queued, Why: "again", At: at}))
	b.wantCount(map[notify.State]int{notify.Sent: 1, notify.Unreachable: 1, notify.Queued: 1})
	b.enqueue(3, 4, message(1)) // planned anew: it is done
	if got := b.claim(at.Add(time.Hour), 5); len(got) != 1 || got[0].ID != message(4).ID {
		t.Fatalf("claimed %v, want only what was never finished", got)
	}
	list, err := b.Messages(ctx, who(1), 5)
	b.must(err)
	if len(list) != 1 || list[0].State != notify.Sent || list[0].Why != "text" || !list[0].At.Equal(at.Add(time.Second)) {
		t.Fatalf("the messages of a person: %+v", list)
	}
}

// finishedTogether: a list is settled as one, whatever its messages end in; of two lists with the same messages, in whatever order, each message
// ends once, and neither list waits for the other for good.
func finishedTogether(t *testing.T, b *bench) {
	const many = 60
	ctx := context.Background()
	begin(b)
	b.must(b.finish()) // an empty list is one
	var list []notify.Message
	for n := range many {
		list = append(list, message(n))
	}
	b.enqueue(0, 1, list...)
	got := b.claim(at.Add(time.Minute), many)
	if len(got) != many {
		t.Fatalf("claimed %d, want %d", len(got), many)
	}
	lists := [2][]notify.Ending{}
	for i, m := range got {
		e := notify.Ending{ID: m.ID, State: notify.Sent, Why: "text", At: at.Add(time.Second)}
		if i%3 == 0 {
			e = notify.Ending{ID: m.ID, State: notify.Queued, Why: "away", At: at.Add(time.Hour)}
		}
		lists[0] = append(lists[0], e)
		lists[1] = append(lists[1], e)
	}
	slices.Reverse(lists[1])
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := b.Finish(gone, lists[0]); err == nil {
		t.Fatal("finished although the caller had gone")
	}
	b.wantCount(map[notify.State]int{notify.Sending: many})
	var g errgroup.Group
	for _, l := range lists {
		g.Go(func() error { return b.Finish(ctx, l) })
	}
	b.must(g.Wait())
	b.wantCount(map[notify.State]int{notify.Sent: many - many/3, notify.Queued: many / 3})
	if got := b.claim(at.Add(time.Hour-time.Second), many); len(got) != 0 {
		t.Fatalf("%d were tried again before their time", len(got))
	}
	again := b.claim(at.Add(time.Hour), many)
	if len(again) != many/3 {
		t.Fatalf("%d are tried again, want %d", len(again), many/3)
	}
	for _, m := range again {
		if m.Tries != 1 {
			t.Fatalf("put back once, and tried %d times", m.Tries)
		}
	}
}

func putBack(t *testing.T, b *bench) {
	begin(b)
	b.enqueue(0, 1, message(1))
	for try := range 3 {
		now := at.Add(time.Duration(1+try) * time.Minute)
		got := b.claim(now, 5)
		if len(got) != 1 || got[0].Tries != try {
			t.Fatalf("try %d: claimed %+v", try, got)
		}
		b.must(b.finish(notify.Ending{ID: got[0].ID, State: notify.Queued, Why: "away", At: now.Add(30 * time.Second)}))
		if got := b.claim(now.Add(29*time.Second), 5); len(got) != 0 {
			t.Fatalf("try %d: claimed %+v before its time", try, got)
		}
	}
}

func contacts(t *testing.T, b *bench) {
	ctx := context.Background()
	if _, err := b.Contact(ctx, who(1)); !errors.Is(err, notify.ErrNoContact) {
		t.Fatalf("nobody's contact: %v", err)
	}
	for i, c := range []notify.Contact{
		{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Text, Value: "01012345678"}, {Channel: notify.Mail, Value: "a@example.org"}}},
		{Lang: "en", Addresses: []notify.Address{{Channel: notify.Mail, Value: fmt.Sprint("b", 1, "@example.org")}}},
	} {
		b.must(b.SetContact(ctx, who(1), c, at))
		got, err := b.Contact(ctx, who(1))
		b.must(err)
		if diff := cmp.Diff(c, got); diff != "" {
			t.Fatalf("contact %d (-want +got):\n%s", i, diff)
		}
	}
	if _, err := b.Contact(ctx, who(2)); !errors.Is(err, notify.ErrNoContact) {
		t.Fatalf("somebody else's contact: %v", err)
	}
	b.must(b.SetContact(ctx, who(1), notify.Contact{Lang: "ko"}, at))
	if _, err := b.Contact(ctx, who(1)); !errors.Is(err, notify.ErrNoContact) {
		t.Fatalf("a contact that was removed: %v", err)
	}
}

func restart(t *testing.T, b *bench) {
	ctx := context.Background()
	begin(b)
	b.enqueue(0, 5, message(0), message(1))
	b.must(b.SetContact(ctx, who(1), notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Text, Value: "01012345678"}}}, at))
	got := b.claim(at, 5)
	b.must(b.finish(notify.Ending{ID: got[0].ID, State: notify.Sent, Why: "", At: at}))
	b.must(b.Close())
	b.Outbox = b.open(t, b.place)
	b.wantCount(map[notify.State]int{notify.Sent: 1, notify.Queued: 1})
	if seq, err := b.Begin(ctx, 0); err != nil || seq != 5 {
		t.Errorf("the feed stands at %d, %v; want 5", seq, err)
	}
	if _, err := b.Contact(ctx, who(1)); err != nil {
		t.Error(err)
	}
}
