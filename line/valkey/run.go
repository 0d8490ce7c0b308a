package valkey

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valkey-io/valkey-go"

	"charye/line"
)

const (
	stepEvery  = 250 * time.Millisecond
	redrawWait = 5 * time.Second
	// complainEvery keeps a store that is away from filling the log.
	complainEvery = 10 * time.Second

	// rotateAfter is how long people stay pending at least, and so how much a bucket's failover may lose and have back.
	rotateAfter  = 10 * time.Second
	rotateBeyond = 500_000 // people; then the pending go sooner

	// mostWaves and lately bound how far back a new holder of the lease reads the steps of admission.
	mostWaves = 2400
	lately    = 10 * time.Minute
)

// Run implements [line.Line]: a step every quarter of a second, of every campaign by itself. A step that fails is logged
// and tried again; until it succeeds nobody more is admitted by this node. It returns nil when ctx ends, and gives the
// leases back.
func (l *Line) Run(ctx context.Context) error {
	var lanes sync.WaitGroup
	for _, ln := range l.lanes {
		lanes.Go(func() { l.runLane(ctx, ln) })
		lanes.Go(func() { l.runJournal(ctx, ln) })
	}
	lanes.Wait()
	return nil
}

func (l *Line) runLane(ctx context.Context, ln *lane) {
	t := time.NewTicker(stepEvery)
	defer t.Stop()
	var draws sync.WaitGroup
	var complained time.Time
	for ctx.Err() == nil {
		err := l.turn(ctx, ln, func(work func() error) error {
			draws.Go(func() {
				if err := work(); err != nil && ctx.Err() == nil {
					l.log.ErrorContext(ctx, "the draw, or the filling of a lost store, failed and will be tried again", slog.Any("error", err))
				}
			})
			return nil
		})
		if err != nil && ctx.Err() == nil && time.Since(complained) >= complainEvery {
			complained = time.Now()
			l.log.ErrorContext(ctx, "admission stands still and will be tried again",
				slog.Uint64("campaign", uint64(ln.cfg.Campaign)), slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	draws.Wait()
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	// Not given back, the lease runs out by itself.
	_, _ = l.run(release, call{releaseScript, []string{ln.keys.own("lease")}, []string{l.node}})
}

// Step is one turn of Run, for tests and tools that own the clock: when it returns, what is due is drawn and admission is
// advanced, if this node has the lease or it was free.
func (l *Line) Step(ctx context.Context) error {
	var errs []error
	for _, ln := range l.lanes {
		ln.step.Lock()
		ln.redraw = time.Time{}
		ln.step.Unlock()
		errs = append(errs, l.turn(ctx, ln, func(work func() error) error { return work() }))
	}
	return errors.Join(errs...)
}

// beat is what the store says of a line.
type beat struct {
	token    string // of the lease, if this node has it
	gen      int64
	joined   int64
	gathered int64
	admitted uint32
	drawn    string // the token it was drawn under; "" before
	drawnAt  time.Time
	entrants int
	sha      string
	inside   int64
	shown    shown
	holes    []hole
	gaps     int64
}

// shown is what the holder of the lease publishes of its door for the other nodes.
type shown struct {
	PerMinute float64
	Pace      line.Pace
	Moved     time.Time
	SoldOut   bool
}

// beat reads where a line stands; with lease it takes or renews that.
func (l *Line) beat(ctx context.Context, ln *lane, now time.Time, lease bool) (beat, error) {
	life := int64(0)
	if lease {
		life = l.opts.Lease.Milliseconds()
	}
	gen := ln.gen.Load()
	asked := time.Now()
	do := l.run
	if lease && ln.opened(now) == "1" && ln.gathered.Load() < 0 {
		do = l.runDurably // it may fix how many gathered
	}
	r, err := do(ctx, call{beatScript, []string{
		ln.keys.own("line"), ln.keys.own("lease"), ln.keys.own("inside"),
		ln.keys.gen("pending", gen), ln.keys.gen("pending", gen-1), ln.keys.gen("open", gen-1),
	}, []string{ln.epochNow(), l.node, strconv.FormatInt(life, 10), strconv.FormatInt(now.Unix(), 10), ln.opened(now),
		strconv.FormatInt(gen, 10), strconv.FormatInt(rotateAfter.Milliseconds(), 10), strconv.Itoa(rotateBeyond), l.mostSkew()}})
	if err != nil {
		return beat{}, err
	}
	b, store, err := readBeat(r)
	if err != nil {
		return beat{}, err
	}
	if l.opts.Skew > 0 {
		skewed := now.Sub(store).Abs() > l.opts.Skew+time.Since(asked)
		if ln.skewed.Swap(skewed) != skewed && skewed {
			l.log.ErrorContext(ctx, "this node's clock is not the store's; it serves nobody", slog.Duration("apart", now.Sub(store)))
		}
		if skewed {
			ln.mu.Lock()
			ln.token, ln.door = "", nil // it leads no more
			ln.mu.Unlock()
			return beat{}, ErrClock
		}
	}
	ln.gen.Store(b.gen)
	grow(&ln.joined, b.joined)
	ln.gaps.Store(b.gaps)
	if err := ln.fixGathered(b.gathered); err != nil {
		return beat{}, err
	}
	ln.inside.Store(b.inside)
	return b, nil
}

// fixGathered takes over how many gathered, as the store says; a number that changes is a store that went back.
func (ln *lane) fixGathered(n int64) error {
	if n < 0 || ln.gathered.CompareAndSwap(-1, n) || ln.gathered.Load() == n {
		return nil
	}
	return fmt.Errorf("%w: %d gathered, it was %d", ErrDamaged, n, ln.gathered.Load())
}

func readBeat(r valkey.ValkeyResult) (b beat, store time.Time, err error) {
	a, err := r.ToArray()
	if err != nil {
		return b, store, wrap(err)
	}
	if len(a) != 14 {
		return b, store, fmt.Errorf("%w: a beat of %d parts", ErrDamaged, len(a))
	}
	num := func(i int) int64 {
		n, e := a[i].AsInt64()
		err = errors.Join(err, e)
		return n
	}
	text := func(i int) string {
		s, e := a[i].ToString()
		err = errors.Join(err, e)
		return s
	}
	b = beat{token: text(0), gen: num(2), joined: num(3), gathered: num(4), admitted: uint32(num(5)), drawn: text(6),
		drawnAt: time.UnixMilli(num(7)).UTC(), entrants: int(num(8)), sha: text(9), inside: num(10), gaps: num(13)}
	store = time.UnixMilli(num(1))
	if s := text(11); s != "" {
		err = errors.Join(err, json.Unmarshal([]byte(s), &b.shown))
	}
	if s := text(12); s != "" {
		var e error
		b.holes, e = readHoles(s)
		err = errors.Join(err, e)
	}
	if err != nil {
		return b, store, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return b, store, nil
}

// turn is one step of one campaign. Draws and loading their outcome are given to work, which may run them beside.
func (l *Line) turn(ctx context.Context, ln *lane, work func(func() error) error) error {
	ln.step.Lock()
	defer ln.step.Unlock()
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	now := l.now()
	b, err := l.beat(ctx, ln, now, true)
	if errors.Is(err, ErrLost) || err == nil && ln.lost.Load() {
		if l.opts.Records != nil && ln.filling.CompareAndSwap(false, true) {
			return errors.Join(err, work(func() error {
				defer ln.filling.Store(false)
				ctx, cancel := context.WithTimeout(whole, fillTimeout)
				defer cancel()
				return l.refill(ctx, ln)
			}))
		}
		if err == nil {
			err = fmt.Errorf("%w: a part of it", ErrLost)
		}
	}
	if err != nil {
		return err
	}
	if err := l.raiseGathered(ctx, ln, b); err != nil {
		return err
	}
	if err := l.hold(ctx, ln, b, now); err != nil {
		return err
	}
	var errs []error
	// A draw that the store forgot in a failover is made again, with the same outcome.
	due := b.drawn == "" && b.token != "" && b.gathered >= 0 && !now.Before(ln.redraw)
	if ln.draw && (due || b.drawn != "" && !ln.order.Load().is(b.drawn)) && ln.drawing.CompareAndSwap(false, true) {
		ln.redraw = now.Add(redrawWait)
		errs = append(errs, work(func() error {
			defer ln.drawing.Store(false)
			ctx, cancel := context.WithTimeout(whole, drawTimeout)
			defer cancel()
			if b.drawn == "" {
				if err := l.drawNow(ctx, ln, b); err != nil {
					return fmt.Errorf("draw of campaign %d: %w", ln.cfg.Campaign, err)
				}
				var err error
				if b, err = l.beat(ctx, ln, l.now(), false); err != nil {
					return err
				}
			}
			return l.loadOrder(ctx, ln, b)
		}))
	}
	if b.token != "" {
		errs = append(errs, l.repair(ctx, ln), l.readClaims(ctx, ln), l.hearSpeeds(ctx, ln), l.advance(ctx, ln, b, now))
		return errors.Join(errs...)
	}
	errs = append(errs, l.tellSpeeds(ctx, ln))
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.publish(b, now)
	return errors.Join(errs...)
}

// hold makes the door when this node comes to have the lease, and drops it when it does no more.
func (l *Line) hold(ctx context.Context, ln *lane, b beat, now time.Time) error {
	ln.mu.Lock()
	same := ln.token == b.token
	ln.mu.Unlock()
	if same {
		return nil
	}
	var door *line.Door
	if b.token != "" {
		past, err := l.readWaves(ctx, ln, b.admitted, now)
		if err != nil {
			return err
		}
		door = line.NewDoor(ln.cfg, past)
		l.log.InfoContext(ctx, "has the lease", slog.Uint64("campaign", uint64(ln.cfg.Campaign)))
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.token, ln.door, ln.claims, ln.speeds = b.token, door, "-", "-"
	return nil
}

// readWaves gives the late steps of admission, oldest first, ending where admission stands.
func (l *Line) readWaves(ctx context.Context, ln *lane, admitted uint32, now time.Time) ([]line.Wave, error) {
	all, err := l.client.Do(ctx, l.client.B().Lrange().Key(ln.keys.own("waves")).Start(0).Stop(-1).Build()).AsStrSlice()
	if err != nil {
		return nil, wrap(err)
	}
	var past []line.Wave
	for _, s := range all {
		at, upTo, _ := strings.Cut(s, " ")
		ms, err1 := strconv.ParseInt(at, 10, 64)
		n, err2 := strconv.ParseUint(upTo, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if t := time.UnixMilli(ms).UTC(); now.Sub(t) <= lately && uint32(n) <= admitted {
			past = append(past, line.Wave{At: t, UpTo: uint32(n)})
		}
	}
	if n := len(past); admitted > 0 && (n == 0 || past[n-1].UpTo != admitted) {
		past = append(past, line.Wave{At: now.Add(-lately), UpTo: admitted})
	}
	return past, nil
}

// readClaims tells the door who took a pass since the last time.
func (l *Line) readClaims(ctx context.Context, ln *lane) error {
	const perRead = 1000
	for {
		ln.mu.Lock()
		from := ln.claims
		ln.mu.Unlock()
		entries, err := l.client.Do(ctx, l.client.B().Xrange().Key(ln.keys.own("claims")).Start(from).End("+").Count(perRead).Build()).AsXRange()
		if valkey.IsValkeyNil(err) {
			return nil
		}
		if err != nil {
			return wrap(err)
		}
		ln.mu.Lock()
		for _, e := range entries {
			for n := []byte(e.FieldValues["n"]); len(n) >= 4; n = n[4:] {
				ln.door.Claimed(binary.BigEndian.Uint32(n))
			}
			ln.claims = "(" + e.ID
		}
		ln.mu.Unlock()
		if len(entries) < perRead {
			return nil
		}
	}
}

// advance lets in as many as the door says: kept first, then visible.
func (l *Line) advance(ctx context.Context, ln *lane, b beat, now time.Time) error {
	ln.mu.Lock()
	c := line.Crowd{Live: int(ln.inside.Load()), Supply: ln.supply}
	switch {
	case !ln.draw:
		c.Numbers = uint32(ln.joined.Load())
	case ln.order.Load() != nil:
		c.Numbers, c.Gathered = uint32(ln.joined.Load()), int(ln.gathered.Load())
	}
	ln.door.Admit(now, b.admitted)
	if c.Numbers > 0 && ln.door.Admitted() > 0 {
		if behind := ln.skip(ln.door.Admitted(), b.holes); behind < c.Numbers {
			ln.door.Skip(now, behind)
		}
	}
	upTo := max(ln.door.Next(now, c), ln.door.Admitted())
	s := shown{PerMinute: ln.door.PerMinute(), Pace: ln.door.Pace(), Moved: ln.door.Moved(), SoldOut: ln.supply.SoldOut()}
	token, moves := ln.token, upTo > b.admitted
	ln.mu.Unlock()
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if moves { // before anybody can be told of it
		if err := l.raise(ctx, ln, line.Record{Admitted: upTo, Gathered: -1}); err != nil {
			return fmt.Errorf("admission: %w", err)
		}
	}
	admit := call{admitScript, []string{ln.keys.own("line"), ln.keys.own("waves")}, []string{
		ln.epochNow(), token, strconv.FormatUint(uint64(upTo), 10), strconv.FormatInt(now.UnixMilli(), 10), string(text), strconv.Itoa(mostWaves)}}
	if moves {
		_, err = l.runDurably(ctx, admit)
	} else {
		_, err = l.run(ctx, admit)
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if err != nil {
		if errors.Is(err, errFenced) {
			ln.token, ln.door = "", nil
		}
		return fmt.Errorf("admission: %w", err)
	}
	ln.door.Admit(now, upTo)
	b.admitted = upTo
	ln.publish(b, now)
	return nil
}

// publish makes a new view from what the store said; ln.mu is held. Admission never falls, whatever is said.
func (ln *lane) publish(b beat, now time.Time) {
	s := b.shown
	if ln.door != nil {
		s = shown{PerMinute: ln.door.PerMinute(), Pace: ln.door.Pace(), Moved: ln.door.Moved()}
	}
	before := ln.view.Load()
	if s.Pace == (line.Pace{}) { // a store that was just filled again does not know it; it is said within a second
		s.Pace, s.PerMinute, s.Moved = before.Pace, before.PerMinute, before.Moved
	}
	if ln.supply.Known {
		s.SoldOut = ln.supply.SoldOut()
	}
	ln.seen, ln.seenAt = time.Now(), now
	ln.view.Store(&line.View{
		Status: line.Status{
			Campaign: ln.cfg.Campaign, Joined: ln.places(), Gathered: int(max(ln.gathered.Load(), 0)),
			Drawn: ln.order.Load() != nil, Admitted: max(b.admitted, before.Admitted), PerMinute: s.PerMinute,
			SoldOut: s.SoldOut, At: now,
		},
		Pace: s.Pace, Moved: s.Moved, Supply: ln.supply,
	})
}
