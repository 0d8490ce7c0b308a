package rush

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

// Sample is the line's public document as read during the run.
type Sample struct {
	At        float64 `json:"at"` // seconds since the opening
	State     string  `json:"state"`
	Joined    int64   `json:"joined"`
	Admitted  int64   `json:"admitted"`
	Inside    int64   `json:"inside"`
	Remaining int64   `json:"remaining"`
	Booked    int64   `json:"booked"` // acknowledged to the crowd so far
}

// samples are what the watchers saw.
type samples struct {
	mu       sync.Mutex
	line     []Sample
	admitted []admittedAt
	last     lineDoc

	cpu     float64 // seconds used by all nodes during the run
	peak    float64 // bytes, all nodes
	metrics map[string]float64
}

// watchLine reads the public document twice a second. Joined and admitted may never fall, not even over a restart.
func (r *runner) watchLine(ctx context.Context) {
	c := r.newConn()
	defer c.close()
	beat := time.NewTicker(500 * time.Millisecond)
	defer beat.Stop()
	moved := time.Duration(0)
	for {
		began, node := r.now(), c.at
		d, err := r.readLine(c)
		if c.at != node {
			moved = began
		}
		if err == nil && (moved == 0 || began-moved > nodesAgree || !r.fell(d)) {
			r.sawLine(began, d)
		}
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
	}
}

// nodesAgree is how far one node's document may lag behind that of another that is gone.
const nodesAgree = 2 * time.Second

// fell reports whether a document is behind the last one.
func (r *runner) fell(d lineDoc) bool {
	s := &r.samples
	s.mu.Lock()
	defer s.mu.Unlock()
	return d.admitted < s.last.admitted || d.joined < s.last.joined
}

func (r *runner) readLine(c *conn) (lineDoc, error) {
	a, err := c.do(&request{method: "GET", path: r.pathLine}, 5*time.Second)
	if err != nil {
		return lineDoc{}, err
	}
	if a.status != 200 {
		return lineDoc{}, fmt.Errorf("the line's document answered %d", a.status)
	}
	return readLine(a.body)
}

func (r *runner) sawLine(began time.Duration, d lineDoc) {
	s := &r.samples
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.admitted < s.last.admitted {
		r.findings.add("admitted-fell", "admitted fell from %d to %d", s.last.admitted, d.admitted)
	}
	if d.joined < s.last.joined {
		r.findings.add("joined-fell", "joined fell from %d to %d", s.last.joined, d.joined)
	}
	if s.last.commitment != "" && d.commitment != "" && d.commitment != s.last.commitment {
		r.findings.add("commitment-changed", "the draw's commitment changed during the run")
	}
	s.last = d
	if n := len(s.admitted); n == 0 || s.admitted[n-1].n != d.admitted || began-s.admitted[n-1].at > time.Second {
		s.admitted = append(s.admitted, admittedAt{began, d.admitted})
	}
	s.line = append(s.line, Sample{
		At: (began - r.opens).Seconds(), State: d.state, Joined: d.joined, Admitted: d.admitted, Inside: d.inside,
		Remaining: d.remaining, Booked: r.tally.bookings.Load(),
	})
	switch {
	case d.state != "soldOut":
		r.soldOutSince.Store(0)
	case r.soldOutSince.Load() == 0:
		r.soldOutSince.Store(int64(began))
	}
}

// watchServer follows the server's processes: CPU and memory from /proc when the id is known, and their own metrics.
func (r *runner) watchServer(ctx context.Context) {
	nodes := make([]watched, len(r.targets))
	for i, t := range r.targets {
		nodes[i].c = &conn{targets: []target{t}}
		defer nodes[i].c.close()
	}
	beat := time.NewTicker(time.Second)
	defer beat.Stop()
	for {
		r.sampleServer(nodes)
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
	}
}

// watched is one node's process as it was seen last.
type watched struct {
	c        *conn
	cpu, rss float64
	seen     bool
}

func (r *runner) sampleServer(nodes []watched) {
	sum := map[string]float64{}
	used, peak := 0.0, 0.0
	for i := range nodes {
		m, more := r.sampleNode(&nodes[i])
		for k, v := range m {
			sum[k] += v
		}
		used += more
		peak += nodes[i].rss
	}
	s := &r.samples
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(sum) > 0 {
		s.metrics = sum
	}
	s.peak = max(s.peak, peak)
	if r.phase.Load() != "recount" {
		s.cpu += used
	}
}

// sampleNode gives a node's metrics and the CPU seconds that it used since it was seen last.
func (r *runner) sampleNode(n *watched) (m map[string]float64, used float64) {
	if a, err := n.c.do(&request{method: "GET", path: []byte("/metrics")}, 5*time.Second); err == nil && a.status == 200 {
		m = readMetrics(a.body)
	}
	cpu, ok := m["process_cpu_seconds_total"]
	if rss, there := m["process_resident_memory_bytes"]; there {
		n.rss = rss
	}
	if r.cfg.PID > 0 {
		if sec, bytes, err := readProc(r.cfg.PID); err == nil {
			cpu, n.rss, ok = sec, bytes, true
		}
	}
	if !ok {
		return m, 0
	}
	switch {
	case n.seen && cpu >= n.cpu:
		used = cpu - n.cpu
	case n.seen: // a counter that fell belongs to a process that was started again
		used = cpu
	}
	n.cpu, n.seen = cpu, true
	return m, used
}

// readMetrics reads the samples without labels of the Prometheus text format that a report uses.
func readMetrics(b []byte) map[string]float64 {
	m := map[string]float64{}
	for l := range bytes.Lines(b) {
		l = bytes.TrimSpace(l)
		if len(l) == 0 || l[0] == '#' {
			continue
		}
		name, val, ok := bytes.Cut(l, []byte(" "))
		if !ok || bytes.IndexByte(name, '{') >= 0 || len(m) >= 500 {
			continue
		}
		if !bytes.HasPrefix(name, []byte("process_")) && !bytes.HasPrefix(name, []byte("charye_")) && !bytes.HasPrefix(name, []byte("go_mem")) {
			continue
		}
		val, _, _ = bytes.Cut(val, []byte(" ")) // a timestamp may follow
		if f, err := strconv.ParseFloat(string(val), 64); err == nil {
			m[string(name)] = f
		}
	}
	return m
}

var errProc = errors.New("not a process that can be read")

// readProc gives CPU seconds and peak resident bytes of a process (Linux).
func readProc(pid int) (cpu, peak float64, err error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return 0, 0, err
	}
	i := bytes.LastIndexByte(stat, ')')
	f := bytes.Fields(stat[i+1:])
	if i < 0 || len(f) < 13 {
		return 0, 0, errProc
	}
	user, err1 := strconv.ParseFloat(string(f[11]), 64)
	system, err2 := strconv.ParseFloat(string(f[12]), 64)
	if err1 != nil || err2 != nil {
		return 0, 0, errProc
	}
	const perSecond = 100 // USER_HZ, the same on every Linux
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return 0, 0, err
	}
	for l := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(l, []byte("VmHWM:")); ok {
			if kb := bytes.Fields(rest); len(kb) > 0 {
				peak, _ = strconv.ParseFloat(string(kb[0]), 64)
			}
		}
	}
	return (user + system) / perSecond, peak * 1024, nil
}

// series counts answers by second of the run.
type series struct {
	mu  sync.Mutex
	sec []second
}

type second struct{ requests, errors, places, passes, bookings int32 }

func (s *series) count(at time.Duration, k callKind, status int) {
	i := int(at / time.Second)
	if i > 24*3600 {
		return
	}
	s.mu.Lock()
	for len(s.sec) <= i {
		s.sec = append(s.sec, second{})
	}
	p := &s.sec[i]
	p.requests++
	switch {
	case status >= 500 || status == 429:
		p.errors++
	case status != 201:
	case k == callJoin:
		p.places++
	case k == callPass:
		p.passes++
	case k == callBook:
		p.bookings++
	}
	s.mu.Unlock()
}

// watchProgress writes the status line.
func (r *runner) watchProgress(ctx context.Context) {
	w := r.cfg.Progress
	if w == nil {
		return
	}
	f, isFile := w.(*os.File)
	terminal := false
	if isFile {
		st, err := f.Stat()
		terminal = err == nil && st.Mode()&os.ModeCharDevice != 0
	}
	every := 10 * time.Second
	if terminal {
		every = 500 * time.Millisecond
	}
	beat := time.NewTicker(every)
	defer beat.Stop()
	lastSent, lastAt := int64(0), r.now()
	for {
		select {
		case <-ctx.Done():
			if terminal {
				_, _ = fmt.Fprint(w, "\r\x1b[K")
			}
			return
		case <-beat.C:
		}
		now, sent := r.now(), r.tally.sent.Load()
		rate := float64(sent-lastSent) / (now - lastAt).Seconds()
		lastSent, lastAt = sent, now
		line := r.statusLine(now, rate)
		if terminal {
			_, _ = fmt.Fprintf(w, "\r\x1b[K%s", line)
		} else {
			_, _ = fmt.Fprintln(w, line)
		}
	}
}

func (r *runner) statusLine(now time.Duration, rate float64) string {
	phase, _ := r.phase.Load().(string)
	if phase == "recount" {
		return fmt.Sprintf("recount: %d people asked, %d bookings found", r.recounted.asked.Load(), r.recounted.live.Load())
	}
	r.samples.mu.Lock()
	d := r.samples.last
	r.samples.mu.Unlock()
	return fmt.Sprintf("%s T%+.0fs  visits %d/%d  places %d  admitted %d  inside %d  booked %d  standby %d  %.0f requests/s",
		phase, (now - r.opens).Seconds(), r.arrived.Load(), len(r.arrivals), d.joined, d.admitted, d.inside,
		r.tally.bookings.Load(), r.standing[standby].Load(), rate)
}
