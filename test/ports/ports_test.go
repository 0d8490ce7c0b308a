package ports

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// TestHeldAgainstOthers: a port that another process was given is given to nobody here, although nobody listens on it; when that
// process is gone it may be.
func TestHeldAgainstOthers(t *testing.T) {
	if os.Getenv("CHARYE_PORTS_CHILD") != "" {
		fmt.Println(Free(t, 1))
		_, _ = os.Stdin.Read(make([]byte, 1)) // until it is killed
		return
	}
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestHeldAgainstOthers$")
	cmd.Env = append(os.Environ(), "CHARYE_PORTS_CHILD=1")
	hold, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var port int
	if _, err := fmt.Sscan(line, &port); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	take := func(list ...int) bool {
		given.Lock()
		defer given.Unlock()
		return holdAll(list)
	}
	if take(port) || take(port+1) || take(port-1, port) {
		t.Errorf("port %d was given twice", port)
	}
	_ = hold.Close()
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	if !take(port, port+1) {
		t.Errorf("port %d stays taken when its process is gone", port)
	}
	if take(port + 1) {
		t.Errorf("port %d is given twice in a process", port+1)
	}
}
