package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"charye/booking"
	"charye/internal/durable"
	"charye/person"
)

// readStatements are prepared on the reading connections, which never wait for the writer.
type readStatements struct {
	bookings, booking, events, seals, hold, due *sql.Stmt
	day, daysUpTo, ahead, run                   *sql.Stmt
}

func (s *readStatements) prepare(ctx context.Context, db *sql.DB) error {
	return prepareAll(ctx, db, []prepared{
		{&s.bookings, `SELECT id, campaign, body FROM bookings WHERE person = ? ORDER BY id`},
		{&s.booking, `SELECT person, campaign, body FROM bookings WHERE id = ?`},
		{&s.events, `SELECT seq, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?`},
		{&s.seals, `SELECT seq, chain FROM events WHERE seq > ? ORDER BY seq LIMIT ?`},
		{&s.hold, `SELECT id, person, campaign, until, body FROM holds WHERE person = ? AND campaign = ?`},
		{&s.day, `SELECT b.id, b.person, b.campaign, b.body FROM days d JOIN bookings b ON b.id = d.booking WHERE d.day = ? AND d.site = ? ORDER BY d.booking`},
		{&s.daysUpTo, `SELECT seq FROM days_upto`},
		{&s.ahead, ahead},
		{&s.run, `SELECT id, person, campaign, body FROM bookings WHERE id BETWEEN ? AND ? ORDER BY id`},
		{&s.due, `SELECT id, person, campaign, until, body FROM holds WHERE until <= ? ORDER BY until, id LIMIT ?`},
	})
}

// Bookings lists a person's bookings, oldest first.
func (l *Ledger) Bookings(ctx context.Context, who person.Key) (out []booking.Booking, err error) {
	rows, err := l.read.bookings.QueryContext(ctx, who[:])
	if err == nil {
		err = scanBookings(rows, who, func(b booking.Booking) { out = append(out, b) })
	}
	if err != nil {
		return nil, fmt.Errorf("booking: list bookings: %w", durable.Wrap(err))
	}
	return out, nil
}

// Booking finds a booking by id.
func (l *Ledger) Booking(ctx context.Context, id int64) (b booking.Booking, ok bool, err error) {
	var who, body []byte
	var campaign uint32
	err = l.read.booking.QueryRowContext(ctx, id).Scan(&who, &campaign, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return b, false, nil
	}
	var k person.Key
	if err == nil {
		k, err = key(who)
	}
	if err == nil {
		b, err = readBooking(body, id, k, campaign)
	}
	if err != nil {
		return booking.Booking{}, false, fmt.Errorf("booking: find booking: %w", durable.Wrap(err))
	}
	return b, true, nil
}

// Several finds bookings by id.
func (l *Ledger) Several(ctx context.Context, ids []int64) ([]booking.Booking, error) {
	out := make([]booking.Booking, 0, len(ids))
	for _, id := range ids {
		b, ok, err := l.Booking(ctx, id)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, b)
		}
	}
	return out, nil
}

// pageOfAll is how many bookings are read at a time.
const pageOfAll = 4096

// All lists every booking by id, some thousand at a time.
func (l *Ledger) All(ctx context.Context, yield func(booking.Booking) error) error {
	for last, n := int64(0), pageOfAll; n == pageOfAll; {
		list, err := l.listed(ctx, `id > ?`, last)
		if err != nil {
			return fmt.Errorf("booking: list all: %w", err)
		}
		for _, b := range list {
			if err := yield(b); err != nil {
				return err
			}
			last = b.ID
		}
		n = len(list)
	}
	return nil
}

// Displaced lists the bookings of a campaign whose people stand first in line. All that are over are read for it.
func (l *Ledger) Displaced(ctx context.Context, campaign uint32, after int64, limit int) (out []booking.Booking, err error) {
	for n := pageOfAll; n == pageOfAll; {
		list, err := l.listed(ctx, `id > ? AND campaign = ? AND gone <> 0`, after, campaign)
		if err != nil {
			return nil, fmt.Errorf("booking: list displaced: %w", err)
		}
		for i := range list {
			after = list[i].ID
			if !list[i].Displaced() {
				continue
			}
			if len(out) >= limit {
				return out, nil
			}
			out = append(out, list[i])
		}
		n = len(list)
	}
	return out, nil
}

// listed reads the next page of the bookings that meet a condition. A page is bounded, so that its statement needs no cancelling, which costs a hand-over a row.
func (l *Ledger) listed(ctx context.Context, where string, args ...any) (list []booking.Booking, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows, err := l.db.R.QueryContext(context.WithoutCancel(ctx), `SELECT id, person, campaign, gone, body FROM bookings WHERE `+where+` ORDER BY id LIMIT ?`, append(args, pageOfAll)...)
	if err != nil {
		return nil, durable.Wrap(err)
	}
	for rows.Next() {
		var who, body []byte
		var id, gone int64
		var campaign uint32
		if err = rows.Scan(&id, &who, &campaign, &gone, &body); err != nil {
			break
		}
		var k person.Key
		var b booking.Booking
		if k, err = key(who); err == nil {
			b, err = readBooking(body, id, k, campaign)
		}
		if err == nil && (gone != 0) != (b.Status != booking.Booked) {
			err = fmt.Errorf("%w: booking %d is live and gone at once", durable.ErrDamaged, id)
		}
		if err != nil {
			break
		}
		list = append(list, b)
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return nil, durable.Wrap(err)
	}
	return list, nil
}

// Counters lists all counters as of one commit, and the last event of that commit.
func (l *Ledger) Counters(ctx context.Context, yield func(booking.CounterState)) (seq int64, err error) {
	tx, err := l.db.R.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return 0, fmt.Errorf("booking: list counters: %w", durable.Wrap(err))
	}
	defer func() { _ = tx.Rollback() }() // it only read
	err = tx.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM events`).Scan(&seq)
	if err == nil {
		var rows *sql.Rows
		rows, err = tx.QueryContext(ctx, `SELECT id, capacity, used FROM counters`)
		if err == nil {
			err = scanCounters(rows, yield)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("booking: list counters: %w", durable.Wrap(err))
	}
	return seq, nil
}

// Events lists events after a number.
func (l *Ledger) Events(ctx context.Context, after int64, limit int) (out []booking.Event, err error) {
	rows, err := l.read.events.QueryContext(ctx, after, max(limit, 0))
	if err == nil {
		err = scan(rows, func() error {
			e, err := scanEvent(rows)
			if err == nil {
				out = append(out, e)
			}
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("booking: list events: %w", durable.Wrap(err))
	}
	return out, nil
}

// Seals lists the chain after each event after a number.
func (l *Ledger) Seals(ctx context.Context, after int64, limit int) (out []booking.Seal, err error) {
	rows, err := l.read.seals.QueryContext(ctx, after, max(limit, 0))
	if err == nil {
		err = scan(rows, func() error {
			var s booking.Seal
			var chain sql.RawBytes
			err := rows.Scan(&s.Seq, &chain)
			if err == nil {
				copy(s.Chain[:], chain)
				out = append(out, s)
			}
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("booking: list seals: %w", durable.Wrap(err))
	}
	return out, nil
}

// Hold finds a person's hold in a campaign.
func (l *Ledger) Hold(ctx context.Context, who person.Key, campaign uint32) (h booking.Hold, ok bool, err error) {
	rows, err := l.read.hold.QueryContext(ctx, who[:], campaign)
	if err == nil {
		err = scanHolds(rows, func(found booking.Hold) { h, ok = found, true })
	}
	if err != nil {
		return booking.Hold{}, false, fmt.Errorf("booking: find hold: %w", durable.Wrap(err))
	}
	return h, ok, nil
}

// DueHolds lists holds that are over at an instant.
func (l *Ledger) DueHolds(ctx context.Context, before time.Time, limit int) (out []booking.Hold, err error) {
	rows, err := l.read.due.QueryContext(ctx, before.UnixMicro(), max(limit, 0))
	if err == nil {
		err = scanHolds(rows, func(h booking.Hold) { out = append(out, h) })
	}
	if err != nil {
		return nil, fmt.Errorf("booking: list due holds: %w", durable.Wrap(err))
	}
	return out, nil
}
