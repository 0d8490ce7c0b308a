package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"charye/internal/pgdb"
	"charye/site"
)

// Fill takes over the sites of another store, with their numbers and their history; see [pgdb.DB.Import].
func (s *Store) Fill(ctx context.Context, source string, from site.Source) (done bool, err error) {
	done, err = s.db.Import(ctx, "sites", source, []string{"sites"}, func(ctx context.Context, f *pgdb.Filling) error {
		all, err := from.All(ctx)
		if err != nil {
			return err
		}
		sites := f.Table("sites", "num", "id", "name", "kind", "address", "region", "district", "phone", "lat", "lon")
		last := site.Num(0)
		for _, v := range all {
			if err := sites.Add(ctx, int32(v.Num), v.ID, v.Name, v.Kind, v.Address, v.Region, v.District, v.Phone, v.Lat, v.Lon); err != nil {
				return err
			}
			last = max(last, v.Num)
		}
		if err := sites.Flush(ctx); err != nil {
			return err
		}
		events := f.Table("events", "stream", "seq", "at", "kind", "what")
		seq := int64(0)
		if err := from.Changes(ctx, func(c site.Change) error {
			what, err := json.Marshal(map[string]any{"site": c.Site, "change": json.RawMessage(c.What)})
			if err != nil {
				return err
			}
			seq = c.Seq
			return events.Add(ctx, "site", c.Seq, c.At, c.Kind, string(what))
		}); err != nil {
			return err
		}
		if err := events.Flush(ctx); err != nil {
			return err
		}
		return f.Exec(ctx, `UPDATE streams SET next_seq = $1::bigint, next_id = $2::bigint WHERE name = 'site'`, seq+1, int64(last)+1)
	})
	if err != nil {
		return false, fmt.Errorf("fill sites: %w", err)
	}
	return done, nil
}
