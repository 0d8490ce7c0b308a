package pgdb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Kept are tables that are only ever added to, each with the columns that may be filled in later.
type Kept map[string][]string

// Grant gives a role what serving needs of all rooms' tables and nothing else: rows are read and written, but tables are not made, changed or
// emptied; those in kept and the events are only added to, and the versions of the schema and what was moved here only read. What the role had on these tables before is
// taken away. url is the owner's; the tables are there.
func Grant(ctx context.Context, url, role string, kept Kept) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // what counts was committed
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = current_schema() AND c.relkind = 'r' AND pg_get_userbyid(c.relowner) = current_user ORDER BY 1`)
		if err != nil {
			return err
		}
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, needed := range slices.AppendSeq([]string{"events", "event_chains", "moves"}, maps.Keys(kept)) {
			if !slices.Contains(tables, needed) {
				return fmt.Errorf("the table %s is not one of this role's own", needed)
			}
		}
		to := pgx.Identifier{role}.Sanitize()
		var database, schema string
		if err := tx.QueryRow(ctx, `SELECT current_database(), current_schema()`).Scan(&database, &schema); err != nil {
			return err
		}
		in := pgx.Identifier{schema}.Sanitize()
		do := []string{
			`GRANT CONNECT, TEMPORARY ON DATABASE ` + pgx.Identifier{database}.Sanitize() + ` TO ` + to,
			`GRANT USAGE ON SCHEMA ` + in + ` TO ` + to,
			`REVOKE CREATE ON SCHEMA ` + in + ` FROM ` + to,
			`REVOKE ALL ON ALL TABLES IN SCHEMA ` + in + ` FROM ` + to,
			`GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA ` + in + ` TO ` + to,
		}
		for _, t := range tables {
			may := "SELECT, INSERT, UPDATE, DELETE"
			columns, added := kept[t]
			switch {
			case t == "moves" || strings.HasPrefix(t, versionTable("")):
				may = "SELECT"
			case t == "events" || t == "event_chains" || added:
				may = "SELECT, INSERT"
			}
			if len(columns) > 0 {
				may += ", UPDATE (" + strings.Join(columns, ", ") + ")"
			}
			do = append(do, `GRANT `+may+` ON TABLE `+pgx.Identifier{schema, t}.Sanitize()+` TO `+to)
		}
		for _, statement := range do {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("postgres: rights of %s: %w", role, Wrap(err))
	}
	return nil
}
