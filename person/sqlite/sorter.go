package sqlite

import (
	"bufio"
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"sort"
	"syscall"

	"charye/internal/durable"
)

// rowSize is an identity as it is sorted and kept: identity index, person key, date of birth.
const (
	indexSize = 16
	keySize   = 16
	rowSize   = indexSize + keySize + 4
)

type row [rowSize]byte

func (r *row) index() []byte { return r[:indexSize] }
func (r *row) key() []byte   { return r[indexSize : indexSize+keySize] }

// sorter orders any number of fixed-size records with the memory of one chunk: full chunks are sorted and spilled to a
// temporary file, and merged when read. R is an array of bytes; bytes gives its content.
type sorter[R any] struct {
	chunk []R
	most  int
	bytes func(*R) []byte
	dir   string
	file  *os.File
	runs  []int64 // where each spilled run ends in the file
}

func newSorter[R any](dir string, most int, bytes func(*R) []byte) *sorter[R] {
	return &sorter[R]{dir: dir, most: most, bytes: bytes}
}

func (s *sorter[R]) add(r R) error {
	if len(s.chunk) == s.most {
		if err := s.spill(); err != nil {
			if errors.Is(err, syscall.ENOSPC) {
				err = fmt.Errorf("%w: %w", durable.ErrDiskFull, err)
			}
			return fmt.Errorf("temporary file: %w", err)
		}
	}
	s.chunk = append(s.chunk, r)
	return nil
}

// order sorts the chunk in place. It compares through pointers into the chunk: records handed over by value would
// each be allocated.
func (s *sorter[R]) order() { sort.Sort(byBytes[R]{s.chunk, s.bytes}) }

type byBytes[R any] struct {
	all   []R
	bytes func(*R) []byte
}

func (b byBytes[R]) Len() int { return len(b.all) }
func (b byBytes[R]) Less(i, j int) bool {
	return bytes.Compare(b.bytes(&b.all[i]), b.bytes(&b.all[j])) < 0
}
func (b byBytes[R]) Swap(i, j int) { b.all[i], b.all[j] = b.all[j], b.all[i] }

func (s *sorter[R]) spill() error {
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, ".roster-*.tmp")
		if err != nil {
			return err
		}
		s.file = f
		// Where the system allows it the name goes at once, so that even a killed import leaves nothing behind.
		_ = os.Remove(f.Name())
	}
	s.order()
	w := bufio.NewWriterSize(s.file, 1<<20)
	for i := range s.chunk {
		if _, err := w.Write(s.bytes(&s.chunk[i])); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	end, err := s.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, end)
	s.chunk = s.chunk[:0]
	return nil
}

// sorted streams all records in ascending order without duplicates. It may be called once, after the last add.
func (s *sorter[R]) sorted() iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		s.order()
		h := &merge[R]{bytes: s.bytes}
		var start int64
		for _, end := range s.runs {
			h.runs = append(h.runs, &run[R]{r: bufio.NewReaderSize(io.NewSectionReader(s.file, start, end-start), 1<<16)})
			start = end
		}
		h.runs = append(h.runs, &run[R]{rest: s.chunk})
		for i := 0; i < len(h.runs); {
			more, err := h.runs[i].next(s.bytes)
			if err != nil {
				yield(*new(R), err)
				return
			}
			if more {
				i++
				continue
			}
			h.runs = slices.Delete(h.runs, i, i+1)
		}
		heap.Init(h)
		var last R
		for first := true; len(h.runs) > 0; {
			at := h.runs[0]
			if first || !bytes.Equal(s.bytes(&last), s.bytes(&at.at)) {
				last, first = at.at, false
				if !yield(last, nil) {
					return
				}
			}
			switch more, err := at.next(s.bytes); {
			case err != nil:
				yield(*new(R), err)
				return
			case more:
				heap.Fix(h, 0)
			default:
				heap.Pop(h)
			}
		}
	}
}

// close gives back the temporary file.
func (s *sorter[R]) close() {
	if s.file != nil {
		_ = s.file.Close()
		_ = os.Remove(s.file.Name()) // usually gone already
	}
}

// run is one sorted run, in the file or in memory, at its present record.
type run[R any] struct {
	at   R
	r    *bufio.Reader
	rest []R
}

func (r *run[R]) next(bytes func(*R) []byte) (more bool, err error) {
	if r.r == nil {
		if len(r.rest) == 0 {
			return false, nil
		}
		r.at, r.rest = r.rest[0], r.rest[1:]
		return true, nil
	}
	switch _, err := io.ReadFull(r.r, bytes(&r.at)); {
	case errors.Is(err, io.EOF):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read temporary file: %w", err)
	}
	return true, nil
}

type merge[R any] struct {
	runs  []*run[R]
	bytes func(*R) []byte
}

func (m *merge[R]) Len() int { return len(m.runs) }
func (m *merge[R]) Less(i, j int) bool {
	return bytes.Compare(m.bytes(&m.runs[i].at), m.bytes(&m.runs[j].at)) < 0
}
func (m *merge[R]) Swap(i, j int) { m.runs[i], m.runs[j] = m.runs[j], m.runs[i] }
func (m *merge[R]) Push(x any)    { m.runs = append(m.runs, x.(*run[R])) }
func (m *merge[R]) Pop() any {
	n := len(m.runs) - 1
	x := m.runs[n]
	m.runs = m.runs[:n]
	return x
}
