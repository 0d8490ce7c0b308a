package postgres

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/booking"
)

var _ booking.NameKeeper = (*Ledger)(nil)

// NamePrefixes counts sealed names by their beginning.
func (l *Ledger) NamePrefixes(ctx context.Context, size int) (map[string]int64, error) {
	type counted struct {
		Prefix []byte
		N      int64
	}
	list, err := query(ctx, l, "count names", pgx.RowToStructByPos[counted],
		`SELECT substr(sealed, 1, $1::integer), count(*) FROM bookings WHERE sealed IS NOT NULL GROUP BY 1`, size)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, c := range list {
		out[string(c.Prefix)] = c.N
	}
	return out, nil
}

// RewriteNames rewrites the sealed names of bookings. A name is no part of what bookings are decided on: nobody's batch is decided
// anew for it, and a booking that is changed meanwhile keeps both.
func (l *Ledger) RewriteNames(ctx context.Context, after int64, limit int, at time.Time, why string, rewrite func(*booking.Booking) ([]byte, error)) (next int64, done booking.Rewritten, err error) {
	list, err := query(ctx, l, "rewrite names", scanBooking,
		`SELECT `+bookingColumns+` FROM bookings WHERE id > $1::bigint AND sealed IS NOT NULL ORDER BY id LIMIT $2::bigint`, after, limit)
	if err != nil || len(list) == 0 {
		return 0, done, err
	}
	if len(list) == limit {
		next = list[limit-1].ID
	}
	var ids []int64
	var old, fresh [][]byte
	for i := range list {
		b := &list[i]
		done.Seen++
		name, err := rewrite(b)
		switch {
		case err != nil:
			return after, booking.Rewritten{}, fmt.Errorf("booking: name of booking %d: %w", b.ID, err)
		case bytes.Equal(name, b.Sealed):
			continue
		case len(name) == 0:
			name = nil
			done.Erased++
		default:
			done.Changed++
		}
		ids, old, fresh = append(ids, b.ID), append(old, b.Sealed), append(fresh, name)
	}
	if len(ids) == 0 {
		return next, done, nil
	}
	write := func(b *pgx.Batch) {
		b.Queue(`UPDATE bookings b SET sealed = n.fresh FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS n (id, old, fresh)
			WHERE b.id = n.id AND b.sealed = n.old`, ids, old, fresh)
	}
	if done.Erased == 0 {
		b := &pgx.Batch{}
		write(b)
		_, err = l.db.Once(ctx, b)
	} else {
		err = l.change(ctx, func() (change, error) {
			span, err := l.events.take(ctx, l.db, 1)
			if err != nil {
				return change{}, err
			}
			ch := booking.Changes{Events: []booking.Event{booking.Erased(span.first, done.Erased, why, at)}}
			c := change{batch: &pgx.Batch{}, events: span, count: 1}
			write(c.batch)
			writeRows(c.batch, &ch)
			queueBatch(c.batch, ch.Events)
			return c, nil
		})
	}
	if err != nil {
		return after, booking.Rewritten{}, fmt.Errorf("booking: rewrite names: %w", err)
	}
	return next, done, nil
}
