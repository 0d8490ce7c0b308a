// Package sqlite is the embedded engine of notify.Outbox: one SQLite file.
//
// It owns the file notify.db of a data directory, with its tables of messages, contacts and events. It decides nothing:
// what is due and what becomes of a message is told to it. Addresses are sealed, bound to the person they belong to.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"charye/internal/civil"
	"charye/internal/durable"
	"charye/internal/seal"
	"charye/notify"
	"charye/person"
)

//go:embed migrations
var migrations embed.FS

// Outbox is the engine. Safe for concurrent use.
type Outbox struct {
	db   *durable.DB
	keys *seal.Keys
}

var _ notify.Outbox = (*Outbox)(nil)

// Open opens or creates notify.db in dir.
func Open(ctx context.Context, dir string, keys *seal.Keys) (*Outbox, error) {
	db, err := durable.Open(ctx, filepath.Join(dir, "notify.db"), migrations)
	if err != nil {
		return nil, err
	}
	return &Outbox{db: db, keys: keys}, nil
}

// Close closes the file.
func (o *Outbox) Close() error { return o.db.Close() }

// write runs f in one transaction, on disk when write returns nil.
func (o *Outbox) write(ctx context.Context, what string, f func(tx *sql.Tx) error) error {
	tx, err := o.db.W.BeginTx(ctx, nil)
	if err == nil {
		if err = f(tx); err != nil {
			err = errors.Join(err, tx.Rollback())
		} else {
			err = tx.Commit()
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, durable.Wrap(err))
	}
	return nil
}

// Begin implements [notify.Outbox].
func (o *Outbox) Begin(ctx context.Context, seq int64) (at int64, err error) {
	err = o.db.R.QueryRowContext(ctx, `SELECT seq FROM place`).Scan(&at)
	if !errors.Is(err, sql.ErrNoRows) {
		return at, durable.Wrap(err)
	}
	err = o.write(ctx, "begin messages", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO place (one, seq) VALUES (1, ?) ON CONFLICT DO NOTHING`, seq); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT seq FROM place`).Scan(&at)
	})
	return at, err
}

// Enqueue implements [notify.Outbox].
func (o *Outbox) Enqueue(ctx context.Context, from, to int64, list []notify.Message, at time.Time) error {
	return o.write(ctx, "keep messages", func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE place SET seq = ? WHERE seq = ?`, to, from)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, notify.ErrOvertaken)
		}
		_, err = insert(ctx, tx, ``, list, at)
		return err
	})
}

// insert keeps those messages that a condition holds of; in it, a question mark is their person.
func insert(ctx context.Context, tx *sql.Tx, condition string, list []notify.Message, at time.Time) (kept int, err error) {
	if len(list) == 0 {
		return 0, nil
	}
	prepared, err := tx.PrepareContext(ctx, `INSERT INTO message (`+columns+`, turn, state, at)
		SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ? WHERE true `+condition+` ON CONFLICT DO NOTHING`)
	if err != nil {
		return 0, err
	}
	defer func() { _ = prepared.Close() }()
	for i := range list {
		m := &list[i]
		about := []byte{}
		if !m.About.IsZero() {
			about = m.About[:]
		}
		args := []any{m.ID[:], m.To[:], string(m.Kind), m.Booking, m.Event, m.Helper, m.Dose, int64(m.Day), m.Due.UnixMilli(), m.Expires.UnixMilli(),
			about, m.Campaign, m.Due.UnixMilli(), at.UnixMilli()}
		if condition != "" {
			args = append(args, m.To[:])
		}
		r, err := prepared.ExecContext(ctx, args...)
		if err != nil {
			return kept, err
		}
		n, err := r.RowsAffected()
		if err != nil {
			return kept, err
		}
		kept += int(n)
	}
	return kept, nil
}

const columns = `id, person, kind, booking, event, helper, dose, day, due, expires, about, campaign`

func scan(rows *sql.Rows, m *notify.Message, more ...any) error {
	var id, who, about []byte
	var kind string
	var day, due, expires int64
	to := append([]any{&id, &who, &kind, &m.Booking, &m.Event, &m.Helper, &m.Dose, &day, &due, &expires, &about, &m.Campaign}, more...)
	if err := rows.Scan(to...); err != nil {
		return err
	}
	m.ID, m.To, m.Kind, m.Day = notify.ID(id), person.Key(who), notify.Kind(kind), civil.Date(day)
	m.Due, m.Expires = time.UnixMilli(due).UTC(), time.UnixMilli(expires).UTC()
	copy(m.About[:], about)
	return nil
}

// Claim implements [notify.Outbox].
func (o *Outbox) Claim(ctx context.Context, now, lease time.Time, limit int) (list []notify.Claimed, err error) {
	var one int
	err = o.db.R.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM message WHERE `+first+` AND turn <= ?) OR EXISTS (SELECT 1 FROM message WHERE `+last+` AND turn <= ?)`,
		now.UnixMilli(), now.UnixMilli()).Scan(&one)
	if err != nil {
		return nil, fmt.Errorf("claim messages: %w", durable.Wrap(err))
	}
	if one == 0 {
		return nil, nil // most rounds find nothing, and need no lock
	}
	err = o.write(ctx, "claim messages", func(tx *sql.Tx) error {
		for _, which := range []string{first, last} {
			if len(list) == limit {
				break
			}
			more, err := claim(ctx, tx, which, now, lease, limit-len(list))
			if err != nil {
				return err
			}
			list = append(list, more...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// The messages that have a future: those that go out first, and those that go last. The indices are of the same words.
const (
	first = `state IN ('queued', 'sending') AND kind <> 'near'`
	last  = `state IN ('queued', 'sending') AND kind = 'near'`
)

func claim(ctx context.Context, tx *sql.Tx, which string, now, lease time.Time, limit int) (list []notify.Claimed, err error) {
	rows, err := tx.QueryContext(ctx, `UPDATE message SET state = 'sending', turn = ?, at = ? WHERE id IN
		(SELECT id FROM message WHERE `+which+` AND turn <= ? ORDER BY turn, id LIMIT ?)
		RETURNING `+columns+`, tries`, lease.UnixMilli(), now.UnixMilli(), now.UnixMilli(), limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c notify.Claimed
		if err := scan(rows, &c.Message, &c.Tries); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// Finish implements [notify.Outbox].
func (o *Outbox) Finish(ctx context.Context, list []notify.Ending) error {
	return o.write(ctx, "finish messages", func(tx *sql.Tx) error {
		for i := range list {
			e := &list[i]
			set, args := `state = ?, why = ?, at = ?`, []any{string(e.State), e.Why, e.At.UnixMilli(), e.ID[:]}
			if e.State == notify.Queued {
				set = `state = ?, why = ?, turn = ?, tries = tries + 1`
			}
			if _, err := tx.ExecContext(ctx, `UPDATE message SET `+set+` WHERE id = ? AND state = 'sending'`, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// Messages implements [notify.Outbox].
func (o *Outbox) Messages(ctx context.Context, to person.Key, limit int) (list []notify.Kept, err error) {
	rows, err := o.db.R.QueryContext(ctx, `SELECT `+columns+`, state, why, at FROM message WHERE person = ? ORDER BY due DESC, id LIMIT ?`, to[:], limit)
	if err != nil {
		return nil, fmt.Errorf("messages: %w", durable.Wrap(err))
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var k notify.Kept
		var state string
		var at int64
		if err := scan(rows, &k.Message, &state, &k.Why, &at); err != nil {
			return nil, fmt.Errorf("messages: %w", durable.Wrap(err))
		}
		k.State, k.At = notify.State(state), time.UnixMilli(at).UTC()
		list = append(list, k)
	}
	return list, rows.Err()
}

// Count implements [notify.Outbox].
func (o *Outbox) Count(ctx context.Context) (map[notify.State]int, error) {
	rows, err := o.db.R.QueryContext(ctx, `SELECT state, count(*) FROM message GROUP BY state`)
	if err != nil {
		return nil, fmt.Errorf("count messages: %w", durable.Wrap(err))
	}
	defer func() { _ = rows.Close() }()
	out := map[notify.State]int{}
	for rows.Next() {
		var s string
		var n int
		if err := rows.Scan(&s, &n); err != nil {
			return nil, err
		}
		out[notify.State(s)] = n
	}
	return out, rows.Err()
}
