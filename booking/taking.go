package booking

import (
	"cmp"
	"slices"
)

// taking moves counters for one request and can take every move back.
type taking struct {
	s   *State
	log []Delta // in the order made
}

// give gives back what a booking or hold has.
func (t *taking) give(doses []Dose, shared []Claim) {
	for _, c := range shared {
		t.move(t.s.cell(c.Counter), -c.N)
	}
	for i := range doses {
		t.move(t.s.cell(doses[i].Seat.Counter), -doses[i].Seat.N)
	}
}

// take takes shared claims and for each dose the first choice with room. When something has none, ok is false and full
// says which dose, 0 for a shared counter; the caller then undoes.
func (t *taking) take(wanted [][]Choice, shared []Claim) (doses []Dose, full int, ok bool) {
	for _, c := range shared {
		if !t.claim(c) {
			return nil, 0, false
		}
	}
	doses = make([]Dose, 0, len(wanted))
	for i, choices := range wanted {
		at := slices.IndexFunc(choices, func(c Choice) bool { return t.claim(c.Seat) })
		if at < 0 {
			return nil, i + 1, false
		}
		c := choices[at]
		doses = append(doses, Dose{Dose: i + 1, Slot: c.Slot, Minutes: c.Minutes, Seat: c.Seat})
	}
	return doses, 0, true
}

func (t *taking) claim(c Claim) bool {
	at := t.s.cell(c.Counter)
	if !at.known && at.Used == 0 {
		at.Capacity = c.Capacity // nobody has taken from it yet: what the rules say now holds
	}
	if c.N > at.Capacity-at.Used {
		return false
	}
	t.move(at, c.N)
	return true
}

func (t *taking) move(at *cell, by int) {
	at.Used += by
	t.log = append(t.log, Delta{Counter: at.Counter, By: by})
}

// undo puts every counter back.
func (t *taking) undo() {
	for _, d := range t.log {
		t.s.counters[d.Counter].Used -= d.By
	}
	t.log = nil
}

// keep makes the moves stand and gives the sum for each counter that moved.
func (t *taking) keep() []Delta {
	net := t.net()
	for _, d := range net {
		c := t.s.counters[d.Counter]
		c.known, c.dirty = true, true
	}
	return net
}

// net sums the moves by counter, ascending, without those that came out even.
func (t *taking) net() []Delta {
	if len(t.log) == 0 {
		return nil
	}
	sum := slices.Clone(t.log)
	slices.SortFunc(sum, func(a, b Delta) int { return cmp.Compare(a.Counter, b.Counter) })
	out := sum[:0]
	for _, d := range sum {
		if n := len(out); n > 0 && out[n-1].Counter == d.Counter {
			out[n-1].By += d.By
			continue
		}
		if n := len(out); n > 0 && out[n-1].By == 0 {
			out = out[:n-1]
		}
		out = append(out, d)
	}
	if n := len(out); n > 0 && out[n-1].By == 0 {
		out = out[:n-1]
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
