package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"charye/internal/durable"
	"charye/notify"
)

const nearOf = `SELECT up_to FROM near WHERE campaign = ?`

// Near implements [notify.Outbox].
func (o *Outbox) Near(ctx context.Context, campaign uint32) (upTo uint32, err error) {
	err = o.db.R.QueryRowContext(ctx, nearOf, campaign).Scan(&upTo)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("near: %w", durable.Wrap(err))
	}
	return upTo, nil
}

// TellNear implements [notify.Outbox].
func (o *Outbox) TellNear(ctx context.Context, campaign, from, to uint32, list []notify.Message, at time.Time) (kept int, err error) {
	err = o.write(ctx, "tell that a turn is near", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO near (campaign, up_to) VALUES (?, 0) ON CONFLICT DO NOTHING`, campaign); err != nil {
			return err
		}
		r, err := tx.ExecContext(ctx, `UPDATE near SET up_to = ? WHERE campaign = ? AND up_to = ?`, to, campaign, from)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, notify.ErrOvertaken)
		}
		kept, err = insert(ctx, tx, `AND EXISTS (SELECT 1 FROM contact WHERE person = ?)`, list, at)
		return err
	})
	return kept, err
}

// TellLate implements [notify.Outbox].
func (o *Outbox) TellLate(ctx context.Context, number uint32, m notify.Message, at time.Time) error {
	return o.write(ctx, "tell that a turn is near", func(tx *sql.Tx) error {
		var upTo uint32
		err := tx.QueryRowContext(ctx, nearOf, m.Campaign).Scan(&upTo)
		if errors.Is(err, sql.ErrNoRows) || err == nil && upTo < number {
			return nil
		}
		if err == nil {
			_, err = insert(ctx, tx, ``, []notify.Message{m}, at)
		}
		return err
	})
}
