package walk_test

import (
	"testing"

	"charye/walk/walktest"
)

// The words of the tests.
const (
	campaign = walktest.Campaign
	rules    = walktest.Rules
)

var (
	must     = walktest.Must
	wantCode = walktest.WantCode
	at       = walktest.At
	born     = walktest.Born
	firstDay = walktest.FirstDay
	seoul    = walktest.Seoul
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
