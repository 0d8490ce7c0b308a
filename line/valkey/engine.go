// Package valkey is the waiting line's engine for many machines: any number of nodes over one Valkey or Redis (7 or
// later), a single one or a Cluster.
//
// It owns the keys under its prefix; the type keys lists them. It must not know of vaccines, sites, bookings or HTTP.
//
// People are spread by their key over buckets, and the buckets over the masters; the order of joining is one counter in
// the campaign's own slot, advanced once per batch. A batch asks the buckets first, then has the campaign's script give
// seqs to those nobody knows, then keeps them in the buckets. Between the last two steps they are pending in the
// campaign's slot, so two nodes that join one person at once give one seq, a node that dies in between leaves no gap, and
// a bucket that lost its last moments in a failover is filled again as its people come back.
//
// One node holds the lease, draws, and advances admission; its writes carry a fencing token that the scripts check, so one
// that comes back after losing it changes nothing.
//
// What is durable is what the store keeps: run it with appendonly on and replicas, and set [Options.Replicas] to have
// seqs, passes and admission wait until that many have them. A store, or a part of it, that lost what it kept is
// [ErrLost]: nothing is given from it, and never again from seq 1.
package valkey

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	mathrand "math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"

	"charye/internal/batch"
	"charye/internal/clock"
	"charye/line"
	"charye/person"
)

var (
	// ErrLost means that the store does not hold what it held: emptied, or another one. Nothing is known, so nobody gets in.
	ErrLost = errors.New("the line's store has lost what it kept")
	// ErrUnavailable means that the store could not be asked, or gave no answer in time. Nothing is lost; try again.
	ErrUnavailable = errors.New("the line's store cannot be reached")
	// ErrDamaged means that the store contradicts itself.
	ErrDamaged = errors.New("the line's store is damaged")
	// ErrClock means that this node's clock and the store's are too far apart to go by.
	ErrClock = errors.New("the clocks of this node and of the line's store differ")

	errFenced = errors.New("another node has the lease")
	errNobody = errors.New("line: the zero key is nobody")
)

// Buckets is how many buckets a campaign's people are spread over where nothing else is said.
const Buckets = 64

// Options are what an engine is opened with. Addresses and Pseudonyms are needed; the rest has defaults.
type Options struct {
	Addresses  []string // host:port; of a Cluster any of its nodes
	Username   string
	Password   string
	TLS        *tls.Config
	Prefix     string     // of all keys; default "charye"
	Clock      clock.Func // default: the machine's clock
	Pseudonyms line.Pseudonyms
	Logger     *slog.Logger  // default: nothing is logged
	Joins      batch.Options // of each of the [joinPools] pools; default: 2048 in one batch, 8192 waiting, 5 s
	Passes     batch.Options // default: 2048 in one batch, 8192 waiting, 5 s

	// Buckets spread a campaign's people over the masters. Fixed when a campaign is met for the first time; default [Buckets].
	Buckets int
	// Lease is how long a node may be silent before another takes admission over; default 3 s.
	Lease time.Duration
	// Replicas is how many replicas of a campaign's slot must have a seq, pass or admission before it counts; default 0.
	// While there are fewer, nobody new gets a place or a pass: give a master more replicas than this asks for.
	Replicas int
	// Skew is how far this node's clock may be from the store's; beyond, it gives [ErrClock]. 0: not checked.
	Skew time.Duration
	// Retain is how long a campaign's keys outlive its closing; default 30 days.
	Retain time.Duration
	// FoundLate lets Open make the line of a campaign that the store does not know although its gathering has begun. Without
	// it that is [ErrLost]: most likely the store was emptied.
	FoundLate bool
	// Records keeps what must outlive the store. With it a store that lost everything, or a part, is filled again, and the two
	// options below are not looked at.
	Records line.Records
	// Epochs are those that campaigns are known to have, as [Line.Epoch] told them; a store with another one is [ErrLost].
	Epochs map[uint32]string
}

// Line is the engine. It implements [line.Line]. Safe for concurrent use.
type Line struct {
	store
	node   string // this opening, among all
	now    clock.Func
	names  line.Pseudonyms
	log    *slog.Logger
	opts   Options
	lanes  map[uint32]*lane
	joins  [joinPools]*batch.Pool[joinRequest, joinResult]
	passes *batch.Pool[passRequest, passResult]
	batch  atomic.Uint64

	between func() // after a batch of joins asked its buckets, before it has seqs given; tests set it
}

var _ line.Line = (*Line)(nil)

// lane is one campaign's line as this node knows it. What is cached here only ever grows or is written once, except the
// view, which is as old as seen says.
type lane struct {
	cfg        line.Config
	keys       keys
	epoch      atomic.Pointer[string]
	draw       bool // by lot or by arrival, as a fact
	seed       [32]byte
	commitment [32]byte

	gen      atomic.Int64 // generation of the pending
	joined   atomic.Int64
	gaps     atomic.Int64 // seqs that nobody has, as the store says
	reserved atomic.Int64 // seqs up to this may be given; see [line.Record]
	losses   atomic.Int64 // how often the store was filled again
	drawnAt  atomic.Int64 // by the record, Unix milliseconds; 0 before
	lost     atomic.Bool  // something of the store was found to be gone
	filling  atomic.Bool
	raised   atomic.Bool  // the records know how many gathered
	gathered atomic.Int64 // how many stand in the draw; -1 until the opening fixed it
	inside   atomic.Int64
	order    atomic.Pointer[order]
	view     atomic.Pointer[line.View]
	skewed   atomic.Bool
	drawing  atomic.Bool

	refresh sync.Mutex // one reading of the status at a time
	seen    time.Time  // guarded by mu: when, by the machine's clock, the store was last read
	seenAt  time.Time  // guarded by mu: the same by the engine's clock

	step     sync.Mutex // one step at a time
	redraw   time.Time  // guarded by step: after a draw that failed, not before this
	repaired time.Time  // guarded by step

	mu     sync.Mutex // guards what follows
	token  string     // of the lease; "" while another node has it
	door   *line.Door // nil while another node has the lease
	claims string     // id of the last claim that the door was told
	supply line.Supply

	saw      []time.Duration // booking latencies for the holder of the lease to hear of; bounded
	speeds   string          // id of the last of the others' that the door was told
	journal  []line.Seat     // seats that the records do not have yet
	finished []string        // batches whose people are in their buckets, and the store does not know it yet
}

// Open opens the lines of the given campaigns. A campaign met for the first time gets its seed, in the store when this
// returns. What has been given out before (order, numbers, admission) stands, whatever the configs say now.
func Open(ctx context.Context, campaigns []line.Config, o Options) (*Line, error) {
	if o.Pseudonyms == nil || len(o.Addresses) == 0 {
		return nil, errors.New("line: pseudonyms and addresses are needed")
	}
	o.setDefaults()
	l := &Line{
		node: hex.EncodeToString(randomBytes(8)), now: o.Clock, names: o.Pseudonyms, log: o.Logger, opts: o,
		lanes: make(map[uint32]*lane, len(campaigns)),
	}
	for _, c := range campaigns {
		if err := c.Validate(); err != nil {
			return nil, err
		}
		if l.lanes[c.Campaign] != nil {
			return nil, fmt.Errorf("line: campaign %d is given twice", c.Campaign)
		}
		ln := &lane{cfg: c}
		ln.gathered.Store(-1)
		l.lanes[c.Campaign] = ln
	}
	client, err := valkey.NewClient(valkey.ClientOption{
		InitAddress: o.Addresses, Username: o.Username, Password: o.Password, TLSConfig: o.TLS,
		ClientName: "charye", DisableCache: true,
		DisableRetry: true, // what a master that is away has fails at once; who asks comes again
		Dialer:       net.Dialer{Timeout: callTimeout}, ConnWriteTimeout: callTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("open line: %w: %w", ErrUnavailable, err)
	}
	l.store = store{client: client, replicas: o.Replicas}
	if err := l.fit(ctx); err != nil {
		client.Close()
		return nil, fmt.Errorf("open line: %w", err)
	}
	for _, ln := range l.lanes {
		if err := l.meet(ctx, ln); err != nil {
			client.Close()
			return nil, fmt.Errorf("open line of campaign %d: %w", ln.cfg.Campaign, err)
		}
	}
	for i := range l.joins {
		l.joins[i] = batch.New(l.commitJoins, o.Joins)
	}
	l.passes = batch.New(l.commitPasses, o.Passes)
	return l, nil
}

func (o *Options) setDefaults() {
	if o.Prefix == "" {
		o.Prefix = "charye"
	}
	if o.Clock == nil {
		o.Clock = clock.System
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Joins == (batch.Options{}) {
		o.Joins = batch.Options{MaxBatch: 2048, Waiting: 8192, Timeout: 5 * time.Second}
	}
	if o.Passes == (batch.Options{}) {
		o.Passes = batch.Options{MaxBatch: 2048, Waiting: 8192, Timeout: 5 * time.Second}
	}
	if o.Buckets <= 0 {
		o.Buckets = Buckets
	}
	if o.Lease <= 0 {
		o.Lease = 3 * time.Second
	}
	if o.Retain <= 0 {
		o.Retain = 30 * 24 * time.Hour
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return b
}

// Close answers everybody who waits for a batch and lets the store go. Run must have returned.
func (l *Line) Close() error {
	for _, p := range l.joins {
		p.Stop()
	}
	l.passes.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 2*callTimeout)
	defer cancel()
	for _, ln := range l.lanes {
		if err := l.flush(ctx, ln); err != nil {
			l.log.WarnContext(ctx, "the last seats were not kept beside the store", slog.Any("error", err))
		}
	}
	l.client.Close()
	return nil
}

// Epoch names what the store holds of a campaign: another epoch is another line. Kept outside the store, it tells an
// emptied one from a new one ([Options.Epochs]).
func (l *Line) Epoch(campaign uint32) (string, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return "", err
	}
	return ln.epochNow(), nil
}

func (ln *lane) epochNow() string { return *ln.epoch.Load() }

func (ln *lane) setEpoch(e string) { ln.epoch.Store(&e) }

func (l *Line) lane(campaign uint32) (*lane, error) {
	ln := l.lanes[campaign]
	if ln == nil {
		return nil, line.ErrNoCampaign
	}
	return ln, nil
}

// number is a seq's number; 0 while it is not drawn, or not known here to be.
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

// Place implements [line.Line]: one read of the person's bucket.
func (l *Line) Place(ctx context.Context, campaign uint32, who person.Key) (line.Place, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return line.Place{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := l.lookup(ctx, ln, []person.Key{who})
	if err == nil {
		err = found[0].err
	}
	if err != nil {
		return line.Place{}, err
	}
	if found[0].seq == 0 {
		return line.Place{}, line.ErrNoPlace
	}
	return ln.place(who, found[0].seq, l.now()), nil
}

func (ln *lane) place(who person.Key, seq uint32, now time.Time) line.Place {
	p := line.Place{Campaign: ln.cfg.Campaign, Person: who, Seq: seq, Number: ln.number(seq)}
	v := *ln.view.Load()
	v.Joined = int(ln.joined.Load())
	return ln.cfg.Stand(p, &v, now, mathrand.Float64())
}

// Numbered implements [line.Line]. It reads the people of the whole line.
func (l *Line) Numbered(ctx context.Context, campaign uint32, after uint32, limit int) ([]person.Key, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return nil, err
	}
	n := uint32(ln.joined.Load())
	if after >= n || ln.draw && ln.order.Load() == nil {
		return nil, ctx.Err()
	}
	people, err := l.gatheredPeople(ctx, ln, int(n))
	if err != nil {
		return nil, err
	}
	out := make([]person.Key, min(int(n-after), limit))
	for i, who := range people {
		if at := int64(ln.number(uint32(i)+1)) - int64(after) - 1; at >= 0 && at < int64(len(out)) {
			out[at] = who
		}
	}
	return out, nil
}

// Near implements [line.Line].
func (l *Line) Near(ctx context.Context, campaign uint32, within time.Duration) (uint32, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return 0, err
	}
	now := l.now()
	if !ln.fresh(now) {
		if err := l.look(ctx, ln, now); err != nil {
			return 0, err
		}
	}
	v := *ln.view.Load()
	v.Joined = int(ln.joined.Load())
	return ln.cfg.Near(&v, now, within), nil
}

// Leads implements [line.Line]: whoever has the lease does.
func (l *Line) Leads(campaign uint32) bool {
	ln := l.lanes[campaign]
	if ln == nil {
		return false
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return ln.token != ""
}

// statusAge is how old a status may be before the store is asked again.
const statusAge = 500 * time.Millisecond

// Status implements [line.Line]. It asks the store at most twice a second; what this node did itself shows at once.
func (l *Line) Status(ctx context.Context, campaign uint32) (line.Status, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return line.Status{}, err
	}
	now := l.now()
	if !ln.fresh(now) {
		if err := l.look(ctx, ln, now); err != nil {
			return line.Status{}, err
		}
	}
	s := ln.view.Load().Status
	s.Joined = ln.places()
	s.Gathered = int(max(ln.gathered.Load(), 0))
	s.Drawn = ln.order.Load() != nil
	s.Inside = int(ln.inside.Load())
	s.At = now
	return s, nil
}

// mostSkew is how far this node's clock may be off, as scripts take it: whole seconds; 0: as far as it likes.
func (l *Line) mostSkew() string {
	return strconv.FormatInt(int64((l.opts.Skew+time.Second-1)/time.Second), 10)
}

// places is how many people have a place.
func (ln *lane) places() int { return int(max(ln.joined.Load()-ln.gaps.Load(), 0)) }

func (ln *lane) fresh(now time.Time) bool {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return time.Since(ln.seen) < statusAge && now.Sub(ln.seenAt).Abs() < statusAge
}

func (l *Line) look(ctx context.Context, ln *lane, now time.Time) error {
	ln.refresh.Lock()
	defer ln.refresh.Unlock()
	if ln.fresh(now) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	b, err := l.beat(ctx, ln, now, false)
	if err != nil {
		return err
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.publish(b, now)
	return nil
}

// Supply implements [line.Line]. Sold out, or not any more, shows at once on this node.
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

// Observe implements [line.Line]. What a node sees that does not have the lease, it tells the one that has.
func (l *Line) Observe(campaign uint32, latency time.Duration) {
	if ln := l.lanes[campaign]; ln != nil {
		ln.mu.Lock()
		switch {
		case ln.door != nil:
			ln.door.Observe(latency)
		case len(ln.saw) < mostSaw:
			ln.saw = append(ln.saw, latency)
		}
		ln.mu.Unlock()
	}
}

// mostPlaces keeps seqs within their 32 bits.
const mostPlaces = math.MaxUint32 - 1
