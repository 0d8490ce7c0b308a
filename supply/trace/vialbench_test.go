package trace_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"charye/supply/trace"
)

// BenchmarkVials tells the story of boxes of a hundred vials with serial numbers, and says what a vial costs in the reader and in the story:
//
//	go test -run '^$' -bench Vials -benchtime 1x ./supply/trace
func BenchmarkVials(b *testing.B) {
	const boxes, vials = 300, 100
	l := &log{t: b}
	for n := 1; n <= boxes; n++ {
		names := vialKeys(n*vials, vials)
		l.commission(0, "Q1", append([]string(nil), names...)...)
		l.aggregate(1, "ADD", key(n), depot, names...)
		l.step(2, "receiving", clinic, key(n))
	}
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		r := trace.NewReader()
		for i := range l.list {
			if err := r.Take(&l.list[i]); err != nil {
				b.Fatal(err)
			}
		}
		begun := time.Now()
		got, err := r.Build(rules())
		if err != nil || got.Singles() != boxes*vials {
			b.Fatal(err, fmt.Sprint(got.Problems))
		}
		b.ReportMetric(float64(time.Since(begun).Nanoseconds())/boxes/vials, "ns-telling/vial")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/boxes/vials, "B/vial")
		runtime.KeepAlive(r)
		runtime.KeepAlive(got)
	}
}
