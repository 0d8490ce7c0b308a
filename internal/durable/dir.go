package durable

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Format is the version of the data directory's layout that this program reads and writes.
const Format = 1

const (
	formatFile = "CHARYE"
	lockFile   = "serve.lock"
	newPrefix  = ".charye-new-" // of files that WriteFile has not finished
)

// What opening a data directory refuses. Each message says what to do.
var (
	ErrNotData  = errors.New("is not a charye data directory and is not empty; name an empty or a new directory")
	ErrInUse    = errors.New("is being served by another charye; stop that one first, or name another directory")
	ErrOtherFmt = errors.New("is of another format")
)

// Dir is a data directory that was checked to be Charye's own and of this program's format.
type Dir struct {
	path string
	lock *os.File
}

// OpenDir opens the data directory at path and creates it when it is absent or empty. A directory of another format, or
// one with somebody else's files, is refused untouched.
func OpenDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(path, formatFile))
	if errors.Is(err, fs.ErrNotExist) {
		if err := alone(context.Background(), path, func() error { return begin(path) }); err != nil {
			return nil, fmt.Errorf("data directory %s %w", path, err)
		}
		b, err = os.ReadFile(filepath.Join(path, formatFile))
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("data directory: %w", err)
	default:
		v, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil || v != Format {
			return nil, fmt.Errorf("data directory %s %w: %q, and this charye reads format %d; use the charye that wrote it, or another directory",
				path, ErrOtherFmt, strings.TrimSpace(string(b)), Format)
		}
	}
	return &Dir{path: path}, nil
}

// begin marks a directory as ours if nobody else's files are in it; it may have been marked by another process just now.
func begin(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch {
		case e.Name() == formatFile:
			return nil
		case !strings.HasPrefix(e.Name(), newPrefix): // what a begin that was killed left behind
			return ErrNotData
		}
	}
	return WriteFile(filepath.Join(path, formatFile), []byte(strconv.Itoa(Format)+"\n"))
}

// ExistingDir opens a data directory that must be there already.
func ExistingDir(path string) (*Dir, error) {
	if _, err := os.Stat(filepath.Join(path, formatFile)); err != nil {
		return nil, fmt.Errorf("%s is not a charye data directory; start `charye serve --data %s` first", path, path)
	}
	return OpenDir(path)
}

// Path is the directory's path; File is the path of a file in it.
func (d *Dir) Path() string { return d.path }

// File is the path of a file in the directory.
func (d *Dir) File(name string) string { return filepath.Join(d.path, name) }

// Lock makes this process the only one that serves the directory, until it ends or [Dir.Unlock]. Imports need no lock.
func (d *Dir) Lock() error {
	f, err := os.OpenFile(d.File(lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return fmt.Errorf("data directory %s %w", d.path, ErrInUse)
	}
	d.lock = f
	return nil
}

// Unlock gives the lock back.
func (d *Dir) Unlock() error {
	if d.lock == nil {
		return nil
	}
	err := d.lock.Close()
	d.lock = nil
	return err
}

// WriteFile replaces the file at path so that, whatever happens in between, it holds either the old or the new bytes;
// the new ones are on disk when it returns.
func WriteFile(path string, b []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), newPrefix+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(b)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}
