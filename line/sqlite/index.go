package sqlite

import (
	"hash/maphash"
	"sync/atomic"

	"charye/person"
)

// index finds a person's seq in memory: the keys by seq, in chunks, and over them hash tables of eight bytes a slot. One
// goroutine adds; any number look up at the same time without a lock. A person costs 16 bytes and one slot, slots being
// between 40 and 80 per cent full; the tables are many and small, so none is ever doubled at a noticeable cost.
type index struct {
	seed   maphash.Seed
	count  atomic.Uint32
	chunks atomic.Pointer[[]*keyChunk]
	tables [tableCount]atomic.Pointer[table]
}

const (
	tableBits  = 10
	tableCount = 1 << tableBits
	chunkKeys  = 1 << 12
	firstSlots = 4
)

type keyChunk [chunkKeys]person.Key

// table is open addressing with linear probing. A slot is 32 bits of the hash, then the seq; 0 is empty.
type table struct {
	used  int // the adding goroutine's
	slots []atomic.Uint64
}

func newIndex() *index {
	x := &index{seed: maphash.MakeSeed()}
	x.chunks.Store(new([]*keyChunk))
	return x
}

// len is how many people are in it; their seqs are 1 … len.
func (x *index) len() uint32 { return x.count.Load() }

// key gives the person of a seq in 1 … len.
func (x *index) key(seq uint32) person.Key {
	return (*x.chunks.Load())[(seq-1)/chunkKeys][(seq-1)%chunkKeys]
}

// find gives the seq of a person, 0 when absent.
func (x *index) find(who person.Key) uint32 {
	h := maphash.Bytes(x.seed, who[:])
	t := x.tables[h>>(64-tableBits)].Load()
	if t == nil {
		return 0
	}
	mark, mask := markOf(h), uint64(len(t.slots)-1)
	for i := h & mask; ; i = (i + 1) & mask {
		s := t.slots[i].Load()
		if s == 0 {
			return 0
		}
		if s>>32<<32 == mark && x.key(uint32(s)) == who {
			return uint32(s)
		}
	}
}

// add gives who the next seq, or the one they have; added tells which. Only one goroutine may add.
func (x *index) add(who person.Key) (seq uint32, added bool) {
	h := maphash.Bytes(x.seed, who[:])
	at := &x.tables[h>>(64-tableBits)]
	t := at.Load()
	switch {
	case t == nil:
		t = &table{slots: make([]atomic.Uint64, firstSlots)}
		at.Store(t)
	case (t.used+1)*5 > len(t.slots)*4:
		bigger := &table{slots: make([]atomic.Uint64, 2*len(t.slots)), used: t.used}
		for i := range t.slots {
			if s := t.slots[i].Load(); s != 0 {
				k := x.key(uint32(s))
				h := maphash.Bytes(x.seed, k[:])
				bigger.slots[bigger.empty(h)].Store(s)
			}
		}
		t = bigger
		at.Store(t)
	}
	mark, mask := markOf(h), uint64(len(t.slots)-1)
	i := h & mask
	for ; ; i = (i + 1) & mask {
		s := t.slots[i].Load()
		if s == 0 {
			break
		}
		if s>>32<<32 == mark && x.key(uint32(s)) == who {
			return uint32(s), false
		}
	}
	// The key stands in its chunk before the slot that leads to it is stored, and the count comes last.
	seq = x.count.Load() + 1
	if chunks := x.chunks.Load(); int((seq-1)/chunkKeys) == len(*chunks) {
		longer := append(*chunks, new(keyChunk))
		x.chunks.Store(&longer)
	}
	(*x.chunks.Load())[(seq-1)/chunkKeys][(seq-1)%chunkKeys] = who
	t.slots[i].Store(mark | uint64(seq))
	t.used++
	x.count.Store(seq)
	return seq, true
}

// markOf is the part of the hash that a slot keeps, in its upper half; neither the table nor the first slot follow from it.
func markOf(h uint64) uint64 { return h << tableBits >> 32 << 32 }

func (t *table) empty(h uint64) uint64 {
	mask := uint64(len(t.slots) - 1)
	i := h & mask
	for t.slots[i].Load() != 0 {
		i = (i + 1) & mask
	}
	return i
}
