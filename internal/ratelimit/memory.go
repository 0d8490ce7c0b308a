package ratelimit

import (
	"hash/maphash"
	"sync"
	"time"
)

// Key names who is limited in what. Two keys are the same limit when they are equal.
type Key struct {
	Class uint8    // the kind of request and the kind of ID; numbered by the caller
	ID    [16]byte // a person's key, a network address …
}

// shards is a power of two: with 64, two requests on four cores meet on one lock rarely.
const shards = 64

// samples is how many entries eviction looks at: enough to find an idle one nearly always.
const samples = 8

// Memory keeps the arrival times of many keys in bounded memory. The zero value is not usable; see [NewMemory]. Safe for
// concurrent use.
//
// When it is full, a new key takes the room of a key that is idle (its burst is whole again, so forgetting it changes
// nothing) or else of the least indebted of a few looked at. That one gets a fresh burst: the price of a bound, paid to
// somebody who asked little.
type Memory struct {
	seed   maphash.Seed
	max    int // entries in one shard
	shards [shards]shard
}

type shard struct {
	mu  sync.Mutex
	tat map[Key]int64
	_   [40]byte // keeps neighbours off this cache line
}

// NewMemory makes room for about max keys; at least 64. One key takes about 60 bytes.
func NewMemory(max int) *Memory {
	m := &Memory{seed: maphash.MakeSeed(), max: (max + shards - 1) / shards}
	if m.max < 1 {
		m.max = 1
	}
	for i := range m.shards {
		m.shards[i].tat = make(map[Key]int64)
	}
	return m
}

// Allow takes one request of k at the instant now. wait is 0 when it is within the rate, else how long until one is.
func (m *Memory) Allow(k Key, r Rate, now time.Time) (wait time.Duration) {
	if r.Unlimited() {
		return 0
	}
	n := now.UnixNano()
	s := &m.shards[maphash.Comparable(m.seed, k)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.tat[k]
	tat, wait := r.Spend(old, n)
	if wait > 0 {
		s.tat[k] = tat // as it was, but after a clock was put back
		return wait
	}
	if !known && len(s.tat) >= m.max {
		s.evict(n)
	}
	s.tat[k] = tat
	return 0
}

// Len is how many keys are kept.
func (m *Memory) Len() int {
	n := 0
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		n += len(s.tat)
		s.mu.Unlock()
	}
	return n
}

// evict makes room for one. All idle ones among those looked at go, so that a quiet time after a rush empties the map.
func (s *shard) evict(now int64) {
	var least Key
	leastTAT, seen, gone := int64(0), 0, 0
	for k, tat := range s.tat { // the runtime starts at a random entry
		if tat <= now {
			delete(s.tat, k)
			gone++
		} else if seen == 0 || tat < leastTAT {
			least, leastTAT = k, tat
		}
		if seen++; seen >= samples {
			break
		}
	}
	if gone == 0 {
		delete(s.tat, least)
	}
}
