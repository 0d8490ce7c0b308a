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

// SetContact implements [notify.Outbox].
func (o *Outbox) SetContact(ctx context.Context, who person.Key, c notify.Contact, at time.Time) error {
	_, err := o.EditContact(ctx, who, at, func(notify.Contact) (notify.Contact, error) { return c, nil })
	return err
}

// EditContact implements [notify.Outbox].
func (o *Outbox) EditContact(ctx context.Context, who person.Key, at time.Time, edit func(notify.Contact) (notify.Contact, error)) (c notify.Contact, err error) {
	err = o.write(ctx, "keep a contact", func(tx *sql.Tx) error {
		had, err := o.contact(tx.QueryRowContext(ctx, contactOf, who[:]), who)
		if err != nil && !errors.Is(err, notify.ErrNoContact) {
			return err
		}
		if c, err = edit(had); err != nil {
			return err
		}
		kind := "contact.set"
		if len(c.Addresses) == 0 {
			kind = "contact.removed"
			_, err = tx.ExecContext(ctx, `DELETE FROM contact WHERE person = ?`, who[:])
		} else {
			var sealed []byte
			if sealed, err = notify.SealContact(o.keys, who, c); err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `INSERT INTO contact (person, sealed, set_at) VALUES (?, ?, ?)
				ON CONFLICT (person) DO UPDATE SET sealed = excluded.sealed, set_at = excluded.set_at`, who[:], sealed, at.UnixMilli())
		}
		if err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, `INSERT INTO event (at, kind, who) VALUES (?, ?, ?)`, at.UnixMilli(), kind, who[:]); err != nil {
			return err
		}
		_, err = history.Extend(ctx, tx)
		return err
	})
	return c, err
}

const contactOf = `SELECT sealed FROM contact WHERE person = ?`

// Contact implements [notify.Outbox].
func (o *Outbox) Contact(ctx context.Context, who person.Key) (notify.Contact, error) {
	c, err := o.contact(o.db.R.QueryRowContext(ctx, contactOf, who[:]), who)
	if err != nil && !errors.Is(err, notify.ErrNoContact) {
		return c, fmt.Errorf("contact: %w", err)
	}
	return c, err
}

func (o *Outbox) contact(row *sql.Row, who person.Key) (c notify.Contact, err error) {
	var sealed []byte
	err = row.Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return c, notify.ErrNoContact
	}
	if err == nil {
		c, err = notify.OpenContact(o.keys, who, sealed)
	}
	return c, durable.Wrap(err)
}
