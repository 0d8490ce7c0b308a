//go:build !charye_weak

package sqlite_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"charye/internal/weak"
)

// TestSlipsAreFound builds the simulation with the switch for mistakes in it and has it hunt each: a simulation that finds nothing in a line with a
// mistake would say nothing of one without.
func TestSlipsAreFound(t *testing.T) {
	if os.Getenv("CHARYE_E2E") == "" {
		t.Skip("builds a variant of this package; make e2e runs it")
	}
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-tags", "charye_weak", "-count", "1", "-v", "-run", "^TestSlips$", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := strings.Count(string(out), ": found after "); n != len(weak.Slips) {
		t.Fatalf("%d of %d mistakes were found:\n%s", n, len(weak.Slips), out)
	}
	t.Logf("%s", out)
}
