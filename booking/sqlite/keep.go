package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
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

// RewriteNames rewrites the sealed names of bookings. It needs none of what is kept in memory, and changes none of it: another process that
// serves goes on with what it knows.
func (l *Ledger) RewriteNames(ctx context.Context, after int64, limit int, at time.Time, why string, rewrite func(*booking.Booking) ([]byte, error)) (next int64, done booking.Rewritten, err error) {
	l.writer.Lock()
	defer l.writer.Unlock()
	sqlTx, err := l.db.W.BeginTx(ctx, nil)
	if err != nil {
		return after, done, fmt.Errorf("booking: begin: %w", durable.Wrap(err))
	}
	next, done, err = (&tx{Tx: sqlTx, l: l}).rewriteNames(after, limit, at, why, rewrite)
	if err == nil {
		err = sqlTx.Commit()
	} else {
		err = errors.Join(err, sqlTx.Rollback())
	}
	if err != nil {
		return after, booking.Rewritten{}, fmt.Errorf("booking: rewrite names: %w", durable.Wrap(err))
	}
	return next, done, nil
}

func (t *tx) rewriteNames(after int64, limit int, at time.Time, why string, rewrite func(*booking.Booking) ([]byte, error)) (next int64, done booking.Rewritten, err error) {
	list, next, err := t.page(after, limit)
	if err != nil {
		return next, done, err
	}
	for i := range list {
		b := &list[i]
		if len(b.Sealed) == 0 {
			continue
		}
		done.Seen++
		name, err := rewrite(b)
		switch {
		case err != nil:
			return next, done, fmt.Errorf("name of booking %d: %w", b.ID, err)
		case bytes.Equal(name, b.Sealed):
			continue
		case len(name) == 0:
			done.Erased++
		default:
			done.Changed++
		}
		b.Sealed = name
		if _, err := t.Exec(`UPDATE bookings SET body = ? WHERE id = ?`, appendBooking(nil, b), b.ID); err != nil {
			return next, done, err
		}
	}
	if done.Erased == 0 { // names that were only sealed anew are no event
		return next, done, nil
	}
	last, err := t.lastSeq()
	if err != nil {
		return next, done, err
	}
	before, err := t.lastChain()
	if err != nil {
		return next, done, err
	}
	e := booking.Erased(last+1, done.Erased, why, at)
	chain := booking.Link(before, e.Seq, e.Digest())
	_, err = t.Stmt(t.l.write.event).Exec(e.Seq, appendEvent(nil, &e), chain[:])
	return next, done, err
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
