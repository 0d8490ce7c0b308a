package sqlite

import (
	"context"
	"database/sql"
	"time"

	"charye/supply/epcis"
)

var _ epcis.Source = (*Store)(nil)

// Reports implements [epcis.Source].
func (s *Store) Reports(ctx context.Context, yield func(epcis.Report) error) error {
	return s.db.Each(ctx, "capture jobs", func(rows *sql.Rows) error {
		var r epcis.Report
		var created, finished int64
		if err := rows.Scan(&r.ID, &r.By, &created, &finished, &r.Events, &r.New, &r.Problem); err != nil {
			return err
		}
		r.Created, r.Finished = time.UnixMicro(created).UTC(), time.UnixMicro(finished).UTC()
		return yield(r)
	}, `SELECT id, party, created, finished, events, added, problem FROM job`)
}
