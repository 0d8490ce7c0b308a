package sqlite

import (
	"encoding/binary"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"charye/person"
)

func keyOf(n int) (k person.Key) {
	binary.BigEndian.PutUint64(k[3:], uint64(n)) // alike on purpose: the hash has to spread them
	k[0] = 1
	return k
}

func TestIndexIsAMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x, want := newIndex(), map[person.Key]uint32{}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 3000), 0, 3000).Draw(t, "people") {
			k := keyOf(n)
			seq, added := x.add(k)
			if before, ok := want[k]; ok == added || ok && before != seq || !ok && int(seq) != len(want)+1 {
				t.Fatalf("person %d: seq %d, added %v; had %d, %v", n, seq, added, before, ok)
			}
			want[k] = seq
		}
		if int(x.len()) != len(want) {
			t.Fatalf("%d in it, want %d", x.len(), len(want))
		}
		for n := range 3001 {
			if got := x.find(keyOf(n)); got != want[keyOf(n)] {
				t.Fatalf("person %d found at %d, want %d", n, got, want[keyOf(n)])
			}
		}
		for k, seq := range want {
			if x.key(seq) != k {
				t.Fatalf("seq %d is another person", seq)
			}
		}
	})
}

// Readers see everybody who was added before they looked, while tables and chunks grow under them.
func TestIndexReadersNeverMissAnybody(t *testing.T) {
	t.Parallel()
	const people = 20_000
	x := newIndex()
	var wg sync.WaitGroup
	for r := range 4 {
		wg.Go(func() {
			for done := false; !done; {
				n := int(x.len())
				done = n == people
				for i := r; i < n; i += 997 {
					if seq := x.find(keyOf(i)); int(seq) != i+1 || x.key(seq) != keyOf(i) {
						t.Errorf("of %d added, person %d is found at %d", n, i, seq)
						return
					}
				}
			}
		})
	}
	for i := range people {
		x.add(keyOf(i))
	}
	wg.Wait()
}

func BenchmarkIndexAdd(b *testing.B) {
	x := newIndex()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		x.add(keyOf(n))
	}
}
