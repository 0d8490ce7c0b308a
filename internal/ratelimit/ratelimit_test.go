package ratelimit

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSpendBurstThenRate(t *testing.T) {
	t.Parallel()
	r := Rate{Every: time.Second, Burst: 3}
	now := time.Date(2021, 7, 12, 20, 0, 0, 0, time.UTC).UnixNano()
	var tat int64
	for i := range 3 {
		var wait time.Duration
		if tat, wait = r.Spend(tat, now); wait != 0 {
			t.Fatalf("request %d of the burst has to wait %v", i+1, wait)
		}
	}
	kept, wait := r.Spend(tat, now)
	if wait != time.Second || kept != tat {
		t.Fatalf("4th request: wait %v, tat moved by %d; want 1s and unmoved", wait, kept-tat)
	}
	if _, wait = r.Spend(tat, now+int64(wait)); wait != 0 {
		t.Fatalf("after the wait it told: still has to wait %v", wait)
	}
}

// In any stretch of time T, at most Burst + T/Every requests pass, and a refusal's wait is exact: a nanosecond earlier is
// refused, at that instant it passes.
func TestSpendNeverExceedsItsRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := Rate{
			Every: time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "every")),
			Burst: rapid.IntRange(1, 20).Draw(t, "burst"),
		}
		start := rapid.Int64Range(0, 1<<61).Draw(t, "start")
		now, tat := start, int64(0)
		passed := int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "requests") {
			now += rapid.Int64Range(0, 2*int64(r.Every)).Draw(t, "gap")
			next, wait := r.Spend(tat, now)
			if wait == 0 {
				tat = next
				passed++
			} else {
				if next != tat {
					t.Fatalf("a refusal moved tat")
				}
				if _, w := r.Spend(tat, now+int64(wait)); w != 0 {
					t.Fatalf("told to wait %v, then refused for %v more", wait, w)
				}
				if _, w := r.Spend(tat, now+int64(wait)-1); w == 0 {
					t.Fatalf("told to wait %v, but 1 ns less was enough", wait)
				}
			}
			if most := int64(r.Burst) + (now-start)/int64(r.Every); passed > most {
				t.Fatalf("%d passed in %v, at most %d may", passed, time.Duration(now-start), most)
			}
		}
	})
}

func TestZeroRateAllowsAll(t *testing.T) {
	t.Parallel()
	m := NewMemory(64)
	for range 1000 {
		if w := m.Allow(Key{}, Rate{}, time.Unix(1, 0)); w != 0 {
			t.Fatalf("unlimited rate waits %v", w)
		}
	}
	if m.Len() != 0 {
		t.Fatalf("unlimited keys take memory: %d", m.Len())
	}
}

func TestHugeBurstDoesNotOverflow(t *testing.T) {
	t.Parallel()
	r := Rate{Every: 1000 * time.Hour, Burst: 1 << 40}
	tat, wait := r.Spend(0, time.Now().UnixNano())
	for range 5 {
		if wait != 0 {
			t.Fatalf("waits %v", wait)
		}
		tat, wait = r.Spend(tat, time.Now().UnixNano())
	}
}

func TestMemoryKeepsKeysApart(t *testing.T) {
	t.Parallel()
	m := NewMemory(1000)
	now := time.Unix(1626087600, 0)
	r := Rate{Every: time.Minute, Burst: 1}
	a, b := Key{Class: 1, ID: [16]byte{1}}, Key{Class: 2, ID: [16]byte{1}}
	if m.Allow(a, r, now) != 0 || m.Allow(b, r, now) != 0 {
		t.Fatal("first requests are refused")
	}
	if m.Allow(a, r, now) != time.Minute {
		t.Fatal("second request of a passes")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := NewMemory(640)
	r := Rate{Every: time.Hour, Burst: 2}
	now := time.Unix(1626087600, 0)
	greedy := Key{Class: 9}
	m.Allow(greedy, r, now)
	m.Allow(greedy, r, now)
	for i := range 100_000 {
		m.Allow(key(i), r, now)
	}
	if n := m.Len(); n > 640 {
		t.Fatalf("%d keys kept, bound is 640", n)
	}
	// A quiet day later everything is idle: new keys sweep the old ones out instead of adding to them.
	later := now.Add(48 * time.Hour)
	before := m.Len()
	for i := range 64 {
		m.Allow(key(1_000_000+i), r, later)
	}
	if n := m.Len(); n >= before {
		t.Fatalf("%d keys before, %d after: idle keys are not swept", before, n)
	}
}

func TestMemoryConcurrent(t *testing.T) {
	t.Parallel()
	m := NewMemory(1000)
	r := Rate{Every: time.Hour, Burst: 50}
	now := time.Unix(1626087600, 0)
	var passed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if m.Allow(Key{Class: 1}, r, now) == 0 {
					passed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if passed.Load() != 50 {
		t.Fatalf("%d of 800 passed, want exactly the burst of 50", passed.Load())
	}
}

// TestClockPutBack: what was asked by a clock that was an hour fast is not held against anybody once it is right.
func TestClockPutBack(t *testing.T) {
	t.Parallel()
	m := NewMemory(64)
	r := Rate{Every: time.Second, Burst: 3}
	now := time.Now()
	for range 5 {
		m.Allow(key(1), r, now.Add(time.Hour))
	}
	if wait := m.Allow(key(1), r, now); wait > time.Second {
		t.Errorf("wait %v", wait)
	}
	if wait := m.Allow(key(1), r, now.Add(time.Second)); wait != 0 {
		t.Errorf("a second later: wait %v", wait)
	}
	if wait := m.Allow(key(1), r, now.Add(time.Second)); wait == 0 {
		t.Error("it forgot that the burst was spent")
	}
}

func key(i int) (k Key) {
	k.Class = 3
	binary.BigEndian.PutUint64(k.ID[:], uint64(i))
	return k
}

func BenchmarkAllow(b *testing.B) {
	m := NewMemory(1 << 16)
	r := PerSecond(1e9, 1<<30)
	now := time.Now()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			m.Allow(key(i&0xffff), r, now)
		}
	})
}
