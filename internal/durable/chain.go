package durable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"charye/internal/chain"
)

// History is a table of events (a column seq, 1, 2, 3 …, and others) whose chain is kept in a table of its own beside it, named like it with _chain
// behind: (seq INTEGER PRIMARY KEY, chain BLOB). Columns are what is digested, in this order, as text.
type History struct {
	Table   string
	Columns []string
}

// chainAtOnce is how many events one transaction chains.
const chainAtOnce = 1000

func (h History) columns() string { return "e." + strings.Join(h.Columns, ", e.") }

// Extend chains the events that have no chain yet, at most some hundreds: it is called in the transaction that adds events, so that they are chained
// when they are there. more tells that others are left, of a version before.
func (h History) Extend(ctx context.Context, tx *sql.Tx) (more bool, err error) {
	var at int64
	var kept []byte
	err = tx.QueryRowContext(ctx, `SELECT seq, chain FROM `+h.Table+`_chain ORDER BY seq DESC LIMIT 1`).Scan(&at, &kept)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	var before chain.Hash
	copy(before[:], kept)
	rows, err := tx.QueryContext(ctx, `SELECT e.seq, NULL, `+h.columns()+` FROM `+h.Table+` e WHERE e.seq > ? ORDER BY e.seq LIMIT ?`, at, chainAtOnce)
	if err != nil {
		return false, err
	}
	list, err := h.scan(rows)
	if err != nil {
		return false, err
	}
	for _, r := range list {
		before = chain.Link(before, r.Seq, r.Digest)
		if _, err := tx.ExecContext(ctx, `INSERT INTO `+h.Table+`_chain (seq, chain) VALUES (?, ?)`, r.Seq, before[:]); err != nil {
			return false, err
		}
	}
	return len(list) == chainAtOnce, nil
}

func (h History) scan(rows *sql.Rows) (list []chain.Row, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	fields := make([]sql.RawBytes, len(h.Columns))
	for rows.Next() {
		var r chain.Row
		var kept sql.RawBytes
		to := []any{&r.Seq, &kept}
		for i := range fields {
			to = append(to, &fields[i])
		}
		if err := rows.Scan(to...); err != nil {
			return nil, err
		}
		copy(r.Kept[:], kept)
		b := make([][]byte, len(fields))
		for i, f := range fields {
			b[i] = f
		}
		r.Digest = chain.Digest(b...)
		list = append(list, r)
	}
	return list, rows.Err()
}

// Chained is a history with its database. Safe for concurrent use.
type Chained struct {
	DB *DB
	Of History
}

var _ chain.Keeper = Chained{}

// ExtendChain implements [chain.Keeper].
func (c Chained) ExtendChain(ctx context.Context) error {
	for more := true; more; {
		tx, err := c.DB.W.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("chain: %w", Wrap(err))
		}
		if more, err = c.Of.Extend(ctx, tx); err != nil {
			return fmt.Errorf("chain: %w", Wrap(errors.Join(err, tx.Rollback())))
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("chain: %w", Wrap(err))
		}
	}
	return nil
}

// History implements [chain.Keeper].
func (c Chained) History(ctx context.Context, after int64, limit int) ([]chain.Row, error) {
	rows, err := c.DB.R.QueryContext(ctx, `SELECT e.seq, k.chain, `+c.Of.columns()+` FROM `+c.Of.Table+` e LEFT JOIN `+c.Of.Table+`_chain k USING (seq)
		WHERE e.seq > ? ORDER BY e.seq LIMIT ?`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("chain: %w", Wrap(err))
	}
	list, err := c.Of.scan(rows)
	return list, Wrap(err)
}

// Orphans implements [chain.Keeper].
func (c Chained) Orphans(ctx context.Context) (list []int64, err error) {
	err = c.DB.Each(ctx, "chain", func(rows *sql.Rows) error {
		var seq int64
		err := rows.Scan(&seq)
		list = append(list, seq)
		return err
	}, `SELECT seq FROM `+c.Of.Table+`_chain WHERE seq NOT IN (SELECT seq FROM `+c.Of.Table+`) ORDER BY seq LIMIT 10`)
	return list, err
}
