//go:build charye_weak

package sqlite_test

import (
	"strings"
	"testing"
	"time"

	"charye/internal/weak"
)

// TestSlips makes one mistake after the other, each where its name says, and wants the simulation to find it. (It is not parallel: the switch is one for all.)
func TestSlips(t *testing.T) {
	defer weak.Set("")
	for _, slip := range weak.Slips {
		weak.Set(slip)
		start := time.Now()
		lived, seed, err := hunt(t, 1, 5*time.Minute)
		if err == nil {
			t.Errorf("%s: not found in %d openings", slip, lived)
			continue
		}
		weak.Set("")
		if err := live(seed, simulationTemplate(t)); err != nil {
			t.Errorf("%s: seed %d breaks a promise without it too: %v", slip, seed, err)
		}
		t.Logf("%s: found after %d openings (%v), by seed %d: %s", slip, lived, time.Since(start).Round(time.Millisecond), seed, strings.SplitN(err.Error(), "\n", 2)[0])
	}
}
