package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"charye/internal/durable"
	"charye/internal/seal"
	"charye/notify"
	"charye/person"
)

// Census implements [notify.Keeper].
func (o *Outbox) Census(ctx context.Context) (c seal.Census, err error) {
	err = o.db.Each(ctx, "keys of contacts", func(rows *sql.Rows) error {
		var prefix []byte
		var n int64
		err := rows.Scan(&prefix, &n)
		c.Field(seal.KeyOf(prefix), n)
		return err
	}, `SELECT substr(sealed, 1, 5), count(*) FROM contact GROUP BY 1`)
	return c, err
}

// Reseal implements [notify.Keeper].
func (o *Outbox) Reseal(ctx context.Context, pace seal.Pace) (moved int64, err error) {
	type row struct{ who, sealed []byte }
	for after := []byte{}; ; {
		var list []row
		if err := o.db.Each(ctx, "re-seal contacts", func(rows *sql.Rows) error {
			var r row
			err := rows.Scan(&r.who, &r.sealed)
			list = append(list, r)
			return err
		}, `SELECT person, sealed FROM contact WHERE person > ? AND substr(sealed, 1, 5) <> ? ORDER BY person LIMIT ?`,
			after, o.keys.Prefix(), seal.ResealAtOnce); err != nil || len(list) == 0 {
			return moved, err
		}
		if err := o.write(ctx, "re-seal contacts", func(tx *sql.Tx) error {
			for _, r := range list {
				sealed, err := notify.ResealContact(o.keys, person.Key(r.who), r.sealed)
				if err != nil {
					return err
				}
				// What somebody wrote meanwhile is sealed with the key in use already.
				if _, err := tx.ExecContext(ctx, `UPDATE contact SET sealed = ? WHERE person = ? AND sealed = ?`, sealed, r.who, r.sealed); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return moved, err
		}
		moved, after = moved+int64(len(list)), list[len(list)-1].who
		if err := pace(ctx, len(list)); err != nil {
			return moved, err
		}
	}
}

// whose is a condition: of one person, or of everybody.
const whose = `(person = ?1 OR length(?1) = 0)`

func keyOrNone(who person.Key) []byte {
	if who.IsZero() {
		return []byte{}
	}
	return who[:]
}

// CountErasable implements [notify.Keeper].
func (o *Outbox) CountErasable(ctx context.Context, who person.Key) (contacts, messages int64, err error) {
	err = o.db.R.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM contact WHERE `+whose+`), (SELECT count(*) FROM message WHERE `+whose+`)`, keyOrNone(who)).
		Scan(&contacts, &messages)
	if err != nil {
		return 0, 0, fmt.Errorf("count contacts: %w", durable.Wrap(err))
	}
	return contacts, messages, nil
}

// EraseContacts implements [notify.Keeper].
func (o *Outbox) EraseContacts(ctx context.Context, who person.Key, why string, at time.Time, limit int) (contacts, messages int64, err error) {
	err = o.write(ctx, "erase contacts", func(tx *sql.Tx) error {
		for _, part := range []struct {
			into  *int64
			query string
		}{
			{&contacts, `DELETE FROM contact WHERE person IN (SELECT person FROM contact WHERE ` + whose + ` LIMIT ?2)`},
			{&messages, `DELETE FROM message WHERE id IN (SELECT id FROM message WHERE ` + whose + ` LIMIT ?2)`},
		} {
			res, err := tx.ExecContext(ctx, part.query, keyOrNone(who), limit)
			if err != nil {
				return err
			}
			if *part.into, err = res.RowsAffected(); err != nil {
				return err
			}
		}
		if contacts+messages == 0 {
			return nil
		}
		what, err := json.Marshal(notify.Told(contacts, messages, why))
		if err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, `INSERT INTO event (at, kind, who, what) VALUES (?, 'erased', ?, ?)`, at.UnixMilli(), keyOrNone(who), string(what)); err != nil {
			return err
		}
		_, err = history.Extend(ctx, tx)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return contacts, messages, nil
}
