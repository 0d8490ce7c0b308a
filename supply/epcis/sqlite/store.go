// Package sqlite is the embedded engine of [epcis.Store]: one file, epcis.db, in the data directory.
//
// It owns the tables of that file. It decides nothing: it loads what is known of the IDs of a capture, calls [epcis.Decide] and
// writes what came out, in one transaction that is on disk when Capture returns. The file is apart from the other rooms' files
// because custody is by far the most that supply keeps, and a capture of thousands of events should not hold up a verdict.
package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"charye/internal/durable"
	"charye/supply/epcis"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is the engine. Safe for concurrent use, also by several processes.
type Store struct {
	db    *durable.DB
	mu    sync.Mutex // guards what follows; whoever holds it may write
	write statements
	ended bool
}

var _ epcis.Store = (*Store)(nil)

// statements are those of a capture, prepared once on the one connection that writes.
type statements struct {
	known, event, thing, newThing, mention, context, newContext, job *sql.Stmt
}

const file = "epcis.db"

// There reports whether dir has events of custody.
func There(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, file))
	return err == nil
}

// Open opens or creates epcis.db in dir.
func Open(ctx context.Context, dir string) (*Store, error) {
	db, err := durable.Open(ctx, filepath.Join(dir, file), migrations)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open epcis.db: %w", durable.Wrap(err)), db.Close())
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) (err error) {
	for _, p := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&s.write.known, `SELECT declared, content, declaration FROM event WHERE name = ?`},
		{&s.write.event, `INSERT INTO event (seq, name, declared, id, content, declaration, time, recorded, party, type, action, step, disposition,
			read_point, location, context, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&s.write.thing, `SELECT id FROM thing WHERE key = ?`},
		{&s.write.newThing, `INSERT INTO thing (key) VALUES (?)`},
		{&s.write.mention, `INSERT INTO mention (thing, seq, role) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`},
		{&s.write.context, `SELECT id FROM context WHERE body = ?`},
		{&s.write.newContext, `INSERT INTO context (body) VALUES (?)`},
		{&s.write.job, `INSERT INTO job (id, party, created, finished, events, added, problem) VALUES (?, ?, ?, ?, ?, ?, ?)`},
	} {
		if *p.to, err = s.db.W.PrepareContext(ctx, p.sql); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the file; it waits for a capture under way. It may be called twice.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	s.ended = true
	return s.db.Close()
}

func nameOf(id string) []byte {
	h := sha256.Sum256([]byte(id))
	return h[:16]
}

// Capture implements [epcis.Store].
func (s *Store) Capture(ctx context.Context, jobs []epcis.Job) (out []epcis.Outcome, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sqlTx, err := s.db.W.BeginTx(ctx, nil)
	if err != nil {
		return nil, busy(err)
	}
	t := &tx{Tx: sqlTx, ctx: ctx, w: &s.write, things: map[string]int64{}, contexts: map[string]int64{}}
	if out, err = t.capture(jobs); err != nil {
		err = errors.Join(err, sqlTx.Rollback())
	} else {
		err = sqlTx.Commit()
	}
	if err != nil {
		return nil, busy(err)
	}
	return out, nil
}

// busy says of what passes that it does.
func busy(err error) error {
	err = durable.Wrap(err)
	if errors.Is(err, durable.ErrLocked) || errors.Is(err, durable.ErrDiskFull) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("capture: %w: %w", epcis.ErrBusy, err)
	}
	return fmt.Errorf("capture: %w", err)
}

// tx is one capture.
type tx struct {
	*sql.Tx
	ctx      context.Context // of the one call that it lives for
	w        *statements
	seq      int64
	recorded int64
	things   map[string]int64
	contexts map[string]int64
}

func (t *tx) capture(jobs []epcis.Job) ([]epcis.Outcome, error) {
	err := t.QueryRowContext(t.ctx, `SELECT seq, recorded FROM event ORDER BY seq DESC LIMIT 1`).Scan(&t.seq, &t.recorded)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	known, err := t.known(jobs)
	if err != nil {
		return nil, err
	}
	keep, out := epcis.Decide(known, jobs)
	insert, thing, newThing, mention := t.Stmt(t.w.event), t.Stmt(t.w.thing), t.Stmt(t.w.newThing), t.Stmt(t.w.mention)
	for j, job := range jobs {
		t.recorded = max(t.recorded, job.At.UnixMicro())
		for _, i := range keep[j] {
			e := job.Events[i]
			t.seq++
			context, err := t.intern(t.contexts, t.Stmt(t.w.context), t.Stmt(t.w.newContext), string(e.Context))
			if err != nil {
				return nil, err
			}
			declaration := []byte{}
			if e.Declared() {
				declaration = e.Declaration[:]
			}
			if _, err := insert.ExecContext(t.ctx, t.seq, nameOf(e.ID), e.Declared(), e.ID, e.Content[:], declaration, e.Time.UnixMicro(), t.recorded,
				job.By, e.Type, e.Action, e.BizStep, e.Disposition, key(e.ReadPoint), key(e.BizLocation), context, string(e.JSON)); err != nil {
				return nil, err
			}
			for _, m := range e.Mentions() {
				id, err := t.intern(t.things, thing, newThing, m.Key)
				if err != nil {
					return nil, err
				}
				if _, err := mention.ExecContext(t.ctx, id, t.seq, int(m.Role)); err != nil {
					return nil, err
				}
			}
		}
		if job.ID == "" {
			continue
		}
		problem := ""
		if out[j].Err != nil {
			problem = out[j].Err.Error()
		}
		if _, err := t.Stmt(t.w.job).ExecContext(t.ctx, job.ID, job.By, job.At.UnixMicro(), time.Now().UnixMicro(), len(job.Events), out[j].New, problem); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func key(uri string) string {
	if uri == "" {
		return ""
	}
	return epcis.Key(uri)
}

func (t *tx) known(jobs []epcis.Job) (out []epcis.Known, err error) {
	query := t.Stmt(t.w.known)
	for _, job := range jobs {
		for _, e := range job.Events {
			if out, err = appendKnown(t.ctx, out, query, e.ID); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func appendKnown(ctx context.Context, out []epcis.Known, query *sql.Stmt, id string) ([]epcis.Known, error) {
	rows, err := query.QueryContext(ctx, nameOf(id))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		k := epcis.Known{ID: id}
		var content, declaration []byte
		if err := rows.Scan(&k.Declared, &content, &declaration); err != nil {
			return nil, err
		}
		copy(k.Content[:], content)
		copy(k.Declaration[:], declaration)
		out = append(out, k)
	}
	return out, rows.Err()
}

// intern gives the number of a text, a new one where it has none.
func (t *tx) intern(cache map[string]int64, find, add *sql.Stmt, s string) (id int64, err error) {
	if id, ok := cache[s]; ok {
		return id, nil
	}
	err = find.QueryRowContext(t.ctx, s).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		var r sql.Result
		if r, err = add.ExecContext(t.ctx, s); err == nil {
			id, err = r.LastInsertId()
		}
	}
	if err != nil {
		return 0, err
	}
	cache[s] = id
	return id, nil
}

// Report implements [epcis.Store].
func (s *Store) Report(ctx context.Context, job string) (epcis.Report, error) {
	r := epcis.Report{ID: job}
	var created, finished int64
	err := s.db.R.QueryRowContext(ctx, `SELECT party, created, finished, events, added, problem FROM job WHERE id = ?`, job).
		Scan(&r.By, &created, &finished, &r.Events, &r.New, &r.Problem)
	if errors.Is(err, sql.ErrNoRows) {
		return r, epcis.ErrNotFound
	}
	if err != nil {
		return r, fmt.Errorf("capture job: %w", durable.Wrap(err))
	}
	r.Created, r.Finished = time.UnixMicro(created).UTC(), time.UnixMicro(finished).UTC()
	return r, nil
}
