package valkey

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/valkey-io/valkey-go"

	"charye/line"
)

// meet learns a campaign's facts, and makes them at the first meeting. Dying at any point between, the next one goes on.
func (l *Line) meet(ctx context.Context, ln *lane) error {
	now := l.now()
	ln.keys = newKeys(l.opts.Prefix, ln.cfg.Campaign)
	life := (max(ln.cfg.Closes.Sub(now), 0) + l.opts.Retain).Milliseconds()
	f, err := l.facts(ctx, ln, now, life)
	if err != nil {
		return err
	}
	if ln.draw != ln.cfg.Draw {
		l.log.WarnContext(ctx, "the order of a line stays as it was when the first person joined",
			slog.Uint64("campaign", uint64(ln.cfg.Campaign)), slog.Bool("draw", ln.draw))
	}
	if !f.ready {
		if err := l.markBuckets(ctx, ln); err != nil {
			return err
		}
	}
	ln.view.Store(&line.View{Status: line.Status{Campaign: ln.cfg.Campaign}})
	b, err := l.beat(ctx, ln, now, false)
	if err != nil {
		return err
	}
	if err := l.loadOrder(ctx, ln, b); err != nil && (l.opts.Records == nil || !errors.Is(err, ErrLost)) {
		return err // with records it is made again
	}
	ln.mu.Lock()
	ln.publish(b, now)
	ln.mu.Unlock()
	return l.prolong(ctx, ln, b, life)
}

// facts are what never changes about a line, as the store has it.
type facts struct {
	epoch   string
	seed    [32]byte
	draw    bool
	buckets int
	ready   bool // every bucket has its mark
}

// facts learns or makes the facts, and takes them over.
func (l *Line) facts(ctx context.Context, ln *lane, now time.Time, life int64) (f facts, err error) {
	if l.opts.Records != nil {
		f, err = l.recordedFacts(ctx, ln, life)
	} else {
		want, known := l.opts.Epochs[ln.cfg.Campaign]
		found := !known && (l.opts.FoundLate || !now.After(ln.cfg.Gathers))
		f, err = l.askFacts(ctx, ln, l.freshFacts(ln), found, life)
		if err == nil && known && f.epoch != want {
			err = fmt.Errorf("%w: another epoch", ErrLost)
		}
		ln.gen.Store(1)
		ln.assume(f)
	}
	return f, err
}

func (ln *lane) assume(f facts) {
	ln.setEpoch(f.epoch)
	ln.draw, ln.keys.buckets, ln.seed = f.draw, uint32(f.buckets), f.seed
	ln.commitment = line.Commitment(f.seed)
}

func (l *Line) freshFacts(ln *lane) facts {
	return facts{epoch: hex.EncodeToString(randomBytes(16)), seed: [32]byte(randomBytes(32)), draw: ln.cfg.Draw, buckets: l.opts.Buckets}
}

// askFacts asks the store for the facts of a line; with found it makes them as given when there are none.
func (l *Line) askFacts(ctx context.Context, ln *lane, f facts, found bool, life int64) (facts, error) {
	r, err := l.runDurably(ctx, call{meetScript, []string{ln.keys.own("line")}, []string{
		f.epoch, string(f.seed[:]), digit(ln.cfg.Draw), strconv.Itoa(f.buckets), digit(found), strconv.FormatInt(life, 10),
	}})
	if err != nil {
		return f, err
	}
	answer, err := r.ToArray()
	if err != nil {
		return f, wrap(err)
	}
	var text [5]string
	for i := range text {
		if text[i], err = answer[i].ToString(); err != nil && !valkey.IsValkeyNil(err) {
			return f, wrap(err)
		}
	}
	buckets, err := strconv.ParseUint(text[3], 10, 16)
	if err != nil || buckets == 0 || len(text[1]) != 32 {
		return f, fmt.Errorf("%w: its facts are incomplete", ErrDamaged)
	}
	return facts{epoch: text[0], seed: [32]byte([]byte(text[1])), draw: text[2] == "1", buckets: int(buckets), ready: text[4] == "1"}, nil
}

// recordedFacts are those of the record, which stands before the store has anything. A store that does not have what the record
// says is filled.
func (l *Line) recordedFacts(ctx context.Context, ln *lane, life int64) (f facts, err error) {
	r, ok, err := l.opts.Records.Record(ctx, ln.cfg.Campaign)
	if err != nil {
		return f, err
	}
	if !ok {
		if r, err = l.firstRecord(ctx, ln, life); err != nil {
			return f, err
		}
	}
	r.Draw = ln.cfg.Draw // counts while nobody can have a place
	if r, err = l.opts.Records.Found(ctx, r); err != nil {
		return f, err
	}
	ln.take(r)
	f = facts{epoch: r.Epoch, seed: r.Seed, draw: r.Draw, buckets: r.Buckets}
	ln.gen.Store(int64(r.Losses)*gensPerLoss + 1)
	ln.assume(f)
	have, err := l.askFacts(ctx, ln, f, r.Reserved == 0 && r.Losses == 0, life)
	if err == nil && have.epoch == r.Epoch {
		f.ready = have.ready
		ln.draw = have.draw
		return f, nil
	}
	if err != nil && !errors.Is(err, ErrLost) {
		return f, err
	}
	f.ready = true
	return f, l.refill(ctx, ln)
}

// firstRecord is that of a campaign that has none: of what the store has of it already, or a new one.
func (l *Line) firstRecord(ctx context.Context, ln *lane, life int64) (line.Record, error) {
	f := l.freshFacts(ln)
	r := line.Record{Campaign: ln.cfg.Campaign, Epoch: f.epoch, Seed: f.seed, Draw: f.draw, Buckets: f.buckets, Gathered: -1}
	have, err := l.askFacts(ctx, ln, f, false, life)
	if errors.Is(err, ErrLost) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	ln.gen.Store(1)
	ln.assume(have)
	b, err := l.beat(ctx, ln, l.now(), false)
	if err != nil {
		return r, err
	}
	r.Epoch, r.Seed, r.Draw, r.Buckets = have.epoch, have.seed, have.draw, have.buckets
	r.Reserved, r.Admitted, r.Gathered = uint32(b.joined)+reserveBlock, b.admitted, b.gathered
	return r, nil
}

// markBuckets puts the epoch into every bucket. A bucket found without it later has lost its people.
func (l *Line) markBuckets(ctx context.Context, ln *lane) error {
	cmds := make(valkey.Commands, ln.keys.buckets)
	for b := range cmds {
		cmds[b] = l.client.B().Hsetnx().Key(ln.keys.bucket(uint32(b))).Field("").Value(ln.epochNow()).Build()
	}
	for _, r := range l.client.DoMulti(ctx, cmds...) {
		if err := r.Error(); err != nil {
			return wrap(err)
		}
	}
	_, err := l.runDurably(ctx, call{readyScript, []string{ln.keys.own("line")}, []string{ln.epochNow()}})
	return err
}

// prolong sets the end of every key: the closing may have been moved since they were made.
func (l *Line) prolong(ctx context.Context, ln *lane, b beat, life int64) error {
	var keys []string
	for i := range ln.keys.buckets {
		keys = append(keys, ln.keys.bucket(i))
	}
	for _, name := range []string{"pass", "inside", "claims", "waves"} {
		keys = append(keys, ln.keys.own(name))
	}
	for g := b.gen - 1; g <= b.gen; g++ {
		keys = append(keys, ln.keys.gen("pending", g), ln.keys.gen("open", g))
	}
	if b.drawn != "" {
		for i := range chunksOf(int(b.gathered), numbersPerChunk) {
			keys = append(keys, ln.keys.chunk("n", b.drawn, i))
		}
		for i := range chunksOf(b.entrants, entrantsPerChunk) {
			keys = append(keys, ln.keys.chunk("e", b.drawn, i))
		}
	}
	cmds := make(valkey.Commands, len(keys))
	for i, k := range keys {
		cmds[i] = l.client.B().Pexpire().Key(k).Milliseconds(life).Build()
	}
	for _, r := range l.client.DoMulti(ctx, cmds...) {
		if err := r.Error(); err != nil {
			return wrap(err)
		}
	}
	return nil
}

func digit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// opened says whether the opening of a draw is past.
func (ln *lane) opened(now time.Time) string { return digit(ln.draw && !now.Before(ln.cfg.Opens)) }
