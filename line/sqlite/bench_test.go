package sqlite_test

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"

	"charye/internal/seal"
	"charye/line"
	"charye/line/linetest"
	"charye/line/sqlite"
	"charye/person"
)

// many makes distinct keys cheaply.
func many(n uint64) (k person.Key) {
	binary.BigEndian.PutUint64(k[:], n*0x9e3779b97f4a7c15+1)
	binary.BigEndian.PutUint64(k[8:], n+1)
	return k
}

var names = func() line.Pseudonyms {
	k, err := seal.Ephemeral()
	if err != nil {
		panic(err)
	}
	return line.NewPseudonyms(k)
}()

// filled opens a line in which n people wait, written as the engine would have written them.
func filled(t testing.TB, dir string, n int, clk *linetest.Clock) *sqlite.Line {
	t.Helper()
	l := openLine(t, dir, config(true), sqlite.Options{Clock: clk.Now, Pseudonyms: names})
	tx, err := l.DB().Begin()
	if err != nil {
		t.Fatal(err)
	}
	for first := 0; first < n; first += 1000 {
		var people []byte
		for i := first; i < min(first+1000, n); i++ {
			k := many(uint64(i))
			people = append(people, k[:]...)
		}
		if _, err := tx.Exec(`INSERT INTO joins (campaign, first_seq, people, joined_at) VALUES (1, ?, ?, 0)`, first+1, people); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return openLine(t, dir, config(true), sqlite.Options{Clock: clk.Now, Pseudonyms: names})
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// peakHeap watches the heap, garbage included, until the function it gives is called, which tells its highest.
func peakHeap() func() uint64 {
	stop, done := make(chan struct{}), make(chan uint64)
	debug.FreeOSMemory()
	go func() {
		highest := uint64(0)
		t := time.NewTicker(20 * time.Millisecond)
		defer t.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			highest = max(highest, m.HeapSys-m.HeapReleased)
			select {
			case <-stop:
				done <- highest
				return
			case <-t.C:
			}
		}
	}()
	return func() uint64 { close(stop); return <-done }
}

// TestBytesPerWaitingPerson measures the heap of 300,000 people, gathered and drawn. Other tests of the package must not
// run beside it, so it is not parallel.
func TestBytesPerWaitingPerson(t *testing.T) {
	const people = 300_000
	clk := linetest.NewClock(opens.Add(-time.Minute))
	before := heap()
	l := filled(t, t.TempDir(), people, clk)
	clk.Set(opens)
	if err := l.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	each := float64(heap()-before) / people
	t.Logf("%.1f bytes of heap per waiting person, %.1f counted", each, float64(l.Stats().IndexBytes)/people)
	if each > 64 {
		t.Errorf("%.1f bytes of heap per waiting person, the budget is 64", each)
	}
	runtime.KeepAlive(l)
}

// size is a million, or ten with CHARYE_BENCH_LARGE set.
func size() int {
	if os.Getenv("CHARYE_BENCH_LARGE") != "" {
		return 10_000_000
	}
	return 1_000_000
}

// BenchmarkLife opens a line of a million (ten with CHARYE_BENCH_LARGE), draws it and opens it again.
func BenchmarkLife(b *testing.B) {
	n := size()
	for b.Loop() {
		clk := linetest.NewClock(opens.Add(-time.Minute))
		dir := b.TempDir()
		before := heap()
		l := filled(b, dir, n, clk)
		clk.Set(opens)
		peak := peakHeap()
		start := time.Now()
		if err := l.Step(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "s/draw")
		b.ReportMetric(float64(peak())/1e6, "MB-heap-in-draw")
		b.ReportMetric(float64(heap()-before)/float64(n), "heap-B/person")
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		start = time.Now()
		r := openLine(b, dir, config(true), sqlite.Options{Clock: clk.Now, Pseudonyms: names})
		b.ReportMetric(time.Since(start).Seconds(), "s/open")
		start = time.Now()
		e, err := r.Entrants(b.Context(), 1)
		if err != nil {
			b.Fatal(err)
		}
		d, err := r.Draw(b.Context(), 1)
		if err != nil {
			b.Fatal(err)
		}
		if err := line.Verify(d, e); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "s/verify")
		_ = e.Close()
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlace(b *testing.B) {
	const people = 1_000_000
	clk := linetest.NewClock(opens.Add(-time.Minute))
	l := filled(b, b.TempDir(), people, clk)
	clk.Set(opens.Add(time.Second))
	l.Supply(1, people, people)
	if err := l.Step(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Run("one at a time", func(b *testing.B) {
		b.ReportAllocs()
		n := uint64(0)
		for b.Loop() {
			n += 7919
			if _, err := l.Place(b.Context(), 1, many(n%people)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("all cores", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for n := uint64(0); pb.Next(); n += 7919 {
				if _, err := l.Place(context.Background(), 1, many(n%people)); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkJoin compares joins that share commits with one transaction for each, on the same file system and settings.
func BenchmarkJoin(b *testing.B) {
	clk := linetest.NewClock(opens)
	b.Run("batched", func(b *testing.B) {
		l := openLine(b, b.TempDir(), config(false), sqlite.Options{Clock: clk.Now})
		var n atomic.Uint64
		b.ReportAllocs()
		b.SetParallelism(2000)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, _, err := l.Join(context.Background(), 1, many(n.Add(1))); err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "joins/s")
		s := l.Stats()
		b.ReportMetric(float64(s.JoinRequests)/float64(s.JoinBatches), "joins/commit")
	})
	b.Run("one transaction each", func(b *testing.B) {
		l := openLine(b, b.TempDir(), config(false), sqlite.Options{Clock: clk.Now})
		if _, err := l.DB().Exec(`CREATE TABLE plain (seq INTEGER PRIMARY KEY, campaign INTEGER, person BLOB UNIQUE, joined_at INTEGER)`); err != nil {
			b.Fatal(err)
		}
		for n := uint64(0); b.Loop(); n++ {
			if err := plainJoin(b.Context(), l.DB(), many(n)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "joins/s")
	})
}

func plainJoin(ctx context.Context, db *sql.DB, who person.Key) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO plain (campaign, person, joined_at) VALUES (1, ?, 0)`, who[:]); err != nil {
		return fmt.Errorf("%w, %w", err, tx.Rollback())
	}
	return tx.Commit()
}

// BenchmarkEnter is a pass begun and ended again, many people at once.
func BenchmarkEnter(b *testing.B) {
	const people = 100_000
	clk := linetest.NewClock(opens)
	c := config(false)
	c.PerSecond, c.Inside = people, people
	l := openLine(b, b.TempDir(), c, sqlite.Options{Clock: clk.Now})
	l.Supply(1, people, people)
	var joined atomic.Uint64
	done := make(chan error, 2000)
	for range cap(done) {
		go func() {
			for n := joined.Add(1); n <= people; n = joined.Add(1) {
				if _, _, err := l.Join(b.Context(), 1, many(n)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	clk.Add(time.Second)
	for range 2 {
		if err := l.Step(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	var n atomic.Uint64
	b.ReportAllocs()
	b.SetParallelism(1000)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			who := many(n.Add(1)%people + 1)
			if _, err := l.Enter(context.Background(), 1, who, line.Device{1}, false); err != nil {
				b.Error(err)
			}
			if err := l.Leave(context.Background(), 1, who); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "visits/s")
}
