package faults_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"charye/test/program"
)

// drill starts a server whose campaign is open, with the made-up sites.
func drill(t *testing.T, data string) *program.Charye {
	t.Helper()
	furnish(t, data)
	c := program.Start(t, "serve", "--programme", write(t, "drill.yaml", always), "--data", data)
	waitOpen(t, c)
	return c
}

func waitOpen(t *testing.T, c *program.Charye) {
	t.Helper()
	eventually(t, 20*time.Second, func() error {
		if a := mustCall(t, "GET", c.URL+"/api/v1/campaigns/drill/line", ""); a.State != "open" {
			return fmt.Errorf("the line says %s", a.raw)
		}
		return nil
	})
}

func bearer(session string) []string { return []string{"Authorization", "Bearer " + session} }

func joinAt(c *program.Charye) string { return c.URL + "/api/v1/campaigns/drill/places" }

// TestStopCutsNobody sends SIGTERM into a load of joins. Whoever was told of a place has it after the next start; whoever
// had sent a part of a request by then is answered; nobody's answer is cut off.
func TestStopCutsNobody(t *testing.T) {
	program.NeedE2E(t)
	const halves, loaders, each = 60, 24, 2000
	data := t.TempDir() + "/data"
	c := drill(t, data)
	tokens := sessions(t, data, 1, halves+loaders*each)
	addr := strings.TrimPrefix(c.URL, "http://")

	// Requests of which the server has the first half: it must wait for the second.
	half := make([]net.Conn, halves)
	for i := range half {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := fmt.Fprintf(conn, "POST /api/v1/campaigns/drill/places HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{", tokens[i]); err != nil {
			t.Fatal(err)
		}
		half[i] = conn
	}

	numbers := make([]number, len(tokens)) // as told; 0: not told
	var lost, unread, busy atomic.Int64
	var load sync.WaitGroup
	for l := range loaders {
		load.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: 25 * time.Second}
			defer client.CloseIdleConnections()
			for k := range each {
				i := halves + l*each + k
				a, err := call(context.Background(), client, "POST", joinAt(c), "{}", bearer(tokens[i])...)
				switch {
				case errors.Is(err, syscall.ECONNREFUSED):
					return // the door is closed
				case errors.Is(err, syscall.ECONNRESET):
					// The kernel had made the connection, and the program had not taken it yet: nobody read the request.
					unread.Add(1)
					return
				case err != nil:
					lost.Add(1)
					t.Logf("lost: %v", err)
					return
				case a.status == http.StatusServiceUnavailable:
					busy.Add(1)
				case a.status != http.StatusCreated && a.status != http.StatusOK:
					t.Errorf("join answered %d: %s", a.status, a.raw)
				default:
					numbers[i] = a.Number
				}
			}
			t.Error("the load ended before the server did")
		})
	}
	eventually(t, 20*time.Second, func() error {
		if a := mustCall(t, "GET", c.URL+"/api/v1/campaigns/drill/line", ""); a.Joined < 300 {
			return fmt.Errorf("%d joined", a.Joined)
		}
		return nil
	})

	began := time.Now()
	stopped := make(chan error, 1)
	go func() { stopped <- c.Stop() }()
	eventually(t, 15*time.Second, func() error {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
			return errors.New("it still takes connections")
		}
		return nil
	})
	for i, conn := range half {
		if _, err := conn.Write([]byte("}")); err != nil {
			t.Errorf("half a request was cut: %v", err)
			continue
		}
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("half a request was cut: %v", err)
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusCreated {
			t.Errorf("half a request, then the rest: %s", res.Status)
			continue
		}
		numbers[i] = 1<<32 - 1 // told, the number was not read
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	load.Wait()
	if took > 25*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if n := lost.Load(); n > 0 {
		t.Errorf("%d requests got no answer", n)
	}

	c.Restart()
	told := 0
	for i, n := range numbers {
		if n == 0 {
			continue
		}
		told++
		a := mustCall(t, "POST", joinAt(c), "{}", bearer(tokens[i])...)
		if a.status != http.StatusOK || n != 1<<32-1 && a.Number != n {
			t.Fatalf("a place with number %d became %d %s", n, a.status, a.raw)
		}
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	checkLedger(t, data)
	t.Logf("%d told of a place, all there; %d refused as busy, %d not taken any more; stopping took %v", told, busy.Load(), unread.Load(), took.Round(time.Millisecond))
}

// TestStopWithoutTheirHelp: clients that do not take their answers, or never finish their requests, cannot keep the server
// from stopping well in time.
func TestStopWithoutTheirHelp(t *testing.T) {
	program.NeedE2E(t)
	t.Parallel()
	data := t.TempDir() + "/data"
	c := drill(t, data)
	for range 20 {
		neverRead(t, c, "/api/openapi.yaml", 100)
		begin(t, c, "POST /api/v1/campaigns/drill/places HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
		begin(t, c, "GET /api/v1/campa")
	}
	began := time.Now()
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 25*time.Second {
		t.Errorf("stopping took %v", took)
	} else {
		t.Logf("stopping took %v", took.Round(time.Millisecond))
	}
	c.Restart()
}
