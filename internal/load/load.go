// Package load holds back what can be asked again when the processor has more to do than it can, so that what must not be held back
// goes on: who was let in books, whatever others ask.
//
// It owns the measure of overload (work that stands ready and waits for a processor) and the bound on what runs at once. It must not
// know what is asked.
package load

import (
	"context"
	"errors"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// ErrBusy refuses what waited as long as it may, or found too many waiting.
var ErrBusy = errors.New("more is asked than can be answered")

// Rank says who goes first of those held back.
type Rank int

// The ranks.
const (
	Cheap Rank = iota // the same answer for everybody, made once
	Work              // joining, and one's place
	Read              // what is read from the stores for one person
	ranks
)

// Patience is how long somebody is held back before they are refused. It is short beside what a browser waits, and long beside the
// time in which a crowd that asks again at once could fill the processor with refusals alone.
const Patience = 2 * time.Second

const (
	calm    = 2 * time.Millisecond   // how often it is looked what stands ready
	pressed = 250 * time.Microsecond // and how often while the gate is pressed
	judged  = 16 * time.Millisecond  // what stands ready at every look of such a time is a queue, not a burst
	few     = 4                      // less than so much for each processor is no queue, as long as nobody hurries
)

// Gate bounds how many pass at once. While the processor keeps up, as many pass as come. While work stands ready and waits for it, whoever
// comes waits, and is let in when nothing stands ready: those who are called one after the other by each other would keep the processor
// from all others. Safe for concurrent use.
type Gate struct {
	most  int        // bound on those that have passed or wait
	reads int        // bound on those of rank Read that have passed
	ready func() int // how much stands ready and waits for a processor
	left  chan struct{}

	urgent atomic.Int64 // who is never held back and is on the way

	mu      sync.Mutex
	pressed bool // limit is below most
	limit   int  // bound on those that have passed
	inside  int  // who have passed
	reading int  // of them of rank Read
	waiting [ranks]queue
}

// queue is first in, first out; who gave up is skipped.
type queue struct {
	list []*waiter
	head int
	n    int // of them who still wait
}

type waiter struct {
	passed chan struct{}
	gone   bool
}

// NewGate makes a gate through which so many may be at once when the processor keeps up, waiting included; and so many of rank Read
// at any time, which is fewer than the stores have connections for reading: a booking never waits behind them for one.
func NewGate(most, reads int) *Gate {
	return &Gate{most: most, limit: most, reads: reads, ready: runnable, left: make(chan struct{}, 1)}
}

var samples = sync.Pool{New: func() any { return &[]metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}} }}

func runnable() int {
	s := samples.Get().(*[]metrics.Sample)
	defer samples.Put(s)
	metrics.Read(*s)
	return int((*s)[0].Value.Uint64())
}

// Enter waits until one more may pass. Who has passed must [Gate.Leave] with the same rank. Errors: [ErrBusy], and the context's own.
func (g *Gate) Enter(ctx context.Context, r Rank) error {
	g.mu.Lock()
	if !g.pressed && g.room(r) && g.waiting[r].n == 0 {
		g.enter(r)
		g.mu.Unlock()
		return nil
	}
	if g.inside+g.held() >= g.most {
		g.mu.Unlock()
		return ErrBusy
	}
	w := &waiter{passed: make(chan struct{})}
	g.waiting[r].push(w)
	g.mu.Unlock()
	patience := time.NewTimer(Patience)
	defer patience.Stop()
	var err error
	select {
	case <-w.passed:
		return nil
	case <-patience.C:
		err = ErrBusy
	case <-ctx.Done():
		err = ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.passed: // at the last moment
		return nil
	default:
	}
	w.gone = true
	g.waiting[r].n--
	return err
}

// Leave ends what Enter began.
func (g *Gate) Leave(r Rank) {
	g.mu.Lock()
	g.inside--
	if r == Read {
		g.reading--
	}
	switch {
	case !g.pressed || g.held() > 0 && g.ready() < g.few():
		g.pass()
	case g.held() > 0:
		select {
		case g.left <- struct{}{}:
		default: // it is told already
		}
	}
	g.mu.Unlock()
}

// Hurry says that somebody who is never held back is on the way: until they [Gate.Arrive] nobody is let in at a gate that is pressed as long as anything
// at all stands ready.
func (g *Gate) Hurry() { g.urgent.Add(1) }

// Arrive ends what Hurry began.
func (g *Gate) Arrive() { g.urgent.Add(-1) }

// few is how much that stands ready is a queue.
func (g *Gate) few() int {
	if g.urgent.Load() > 0 {
		return runtime.GOMAXPROCS(0)
	}
	return few * runtime.GOMAXPROCS(0)
}

// The following want g.mu to be held.

func (g *Gate) room(r Rank) bool { return g.inside < g.limit && (r != Read || g.reading < g.reads) }

func (g *Gate) enter(r Rank) {
	g.inside++
	if r == Read {
		g.reading++
	}
}

func (g *Gate) held() (n int) {
	for r := range g.waiting {
		n += g.waiting[r].n
	}
	return n
}

// pass lets in who may.
func (g *Gate) pass() {
	for r := range ranks {
		for g.room(r) {
			w := g.waiting[r].pop()
			if w == nil {
				break
			}
			g.enter(r)
			close(w.passed)
		}
	}
}

func (q *queue) push(w *waiter) {
	q.list = append(q.list, w)
	q.n++
}

func (q *queue) pop() *waiter {
	for q.head < len(q.list) {
		w := q.list[q.head]
		q.list[q.head] = nil
		q.head++
		if 2*q.head > len(q.list) {
			q.list = q.list[:copy(q.list, q.list[q.head:])]
			q.head = 0
		}
		if !w.gone {
			q.n--
			return w
		}
	}
	return nil
}

// State is what a gate does at the moment.
type State struct{ Limit, Inside, Waiting int }

// State tells it, for metrics.
func (g *Gate) State() State {
	g.mu.Lock()
	defer g.mu.Unlock()
	return State{g.limit, g.inside, g.held()}
}

// Run looks after the gate until ctx ends. Without it a gate is wide open.
func (g *Gate) Run(ctx context.Context) {
	defer g.open()
	go g.usher(ctx)
	every := calm
	tick := time.NewTicker(every)
	defer tick.Stop()
	least, since := -1, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n := g.ready()
		if least < 0 || n < least {
			least = n
		}
		if n < g.few() {
			g.call()
		}
		now := time.Now()
		if now.Sub(since) < judged {
			continue
		}
		want := calm
		if g.judge(least, g.few(), runtime.GOMAXPROCS(0)) {
			want = pressed
		}
		if want != every {
			every = want
			tick.Reset(every)
		}
		least, since = -1, now
	}
}

// usher lets in whoever waits as soon as what stood ready when somebody left has had its turn. It steps back behind all others each time:
// so it comes when they are through, and not at the next look.
func (g *Gate) usher(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.left:
		}
		for g.ready() >= g.few() && ctx.Err() == nil {
			runtime.Gosched()
		}
		g.call()
	}
}

// call lets in who waits at a gate that is pressed.
func (g *Gate) call() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pressed {
		g.pass()
	}
}

func (g *Gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit, g.pressed = g.most, false
	g.pass()
}

// judge moves the limit by how much stood ready at every look. A queue takes it down, the longer the
// queue the further: by a quarter at least, to a sixteenth at most, and to one for each processor at the end. Without a queue it goes up
// by a tenth and one. Either way some are let in, so that nobody waits for ever. It tells whether the gate is pressed.
func (g *Gate) judge(ready, few, processors int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if ready >= few {
		now := min(g.limit, max(g.inside, processors))
		g.limit = max(processors, now/16, min(now*3/4, now*few/ready))
	} else {
		g.limit = min(g.most, g.limit+g.limit/10+1)
	}
	g.pressed = g.limit < g.most
	g.pass()
	return g.pressed
}
