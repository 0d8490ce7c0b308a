package valkey

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/valkey-io/valkey-go"

	"charye/line"
	"charye/person"
)

const (
	// drawTimeout bounds one try of a draw of a nation.
	drawTimeout = 10 * time.Minute

	numbersPerChunk  = 1 << 14
	entrantsPerChunk = 1 << 12
	chunksAtOnce     = 32
	scanCount        = 5000
)

// order is a draw that was done.
type order struct {
	token    string   // under which its chunks are kept
	numbers  []uint32 // by seq - 1; 0 for a seq that nobody had
	entrants int
	at       time.Time
}

func chunksOf(n, per int) int { return (n + per - 1) / per }

// Draw implements [line.Line]. A line in arrival order has no draw; its record is the zero one.
func (l *Line) Draw(_ context.Context, campaign uint32) (line.Draw, error) {
	ln, err := l.lane(campaign)
	if err != nil || !ln.draw {
		return line.Draw{}, err
	}
	d := line.Draw{Commitment: ln.commitment}
	if o := ln.order.Load(); o != nil {
		d.Seed, d.Drawn, d.Entrants, d.At = ln.seed, true, o.entrants, o.at
	}
	return d, nil
}

// drawNow draws a campaign: the chunks first, under this holder's token, then the fact that makes them count, which the
// store refuses from a node that lost the lease.
func (l *Line) drawNow(ctx context.Context, ln *lane, b beat) error {
	start := time.Now()
	people, err := l.gatheredPeople(ctx, ln, int(b.gathered))
	if err != nil {
		return err
	}
	names := make([][16]byte, 0, len(people))
	seqs := make([]uint32, 0, len(people))
	for i, who := range people {
		if !who.IsZero() {
			seqs = append(seqs, uint32(i)+1)
		}
	}
	names = names[:len(seqs)]
	parallel(len(seqs), func(i int) { names[i] = l.names.Of(ln.cfg.Campaign, people[seqs[i]-1]) })
	drawn := line.Order(ln.seed, names)
	numbers := make([]byte, 4*len(people))
	for i, at := range drawn {
		binary.BigEndian.PutUint32(numbers[4*(seqs[at]-1):], uint32(i)+1)
	}
	h := sha256.New()
	list := make([]byte, 0, 16*len(drawn))
	for _, at := range drawn {
		list = append(list, names[at][:]...)
	}
	h.Write(list)
	at, err := l.keepGathered(ctx, ln, people)
	if err != nil {
		return err
	}
	if err := l.writeChunks(ctx, ln, "n", b.token, numbers, 4*numbersPerChunk); err != nil {
		return err
	}
	if err := l.writeChunks(ctx, ln, "e", b.token, list, 16*entrantsPerChunk); err != nil {
		return err
	}
	missing := len(people) - len(seqs)
	if missing > 0 {
		l.log.ErrorContext(ctx, "places of the gathered have nobody: the store lost them",
			slog.Uint64("campaign", uint64(ln.cfg.Campaign)), slog.Int("missing", missing))
	}
	if _, err := l.runDurably(ctx, call{drawnScript, []string{ln.keys.own("line")}, []string{ln.epochNow(), b.token,
		strconv.FormatInt(at.UnixMilli(), 10), strconv.Itoa(len(drawn)), hex.EncodeToString(h.Sum(nil)), strconv.Itoa(missing)}}); err != nil {
		return err
	}
	l.log.InfoContext(ctx, "drawn", slog.Uint64("campaign", uint64(ln.cfg.Campaign)),
		slog.Int("entrants", len(drawn)), slog.Duration("took", time.Since(start)))
	return nil
}

// gatheredPeople gives the people of seq 1 … n; the zero key where the store has nobody. Those of open batches are read first:
// who is in none any more is in a bucket by then. What a bucket says of a person holds: somebody who came back with a ticket
// may have another seq in an open batch.
func (l *Line) gatheredPeople(ctx context.Context, ln *lane, n int) ([]person.Key, error) {
	people := make([]person.Key, n)
	var mu sync.Mutex
	take := func(who person.Key, seq uint32) error {
		if seq == 0 || int(seq) > n {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if had := people[seq-1]; !had.IsZero() && had != who {
			return fmt.Errorf("%w: seq %d was given twice", ErrDamaged, seq)
		}
		people[seq-1] = who
		return nil
	}
	open, err := l.settle(ctx, ln, 0)
	if err != nil {
		return nil, err
	}
	opened := make(map[person.Key]uint32, len(open))
	for _, s := range open {
		opened[s.who] = s.seq
	}
	kept := func(who person.Key, seq uint32) error {
		mu.Lock()
		delete(opened, who)
		mu.Unlock()
		return take(who, seq)
	}
	errs := make([]error, ln.keys.buckets)
	var wg sync.WaitGroup
	busy := make(chan struct{}, 4)
	for b := range ln.keys.buckets {
		wg.Go(func() {
			busy <- struct{}{}
			defer func() { <-busy }()
			errs[b] = l.scanBucket(ctx, ln, b, kept)
		})
	}
	wg.Wait()
	for who, seq := range opened {
		errs = append(errs, take(who, seq))
	}
	return people, errors.Join(errs...)
}

func (l *Line) scanBucket(ctx context.Context, ln *lane, b uint32, take func(person.Key, uint32) error) error {
	marked := false
	for cursor := uint64(0); ; {
		e, err := l.client.Do(ctx, l.client.B().Hscan().Key(ln.keys.bucket(b)).Cursor(cursor).Count(scanCount).Build()).AsScanEntry()
		if err != nil {
			return wrap(err)
		}
		for i := 0; i+1 < len(e.Elements); i += 2 {
			field, value := e.Elements[i], e.Elements[i+1]
			if field == "" {
				marked = value == ln.epochNow()
				continue
			}
			seq, err := strconv.ParseUint(value, 10, 32)
			if err != nil || len(field) != 16 {
				return fmt.Errorf("%w: bucket %d", ErrDamaged, b)
			}
			if err := take(person.Key([]byte(field)), uint32(seq)); err != nil {
				return err
			}
		}
		if cursor = e.Cursor; cursor == 0 {
			break
		}
	}
	if !marked {
		ln.lost.Store(true)
		return fmt.Errorf("%w: bucket %d", ErrLost, b)
	}
	return nil
}

func (l *Line) writeChunks(ctx context.Context, ln *lane, kind, token string, data []byte, size int) error {
	life := (max(ln.cfg.Closes.Sub(l.now()), 0) + l.opts.Retain).Milliseconds()
	n := chunksOf(len(data), size)
	for from := 0; from < n; from += chunksAtOnce {
		var cmds valkey.Commands
		for i := from; i < min(from+chunksAtOnce, n); i++ {
			part := data[i*size : min((i+1)*size, len(data))]
			cmds = append(cmds, l.client.B().Set().Key(ln.keys.chunk(kind, token, i)).Value(valkey.BinaryString(part)).PxMilliseconds(life).Build())
		}
		for _, r := range l.client.DoMulti(ctx, cmds...) {
			if err := r.Error(); err != nil {
				return wrap(err)
			}
		}
	}
	return nil
}

// loadOrder brings the drawn numbers into memory: four bytes for each who gathered.
func (l *Line) loadOrder(ctx context.Context, ln *lane, b beat) error {
	before := ln.order.Load()
	if b.drawn == "" || before.is(b.drawn) {
		return nil
	}
	n := int(b.gathered)
	o := &order{token: b.drawn, numbers: make([]uint32, 0, n), entrants: b.entrants, at: b.drawnAt}
	chunks := chunksOf(n, numbersPerChunk)
	for from := 0; from < chunks; from += chunksAtOnce {
		var cmds valkey.Commands
		for i := from; i < min(from+chunksAtOnce, chunks); i++ {
			cmds = append(cmds, l.client.B().Get().Key(ln.keys.chunk("n", b.drawn, i)).Build())
		}
		for _, r := range l.client.DoMulti(ctx, cmds...) {
			part, err := r.AsBytes()
			if valkey.IsValkeyNil(err) {
				ln.lost.Store(true)
				return fmt.Errorf("%w: drawn numbers", ErrLost)
			}
			if err != nil {
				return wrap(err)
			}
			for ; len(part) >= 4; part = part[4:] {
				o.numbers = append(o.numbers, binary.BigEndian.Uint32(part))
			}
		}
	}
	if len(o.numbers) != n || !dense(o.numbers, o.entrants) {
		return fmt.Errorf("%w: the drawn numbers are not 1 to %d", ErrDamaged, o.entrants)
	}
	if before != nil && !slices.Equal(before.numbers, o.numbers) {
		return fmt.Errorf("%w: the draw came out otherwise than before", ErrDamaged)
	}
	ln.order.Store(o)
	return nil
}

// is reports whether the order is the one kept under a token.
func (o *order) is(token string) bool { return o != nil && o.token == token }

// dense reports whether numbers, apart from zeros, are 1 … n, each once.
func dense(numbers []uint32, n int) bool {
	seen := make([]uint64, n/64+1)
	count := 0
	for _, k := range numbers {
		if k == 0 {
			continue
		}
		if int(k) > n || seen[k/64]&(1<<(k%64)) != 0 {
			return false
		}
		seen[k/64] |= 1 << (k % 64)
		count++
	}
	return count == n
}

// parallel calls work for 0 … n-1, on all cores.
func parallel(n int, work func(i int)) {
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := n * w / workers; i < n*(w+1)/workers; i++ {
				work(i)
			}
		})
	}
	wg.Wait()
}

// Entrants implements [line.Line]. The list is read from the store as it is asked for, a chunk at a time; ctx must last
// until it is closed.
func (l *Line) Entrants(ctx context.Context, campaign uint32) (io.ReadSeekCloser, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return nil, err
	}
	o := ln.order.Load()
	if o == nil {
		return nil, line.ErrNotOpen
	}
	return &entrants{ctx: ctx, line: l, lane: ln, order: o, at: -1}, nil
}

type entrants struct {
	ctx   context.Context
	line  *Line
	lane  *lane
	order *order
	pos   int64
	at    int // the chunk that part is; -1: none
	part  []byte
}

func (e *entrants) size() int64 { return 16 * int64(e.order.entrants) }

// Read implements io.Reader.
func (e *entrants) Read(p []byte) (int, error) {
	if e.pos >= e.size() {
		return 0, io.EOF
	}
	const size = 16 * entrantsPerChunk
	if i := int(e.pos / size); i != e.at {
		ctx, cancel := context.WithTimeout(e.ctx, callTimeout)
		defer cancel()
		c := e.line.client
		part, err := c.Do(ctx, c.B().Get().Key(e.lane.keys.chunk("e", e.order.token, i)).Build()).AsBytes()
		if valkey.IsValkeyNil(err) || err == nil && int64(len(part)) != min(size, e.size()-int64(i)*size) {
			return 0, fmt.Errorf("%w: the list of entrants", ErrLost)
		}
		if err != nil {
			return 0, wrap(err)
		}
		e.at, e.part = i, part
	}
	n := copy(p, e.part[e.pos%size:])
	e.pos += int64(n)
	return n, nil
}

// Seek implements io.Seeker.
func (e *entrants) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += e.pos
	case io.SeekEnd:
		offset += e.size()
	default:
		return 0, errors.New("seek: no such whence")
	}
	if offset < 0 {
		return 0, errors.New("seek: before the beginning")
	}
	e.pos = offset
	return offset, nil
}

// Close implements io.Closer.
func (e *entrants) Close() error { return nil }
