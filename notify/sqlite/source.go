package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"charye/internal/durable"
	"charye/notify"
	"charye/person"
)

var _ notify.Source = (*Outbox)(nil)

// Followed implements [notify.Source].
func (o *Outbox) Followed(ctx context.Context) (seq int64, ok bool, err error) {
	err = o.db.R.QueryRowContext(ctx, `SELECT seq FROM place`).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return seq, err == nil, durable.Wrap(err)
}

// AllNear implements [notify.Source].
func (o *Outbox) AllNear(ctx context.Context, yield func(campaign, upTo uint32) error) error {
	return o.db.Each(ctx, "near", func(rows *sql.Rows) error {
		var campaign, upTo uint32
		if err := rows.Scan(&campaign, &upTo); err != nil {
			return err
		}
		return yield(campaign, upTo)
	}, `SELECT campaign, up_to FROM near`)
}

// SealedContacts implements [notify.Source].
func (o *Outbox) SealedContacts(ctx context.Context, yield func(notify.SealedContact) error) error {
	return o.db.Each(ctx, "contacts", func(rows *sql.Rows) error {
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
	return o.db.Each(ctx, "messages", func(rows *sql.Rows) error {
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
	return o.db.Each(ctx, "history", func(rows *sql.Rows) error {
		var e notify.PastEvent
		var who []byte
		var at int64
		if err := rows.Scan(&e.Seq, &at, &e.Kind, &who, &e.What); err != nil {
			return err
		}
		e.At = time.UnixMilli(at).UTC()
		copy(e.Who[:], who) // none where the operator acted
		return yield(e)
	}, `SELECT seq, at, kind, who, what FROM event ORDER BY seq`)
}
