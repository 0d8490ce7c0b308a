package valkey

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"

	"charye/line"
	"charye/person"
)

const (
	// fillTimeout bounds one filling of a lost store.
	fillTimeout = 10 * time.Minute
	// reserveBlock is how many seqs are reserved at a time: what may become a gap when the store is lost.
	reserveBlock = 2048
	// journalEvery is how far the records may be behind the store; what a store that is lost had not told them by then comes
	// back by ticket.
	journalEvery = 200 * time.Millisecond
	// mostJournal bounds what waits for the records: beyond it nobody new gets a place.
	mostJournal = 1 << 20
	// fillAtOnce is how many seats go to a bucket with one script.
	fillAtOnce = 5000
	// gensPerLoss keeps generations apart: what is left of an older content is in none that is used again.
	gensPerLoss = 1_000_000
)

// most is the highest seq that may be given.
func (ln *lane) most() int64 {
	if r := ln.reserved.Load(); r > 0 {
		return min(r, mostPlaces)
	}
	return mostPlaces
}

// reserve sees to it that n more seqs may be given, as far as this node knows how many were.
func (l *Line) reserve(ctx context.Context, ln *lane, n int) error {
	if l.opts.Records == nil {
		return nil
	}
	ln.mu.Lock()
	waiting := len(ln.journal)
	ln.mu.Unlock()
	if waiting > mostJournal {
		return fmt.Errorf("%w: places cannot be kept beside the store", ErrUnavailable)
	}
	if need := ln.joined.Load() + int64(n); need > ln.reserved.Load() {
		return l.raise(ctx, ln, line.Record{Reserved: uint32(min(need+reserveBlock, mostPlaces)), Gathered: -1})
	}
	return nil
}

// raise lifts marks in the records.
func (l *Line) raise(ctx context.Context, ln *lane, r line.Record) error {
	if l.opts.Records == nil {
		return nil
	}
	r.Campaign, r.Epoch = ln.cfg.Campaign, ln.epochNow()
	standing, err := l.opts.Records.Raise(ctx, r)
	if errors.Is(err, line.ErrOvertaken) {
		ln.lost.Store(true)
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	ln.take(standing)
	return nil
}

// take takes over what a record says.
func (ln *lane) take(r line.Record) {
	grow(&ln.reserved, int64(r.Reserved))
	grow(&ln.losses, int64(r.Losses))
	if !r.DrawnAt.IsZero() {
		grow(&ln.drawnAt, r.DrawnAt.UnixMilli())
	}
}

// raiseGathered keeps beside the store how many gathered, once the opening has fixed it.
func (l *Line) raiseGathered(ctx context.Context, ln *lane, b beat) error {
	if l.opts.Records == nil || b.token == "" || b.gathered < 0 || ln.raised.Load() {
		return nil
	}
	err := l.raise(ctx, ln, line.Record{Gathered: b.gathered})
	ln.raised.Store(err == nil)
	return err
}

// keepGathered keeps the seats of all who gathered beside the store, before their draw counts, and gives the time of the draw:
// made again after a loss, it is that of the first.
func (l *Line) keepGathered(ctx context.Context, ln *lane, people []person.Key) (time.Time, error) {
	at := l.now().Truncate(time.Millisecond)
	if l.opts.Records == nil {
		return at, nil
	}
	if ms := ln.drawnAt.Load(); ms > 0 {
		return time.UnixMilli(ms), nil
	}
	seats := make([]line.Seat, 0, len(people))
	for i, who := range people {
		if !who.IsZero() {
			seats = append(seats, line.Seat{Person: who, Seq: uint32(i) + 1})
		}
	}
	if len(seats) > 0 {
		if err := l.opts.Records.Keep(ctx, ln.cfg.Campaign, seats); err != nil {
			return at, err
		}
	}
	return at, l.raise(ctx, ln, line.Record{Gathered: int64(len(people)), DrawnAt: at})
}

// note puts seats into the journal.
func (ln *lane) note(seats []seat) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.reserved.Load() == 0 { // without records there is nobody to tell
		return
	}
	for _, s := range seats {
		ln.journal = append(ln.journal, line.Seat{Person: s.who, Seq: s.seq})
	}
}

func (l *Line) runJournal(ctx context.Context, ln *lane) {
	if l.opts.Records == nil {
		return
	}
	t := time.NewTicker(journalEvery)
	defer t.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return // Close keeps the rest
		case <-t.C:
		}
		err := l.flush(ctx, ln)
		if err != nil && !failing && ctx.Err() == nil {
			l.log.WarnContext(ctx, "seats wait to be kept beside the store", slog.Any("error", err))
		}
		failing = err != nil
	}
}

// flush keeps what the journal has.
func (l *Line) flush(ctx context.Context, ln *lane) error {
	if l.opts.Records == nil {
		return nil
	}
	ln.mu.Lock()
	seats := ln.journal
	ln.journal = nil
	ln.mu.Unlock()
	if len(seats) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	err := l.opts.Records.Keep(ctx, ln.cfg.Campaign, seats)
	if err != nil {
		ln.mu.Lock()
		ln.journal = append(seats, ln.journal...)
		ln.mu.Unlock()
	}
	return err
}

// refill fills a store that has lost what it kept, or a part of it, from the records, or takes over what another node has
// filled. Everything in the store gets a new epoch, so that whoever still writes for the old one is refused. Passes are gone;
// turns stand.
func (l *Line) refill(ctx context.Context, ln *lane) error {
	if err := l.flush(ctx, ln); err != nil {
		return err
	}
	start := time.Now()
	lost := ln.epochNow()
	filled := false
	r, err := l.opts.Records.Refill(ctx, ln.cfg.Campaign, lost, hex.EncodeToString(randomBytes(16)),
		func(ctx context.Context) bool { return l.whole(ctx, ln, lost) },
		func(ctx context.Context, r line.Record) error {
			filled = true
			return l.fill(ctx, ln, r)
		})
	if err != nil {
		return err
	}
	ln.adopt(r)
	if filled {
		l.log.WarnContext(ctx, "the line's store had lost what it kept and was filled again", slog.Uint64("campaign", uint64(ln.cfg.Campaign)),
			slog.Duration("took", time.Since(start)))
	}
	return nil
}

// adopt takes over a store that was filled anew.
func (ln *lane) adopt(r line.Record) {
	ln.take(r)
	if ln.epochNow() != r.Epoch {
		ln.setEpoch(r.Epoch)
		ln.gen.Store(int64(r.Losses)*gensPerLoss + 1)
	}
	ln.mu.Lock()
	ln.token, ln.door, ln.claims, ln.finished = "", nil, "-", nil
	ln.mu.Unlock()
	ln.lost.Store(false)
}

// whole reports whether the store has all parts of this epoch's content.
func (l *Line) whole(ctx context.Context, ln *lane, epoch string) bool {
	facts, err := l.client.Do(ctx, l.client.B().Hmget().Key(ln.keys.own("line")).Field("epoch", "ready").Build()).AsStrSlice()
	if err != nil || len(facts) != 2 || facts[0] != epoch || facts[1] != "1" {
		return false
	}
	cmds := make(valkey.Commands, ln.keys.buckets)
	for b := range cmds {
		cmds[b] = l.client.B().Hget().Key(ln.keys.bucket(uint32(b))).Field("").Build()
	}
	for _, r := range l.client.DoMulti(ctx, cmds...) {
		if mark, err := r.ToString(); err != nil || mark != epoch {
			return false
		}
	}
	return true
}

// fill writes a line into the store: empty buckets, the seats, then the facts.
func (l *Line) fill(ctx context.Context, ln *lane, r line.Record) error {
	life := (max(ln.cfg.Closes.Sub(l.now()), 0) + l.opts.Retain).Milliseconds()
	// First nobody finds the line any more.
	if err := l.client.Do(ctx, l.client.B().Unlink().Key(ln.keys.own("line")).Build()).Error(); err != nil {
		return wrap(err)
	}
	cmds := make(valkey.Commands, 0, 3*ln.keys.buckets)
	for b := range ln.keys.buckets {
		key := ln.keys.bucket(b)
		cmds = append(cmds, l.client.B().Unlink().Key(key).Build(),
			l.client.B().Hset().Key(key).FieldValue().FieldValue("", r.Epoch).Build(),
			l.client.B().Pexpire().Key(key).Milliseconds(life).Build())
	}
	for _, res := range l.client.DoMulti(ctx, cmds...) {
		if err := res.Error(); err != nil {
			return wrap(err)
		}
	}
	seen, err := l.fillSeats(ctx, ln, r.Epoch, int(r.Reserved))
	if err != nil {
		return err
	}
	people := int64(0)
	for b := range ln.keys.buckets {
		n, err := l.client.Do(ctx, l.client.B().Hlen().Key(ln.keys.bucket(b)).Build()).AsInt64()
		if err != nil {
			return wrap(err)
		}
		people += n - 1 // the mark
	}
	// Serials begin where no pass of the old content can have been.
	serial := l.now().Unix() << 16
	_, err = l.runDurably(ctx, call{foundScript, []string{
		ln.keys.own("line"), ln.keys.own("lease"), ln.keys.own("pass"), ln.keys.own("inside"), ln.keys.own("claims"), ln.keys.own("waves"),
	}, []string{
		r.Epoch, string(r.Seed[:]), digit(r.Draw), strconv.Itoa(r.Buckets), strconv.FormatUint(uint64(r.Reserved), 10),
		strconv.FormatUint(uint64(r.Admitted), 10), strconv.FormatInt(r.Gathered, 10), strconv.FormatInt(int64(r.Losses)*gensPerLoss+1, 10),
		strconv.FormatInt(serial, 10), strconv.FormatInt(int64(r.Reserved)-people, 10), strconv.FormatInt(life, 10),
		writeHoles(holesOf(seen, int(r.Reserved))),
	}})
	return err
}

// fillSeats puts all kept seats into their buckets and gives which seqs they have, as bits.
func (l *Line) fillSeats(ctx context.Context, ln *lane, epoch string, reserved int) ([]uint64, error) {
	seen := make([]uint64, reserved/64+1)
	waiting := make([][]seat, ln.keys.buckets)
	send := func(least int) error {
		var calls []call
		for b := range waiting {
			if len(waiting[b]) < least || len(waiting[b]) == 0 {
				continue
			}
			args := make([]string, 2, 2+2*len(waiting[b]))
			args[0], args[1] = epoch, strconv.Itoa(len(waiting[b]))
			for _, s := range waiting[b] {
				args = append(args, string(s.who[:]))
			}
			for _, s := range waiting[b] {
				args = append(args, strconv.FormatUint(uint64(s.seq), 10))
			}
			calls = append(calls, call{fillScript, []string{ln.keys.bucket(uint32(b))}, args})
			waiting[b] = waiting[b][:0]
		}
		for _, r := range l.runAll(ctx, calls) {
			if err := r.Error(); err != nil {
				return wrap(err)
			}
		}
		return nil
	}
	err := l.opts.Records.Seats(ctx, ln.cfg.Campaign, func(list []line.Seat) error {
		for _, s := range list {
			if int(s.Seq) <= reserved {
				seen[s.Seq/64] |= 1 << (s.Seq % 64)
			}
			b := ln.keys.bucketOf(s.Person)
			waiting[b] = append(waiting[b], seat{s.Person, s.Seq})
		}
		return send(fillAtOnce)
	})
	if err != nil {
		return nil, err
	}
	return seen, send(1)
}

// hole is a run of seqs that nobody has, as far as is known, both ends included.
type hole struct{ from, to uint32 }

// leastHole is how long a run must be to be skipped; a shorter one takes a moment.
const leastHole = 16

func holesOf(seen []uint64, reserved int) (holes []hole) {
	from := 0
	for seq := 1; seq <= reserved+1; seq++ {
		taken := seq > reserved || seen[seq/64]&(1<<(seq%64)) != 0
		switch {
		case !taken && from == 0:
			from = seq
		case taken && from != 0:
			if seq-from >= leastHole && len(holes) < 100 {
				holes = append(holes, hole{uint32(from), uint32(seq - 1)})
			}
			from = 0
		}
	}
	return holes
}

func writeHoles(holes []hole) string {
	parts := make([]string, len(holes))
	for i, h := range holes {
		parts[i] = fmt.Sprintf("%d-%d", h.from, h.to)
	}
	return strings.Join(parts, " ")
}

func readHoles(text string) (holes []hole, err error) {
	for part := range strings.FieldsSeq(text) {
		var h hole
		if _, err := fmt.Sscanf(part, "%d-%d", &h.from, &h.to); err != nil {
			return nil, fmt.Errorf("%w: holes", ErrDamaged)
		}
		holes = append(holes, h)
	}
	return holes, nil
}

// skip gives where admission may go on when it stands at admitted: behind the numbers that nobody has. Whoever comes back to one
// of them with a ticket later has their turn at once: they stand before all who come behind.
func (ln *lane) skip(admitted uint32, holes []hole) uint32 {
	past := func(h hole) {
		if admitted+1 >= h.from && admitted < h.to {
			admitted = h.to
		}
	}
	if o := ln.order.Load(); ln.draw && o != nil { // numbers of a draw have no holes but behind the last of it
		past(hole{uint32(o.entrants) + 1, uint32(len(o.numbers))})
	}
	for _, h := range holes {
		if !ln.draw || int64(h.from) > ln.gathered.Load() {
			past(h)
		}
	}
	return admitted
}

// Return implements [line.Returner].
func (l *Line) Return(ctx context.Context, t line.Ticket) (line.Place, error) {
	ln, err := l.lane(t.Campaign)
	if err != nil {
		return line.Place{}, err
	}
	p, err := l.Place(ctx, t.Campaign, t.Person)
	switch {
	case err == nil && p.Seq <= t.Seq:
		return p, nil
	case err != nil && !errors.Is(err, line.ErrNoPlace):
		return p, err
	case ln.losses.Load() == 0 || t.Seq == 0 || int64(t.Seq) > ln.reserved.Load():
		return p, err // this line never lost anybody, or never gave that seq
	case ln.undrawn(t.Seq):
		if err == nil {
			return p, nil
		}
		p, _, err = l.Join(ctx, t.Campaign, t.Person)
		return p, err
	}
	known := err
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	back := seat{t.Person, t.Seq}
	r := l.runAll(ctx, []call{{fillScript, []string{ln.keys.bucket(ln.keys.bucketOf(t.Person))},
		[]string{ln.epochNow(), "1", string(t.Person[:]), strconv.FormatUint(uint64(t.Seq), 10)}}})
	seqs, err := r[0].AsIntSlice()
	if err != nil || len(seqs) != 1 {
		return line.Place{}, wrap(err)
	}
	back.seq = uint32(seqs[0])
	if errors.Is(known, line.ErrNoPlace) { // one gap less; somebody with another place leaves a new one there
		if err := l.client.Do(ctx, l.client.B().Hincrby().Key(ln.keys.own("line")).Field("gaps").Increment(-1).Build()).Error(); err != nil {
			return line.Place{}, wrap(err)
		}
	}
	ln.note([]seat{back})
	return ln.place(t.Person, back.seq, l.now()), nil
}

// undrawn reports whether a seq is of those who gathered, and was not in the draw: neither the store nor the records knew of it.
func (ln *lane) undrawn(seq uint32) bool {
	o := ln.order.Load()
	return ln.draw && o != nil && int(seq) <= len(o.numbers) && o.numbers[seq-1] == 0
}
