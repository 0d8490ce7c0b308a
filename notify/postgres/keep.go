package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/pgdb"
	"charye/internal/seal"
	"charye/notify"
	"charye/person"
)

// Census implements [notify.Keeper].
func (o *Outbox) Census(ctx context.Context) (c seal.Census, err error) {
	rows, err := o.db.Query(ctx, `SELECT substr(sealed, 1, 5), count(*) FROM contacts GROUP BY 1`)
	if err == nil {
		var prefix []byte
		var n int64
		_, err = pgx.ForEachRow(rows, []any{&prefix, &n}, func() error { c.Field(seal.KeyOf(prefix), n); return nil })
	}
	return c, wrap("keys of contacts", err)
}

// Reseal implements [notify.Keeper].
func (o *Outbox) Reseal(ctx context.Context, pace seal.Pace) (moved int64, err error) {
	type row struct{ Who, Sealed []byte }
	for after := []byte{}; ; {
		rows, err := o.db.Query(ctx, `SELECT person, sealed FROM contacts WHERE person > $1::bytea AND substr(sealed, 1, 5) <> $2::bytea
			ORDER BY person LIMIT $3::bigint`, after, o.keys.Prefix(), seal.ResealAtOnce)
		var list []row
		if err == nil {
			list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		}
		if err != nil || len(list) == 0 {
			return moved, wrap("re-seal contacts", err)
		}
		b := &pgx.Batch{}
		for _, r := range list {
			sealed, err := notify.ResealContact(o.keys, person.Key(r.Who), r.Sealed)
			if err != nil {
				return moved, wrap("re-seal contacts", err)
			}
			// What somebody wrote meanwhile is sealed with the key in use already.
			b.Queue(`UPDATE contacts SET sealed = $3::bytea WHERE person = $1::bytea AND sealed = $2::bytea`, r.Who, r.Sealed, sealed)
			after = r.Who
		}
		if _, err := o.db.Once(ctx, b); err != nil {
			return moved, wrap("re-seal contacts", err)
		}
		moved += int64(len(list))
		if err := pace(ctx, len(list)); err != nil {
			return moved, err
		}
	}
}

// whose is a condition: of one person, or of everybody.
const whose = `(person = $1::bytea OR $1::bytea IS NULL)`

func keyOrNull(who person.Key) []byte {
	if who.IsZero() {
		return nil
	}
	return who[:]
}

// CountErasable implements [notify.Keeper].
func (o *Outbox) CountErasable(ctx context.Context, who person.Key) (contacts, messages int64, err error) {
	err = o.db.QueryRow(ctx, `SELECT (SELECT count(*) FROM contacts WHERE `+whose+`), (SELECT count(*) FROM messages WHERE `+whose+`)`, keyOrNull(who)).
		Scan(&contacts, &messages)
	return contacts, messages, wrap("count contacts", err)
}

// EraseContacts implements [notify.Keeper].
func (o *Outbox) EraseContacts(ctx context.Context, who person.Key, why string, at time.Time, limit int) (contacts, messages int64, err error) {
	contacts, messages, err = o.eraseContacts(ctx, who, why, at, limit)
	return contacts, messages, wrap("erase contacts", err)
}

func (o *Outbox) eraseContacts(ctx context.Context, who person.Key, why string, at time.Time, limit int) (contacts, messages int64, err error) {
	tx, err := o.db.Begin(ctx, nil, !pgdb.Long)
	if err != nil {
		return 0, 0, err
	}
	defer tx.End()
	for _, part := range []struct {
		into  *int64
		query string
	}{
		{&contacts, `DELETE FROM contacts WHERE person IN (SELECT person FROM contacts WHERE ` + whose + ` LIMIT $2::bigint)`},
		{&messages, `DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE ` + whose + ` LIMIT $2::bigint)`},
	} {
		tag, err := tx.Conn().Exec(ctx, part.query, keyOrNull(who), limit)
		if err != nil {
			return 0, 0, err
		}
		*part.into = tag.RowsAffected()
	}
	if contacts+messages == 0 {
		return 0, 0, nil
	}
	what, err := json.Marshal(notify.Told(contacts, messages, why))
	if err != nil {
		return 0, 0, err
	}
	b := &pgx.Batch{}
	b.Queue(`WITH next AS (UPDATE streams SET next_seq = next_seq + 1 WHERE name = 'notify' RETURNING next_seq - 1 AS seq)
		INSERT INTO events (stream, seq, at, kind, person, what)
		SELECT 'notify', seq, $1::timestamptz, 'erased', $2::bytea, $3::text::jsonb FROM next`, at, keyOrNull(who), string(what))
	if err := tx.Commit(ctx, b); err != nil {
		return 0, 0, err
	}
	return contacts, messages, nil
}
