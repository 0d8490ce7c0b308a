package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"charye/site"
	"charye/site/sitetest"
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

// places gives each place of the suite a database of its own.
func places(fresh func(t testing.TB) (url string)) func(testing.TB, string) site.Store {
	var mu sync.Mutex
	urls := map[string]string{}
	return func(t testing.TB, dir string) site.Store {
		mu.Lock()
		defer mu.Unlock()
		if urls[dir] == "" {
			urls[dir] = fresh(t)
		}
		return open(t, urls[dir])
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	sitetest.Run(t, places(func(t testing.TB) string { return p.URL(p.Database(t, migrate)) }))
}

func TestConformanceSimpleProtocol(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	sitetest.Run(t, places(func(t testing.TB) string {
		return p.URL(p.Database(t, migrate), "default_query_exec_mode=simple_protocol")
	}))
}

// TestConformanceBehindPgBouncer runs the suite through a real PgBouncer in transaction mode, and migrates through it.
func TestConformanceBehindPgBouncer(t *testing.T) {
	t.Parallel()
	p, b := services.SharedPostgres(t), services.SharedBouncer(t)
	sitetest.Run(t, places(func(t testing.TB) string { return b.URL(p.Database(t, migrate)) }))
	if err := p.Exec(context.Background(), "postgres", "CREATE DATABASE behind"); err != nil {
		t.Fatal(err)
	}
	if added, _, err := open(t, b.URL("behind")).Put(context.Background(), site.Demo()[:1], time.Now()); err != nil || added != 1 {
		t.Errorf("%d added, %v", added, err)
	}
}

func TestEachChangeWritesAnEvent(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	s := open(t, p.URL(p.Database(t, migrate)))
	ctx := context.Background()
	at := time.UnixMilli(1626087600000)
	v := site.Site{ID: "a", Name: "A", Kind: "clinic", Region: "경기도"}
	for _, name := range []string{"A", "A", "B"} {
		v.Name = name
		if _, _, err := s.Put(ctx, []site.Site{v}, at); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := s.db.Query(ctx, `SELECT seq, extract(epoch FROM at)::bigint, kind, what::text FROM events WHERE stream = 'site' ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var seq, at int64
		var kind, what string
		err := row.Scan(&seq, &at, &kind, &what)
		return fmt.Sprintln(seq, at, kind, what), err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`1 1626087600 site-added {"site": "a", "change": {"lat": 0, "lon": 0, "num": 1, "kind": "clinic", "name": "A", "phone": "", "region": "경기도", "address": "", "district": ""}}` + "\n",
		`2 1626087600 site-changed {"site": "a", "change": {"name": ["A", "B"]}}` + "\n",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestNumbersEnd(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	s := open(t, p.URL(p.Database(t, migrate)))
	ctx := context.Background()
	if _, err := s.db.Exec(ctx, `UPDATE streams SET next_id = $1 WHERE name = 'site'`, int64(site.MaxNum)); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.Put(ctx, []site.Site{{ID: "fits"}, {ID: "one too many"}}, time.Now())
	if !errors.Is(err, site.ErrTooMany) {
		t.Errorf("got %v, want ErrTooMany", err)
	}
	if all, err := s.All(ctx); err != nil || len(all) != 0 {
		t.Errorf("%d sites, %v: something of the refused Put was done", len(all), err)
	}
	if added, _, err := s.Put(ctx, []site.Site{{ID: "fits"}}, time.Now()); err != nil || added != 1 {
		t.Errorf("the last number: %d added, %v", added, err)
	}
}

// TestOpenTogether has many nodes start at once on an empty database: one migrates, the others wait.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	if err := p.Exec(context.Background(), "postgres", "CREATE DATABASE together"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			added, _, err := open(t, p.URL("together", "pool_max_conns=1")).Put(context.Background(), site.Demo()[i:i+1], time.Now())
			if err != nil || added != 1 {
				t.Errorf("%d added, %v", added, err)
			}
		})
	}
	wg.Wait()
}
