package persontest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"charye/internal/civil"
	"charye/person"
)

func recipient(helper, who int) person.Recipient {
	return person.Recipient{
		ID: fmt.Sprintf("r-%d-%d", helper, who), Helper: key(helper), Key: key(who), Campaign: "age-55-59",
		Kind: person.Family, Name: "김하나", Born: civil.New(1931, time.March, 15), RegisteredAt: at.Add(time.Duration(who) * time.Second).UTC(),
	}
}

func add(t *testing.T, s person.Store, r person.Recipient, limit int) person.Recipient {
	t.Helper()
	got, err := s.AddRecipient(t.Context(), r, limit)
	if err != nil {
		t.Fatalf("AddRecipient: %v", err)
	}
	return got
}

func recipients(t *testing.T, b *bench) {
	a, c := recipient(1, 10), recipient(1, 11)
	same(t, "first", add(t, b.store, a, 2), a)
	same(t, "second", add(t, b.store, c, 2), c)

	again := a
	again.ID, again.Name = "another-id", "이둘"
	same(t, "the same person again, at the limit", add(t, b.store, again, 2), a)
	if _, err := b.store.AddRecipient(t.Context(), recipient(1, 12), 2); !errors.Is(err, person.ErrHelperLimit) {
		t.Errorf("over the limit: %v", err)
	}
	elsewhere := recipient(1, 12)
	elsewhere.Campaign = "age-60-64"
	same(t, "another campaign", add(t, b.store, elsewhere, 1), elsewhere)
	nameless := recipient(3, 10)
	nameless.ID = ""
	if got := add(t, b.store, nameless, 1); got.ID == "" {
		t.Error("no id was given")
	}

	list, err := b.store.Recipients(t.Context(), key(1))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "list, oldest first", list, []person.Recipient{a, c, elsewhere})
	got, err := b.store.Recipient(t.Context(), key(1), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "one", got, a)

	for range 2 {
		if err := b.store.RemoveRecipient(t.Context(), key(1), a.ID, at); err != nil {
			t.Fatalf("RemoveRecipient: %v", err)
		}
	}
	if _, err := b.store.Recipient(t.Context(), key(1), a.ID); !errors.Is(err, person.ErrNoRecipient) {
		t.Errorf("after removal: %v", err)
	}
	add(t, b.store, recipient(1, 13), 2)
}

func recipientOwner(t *testing.T, b *bench) {
	a := add(t, b.store, recipient(1, 10), 5)
	add(t, b.store, recipient(2, 10), 5)
	if _, err := b.store.Recipient(t.Context(), key(2), a.ID); !errors.Is(err, person.ErrNoRecipient) {
		t.Errorf("another helper's recipient: %v", err)
	}
	if err := b.store.RemoveRecipient(t.Context(), key(2), a.ID, at); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.Recipient(t.Context(), key(1), a.ID); err != nil {
		t.Errorf("another helper removed it: %v", err)
	}
	taken := recipient(2, 11)
	taken.ID = a.ID
	if _, err := b.store.AddRecipient(t.Context(), taken, 5); err == nil {
		t.Error("an id was given twice")
	}
	list, err := b.store.Recipients(t.Context(), key(9))
	if err != nil || len(list) != 0 {
		t.Errorf("recipients of nobody: %v, %v", list, err)
	}
}

func recipientLimit(t *testing.T, b *bench) {
	const limit = 3
	var wg sync.WaitGroup
	var mu sync.Mutex
	added := 0
	for n := range 12 {
		wg.Go(func() {
			_, err := b.store.AddRecipient(t.Context(), recipient(1, 100+n), limit)
			if err != nil && !errors.Is(err, person.ErrHelperLimit) {
				t.Errorf("AddRecipient: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				added++
			}
		})
	}
	wg.Wait()
	list, err := b.store.Recipients(t.Context(), key(1))
	if err != nil || len(list) != limit || added != limit {
		t.Errorf("%d acknowledged, %d kept (%v); want %d", added, len(list), err, limit)
	}
}

func recipientOnce(t *testing.T, b *bench) {
	var wg sync.WaitGroup
	ids := make([]string, 8)
	for n := range ids {
		wg.Go(func() {
			r := recipient(1, 50)
			r.ID = fmt.Sprintf("try-%d", n)
			got, err := b.store.AddRecipient(t.Context(), r, 1)
			if err != nil {
				t.Errorf("AddRecipient: %v", err)
			}
			ids[n] = got.ID
		})
	}
	wg.Wait()
	if len(slices.Compact(ids)) != 1 {
		t.Errorf("one person became several recipients: %v", ids)
	}
}

func helpers(t *testing.T, b *bench) {
	for _, r := range []person.Recipient{recipient(2, 10), recipient(1, 10), recipient(1, 11)} {
		add(t, b.store, r, 5)
	}
	elsewhere := recipient(3, 10)
	elsewhere.Campaign = "age-60-64"
	add(t, b.store, elsewhere, 5)
	want := func(campaign string, want map[person.Key][]person.Key, who ...person.Key) {
		t.Helper()
		got, err := b.store.Helpers(t.Context(), campaign, who)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "helpers", got, want)
	}
	want("age-55-59", map[person.Key][]person.Key{key(10): {key(2), key(1)}, key(11): {key(1)}}, key(10), key(11), key(12))
	want("age-60-64", map[person.Key][]person.Key{key(10): {key(3)}}, key(10), key(11))
	want("age-55-59", map[person.Key][]person.Key{})
	want("another", map[person.Key][]person.Key{}, key(10))
	if err := b.store.RemoveRecipient(t.Context(), key(1), recipient(1, 10).ID, at); err != nil {
		t.Fatal(err)
	}
	want("age-55-59", map[person.Key][]person.Key{key(10): {key(2)}}, key(10))
}
