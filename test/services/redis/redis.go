// Package redis starts private Redis servers for tests: a single one or a Cluster. They listen on loopback only, on ports
// that were free, keep their files in the test's temporary directory, and end with the test.
package redis

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"charye/test/ports"
)

const startTimeout = 60 * time.Second // of a server or a whole Cluster, on a machine that is busy with other tests

// busAbove is how far a Cluster server's bus lies above its port.
const busAbove = 10000

// Need skips the test unless CHARYE_E2E is set, and gives the path of redis-server.
func Need(t testing.TB) string {
	t.Helper()
	if os.Getenv("CHARYE_E2E") == "" {
		t.Skip("needs a real Redis: run make e2e, or set CHARYE_E2E=1")
	}
	name := os.Getenv("CHARYE_REDIS")
	if name == "" {
		name = "redis-server"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("no redis-server: run scripts/need-redis, or name one with CHARYE_REDIS: %v", err)
	}
	return path
}

// Server is one running server.
type Server struct {
	Addr string
	path string
	args []string
	cmd  *exec.Cmd
	done chan struct{}
	log  bytes.Buffer
}

// Single starts one server that syncs to its file at every write.
func Single(t testing.TB) *Server {
	t.Helper()
	path := Need(t)
	s := start(t, path, t.TempDir(), ports.Free(t), "--appendfsync", "always")
	eventually(t, "the server answers", func() error { return ask(s.Addr, "PONG", "PING") })
	return s
}

func start(t testing.TB, path, dir string, port int, args ...string) *Server {
	t.Helper()
	s := &Server{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), path: path, args: append([]string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--daemonize", "no",
		"--save", "", "--appendonly", "yes", "--loglevel", "warning",
	}, args...)}
	s.Start(t)
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() && s.log.Len() > 0 {
			t.Logf("redis %s:\n%s", s.Addr, s.log.String())
		}
	})
	return s
}

// Start starts a server that was killed again, on the files that it left.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.cmd, s.done = exec.Command(s.path, s.args...), make(chan struct{})
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // killed, as a rule
		close(done)
	}(s.cmd, s.done)
}

// Kill ends the server at once, as a crash would, and returns when it is gone.
func (s *Server) Kill() {
	s.Resume()
	_ = s.cmd.Process.Kill()
	<-s.done
}

// Pause stops the server's process (SIGSTOP); connections to it stay open.
func (s *Server) Pause() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

// Do sends the server one command and gives the answer as redis-cli prints it.
func (s *Server) Do(t testing.TB, args ...string) string {
	t.Helper()
	out, err := cli(s.Addr, args...)
	if err != nil {
		t.Fatalf("redis %s: %v: %v: %s", s.Addr, args, err, out)
	}
	return out
}

// Cluster is a running Cluster: masters first, then one replica of each.
type Cluster struct {
	Servers []*Server
}

// StartCluster starts a Cluster of so many masters with a replica each, which fails over within seconds.
func StartCluster(t testing.TB, masters int) *Cluster {
	t.Helper()
	path := Need(t)
	c := &Cluster{}
	root := t.TempDir()
	for i := range 2 * masters {
		dir := filepath.Join(root, strconv.Itoa(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		c.Servers = append(c.Servers, start(t, path, dir, ports.Free(t, busAbove), "--cluster-enabled", "yes",
			"--cluster-node-timeout", "2000", "--cluster-config-file", "nodes.conf", "--appendfsync", "everysec",
			"--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0"))
	}
	for _, s := range c.Servers {
		eventually(t, "the server answers", func() error { return ask(s.Addr, "PONG", "PING") })
	}
	args := append([]string{"--cluster", "create"}, c.Addresses()...)
	args = append(args, "--cluster-replicas", "1", "--cluster-yes")
	if out, err := run(args...); err != nil {
		t.Fatalf("create the Cluster: %v\n%s", err, out)
	}
	for _, s := range c.Servers[masters:] {
		eventually(t, "the replicas are known", func() error {
			err := ask(s.Addr, "role:slave", "INFO", "replication")
			if err == nil {
				return nil
			}
			// On a busy machine creating may end before a server knows the master it is to follow, and give up on it. It is told
			// once more, of the master that has no replica yet.
			for _, m := range c.Servers[:masters] {
				if ask(m.Addr, "connected_slaves:0", "INFO", "replication") != nil {
					continue
				}
				if id, e := cli(m.Addr, "CLUSTER", "MYID"); e == nil {
					_, _ = cli(s.Addr, "CLUSTER", "REPLICATE", strings.TrimSpace(id)) // it may not know the master yet
				}
				break
			}
			return err
		})
	}
	c.Whole(t)
	return c
}

// Addresses are those of all servers.
func (c *Cluster) Addresses() []string {
	a := make([]string, len(c.Servers))
	for i, s := range c.Servers {
		a[i] = s.Addr
	}
	return a
}

// Owner is the master that has the key's slot.
func (c *Cluster) Owner(t testing.TB, key string) *Server {
	t.Helper()
	for _, s := range c.Masters(t) {
		out, err := cli(s.Addr, "EXISTS", key)
		if err == nil && !strings.Contains(out, "MOVED") {
			return s
		}
	}
	t.Fatalf("no master has %q", key)
	return nil
}

// Masters are the servers that live and are masters now.
func (c *Cluster) Masters(t testing.TB) []*Server {
	t.Helper()
	var ms []*Server
	for _, s := range c.Servers {
		select {
		case <-s.done:
			continue
		default:
		}
		if ask(s.Addr, "role:master", "INFO", "replication") == nil {
			ms = append(ms, s)
		}
	}
	return ms
}

// Whole waits until every server is in a Cluster that serves all slots, and every replica has a working link.
func (c *Cluster) Whole(t testing.TB) {
	t.Helper()
	for _, s := range c.Servers {
		eventually(t, "the Cluster is whole", func() error {
			if err := ask(s.Addr, "cluster_state:ok", "CLUSTER", "INFO"); err != nil {
				return err
			}
			if ask(s.Addr, "role:master", "INFO", "replication") == nil {
				return ask(s.Addr, "state=online", "INFO", "replication")
			}
			return ask(s.Addr, "master_link_status:up", "INFO", "replication")
		})
	}
}

// Flush empties every master.
func (c *Cluster) Flush(t testing.TB) {
	t.Helper()
	for _, s := range c.Masters(t) {
		s.Do(t, "FLUSHALL")
	}
}

func ask(addr, want string, args ...string) error {
	out, err := cli(addr, args...)
	if err != nil {
		return err
	}
	if !strings.Contains(out, want) {
		return fmt.Errorf("%v gave %.200q, not %q", args, out, want)
	}
	return nil
}

func cli(addr string, args ...string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	return run(append([]string{"-h", host, "-p", port}, args...)...)
}

func run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "redis-cli", args...).CombinedOutput()
	return string(out), err
}

func eventually(t testing.TB, what string, f func() error) {
	t.Helper()
	deadline := time.Now().Add(startTimeout)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, startTimeout, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Has reports whether the server answers for key by itself.
func (s *Server) Has(key string) bool {
	out, err := cli(s.Addr, "EXISTS", key)
	return err == nil && strings.TrimSpace(out) == "1"
}
