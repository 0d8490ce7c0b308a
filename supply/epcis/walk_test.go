package epcis_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"charye/supply/epcis"
)

// TestWalkEndsWhenLate: what is late ends with what it has, and goes on from there, however little that is.
func TestWalkEndsWhenLate(t *testing.T) {
	t.Parallel()
	const events = 5000
	stored := func(seq int64) epcis.Stored {
		return epcis.Stored{Seq: seq, ID: fmt.Sprint(seq), JSON: []byte(fmt.Sprintf(`{"type":"ObjectEvent","eventTime":"2026-09-21T00:00:00Z","x:n":%d}`, seq))}
	}
	reads, most := 0, 0
	r := epcis.Reading{
		Page: func(_ context.Context, q epcis.Query) (p epcis.Page, err error) {
			reads++
			from := int64(0)
			if q.After != nil {
				from = q.After.Seq
			}
			for seq := from + 1; seq <= events && len(p.Events) < q.Limit; seq++ {
				p.Events = append(p.Events, stored(seq))
			}
			most = max(most, len(p.Events))
			if p.Bound = events; from+int64(len(p.Events)) < events {
				p.Next = &epcis.Cursor{Bound: events, Seq: from + int64(len(p.Events))}
			}
			return p, nil
		},
		Late: func() bool { return true },
	}
	q, err := epcis.ParseQuery(map[string][]string{"GE_x:n": {"4990"}}, epcis.Prefixes{"x": "x:"})
	if err != nil {
		t.Fatal(err)
	}
	found, pages := 0, 0
	for {
		p, err := epcis.Walk(t.Context(), q, r)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		found += len(p.Events)
		if q.After = p.Next; q.After == nil {
			break
		}
		if q.After.Shown != int64(found) || q.After.Bound != events {
			t.Fatalf("page %d ends at %+v with %d found", pages, q.After, found)
		}
	}
	if found != 11 || pages != reads || most > 200 {
		t.Errorf("%d events on %d pages, with %d reads of at most %d", found, pages, reads, most)
	}
	q.After, reads, most = nil, 0, 0
	r.Late = func() bool { return false }
	if p, err := epcis.Walk(t.Context(), q, r); err != nil || len(p.Events) != 11 || reads < 3 || most > 2000 {
		t.Errorf("in time: %d events after %d reads of at most %d, %v", len(p.Events), reads, most, err)
	}
	broken := errors.New("away")
	r.Page = func(context.Context, epcis.Query) (epcis.Page, error) { return epcis.Page{}, broken }
	if _, err := epcis.Walk(t.Context(), q, r); !errors.Is(err, broken) {
		t.Error(err)
	}
}
