package shared_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"charye/test/shared"
)

// TestMake: of many who ask at once one makes it, and all see it whole; a making that failed leaves nothing.
func TestMake(t *testing.T) {
	t.Setenv("CHARYE_SHARED", filepath.Join(t.TempDir(), "new"))
	broken := errors.New("broken")
	if _, err := shared.Make("a thing", func(dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, "part"), nil, 0o600), broken)
	}); !errors.Is(err, broken) {
		t.Fatalf("%v, want what went wrong", err)
	}
	var made atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			dir, err := shared.Make("a thing", func(dir string) error {
				made.Add(1)
				return os.WriteFile(filepath.Join(dir, "whole"), []byte("yes"), 0o600)
			})
			if err != nil {
				t.Error(err)
				return
			}
			if b, err := os.ReadFile(filepath.Join(dir, "whole")); err != nil || string(b) != "yes" {
				t.Errorf("%q, %v", b, err)
			}
			if _, err := os.Stat(filepath.Join(dir, "part")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("what was left by a failure is there: %v", err)
			}
		})
	}
	all.Wait()
	if n := made.Load(); n != 1 {
		t.Errorf("it was made %d times", n)
	}
}
