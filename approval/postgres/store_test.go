package postgres

import (
	"context"
	"strings"
	"sync"
	"testing"

	"charye/approval"
	"charye/approval/approvaltest"
	"charye/approval/sqlite"
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

func open(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	var mu sync.Mutex
	urls := map[string]string{}
	approvaltest.Run(t, func(t testing.TB, place string) approval.Store {
		mu.Lock()
		defer mu.Unlock()
		if urls[place] == "" {
			urls[place] = p.URL(p.Database(t, migrate), "pool_max_conns=2")
		}
		return open(t, urls[place])
	})
}

// TestHistoryStays: what happened cannot be changed or taken away.
func TestHistoryStays(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := services.SharedPostgres(t)
	s := open(t, p.URL(p.Database(t, migrate)))
	approvaltest.Do(t, s, approvaltest.Ask(approvaltest.Manager(1), "x"))
	for _, q := range []string{
		`UPDATE approval_events SET body = ''`, `DELETE FROM approval_events`, `TRUNCATE approval_events`,
		`UPDATE approval_bodies SET body = '\x00'`, `DELETE FROM approval_bodies`, `TRUNCATE approval_bodies`,
	} {
		if _, err := s.db.Exec(ctx, q); err == nil || !strings.Contains(err.Error(), "only ever added") {
			t.Errorf("%s: %v", q, err)
		}
	}
}

// TestFill: what moves arrives as it was, once, and goes on there.
func TestFill(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	from, err := sqlite.Open(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = from.Close() })
	r := approvaltest.Do(t, from, approvaltest.Ask(approvaltest.Manager(1), "x"))
	approvaltest.Do(t, from, approvaltest.On(approval.OpAgree, r, approvaltest.Manager(2)))
	p := services.SharedPostgres(t)
	to := open(t, p.URL(p.Database(t, migrate)))
	for i, want := range []bool{false, true} {
		if done, err := to.Fill(ctx, "here", from); err != nil || done != want {
			t.Fatalf("fill %d: %v %v", i+1, done, err)
		}
	}
	a, err := approval.Audit(ctx, from)
	b, berr := approval.Audit(ctx, to)
	if err != nil || berr != nil || a.Head != b.Head || len(a.Findings)+len(b.Findings) > 0 {
		t.Fatalf("%+v %v; %+v %v", a, err, b, berr)
	}
	if got := approvaltest.Do(t, to, approvaltest.On(approval.OpDone, r, approvaltest.Manager(1))); len(got.History) != 3 {
		t.Errorf("%+v", got)
	}
}
