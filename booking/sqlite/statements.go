package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"charye/booking"
	"charye/person"
)

// writeStatements are prepared once on the one writing connection.
type writeStatements struct {
	lastSeq, lastBooking, bookings *sql.Stmt
	holdGone, change, book, hold   *sql.Stmt
	counter, event                 *sql.Stmt
	day, daysUpTo                  *sql.Stmt
	lastChain, unchained           *sql.Stmt
	counters, allHolds, persons    *sql.Stmt
}

func (s *writeStatements) prepare(ctx context.Context, db *sql.DB) error {
	return prepareAll(ctx, db, []prepared{
		{&s.lastSeq, `SELECT coalesce(max(seq), 0) FROM events`},
		{&s.lastChain, `SELECT seq, chain FROM events WHERE chain IS NOT NULL ORDER BY seq DESC LIMIT 1`},
		{&s.unchained, `SELECT seq, body FROM events WHERE seq > ? ORDER BY seq`},
		{&s.lastBooking, `SELECT coalesce(max(id), 0) FROM bookings`},
		{&s.bookings, `SELECT id, campaign, body FROM bookings WHERE person = ?`},
		{&s.counters, `SELECT id, capacity, used FROM counters`},
		{&s.allHolds, `SELECT id, person, campaign, until, body FROM holds ORDER BY until, id`},
		{&s.persons, `SELECT person FROM bookings`},
		{&s.holdGone, `DELETE FROM holds WHERE id = ?`},
		{&s.change, `UPDATE bookings SET gone = ?2, body = ?3 WHERE id = ?1`},
		{&s.book, `INSERT INTO bookings (id, person, campaign, gone, body) VALUES (?, ?, ?, ?, ?)`},
		{&s.hold, `INSERT INTO holds (id, person, campaign, until, body) VALUES (?, ?, ?, ?, ?)`},
		{&s.counter, `INSERT INTO counters (id, capacity, used) VALUES (?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET capacity = excluded.capacity, used = excluded.used`},
		{&s.day, `INSERT OR IGNORE INTO days (day, site, booking) VALUES (?, ?, ?)`},
		{&s.daysUpTo, `UPDATE days_upto SET seq = max(seq, ?)`},
		{&s.event, `INSERT INTO events (seq, body, chain) VALUES (?, ?, ?)`},
	})
}

type prepared struct {
	into **sql.Stmt
	text string
}

func prepareAll(ctx context.Context, db *sql.DB, list []prepared) error {
	for _, p := range list {
		s, err := db.PrepareContext(ctx, p.text)
		if err != nil {
			return err
		}
		*p.into = s
	}
	return nil
}

// writeChanges writes what a batch changed, in the order that frees a unique key before it is taken anew.
func (t *tx) writeChanges(ctx context.Context) error {
	w, ch := &t.l.write, &t.changes
	steps := []func() error{
		func() error {
			return each(t, w.holdGone, ch.HoldsGone, func(s *sql.Stmt, id *int64) error { return exec(s, *id) })
		},
		func() error {
			return each(t, w.change, ch.Changed, func(s *sql.Stmt, b *booking.Booking) error {
				return exec(s, b.ID, gone(b), t.encode(appendBooking(t.l.buf[:0], b)))
			})
		},
		func() error {
			return each(t, w.book, ch.Booked, func(s *sql.Stmt, b *booking.Booking) error {
				return exec(s, b.ID, b.Person[:], int64(b.Campaign), gone(b), t.encode(appendBooking(t.l.buf[:0], b)))
			})
		},
		func() error {
			return each(t, w.hold, ch.Held, func(s *sql.Stmt, h *booking.Hold) error {
				return exec(s, h.ID, h.Person[:], int64(h.Campaign), h.Until.UnixMicro(), t.encode(appendHold(t.l.buf[:0], h)))
			})
		},
		func() error {
			return each(t, w.counter, ch.Counters, func(s *sql.Stmt, c *booking.CounterState) error {
				return exec(s, int64(c.Counter), int64(c.Capacity), int64(c.Used))
			})
		},
		func() error {
			return each(t, w.event, ch.Events, func(s *sql.Stmt, e *booking.Event) error {
				t.chain = booking.Link(t.chain, e.Seq, e.Digest())
				return exec(s, e.Seq, t.encode(appendEvent(t.l.buf[:0], e)), t.chain[:])
			})
		},
	}
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// encode keeps the grown buffer for the next row; the driver copies what it binds.
func (t *tx) encode(body []byte) []byte {
	t.l.buf = body
	return body
}

func each[T any](t *tx, stmt *sql.Stmt, list []T, run func(*sql.Stmt, *T) error) error {
	if len(list) == 0 {
		return nil
	}
	s := t.Stmt(stmt)
	defer func() { _ = s.Close() }() // it ends with the transaction anyway
	for i := range list {
		if err := run(s, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

func exec(s *sql.Stmt, args ...any) error {
	_, err := s.Exec(args...)
	return err
}

// gone is the column that makes room for the next live booking.
func gone(b *booking.Booking) int64 {
	if b.Status == booking.Booked {
		return 0
	}
	return b.ID
}

func (t *tx) lastSeq() (n int64, err error) {
	return n, t.Stmt(t.l.write.lastSeq).QueryRow().Scan(&n)
}

// lastChain gives the chain after the last event. Events at the end that have none, of a version before, are read for it.
func (t *tx) lastChain() (chain booking.Hash, err error) {
	var seq int64
	var kept []byte
	switch err := t.Stmt(t.l.write.lastChain).QueryRow().Scan(&seq, &kept); {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return chain, err
	default:
		copy(chain[:], kept)
	}
	rows, err := t.Stmt(t.l.write.unchained).Query(seq)
	if err != nil {
		return chain, err
	}
	err = scan(rows, func() error {
		e, err := scanEvent(rows)
		if err == nil {
			chain = booking.Link(chain, e.Seq, e.Digest())
		}
		return err
	})
	return chain, err
}

// onlyErased reports whether the events after a number tell of nothing but erased names.
func (t *tx) onlyErased(after int64) (only bool, err error) {
	rows, err := t.Stmt(t.l.write.unchained).Query(after)
	if err != nil {
		return false, err
	}
	only = true
	err = scan(rows, func() error {
		e, err := scanEvent(rows)
		only = only && err == nil && e.Kind == booking.EventErased
		return err
	})
	return only, err
}

func scanEvent(rows *sql.Rows) (booking.Event, error) {
	var seq int64
	var body sql.RawBytes
	if err := rows.Scan(&seq, &body); err != nil {
		return booking.Event{}, err
	}
	e, err := readEvent(body, seq)
	if err != nil {
		err = fmt.Errorf("event %d: %w", seq, err)
	}
	return e, err
}

func (t *tx) lastBooking() (n int64, err error) {
	return n, t.Stmt(t.l.write.lastBooking).QueryRow().Scan(&n)
}

func (t *tx) bookings(who person.Key, yield func(booking.Booking)) error {
	rows, err := t.people.Query(who[:])
	if err != nil {
		return err
	}
	// Sorted here: nearly everybody has none or one, and a sorter costs SQLite more than the look-up.
	var list []booking.Booking
	if err := scanBookings(rows, who, func(b booking.Booking) { list = append(list, b) }); err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b booking.Booking) int { return cmp.Compare(a.ID, b.ID) })
	for _, b := range list {
		yield(b)
	}
	return nil
}

func (t *tx) allCounters(yield func(booking.CounterState)) error {
	rows, err := t.Stmt(t.l.write.counters).Query()
	if err != nil {
		return err
	}
	return scanCounters(rows, yield)
}

func (t *tx) allHolds(yield func(booking.Hold)) error {
	rows, err := t.Stmt(t.l.write.allHolds).Query()
	if err != nil {
		return err
	}
	return scanHolds(rows, yield)
}

func (t *tx) allPersons(yield func(person.Key)) error {
	rows, err := t.Stmt(t.l.write.persons).Query()
	if err != nil {
		return err
	}
	return scan(rows, func() error {
		var owner sql.RawBytes
		if err := rows.Scan(&owner); err != nil {
			return err
		}
		who, err := key(owner)
		if err == nil {
			yield(who)
		}
		return err
	})
}

func scanBookings(rows *sql.Rows, who person.Key, yield func(booking.Booking)) error {
	return scan(rows, func() error {
		var id int64
		var campaign uint32
		var body sql.RawBytes
		if err := rows.Scan(&id, &campaign, &body); err != nil {
			return err
		}
		b, err := readBooking(body, id, who, campaign)
		if err == nil {
			yield(b)
		}
		return err
	})
}

func scanCounters(rows *sql.Rows, yield func(booking.CounterState)) error {
	return scan(rows, func() error {
		var id int64
		var c booking.CounterState
		err := rows.Scan(&id, &c.Capacity, &c.Used)
		if err == nil {
			c.Counter = booking.Counter(id)
			yield(c)
		}
		return err
	})
}

func scanHolds(rows *sql.Rows, yield func(booking.Hold)) error {
	return scan(rows, func() error {
		var id, until int64
		var campaign uint32
		var owner, body sql.RawBytes
		if err := rows.Scan(&id, &owner, &campaign, &until, &body); err != nil {
			return err
		}
		who, err := key(owner)
		if err != nil {
			return err
		}
		h, err := readHold(body, id, who, campaign, until)
		if err == nil {
			yield(h)
		}
		return err
	})
}

// scan runs row for each row and closes rows.
func scan(rows *sql.Rows, row func() error) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(); err != nil {
			return err
		}
	}
	return rows.Err()
}
