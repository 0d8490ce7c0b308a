// Package postgres keeps what of a line must outlive its store: [line.Records] in a PostgreSQL database.
//
// It owns the tables of records and seats. It decides nothing about the line, and is on nobody's way: seats are added in
// batches beside the joins, marks are raised some times a second.
package postgres

import (
	"context"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/pgdb"
	"charye/line"
	"charye/person"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Records is the engine. Safe for concurrent use, by any number of nodes.
type Records struct{ db *pgdb.DB }

var _ line.Records = (*Records)(nil)

// Open connects to the database at url and brings the tables of lines up to date.
func Open(ctx context.Context, url string) (*Records, error) {
	db, err := pgdb.Open(ctx, url, "line", migrations)
	if err != nil {
		return nil, err
	}
	return &Records{db: db}, nil
}

// Close ends all connections.
func (r *Records) Close() error { return r.db.Close() }

const columns = `campaign, epoch, losses, seed, draw, buckets, reserved, admitted, gathered, drawn_at`

func scan(row pgx.Row) (rec line.Record, err error) {
	var seed []byte
	var drawnAt *time.Time
	if err := row.Scan(&rec.Campaign, &rec.Epoch, &rec.Losses, &seed, &rec.Draw, &rec.Buckets, &rec.Reserved, &rec.Admitted, &rec.Gathered, &drawnAt); err != nil {
		return rec, err
	}
	rec.Seed = [32]byte(seed)
	if drawnAt != nil {
		rec.DrawnAt = drawnAt.UTC()
	}
	return rec, nil
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("line records: %w", pgdb.Wrap(err))
}

// Record implements [line.Records].
func (r *Records) Record(ctx context.Context, campaign uint32) (line.Record, bool, error) {
	rec, err := scan(r.db.QueryRow(ctx, `SELECT `+columns+` FROM line_records WHERE campaign = $1::bigint`, int64(campaign)))
	if errors.Is(err, pgx.ErrNoRows) {
		return rec, false, nil
	}
	return rec, err == nil, wrap(err)
}

// Found implements [line.Records].
func (r *Records) Found(ctx context.Context, rec line.Record) (line.Record, error) {
	if _, err := r.db.Exec(ctx, `INSERT INTO line_records (campaign, epoch, seed, draw, buckets, reserved, admitted, gathered)
		VALUES ($1::bigint, $2::text, $3::bytea, $4::boolean, $5::integer, $6::bigint, $7::bigint, $8::bigint) 
		ON CONFLICT (campaign) DO UPDATE SET draw = excluded.draw WHERE line_records.reserved = 0`,
		int64(rec.Campaign), rec.Epoch, rec.Seed[:], rec.Draw, rec.Buckets, int64(rec.Reserved), int64(rec.Admitted), rec.Gathered); err != nil {
		return rec, wrap(err)
	}
	rec, ok, err := r.Record(ctx, rec.Campaign)
	if err == nil && !ok {
		err = errors.New("line records: a record that was just kept is gone")
	}
	return rec, err
}

// Raise implements [line.Records].
func (r *Records) Raise(ctx context.Context, rec line.Record) (line.Record, error) {
	var drawnAt *time.Time
	if !rec.DrawnAt.IsZero() {
		drawnAt = &rec.DrawnAt
	}
	out, err := scan(r.db.QueryRow(ctx, `UPDATE line_records SET reserved = greatest(reserved, $3::bigint), admitted = greatest(admitted, $4::bigint),
			gathered = CASE WHEN gathered < 0 THEN $5::bigint ELSE gathered END, drawn_at = coalesce(drawn_at, $6::timestamptz)
		WHERE campaign = $1::bigint AND epoch = $2::text RETURNING `+columns,
		int64(rec.Campaign), rec.Epoch, int64(rec.Reserved), int64(rec.Admitted), rec.Gathered, drawnAt))
	if errors.Is(err, pgx.ErrNoRows) {
		return out, line.ErrOvertaken
	}
	return out, wrap(err)
}

// seatsPerRow keeps a row within what a database likes: a megabyte.
const seatsPerRow = 50_000

// Keep implements [line.Records].
func (r *Records) Keep(ctx context.Context, campaign uint32, seats []line.Seat) error {
	b := &pgx.Batch{}
	for len(seats) > 0 {
		n := min(len(seats), seatsPerRow)
		row := make([]byte, 0, 20*n)
		for _, s := range seats[:n] {
			row = binary.BigEndian.AppendUint32(append(row, s.Person[:]...), s.Seq)
		}
		b.Queue(`INSERT INTO line_seats (campaign, seats) VALUES ($1::bigint, $2::bytea)`, int64(campaign), row)
		seats = seats[n:]
	}
	_, err := r.db.Once(ctx, b)
	return wrap(err)
}

// Seats implements [line.Records].
func (r *Records) Seats(ctx context.Context, campaign uint32, yield func([]line.Seat) error) error {
	for last := int64(0); ; {
		var id int64
		var row []byte
		err := r.db.QueryRow(ctx, `SELECT id, seats FROM line_seats WHERE campaign = $1::bigint AND id > $2::bigint ORDER BY id LIMIT 1`, int64(campaign), last).Scan(&id, &row)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return wrap(err)
		}
		last = id
		list := make([]line.Seat, 0, len(row)/20)
		for ; len(row) >= 20; row = row[20:] {
			list = append(list, line.Seat{Person: person.Key(row[:16]), Seq: binary.BigEndian.Uint32(row[16:])})
		}
		if err := yield(list); err != nil {
			return err
		}
	}
}

// Refill implements [line.Records]. The lock is that of a transaction, which ends with the node that holds it; two fills that
// meet all the same write under different epochs, and only the later one's counts.
func (r *Records) Refill(ctx context.Context, campaign uint32, lost, epoch string, whole func(context.Context) bool, fill func(context.Context, line.Record) error) (rec line.Record, err error) {
	err = pgx.BeginFunc(ctx, r.db.Pool, func(tx pgx.Tx) error {
		// The filling takes as long as it takes.
		if _, err := tx.Exec(ctx, `SELECT set_config('idle_in_transaction_session_timeout', '0', true), pg_advisory_xact_lock(hashtextextended($1::text, 2))`,
			fmt.Sprintf("charye line %d", campaign)); err != nil {
			return err
		}
		standing, ok, err := r.Record(ctx, campaign)
		if err != nil || !ok || standing.Epoch != lost || whole(ctx) {
			rec = standing
			return err
		}
		// Beside the transaction, so that it stands before the first write to the store.
		rec, err = scan(r.db.QueryRow(ctx, `UPDATE line_records SET epoch = $3::text, losses = losses + 1 WHERE campaign = $1::bigint AND epoch = $2::text RETURNING `+columns,
			int64(campaign), lost, epoch))
		if err != nil {
			return err
		}
		return fill(ctx, rec)
	})
	return rec, wrap(err)
}
