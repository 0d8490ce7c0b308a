package sqlite

import "fmt"

// LimitPages lets the file grow by so many pages and no more; a negative number lifts the limit.
func (l *Ledger) LimitPages(pages int) error {
	limit := 1 << 30
	if pages >= 0 {
		var now int
		if err := l.db.W.QueryRow("PRAGMA page_count").Scan(&now); err != nil {
			return err
		}
		limit = now + pages
	}
	var set int
	return l.db.W.QueryRow(fmt.Sprintf("PRAGMA max_page_count = %d", limit)).Scan(&set)
}

// Exec runs a statement past everything that guards the tables.
func (l *Ledger) Exec(query string, args ...any) error {
	_, err := l.db.W.Exec(query, args...)
	return err
}

// Sync tells how far a commit reaches: 2 is FULL.
func (l *Ledger) Sync() (mode string, sync int, err error) {
	if err := l.db.W.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil {
		return "", 0, err
	}
	err = l.db.W.QueryRow("PRAGMA synchronous").Scan(&sync)
	return mode, sync, err
}
