package bookingtest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/site"
)

// memory is the smallest ledger there can be. It loads exactly what [booking.Needs] and [booking.State.Touches] name, no
// more: so the suite proves that an engine which locks by them has everything that Decide asks for. It is durable as long as
// nobody looks.
type memory struct {
	mu       sync.Mutex
	counters map[booking.Counter]booking.CounterState
	bookings map[int64]booking.Booking
	holds    map[int64]booking.Hold
	events   []booking.Event
}

func openMemory(testing.TB) (booking.Ledger, func() booking.Ledger) {
	m := &memory{
		counters: map[booking.Counter]booking.CounterState{}, bookings: map[int64]booking.Booking{}, holds: map[int64]booking.Hold{},
	}
	return m, func() booking.Ledger {
		m = &memory{
			counters: maps.Clone(m.counters), bookings: maps.Clone(m.bookings), holds: maps.Clone(m.holds), events: slices.Clone(m.events),
		}
		return m
	}
}

func (m *memory) All(_ context.Context, yield func(booking.Booking) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.bookings)) {
		if err := yield(m.bookings[id]); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Day(_ context.Context, at site.Num, day civil.Date, limit int) (out []booking.Booking, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.bookings)) {
		if b := m.bookings[id]; b.On(at, day) && len(out) < limit {
			out = append(out, b)
		}
	}
	return out, nil
}

func (m *memory) Apply(ctx context.Context, batch []booking.Request) ([]booking.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	st := booking.NewState(int64(len(m.bookings)+1), int64(len(m.events)+1))
	need := booking.Needs(batch)
	for _, id := range slices.Sorted(maps.Keys(m.bookings)) {
		if b := m.bookings[id]; slices.Contains(need.Persons, b.Person) {
			st.AddBooking(b)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.holds)) {
		if h := m.holds[id]; slices.Contains(need.Persons, h.Person) || !h.Until.After(need.Until) {
			st.AddHold(h)
			st.AddHold(h)
		}
	}
	for _, c := range st.Touches(batch) {
		if have, ok := m.counters[c]; ok {
			st.AddCounter(have)
		}
	}
	st.Lookup = func(c booking.Counter) (booking.CounterState, bool) {
		if _, missed := m.counters[c]; missed {
			panic("Decide wants " + c.String() + ", which Touches did not name")
		}
		return booking.CounterState{}, false
	}
	out := booking.Decide(st, batch)
	ch := st.Changes()
	for _, id := range ch.HoldsGone {
		delete(m.holds, id)
	}
	for _, b := range slices.Concat(ch.Changed, ch.Booked) {
		m.bookings[b.ID] = b
	}
	for _, h := range ch.Held {
		m.holds[h.ID] = h
	}
	for _, c := range ch.Counters {
		m.counters[c.Counter] = c
	}
	m.events = append(m.events, ch.Events...)
	return out, nil
}

func (m *memory) SetCapacity(ctx context.Context, claims []booking.Claim) error {
	var ids []booking.Counter
	for _, c := range claims {
		ids = append(ids, c.Counter)
	}
	return m.Adjust(ctx, ids, func(map[booking.Counter]booking.CounterState) ([]booking.Claim, error) { return claims, nil })
}

func (m *memory) Adjust(_ context.Context, named []booking.Counter, rule func(map[booking.Counter]booking.CounterState) ([]booking.Claim, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	claims, err := rule(maps.Clone(m.counters))
	if err != nil {
		return err
	}
	for _, c := range claims {
		if !slices.Contains(named, c.Counter) {
			return fmt.Errorf("%v was not named", c.Counter)
		}
		if c.Capacity < m.counters[c.Counter].Used {
			return booking.ErrBelowUsed
		}
	}
	for _, c := range claims {
		old, known := m.counters[c.Counter]
		if known && old.Capacity == c.Capacity {
			continue
		}
		m.counters[c.Counter] = booking.CounterState{Counter: c.Counter, Capacity: c.Capacity, Used: old.Used}
		m.events = append(m.events, booking.Event{
			Seq: int64(len(m.events) + 1), Kind: booking.EventCapacity, Deltas: []booking.Delta{{Counter: c.Counter}},
			Why: fmt.Sprintf("%d to %d", old.Capacity, c.Capacity),
		})
	}
	return nil
}

func (m *memory) Displaced(_ context.Context, campaign uint32, after int64, limit int) (out []booking.Booking, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.bookings)) {
		if b := m.bookings[id]; id > after && b.Campaign == campaign && b.Displaced() && len(out) < limit {
			out = append(out, b)
		}
	}
	return out, nil
}

func (m *memory) Bookings(_ context.Context, who person.Key) (out []booking.Booking, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.bookings)) {
		if m.bookings[id].Person == who {
			out = append(out, m.bookings[id])
		}
	}
	return out, nil
}

// Seals makes the chain when it is asked for: what spoils the events here has to be found by other means than the chain.
func (m *memory) Seals(ctx context.Context, after int64, limit int) (out []booking.Seal, err error) {
	events, err := m.Events(ctx, 0, 1<<30)
	var chain booking.Hash
	for i := range events {
		digest := events[i].Digest()
		chain = booking.Link(chain, events[i].Seq, digest)
		if events[i].Seq > after && len(out) < limit {
			out = append(out, booking.Seal{Seq: events[i].Seq, Digest: digest, Chain: chain})
		}
	}
	return out, err
}

func (m *memory) Hold(_ context.Context, who person.Key, campaign uint32) (booking.Hold, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range m.holds {
		if h.Person == who && h.Campaign == campaign {
			return h, true, nil
		}
	}
	return booking.Hold{}, false, nil
}

func (m *memory) Ahead(ctx context.Context, sites []site.Num, from civil.Date, yield func(booking.Ahead) error) error {
	return m.All(ctx, func(b booking.Booking) error {
		there := false
		a := booking.Ahead{ID: b.ID, Person: b.Person, Campaign: b.Campaign, MadeAt: b.MadeAt}
		for i := range b.Doses {
			s := b.Doses[i].Slot
			a.Slots, a.Visits = append(a.Slots, s), append(a.Visits, b.Doses[i].Visit.State)
			there = there || s.Day >= from && slices.Contains(sites, s.Site)
		}
		if !there || b.Status != booking.Booked {
			return nil
		}
		return yield(a)
	})
}

func (m *memory) Several(ctx context.Context, ids []int64) (out []booking.Booking, err error) {
	for _, id := range ids {
		if b, ok, _ := m.Booking(ctx, id); ok {
			out = append(out, b)
		}
	}
	return out, nil
}

func (m *memory) Booking(_ context.Context, id int64) (booking.Booking, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.bookings[id]
	return b, ok, nil
}

func (m *memory) Counters(_ context.Context, yield func(booking.CounterState)) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.counters {
		yield(c)
	}
	return int64(len(m.events)), nil
}

func (m *memory) Events(_ context.Context, after int64, limit int) ([]booking.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rest := m.events[min(int(after), len(m.events)):]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

func (m *memory) DueHolds(_ context.Context, before time.Time, limit int) (out []booking.Hold, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range m.holds {
		if !h.Until.After(before) {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b booking.Hold) int { return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.ID, b.ID)) })
	return out[:min(limit, len(out))], nil
}

func (m *memory) Close() error { return nil }

func TestMemory(t *testing.T) {
	t.Parallel()
	Run(t, openMemory)
}

// TestCheckFinds breaks a sound ledger in every way that Check promises to find.
func TestCheckFinds(t *testing.T) {
	t.Parallel()
	one := seat(0, 0, 5)
	for name, spoil := range map[string]func(*memory){
		"nothing": nil,
		"counter off": func(m *memory) {
			m.counters[one.Seat.Counter] = booking.CounterState{Counter: one.Seat.Counter, Capacity: 5, Used: 1}
		},
		"oversold": func(m *memory) {
			m.counters[one.Seat.Counter] = booking.CounterState{Counter: one.Seat.Counter, Capacity: 1, Used: 2}
		},
		"lost booking":    func(m *memory) { delete(m.bookings, 1) },
		"lost hold":       func(m *memory) { clear(m.holds) },
		"gap in events":   func(m *memory) { m.events[1].Seq = 7 },
		"lost event":      func(m *memory) { m.events = m.events[:len(m.events)-1] },
		"lost delta":      func(m *memory) { m.events[0].Deltas = nil },
		"unknown event":   func(m *memory) { m.events[0].Kind = "lost" },
		"status changed":  func(m *memory) { b := m.bookings[1]; b.Status = booking.Cancelled; m.bookings[1] = b },
		"moved unnoticed": func(m *memory) { b := m.bookings[1]; b.Changed = 3; m.bookings[1] = b },
		"twice booked":    func(m *memory) { b := m.bookings[2]; b.Person, b.Campaign = who(1), 1; m.bookings[2] = b },
		"hold and booking": func(m *memory) {
			for id, h := range m.holds {
				h.Person = who(1)
				m.holds[id] = h
			}
		},
		"twice made": func(m *memory) { m.events[1].Booking = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := openMemory(t)
			_, err := l.Apply(context.Background(), []booking.Request{
				book(1, pick(one), stock(1, 9)), book(2, pick(one), nil), hold(3, pick(seat(0, 1, 5)), nil), book(4, pick(seat(0, 2, 5)), nil),
				cancel(4, 3),
			})
			if err != nil {
				t.Fatal(err)
			}
			if spoil != nil {
				spoil(l.(*memory))
			}
			found := Check(context.Background(), l)
			if (len(found) > 0) != (spoil != nil) {
				t.Errorf("found %q", found)
			}
			for _, f := range found {
				if len(f) > 200 {
					t.Errorf("a finding is one short sentence: %q", f)
				}
			}
		})
	}
}
