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

// BenchmarkMeets is what it costs to look at an event that does not meet a question.
func BenchmarkMeets(b *testing.B) {
	e := one(b, rich)
	s := &epcis.Stored{ID: e.ID, JSON: e.JSON, Context: e.Context}
	p := one(b, fmt.Sprintf(received, ""))
	plain := &epcis.Stored{ID: p.ID, JSON: p.JSON, Context: p.Context}
	for _, name := range []string{"EQ_bizTransaction_po", "GE_value_KEL", "EQ_ILMD_cbvmda:lotNumber", "EQ_INNER_ex:x", "EQ_ex:n"} {
		q, err := epcis.ParseQuery(map[string][]string{name: {"1000"}}, asked)
		if err != nil {
			b.Fatal(err)
		}
		for what, s := range map[string]*epcis.Stored{"rich": s, "plain": plain} {
			b.Run(name+"/"+what, func(b *testing.B) {
				b.SetBytes(int64(len(s.JSON)))
				for b.Loop() {
					if q.Meets(s) {
						b.Fatal("it does")
					}
				}
			})
		}
	}
}
