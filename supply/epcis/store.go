package epcis

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrNotFound means that there is no event, or no capture job, of that name.
var ErrNotFound = errors.New("there is none of that name")

// ErrUnknown means that the store was lost while a capture was being committed: whether it happened is not known. Capturing
// the same events again is safe and finds out.
var ErrUnknown = errors.New("the store was lost during a capture: whether it happened is not known")

// ErrBusy means that the store was away, full, or slower than could be waited for. Nothing was taken; the same call may succeed later.
var ErrBusy = errors.New("the store is away, full or too slow just now")

// Store keeps events. Its methods are safe for concurrent use, and, where nodes share a store, from any of them.
type Store interface {
	// Capture takes jobs in order, each whole or not at all, and all of them in one durable commit: what is told here is on
	// disk. An event that is there already, with the same ID and content, is taken silently; with other content its job is
	// refused with [*ConflictError]. [Decide] says it exactly. Jobs with an ID, which no other has, leave a report. An error means
	// that nothing was taken, except [ErrUnknown]; [ErrBusy] that it is worth trying again.
	//
	// The events captured are numbered in the order in which they can be seen, and their record times never go back in it: an
	// event gets the time of its job, or the last one given where that is later.
	Capture(ctx context.Context, jobs []Job) ([]Outcome, error)

	// Report tells what became of a job, or [ErrNotFound].
	Report(ctx context.Context, job string) (Report, error)

	// Events gives one page. A page ends early when its events are large, or when many had to be looked at for few ([Walk]): it may be
	// empty. It is the last one when Next is nil. More events than q.Most are a [*TooLargeError].
	Events(ctx context.Context, q Query) (Page, error)

	// Event gives the event of an ID, then its error declaration if there is one, or [ErrNotFound].
	Event(ctx context.Context, id string) ([]Stored, error)

	// Names lists what events name, in the form by which it is compared, in the order of its bytes: those after a name, at most so many.
	Names(ctx context.Context, what Named, after string, most int) ([]string, error)

	// AddQuery keeps a question under its name: [ErrTaken] when there is one of that name, [ErrManyQueries] when there is no room.
	AddQuery(ctx context.Context, n NamedQuery) error

	// Query gives the question of a name, or [ErrNotFound].
	Query(ctx context.Context, name string) (NamedQuery, error)

	// Queries lists the questions in the order of the bytes of their names: those after a name, at most so many.
	Queries(ctx context.Context, after string, most int) ([]NamedQuery, error)

	// DeleteQuery takes a question away, or gives [ErrNotFound].
	DeleteQuery(ctx context.Context, name string) error

	Close() error
}

// Named is a kind of name in events.
type Named uint8

// The kinds.
const (
	NamedEPC         Named = iota // single things, in whatever role
	NamedLocation                 // bizLocation
	NamedReadPoint                // readPoint
	NamedStep                     // bizStep
	NamedDisposition              // disposition
)

// Job is what is captured at once.
type Job struct {
	ID     string    // of its report; empty: nobody will ask
	By     string    // the capturing party
	At     time.Time // the server's time; becomes the record time
	Events []*Event
}

// Outcome is what became of a job.
type Outcome struct {
	New int   // events that were not there before
	Err error // nil, or *ConflictError: none of the job's events was taken
}

// Report is what is kept of a job.
type Report struct {
	ID       string
	By       string
	Created  time.Time
	Finished time.Time
	Events   int
	New      int
	Problem  string // empty: all of it was taken
}

// Page is a part of a query's answer.
type Page struct {
	Events []Stored
	Next   *Cursor
	Bound  int64 // see Cursor
}

// PageBytes is how large the events of a page may become before it ends early; one event is always on it.
const PageBytes = 8 << 20

// Stored is an event as a store gives it back.
type Stored struct {
	Seq      int64
	ID       string
	Declared bool
	Recorded time.Time
	By       string          // the party that told it first
	JSON     json.RawMessage // see Event
	Context  json.RawMessage
}

// Whole is the event as queries give it: as it was written, with its record time, an ID, and context where it is given.
func (s *Stored) Whole(context json.RawMessage) json.RawMessage {
	b := make([]byte, 0, len(s.JSON)+len(context)+160)
	b = append(b, '{')
	if context != nil {
		b = append(b, `"@context":`...)
		b = append(b, context...)
		b = append(b, ',')
	}
	if member(s.JSON, "eventID") == nil {
		b = append(b, `"eventID":`...)
		b = appendString(b, s.ID)
		b = append(b, ',')
	}
	b = append(b, `"recordTime":"`...)
	b = s.Recorded.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z07:00")
	b = append(b, '"', ',')
	return append(b, bytes.TrimPrefix(s.JSON, []byte("{"))...)
}

// ConflictError means that an event has the ID of another that says something else.
type ConflictError struct {
	Index    int // of the event in its job
	ID       string
	Declared bool // the other content is that of an error declaration
}

func (e *ConflictError) Error() string {
	what := "an event of that ID with other content is there already"
	if e.Declared {
		what = "what is there already and the error declaration of that ID do not agree; a declaration repeats the event unchanged"
	}
	return fmt.Sprintf("event %d (%s): %s", e.Index, e.ID, what)
}

// Known is what a store knows of an event when it decides about others of the same ID.
type Known struct {
	ID          string
	Declared    bool
	Content     Digest
	Declaration Digest
}

type identity struct {
	id       string
	declared bool
}

// Decide says which events of each job are to be kept, by their indexes, and what the jobs come to. known are those with the
// ID of any event of the jobs.
//
// An ID stands for one event and at most one declaration that it is wrong: all three contents must be the same. A second
// capture of either adds nothing. A job with one event that does not fit is refused whole, and those after it are decided as
// if it had not been.
func Decide(known []Known, jobs []Job) (keep [][]int, out []Outcome) {
	have := make(map[identity]Known, len(known))
	for _, k := range known {
		have[identity{k.ID, k.Declared}] = k
	}
	keep, out = make([][]int, len(jobs)), make([]Outcome, len(jobs))
	for j, job := range jobs {
		var added []identity
		for i, e := range job.Events {
			self, other := identity{e.ID, e.Declared()}, identity{e.ID, !e.Declared()}
			same, there := have[self]
			twin, paired := have[other]
			if there && (same.Content != e.Content || same.Declaration != e.Declaration) || paired && twin.Content != e.Content {
				out[j].Err = &ConflictError{Index: i, ID: e.ID, Declared: paired && twin.Content != e.Content || e.Declared()}
				break
			}
			if there {
				continue
			}
			have[self] = Known{ID: e.ID, Declared: e.Declared(), Content: e.Content, Declaration: e.Declaration}
			added = append(added, self)
			keep[j] = append(keep[j], i)
		}
		if out[j].Err != nil {
			for _, id := range added {
				delete(have, id)
			}
			keep[j] = nil
			continue
		}
		out[j].New = len(keep[j])
	}
	return keep, out
}
