// Package chaintest is what every keeper of a chain must pass: each way to change a history past what guards it is found, and named.
//
// It knows the contract and nothing of any engine.
package chaintest

import (
	"slices"
	"strings"
	"testing"

	"charye/internal/chain"
)

// Bench is a history under test. What goes past the guards is given by the engine.
type Bench struct {
	chain.Keeper
	Add      func(n int)       // adds so many events, and chains none
	Change   func(seq int64)   // what an event tells
	Exchange func(a, b int64)  // two events, keeping their numbers
	Remove   func(seq int64)   // an event, keeping the numbers of the others
	Insert   func(seq int64)   // an event with this number
	Forge    func(seq int64)   // what is kept of the chain after an event
	Cut      func(after int64) // all behind, the chain too
}

// Run proves that a keeper finds what was changed. fresh gives an empty history of its own to each call.
func Run(t *testing.T, fresh func(t *testing.T) Bench) {
	for _, c := range []struct {
		name  string
		do    func(b Bench)
		finds []string // each in some finding, in this order, and no finding beside
	}{
		{"nothing", func(Bench) {}, nil},
		{"more events", func(b Bench) { b.Add(3) }, nil},
		{"changed", func(b Bench) { b.Change(5) }, []string{"the chain breaks at event 5:"}},
		{"the first changed", func(b Bench) { b.Change(1) }, []string{"the chain breaks at event 1:"}},
		{"exchanged", func(b Bench) { b.Exchange(3, 7) }, []string{"the chain breaks at event 3:", "the chain breaks at event 7:"}},
		{"taken out", func(b Bench) { b.Remove(4) }, []string{"event 5 follows event 3", "the chain breaks at events 4 to 5:", "event 4 was taken out"}},
		{"the last taken out", func(b Bench) { b.Remove(12) }, []string{"event 12 was taken out"}},
		{"put in", func(b Bench) { b.Remove(6); b.Insert(6) }, []string{"the chain breaks at event 6:"}},
		{"a forged chain", func(b Bench) { b.Forge(8) }, []string{"the chain breaks at event 8:", "the chain breaks at event 9:"}},
		{"many changed", func(b Bench) {
			for seq := range int64(6) {
				b.Change(2 * (seq + 1))
			}
		}, []string{"event 2:", "event 4:", "event 6:", "breaks at 3 more events behind"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := fresh(t)
			b.Add(7)
			if err := b.ExtendChain(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.Add(5) // of a version before the chain: covered by the next that comes by
			out, err := chain.Check(t.Context(), b, nil)
			if err != nil || len(out.Findings) > 0 || out.Head.Seq != 12 {
				t.Fatalf("before: %+v, %v", out, err)
			}
			c.do(b)
			after, err := chain.Check(t.Context(), b, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(after.Findings) != len(c.finds) {
				t.Errorf("found %q, want %q", after.Findings, c.finds)
			}
			for i := range min(len(c.finds), len(after.Findings)) {
				if !strings.Contains(after.Findings[i], c.finds[i]) {
					t.Errorf("found %q, want %q", after.Findings[i], c.finds[i])
				}
			}
			noted, err := chain.Check(t.Context(), b, []chain.Noted{out.Head})
			if err != nil {
				t.Fatal(err)
			}
			changed := len(c.finds) > 0 && c.name != "a forged chain"
			if seen := len(noted.Findings) > len(after.Findings); seen != changed {
				t.Errorf("with what was noted before: %q", noted.Findings)
			}
		})
	}
	t.Run("cut off", func(t *testing.T) {
		t.Parallel()
		b := fresh(t)
		b.Add(9)
		out, err := chain.Check(t.Context(), b, nil)
		if err != nil {
			t.Fatal(err)
		}
		b.Cut(6)
		if after, err := chain.Check(t.Context(), b, nil); err != nil || len(after.Findings) > 0 {
			t.Errorf("a chain knows nothing of what was cut off with it: %q, %v", after.Findings, err)
		}
		after, err := chain.Check(t.Context(), b, []chain.Noted{out.Head})
		if err != nil || !slices.Contains(after.Findings, "a chain was noted after event 9, the last event is 6: events were taken away") {
			t.Errorf("found %q, %v", after.Findings, err)
		}
	})
}
