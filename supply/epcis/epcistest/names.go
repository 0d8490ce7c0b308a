package epcistest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"charye/supply/epcis"
)

// namesOfAll lists what events name, in pages of any size: each once, in order, classes not among the things, and nothing where nothing is said.
func namesOfAll(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	want := map[epcis.Named]map[string]bool{}
	for _, what := range []epcis.Named{epcis.NamedEPC, epcis.NamedLocation, epcis.NamedReadPoint, epcis.NamedStep, epcis.NamedDisposition} {
		want[what] = map[string]bool{}
		if got, err := s.Names(context.Background(), what, "", 10); err != nil || len(got) > 0 {
			t.Errorf("of no events: %v, %v", got, err)
		}
	}
	var events []*epcis.Event
	for i := range 40 {
		more := fmt.Sprintf(`"type":"ObjectEvent","eventID":"urn:x:n%d","eventTime":"2026-09-21T01:00:00+09:00","action":"OBSERVE","epcList":["urn:x:thing:%d"],"quantityList":[{"epcClass":"urn:x:class:%d"}]`, i, i%9, i%4)
		want[epcis.NamedEPC][fmt.Sprintf("urn:x:thing:%d", i%9)] = true
		for _, m := range []struct {
			what         epcis.Named
			of           int
			format, name string
		}{{epcis.NamedLocation, 7, `,"bizLocation":{"id":%q}`, "urn:x:L%d"}, {epcis.NamedReadPoint, 5, `,"readPoint":{"id":%q}`, "urn:x:R%d é"}, {epcis.NamedStep, 3, `,"bizStep":%q`, "urn:x:s%d"}, {epcis.NamedDisposition, 2, `,"disposition":%q`, "urn:x:d%d"}} {
			if i%m.of == 0 && m.of > 2 {
				continue // not said
			}
			name := epcis.Key(fmt.Sprintf(m.name, i%m.of))
			more += fmt.Sprintf(m.format, name)
			want[m.what][name] = true
		}
		events = append(events, parse(t, more)...)
	}
	capture(t, s, epcis.Job{At: when, Events: events})
	for what, names := range want {
		var all []string
		for n := range names {
			all = append(all, n)
		}
		slices.Sort(all)
		for _, most := range []int{1, 2, 5, 100} {
			var got []string
			after := ""
			for range 100 {
				page, err := s.Names(context.Background(), what, after, most)
				if err != nil || len(page) > most {
					t.Fatalf("%d names after %q, want at most %d; %v", len(page), after, most, err)
				}
				if len(page) == 0 {
					break
				}
				got, after = append(got, page...), page[len(page)-1]
			}
			if d := cmp.Diff(all, got); d != "" {
				t.Errorf("names %d in pages of %d:\n%s", what, most, d)
			}
		}
	}
}
