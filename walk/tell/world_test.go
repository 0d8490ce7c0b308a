package tell_test

import (
	"testing"

	"charye/walk/walktest"
)

// The words of the tests.
var (
	must     = walktest.Must
	wantCode = walktest.WantCode
	at       = walktest.At
	born     = walktest.Born
)

// world is a whole Charye below the faces.
type world struct{ *walktest.World }

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{walktest.New(t)}
}

func worldOf(t *testing.T, rules string) (w *world, end func()) {
	t.Helper()
	whole, end := walktest.Of(t, rules)
	return &world{whole}, end
}
