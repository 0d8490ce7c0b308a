package booking

import (
	"context"
	"crypto/sha256"
	"time"

	"charye/internal/batch"
)

// Desk is the counter where requests queue: it gathers concurrent requests into batches for one [Ledger]. The waiting
// room is bounded: a full one refuses at once with [batch.FullError]. Safe for concurrent use.
type Desk struct {
	ledger Ledger
	pool   *batch.Pool[Request, Outcome]
}

// NewDesk opens a desk before a ledger. [Desk.Stop] ends it; the ledger stays the caller's.
func NewDesk(l Ledger, opts batch.Options) *Desk {
	return &Desk{ledger: l, pool: batch.New(l.Apply, opts)}
}

// Do decides one request. What it answers is durable. An error from the ledger means that nothing happened; when ctx ends
// first, the request may still take effect, so the caller asks again with the same idempotency key.
func (d *Desk) Do(ctx context.Context, r Request) (Outcome, error) { return d.pool.Do(ctx, r) }

// Waiting is how many requests wait for the next batch.
func (d *Desk) Waiting() int { return d.pool.Waiting() }

// Sweep gives back the holds that are over at now, so that pages show their seats as free. No request depends on it:
// each finds such seats free anyway. One sweep at a time is enough in a cluster, more do no harm.
func (d *Desk) Sweep(ctx context.Context, now time.Time) error {
	due, err := d.ledger.DueHolds(ctx, now, 1)
	if err != nil || len(due) == 0 {
		return err
	}
	_, err = d.Do(ctx, Request{Op: OpExpire, Channel: "system", At: now})
	return err
}

// Stop refuses new requests, answers all that wait, and returns when the last is answered. It may be called twice.
func (d *Desk) Stop() { d.pool.Stop() }

// Digest is what stands for an idempotency key, or for the body of a request, in [Request]: the first 16 bytes of its SHA-256.
func Digest(s string) [16]byte {
	h := sha256.Sum256([]byte(s))
	return [16]byte(h[:16])
}
