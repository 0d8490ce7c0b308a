// Package ports finds addresses for servers that tests start, stop and start again.
//
// It owns the range they lie in: below the ports that the system gives to outgoing connections (32768 and up on Linux). A
// crowd of clients would otherwise take the port of a server that is down for a moment, and it could not come back.
package ports

import (
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// The range, the last not included.
const first, last = 10000, 32000

// given are the ports that this process was given. A server takes its time before it listens: until then its port looks free.
var given = struct {
	sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// Free finds a port of the loopback on which nobody listens, nor on those that lie so much above it. It gives none of them twice in a process.
func Free(t testing.TB, above ...int) int {
	t.Helper()
	end := last
	for _, n := range above {
		end = min(end, last-n)
	}
	given.Lock()
	defer given.Unlock()
	for range 1000 {
		port := first + rand.IntN(end-first)
		list := []int{port}
		for _, n := range above {
			list = append(list, port+n)
		}
		if slices.ContainsFunc(list, func(p int) bool { return given.ports[p] || !free(p) }) {
			continue
		}
		for _, p := range list {
			given.ports[p] = true
		}
		return port
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
