package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"charye/rush"
	"charye/test/program"
	"charye/test/services"
	"charye/test/services/redis"
)

func TestMain(m *testing.M) {
	program.Patient()
	services.Main(m)
}

// world is two nodes on their own PostgreSQL and their own Redis Cluster.
type world struct {
	*testing.T
	postgres *services.Postgres
	replica  *services.Postgres // commits wait for it
	url      string
	cache    *redis.Cluster
	lines    []string // addresses of the line's store
	wires    []*services.Wire
	clock    string
	disk     string
	data     string
	nodes    []*program.Charye
}

// TestDrills brings a rush against two nodes and hurts something in its middle. Whatever it is: the rush ends, its recount finds
// every place and booking that was acknowledged, nobody's number changed, nothing was oversold or booked twice, nobody overtook
// anybody; both nodes say the same at the end; and the check of everything that was kept finds every promise kept.
func TestDrills(t *testing.T) {
	for _, d := range []struct {
		name string
		// form: two nodes, a PostgreSQL with a synchronous replica and a Redis Cluster, where nothing else is said. After the line's store was lost the door does not know who has come, and keeps a dose in mind for everybody
		// who was called, for some minutes (decision 3): with doses for all, nobody waits for that.
		form form
		hurt func(w *world)
	}{
		{"node killed", form{doses: people / 2}, func(w *world) {
			w.nodes[1].Kill()
			w.waitFor(w.nodes[0], func(d lineDoc) bool { return d.Admitted > people/4 })
			w.nodes[1].Restart()
		}},
		{"a node killed, then PostgreSQL", form{doses: people / 2}, func(w *world) {
			w.nodes[0].Kill()
			w.waitFor(w.nodes[1], func(d lineDoc) bool { return d.Admitted > people/3 })
			w.nodes[0].Restart()
			if err := w.postgres.Kill(); err != nil {
				w.Fatal(err)
			}
			if err := w.postgres.Start(); err != nil {
				w.Fatal(err)
			}
		}},
		{"lease holder killed", form{doses: people / 2}, func(w *world) {
			n := w.holder()
			n.Kill()
			n.Restart()
		}},
		{"lease holder paused, and back as a zombie", form{doses: people / 2}, func(w *world) {
			n := w.holder()
			w.signal(n, syscall.SIGSTOP)
			time.Sleep(8 * time.Second) // past the lease: that is the drill
			w.signal(n, syscall.SIGCONT)
		}},
		{"lease holder stopped and started, as in a rolling restart", form{doses: people / 2}, func(w *world) {
			n := w.holder()
			if err := n.Stop(); err != nil {
				w.Error(err)
			}
			n.Restart()
		}},
		{"both nodes upgraded, one after the other, the old and the new version side by side", form{doses: people / 2}, func(w *world) {
			next := program.Variant(w, "next", "")
			for _, n := range w.nodes {
				if err := n.Stop(); err != nil {
					w.Error(err)
				}
				n.Become(next)
				at := w.waitFor(n, func(lineDoc) bool { return true })
				w.waitFor(n, func(d lineDoc) bool { return d.Admitted > at.Admitted || d.State == "soldOut" })
			}
		}},
		{"every key rotated, and rows moved to the new ones", form{doses: people / 2}, func(w *world) {
			w.command("keys", "rotate", "--data", w.data, "--in", "10s")
			for _, n := range w.nodes { // once when there are new keys, and once when they come into use
				deadline := time.Now().Add(time.Minute)
				for strings.Count(n.Logs(), "took the keys anew") < 2 {
					if time.Now().After(deadline) {
						w.Fatalf("the node at %s does not take the new keys", n.URL)
					}
					time.Sleep(100 * time.Millisecond)
				}
			}
			w.Logf("keys reseal: %s", w.command("keys", "reseal", "--data", w.data, "--postgres", w.url))
		}},
		{"PostgreSQL killed", form{doses: people / 2}, func(w *world) {
			if err := w.postgres.Kill(); err != nil {
				w.Fatal(err)
			}
			if err := w.postgres.Start(); err != nil {
				w.Fatal(err)
			}
		}},
		{"PostgreSQL's primary lost, its synchronous replica promoted", form{doses: people / 2}, func(w *world) {
			if err := w.postgres.Kill(); err != nil {
				w.Fatal(err)
			}
			w.replica.Promote(w)
		}},
		{"a master of the line's store killed, with failover", form{doses: people / 2}, func(w *world) { w.cache.Masters(w)[0].Kill() }},
		{"the whole line's store emptied", form{doses: 4 * people}, func(w *world) { w.cache.Flush(w) }},
		{"a node's network to both stores cut", form{doses: people / 2, wired: true}, func(w *world) {
			for _, x := range w.wires {
				x.Cut()
			}
			time.Sleep(8 * time.Second)
			for _, x := range w.wires {
				x.Mend()
			}
		}},
		{"a node's network to PostgreSQL alone cut", form{doses: people / 2, wired: true}, func(w *world) {
			w.wires[0].Cut()
			time.Sleep(8 * time.Second)
			w.wires[0].Mend()
		}},
		{"a node's network slow: 300 ms there and back, more than ten times a commit", form{doses: people / 2, wired: true}, func(w *world) {
			for _, x := range w.wires {
				x.Slow(150 * time.Millisecond)
			}
			time.Sleep(8 * time.Second)
			for _, x := range w.wires {
				x.Mend()
			}
		}},
		{"a node's clock an hour fast, then right again", form{doses: people / 2, clock: true}, func(w *world) {
			if err := os.WriteFile(w.clock, []byte("1h"), 0o600); err != nil {
				w.Fatal(err)
			}
			time.Sleep(8 * time.Second)
			if err := os.Remove(w.clock); err != nil {
				w.Fatal(err)
			}
		}},
		{"PostgreSQL's disk full", form{doses: people / 2, disk: 320}, func(w *world) {
			give := services.FillDisk(w, w.disk)
			time.Sleep(6 * time.Second)
			give()
			if err := w.postgres.Start(); err != nil { // it may have stopped for want of space
				w.Fatal(err)
			}
		}},
	} {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			drill(t, d.form, d.hurt)
		})
	}
}

const people = 900

// newWorld starts servers and two nodes for a small rush.
// form is what a world is made of beside two nodes.
type form struct {
	doses int // on offer
	// wired: the second node's ways to the stores are wires; the line's store is then a single server.
	wired bool
	// clock: the second node's clock can be put wrong, by what is written into the file w.clock.
	clock bool
	// disk: PostgreSQL has so many megabytes; 0: as many as it likes, and a synchronous replica.
	disk int
}

func newWorld(t *testing.T, f form) *world {
	w := &world{T: t}
	dir := t.TempDir()
	w.data = filepath.Join(dir, "data")
	switch {
	case f.disk > 0:
		w.postgres, w.disk = services.SmallPostgres(t, f.disk, append(services.Replicating, "max_wal_size=48MB", "min_wal_size=32MB")...)
		w.url = w.postgres.URL("postgres")
	case f.wired || f.clock:
		w.postgres = services.OwnPostgres(t, services.Replicating...)
		w.url = w.postgres.URL("postgres")
	default:
		w.postgres = services.OwnPostgres(t, services.Replicating...)
		w.replica = w.postgres.Replica(t)
		w.url = services.URLs("postgres", w.postgres, w.replica)
	}
	if f.wired {
		w.lines = []string{redis.Single(t).Addr}
	} else {
		w.cache = redis.StartCluster(t, 3)
		w.lines = w.cache.Addresses()
	}
	small, err := rush.Named("small")
	if err != nil {
		t.Fatal(err)
	}
	sites := write(t, dir, "sites.csv", "id,name,kind,address,lat,lon,phone,region\n"+manySites(200))
	// The pace is given: a found one depends on how busy this machine is, and with it where in the rush the fault falls.
	rules := write(t, dir, "rush.yaml", strings.NewReplacer("perSecond: auto", "perSecond: 60", fmt.Sprintf("stock: %d", people/2), fmt.Sprintf("stock: %d", f.doses)).
		Replace(string(small.Programme(float64(people)/float64(small.Eligible)))))
	w.command("import", "sites", "--format", "csv", "--data", w.data, "--postgres", w.url, sites)
	serve := []string{"serve", "--programme", rules}
	w.nodes = []*program.Charye{program.Start(t, append(serve, w.engines()...)...)}
	switch {
	case f.wired:
		db, socket := services.WireToPostgres(t, w.postgres)
		store, at := services.WireTo(t, w.lines[0])
		w.wires = []*services.Wire{db, store}
		w.nodes = append(w.nodes, program.Start(t, append(serve, "--data", w.data, "--postgres", services.URL(socket, "postgres"), "--valkey", at)...))
	case f.clock:
		w.clock = filepath.Join(dir, "clock")
		w.nodes = append(w.nodes, program.StartVariant(t, program.Variant(t, "test", "charye_drill"), []string{"CHARYE_DRILL_CLOCK=" + w.clock},
			append(serve, w.engines()...)...))
	default:
		w.nodes = append(w.nodes, program.Start(t, append(serve, w.engines()...)...))
	}
	return w
}

func drill(t *testing.T, f form, hurt func(*world)) {
	program.NeedE2E(t)
	w, gaps := newWorld(t, f), f.doses > people

	// A dose may be kept for minutes for somebody who was called before the fault and does not come (decision 3).
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	file := filepath.Join(t.TempDir(), "rush.json")
	crowd := exec.CommandContext(ctx, program.Binary(t), "rush", "--target", w.nodes[0].URL, "--target", w.nodes[1].URL, "--data", w.data, "--postgres", w.url,
		"--people", fmt.Sprint(people), "--json", file, "--seed", "11")
	crowd.Cancel, crowd.WaitDelay = func() error { return crowd.Process.Signal(os.Interrupt) }, time.Minute // it then says how far it came
	ended := make(chan error, 1)
	var out []byte
	go func() {
		var err error
		out, err = crowd.CombinedOutput()
		ended <- err
	}()
	before := w.waitFor(w.nodes[0], func(d lineDoc) bool { return d.Admitted > people/10 })
	watch := w.watch(ctx)
	begun := time.Now()
	hurt(w)
	hurting := time.Since(begun)
	crowdErr := <-ended
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("the rush: %v, %v\n%s", crowdErr, err, lastOf(out))
	}
	var report rush.Report
	if err := json.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	// A line that was lost goes on behind a gap. The crowd does not know of it; the check at the end does, and knows its size.
	broken := slices.DeleteFunc(report.Violations, func(v rush.Violation) bool { return gaps && v.Kind == "numbers-not-dense" })
	if len(broken) > 0 || len(report.Breaches) > 0 || crowdErr != nil && !gaps {
		t.Fatalf("the rush: %v, violations: %v %v\n%s", crowdErr, broken, report.Breaches, lastOf(out))
	}
	t.Logf("%s: the fault took %v; %s; the crowd met %s", t.Name(), hurting.Round(10*time.Millisecond), watch(), met(report.Errors))

	last := w.waitFor(w.nodes[0], func(d lineDoc) bool { return d.Admitted >= before.Admitted })
	w.waitFor(w.nodes[1], func(d lineDoc) bool {
		return d.Joined == last.Joined && d.Admitted == last.Admitted && d.Commitment == last.Commitment
	})
	for _, n := range w.nodes {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("check:\n%s", w.command(append([]string{"check"}, w.engines()...)...))
}

// lastOf is the end of what a program said: its verdict, without a line for each second before.
func lastOf(out []byte) string { return string(out[max(0, len(out)-3000):]) }

func (w *world) engines() []string {
	args := []string{"--data", w.data, "--postgres", w.url}
	for _, a := range w.lines {
		args = append(args, "--valkey", a)
	}
	return args
}

func (w *world) command(args ...string) string {
	w.Helper()
	out, err := exec.CommandContext(w.Context(), program.Binary(w), args...).CombinedOutput()
	if err != nil {
		w.Fatalf("charye %s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

// holder is the node that had the lease last, as the nodes say themselves.
func (w *world) holder() *program.Charye {
	var found *program.Charye
	var at time.Time
	for _, n := range w.nodes {
		for l := range strings.Lines(n.Logs()) {
			var said struct {
				Time time.Time `json:"time"`
				Msg  string    `json:"msg"`
			}
			if json.Unmarshal([]byte(l), &said) == nil && said.Msg == "has the lease" && said.Time.After(at) {
				found, at = n, said.Time
			}
		}
	}
	if found == nil {
		w.Fatal("no node has the lease")
	}
	return found
}

func (w *world) signal(n *program.Charye, s syscall.Signal) {
	w.Helper()
	if err := syscall.Kill(n.PID(), s); err != nil {
		w.Fatal(err)
	}
}

// watch looks at both nodes ten times a second from now on, until the function it gives is called; that tells how long nothing
// was booked, and what those who look at the line were told meanwhile.
func (w *world) watch(ctx context.Context) func() string {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	told := make([]map[string]int, len(w.nodes))
	longest := make([]time.Duration, len(w.nodes))
	for i, n := range w.nodes {
		told[i] = map[string]int{}
		all.Go(func() {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			last, moved := -1, time.Now()
			for ctx.Err() == nil {
				call, done := context.WithTimeout(ctx, 3*time.Second)
				d, status, err := lineOf(call, n.URL)
				done()
				switch {
				case status != 0:
					told[i][fmt.Sprint(status)]++
				case err != nil && ctx.Err() == nil:
					told[i]["no answer"]++
				}
				if err == nil {
					if d.Remaining != last && last != 0 {
						longest[i] = max(longest[i], time.Since(moved))
						last, moved = d.Remaining, time.Now()
					}
				}
				<-tick.C
			}
		})
	}
	return func() string {
		cancel()
		all.Wait()
		return fmt.Sprintf("the longest time without a booking, seen by the nodes: %v; they told those who looked: %v",
			longest, told)
	}
}

// met sums up what the crowd was refused.
func met(rows []rush.ErrorRow) string {
	var parts []string
	for _, r := range rows {
		parts = append(parts, fmt.Sprintf("%s %d %s × %d", r.Call, r.Status, r.Code, r.Count))
	}
	return strings.Join(parts, ", ")
}

type lineDoc struct {
	State      string `json:"state"`
	Joined     int    `json:"joined"`
	Admitted   int    `json:"admitted"`
	Remaining  int    `json:"remaining"`
	Commitment string `json:"drawCommitment"`
}

// waitFor asks a node for the line until it says what is wanted.
func (w *world) waitFor(n *program.Charye, want func(lineDoc) bool) lineDoc {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var d lineDoc
	for {
		if got, _, err := lineOf(ctx, n.URL); err == nil {
			if d = got; want(d) {
				return d
			}
		}
		select {
		case <-ctx.Done():
			w.Fatalf("the line of %s stays at %+v", n.URL, d)
		case <-tick.C:
		}
	}
}

func lineOf(ctx context.Context, url string) (d lineDoc, status int, err error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/campaigns/rush/line", nil)
	if err != nil {
		return d, 0, err
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return d, 0, err
	}
	defer func() { _ = a.Body.Close() }()
	if a.StatusCode != http.StatusOK {
		return d, a.StatusCode, fmt.Errorf("status %d", a.StatusCode)
	}
	return d, a.StatusCode, json.NewDecoder(a.Body).Decode(&d)
}

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func manySites(n int) string {
	var out string
	for i := range n {
		out += fmt.Sprintf("T%03d,시험의원 %d,clinic,서울특별시 중구,%.4f,%.4f,02-000-0000,서울특별시\n", i, i, 37.40+float64(i%20)/100, 126.80+float64(i/20)/100)
	}
	return out
}
