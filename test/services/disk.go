package services

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// SmallDisk mounts a file system of so many megabytes, for the test.
func SmallDisk(t testing.TB, megabytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("charye-drill", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0711", megabytes)); err != nil {
		t.Skipf("needs to mount a small file system, which takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// FillDisk takes all space that is left on a disk; give gives it back.
func FillDisk(t testing.TB, disk string) (give func()) {
	t.Helper()
	ballast := filepath.Join(disk, "ballast")
	f, err := os.OpenFile(ballast, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size >= 512; {
		if _, err = f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(ballast); err != nil {
			t.Error(err)
		}
	}
}

// SmallPostgres is [OwnPostgres] on a disk of so many megabytes, which it also gives.
func SmallPostgres(t testing.TB, megabytes int, settings ...string) (p *Postgres, disk string) {
	t.Helper()
	NeedE2E(t)
	disk = SmallDisk(t, megabytes)
	if err := os.Chmod(filepath.Dir(disk), 0o711); err != nil { // the server runs as another user
		t.Fatal(err)
	}
	p, err := startPostgres(disk, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p, disk
}
