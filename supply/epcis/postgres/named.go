package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/supply/epcis"
)

// AddQuery implements [epcis.Store]. Several nodes at once may keep a few more than [epcis.MaxQueries].
func (s *Store) AddQuery(ctx context.Context, n epcis.NamedQuery) error {
	tag, err := s.db.Exec(ctx, `INSERT INTO epcis_query (name, party, created, body) SELECT $1::text, $2::text, $3::bigint, $4::text
		WHERE (SELECT count(*) FROM epcis_query) < $5::bigint ON CONFLICT DO NOTHING`, n.Name, n.By, n.Created.UnixMicro(), string(n.JSON), epcis.MaxQueries)
	if err != nil || tag.RowsAffected() > 0 {
		return wrap("named query", err)
	}
	if _, err := s.Query(ctx, n.Name); !errors.Is(err, epcis.ErrNotFound) {
		return errors.Join(epcis.ErrTaken, err)
	}
	return epcis.ErrManyQueries
}

// Query implements [epcis.Store].
func (s *Store) Query(ctx context.Context, name string) (epcis.NamedQuery, error) {
	list, err := s.queries(ctx, `WHERE name = $1::text`, name)
	if err == nil && len(list) == 0 {
		return epcis.NamedQuery{}, epcis.ErrNotFound
	}
	if err != nil {
		return epcis.NamedQuery{}, err
	}
	return list[0], nil
}

// Queries implements [epcis.Store].
func (s *Store) Queries(ctx context.Context, after string, most int) ([]epcis.NamedQuery, error) {
	return s.queries(ctx, `WHERE name > $1::text ORDER BY name LIMIT $2::bigint`, after, most)
}

func (s *Store) queries(ctx context.Context, where string, args ...any) ([]epcis.NamedQuery, error) {
	rows, err := s.db.Query(ctx, `SELECT name, party, created, body FROM epcis_query `+where, args...)
	if err != nil {
		return nil, wrap("named queries", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n epcis.NamedQuery, err error) {
		var created int64
		var body string
		err = row.Scan(&n.Name, &n.By, &created, &body)
		n.Created, n.JSON = time.UnixMicro(created).UTC(), json.RawMessage(body)
		return n, err
	})
	return list, wrap("named queries", err)
}

// DeleteQuery implements [epcis.Store].
func (s *Store) DeleteQuery(ctx context.Context, name string) error {
	tag, err := s.db.Exec(ctx, `DELETE FROM epcis_query WHERE name = $1::text`, name)
	if err == nil && tag.RowsAffected() == 0 {
		return epcis.ErrNotFound
	}
	return wrap("named query", err)
}
