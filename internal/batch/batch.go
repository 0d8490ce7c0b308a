// Package batch is the heart of throughput: requests join a pool, one goroutine owns it, one durable commit answers
// everybody in it.
//
// The waiting room is bounded. When it is full, [Pool.Do] refuses at once with [ErrFull] and a time to come back; a
// backlog never grows. The package knows nothing of what it carries.
package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrFull is what Do returns, wrapped in a [*FullError], when the waiting room has no space.
var ErrFull = errors.New("waiting room is full")

// ErrStopped is what Do returns after [Pool.Stop].
var ErrStopped = errors.New("batch pool has stopped")

// FullError says that the pool refused a request before it was looked at. Nothing was done; trying again later is safe.
type FullError struct {
	// RetryAfter is an honest guess of when there is room again: how long the present backlog takes at the measured speed.
	RetryAfter time.Duration
}

func (e *FullError) Error() string { return fmt.Sprintf("%v: retry after %v", ErrFull, e.RetryAfter) }

// Unwrap makes errors.Is(err, ErrFull) true.
func (e *FullError) Unwrap() error { return ErrFull }

// Commit makes a whole batch durable and gives one result for each request, in the same order. An error means that
// nothing of the batch took effect; it is then delivered to every request of it, and the pool goes on with the next.
// Commit is only ever called from the pool's one goroutine.
type Commit[Req, Res any] func(ctx context.Context, batch []Req) ([]Res, error)

// Options bound a pool. Zero values take the defaults.
type Options struct {
	MaxBatch int           // most requests in one commit; default 1024
	Waiting  int           // most requests waiting for the next commit; default 8192
	Timeout  time.Duration // one commit; default 10 s: better fail a batch than pile up behind it
	MaxSize  int           // most that the requests of one commit may come to together, if they are more than one; 0: no bound
}

type item[Req, Res any] struct {
	req  Req
	done chan result[Res]
}

type result[Res any] struct {
	res Res
	err error
}

// Pool collects concurrent requests into batches. Its methods are safe for concurrent use.
type Pool[Req, Res any] struct {
	commit Commit[Req, Res]
	size   func(Req) int
	opts   Options
	in     chan item[Req, Res]

	mu      sync.RWMutex // guards stopped against sends on in
	stopped bool

	finished chan struct{}

	perItem perItem
}

// New starts a pool; its goroutine ends after [Pool.Stop].
func New[Req, Res any](commit Commit[Req, Res], opts Options) *Pool[Req, Res] {
	return NewSized(commit, func(Req) int { return 0 }, opts)
}

// NewSized is New where requests are of different sizes, whose sum in one batch is bounded by MaxSize.
func NewSized[Req, Res any](commit Commit[Req, Res], size func(Req) int, opts Options) *Pool[Req, Res] {
	if opts.MaxBatch <= 0 {
		opts.MaxBatch = 1024
	}
	if opts.Waiting <= 0 {
		opts.Waiting = 8192
	}
	if opts.Timeout <= 0 {
		opts.Timeout = 10 * time.Second
	}
	p := &Pool[Req, Res]{
		commit:   commit,
		size:     size,
		opts:     opts,
		in:       make(chan item[Req, Res], opts.Waiting),
		finished: make(chan struct{}),
	}
	go p.run()
	return p
}

// Do puts one request into the next batch and waits for its result. If ctx ends first, Do returns its error while the
// request may still take effect: callers make their requests idempotent. A full pool answers [*FullError] at once.
func (p *Pool[Req, Res]) Do(ctx context.Context, req Req) (Res, error) {
	var zero Res
	it := item[Req, Res]{req: req, done: make(chan result[Res], 1)}
	p.mu.RLock()
	if p.stopped {
		p.mu.RUnlock()
		return zero, ErrStopped
	}
	select {
	case p.in <- it:
		p.mu.RUnlock()
	default:
		p.mu.RUnlock()
		return zero, &FullError{RetryAfter: p.drainTime()}
	}
	select {
	case r := <-it.done:
		return r.res, r.err
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}

// Waiting is how many requests wait for the next batch.
func (p *Pool[Req, Res]) Waiting() int { return len(p.in) }

// Stop refuses new requests, answers all that wait, and returns when the last is answered. It may be called twice.
func (p *Pool[Req, Res]) Stop() {
	p.mu.Lock()
	if !p.stopped {
		p.stopped = true
		close(p.in)
	}
	p.mu.Unlock()
	<-p.finished
}

func (p *Pool[Req, Res]) run() {
	defer close(p.finished)
	items := make([]item[Req, Res], 0, p.opts.MaxBatch)
	reqs := make([]Req, 0, p.opts.MaxBatch)
	var next *item[Req, Res] // taken, but too large for the batch before
	for {
		first := next
		if next = nil; first == nil {
			it, ok := <-p.in
			if !ok {
				return
			}
			first = &it
		}
		items = append(items[:0], *first)
		size := p.size(first.req)
	fill:
		for len(items) < p.opts.MaxBatch {
			select {
			case it, ok := <-p.in:
				if !ok {
					break fill
				}
				if size += p.size(it.req); p.opts.MaxSize > 0 && size > p.opts.MaxSize {
					next = &it
					break fill
				}
				items = append(items, it)
			default:
				break fill
			}
		}
		reqs = reqs[:0]
		for _, it := range items {
			reqs = append(reqs, it.req)
		}
		start := time.Now()
		results, err := p.one(reqs)
		p.perItem.add(time.Since(start), len(items), p.opts.MaxBatch)
		for i, it := range items {
			if err != nil {
				it.done <- result[Res]{err: err}
				continue
			}
			it.done <- result[Res]{res: results[i]}
		}
		clear(items)
		clear(reqs)
	}
}

func (p *Pool[Req, Res]) one(reqs []Req) (results []Res, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), p.opts.Timeout)
	defer cancel()
	// A panic in a commit must not leave a thousand callers waiting for ever; they get an error and the process reports it.
	defer func() {
		if r := recover(); r != nil {
			results, err = nil, fmt.Errorf("batch commit panicked: %v", r)
		}
	}()
	results, err = p.commit(ctx, reqs)
	if err == nil && len(results) != len(reqs) {
		return nil, fmt.Errorf("batch commit gave %d results for %d requests", len(results), len(reqs))
	}
	return results, err
}

func (p *Pool[Req, Res]) drainTime() time.Duration {
	d := p.perItem.get() * time.Duration(p.opts.Waiting)
	return min(max(d, time.Second), 30*time.Second).Round(time.Second)
}

// perItem is the measured time a request takes, which one goroutine writes and many read.
type perItem struct {
	mu sync.Mutex
	v  time.Duration
}

// add tells that n requests took d together. A batch counts by its size: most of a commit's time does not depend on how
// many are in it, so that many small ones say little of how fast a backlog goes.
func (e *perItem) add(d time.Duration, n, maxBatch int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	each := d / time.Duration(n)
	if e.v == 0 {
		e.v = each
		return
	}
	e.v += time.Duration(float64(each-e.v) * float64(n) / float64(n+maxBatch))
}

func (e *perItem) get() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.v
}
