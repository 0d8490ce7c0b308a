package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// names lists a directory.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func TestOpenDir(t *testing.T) {
	t.Parallel()
	put := func(name, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tc := range []struct {
		name    string
		prepare func(*testing.T, string)
		want    error
		says    string
	}{
		{"empty", func(*testing.T, string) {}, nil, ""},
		{"our own", put(formatFile, "1\n"), nil, ""},
		{"of another format", put(formatFile, "99\n"), ErrOtherFmt, `"99"`},
		{"with a damaged format", put(formatFile, "\x00"), ErrOtherFmt, "another directory"},
		{"somebody else's", put("thesis.doc", "years of work"), ErrNotData, "an empty or a new directory"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			path := t.TempDir()
			tc.prepare(t, path)
			before := names(t, path)
			d, err := OpenDir(path)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if err != nil {
				if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("%q names neither the directory nor %q", err, tc.says)
				}
				if after := names(t, path); after != before {
					t.Errorf("a refused directory had %q and has %q", before, after)
				}
				return
			}
			if d.File("x") != filepath.Join(path, "x") || d.Path() != path {
				t.Errorf("paths %q, %q", d.Path(), d.File("x"))
			}
			if got := names(t, path); got != formatFile {
				t.Errorf("the directory has %q", got)
			}
		})
	}
}

func TestOpenDirMakesIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "not", "yet")
	if _, err := ExistingDir(path); err == nil || !strings.Contains(err.Error(), "charye serve --data "+path) {
		t.Errorf("a directory that must be there: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("asking for an existing one has made it: %v", err)
	}
	if _, err := OpenDir(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("others may look into it: %v", info.Mode())
	}
	if _, err := ExistingDir(path); err != nil {
		t.Error(err)
	}
}

// TestOpenDirAfterKill: a first start that was killed before it had finished its first file is no reason to refuse.
func TestOpenDirAfterKill(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	if err := os.WriteFile(filepath.Join(path, newPrefix+"123"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDir(path); err != nil {
		t.Fatal(err)
	}
	if _, err := ExistingDir(path); err != nil {
		t.Error(err)
	}
}

// TestOpenDirTogether opens a new directory from many sides at once, as an import beside the first start does.
func TestOpenDirTogether(t *testing.T) {
	t.Parallel()
	for range 20 {
		path := filepath.Join(t.TempDir(), "data")
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if _, err := OpenDir(path); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := names(t, path); got != formatFile {
			t.Fatalf("the directory has %q", got)
		}
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	open := func() *Dir {
		t.Helper()
		d, err := OpenDir(path)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first, second := open(), open()
	if err := first.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := second.Lock(); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("the second got %v, want %v", err, ErrInUse)
	}
	if err := second.Unlock(); err != nil {
		t.Errorf("giving back what one does not have: %v", err)
	}
	if err := second.Lock(); !errors.Is(err, ErrInUse) {
		t.Errorf("the lock was given back by one who did not have it: %v", err)
	}
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := second.Lock(); err != nil {
		t.Errorf("after it was given back: %v", err)
	}
	if err := second.Unlock(); err != nil {
		t.Error(err)
	}
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.json")
	for _, text := range []string{"old", "new and longer", ""} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Errorf("got %q, %v, want %q", b, err, text)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v", info.Mode())
	}
	if got := names(t, dir); got != "keys.json" {
		t.Errorf("left over: %q", got)
	}

	// A target that cannot be replaced stays, and nothing is left over.
	blocked := filepath.Join(dir, "blocked")
	if err := os.MkdirAll(filepath.Join(blocked, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(blocked, []byte("x")); err == nil {
		t.Error("a directory was replaced by a file")
	}
	if got := names(t, dir); got != "blocked keys.json" {
		t.Errorf("left over after a failure: %q", got)
	}
	if err := WriteFile(filepath.Join(dir, "missing", "x"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a directory that is not there: %v", err)
	}
}

// TestWriteFileWhileRead: whoever reads sees the old bytes or the new ones, never a part.
func TestWriteFileWhileRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	a, b := strings.Repeat("a", 1<<16), strings.Repeat("b", 1<<15)
	if err := WriteFile(path, []byte(a)); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != a && string(got) != b {
				t.Errorf("read %d bytes of neither, %v", len(got), err)
				return
			}
		}
	})
	for i := range 50 {
		text := a
		if i%2 == 0 {
			text = b
		}
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Error(err)
		}
	}
	close(done)
	reading.Wait()
}
