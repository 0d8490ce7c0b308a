// Package postgres is the engine of [epcis.Store] for many nodes: tables in a PostgreSQL database.
//
// It owns those tables. It decides nothing: it loads what is known of the IDs of a capture, calls [epcis.Decide] and writes what
// came out. Captures of all nodes follow one another under one lock, taken with the first message and given back with the
// commit, which is the second: so a number once seen has all smaller ones before it, and pages stay what they are.
package postgres

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/internal/pgdb"
	"charye/supply/epcis"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Kept are the tables that a serving role only adds to.
var Kept = pgdb.Kept{"epcis_event": nil}

// Store is the engine. Safe for concurrent use, by any number of nodes.
type Store struct{ db *pgdb.DB }

var _ epcis.Store = (*Store)(nil)

// Open connects to the database at url and brings the tables of custody up to date.
func Open(ctx context.Context, url string) (*Store, error) {
	db, err := pgdb.Open(ctx, url, "epcis", migrations)
	if err != nil {
		return nil, err
	}
	return &Store{db: db}, nil
}

// Close ends all connections.
func (s *Store) Close() error { return s.db.Close() }

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, pgdb.Wrap(err))
}

func nameOf(id string) []byte {
	h := sha256.Sum256([]byte(id))
	return h[:16]
}

// tries is how often a capture is begun when its connection turns out to be dead.
const tries = 3

// Capture implements [epcis.Store].
func (s *Store) Capture(ctx context.Context, jobs []epcis.Job) ([]epcis.Outcome, error) {
	for try := 1; ; try++ {
		out, sent, err := s.capture(ctx, jobs)
		switch {
		case err == nil:
			return out, nil
		case sent:
			return nil, fmt.Errorf("capture: %w: %w", epcis.ErrUnknown, err)
		case try == tries || ctx.Err() != nil || !pgdb.Again(err):
			return nil, wrap("capture", err)
		}
	}
}

func (s *Store) capture(ctx context.Context, jobs []epcis.Job) (out []epcis.Outcome, sent bool, err error) {
	var names [][]byte
	for _, job := range jobs {
		for _, e := range job.Events {
			names = append(names, nameOf(e.ID))
		}
	}
	var seq, recorded int64
	var known []epcis.Known
	first := &pgx.Batch{}
	first.Queue(`SELECT seq, recorded FROM epcis_head FOR UPDATE`).QueryRow(func(row pgx.Row) error { return row.Scan(&seq, &recorded) })
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
	tx, err := s.db.Begin(ctx, first, !pgdb.Long)
	if err != nil {
		return nil, false, err
	}
	defer tx.End()
	keep, out := epcis.Decide(known, jobs)
	r := rows{seq: seq, recorded: recorded}
	for j, job := range jobs {
		r.add(job, keep[j], out[j])
	}
	b := &pgx.Batch{}
	r.queue(b)
	err = tx.Commit(ctx, b)
	return out, tx.Sent, err
}

// rows are what a capture writes, column by column.
type rows struct {
	seq, recorded int64

	number                                                           []int64
	name, content, declaration                                       [][]byte
	declared                                                         []bool
	time, at                                                         []int64
	id, by, kind, action, step, disposition, point, location, bodies []string
	context                                                          [][]byte // hash

	contexts map[[32]byte]string
	keys     map[string]bool

	mentioned []string
	role      []int16
	where     []int64

	job []func(*pgx.Batch)
}

func (r *rows) add(job epcis.Job, keep []int, out epcis.Outcome) {
	r.recorded = max(r.recorded, job.At.UnixMicro())
	for _, i := range keep {
		e := job.Events[i]
		r.seq++
		hash := sha256.Sum256(e.Context)
		if r.contexts == nil {
			r.contexts, r.keys = map[[32]byte]string{}, map[string]bool{}
		}
		r.contexts[hash] = string(e.Context)
		declaration := []byte{}
		if e.Declared() {
			declaration = e.Declaration[:]
		}
		r.number, r.name, r.declared, r.id = append(r.number, r.seq), append(r.name, nameOf(e.ID)), append(r.declared, e.Declared()), append(r.id, e.ID)
		r.content, r.declaration = append(r.content, e.Content[:]), append(r.declaration, declaration)
		r.time, r.at, r.kind, r.action = append(r.time, e.Time.UnixMicro()), append(r.at, r.recorded), append(r.kind, e.Type), append(r.action, e.Action)
		r.by = append(r.by, job.By)
		r.step, r.disposition = append(r.step, e.BizStep), append(r.disposition, e.Disposition)
		r.point, r.location = append(r.point, key(e.ReadPoint)), append(r.location, key(e.BizLocation))
		r.context, r.bodies = append(r.context, hash[:]), append(r.bodies, string(e.JSON))
		for _, m := range e.Mentions() {
			r.keys[m.Key] = true
			r.mentioned, r.role, r.where = append(r.mentioned, m.Key), append(r.role, int16(m.Role)), append(r.where, r.seq)
		}
	}
	if job.ID == "" {
		return
	}
	problem := ""
	if out.Err != nil {
		problem = out.Err.Error()
	}
	r.job = append(r.job, func(b *pgx.Batch) {
		b.Queue(`INSERT INTO epcis_job (id, party, created, finished, events, added, problem) VALUES ($1::text, $2::text, $3::bigint, $4::bigint, $5::integer, $6::integer, $7::text)`,
			job.ID, job.By, job.At.UnixMicro(), time.Now().UnixMicro(), len(job.Events), out.New, problem)
	})
}

func key(uri string) string {
	if uri == "" {
		return ""
	}
	return epcis.Key(uri)
}

func (r *rows) queue(b *pgx.Batch) {
	for _, job := range r.job {
		job(b)
	}
	if len(r.number) == 0 {
		return
	}
	var hashes [][]byte
	var contexts, keys []string
	for hash, body := range r.contexts {
		hashes, contexts = append(hashes, hash[:]), append(contexts, body)
	}
	for k := range r.keys {
		keys = append(keys, k)
	}
	b.Queue(`INSERT INTO epcis_context (hash, body) SELECT * FROM unnest($1::bytea[], $2::text[]) ON CONFLICT DO NOTHING`, hashes, contexts)
	// What is there already is left out first: a conflict would use up a number of the sequence.
	b.Queue(`INSERT INTO epcis_thing (key) SELECT k FROM unnest($1::text[]) AS k WHERE NOT EXISTS (SELECT FROM epcis_thing t WHERE t.key = k) ON CONFLICT DO NOTHING`, keys)
	b.Queue(`INSERT INTO epcis_event (seq, name, declared, id, content, declaration, time, recorded, party, type, action, step, disposition, read_point, location, context, body)
		SELECT n.seq, n.name, n.declared, n.id, n.content, n.declaration, n.time, n.recorded, n.party, n.type, n.action, n.step, n.disposition, n.read_point, n.location, c.id, n.body
		FROM unnest($1::bigint[], $2::bytea[], $3::boolean[], $4::text[], $5::bytea[], $6::bytea[], $7::bigint[], $8::bigint[], $9::text[], $10::text[],
			$11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::bytea[], $17::text[])
			AS n (seq, name, declared, id, content, declaration, time, recorded, party, type, action, step, disposition, read_point, location, context, body)
		JOIN epcis_context c ON c.hash = n.context`,
		r.number, r.name, r.declared, r.id, r.content, r.declaration, r.time, r.at, r.by, r.kind, r.action, r.step, r.disposition, r.point, r.location, r.context, r.bodies)
	b.Queue(`INSERT INTO epcis_mention (thing, seq, role) SELECT t.id, n.seq, n.role FROM unnest($1::text[], $2::bigint[], $3::smallint[]) AS n (key, seq, role)
		JOIN epcis_thing t ON t.key = n.key COLLATE "C" ON CONFLICT DO NOTHING`, r.mentioned, r.where, r.role)
	b.Queue(`UPDATE epcis_head SET seq = $1::bigint, recorded = $2::bigint`, r.seq, r.recorded)
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
