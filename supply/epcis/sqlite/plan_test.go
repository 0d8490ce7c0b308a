package sqlite

import (
	"context"
	"strings"
	"testing"

	"charye/supply/epcis"
)

// TestPlans holds what large stores need: pages are found in an index and not by sorting all that there is.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir()).(*Store)
	second := &epcis.Cursor{Bound: 1000, At: 5, Seq: 500}
	thing := []epcis.Match{{Roles: []epcis.Role{epcis.RoleEPC}, Wanted: epcis.Wanted{Keys: []string{"urn:x:y"}}}}
	for name, c := range map[string]struct {
		q       epcis.Query
		through string
		sorts   bool // what one thing was in is sorted; it is not much
	}{
		"all":                        {epcis.Query{}, "event_time", false},
		"all, second page":           {epcis.Query{After: second}, "event_time (time<?)", false},
		"as captured":                {epcis.Query{Order: epcis.ByRecordTime}, "PRIMARY KEY (rowid<?)", false},
		"as captured, from the past": {epcis.Query{Order: epcis.ByRecordTime, Ascending: true, After: second}, "PRIMARY KEY (rowid>? AND rowid<?)", false},
		"a step":                     {epcis.Query{BizSteps: []string{"shipping"}, After: second}, "event_step (step=? AND time<?)", false},
		"a disposition":              {epcis.Query{Dispositions: []string{"recalled"}}, "event_disposition (disposition=?)", false},
		"a place":                    {epcis.Query{BizLocations: []string{"urn:x:y"}}, "event_location (location=?)", false},
		"an action":                  {epcis.Query{Actions: []string{"DELETE"}}, "event_time", false},
		"an ID":                      {epcis.Query{IDs: []string{"urn:x:y"}}, "event_once (name=?)", true},
		"a thing":                    {epcis.Query{Matches: thing}, "PRIMARY KEY (rowid=?)", true},
	} {
		cursor := epcis.Cursor{Bound: 1000}
		if c.q.After != nil {
			cursor = *c.q.After
		}
		text, args := build(c.q, cursor)
		// The page is the innermost query.
		from, to := strings.Index(text, "IN (")+len("IN ("), strings.LastIndex(text, ") ORDER BY")
		rows, err := s.db.R.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+text[from:to], args...)
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
		whole := strings.Join(plan, "; ")
		if !strings.Contains(plan[0], c.through) || strings.Contains(whole, "TEMP B-TREE") && !c.sorts {
			t.Errorf("%s: want it through %s, sorted %v: %s", name, c.through, c.sorts, whole)
		}
	}
}
