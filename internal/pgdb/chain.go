package pgdb

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"charye/internal/chain"
)

// Chained is a history whose chain is kept in event_chains: that of a room in the shared table of events, or another table that is only ever added
// to. Its events must be numbered 1, 2, 3 … in the order of their commits, which whoever holds the row of its stream sees to.
type Chained struct {
	DB     *DB
	Stream string
	// Rows is a query of (seq, and the fields that are digested, as text) without its end; empty for the stream's events.
	Rows string
}

var _ chain.Keeper = Chained{}

// eventRows are the events of a stream, with all that they tell.
const eventRows = `SELECT seq, (extract(epoch FROM at) * 1000000)::bigint::text, kind, encode(person, 'hex'), encode(actor, 'hex'), channel, why, what::text
	FROM events WHERE stream = `

// chainAtOnce is how many events one transaction chains.
const chainAtOnce = 1000

func (c Chained) rows() string {
	if c.Rows != "" {
		return c.Rows
	}
	return eventRows + "'" + c.Stream + "'" // a word of the code
}

// ExtendChain implements [chain.Keeper]. Two nodes that do it at once write the same.
func (c Chained) ExtendChain(ctx context.Context) error {
	for more := true; more; {
		var err error
		if more, err = c.extend(ctx); err != nil {
			return fmt.Errorf("chain of %s: %w", c.Stream, Wrap(err))
		}
	}
	return nil
}

func (c Chained) extend(ctx context.Context) (more bool, err error) {
	var at int64
	var kept []byte
	err = c.DB.QueryRow(ctx, `SELECT seq, chain FROM event_chains WHERE stream = $1::text ORDER BY seq DESC LIMIT 1`, c.Stream).Scan(&at, &kept)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, err
	}
	var before chain.Hash
	copy(before[:], kept)
	list, err := c.read(ctx, at, chainAtOnce)
	if err != nil || len(list) == 0 {
		return false, err
	}
	seqs, chains := make([]int64, len(list)), make([][]byte, len(list))
	for i, r := range list {
		before = chain.Link(before, r.Seq, r.Digest)
		seqs[i], chains[i] = r.Seq, append([]byte(nil), before[:]...)
	}
	_, err = c.DB.Exec(ctx, `INSERT INTO event_chains (stream, seq, chain) SELECT $1::text, * FROM unnest($2::bigint[], $3::bytea[]) ON CONFLICT DO NOTHING`,
		c.Stream, seqs, chains)
	return len(list) == chainAtOnce, err
}

// read digests events after a number.
func (c Chained) read(ctx context.Context, after int64, limit int) (list []chain.Row, err error) {
	rows, err := c.DB.Query(ctx, `SELECT * FROM (`+c.rows()+`) AS r WHERE seq > $1::bigint ORDER BY seq LIMIT $2::bigint`, after, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r chain.Row, err error) {
		texts := make([]*string, len(row.FieldDescriptions())-1)
		to := []any{&r.Seq}
		for i := range texts {
			to = append(to, &texts[i])
		}
		if err := row.Scan(to...); err != nil {
			return r, err
		}
		fields := make([][]byte, len(texts))
		for i, s := range texts {
			if s != nil {
				fields[i] = append([]byte{}, *s...)
			}
		}
		r.Digest = chain.Digest(fields...)
		return r, nil
	})
}

// History implements [chain.Keeper].
func (c Chained) History(ctx context.Context, after int64, limit int) ([]chain.Row, error) {
	list, err := c.read(ctx, after, limit)
	if err != nil || len(list) == 0 {
		return nil, Wrap(err)
	}
	rows, err := c.DB.Query(ctx, `SELECT seq, chain FROM event_chains WHERE stream = $1::text AND seq > $2::bigint AND seq <= $3::bigint`,
		c.Stream, after, list[len(list)-1].Seq)
	if err != nil {
		return nil, Wrap(err)
	}
	kept := map[int64]chain.Hash{}
	var seq int64
	var b []byte
	if _, err := pgx.ForEachRow(rows, []any{&seq, &b}, func() error {
		var h chain.Hash
		copy(h[:], b)
		kept[seq] = h
		return nil
	}); err != nil {
		return nil, Wrap(err)
	}
	for i := range list {
		list[i].Kept = kept[list[i].Seq]
	}
	return list, nil
}

// Orphans implements [chain.Keeper].
func (c Chained) Orphans(ctx context.Context) ([]int64, error) {
	rows, err := c.DB.Query(ctx, `SELECT k.seq FROM event_chains k LEFT JOIN (`+c.rows()+`) AS r USING (seq) WHERE k.stream = $1::text AND r.seq IS NULL ORDER BY 1 LIMIT 10`, c.Stream)
	if err != nil {
		return nil, Wrap(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return list, Wrap(err)
}
