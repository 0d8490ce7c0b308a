// Package sqlite is the embedded engine of the waiting line: an index in memory over an append-only SQLite file.
//
// Joins and passes each run on a batch pool, so that one durable commit answers everybody in it; memory changes only
// after the commit, and reading a place touches memory alone and never waits. Memory is a fold of the file's journals:
// after a commit whose outcome is in doubt, what really reached the file is read back before anything else is decided.
//
// It owns the file line.db and the lists draw-CAMPAIGN.bin beside it. It must not know of vaccines, sites, bookings or
// HTTP. One program at a time may have the file open for writing; constraints in the file refuse a second one's writes.
package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"math"
	mathrand "math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"charye/internal/batch"
	"charye/internal/clock"
	"charye/internal/durable"
	"charye/line"
	"charye/person"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrDamaged means that the file contradicts itself. The engine does not open rather than guess who stands where.
var ErrDamaged = errors.New("the line's file is damaged")

// Options are what an engine is opened with. Pseudonyms is needed; the rest has defaults.
type Options struct {
	Clock      clock.Func // default: the machine's clock
	Pseudonyms line.Pseudonyms
	Logger     *slog.Logger  // default: nothing is logged
	Joins      batch.Options // default: 4096 in one commit, 32768 waiting
	Passes     batch.Options // default: 2048 in one commit, 8192 waiting
}

// Line is the embedded engine. It implements [line.Line].
type Line struct {
	dir    string
	db     *durable.DB
	now    clock.Func
	names  line.Pseudonyms
	log    *slog.Logger
	lanes  map[uint32]*lane
	commit func(*sql.Tx) error // (*sql.Tx).Commit; tests let it fail

	joins  *batch.Pool[joinRequest, joinResult]
	passes *batch.Pool[passRequest, passResult]

	// Owned by the goroutine of the joins pool.
	lastJoin   int64 // id of the last row of joins that memory knows
	joinsDoubt bool  // the last commit's outcome is unknown

	// Owned by the goroutine of the passes pool.
	lastPass    int64
	passesDoubt atomic.Bool // written by that goroutine
	notedAt     int64       // of the last row of passes

	step       sync.Mutex // one step at a time
	wavesDoubt bool       // guarded by step

	counters counters
}

var _ line.Line = (*Line)(nil)

// lane is one campaign's line in memory.
type lane struct {
	cfg        line.Config
	draw       bool // by lot or by arrival, as a fact
	seed       [32]byte
	commitment [32]byte

	index    *index
	gathered atomic.Int64 // how many stand in the draw; -1 until the opening fixed it
	order    atomic.Pointer[order]
	inside   inside
	view     atomic.Pointer[line.View]
	drawing  atomic.Bool
	redraw   time.Time // guarded by Line.step: after a draw that failed, not before this

	mu     sync.Mutex // guards door and supply
	door   *line.Door
	supply line.Supply
}

// order is a draw that was done.
type order struct {
	numbers []uint32 // by seq - 1
	at      time.Time
	sha     [32]byte // of the list of entrants
}

// Open opens or creates the line of the given campaigns in dir. A campaign met for the first time gets its seed, on disk
// when this returns. What has been given out before (order, numbers, admission) stands, whatever the configs say now.
func Open(ctx context.Context, dir string, campaigns []line.Config, o Options) (*Line, error) {
	if o.Pseudonyms == nil {
		return nil, errors.New("line: pseudonyms are needed")
	}
	if o.Clock == nil {
		o.Clock = clock.System
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Joins == (batch.Options{}) {
		o.Joins = batch.Options{MaxBatch: 4096, Waiting: 32768}
	}
	if o.Passes == (batch.Options{}) {
		o.Passes = batch.Options{MaxBatch: 2048, Waiting: 8192}
	}
	l := &Line{
		dir: dir, now: o.Clock, names: o.Pseudonyms, log: o.Logger,
		lanes:  make(map[uint32]*lane, len(campaigns)),
		commit: (*sql.Tx).Commit,
	}
	for _, c := range campaigns {
		if err := c.Validate(); err != nil {
			return nil, err
		}
		if l.lanes[c.Campaign] != nil {
			return nil, fmt.Errorf("line: campaign %d is given twice", c.Campaign)
		}
		ln := &lane{cfg: c, draw: c.Draw, index: newIndex()}
		ln.inside.live = make(map[uint32]livePass)
		ln.gathered.Store(-1)
		l.lanes[c.Campaign] = ln
	}
	db, err := durable.Open(ctx, filepath.Join(dir, "line.db"), migrations)
	if err != nil {
		return nil, err
	}
	l.db = db
	if err := l.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open line: %w", err), db.Close())
	}
	l.joins = batch.New(l.commitJoins, o.Joins)
	l.passes = batch.New(l.commitPasses, o.Passes)
	return l, nil
}

// Close answers everybody who waits for a commit and closes the file. Run must have returned.
func (l *Line) Close() error {
	l.joins.Stop()
	l.passes.Stop()
	l.step.Lock()
	defer l.step.Unlock()
	return l.db.Close()
}

func (l *Line) lane(campaign uint32) (*lane, error) {
	ln := l.lanes[campaign]
	if ln == nil {
		return nil, line.ErrNoCampaign
	}
	return ln, nil
}

// number is a seq's number; 0 while it is not drawn.
func (ln *lane) number(seq uint32) uint32 {
	if !ln.draw {
		return seq
	}
	g := ln.gathered.Load()
	if g < 0 {
		return 0
	}
	if int64(seq) > g {
		return seq
	}
	if o := ln.order.Load(); o != nil {
		return o.numbers[seq-1]
	}
	return 0
}

// Place implements [line.Line]. It reads memory only.
func (l *Line) Place(_ context.Context, campaign uint32, who person.Key) (line.Place, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return line.Place{}, err
	}
	seq := ln.index.find(who)
	if seq == 0 {
		return line.Place{}, line.ErrNoPlace
	}
	return ln.place(who, seq, l.now()), nil
}

func (ln *lane) place(who person.Key, seq uint32, now time.Time) line.Place {
	p := line.Place{Campaign: ln.cfg.Campaign, Person: who, Seq: seq, Number: ln.number(seq)}
	return ln.cfg.Stand(p, ln.view.Load(), now, mathrand.Float64())
}

// Numbered implements [line.Line]. It reads memory only.
func (l *Line) Numbered(ctx context.Context, campaign uint32, after uint32, limit int) ([]person.Key, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return nil, err
	}
	n := ln.index.len()
	if after >= n || ln.draw && ln.order.Load() == nil {
		return nil, ctx.Err()
	}
	out := make([]person.Key, min(int(n-after), limit))
	for seq := uint32(1); seq <= n; seq++ {
		if at := int64(ln.number(seq)) - int64(after) - 1; at >= 0 && at < int64(len(out)) {
			out[at] = ln.index.key(seq)
		}
	}
	return out, ctx.Err()
}

// Near implements [line.Line]. It reads memory only.
func (l *Line) Near(_ context.Context, campaign uint32, within time.Duration) (uint32, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return 0, err
	}
	v := *ln.view.Load()
	v.Joined = int(ln.index.len())
	return ln.cfg.Near(&v, l.now(), within), nil
}

// Inside implements [line.Line]. It reads memory only.
func (l *Line) Inside(_ context.Context, campaign uint32, who person.Key) (bool, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return false, err
	}
	now := l.now()
	_, live := ln.inside.find(ln.index.find(who), now.Unix())
	return live && now.Before(ln.cfg.Closes), nil
}

// Leads implements [line.Line]: this is the only node.
func (l *Line) Leads(campaign uint32) bool { return l.lanes[campaign] != nil }

// Status implements [line.Line]. Admission and rate are as of the last step; the counts are of now.
func (l *Line) Status(_ context.Context, campaign uint32) (line.Status, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return line.Status{}, err
	}
	now := l.now()
	s := ln.view.Load().Status
	s.Joined = int(ln.index.len())
	s.Gathered = int(max(ln.gathered.Load(), 0))
	s.Drawn = ln.order.Load() != nil
	s.Inside = ln.inside.count(now.Unix())
	s.At = now
	return s, nil
}

// Supply implements [line.Line]. Sold out, or not any more, shows at once.
func (l *Line) Supply(campaign uint32, free, unbooked int) {
	ln := l.lanes[campaign]
	if ln == nil {
		return
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	before := ln.supply
	ln.supply.Known, ln.supply.Free, ln.supply.Unbooked = true, free, unbooked
	if before.SoldOut() != ln.supply.SoldOut() {
		v := *ln.view.Load()
		v.SoldOut = ln.supply.SoldOut()
		ln.view.Store(&v)
	}
}

// StandBy implements [line.Line].
func (l *Line) StandBy(campaign uint32, called uint32) {
	ln := l.lanes[campaign]
	if ln == nil {
		return
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.supply.Standby && ln.supply.Called == called {
		return
	}
	ln.supply.Standby, ln.supply.Called = true, called
	v := *ln.view.Load()
	v.Supply = ln.supply
	ln.view.Store(&v)
}

// Observe implements [line.Line].
func (l *Line) Observe(campaign uint32, latency time.Duration) {
	if ln := l.lanes[campaign]; ln != nil {
		ln.mu.Lock()
		ln.door.Observe(latency)
		ln.mu.Unlock()
	}
}

// publish makes a new view; ln.mu is held.
func (ln *lane) publish(now time.Time) {
	joined := ln.index.len()
	ln.view.Store(&line.View{
		Status: line.Status{
			Campaign: ln.cfg.Campaign, Joined: int(joined), Gathered: int(max(ln.gathered.Load(), 0)),
			Drawn: ln.order.Load() != nil, Admitted: ln.door.Admitted(), PerMinute: ln.door.PerMinute(),
			SoldOut: ln.supply.SoldOut(), At: now,
		},
		Pace: ln.door.Pace(), Moved: ln.door.Moved(), Supply: ln.supply,
	})
}

// write runs one durable transaction.
func (l *Line) write(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := l.db.W.BeginTx(ctx, nil)
	if err != nil {
		return durable.Wrap(err)
	}
	if err := fn(tx); err != nil {
		_ = tx.Rollback()
		return durable.Wrap(err)
	}
	if err := l.commit(tx); err != nil {
		_ = tx.Rollback()
		return durable.Wrap(err)
	}
	return nil
}

func newSeed() (s [32]byte) {
	_, _ = rand.Read(s[:]) // never fails: crypto/rand ends the program instead
	return s
}

// mostPlaces keeps seqs within their 32 bits.
const mostPlaces = math.MaxUint32 - 1
