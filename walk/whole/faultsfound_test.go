//go:build !charye_weak

package whole_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charye/internal/weak"
)

// TestFaultsAreFound has the test of random programmes look for each fault that can be made in the rules: one that finds nothing in rules with a fault
// would say nothing of those without.
func TestFaultsAreFound(t *testing.T) {
	if os.Getenv("CHARYE_E2E") == "" {
		t.Skip("builds a variant of this package; make e2e runs it")
	}
	t.Parallel()
	test := filepath.Join(t.TempDir(), "walk.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-tags", "charye_weak", "-c", "-o", test, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := func(fault weak.Defence) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, test, "-test.run", "^TestRandomProgrammes$", "-rapid.checks", "5000", "-rapid.nofailfile", "-rapid.shrinktime", "0s")
		cmd.Env = append(os.Environ(), "CHARYE_WEAK="+string(fault), "CHARYE_RANDOM=90s")
		if fault == "" {
			cmd.Env = append(cmd.Env, "CHARYE_RANDOM=5s")
		}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(""); err != nil {
		t.Fatalf("without a fault: %v\n%s", err, out)
	}
	for _, fault := range weak.Faults {
		began := time.Now()
		out, err := run(fault)
		if err == nil || !strings.Contains(out, "--- FAIL: TestRandomProgrammes") {
			t.Errorf("%s is not found: %v\n%s", fault, err, out)
			continue
		}
		t.Logf("%s: found after %v", fault, time.Since(began).Round(100*time.Millisecond))
	}
}
