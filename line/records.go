package line

import (
	"context"
	"errors"
	"time"

	"charye/person"
)

// Record is what of a campaign's line is kept outside its store, so that a store that lost everything can be filled again
// without anybody overtaking anybody.
type Record struct {
	Campaign uint32
	Epoch    string   // names the store's present content
	Losses   int      // how often the store was filled again
	Seed     [32]byte // of the draw
	Draw     bool
	Buckets  int
	// Reserved and Admitted are marks that are raised before the store goes on: no seq beyond Reserved was ever given, and
	// nobody beyond Admitted was ever told of their turn.
	Reserved uint32
	Admitted uint32
	// Gathered is how many stand in the draw; -1 while that is not fixed. Once DrawnAt is set, the seats of all of them
	// are kept.
	Gathered int64
	DrawnAt  time.Time
}

// Seat is a person and their seq.
type Seat struct {
	Person person.Key
	Seq    uint32
}

// ErrOvertaken means that the record has another epoch by now: what was to be kept belongs to a store's content that is gone.
var ErrOvertaken = errors.New("the line's store was filled anew meanwhile")

// Records keeps records and seats. Guarantees: what returned is durable; marks never fall; a record's seed never changes. All
// methods are safe for concurrent use, by any number of nodes.
type Records interface {
	// Record gives a campaign's record; ok is false when there is none.
	Record(ctx context.Context, campaign uint32) (r Record, ok bool, err error)
	// Found keeps the record of a campaign that has none, and gives the one that stands. While nobody can have a place, the order
	// of the line is taken over from r.
	Found(ctx context.Context, r Record) (Record, error)
	// Raise lifts the marks of a record to those given, where they are lower, fixes Gathered and DrawnAt when they are given and not
	// fixed, and gives what stands then. [ErrOvertaken] when the epoch is another.
	Raise(ctx context.Context, r Record) (Record, error)
	// Keep adds seats. A seat that is kept already may be kept again.
	Keep(ctx context.Context, campaign uint32, seats []Seat) error
	// Seats calls yield for seats, some at a time, in no order and some of them more than once.
	Seats(ctx context.Context, campaign uint32, yield func([]Seat) error) error
	// Refill gives the record a new epoch and runs fill with it, while no other node does, and gives the record that stands then.
	// It does neither when the epoch is another than lost already, or when whole finds that the store has that content after
	// all: another node was quicker. A fill that fails or dies is begun anew by the next call, with one more epoch.
	Refill(ctx context.Context, campaign uint32, lost, epoch string, whole func(context.Context) bool, fill func(context.Context, Record) error) (Record, error)
	Close() error
}

// Returner is an engine whose store can be lost: places come back with the tickets that prove them.
type Returner interface {
	// Return puts the person of a true ticket back on their place, when the line was filled again without them, and gives the place
	// that they have then: the better one, if they took another meanwhile. In a line that never lost anything it gives what
	// [Line.Place] gives. A ticket lets nobody in.
	Return(ctx context.Context, t Ticket) (Place, error)
}

// Source is an engine at rest from which the records of another can be made. Passes do not move: whoever is inside asks for a
// new one, and the turn stands.
type Source interface {
	// Facts gives what never changes about a line and how far it has come; Epoch, Buckets and Reserved are not its to say.
	Facts(ctx context.Context, campaign uint32) (Record, error)
	// Seats calls yield for all seats, some at a time, by seq; the list is yield's only until it returns.
	Seats(ctx context.Context, campaign uint32, yield func([]Seat) error) error
}
