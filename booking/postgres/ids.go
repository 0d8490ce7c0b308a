package postgres

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"charye/internal/pgdb"
)

// How many ids a node takes at once; the n-th block begins at n × block + 1.
const (
	bookingBlock = 1 << 14
	eventBlock   = 1 << 20
)

// ids gives ids out of blocks that this node alone has, taken from a sequence: two nodes never give the same, and neither
// waits for the other. Ids of a node grow with time; what is not used is lost.
type ids struct {
	next  string // asks the sequence for the number of a block
	block int64

	mu       sync.Mutex
	from, to int64 // free: from … to-1
}

// span is a run of ids.
type span struct{ first, end int64 }

// take gives n ids in a row, at most a block.
func (i *ids) take(ctx context.Context, db *pgdb.DB, n int) (span, error) {
	if int64(n) > i.block {
		return span{}, fmt.Errorf("a batch needs %d ids, more than the %d of a block", n, i.block)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.to-i.from < int64(n) {
		var nth int64
		b := &pgx.Batch{}
		b.Queue(i.next).QueryRow(func(row pgx.Row) error { return row.Scan(&nth) })
		if _, err := db.Once(ctx, b); err != nil {
			return span{}, err
		}
		i.from, i.to = nth*i.block+1, (nth+1)*i.block+1
	}
	s := span{i.from, i.from + int64(n)}
	i.from = s.end
	return s, nil
}

// back gives the rest of a span back, from an id on, when nothing was taken since.
func (i *ids) back(s span, from int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.from == s.end {
		i.from = from
	}
}
