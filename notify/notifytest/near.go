package notifytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/notify"
)

const theCampaign = 7

// nearTo tells person n that a turn is near: their own, or with helps ≥ 0 that of the person they help.
func nearTo(n, helps int) notify.Message {
	m := notify.Message{To: who(n), Kind: notify.Near, Campaign: theCampaign, Due: at, Expires: at.Add(time.Hour)}
	if helps >= 0 {
		m.Helper, m.About = true, who(helps)
	}
	m.ID = notify.NewID(m)
	return m
}

func (b *bench) leaves(n int) {
	b.Helper()
	b.must(b.SetContact(context.Background(), who(n), notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Text, Value: "01012345678"}}}, at))
}

func (b *bench) tellNear(from, to uint32, want int, list ...notify.Message) {
	b.Helper()
	kept, err := b.TellNear(context.Background(), theCampaign, from, to, list, at)
	b.must(err)
	if kept != want {
		b.Fatalf("%d messages were kept, want %d", kept, want)
	}
}

func (b *bench) wantNear(want uint32) {
	b.Helper()
	if got, err := b.Near(context.Background(), theCampaign); err != nil || got != want {
		b.Fatalf("looked through up to %d, %v; want %d", got, err, want)
	}
}

// nearOnce: those who left an address, and their helpers who did, are told once, whoever looks and however often.
func nearOnce(t *testing.T, b *bench) {
	begin(b)
	b.wantNear(0)
	b.leaves(1)
	b.leaves(3)
	b.tellNear(0, 3, 2, nearTo(1, -1), nearTo(2, -1), nearTo(3, 2))
	b.wantNear(3)
	for _, from := range []uint32{0, 2, 4} {
		if _, err := b.TellNear(context.Background(), theCampaign, from, 9, []notify.Message{nearTo(1, 5)}, at); !errors.Is(err, notify.ErrOvertaken) {
			t.Fatalf("from %d: %v, want overtaken", from, err)
		}
	}
	b.tellNear(3, 5, 1, nearTo(1, -1), nearTo(3, 2), nearTo(3, -1)) // their own turn is another message than that of the person they help
	other := nearTo(1, -1)
	other.Campaign++
	other.ID = notify.NewID(other)
	if kept, err := b.TellNear(context.Background(), theCampaign+1, 0, 1, []notify.Message{other}, at); err != nil || kept != 1 {
		t.Fatalf("another campaign: %d, %v", kept, err)
	}
	b.must(b.Close())
	b.Outbox = b.open(t, b.place)
	b.wantNear(5)
	got := b.claim(at, 10)
	slices.SortFunc(got, func(x, y notify.Claimed) int { return slices.Compare(x.ID[:], y.ID[:]) })
	want := []notify.Message{nearTo(1, -1), nearTo(3, 2), nearTo(3, -1), other}
	slices.SortFunc(want, func(x, y notify.Message) int { return slices.Compare(x.ID[:], y.ID[:]) })
	var messages []notify.Message
	for _, c := range got {
		messages = append(messages, c.Message)
	}
	if diff := cmp.Diff(want, messages, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

// late: who leaves an address after the line was looked through is told if it was theirs to be told, and once.
func late(t *testing.T, b *bench) {
	ctx := context.Background()
	begin(b)
	b.must(b.TellLate(ctx, 1, nearTo(1, -1), at)) // never looked through
	b.tellNear(0, 4, 0, nearTo(4, -1))
	b.must(b.TellLate(ctx, 5, nearTo(5, -1), at)) // not yet
	b.wantCount(map[notify.State]int{})
	b.leaves(4)
	for range 2 {
		b.must(b.TellLate(ctx, 4, nearTo(4, -1), at))
	}
	b.wantCount(map[notify.State]int{notify.Queued: 1})
}

// crossing has people leave an address at the moment at which two nodes look through the line: each is told, once.
func crossing(t *testing.T, b *bench) {
	begin(b)
	const people = 30
	var wg sync.WaitGroup
	for n := range people {
		wg.Go(func() {
			c := notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Text, Value: "01012345678"}}}
			err := b.SetContact(context.Background(), who(n), c, at)
			if err == nil {
				err = b.TellLate(context.Background(), uint32(n)+1, nearTo(n, -1), at)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for {
				from, err := b.Near(context.Background(), theCampaign)
				if err != nil || from == people {
					if err != nil {
						t.Error(err)
					}
					return
				}
				_, err = b.TellNear(context.Background(), theCampaign, from, from+1, []notify.Message{nearTo(int(from), -1)}, at)
				if err != nil && !errors.Is(err, notify.ErrOvertaken) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.wantCount(map[notify.State]int{notify.Queued: people})
	for n := range people {
		if list, err := b.Messages(context.Background(), who(n), 5); err != nil || len(list) != 1 {
			t.Errorf("person %d has %d messages, %v", n, len(list), err)
		}
	}
}

// nearLast: those who wait for a receipt do not wait for all those whose turn is near.
func nearLast(t *testing.T, b *bench) {
	begin(b)
	var list []notify.Message
	for n := range 20 {
		b.leaves(n)
		list = append(list, nearTo(n, -1))
	}
	b.tellNear(0, 20, 20, list...)
	b.enqueue(0, 1, message(1), message(2), message(4)) // due later than those
	got := b.claim(at.Add(2*time.Second), 5)
	var kinds []notify.Kind
	for _, c := range got {
		kinds = append(kinds, c.Kind)
	}
	slices.Sort(kinds)
	if want := []notify.Kind{notify.Booked, notify.Booked, notify.Near, notify.Near, notify.Near}; !slices.Equal(kinds, want) {
		t.Fatalf("claimed %v, want %v: what is due of the others first", kinds, want)
	}
	if got := b.claim(at.Add(2*time.Second), 100); len(got) != 17 {
		t.Fatalf("then %d, want 17", len(got))
	}
}

// edited: several who change a contact at the same time all change it; an edit that fails changes nothing.
func edited(t *testing.T, b *bench) {
	ctx := context.Background()
	const editors = 6
	var wg sync.WaitGroup
	for n := range editors {
		wg.Go(func() {
			_, err := b.EditContact(ctx, who(1), at, func(c notify.Contact) (notify.Contact, error) {
				c.Lang = "ko"
				c.Addresses = append(slices.Clone(c.Addresses), notify.Address{Channel: notify.Mail, Value: fmt.Sprintf("%d@example.org", n)})
				return c, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	failed := errors.New("changed their mind")
	if _, err := b.EditContact(ctx, who(1), at, func(notify.Contact) (notify.Contact, error) { return notify.Contact{}, failed }); !errors.Is(err, failed) {
		t.Errorf("an edit that fails: %v", err)
	}
	c, err := b.Contact(ctx, who(1))
	b.must(err)
	values := map[string]bool{}
	for _, a := range c.Addresses {
		values[a.Value] = true
	}
	if len(values) != editors {
		t.Fatalf("%d of %d changes stand: %v", len(values), editors, values)
	}
	for range 2 { // the second finds nothing to remove
		_, err = b.EditContact(ctx, who(1), at, func(c notify.Contact) (notify.Contact, error) { c.Addresses = nil; return c, nil })
		b.must(err)
	}
	if _, err := b.Contact(ctx, who(1)); !errors.Is(err, notify.ErrNoContact) {
		t.Fatalf("a contact that was removed: %v", err)
	}
}
