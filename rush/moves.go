package rush

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// move is one event at the door: number was let in, or was told that it is not its turn.
type move struct {
	at     time.Duration // let in: when the answer was there; refused: when the request was sent
	number uint32
	who    uint32
}

// moves is everything that happened at the door. Safe for concurrent use.
type moves struct {
	mu           sync.Mutex
	let, refused []move
}

func (m *moves) letIn(at time.Duration, number, who uint32) {
	m.mu.Lock()
	m.let = append(m.let, move{at, number, who})
	m.mu.Unlock()
}

func (m *moves) notYet(began time.Duration, number, who uint32) {
	m.mu.Lock()
	m.refused = append(m.refused, move{began, number, who})
	m.mu.Unlock()
}

// inversions finds every refusal of a number that began after a higher number had already been let in. It sweeps both
// lists once in order of time.
func inversions(let, refused []move) (bad []move) {
	let, refused = slices.Clone(let), slices.Clone(refused)
	byTime := func(a, b move) int { return cmp.Compare(a.at, b.at) }
	slices.SortFunc(let, byTime)
	slices.SortFunc(refused, byTime)
	highest := uint32(0)
	i := 0
	for _, f := range refused {
		for i < len(let) && let[i].at < f.at {
			highest = max(highest, let[i].number)
			i++
		}
		if f.number != 0 && f.number < highest {
			bad = append(bad, f)
		}
	}
	return bad
}

// beforeTurn finds everybody who was let in before the opening, without a number, or with a number above what the line's
// public document admitted when it was read at least lag later. Admission only grows, so a pass that was right when it
// was given is right then as well. last is the final value of admitted, for passes after the last sample.
func beforeTurn(let []move, opens time.Duration, admitted []admittedAt, last int64, lag time.Duration) (bad []move) {
	for _, m := range let {
		i, _ := slices.BinarySearchFunc(admitted, m.at+lag, func(s admittedAt, t time.Duration) int { return cmp.Compare(s.at, t) })
		limit := last
		if i < len(admitted) {
			limit = admitted[i].n
		}
		if m.at < opens || m.number == 0 || int64(m.number) > limit {
			bad = append(bad, m)
		}
	}
	return bad
}

// admittedAt is the line's admitted as asked for at a time.
type admittedAt struct {
	at time.Duration
	n  int64
}

// findings are the broken invariants: a kind, how often, and a few examples that name nobody.
type findings struct {
	mu   sync.Mutex
	list []*Violation
}

// add notes a broken invariant; of each kind the first few details are kept.
func (f *findings) add(kind, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range f.list {
		if v.Kind == kind {
			v.Count++
			if len(v.Examples) < 5 {
				v.Examples = append(v.Examples, fmt.Sprintf(format, args...))
			}
			return
		}
	}
	f.list = append(f.list, &Violation{Kind: kind, Count: 1, Examples: []string{fmt.Sprintf(format, args...)}})
}
