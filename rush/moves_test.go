package rush

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func sec(n int) time.Duration { return time.Duration(n) * time.Second }

func TestInversions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		let, refused []move
		want         int
	}{
		"nothing":                     {},
		"refused before anybody":      {let: []move{{sec(5), 9, 0}}, refused: []move{{sec(4), 3, 0}}},
		"refused after a higher one":  {let: []move{{sec(5), 9, 0}}, refused: []move{{sec(6), 3, 0}}, want: 1},
		"refused at the same instant": {let: []move{{sec(5), 9, 0}}, refused: []move{{sec(5), 3, 0}}},
		"refused, and really higher":  {let: []move{{sec(5), 9, 0}}, refused: []move{{sec(6), 10, 0}}},
		"no number yet":               {let: []move{{sec(5), 9, 0}}, refused: []move{{sec(6), 0, 0}}},
		"the highest counts, not the last": {
			let: []move{{sec(1), 9, 0}, {sec(2), 4, 0}}, refused: []move{{sec(3), 8, 0}, {sec(3), 3, 0}}, want: 2,
		},
	} {
		if got := inversions(c.let, c.refused); len(got) != c.want {
			t.Errorf("%s: %v, want %d", name, got, c.want)
		}
	}
}

// TestInversionsAgreesWithTheDefinition compares the sweep with the definition tried on every pair.
func TestInversionsAgreesWithTheDefinition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		gen := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) move {
			return move{sec(rapid.IntRange(0, 9).Draw(t, "at")), uint32(rapid.IntRange(0, 9).Draw(t, "number")), 0}
		}), 0, 12)
		let, refused := gen.Draw(t, "let"), gen.Draw(t, "refused")
		want := 0
		for _, f := range refused {
			for _, l := range let {
				if l.at < f.at && f.number != 0 && f.number < l.number {
					want++
					break
				}
			}
		}
		if got := inversions(let, refused); len(got) != want {
			t.Fatalf("%d inversions, want %d: %v", len(got), want, got)
		}
	})
}

func TestBeforeTurn(t *testing.T) {
	t.Parallel()
	admitted := []admittedAt{{sec(10), 0}, {sec(11), 5}, {sec(12), 10}, {sec(20), 20}}
	lag := 1500 * time.Millisecond
	for name, c := range map[string]struct {
		m   move
		bad bool
	}{
		"in its turn":                    {m: move{sec(11), 5, 0}},
		"the document is a little older": {m: move{sec(11), 9, 0}}, // the next reading a lag later is at 20 s
		"above what was ever admitted":   {m: move{sec(11), 21, 0}, bad: true},
		"above, read soon after":         {m: move{sec(10), 11, 0}, bad: true},
		"before the opening":             {m: move{sec(9), 1, 0}, bad: true},
		"without a number":               {m: move{sec(12), 0, 0}, bad: true},
		"after the last reading":         {m: move{sec(30), 25, 0}},
		"above the final value":          {m: move{sec(30), 26, 0}, bad: true},
	} {
		if got := beforeTurn([]move{c.m}, sec(10), admitted, 25, lag); (len(got) > 0) != c.bad {
			t.Errorf("%s: %v, want bad %v", name, got, c.bad)
		}
	}
}

func TestWheelGivesEveryJobOnceAndInTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWheel()
		waiting, known := map[uint32]time.Duration{}, map[uint32]time.Duration{}
		now, next := time.Duration(0), uint32(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			for range rapid.IntRange(0, 5).Draw(t, "pushes") {
				at := (now + time.Duration(rapid.IntRange(-1000, 400_000).Draw(t, "in"))*time.Millisecond).Truncate(unit)
				at = max(at, 0)
				w.push(job{at: at, who: next, do: doPoll})
				waiting[next], known[next] = at, max(at, now) // a job of the past is due from when it was pushed
				next++
			}
			now += time.Duration(rapid.IntRange(0, 100_000).Draw(t, "pass")) * time.Millisecond
			for _, j := range w.due(now, nil) {
				at, ok := waiting[j.who]
				if !ok || at != j.at {
					t.Fatalf("job %d at %v came, want %v (waiting %v)", j.who, j.at, at, ok)
				}
				if j.at >= now+tick {
					t.Fatalf("job %d of %v came early at %v", j.who, j.at, now)
				}
				delete(waiting, j.who)
			}
			for who := range waiting {
				if known[who] < now-2*tick {
					t.Fatalf("job %d of %v has not come at %v", who, known[who], now)
				}
			}
			if w.pending() != len(waiting) {
				t.Fatalf("%d pending, want %d", w.pending(), len(waiting))
			}
		}
	})
}
