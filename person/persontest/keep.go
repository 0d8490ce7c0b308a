package persontest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/internal/civil"
	"charye/internal/seal"
	"charye/person"
)

// The engine's keys lie in keys.json at the place: the suite rotates them there.
func (b *bench) keyFile() string { return filepath.Join(b.place, "keys.json") }

func (b *bench) keys() *seal.Keys {
	b.Helper()
	k, err := seal.Load(b.keyFile())
	if err != nil {
		b.Fatal(err)
	}
	return k
}

func (b *bench) restart() {
	b.Helper()
	if err := b.store.Close(); err != nil {
		b.Fatal(err)
	}
	b.store = b.reopen()
}

// rotate has new keys of every set in use at once.
func (b *bench) rotate() {
	b.Helper()
	now := time.Now()
	if _, err := seal.Rotate(b.keyFile(), seal.Sets, now, now); err != nil {
		b.Fatal(err)
	}
	b.restart()
}

// retire takes all old keys out.
func (b *bench) retire() {
	b.Helper()
	list, err := seal.List(b.keyFile(), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	for _, v := range list {
		if v.State == seal.Old {
			if err := seal.Retire(b.keyFile(), v, time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.restart()
}

const numbered = 4100 // more than a page, and more than one step of re-sealing

func number(n int) string { return fmt.Sprintf("620315-%07d", n) }

func roster(k *person.Keyer) iter.Seq2[person.Identity, error] {
	return func(yield func(person.Identity, error) bool) {
		for n := range numbered {
			id := person.Identity{Key: key(n), Born: civil.Date(n)}
			if n%5 != 0 {
				index := k.IdentityIndexes(number(n))[0]
				id.Index, id.Layer = index.Value, index.Layer
			}
			if !yield(id, nil) {
				return
			}
		}
	}
}

func calm(context.Context, int) error { return nil }

func (b *bench) census() seal.Census {
	b.Helper()
	c, err := b.store.Census(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// resealed: everybody is found and everything opens before, while and after it is sealed anew, and it needs no old key afterwards.
func resealed(t *testing.T, b *bench) {
	const people = 600
	k := person.NewKeyer(b.keys())
	replace(t, b.store, "residents", roster(k), numbered)
	for n := range people {
		r := caller(1, n)
		r.Name = fmt.Sprintf("이름 %d", n)
		r.Phone = ""
		if n%2 == 0 {
			r.Phone = fmt.Sprintf("010-1234-%04d", n)
		}
		if _, err := b.store.AddRecipient(t.Context(), r, people); err != nil {
			t.Fatal(err)
		}
	}
	var codes []string
	issue := func(n int) {
		t.Helper()
		k := person.NewKeyer(b.keys())
		code := person.NewTemporaryCode()
		i, like := k.IdentityIndexes(code)[0], k.Likes("누구인가", 5)[0]
		if err := b.store.IssueTemporary(t.Context(), person.TemporaryIdentity{
			Index: i.Value, Layer: i.Layer, Like: like.Value, Key: k.Temporary(code), Name: "누구인가", Born: 5,
			Paper: person.PaperNone, Desk: key(deskKey), Clerk: key(1), IssuedAt: at,
		}); err != nil {
			t.Fatalf("identity %d: %v", n, err)
		}
		codes = append(codes, code)
	}
	for n := range 5 {
		issue(n)
	}
	check := func(when string) {
		t.Helper()
		k := person.NewKeyer(b.keys())
		list, err := b.store.OpenRecipients(t.Context(), key(deskKey), caller(1, 0).Campaign, people)
		if err != nil || len(list) != people {
			t.Fatalf("%s: %d recipients, %v", when, len(list), err)
		}
		for _, r := range list {
			if r.Name == "" || r.Phone != "" && r.Phone[:3] != "010" {
				t.Fatalf("%s: recipient %+v", when, r)
			}
		}
		for _, n := range []int{1, 2, 2001, numbered - 1} {
			who, err := b.store.FindIdentity(t.Context(), person.Values(k.IdentityIndexes(number(n)))...)
			if n%5 == 0 != errors.Is(err, person.ErrIdentityUnknown) || err == nil && who.Key != key(n) {
				t.Errorf("%s: number %d is %v, %v", when, n, who, err)
			}
		}
		for _, code := range codes {
			who, err := b.store.FindIdentity(t.Context(), person.Values(k.IdentityIndexes(code))...)
			if err != nil || who.Key != k.Temporary(code) || !who.Temporary {
				t.Errorf("%s: code %s is %v, %v", when, code, who, err)
			}
		}
		n, err := b.store.TemporaryLike(t.Context(), key(deskKey), person.Values(k.Likes("누구인가", 5))...)
		if err != nil || n != len(codes) {
			t.Errorf("%s: %d of that name, %v; want %d", when, n, err, len(codes))
		}
		if got := keys(t, b.store, "residents"); len(got) != numbered {
			t.Errorf("%s: %d people in the roster", when, len(got))
		}
	}
	check("before")
	versions, err := b.store.RosterVersions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := b.census()
	old := b.keys().InUse()
	if before.Fields[old.Field] != people+people/2+5 || before.Layers[0] != numbered-numbered/5+5 {
		t.Errorf("census %+v", before)
	}
	b.rotate()
	issue(5)
	check("rotated")
	stop := errors.New("stop")
	if _, err := b.store.Reseal(t.Context(), func(context.Context, int) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("stopped after the first step: %v", err)
	}
	check("half way")
	b.restart() // as after a crash: nothing but what was committed tells how far it got
	moved, err := b.store.Reseal(t.Context(), calm)
	if err != nil {
		t.Fatal(err)
	}
	if most := int64(people + 5 + numbered - numbered/5 - seal.ResealAtOnce); moved != most {
		t.Errorf("the second run moved %d rows, want %d: what the first did stays", moved, most)
	}
	check("re-sealed")
	now := b.keys().InUse()
	want := seal.Census{Fields: map[uint32]int64{now.Field: people + people/2 + 6}, Layers: map[int]int64{1: numbered - numbered/5 + 6}}
	if d := cmp.Diff(want, b.census()); d != "" {
		t.Errorf("census (-want +got):\n%s", d)
	}
	if moved, err := b.store.Reseal(t.Context(), calm); err != nil || moved != 0 {
		t.Errorf("once more moved %d, %v", moved, err)
	}
	b.retire()
	check("old keys retired")
	after, err := b.store.RosterVersions(t.Context())
	if err != nil || !maps.Equal(versions, after) {
		t.Errorf("versions %v, %v; want %v: the people are the same", after, err, versions)
	}
}

// erased: each kind takes what it says and nothing else, in steps, and once.
func erased(t *testing.T, b *bench) {
	replace(t, b.store, "residents", rows(0, 3000), 3000)
	replace(t, b.store, "others", rows(0, 10), 10)
	add := func(r person.Recipient) {
		t.Helper()
		if _, err := b.store.AddRecipient(t.Context(), r, 100); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 10 {
		r := caller(1, n)
		r.Phone = "010"
		add(r)
	}
	other := caller(1, 3)
	other.ID, other.Campaign, other.Phone = "", "later", "010"
	add(other)
	add(person.Recipient{Helper: key(3), Key: key(77), Campaign: "later", Name: "가족", RegisteredAt: at})
	for n := range 3 {
		if err := b.store.IssueTemporary(t.Context(), temporaryIdentity(n)); err != nil {
			t.Fatal(err)
		}
	}
	first := caller(1, 0).Campaign
	for _, c := range []struct {
		e     person.Erasure
		steps []int64
	}{
		{person.Erasure{What: person.ErasePhones, Of: first}, []int64{4, 4, 2, 0}},
		{person.Erasure{What: person.ErasePerson, Who: key(3)}, []int64{3, 0}}, // twice called for, once helping
		{person.Erasure{What: person.EraseRecipients, Of: first}, []int64{4, 4, 1, 0}},
		{person.Erasure{What: person.ErasePerson, Who: temporaryIdentity(0).Key}, []int64{1, 0}},
		{person.Erasure{What: person.EraseTemporaries}, []int64{2, 0}},
		{person.Erasure{What: person.EraseRoster, Of: "residents"}, []int64{3000, 0}},
		{person.Erasure{What: person.EraseRoster, Of: "never was"}, []int64{0}},
	} {
		c.e.Why = "retention"
		left := int64(0)
		for _, n := range c.steps {
			left += n
		}
		for _, want := range c.steps {
			if n, err := b.store.Count(t.Context(), c.e); err != nil || n != left {
				t.Errorf("%s: %d to erase, %v; want %d", c.e.What, n, err, left)
			}
			n, err := b.store.Erase(t.Context(), c.e, at, 4)
			if err != nil || n != want {
				t.Errorf("%s: erased %d, %v; want %d", c.e.What, n, err, want)
			}
			left -= n
		}
		if c.e.What == person.ErasePhones {
			list, err := b.store.OpenRecipients(t.Context(), key(deskKey), first, 100)
			if err != nil || len(list) != 10 || slices.ContainsFunc(list, func(r person.Recipient) bool { return r.Phone != "" || r.Name == "" }) {
				t.Errorf("after the telephones: %+v, %v", list, err)
			}
		}
	}
	if got := keys(t, b.store, "others"); len(got) != 10 {
		t.Errorf("another roster has %d people left", len(got))
	}
	if _, err := b.store.FindIdentity(t.Context(), identity(1001).Index); !errors.Is(err, person.ErrIdentityUnknown) {
		t.Errorf("somebody of the erased roster: %v", err)
	}
	for _, e := range []person.Erasure{{What: "all"}, {What: person.ErasePhones}, {What: person.ErasePerson}, {What: person.EraseTemporaries, Of: first}} {
		if _, err := b.store.Erase(t.Context(), e, at, 4); err == nil {
			t.Errorf("%+v is erased", e)
		}
	}
}
