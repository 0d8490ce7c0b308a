package bookingtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"charye/booking"
)

// testNames rewrites and erases names while somebody books: the promises are kept, and each name is what was said last.
func testNames(t *testing.T, open Open) {
	b := fresh(t, open)
	k, ok := b.Ledger.(booking.NameKeeper)
	if !ok {
		t.Skip("this ledger does not keep names over time")
	}
	const people = 25
	for n := range people {
		r := bookRequest(n)
		if n%5 != 0 {
			r.Sealed = []byte{1, 0, 0, 0, byte(n % 2), byte(n)}
		}
		if out := b.do(r); out[0].Result != booking.Done {
			t.Fatalf("booking %d: %+v", n, out[0])
		}
	}
	ctx := context.Background()
	prefixes := func() map[string]int64 {
		t.Helper()
		p, err := k.NamePrefixes(ctx, 5)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := prefixes()
	if p["\x01\x00\x00\x00\x00"] != 10 || p["\x01\x00\x00\x00\x01"] != 10 {
		t.Errorf("prefixes %v", p)
	}
	walk := func(rewrite func(*booking.Booking) ([]byte, error)) (all booking.Rewritten) {
		t.Helper()
		for after := int64(0); ; {
			next, done, err := k.RewriteNames(ctx, after, 7, time.Unix(1_630_000_000, 0), "request", rewrite)
			if err != nil {
				t.Fatal(err)
			}
			all.Add(done)
			if after = next; after == 0 {
				return all
			}
			b.check()
		}
	}
	if done := walk(func(b *booking.Booking) ([]byte, error) {
		if b.Sealed[4] == 0 {
			return b.Sealed, nil
		}
		return append([]byte{1, 0, 0, 0, 0}, b.Sealed[5]), nil
	}); done != (booking.Rewritten{Seen: 20, Changed: 10}) {
		t.Errorf("re-sealed %+v", done)
	}
	if p := prefixes(); p["\x01\x00\x00\x00\x00"] != 20 || len(p) != 1 {
		t.Errorf("prefixes %v after re-sealing", p)
	}
	if done := walk(func(b *booking.Booking) ([]byte, error) {
		if b.Sealed[5] < 12 {
			return nil, nil
		}
		return b.Sealed, nil
	}); done != (booking.Rewritten{Seen: 20, Erased: 9}) {
		t.Errorf("erased %+v", done)
	}
	stop := errors.New("stop")
	if _, done, err := k.RewriteNames(ctx, 0, 100, time.Now(), "request", func(b *booking.Booking) ([]byte, error) {
		if b.Sealed[5] > 20 {
			return nil, stop
		}
		return nil, nil
	}); !errors.Is(err, stop) || done != (booking.Rewritten{}) {
		t.Errorf("a step that failed: %+v, %v", done, err)
	}
	b.crash()
	k = b.Ledger.(booking.NameKeeper)
	n := 0
	if err := b.All(ctx, func(kept booking.Booking) error {
		if len(kept.Sealed) > 0 {
			n++
			if kept.Sealed[5] < 12 || kept.Sealed[4] != 0 {
				t.Errorf("booking %d has the name %x", kept.ID, kept.Sealed)
			}
		}
		return nil
	}); err != nil || n != 11 {
		t.Errorf("%d names are left, %v; want 11", n, err)
	}
	var told int
	events, err := b.Events(ctx, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == booking.EventErased {
			told++
			if !e.Person.IsZero() || e.Booking != 0 || len(e.Deltas) > 0 {
				t.Errorf("the event of an erasure is of somebody: %+v", e)
			}
		}
	}
	if told != 2 { // of three steps; the last had none to erase
		t.Errorf("%d events of erasure, want 2", told)
	}
	if out := b.do(bookRequest(people)); out[0].Result != booking.Done {
		t.Errorf("a booking afterwards: %+v", out[0])
	}
}

func bookRequest(n int) booking.Request {
	r := book(n+1, pick(seat(0, 0, 100)), nil)
	r.Sealed = nil
	return r
}
