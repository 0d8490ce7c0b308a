// Package postgres is the engine of person.Store for many nodes: tables in a PostgreSQL database.
//
// It owns the tables of rosters and recipients and the feed "person" of the shared table of events. It must not know of
// sign-in or sessions, nor decide any rule: limits come from its callers. Names are sealed, bound to the row they stand
// in; identifiers arrive as keys and indexes already.
package postgres

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/civil"
	"charye/internal/pgdb"
	"charye/internal/seal"
	"charye/person"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is the engine. Safe for concurrent use, by any number of nodes that share the keys.
type Store struct {
	db   *pgdb.DB
	keys *seal.Keys
}

var _ person.Store = (*Store)(nil)

// Open connects to the database at url and brings the tables of people up to date.
func Open(ctx context.Context, url string, keys *seal.Keys) (*Store, error) {
	db, err := pgdb.Open(ctx, url, "person", migrations)
	if err != nil {
		return nil, err
	}
	return &Store{db: db, keys: keys}, nil
}

// Close ends all connections.
func (s *Store) Close() error { return s.db.Close() }

// tell queues the event of a change. It is the last of a transaction: the row of the feed is locked from here to the
// commit, so that events are numbered in the order of commits.
func tell(b *pgx.Batch, at time.Time, kind string, who []byte, what map[string]any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	b.Queue(`WITH next AS (UPDATE streams SET next_seq = next_seq + 1 WHERE name = 'person' RETURNING next_seq - 1 AS seq)
		INSERT INTO events (stream, seq, at, kind, person, what)
		SELECT 'person', seq, $1::timestamptz, $2::text, $3::bytea, $4::text::jsonb FROM next`, at, kind, who, string(text))
	return nil
}

// namePlace is what a sealed name is bound to. It is that of the embedded engine, so that rows can move from there as they
// are.
func namePlace(id string) string { return "people.db/recipient/name/" + id }

const recipientColumns = `SELECT id, helper, person, campaign, name, born, registered_at, kind, clerk, consent, phone, settled, temporary FROM recipient `

func (s *Store) recipient(row pgx.CollectableRow) (person.Recipient, error) {
	var r person.Recipient
	var helper, key, name, clerk, phone []byte
	var born time.Time
	if err := row.Scan(&r.ID, &helper, &key, &r.Campaign, &name, &born, &r.RegisteredAt, &r.Kind, &clerk, &r.Consent, &phone, &r.Settled, &r.Temporary); err != nil {
		return person.Recipient{}, err
	}
	plain, err := s.keys.Open(namePlace(r.ID), name)
	if err != nil {
		return person.Recipient{}, fmt.Errorf("name of recipient %s: %w", r.ID, err)
	}
	r.Helper, r.Key, r.Name = person.Key(helper), person.Key(key), string(plain)
	r.Born, r.RegisteredAt = civil.Of(born, time.UTC), r.RegisteredAt.UTC()
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

func (s *Store) recipients(rows pgx.Rows) (list []person.Recipient, err error) {
	return pgx.AppendRows(list, rows, s.recipient)
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
	out, err := s.addRecipient(ctx, r, limit)
	if err != nil {
		return person.Recipient{}, fmt.Errorf("add recipient: %w", pgdb.Wrap(err))
	}
	return out, nil
}

func (s *Store) addRecipient(ctx context.Context, r person.Recipient, limit int) (person.Recipient, error) {
	name, err := s.keys.Seal(namePlace(r.ID), []byte(r.Name))
	if err != nil {
		return r, err
	}
	phone, err := s.sealPhone(r.ID, r.Phone)
	if err != nil {
		return r, err
	}
	// The lock is the helper's own: others do not wait. Two helpers who fall on one number do, and nothing else happens. A desk's
	// clerks, who write a few rows a minute, take turns.
	first := &pgx.Batch{}
	first.Queue(`SELECT pg_advisory_xact_lock(hashtextextended($1::text, 1))`, r.Helper.String())
	var there []person.Recipient
	var n int
	first.Queue(recipientColumns+`WHERE helper = $1::bytea AND campaign = $2::text AND person = $3::bytea`, r.Helper[:], r.Campaign, r.Key[:]).
		Query(func(rows pgx.Rows) (err error) {
			there, err = s.recipients(rows)
			return err
		})
	count, whose := `SELECT count(*) FROM recipient WHERE helper = $1::bytea AND campaign = $2::text`, r.Helper[:]
	if !r.Clerk.IsZero() {
		count, whose = `SELECT count(*) FROM recipient WHERE clerk = $1::bytea AND campaign = $2::text`, r.Clerk[:]
	}
	first.Queue(count, whose, r.Campaign).
		QueryRow(func(row pgx.Row) error { return row.Scan(&n) })
	tx, err := s.db.Begin(ctx, first, !pgdb.Long)
	if err != nil {
		return r, err
	}
	defer tx.End()
	switch {
	case len(there) > 0:
		return there[0], nil
	case n >= limit:
		return r, person.ErrHelperLimit
	}
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO recipient (id, helper, person, campaign, name, born, registered_at, kind, clerk, consent, phone, settled, temporary)
		VALUES ($1::text, $2::bytea, $3::bytea, $4::text, $5::bytea, $6::text::date, $7::timestamptz, $8::text, $9::bytea, $10::text, $11::bytea, $12::boolean, $13::boolean)`,
		r.ID, r.Helper[:], r.Key[:], r.Campaign, name, r.Born.String(), r.RegisteredAt, string(r.Kind), keyOrNull(r.Clerk), r.Consent, phone, r.Settled, r.Temporary)
	if err := tell(b, r.RegisteredAt, "recipient.added", r.Helper[:], r.Added()); err != nil {
		return r, err
	}
	return r, tx.Commit(ctx, b)
}

// Recipients implements [person.Store].
func (s *Store) Recipients(ctx context.Context, helper person.Key) ([]person.Recipient, error) {
	rows, err := s.db.Query(ctx, recipientColumns+`WHERE helper = $1::bytea ORDER BY registered_at, nr`, helper[:])
	var out []person.Recipient
	if err == nil {
		out, err = s.recipients(rows)
	}
	if err != nil {
		return nil, fmt.Errorf("recipients: %w", pgdb.Wrap(err))
	}
	return out, nil
}

// Recipient implements [person.Store].
func (s *Store) Recipient(ctx context.Context, helper person.Key, id string) (person.Recipient, error) {
	rows, err := s.db.Query(ctx, recipientColumns+`WHERE id = $1::text AND helper = $2::bytea`, id, helper[:])
	var out []person.Recipient
	if err == nil {
		out, err = s.recipients(rows)
	}
	switch {
	case err != nil:
		return person.Recipient{}, fmt.Errorf("recipient: %w", pgdb.Wrap(err))
	case len(out) == 0:
		return person.Recipient{}, person.ErrNoRecipient
	}
	return out[0], nil
}

// RemoveRecipient implements [person.Store]. The row goes, and the name with it; the event stays.
func (s *Store) RemoveRecipient(ctx context.Context, helper person.Key, id string, at time.Time) error {
	if err := s.removeRecipient(ctx, helper, id, at); err != nil {
		return fmt.Errorf("remove recipient: %w", pgdb.Wrap(err))
	}
	return nil
}

func (s *Store) removeRecipient(ctx context.Context, helper person.Key, id string, at time.Time) error {
	var key []byte
	var campaign string
	first := &pgx.Batch{}
	first.Queue(`DELETE FROM recipient WHERE id = $1::text AND helper = $2::bytea RETURNING person, campaign`, id, helper[:]).
		Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&key, &campaign}, func() error { return nil })
			return err
		})
	tx, err := s.db.Begin(ctx, first, !pgdb.Long)
	if err != nil {
		return err
	}
	defer tx.End()
	if key == nil {
		return nil
	}
	b := &pgx.Batch{}
	if err := tell(b, at, "recipient.removed", helper[:], map[string]any{
		"recipient": id, "person": person.Key(key).String(), "campaign": campaign,
	}); err != nil {
		return err
	}
	return tx.Commit(ctx, b)
}
