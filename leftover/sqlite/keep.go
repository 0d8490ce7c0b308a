package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"charye/internal/durable"
	"charye/leftover"
	"charye/person"
)

// ofWhom is a condition: of a campaign, or of one person.
const ofWhom = `(campaign = ?1 AND ?1 <> 0 OR person = ?2 AND ?1 = 0)`

// CountEntries implements [leftover.Keeper].
func (s *Store) CountEntries(ctx context.Context, campaign uint32, who person.Key) (n int64, err error) {
	if err := s.db.R.QueryRowContext(ctx, `SELECT count(*) FROM entries WHERE `+ofWhom, campaign, who[:]).Scan(&n); err != nil {
		return 0, fmt.Errorf("leftovers: count entries: %w", durable.Wrap(err))
	}
	return n, nil
}

// EraseEntries implements [leftover.Keeper].
func (s *Store) EraseEntries(ctx context.Context, campaign uint32, who person.Key, why string, at time.Time, limit int) (n int64, err error) {
	tx, err := s.db.W.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("leftovers: erase entries: %w", durable.Wrap(err))
	}
	res, err := tx.ExecContext(ctx, `DELETE FROM entries WHERE (campaign, site, person) IN (SELECT campaign, site, person FROM entries WHERE `+ofWhom+` LIMIT ?3)`,
		campaign, who[:], limit)
	if err == nil {
		n, err = res.RowsAffected()
	}
	if err == nil && n > 0 {
		var id, seq int64
		err = tx.QueryRowContext(ctx, `SELECT (SELECT next FROM numbers), (SELECT coalesce(max(seq), 0) + 1 FROM events)`).Scan(&id, &seq)
		if err == nil {
			err = write(ctx, tx, leftover.Changes{NextID: id, Events: []leftover.Event{leftover.Erased(seq, campaign, who, n, why, at)}})
		}
	}
	if err == nil {
		err = tx.Commit()
	} else {
		err = errors.Join(err, tx.Rollback())
	}
	if err != nil {
		return 0, fmt.Errorf("leftovers: erase entries: %w", durable.Wrap(err))
	}
	return n, nil
}
