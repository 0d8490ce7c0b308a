// Package ports finds addresses for servers that tests start, stop and start again.
//
// It owns the range they lie in: below the ports that the system gives to outgoing connections (32768 and up on Linux). A
// crowd of clients would otherwise take the port of a server that is down for a moment, and it could not come back. And it
// owns that no two tests are given the same one, in this process or another.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// The range, the last not included.
const first, last = 10000, 32000

// given are the ports that this process was given. A server takes its time before it listens, and may be down for a while: until
// then its port looks free. What holds one against other processes is a name that only one of them can listen on.
var given = struct {
	sync.Mutex
	held map[int]net.Listener
}{held: map[int]net.Listener{}}

// Free finds a port of the loopback on which nobody listens, nor on those that lie so much above it. Nobody else is given one of
// them as long as this process lives, nor is it given twice here.
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
		if holdAll(list) {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// holdAll holds all of the ports, or none. The caller has the lock.
func holdAll(list []int) bool {
	for i, p := range list {
		if given.held[p] == nil && free(p) {
			// The abstract namespace of Linux: no file, and gone with the process however it ends.
			if l, err := net.Listen("unix", fmt.Sprintf("@charye-test-port-%d", p)); err == nil {
				given.held[p] = l
				continue
			}
		}
		for _, q := range list[:i] {
			_ = given.held[q].Close()
			delete(given.held, q)
		}
		return false
	}
	return true
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
