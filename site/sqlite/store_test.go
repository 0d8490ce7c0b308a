package sqlite

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/site"
	"charye/site/sitetest"
)

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), dir)
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
	sitetest.Run(t, func(t testing.TB, dir string) site.Store { return open(t, dir) })
}

type event struct {
	Seq, At            int64
	Kind, Site, Change string
}

func TestEachChangeWritesAnEvent(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	ctx := context.Background()
	at := time.UnixMilli(1626087600000)
	v := site.Site{ID: "a", Name: "A", Kind: "clinic", Region: "경기도"}
	for _, name := range []string{"A", "A", "B"} {
		v.Name = name
		if _, _, err := s.Put(ctx, []site.Site{v}, at); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := s.db.R.Query("SELECT seq, at, kind, site, change FROM events ORDER BY seq")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var got []event
	for rows.Next() {
		var e event
		if err := rows.Scan(&e.Seq, &e.At, &e.Kind, &e.Site, &e.Change); err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	want := []event{
		{1, at.UnixMilli(), "site-added", "a", `{"address":"","district":"","kind":"clinic","lat":0,"lon":0,"name":"A","num":1,"phone":"","region":"경기도"}`},
		{2, at.UnixMilli(), "site-changed", "a", `{"name":["A","B"]}`},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestNumbersEnd(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	_, err := s.db.W.Exec("INSERT INTO sites ("+columns+") VALUES (?, 'last', '', '', '', '', '', '', 0, 0)", site.MaxNum-1)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	_, _, err = s.Put(ctx, []site.Site{{ID: "fits"}, {ID: "one too many"}}, time.Now())
	if !errors.Is(err, site.ErrTooMany) {
		t.Errorf("got %v, want ErrTooMany", err)
	}
	if all, err := s.All(ctx); err != nil || len(all) != 1 {
		t.Errorf("%d sites, %v: something of the refused Put was done", len(all), err)
	}
	if added, _, err := s.Put(ctx, []site.Site{{ID: "fits"}}, time.Now()); err != nil || added != 1 {
		t.Errorf("the last number: %d added, %v", added, err)
	}
}

func TestOpenTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := Open(context.Background(), dir)
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestAnotherProcess imports from a second process while this one has the file open.
func TestAnotherProcess(t *testing.T) {
	const variable = "CHARYE_TEST_IMPORT_DIR"
	if dir := os.Getenv(variable); dir != "" {
		if _, _, err := open(t, dir).Put(context.Background(), site.Demo(), time.Now()); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	before, err := s.Version(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestAnotherProcess$")
	cmd.Env = append(os.Environ(), variable+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	after, err := s.Version(context.Background())
	if err != nil || after <= before {
		t.Errorf("version %d, then %d, %v", before, after, err)
	}
	all, err := s.All(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(site.Demo(), all); d != "" {
		t.Error(d)
	}
}

func TestOpenNeedsTheDirectory(t *testing.T) {
	t.Parallel()
	_, err := Open(context.Background(), t.TempDir()+"/missing")
	if err == nil || !strings.Contains(err.Error(), File) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkPut(b *testing.B) {
	var sites []site.Site
	for i, d := range site.Demo() {
		for j := range 60 {
			d.ID = site.Demo()[i].ID + "-" + string(rune('A'+j))
			sites = append(sites, d)
		}
	}
	for b.Loop() {
		b.StopTimer()
		s := open(b, b.TempDir())
		b.StartTimer()
		if _, _, err := s.Put(context.Background(), sites, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(sites)), "sites/op")
}
