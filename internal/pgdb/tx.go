package pgdb

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Limits are what bounds a transaction on the server's side, whatever becomes of the node that began it. They are set in each
// transaction, since behind PgBouncer a session keeps nothing.
type Limits struct {
	Idle      time.Duration // how long the others wait for a node that stopped in the middle: paused, swapped out, cut off
	Lock      time.Duration // how long a transaction waits for those before it
	Statement time.Duration // ends a statement that something is wrong with
	Commit    time.Duration // how long the client waits for the answer to a commit, context or not
}

// usual are the limits of a [DB] that nobody gave others.
var usual = Limits{Idle: 2 * time.Second, Lock: 8 * time.Second, Statement: 15 * time.Second, Commit: 10 * time.Second}

// Tx is a transaction of few round trips: its statements go in batches, and the commit goes with the last one, so that
// locks never wait for a client that has nothing more to say. One goroutine uses it.
type Tx struct {
	conn   *pgxpool.Conn
	limits Limits
	// Sent is true from the moment on at which the commit may have happened, whatever error came back.
	Sent bool
}

// Long is an [DB.Begin] option for imports: no bound on the time of statements.
const Long = true

// Begin takes a connection and begins a transaction together with first, which may be nil.
func (d *DB) Begin(ctx context.Context, first *pgx.Batch, long bool) (*Tx, error) {
	conn, err := d.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	t := &Tx{conn: conn, limits: d.Limits}
	limits := d.Limits
	if long {
		limits.Statement = 0
	}
	if err := t.Do(ctx, begun("READ COMMITTED", limits, first)); err != nil {
		t.End()
		return nil, err
	}
	return t, nil
}

// begun puts the beginning of a transaction before its first statements.
func begun(isolation string, limits Limits, first *pgx.Batch) *pgx.Batch {
	b := &pgx.Batch{}
	b.Queue("BEGIN ISOLATION LEVEL " + isolation)
	// Plans follow the tables as they grow; a kept plan would be that of the empty table.
	b.Queue(fmt.Sprintf(`SELECT set_config('idle_in_transaction_session_timeout', '%d', true), set_config('lock_timeout', '%d', true),
		set_config('statement_timeout', '%d', true), set_config('plan_cache_mode', 'force_custom_plan', true)`,
		limits.Idle.Milliseconds(), limits.Lock.Milliseconds(), limits.Statement.Milliseconds()))
	if first != nil {
		b.QueuedQueries = append(b.QueuedQueries, first.QueuedQueries...)
	}
	return b
}

// Snapshot reads what b asks as of one instant, in one round trip. Nothing is locked, then or afterwards.
func (d *DB) Snapshot(ctx context.Context, b *pgx.Batch) error {
	conn, err := d.Acquire(ctx)
	if err != nil {
		return err
	}
	t := &Tx{conn: conn, limits: d.Limits}
	defer t.End()
	whole := begun("REPEATABLE READ READ ONLY", d.Limits, b)
	whole.Queue("COMMIT")
	return t.Do(ctx, whole)
}

// Once sends a whole transaction as one message, with its beginning and its commit: the server needs nothing more from this
// node to end it, so that no lock of it ever waits for a client. ctx can stop it before it is sent and not afterwards. sent is
// true when the error leaves open whether the commit happened, as [Tx.Sent].
func (d *DB) Once(ctx context.Context, b *pgx.Batch) (sent bool, err error) {
	conn, err := d.Acquire(ctx)
	if err != nil {
		return false, err
	}
	t := &Tx{conn: conn, limits: d.Limits}
	defer t.End()
	err = t.Commit(ctx, begun("READ COMMITTED", d.Limits, b))
	return t.Sent, err
}

// Do sends a batch and reads all answers; results go to the functions that its queries were given.
func (t *Tx) Do(ctx context.Context, b *pgx.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.send(ctx, b)
}

// send ends the connection when it leads to a server that may not write any more: the next one is made to the server that
// may, where the URL names several.
func (t *Tx) send(ctx context.Context, b *pgx.Batch) error {
	err := t.conn.SendBatch(ctx, b).Close()
	if isReadOnly(err) {
		_ = t.conn.Conn().Close(ctx) // the error is the one to tell
	}
	return err
}

// Commit sends a last batch and the commit. ctx can stop it before anything is sent and not afterwards: the answer is
// then waited for, for a bounded time. When the error leaves open whether the commit happened, Sent is true.
func (t *Tx) Commit(ctx context.Context, b *pgx.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.limits.Commit)
	defer cancel()
	if b == nil {
		b = &pgx.Batch{}
	}
	b.Queue("COMMIT")
	t.Sent = true
	err := t.send(ctx, b)
	if err == nil || Answered(err) {
		t.Sent = err == nil // an answer with an error in it means that the server did not commit
	}
	return err
}

// Conn is the connection, for what batches cannot do.
func (t *Tx) Conn() *pgx.Conn { return t.conn.Conn() }

// End gives the connection back; what was not committed is rolled back. It may be called twice.
func (t *Tx) End() {
	if t.conn == nil {
		return
	}
	pg := t.conn.Conn().PgConn()
	if !pg.IsClosed() && !pg.IsBusy() && pg.TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.Background(), t.limits.Idle)
		_, _ = t.conn.Exec(ctx, "ROLLBACK") // a connection that cannot is closed by the pool, and rolls back so
		cancel()
	}
	t.conn.Release()
	t.conn = nil
}
