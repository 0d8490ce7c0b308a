// Package script_test runs the built program's command line as written down in testdata/*.txtar: the manual of DESIGN's
// command line, as tests. A script runs in an empty directory of its own, with charye in its PATH.
//
// Beside the commands of testscript there are:
//
//	exits CODE command…   run it and expect this exit status
//	oneline               expect exactly one line on stderr from the last command, and nothing on stdout
package script_test

import (
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"charye/test/program"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { program.Main(m) }

func TestScripts(t *testing.T) {
	t.Parallel()
	bin := filepath.Dir(program.Binary(t))
	// Somebody who has the port already; closed when all scripts, which run in parallel, are done.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })

	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		// A command that should have failed and serves instead must not hang the run.
		Deadline: time.Now().Add(5 * time.Minute),
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(filepath.ListSeparator)+e.Getenv("PATH"))
			e.Setenv("TAKEN", taken.Addr().String())
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":   exits,
			"oneline": oneline,
		},
		RequireExplicitExec: true,
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command…")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("exits: %v", err)
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("exits: %v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s: exit status %d, want %d; stderr:\n%s", strings.Join(args[1:], " "), got, want, ts.ReadFile("stderr"))
	}
}

func oneline(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: oneline")
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("stdout is not empty:\n%s", out)
	}
	text := ts.ReadFile("stderr")
	if strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "charye: ") || strings.TrimSpace(text) == "charye:" {
		ts.Fatalf("stderr is not one line that begins with the program's name:\n%s", text)
	}
}
