package journal

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"charye/supply"
)

// Settlement is a departure that was settled, as it stands. It never changes: what happens to it makes another value.
type Settlement struct {
	ID int64 // the number of its event
	At time.Time
	By string
	Departure
	Plan      string
	Ended     map[supply.SSCC]Ended // boxes whose promise is over
	Withdrawn *Withdrawal           // what had not ended by then does not go
}

// Withdrawal says who took a settlement back, and why.
type Withdrawal struct {
	At     time.Time
	By     string
	Reason string
}

// Open counts the boxes that are promised still.
func (s *Settlement) Open() int {
	if s.Withdrawn != nil {
		return 0
	}
	return len(s.Loads) - len(s.Ended)
}

// keepClosed is how many settlements of which nothing is open a book remembers.
const keepClosed = 200

// Book knows what is promised, and decides what may be added. It is for one goroutine; what was written before is brought back by [Book.Replay]. It remembers
// what is open, and the last two hundred settlements that are over: earlier ones are with the store.
type Book struct {
	seq    int64
	open   map[supply.SSCC]*Settlement
	list   map[int64]*Settlement
	closed []int64 // in the order in which they closed
	table  Table   // the last one that was imported, without its rows
	tables int64   // the number of its event; 0: none was
}

// NewBook begins an empty book.
func NewBook() *Book {
	return &Book{open: map[supply.SSCC]*Settlement{}, list: map[int64]*Settlement{}}
}

// Decide takes an event in, wholly or not at all, and gives it with its number. state says what verdicts make of a box; nil: all are usable, as when events are
// replayed.
func (b *Book) Decide(e Event, state func(supply.SSCC) supply.State) (Event, error) {
	if e.At.IsZero() || e.By == "" || len(e.By) > maxText {
		return Event{}, fmt.Errorf("%w: want an instant and who", ErrEvent)
	}
	var err error
	switch e.Kind {
	case Settle:
		err = b.maySettle(&e, state)
	case Withdraw:
		err = b.mayWithdraw(&e)
	case End:
		err = b.mayEnd(&e)
	case GLNs:
		err = checkTable(e.Table)
	default:
		err = fmt.Errorf("%w: there is no kind %q", ErrEvent, e.Kind)
	}
	if err != nil {
		return Event{}, err
	}
	b.seq++
	e.Seq, e.At = b.seq, e.At.UTC().Round(0)
	b.take(&e)
	return e, nil
}

func (b *Book) maySettle(e *Event, state func(supply.SSCC) supply.State) error {
	if err := checkDeparture(e.Departure); err != nil {
		return err
	}
	if !e.At.Before(e.Departure.CutOff) {
		return fmt.Errorf("%w: it was at %s", ErrCutOff, e.Departure.CutOff.Format(time.RFC3339))
	}
	d := *e.Departure
	d.Leaves, d.CutOff, d.Loads = d.Leaves.UTC(), d.CutOff.UTC(), slices.Clone(d.Loads)
	e.Departure = &d
	var taken *TakenError
	for i := range d.Loads {
		l := &d.Loads[i]
		if s := b.open[l.Box]; s != nil && taken != nil {
			taken.More++
		} else if s != nil {
			taken = &TakenError{Box: l.Box, Site: s.to(l.Box), By: s.By, At: s.At, ID: s.ID}
		}
	}
	if taken != nil {
		return taken
	}
	for i := range d.Loads {
		if state == nil {
			break
		}
		if s := state(d.Loads[i].Box); s != supply.Usable {
			return fmt.Errorf("%w: box %s is %s", ErrUnusable, d.Loads[i].Box, s)
		}
	}
	return nil
}

func (s *Settlement) to(k supply.SSCC) string {
	for i := range s.Loads {
		if s.Loads[i].Box == k {
			return s.Loads[i].Site
		}
	}
	return ""
}

func (b *Book) mayWithdraw(e *Event) error {
	s := b.list[e.Settlement]
	switch {
	case s == nil:
		return fmt.Errorf("%w: number %d", ErrNoSettlement, e.Settlement)
	case e.Reason == "" || len(e.Reason) > MaxReason:
		return fmt.Errorf("%w: want a reason of at most %d bytes", ErrEvent, MaxReason)
	case s.Open() == 0:
		return fmt.Errorf("%w: number %d", ErrOver, e.Settlement)
	}
	return nil
}

// mayEnd keeps of what is told what is new.
func (b *Book) mayEnd(e *Event) error {
	var news []Ended
	seen := map[supply.SSCC]bool{}
	for _, x := range e.Ended {
		if x.Why != Left && x.Why != Unusable && x.Why != Missed || len(x.To) > maxText {
			return fmt.Errorf("%w: box %s ended as %q", ErrEvent, x.Box, x.Why)
		}
		if s := b.open[x.Box]; s != nil && s.ID == e.Settlement && !seen[x.Box] {
			seen[x.Box] = true
			news = append(news, x)
		}
	}
	if e.Ended = news; len(news) == 0 {
		return ErrNothing
	}
	return nil
}

// take changes the book by an event that may be.
func (b *Book) take(e *Event) {
	switch e.Kind {
	case Settle:
		s := &Settlement{ID: e.Seq, At: e.At, By: e.By, Departure: *e.Departure, Plan: e.Plan}
		b.list[s.ID] = s
		for i := range s.Loads {
			b.open[s.Loads[i].Box] = s
		}
	case Withdraw:
		s := *b.list[e.Settlement]
		s.Withdrawn = &Withdrawal{e.At, e.By, e.Reason}
		b.replace(&s)
	case End:
		s := *b.list[e.Settlement]
		s.Ended = maps.Clone(s.Ended)
		if s.Ended == nil {
			s.Ended = map[supply.SSCC]Ended{}
		}
		for _, x := range e.Ended {
			s.Ended[x.Box] = x
		}
		b.replace(&s)
	case GLNs:
		b.table, b.tables = *e.Table, e.Seq
		b.table.Rows = nil
	}
}

// replace puts a changed settlement in the place of what it was.
func (b *Book) replace(s *Settlement) {
	b.list[s.ID] = s
	for i := range s.Loads {
		k := s.Loads[i].Box
		if was := b.open[k]; was == nil || was.ID != s.ID {
			continue
		}
		if _, over := s.Ended[k]; over || s.Withdrawn != nil {
			delete(b.open, k)
		} else {
			b.open[k] = s
		}
	}
	if s.Open() > 0 {
		return
	}
	if b.closed = append(b.closed, s.ID); len(b.closed) > keepClosed {
		delete(b.list, b.closed[0])
		b.closed = slices.Delete(b.closed, 0, 1)
	}
}

// Replay takes in events of an earlier book, in their order.
func (b *Book) Replay(events ...Event) error {
	for i := range events {
		if events[i].Seq != b.seq+1 {
			return fmt.Errorf("%w: number %d follows number %d", ErrEvent, events[i].Seq, b.seq)
		}
		if _, err := b.Decide(events[i], nil); err != nil {
			return fmt.Errorf("event %d of the journal: %w", events[i].Seq, err)
		}
	}
	return nil
}

// Seq is the number of the last event.
func (b *Book) Seq() int64 { return b.seq }

// Promised gives the settlement that has a box; false when none has.
func (b *Book) Promised(k supply.SSCC) (*Settlement, bool) { s, ok := b.open[k]; return s, ok }

// Promises is how many boxes are promised.
func (b *Book) Promises() int { return len(b.open) }

// Settlement gives one that the book remembers.
func (b *Book) Settlement(id int64) (*Settlement, bool) { s, ok := b.list[id]; return s, ok }

// Settlements lists those that the book remembers, the last settled first.
func (b *Book) Settlements() []*Settlement {
	return slices.SortedFunc(maps.Values(b.list), func(x, y *Settlement) int { return cmp.Compare(y.ID, x.ID) })
}

// Table is the table of GLNs that was imported last, without its rows; false when none ever was.
func (b *Book) Table() (Table, bool) { return b.table, b.tables != 0 }

// Clone gives a book that goes its own way from here.
func (b *Book) Clone() *Book {
	c := *b
	c.open, c.list, c.closed = maps.Clone(b.open), maps.Clone(b.list), slices.Clone(b.closed)
	return &c
}
