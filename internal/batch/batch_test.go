package batch_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"charye/internal/batch"
)

// gate is a commit that can be held: it reports the size of each batch that reached it and goes on when told.
type gate struct {
	sizes chan int
	open  chan struct{}
}

func newGate() *gate { return &gate{sizes: make(chan int, 1000), open: make(chan struct{}, 1000)} }

func (g *gate) commit(_ context.Context, reqs []int) ([]string, error) {
	g.sizes <- len(reqs)
	<-g.open
	return answers(reqs), nil
}

func answers(reqs []int) []string {
	res := make([]string, len(reqs))
	for i, r := range reqs {
		res[i] = fmt.Sprint("answer to ", r)
	}
	return res
}

func TestOneCommitAnswersEverybodyWhoWaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := batch.New(g.commit, batch.Options{MaxBatch: 10, Waiting: 100})
		defer p.Stop()
		var wg sync.WaitGroup
		ask := func(n int) {
			wg.Go(func() {
				if got, err := p.Do(t.Context(), n); err != nil || got != fmt.Sprint("answer to ", n) {
					t.Errorf("%d got %q, %v", n, got, err)
				}
			})
		}
		ask(0)
		synctest.Wait()
		for n := 1; n <= 25; n++ {
			ask(n)
		}
		synctest.Wait()
		if w := p.Waiting(); w != 25 {
			t.Errorf("%d are waiting, want 25", w)
		}
		for range 4 {
			g.open <- struct{}{}
		}
		wg.Wait()
		for i, want := range []int{1, 10, 10, 5} {
			if got := <-g.sizes; got != want {
				t.Errorf("batch %d had %d requests, want %d", i+1, got, want)
			}
		}
	})
}

// Everybody gets their own answer, whatever the sizes.
func TestAnswersFindTheirRequests(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := batch.New(func(_ context.Context, reqs []int) ([]string, error) { return answers(reqs), nil },
			batch.Options{MaxBatch: rapid.IntRange(1, 20).Draw(t, "most"), Waiting: 200})
		defer p.Stop()
		var wg sync.WaitGroup
		var wrong atomic.Int64
		for n := range rapid.IntRange(0, 200).Draw(t, "requests") {
			wg.Go(func() {
				if got, err := p.Do(context.Background(), n); err != nil || got != fmt.Sprint("answer to ", n) {
					wrong.Add(1)
				}
			})
		}
		wg.Wait()
		if wrong.Load() != 0 {
			t.Fatalf("%d got no answer or another's", wrong.Load())
		}
	})
}

func TestFullRoomRefusesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := batch.New(g.commit, batch.Options{MaxBatch: 2, Waiting: 3})
		var wg sync.WaitGroup
		for n := range 4 {
			wg.Go(func() {
				if _, err := p.Do(t.Context(), n); err != nil {
					t.Errorf("%d: %v", n, err)
				}
			})
			synctest.Wait() // one in the commit, three in the room
		}
		start := time.Now()
		_, err := p.Do(t.Context(), 9)
		full, ok := errors.AsType[*batch.FullError](err)
		if !ok || !errors.Is(err, batch.ErrFull) || full.RetryAfter < time.Second || full.RetryAfter > 30*time.Second {
			t.Errorf("got %v, want a FullError with a time between 1 s and 30 s", err)
		}
		if time.Since(start) != 0 {
			t.Errorf("the refusal took %v", time.Since(start))
		}
		for range 3 {
			g.open <- struct{}{}
		}
		wg.Wait()
		g.open <- struct{}{}
		if _, err := p.Do(t.Context(), 10); err != nil {
			t.Errorf("with room again: %v", err)
		}
		p.Stop()
	})
}

// The time to come back follows from full batches, not from the many small ones before them.
func TestRetryAfterIsHonest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const commitTime = 20 * time.Millisecond // however many are in it
		p := batch.New(func(_ context.Context, reqs []int) ([]string, error) {
			time.Sleep(commitTime)
			return answers(reqs), nil
		}, batch.Options{MaxBatch: 100, Waiting: 10_000})
		defer p.Stop()
		for n := range 50 {
			if _, err := p.Do(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		var refused, told atomic.Int64
		for range 30 {
			for n := range 1000 {
				wg.Go(func() {
					_, err := p.Do(t.Context(), n)
					if full, ok := errors.AsType[*batch.FullError](err); ok {
						refused.Add(1)
						told.Store(int64(full.RetryAfter))
					}
				})
			}
			time.Sleep(5 * commitTime)
		}
		wg.Wait()
		// The room of 10,000 drains in 100 commits, 2 s.
		if got := time.Duration(told.Load()); refused.Load() == 0 || got < time.Second || got > 4*time.Second {
			t.Errorf("%d refused, told to come back in %v, the room drains in 2s", refused.Load(), got)
		}
	})
}

var errDisk = errors.New("disk")

func TestFailureFailsItsBatchOnly(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(reqs []int) ([]string, error){
		"error":           func([]int) ([]string, error) { return nil, errDisk },
		"panic":           func([]int) ([]string, error) { panic("broken") },
		"too few answers": func(reqs []int) ([]string, error) { return make([]string, len(reqs)-1), nil },
		"both":            func(reqs []int) ([]string, error) { return answers(reqs), errDisk },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				held := make(chan struct{})
				calls := 0
				p := batch.New(func(_ context.Context, reqs []int) ([]string, error) {
					calls++
					switch calls {
					case 1:
						<-held
					case 2:
						return fail(reqs)
					}
					return answers(reqs), nil
				}, batch.Options{MaxBatch: 5})
				defer p.Stop()
				var wg sync.WaitGroup
				var failed, answered atomic.Int64
				for n := range 11 {
					wg.Go(func() {
						got, err := p.Do(t.Context(), n)
						if err != nil && got == "" {
							failed.Add(1)
						} else if got == fmt.Sprint("answer to ", n) {
							answered.Add(1)
						}
					})
					synctest.Wait()
				}
				close(held)
				wg.Wait()
				if failed.Load() != 5 || answered.Load() != 6 {
					t.Errorf("%d failed and %d were answered, want 5 and 6", failed.Load(), answered.Load())
				}
			})
		})
	}
}

func TestStopAnswersAllWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := batch.New(g.commit, batch.Options{MaxBatch: 2})
		var wg sync.WaitGroup
		for n := range 7 {
			wg.Go(func() {
				if _, err := p.Do(t.Context(), n); err != nil {
					t.Errorf("%d: %v", n, err)
				}
			})
		}
		synctest.Wait()
		stopped := make(chan struct{})
		go func() { p.Stop(); p.Stop(); close(stopped) }()
		synctest.Wait()
		select {
		case <-stopped:
			t.Error("stopped while seven waited")
		default:
		}
		if _, err := p.Do(t.Context(), 8); !errors.Is(err, batch.ErrStopped) {
			t.Errorf("a request after Stop: %v", err)
		}
		close(g.open)
		wg.Wait()
		<-stopped
	})
}

func TestWhoGivesUpDoesNotHoldTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := batch.New(g.commit, batch.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Do(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		close(g.open)
		if got, err := p.Do(t.Context(), 2); err != nil || got != "answer to 2" {
			t.Errorf("the next got %q, %v", got, err)
		}
		p.Stop()
	})
}

func TestCommitHasADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := batch.New(func(ctx context.Context, _ []int) ([]string, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, batch.Options{Timeout: 3 * time.Second})
		start := time.Now()
		if _, err := p.Do(t.Context(), 1); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		p.Stop()
	})
}

func BenchmarkDo(b *testing.B) {
	p := batch.New(func(_ context.Context, reqs []int) ([]int, error) { return reqs, nil }, batch.Options{Waiting: 1 << 16})
	defer p.Stop()
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := p.Do(b.Context(), 1); err != nil {
				b.Error(err)
			}
		}
	})
}

// TestSizes: requests of different sizes are taken in order, none is left, and a batch is larger than its bound only where one request alone is.
func TestSizes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(0, 12), 1, 30).Draw(r, "sizes")
		const most = 10
		first, hold := make(chan struct{}), make(chan struct{})
		var order []int
		p := batch.NewSized(func(_ context.Context, reqs []int) ([]string, error) {
			if len(order) == 0 {
				close(first)
				<-hold
			}
			sum := 0
			for _, n := range reqs {
				sum += sizes[n]
			}
			if sum > most && len(reqs) > 1 {
				r.Errorf("%d together, in %d requests", sum, len(reqs))
			}
			order = append(order, reqs...)
			return answers(reqs), nil
		}, func(n int) int { return sizes[n] }, batch.Options{MaxBatch: 8, Waiting: 64, MaxSize: most})
		var wg sync.WaitGroup
		for n := range sizes {
			wg.Go(func() {
				if got, err := p.Do(t.Context(), n); err != nil || got != fmt.Sprint("answer to ", n) {
					r.Errorf("%d got %q, %v", n, got, err)
				}
			})
			if n == 0 {
				<-first
			}
			for n > 0 && p.Waiting() < n { // one after the other
				runtime.Gosched()
			}
		}
		close(hold)
		wg.Wait()
		p.Stop()
		for i, n := range order {
			if i != n {
				r.Fatalf("answered in the order %v", order)
			}
		}
	})
}
