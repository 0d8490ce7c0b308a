package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"charye/internal/chain"
	"charye/internal/pgdb"
	"charye/supply"
	"charye/supply/journal"
)

var _ journal.Store = (*Store)(nil)

// JournalChain is the chain over the journal.
func (s *Store) JournalChain() chain.Keeper {
	return pgdb.Chained{DB: s.db, Stream: "supply journal", Rows: `SELECT seq, kind, body FROM supply_journal`}
}

// Write implements [journal.Store].
func (s *Store) Write(ctx context.Context, e journal.Event) (journal.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for try := 1; ; try++ {
		out, sent, refused, err := s.write(ctx, e)
		switch {
		case refused != nil:
			return journal.Event{}, refused
		case err == nil:
			return out, nil
		}
		s.book = journal.NewBook() // it may know of an event that is not kept
		switch {
		case sent:
			return journal.Event{}, fmt.Errorf("%w: %w", journal.ErrUnknown, err)
		case try == tries || ctx.Err() != nil || !pgdb.Again(err):
			return journal.Event{}, wrap(err)
		}
	}
}

func (s *Store) write(ctx context.Context, e journal.Event) (out journal.Event, sent bool, refused, err error) {
	var verdicts []supply.Verdict
	var news []journal.Event
	first := &pgx.Batch{}
	var head int64
	first.Queue(`SELECT seq FROM supply_head FOR UPDATE`).QueryRow(func(row pgx.Row) error { return row.Scan(&head) })
	// Statements of their own: they see what was committed before the lock was given.
	first.Queue(`SELECT seq, body FROM supply_verdict WHERE seq > $1::bigint ORDER BY seq`, s.g.Seq()).Query(func(rows pgx.Rows) error {
		return each(rows, func(one supply.Verdict) error { verdicts = append(verdicts, one); return nil })
	})
	first.Queue(`SELECT seq, body FROM supply_journal WHERE seq > $1::bigint ORDER BY seq`, s.book.Seq()).Query(func(rows pgx.Rows) error {
		return eachEvent(rows, func(one journal.Event) error { news = append(news, one); return nil })
	})
	tx, err := s.db.Begin(ctx, first, !pgdb.Long)
	if err != nil {
		return out, false, nil, err
	}
	defer tx.End()
	if refused = s.g.Replay(verdicts); refused != nil {
		s.g = supply.NewRegister()
		return out, false, refused, nil
	}
	if refused = s.book.Replay(news...); refused != nil {
		s.book = journal.NewBook()
		return out, false, refused, nil
	}
	if out, refused = s.book.Decide(e, s.g.State); refused != nil {
		return out, false, refused, nil
	}
	body, err := json.Marshal(out)
	if err != nil {
		return out, false, nil, err
	}
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO supply_journal (seq, kind, body) VALUES ($1::bigint, $2::text, $3::text)`, out.Seq, string(out.Kind), string(body))
	follows(b, &out)
	err = tx.Commit(ctx, b)
	return out, tx.Sent, nil, err
}

// follows writes what follows from an event: which boxes are promised, which GLN is which site.
func follows(b *pgx.Batch, e *journal.Event) {
	switch e.Kind {
	case journal.Settle:
		boxes := make([]int64, len(e.Departure.Loads))
		for i := range boxes {
			boxes[i] = int64(e.Departure.Loads[i].Box)
		}
		b.Queue(`INSERT INTO supply_promise (box, settlement) SELECT unnest($1::bigint[]), $2::bigint`, boxes, e.Seq)
	case journal.Withdraw:
		b.Queue(`DELETE FROM supply_promise WHERE settlement = $1::bigint`, e.Settlement)
	case journal.End:
		boxes := make([]int64, len(e.Ended))
		for i := range boxes {
			boxes[i] = int64(e.Ended[i].Box)
		}
		b.Queue(`DELETE FROM supply_promise WHERE box = ANY($1::bigint[]) AND settlement = $2::bigint`, boxes, e.Settlement)
	case journal.GLNs:
		glns, sites := make([]int64, len(e.Table.Rows)), make([]string, len(e.Table.Rows))
		for i, g := range e.Table.Rows {
			glns[i], sites[i] = int64(g.GLN), g.Site
		}
		b.Queue(`DELETE FROM supply_gln`)
		b.Queue(`INSERT INTO supply_gln (gln, site, imported) SELECT g, s, $3::bigint FROM unnest($1::bigint[], $2::text[]) AS t (g, s)`, glns, sites, e.Seq)
	}
}

func eachEvent(rows pgx.Rows, yield func(journal.Event) error) error {
	var seq int64
	var body string
	_, err := pgx.ForEachRow(rows, []any{&seq, &body}, func() error {
		var e journal.Event
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			return fmt.Errorf("event %d of the journal: %w", seq, err)
		}
		e.Seq = seq
		return yield(e)
	})
	return err
}

// Journal implements [journal.Store].
func (s *Store) Journal(ctx context.Context, after int64, yield func(journal.Event) error) error {
	rows, err := s.db.Query(ctx, `SELECT seq, body FROM supply_journal WHERE seq > $1::bigint ORDER BY seq`, after)
	if err != nil {
		return wrap(err)
	}
	return eachEvent(rows, yield)
}

// GLNs implements [journal.Store].
func (s *Store) GLNs(ctx context.Context) (list []journal.GLN, of int64, err error) {
	rows, err := s.db.Query(ctx, `SELECT gln, site, imported FROM supply_gln ORDER BY gln`)
	if err != nil {
		return nil, 0, wrap(err)
	}
	var g int64
	var at string
	_, err = pgx.ForEachRow(rows, []any{&g, &at, &of}, func() error {
		list = append(list, journal.GLN{GLN: supply.GLN(g), Site: at})
		return nil
	})
	return list, of, wrap(err)
}

// GLNsOf implements [journal.Store].
func (s *Store) GLNsOf(ctx context.Context) (of int64, err error) {
	err = s.db.QueryRow(ctx, `SELECT imported FROM supply_gln LIMIT 1`).Scan(&of)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return of, wrap(err)
}

// Promised implements [journal.Store].
func (s *Store) Promised(ctx context.Context, yield func(box supply.SSCC, settlement int64) error) error {
	rows, err := s.db.Query(ctx, `SELECT box, settlement FROM supply_promise ORDER BY box`)
	if err != nil {
		return wrap(err)
	}
	var box, settlement int64
	_, err = pgx.ForEachRow(rows, []any{&box, &settlement}, func() error { return yield(supply.SSCC(box), settlement) })
	return err
}

// fillJournal takes over the journal of another store with its numbers, what is promised by it, and its table of GLNs.
func fillJournal(ctx context.Context, f *pgdb.Filling, from journal.Store) error {
	book := journal.NewBook()
	events := f.Table("supply_journal", "seq", "kind", "body")
	if err := from.Journal(ctx, 0, func(e journal.Event) error {
		if err := book.Replay(e); err != nil {
			return err
		}
		body, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return events.Add(ctx, e.Seq, string(e.Kind), string(body))
	}); err != nil {
		return err
	}
	if err := events.Flush(ctx); err != nil {
		return err
	}
	promises := f.Table("supply_promise", "box", "settlement")
	if err := from.Promised(ctx, func(box supply.SSCC, settlement int64) error {
		if s, ok := book.Promised(box); !ok || s.ID != settlement {
			return fmt.Errorf("box %s is held for settlement %d, which the journal does not say", box, settlement)
		}
		return promises.Add(ctx, int64(box), settlement)
	}); err != nil {
		return err
	}
	if err := promises.Flush(ctx); err != nil {
		return err
	}
	list, of, err := from.GLNs(ctx)
	if err != nil {
		return err
	}
	glns := f.Table("supply_gln", "gln", "site", "imported")
	for _, g := range list {
		if err := glns.Add(ctx, int64(g.GLN), g.Site, of); err != nil {
			return err
		}
	}
	return glns.Flush(ctx)
}
