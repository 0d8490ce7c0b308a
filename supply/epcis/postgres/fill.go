package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"charye/internal/pgdb"
	"charye/supply/epcis"
)

// Fill takes over the events, the reports and the named queries of another store, with their order and record times; see [pgdb.DB.Import]. Every
// event is held against the rules once more.
func (s *Store) Fill(ctx context.Context, source string, from epcis.Source) (done bool, err error) {
	done, err = s.db.Import(ctx, "custody", source, []string{"epcis_event", "epcis_thing", "epcis_context", "epcis_job", "epcis_query"}, func(ctx context.Context, f *pgdb.Filling) error {
		// Plans follow the tables as they grow; a kept plan would be that of the empty table.
		if err := f.Exec(ctx, `SELECT set_config('plan_cache_mode', 'force_custom_plan', true)`); err != nil {
			return err
		}
		q := epcis.Query{Order: epcis.ByRecordTime, Ascending: true, Limit: epcis.MaxPerPage}
		last := int64(0)
		for {
			p, err := from.Events(ctx, q)
			if err != nil {
				return err
			}
			r := rows{seq: last}
			for i := range p.Events {
				stored := &p.Events[i]
				e, err := stored.Event()
				if err != nil {
					return err
				}
				if e.ID != stored.ID || stored.Seq != r.seq+1 {
					return fmt.Errorf("event %d (%s) is not in its place", stored.Seq, stored.ID)
				}
				r.add(epcis.Job{By: stored.By, At: stored.Recorded, Events: []*epcis.Event{e}}, []int{0}, epcis.Outcome{})
			}
			last = r.seq
			b := &pgx.Batch{}
			r.queue(b)
			r.count(b)
			for _, one := range b.QueuedQueries {
				if err := f.Exec(ctx, one.SQL, one.Arguments...); err != nil {
					return err
				}
			}
			if q.After = p.Next; q.After == nil {
				break
			}
		}
		jobs := f.Table("epcis_job", "id", "party", "created", "finished", "events", "added", "problem")
		if err := from.Reports(ctx, func(r epcis.Report) error {
			return jobs.Add(ctx, r.ID, r.By, r.Created.UnixMicro(), r.Finished.UnixMicro(), int32(r.Events), int32(r.New), r.Problem)
		}); err != nil {
			return err
		}
		if err := jobs.Flush(ctx); err != nil {
			return err
		}
		named, err := from.Queries(ctx, "", epcis.MaxQueries)
		if err != nil {
			return err
		}
		queries := f.Table("epcis_query", "name", "party", "created", "body")
		for _, n := range named {
			if err := queries.Add(ctx, n.Name, n.By, n.Created.UnixMicro(), string(n.JSON)); err != nil {
				return err
			}
		}
		return queries.Flush(ctx)
	})
	return done, wrap("fill custody", err)
}
