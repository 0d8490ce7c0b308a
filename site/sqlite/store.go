// Package sqlite keeps sites in the file sites.db of a data directory.
//
// It owns that file's tables. It knows nothing of what sites are used for; the contract is [site.Store].
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"charye/internal/durable"
	"charye/site"
)

//go:embed migrations
var migrations embed.FS

// File is the name of the database in a data directory.
const File = "sites.db"

// Store is a [site.Store]. Several processes may have the same file open; writers wait for one another.
type Store struct{ db *durable.DB }

var _ site.Store = (*Store)(nil)

// Open opens or creates the sites of a data directory, which must exist.
func Open(ctx context.Context, dir string) (*Store, error) {
	db, err := durable.Open(ctx, filepath.Join(dir, File), migrations)
	if err != nil {
		return nil, err
	}
	return &Store{db: db}, nil
}

// Close closes the file. It may be called more than once.
func (s *Store) Close() error {
	if s.db == nil {
		return nil
	}
	err := s.db.Close()
	s.db = nil
	return err
}

const columns = "num, id, name, kind, address, region, district, phone, lat, lon"

// All lists every site, by Num.
func (s *Store) All(ctx context.Context) ([]site.Site, error) {
	all, err := list(ctx, s.db.R)
	if err != nil {
		return nil, fmt.Errorf("list sites: %w", durable.Wrap(err))
	}
	return all, nil
}

func list(ctx context.Context, db interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}) (_ []site.Site, err error) {
	rows, err := db.QueryContext(ctx, "SELECT "+columns+" FROM sites ORDER BY num")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var out []site.Site
	for rows.Next() {
		var v site.Site
		if err := rows.Scan(&v.Num, &v.ID, &v.Name, &v.Kind, &v.Address, &v.Region, &v.District, &v.Phone, &v.Lat, &v.Lon); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// Version is the number of changes ever made.
func (s *Store) Version(ctx context.Context) (int64, error) {
	var v int64
	err := s.db.R.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM events").Scan(&v)
	if err != nil {
		return 0, fmt.Errorf("version of the sites: %w", durable.Wrap(err))
	}
	return v, nil
}

// Put adds or updates sites; see [site.Store].
func (s *Store) Put(ctx context.Context, sites []site.Site, at time.Time) (added, changed int, err error) {
	for i, v := range sites {
		if v.ID == "" {
			return 0, 0, fmt.Errorf("put sites: number %d of the list has no id", i+1)
		}
	}
	tx, err := s.db.W.BeginTx(ctx, nil)
	if err != nil {
		return 0, 0, fmt.Errorf("put sites: %w", durable.Wrap(err))
	}
	added, changed, err = put(ctx, tx, sites, at)
	for more := err == nil && added+changed > 0; more && err == nil; {
		more, err = history.Extend(ctx, tx)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("put sites: %w", durable.Wrap(errors.Join(err, tx.Rollback())))
	}
	if err := tx.Commit(); err != nil {
		return 0, 0, fmt.Errorf("put sites: %w", durable.Wrap(err))
	}
	return added, changed, nil
}

func put(ctx context.Context, tx *sql.Tx, sites []site.Site, at time.Time) (added, changed int, err error) {
	all, err := list(ctx, tx)
	if err != nil {
		return 0, 0, err
	}
	have := make(map[string]site.Site, len(all)+len(sites))
	var last site.Num
	for _, v := range all {
		have[v.ID] = v
		last = v.Num // rows are never deleted, so the largest number is the last one given
	}
	var w writer
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.prepare(ctx, tx); err != nil {
		return 0, 0, err
	}
	for _, v := range sites {
		old, known := have[v.ID]
		v.Num = old.Num
		switch {
		case known && v == old:
			continue
		case known:
			changed++
			err = w.update(ctx, old, v, at)
		case last == site.MaxNum:
			return 0, 0, site.ErrTooMany
		default:
			last++
			v.Num = last
			added++
			err = w.insert(ctx, v, at)
		}
		if err != nil {
			return 0, 0, err
		}
		have[v.ID] = v
	}
	return added, changed, nil
}

// writer holds the prepared statements of one Put.
type writer struct{ ins, upd, event *sql.Stmt }

func (w *writer) prepare(ctx context.Context, tx *sql.Tx) error {
	for _, p := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&w.ins, "INSERT INTO sites (" + columns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
		{&w.upd, "UPDATE sites SET name = ?, kind = ?, address = ?, region = ?, district = ?, phone = ?, lat = ?, lon = ? WHERE num = ?"},
		{&w.event, "INSERT INTO events (at, kind, site, change) VALUES (?, ?, ?, ?)"},
	} {
		stmt, err := tx.PrepareContext(ctx, p.query)
		if err != nil {
			return err
		}
		*p.to = stmt
	}
	return nil
}

func (w *writer) close() error {
	var errs []error
	for _, s := range []*sql.Stmt{w.ins, w.upd, w.event} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

func (w *writer) insert(ctx context.Context, v site.Site, at time.Time) error {
	if _, err := w.ins.ExecContext(ctx, v.Num, v.ID, v.Name, v.Kind, v.Address, v.Region, v.District, v.Phone, v.Lat, v.Lon); err != nil {
		return err
	}
	return w.tell(ctx, at, "site-added", v.ID, fields(v))
}

func (w *writer) update(ctx context.Context, old, v site.Site, at time.Time) error {
	if _, err := w.upd.ExecContext(ctx, v.Name, v.Kind, v.Address, v.Region, v.District, v.Phone, v.Lat, v.Lon, v.Num); err != nil {
		return err
	}
	before, after := fields(old), fields(v)
	change := make(map[string]any)
	for k, was := range before {
		if after[k] != was {
			change[k] = []any{was, after[k]}
		}
	}
	return w.tell(ctx, at, "site-changed", v.ID, change)
}

// tell writes the event of a change: all fields of a new site, {"field": [old, new]} of a changed one.
func (w *writer) tell(ctx context.Context, at time.Time, kind, id string, change map[string]any) error {
	b, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, err = w.event.ExecContext(ctx, at.UnixMilli(), kind, id, string(b))
	return err
}

func fields(v site.Site) map[string]any {
	return map[string]any{
		"num": v.Num, "name": v.Name, "kind": v.Kind, "address": v.Address, "region": v.Region, "district": v.District,
		"phone": v.Phone, "lat": v.Lat, "lon": v.Lon,
	}
}
