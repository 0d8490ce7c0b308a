package booking

import (
	"cmp"
	"slices"
)

// taking moves counters for one request and can take every move back.
type taking struct {
	s   *State
	log []Delta // in the order made
	// stays, where not empty, has for each list of choices the dose that stays as it is; nil: one of the choices is taken.
	stays []*Dose
}

// give gives back what a live booking or a hold has.
func (t *taking) give(doses []Dose, shared []Claim) {
	for _, c := range shared {
		t.move(t.s.cell(c.Counter), -c.N)
	}
	for i := range doses {
		if !doses[i].Draws() {
			continue
		}
		t.move(t.s.cell(doses[i].Seat.Counter), -doses[i].Seat.N)
		t.open(doses[i].Vial, doses[i].Slot.Session, -1)
	}
}

// lack is what a taking found no room for.
type lack struct {
	dose   int     // 1, 2 …; 0 for a shared counter
	shared Counter // which one
}

// take takes shared claims and for each dose the first choice with room. When something has none, ok is false and the caller undoes.
func (t *taking) take(wanted [][]Choice, shared []Claim) (doses []Dose, full lack, ok bool) {
	for _, c := range shared {
		if !t.claim(c) {
			return nil, lack{shared: c.Counter}, false
		}
	}
	doses = make([]Dose, 0, len(wanted))
	for i, choices := range wanted {
		if len(t.stays) > 0 && t.stays[i] != nil {
			d := *t.stays[i]
			if d.Draws() && !t.choose(Choice{Slot: d.Slot, Minutes: d.Minutes, Seat: d.Seat, Vial: d.Vial}) {
				return nil, lack{dose: i + 1}, false
			}
			doses = append(doses, d)
			continue
		}
		at := slices.IndexFunc(choices, t.choose)
		if at < 0 {
			return nil, lack{dose: i + 1}, false
		}
		c := choices[at]
		doses = append(doses, Dose{Dose: i + 1, Slot: c.Slot, Minutes: c.Minutes, Seat: c.Seat, Vial: c.Vial})
	}
	return doses, lack{}, true
}

func (t *taking) choose(c Choice) bool {
	mark := len(t.log)
	if t.claim(c.Seat) && t.open(c.Vial, c.Slot.Session, 1) {
		return true
	}
	t.undoTo(mark)
	return false
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
func (t *taking) undo() { t.undoTo(0) }

func (t *taking) undoTo(mark int) {
	for _, d := range t.log[mark:] {
		t.s.counters[d.Counter].Used -= d.By
	}
	t.log = t.log[:mark]
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
