package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/durable"
	"charye/site"
)

// ahead finds what is booked at sites: it leaps from day to day that is in days at all, and on each from site to site.
const ahead = `WITH RECURSIVE d(day) AS (
		SELECT min(day) FROM days WHERE day >= ?1 UNION ALL SELECT (SELECT min(x.day) FROM days x WHERE x.day > d.day) FROM d WHERE d.day IS NOT NULL
	)
	SELECT x.day, x.site, b.id, b.person, b.campaign, b.body FROM d CROSS JOIN json_each(?2) s CROSS JOIN days x ON x.day = d.day AND x.site = s.value CROSS JOIN bookings b ON b.id = x.booking WHERE b.gone = 0`

// Ahead lists what is booked at sites from a day on.
func (l *Ledger) Ahead(ctx context.Context, sites []site.Num, from civil.Date, yield func(booking.Ahead) error) error {
	if err := l.catchUp(ctx); err != nil {
		return fmt.Errorf("booking: list what is ahead: %w", err)
	}
	sites = slices.Compact(slices.Sorted(slices.Values(sites)))
	for some := range slices.Chunk(sites, booking.AheadAtOnce) {
		list, err := l.aheadAt(ctx, some, sites, from)
		if err != nil {
			return fmt.Errorf("booking: list what is ahead: %w", durable.Wrap(err))
		}
		for _, a := range list {
			if err := yield(a); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// aheadAt reads some of all sites. Its reading transaction ends before anybody is told.
func (l *Ledger) aheadAt(ctx context.Context, some, all []site.Num, from civil.Date) (out []booking.Ahead, err error) {
	named, err := json.Marshal(some)
	if err != nil {
		return nil, err
	}
	rows, err := l.read.ahead.QueryContext(ctx, int64(from), string(named))
	if err != nil {
		return nil, err
	}
	return out, scan(rows, func() error {
		var a booking.Ahead
		var day, at int64
		var owner, body sql.RawBytes
		if err := rows.Scan(&day, &at, &a.ID, &owner, &a.Campaign, &body); err != nil {
			return err
		}
		if a.Person, err = key(owner); err != nil {
			return err
		}
		b, err := readBooking(body, a.ID, a.Person, a.Campaign)
		if err != nil {
			return err
		}
		a.MadeAt = b.MadeAt
		a.Slots = make([]booking.Slot, len(b.Doses))
		for i := range b.Doses {
			a.Slots[i] = b.Doses[i].Slot
		}
		// days also has where it was before.
		if s, ok := a.First(all, from); ok && s.Day == civil.Date(day) && s.Site == site.Num(at) {
			out = append(out, a)
		}
		return nil
	})
}
