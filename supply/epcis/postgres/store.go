// Package postgres is the engine of [epcis.Store] for many nodes: tables in a PostgreSQL database.
//
// It owns those tables. It decides nothing: it loads what is known of the IDs of a capture, calls [epcis.Decide] and writes what
// came out. Captures of all nodes follow one another under one lock, taken with the first message and given back with the
// commit, which is the third: so a number once seen has all smaller ones before it, and pages stay what they are. The second writes: so
// however slow that is, what becomes of it is known before there is anything to commit.
package postgres

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/durable"
	"charye/internal/pgdb"
	"charye/supply/epcis"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Kept are the tables that a serving role only adds to.
var Kept = pgdb.Kept{"epcis_event": nil}

// Store is the engine. Safe for concurrent use, by any number of nodes.
type Store struct {
	db       *pgdb.DB
	patience time.Duration
	growth   growth
}

var _ epcis.Store = (*Store)(nil)

// Open connects to the database at url and brings the tables of custody up to date.
func Open(ctx context.Context, url string) (*Store, error) {
	db, err := pgdb.Open(ctx, url, "epcis", migrations)
	if err != nil {
		return nil, err
	}
	return &Store{db: db, patience: patience}, nil
}

// Close ends all connections.
func (s *Store) Close() error {
	s.growth.stop()
	return s.db.Close()
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	if wrapped := pgdb.Wrap(err); !pgdb.Temporary(err) {
		return fmt.Errorf("%s: %w", what, wrapped)
	}
	return fmt.Errorf("%s: %w: %w", what, epcis.ErrBusy, pgdb.Wrap(err))
}

func nameOf(id string) []byte {
	h := sha256.Sum256([]byte(id))
	return h[:16]
}

// How long a capture is tried again where that may help, and how long it waits between.
const (
	patience  = 20 * time.Second
	shortWait = 10 * time.Millisecond
	longWait  = time.Second
)

// attempt is a capture as it was to be committed.
type attempt struct {
	out  []epcis.Outcome
	rows *rows
	sent bool // the commit was sent, and its answer never came
}

// Capture implements [epcis.Store]. What fails for a time is tried again, also a commit whose answer was lost: the next attempt looks whether it
// happened.
func (s *Store) Capture(ctx context.Context, jobs []epcis.Job) ([]epcis.Outcome, error) {
	var doubt *attempt
	until := time.Now().Add(s.patience)
	for wait := shortWait; ; wait = min(2*wait, longWait) {
		a, err := s.capture(ctx, jobs, doubt)
		if err == nil {
			s.grown(a.rows.seq)
			return a.out, nil
		}
		if a.sent {
			doubt = a
		}
		over := !pgdb.Temporary(err) && !a.sent || errors.Is(pgdb.Wrap(err), durable.ErrDiskFull) || time.Now().Add(wait).After(until)
		if !over {
			select {
			case <-ctx.Done():
				over = true
			case <-time.After(wait):
			}
		}
		switch {
		case over && doubt != nil:
			return nil, fmt.Errorf("capture: %w: %w", epcis.ErrUnknown, err)
		case over:
			return nil, wrap("capture", err)
		}
	}
}

// capture tries once; doubt is an attempt of which it is not known whether it was committed.
func (s *Store) capture(ctx context.Context, jobs []epcis.Job, doubt *attempt) (*attempt, error) {
	var names [][]byte
	for _, job := range jobs {
		for _, e := range job.Events {
			names = append(names, nameOf(e.ID))
		}
	}
	a := &attempt{rows: &rows{}}
	var known []epcis.Known
	first := &pgx.Batch{}
	// A transaction in doubt has this lock until its end.
	first.Queue(`SELECT seq, recorded FROM epcis_head FOR UPDATE`).QueryRow(func(row pgx.Row) error { return row.Scan(&a.rows.seq, &a.rows.recorded) })
	// A statement of its own: it sees what was committed before the lock was given.
	first.Queue(`SELECT id, declared, content, declaration FROM epcis_event WHERE name = ANY ($1::bytea[])`, names).Query(func(rows pgx.Rows) error {
		var k epcis.Known
		var content, declaration []byte
		_, err := pgx.ForEachRow(rows, []any{&k.ID, &k.Declared, &content, &declaration}, func() error {
			k.Content, k.Declaration = epcis.Digest(content), epcis.Digest{}
			copy(k.Declaration[:], declaration)
			known = append(known, k)
			return nil
		})
		return err
	})
	happened := false
	if doubt != nil {
		doubt.rows.find(first, &happened)
	}
	tx, err := s.db.Begin(ctx, first, !pgdb.Long)
	if err != nil {
		return a, err
	}
	defer tx.End()
	if happened {
		return doubt, nil
	}
	var keep [][]int
	keep, a.out = epcis.Decide(known, jobs)
	for j, job := range jobs {
		a.rows.add(job, keep[j], a.out[j])
	}
	b := &pgx.Batch{}
	a.rows.queue(b)
	if b.Len() == 0 {
		return a, nil
	}
	if err := tx.Do(ctx, b); err != nil {
		return a, err
	}
	last := &pgx.Batch{}
	a.rows.count(last)
	err = tx.Commit(ctx, last)
	a.sent = tx.Sent
	return a, err
}

// Report implements [epcis.Store].
func (s *Store) Report(ctx context.Context, job string) (epcis.Report, error) {
	r := epcis.Report{ID: job}
	var created, finished int64
	err := s.db.QueryRow(ctx, `SELECT party, created, finished, events, added, problem FROM epcis_job WHERE id = $1::text`, job).
		Scan(&r.By, &created, &finished, &r.Events, &r.New, &r.Problem)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, epcis.ErrNotFound
	}
	r.Created, r.Finished = time.UnixMicro(created).UTC(), time.UnixMicro(finished).UTC()
	return r, wrap("capture job", err)
}
