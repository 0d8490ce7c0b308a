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
func daysOf(list []booking.Booking) (out []onDay) {
	for i := range list {
		for k := range list[i].Doses {
			s := &list[i].Doses[k].Slot
			out = append(out, onDay{s.Day, s.Site, list[i].ID})
		}
	}
	slices.SortFunc(out, func(a, b onDay) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.site, b.site), cmp.Compare(a.booking, b.booking))
	})
	return out
}

// daysAtOnce is how many events one transaction of [Ledger.catchUp] goes through: ten or twenty milliseconds in which nobody else writes.
const daysAtOnce = 2048

// catchUp notes the days of the bookings that were made or moved since the last time, by the events. After a rush nobody asked in
// between for, that takes its time for each (BenchmarkDay); what was done stays done when ctx ends it.
func (l *Ledger) catchUp(ctx context.Context) error {
	l.days.Lock()
	defer l.days.Unlock()
	for {
		var upTo int64
		if err := l.read.daysUpTo.QueryRowContext(ctx).Scan(&upTo); err != nil {
			return durable.Wrap(err)
		}
		events, err := l.Events(ctx, upTo, daysAtOnce)
		if err != nil || len(events) == 0 {
			return err
		}
		var ids []int64
		for i := range events {
			switch e := &events[i]; e.Kind {
			case booking.EventBooked, booking.EventChanged:
				ids = append(ids, e.Booking)
			default:
			}
		}
		slices.Sort(ids)
		list, err := l.runs(ctx, slices.Compact(ids))
		if err != nil {
			return err
		}
		last := events[len(events)-1].Seq
		if err := l.noteDays(ctx, daysOf(list), last); err != nil {
			return err
		}
	}
}

// runGap is how many numbers are read too much rather than with a statement of their own.
const runGap = 32

// runs reads bookings by ascending ids: what was made in a row, as all is after a rush, in a row.
func (l *Ledger) runs(ctx context.Context, ids []int64) (out []booking.Booking, err error) {
	for len(ids) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := 1
		for n < len(ids) && ids[n]-ids[n-1] <= runGap {
			n++
		}
		rows, err := l.read.run.QueryContext(context.WithoutCancel(ctx), ids[0], ids[n-1]) // see inTx
		if err != nil {
			return nil, durable.Wrap(err)
		}
		if err := scan(rows, func() error {
			var id int64
			var campaign uint32
			var owner, body sql.RawBytes
			if err := rows.Scan(&id, &owner, &campaign, &body); err != nil {
				return err
			}
			if _, asked := slices.BinarySearch(ids[:n], id); !asked {
				return nil
			}
			who, err := key(owner)
			if err != nil {
				return err
			}
			b, err := readBooking(body, id, who, campaign)
			out = append(out, b)
			return err
		}); err != nil {
			return nil, durable.Wrap(err)
		}
		ids = ids[n:]
	}
	return out, nil
}

func (l *Ledger) noteDays(ctx context.Context, rows []onDay, upTo int64) error {
	l.writer.Lock()
	defer l.writer.Unlock()
	return l.inTx(ctx, func(t *tx) error {
		if err := each(t, l.write.day, rows, func(s *sql.Stmt, r *onDay) error { return exec(s, int64(r.day), int64(r.site), r.booking) }); err != nil {
			return err
		}
		return each(t, l.write.daysUpTo, []int64{upTo}, func(s *sql.Stmt, seq *int64) error { return exec(s, *seq) })
	})
}

// Day lists the bookings with a dose at a site on a day.
func (l *Ledger) Day(ctx context.Context, at site.Num, day civil.Date, limit int) (out []booking.Booking, err error) {
	if err := l.catchUp(ctx); err != nil {
		return nil, fmt.Errorf("booking: list a day: %w", err)
	}
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
