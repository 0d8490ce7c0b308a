// Package sqlite is the embedded engine of [approval.Store]: one file, approval.db, in the data directory.
//
// It owns the tables of that file. It decides nothing: it reads what was kept, asks [approval.Register.Decide], and keeps what came out, in
// one transaction that is on disk when Decide returns.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"charye/approval"
	"charye/internal/chain"
	"charye/internal/durable"
)

//go:embed migrations
var migrations embed.FS

const file = "approval.db"

// There reports whether dir has requests.
func There(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, file))
	return err == nil
}

// Store is the engine. Several processes may have the same file open; writers wait for one another.
type Store struct {
	*approval.Log
	kept
}

var _ approval.Store = (*Store)(nil)

// Open opens or creates approval.db in dir.
func Open(ctx context.Context, dir string) (*Store, error) {
	db, err := durable.Open(ctx, filepath.Join(dir, file), migrations)
	if err != nil {
		return nil, err
	}
	k := kept{db: db}
	return &Store{Log: approval.NewLog(k), kept: k}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("requests: %w", durable.Wrap(err))
}

// Decide implements [approval.Store].
func (s *Store) Decide(ctx context.Context, step approval.Step) (out approval.Request, err error) {
	err = s.Deciding(func(g *approval.Register) (bool, error) {
		tx, err := s.db.W.BeginTx(ctx, nil)
		if err != nil {
			return true, wrap(err)
		}
		defer func() { _ = tx.Rollback() }() // after a commit it does nothing
		if err := rows(ctx, tx, g.Head().Seq, g.Take); err != nil {
			return false, err
		}
		var row approval.Row
		if row, out, err = g.Decide(step); err != nil || row.Seq == 0 {
			return true, err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO events (seq, body, chain) VALUES (?, ?, ?)`, row.Seq, row.Text, row.Chain[:])
		if err == nil && step.Op == approval.OpAsk {
			_, err = tx.ExecContext(ctx, `INSERT INTO bodies (request, body) VALUES (?, ?)`, out.ID, step.Body)
		}
		if err == nil {
			err = tx.Commit()
		}
		if err != nil {
			out = approval.Request{}
		}
		return err == nil, wrap(err)
	})
	return out, err
}

// kept reads what is in the file.
type kept struct{ db *durable.DB }

var _ approval.Source = kept{}

// Rows implements [approval.Source].
func (k kept) Rows(ctx context.Context, after int64, yield func(approval.Row) error) error {
	return rows(ctx, k.db.R, after, yield)
}

func rows(ctx context.Context, db interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, after int64, yield func(approval.Row) error,
) error {
	list, err := db.QueryContext(ctx, `SELECT seq, body, chain FROM events WHERE seq > ? ORDER BY seq`, after)
	if err != nil {
		return wrap(err)
	}
	for list.Next() {
		var r approval.Row
		var c []byte
		err := list.Scan(&r.Seq, &r.Text, &c)
		if err == nil {
			r.Chain = chain.Hash{}
			copy(r.Chain[:], c)
			err = yield(r)
		}
		if err != nil {
			return errors.Join(wrap(err), list.Close())
		}
	}
	return wrap(errors.Join(list.Err(), list.Close()))
}

// KeptBody implements [approval.Source].
func (k kept) KeptBody(ctx context.Context, id int64) (b []byte, err error) {
	err = k.db.R.QueryRowContext(ctx, `SELECT body FROM bodies WHERE request = ?`, id).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: number %d", approval.ErrNone, id)
	}
	return b, wrap(err)
}
