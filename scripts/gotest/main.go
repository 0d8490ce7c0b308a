// Command gotest runs `go test -json`, shows what a person wants to see of it, and keeps a tally over several runs.
//
//	go run ./scripts/gotest [-tally FILE] [-stage NAME] -- [go test flags and packages]   runs; exit status of go test
//	go run ./scripts/gotest -sum FILE                                                     prints what took longest, then "N passed, N failed, N skipped"
//
// It counts leaves: a test with subtests is not counted beside them, unless it failed by itself. A package that does not
// build, or dies outside any test, counts as one failure.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// event is one line of test2json; see `go doc test2json`.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output and build-fail
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// tally is how many tests ended in which way.
type tally struct{ Passed, Failed, Skipped int }

func (t tally) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", t.Passed, t.Failed, t.Skipped)
}

func main() {
	tallyFile := flag.String("tally", "", "append the counts and times of this run to `FILE`")
	stage := flag.String("stage", "", "say of the times that they are of the stage `NAME`")
	sum := flag.String("sum", "", "print what took longest of `FILE`, and the sum of its counts")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: gotest [-tally FILE] [-stage NAME] -- [go test flags and packages] | gotest -sum FILE")
	}
	flag.Parse()
	if *sum != "" {
		if err := printSum(os.Stdout, *sum); err != nil {
			fmt.Fprintln(os.Stderr, "gotest:", err)
			os.Exit(2)
		}
		return
	}
	os.Exit(run(*tallyFile, *stage, flag.Args()))
}

// run gives the exit status.
func run(tallyFile, stage string, args []string) int {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		return 2
	}
	v := newView(os.Stdout)
	v.read(out)
	err = cmd.Wait()
	t := v.tally()
	if err != nil && t.Failed == 0 {
		// For example a package pattern that matches nothing: go test failed before any test could.
		t.Failed = 1
	}
	state := cmd.ProcessState
	fmt.Printf("    %s; %.0f s of processors\n", t, (state.UserTime() + state.SystemTime()).Seconds())
	if tallyFile != "" {
		if werr := appendTally(tallyFile, t, v.times(stage)); werr != nil {
			fmt.Fprintln(os.Stderr, "gotest:", werr)
			return 2
		}
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		return 2
	}
	return 0
}

// testID names a test of a package; Test is empty for the package itself.
type testID struct{ Package, Test string }

// view follows the events of one run.
type view struct {
	w       io.Writer
	output  map[testID][]string // of what has not ended yet; thrown away when it passes
	ended   map[testID]string   // pass, fail or skip
	parents map[testID]bool     // tests that have subtests
	build   map[string][]string // output of the compiler by import path
	other   int                 // packages that failed without a failed test

	took map[testID]float64 // seconds of what has ended
}

func newView(w io.Writer) *view {
	return &view{w: w, output: map[testID][]string{}, ended: map[testID]string{}, parents: map[testID]bool{}, build: map[string][]string{}, took: map[testID]float64{}}
}

func (v *view) read(r io.Reader) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			_, _ = fmt.Fprintln(v.w, in.Text())
			continue
		}
		v.event(e)
	}
	if err := in.Err(); err != nil {
		_, _ = fmt.Fprintln(v.w, "gotest: output of go test:", err)
	}
}

func (v *view) event(e event) {
	id := testID{e.Package, e.Test}
	switch e.Action {
	case "run":
		if i := strings.LastIndexByte(e.Test, '/'); i >= 0 {
			v.parents[testID{e.Package, e.Test[:i]}] = true
		}
	case "output":
		v.output[id] = append(v.output[id], e.Output)
	case "build-output":
		v.build[e.ImportPath] = append(v.build[e.ImportPath], e.Output)
	case "pass", "fail", "skip":
		v.took[id] = e.Elapsed
		if e.Test != "" {
			v.endTest(id, e)
		} else {
			v.endPackage(e)
		}
		delete(v.output, id)
	}
}

func (v *view) endTest(id testID, e event) {
	v.ended[id] = e.Action
	switch e.Action {
	case "fail":
		v.print(v.output[id])
	case "skip":
		_, _ = fmt.Fprintf(v.w, "    skipped %s: %s\n", e.Test, skipReason(v.output[id]))
	}
}

func (v *view) endPackage(e event) {
	took := time.Duration(e.Elapsed * float64(time.Second)).Round(10 * time.Millisecond)
	switch e.Action {
	case "pass":
		_, _ = fmt.Fprintf(v.w, "ok   %-40s %v\n", e.Package, took)
	case "fail":
		v.print(v.build[e.FailedBuild])
		failed := false
		for id, how := range v.ended {
			failed = failed || id.Package == e.Package && how == "fail"
		}
		// Tests that never ended: the process died under them. What they printed is the only trace.
		for id, lines := range v.output {
			if id.Package == e.Package && id.Test != "" {
				v.print(lines)
			}
		}
		if !failed {
			v.other++
			v.print(v.output[testID{Package: e.Package}])
		}
		_, _ = fmt.Fprintf(v.w, "FAIL %-40s %v\n", e.Package, took)
	}
}

func (v *view) print(lines []string) {
	for _, l := range lines {
		// What ran beside it and when it was paused is noise in a report of what failed.
		if !strings.HasPrefix(l, "=== ") {
			_, _ = io.WriteString(v.w, l)
		}
	}
}

// skipReason is what the test printed, without the frame that package testing puts around it.
func skipReason(lines []string) string {
	var out []string
	for _, l := range lines {
		l = strings.TrimSpace(l)
		if l != "" && !strings.HasPrefix(l, "=== ") && !strings.HasPrefix(l, "--- ") {
			out = append(out, l)
		}
	}
	return strings.Join(out, " ")
}

func (v *view) tally() tally {
	t := tally{Failed: v.other}
	childFailed := map[testID]bool{}
	for id, how := range v.ended {
		if how != "fail" {
			continue
		}
		for test := id.Test; ; {
			i := strings.LastIndexByte(test, '/')
			if i < 0 {
				break
			}
			test = test[:i]
			childFailed[testID{id.Package, test}] = true
		}
	}
	for id, how := range v.ended {
		if v.parents[id] && (how != "fail" || childFailed[id]) {
			continue
		}
		switch how {
		case "pass":
			t.Passed++
		case "fail":
			t.Failed++
		case "skip":
			t.Skipped++
		}
	}
	return t
}
