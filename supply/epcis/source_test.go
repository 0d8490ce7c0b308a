package epcis

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzRead holds what is read of a stored event against what was read when it was captured.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{"@context":[],"type":"ObjectEvent","eventTime":"2026-09-18T00:00:00Z","eventTimeZoneOffset":"+09:00","action":"ADD","bizStep":"shipping","epcList":["urn:epc:id:sscc:8801234.0000000001","urn:x:\u00e9\\"],"quantityList":[{"epcClass":"urn:epc:class:lgtin:8801234.012345.L-7","quantity":1.50,"uom":"KGM"}],"readPoint":{"id":"urn:x:p"},"bizLocation":{"id":"urn:x:\"q"},"disposition":"in_transit"}`,
		`{"@context":[],"type":"AggregationEvent","eventID":"urn:x:1","eventTime":"2026-09-18T00:00:00.123456Z","eventTimeZoneOffset":"+00:00","action":"DELETE","parentID":"urn:x:p","childEPCs":[],"errorDeclaration":{"declarationTime":"2026-09-19T00:00:00Z","correctiveEventIDs":["urn:x:2"]}}`,
		`{"@context":[],"type":"TransformationEvent","eventTime":"2026-09-18T00:00:00Z","eventTimeZoneOffset":"+09:00","inputEPCList":["urn:x:a"],"outputEPCList":["urn:x:b"],"outputQuantityList":[{"epcClass":"urn:x:c","quantity":2}],"ilmd":{"x:y":{"z":[1,2]}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		list, err := Parse(src, 10)
		if err != nil {
			return
		}
		for _, want := range list {
			s := Stored{ID: want.ID, JSON: want.JSON, Context: want.Context}
			got, err := s.Read()
			if err != nil {
				t.Fatal(err)
			}
			w := *want
			w.Content, w.Declaration = Digest{}, Digest{}
			if d := cmp.Diff(&w, got, cmp.Comparer(func(a, b json.RawMessage) bool { return string(a) == string(b) })); d != "" {
				t.Fatalf("%s\n%s", want.JSON, d)
			}
		}
	})
}
