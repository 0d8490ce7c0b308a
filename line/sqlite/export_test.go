package sqlite

import "database/sql"

// SetCommit puts f in the place of each transaction's commit; nil puts the real one back.
func (l *Line) SetCommit(f func(*sql.Tx) error) {
	if f == nil {
		f = (*sql.Tx).Commit
	}
	l.commit = f
}

// DB gives the writing connection.
func (l *Line) DB() *sql.DB { return l.db.W }
