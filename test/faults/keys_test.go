package faults_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"charye/rush"
	"charye/test/program"
)

// charye runs a command that may fail.
func charye(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program.Binary(t), args...).CombinedOutput()
	return string(out), err
}

var keyLine = regexp.MustCompile(`(?m)^(\S+)\s+(tokens|fields|indexes)\s+(in use|old|coming|inner)`)

// keysIn lists the keys of a directory: by set, those of each state.
func keysIn(t *testing.T, data string) map[string]map[string][]string {
	t.Helper()
	out := string(command(t, program.Binary(t), "keys", "list", "--data", data))
	list := map[string]map[string][]string{}
	for _, m := range keyLine.FindAllStringSubmatch(out, -1) {
		if list[m[2]] == nil {
			list[m[2]] = map[string][]string{}
		}
		list[m[2]][m[3]] = append(list[m[2]][m[3]], m[1])
	}
	return list
}

// TestKeysRotateInARush rotates every key in the middle of a rush, kills a rotation and the re-sealing with kill -9, and goes on: the rush
// finds every place and booking, nobody is refused, and its honest people need no more calls. Then the old keys are retired while it is
// served: what was made with them is refused, and nobody has lost a place.
func TestKeysRotateInARush(t *testing.T) {
	program.NeedE2E(t)
	t.Parallel()
	const people = 2000
	small, err := rush.Named("small")
	if err != nil {
		t.Fatal(err)
	}
	scale := float64(people) / float64(small.Eligible)
	data := filepath.Join(t.TempDir(), "data")
	furnish(t, data)
	c := program.Start(t, "serve", "--programme", write(t, "rush.yaml", string(small.Programme(scale))), "--data", data)
	file := filepath.Join(t.TempDir(), "rush.json")
	early := sessions(t, data, 9_000_000, 1)[0] // of before
	crowd := exec.CommandContext(t.Context(), program.Binary(t), "rush", "--target", c.URL, "--data", data,
		"--people", fmt.Sprint(people), "--json", file, "--seed", "7")
	type end struct {
		out []byte
		err error
	}
	ended := make(chan end, 1)
	go func() {
		out, err := crowd.CombinedOutput()
		ended <- end{out, err}
	}()
	lineIs := func(what string, now func(answer) bool) {
		t.Helper()
		eventually(t, time.Minute, func() error {
			a, err := call(t.Context(), http.DefaultClient, "GET", c.URL+"/api/v1/campaigns/rush/line", "")
			if err == nil && (a.status != http.StatusOK || !now(a)) { // it may be busy
				err = fmt.Errorf("%s: the line stays at %s", what, a.raw)
			}
			return err
		})
	}
	lineIs("while people join", func(a answer) bool { return a.Joined >= people/10 })
	// Somebody's name is sealed with the keys of now: on a busy machine helpers come late.
	registered := regexp.MustCompile(`(?m)^charye_http_requests_total\{class="2xx",method="POST",route="[^"]*/recipients"\} [1-9]`)
	eventually(t, time.Minute, func() error {
		a, err := call(t.Context(), http.DefaultClient, "GET", c.URL+"/metrics", "")
		if err == nil && !registered.MatchString(a.raw) {
			err = fmt.Errorf("nobody was registered by a helper: %d", a.status)
		}
		return err
	})
	old := keysIn(t, data)
	if _, err := charye(t, "keys", "rotate", "--data", data, "--in", "1s"); err == nil {
		t.Error("keys come into use before nodes can know them")
	}
	command(t, program.Binary(t), "keys", "rotate", "--data", data, "--in", "10s")
	if out, err := charye(t, "keys", "rotate", "--data", data, "--in", "10s"); err == nil || !strings.Contains(out, "waits for its time already") {
		t.Errorf("a second rotation at once: %v\n%s", err, out)
	}
	eventually(t, time.Minute, func() error {
		if n := strings.Count(c.Logs(), "took the keys anew"); n < 2 {
			return fmt.Errorf("the server took keys %d times", n)
		}
		return nil
	})
	lineIs("open", func(a answer) bool { return a.State != "gathering" })
	command(t, program.Binary(t), "keys", "rotate", "--data", data, "--in", "10s") // once more, while people book
	done := <-ended
	if done.err != nil {
		t.Fatalf("the rush: %v\n%s", done.err, done.out)
	}
	var report rush.Report
	b, err := os.ReadFile(file)
	if err = errors.Join(err, json.Unmarshal(b, &report)); err != nil {
		t.Fatal(err)
	}
	if !report.OK() || report.Oversold != 0 || report.Duplicates != 0 || report.Inversions != 0 || !report.Complete {
		t.Errorf("the rush did not end clean: %+v\n%s", report.Violations, done.out)
	}
	// And once more afterwards, so that every name is to be moved.
	rotated := func(n int) {
		t.Helper()
		eventually(t, time.Minute, func() error {
			if old := len(keysIn(t, data)["tokens"]["old"]); old < n {
				return fmt.Errorf("%d old keys of tokens", old)
			}
			return nil
		})
	}
	rotated(2)
	command(t, program.Binary(t), "keys", "rotate", "--data", data, "--in", "10s")
	rotated(3)

	join := func(session string) answer {
		t.Helper()
		return mustCall(t, "POST", c.URL+"/api/v1/campaigns/rush/places", "{}", bearer(session)...)
	}
	before := join(early)
	if before.status >= 500 || before.status == http.StatusUnauthorized {
		t.Fatalf("a session of before the rotations: %d %s", before.status, before.raw)
	}
	first := old["fields"]["in use"][0]
	if out, err := charye(t, "keys", "retire", "--data", data, "--compromised", first); err == nil || !strings.Contains(out, "sealed fields need it") {
		t.Errorf("retiring what rows need: %v\n%s", err, out)
	}
	// Re-sealing is slow, so that the kill is in the middle of it; another time it goes on behind what was done.
	slow := exec.CommandContext(t.Context(), program.Binary(t), "keys", "reseal", "--data", data, "--per-second", "50")
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(1500*time.Millisecond, func() { _ = slow.Process.Kill() })
	_ = slow.Wait()
	out := string(command(t, program.Binary(t), "keys", "reseal", "--data", data, "--per-second", "0"))
	if strings.HasPrefix(out, "0 rows") {
		t.Errorf("the kill was not in the middle: %s", out)
	}
	t.Logf("after kill -9 of the first: %s", strings.TrimSpace(out))
	if out := string(command(t, program.Binary(t), "keys", "reseal", "--data", data)); !strings.HasPrefix(out, "0 rows") {
		t.Errorf("once more: %s", out)
	}
	if out, err := charye(t, "keys", "retire", "--data", data, first); err == nil || !strings.Contains(out, "lives until") {
		t.Errorf("retiring what names in sessions need: %v\n%s", err, out)
	}
	token := old["tokens"]["in use"][0]
	if out, err := charye(t, "keys", "retire", "--data", data, token); err == nil {
		t.Errorf("retiring what tokens need: %s", out)
	}
	command(t, program.Binary(t), "keys", "retire", "--data", data, "--compromised", first)
	command(t, program.Binary(t), "keys", "retire", "--data", data, "--compromised", token)
	command(t, program.Binary(t), "keys", "retire", "--data", data, "--compromised", "layer-0")
	eventually(t, 30*time.Second, func() error {
		if a := mustCall(t, "GET", c.URL+"/api/v1/me", "", bearer(early)...); a.status != http.StatusUnauthorized {
			return fmt.Errorf("a token of a retired key: %d %s", a.status, a.raw)
		}
		return nil
	})
	if after := join(sessions(t, data, 9_000_000, 1)[0]); after.status != before.status && after.status != http.StatusOK || after.Number != before.Number {
		t.Errorf("signed in again: %d number %d, before %d number %d", after.status, after.Number, before.status, before.Number)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	command(t, program.Binary(t), "check", "--data", data)
	t.Logf("%d places, %d bookings, %s", report.Places, report.Bookings, strings.Join(keysIn(t, data)["tokens"]["old"], " "))
}
