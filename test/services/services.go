// Package services starts the real servers that Charye's engines for many nodes are tested against, privately: in a
// temporary directory, reachable by this machine only, without root's rights, and stopped with the test binary.
//
// It owns finding, starting, killing and stopping them, and a [Proxy] that loses connections. It knows the servers and no
// engine: who wants a schema brings it.
//
// Environment:
//
//	CHARYE_E2E=1          run what needs servers; without it such tests skip (make e2e sets it)
//	CHARYE_POSTGRES_BIN   the directory of initdb and postgres; default: PATH, then /usr/lib/postgresql/*/bin
package services

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// NeedE2E skips the test unless CHARYE_E2E is set.
func NeedE2E(t testing.TB) {
	t.Helper()
	if os.Getenv("CHARYE_E2E") == "" {
		t.Skip("needs a real server: run make e2e, or set CHARYE_E2E=1 (scripts/need-postgres installs what is missing)")
	}
}

// start starts a server that ends with this process, however that ends: it is then sent the signal last. exited is closed
// when it has ended.
func start(cmd *exec.Cmd, last syscall.Signal) (exited chan struct{}, err error) {
	cmd.SysProcAttr.Pdeathsig = last
	exited = make(chan struct{})
	begun := make(chan error)
	go func() {
		defer close(exited)
		runtime.LockOSThread() // the signal comes when the thread ends that started it
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		begun <- err
		if err == nil {
			_ = cmd.Wait() // it was stopped or killed; whether it should have been is for the tests
		}
	}()
	return exited, <-begun
}

var running struct {
	sync.Mutex
	stop []func()
}

// Main runs a package's tests and stops the servers that they shared. TestMain calls it.
func Main(m *testing.M) {
	code := m.Run()
	running.Lock()
	defer running.Unlock()
	for _, stop := range running.stop {
		stop()
	}
	os.Exit(code)
}

func atExit(stop func()) {
	running.Lock()
	defer running.Unlock()
	running.stop = append(running.stop, stop)
}
