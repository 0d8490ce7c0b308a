// Package sitetest is the conformance suite of [site.Store]: what every engine must do, whatever it is made of.
//
// It owns the checks and no engine.
package sitetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/site"
)

var when = time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC)

func some(id, name string) site.Site {
	return site.Site{ID: id, Name: name, Kind: "clinic", Address: "서울특별시 중구 가상로 1", Region: "서울특별시", District: "중구",
		Phone: "02-000-0000", Lat: 37.5665, Lon: 126.978}
}

// Run checks an engine. open gives a store over the place dir, an empty folder; opening the same place again, also while
// the first is open, must give the same sites.
func Run(t *testing.T, open func(t testing.TB, dir string) site.Store) {
	t.Run("Put", func(t *testing.T) { t.Parallel(); putGivesNums(t, open) })
	t.Run("Idempotent", func(t *testing.T) { t.Parallel(); unchangedWritesNothing(t, open) })
	t.Run("Refused", func(t *testing.T) { t.Parallel(); refusedDoesNothing(t, open) })
	t.Run("Reopen", func(t *testing.T) { t.Parallel(); survivesReopening(t, open) })
	t.Run("TwoOpen", func(t *testing.T) { t.Parallel(); seenByTheOther(t, open) })
	t.Run("Concurrent", func(t *testing.T) { t.Parallel(); concurrentPutsAddUp(t, open) })
	t.Run("Model", func(t *testing.T) { t.Parallel(); agreesWithModel(t, open) })
}

func put(t testing.TB, s site.Store, wantAdded, wantChanged int, sites ...site.Site) {
	t.Helper()
	added, changed, err := s.Put(context.Background(), sites, when)
	if err != nil || added != wantAdded || changed != wantChanged {
		t.Fatalf("Put: %d added, %d changed, %v; want %d and %d", added, changed, err, wantAdded, wantChanged)
	}
}

func all(t testing.TB, s site.Store) []site.Site {
	t.Helper()
	got, err := s.All(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func version(t testing.TB, s site.Store) int64 {
	t.Helper()
	v, err := s.Version(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func numbered(num site.Num, s site.Site) site.Site {
	s.Num = num
	return s
}

func putGivesNums(t *testing.T, open func(testing.TB, string) site.Store) {
	s := open(t, t.TempDir())
	if got := all(t, s); len(got) != 0 {
		t.Fatalf("a new store has %d sites", len(got))
	}
	a, b, c := some("a", "A"), some("b", "B"), some("c", "C")
	c.Lat, c.Lon, c.Phone, c.District = 0, 0, "", "" // unplaced, nothing else known
	put(t, s, 2, 0, numbered(77, b), a)
	b.Name = "B moved"
	put(t, s, 1, 1, c, b)
	want := []site.Site{numbered(1, b), numbered(2, a), numbered(3, c)}
	if d := cmp.Diff(want, all(t, s)); d != "" {
		t.Error(d)
	}
	// The same id twice in one Put: the later one holds.
	d1, d2 := some("d", "D"), some("d", "D again")
	put(t, s, 1, 1, d1, d2)
	if got := all(t, s); len(got) != 4 || got[3] != numbered(4, d2) {
		t.Errorf("got %+v", got)
	}
}

func unchangedWritesNothing(t *testing.T, open func(testing.TB, string) site.Store) {
	s := open(t, t.TempDir())
	v0 := version(t, s)
	put(t, s, 2, 0, some("a", "A"), some("b", "B"))
	v1 := version(t, s)
	if v1 <= v0 {
		t.Errorf("version went from %d to %d", v0, v1)
	}
	put(t, s, 0, 0, some("a", "A"), some("b", "B"))
	put(t, s, 0, 0)
	if v := version(t, s); v != v1 {
		t.Errorf("version went from %d to %d though nothing changed", v1, v)
	}
	put(t, s, 0, 1, some("b", "B2"), some("a", "A"))
	if v := version(t, s); v <= v1 {
		t.Errorf("version stayed %d though a site changed", v)
	}
}

func refusedDoesNothing(t *testing.T, open func(testing.TB, string) site.Store) {
	s := open(t, t.TempDir())
	put(t, s, 1, 0, some("a", "A"))
	before, v := all(t, s), version(t, s)
	if _, _, err := s.Put(context.Background(), []site.Site{some("b", "B"), some("", "no id")}, when); err == nil {
		t.Error("a site without an id was taken")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := s.Put(ended, []site.Site{some("c", "C")}, when); err == nil {
		t.Error("a Put with an ended context was done")
	}
	if d := cmp.Diff(before, all(t, s)); d != "" || version(t, s) != v {
		t.Errorf("something of a refused Put was done: %s", d)
	}
}

func survivesReopening(t *testing.T, open func(testing.TB, string) site.Store) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, 2, 0, some("a", "A"), some("b", "B"))
	before, v := all(t, s), version(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if d := cmp.Diff(before, all(t, s)); d != "" || version(t, s) != v {
		t.Errorf("after reopening: version %d, was %d; %s", version(t, s), v, d)
	}
	put(t, s, 1, 0, some("c", "C"))
	if got := all(t, s); got[2].Num != 3 {
		t.Errorf("the third site has number %d", got[2].Num)
	}
}

func seenByTheOther(t *testing.T, open func(testing.TB, string) site.Store) {
	dir := t.TempDir()
	serving, importing := open(t, dir), open(t, dir)
	v := version(t, serving)
	put(t, importing, 1, 0, some("a", "A"))
	if version(t, serving) <= v {
		t.Error("the serving one does not see that something changed")
	}
	put(t, serving, 1, 0, some("b", "B"))
	want := []site.Site{numbered(1, some("a", "A")), numbered(2, some("b", "B"))}
	for _, s := range []site.Store{serving, importing} {
		if d := cmp.Diff(want, all(t, s)); d != "" {
			t.Error(d)
		}
	}
}

func concurrentPutsAddUp(t *testing.T, open func(testing.TB, string) site.Store) {
	dir := t.TempDir()
	stores := []site.Store{open(t, dir), open(t, dir)}
	const workers, each = 4, 10
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				// Every id is put by two workers; one adds it, for the other it is unchanged.
				sites := []site.Site{some(fmt.Sprintf("s-%d-%d", w/2, i), "S")}
				if _, _, err := stores[w%2].Put(context.Background(), sites, when); err != nil {
					t.Error(err)
				}
				if _, err := stores[(w+1)%2].All(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := all(t, stores[0])
	if len(got) != workers/2*each {
		t.Fatalf("%d sites, want %d", len(got), workers/2*each)
	}
	for i, s := range got {
		if s.Num != site.Num(i+1) {
			t.Errorf("site %d has number %d", i, s.Num)
		}
	}
}

// history is what a model test puts, one Put after the other.
func history(t *rapid.T) [][]site.Site {
	one := rapid.Custom(func(t *rapid.T) site.Site {
		return some(rapid.SampledFrom([]string{"a", "b", "c", "가"}).Draw(t, "id"), rapid.SampledFrom([]string{"x", "y", "'"}).Draw(t, "name"))
	})
	return rapid.SliceOfN(rapid.SliceOfN(one, 0, 4), 1, 6).Draw(t, "puts")
}

// agreesWithModel replays histories. They are few and always the same, since each needs a store of its own.
func agreesWithModel(t *testing.T, open func(testing.TB, string) site.Store) {
	for seed := range 12 {
		s := open(t, t.TempDir())
		var model []site.Site
		for _, in := range rapid.Custom(history).Example(seed) {
			wantAdded, wantChanged := 0, 0
			for _, v := range in {
				at := slices.IndexFunc(model, func(m site.Site) bool { return m.ID == v.ID })
				switch {
				case at < 0:
					wantAdded++
					model = append(model, numbered(site.Num(len(model)+1), v))
				case model[at].Name != v.Name:
					wantChanged++
					model[at].Name = v.Name
				}
			}
			v := version(t, s)
			put(t, s, wantAdded, wantChanged, in...)
			if grew := version(t, s) > v; grew != (wantAdded+wantChanged > 0) {
				t.Fatalf("version grew: %v, with %d added and %d changed", grew, wantAdded, wantChanged)
			}
			if d := cmp.Diff(model, all(t, s)); d != "" {
				t.Fatal(d)
			}
		}
	}
}
