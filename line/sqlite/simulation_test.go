package sqlite_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"charye/line"
	"charye/line/linetest"
	"charye/line/linetest/simulate"
	"charye/line/sqlite"
)

// TestSimulation lives openings from seeds, as many as go into CHARYE_SIMULATE (a duration; 5 s where it is not set), from seed CHARYE_SEED on.
// A seed that breaks a promise is told with the command that lives it again.
func TestSimulation(t *testing.T) {
	t.Parallel()
	length, first := 5*time.Second, uint64(1)
	if text := os.Getenv("CHARYE_SIMULATE"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("CHARYE_SIMULATE: %v", err)
		}
	}
	alone := os.Getenv("CHARYE_SEED")
	if alone != "" {
		var err error
		if first, err = strconv.ParseUint(alone, 10, 64); err != nil {
			t.Fatalf("CHARYE_SEED: %v", err)
		}
	}
	if alone != "" && os.Getenv("CHARYE_SIMULATE") == "" {
		length = 0 // that one
	}
	lived, seed, err := hunt(t, first, length)
	if err != nil {
		t.Fatalf("seed %d: %v\nagain: CHARYE_SEED=%d go test -run '^TestSimulation$' ./line/sqlite", seed, err, seed)
	}
	t.Logf("%d openings in %v, every promise kept", lived, length)
}

// hunt lives seeds, at least one, on all cores, for a time or until one breaks a promise.
func hunt(t *testing.T, first uint64, length time.Duration) (lived int64, seed uint64, broken error) {
	t.Helper()
	template := simulationTemplate(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	until := time.Now().Add(length)
	var next, count atomic.Uint64
	var mu sync.Mutex
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	if length == 0 {
		workers = 1
	}
	for range workers {
		all.Go(func() {
			for ctx.Err() == nil {
				n := first + next.Add(1) - 1
				if n != first && time.Now().After(until) {
					return
				}
				err := live(n, template)
				count.Add(1)
				if err != nil {
					mu.Lock()
					if broken == nil || n < seed {
						seed, broken = n, err
					}
					mu.Unlock()
					cancel()
				}
			}
		})
	}
	all.Wait()
	return int64(count.Load()), seed, broken
}

func live(seed uint64, template []byte) (err error) {
	dir, err := os.MkdirTemp(memoryDir(), "charye-simulation-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, "line.db"), template, 0o600); err != nil {
		return err
	}
	s := &simulated{dir: dir}
	defer func() { err = errors.Join(err, s.close()) }()
	return simulate.Run(context.Background(), seed, s)
}

// memoryDir is a folder in memory where the system has one: nothing here outlives the test, and nobody waits for a disk.
func memoryDir() string {
	if st, err := os.Stat("/dev/shm"); err == nil && st.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// simulationTemplate is the file of a line that has met its campaign, with a seed for the draw that is the same each time.
func simulationTemplate(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	c := config(true)
	c.Campaign = 7
	l, err := sqlite.Open(t.Context(), dir, []line.Config{c}, sqlite.Options{Pseudonyms: linetest.Names("simulate")})
	if err != nil {
		t.Fatal(err)
	}
	var trigger string
	if err := l.DB().QueryRowContext(t.Context(), `SELECT sql FROM sqlite_master WHERE name = 'draw_is_a_fact'`).Scan(&trigger); err != nil {
		t.Fatal(err)
	}
	seed := sha256.Sum256([]byte("simulate"))
	commitment := line.Commitment(seed)
	for _, statement := range []string{`DROP TRIGGER draw_is_a_fact`, `UPDATE campaigns SET longest_pass = 1`, trigger} {
		if statement == trigger {
			if _, err := l.DB().ExecContext(t.Context(), `UPDATE campaigns SET seed = ?, commitment = ?`, seed[:], commitment[:]); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := l.DB().ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "line.db"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// simulated is one campaign's folder with its faults.
type simulated struct {
	dir    string
	opened []*sqlite.Line

	mu    sync.Mutex
	fault simulate.Fault
	gate  *gate // the next commit waits here
}

type gate struct{ entered, open chan struct{} }

func (s *simulated) Open(cfg line.Config, now func() time.Time) (simulate.Engine, error) {
	l, err := sqlite.Open(context.Background(), s.dir, []line.Config{cfg}, sqlite.Options{Clock: now, Pseudonyms: linetest.Names("simulate")})
	if err != nil {
		return nil, err
	}
	l.SetCommit(s.commit)
	s.opened = append(s.opened, l)
	return l, nil
}

func (s *simulated) Fail(f simulate.Fault) {
	s.mu.Lock()
	s.fault = f
	s.mu.Unlock()
}

func (s *simulated) commit(tx *sql.Tx) error {
	s.mu.Lock()
	fault, g := s.fault, s.gate
	s.gate = nil
	s.mu.Unlock()
	if g != nil {
		close(g.entered)
		<-g.open
	}
	switch fault {
	case simulate.Cut:
		return errCommit
	case simulate.Mute:
		return errors.Join(tx.Commit(), errCommit)
	default:
		return tx.Commit()
	}
}

// AtOnce holds the first call's commit until the others wait behind it. A call that is answered without a commit ends at once.
func (s *simulated) AtOnce(e simulate.Engine, joins bool, calls []func()) {
	l := e.(*sqlite.Line)
	waiting := func() int {
		if joins {
			return l.Stats().JoinsWaiting
		}
		return l.Stats().PassesWaiting
	}
	if len(calls) == 1 {
		calls[0]()
		return
	}
	g := &gate{entered: make(chan struct{}), open: make(chan struct{})}
	s.mu.Lock()
	s.gate = g
	s.mu.Unlock()
	var all sync.WaitGroup
	defer all.Wait()
	begin := func(call func()) chan struct{} {
		done := make(chan struct{})
		all.Go(func() {
			defer close(done)
			call()
		})
		return done
	}
	i := 0
	for held := false; i < len(calls) && !held; i++ { // until one is in its commit
		select {
		case <-begin(calls[i]):
		case <-g.entered:
			held = true
		}
	}
	for behind := 0; i < len(calls); i++ {
		done := begin(calls[i])
		for over := false; !over && waiting() == behind; runtime.Gosched() {
			select {
			case <-done:
				over = true
			default:
			}
		}
		behind = waiting()
	}
	s.mu.Lock()
	s.gate = nil
	s.mu.Unlock()
	close(g.open)
}

func (s *simulated) close() (err error) {
	for _, l := range s.opened {
		err = errors.Join(err, l.Close())
	}
	return err
}

// TestSimulationRepeats lives some seeds twice: the same happens, or the command that is told with a failure would be worth nothing.
func TestSimulationRepeats(t *testing.T) {
	t.Parallel()
	template := simulationTemplate(t)
	for seed := uint64(1); seed <= 20; seed++ {
		var sums [2][32]byte
		for i := range sums {
			sums[i] = sumOfFolder(t, seed, template)
		}
		if sums[0] != sums[1] {
			t.Errorf("seed %d: another end the second time", seed)
		}
	}
}

// sumOfFolder lives a seed and gives the sum of all that is kept at its end.
func sumOfFolder(t *testing.T, seed uint64, template []byte) (sum [32]byte) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "line.db"), template, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &simulated{dir: dir}
	if err := simulate.Run(t.Context(), seed, s); err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	for _, table := range []string{"joins", "waves", "passes", "numbers"} {
		rows, err := s.opened[0].DB().QueryContext(t.Context(), `SELECT * FROM `+table+` ORDER BY 1, 2`)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = &values[i]
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprint(values...)
			_ = binary.Write(h, binary.BigEndian, uint32(len(text))) // a hash takes everything
			h.Write([]byte(text))
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}
