package faults_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"charye/test/program"
)

// many is a campaign in which nobody waits and there is enough for everybody: bookings are bounded by the machine alone.
const many = `programme: many
name: {ko: 많이, en: Many}
timezone: Asia/Seoul
trial: true
products:
  - {id: flu, name: {ko: 독감, en: Flu}, cvx: "158", dosesPerVial: 10, series: {doses: 1}}
campaigns:
  - {id: many, name: {ko: 많이, en: Many}, products: [flu], eligible: all, opens: +0s, closes: +6h, stock: 1000000, line: {order: arrival, inside: 200000, perSecond: 100000}}
timetables:
  - {sites: all, start: +1d, days: 14, from: "09:00", to: "17:00", every: 30m, seats: 500}
`

// overload is a program on one processor, and everybody else on the others.
type overload struct {
	*testing.B
	addr, host string
	sessions   []string
	slots      []string
	ready      chan booker // people with a pass, who have not booked
}

type booker struct{ session, pass string }

// BenchmarkOverload is what a crowd of many times what the program can answer does to those who were let in: bookings finished in a
// second while others ask for their bookings as often as it can answer that, twice, five and ten times as often, and wait for nothing.
//
//	CHARYE_E2E=1 go test -run '^$' -bench Overload -benchtime 1x -timeout 20m ./test/faults
func BenchmarkOverload(b *testing.B) {
	program.NeedE2E(b)
	if runtime.NumCPU() < 2 {
		b.Skip("needs two processors: one for the program, one for the crowd")
	}
	const each = 5 * time.Second
	o := startOverload(b, 150_000)
	o.prepare(140_000)
	for b.Loop() {
		capacity := o.capacity(each / 2)
		b.Logf("it answers %.0f of these calls a second when nothing else is asked", capacity)
		o.book(64, 2*each) // until as many messages wait as will from then on: the courier works at the same disk
		var alone float64  // booked a second without a crowd, measured before the one that follows
		type level struct{ times, booked, before float64 }
		var levels []level
		for _, times := range []float64{0, 1, 0, 2, 0, 5, 0, 10, 0} {
			flood := o.flood(times * capacity)
			time.Sleep(2 * time.Second) // what is measured is the state that lasts, not how it is reached
			booked, p99 := o.book(64, each)
			f := flood()
			b.Logf("%3.0f× asked %7.0f/s, answered %6.0f/s, refused %6.0f/s, cut off or not taken %6.0f/s: booked %5.0f/s, p99 %.0f ms",
				times, f.Offered, f.Answered, f.Refused, f.Lost, booked, p99.Seconds()*1000)
			if times > 0 {
				levels = append(levels, level{times, booked, alone})
				continue
			}
			if n := len(levels); n > 0 {
				l := levels[n-1]
				of := 2 * l.booked / (l.before + booked)
				b.Logf("at %.0f× it books %.0f %% of what it books alone, before and after", l.times, 100*of)
				b.ReportMetric(of, fmt.Sprintf("of-alone@%.0fx", l.times))
			}
			alone = booked
		}
	}
}

func startOverload(b *testing.B, people int) *overload {
	o := &overload{B: b, ready: make(chan booker, people)}
	dir := b.TempDir()
	rules, sites, data := filepath.Join(dir, "many.yaml"), filepath.Join(dir, "sites.csv"), filepath.Join(dir, "data")
	var list strings.Builder
	list.WriteString("id,name,kind,address,lat,lon,phone,region\n")
	for i := range 50 {
		_, _ = fmt.Fprintf(&list, "T%d,시험의원,clinic,서울특별시 중구,37.5,127.0,02-000-0000,서울특별시\n", i)
	}
	for name, text := range map[string]string{rules: many, sites: list.String()} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	run := func(args ...string) []byte {
		out, err := exec.CommandContext(b.Context(), program.Binary(b), args...).Output()
		if err != nil {
			b.Fatalf("charye %v: %v", args, err)
		}
		return out
	}
	run("import", "sites", "--format", "csv", "--data", data, sites)
	c := program.StartVariant(b, program.Binary(b), []string{"GOMAXPROCS=1"}, "serve", "--programme", rules, "--data", data)
	for line := range bytes.Lines(run("session", "--data", data, "--people", strconv.Itoa(people))) {
		var row struct{ Session string }
		if err := json.Unmarshal(line, &row); err != nil {
			b.Fatal(err)
		}
		o.sessions = append(o.sessions, row.Session)
	}
	o.host = strings.TrimPrefix(c.URL, "http://")
	o.addr = strings.Replace(o.host, "localhost", "127.0.0.1", 1)
	o.alone(c.PID())
	for i := range 50 {
		var d struct {
			Sites []struct{ Free map[string]int }
		}
		o.ask(c.URL+"/api/v1/campaigns/many/sites", &d)
		var day string
		for k := range d.Sites[0].Free {
			day = k
		}
		var s struct{ Slots []struct{ ID string } }
		o.ask(fmt.Sprintf("%s/api/v1/campaigns/many/sites/T%d/slots?date=%s", c.URL, i, day), &s)
		for _, slot := range s.Slots {
			o.slots = append(o.slots, slot.ID)
		}
	}
	return o
}

func (o *overload) ask(url string, into any) {
	o.Helper()
	r, err := http.Get(url)
	if err != nil {
		o.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		o.Fatal(err)
	}
}

// alone gives the program the first processor and takes it from this process.
func (o *overload) alone(pid int) {
	o.Helper()
	set := func(pid int, cpus ...int) {
		var s unix.CPUSet
		for _, c := range cpus {
			s.Set(c)
		}
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			o.Fatal(err)
		}
		for _, t := range threads {
			if id, err := strconv.Atoi(t.Name()); err == nil {
				_ = unix.SchedSetaffinity(id, &s) // a thread may have ended
			}
		}
	}
	var others []int
	for i := 1; i < runtime.NumCPU(); i++ {
		others = append(others, i)
	}
	set(pid, 0)
	set(os.Getpid(), others...)
}

// line is a keep-alive connection on which one request follows another.
type line struct {
	addr string
	c    net.Conn
	in   *bufio.Reader
}

func (l *line) send(text []byte) error {
	if l.c == nil {
		c, err := net.DialTimeout("tcp", l.addr, 10*time.Second)
		if err != nil {
			return err
		}
		l.c, l.in = c, bufio.NewReaderSize(c, 16<<10)
	}
	_ = l.c.SetDeadline(time.Now().Add(10 * time.Second))
	_, err := l.c.Write(text)
	return err
}

func (l *line) close() {
	if l.c != nil {
		_ = l.c.Close()
		l.c = nil
	}
}

// answer reads one answer. An answer that ends the connection closes it here too.
func (l *line) answer() (status int, body []byte, err error) {
	r, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = r.Body.Close() }()
	body, err = io.ReadAll(r.Body)
	if r.Close || err != nil {
		l.close()
	}
	return r.StatusCode, body, err
}

// call asks once, patiently: whoever is refused or cut off asks again a moment later, as a page would.
func (o *overload) call(l *line, text []byte) (int, []byte) {
	for try := 0; ; try++ {
		err := l.send(text)
		if err == nil {
			var status int
			var body []byte
			if status, body, err = l.answer(); err == nil && status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests {
				return status, body
			}
		}
		if err != nil {
			l.close()
		}
		if try == 1000 {
			return 0, nil
		}
		select {
		case <-o.Context().Done():
			return 0, nil
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (o *overload) text(method, path, session, more, body string) []byte {
	return requestText(o.host, method, path, session, more, body)
}

func requestText(host, method, path, session, more, body string) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s", method, path, host, session, more)
	if method == "POST" {
		b = fmt.Appendf(b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return append(append(b, "\r\n"...), body...)
}

// prepare gives so many people a pass: first a place to each, then, when all were called, the passes.
func (o *overload) prepare(n int) {
	tickets := make([]string, n)
	o.everybody(n, func(l *line, i int) bool {
		var place struct{ Ticket string }
		status, body := o.call(l, o.text("POST", "/api/v1/campaigns/many/places", o.sessions[i], "", "{}"))
		for status == http.StatusTooEarly { // it opens within a second
			time.Sleep(100 * time.Millisecond)
			status, body = o.call(l, o.text("POST", "/api/v1/campaigns/many/places", o.sessions[i], "", "{}"))
		}
		if status >= 300 || json.Unmarshal(body, &place) != nil {
			o.Errorf("a place: %d %.200s", status, body)
			return false
		}
		tickets[i] = place.Ticket
		return true
	})
	o.everybody(n, func(l *line, i int) bool {
		for {
			var d struct{ Pass string }
			status, body := o.call(l, o.text("POST", "/api/v1/campaigns/many/passes", o.sessions[i], "Charye-Ticket: "+tickets[i]+"\r\n", `{"device":"phone"}`))
			if status == http.StatusTooEarly {
				time.Sleep(100 * time.Millisecond)
				continue
			}
			if status >= 300 || json.Unmarshal(body, &d) != nil || d.Pass == "" {
				o.Errorf("a pass: %d %.200s", status, body)
				return false
			}
			o.ready <- booker{o.sessions[i], d.Pass}
			return true
		}
	})
}

// everybody does something for each of n people, 64 at a time, until it fails.
func (o *overload) everybody(n int, do func(l *line, i int) bool) {
	o.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			l := &line{addr: o.addr}
			defer l.close()
			for i := int(next.Add(1)) - 1; i < n && do(l, i); i = int(next.Add(1)) - 1 {
			}
		})
	}
	all.Wait()
	if o.Failed() {
		o.FailNow()
	}
}

// looks is the call of the crowd: what somebody has booked. It reads from the store.
func (o *overload) looks(i int) []byte {
	return o.text("GET", "/api/v1/bookings", o.sessions[i%len(o.sessions)], "", "")
}

// capacity is how many looks are answered in a second when everybody waits for the answer.
func (o *overload) capacity(d time.Duration) float64 {
	var done atomic.Int64
	until := time.Now().Add(d)
	var all sync.WaitGroup
	for k := range 64 {
		all.Go(func() {
			l := &line{addr: o.addr}
			defer l.close()
			for i := k; time.Now().Before(until); i += 64 {
				if status, body := o.call(l, o.looks(i)); status != http.StatusOK {
					o.Errorf("a look: %d %.200s", status, body)
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	return float64(done.Load()) / d.Seconds()
}

// flood has a process of its own ask so often, whatever is answered, until the function that it gives is called. That tells what became
// of it, in a second: what was answered, what was refused, and what was cut off or never taken from the connections. It is the last of all
// processes to get the processor, so that those who book, in this one, are not late by its fault.
func (o *overload) flood(perSecond float64) (end func() flooded) {
	o.Helper()
	if perSecond == 0 {
		return func() flooded { return flooded{} }
	}
	self, err := os.Executable()
	if err != nil {
		o.Fatal(err)
	}
	cmd := exec.CommandContext(o.Context(), self, "-test.run", "^TestCrowdOfOverload$")
	config, err := json.Marshal(crowd{Addr: o.addr, Host: o.host, Sessions: o.sessions, PerSecond: perSecond})
	if err != nil {
		o.Fatal(err)
	}
	file := filepath.Join(o.TempDir(), "crowd.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		o.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "CHARYE_CROWD="+file, "GOMAXPROCS=1")
	stop, err := cmd.StdinPipe()
	if err != nil {
		o.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		o.Fatal(err)
	}
	_ = unix.Setpriority(unix.PRIO_PROCESS, cmd.Process.Pid, 19)
	return func() (f flooded) {
		_ = stop.Close()
		if err := cmd.Wait(); err != nil {
			o.Fatalf("the crowd: %v\n%s", err, out.Bytes())
		}
		line, _, _ := strings.Cut(out.String(), "\n")
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			o.Fatalf("the crowd said %q: %v", line, err)
		}
		return f
	}
}

// flooded is what became of a second's requests.
type flooded struct{ Offered, Answered, Refused, Lost float64 }

// crowd is what the crowd's process is told.
type crowd struct {
	Addr, Host string
	Sessions   []string
	PerSecond  float64
}

// TestCrowdOfOverload is that process: it asks until its input ends.
func TestCrowdOfOverload(t *testing.T) {
	file := os.Getenv("CHARYE_CROWD")
	if file == "" {
		t.Skip("the other half of BenchmarkOverload")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var k crowd
	if err := json.Unmarshal(text, &k); err != nil {
		t.Fatal(err)
	}
	const conns, tick, outstanding = 500, 20 * time.Millisecond, 64
	var offered, answered, refused atomic.Int64
	stop := make(chan struct{})
	began := time.Now()
	var all sync.WaitGroup
	for i := range conns {
		all.Go(func() {
			timer := time.NewTicker(tick)
			defer timer.Stop()
			debt, at := 0.0, i*97
			var batch []byte
			var l *flooding
			defer func() { l.end() }()
			for last := began; ; {
				var now time.Time
				select {
				case <-stop:
					return
				case now = <-timer.C:
				}
				debt += k.PerSecond / conns * now.Sub(last).Seconds()
				last = now
				n := int(debt)
				debt -= float64(n)
				offered.Add(int64(n))
				if l == nil || l.over.Load() {
					l.end()
					if l = newFlooding(k.Addr, &answered, &refused); l == nil {
						continue // not taken
					}
				}
				if n = min(n, outstanding-int(l.waiting.Load())); n <= 0 {
					continue
				}
				batch = batch[:0]
				for range n {
					batch = append(batch, requestText(k.Host, "GET", "/api/v1/bookings", k.Sessions[at%len(k.Sessions)], "", "")...)
					at++
				}
				l.waiting.Add(int64(n))
				if _, err := l.c.Write(batch); err != nil {
					l.over.Store(true)
				}
			}
		})
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	close(stop)
	s := time.Since(began).Seconds()
	f := flooded{Offered: float64(offered.Load()) / s, Answered: float64(answered.Load()) / s, Refused: float64(refused.Load()) / s}
	f.Lost = f.Offered - f.Answered - f.Refused
	if err := json.NewEncoder(os.Stdout).Encode(f); err != nil {
		t.Fatal(err)
	}
	all.Wait()
}

// flooding is a connection on which one asks and another counts the answers.
type flooding struct {
	c       net.Conn
	waiting atomic.Int64
	over    atomic.Bool
	read    chan struct{}
}

func newFlooding(addr string, answered, refused *atomic.Int64) *flooding {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return nil
	}
	f := &flooding{c: c, read: make(chan struct{})}
	go func() {
		defer close(f.read)
		defer f.over.Store(true)
		in := bufio.NewReaderSize(c, 16<<10)
		for {
			r, err := http.ReadResponse(in, nil)
			if err != nil {
				return
			}
			_, err = io.Copy(io.Discard, r.Body)
			if _ = r.Body.Close(); err != nil {
				return
			}
			f.waiting.Add(-1)
			if r.StatusCode == http.StatusOK {
				answered.Add(1)
			} else {
				refused.Add(1)
			}
			if r.Close {
				return
			}
		}
	}()
	return f
}

func (f *flooding) end() {
	if f != nil {
		_ = f.c.Close()
		<-f.read
	}
}

// book has so many people at a time book, and gives the bookings of a second and the 99th percentile of how long one took.
func (o *overload) book(at int, d time.Duration) (perSecond float64, p99 time.Duration) {
	var mu sync.Mutex
	var took []time.Duration
	until := time.Now().Add(d)
	var all sync.WaitGroup
	for k := range at {
		all.Go(func() {
			l := &line{addr: o.addr}
			defer l.close()
			for i := k; time.Now().Before(until); i += at {
				var who booker
				select {
				case who = <-o.ready:
				default:
					o.Error("everybody has booked; prepare more people")
					return
				}
				body := fmt.Sprintf(`{"slot":%q}`, o.slots[i%len(o.slots)])
				more := "Charye-Pass: " + who.pass + "\r\nIdempotency-Key: k-" + who.session[len(who.session)-12:] + "\r\n"
				began := time.Now()
				status, answer := o.call(l, o.text("POST", "/api/v1/bookings", who.session, more, body))
				if status != http.StatusCreated && status != http.StatusOK {
					o.Errorf("a booking: %d %.200s", status, answer)
					return
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return float64(len(took)) / d.Seconds(), took[len(took)*99/100]
}
