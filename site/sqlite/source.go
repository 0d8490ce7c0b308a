package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"charye/internal/durable"
	"charye/site"
)

var _ site.Source = (*Store)(nil)

// Changes implements [site.Source].
func (s *Store) Changes(ctx context.Context, yield func(site.Change) error) (err error) {
	rows, err := s.db.R.QueryContext(ctx, `SELECT seq, at, kind, site, change FROM events ORDER BY seq`)
	if err != nil {
		return fmt.Errorf("history of the sites: %w", durable.Wrap(err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var c site.Change
		var at int64
		if err := rows.Scan(&c.Seq, &at, &c.Kind, &c.Site, &c.What); err != nil {
			return fmt.Errorf("history of the sites: %w", durable.Wrap(err))
		}
		c.At = time.UnixMilli(at).UTC()
		if err := yield(c); err != nil {
			return err
		}
	}
	return rows.Err()
}
