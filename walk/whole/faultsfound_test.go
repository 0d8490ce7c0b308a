//go:build !charye_weak

package whole_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"charye/internal/weak"
)

// seeds are where the test of random programmes finds each fault at once, while it draws what it draws today. When that changes
// the search goes on from there and takes longer: the log says how long, and which seed would be a better one.
var seeds = map[weak.Defence]uint64{
	weak.FaultFirst: 209180, weak.FaultForward: 784, weak.FaultLast: 1831, weak.FaultSeries: 13531, weak.FaultGuardian: 7,
}

var failing = regexp.MustCompile(`-rapid\.seed=([0-9]+)`)

// TestFaultsAreFound has the test of random programmes look for each fault that can be made in the rules: one that finds nothing in rules with a fault
// would say nothing of those without. What it finds must not be there without the fault.
func TestFaultsAreFound(t *testing.T) {
	if os.Getenv("CHARYE_E2E") == "" {
		t.Skip("builds a variant of this package; make e2e runs it")
	}
	t.Parallel()
	test := filepath.Join(t.TempDir(), "walk.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-tags", "charye_weak", "-c", "-o", test, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := func(t *testing.T, fault weak.Defence, seed string, checks int) (out string, failed bool) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), test, "-test.run", "^TestRandomProgrammes$", "-test.timeout", "10m",
			"-rapid.seed", seed, "-rapid.checks", strconv.Itoa(checks), "-rapid.nofailfile", "-rapid.shrinktime", "0s")
		cmd.Env = append(os.Environ(), "CHARYE_WEAK="+string(fault), "CHARYE_RANDOM=5m")
		b, err := cmd.CombinedOutput()
		failed = err != nil && strings.Contains(string(b), "--- FAIL: TestRandomProgrammes")
		if err != nil && !failed {
			t.Fatalf("%v\n%s", err, b)
		}
		return string(b), failed
	}
	for _, fault := range weak.Faults {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			for seed := strconv.FormatUint(seeds[fault], 10); ; {
				out, failed := run(t, fault, seed, 5000)
				at := failing.FindStringSubmatch(out)
				if !failed || at == nil {
					t.Fatalf("%s is not found:\n%s", fault, out)
				}
				if _, failed := run(t, "", at[1], 1); !failed {
					t.Logf("%s: found after %v, by seed %s", fault, time.Since(began).Round(100*time.Millisecond), at[1])
					return
				}
				if time.Since(began) > 5*time.Minute {
					t.Fatalf("%s is not found: what is, is there without it too, such as by seed %s", fault, at[1])
				}
				t.Logf("seed %s breaks a promise without %s too: TestRandomProgrammes will tell", at[1], fault)
				n, err := strconv.ParseUint(at[1], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				seed = strconv.FormatUint(n+1, 10)
			}
		})
	}
}
