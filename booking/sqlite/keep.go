package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"time"

	"charye/booking"
	"charye/internal/durable"
)

var _ booking.NameKeeper = (*Ledger)(nil)

// NamePrefixes counts sealed names by their beginning. It reads every booking.
func (l *Ledger) NamePrefixes(ctx context.Context, size int) (map[string]int64, error) {
	out := map[string]int64{}
	err := l.All(ctx, func(b booking.Booking) error {
		if len(b.Sealed) > 0 {
			out[string(b.Sealed[:min(size, len(b.Sealed))])]++
		}
		return nil
	})
	return out, err
}

// RewriteNames rewrites the sealed names of bookings.
func (l *Ledger) RewriteNames(ctx context.Context, after int64, limit int, at time.Time, why string, rewrite func(*booking.Booking) ([]byte, error)) (next int64, done booking.Rewritten, err error) {
	l.writer.Lock()
	defer l.writer.Unlock()
	err = l.inTx(ctx, func(t *tx) error {
		next, done = 0, booking.Rewritten{}
		list, last, err := t.page(after, limit)
		if err != nil {
			return err
		}
		next = last
		ch := booking.Changes{NextBooking: l.memory.nextBooking, NextSeq: l.memory.nextSeq}
		for i := range list {
			b := &list[i]
			if len(b.Sealed) == 0 {
				continue
			}
			done.Seen++
			name, err := rewrite(b)
			switch {
			case err != nil:
				return fmt.Errorf("name of booking %d: %w", b.ID, err)
			case bytes.Equal(name, b.Sealed):
				continue
			case len(name) == 0:
				done.Erased++
			default:
				done.Changed++
			}
			b.Sealed = name
			if _, err := t.Exec(`UPDATE bookings SET body = ? WHERE id = ?`, appendBooking(nil, b), b.ID); err != nil {
				return err
			}
		}
		if done.Erased > 0 { // names that were only sealed anew change nothing that anybody remembers
			ch.Events = []booking.Event{booking.Erased(ch.NextSeq, done.Erased, why, at)}
			ch.NextSeq++
			t.changes = ch
			return t.writeChanges(ctx)
		}
		return nil
	})
	if err != nil {
		return after, booking.Rewritten{}, err
	}
	return next, done, nil
}

// page reads bookings by id. last is 0 when there are no more behind them.
func (t *tx) page(after int64, limit int) (list []booking.Booking, last int64, err error) {
	rows, err := t.Query(`SELECT id, person, campaign, body FROM bookings WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
	if err != nil {
		return nil, 0, err
	}
	err = scan(rows, func() error {
		var who, body sql.RawBytes
		var campaign uint32
		if err := rows.Scan(&last, &who, &campaign, &body); err != nil {
			return err
		}
		k, err := key(who)
		if err != nil {
			return err
		}
		b, err := readBooking(body, last, k, campaign)
		list = append(list, b)
		return err
	})
	if len(list) < limit {
		last = 0
	}
	return list, last, durable.Wrap(err)
}
