package sqlite

import (
	"context"
	"database/sql"
	"time"

	"charye/site"
)

var _ site.Source = (*Store)(nil)

// Changes implements [site.Source].
func (s *Store) Changes(ctx context.Context, yield func(site.Change) error) error {
	return s.db.Each(ctx, "history of the sites", func(rows *sql.Rows) error {
		var c site.Change
		var at int64
		if err := rows.Scan(&c.Seq, &at, &c.Kind, &c.Site, &c.What); err != nil {
			return err
		}
		c.At = time.UnixMilli(at).UTC()
		return yield(c)
	}, `SELECT seq, at, kind, site, change FROM events ORDER BY seq`)
}
