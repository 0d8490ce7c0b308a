package person

import "fmt"

// FileError says what is wrong with a file that was refused whole: the first wrong line and field. It never quotes
// values of a roster: those are personal data.
type FileError struct {
	File    string
	Line    int    // from 1; 0 when the whole file is meant
	Field   string // empty when the whole line is meant
	Problem string
}

func (e *FileError) Error() string {
	s := e.File
	if e.Line > 0 {
		s = fmt.Sprintf("%s:%d", s, e.Line)
	}
	if e.Field != "" {
		s += ": " + e.Field
	}
	return s + ": " + e.Problem
}
