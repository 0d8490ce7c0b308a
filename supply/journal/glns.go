package journal

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"charye/supply"
)

// GLN says which site a global location number stands for. Several numbers may stand for one site, one number for one site only.
type GLN struct {
	GLN  supply.GLN
	Site string // its id
}

// Table is a table of GLNs as it was imported.
type Table struct {
	File  string `json:"file"`  // SHA-256 of the file, in hexadecimal
	Count int    `json:"count"` // of its rows
	Seal  string `json:"rows"`  // of its rows, see [SealOf]
	Rows  []GLN  `json:"-"`     // kept in a table of their own
}

// MaxGLNs is how many rows a table may have.
const MaxGLNs = 1_000_000

// NewTable is the table of a file.
func NewTable(file []byte, rows []GLN) *Table {
	sum := sha256.Sum256(file)
	return &Table{File: hex.EncodeToString(sum[:]), Count: len(rows), Seal: SealOf(rows), Rows: rows}
}

// SealOf is the SHA-256 of rows in the order of their GLNs, each as GLN, comma, site and line feed, in hexadecimal: who has the rows can say whether they are those
// that were imported.
func SealOf(rows []GLN) string {
	list := slices.Clone(rows)
	slices.SortFunc(list, func(a, b GLN) int { return cmp.Compare(a.GLN, b.GLN) })
	h := sha256.New()
	for _, g := range list {
		_, _ = fmt.Fprintf(h, "%s,%s\n", g.GLN, g.Site) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}

// checkTable refuses what is no table. Without its rows, as when it is replayed, what was sealed is taken as it is.
func checkTable(t *Table) error {
	switch {
	case t == nil || t.File == "" || t.Seal == "" || t.Count < 0 || t.Count > MaxGLNs:
		return fmt.Errorf("%w: want a table of at most %d GLNs with the digest of its file", ErrEvent, MaxGLNs)
	case t.Rows == nil:
		return nil
	case len(t.Rows) != t.Count || t.Seal != SealOf(t.Rows):
		return fmt.Errorf("%w: the table does not have the rows that it says", ErrEvent)
	}
	seen := make(map[supply.GLN]string, len(t.Rows))
	for _, g := range t.Rows {
		switch {
		case g.GLN == 0 || g.Site == "":
			return fmt.Errorf("%w: a row without GLN or site", ErrEvent)
		case seen[g.GLN] != "":
			return fmt.Errorf("%w: GLN %s stands for site %s and for site %s; want one", ErrEvent, g.GLN, seen[g.GLN], g.Site)
		}
		seen[g.GLN] = g.Site
	}
	return nil
}

// Store keeps the events of a [Book]: numbered from 1 without gaps, only ever added to. Its methods are safe for concurrent use, and, where nodes share a store,
// from any of them. supply/supplytest proves what every engine must do.
type Store interface {
	// Write takes an event in, by all that were before and by the verdicts of the same store, and keeps it, with what it promises or the rows of its table, in one
	// transaction: what is returned is durable. What [Book.Decide] refuses is returned as it is, and nothing was kept.
	Write(ctx context.Context, e Event) (Event, error)
	// Journal calls yield for the events after a number, in order. An error of yield ends it. Tables come without their rows.
	Journal(ctx context.Context, after int64, yield func(Event) error) error
	// GLNs gives the table that was imported last, by GLN, and the number of that event; 0 where the table is empty.
	GLNs(ctx context.Context) (rows []GLN, of int64, err error)
	// GLNsOf gives that number alone.
	GLNsOf(ctx context.Context) (int64, error)
	// Promised calls yield for each box that the store holds for a settlement, by box. It is what a [Book] of all events promises.
	Promised(ctx context.Context, yield func(box supply.SSCC, settlement int64) error) error
}

// ErrUnknown means that the store was lost while an event was being committed: whether it is kept must be looked up.
var ErrUnknown = errors.New("the store was lost while something was being settled: whether it is kept is not known")

// Read reads all events and gives the book that they make.
func Read(ctx context.Context, from Store) (*Book, error) {
	b := NewBook()
	err := from.Journal(ctx, 0, func(e Event) error { return b.Replay(e) })
	return b, err
}
