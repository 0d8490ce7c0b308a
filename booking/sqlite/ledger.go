// Package sqlite is the embedded engine of [booking.Ledger]: one file, booking.db, in the data directory.
//
// It owns the tables of that file and their encoding. It decides nothing: it loads what a batch touches, calls
// [booking.Decide] and writes what came out, all in one transaction whose commit is on disk when Apply returns. It must
// not know of rules, lines, people or HTTP.
//
// Counters, holds and who ever booked are also kept in memory, written through: a batch reads them there, and the table
// of bookings only for people who have one. Every change of the file adds an event, so the number of the last event
// tells, inside each transaction, whether the memory is current; after another process wrote, or a commit whose end is
// unknown, it is read anew. Several processes may therefore open one directory; only their speed suffers.
package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"charye/booking"
	"charye/internal/durable"
	"charye/person"
)

//go:embed migrations/*.sql
var migrations embed.FS

// dueAtOnce is how many holds that are over one transaction gives back, so that the first batch after a long stop is no
// larger than others.
const dueAtOnce = 1024

// checkpointPages is how long the write-ahead log grows before it is folded into the file: 64 MB. Seats of a rush lie
// scattered, and the more batches share a fold, the fewer pages are written twice; measured, a fifth more bookings than at
// 16 MB.
const checkpointPages = 16_000

var _ booking.Ledger = (*Ledger)(nil)

// Ledger is the embedded engine. Safe for concurrent use.
type Ledger struct {
	db *durable.DB

	writer sync.Mutex // guards what follows; whoever holds it may write
	write  writeStatements
	memory memory
	buf    []byte

	read   readStatements
	days   sync.Mutex // one catching up at a time, which alone uses what follows
	lately lately
}

// Open opens or creates booking.db in the directory dir.
func Open(ctx context.Context, dir string) (*Ledger, error) {
	db, err := durable.Open(ctx, filepath.Join(dir, "booking.db"), migrations)
	if err != nil {
		return nil, err
	}
	l := &Ledger{db: db}
	if err := l.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open booking.db: %w", durable.Wrap(err)), db.Close())
	}
	return l, nil
}

func (l *Ledger) prepare(ctx context.Context) error {
	if _, err := l.db.W.ExecContext(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint(%d)", checkpointPages)); err != nil {
		return err
	}
	if err := l.write.prepare(ctx, l.db.W); err != nil {
		return err
	}
	if err := l.read.prepare(ctx, l.db.R); err != nil {
		return err
	}
	return l.inTx(ctx, func(*tx) error { return nil }) // fills the memory
}

// Close ends the use of the file; it waits for a batch under way.
func (l *Ledger) Close() error {
	l.writer.Lock()
	defer l.writer.Unlock()
	return l.db.Close()
}

// Apply decides a batch and makes it durable. ctx can stop it until the commit begins.
func (l *Ledger) Apply(ctx context.Context, batch []booking.Request) ([]booking.Outcome, error) {
	l.writer.Lock()
	defer l.writer.Unlock()
	need := booking.Needs(batch)
	for {
		var rest bool
		var outcomes []booking.Outcome
		err := l.inTx(ctx, func(t *tx) error {
			due := l.memory.due(need.Until, dueAtOnce)
			if rest = len(due) == dueAtOnce; rest {
				_, err := l.decide(ctx, t, booking.Need{}, due, []booking.Request{
					{Op: booking.OpExpire, Channel: "system", At: due[len(due)-1].Until},
				})
				return err
			}
			var err error
			outcomes, err = l.decide(ctx, t, need, due, batch)
			return err
		})
		if err != nil || !rest {
			return outcomes, err
		}
	}
}

func (l *Ledger) decide(ctx context.Context, t *tx, need booking.Need, due []booking.Hold, batch []booking.Request) ([]booking.Outcome, error) {
	st := booking.NewState(l.memory.nextBooking, l.memory.nextSeq)
	st.Lookup = l.memory.counter
	for _, who := range need.Persons {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if l.memory.mayHaveBooked(who) {
			if err := t.bookings(who, st.AddBooking); err != nil {
				return nil, err
			}
		}
		for _, h := range l.memory.holds[who] {
			st.AddHold(h)
		}
	}
	for _, h := range due {
		st.AddHold(h)
	}
	outcomes := booking.Decide(st, batch)
	t.changes = st.Changes()
	return outcomes, t.writeChanges(ctx)
}

// SetCapacity changes capacities, each with an event.
func (l *Ledger) SetCapacity(ctx context.Context, claims []booking.Claim) error {
	ids := make([]booking.Counter, len(claims))
	for i, c := range claims {
		ids[i] = c.Counter
	}
	return l.Adjust(ctx, ids, func(map[booking.Counter]booking.CounterState) ([]booking.Claim, error) { return claims, nil })
}

// Adjust changes capacities by what they are.
func (l *Ledger) Adjust(ctx context.Context, counters []booking.Counter, rule func(map[booking.Counter]booking.CounterState) ([]booking.Claim, error)) error {
	l.writer.Lock()
	defer l.writer.Unlock()
	return l.inTx(ctx, func(t *tx) error {
		at := time.Now().UTC().Truncate(time.Microsecond)
		ch := booking.Changes{NextBooking: l.memory.nextBooking, NextSeq: l.memory.nextSeq}
		have, named := map[booking.Counter]booking.CounterState{}, map[booking.Counter]bool{}
		for _, c := range counters {
			named[c] = true
			if st, known := l.memory.counter(c); known {
				have[c] = st
			}
		}
		claims, err := rule(maps.Clone(have))
		if err != nil {
			return err
		}
		set := map[booking.Counter]booking.CounterState{}
		for _, c := range claims {
			old, known := set[c.Counter]
			if !known {
				old, known = have[c.Counter]
			}
			switch {
			case c.Counter.Kind() == 0 || c.Capacity < 0 || c.Capacity > booking.MaxQuantity || !named[c.Counter]:
				return fmt.Errorf("set capacity of %v to %d: no such counter or capacity", c.Counter, c.Capacity)
			case c.Capacity < old.Used:
				return fmt.Errorf("set capacity of %v to %d: %w (%d)", c.Counter, c.Capacity, booking.ErrBelowUsed, old.Used)
			case known && c.Capacity == old.Capacity:
				continue
			}
			set[c.Counter] = booking.CounterState{Counter: c.Counter, Capacity: c.Capacity, Used: old.Used}
			ch.Events = append(ch.Events, booking.Event{
				Seq: ch.NextSeq, At: at, Kind: booking.EventCapacity, Channel: "system",
				Why: fmt.Sprintf("%d to %d", old.Capacity, c.Capacity), Deltas: []booking.Delta{{Counter: c.Counter}},
			})
			ch.NextSeq++
		}
		for _, c := range set {
			ch.Counters = append(ch.Counters, c)
		}
		slices.SortFunc(ch.Counters, func(a, b booking.CounterState) int { return cmp.Compare(a.Counter, b.Counter) })
		t.changes = ch
		return t.writeChanges(ctx)
	})
}

// tx is one transaction on the writing connection. changes is what it writes, for the memory after the commit.
type tx struct {
	*sql.Tx
	l       *Ledger
	people  *sql.Stmt
	changes booking.Changes
	chain   booking.Hash // after the last event, those written in this transaction among them
}

// inTx runs fn in a transaction with the memory current, commits, and takes the changes into the memory. The caller holds
// l.writer. Nothing that fn did stays when it, or the commit, fails.
func (l *Ledger) inTx(ctx context.Context, fn func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// Statements run without ctx: the driver starts a goroutine for every statement that can be cancelled. The
	// transaction is bounded by its batch, and ctx is looked at between statements.
	sqlTx, err := l.db.W.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return fmt.Errorf("booking: begin: %w", durable.Wrap(err))
	}
	t := &tx{Tx: sqlTx, l: l, people: sqlTx.Stmt(l.write.bookings)}
	err = l.memory.refresh(t)
	if err == nil {
		t.chain = l.memory.chain
		err = fn(t)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = t.Rollback() // err says what went wrong; a transaction that cannot be rolled back is rolled back with its connection
		return fmt.Errorf("booking: %w", durable.Wrap(err))
	}
	if err := t.Commit(); err != nil {
		_ = t.Rollback() // should the commit have happened after all, the next refresh finds its events
		return fmt.Errorf("booking: commit: %w", durable.Wrap(err))
	}
	l.memory.apply(&t.changes)
	l.memory.chain = t.chain
	return nil
}

// key reads a person's key from a column.
func key(b []byte) (k person.Key, err error) {
	if len(b) != len(k) {
		return k, errBody
	}
	return person.Key(b), nil
}
