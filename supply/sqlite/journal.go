package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"charye/internal/chain"
	"charye/internal/durable"
	"charye/supply"
	"charye/supply/journal"
)

var _ journal.Store = (*Store)(nil)

var journalHistory = durable.History{Table: "journal", Columns: []string{"kind", "body"}}

// JournalChain is the chain over the journal.
func (s *Store) JournalChain() chain.Keeper { return durable.Chained{DB: s.db, Of: journalHistory} }

// Write implements [journal.Store].
func (s *Store) Write(ctx context.Context, e journal.Event) (out journal.Event, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx, err := s.db.W.BeginTx(ctx, nil)
	if err != nil {
		return out, fmt.Errorf("journal: %w", durable.Wrap(err))
	}
	defer tx.Rollback()
	if err := s.follow(ctx, tx); err != nil {
		return out, err
	}
	if err := s.readJournal(ctx, tx); err != nil {
		return out, err
	}
	if out, err = s.book.Decide(e, s.g.State); err != nil {
		return journal.Event{}, err
	}
	body, err := json.Marshal(out)
	if err == nil {
		_, err = tx.ExecContext(ctx, `INSERT INTO journal (seq, kind, body) VALUES (?, ?, ?)`, out.Seq, string(out.Kind), string(body))
	}
	if err == nil {
		err = follows(ctx, tx, &out)
	}
	if err == nil {
		_, err = journalHistory.Extend(ctx, tx)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		s.book = journal.NewBook() // it knows of an event that is not kept
		return journal.Event{}, fmt.Errorf("journal: %w", durable.Wrap(err))
	}
	return out, nil
}

// follows writes what follows from an event: which boxes are promised, which GLN is which site.
func follows(ctx context.Context, tx *sql.Tx, e *journal.Event) error {
	each := func(query string, n int, args func(i int) []any) error {
		st, err := tx.PrepareContext(ctx, query)
		for i := 0; err == nil && i < n; i++ {
			_, err = st.ExecContext(ctx, args(i)...)
		}
		if st != nil {
			err = errors.Join(err, st.Close())
		}
		return err
	}
	switch e.Kind {
	case journal.Settle:
		l := e.Departure.Loads
		return each(`INSERT INTO promise (box, settlement) VALUES (?, ?)`, len(l), func(i int) []any { return []any{int64(l[i].Box), e.Seq} })
	case journal.Withdraw:
		_, err := tx.ExecContext(ctx, `DELETE FROM promise WHERE settlement = ?`, e.Settlement)
		return err
	case journal.End:
		return each(`DELETE FROM promise WHERE box = ? AND settlement = ?`, len(e.Ended), func(i int) []any { return []any{int64(e.Ended[i].Box), e.Settlement} })
	case journal.GLNs:
		if _, err := tx.ExecContext(ctx, `DELETE FROM gln`); err != nil {
			return err
		}
		l := e.Table.Rows
		return each(`INSERT INTO gln (gln, site, imported) VALUES (?, ?, ?)`, len(l), func(i int) []any { return []any{int64(l[i].GLN), l[i].Site, e.Seq} })
	}
	return nil
}

// readJournal brings the book up to what is kept.
func (s *Store) readJournal(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT seq, body FROM journal WHERE seq > ? ORDER BY seq`, s.book.Seq())
	if err != nil {
		return fmt.Errorf("journal: %w", durable.Wrap(err))
	}
	for rows.Next() {
		e, err := scanEvent(rows)
		if err == nil {
			err = s.book.Replay(e)
		}
		if err != nil {
			s.book = journal.NewBook()
			return errors.Join(err, rows.Close())
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("journal: %w", durable.Wrap(err))
	}
	return nil
}

func scanEvent(rows *sql.Rows) (e journal.Event, err error) {
	var seq int64
	var body string
	if err := rows.Scan(&seq, &body); err != nil {
		return e, err
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return e, fmt.Errorf("event %d of the journal: %w", seq, err)
	}
	e.Seq = seq
	return e, nil
}

// Journal implements [journal.Store].
func (s *Store) Journal(ctx context.Context, after int64, yield func(journal.Event) error) error {
	return s.db.Each(ctx, "journal", func(rows *sql.Rows) error {
		e, err := scanEvent(rows)
		if err != nil {
			return err
		}
		return yield(e)
	}, `SELECT seq, body FROM journal WHERE seq > ? ORDER BY seq`, after)
}

// GLNs implements [journal.Store].
func (s *Store) GLNs(ctx context.Context) (list []journal.GLN, of int64, err error) {
	err = s.db.Each(ctx, "GLNs", func(rows *sql.Rows) error {
		var g int64
		var x journal.GLN
		if err := rows.Scan(&g, &x.Site, &of); err != nil {
			return err
		}
		x.GLN = supply.GLN(g)
		list = append(list, x)
		return nil
	}, `SELECT gln, site, imported FROM gln ORDER BY gln`)
	return list, of, err
}

// GLNsOf implements [journal.Store].
func (s *Store) GLNsOf(ctx context.Context) (of int64, err error) {
	err = s.db.R.QueryRowContext(ctx, `SELECT imported FROM gln LIMIT 1`).Scan(&of)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("GLNs: %w", durable.Wrap(err))
	}
	return of, nil
}

// Promised implements [journal.Store].
func (s *Store) Promised(ctx context.Context, yield func(box supply.SSCC, settlement int64) error) error {
	return s.db.Each(ctx, "promises", func(rows *sql.Rows) error {
		var box, settlement int64
		if err := rows.Scan(&box, &settlement); err != nil {
			return err
		}
		return yield(supply.SSCC(box), settlement)
	}, `SELECT box, settlement FROM promise ORDER BY box`)
}
