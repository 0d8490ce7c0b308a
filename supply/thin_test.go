package supply_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/supply"
)

// column is which column an instant is in.
func columnOf(t, from time.Time, column time.Duration) int64 {
	n := int64(t.Sub(from) / column)
	if t.Sub(from) < time.Duration(n)*column {
		n--
	}
	return n
}

// TestThin: whatever was told, each column keeps its least and its most, and how long each kind took; and there are few.
func TestThin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := minute(rapid.IntRange(-200, 200).Draw(t, "from"))
		column := time.Duration(rapid.IntRange(20, 600).Draw(t, "column")) * time.Second
		var parts []supply.Part
		at := minute(0)
		for range rapid.IntRange(0, 120).Draw(t, "parts") {
			at = at.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, 0, 30}).Draw(t, "pause")) * time.Second)
			p := supply.Part{Begin: at, End: at.Add(time.Duration(rapid.SampledFrom([]int{1, 7, 60, 300, 1500}).Draw(t, "long")) * time.Second)}
			if p.Known = rapid.IntRange(0, 4).Draw(t, "known") > 0; p.Known {
				p.Lo = supply.Celsius(rapid.IntRange(-30, 30).Draw(t, "lo")) * deg
				p.Hi = p.Lo + supply.Celsius(rapid.IntRange(0, 5).Draw(t, "spread"))*deg
				p.Sum = rapid.IntRange(0, 4).Draw(t, "sum") == 0
			}
			parts, at = append(parts, p), p.End
		}
		kept := append([]supply.Part(nil), parts...)
		got := supply.Thin(parts, from, column)
		if diff := cmp.Diff(kept, parts); diff != "" {
			t.Fatalf("the parts that were given changed: %s", diff)
		}

		type kind struct{ known, sum bool }
		type extremes struct {
			lo, hi supply.Celsius
		}
		// What is told of each column, by kind: a part that reaches over a border counts in all of them.
		told := func(list []supply.Part) map[int64]map[kind]extremes {
			m := map[int64]map[kind]extremes{}
			for _, p := range list {
				for c := columnOf(p.Begin, from, column); c <= columnOf(p.End.Add(-1), from, column); c++ {
					if m[c] == nil {
						m[c] = map[kind]extremes{}
					}
					k := kind{p.Known, p.Sum}
					e, ok := m[c][k]
					if !ok {
						e = extremes{p.Lo, p.Hi}
					}
					m[c][k] = extremes{min(e.lo, p.Lo), max(e.hi, p.Hi)}
				}
			}
			return m
		}
		if diff := cmp.Diff(told(parts), told(got), cmp.AllowUnexported(kind{}, extremes{})); diff != "" {
			t.Fatalf("columns tell something else (-before +after):\n%s", diff)
		}
		long := func(list []supply.Part) map[kind]time.Duration {
			m := map[kind]time.Duration{}
			for _, p := range list {
				m[kind{p.Known, p.Sum}] += p.End.Sub(p.Begin)
			}
			return m
		}
		if diff := cmp.Diff(long(parts), long(got)); diff != "" {
			t.Fatalf("times (-before +after):\n%s", diff)
		}
		for i := range got {
			if !got[i].End.After(got[i].Begin) || i > 0 && got[i].Begin.Before(got[i-1].End) {
				t.Fatalf("part %d is out of order: %+v", i, got)
			}
		}
		if len(got) > 0 {
			columns := columnOf(at.Add(-1), from, column) - columnOf(parts[0].Begin, from, column) + 1
			if int64(len(got)) > 4*columns+1 {
				t.Fatalf("%d parts of %d columns", len(got), columns)
			}
		}
		if diff := cmp.Diff(parts, supply.Thin(parts, from, 0)); diff != "" {
			t.Fatalf("no column, and other parts: %s", diff)
		}
	})
}
