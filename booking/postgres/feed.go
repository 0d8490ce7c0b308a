package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"charye/booking"
	"charye/internal/pgdb"
)

// number gives their place in the feed to all batches that have none: in the order of their ids, behind all that have one.
// Whoever depends on another batch has the greater id, and was committed after it, so that the feed can be replayed. The row
// of the stream is locked meanwhile; writers of bookings do not need it. Then it goes on with the chain; more is true when that is not
// at its end.
func (l *Ledger) number(ctx context.Context) (more bool, err error) {
	var fresh, open bool
	if err := l.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM booking_batches WHERE first_seq IS NULL),
		EXISTS (SELECT FROM booking_batches WHERE chain IS NULL AND events > 0)`).Scan(&fresh, &open); err != nil || !fresh && !open {
		return false, err
	}
	if fresh {
		if err := l.place(ctx); err != nil {
			return false, err
		}
	}
	return l.chain(ctx)
}

func (l *Ledger) place(ctx context.Context) error {
	b := &pgx.Batch{}
	b.Queue(`SELECT next_seq FROM streams WHERE name = 'booking' FOR UPDATE`)
	b.Queue(`WITH fresh AS (SELECT id, sum(events) OVER (ORDER BY id) - events AS before FROM booking_batches WHERE first_seq IS NULL),
		numbered AS (UPDATE booking_batches b SET first_seq = s.next_seq + f.before FROM fresh f, streams s
			WHERE b.id = f.id AND s.name = 'booking' RETURNING b.events)
		UPDATE streams SET next_seq = next_seq + (SELECT coalesce(sum(events), 0) FROM numbered) WHERE name = 'booking'`)
	_, err := l.db.Once(ctx, b)
	return err
}

// Counters lists all counters as of one instant, and the last event that they include. What is committed and not numbered
// at that instant is taken out of them again.
func (l *Ledger) Counters(ctx context.Context, yield func(booking.CounterState)) (seq int64, err error) {
	if _, err := l.number(ctx); err != nil {
		return 0, fmt.Errorf("booking: list counters: %w", pgdb.Wrap(err))
	}
	later := map[booking.Counter]int{}
	err = pgx.BeginTxFunc(ctx, l.db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT next_seq - 1 FROM streams WHERE name = 'booking'`).Scan(&seq); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT e.seq, at, kind, person, actor, channel, why, what FROM booking_batches b
			CROSS JOIN LATERAL (SELECT * FROM events WHERE stream = 'booking' AND seq >= b.first_event AND seq < b.first_event + b.events) e
			WHERE b.first_seq IS NULL`)
		if err != nil {
			return err
		}
		var events []booking.Event
		if events, err = pgx.AppendRows(events, rows, scanEvent); err != nil {
			return err
		}
		for i := range events {
			for _, d := range events[i].Deltas {
				later[d.Counter] += d.By
			}
		}
		if rows, err = tx.Query(ctx, `SELECT id, capacity, used FROM counters`); err != nil {
			return err
		}
		return eachCounter(rows, func(c booking.CounterState) {
			c.Used -= later[c.Counter]
			yield(c)
		})
	})
	if err != nil {
		return 0, fmt.Errorf("booking: list counters: %w", pgdb.Wrap(err))
	}
	return seq, nil
}

// Events lists events after a number. What is listed was committed, and nothing will come to stand before it.
func (l *Ledger) Events(ctx context.Context, after int64, limit int) ([]booking.Event, error) {
	if _, err := l.number(ctx); err != nil {
		return nil, fmt.Errorf("booking: list events: %w", pgdb.Wrap(err))
	}
	return query(ctx, l, "list events", scanEvent, `SELECT b.first_seq + e.seq - b.first_event AS nr, at, kind, person, actor, channel, why, what
		FROM (SELECT first_seq, first_event, events FROM booking_batches
			WHERE first_seq >= coalesce((SELECT max(first_seq) FROM booking_batches WHERE first_seq <= $1::bigint + 1), 0)
			AND first_seq <= $1::bigint + $2::bigint AND events > 0 ORDER BY first_seq) b
		CROSS JOIN LATERAL (SELECT * FROM events WHERE stream = 'booking' AND seq >= b.first_event AND seq < b.first_event + b.events
			AND b.first_seq + seq - b.first_event > $1::bigint) e
		ORDER BY nr LIMIT $2::bigint`, after, max(limit, 0))
}
