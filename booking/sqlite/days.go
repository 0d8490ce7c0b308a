package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/durable"
	"charye/site"
)

// onDay is a row of days.
type onDay struct {
	day     civil.Date
	site    site.Num
	booking int64
}

// daysOf gives the rows of bookings in the order of their table.
func daysOf(lists ...[]booking.Booking) (out []onDay) {
	for _, list := range lists {
		for i := range list {
			for k := range list[i].Doses {
				s := &list[i].Doses[k].Slot
				out = append(out, onDay{s.Day, s.Site, list[i].ID})
			}
		}
	}
	slices.SortFunc(out, func(a, b onDay) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.site, b.site), cmp.Compare(a.booking, b.booking))
	})
	return out
}

// writeDays notes the days of bookings that are new or were moved.
func (t *tx) writeDays(rows []onDay) error {
	return each(t, t.l.write.day, rows, func(s *sql.Stmt, r *onDay) error { return exec(s, int64(r.day), int64(r.site), r.booking) })
}

// fillDays notes the days of all bookings, once, in a file from before there was such a table.
func (l *Ledger) fillDays(ctx context.Context) error {
	var done int
	if err := l.db.W.QueryRowContext(ctx, `SELECT count(*) FROM filled WHERE what = 'days'`).Scan(&done); err != nil || done > 0 {
		return err
	}
	const atOnce = 4096
	var page []booking.Booking
	write := func() error {
		return l.inTx(ctx, func(t *tx) error { return t.writeDays(daysOf(page)) })
	}
	if err := l.All(ctx, func(b booking.Booking) error {
		if page = append(page, b); len(page) < atOnce {
			return nil
		}
		err := write()
		page = page[:0]
		return err
	}); err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	_, err := l.db.W.ExecContext(ctx, `INSERT OR IGNORE INTO filled (what) VALUES ('days')`)
	return err
}

// Day lists the bookings with a dose at a site on a day.
func (l *Ledger) Day(ctx context.Context, at site.Num, day civil.Date, limit int) (out []booking.Booking, err error) {
	rows, err := l.read.day.QueryContext(ctx, int64(day), int64(at))
	if err == nil {
		err = scan(rows, func() error {
			var id int64
			var campaign uint32
			var owner, body sql.RawBytes
			if err := rows.Scan(&id, &owner, &campaign, &body); err != nil || len(out) >= limit {
				return err
			}
			who, err := key(owner)
			if err != nil {
				return err
			}
			b, err := readBooking(body, id, who, campaign)
			if err == nil && b.On(at, day) {
				out = append(out, b)
			}
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("booking: list a day: %w", durable.Wrap(err))
	}
	return out, nil
}
