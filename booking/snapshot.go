package booking

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"charye/internal/civil"
	"charye/site"
)

// Snapshot is how much of every counter is taken, in memory: what pages read, so that looking never touches the write
// path. It follows the ledger's events and lags by the interval of [Snapshot.Follow]. It promises nothing to anybody: a
// slot it shows as free may be gone when the request comes.
//
// Reading takes no lock and is safe from any number of goroutines; a reader may see one half of a change a moment before the
// other. Memory grows with the touched sessions, about 11 bytes each at 16 a day, not with requests.
type Snapshot struct {
	ledger Ledger

	refresh sync.Mutex // one refresh at a time; its holder alone writes the fields below
	seq     atomic.Int64
	days    atomic.Pointer[map[civil.Date]*dayUse] // replaced whole when a day comes in
	others  sync.Map                               // Counter → *atomic.Int64: every kind but seats
	told    sync.Map                               // Counter → int: capacities of every kind but seats, as set
}

// dayUse holds the sites of a day by number, in pages made when a site of them is first touched.
type dayUse struct {
	pages [(int(site.MaxNum) + 1) / pageSites / bookPages]atomic.Pointer[[bookPages]atomic.Pointer[sitePage]]
}

const (
	pageSites = 256
	bookPages = 256
)

type sitePage [pageSites]atomic.Pointer[siteUse]

// siteUse is a site on a day: the sum, and the sessions touched so far in the order of their touching. It is replaced when
// a session comes in.
type siteUse struct {
	sum      atomic.Int64
	sessions []sessionUse
}

type sessionUse struct {
	minute int32
	used   atomic.Int32
}

// eventsPage is how many events a refresh asks for at a time.
const eventsPage = 4096

// NewSnapshot reads all counters of the ledger.
func NewSnapshot(ctx context.Context, l Ledger) (*Snapshot, error) {
	s := &Snapshot{ledger: l}
	s.days.Store(&map[civil.Date]*dayUse{})
	s.refresh.Lock()
	defer s.refresh.Unlock()
	seq, err := l.Counters(ctx, func(c CounterState) {
		s.add(c.Counter, c.Used)
		if c.Counter.Kind() != KindSeat {
			s.told.Store(c.Counter, c.Capacity)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	s.seq.Store(seq)
	return s, nil
}

// Refresh takes in every event since the last one.
func (s *Snapshot) Refresh(ctx context.Context) error {
	s.refresh.Lock()
	defer s.refresh.Unlock()
	for {
		events, err := s.ledger.Events(ctx, s.seq.Load(), eventsPage)
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		for i := range events {
			if want := s.seq.Load() + 1; events[i].Seq != want {
				return fmt.Errorf("read events: number %d where %d should be", events[i].Seq, want)
			}
			var from, to int
			set := false
			if events[i].Kind == EventCapacity {
				n, err := fmt.Sscanf(events[i].Why, "%d to %d", &from, &to)
				set = n == 2 && err == nil
			}
			for _, d := range events[i].Deltas {
				s.add(d.Counter, d.By)
				if set && d.Counter.Kind() != KindSeat {
					s.told.Store(d.Counter, to)
				}
			}
			s.seq.Store(events[i].Seq)
		}
		if len(events) < eventsPage {
			return nil
		}
	}
}

// Follow refreshes every interval until ctx ends, whose error it returns. A refresh that fails is told to failed, which
// may be nil, and tried again at the next interval; until then the snapshot stands still.
func (s *Snapshot) Follow(ctx context.Context, every time.Duration, failed func(error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if err := s.Refresh(ctx); err != nil && ctx.Err() == nil && failed != nil {
				failed(err)
			}
		}
	}
}

// Version is the Seq of the last event taken in: as long as it stands, nothing that can be read here has changed.
func (s *Snapshot) Version() int64 { return s.seq.Load() }

// Used is how much of a counter is taken; 0 for one never touched.
func (s *Snapshot) Used(c Counter) int {
	at, ok := c.Session()
	if !ok {
		if n, ok := s.others.Load(c); ok {
			return int(n.(*atomic.Int64).Load())
		}
		return 0
	}
	u := s.site(at.Site, at.Day)
	if u == nil {
		return 0
	}
	if i := u.find(at.Minute); i >= 0 {
		return int(u.sessions[i].used.Load())
	}
	return 0
}

// Capacity is what a counter's capacity was set to last; ok is false for seats, and for a counter that only came into being by a
// taking since.
func (s *Snapshot) Capacity(c Counter) (capacity int, ok bool) {
	n, ok := s.told.Load(c)
	if !ok {
		return 0, false
	}
	return n.(int), true
}

// Met reports whether a counter was ever touched; it is not asked of seats.
func (s *Snapshot) Met(c Counter) bool {
	_, moved := s.others.Load(c)
	_, set := s.told.Load(c)
	return moved || set
}

// Each calls yield for every counter of a kind that was ever touched, in any order; it is not asked of seats.
func (s *Snapshot) Each(k CounterKind, yield func(Counter)) {
	of := func(key any) bool {
		c := key.(Counter)
		return c.Kind() == k
	}
	s.told.Range(func(key, _ any) bool {
		if of(key) {
			yield(key.(Counter))
		}
		return true
	})
	s.others.Range(func(key, _ any) bool {
		if _, told := s.told.Load(key); !told && of(key) {
			yield(key.(Counter))
		}
		return true
	})
}

// Free is how much of a counter is left when the rules give it this capacity; never below 0. It serves as [Free].
func (s *Snapshot) Free(c Counter, capacity int) int { return max(0, capacity-s.Used(c)) }

// SeatsUsed is how many seats of a site are taken on a day, in all its sessions and by whatever dose: the day's free seats
// are the sum of its sessions' seats less this. Where a day also has sessions for follow-up doses only, ask [Snapshot.Used]
// session by session.
func (s *Snapshot) SeatsUsed(at site.Num, day civil.Date) int {
	if u := s.site(at, day); u != nil {
		return int(u.sum.Load())
	}
	return 0
}

func (s *Snapshot) site(at site.Num, day civil.Date) *siteUse {
	d := (*s.days.Load())[day]
	if d == nil || at > site.MaxNum {
		return nil
	}
	book := d.pages[at/(pageSites*bookPages)].Load()
	if book == nil {
		return nil
	}
	page := book[at/pageSites%bookPages].Load()
	if page == nil {
		return nil
	}
	return page[at%pageSites].Load()
}

func (u *siteUse) find(minute int) int {
	for i := range u.sessions {
		if u.sessions[i].minute == int32(minute) {
			return i
		}
	}
	return -1
}

// add moves a counter. Only the holder of refresh calls it.
func (s *Snapshot) add(c Counter, by int) {
	if by == 0 {
		return
	}
	at, ok := c.Session()
	if !ok {
		n, known := s.others.Load(c)
		if !known {
			n = new(atomic.Int64)
			s.others.Store(c, n)
		}
		n.(*atomic.Int64).Add(int64(by))
		return
	}
	cell := s.cellOf(at)
	u := cell.Load()
	i := -1
	if u != nil {
		i = u.find(at.Minute)
	}
	if i < 0 {
		u = u.with(at.Minute)
		i = len(u.sessions) - 1
		cell.Store(u)
	}
	u.sessions[i].used.Add(int32(by))
	u.sum.Add(int64(by))
}

// with gives a copy that knows one more session.
func (u *siteUse) with(minute int) *siteUse {
	if u == nil {
		u = &siteUse{}
	}
	next := &siteUse{sessions: make([]sessionUse, len(u.sessions)+1)}
	next.sum.Store(u.sum.Load())
	for i := range u.sessions {
		next.sessions[i].minute = u.sessions[i].minute
		next.sessions[i].used.Store(u.sessions[i].used.Load())
	}
	next.sessions[len(u.sessions)].minute = int32(minute)
	return next
}

// cellOf finds the place of a site on a day, making what is missing on the way.
func (s *Snapshot) cellOf(at Session) *atomic.Pointer[siteUse] {
	days := *s.days.Load()
	d := days[at.Day]
	if d == nil {
		d = &dayUse{}
		next := maps.Clone(days)
		next[at.Day] = d
		s.days.Store(&next)
	}
	shelf := &d.pages[at.Site/(pageSites*bookPages)]
	book := shelf.Load()
	if book == nil {
		book = &[bookPages]atomic.Pointer[sitePage]{}
		shelf.Store(book)
	}
	place := &book[at.Site/pageSites%bookPages]
	page := place.Load()
	if page == nil {
		page = &sitePage{}
		place.Store(page)
	}
	return &page[at.Site%pageSites]
}
