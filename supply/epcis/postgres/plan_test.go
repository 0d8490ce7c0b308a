package postgres

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/supply/epcis"
	"charye/test/services"
)

// fill adds so many events of 14,000 places and eight steps, as fast as the server makes them up; nobody analyses the tables (the test's server has
// no autovacuum).
func fill(t testing.TB, s *Store, n int) {
	t.Helper()
	for _, sql := range []string{
		`INSERT INTO epcis_context (hash, body) VALUES (sha256('x'), '[]')`,
		fmt.Sprintf(`INSERT INTO epcis_thing (key) SELECT 'https://id.gs1.org/00/' || b FROM generate_series(0, %d) b`, n/8),
		fmt.Sprintf(`INSERT INTO epcis_event (seq, name, declared, id, content, declaration, time, recorded, party, type, action, step, disposition, read_point, location, context, body)
			SELECT i, substr(sha256(i::text::bytea), 1, 16), false, 'urn:x:' || i, sha256(i::text::bytea), '', 1e15::bigint + (i * 7919 %% %d) * 60000000::bigint, 1e15::bigint + i, 'p', case when i %% 997 = 0 then 'AggregationEvent' else 'ObjectEvent' end, case when i %% 997 = 0 then 'DELETE' else 'OBSERVE' end,
				(array['commissioning','packing','shipping','receiving','unpacking','shipping','receiving','storing'])[i %% 8 + 1], 'in_transit', 'urn:x:place:' || i / 8 * 7919 %% 14000, 'urn:x:place:' || i / 8 * 7919 %% 14000, 1,
				rpad('{}', 700, ' ') FROM generate_series(1, %d) i`, n, n),
		`INSERT INTO epcis_mention (thing, seq, role) SELECT (SELECT min(id) FROM epcis_thing) + e.seq / 8, e.seq, 1 FROM epcis_event e`,
		fmt.Sprintf(`UPDATE epcis_head SET seq = %d`, n),
	} {
		if _, err := s.db.Exec(context.Background(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlans asks what people ask of tables that have grown and were never analysed: nothing is sorted and no table is read through.
func TestPlans(t *testing.T) {
	t.Parallel()
	n, err := strconv.Atoi(os.Getenv("CHARYE_EPCIS_EVENTS"))
	if err != nil {
		n = 40_000
	}
	p := services.SharedPostgres(t)
	s, err := Open(t.Context(), p.URL(p.Database(t, migrate), "pool_max_conns=1")) // settings are the connection's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	fill(t, s, n)
	since := time.UnixMicro(1e15).Add(time.Hour)
	match := epcis.Match{Roles: []epcis.Role{epcis.RoleEPC, epcis.RoleParent, epcis.RoleChild, epcis.RoleInput, epcis.RoleOutput}, Wanted: epcis.Wanted{Keys: []string{"https://id.gs1.org/00/77"}}}
	for _, c := range []struct {
		name    string
		through string // the index in which it begins
		q       epcis.Query
	}{
		{"a place", "epcis_event_location", epcis.Query{BizLocations: []string{"urn:x:place:7919"}, Limit: 30}},
		{"a place since", "epcis_event_location", epcis.Query{BizLocations: []string{"urn:x:place:7919"}, From: since, Limit: 30}},
		{"a read point since", "epcis_event_read_point", epcis.Query{ReadPoints: []string{"urn:x:place:7919"}, From: since, Limit: 30}},
		{"a step", "epcis_event_step", epcis.Query{BizSteps: []string{"shipping"}, Limit: 1000}},
		{"a step, further", "epcis_event_step", epcis.Query{BizSteps: []string{"shipping"}, Limit: 1000, After: &epcis.Cursor{Bound: int64(n), At: since.UnixMicro(), Seq: 7}}},
		{"a step, the first", "epcis_event_step", epcis.Query{BizSteps: []string{"shipping"}, Ascending: true, Limit: 30}},
		{"a step that is not there", "epcis_event_step", epcis.Query{BizSteps: []string{"dispensing"}, Limit: 30}},
		{"two places", "epcis_event_location", epcis.Query{BizLocations: []string{"urn:x:place:7919", "urn:x:place:7920"}, Limit: 30}},
		{"two steps since", "epcis_event_step", epcis.Query{BizSteps: []string{"shipping", "receiving"}, From: since, Limit: 30}},
		{"a disposition", "epcis_event_disposition", epcis.Query{Dispositions: []string{"in_transit"}, Limit: 1000}},
		{"a thing", "epcis_thing_key_key", epcis.Query{Matches: []epcis.Match{match}, Limit: 30}},
		{"an action", "epcis_event_action", epcis.Query{Actions: []string{"DELETE"}, Limit: 30}},
		{"a type", "epcis_event_type", epcis.Query{Types: []string{"AggregationEvent"}, Ascending: true, Limit: 30}},
		{"a type that is not there", "epcis_event_type", epcis.Query{Types: []string{"AssociationEvent"}, Limit: 30}},
		{"the usual type", "epcis_event_time", epcis.Query{Types: []string{"ObjectEvent"}, Limit: 30}},
		{"the last", "epcis_event_time", epcis.Query{Limit: 1000}},
		{"recorded since", "epcis_event_pkey", epcis.Query{RecordedFrom: time.UnixMicro(1e15 + int64(n) - 500), Order: epcis.ByRecordTime, Ascending: true, Limit: 1000}},
		{"following", "epcis_event_pkey", epcis.Query{Order: epcis.ByRecordTime, Ascending: true, Limit: 1000, After: &epcis.Cursor{Bound: 1 << 62, Seq: int64(n) - 2000}}},
		{"an ID", "epcis_event_once", epcis.Query{IDs: []string{"urn:x:77"}, Limit: 2}},
	} {
		if plan := explain(t, s, c.q); !strings.Contains(plan, c.through) || strings.Contains(plan, "Seq Scan on epcis_event") || removed(t, plan) > 1000 {
			t.Errorf("%s, not by %s:\n%s", c.name, c.through, plan)
		}
	}
	// Which of two indexes is the better one only a server that has counted can know; it is made to.
	s.grown(int64(n))
	s.growth.running.Wait()
	q := epcis.Query{BizSteps: []string{"shipping"}, BizLocations: []string{"urn:x:place:7919"}, Limit: 30}
	if plan := explain(t, s, q); !strings.Contains(plan, "epcis_event_location") || removed(t, plan) > 1000 {
		t.Errorf("a step at a place, not by place:\n%s", plan)
	}
}

// explain runs a query and gives its plan.
func explain(t testing.TB, s *Store, q epcis.Query) string {
	t.Helper()
	text, args := build(q)
	if _, err := s.db.Exec(t.Context(), fmt.Sprintf(`SELECT set_config('enable_sort', '%t', false)`, len(q.Matches)+len(q.IDs) > 0)); err != nil {
		t.Fatal(err)
	}
	rows, err := s.db.Query(t.Context(), `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY ON) `+text, append([]any{pgx.QueryExecModeExec}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}

var removedRows = regexp.MustCompile(`Rows Removed by Filter: (\d+)`)

// removed is how many rows were read in vain.
func removed(t testing.TB, plan string) (sum int) {
	t.Helper()
	for _, m := range removedRows.FindAllStringSubmatch(plan, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}
