// Package postgres is the engine of [supply.Verdicts], [supply.Alarms] and [journal.Store] for many nodes: tables in a PostgreSQL database.
//
// It owns those tables. It decides nothing: under a lock it replays what is kept, asks [supply.Register.Decide] or [journal.Book.Decide], and keeps what
// came out.
package postgres

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"charye/internal/pgdb"
	"charye/supply"
	"charye/supply/journal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Kept are the tables that a serving role only adds to.
var Kept = pgdb.Kept{"supply_verdict": nil, "supply_alarm": nil, "supply_journal": nil}

// Store is the engine. Safe for concurrent use, by any number of nodes.
type Store struct {
	db   *pgdb.DB
	mu   sync.Mutex
	g    *supply.Register // all that is kept up to its Seq
	book *journal.Book    // the same of the journal
}

var _ supply.Verdicts = (*Store)(nil)

// Open connects to the database at url and brings the tables of verdicts up to date.
func Open(ctx context.Context, url string) (*Store, error) {
	db, err := pgdb.Open(ctx, url, "supply", migrations)
	if err != nil {
		return nil, err
	}
	return &Store{db: db, g: supply.NewRegister(), book: journal.NewBook()}, nil
}

// Close ends all connections.
func (s *Store) Close() error { return s.db.Close() }

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("verdict: %w", pgdb.Wrap(err))
}

// tries is how often a verdict is begun when its connection turns out to be dead.
const tries = 3

// Decide implements [supply.Verdicts].
func (s *Store) Decide(ctx context.Context, v supply.Verdict) (supply.Verdict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for try := 1; ; try++ {
		out, sent, refused, err := s.decide(ctx, v)
		switch {
		case refused != nil:
			return supply.Verdict{}, refused
		case err == nil:
			return out, nil
		}
		s.g = supply.NewRegister() // it may know of a verdict that is not kept
		switch {
		case sent:
			return supply.Verdict{}, fmt.Errorf("%w: %w", supply.ErrVerdictUnknown, err)
		case try == tries || ctx.Err() != nil || !pgdb.Again(err):
			return supply.Verdict{}, wrap(err)
		}
	}
}

func (s *Store) decide(ctx context.Context, v supply.Verdict) (out supply.Verdict, sent bool, refused, err error) {
	var news []supply.Verdict
	first := &pgx.Batch{}
	var head int64
	first.Queue(`SELECT seq FROM supply_head FOR UPDATE`).QueryRow(func(row pgx.Row) error { return row.Scan(&head) })
	// A statement of its own: it sees what was committed before the lock was given.
	first.Queue(`SELECT seq, body FROM supply_verdict WHERE seq > $1::bigint ORDER BY seq`, s.g.Seq()).Query(func(rows pgx.Rows) error {
		return each(rows, func(one supply.Verdict) error { news = append(news, one); return nil })
	})
	tx, err := s.db.Begin(ctx, first, !pgdb.Long)
	if err != nil {
		return out, false, nil, err
	}
	defer tx.End()
	if refused = s.g.Replay(news); refused != nil {
		s.g = supply.NewRegister()
		return out, false, refused, nil
	}
	if out, refused = s.g.Decide(v); refused != nil {
		return out, false, refused, nil
	}
	body, err := json.Marshal(out)
	if err != nil {
		return out, false, nil, err
	}
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO supply_verdict (seq, body) VALUES ($1::bigint, $2::text)`, out.Seq, string(body))
	b.Queue(`UPDATE supply_head SET seq = $1::bigint`, out.Seq)
	err = tx.Commit(ctx, b)
	return out, tx.Sent, nil, err
}

func each(rows pgx.Rows, yield func(supply.Verdict) error) error {
	var seq int64
	var body string
	_, err := pgx.ForEachRow(rows, []any{&seq, &body}, func() error {
		var v supply.Verdict
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			return fmt.Errorf("verdict %d: %w", seq, err)
		}
		v.Seq = seq
		return yield(v)
	})
	return err
}

// Verdicts implements [supply.Verdicts].
func (s *Store) Verdicts(ctx context.Context, after int64, yield func(supply.Verdict) error) error {
	rows, err := s.db.Query(ctx, `SELECT seq, body FROM supply_verdict WHERE seq > $1::bigint ORDER BY seq`, after)
	if err != nil {
		return wrap(err)
	}
	return each(rows, yield)
}

// Fill takes over the verdicts of another store, and its alarms and journal where it has them; see [pgdb.DB.Import]. They must follow from one another.
func (s *Store) Fill(ctx context.Context, source string, from supply.Verdicts) (done bool, err error) {
	done, err = s.db.Import(ctx, "verdicts", source, []string{"supply_verdict", "supply_alarm", "supply_alarm_cleared", "supply_plan", "supply_journal", "supply_promise", "supply_gln"}, func(ctx context.Context, f *pgdb.Filling) error {
		g := supply.NewRegister()
		t := f.Table("supply_verdict", "seq", "body")
		if err := from.Verdicts(ctx, 0, func(v supply.Verdict) error {
			if err := g.Replay([]supply.Verdict{v}); err != nil {
				return err
			}
			body, err := json.Marshal(v)
			if err != nil {
				return err
			}
			return t.Add(ctx, v.Seq, string(body))
		}); err != nil {
			return err
		}
		if err := t.Flush(ctx); err != nil {
			return err
		}
		if alarms, ok := from.(supply.Alarms); ok {
			if err := fillAlarms(ctx, f, alarms); err != nil {
				return err
			}
		}
		if j, ok := from.(journal.Store); ok {
			if err := fillJournal(ctx, f, j); err != nil {
				return err
			}
		}
		return f.Exec(ctx, `UPDATE supply_head SET seq = $1::bigint`, g.Seq())
	})
	return done, wrap(err)
}
