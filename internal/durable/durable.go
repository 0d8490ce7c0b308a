// Package durable opens the embedded databases of a data directory so that what is committed stays committed.
//
// It owns the SQLite settings (write-ahead log, synchronous=FULL, one writer), the schema migrations run at opening and
// the translation of a full disk into [ErrDiskFull]. It knows no table of its own: each engine brings its migrations.
package durable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrDiskFull means that a write found no space. Nothing of its transaction took effect; after space is made the same
// call succeeds.
var ErrDiskFull = errors.New("the disk is full")

// ErrLocked means that another process was writing to the file, and did not end in time. Nothing took effect; the same call succeeds later.
var ErrLocked = errors.New("another process is writing to the data file")

// ErrNewerData means that a data file was written by a later version of Charye than this one.
var ErrNewerData = errors.New("data was written by a newer version of charye")

// ErrDamaged means that a data file is not what was written: a file of another kind, or bytes changed on disk.
var ErrDamaged = errors.New("the data file is damaged")

// Readers is how many connections a database has for reading.
const Readers = 4

// DB is one embedded database: a writer that is a single connection, and readers that never wait for it.
// Both are safe for concurrent use; writers queue.
type DB struct {
	// W is the only connection that writes. Begin a transaction on it to write; it is always BEGIN IMMEDIATE.
	W *sql.DB
	// R are read-only connections; each statement sees the last commit.
	R *sql.DB
}

// Open opens or creates the database file at path and applies the migrations found in dir "migrations" of fsys (goose
// SQL files, forward only). A commit on W is on disk when it returns. Several processes may open, and create, the same
// file at the same moment.
func Open(ctx context.Context, path string, fsys fs.FS) (*DB, error) {
	common := url.Values{}
	common.Add("_pragma", "busy_timeout(10000)")
	common.Add("_pragma", "foreign_keys(1)")
	write := url.Values{"_pragma": append([]string{
		"journal_mode(WAL)", "synchronous(FULL)", "cache_size(-65536)", "wal_autocheckpoint(4000)", "journal_size_limit(67108864)",
		"secure_delete(1)", // what is erased, or written anew, leaves nothing behind in the file
	}, common["_pragma"]...), "_txlock": {"immediate"}}
	read := url.Values{"_pragma": append([]string{"query_only(1)", "cache_size(-16384)"}, common["_pragma"]...)}

	w, err := sql.Open("sqlite", "file:"+path+"?"+write.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	w.SetMaxOpenConns(1)
	w.SetMaxIdleConns(1)
	w.SetConnMaxLifetime(0)
	if err := alone(ctx, filepath.Dir(path), func() error { return migrate(ctx, w, fsys) }); err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("open %s: %w", path, Wrap(err))
	}
	r, err := sql.Open("sqlite", "file:"+path+"?"+read.Encode())
	if err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	r.SetMaxOpenConns(Readers)
	r.SetMaxIdleConns(Readers)
	return &DB{W: w, R: r}, nil
}

// Close folds the write-ahead log into the file and closes all connections.
func (d *DB) Close() error {
	err := d.R.Close()
	_, cpErr := d.W.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	return errors.Join(err, Wrap(cpErr), d.W.Close())
}

// Each reads with a query and calls take for every row, until it gives an error. what names the reading in errors.
func (d *DB) Each(ctx context.Context, what string, take func(*sql.Rows) error, query string, args ...any) (err error) {
	rows, err := d.R.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, Wrap(err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := take(rows); err != nil {
			return fmt.Errorf("%s: %w", what, Wrap(err))
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, Wrap(err))
	}
	return nil
}

// Wrap gives database errors their meaning: a full disk becomes [ErrDiskFull], a file that is no database, or not whole,
// [ErrDamaged], one that others write to [ErrLocked]; others pass through.
func Wrap(err error) error {
	if se, ok := errors.AsType[*sqlite.Error](err); ok {
		switch se.Code() & 0xff {
		case sqlite3.SQLITE_FULL:
			return fmt.Errorf("%w: %w", ErrDiskFull, err)
		case sqlite3.SQLITE_IOERR:
			return fmt.Errorf("%w (or it cannot be written): %w", ErrDiskFull, err)
		case sqlite3.SQLITE_BUSY:
			return fmt.Errorf("%w: %w", ErrLocked, err)
		case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	return err
}

// How long one process waits for another that opens a database of the same directory, and how often it looks.
const (
	aloneTimeout = 20 * time.Second
	aloneEvery   = 10 * time.Millisecond
)

// alone runs fn while no other process, and no other goroutine of this one, is in alone for the same directory. The first
// opening of a database needs it: SQLite's busy timeout does not cover the switch to the write-ahead log, and of two that
// migrate at once the second would find the tables made. The kernel gives the lock back when its holder dies.
func alone(ctx context.Context, dir string, fn func() error) error {
	ctx, cancel := context.WithTimeout(ctx, aloneTimeout)
	defer cancel()
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // it gives the lock back; nothing was written
	for {
		err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return fn()
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: another charye is opening it and does not come to an end", ctx.Err())
		case <-time.After(aloneEvery):
		}
	}
}

func migrate(ctx context.Context, db *sql.DB, fsys fs.FS) error {
	sub, err := fs.Sub(fsys, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, sub)
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if have > want {
		return fmt.Errorf("%w: its schema is version %d, this program knows %d", ErrNewerData, have, want)
	}
	if have == want {
		return nil
	}
	_, err = p.Up(ctx)
	return err
}
