// Package shared keeps what test processes of one run would otherwise each make for themselves: the built program, a new
// PostgreSQL cluster. The directory CHARYE_SHARED holds it (make e2e makes one and removes it); without it nothing is shared.
//
// It owns that each thing is made once and is whole when somebody sees it. It must not know what it keeps.
package shared

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Dir is where things are shared; empty: nowhere.
func Dir() string { return os.Getenv("CHARYE_SHARED") }

// Make gives the directory of the thing with this name. Who comes first makes it, by filling the empty directory that fill is given;
// the others, in this process or another, wait for that. What failed is made again by the next. [Dir] must not be empty.
func Make(name string, fill func(dir string) error) (string, error) {
	path := filepath.Join(Dir(), name)
	if err := os.MkdirAll(Dir(), 0o755); err != nil {
		return "", err
	}
	lock, err := os.Create(path + ".lock")
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }() // and with it the lock is gone
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return path, err
	}
	// Under another name until it is whole: one whose maker was killed is nobody's.
	half := path + ".half"
	if err := errors.Join(os.RemoveAll(half), os.Mkdir(half, 0o755)); err != nil {
		return "", err
	}
	if err := fill(half); err != nil {
		return "", err
	}
	return path, os.Rename(half, path)
}
