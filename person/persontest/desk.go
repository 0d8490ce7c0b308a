package persontest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/internal/civil"
	"charye/person"
)

// deskKey is a desk; its clerks are other numbers.
const deskKey = 900

func caller(clerk, who int) person.Recipient {
	r := recipient(deskKey, who)
	r.Kind, r.Clerk, r.Consent, r.Phone = person.OfCallDesk, key(clerk), person.ConsentPhone, fmt.Sprintf("0101234%04d", who)
	return r
}

// deskTakesOver: one clerk registers, any other of the desk goes on, and nobody of another desk finds anything.
func deskTakesOver(t *testing.T, b *bench) {
	first := add(t, b.store, caller(1, 10), 5)
	want := caller(1, 10)
	same(t, "a caller", first, want)
	same(t, "registered again by a colleague", add(t, b.store, caller(2, 10), 5), want)
	got, err := b.store.RecipientOf(t.Context(), key(deskKey), want.Campaign, key(10))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "by person", got, want)
	for what, ask := range map[string]func() error{
		"another desk, by person": func() error {
			_, err := b.store.RecipientOf(t.Context(), key(deskKey+1), want.Campaign, key(10))
			return err
		},
		"another desk, by id": func() error {
			_, err := b.store.Recipient(t.Context(), key(deskKey+1), want.ID)
			return err
		},
		"another campaign": func() error {
			_, err := b.store.RecipientOf(t.Context(), key(deskKey), "age-60-64", key(10))
			return err
		},
		"another desk's telephone": func() error {
			return b.store.SetRecipientPhone(t.Context(), key(deskKey+1), want.ID, "1", key(1), at)
		},
	} {
		if err := ask(); !errors.Is(err, person.ErrNoRecipient) {
			t.Errorf("%s: %v, want ErrNoRecipient", what, err)
		}
	}
	if err := b.store.SetRecipientPhone(t.Context(), key(deskKey), want.ID, "0212345678", key(2), at); err != nil {
		t.Fatal(err)
	}
	want.Phone = "0212345678"
	if got, err = b.store.Recipient(t.Context(), key(deskKey), want.ID); err != nil {
		t.Fatal(err)
	}
	same(t, "with another telephone", got, want)
	citizen := add(t, b.store, recipient(5, 10), 5)
	if citizen.Kind != person.Family || !citizen.Clerk.IsZero() {
		t.Errorf("a citizen's recipient is kept as %q of clerk %v", citizen.Kind, citizen.Clerk)
	}
	if err := b.store.SetRecipientPhone(t.Context(), key(5), citizen.ID, "1", key(1), at); !errors.Is(err, person.ErrNoRecipient) {
		t.Errorf("a citizen's recipient got a telephone: %v", err)
	}
	for name, wrong := range map[string]func(*person.Recipient){
		"no clerk":              func(r *person.Recipient) { r.Clerk = person.Key{} },
		"no consent":            func(r *person.Recipient) { r.Consent = "" },
		"consent of some kind":  func(r *person.Recipient) { r.Consent = "guessed" },
		"a citizen with clerk":  func(r *person.Recipient) { r.Kind = person.Guardian },
		"a citizen with number": func(r *person.Recipient) { r.Kind, r.Clerk, r.Consent = person.Family, person.Key{}, "" },
	} {
		r := caller(1, 11)
		wrong(&r)
		if _, err := b.store.AddRecipient(t.Context(), r, 5); err == nil {
			t.Errorf("%s: registered", name)
		}
	}
}

func deskSettles(t *testing.T, b *bench) {
	var all []person.Recipient
	for who := range 5 {
		all = append(all, add(t, b.store, caller(1+who%2, 20+who), 5))
	}
	add(t, b.store, recipient(deskKey, 30), 50) // of a citizen with that key, if there were one
	open := func(most int) []person.Recipient {
		t.Helper()
		list, err := b.store.OpenRecipients(t.Context(), key(deskKey), all[0].Campaign, most)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	same(t, "open", open(10), all)
	same(t, "the first two", open(2), all[:2])
	settle := func(i int, settled bool) {
		t.Helper()
		if err := b.store.SettleRecipient(t.Context(), key(deskKey), all[i].ID, settled); err != nil {
			t.Fatal(err)
		}
		all[i].Settled = settled
	}
	settle(0, true)
	settle(3, true)
	same(t, "open still", open(10), []person.Recipient{all[1], all[2], all[4]})
	settle(3, false)
	same(t, "open again", open(10), []person.Recipient{all[1], all[2], all[3], all[4]})
	if err := b.store.SettleRecipient(t.Context(), key(deskKey+1), all[1].ID, true); err != nil {
		t.Fatal(err)
	}
	same(t, "another desk settles nothing", len(open(10)), 4)
}

// clerksLimit: what counts is what a clerk registered, and two clerks of one desk do not share it.
func clerksLimit(t *testing.T, b *bench) {
	const limit, tries = 5, 24
	var all sync.WaitGroup
	errs := make([]error, tries)
	for i := range tries {
		all.Go(func() { _, errs[i] = b.store.AddRecipient(t.Context(), caller(1+i%2, 100+i), limit) })
	}
	all.Wait()
	n := 0
	for _, err := range errs {
		switch {
		case err == nil:
			n++
		case !errors.Is(err, person.ErrHelperLimit):
			t.Error(err)
		}
	}
	if n != 2*limit {
		t.Errorf("two clerks registered %d callers, want %d each", n, limit)
	}
}

func temporaryIdentity(who int) person.TemporaryIdentity {
	return person.TemporaryIdentity{
		Index: [16]byte{7, byte(who)}, Key: key(500 + who), Like: [16]byte{8, byte(who % 3)}, Name: "누구인가", Born: civil.New(1958, time.May, 5),
		Paper: person.PaperPassport, Desk: key(deskKey), Clerk: key(1), IssuedAt: at,
	}
}

func temporaryIdentities(t *testing.T, b *bench) {
	replace(t, b.store, "residents", rows(0, 3000), 3000)
	for who := range 4 {
		if err := b.store.IssueTemporary(t.Context(), temporaryIdentity(who)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.store.IssueTemporary(t.Context(), temporaryIdentity(2)); !errors.Is(err, person.ErrTemporaryTaken) {
		t.Errorf("issued twice: %v", err)
	}
	check := func() {
		t.Helper()
		want := temporaryIdentity(1)
		got, err := b.store.FindIdentity(t.Context(), want.Index)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(person.Identity{Key: want.Key, Index: want.Index, Born: want.Born, Temporary: true}, got); d != "" {
			t.Errorf("found (-want +got):\n%s", d)
		}
		if got, err := b.store.FindIdentity(t.Context(), identity(7).Index); err != nil || got.Temporary {
			t.Errorf("somebody of a roster: %+v, %v", got, err)
		}
		if _, err := b.store.FindIdentity(t.Context(), [16]byte{9}); !errors.Is(err, person.ErrIdentityUnknown) {
			t.Errorf("nobody: %v", err)
		}
		for like, want := range map[byte]int{0: 2, 1: 1, 2: 1, 3: 0} {
			if n, err := b.store.TemporaryLike(t.Context(), key(deskKey), [16]byte{8, like}); err != nil || n != want {
				t.Errorf("%d like %d, %v; want %d", n, like, err, want)
			}
		}
		if n, err := b.store.TemporaryLike(t.Context(), key(deskKey+1), [16]byte{8, 0}); err != nil || n != 0 {
			t.Errorf("another office knows of %d, %v", n, err)
		}
	}
	check()
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	b.store = b.reopen()
	check()
}

// looks: every look is told as it was, the last first, of the days asked for.
func looks(t *testing.T, b *bench) {
	list := []person.Look{
		{Clerk: key(1), Desk: key(deskKey), Role: person.CallDesk, Campaign: "c", People: []person.Key{key(10), key(11)}, Why: "list", At: at},
		{Clerk: key(2), Desk: key(deskKey), Role: person.Office, People: nil, Why: "list", At: at.Add(time.Hour)},
		{Clerk: key(1), Desk: key(deskKey + 1), Role: person.CallDesk, Campaign: "c", People: []person.Key{key(12)}, Why: "serve", At: at.Add(2 * time.Hour)},
	}
	for _, l := range list {
		if err := b.store.Looked(t.Context(), l); err != nil {
			t.Error(err)
		}
	}
	seen := func(from, until time.Time, before int64, limit int, want ...person.Look) (last int64) {
		t.Helper()
		got, err := b.store.Looks(t.Context(), from, until, before, limit)
		if err != nil {
			t.Fatal(err)
		}
		var have []person.Look
		for _, l := range got {
			have, last = append(have, l.Look), l.Seq
		}
		if d := cmp.Diff(want, have, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); d != "" {
			t.Error(d)
		}
		return last
	}
	day := at.Add(24 * time.Hour)
	second := seen(at, day, 0, 2, list[2], list[1])
	seen(at, day, second, 2, list[0])
	seen(at, at.Add(2*time.Hour), 0, 9, list[1], list[0])
	seen(at.Add(time.Hour), at.Add(2*time.Hour), 0, 9, list[1])
	seen(day, day.Add(time.Hour), 0, 9)
}
