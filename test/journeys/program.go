package journeys

import (
	"testing"

	"charye/test/program"
)

// Charye is the program, running.
type Charye = program.Charye

// Binary is [program.Binary].
func Binary(t testing.TB) string {
	t.Helper()
	return program.Binary(t)
}

// Main is [program.Main].
func Main(m *testing.M) { program.Main(m) }

// StartCharye is [program.Start].
func StartCharye(t testing.TB, args ...string) *Charye {
	t.Helper()
	return program.Start(t, args...)
}
