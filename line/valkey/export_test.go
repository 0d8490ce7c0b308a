package valkey

import (
	"context"
	"strconv"
	"time"

	"charye/line"
	"charye/person"
)

// ClearLeases ends every campaign's lease as time would.
func (l *Line) ClearLeases(ctx context.Context) error {
	for _, ln := range l.lanes {
		if err := l.client.Do(ctx, l.client.B().Del().Key(ln.keys.own("lease")).Build()).Error(); err != nil {
			return err
		}
	}
	return nil
}

// Decide gives what this node, with the lease it has now, would write to admit up to a number.
func (l *Line) Decide(campaign uint32, upTo int) func(context.Context) error {
	ln := l.lanes[campaign]
	ln.mu.Lock()
	token := ln.token
	ln.mu.Unlock()
	return func(ctx context.Context) error {
		_, err := l.run(ctx, call{admitScript, []string{ln.keys.own("line"), ln.keys.own("waves")},
			[]string{ln.epochNow(), token, strconv.Itoa(upTo), "0", "{}", "10"}})
		return err
	}
}

// Hang keeps this node from its next step until the function it gives is called.
func (l *Line) Hang(campaign uint32) func() {
	ln := l.lanes[campaign]
	ln.step.Lock()
	return ln.step.Unlock
}

// Rotate has the oldest pending people forgotten now, if this node can have the lease.
func (l *Line) Rotate(ctx context.Context) error {
	for _, ln := range l.lanes {
		if _, err := l.settle(ctx, ln, 0); err != nil {
			return err
		}
		if err := l.client.Do(ctx, l.client.B().Hset().Key(ln.keys.own("line")).FieldValue().FieldValue("rotated", "0").Build()).Error(); err != nil {
			return err
		}
		if _, err := l.beat(ctx, ln, l.now(), true); err != nil {
			return err
		}
		if _, err := l.beat(ctx, ln, l.now(), false); err != nil {
			return err
		}
	}
	return nil
}

// Pending is how many people are pending.
func (l *Line) Pending(ctx context.Context) (n int64, err error) {
	for _, ln := range l.lanes {
		gen := ln.gen.Load()
		for g := gen - 1; g <= gen; g++ {
			k, err := l.client.Do(ctx, l.client.B().Hlen().Key(ln.keys.gen("pending", g)).Build()).AsInt64()
			if err != nil {
				return 0, err
			}
			n += k
		}
	}
	return n, nil
}

// Key is the key of the campaign's facts and counters.
func (l *Line) Key(campaign uint32) string {
	ln := l.lanes[campaign]
	return ln.keys.own("line")
}

// Forget takes a person out of their bucket, as a failover can.
func (l *Line) Forget(ctx context.Context, campaign uint32, who person.Key) error {
	ln := l.lanes[campaign]
	return l.client.Do(ctx, l.client.B().Hdel().Key(ln.keys.bucket(ln.keys.bucketOf(who))).Field(string(who[:])).Build()).Error()
}

// Open gives the seqs of batches that are not known to be in their buckets.
func (l *Line) Open(ctx context.Context, campaign uint32) (map[uint32]bool, error) {
	seats, err := l.settle(ctx, l.lanes[campaign], 1<<62)
	seqs := make(map[uint32]bool)
	for _, s := range seats {
		seqs[s.seq] = true
	}
	return seqs, err
}

// SetBetween has f called after a batch of joins asked its buckets, before it has seqs given. Set it before any join.
func (l *Line) SetBetween(f func()) { l.between = f }

// Look is Status, asked of the store now.
func (l *Line) Look(ctx context.Context, campaign uint32) (line.Status, error) {
	ln := l.lanes[campaign]
	ln.mu.Lock()
	ln.seen = time.Time{}
	ln.mu.Unlock()
	return l.Status(ctx, campaign)
}

// Settle puts all open batches into their buckets.
func (l *Line) Settle(ctx context.Context) error {
	for _, ln := range l.lanes {
		if _, err := l.settle(ctx, ln, 0); err != nil {
			return err
		}
	}
	return nil
}

// Misplace puts a person into their bucket under a seq that is another's.
func (l *Line) Misplace(ctx context.Context, campaign uint32, who person.Key, seq uint32) error {
	return l.put(ctx, l.lanes[campaign], []seat{{who, seq}})[0].err
}

// Prefix is that of all keys.
func (l *Line) Prefix() string { return l.opts.Prefix }

// Flush keeps the journals beside the store now.
func (l *Line) Flush(ctx context.Context) error {
	for _, ln := range l.lanes {
		if err := l.flush(ctx, ln); err != nil {
			return err
		}
	}
	return nil
}

// DropJournal forgets what is not kept beside the store yet.
func (l *Line) DropJournal(campaign uint32) {
	ln := l.lanes[campaign]
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.journal = nil
}
