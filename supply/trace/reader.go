package trace

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"charye/supply/epcis"
)

// Mark is how far a reader has read.
type Mark struct {
	Recorded time.Time
	Seq      int64
	ID       string // of the event
}

// Source is the part of [epcis.Store] that a reader follows.
type Source interface {
	Events(ctx context.Context, q epcis.Query) (epcis.Page, error)
}

// Reader keeps what every event said, in some 200 bytes each. It is for one goroutine.
type Reader struct {
	names    names
	events   []told // in the order of their record
	things   []name // of all events, one after the other
	portions []portion
	declared []declared      // to be wrong, in the order of their record
	wrong    map[string]bool // the same, by ID
	last     Mark

	order  []uint32 // events in the order of their own time
	judged int      // so many declarations of wrong are marked in the events
	marked int      // up to this event
}

// declared is an event that is declared to be wrong.
type declared struct {
	id  string
	seq int64
}

// NewReader begins at the first event.
func NewReader() *Reader { return &Reader{names: newNames(), wrong: map[string]bool{}} }

// Last is how far it has read.
func (r *Reader) Last() Mark { return r.last }

// Follow reads what was captured since the last time.
func (r *Reader) Follow(ctx context.Context, from Source) error {
	return r.FollowEach(ctx, from, func() error { return nil })
}

// FollowEach is Follow that calls page after each page; an error of page ends it.
func (r *Reader) FollowEach(ctx context.Context, from Source, page func() error) error {
	q := epcis.Query{Order: epcis.ByRecordTime, Ascending: true, Limit: epcis.MaxPerPage}
	if r.last.Seq > 0 { // as if it were the next page of a view without end
		q.After = &epcis.Cursor{Bound: math.MaxInt64, Seq: r.last.Seq}
	}
	for {
		p, err := from.Events(ctx, q)
		if err != nil {
			return err
		}
		for i := range p.Events {
			if err := r.Take(&p.Events[i]); err != nil {
				return err
			}
		}
		if err := page(); err != nil {
			return err
		}
		if q.After = p.Next; q.After == nil {
			return nil
		}
	}
}

// Take reads one event; those that were read before are passed over. Of a declared event nothing counts any more.
func (r *Reader) Take(s *epcis.Stored) error {
	if s.Seq <= r.last.Seq {
		return nil
	}
	if s.Declared {
		r.declare(declared{strings.Clone(s.ID), s.Seq})
	} else {
		e, err := s.Read()
		if err != nil {
			return err
		}
		r.tell(e, s.Seq)
	}
	r.last = Mark{s.Recorded, s.Seq, s.ID}
	return nil
}

func (r *Reader) declare(d declared) {
	r.declared = append(r.declared, d)
	r.wrong[d.id] = true
}

func (r *Reader) thingsOf(t *told) []name { return r.things[t.things.from:t.things.to] }

func (r *Reader) outputsOf(t *told) []name { return r.things[t.outputs.from:t.outputs.to] }

func (r *Reader) portionsOf(t *told) []portion { return r.portions[t.portions.from:t.portions.to] }

// mark marks the events that are declared to be wrong, wherever the declaration stands in the record, and gives how many count.
func (r *Reader) mark() (count int) {
	from := r.marked
	if len(r.wrong) > r.judged {
		from = 0
	}
	if len(r.wrong) > 0 {
		for i := from; i < len(r.events); i++ {
			r.events[i].wrong = r.wrong[r.events[i].id]
		}
	}
	r.judged, r.marked = len(r.wrong), len(r.events)
	count = len(r.events)
	if len(r.wrong) > 0 {
		for i := range r.events {
			if r.events[i].wrong {
				count--
			}
		}
	}
	return count
}

// sorted gives the events in the order of their own time. Those that were sorted before stay sorted.
func (r *Reader) sorted() []uint32 {
	before := len(r.order)
	for i := before; i < len(r.events); i++ {
		r.order = append(r.order, uint32(i))
	}
	less := func(a, b uint32) int {
		x, y := &r.events[a], &r.events[b]
		return cmp.Or(cmp.Compare(x.at, y.at), strings.Compare(x.id, y.id))
	}
	fresh := r.order[before:]
	if len(fresh) == 0 {
		return r.order
	}
	slices.SortFunc(fresh, less)
	if before == 0 || less(r.order[before-1], fresh[0]) < 0 {
		return r.order
	}
	first, _ := slices.BinarySearchFunc(r.order[:before], fresh[0], less)
	old := slices.Clone(r.order[first:before])
	fresh = slices.Clone(fresh)
	to := r.order[:first]
	for len(old) > 0 && len(fresh) > 0 {
		if less(old[0], fresh[0]) < 0 {
			to, old = append(to, old[0]), old[1:]
		} else {
			to, fresh = append(to, fresh[0]), fresh[1:]
		}
	}
	r.order = append(append(to, old...), fresh...)
	return r.order
}
