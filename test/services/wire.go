package services

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Wire is a network between one node and a server, which can be cut and slowed down. What is sent while it is cut arrives when
// it is whole again, as TCP has it: nobody is told that anything is wrong.
type Wire struct {
	listen  net.Listener
	network string
	to      string

	mu    sync.Mutex
	whole *sync.Cond
	cut   bool
	slow  time.Duration
	over  bool
	conns map[net.Conn]bool
}

// WireToPostgres is a wire to a PostgreSQL server; the directory of its socket is what nodes connect to.
func WireToPostgres(t testing.TB, p *Postgres) (w *Wire, socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "charye-wire-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return newWire(t, "unix", filepath.Join(dir, socketName), filepath.Join(p.Socket(), socketName)), dir
}

// WireTo is a wire to a server on this machine.
func WireTo(t testing.TB, addr string) (w *Wire, at string) {
	t.Helper()
	w = newWire(t, "tcp", "127.0.0.1:0", addr)
	return w, w.listen.Addr().String()
}

func newWire(t testing.TB, network, at, to string) *Wire {
	t.Helper()
	l, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{listen: l, network: network, to: to, conns: map[net.Conn]bool{}}
	w.whole = sync.NewCond(&w.mu)
	go w.accept()
	t.Cleanup(func() {
		_ = l.Close()
		w.mu.Lock()
		w.over, w.cut = true, false
		for c := range w.conns {
			_ = c.Close()
		}
		w.mu.Unlock()
		w.whole.Broadcast()
	})
	return w
}

// Cut lets nothing through, in either direction, until Mend.
func (w *Wire) Cut() {
	w.mu.Lock()
	w.cut = true
	w.mu.Unlock()
}

// Slow delays everything by so much in each direction, until Mend.
func (w *Wire) Slow(by time.Duration) {
	w.mu.Lock()
	w.slow = by
	w.mu.Unlock()
}

// Mend makes it whole and quick.
func (w *Wire) Mend() {
	w.mu.Lock()
	w.cut, w.slow = false, 0
	w.mu.Unlock()
	w.whole.Broadcast()
}

func (w *Wire) accept() {
	for {
		node, err := w.listen.Accept()
		if err != nil {
			return
		}
		go func() {
			if !w.pass() {
				_ = node.Close()
				return
			}
			server, err := net.Dial(w.network, w.to)
			if err != nil {
				_ = node.Close()
				return
			}
			w.mu.Lock()
			w.conns[node], w.conns[server] = true, true
			w.mu.Unlock()
			go w.carry(node, server)
			w.carry(server, node)
			w.mu.Lock()
			delete(w.conns, node)
			delete(w.conns, server)
			w.mu.Unlock()
		}()
	}
}

// carry takes what from sends to to, in order, each piece as late as the wire is slow.
func (w *Wire) carry(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	type piece struct {
		b   []byte
		due time.Time
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if n > 0 {
				w.mu.Lock()
				due := time.Now().Add(w.slow)
				w.mu.Unlock()
				pieces <- piece{append([]byte(nil), buf[:n]...), due}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due)) // that is what it is for
		if !w.pass() {
			break
		}
		if _, err := to.Write(p.b); err != nil {
			break
		}
	}
	_ = from.Close()
	for range pieces { // so that the reader ends
	}
}

// pass waits until the wire is whole; false when it is no more.
func (w *Wire) pass() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.cut && !w.over {
		w.whole.Wait()
	}
	return !w.over
}
