// Package sqlite is the embedded engine of [supply.Verdicts], [supply.Alarms] and [journal.Store]: one file, supply.db, in the data directory.
//
// It owns the tables of that file. It decides nothing: it replays what is kept, asks [supply.Register.Decide] or [journal.Book.Decide], and keeps what came out, in one
// transaction that is on disk when it returns.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"charye/internal/durable"
	"charye/supply"
	"charye/supply/journal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is the engine. Safe for concurrent use, also by several processes.
type Store struct {
	db   *durable.DB
	mu   sync.Mutex
	g    *supply.Register // all that is kept up to its Seq
	book *journal.Book    // the same of the journal
}

var _ supply.Verdicts = (*Store)(nil)

const file = "supply.db"

// There reports whether dir has verdicts.
func There(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, file))
	return err == nil
}

// Open opens or creates supply.db in dir.
func Open(ctx context.Context, dir string) (*Store, error) {
	db, err := durable.Open(ctx, filepath.Join(dir, file), migrations)
	if err != nil {
		return nil, err
	}
	return &Store{db: db, g: supply.NewRegister(), book: journal.NewBook()}, nil
}

// Close closes the file; it waits for a verdict under way.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.db.Close()
}

// Decide implements [supply.Verdicts].
func (s *Store) Decide(ctx context.Context, v supply.Verdict) (out supply.Verdict, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx, err := s.db.W.BeginTx(ctx, nil)
	if err != nil {
		return out, fmt.Errorf("verdict: %w", durable.Wrap(err))
	}
	defer tx.Rollback()
	if err := s.follow(ctx, tx); err != nil {
		return out, err
	}
	if out, err = s.g.Decide(v); err != nil {
		return out, err
	}
	body, err := json.Marshal(out)
	if err == nil {
		_, err = tx.ExecContext(ctx, `INSERT INTO verdict (seq, body) VALUES (?, ?)`, out.Seq, string(body))
	}
	if err == nil {
		_, err = history.Extend(ctx, tx)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		s.g = supply.NewRegister() // it knows of a verdict that is not kept
		return supply.Verdict{}, fmt.Errorf("verdict: %w", durable.Wrap(err))
	}
	return out, nil
}

// follow brings the register up to what is kept.
func (s *Store) follow(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT seq, body FROM verdict WHERE seq > ? ORDER BY seq`, s.g.Seq())
	if err != nil {
		return fmt.Errorf("verdict: %w", durable.Wrap(err))
	}
	var news []supply.Verdict
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return errors.Join(err, rows.Close())
		}
		news = append(news, one)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("verdict: %w", durable.Wrap(err))
	}
	return s.g.Replay(news)
}

func scan(rows *sql.Rows) (v supply.Verdict, err error) {
	var seq int64
	var body string
	if err := rows.Scan(&seq, &body); err != nil {
		return v, err
	}
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		return v, fmt.Errorf("verdict %d: %w", seq, err)
	}
	v.Seq = seq
	return v, nil
}

// Verdicts implements [supply.Verdicts].
func (s *Store) Verdicts(ctx context.Context, after int64, yield func(supply.Verdict) error) error {
	return s.db.Each(ctx, "verdicts", func(rows *sql.Rows) error {
		v, err := scan(rows)
		if err != nil {
			return err
		}
		return yield(v)
	}, `SELECT seq, body FROM verdict WHERE seq > ? ORDER BY seq`, after)
}
