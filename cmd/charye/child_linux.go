package main

import (
	"os/exec"
	"runtime"
	"syscall"
)

// endWithParent has the kernel stop the command when this program ends, however it ends. The kernel watches the thread that
// starts the command, so the calling goroutine keeps its thread.
func endWithParent(cmd *exec.Cmd) {
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
