package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/notify"
	"charye/person"
)

// SetContact implements [notify.Outbox].
func (o *Outbox) SetContact(ctx context.Context, who person.Key, c notify.Contact, at time.Time) error {
	_, err := o.EditContact(ctx, who, at, func(notify.Contact) (notify.Contact, error) { return c, nil })
	return err
}

// editTries is how often a contact that others change at the same time is edited anew.
const editTries = 20

var errBusy = errors.New("it is changed by others again and again")

// EditContact implements [notify.Outbox]. What is sealed is another each time, so that it tells whether it is still what was read.
func (o *Outbox) EditContact(ctx context.Context, who person.Key, at time.Time, edit func(notify.Contact) (notify.Contact, error)) (notify.Contact, error) {
	for range editTries {
		c, had, err := o.contact(ctx, who)
		if err != nil && !errors.Is(err, notify.ErrNoContact) {
			return c, wrap("keep a contact", err)
		}
		if c, err = edit(c); err != nil {
			return c, err
		}
		kept, err := o.replace(ctx, who, had, c, at)
		if err != nil || kept {
			return c, wrap("keep a contact", err)
		}
	}
	return notify.Contact{}, wrap("keep a contact", errBusy)
}

// replace writes a contact over the one that was read, with its event; kept is false when that does not stand any more.
func (o *Outbox) replace(ctx context.Context, who person.Key, had []byte, c notify.Contact, at time.Time) (kept bool, err error) {
	kind, sealed := "contact.set", []byte(nil)
	change := `INSERT INTO contacts (person, sealed, set_at) SELECT $1::bytea, $4::bytea, $2::timestamptz WHERE $5::bytea IS NULL
		ON CONFLICT DO NOTHING RETURNING true`
	switch {
	case len(c.Addresses) == 0 && had == nil:
		kind, change = "contact.removed", `SELECT true WHERE $4::bytea IS NULL AND $5::bytea IS NULL`
	case len(c.Addresses) == 0:
		kind, change = "contact.removed", `DELETE FROM contacts WHERE person = $1::bytea AND sealed = $5::bytea AND $4::bytea IS NULL RETURNING true`
	default:
		if sealed, err = notify.SealContact(o.keys, who, c); err != nil {
			return false, err
		}
		if had != nil {
			change = `UPDATE contacts SET sealed = $4::bytea, set_at = $2::timestamptz WHERE person = $1::bytea AND sealed = $5::bytea RETURNING true`
		}
	}
	tag, err := o.db.Exec(ctx, `WITH changed AS (`+change+`),
		next AS (UPDATE streams SET next_seq = next_seq + 1 WHERE name = 'notify' AND EXISTS (SELECT FROM changed) RETURNING next_seq - 1 AS seq)
		INSERT INTO events (stream, seq, at, kind, person, what)
		SELECT 'notify', seq, $2::timestamptz, $3::text, $1::bytea, '{}'::jsonb FROM next`, who[:], at, kind, sealed, had)
	return err == nil && tag.RowsAffected() > 0, err
}

// Contact implements [notify.Outbox].
func (o *Outbox) Contact(ctx context.Context, who person.Key) (notify.Contact, error) {
	c, _, err := o.contact(ctx, who)
	return c, wrap("contact", err)
}

// contact gives it also as it is kept.
func (o *Outbox) contact(ctx context.Context, who person.Key) (c notify.Contact, sealed []byte, err error) {
	err = o.db.QueryRow(ctx, `SELECT sealed FROM contacts WHERE person = $1::bytea`, who[:]).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, nil, notify.ErrNoContact
	}
	if err == nil {
		c, err = notify.OpenContact(o.keys, who, sealed)
	}
	return c, sealed, err
}
