package bookingtest

import (
	"testing"

	"charye/booking"
)

// The smallest ledger is as many nodes as one likes.
func TestNodesOfMemory(t *testing.T) {
	t.Parallel()
	RunNodes(t, func(t testing.TB, nodes int) (out []booking.Ledger) {
		l, _ := openMemory(t)
		for range nodes {
			out = append(out, l)
		}
		return out
	})
}
