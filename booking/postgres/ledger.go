// Package postgres is the engine of [booking.Ledger] for many nodes: tables in a PostgreSQL database.
//
// It owns those tables and their form. It decides nothing: it loads what a batch touches, calls [booking.Decide] and
// writes what came out. It must not know of rules, lines, people or HTTP.
//
// # Batches that do not wait for one another
//
// A batch is read in one snapshot, decided without any lock, and sent as one message that begins, checks, writes and commits:
// a node that is slow, paused or cut off holds nothing that others need. What it was decided on is checked in that message,
// under locks taken in one order by everybody (persons, then counters, each ascending), so that there is no ring:
//
//   - the bookings and holds of everybody decided about must be as they were read: each change moves a person's version;
//   - a counter is moved by the difference and must stay within its capacity: two nodes that take different seats of one
//     stock do not disturb each other, and the lock on the stock, taken last, lasts as long as the commit;
//   - a counter for want of which somebody was refused, or got a later choice, must be exactly as it was read.
//
// When the ground has moved, the whole batch is read and decided anew. Of batches that collide one always commits, so the
// whole gets on. A batch that changes nothing is right as of its snapshot and writes nothing.
//
// Events are written with the change. Their place in the feed is given afterwards, by whoever reads it, commit by commit:
// see [Ledger.Events]. The constraints of the tables stand behind as the second lock.
package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"charye/booking"
	"charye/internal/pgdb"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// dueAtOnce is how many holds that are over one transaction gives back, so that the first batch after a long stop is no
	// larger than others.
	dueAtOnce = 1024
	// collisions is how often a batch is decided anew because others were quicker; a pause after the first few keeps two
	// nodes from meeting again and again.
	collisions = 100
	// tries is how often a batch is begun when its connection turns out to be dead.
	tries = 3
)

// ErrUnknown means that the connection was lost while a batch was being committed, and that the database could not be asked
// since whether it was. Who asks again with the same idempotency key finds out.
var ErrUnknown = errors.New("the database was lost during a commit: whether it happened is not known")

// ErrClock means that the instant of a request and the database's clock are too far apart to go by: a node whose clock is wrong
// would end everybody's holds, and take what is over for what is not.
var ErrClock = errors.New("the clocks of this node and of the database differ")

var _ booking.Ledger = (*Ledger)(nil)

// Ledger is the engine. Safe for concurrent use, by any number of nodes.
type Ledger struct {
	db       *pgdb.DB
	bookings ids
	events   ids
	collided atomic.Int64
	skew     time.Duration

	between func() // after a batch was decided, before it is sent; tests set it
}

// Open connects to the database at url and brings the tables of bookings up to date.
func Open(ctx context.Context, url string) (*Ledger, error) {
	db, err := pgdb.Open(ctx, url, "booking", migrations)
	if err != nil {
		return nil, err
	}
	return &Ledger{
		db:       db,
		bookings: ids{next: `SELECT nextval('booking_blocks')`, block: bookingBlock},
		events:   ids{next: `SELECT nextval('booking_event_blocks')`, block: eventBlock},
	}, nil
}

// MaxSkew has every batch refused with [ErrClock] that has a request from further off than this by the database's clock; 0, as
// at the opening, compares nothing. It is set before the first batch.
func (l *Ledger) MaxSkew(d time.Duration) { l.skew = d }

// Close ends all connections; it waits for a batch under way.
func (l *Ledger) Close() error { return l.db.Close() }

// Collided is how often a batch was decided anew because others had been quicker.
func (l *Ledger) Collided() int64 { return l.collided.Load() }

// Apply decides a batch and makes it durable. ctx can stop it until the commit is sent. A commit whose answer was lost is
// looked up before anything is said; only when that fails too the error is [ErrUnknown], the one error after which a batch
// may have taken effect.
func (l *Ledger) Apply(ctx context.Context, batch []booking.Request) ([]booking.Outcome, error) {
	for {
		var d *decision
		err := l.change(ctx, func() (change, error) {
			var err error
			if d, err = l.decide(ctx, batch); err != nil {
				return change{}, err
			}
			return d.change(), nil
		})
		if err != nil {
			return nil, fmt.Errorf("booking: %w", err)
		}
		if !d.partly {
			return d.outcomes, nil
		}
	}
}

// change is a transaction ready to be sent. events are the ids that it uses up; without any, nothing changes.
type change struct {
	batch  *pgx.Batch
	events span
	count  int // of events
}

// change has work decide, and sends what comes out; work may be called more than once.
func (l *Ledger) change(ctx context.Context, work func() (change, error)) error {
	lost := 0
	for round := 0; ; round++ {
		c, err := work()
		sent := false
		if err == nil {
			if c.count == 0 {
				return nil
			}
			if l.between != nil {
				l.between()
			}
			sent, err = l.db.Once(ctx, c.batch)
		}
		switch {
		case err == nil:
			return nil
		case sent:
			return l.lookUp(c.events.first, err)
		case ctx.Err() != nil:
			return pgdb.Wrap(err)
		case moved(err) && round < collisions:
			l.collided.Add(1)
			if err := pause(ctx, round); err != nil {
				return err
			}
		case !moved(err) && pgdb.Again(err) && lost < tries-1:
			lost++
		default:
			return pgdb.Wrap(err)
		}
	}
}

// groundMoved is the SQLSTATE of booking_must.
const groundMoved = "CH001"

// moved reports whether a transaction ended because others had changed what it was decided on.
func moved(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch e.Code {
	case groundMoved,
		"23505", // a counter that two nodes met at once
		"40001", "40P01":
		return true
	}
	return false
}

// pause waits a random time that grows with the rounds, up to some 30 ms.
func pause(ctx context.Context, round int) error {
	if round < 2 {
		return nil
	}
	t := time.NewTimer(time.Duration(rand.Int64N(int64(time.Millisecond) << min(round, 5))))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lookUpTime bounds how long [Ledger.lookUp] waits for the database to come back. It is beyond the context of the batch:
// somebody whose booking stands should hear of it.
const lookUpTime = 10 * time.Second

// lookUp finds out whether a commit happened whose answer was lost, and sees to it that it does not happen afterwards: it
// puts a row into the place that the batch's own row would take. That waits for the batch if it is under way; then either the
// row is there, or it can never come.
func (l *Ledger) lookUp(first int64, lost error) error {
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTime)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		there, err := l.recorded(ctx, first)
		switch {
		case err == nil && there:
			return nil
		case err == nil:
			return lost
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrUnknown, errors.Join(lost, err))
		case <-tick.C:
		}
	}
}

// recorded reports whether the batch with these events was committed; if not, it never will be. It commits a change that
// changes nothing: where commits wait for a replica, its being done says that those before it have reached the replica too.
func (l *Ledger) recorded(ctx context.Context, first int64) (there bool, err error) {
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO booking_batches (first_event, events, first_seq) VALUES ($1::bigint, 0, 0) ON CONFLICT (first_event) DO NOTHING`, first)
	b.Queue(`SELECT events > 0 FROM booking_batches WHERE first_event = $1::bigint`, first).QueryRow(func(row pgx.Row) error { return row.Scan(&there) })
	b.Queue(`UPDATE streams SET next_seq = next_seq WHERE name = 'booking'`)
	_, err = l.db.Once(ctx, b)
	return there, err
}
