package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/internal/pgdb"
	"charye/supply/epcis"
	custodypostgres "charye/supply/epcis/postgres"
	custodysqlite "charye/supply/epcis/sqlite"
)

// TestFillCustody moves events and reports, and goes on with them where they arrived.
func TestFillCustody(t *testing.T) {
	t.Parallel()
	for name, url := range fillUps(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, at := t.Context(), time.Date(2026, 9, 21, 0, 0, 0, 0, time.UTC)
			from, err := custodysqlite.Open(ctx, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = from.Close() })
			var events []*epcis.Event
			for i := range 2500 { // more than one page
				id := fmt.Sprintf(`"eventID":"urn:x:%d",`, i)
				if i%3 == 0 {
					id = "" // named by its content
				}
				list, err := epcis.Parse([]byte(fmt.Sprintf(`{"@context":{"x":"https://example.com/%d/"},%s"type":"ObjectEvent","eventTime":"2026-09-21T09:00:00.%03dZ","eventTimeZoneOffset":"+09:00",
					"action":"OBSERVE","x:n":%d,"epcList":["urn:epc:id:sscc:8801234.0%09d"],"quantityList":[{"epcClass":"urn:epc:class:lgtin:8801234.012345.L-7"}]}`, i%2, id, i%1000, i, i/8)), 1)
				if err != nil {
					t.Fatal(err)
				}
				events = append(events, list...)
			}
			for i := 0; i < len(events); i += 500 {
				if _, err := from.Capture(ctx, []epcis.Job{{ID: fmt.Sprint(i), By: "maker", At: at.Add(time.Duration(i) * time.Second), Events: events[i : i+500]}}); err != nil {
					t.Fatal(err)
				}
			}
			named, err := epcis.ParseNamedQuery([]byte(`{"name":"some","query":{"@context":{"y":"https://example.com/1/"},"GE_y:n":2400}}`), nil)
			if err != nil {
				t.Fatal(err)
			}
			named.By, named.Created = "maker", at
			if err := from.AddQuery(ctx, named); err != nil {
				t.Fatal(err)
			}
			to, err := custodypostgres.Open(ctx, url)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = to.Close() })
			for _, again := range []bool{false, true} {
				if done, err := to.Fill(ctx, "this one", from); err != nil || done != again {
					t.Fatalf("fill: done %v, %v; want %v", done, err, again)
				}
			}
			if _, err := to.Fill(ctx, "another", from); !errors.Is(err, pgdb.ErrNotEmpty) {
				t.Errorf("filled twice: %v", err)
			}
			q := epcis.Query{Limit: 100, Matches: []epcis.Match{{Roles: []epcis.Role{epcis.RoleEPC}, Wanted: epcis.Wanted{Keys: []string{epcis.Key("urn:epc:id:sscc:8801234.0000000017")}}}}}
			for _, q := range []epcis.Query{{Limit: 1000, Order: epcis.ByRecordTime, Ascending: true}, q} {
				if d := cmp.Diff(everyEvent(t, ctx, from, q), everyEvent(t, ctx, to, q)); d != "" {
					t.Errorf("what arrived differs (-from +to):\n%.3000s", d)
				}
			}
			arrived, err := to.Query(ctx, "some")
			if d := cmp.Diff(named, arrived); d != "" || err != nil {
				t.Fatalf("named query: %v (-from +to)\n%s", err, d)
			}
			if q, err = arrived.Query(); err != nil {
				t.Fatal(err)
			}
			if got := everyEvent(t, ctx, to, q); len(got) != 50 { // each second event means something else by its prefix
				t.Errorf("it gives %d events", len(got))
			}
			a, err := from.Report(ctx, "500")
			b, err2 := to.Report(ctx, "500")
			if err != nil || err2 != nil || a != b {
				t.Errorf("report %+v, %v, there %+v, %v", a, err, b, err2)
			}
			if out, err := to.Capture(ctx, []epcis.Job{{At: at, Events: events[:10]}}); err != nil || out[0].Err != nil || out[0].New != 0 {
				t.Errorf("the same again: %+v, %v", out, err)
			}
		})
	}
}

func everyEvent(t *testing.T, ctx context.Context, s interface {
	Events(context.Context, epcis.Query) (epcis.Page, error)
}, q epcis.Query) (list []epcis.Stored) {
	t.Helper()
	for {
		p, err := s.Events(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p.Events...)
		if q.After = p.Next; q.After == nil {
			return list
		}
	}
}
