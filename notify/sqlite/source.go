package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"charye/internal/durable"
	"charye/notify"
	"charye/person"
)

var _ notify.Source = (*Outbox)(nil)

// each runs a query and calls take for every row.
func (o *Outbox) each(ctx context.Context, what string, take func(*sql.Rows) error, query string) (err error) {
	rows, err := o.db.R.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("%s: %w", what, durable.Wrap(err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := take(rows); err != nil {
			return fmt.Errorf("%s: %w", what, durable.Wrap(err))
		}
	}
	return rows.Err()
}

// Followed implements [notify.Source].
func (o *Outbox) Followed(ctx context.Context) (seq int64, ok bool, err error) {
	err = o.db.R.QueryRowContext(ctx, `SELECT seq FROM place`).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return seq, err == nil, durable.Wrap(err)
}

// SealedContacts implements [notify.Source].
func (o *Outbox) SealedContacts(ctx context.Context, yield func(notify.SealedContact) error) error {
	return o.each(ctx, "contacts", func(rows *sql.Rows) error {
		var c notify.SealedContact
		var who []byte
		var at int64
		if err := rows.Scan(&who, &c.Sealed, &at); err != nil {
			return err
		}
		c.Person, c.SetAt = person.Key(who), time.UnixMilli(at).UTC()
		return yield(c)
	}, `SELECT person, sealed, set_at FROM contact`)
}

// AllMessages implements [notify.Source].
func (o *Outbox) AllMessages(ctx context.Context, yield func(notify.Whole) error) error {
	return o.each(ctx, "messages", func(rows *sql.Rows) error {
		var m notify.Whole
		var state string
		var at, turn int64
		if err := scan(rows, &m.Message, &state, &m.Why, &at, &turn, &m.Tries); err != nil {
			return err
		}
		m.State, m.At, m.Turn = notify.State(state), time.UnixMilli(at).UTC(), time.UnixMilli(turn).UTC()
		return yield(m)
	}, `SELECT `+columns+`, state, why, at, turn, tries FROM message`)
}

// History implements [notify.Source].
func (o *Outbox) History(ctx context.Context, yield func(notify.PastEvent) error) error {
	return o.each(ctx, "history", func(rows *sql.Rows) error {
		var e notify.PastEvent
		var who []byte
		var at int64
		if err := rows.Scan(&e.Seq, &at, &e.Kind, &who); err != nil {
			return err
		}
		e.At, e.Who = time.UnixMilli(at).UTC(), person.Key(who)
		return yield(e)
	}, `SELECT seq, at, kind, who FROM event ORDER BY seq`)
}
