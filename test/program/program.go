// Package program builds the program once and runs it as a process of its own: started, stopped, killed and started again on
// the same data and address. It is the hands of every test that looks at Charye from outside.
//
// It knows the command line and /readyz, and nothing else of the program.
package program

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"charye/test/ports"
	"charye/test/shared"
)

const (
	startTimeout = 60 * time.Second // from exec to ready, on a machine that is busy with other tests
	stopTimeout  = 60 * time.Second // from SIGTERM to the end, with requests under way
)

var binary struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// NeedE2E skips a test that takes the machine for seconds, or drives a browser, unless CHARYE_E2E is set, as make e2e does.
func NeedE2E(t testing.TB) {
	t.Helper()
	if os.Getenv("CHARYE_E2E") == "" {
		t.Skip("needs a browser or much time: run make e2e, or set CHARYE_E2E=1")
	}
}

// Binary is the path of the built program. It is built at most once in a test process, unless CHARYE_BINARY names one; several
// processes that are given the same directory in CHARYE_SHARED, as make e2e does, share what one of them has built.
// Packages that use it, or [Start], call [Main] from their TestMain.
func Binary(t testing.TB) string {
	t.Helper()
	binary.once.Do(func() { binary.path, binary.err = buildBinary() })
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.path
}

func buildBinary() (string, error) {
	if path := os.Getenv("CHARYE_BINARY"); path != "" {
		return filepath.Abs(path)
	}
	if shared.Dir() != "" {
		return buildShared("test", "")
	}
	dir, err := os.MkdirTemp("", "charye-binary-")
	if err != nil {
		return "", err
	}
	binary.dir = dir
	return build(filepath.Join(dir, "charye"), "test", "")
}

// Variant builds the program with another version or with build tags, for one test; it is shared as [Binary] says.
func Variant(t testing.TB, version, tags string) string {
	t.Helper()
	var path string
	var err error
	if shared.Dir() != "" {
		path, err = buildShared(version, tags)
	} else {
		path, err = build(filepath.Join(t.TempDir(), "charye"), version, tags)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func buildShared(version, tags string) (string, error) {
	dir, err := shared.Make("charye-"+version+"-"+tags, func(dir string) error {
		_, err := build(filepath.Join(dir, "charye"), version, tags)
		return err
	})
	return filepath.Join(dir, "charye"), err
}

func build(path, version, tags string) (string, error) {
	cmd := exec.Command("go", "build", "-o", path, "-tags", tags, "-ldflags", "-s -w -X main.version="+version, "charye/cmd/charye")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
}

// Main runs the tests, removes the binary that was built for them, and exits.
func Main(m *testing.M) {
	code := m.Run()
	if binary.dir != "" {
		_ = os.RemoveAll(binary.dir)
	}
	os.Exit(code)
}

// Patient is called from the TestMain of a package whose tests mostly wait: for people who think, for servers that start, for a
// lease to run out. One more of them goes on at a time than there are processors, where -parallel says nothing else.
func Patient() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return
	}
	if err := flag.Set("test.parallel", strconv.Itoa(runtime.GOMAXPROCS(0)+1)); err != nil {
		panic(err) // package testing has that flag
	}
}

// Charye is the program, running.
type Charye struct {
	URL  string // without a slash at the end
	Data string // its data directory; empty for the demo, which has one of its own

	t    testing.TB
	path string
	env  []string
	args []string

	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended and its output is complete
	out    *output
}

// Start starts the program with these arguments and waits until it is ready. Where the command is serve or demo and
// the arguments name no --listen, it listens on a free port of the loopback, which stays its own while it is down; where serve is given no --data, it gets a
// fresh directory. It is stopped at the end of the test, which fails when that does not go well.
func Start(t testing.TB, args ...string) *Charye {
	t.Helper()
	return StartVariant(t, Binary(t), nil, args...)
}

// StartVariant is [Start] of another build, with more in its environment.
func StartVariant(t testing.TB, path string, env []string, args ...string) *Charye {
	t.Helper()
	c := &Charye{t: t, path: path, env: env, args: slices.Clone(args)}
	if flagOf(args, "--listen") == "" {
		c.args = append(c.args, "--listen", ports.Address(t))
	}
	c.Data = flagOf(args, "--data")
	if c.Data == "" && len(args) > 0 && args[0] == "serve" {
		c.Data = filepath.Join(t.TempDir(), "data")
		c.args = append(c.args, "--data", c.Data)
	}
	c.start()
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the program said at last:\n%s", tail(c.Logs(), 25))
		}
	})
	return c
}

// Stop asks the program to stop and waits. An exit status other than 0 is an error. Stopping twice, or after [Charye.Kill],
// does nothing.
func (c *Charye) Stop() error {
	if c.over() {
		return nil
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the program: %w", err)
	}
	select {
	case <-c.exited:
	case <-time.After(stopTimeout):
		c.Kill()
		return fmt.Errorf("the program did not stop within %v of SIGTERM", stopTimeout)
	}
	if code := c.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("the program stopped with exit status %d", code)
	}
	return nil
}

// Kill ends the program at once, as kill -9 does, and waits until it is gone.
func (c *Charye) Kill() {
	if c.over() {
		return
	}
	_ = c.cmd.Process.Kill()
	<-c.exited
}

// Become is [Charye.Restart] as another build.
func (c *Charye) Become(path string) {
	c.t.Helper()
	c.path = path
	c.Restart()
}

// Restart starts the program again after [Charye.Stop] or [Charye.Kill], with the same arguments, data and address.
func (c *Charye) Restart() {
	c.t.Helper()
	if !c.over() {
		c.t.Fatal("restart: the program is still running")
	}
	for i, a := range c.args {
		if i > 0 && c.args[i-1] == "--listen" {
			c.args[i] = strings.TrimPrefix(c.URL, "http://")
		} else if strings.HasPrefix(a, "--listen=") {
			c.args[i] = "--listen=" + strings.TrimPrefix(c.URL, "http://")
		}
	}
	c.start()
}

// Logs is everything that the program has written so far on both of its streams, over all its starts.
func (c *Charye) Logs() string { return c.out.String() }

// PID is the process id of the running program.
func (c *Charye) PID() int { return c.cmd.Process.Pid }

func (c *Charye) over() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

func (c *Charye) start() {
	c.t.Helper()
	if c.out == nil {
		c.out = &output{}
	}
	from := c.out.Len()
	cmd := exec.Command(c.path, c.args...)
	cmd.Stdout, cmd.Stderr = c.out, c.out
	// The demo keeps its data in the temporary folder: give it one that goes with the test.
	cmd.Env = append(append(os.Environ(), "TMPDIR="+c.t.TempDir()), c.env...)
	if err := cmd.Start(); err != nil {
		c.t.Fatalf("start the program: %v", err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the exit status is read from ProcessState by Stop
		close(exited)
	}()
	c.cmd, c.exited = cmd, exited

	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := c.waitReady(ctx, from); err != nil {
		c.Kill()
		c.t.Fatalf("charye %s: %v; it said:\n%s", strings.Join(c.args, " "), err, tail(c.Logs()[from:], 50))
	}
}

// address finds where the program says that it serves.
var address = regexp.MustCompile(`https?://(localhost|127\.0\.0\.1|\[::1\]):[1-9][0-9]*`)

func (c *Charye) waitReady(ctx context.Context, from int) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	last := errors.New("it has not said where it serves")
	for {
		if url := address.FindString(c.Logs()[from:]); url != "" {
			c.URL = url
			if last = ready(ctx, url); last == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready within %v: %w", startTimeout, last)
		case <-c.exited:
			return fmt.Errorf("it ended with exit status %d", c.cmd.ProcessState.ExitCode())
		case <-again.C:
		}
	}
}

// ready asks /readyz once.
func ready(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answered %s", res.Status)
	}
	return nil
}

// flagOf gives the value of a flag in one of its two forms.
func flagOf(args []string, name string) string {
	for i, a := range args {
		if a == name && i+1 < len(args) {
			return args[i+1]
		}
		if v, ok := strings.CutPrefix(a, name+"="); ok {
			return v
		}
	}
	return ""
}

// tail is the last n lines.
func tail(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// output collects what a process writes while others read it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String is everything so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Len is how much there is so far.
func (o *output) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Len()
}
