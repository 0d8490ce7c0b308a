package faults_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"charye/test/program"
	"charye/test/services"
)

// oneLine runs the program and expects it to fail with one line on stderr that has these words.
func oneLine(t *testing.T, words []string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program.Binary(t), args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("charye %s: %v, want exit status 1; it said %s", args[0], err, stderr.String())
	}
	said := stderr.String()
	if strings.Count(said, "\n") != 1 {
		t.Errorf("charye %s said more than a line, or nothing:\n%s", args[0], said)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("charye %s did not say %q: %s", args[0], w, said)
		}
	}
}

// TestDiskFull fills the disk under a running server: it refuses what it cannot keep, goes on with what needs no disk, and
// takes people again when there is space. Killed and started on the full disk it says what to do and harms nothing.
func TestDiskFull(t *testing.T) {
	program.NeedE2E(t)
	t.Parallel()
	disk := services.SmallDisk(t, 96)
	data := filepath.Join(disk, "data")
	file := write(t, "drill.yaml", always)

	full := []string{"no space left on device", "make space on the disk"}
	give := services.FillDisk(t, disk)
	oneLine(t, full, "serve", "--programme", file, "--data", data, "--listen", "127.0.0.1:0")
	give()

	furnish(t, data)
	c := program.Start(t, "serve", "--programme", file, "--data", data)
	waitOpen(t, c)
	const people = 40_000
	tokens := sessions(t, data, 1, people)
	numbers := make([]number, people)
	join := func(i int) answer {
		t.Helper()
		a := mustCall(t, "POST", joinAt(c), "{}", bearer(tokens[i])...)
		switch a.status {
		case http.StatusCreated, http.StatusOK:
			if numbers[i] != 0 && numbers[i] != a.Number {
				t.Fatalf("number %d became %d", numbers[i], a.Number)
			}
			numbers[i] = a.Number
		case http.StatusServiceUnavailable:
			refused(t, a)
		default:
			t.Fatalf("joining answered %d %s", a.status, a.raw)
		}
		return a
	}
	next := 0
	for ; next < 20; next++ {
		if a := join(next); a.status != http.StatusCreated {
			t.Fatalf("joining with space answered %d %s", a.status, a.raw)
		}
	}
	booked := book(t, c, tokens[0])

	give = services.FillDisk(t, disk)
	// The log has some room of its own: people are taken until that is used up.
	var all sync.WaitGroup
	var mu sync.Mutex
	stopped, refusals := false, 0
	for range 32 {
		all.Go(func() {
			for {
				mu.Lock()
				i := next
				if stopped || i >= people-1000 {
					mu.Unlock()
					return
				}
				next++
				mu.Unlock()
				a, err := call(t.Context(), http.DefaultClient, "POST", joinAt(c), "{}", bearer(tokens[i])...)
				if err != nil {
					t.Errorf("on a full disk: %v", err)
					return
				}
				if a.status == http.StatusCreated {
					numbers[i] = a.Number
					continue
				}
				refused(t, a)
				mu.Lock()
				stopped = true
				refusals++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	told := 0
	for _, n := range numbers {
		if n != 0 {
			told++
		}
	}
	if refusals == 0 {
		t.Fatalf("the disk is full, and still %d people got a place", told)
	}
	t.Logf("%d places until the disk was full", told)
	if a := join(0); a.status != http.StatusOK {
		t.Errorf("somebody who has a place asks again on a full disk: %d", a.status)
	}
	if a := bookings(t, c, tokens[0]); !strings.Contains(a, booked) {
		t.Errorf("looking a booking up on a full disk: %s", a)
	}
	refused(t, mustCall(t, "DELETE", c.URL+"/api/v1/bookings/"+booked, "", bearer(tokens[0])...))
	for _, path := range []string{"/healthz", "/", "/api/v1/campaigns/drill/line", "/api/v1/campaigns/drill/sites"} {
		eventually(t, 10*time.Second, func() error { // on a busy machine everybody may be asked to come again
			if a := mustCall(t, "GET", c.URL+path, ""); a.status != http.StatusOK {
				return fmt.Errorf("GET %s on a full disk: %d %s", path, a.status, a.raw)
			}
			return nil
		})
	}

	give()
	eventually(t, 10*time.Second, func() error {
		if a := join(people - 1); a.status/100 != 2 {
			return fmt.Errorf("with space again, joining answers %d", a.status)
		}
		return nil
	})

	// Killed, and the disk full at the start.
	give = services.FillDisk(t, disk)
	c.Kill()
	before := listing(t, data)
	oneLine(t, full[1:], "serve", "--programme", file, "--data", data, "--listen", "127.0.0.1:0")
	if after := listing(t, data); after != before {
		t.Errorf("the start on a full disk has changed the directory:\n%s\nbecame\n%s", before, after)
	}
	give()
	c.Restart()
	for i := range numbers {
		if numbers[i] != 0 && (i%97 == 0 || i < 20 || i == people-1) {
			if a := join(i); a.status != http.StatusOK {
				t.Fatalf("after all, a place is gone: %d", a.status)
			}
		}
	}
	var line answer
	eventually(t, 10*time.Second, func() error {
		if line = mustCall(t, "GET", c.URL+"/api/v1/campaigns/drill/line", ""); line.status != http.StatusOK {
			return fmt.Errorf("the line: %d %s", line.status, line.raw)
		}
		return nil
	})
	if line.Joined < told+1 {
		t.Errorf("%d were told of a place, the line has %d", told+1, line.Joined)
	}
	if a := bookings(t, c, tokens[0]); !strings.Contains(a, booked) || strings.Contains(a, "cancelled") {
		t.Errorf("the booking is gone: %s", a)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	checkLedger(t, data)
}

// refused checks a refusal of a server that cannot keep anything: a problem document that says when to come back.
func refused(t *testing.T, a answer) {
	t.Helper()
	after, err := strconv.Atoi(a.retryAfter)
	if a.status != http.StatusServiceUnavailable || err != nil || after < 1 || a.mediaType != "application/problem+json" || a.Code != "overloaded" {
		t.Errorf("a full disk was told as %d, Retry-After %q, %s: %s", a.status, a.retryAfter, a.mediaType, a.raw)
	}
}

// book walks the rest of the way for somebody who has a place, and gives the id of the booking.
func book(t *testing.T, c *program.Charye, token string) string {
	t.Helper()
	campaign := c.URL + "/api/v1/campaigns/drill"
	var pass answer
	eventually(t, 20*time.Second, func() error {
		place := mustCall(t, "POST", campaign+"/places", "{}", bearer(token)...)
		if pass = mustCall(t, "POST", campaign+"/passes", `{"device":"the drill"}`, append(bearer(token), "Charye-Ticket", place.Ticket)...); pass.status != http.StatusCreated {
			<-time.After(time.Second) // one person may not ask as often as a test would
			return fmt.Errorf("the pass: %d %s", pass.status, pass.raw)
		}
		return nil
	})
	sites := mustCall(t, "GET", campaign+"/sites", "")
	for _, s := range sites.Sites {
		for day := range s.Free {
			slots := mustCall(t, "GET", campaign+"/sites/"+s.ID+"/slots?date="+day, "")
			if len(slots.Slots) == 0 {
				continue
			}
			a := mustCall(t, "POST", c.URL+"/api/v1/bookings", `{"slot":"`+slots.Slots[0].ID+`"}`,
				append(bearer(token), "Charye-Pass", pass.Pass, "Idempotency-Key", "drill-1")...)
			if a.status != http.StatusCreated {
				t.Fatalf("booking: %d %s", a.status, a.raw)
			}
			return a.ID
		}
	}
	t.Fatalf("no free slot: %s", sites.raw)
	return ""
}

func bookings(t *testing.T, c *program.Charye, token string) string {
	t.Helper()
	return mustCall(t, "GET", c.URL+"/api/v1/bookings", "", bearer(token)...).raw
}

// listing is the names and sizes of the files that hold what was acknowledged; what SQLite rebuilds is left out.
func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), "-shm") {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, f)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		_, _ = fmt.Fprintf(&b, "%s %d\n", e.Name(), n)
	}
	return b.String()
}
