package standby_test

import (
	"testing"

	"charye/walk/walktest"
)

// The words of the tests.
var (
	must     = walktest.Must
	wantCode = walktest.WantCode
	at       = walktest.At
	firstDay = walktest.FirstDay
)

// world is a whole Charye below the faces.
type world struct{ *walktest.World }

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{walktest.New(t)}
}
