package services

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Proxy is a network between a node and a server's socket that can fail. It counts what nodes send, in pieces as they come
// off the wire, over all connections.
type Proxy struct {
	dir, to string
	listen  net.Listener

	mu      sync.Mutex
	moved   *sync.Cond
	conns   map[net.Conn]bool
	pieces  int // sent by nodes so far
	cutAt   int // the piece at which the connection ends; 0: none
	deliver bool
	stopAt  int // from this piece on nothing passes, until Thaw; 0: never
	frozen  bool
}

// NewProxy starts a network to the socket of a server. It ends with the test.
func NewProxy(t testing.TB, p *Postgres) *Proxy {
	t.Helper()
	dir, err := os.MkdirTemp("", "charye-proxy-")
	if err != nil {
		t.Fatal(err)
	}
	x := &Proxy{dir: dir, to: filepath.Join(p.Socket(), socketName), conns: map[net.Conn]bool{}}
	x.moved = sync.NewCond(&x.mu)
	if x.listen, err = net.Listen("unix", filepath.Join(dir, socketName)); err != nil {
		t.Fatal(err)
	}
	go x.accept()
	t.Cleanup(func() {
		_ = x.listen.Close()
		x.Thaw()
		x.mu.Lock()
		for c := range x.conns {
			_ = c.Close()
		}
		x.mu.Unlock()
		_ = os.RemoveAll(dir)
	})
	return x
}

// socketName is that of a server on its default port.
const socketName = ".s.PGSQL.5432"

// Socket is the directory of the socket that nodes connect to.
func (x *Proxy) Socket() string { return x.dir }

// CutAt ends the connection that sends the n-th piece from now on: that piece still reaches the server, without the node
// ever hearing of it, or is lost, as deliver says. Connections made later work.
func (x *Proxy) CutAt(n int, deliver bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pieces, x.cutAt, x.deliver = 0, n, deliver
}

// Cut reports whether the connection was cut since.
func (x *Proxy) Cut() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cutAt == 0
}

// FreezeAt holds back what nodes send from the n-th piece on.
func (x *Proxy) FreezeAt(n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pieces, x.stopAt = 0, n
}

// WaitFrozen returns when something is being held back.
func (x *Proxy) WaitFrozen() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for !x.frozen {
		x.moved.Wait()
	}
}

// Thaw lets everything pass again.
func (x *Proxy) Thaw() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.stopAt, x.frozen = 0, false
	x.moved.Broadcast()
}

func (x *Proxy) accept() {
	for {
		node, err := x.listen.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", x.to)
		if err != nil {
			_ = node.Close()
			continue
		}
		x.mu.Lock()
		x.conns[node], x.conns[server] = true, true
		x.mu.Unlock()
		over := func() { _, _ = node.Close(), server.Close() }
		go func() {
			_, _ = io.Copy(node, server) // until either end is closed
			over()
		}()
		go func() {
			x.forward(node, server)
			over()
			x.mu.Lock()
			delete(x.conns, node)
			delete(x.conns, server)
			x.mu.Unlock()
		}()
	}
}

func (x *Proxy) forward(node, server net.Conn) {
	buf := make([]byte, 1<<20)
	for {
		n, err := node.Read(buf)
		if err != nil && !errors.Is(err, io.EOF) || n == 0 {
			return
		}
		x.mu.Lock()
		x.pieces++
		cut := x.cutAt != 0 && x.pieces >= x.cutAt
		if cut {
			x.cutAt = 0
		}
		for x.stopAt != 0 && x.pieces >= x.stopAt {
			x.frozen = true
			x.moved.Broadcast()
			x.moved.Wait()
		}
		deliver := x.deliver
		x.mu.Unlock()
		if cut {
			_ = node.Close() // before the server can answer
		}
		if !cut || deliver {
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
		if cut {
			return
		}
	}
}
