package rush

import (
	"context"
	"math"
	"sync"
	"time"
)

// action is what a job does.
type action uint8

const (
	doJoin action = iota
	doVisit
	doLook // a second window glances at the line
	doPoll
	doPass
	doSites
	doSlots
	doHold
	doBook
	doMine
	doChange
	doCancel
	doRegister
	doAttack // arg: the moment of the walk at which a cheat tries
)

// prepare makes the crowd and fixes all arrivals.
func (r *runner) prepare() {
	r.arrivals = schedule(r.sc, r.seed, r.gathers, r.opens)
	ineligible := int(math.Round(float64(r.sc.Arrivals) * r.sc.Ineligible))
	n := r.sc.Eligible + ineligible
	r.helpers = make(map[uint32]*helped, len(r.cfg.Recipients))
	helping := min(len(r.cfg.Recipients), r.sc.Eligible)
	r.crowd.people = make([]person, n+helping)
	r.standing[away].Store(int64(n + helping))
	rnd := traits(r.seed, 0, 'p')
	for i := range helping {
		who := uint32(n + i)
		// Two recipients for each helper; helpers are spread over the eligible people and are in the line themselves.
		helper := uint32(uint64(i/2) * uint64(r.sc.Eligible) / uint64(helping/2+1))
		r.helpers[who] = &helped{helper: helper, who: r.cfg.Recipients[i]}
		r.crowd.people[who].flags |= isHelped
		r.push(r.sc.moment(&rnd, r.gathers, r.opens), who, doRegister, 0)
	}
	r.prepareCheats(n)
}

// drive runs until everybody is where they end, or MaxDuration is over.
func (r *runner) drive(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, r.gathers+r.cfg.MaxDuration)
	defer stop()
	var hands sync.WaitGroup
	for i := range r.cfg.Conns {
		w := &worker{r: r, c: r.newConn(), rnd: traits(r.seed, uint32(i), 'w')}
		hands.Go(func() { w.work(r.jobs) })
	}
	for i := range min(24, r.cfg.Conns) {
		a := newAttacker(r, uint32(i))
		hands.Go(func() { a.work(r.attackJobs) })
	}
	r.dispatch(ctx)
	close(r.jobs)
	close(r.attackJobs)
	hands.Wait()
	return nil
}

// dispatch hands out what is due. It blocks when all hands are busy: intended times stay as they were fixed.
func (r *runner) dispatch(ctx context.Context) {
	beat := time.NewTicker(tick)
	defer beat.Stop()
	var due []job
	next := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		now := r.now()
		for next < len(r.arrivals) && unpack(r.arrivals[next].at) <= now {
			a := r.arrivals[next]
			next++
			r.open.Add(1)
			r.arrived.Add(1)
			if !r.hand(ctx, job{unpack(a.at), a.who, doVisit, uint8(a.kind)}) {
				return
			}
		}
		due = r.wheel.due(now, due[:0])
		for _, j := range due {
			if !r.hand(ctx, j) {
				return
			}
		}
		if next > 0 && next < len(r.arrivals) && now < r.opens {
			r.phase.Store("gathering")
		} else if now >= r.opens {
			r.phase.Store("open")
		}
		if next == len(r.arrivals) && r.finished(now) {
			r.complete = true
			return
		}
	}
}

func (r *runner) hand(ctx context.Context, j job) bool {
	to := r.jobs
	if j.do == doAttack {
		to = r.attackJobs
	}
	select {
	case to <- j:
		return true
	case <-ctx.Done():
		return false
	}
}

// finished: nobody has anything left to do. After the stock is gone those who still wait would only learn at their next
// poll that they are standby; the recount asks each of them once instead.
func (r *runner) finished(now time.Duration) bool {
	open := r.open.Load()
	if open == 0 {
		return true
	}
	since := time.Duration(r.soldOutSince.Load())
	return since > 0 && now-since > r.cfg.Settle && open == r.polls.Load()
}

// worker is one pair of hands with one connection.
type worker struct {
	r    *runner
	c    *conn
	rnd  rng
	path []byte
	body []byte
}

func (w *worker) work(jobs <-chan job) {
	defer w.c.close()
	for j := range jobs {
		switch j.do {
		case doVisit:
			w.visit(j)
		case doJoin:
			w.join(j)
		case doLook:
			w.look(j)
		case doPoll:
			w.poll(j)
		case doPass:
			w.enter(j)
		case doSites:
			w.sites(j)
		case doSlots:
			w.slots(j)
		case doHold:
			w.hold(j)
		case doBook:
			w.book(j)
		case doMine:
			w.mine(j)
		case doChange:
			w.change(j)
		case doCancel:
			w.cancel(j)
		case doRegister:
			w.register(j)
		}
		w.r.done(j)
	}
}

// again schedules the same job anew after a delay.
func (w *worker) again(j job, after time.Duration) {
	w.r.push(w.r.now()+after, j.who, j.do, j.arg)
}

// call sends one request of a member of the crowd and keeps the books. Now and then the network is lost on the way.
func (w *worker) call(k callKind, q *request, j job) (answer, error) {
	r := w.r
	p := r.crowd.lock(j.who)
	if p.requests < math.MaxUint16 {
		p.requests++
	}
	cheat := p.flags&isCheat != 0
	r.crowd.unlock(j.who)
	r.tally.sent.Add(1)
	if !cheat {
		r.tally.honest[k].Add(1)
	}
	began := r.now()
	if w.rnd.chance(r.sc.Lose) {
		r.tally.cut.Add(1)
		return answer{}, w.c.cut(q, w.rnd.chance(0.5), r.cfg.Timeout)
	}
	a, err := w.c.do(q, r.cfg.Timeout)
	now := r.now()
	if err != nil {
		r.tally.lost.Add(1)
		r.tally.failed(k, 0, kindOf(err))
		return a, err
	}
	r.tally.call(k, now-min(j.at, began), now-began)
	r.series.count(now, k, a.status)
	return a, nil
}

// setback handles what is not an answer to the question: a broken connection, a server that is full or in trouble. It
// schedules the job again and reports true; the caller is done.
func (w *worker) setback(k callKind, j job, a answer, err error) bool {
	if err == nil && a.status < 500 && a.status != 429 {
		return false
	}
	p := w.r.crowd.lock(j.who)
	if p.tries < 20 {
		p.tries++
	}
	tries := p.tries
	w.r.crowd.unlock(j.who)
	if err == nil && a.status == 500 && tries >= 8 {
		w.r.findings.add("server-error", "%s answered 500 again and again: %s", callNames[k], readProblem(a.body).code)
		w.end(j.who, w.broken(j.who))
		return true
	}
	delay := min(200*time.Millisecond<<min(tries, 5), 5*time.Second)
	if err == nil {
		w.r.tally.failed(k, a.status, readProblem(a.body).code)
		if a.retryAfter >= 0 {
			delay = max(a.retryAfter, 100*time.Millisecond)
		}
	}
	w.again(j, time.Duration(float64(delay)*(1+w.rnd.unit()/2)))
	return true
}

// broken is where a person ends whom the server keeps failing: what they have they keep.
func (w *worker) broken(who uint32) standing {
	p := w.r.crowd.lock(who)
	defer w.r.crowd.unlock(who)
	if p.state.over() {
		return p.state
	}
	return unseated
}

// calm forgets earlier setbacks of a person.
func (p *person) calm() { p.tries = 0 }

// think is how long a person takes for the next step.
func (w *worker) think() time.Duration {
	return time.Duration((0.3 + 0.7*w.rnd.exp()) * float64(w.r.sc.Think))
}
