package sqlite_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"charye/line/linetest"
	"charye/line/sqlite"
)

// TestKill kills a program that joins people as fast as it can, and looks for everybody who had been told a seq.
func TestKill(t *testing.T) {
	if dir := os.Getenv("LINE_KILL_DIR"); dir != "" {
		joinUntilKilled(t, dir)
		return
	}
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), "LINE_KILL_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told := make(map[int]uint32)
	for s := bufio.NewScanner(out); s.Scan(); {
		var n int
		var seq uint32
		if _, err := fmt.Sscanf(s.Text(), "%d has %d", &n, &seq); err != nil {
			continue // cut short by the kill
		}
		told[n] = seq
		if len(told) == 2000 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || len(told) < 2000 {
		t.Fatalf("the program ended by itself after %d joins: %v", len(told), err)
	}
	l := openLine(t, dir, config(true), sqlite.Options{Clock: linetest.NewClock(opens.Add(-time.Minute)).Now})
	for n, seq := range told {
		if p, err := l.Place(t.Context(), 1, linetest.Person(n)); err != nil || p.Seq != seq {
			t.Fatalf("person %d was told seq %d; after the kill: %d, %v", n, seq, p.Seq, err)
		}
	}
}

func joinUntilKilled(t *testing.T, dir string) {
	l := openLine(t, dir, config(true), sqlite.Options{Clock: linetest.NewClock(opens.Add(-time.Minute)).Now})
	var out sync.Mutex
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for n := w; n < 10_000_000; n += 64 {
				p := join(t, l, n)
				out.Lock()
				fmt.Printf("%d has %d\n", n, p.Seq)
				out.Unlock()
			}
		})
	}
	wg.Wait()
}
