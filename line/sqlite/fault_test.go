package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"charye/internal/batch"
	"charye/internal/durable"
	"charye/line"
	"charye/line/linetest"
	"charye/line/sqlite"
)

var opens = time.Date(2021, 7, 12, 11, 0, 0, 0, time.UTC)

func config(draw bool) line.Config {
	return line.Config{
		Campaign: 1, Gathers: opens.Add(-time.Hour), Opens: opens, Closes: opens.AddDate(0, 0, 5), Draw: draw,
		Inside: 1000, PerSecond: 100, PassLife: 10 * time.Minute,
	}
}

func openLine(t testing.TB, dir string, c line.Config, o sqlite.Options) *sqlite.Line {
	t.Helper()
	if o.Pseudonyms == nil {
		o.Pseudonyms = linetest.Names("fault")
	}
	l, err := sqlite.Open(t.Context(), dir, []line.Config{c}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func join(t testing.TB, l *sqlite.Line, n int) line.Place {
	t.Helper()
	p, _, err := l.Join(t.Context(), 1, linetest.Person(n))
	if err != nil {
		t.Fatalf("join of person %d: %v", n, err)
	}
	return p
}

var errCommit = errors.New("commit failed")

// The two ways a commit can fail: truly, and only as far as anybody is told.
var failures = map[string]func(*sql.Tx) error{
	"not kept": func(*sql.Tx) error { return errCommit },
	"kept":     func(tx *sql.Tx) error { return errors.Join(tx.Commit(), errCommit) },
}

func TestFailedJoinTellsNobody(t *testing.T) {
	t.Parallel()
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			clk := linetest.NewClock(opens.Add(-time.Minute))
			l := openLine(t, dir, config(true), sqlite.Options{Clock: clk.Now})
			join(t, l, 0)
			l.SetCommit(fail)
			var wg sync.WaitGroup
			for n := 1; n <= 50; n++ {
				wg.Go(func() {
					if p, _, err := l.Join(t.Context(), 1, linetest.Person(n)); !errors.Is(err, errCommit) {
						t.Errorf("person %d was told seq %d, %v", n, p.Seq, err)
					}
				})
			}
			wg.Wait()
			if s, _ := l.Status(t.Context(), 1); s.Joined != 1 && name == "not kept" {
				t.Errorf("%d joined, want 1", s.Joined)
			}
			l.SetCommit(nil)
			seqs := make(map[uint32]bool)
			for n := 0; n <= 60; n++ {
				p := join(t, l, n)
				if seqs[p.Seq] || p.Seq < 1 || p.Seq > 61 {
					t.Fatalf("person %d has seq %d: not dense or not its own", n, p.Seq)
				}
				seqs[p.Seq] = true
			}
			sameAfterReopening(t, l, copyDir(t, dir), clk, 61)
		})
	}
}

// sameAfterReopening opens a copy of l's files and compares places, draw and admission.
func sameAfterReopening(t *testing.T, l *sqlite.Line, copied string, clk *linetest.Clock, people int) {
	t.Helper()
	r := openLine(t, copied, config(true), sqlite.Options{Clock: clk.Now})
	for n := range people {
		a, errA := l.Place(t.Context(), 1, linetest.Person(n))
		b, errB := r.Place(t.Context(), 1, linetest.Person(n))
		if errA != nil || errB != nil || a.Seq != b.Seq || a.Number != b.Number || (a.State == line.Admitted) != (b.State == line.Admitted) {
			t.Fatalf("person %d: %+v, %v before and %+v, %v after reopening", n, a, errA, b, errB)
		}
	}
	a, _ := l.Status(t.Context(), 1)
	b, _ := r.Status(t.Context(), 1)
	if a.Admitted != b.Admitted || a.Joined != b.Joined || a.Drawn != b.Drawn || a.Inside != b.Inside {
		t.Fatalf("status %+v before and %+v after reopening", a, b)
	}
}

func TestFailedOpeningAndDraw(t *testing.T) {
	t.Parallel()
	for name, fail := range failures {
		// The commits of an opening: the count of the gathered, the numbers, the draw, the first admission.
		for nth := range 4 {
			t.Run(fmt.Sprintf("%s, commit %d", name, nth+1), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				clk := linetest.NewClock(opens.Add(-time.Minute))
				l := openLine(t, dir, config(true), sqlite.Options{Clock: clk.Now})
				for n := range 40 {
					join(t, l, n)
				}
				l.Supply(1, 1000, 1000)
				clk.Set(opens.Add(time.Second))
				commits := 0
				l.SetCommit(func(tx *sql.Tx) error {
					commits++
					if commits == nth+1 {
						return fail(tx)
					}
					return tx.Commit()
				})
				if err := l.Step(t.Context()); !errors.Is(err, errCommit) {
					t.Fatalf("step: got %v, want the failed commit", err)
				}
				l.SetCommit(nil)
				// What is shown now is nothing that a crash at this moment would take back.
				shown, _ := l.Status(t.Context(), 1)
				r0 := openLine(t, copyDir(t, dir), config(true), sqlite.Options{Clock: clk.Now})
				if kept, _ := r0.Status(t.Context(), 1); shown.Admitted > kept.Admitted || shown.Drawn && !kept.Drawn || shown.Gathered > kept.Gathered {
					t.Fatalf("shown %+v, kept %+v", shown, kept)
				}
				join(t, l, 40)
				clk.Add(10 * time.Second)
				l.Supply(1, 0, 0) // nobody more, but whoever was let in durably must show
				if err := l.Step(t.Context()); err != nil {
					t.Fatal(err)
				}
				d, err := l.Draw(t.Context(), 1)
				if err != nil || !d.Drawn || d.Entrants != 40 {
					t.Fatalf("draw %+v, %v", d, err)
				}
				r, err := l.Entrants(t.Context(), 1)
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(line.Verify(d, r), r.Close()); err != nil {
					t.Fatal(err)
				}
				if p := join(t, l, 40); p.Number != 41 {
					t.Fatalf("the late joiner has number %d", p.Number)
				}
				sameAfterReopening(t, l, copyDir(t, dir), clk, 41)
			})
		}
	}
}

func TestFailedPassTellsNobody(t *testing.T) {
	t.Parallel()
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			clk := linetest.NewClock(opens)
			l := openLine(t, dir, config(true), sqlite.Options{Clock: clk.Now})
			l.Supply(1, 1000, 1000)
			for n := range 10 {
				join(t, l, n)
			}
			clk.Add(time.Second)
			for range 2 {
				if err := l.Step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			l.SetCommit(fail)
			if p, err := l.Enter(t.Context(), 1, linetest.Person(0), linetest.Device(0), false); !errors.Is(err, errCommit) {
				t.Fatalf("enter gave pass %d, %v", p.Serial, err)
			}
			l.SetCommit(nil)
			one, err := l.Enter(t.Context(), 1, linetest.Person(1), linetest.Device(0), false)
			if err != nil {
				t.Fatal(err)
			}
			again, err := l.Enter(t.Context(), 1, linetest.Person(0), linetest.Device(0), false)
			if err != nil || again.Serial == one.Serial {
				t.Fatalf("the same device after the failure: serial %d beside %d, %v", again.Serial, one.Serial, err)
			}
			l.SetCommit(fail)
			if err := l.Leave(t.Context(), 1, linetest.Person(0)); !errors.Is(err, errCommit) {
				t.Fatalf("leave: %v", err)
			}
			l.SetCommit(nil)
			if err := l.Leave(t.Context(), 1, linetest.Person(0)); err != nil {
				t.Fatal(err)
			}
			if err := l.CheckPass(t.Context(), again); !errors.Is(err, line.ErrNoPass) {
				t.Fatalf("after leaving: %v", err)
			}
			sameAfterReopening(t, l, copyDir(t, dir), clk, 10)
		})
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clk := linetest.NewClock(opens)
	l := openLine(t, dir, config(true), sqlite.Options{Clock: clk.Now})
	join(t, l, 0)
	limit := func(pages int) {
		if _, err := l.DB().Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // SQLite raises it to the present size
	told := make(map[int]uint32)
	var full error
	for n := 1; n < 2000 && full == nil; n++ {
		p, _, err := l.Join(t.Context(), 1, linetest.Person(n))
		if err != nil {
			full = err
			continue
		}
		told[n] = p.Seq
	}
	if !errors.Is(full, durable.ErrDiskFull) {
		t.Fatalf("got %v, want ErrDiskFull", full)
	}
	limit(1 << 30)
	if p := join(t, l, 5000); int(p.Seq) != len(told)+2 {
		t.Errorf("after room was made: seq %d, want %d", p.Seq, len(told)+2)
	}
	for n, seq := range told {
		if p := join(t, l, n); p.Seq != seq {
			t.Fatalf("person %d was told %d and now has %d", n, seq, p.Seq)
		}
	}
}

func TestFullWaitingRoomRefusesAtOnce(t *testing.T) {
	t.Parallel()
	l := openLine(t, t.TempDir(), config(true), sqlite.Options{
		Clock: linetest.NewClock(opens).Now, Joins: batch.Options{MaxBatch: 1, Waiting: 1},
	})
	join(t, l, 0)
	committing, release := make(chan struct{}, 10), make(chan struct{})
	l.SetCommit(func(tx *sql.Tx) error {
		committing <- struct{}{}
		<-release
		return tx.Commit()
	})
	var wg sync.WaitGroup
	wg.Go(func() { join(t, l, 1) })
	<-committing
	wg.Go(func() { join(t, l, 2) })
	for l.Stats().JoinsWaiting == 0 {
		time.Sleep(time.Millisecond)
	}
	_, _, err := l.Join(t.Context(), 1, linetest.Person(3))
	full, ok := errors.AsType[*batch.FullError](err)
	if !ok || full.RetryAfter < time.Second {
		t.Errorf("got %v, want a FullError with a time to come back", err)
	}
	if p, err := l.Place(t.Context(), 1, linetest.Person(0)); err != nil || p.Seq != 1 {
		t.Errorf("a reader waited or failed: %v", err)
	}
	close(release)
	wg.Wait()
}

func TestOneCommitAnswersMany(t *testing.T) {
	t.Parallel()
	l := openLine(t, t.TempDir(), config(true), sqlite.Options{Clock: linetest.NewClock(opens).Now})
	const people = 3000
	var wg sync.WaitGroup
	for n := range people {
		wg.Go(func() { join(t, l, n) })
	}
	wg.Wait()
	s := l.Stats()
	if s.JoinRequests != people || s.Places != people {
		t.Fatalf("stats %+v after %d joins", s, people)
	}
	if s.JoinBatches > people/10 {
		t.Errorf("%d commits for %d concurrent joins", s.JoinBatches, people)
	}
}

func TestRunDrawsAdmitsAndEnds(t *testing.T) {
	t.Parallel()
	clk := linetest.NewClock(opens.Add(-time.Minute))
	l := openLine(t, t.TempDir(), config(true), sqlite.Options{Clock: clk.Now})
	join(t, l, 0)
	l.Supply(1, 10, 10)
	clk.Set(opens.Add(time.Second))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	for s, _ := l.Status(ctx, 1); s.Admitted == 0 && ctx.Err() == nil; s, _ = l.Status(ctx, 1) {
		time.Sleep(5 * time.Millisecond)
	}
	if p, err := l.Place(ctx, 1, linetest.Person(0)); err != nil || p.State != line.Admitted || p.Number != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run ended with %v", err)
	}
}
