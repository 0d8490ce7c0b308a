package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
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

// lately is what happened since days was caught up with the last time, in memory: so that who reads a few sites many times writes nothing.
type lately struct {
	upTo, seq int64 // days has what was booked up to the first, and this what changed up to the second
	bookings  map[int64]booking.Booking
}

// recent gives the bookings that changed since days was caught up with. Where they are many they are noted in days first.
func (l *Ledger) recent(ctx context.Context) (map[int64]booking.Booking, error) {
	for {
		l.days.Lock()
		err := l.readLately(ctx)
		list := maps.Clone(l.lately.bookings)
		l.days.Unlock()
		if err != nil || len(list) < daysAtOnce {
			return list, err
		}
		if err := l.catchUp(ctx); err != nil {
			return nil, err
		}
	}
}

func (l *Ledger) readLately(ctx context.Context) error {
	var upTo int64
	if err := l.read.daysUpTo.QueryRowContext(ctx).Scan(&upTo); err != nil {
		return durable.Wrap(err)
	}
	if k := &l.lately; k.bookings == nil || k.upTo != upTo {
		*k = lately{upTo: upTo, seq: upTo, bookings: map[int64]booking.Booking{}}
	}
	for len(l.lately.bookings) < daysAtOnce {
		events, err := l.Events(ctx, l.lately.seq, daysAtOnce)
		if err != nil || len(events) == 0 {
			return err
		}
		var ids []int64
		for i := range events {
			if id := events[i].Booking; id != 0 {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		list, err := l.runs(ctx, slices.Compact(ids))
		if err != nil {
			return err
		}
		for _, b := range list {
			l.lately.bookings[b.ID] = b
		}
		l.lately.seq = events[len(events)-1].Seq
	}
	return nil
}

// Ahead lists what is booked at sites from a day on.
func (l *Ledger) Ahead(ctx context.Context, sites []site.Num, from civil.Date, yield func(booking.Ahead) error) error {
	if len(sites) == 0 {
		if err := l.catchUp(ctx); err != nil {
			return fmt.Errorf("booking: list what is ahead: %w", err)
		}
		return nil
	}
	sites = slices.Compact(slices.Sorted(slices.Values(sites)))
	fresh, err := l.recent(ctx)
	if err != nil {
		return fmt.Errorf("booking: list what is ahead: %w", err)
	}
	for some := range slices.Chunk(sites, booking.AheadAtOnce) {
		list, err := l.aheadAt(ctx, some, sites, from)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("booking: list what is ahead: %w", durable.Wrap(err))
		}
		for _, a := range list {
			if _, later := fresh[a.ID]; later {
				continue
			}
			if err := yield(a); err != nil {
				return err
			}
		}
	}
	for _, b := range fresh {
		a := aheadOf(&b)
		if _, there := a.First(sites, from); !there || b.Status != booking.Booked {
			continue
		}
		if err := yield(a); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func aheadOf(b *booking.Booking) booking.Ahead {
	a := booking.Ahead{ID: b.ID, Person: b.Person, Campaign: b.Campaign, MadeAt: b.MadeAt, Slots: make([]booking.Slot, len(b.Doses)), Visits: make([]booking.VisitState, len(b.Doses))}
	for i := range b.Doses {
		a.Slots[i], a.Visits[i] = b.Doses[i].Slot, b.Doses[i].Visit.State
	}
	return a
}

// aheadAt reads some of all sites. Its reading transaction ends before anybody is told.
func (l *Ledger) aheadAt(ctx context.Context, some, all []site.Num, from civil.Date) (out []booking.Ahead, err error) {
	named, err := json.Marshal(some)
	if err != nil {
		return nil, err
	}
	rows, err := l.read.ahead.QueryContext(context.WithoutCancel(ctx), int64(from), string(named)) // see inTx
	if err != nil {
		return nil, err
	}
	return out, scan(rows, func() error {
		var id, day, at int64
		var campaign uint32
		var owner, body sql.RawBytes
		if err := rows.Scan(&day, &at, &id, &owner, &campaign, &body); err != nil {
			return err
		}
		who, err := key(owner)
		if err != nil {
			return err
		}
		b, err := readBooking(body, id, who, campaign)
		if err != nil {
			return err
		}
		a := aheadOf(&b)
		// days also has where it was before.
		if s, ok := a.First(all, from); ok && s.Day == civil.Date(day) && s.Site == site.Num(at) {
			out = append(out, a)
		}
		return nil
	})
}
