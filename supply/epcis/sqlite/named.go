package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"charye/internal/durable"
	"charye/supply/epcis"
)

// AddQuery implements [epcis.Store].
func (s *Store) AddQuery(ctx context.Context, n epcis.NamedQuery) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.db.W.ExecContext(ctx, `INSERT INTO query (name, party, created, body) SELECT ?, ?, ?, ? WHERE (SELECT count(*) FROM query) < ? ON CONFLICT DO NOTHING`,
		n.Name, n.By, n.Created.UnixMicro(), string(n.JSON), epcis.MaxQueries)
	if err != nil {
		return fmt.Errorf("named query: %w", busy(err))
	}
	if added, err := r.RowsAffected(); added > 0 || err != nil {
		return err
	}
	if _, err := s.Query(ctx, n.Name); !errors.Is(err, epcis.ErrNotFound) {
		return errors.Join(epcis.ErrTaken, err)
	}
	return epcis.ErrManyQueries
}

// Query implements [epcis.Store].
func (s *Store) Query(ctx context.Context, name string) (epcis.NamedQuery, error) {
	list, err := s.queries(ctx, `WHERE name = ?`, name)
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
	return s.queries(ctx, `WHERE name > ? ORDER BY name LIMIT ?`, after, most)
}

func (s *Store) queries(ctx context.Context, where string, args ...any) (out []epcis.NamedQuery, err error) {
	err = s.db.Each(ctx, "named queries", func(rows *sql.Rows) error {
		var n epcis.NamedQuery
		var created int64
		var body string
		err := rows.Scan(&n.Name, &n.By, &created, &body)
		n.Created, n.JSON = time.UnixMicro(created).UTC(), json.RawMessage(body)
		out = append(out, n)
		return err
	}, `SELECT name, party, created, body FROM query `+where, args...)
	return out, err
}

// DeleteQuery implements [epcis.Store].
func (s *Store) DeleteQuery(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.db.W.ExecContext(ctx, `DELETE FROM query WHERE name = ?`, name)
	if err != nil {
		return fmt.Errorf("named query: %w", busy(err))
	}
	gone, err := r.RowsAffected()
	if err == nil && gone == 0 {
		return epcis.ErrNotFound
	}
	return durable.Wrap(err)
}
