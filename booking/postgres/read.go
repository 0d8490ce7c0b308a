package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/pgdb"
	"charye/person"
	"charye/site"
)

// Bookings lists a person's bookings, oldest first.
func (l *Ledger) Bookings(ctx context.Context, who person.Key) ([]booking.Booking, error) {
	return query(ctx, l, "list bookings", scanBooking, `SELECT `+bookingColumns+` FROM bookings WHERE person = $1::bytea ORDER BY made_at, id`, who[:])
}

// Booking finds a booking by id.
func (l *Ledger) Booking(ctx context.Context, id int64) (b booking.Booking, ok bool, err error) {
	list, err := query(ctx, l, "find booking", scanBooking, `SELECT `+bookingColumns+` FROM bookings WHERE id = $1::bigint`, id)
	if err != nil || len(list) == 0 {
		return b, false, err
	}
	return list[0], true, nil
}

// Several finds bookings by id.
func (l *Ledger) Several(ctx context.Context, ids []int64) ([]booking.Booking, error) {
	return query(ctx, l, "find bookings", scanBooking, `SELECT `+bookingColumns+` FROM bookings WHERE id = ANY ($1::bigint[])`, ids)
}

// Day lists the bookings with a dose at a site on a day.
func (l *Ledger) Day(ctx context.Context, at site.Num, day civil.Date, limit int) ([]booking.Booking, error) {
	return query(ctx, l, "list a day", scanBooking, `SELECT `+bookingColumns+` FROM bookings WHERE booking_days(doses) @> ARRAY[$1::bigint] ORDER BY id LIMIT $2::bigint`,
		int64(at)<<16+int64(day), max(limit, 0))
}

// All lists every booking by id, some thousand at a time.
func (l *Ledger) All(ctx context.Context, yield func(booking.Booking) error) error {
	const page = 4096
	for last, n := int64(0), page; n == page; {
		list, err := query(ctx, l, "list all", scanBooking, `SELECT `+bookingColumns+` FROM bookings WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint`, last, page)
		if err != nil {
			return err
		}
		for _, b := range list {
			if err := yield(b); err != nil {
				return err
			}
			last = b.ID
		}
		n = len(list)
	}
	return nil
}

// Displaced lists the bookings of a campaign whose people stand first in line.
func (l *Ledger) Displaced(ctx context.Context, campaign uint32, after int64, limit int) ([]booking.Booking, error) {
	claim := fmt.Sprintf(`[{"counter":%d}]`, uint64(booking.DisplacedCounter(campaign)))
	return query(ctx, l, "list displaced", scanBooking, `SELECT `+bookingColumns+` FROM bookings
		WHERE id > $1::bigint AND campaign = $2::bigint AND gone <> 0 AND shared @> $3::jsonb ORDER BY id LIMIT $4::bigint`,
		after, int64(campaign), claim, max(limit, 0))
}

// Hold finds a person's hold in a campaign.
func (l *Ledger) Hold(ctx context.Context, who person.Key, campaign uint32) (h booking.Hold, ok bool, err error) {
	list, err := query(ctx, l, "find hold", scanHold, `SELECT `+holdColumns+` FROM holds WHERE person = $1::bytea AND campaign = $2::bigint`, who[:], int64(campaign))
	if err != nil || len(list) == 0 {
		return h, false, err
	}
	return list[0], true, nil
}

// lastInstant is beyond any hold and within what PostgreSQL can compare.
var lastInstant = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// DueHolds lists holds that are over at an instant.
func (l *Ledger) DueHolds(ctx context.Context, before time.Time, limit int) ([]booking.Hold, error) {
	if before.After(lastInstant) {
		before = lastInstant
	}
	return query(ctx, l, "list due holds", scanHold, `SELECT `+holdColumns+` FROM holds WHERE until <= $1::timestamptz
		ORDER BY until, id LIMIT $2::bigint`, before, max(limit, 0))
}

func query[T any](ctx context.Context, l *Ledger, what string, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := l.db.Query(ctx, sql, args...)
	var out []T
	if err == nil {
		out, err = pgx.AppendRows(out, rows, scan)
	}
	if err != nil {
		return nil, fmt.Errorf("booking: %s: %w", what, pgdb.Wrap(err))
	}
	return out, nil
}
