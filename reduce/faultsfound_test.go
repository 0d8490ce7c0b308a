//go:build !charye_weak

package reduce_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"charye/internal/weak"
)

// TestFaultsAreFound runs the package with a fault in it each: a test that does not find it would say nothing of one without.
func TestFaultsAreFound(t *testing.T) {
	if os.Getenv("CHARYE_E2E") == "" {
		t.Skip("builds a variant of this package; make e2e runs it")
	}
	t.Parallel()
	test := filepath.Join(t.TempDir(), "reduce.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-tags", "charye_weak", "-c", "-o", test, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, fault := range append([]weak.Defence{""}, weak.LossFaults...) {
		cmd := exec.CommandContext(t.Context(), test, "-test.run", "^TestReduceInBetween$/^sqlite$")
		cmd.Env = append(os.Environ(), "CHARYE_WEAK="+string(fault))
		out, err := cmd.CombinedOutput()
		if failed := err != nil && strings.Contains(string(out), "--- FAIL: TestReduceInBetween"); failed != (fault != "") {
			t.Errorf("with the fault %q: %v\n%s", fault, err, out)
		}
	}
}
