package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"charye/supply/epcis"
)

// named are the columns of names that stand in an index with the event's time.
var named = map[epcis.Named]string{epcis.NamedLocation: "location", epcis.NamedReadPoint: "read_point", epcis.NamedStep: "step", epcis.NamedDisposition: "disposition"}

// Names implements [epcis.Store]. From each name the index is asked for the next; whether a thing is one is asked of each alone.
func (s *Store) Names(ctx context.Context, what epcis.Named, after string, most int) (out []string, err error) {
	text := `SELECT t.key FROM epcis_thing t WHERE t.key > $1::text AND (SELECT true FROM epcis_mention m WHERE m.thing = t.id AND m.role <= $3::smallint LIMIT 1) ORDER BY t.key LIMIT $2::bigint`
	args := []any{after, most, int16(epcis.RoleOutput)}
	if c, ok := named[what]; ok {
		text = `WITH RECURSIVE n (name) AS ((SELECT ` + c + ` FROM epcis_event WHERE ` + c + ` > $1::text ORDER BY ` + c + ` LIMIT 1)
			UNION ALL SELECT (SELECT e.` + c + ` FROM epcis_event e WHERE e.` + c + ` > n.name ORDER BY e.` + c + ` LIMIT 1) FROM n WHERE n.name IS NOT NULL)
			SELECT name FROM n WHERE name IS NOT NULL LIMIT $2::bigint`
		args = args[:2]
	}
	b := &pgx.Batch{}
	b.Queue(`SELECT set_config('enable_sort', 'off', true)`) // as for pages
	b.Queue(text, args...).Query(func(rows pgx.Rows) (err error) {
		out, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return out, wrap("names", s.db.Snapshot(ctx, b))
}
