package faults_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"charye/test/program"
)

// begin opens a connection and sends the beginning of a request.
func begin(t *testing.T, c *program.Charye, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// neverRead asks for the same thing many times on one connection with little room for answers, and reads none of them:
// the server stands before a full connection.
func neverRead(t *testing.T, c *program.Charye, path string, times int) {
	t.Helper()
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var serr error
		err := raw.Control(func(fd uintptr) { serr = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		return errors.Join(err, serr)
	}}
	conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(c.URL, "http://"))
	if err != nil {
		t.Error(err)
		return
	}
	t.Cleanup(func() { _ = conn.Close() })
	// The last of the questions need not get through.
	if err := conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Error(err)
	}
	_, err = io.WriteString(conn, strings.Repeat("GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n", times))
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

// serves proves that others are served, and promptly: on a busy machine they may be asked to come again a moment later, as everybody
// is, but each is answered within the time that a person waits.
func serves(t *testing.T, c *program.Charye, token string) {
	t.Helper()
	const patience = 30 * time.Second // of a machine that has other tests to do; who is blocked stays so
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer client.CloseIdleConnections()
	worst := time.Duration(0)
	served := func(method, url, body string, header ...string) {
		t.Helper()
		began := time.Now()
		eventually(t, patience, func() error {
			a, err := call(t.Context(), client, method, url, body, header...)
			if err == nil && a.status/100 != 2 {
				err = fmt.Errorf("%d %.300s", a.status, a.raw)
			}
			if err != nil {
				err = fmt.Errorf("%s %s: %w", method, url, err)
			}
			return err
		})
		worst = max(worst, time.Since(began))
	}
	for _, path := range []string{"/healthz", "/readyz", "/", "/api/v1/campaigns", "/api/openapi.yaml", "/api/v1/campaigns/drill/line", "/api/v1/campaigns/drill/sites"} {
		served("GET", c.URL+path, "")
	}
	served("POST", joinAt(c), "{}", bearer(token)...)
	t.Logf("others are served within %v", worst.Round(time.Millisecond))
}

// TestTrickle: whoever sends a header or a body byte by byte is cut off by a limit on the whole, not on each byte.
func TestTrickle(t *testing.T) {
	program.NeedE2E(t)
	t.Parallel()
	data := t.TempDir() + "/data"
	c := drill(t, data)
	const many = 100
	tokens := sessions(t, data, 1, many+2)
	var all sync.WaitGroup
	trickle := func(start string, within time.Duration) {
		conn := begin(t, c, start)
		all.Go(func() {
			began := time.Now()
			over := make(chan struct{})
			go func() {
				defer close(over)
				_, _ = io.Copy(io.Discard, conn) // until the server closes
			}()
			beat := time.NewTicker(250 * time.Millisecond)
			defer beat.Stop()
			for {
				select {
				case <-over:
					return
				case <-beat.C:
				}
				if time.Since(began) > within {
					t.Errorf("%.20q: still open after %v", start, within)
					return
				}
				_, _ = io.WriteString(conn, "a") // may find the connection closed; over tells
			}
		})
	}
	for i := range many {
		trickle("GET /api/v1/campaigns HTTP/1.1\r\nHost: x\r\nX-Slow: ", 8*time.Second)
		trickle("POST /api/v1/campaigns/drill/places HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+tokens[i]+
			"\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n", 20*time.Second)
	}
	serves(t, c, tokens[many])
	all.Wait()
	serves(t, c, tokens[many+1])
}

// TestIdleConnections: thousands of connections that say nothing, or have said one thing, do not stop others.
func TestIdleConnections(t *testing.T) {
	program.NeedE2E(t)
	const many = 3000
	data := t.TempDir() + "/data"
	c := drill(t, data)
	token := sessions(t, data, 1, 1)[0]
	for i := range many {
		text := ""
		if i%2 == 0 {
			text = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
		}
		begin(t, c, text)
	}
	serves(t, c, token)
	t.Logf("with %d idle connections the server has %d files open", many, openFiles(t, c))
}

func openFiles(t *testing.T, c *program.Charye) int {
	t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.PID()))
	if err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	return len(files)
}

// TestUnreadAnswers: clients that never read their answers do not block others, whatever they have asked for.
func TestUnreadAnswers(t *testing.T) {
	program.NeedE2E(t)
	t.Parallel()
	data := t.TempDir() + "/data"
	c := drill(t, data)
	token := sessions(t, data, 1, 1)[0]
	var all sync.WaitGroup
	for range 150 {
		for _, path := range []string{"/api/openapi.yaml", "/api/v1/campaigns/drill/sites", "/"} {
			all.Go(func() { neverRead(t, c, path, 100) })
		}
	}
	for range 8 {
		all.Go(func() { neverRead(t, c, "/metrics", 60) })
	}
	all.Wait()
	// Until their connections are full they are load like any other, and only four scrapers are served at once.
	eventually(t, 40*time.Second, func() error {
		if a := mustCall(t, "GET", c.URL+"/metrics", ""); a.status != http.StatusOK {
			return fmt.Errorf("/metrics answers %d %s", a.status, a.raw)
		}
		return nil
	})
	serves(t, c, token)
}
