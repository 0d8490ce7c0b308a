package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"charye/rush"
	"charye/test/program"
)

// TestKilledInTheMiddle kills the server with kill -9 while people join, at the draw, and while they book, and starts it
// again on the same data and address each time. The rush is a process of its own: it goes on, recounts everything through
// the API, and must find every acknowledged place and booking there, nobody's number changed, nothing oversold.
func TestKilledInTheMiddle(t *testing.T) {
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

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	file := filepath.Join(t.TempDir(), "rush.json")
	crowd := exec.CommandContext(ctx, program.Binary(t), "rush", "--target", c.URL, "--data", data,
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

	before := answer{}
	killWhen := func(what string, now func(answer) bool) {
		t.Helper()
		eventually(t, time.Minute, func() error {
			a, err := call(ctx, http.DefaultClient, "GET", c.URL+"/api/v1/campaigns/rush/line", "")
			if err != nil {
				return err
			}
			if a.status != http.StatusOK { // it is busy
				return fmt.Errorf("%s: %d %s", what, a.status, a.raw)
			}
			if a.Joined < before.Joined || a.Admitted < before.Admitted {
				t.Fatalf("%s: %d joined and %d admitted became %d and %d", what, before.Joined, before.Admitted, a.Joined, a.Admitted)
			}
			if !now(a) {
				return fmt.Errorf("%s: the line stays at %s", what, a.raw)
			}
			before = a
			return nil
		})
		t.Logf("kill -9 %s: %d joined, %d admitted, %d doses left", what, before.Joined, before.Admitted, before.Remaining)
		c.Kill()
		c.Restart()
	}
	stock := small.Scaled(scale).Doses
	killWhen("while people join", func(a answer) bool { return a.Joined >= people/10 })
	killWhen("at the opening", func(a answer) bool { return a.State == "open" })
	killWhen("while people book", func(a answer) bool { return a.Remaining <= stock*4/5 })
	killWhen("late", func(a answer) bool { return a.Remaining <= stock*2/5 })

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
	if report.Bookings < int64(stock)*9/10 || !report.Recheck.DrawVerified {
		t.Errorf("the rush did too little to say anything:\n%s", done.out)
	}
	if report.LostAnswers == 0 {
		t.Error("no answer was lost: the kills did not meet the rush")
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	checkLedger(t, data)
	t.Logf("%d places, %d bookings acknowledged, %d live at the end; %d answers lost to the kills", report.Places, report.Bookings,
		report.Recheck.Live, report.LostAnswers)
}
