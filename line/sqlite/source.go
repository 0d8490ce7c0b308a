package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"charye/internal/durable"
	"charye/line"
	"charye/person"
)

var _ line.Source = (*Line)(nil)

// Facts implements [line.Source].
func (l *Line) Facts(ctx context.Context, campaign uint32) (r line.Record, err error) {
	ln, err := l.lane(campaign)
	if err != nil {
		return r, err
	}
	r = line.Record{Campaign: campaign, Seed: ln.seed, Draw: ln.draw, Gathered: -1}
	var gathered, drawnAt sql.NullInt64
	if err := l.db.R.QueryRowContext(ctx, `SELECT gathered, drawn_at, admitted FROM campaigns WHERE campaign = ?`, campaign).
		Scan(&gathered, &drawnAt, &r.Admitted); err != nil {
		return r, fmt.Errorf("facts of a line: %w", durable.Wrap(err))
	}
	if gathered.Valid {
		r.Gathered = gathered.Int64
	}
	if drawnAt.Valid {
		r.DrawnAt = time.UnixMilli(drawnAt.Int64).UTC()
	}
	return r, nil
}

// Seats implements [line.Source].
func (l *Line) Seats(ctx context.Context, campaign uint32, yield func([]line.Seat) error) error {
	rows, err := l.db.R.QueryContext(ctx, `SELECT first_seq, people FROM joins WHERE campaign = ? ORDER BY first_seq`, campaign)
	if err != nil {
		return fmt.Errorf("seats of a line: %w", durable.Wrap(err))
	}
	defer func() { _ = rows.Close() }()
	const atOnce = 20_000
	page := make([]line.Seat, 0, atOnce)
	for rows.Next() {
		var seq uint32
		var b sql.RawBytes
		if err := rows.Scan(&seq, &b); err != nil {
			return fmt.Errorf("seats of a line: %w", durable.Wrap(err))
		}
		for ; len(b) >= 16; b = b[16:] {
			page = append(page, line.Seat{Person: person.Key(b[:16]), Seq: seq})
			seq++
		}
		if len(page) >= atOnce {
			if err := yield(page); err != nil {
				return err
			}
			page = page[:0]
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("seats of a line: %w", durable.Wrap(err))
	}
	if len(page) == 0 {
		return nil
	}
	return yield(page)
}
