// Package ports finds addresses for servers that tests start, stop and start again.
//
// It owns the range they lie in: below the ports that the system gives to outgoing connections (32768 and up on Linux). A
// crowd of clients would otherwise take the port of a server that is down for a moment, and it could not come back.
package ports

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// The range, the last not included.
const first, last = 10000, 32000

// Free finds a port of the loopback on which nobody listens, nor on those that lie so much above it.
func Free(t testing.TB, above ...int) int {
	t.Helper()
	end := last
	for _, n := range above {
		end = min(end, last-n)
	}
	for range 1000 {
		port := first + rand.IntN(end-first)
		all := free(port)
		for _, n := range above {
			all = all && free(port+n)
		}
		if all {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// Address is [Free] as host and port.
func Address(t testing.TB) string {
	t.Helper()
	return at(Free(t))
}

func at(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func free(port int) bool {
	l, err := net.Listen("tcp", at(port))
	return err == nil && l.Close() == nil
}
