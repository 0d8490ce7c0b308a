package valkey

import (
	"context"
	"encoding/hex"
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
	want, known := l.opts.Epochs[ln.cfg.Campaign]
	found := !known && (l.opts.FoundLate || !now.After(ln.cfg.Gathers))
	life := (max(ln.cfg.Closes.Sub(now), 0) + l.opts.Retain).Milliseconds()
	r, err := l.runDurably(ctx, call{meetScript, []string{ln.keys.own("line")}, []string{
		hex.EncodeToString(randomBytes(16)), string(randomBytes(32)), digit(ln.cfg.Draw),
		strconv.Itoa(l.opts.Buckets), digit(found), strconv.FormatInt(life, 10),
	}})
	if err != nil {
		return err
	}
	facts, err := r.ToArray()
	if err != nil {
		return wrap(err)
	}
	var text [5]string
	for i := range text {
		if text[i], err = facts[i].ToString(); err != nil && !valkey.IsValkeyNil(err) {
			return wrap(err)
		}
	}
	buckets, err := strconv.ParseUint(text[3], 10, 16)
	if err != nil || buckets == 0 || len(text[1]) != 32 {
		return fmt.Errorf("%w: its facts are incomplete", ErrDamaged)
	}
	if known && text[0] != want {
		return fmt.Errorf("%w: another epoch", ErrLost)
	}
	ln.epoch, ln.draw, ln.keys.buckets = text[0], text[2] == "1", uint32(buckets)
	ln.seed = [32]byte([]byte(text[1]))
	ln.commitment = line.Commitment(ln.seed)
	if ln.draw != ln.cfg.Draw {
		l.log.WarnContext(ctx, "the order of a line stays as it was when the first person joined",
			slog.Uint64("campaign", uint64(ln.cfg.Campaign)), slog.Bool("draw", ln.draw))
	}
	if text[4] != "1" {
		if err := l.markBuckets(ctx, ln); err != nil {
			return err
		}
	}
	ln.gen.Store(1)
	ln.view.Store(&line.View{Status: line.Status{Campaign: ln.cfg.Campaign}})
	b, err := l.beat(ctx, ln, now, false)
	if err != nil {
		return err
	}
	if err := l.loadOrder(ctx, ln, b); err != nil {
		return err
	}
	ln.mu.Lock()
	ln.publish(b, now)
	ln.mu.Unlock()
	return l.prolong(ctx, ln, b, life)
}

// markBuckets puts the epoch into every bucket. A bucket found without it later has lost its people.
func (l *Line) markBuckets(ctx context.Context, ln *lane) error {
	cmds := make(valkey.Commands, ln.keys.buckets)
	for b := range cmds {
		cmds[b] = l.client.B().Hsetnx().Key(ln.keys.bucket(uint32(b))).Field("").Value(ln.epoch).Build()
	}
	for _, r := range l.client.DoMulti(ctx, cmds...) {
		if err := r.Error(); err != nil {
			return wrap(err)
		}
	}
	_, err := l.runDurably(ctx, call{readyScript, []string{ln.keys.own("line")}, []string{ln.epoch}})
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
