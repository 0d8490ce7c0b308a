package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/pgdb"
	"charye/notify"
)

// Near implements [notify.Outbox].
func (o *Outbox) Near(ctx context.Context, campaign uint32) (upTo uint32, err error) {
	err = o.db.QueryRow(ctx, `SELECT up_to FROM message_near WHERE campaign = $1::bigint`, campaign).Scan(&upTo)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return upTo, wrap("near", err)
}

// TellNear implements [notify.Outbox]. The place is locked before contacts are read: whoever leaves an address after that waits in
// TellLate for the place as it will be.
func (o *Outbox) TellNear(ctx context.Context, campaign, from, to uint32, list []notify.Message, at time.Time) (kept int, err error) {
	if from == 0 { // a row that others can lock, before there is anything to wait for
		if _, err := o.db.Exec(ctx, `INSERT INTO message_near (campaign, up_to) VALUES ($1::bigint, 0) ON CONFLICT DO NOTHING`, campaign); err != nil {
			return 0, wrap("tell that a turn is near", err)
		}
	}
	moved := false
	first := &pgx.Batch{}
	first.Queue(`UPDATE message_near SET up_to = $3::bigint WHERE campaign = $1::bigint AND up_to = $2::bigint RETURNING up_to`, campaign, from, to).Query(func(rows pgx.Rows) error {
		moved = rows.Next()
		rows.Close()
		return rows.Err()
	})
	tx, err := o.db.Begin(ctx, first, !pgdb.Long)
	if err != nil {
		return 0, wrap("tell that a turn is near", err)
	}
	defer tx.End()
	if !moved {
		return 0, fmt.Errorf("tell that a turn is near: %w", notify.ErrOvertaken)
	}
	b := &pgx.Batch{}
	insert(b, `WHERE EXISTS (SELECT FROM contacts c WHERE c.person = n.person)`, list, at).Query(func(rows pgx.Rows) error {
		rows.Close()
		kept = int(rows.CommandTag().RowsAffected())
		return rows.Err()
	})
	if err := tx.Commit(ctx, b); err != nil {
		return 0, wrap("tell that a turn is near", err)
	}
	return kept, nil
}

// TellLate implements [notify.Outbox].
func (o *Outbox) TellLate(ctx context.Context, number uint32, m notify.Message, at time.Time) error {
	first := &pgx.Batch{}
	passed := false
	first.Queue(`SELECT up_to >= $2::bigint FROM message_near WHERE campaign = $1::bigint FOR SHARE`, m.Campaign, number).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&passed}, func() error { return nil })
		return err
	})
	tx, err := o.db.Begin(ctx, first, !pgdb.Long)
	if err != nil {
		return wrap("tell that a turn is near", err)
	}
	defer tx.End()
	if !passed {
		return nil
	}
	b := &pgx.Batch{}
	insert(b, ``, []notify.Message{m}, at)
	return wrap("tell that a turn is near", tx.Commit(ctx, b))
}
