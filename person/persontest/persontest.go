// Package persontest is the conformance suite of person.Store: every engine passes it.
//
// It knows only the contract in person/store.go. What is special to an engine, such as what a crash leaves in its files,
// is tested beside the engine.
package persontest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/internal/civil"
	"charye/person"
)

// Open opens the engine on a place: the same place again gives the same data. The suite closes what it opened.
type Open func(t *testing.T, place string) person.Store

var at = time.Date(2021, 7, 12, 20, 0, 0, 0, time.FixedZone("KST", 9*60*60))

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *bench){
		"roster is replaced whole":               rosterReplaced,
		"roster that fails leaves the old one":   rosterFails,
		"roster readers see one content":         rosterReaders,
		"imports at the same time":               rosterTogether,
		"roster rows that cannot be":             rosterRefused,
		"identity is found by its index":         identityFound,
		"rosters view follows the store":         view,
		"recipients":                             recipients,
		"recipient belongs to its helper":        recipientOwner,
		"who helps whom":                         helpers,
		"helper's limit holds under concurrency": recipientLimit,
		"one recipient from many requests":       recipientOnce,
		"a desk's clerks take over":              deskTakesOver,
		"a desk's callers are settled":           deskSettles,
		"a clerk's limit under concurrency":      clerksLimit,
		"temporary identities":                   temporaryIdentities,
		"looks of staff":                         looks,
		"keys are rotated and rows re-sealed":    resealed,
		"what is over is erased":                 erased,
		"everything survives a restart":          restart,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bench{T: t, open: open, place: t.TempDir()}
			b.store = b.reopen()
			test(t, b)
			if err := b.store.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

type bench struct {
	*testing.T
	open  Open
	place string
	store person.Store
}

func (b *bench) reopen() person.Store {
	b.Helper()
	return b.open(b.T, b.place)
}

// key gives distinct keys that do not ascend with n.
func key(n int) (k person.Key) {
	binary.BigEndian.PutUint64(k[:], uint64(n+1)*0x9E3779B97F4A7C15)
	binary.BigEndian.PutUint64(k[8:], uint64(n+1))
	return k
}

func identity(n int) person.Identity {
	id := person.Identity{Key: key(n), Born: civil.New(1900, time.January, 1) + civil.Date(n)}
	if n%5 != 0 { // every fifth has no number
		binary.BigEndian.PutUint64(id.Index[:], uint64(n)*0xC2B2AE3D27D4EB4F)
		binary.BigEndian.PutUint64(id.Index[8:], uint64(n))
	}
	return id
}

func rows(from, to int) iter.Seq2[person.Identity, error] {
	return func(yield func(person.Identity, error) bool) {
		for n := from; n < to; n++ {
			if !yield(identity(n), nil) {
				return
			}
		}
	}
}

var errBroken = errors.New("line 7 is wrong")

func broken(n int) iter.Seq2[person.Identity, error] {
	return func(yield func(person.Identity, error) bool) {
		for id := range rows(100000, 100000+n) {
			if !yield(id, nil) {
				return
			}
		}
		yield(person.Identity{}, errBroken)
	}
}

func replace(t *testing.T, s person.Store, id string, seq iter.Seq2[person.Identity, error], want int) {
	t.Helper()
	n, err := s.ReplaceRoster(t.Context(), id, seq, at)
	if err != nil || n != want {
		t.Fatalf("ReplaceRoster = %d, %v; want %d", n, err, want)
	}
}

func keys(t *testing.T, s person.Store, id string) []person.Key {
	t.Helper()
	var out []person.Key
	for k, err := range s.RosterKeys(t.Context(), id) {
		if err != nil {
			t.Fatalf("RosterKeys: %v", err)
		}
		out = append(out, k)
	}
	return out
}

func ordered(from, to int) []person.Key {
	var out []person.Key
	for n := from; n < to; n++ {
		out = append(out, key(n))
	}
	slices.SortFunc(out, func(a, b person.Key) int { return slices.Compare(a[:], b[:]) })
	return out
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, d)
	}
}

func versions(t *testing.T, s person.Store) map[string]int64 {
	t.Helper()
	v, err := s.RosterVersions(t.Context())
	if err != nil {
		t.Fatalf("RosterVersions: %v", err)
	}
	return v
}

func rosterReplaced(t *testing.T, b *bench) {
	same(t, "keys of a roster that is not there", keys(t, b.store, "health"), []person.Key(nil))
	same(t, "versions of nothing", len(versions(t, b.store)), 0)

	twice := func(yield func(person.Identity, error) bool) {
		for range 2 {
			for id := range rows(0, 9000) {
				if !yield(id, nil) {
					return
				}
			}
		}
	}
	replace(t, b.store, "health", twice, 9000)
	same(t, "keys", keys(t, b.store, "health"), ordered(0, 9000))
	replace(t, b.store, "teachers", rows(20000, 20001), 1)
	first := versions(t, b.store)

	replace(t, b.store, "health", rows(8000, 8500), 500)
	same(t, "keys after replacement", keys(t, b.store, "health"), ordered(8000, 8500))
	same(t, "keys of the other roster", keys(t, b.store, "teachers"), ordered(20000, 20001))
	second := versions(t, b.store)
	if second["health"] <= first["health"] || second["teachers"] != first["teachers"] {
		t.Errorf("versions went from %v to %v", first, second)
	}
	replace(t, b.store, "health", rows(0, 0), 0)
	same(t, "keys of an emptied roster", keys(t, b.store, "health"), []person.Key(nil))
	if v := versions(t, b.store); v["health"] <= second["health"] {
		t.Error("emptying a roster did not raise its version")
	}
}

func rosterFails(t *testing.T, b *bench) {
	replace(t, b.store, "health", rows(0, 3000), 3000)
	before := versions(t, b.store)
	if n, err := b.store.ReplaceRoster(t.Context(), "health", broken(5000), at); !errors.Is(err, errBroken) || n != 0 {
		t.Fatalf("ReplaceRoster of a broken file = %d, %v", n, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopping := func(yield func(person.Identity, error) bool) {
		for id := range rows(0, 20000) {
			if !yield(id, nil) {
				return
			}
		}
		stop()
	}
	if _, err := b.store.ReplaceRoster(ctx, "health", stopping, at); !errors.Is(err, context.Canceled) {
		t.Fatalf("ReplaceRoster cancelled = %v", err)
	}
	same(t, "versions", versions(t, b.store), before)
	same(t, "keys", keys(t, b.store, "health"), ordered(0, 3000))
	if _, err := b.store.FindIdentity(t.Context(), identity(100001).Index); !errors.Is(err, person.ErrIdentityUnknown) {
		t.Errorf("a person of the refused file is found: %v", err)
	}
	if _, err := b.store.ReplaceRoster(t.Context(), "new", broken(3), at); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	same(t, "versions after a refused new roster", versions(t, b.store), before)
}

// rosterReaders reads all the time while two contents take turns: each reading is one of the two, whole.
func rosterReaders(t *testing.T, b *bench) {
	contents := [][]person.Key{ordered(0, 5000), ordered(5000, 9000)}
	replace(t, b.store, "health", rows(0, 5000), 5000)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				var got []person.Key
				for k, err := range b.store.RosterKeys(t.Context(), "health") {
					if err != nil {
						t.Errorf("RosterKeys: %v", err)
						return
					}
					got = append(got, k)
				}
				if !slices.Equal(got, contents[0]) && !slices.Equal(got, contents[1]) {
					t.Errorf("a reader saw %d keys that are neither content", len(got))
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range 3 {
		replace(t, b.store, "health", rows(5000, 9000), 4000)
		replace(t, b.store, "health", rows(0, 5000), 5000)
	}
	close(stop)
	wg.Wait()
}

// rosterTogether imports into one roster and another from two stores on one place: what stands in the end is one whole
// file, and at least one import said that it won.
func rosterTogether(t *testing.T, b *bench) {
	other := b.reopen()
	var wg sync.WaitGroup
	won := make([]bool, 6)
	for i := range won {
		s := []person.Store{b.store, other}[i%2]
		wg.Go(func() {
			_, err := s.ReplaceRoster(t.Context(), "health", rows(i*1000, i*1000+3000), at)
			won[i] = err == nil
		})
	}
	wg.Go(func() {
		if _, err := other.ReplaceRoster(t.Context(), "teachers", rows(0, 2000), at); err != nil {
			t.Errorf("an import of another roster: %v", err)
		}
	})
	wg.Wait()
	got := keys(t, b.store, "health")
	whole := false
	for i := range won {
		whole = whole || won[i] && slices.Equal(got, ordered(i*1000, i*1000+3000))
	}
	if !whole {
		t.Errorf("%d keys stand that no import which succeeded had brought (won: %v)", len(got), won)
	}
	same(t, "the other roster", keys(t, other, "teachers"), ordered(0, 2000))
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}

func rosterRefused(t *testing.T, b *bench) {
	of := func(ids ...person.Identity) iter.Seq2[person.Identity, error] {
		return func(yield func(person.Identity, error) bool) {
			for _, id := range ids {
				if !yield(id, nil) {
					return
				}
			}
		}
	}
	double := identity(2)
	double.Index = identity(1).Index
	for name, seq := range map[string]iter.Seq2[person.Identity, error]{
		"no key":                    of(identity(1), person.Identity{Born: 1}),
		"one number for two people": of(identity(1), double),
	} {
		if _, err := b.store.ReplaceRoster(t.Context(), "health", seq, at); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := b.store.ReplaceRoster(t.Context(), "", rows(0, 1), at); err == nil {
		t.Error("a roster without id: accepted")
	}
	same(t, "versions", len(versions(t, b.store)), 0)
}

func identityFound(t *testing.T, b *bench) {
	replace(t, b.store, "health", rows(0, 9000), 9000)
	replace(t, b.store, "teachers", rows(8990, 12000), 3010)
	for _, n := range []int{1, 2, 3, 4, 6, 1999, 2001, 4999, 8999, 9001, 11999} {
		got, err := b.store.FindIdentity(t.Context(), identity(n).Index)
		if err != nil {
			t.Fatalf("FindIdentity(%d): %v", n, err)
		}
		same(t, fmt.Sprintf("identity %d", n), got, identity(n))
	}
	for name, index := range map[string][16]byte{
		"somebody else": identity(12001).Index, "the zero index": {}, "before all": {15: 1},
		"after all": {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		if _, err := b.store.FindIdentity(t.Context(), index); !errors.Is(err, person.ErrIdentityUnknown) {
			t.Errorf("%s: %v, want ErrIdentityUnknown", name, err)
		}
	}
	replace(t, b.store, "health", rows(0, 10), 10)
	if _, err := b.store.FindIdentity(t.Context(), identity(4999).Index); !errors.Is(err, person.ErrIdentityUnknown) {
		t.Errorf("a person who left the roster: %v", err)
	}
}

func view(t *testing.T, b *bench) {
	r := person.NewRosters(b.store)
	reload := func() {
		t.Helper()
		if err := r.Reload(t.Context()); err != nil {
			t.Fatalf("Reload: %v", err)
		}
	}
	reload()
	if r.Has("health", key(1)) {
		t.Error("somebody is in a roster that is not there")
	}
	replace(t, b.store, "health", rows(0, 3000), 3000)
	replace(t, b.store, "teachers", rows(5000, 5010), 10)
	if r.Has("health", key(1)) {
		t.Error("the view changed without a reload")
	}
	reload()
	for n := range 3000 {
		if !r.Has("health", key(n)) {
			t.Fatalf("person %d is missing", n)
		}
	}
	if r.Has("health", key(3000)) || r.Has("health", person.Key{}) || r.Has("teachers", key(1)) || r.Has("none", key(1)) {
		t.Error("somebody is in a roster they are not in")
	}
	replace(t, b.store, "health", rows(10, 20), 10)
	reload()
	if r.Has("health", key(9)) || !r.Has("health", key(10)) || !r.Has("teachers", key(5000)) {
		t.Error("the view does not follow a replacement")
	}
	same(t, "people", []int{r.People("health"), r.People("teachers"), r.People("none")}, []int{10, 10, 0})

	gone, stop := context.WithCancel(t.Context())
	stop()
	if err := r.Reload(gone); err == nil {
		t.Error("a cancelled reload reports success")
	}
	if !r.Has("health", key(10)) {
		t.Error("a failed reload emptied the view")
	}
}

func restart(t *testing.T, b *bench) {
	replace(t, b.store, "health", rows(0, 2500), 2500)
	a := add(t, b.store, recipient(1, 10), 5)
	before := versions(t, b.store)
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	b.store = b.reopen()
	same(t, "versions", versions(t, b.store), before)
	same(t, "keys", keys(t, b.store, "health"), ordered(0, 2500))
	got, err := b.store.Recipient(t.Context(), key(1), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "recipient", got, a)
	replace(t, b.store, "health", rows(0, 1), 1)
	if versions(t, b.store)["health"] <= before["health"] {
		t.Error("versions began anew after a restart")
	}
}
