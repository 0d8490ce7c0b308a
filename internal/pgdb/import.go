package pgdb

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrNotEmpty means that a room that is to be filled from another installation has something of its own already.
var ErrNotEmpty = errors.New("the database is not empty")

// Import fills a room from the installation named source: all of it or nothing, in one transaction with the mark that it was
// done. Doing it again does nothing, and done is true. [ErrNotEmpty] when one of tables has a row that did not come so, or
// all came from another source.
func (d *DB) Import(ctx context.Context, room, source string, tables []string, fill func(context.Context, *Filling) error) (done bool, err error) {
	err = pgx.BeginFunc(ctx, d.Pool, func(tx pgx.Tx) error {
		// Filling takes as long as it takes; a second one of the same room waits.
		if _, err := tx.Exec(ctx, `SELECT set_config('idle_in_transaction_session_timeout', '0', true), set_config('statement_timeout', '0', true),
			pg_advisory_xact_lock(hashtextextended($1::text, 3))`, "charye move "+room); err != nil {
			return err
		}
		var from string
		switch err := tx.QueryRow(ctx, `SELECT source FROM moves WHERE room = $1::text`, room).Scan(&from); {
		case err == nil && from == source:
			done = true
			return nil
		case err == nil:
			return fmt.Errorf("%w: its %s were moved here from another installation", ErrNotEmpty, room)
		case !errors.Is(err, pgx.ErrNoRows):
			return err
		}
		for _, table := range tables {
			var some bool
			if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+pgx.Identifier{table}.Sanitize()+`)`).Scan(&some); err != nil {
				return err
			}
			if some {
				return fmt.Errorf("%w: the table %s has rows", ErrNotEmpty, table)
			}
		}
		if err := fill(ctx, &Filling{tx: tx}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO moves (room, source) VALUES ($1::text, $2::text)`, room, source)
		return err
	})
	return done, Wrap(err)
}

// Filling is the transaction of an [DB.Import].
type Filling struct{ tx pgx.Tx }

// Exec runs a statement.
func (f *Filling) Exec(ctx context.Context, sql string, args ...any) error {
	_, err := f.tx.Exec(ctx, sql, args...)
	return err
}

// rowsAtOnce keeps what waits to be sent within some megabytes.
const rowsAtOnce = 4096

// Table is a table being filled; the last rows go with Flush.
type Table struct {
	tx      pgx.Tx
	name    pgx.Identifier
	columns []string
	rows    [][]any
}

// Table begins to fill a table's columns.
func (f *Filling) Table(name string, columns ...string) *Table {
	return &Table{tx: f.tx, name: pgx.Identifier{name}, columns: columns}
}

// Add adds a row.
func (t *Table) Add(ctx context.Context, row ...any) error {
	t.rows = append(t.rows, row)
	if len(t.rows) < rowsAtOnce {
		return nil
	}
	return t.Flush(ctx)
}

// Flush sends what was added.
func (t *Table) Flush(ctx context.Context) error {
	if len(t.rows) == 0 {
		return nil
	}
	_, err := t.tx.CopyFrom(ctx, t.name, t.columns, pgx.CopyFromRows(t.rows))
	t.rows = t.rows[:0]
	return err
}
