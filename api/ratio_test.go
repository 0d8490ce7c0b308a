//go:build unix

package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"charye/internal/civil"
	"charye/internal/ratelimit"
	"charye/line"
	"charye/person"
	"charye/programme"
	"charye/walk"
)

// BenchmarkRatio measures what this face costs beside net/http itself: CPU of the whole process (server and client) for one
// request, as a ratio to a bare handler that reads the same request and writes as many bytes, in the same run, with the
// same client, over loopback. The walk behind it does nothing, so that the face's own part is seen.
//
// Budgets (DESIGN 9, there with the real walk): poll 1.3, join 1.6, book 3.
func BenchmarkRatio(b *testing.B) {
	svc := idle{newScript()}
	fast := ratelimit.PerSecond(1e9, 1<<30)
	pair := Pair{Person: fast, Address: fast} // limits are reckoned but never met
	face := New(svc, tokens{session: hong}, Options{Limits: Limits{Public: pair, Poll: pair, Read: pair, Join: pair, Book: pair}})
	for _, c := range []struct {
		name, method, path, headers, body string
		status                            int
	}{
		{"poll_line", "GET", c1 + "/line", "", "", 200},
		{"poll_place", "GET", c1 + "/place", "Charye-Ticket: TICKET-1\r\n", "", 200},
		{"sites", "GET", c1 + "/sites?lat=37.57&lon=126.98", "", "", 200},
		{"join", "POST", c1 + "/places", auth + "\r\n", `{}`, 201},
		{"book", "POST", "/api/v1/bookings", auth + "\r\nCharye-Pass: PASS-1\r\nIdempotency-Key: 7d0f5c3e\r\n", `{"slot":"12.2021-07-26.0930.moderna"}`, 201},
	} {
		raw := c.method + " " + c.path + " HTTP/1.1\r\nHost: localhost\r\n" + c.headers
		if c.body != "" {
			raw += "Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(c.body)) + "\r\n"
		}
		raw += "\r\n" + c.body
		b.Run(c.name, func(b *testing.B) {
			ours := startCrowd(b, face)
			answer := ours.one(b, raw)
			bare := startCrowd(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					_, _ = io.Copy(io.Discard, r.Body)
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				_, _ = w.Write(answer)
			}))
			bare.one(b, raw)
			var cpuOurs, cpuBare time.Duration
			b.ResetTimer()
			for left := b.N; left > 0; {
				n := min(left, 2000)
				left -= n
				cpuBare += bare.run(b, raw, n)
				cpuOurs += ours.run(b, raw, n)
			}
			b.ReportMetric(float64(cpuOurs)/float64(cpuBare), "ratio")
			b.ReportMetric(float64(cpuOurs.Nanoseconds())/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(cpuBare.Nanoseconds())/float64(b.N), "bare-cpu-ns/op")
		})
	}
}

// crowd is a server and its clients: lean ones, so that the server is most of what is measured.
type crowd struct {
	conns   []net.Conn
	readers []*bufio.Reader
}

const windows = 16

func startCrowd(b *testing.B, h http.Handler) *crowd {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	c := &crowd{}
	for range windows {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		c.conns = append(c.conns, conn)
		c.readers = append(c.readers, bufio.NewReader(conn))
	}
	b.Cleanup(func() {
		for _, conn := range c.conns {
			_ = conn.Close()
		}
		_ = server.Close()
	})
	return c
}

// run sends n requests over all connections and gives the CPU time that took.
func (c *crowd) run(b *testing.B, raw string, n int) time.Duration {
	b.Helper()
	before := cpu(b)
	var wg sync.WaitGroup
	for i := range c.conns {
		share := n / len(c.conns)
		if i < n%len(c.conns) {
			share++
		}
		wg.Go(func() {
			for range share {
				if _, err := c.exchange(i, raw); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return cpu(b) - before
}

func (c *crowd) one(b *testing.B, raw string) []byte {
	b.Helper()
	body, err := c.exchange(0, raw)
	if err != nil {
		b.Fatal(err)
	}
	return body
}

func (c *crowd) exchange(i int, raw string) (body []byte, err error) {
	if _, err := io.WriteString(c.conns[i], raw); err != nil {
		return nil, err
	}
	r := c.readers[i]
	length := -1
	for first := true; ; first = false {
		l, err := r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if first && !bytes.HasPrefix(l, []byte("HTTP/1.1 20")) {
			return nil, errors.New(string(l))
		}
		if v, ok := bytes.CutPrefix(l, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return nil, err
			}
		}
		if len(l) == 2 {
			break
		}
	}
	if length < 0 {
		return nil, errors.New("no Content-Length")
	}
	if body, err = r.Peek(length); err != nil {
		return nil, err
	}
	body = bytes.Clone(body)
	_, err = r.Discard(length)
	return body, err
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// idle is a walk that does nothing.
type idle struct{ *script }

var idleProgramme = newScript().Programme()

func (i idle) Programme() *programme.Programme                                  { return idleProgramme }
func (i idle) Now() time.Time                                                   { return opening.Add(time.Minute) }
func (i idle) Line(context.Context, string) (walk.LineDoc, error)               { return i.line, nil }
func (i idle) Draw(context.Context, string) (line.Draw, error)                  { return i.draw, nil }
func (i idle) PlaceByTicket(_ context.Context, _, _ string) (walk.Place, error) { return i.place, nil }
func (i idle) Join(context.Context, walk.Actor, string, string) (walk.Place, bool, error) {
	return i.place, true, nil
}
func (i idle) Sites(context.Context, string, walk.SiteQuery) (walk.SitePage, error) {
	return i.sites, nil
}
func (i idle) Slots(context.Context, string, string, civil.Date) ([]walk.Slot, error) {
	return i.slots(), nil
}
func (i idle) Book(context.Context, walk.Actor, string, walk.BookRequest) (walk.Booking, bool, error) {
	return i.booking, false, nil
}
func (i idle) Recipients(context.Context, walk.Actor) ([]person.Recipient, error) { return nil, nil }
