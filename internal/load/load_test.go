package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestWideOpenWhileTheProcessorKeepsUp(t *testing.T) {
	t.Parallel()
	g := NewGate(3, 3)
	for range 3 {
		if err := g.Enter(t.Context(), Work); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Enter(t.Context(), Work); !errors.Is(err, ErrBusy) {
		t.Errorf("the fourth of three: %v", err)
	}
	g.Leave(Work)
	if err := g.Enter(t.Context(), Cheap); err != nil {
		t.Error(err)
	}
}

// Under a queue fewer pass; the rest waits, the cheap ones are first, and nobody waits longer than they may.
func TestHeldBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(100, 100)
		g.ready = func() int { return 1 << 20 }
		for range 8 {
			if err := g.Enter(t.Context(), Work); err != nil {
				t.Fatal(err)
			}
		}
		for range 20 {
			g.judge(2*few, few, 1)
		}
		if s := g.State(); s != (State{Limit: 1, Inside: 8}) {
			t.Errorf("%+v, want the limit at its floor, and nobody thrown out", s)
		}
		began := time.Now()
		order := make(chan string, 3)
		var all sync.WaitGroup
		wait := func(name string, ctx context.Context, r Rank) {
			all.Go(func() {
				if err := g.Enter(ctx, r); err != nil {
					name += ": " + err.Error()
				}
				order <- name
			})
			synctest.Wait()
		}
		hurried, giveUp := context.WithCancel(t.Context())
		wait("left", hurried, Work)
		wait("work", t.Context(), Work)
		wait("cheap", t.Context(), Cheap)
		giveUp()
		if got := <-order; got != "left: context canceled" {
			t.Error(got)
		}
		for range 7 { // one stays
			g.Leave(Work)
		}
		synctest.Wait()
		if s := g.State(); s.Inside != 1 || s.Waiting != 2 {
			t.Errorf("%+v, want one inside and two waiting", s)
		}
		g.Leave(Work)
		synctest.Wait()
		if s := g.State(); s.Waiting != 2 {
			t.Errorf("%+v: one that leaves calls the next, although others are ready", s)
		}
		g.call()
		if got := <-order; got != "cheap" {
			t.Errorf("%s passed first", got)
		}
		if got := <-order; got != "work: "+ErrBusy.Error() || time.Since(began) != Patience {
			t.Errorf("%s after %s", got, time.Since(began))
		}
		all.Wait()
		for range 100 {
			g.judge(0, few, 1)
		}
		if s := g.State(); s.Limit != 100 || s.Inside != 1 || s.Waiting != 0 {
			t.Errorf("%+v, want it wide open again", s)
		}
	})
}

// However it is entered, left, judged and given up, as many are inside as have passed and not left, no more reads than there may be,
// and whoever waits passes as soon as there is room.
func TestGateKeepsCount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			most := rapid.IntRange(1, 12).Draw(rt, "most")
			g := NewGate(most, rapid.IntRange(1, most).Draw(rt, "reads"))
			g.ready = func() int { return rapid.IntRange(0, 1<<20).Draw(rt, "ready") }
			var inside [ranks]atomic.Int64
			var waiting atomic.Int64
			var cancels []context.CancelFunc
			rounds := rapid.IntRange(1, 60).Draw(rt, "rounds")
			for range rounds {
				switch rapid.IntRange(0, 4).Draw(rt, "do") {
				case 0, 1:
					ctx, cancel := context.WithCancel(t.Context())
					cancels = append(cancels, cancel)
					r := Rank(rapid.IntRange(0, int(ranks)-1).Draw(rt, "rank"))
					waiting.Add(1)
					go func() {
						if g.Enter(ctx, r) == nil {
							inside[r].Add(1)
						}
						waiting.Add(-1)
					}()
				case 2:
					r := Rank(rapid.IntRange(0, int(ranks)-1).Draw(rt, "leaves"))
					if inside[r].Load() > 0 {
						inside[r].Add(-1)
						g.Leave(r)
					}
				case 3:
					g.call()
					g.judge(rapid.IntRange(0, 10*few).Draw(rt, "stood ready"), few, 1)
				case 4:
					if len(cancels) > 0 {
						cancels[rapid.IntRange(0, len(cancels)-1).Draw(rt, "who")]()
					}
				}
				synctest.Wait()
				s, reads := g.State(), inside[Read].Load()
				if n := inside[Cheap].Load() + inside[Work].Load() + reads; int64(s.Inside) != n || int64(s.Waiting) != waiting.Load() {
					rt.Fatalf("%+v, and %d are inside, %d wait", s, n, waiting.Load())
				}
				if reads > int64(g.reads) {
					rt.Fatalf("%d reads, of %d", reads, g.reads)
				}
				if g.pressed && rapid.Bool().Draw(rt, "looks") {
					g.call()
					synctest.Wait()
					s, reads = g.State(), inside[Read].Load()
				} else if g.pressed {
					continue
				}
				if others := g.waiting[Cheap].n + g.waiting[Work].n; s.Inside < s.Limit && (others > 0 || s.Waiting > 0 && reads < int64(g.reads)) {
					rt.Fatalf("%+v: somebody waits before room", s)
				}
			}
			for _, c := range cancels {
				c()
			}
		})
	})
}

// A processor with far more to do than it can is seen; an idle one is not taken for one.
func TestRunSeesAQueue(t *testing.T) {
	g := NewGate(1000, 1000)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { g.Run(ctx) })
	for range 50 {
		if err := g.Enter(ctx, Work); err != nil {
			t.Fatal(err)
		}
	}
	busy := make(chan struct{})
	for range 64 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-busy:
					return
				default:
				}
			}
		})
	}
	for g.State().Limit > 20 {
		time.Sleep(calm)
	}
	close(busy)
	for g.State().Limit < 1000 {
		time.Sleep(calm)
	}
	stop()
	all.Wait()
}
