// Package postgres keeps sites in a PostgreSQL database that all nodes share.
//
// It owns the table of sites and the feed "site" of the shared table of events. It knows nothing of what sites are used
// for; the contract is [site.Store].
package postgres

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/pgdb"
	"charye/site"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is a [site.Store]. Any number of nodes and imports may use one database; writers wait for one another.
type Store struct{ db *pgdb.DB }

var _ site.Store = (*Store)(nil)

// Open connects to the database at url and brings the table of sites up to date.
func Open(ctx context.Context, url string) (*Store, error) {
	db, err := pgdb.Open(ctx, url, "site", migrations)
	if err != nil {
		return nil, err
	}
	return &Store{db: db}, nil
}

// Close ends all connections. It may be called more than once.
func (s *Store) Close() error { return s.db.Close() }

const (
	columns = "num, id, name, kind, address, region, district, phone, lat, lon"
	list    = "SELECT " + columns + " FROM sites ORDER BY num"
)

// All lists every site, by Num.
func (s *Store) All(ctx context.Context) ([]site.Site, error) {
	rows, err := s.db.Query(ctx, list)
	var all []site.Site
	if err == nil {
		all, err = pgx.AppendRows(all, rows, scan)
	}
	if err != nil {
		return nil, fmt.Errorf("list sites: %w", pgdb.Wrap(err))
	}
	return all, nil
}

func scan(row pgx.CollectableRow) (v site.Site, err error) {
	return v, row.Scan(&v.Num, &v.ID, &v.Name, &v.Kind, &v.Address, &v.Region, &v.District, &v.Phone, &v.Lat, &v.Lon)
}

// Version is the number of changes ever made.
func (s *Store) Version(ctx context.Context) (int64, error) {
	var v int64
	if err := s.db.QueryRow(ctx, `SELECT next_seq - 1 FROM streams WHERE name = 'site'`).Scan(&v); err != nil {
		return 0, fmt.Errorf("version of the sites: %w", pgdb.Wrap(err))
	}
	return v, nil
}

// Put adds or updates sites; see [site.Store]. An error after the connection was lost during the commit leaves open whether
// it was done; the same Put again is then safe, and finds nothing to change where it was.
func (s *Store) Put(ctx context.Context, sites []site.Site, at time.Time) (added, changed int, err error) {
	for i, v := range sites {
		if v.ID == "" {
			return 0, 0, fmt.Errorf("put sites: number %d of the list has no id", i+1)
		}
	}
	added, changed, err = s.put(ctx, sites, at)
	if err != nil {
		return 0, 0, fmt.Errorf("put sites: %w", pgdb.Wrap(err))
	}
	return added, changed, nil
}

func (s *Store) put(ctx context.Context, sites []site.Site, at time.Time) (added, changed int, err error) {
	var seq int64
	var last site.Num
	have := map[string]site.Site{}
	b := &pgx.Batch{}
	b.Queue(`SELECT next_seq, next_id - 1 FROM streams WHERE name = 'site' FOR UPDATE`).
		QueryRow(func(row pgx.Row) error { return row.Scan(&seq, &last) })
	b.Queue(list).Query(func(rows pgx.Rows) error {
		all, err := pgx.CollectRows(rows, scan)
		for _, v := range all {
			have[v.ID] = v
		}
		return err
	})
	tx, err := s.db.Begin(ctx, b, pgdb.Long)
	if err != nil {
		return 0, 0, err
	}
	defer tx.End()
	w := writing{touched: map[string]bool{}}
	for _, v := range sites {
		old, known := have[v.ID]
		v.Num = old.Num
		switch {
		case known && v == old:
			continue
		case known:
			changed++
			err = w.tell("site-changed", v.ID, differences(old, v))
		case last == site.MaxNum:
			return 0, 0, site.ErrTooMany
		default:
			last++
			v.Num = last
			added++
			err = w.tell("site-added", v.ID, fields(v))
		}
		if err != nil {
			return 0, 0, err
		}
		have[v.ID] = v
		w.touched[v.ID] = true
	}
	if len(w.kind) == 0 {
		return 0, 0, ctx.Err()
	}
	return added, changed, tx.Commit(ctx, w.batch(have, seq, last, at))
}

// writing gathers what a Put writes.
type writing struct {
	touched    map[string]bool // ids, each written once, as it stands in the end
	kind, what []string        // events, one for each change
}

// tell adds the event of a change: all fields of a new site, {"field": [old, new]} of a changed one.
func (w *writing) tell(kind, id string, change map[string]any) error {
	b, err := json.Marshal(map[string]any{"site": id, "change": change})
	w.kind, w.what = append(w.kind, kind), append(w.what, string(b))
	return err
}

func (w *writing) batch(have map[string]site.Site, seq int64, last site.Num, at time.Time) *pgx.Batch {
	var num []int32
	var text [7][]string
	var lat, lon []float64
	for id := range w.touched {
		v := have[id]
		num, lat, lon = append(num, int32(v.Num)), append(lat, v.Lat), append(lon, v.Lon)
		for i, s := range [...]string{v.ID, v.Name, v.Kind, v.Address, v.Region, v.District, v.Phone} {
			text[i] = append(text[i], s)
		}
	}
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO sites (`+columns+`)
		SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
			$9::double precision[], $10::double precision[])
		ON CONFLICT (num) DO UPDATE SET name = excluded.name, kind = excluded.kind, address = excluded.address,
			region = excluded.region, district = excluded.district, phone = excluded.phone, lat = excluded.lat, lon = excluded.lon`,
		num, text[0], text[1], text[2], text[3], text[4], text[5], text[6], lat, lon)
	b.Queue(`INSERT INTO events (stream, seq, at, kind, what)
		SELECT 'site', $1::bigint + n - 1, $2::timestamptz, kind, what::jsonb
		FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS e (kind, what, n)`, seq, at, w.kind, w.what)
	b.Queue(`UPDATE streams SET next_seq = $1::bigint, next_id = $2::bigint WHERE name = 'site'`, seq+int64(len(w.kind)), int64(last)+1)
	return b
}

func differences(old, v site.Site) map[string]any {
	before, after := fields(old), fields(v)
	change := make(map[string]any)
	for k, was := range before {
		if after[k] != was {
			change[k] = []any{was, after[k]}
		}
	}
	return change
}

func fields(v site.Site) map[string]any {
	return map[string]any{
		"num": v.Num, "name": v.Name, "kind": v.Kind, "address": v.Address, "region": v.Region, "district": v.District,
		"phone": v.Phone, "lat": v.Lat, "lon": v.Lon,
	}
}
