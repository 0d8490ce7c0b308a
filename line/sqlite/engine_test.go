package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"charye/internal/clock"
	"charye/line"
	"charye/line/linetest"
	"charye/line/sqlite"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	linetest.Run(t, func(t *testing.T, configs []line.Config, now clock.Func, names line.Pseudonyms) linetest.Engine {
		return openEngine(t, t.TempDir(), configs, now, names)
	})
}

func openEngine(t *testing.T, dir string, configs []line.Config, now clock.Func, names line.Pseudonyms) linetest.Engine {
	t.Helper()
	l, err := sqlite.Open(t.Context(), dir, configs, sqlite.Options{Clock: now, Pseudonyms: names})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return linetest.Engine{
		Line: l,
		Step: l.Step,
		Crash: func(t *testing.T, configs []line.Config) linetest.Engine {
			return openEngine(t, copyDir(t, dir), configs, now, names)
		},
	}
}

// copyDir copies what a killed program leaves: the files as they are, without their shared memory.
func copyDir(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if filepath.Ext(f.Name()) == ".db-shm" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, f.Name()), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}
