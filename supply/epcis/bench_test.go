package epcis_test

import (
	"fmt"
	"strings"
	"testing"

	"charye/supply/epcis"
)

func BenchmarkParse(b *testing.B) {
	const events = 1000
	var doc strings.Builder
	doc.WriteString(`{"@context":[],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2020-01-01T00:00:00Z","epcisBody":{"eventList":[`)
	for i := range events {
		if i > 0 {
			doc.WriteByte(',')
		}
		fmt.Fprintf(&doc, received, fmt.Sprintf(`,"eventID":"urn:uuid:%d"`, i))
	}
	doc.WriteString(`]}}`)
	src := []byte(doc.String())
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if list, err := epcis.Parse(src, events); err != nil || len(list) != events {
			b.Fatal(len(list), err)
		}
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
