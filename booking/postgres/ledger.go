// Package postgres is the engine of [booking.Ledger] for many nodes: tables in a PostgreSQL database.
//
// It owns those tables and their form. It decides nothing: it loads what a batch touches, calls [booking.Decide] and
// writes what came out, in one transaction. It must not know of rules, lines, people or HTTP.
//
// # One writer at a time
//
// Events are numbered densely in commit order, and the stock of a campaign is a counter that every one of its bookings
// moves. Either makes the last part of a batch exclusive; so there is one lock for all of it, the row of the feed in
// the table of streams, held from the loading to the commit. With a single lock there is no ring to wait in, nothing read
// under it can change, and a person or a counter met for the first time needs no lock of its own. The cost: batches of all
// nodes run one after the other, and their sum is bounded by what one connection can write; more nodes share it, they do
// not add to it. A batch of bookings is two round trips, the last of which carries the commit (changes and cancellations take
// one more between them), so a node that is slow, paused or cut off holds the others up only between the first and the last,
// and there for no longer than pgdb allows an idle transaction.
// The constraints of the tables stand behind as the second lock.
package postgres

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/booking"
	"charye/internal/pgdb"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// dueAtOnce is how many holds that are over one transaction gives back, so that the first batch after a long stop is no
	// larger than others.
	dueAtOnce = 1024
	// tries is how often a batch is begun when others get in its way or its connection turns out to be dead.
	tries = 3
)

// ErrUnknown means that the connection was lost while a batch was being committed, and that the database could not be asked
// since whether it was. Who asks again with the same idempotency key finds out.
var ErrUnknown = errors.New("the database was lost during a commit: whether it happened is not known")

var _ booking.Ledger = (*Ledger)(nil)

// Ledger is the engine. Safe for concurrent use, by any number of nodes.
type Ledger struct{ db *pgdb.DB }

// Open connects to the database at url and brings the tables of bookings up to date.
func Open(ctx context.Context, url string) (*Ledger, error) {
	db, err := pgdb.Open(ctx, url, "booking", migrations)
	if err != nil {
		return nil, err
	}
	return &Ledger{db: db}, nil
}

// Close ends all connections; it waits for a batch under way.
func (l *Ledger) Close() error { return l.db.Close() }

// Apply decides a batch and makes it durable. ctx can stop it until the commit is sent. A commit whose answer was lost is
// looked up before anything is said; only when that fails too the error is [ErrUnknown], the one error after which a batch
// may have taken effect.
func (l *Ledger) Apply(ctx context.Context, batch []booking.Request) ([]booking.Outcome, error) {
	need := needs(batch)
	for {
		var outcomes []booking.Outcome
		var rest bool
		err := l.change(ctx, need, func(t *turn) (booking.Changes, error) {
			asked := batch
			if rest = len(t.due) == dueAtOnce; rest {
				asked = []booking.Request{{Op: booking.OpExpire, Channel: "system", At: t.due[dueAtOnce-1].Until}}
			}
			st, err := t.state(ctx, asked, rest)
			if err != nil {
				return booking.Changes{}, err
			}
			outcomes = booking.Decide(st, asked)
			return st.Changes(), nil
		})
		if err != nil {
			return nil, fmt.Errorf("booking: %w", err)
		}
		if !rest {
			return outcomes, nil
		}
	}
}

// SetCapacity changes capacities, each with an event.
func (l *Ledger) SetCapacity(ctx context.Context, claims []booking.Claim) error {
	for _, c := range claims {
		if c.Counter.Kind() == 0 || c.Capacity < 0 || c.Capacity > booking.MaxQuantity {
			return fmt.Errorf("booking: set capacity of %v to %d: no such counter or capacity", c.Counter, c.Capacity)
		}
	}
	err := l.change(ctx, nil, func(t *turn) (booking.Changes, error) {
		ids := make([]booking.Counter, len(claims))
		for i := range claims {
			ids[i] = claims[i].Counter
		}
		set := map[booking.Counter]booking.CounterState{}
		if err := t.counters(ctx, ids, func(c booking.CounterState) { set[c.Counter] = c }); err != nil {
			return booking.Changes{}, err
		}
		return capacities(claims, set, time.Now().UTC().Truncate(time.Microsecond), t.nextBooking, t.nextSeq)
	})
	if err != nil {
		return fmt.Errorf("booking: %w", err)
	}
	return nil
}

// capacities gives what changing the counters in set writes.
func capacities(claims []booking.Claim, set map[booking.Counter]booking.CounterState, at time.Time, nextBooking, nextSeq int64) (booking.Changes, error) {
	ch := booking.Changes{NextBooking: nextBooking, NextSeq: nextSeq}
	changed := map[booking.Counter]bool{}
	for _, c := range claims {
		old, known := set[c.Counter]
		switch {
		case c.Capacity < old.Used:
			return ch, fmt.Errorf("set capacity of %v to %d: %w (%d)", c.Counter, c.Capacity, booking.ErrBelowUsed, old.Used)
		case known && c.Capacity == old.Capacity:
			continue
		}
		set[c.Counter] = booking.CounterState{Counter: c.Counter, Capacity: c.Capacity, Used: old.Used}
		changed[c.Counter] = true
		ch.Events = append(ch.Events, booking.Event{
			Seq: ch.NextSeq, At: at, Kind: booking.EventCapacity, Channel: "system",
			Why: fmt.Sprintf("%d to %d", old.Capacity, c.Capacity), Deltas: []booking.Delta{{Counter: c.Counter}},
		})
		ch.NextSeq++
	}
	for id := range changed {
		ch.Counters = append(ch.Counters, set[id])
	}
	slices.SortFunc(ch.Counters, func(a, b booking.CounterState) int { return cmp.Compare(a.Counter, b.Counter) })
	return ch, nil
}

// change has decide work out changes under the lock and commits them; decide may be called more than once.
func (l *Ledger) change(ctx context.Context, need *need, decide func(*turn) (booking.Changes, error)) error {
	for try := 1; ; try++ {
		first, ch, sent, err := l.attempt(ctx, need, decide)
		switch {
		case err == nil:
			return nil
		case sent:
			return l.lookUp(first, ch.Events, err)
		case try == tries || ctx.Err() != nil || !pgdb.Again(err):
			return pgdb.Wrap(err)
		}
	}
}

// attempt is one transaction. sent: the commit was sent and its answer never came.
func (l *Ledger) attempt(ctx context.Context, need *need, decide func(*turn) (booking.Changes, error)) (first int64, ch booking.Changes, sent bool, err error) {
	t, err := l.begin(ctx, need)
	if err != nil {
		return 0, ch, false, err
	}
	defer t.tx.End()
	ch, err = decide(t)
	if err != nil || len(ch.Events) == 0 { // what changes anything tells of it
		return 0, ch, false, err
	}
	err = t.tx.Commit(ctx, writes(&ch))
	return t.nextSeq, ch, t.tx.Sent, err
}

// lookUpTime bounds how long [Ledger.lookUp] waits for the database to come back. It is beyond the context of the batch:
// somebody whose booking stands should hear of it.
const lookUpTime = 10 * time.Second

// lookUp finds out whether a commit happened whose answer was lost. Under the lock of the feed no commit is under way any
// more, so the numbers that its events were to get tell.
func (l *Ledger) lookUp(first int64, events []booking.Event, lost error) error {
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTime)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		there, err := l.recorded(ctx, first, events)
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

// recorded reports whether exactly these events stand under these numbers. It commits a change that changes nothing: where
// commits wait for a replica, its being done says that those before it have reached the replica too.
func (l *Ledger) recorded(ctx context.Context, first int64, events []booking.Event) (bool, error) {
	t, err := l.begin(ctx, nil)
	if err != nil {
		return false, err
	}
	defer t.tx.End()
	var there []booking.Event
	b := &pgx.Batch{}
	b.Queue(listEvents, first-1, len(events)).Query(scanInto(&there, scanEvent))
	b.Queue(`UPDATE streams SET next_seq = next_seq WHERE name = 'booking'`)
	if err := t.tx.Commit(ctx, b); err != nil {
		return false, err
	}
	return slices.EqualFunc(there, events, sameEvent), nil
}

func sameEvent(a, b booking.Event) bool {
	at := a.At.Equal(b.At)
	deltas := slices.Equal(a.Deltas, b.Deltas)
	a.At, b.At, a.Deltas, b.Deltas = time.Time{}, time.Time{}, nil, nil
	return at && deltas && a.Seq == b.Seq && a.Kind == b.Kind && a.Campaign == b.Campaign && a.Person == b.Person &&
		a.Actor == b.Actor && a.Channel == b.Channel && a.Why == b.Why && a.Booking == b.Booking
}
