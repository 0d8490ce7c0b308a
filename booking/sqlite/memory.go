package sqlite

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"charye/booking"
	"charye/person"
)

// memory is what the writer keeps beside the file: all counters, all holds, the next ids. It holds what was committed and
// nothing else. About 30 bytes a touched counter, 300 a hold, 20 a person who ever booked.
type memory struct {
	full        bool // false until first read
	nextBooking int64
	nextSeq     int64
	chain       booking.Hash // after event nextSeq-1
	counters    map[booking.Counter]packed
	holds       map[person.Key][]booking.Hold
	until       []due               // by time
	booked      map[uint64]struct{} // fingerprints of persons
}

// fingerprint folds a key, which is random already, to half its length. That two share one is rare and costs a look-up.
func fingerprint(k person.Key) uint64 {
	return binary.LittleEndian.Uint64(k[:8]) ^ binary.LittleEndian.Uint64(k[8:])
}

// mayHaveBooked is false only for a person without any booking, live or cancelled.
func (m *memory) mayHaveBooked(k person.Key) bool {
	_, may := m.booked[fingerprint(k)]
	return may
}

// packed is a counter's capacity and use; both fit, booking.MaxQuantity says so.
type packed struct{ capacity, used int32 }

type due struct {
	until time.Time
	id    int64
	who   person.Key
}

func compareDue(a, b due) int { return cmp.Or(a.until.Compare(b.until), cmp.Compare(a.id, b.id)) }

func (m *memory) counter(c booking.Counter) (booking.CounterState, bool) {
	p, ok := m.counters[c]
	return booking.CounterState{Counter: c, Capacity: int(p.capacity), Used: int(p.used)}, ok
}

// due gives the holds that are over at the instant, those ended first, at most limit.
func (m *memory) due(at time.Time, limit int) (out []booking.Hold) {
	for _, d := range m.until {
		if d.until.After(at) || len(out) == limit {
			break
		}
		for _, h := range m.holds[d.who] {
			if h.ID == d.id {
				out = append(out, h)
			}
		}
	}
	return out
}

// fewEvents is how many events are looked at before everything is read anew.
const fewEvents = 64

// refresh reads everything when the file holds more, or less, than the memory knows of.
func (m *memory) refresh(t *tx) error {
	last, err := t.lastSeq()
	if err != nil {
		return err
	}
	if m.full && last == m.nextSeq-1 {
		return nil
	}
	if m.full && last >= m.nextSeq && last-m.nextSeq < fewEvents {
		// Another process erased names: nothing that is remembered has changed.
		only, err := t.onlyErased(m.nextSeq - 1)
		if err != nil {
			return err
		}
		if only {
			m.nextSeq = last + 1
			m.chain, err = t.lastChain()
			return err
		}
	}
	next := memory{
		full: true, nextSeq: last + 1,
		counters: map[booking.Counter]packed{}, holds: map[person.Key][]booking.Hold{},
		booked: map[uint64]struct{}{},
	}
	if next.nextBooking, err = t.lastBooking(); err != nil {
		return err
	}
	next.nextBooking++
	if next.chain, err = t.lastChain(); err != nil {
		return err
	}
	if err := t.allCounters(func(c booking.CounterState) { next.put(c) }); err != nil {
		return err
	}
	if err := t.allHolds(func(h booking.Hold) { next.hold(h) }); err != nil {
		return err
	}
	if err := t.allPersons(func(k person.Key) { next.booked[fingerprint(k)] = struct{}{} }); err != nil {
		return err
	}
	*m = next
	return nil
}

// apply takes in what was committed.
func (m *memory) apply(ch *booking.Changes) {
	if ch.NextSeq == 0 {
		return
	}
	m.nextBooking, m.nextSeq = ch.NextBooking, ch.NextSeq
	for _, c := range ch.Counters {
		m.put(c)
	}
	if len(ch.HoldsGone) > 0 {
		m.drop(ch.HoldsGone)
	}
	for _, h := range ch.Held {
		m.hold(h)
	}
	for i := range ch.Booked {
		m.booked[fingerprint(ch.Booked[i].Person)] = struct{}{}
	}
}

func (m *memory) put(c booking.CounterState) {
	m.counters[c.Counter] = packed{capacity: int32(c.Capacity), used: int32(c.Used)}
}

func (m *memory) hold(h booking.Hold) {
	m.holds[h.Person] = append(m.holds[h.Person], h)
	d := due{until: h.Until, id: h.ID, who: h.Person}
	at, _ := slices.BinarySearchFunc(m.until, d, compareDue)
	m.until = slices.Insert(m.until, at, d)
}

// drop removes holds by id; ids are ascending.
func (m *memory) drop(ids []int64) {
	m.until = slices.DeleteFunc(m.until, func(d due) bool {
		if _, gone := slices.BinarySearch(ids, d.id); !gone {
			return false
		}
		left := slices.DeleteFunc(m.holds[d.who], func(h booking.Hold) bool { return h.ID == d.id })
		if len(left) == 0 {
			delete(m.holds, d.who)
		} else {
			m.holds[d.who] = left
		}
		return true
	})
}
