// Package postgres is the engine of [approval.Store] for many nodes: tables in a PostgreSQL database.
//
// It owns those tables. It decides nothing: under a lock it reads what was kept, asks [approval.Register.Decide], and keeps what came out.
package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"charye/approval"
	"charye/internal/pgdb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Kept are the tables that a serving role only adds to.
var Kept = pgdb.Kept{"approval_events": nil, "approval_bodies": nil}

// Store is the engine. Safe for concurrent use, by any number of nodes.
type Store struct {
	*approval.Log
	kept
}

var _ approval.Store = (*Store)(nil)

// Open connects to the database at url and brings the tables up to date.
func Open(ctx context.Context, url string) (*Store, error) {
	db, err := pgdb.Open(ctx, url, "approval", migrations)
	if err != nil {
		return nil, err
	}
	k := kept{db: db}
	return &Store{Log: approval.NewLog(k), kept: k}, nil
}

// Close ends all connections.
func (s *Store) Close() error { return s.db.Close() }

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("requests: %w", pgdb.Wrap(err))
}

// tries is how often a step is begun when its connection turns out to be dead.
const tries = 3

// Decide implements [approval.Store].
func (s *Store) Decide(ctx context.Context, step approval.Step) (out approval.Request, err error) {
	for try := 1; ; try++ {
		again := false
		err := s.Deciding(func(g *approval.Register) (kept bool, err error) {
			out, kept, again, err = s.decide(ctx, g, step)
			return kept, err
		})
		if !again || try == tries || ctx.Err() != nil {
			return out, err
		}
	}
}

// decide is one try. kept is false when g may know of what is not in the tables; again when nothing happened and another try is worth it.
func (s *Store) decide(ctx context.Context, g *approval.Register, step approval.Step) (out approval.Request, kept, again bool, err error) {
	var head int64
	var news []approval.Row
	first := &pgx.Batch{}
	first.Queue(`SELECT seq FROM approval_head FOR UPDATE`).QueryRow(func(row pgx.Row) error { return row.Scan(&head) })
	// A statement of its own: it sees what was committed before the lock was given.
	first.Queue(`SELECT seq, body, chain FROM approval_events WHERE seq > $1::bigint ORDER BY seq`, g.Head().Seq).Query(func(rows pgx.Rows) error {
		return each(rows, func(r approval.Row) error { news = append(news, r); return nil })
	})
	tx, err := s.db.Begin(ctx, first, !pgdb.Long)
	if err != nil {
		return out, true, pgdb.Again(err), wrap(err)
	}
	defer tx.End()
	for _, r := range news {
		if err := g.Take(r); err != nil {
			return out, false, false, err
		}
	}
	if g.Head().Seq != head {
		return out, false, false, fmt.Errorf("%w: the last event is %d, and %d were written", approval.ErrBroken, g.Head().Seq, head)
	}
	row, out, err := g.Decide(step)
	if err != nil || row.Seq == 0 {
		return out, true, false, err
	}
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO approval_events (seq, body, chain) VALUES ($1::bigint, $2::text, $3::bytea)`, row.Seq, row.Text, row.Chain[:])
	if step.Op == approval.OpAsk {
		b.Queue(`INSERT INTO approval_bodies (request, body) VALUES ($1::bigint, $2::bytea)`, out.ID, step.Body)
	}
	b.Queue(`UPDATE approval_head SET seq = $1::bigint`, row.Seq)
	err = tx.Commit(ctx, b)
	switch {
	case err == nil:
		return out, true, false, nil
	case tx.Sent:
		return approval.Request{}, false, false, fmt.Errorf("%w: %w", approval.ErrUnknown, err)
	}
	return approval.Request{}, false, pgdb.Again(err), wrap(err)
}

// kept reads what is in the tables.
type kept struct{ db *pgdb.DB }

var _ approval.Source = kept{}

func each(rows pgx.Rows, yield func(approval.Row) error) error {
	var seq int64
	var body string
	var chain []byte
	_, err := pgx.ForEachRow(rows, []any{&seq, &body, &chain}, func() error {
		r := approval.Row{Seq: seq, Text: body}
		copy(r.Chain[:], chain)
		return yield(r)
	})
	return err
}

// Rows implements [approval.Source].
func (k kept) Rows(ctx context.Context, after int64, yield func(approval.Row) error) error {
	rows, err := k.db.Query(ctx, `SELECT seq, body, chain FROM approval_events WHERE seq > $1::bigint ORDER BY seq`, after)
	if err != nil {
		return wrap(err)
	}
	return wrap(each(rows, yield))
}

// KeptBody implements [approval.Source].
func (k kept) KeptBody(ctx context.Context, id int64) (b []byte, err error) {
	err = k.db.QueryRow(ctx, `SELECT body FROM approval_bodies WHERE request = $1::bigint`, id).Scan(&b)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("%w: number %d", approval.ErrNone, id)
	}
	return b, wrap(err)
}

// Fill takes over the requests of another store; see [pgdb.DB.Import]. They must hold.
func (s *Store) Fill(ctx context.Context, source string, from approval.Source) (done bool, err error) {
	done, err = s.db.Import(ctx, "approvals", source, []string{"approval_events", "approval_bodies"}, func(ctx context.Context, f *pgdb.Filling) error {
		g := &approval.Register{}
		events := f.Table("approval_events", "seq", "body", "chain")
		var asked []int64
		if err := from.Rows(ctx, 0, func(r approval.Row) error {
			if err := g.Take(r); err != nil {
				return err
			}
			e, err := r.Event()
			if err != nil {
				return err
			}
			if e.Op == approval.OpAsk {
				asked = append(asked, e.Request)
			}
			return events.Add(ctx, r.Seq, r.Text, r.Chain[:])
		}); err != nil {
			return err
		}
		if err := events.Flush(ctx); err != nil {
			return err
		}
		bodies := f.Table("approval_bodies", "request", "body")
		for _, id := range asked {
			b, err := from.KeptBody(ctx, id)
			if err != nil {
				return err
			}
			if err := bodies.Add(ctx, id, b); err != nil {
				return err
			}
			if err := bodies.Flush(ctx); err != nil { // one at a time: they may be a megabyte each
				return err
			}
		}
		return f.Exec(ctx, `UPDATE approval_head SET seq = $1::bigint`, g.Head().Seq)
	})
	return done, wrap(err)
}
