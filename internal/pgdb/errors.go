package pgdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"charye/internal/durable"
)

// SQLSTATEs, https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505"
	undefinedTable       = "42P01"
	diskFull             = "53100"
	idleInTransaction    = "25P03"
	lockNotAvailable     = "55P03" // lock_timeout
	queryCanceled        = "57014" // statement_timeout
	readOnly             = "25006" // a primary that became a standby, or was fenced
	mayNot               = "42501" // insufficient_privilege
	fatalClass           = "57P"   // the server or an operator ended the session
	noConnection         = "08"    // class
	noRoom               = "53"    // class: connections, memory, disk
)

// ErrNotOwner means that the tables have to be made or brought up to date, and that this role may not.
var ErrNotOwner = errors.New("the tables are not up to date and this role may not change them: run `charye prepare` with this version as their owner")

// Wrap gives the server's errors their meaning: a full disk there becomes [durable.ErrDiskFull]; others pass through. The
// text of a pgconn.PgError leaves out its detail, which would quote the row.
func Wrap(err error) error {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if ok && e.Code == diskFull {
		return fmt.Errorf("%w: %w", durable.ErrDiskFull, err)
	}
	return err
}

// Answered reports whether err is the server's own answer to a statement: it then committed nothing. An answer that ends the
// session is none, since it may have crossed with the commit.
func Answered(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code[:3] != fatalClass && e.Severity != "FATAL" && e.Severity != "PANIC"
}

// Again reports whether a transaction that ended so, without its commit being sent, is worth beginning anew at once: another
// got in its way, or its connection had died.
func Again(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case serializationFailure, deadlockDetected, uniqueViolation, idleInTransaction, readOnly:
			return true
		}
		return e.Code[:3] == fatalClass
	}
	return pgconn.SafeToRetry(err) || closed(err)
}

// Temporary reports whether the same transaction may succeed later, though perhaps not at once: whatever [Again] says, a server that is slow, full or
// away, and a lock that was not given in time.
func Temporary(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && len(e.Code) == 5 {
		return e.Code == lockNotAvailable || e.Code == queryCanceled || e.Code[:2] == noConnection || e.Code[:2] == noRoom || Again(err)
	}
	_, refused := errors.AsType[*pgconn.ConnectError](err)
	return refused || pgconn.Timeout(err) || errors.Is(err, context.DeadlineExceeded) || Again(err)
}

func isReadOnly(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == readOnly
}

// closed reports whether a connection that had been made ended under a statement.
func closed(err error) bool {
	if _, refused := errors.AsType[*pgconn.ConnectError](err); refused {
		return false
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
