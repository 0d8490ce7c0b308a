package pgdb

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"charye/internal/durable"
)

func TestMeaningOfErrors(t *testing.T) {
	t.Parallel()
	pg := func(code, severity string) error {
		return fmt.Errorf("batch: %w", &pgconn.PgError{Code: code, Severity: severity})
	}
	for _, c := range []struct {
		name            string
		err             error
		again, answered bool
	}{
		{"serialization failure", pg("40001", "ERROR"), true, true},
		{"deadlock", pg("40P01", "ERROR"), true, true},
		{"taken key", pg("23505", "ERROR"), true, true},
		{"more than there is", pg("23514", "ERROR"), false, true},
		{"waited too long for the lock", pg("55P03", "ERROR"), false, true},
		{"standby", pg("25006", "ERROR"), true, true},
		{"paused too long", pg("25P03", "FATAL"), true, false},
		{"ended by the operator", pg("57P01", "FATAL"), true, false},
		{"server starting", pg("57P03", "FATAL"), true, false},
		{"server broken", pg("XX000", "PANIC"), false, false},
		{"connection ended", fmt.Errorf("read: %w", io.ErrUnexpectedEOF), true, false},
		{"connection reset", fmt.Errorf("read: %w", syscall.ECONNRESET), true, false},
		{"anything else", errors.New("else"), false, false},
		{"no error", nil, false, false},
	} {
		if again, answered := Again(c.err), Answered(c.err); again != c.again || answered != c.answered {
			t.Errorf("%s: again %v, answered %v; want %v, %v", c.name, again, answered, c.again, c.answered)
		}
	}
	if err := Wrap(pg("53100", "ERROR")); !errors.Is(err, durable.ErrDiskFull) {
		t.Errorf("a full disk is %v", err)
	}
	if err := pg("23505", "ERROR"); Wrap(err) != err { //nolint:errorlint // the same error, not one like it
		t.Error("another error did not pass as it is")
	}
}
