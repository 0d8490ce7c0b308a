package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/pgdb"
	"charye/site"
)

// atSites are the live bookings with dose n, from 0, at some sites from a day on; the expressions are those of the indexes.
const atSites = `SELECT %[1]d, b.id, b.person, b.campaign, b.made_at, b.doses FROM unnest($1::bigint[]) AS s (site) CROSS JOIN LATERAL (
		SELECT id, person, campaign, made_at, doses FROM bookings
		WHERE gone = 0 AND doses->%[1]d IS NOT NULL AND (doses->%[1]d->>'site')::bigint * 100000000 + replace(doses->%[1]d->>'day', '-', '')::bigint BETWEEN s.site * 100000000 + $2::bigint AND s.site * 100000000 + 99999999
		OFFSET 0
	) AS b`

// ahead finds what is booked at sites by the first dose and by the second.
var ahead = fmt.Sprintf(atSites, 0) + ` UNION ALL ` + fmt.Sprintf(atSites, 1)

// aheadMore lists those with more doses, which few series have.
const aheadMore = `SELECT -1, id, person, campaign, made_at, doses FROM bookings WHERE gone = 0 AND doses->2 IS NOT NULL AND id > $1::bigint ORDER BY id LIMIT $2::bigint`

// found is a booking and by which of its doses it was found; below 0: by having so many.
type found struct {
	booking.Ahead
	dose int
}

// Ahead lists what is booked at sites from a day on.
func (l *Ledger) Ahead(ctx context.Context, sites []site.Num, from civil.Date, yield func(booking.Ahead) error) error {
	sites = slices.Compact(slices.Sorted(slices.Values(sites)))
	tell := func(list []found) error {
		for i := range list {
			f := &list[i]
			s, ok := f.First(sites, from)
			if n := slices.Index(f.Slots, s); !ok || f.dose >= 0 && n != f.dose || f.dose < 0 && n < 2 {
				continue
			}
			if err := yield(f.Ahead); err != nil {
				return err
			}
		}
		return nil
	}
	for some := range slices.Chunk(sites, booking.AheadAtOnce) {
		nums := make([]int64, len(some))
		for i, n := range some {
			nums[i] = int64(n)
		}
		list, err := l.aheadAt(ctx, ahead, nums, digits(from))
		if err == nil {
			err = tell(list)
		}
		if err != nil {
			return err
		}
	}
	const page = 4096
	for last, n := int64(0), page; n == page && len(sites) > 0; {
		list, err := l.aheadAt(ctx, aheadMore, last, page)
		if err == nil {
			err = tell(list)
		}
		if err != nil {
			return err
		}
		if n = len(list); n > 0 {
			last = list[n-1].ID
		}
	}
	return nil
}

// aheadAt asks one of the statements. Until the tables are analysed the server takes it for a huge one, and would compile it each time, which takes longer
// than to do it.
func (l *Ledger) aheadAt(ctx context.Context, sql string, args ...any) (list []found, err error) {
	b := &pgx.Batch{}
	b.Queue(`SET LOCAL jit = off`)
	b.Queue(sql, args...).Query(scanInto(&list, scanFound))
	if err := l.db.Snapshot(ctx, b); err != nil {
		return nil, fmt.Errorf("booking: list what is ahead: %w", pgdb.Wrap(err))
	}
	return list, nil
}

// digits is a day as the indexes have it: YYYYMMDD.
func digits(d civil.Date) int64 {
	at := d.At(0, time.UTC)
	return int64(at.Year())*10000 + int64(at.Month())*100 + int64(at.Day())
}

func scanFound(row pgx.CollectableRow) (f found, err error) {
	var who, doses []byte
	if err := row.Scan(&f.dose, &f.ID, &who, &f.Campaign, &f.MadeAt, &doses); err != nil {
		return f, err
	}
	f.MadeAt = f.MadeAt.UTC()
	if f.Person, err = keyOf(who); err != nil {
		return f, err
	}
	var list []struct {
		Site    site.Num   `json:"site"`
		Day     civil.Date `json:"day"`
		Minute  int        `json:"minute"`
		Product string     `json:"product"`
		Visit   *visitJSON `json:"visit"`
	}
	if err := json.Unmarshal(doses, &list); err != nil {
		return f, fmt.Errorf("%w: doses", errRow)
	}
	f.Slots, f.Visits = make([]booking.Slot, len(list)), make([]booking.VisitState, len(list))
	for i, d := range list {
		v, err := d.Visit.read()
		if err != nil {
			return f, err
		}
		f.Visits[i] = v.State
		f.Slots[i] = booking.Slot{Product: d.Product, Session: booking.Session{Site: d.Site, Day: d.Day, Minute: d.Minute}}
	}
	return f, nil
}
