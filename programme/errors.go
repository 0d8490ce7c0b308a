package programme

import (
	"fmt"
	"strings"
)

// Error is one problem of a programme file.
type Error struct {
	File  string
	Line  int    // 1 …; 0 when the problem is of the file as a whole
	Field string // path such as campaigns[0].opens; empty when the problem is of the file as a whole
	Msg   string // what is wrong; what would be right
}

// Error gives "FILE:LINE: field: what is wrong; what would be right" on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	b.WriteString(": ")
	if e.Field != "" {
		b.WriteString(e.Field)
		b.WriteString(": ")
	}
	b.WriteString(e.Msg)
	return b.String()
}

// Errors are all problems of a programme file, by line. [Parse] returns no other kind of error.
type Errors []*Error

// Error gives one line per problem.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a single [*Error].
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, p := range e {
		out[i] = p
	}
	return out
}
