package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/pgdb"
	"charye/leftover"
	"charye/person"
)

// ofWhom is a condition: of a campaign, or of one person.
const ofWhom = `($1::bigint <> 0 AND campaign = $1::bigint OR $1::bigint = 0 AND person = $2::bytea)`

// CountEntries implements [leftover.Keeper].
func (s *Store) CountEntries(ctx context.Context, campaign uint32, who person.Key) (n int64, err error) {
	if err := s.db.QueryRow(ctx, `SELECT count(*) FROM leftover_entries WHERE `+ofWhom, int64(campaign), who[:]).Scan(&n); err != nil {
		return 0, fmt.Errorf("leftovers: count entries: %w", pgdb.Wrap(err))
	}
	return n, nil
}

// EraseEntries implements [leftover.Keeper].
func (s *Store) EraseEntries(ctx context.Context, campaign uint32, who person.Key, why string, at time.Time, limit int) (int64, error) {
	n, err := s.eraseEntries(ctx, campaign, who, why, at, limit)
	if err != nil {
		return 0, fmt.Errorf("leftovers: erase entries: %w", pgdb.Wrap(err))
	}
	return n, nil
}

func (s *Store) eraseEntries(ctx context.Context, campaign uint32, who person.Key, why string, at time.Time, limit int) (n int64, err error) {
	var id, seq int64
	b := &pgx.Batch{}
	b.Queue(`SELECT next_id, next_seq FROM streams WHERE name = 'leftover' FOR UPDATE`).QueryRow(func(row pgx.Row) error { return row.Scan(&id, &seq) })
	b.Queue(`DELETE FROM leftover_entries WHERE (campaign, site, person) IN (SELECT campaign, site, person FROM leftover_entries WHERE `+ofWhom+` LIMIT $3::bigint) RETURNING 1`,
		int64(campaign), who[:], limit).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			n++
		}
		rows.Close()
		return rows.Err()
	})
	tx, err := s.db.Begin(ctx, b, false)
	if err != nil {
		return 0, err
	}
	defer tx.End()
	if n == 0 {
		return 0, nil
	}
	return n, tx.Commit(ctx, write(leftover.Changes{
		NextID: id, NextSeq: seq + 1, Events: []leftover.Event{leftover.Erased(seq, campaign, who, n, why, at)},
	}))
}
