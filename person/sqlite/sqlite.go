// Package sqlite is the embedded engine of person.Store: one SQLite file.
//
// It owns the file people.db of a data directory, with its tables of rosters, recipients and events. It must not know of
// sign-in or sessions, nor decide any rule: limits come from its callers. Names are sealed, bound to the row they stand
// in; identifiers arrive as keys and indexes already.
package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"charye/internal/civil"
	"charye/internal/durable"
	"charye/internal/seal"
	"charye/person"
)

//go:embed migrations
var migrations embed.FS

// Store is the engine. Safe for concurrent use, also by several processes on one data directory.
type Store struct {
	db   *durable.DB
	dir  string
	keys *seal.Keys
	// chunk bounds what an import holds in memory: rows sorted at once.
	chunk int
}

var _ person.Store = (*Store)(nil)

// Open opens or creates people.db in dir.
func Open(ctx context.Context, dir string, keys *seal.Keys) (*Store, error) {
	db, err := durable.Open(ctx, filepath.Join(dir, "people.db"), migrations)
	if err != nil {
		return nil, err
	}
	return &Store{db: db, dir: dir, keys: keys, chunk: 1 << 18}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// write runs f in one transaction, committed to disk when write returns nil.
func (s *Store) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.W.BeginTx(ctx, nil)
	if err != nil {
		return durable.Wrap(err)
	}
	if err := f(tx); err != nil {
		return durable.Wrap(errors.Join(err, tx.Rollback()))
	}
	return durable.Wrap(tx.Commit())
}

func event(ctx context.Context, tx *sql.Tx, at time.Time, kind string, who []byte, what map[string]any) error {
	b, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if _, err = tx.ExecContext(ctx, `INSERT INTO event (at, kind, who, what) VALUES (?, ?, ?, ?)`, at.UnixMilli(), kind, who, string(b)); err != nil {
		return err
	}
	_, err = history.Extend(ctx, tx)
	return err
}

func namePlace(id string) string { return "people.db/recipient/name/" + id }

const recipientColumns = `SELECT id, helper, person, campaign, name, born, registered_at, kind, clerk, consent, phone, settled, temporary FROM recipient `

func (s *Store) recipient(row interface{ Scan(...any) error }) (person.Recipient, error) {
	var r person.Recipient
	var helper, key, name, clerk, phone []byte
	var born, at int64
	if err := row.Scan(&r.ID, &helper, &key, &r.Campaign, &name, &born, &at, &r.Kind, &clerk, &r.Consent, &phone, &r.Settled, &r.Temporary); err != nil {
		return person.Recipient{}, err
	}
	plain, err := s.keys.Open(namePlace(r.ID), name)
	if err != nil {
		return person.Recipient{}, fmt.Errorf("name of recipient %s: %w", r.ID, err)
	}
	r.Helper, r.Key, r.Name = person.Key(helper), person.Key(key), string(plain)
	r.Born, r.RegisteredAt = civil.Date(born), time.UnixMilli(at).UTC()
	if clerk != nil {
		r.Clerk = person.Key(clerk)
	}
	if phone != nil {
		if plain, err = s.keys.Open(person.PhonePlace(r.ID), phone); err != nil {
			return person.Recipient{}, fmt.Errorf("telephone of recipient %s: %w", r.ID, err)
		}
		r.Phone = string(plain)
	}
	return r, nil
}

// AddRecipient implements [person.Store]. An empty ID is filled in.
func (s *Store) AddRecipient(ctx context.Context, r person.Recipient, limit int) (person.Recipient, error) {
	if err := r.Complete(); err != nil {
		return person.Recipient{}, fmt.Errorf("add recipient: %w", err)
	}
	if r.ID == "" {
		r.ID = rand.Text()
	}
	r.RegisteredAt = r.RegisteredAt.UTC().Truncate(time.Millisecond)
	name, err := s.keys.Seal(namePlace(r.ID), []byte(r.Name))
	var phone []byte
	if err == nil {
		phone, err = s.sealPhone(r.ID, r.Phone)
	}
	if err != nil {
		return person.Recipient{}, fmt.Errorf("add recipient: %w", err)
	}
	out := r
	err = s.write(ctx, func(tx *sql.Tx) error {
		there, err := s.recipient(tx.QueryRowContext(ctx, recipientColumns+`WHERE helper = ? AND campaign = ? AND person = ?`,
			r.Helper[:], r.Campaign, r.Key[:]))
		if !errors.Is(err, sql.ErrNoRows) {
			out = there
			return err
		}
		var n int
		count, whose := `SELECT count(*) FROM recipient WHERE helper = ? AND campaign = ?`, r.Helper[:]
		if !r.Clerk.IsZero() {
			count, whose = `SELECT count(*) FROM recipient WHERE clerk = ? AND campaign = ?`, r.Clerk[:]
		}
		if err := tx.QueryRowContext(ctx, count, whose, r.Campaign).Scan(&n); err != nil {
			return err
		}
		if n >= limit {
			return person.ErrHelperLimit
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO recipient (id, helper, person, campaign, name, born, registered_at, kind, clerk, consent, phone, settled, temporary)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.ID, r.Helper[:], r.Key[:], r.Campaign, name, int64(r.Born), r.RegisteredAt.UnixMilli(), r.Kind, keyOrNull(r.Clerk), r.Consent, phone,
			r.Settled, r.Temporary); err != nil {
			return err
		}
		return event(ctx, tx, r.RegisteredAt, "recipient.added", r.Helper[:], r.Added())
	})
	if err != nil {
		return person.Recipient{}, fmt.Errorf("add recipient: %w", err)
	}
	return out, nil
}

// Recipients implements [person.Store].
func (s *Store) Recipients(ctx context.Context, helper person.Key) ([]person.Recipient, error) {
	rows, err := s.db.R.QueryContext(ctx, recipientColumns+`WHERE helper = ? ORDER BY registered_at, rowid`, helper[:])
	if err != nil {
		return nil, fmt.Errorf("recipients: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []person.Recipient
	for rows.Next() {
		r, err := s.recipient(rows)
		if err != nil {
			return nil, fmt.Errorf("recipients: %w", err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("recipients: %w", err)
	}
	return out, nil
}

// Recipient implements [person.Store].
func (s *Store) Recipient(ctx context.Context, helper person.Key, id string) (person.Recipient, error) {
	r, err := s.recipient(s.db.R.QueryRowContext(ctx, recipientColumns+`WHERE id = ? AND helper = ?`, id, helper[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return person.Recipient{}, person.ErrNoRecipient
	}
	if err != nil {
		return person.Recipient{}, fmt.Errorf("recipient: %w", err)
	}
	return r, nil
}

// RemoveRecipient implements [person.Store]. The row goes, and the name with it; the event stays.
func (s *Store) RemoveRecipient(ctx context.Context, helper person.Key, id string, at time.Time) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		var key []byte
		var campaign string
		err := tx.QueryRowContext(ctx, `DELETE FROM recipient WHERE id = ? AND helper = ? RETURNING person, campaign`, id, helper[:]).Scan(&key, &campaign)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return event(ctx, tx, at, "recipient.removed", helper[:], map[string]any{
			"recipient": id, "person": person.Key(key).String(), "campaign": campaign,
		})
	})
	if err != nil {
		return fmt.Errorf("remove recipient: %w", err)
	}
	return nil
}
