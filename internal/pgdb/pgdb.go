// Package pgdb opens one room's tables in a PostgreSQL database that all rooms and all nodes share.
//
// It owns the connection pool, the schema migrations run at opening, the table of events that the rooms have in common,
// transactions whose last message carries the commit ([Tx]), and the meaning of the server's errors. It knows no other
// table: each engine brings its migrations. Nothing here needs a session to last longer than a transaction, so a
// PgBouncer in transaction mode may stand between (with default_query_exec_mode=simple_protocol or exec in the URL where
// it is older than 1.21).
package pgdb

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"charye/internal/durable"
)

//go:embed migrations/*.sql
var shared embed.FS

// ErrNotDurable means that the server is set to tell of commits that a crash can lose.
var ErrNotDurable = errors.New("synchronous_commit is off: commits would not be durable; set it on for this database or role")

const (
	// connectTimeout bounds one attempt to connect where the URL names no connect_timeout.
	connectTimeout = 5 * time.Second
	// migrationLock is the advisory lock under which one node at a time migrates a database.
	migrationLock = 0x636861727965
)

// DB is one room's pool of connections. Safe for concurrent use.
type DB struct {
	*pgxpool.Pool
	Limits Limits // of the transactions begun from now on
}

// Open connects to the database at url (postgres://…, also with several hosts; pool_max_conns and the other settings of
// pgx are read from it) and applies the shared migrations and those in dir "migrations" of fsys, whose state is kept in a
// table of its own for each room. Any number of nodes may open at once; one migrates and the others wait.
//
// Migrations go forward only, and each is safe with the previous version of the program still running. So that a node of
// that version can also start again in the middle of a rolling upgrade, a schema one step newer than the program is
// accepted; a release therefore adds at most one migration to a room. Anything newer is [durable.ErrNewerData].
//
// A role that may not change tables opens those that are up to date, or one step newer; otherwise it is [ErrNotOwner]. See [Grant].
func Open(ctx context.Context, url, room string, fsys fs.FS) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	db := &DB{Pool: pool, Limits: usual}
	if err := db.prepare(ctx, room, fsys); err != nil {
		pool.Close()
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == mayNot {
			err = fmt.Errorf("%w: %w", ErrNotOwner, err)
		}
		return nil, fmt.Errorf("postgres, tables of %s: %w", room, Wrap(err))
	}
	return db, nil
}

func (d *DB) prepare(ctx context.Context, room string, fsys fs.FS) error {
	var sync string
	if err := d.QueryRow(ctx, `SELECT current_setting('synchronous_commit')`).Scan(&sync); err != nil {
		return err
	}
	if sync == "off" {
		return ErrNotDurable
	}
	current, err := d.current(ctx, map[string]fs.FS{"shared": shared, room: fsys})
	if err != nil || current {
		return err
	}
	// The lock has a connection outside the pool: a pool of one would wait for itself. It is a lock of the transaction, not of
	// the session: behind PgBouncer a session may be another's in the next moment.
	lock, err := pgx.ConnectConfig(ctx, d.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close(context.WithoutCancel(ctx)) }() // which also ends its transaction
	tx, err := lock.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1::bigint)`, int64(migrationLock)); err != nil {
		return err
	}
	if err := d.migrate(ctx, "shared", shared); err != nil {
		return err
	}
	if err := d.migrate(ctx, room, fsys); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// current reports whether all migrations were applied long ago, which is so at nearly every opening and needs no lock.
func (d *DB) current(ctx context.Context, folders map[string]fs.FS) (bool, error) {
	for name, fsys := range folders {
		files, err := fs.Glob(fsys, "migrations/*.sql")
		if err != nil {
			return false, err
		}
		var want, have int64
		for _, f := range files {
			v, err := goose.NumericComponent(f)
			if err != nil {
				return false, err
			}
			want = max(want, v)
		}
		err = d.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versionTable(name)).Scan(&have)
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == undefinedTable {
			return false, nil
		}
		if err != nil || have != want {
			return false, err
		}
	}
	return true, nil
}

// versionTable is where goose keeps which migrations of a folder were applied.
func versionTable(room string) string { return "schema_" + room }

func (d *DB) migrate(ctx context.Context, room string, fsys fs.FS) (err error) {
	sub, err := fs.Sub(fsys, "migrations")
	if err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(d.Pool)
	defer func() { err = errors.Join(err, db.Close()) }()
	p, err := goose.NewProvider(goose.DialectPostgres, db, sub, goose.WithTableName(versionTable(room)), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if have > want+1 {
		return fmt.Errorf("%w: its schema is version %d, this program knows %d", durable.ErrNewerData, have, want)
	}
	if have >= want {
		return nil
	}
	_, err = p.Up(ctx)
	return err
}

// Close closes all connections; it waits for those in use. It may be called twice.
func (d *DB) Close() error {
	d.Pool.Close()
	return nil
}
