package valkey

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/valkey-io/valkey-go"

	"charye/line"
	"charye/person"
)

type joinRequest struct {
	lane *lane
	who  person.Key
}

type joinResult struct {
	seq     uint32
	created bool
	err     error
}

// Join implements [line.Line].
func (l *Line) Join(ctx context.Context, campaign uint32, who person.Key) (line.Place, bool, error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return line.Place{}, false, err
	}
	if who.IsZero() {
		return line.Place{}, false, errNobody
	}
	if ln.skewed.Load() {
		return line.Place{}, false, ErrClock
	}
	res, err := l.joins[int(who[15])%len(l.joins)].Do(ctx, joinRequest{lane: ln, who: who})
	if err == nil {
		err = res.err
	}
	if err != nil {
		return line.Place{}, false, err
	}
	return ln.place(who, res.seq, l.now()), res.created, nil
}

func (ln *lane) joinable(now time.Time) error {
	switch {
	case now.Before(ln.cfg.Gathers):
		return line.ErrNotOpen
	case !now.Before(ln.cfg.Closes):
		return line.ErrClosed
	}
	return nil
}

// joinPools is how many batches of joins a node has under way at once: while one waits for its buckets, another is given
// seqs. A person always comes to the same pool.
const joinPools = 4

// commitJoins is the joins pools' commit. Errors are each person's own: a master that is away refuses only those whose
// bucket or campaign it has.
func (l *Line) commitJoins(ctx context.Context, reqs []joinRequest) ([]joinResult, error) {
	results := make([]joinResult, len(reqs))
	byLane := make(map[*lane][]int)
	for i, r := range reqs {
		byLane[r.lane] = append(byLane[r.lane], i)
	}
	var wg sync.WaitGroup
	for ln, at := range byLane {
		wg.Go(func() { l.joinLane(ctx, ln, reqs, results, at) })
	}
	wg.Wait()
	return results, nil
}

// joinLane joins the people of one campaign; at are the places of their requests.
func (l *Line) joinLane(ctx context.Context, ln *lane, reqs []joinRequest, results []joinResult, at []int) {
	index := make(map[person.Key]int, len(at))
	people := make([]person.Key, 0, len(at))
	for _, i := range at {
		if _, ok := index[reqs[i].who]; !ok {
			index[reqs[i].who] = len(people)
			people = append(people, reqs[i].who)
		}
	}
	answers := l.joinPeople(ctx, ln, people)
	for _, i := range at {
		n := index[reqs[i].who]
		results[i] = answers[n]
		answers[n].created = false // only one of those who asked made it
	}
}

// mostTurns bounds how often a batch is overtaken by a new generation before it gives up.
const mostTurns = 5

// joinPeople gives different people their places.
func (l *Line) joinPeople(ctx context.Context, ln *lane, people []person.Key) []joinResult {
	answers := make([]joinResult, len(people))
	ask := make([]int, len(people))
	for i := range ask {
		ask[i] = i
	}
	fail := func(at []int, err error) []joinResult {
		for _, i := range at {
			answers[i].err = err
		}
		return answers
	}
	for range mostTurns {
		// The generation is read before the buckets are: see join.lua.
		gen := ln.gen.Load()
		some := make([]person.Key, len(ask))
		for k, i := range ask {
			some[k] = people[i]
		}
		found, err := l.lookup(ctx, ln, some)
		if err != nil {
			return fail(ask, err)
		}
		unknown := ask[:0:0]
		for k, i := range ask {
			answers[i] = joinResult{seq: found[k].seq, err: found[k].err}
			if found[k].seq == 0 && found[k].err == nil {
				unknown = append(unknown, i)
			}
		}
		if len(unknown) == 0 {
			return answers
		}
		if l.between != nil {
			l.between()
		}
		now := l.now()
		if err := ln.joinable(now); err != nil {
			return fail(unknown, err)
		}
		again, err := l.number(ctx, ln, gen, now, people, unknown, answers)
		if err != nil {
			return fail(unknown, err)
		}
		if !again {
			return answers
		}
		ask = unknown
	}
	return fail(ask, fmt.Errorf("%w: overtaken too often", ErrUnavailable))
}

// number has seqs given to the people at unknown and keeps them in their buckets; again says that the generation is over
// and the buckets must be read anew.
func (l *Line) number(ctx context.Context, ln *lane, gen int64, now time.Time, people []person.Key, unknown []int, answers []joinResult) (again bool, err error) {
	if err := l.reserve(ctx, ln, len(unknown)); err != nil {
		return false, err
	}
	id := l.node + ":" + strconv.FormatUint(l.batch.Add(1), 10)
	finished := ln.takeFinished()
	args := make([]string, 0, 9+len(finished)+len(unknown))
	args = append(args, ln.epochNow(), strconv.FormatInt(gen, 10), ln.opened(now), strconv.FormatInt(ln.joined.Load(), 10), id,
		strconv.FormatInt(ln.most(), 10), strconv.FormatInt(now.Unix(), 10), l.mostSkew(), strconv.Itoa(len(finished)))
	args = append(args, finished...)
	for _, i := range unknown {
		args = append(args, string(people[i][:]))
	}
	r, err := l.runDurably(ctx, call{joinScript, []string{
		ln.keys.own("line"), ln.keys.gen("pending", gen), ln.keys.gen("pending", gen-1), ln.keys.gen("open", gen), ln.keys.gen("open", gen-1),
	}, args})
	if err != nil {
		return false, err // the holder of the lease finds out by itself which batches are finished
	}
	out, err := r.AsIntSlice()
	if err != nil || len(out) < 2 {
		return false, wrap(err)
	}
	if out[0] == 0 {
		ln.gen.Store(out[1])
		ln.addFinished(finished...)
		return true, nil
	}
	if len(out) != 3+len(unknown) {
		return false, fmt.Errorf("%w: %d answers for %d people", ErrDamaged, len(out)-3, len(unknown))
	}
	grow(&ln.joined, out[1])
	if err := ln.fixGathered(out[2]); err != nil {
		return false, err
	}
	short := false
	seats := make([]seat, 0, len(unknown))
	at := make([]int, 0, len(unknown))
	created := 0
	for k, i := range unknown {
		seq := out[3+k]
		if seq == 0 {
			short = out[1] < mostPlaces
			answers[i].err = line.ErrClosed
			continue
		}
		if answers[i].created = seq < 0; seq < 0 {
			seq = -seq
			created++
		}
		seats, at = append(seats, seat{people[i], uint32(seq)}), append(at, i)
	}
	kept := l.put(ctx, ln, seats)
	whole := true
	ln.note(seats)
	for k, f := range kept {
		i := at[k]
		answers[i].seq, answers[i].err = f.seq, f.err
		whole = whole && f.err == nil
		if f.err == nil && f.seq != seats[k].seq {
			l.log.ErrorContext(ctx, "a person had another place already", slog.Uint64("campaign", uint64(ln.cfg.Campaign)),
				slog.Uint64("seq", uint64(f.seq)), slog.Uint64("spare", uint64(seats[k].seq)))
			answers[i].created = false
		}
	}
	if whole && created > 0 {
		ln.addFinished(id)
	}
	// The others were quicker to what was reserved: once more, for all, since those who have a place by now are found.
	return short, nil
}

func (ln *lane) takeFinished() []string {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	f := ln.finished
	ln.finished = nil
	return f
}

func (ln *lane) addFinished(ids ...string) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.finished = append(ln.finished, ids...)
}

func grow(a interface {
	Load() int64
	CompareAndSwap(old, new int64) bool
}, to int64) {
	for {
		have := a.Load()
		if have >= to || a.CompareAndSwap(have, to) {
			return
		}
	}
}

// seat is a person and their seq.
type seat struct {
	who person.Key
	seq uint32
}

// finding is what a bucket says of a person; seq 0: not there.
type finding struct {
	seq uint32
	err error
}

// byBucket groups people by where they are kept.
func byBucket[T any](ln *lane, all []T, who func(T) person.Key) (buckets []uint32, at [][]int) {
	where := make(map[uint32]int)
	for i, x := range all {
		b := ln.keys.bucketOf(who(x))
		k, ok := where[b]
		if !ok {
			k = len(buckets)
			where[b] = k
			buckets, at = append(buckets, b), append(at, nil)
		}
		at[k] = append(at[k], i)
	}
	return buckets, at
}

// lookup asks the buckets for people's seqs: one command for each bucket, all at once.
func (l *Line) lookup(ctx context.Context, ln *lane, people []person.Key) ([]finding, error) {
	ctx, cancel := context.WithTimeout(ctx, bucketTimeout)
	defer cancel()
	out := make([]finding, len(people))
	buckets, at := byBucket(ln, people, func(k person.Key) person.Key { return k })
	cmds := make(valkey.Commands, len(buckets))
	for k, b := range buckets {
		fields := make([]string, 1, 1+len(at[k])) // the first, the empty one, is the mark
		for _, i := range at[k] {
			fields = append(fields, string(people[i][:]))
		}
		cmds[k] = l.client.B().Hmget().Key(ln.keys.bucket(b)).Field(fields...).Build()
	}
	for k, r := range l.client.DoMulti(ctx, cmds...) {
		seqs, err := ln.readBucket(r, len(at[k]))
		for n, i := range at[k] {
			if err != nil {
				out[i].err = err
			} else {
				out[i].seq = seqs[n]
			}
		}
	}
	return out, nil
}

func (ln *lane) readBucket(r valkey.ValkeyResult, n int) ([]uint32, error) {
	values, err := r.ToArray()
	if err != nil {
		return nil, wrap(err)
	}
	if len(values) != n+1 {
		return nil, fmt.Errorf("%w: a bucket gave %d answers for %d", ErrDamaged, len(values), n+1)
	}
	if mark, err := values[0].ToString(); err != nil || mark != ln.epochNow() {
		ln.lost.Store(true)
		return nil, fmt.Errorf("%w: a bucket", ErrLost)
	}
	seqs := make([]uint32, n)
	for i, v := range values[1:] {
		if v.IsNil() {
			continue
		}
		seq, err := v.AsUint64()
		if err != nil || seq == 0 || seq > mostPlaces {
			return nil, fmt.Errorf("%w: a seq", ErrDamaged)
		}
		seqs[i] = uint32(seq)
	}
	return seqs, nil
}

// put keeps seats in their buckets and gives what the buckets hold then.
func (l *Line) put(ctx context.Context, ln *lane, seats []seat) []finding {
	ctx, cancel := context.WithTimeout(ctx, bucketTimeout)
	defer cancel()
	out := make([]finding, len(seats))
	buckets, at := byBucket(ln, seats, func(s seat) person.Key { return s.who })
	calls := make([]call, len(buckets))
	for k, b := range buckets {
		args := make([]string, 2, 2+2*len(at[k]))
		args[0], args[1] = ln.epochNow(), strconv.Itoa(len(at[k]))
		for _, i := range at[k] {
			args = append(args, string(seats[i].who[:]))
		}
		for _, i := range at[k] {
			args = append(args, strconv.FormatUint(uint64(seats[i].seq), 10))
		}
		calls[k] = call{putScript, []string{ln.keys.bucket(b)}, args}
	}
	for k, r := range l.runAll(ctx, calls) {
		seqs, err := r.AsIntSlice()
		if err == nil && len(seqs) != len(at[k]) {
			err = fmt.Errorf("%w: a bucket gave %d answers for %d", ErrDamaged, len(seqs), len(at[k]))
		}
		for n, i := range at[k] {
			if err != nil {
				out[i].err = wrap(err)
				if errors.Is(out[i].err, ErrLost) {
					ln.lost.Store(true)
				}
			} else {
				out[i].seq = uint32(seqs[n])
			}
		}
	}
	return out
}
