package trace_test

import (
	"fmt"
	"runtime"
	"testing"

	"charye/supply"
	"charye/supply/trace"
)

// BenchmarkAutumn reads the custody of an autumn like that of 2020: 57,800 boxes on pallets of 50, by truck to clinics, and a dispensing event
// for each of 118,000 doses.
//
//	go test -run '^$' -bench Autumn -benchtime 1x ./supply/trace
func BenchmarkAutumn(b *testing.B) {
	const boxes, perPallet, doses = 57_800, 50, 118_000
	l := &log{t: b}
	for n := range boxes {
		l.pack(1, n+1, 10)
	}
	for p := range boxes / perPallet {
		k, _ := supply.NewSSCC(1, "8809999", uint64(p+1))
		pallet := "https://id.gs1.org/00/" + k.String()
		names := make([]string, perPallet)
		for i := range names {
			names[i] = key(p*perPallet + i + 1)
		}
		l.add(2, fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":%s,"bizLocation":{"id":%q}`, pallet, quoted(names...), depot))
		l.add(3, fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","bizStep":"loading","parentID":"urn:x:truck:%d","childEPCs":%s`, p, quoted(pallet)))
		l.step(5, "receiving", clinic, pallet)
	}
	for n := range doses {
		l.use(6+float64(n)/1e5, "dispensing", n%(boxes/2)+1, 1, "")
	}
	b.ResetTimer()
	for b.Loop() {
		r := trace.NewReader()
		for i := range l.list {
			if err := r.Take(&l.list[i]); err != nil {
				b.Fatal(err)
			}
		}
		read := b.Elapsed()
		t, err := r.Build(rules())
		if err != nil {
			b.Fatal(err)
		}
		if len(t.Findings)+len(t.Problems) > 0 || t.Index.Given() != doses || t.Index.Boxes() != boxes {
			b.Fatal(t.Findings, t.Problems)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(len(l.list))/read.Seconds(), "events/s")
		b.ReportMetric((b.Elapsed() - read).Seconds(), "s-build")
		b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB-with-events")
	}
}
