package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"charye/internal/pgdb"
	"charye/supply/epcis"
	"charye/test/services"
)

// documents makes capture jobs of events of their own, so many events each.
func document(t testing.TB, job, events int) epcis.Job {
	t.Helper()
	j := epcis.Job{ID: fmt.Sprintf("job-%d", job), By: "t", At: time.Now()}
	for i := range events {
		list, err := epcis.Parse(fmt.Appendf(nil, `{"@context":[],"eventID":"urn:x:%d:%d","eventTime":"2026-09-18T00:00:00Z","eventTimeZoneOffset":"+00:00","type":"ObjectEvent","action":"OBSERVE","epcList":["urn:x:thing:%d"]}`, job, i, i), 1)
		if err != nil {
			t.Fatal(err)
		}
		j.Events = append(j.Events, list...)
	}
	return j
}

// captureAll captures documents from several clients at once, and gives what they were told.
func captureAll(t testing.TB, s *Store, clients, documents, events int) (errs []error) {
	t.Helper()
	var jobs []epcis.Job
	for i := range documents {
		jobs = append(jobs, document(t, i, events))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := c; i < len(jobs); i += clients {
				out, err := s.Capture(ctx, jobs[i:i+1])
				if err == nil && (out[0].Err != nil || out[0].New != events) {
					err = fmt.Errorf("job %d: %+v", i, out[0])
				}
				if err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return errs
}

// slowed opens a store with a database whose server is slow: the first n statements that add events take so much longer.
func slowed(t testing.TB, n int, limits pgdb.Limits, by time.Duration) *Store {
	t.Helper()
	p := services.SharedPostgres(t)
	db := p.Database(t, migrate)
	for _, sql := range []string{
		`CREATE SEQUENCE slow_count`,
		fmt.Sprintf(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('slow_count') <= %d THEN PERFORM pg_sleep(%g); END IF; RETURN NULL; END $$`, n, by.Seconds()),
		`CREATE TRIGGER slow AFTER INSERT ON epcis_event FOR EACH STATEMENT EXECUTE FUNCTION slow()`,
	} {
		if err := p.Exec(context.Background(), db, sql); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(context.Background(), p.URL(db))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.db.Limits = limits
	return s
}

// TestSlowServer: what takes longer than a limit allows is tried again, and several clients lose nothing by it.
func TestSlowServer(t *testing.T) {
	t.Parallel()
	const second = time.Second
	for name, c := range map[string]struct {
		limits pgdb.Limits
		by     time.Duration
		times  int
	}{
		"longer than a commit is waited for": {pgdb.Limits{Idle: second, Lock: 4 * second, Statement: 4 * second, Commit: 200 * time.Millisecond}, 400 * time.Millisecond, 3},
		"longer than a statement may take":   {pgdb.Limits{Idle: second, Lock: 4 * second, Statement: 200 * time.Millisecond, Commit: 4 * second}, 2 * second, 3},
		"longer than a lock is waited for":   {pgdb.Limits{Idle: second, Lock: 100 * time.Millisecond, Statement: 4 * second, Commit: 4 * second}, 300 * time.Millisecond, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := slowed(t, c.times, c.limits, c.by)
			for _, err := range captureAll(t, s, 4, 8, 20) {
				t.Error(err)
			}
			p, err := s.Events(t.Context(), epcis.Query{Limit: 1000})
			if err != nil || len(p.Events) != 8*20 {
				t.Errorf("%d events are there; %v", len(p.Events), err)
			}
		})
	}
}

// TestLostConnection cuts the connection at each piece that a capture sends, with the piece arriving at the server or not: it is captured once, and
// told as if nothing had been.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	for _, deliver := range []bool{true, false} {
		for _, report := range []bool{true, false} {
			t.Run(fmt.Sprintf("delivered=%v report=%v", deliver, report), func(t *testing.T) {
				t.Parallel()
				x := services.NewProxy(t, p)
				db := p.Database(t, migrate)
				s, err := Open(t.Context(), services.URL(x.Socket(), db))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
				cuts := 0
				for at := 0; ; at++ {
					job := document(t, at, 3)
					if !report {
						job.ID = ""
					}
					if at > 0 { // statements are known from there on
						x.CutAt(at, deliver)
					}
					out, err := s.Capture(t.Context(), []epcis.Job{job})
					if err != nil || out[0].New != 3 || out[0].Err != nil {
						t.Fatalf("cut at piece %d: %v, %+v", at, err, out)
					}
					if at > 0 && !x.Cut() {
						break
					}
					cuts = at
				}
				if cuts < 3 {
					t.Errorf("a capture is cut at %d places only", cuts)
				}
				x.CutAt(0, false)
				got, err := s.Events(t.Context(), epcis.Query{Limit: 1000, Order: epcis.ByRecordTime, Ascending: true})
				if err != nil || len(got.Events) != 3*(cuts+2) {
					t.Fatalf("%d events are there, want %d; %v", len(got.Events), 3*(cuts+2), err)
				}
				for i, e := range got.Events {
					if e.Seq != int64(i+1) {
						t.Errorf("event %d has number %d", i+1, e.Seq)
					}
				}
			})
		}
	}
}

// TestBusy: a lock that is never given is told as what it is, within the time that a capture has, and nothing was taken.
func TestBusy(t *testing.T) {
	t.Parallel()
	p := services.SharedPostgres(t)
	s, err := Open(t.Context(), p.URL(p.Database(t, migrate)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.db.Limits.Lock, s.patience = 20*time.Millisecond, 200*time.Millisecond
	other, err := s.db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(t.Context(), `SELECT FROM epcis_head FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Capture(t.Context(), []epcis.Job{document(t, 1, 1)}); !errors.Is(err, epcis.ErrBusy) {
		t.Errorf("told %v", err)
	}
	if err := other.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out, err := s.Capture(t.Context(), []epcis.Job{document(t, 1, 1)}); err != nil || out[0].New != 1 {
		t.Errorf("afterwards: %+v, %v", out, err)
	}
}
