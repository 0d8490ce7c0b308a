package person

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

	"charye/internal/civil"
)

const (
	maxRosterLine = 4096 // bytes
	maxIdentity   = 64   // bytes of an identity number as written
)

// RosterOption adjusts [ReadRoster].
type RosterOption func(*rosterReader)

// InNamespace reads the roster's subjects in another namespace than [NamespaceCI]: the one of the providers that deliver
// them.
func InNamespace(namespace string) RosterOption {
	return func(r *rosterReader) { r.namespace = namespace }
}

// ReadRoster reads a roster as a stream, plain or gzip: UTF-8 CSV with the header
//
//	subject,identity,born
//
// subject is what the identity provider will give for this person, identity an identity number by which a helper can
// name them (may be empty), born YYYY-MM-DD. Subjects and numbers become keys and indexes here and go no further.
//
// The first wrong line ends the stream with a [*FileError] that names line and field and quotes nothing; given to
// [Store.ReplaceRoster], that refuses the file whole. A file without people is wrong. Memory does not grow with the file.
func ReadRoster(name string, r io.Reader, k *Keyer, opts ...RosterOption) iter.Seq2[Identity, error] {
	rr := &rosterReader{file: name, keyer: k, namespace: NamespaceCI}
	for _, o := range opts {
		o(rr)
	}
	return func(yield func(Identity, error) bool) {
		stopped, err := rr.read(r, func(id Identity) bool { return yield(id, nil) })
		if err != nil && !stopped {
			yield(Identity{}, err)
		}
	}
}

type rosterReader struct {
	file      string
	keyer     *Keyer
	namespace string
}

func (rr *rosterReader) wrong(line int, field, problem string) error {
	return &FileError{File: rr.file, Line: line, Field: field, Problem: problem}
}

// read reports stopped when the taker wanted no more.
func (rr *rosterReader) read(r io.Reader, take func(Identity) bool) (stopped bool, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return false, rr.wrong(0, "", "is not a whole gzip file")
		}
		in = bufio.NewReaderSize(z, 1<<16)
	}
	if mark, _ := in.Peek(3); string(mark) == "\ufeff" {
		_, _ = in.Discard(3)
	}
	c := csv.NewReader(&shortLines{in: in})
	c.ReuseRecord, c.FieldsPerRecord = true, 3
	head, err := c.Read()
	switch {
	case errors.Is(err, io.EOF):
		return false, rr.wrong(0, "", "is empty; want the header subject,identity,born")
	case err != nil && !errors.Is(err, csv.ErrFieldCount):
		return false, rr.problem(err)
	case err != nil || head[0] != "subject" || head[1] != "identity" || head[2] != "born":
		return false, rr.wrong(1, "", "want the header subject,identity,born")
	}
	for people := 0; ; people++ {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			if people == 0 {
				return false, rr.wrong(0, "", "has no people in it")
			}
			return false, nil
		}
		if err != nil {
			return false, rr.problem(err)
		}
		id, field, problem := rr.row(row)
		if problem != "" {
			line, _ := c.FieldPos(field)
			return false, rr.wrong(line, [...]string{"subject", "identity", "born"}[field], problem)
		}
		if !take(id) {
			return true, nil
		}
	}
}

// row gives the identity of a row, or the field at fault and why.
func (rr *rosterReader) row(row []string) (id Identity, field int, problem string) {
	subject, number, born := row[0], row[1], row[2]
	switch {
	case subject == "":
		return id, 0, "is empty"
	case len(subject) > maxSubject:
		return id, 0, fmt.Sprintf("is longer than %d bytes", maxSubject)
	case !utf8.ValidString(subject):
		return id, 0, "is not UTF-8"
	case len(number) > maxIdentity:
		return id, 1, fmt.Sprintf("is longer than %d bytes", maxIdentity)
	case !utf8.ValidString(number):
		return id, 1, "is not UTF-8"
	}
	d, err := civil.Parse(born)
	if err != nil {
		return id, 2, "want a date, YYYY-MM-DD"
	}
	id = Identity{Key: rr.keyer.Key(rr.namespace, subject), Born: d}
	if list := rr.keyer.IdentityIndexes(number); list != nil {
		id.Index, id.Layer = list[0].Value, list[0].Layer
	}
	if number != "" && id.Index == ([16]byte{}) {
		return id, 1, "has neither letters nor digits"
	}
	return id, 0, ""
}

// problem gives reading errors their line.
func (rr *rosterReader) problem(err error) error {
	if pe, ok := errors.AsType[*csv.ParseError](err); ok {
		if errors.Is(err, csv.ErrFieldCount) {
			return rr.wrong(pe.StartLine, "", "want three fields: subject,identity,born")
		}
		return rr.wrong(pe.Line, "", fmt.Sprintf("column %d: %v", pe.Column, pe.Err))
	}
	if le, ok := errors.AsType[*longLineError](err); ok {
		return rr.wrong(le.line, "", fmt.Sprintf("is longer than %d bytes", maxRosterLine))
	}
	return fmt.Errorf("%s: %w", rr.file, err)
}

// shortLines passes bytes on and refuses lines that no roster has, so that a file without line ends is not read into
// memory whole.
type shortLines struct {
	in   *bufio.Reader
	line int // lines ended so far
	n    int // bytes of the present line so far
}

type longLineError struct{ line int }

func (e *longLineError) Error() string { return fmt.Sprintf("line %d is too long", e.line) }

func (s *shortLines) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			end = len(rest)
		}
		if s.n += end; s.n > maxRosterLine {
			return 0, &longLineError{line: s.line + 1}
		}
		if end == len(rest) {
			break
		}
		s.line, s.n, rest = s.line+1, 0, rest[end+1:]
	}
	return n, err
}
