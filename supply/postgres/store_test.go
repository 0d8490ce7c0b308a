package postgres

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/supply"
	"charye/supply/journal"
	"charye/supply/sqlite"
	"charye/supply/supplytest"
	"charye/test/services"
)

func TestMain(m *testing.M) { services.Main(m) }

func migrate(ctx context.Context, url string) error {
	s, err := Open(ctx, url)
	if err != nil {
		return err
	}
	return s.Close()
}

func TestConformance(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	var mu sync.Mutex
	urls := map[string]string{}
	supplytest.Run(t, func(t testing.TB, place string) supply.Verdicts {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if urls[place] == "" {
			urls[place] = p.URL(p.Database(t, migrate))
		}
		s, err := Open(context.Background(), urls[place])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	})
}

func TestAlarms(t *testing.T) {
	t.Parallel()
	open := places(t)
	supplytest.RunAlarms(t, func(t testing.TB, place string) supply.Alarms { return open(t, place) })
}

func TestTasks(t *testing.T) {
	t.Parallel()
	open := places(t)
	supplytest.RunTasks(t, func(t testing.TB, place string) supply.Tasks { return open(t, place) })
}

func TestJournal(t *testing.T) {
	t.Parallel()
	open := places(t)
	supplytest.RunJournal(t, func(t testing.TB, place string) supplytest.Journal { return open(t, place) })
}

// TestOneBoxOnePromise: what the book would refuse the tables refuse too.
func TestOneBoxOnePromise(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	db := p.Database(t, migrate)
	for _, c := range []struct{ sql, want string }{
		{`INSERT INTO supply_journal (seq, kind, body) VALUES (1, 'settle', '')`, ""}, {`INSERT INTO supply_promise (box, settlement) VALUES (7, 1)`, ""},
		{`INSERT INTO supply_promise (box, settlement) VALUES (7, 1)`, "supply_promise_pkey"}, {`DELETE FROM supply_journal`, "only ever added"},
		{`UPDATE supply_journal SET body = 'x'`, "only ever added"},
	} {
		if err := p.Exec(context.Background(), db, c.sql); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.sql, err)
		}
	}
}

func TestVerdictsStay(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	db := p.Database(t, migrate)
	for _, sql := range []string{`DELETE FROM supply_verdict`, `UPDATE supply_verdict SET body = ''`, `TRUNCATE supply_verdict`} {
		if err := p.Exec(context.Background(), db, sql); err == nil || !strings.Contains(err.Error(), "only ever added") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// TestFill takes verdicts over from one machine: once, and with their numbers.
func TestFill(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	from, err := sqlite.Open(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	k, _ := supply.NewSSCC(0, "8809999", 1)
	v := supply.Verdict{At: time.Unix(7, 9), Action: supply.Hold, Case: "c", Boxes: []supply.SSCC{k}, Reason: "r", Evidence: []string{"e"}, Asked: "a", Agreed: "b"}
	for _, a := range []supply.Action{supply.Hold, supply.Release, supply.Hold} {
		v.Action = a
		if _, err := from.Decide(ctx, v); err != nil {
			t.Fatal(err)
		}
	}
	d := &journal.Departure{Depot: "d", Product: "p", Leaves: time.Unix(99, 0), CutOff: time.Unix(90, 0)}
	for i := range 3 {
		b, _ := supply.NewSSCC(0, "8809999", uint64(i+10))
		d.Loads = append(d.Loads, journal.Load{Box: b, Site: "T1", Vials: 1})
	}
	rows := []journal.GLN{{GLN: 8809999000105, Site: "T1"}}
	for _, e := range []journal.Event{
		{At: time.Unix(7, 9), By: "a", Kind: journal.Settle, Departure: d},
		{At: time.Unix(7, 9), By: "a", Kind: journal.GLNs, Table: journal.NewTable(nil, rows)},
		{At: time.Unix(8, 0), By: "b", Kind: journal.End, Settlement: 1, Ended: []journal.Ended{{Box: d.Loads[0].Box, Why: journal.Left}}},
	} {
		if _, err := from.Write(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	p := services.SharedPostgres(t)
	to, err := Open(ctx, p.URL(p.Database(t, migrate)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = to.Close() }()
	for n, want := range []bool{false, true} {
		if done, err := to.Fill(ctx, "one", from); err != nil || done != want {
			t.Fatalf("time %d: done before: %t, %v", n+1, done, err)
		}
	}
	_, want, err1 := supply.Registered(ctx, from)
	_, got, err2 := supply.Registered(ctx, to)
	if d := cmp.Diff(want, got); d != "" || err1 != nil || err2 != nil {
		t.Error(err1, err2, d)
	}
	b1, err1 := journal.Read(ctx, from)
	b2, err2 := journal.Read(ctx, to)
	if d := cmp.Diff(b1.Settlements(), b2.Settlements()); d != "" || err1 != nil || err2 != nil {
		t.Error(err1, err2, d)
	}
	boxes := 0
	if err := to.Promised(ctx, func(supply.SSCC, int64) error { boxes++; return nil }); err != nil || boxes != 2 {
		t.Errorf("%d boxes are promised, %v", boxes, err)
	}
	if list, of, err := to.GLNs(ctx); err != nil || of != 2 || cmp.Diff(rows, list) != "" {
		t.Errorf("GLNs: %v of %d, %v", list, of, err)
	}
	if e, err := to.Write(ctx, journal.Event{At: time.Unix(9, 0), By: "b", Kind: journal.Withdraw, Settlement: 1, Reason: "r"}); err != nil || e.Seq != 4 {
		t.Errorf("the next event: number %d, %v", e.Seq, err)
	}
	v.Action = supply.Recall
	if v, err = to.Decide(ctx, v); err != nil || v.Seq != 4 {
		t.Errorf("the next verdict: number %d, %v", v.Seq, err)
	}
}

// places opens stores by name: what is opened by one name twice is the same.
func places(t *testing.T) func(testing.TB, string) *Store {
	t.Helper()
	p := services.SharedPostgres(t)
	var mu sync.Mutex
	urls := map[string]string{}
	return func(t testing.TB, place string) *Store {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if urls[place] == "" {
			urls[place] = p.URL(p.Database(t, migrate))
		}
		s, err := Open(context.Background(), urls[place])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
}
