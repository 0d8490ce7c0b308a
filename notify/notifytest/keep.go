package notifytest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/internal/seal"
	"charye/notify"
	"charye/person"
)

func contactOf(n int) notify.Contact {
	return notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Mail, Value: fmt.Sprintf("p%d@example.org", n)}}}
}

// resealed: contacts open before, while and after they are sealed anew, and need no old key afterwards. The engine's keys lie in
// keys.json at the place.
func resealed(t *testing.T, b *bench) {
	const people = 2*seal.ResealAtOnce + 7
	ctx := context.Background()
	path := filepath.Join(b.place, "keys.json")
	for n := range people {
		b.must(b.SetContact(ctx, who(n), contactOf(n), at))
	}
	again := func() {
		t.Helper()
		b.must(b.Close())
		b.Outbox = b.open(t, b.place)
	}
	check := func(when string) {
		t.Helper()
		for n := range people {
			c, err := b.Contact(ctx, who(n))
			if err != nil || !cmp.Equal(c, contactOf(n)) {
				t.Fatalf("%s: contact %d is %v, %v", when, n, c, err)
			}
		}
	}
	now := time.Now()
	_, err := seal.Rotate(path, []seal.Set{seal.Fields}, now, now)
	b.must(err)
	again()
	check("rotated")
	stop := errors.New("stop")
	if n, err := b.Reseal(ctx, func(context.Context, int) error { return stop }); !errors.Is(err, stop) || n != seal.ResealAtOnce {
		t.Fatalf("stopped after %d: %v", n, err)
	}
	again()
	n, err := b.Reseal(ctx, func(context.Context, int) error { return nil })
	b.must(err)
	if n != people-seal.ResealAtOnce {
		t.Errorf("the second run moved %d", n)
	}
	list, err := seal.List(path, now)
	b.must(err)
	var used seal.Version
	for _, v := range list {
		if v.Set == seal.Fields && v.State == seal.Old {
			b.must(seal.Retire(path, v, now))
		} else if v.Set == seal.Fields {
			used = v
		}
	}
	again()
	check("the old key retired")
	c, err := b.Census(ctx)
	b.must(err)
	if diff := cmp.Diff(map[uint32]int64{used.Key: people}, c.Fields); diff != "" {
		t.Errorf("census (-want +got):\n%s", diff)
	}
}

// erased: one person's, then everybody's, in steps.
func erased(t *testing.T, b *bench) {
	ctx := context.Background()
	_, err := b.Begin(ctx, 0)
	b.must(err)
	var list []notify.Message
	for n := range 10 {
		b.must(b.SetContact(ctx, who(n), contactOf(n), at))
		m := notify.Message{To: who(n % 5), Kind: notify.Booked, Booking: int64(n + 1), Event: int64(n + 1), Due: at, Expires: at.Add(time.Hour)}
		m.ID = notify.NewID(m)
		list = append(list, m)
	}
	b.enqueue(0, 1, list...)
	step := func(of person.Key, left, want [2]int64) {
		t.Helper()
		c, m, err := b.CountErasable(ctx, of)
		b.must(err)
		if [2]int64{c, m} != left {
			t.Errorf("%d contacts and %d messages to erase, want %v", c, m, left)
		}
		if c, m, err = b.EraseContacts(ctx, of, "request", at, 4); err != nil || [2]int64{c, m} != want {
			t.Errorf("erased %d contacts and %d messages, %v; want %v", c, m, err, want)
		}
	}
	step(who(1), [2]int64{1, 2}, [2]int64{1, 2})
	step(who(1), [2]int64{}, [2]int64{})
	if _, err := b.Contact(ctx, who(1)); !errors.Is(err, notify.ErrNoContact) {
		t.Errorf("an erased contact: %v", err)
	}
	if c, err := b.Contact(ctx, who(2)); err != nil || !cmp.Equal(c, contactOf(2)) {
		t.Errorf("somebody else's contact: %v, %v", c, err)
	}
	step(person.Key{}, [2]int64{9, 8}, [2]int64{4, 4})
	step(person.Key{}, [2]int64{5, 4}, [2]int64{4, 4})
	step(person.Key{}, [2]int64{1, 0}, [2]int64{1, 0})
	step(person.Key{}, [2]int64{}, [2]int64{})
	b.wantCount(map[notify.State]int{})
}
