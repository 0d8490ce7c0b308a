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

func TestMain(m *testing.M) { services.Main(m) }

// world is two nodes on their own PostgreSQL and their own Redis Cluster.
type world struct {
	*testing.T
	postgres *services.Postgres
	replica  *services.Postgres // commits wait for it
	url      string
	cache    *redis.Cluster
	data     string
	nodes    []*program.Charye
}

// TestDrills brings a rush against two nodes and hurts something in its middle. Whatever it is: the rush ends, its recount finds
// every place and booking that was acknowledged, nobody's number changed, nothing was oversold or booked twice, nobody overtook
// anybody; both nodes say the same at the end; and the check of everything that was kept finds every promise kept.
func TestDrills(t *testing.T) {
	for _, d := range []struct {
		name string
		// doses on offer. After the line's store was lost the door does not know who has come, and keeps a dose in mind for everybody
		// who was called, for some minutes (decision 3): with doses for all, nobody waits for that.
		doses int
		hurt  func(w *world)
	}{
		{"node killed", people / 2, func(w *world) {
			w.nodes[1].Kill()
			w.waitFor(w.nodes[0], func(d lineDoc) bool { return d.Admitted > people/4 })
			w.nodes[1].Restart()
		}},
		{"lease holder killed", people / 2, func(w *world) {
			n := w.holder()
			n.Kill()
			n.Restart()
		}},
		{"lease holder paused, and back as a zombie", people / 2, func(w *world) {
			n := w.holder()
			w.signal(n, syscall.SIGSTOP)
			time.Sleep(8 * time.Second) // past the lease: that is the drill
			w.signal(n, syscall.SIGCONT)
		}},
		{"lease holder stopped and started, as in a rolling restart", people / 2, func(w *world) {
			n := w.holder()
			if err := n.Stop(); err != nil {
				w.Error(err)
			}
			n.Restart()
		}},
		{"PostgreSQL killed", people / 2, func(w *world) {
			if err := w.postgres.Kill(); err != nil {
				w.Fatal(err)
			}
			if err := w.postgres.Start(); err != nil {
				w.Fatal(err)
			}
		}},
		{"PostgreSQL's primary lost, its synchronous replica promoted", people / 2, func(w *world) {
			if err := w.postgres.Kill(); err != nil {
				w.Fatal(err)
			}
			w.replica.Promote(w)
		}},
		{"a master of the line's store killed, with failover", people / 2, func(w *world) { w.cache.Masters(w)[0].Kill() }},
		{"the whole line's store emptied", 4 * people, func(w *world) { w.cache.Flush(w) }},
	} {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			drill(t, d.doses, d.doses > people, d.hurt)
		})
	}
}

const people = 900

// newWorld starts servers and two nodes for a small rush.
func newWorld(t *testing.T, doses int) *world {
	t.Helper()
	w := &world{T: t, postgres: services.OwnPostgres(t, services.Replicating...), cache: redis.StartCluster(t, 3)}
	w.replica = w.postgres.Replica(t)
	w.url = services.URLs("postgres", w.postgres, w.replica)
	dir := t.TempDir()
	w.data = filepath.Join(dir, "data")
	small, err := rush.Named("small")
	if err != nil {
		t.Fatal(err)
	}
	sites := write(t, dir, "sites.csv", "id,name,kind,address,lat,lon,phone,region\n"+manySites(200))
	// The pace is given: a found one follows the bookings that the lease holder sees, and here all come to one node.
	rules := write(t, dir, "rush.yaml", strings.NewReplacer("perSecond: auto", "perSecond: 60", fmt.Sprintf("stock: %d", people/2), fmt.Sprintf("stock: %d", doses)).
		Replace(string(small.Programme(float64(people)/float64(small.Eligible)))))
	w.command("import", "sites", "--format", "csv", "--data", w.data, "--postgres", w.url, sites)
	args := append([]string{"serve", "--programme", rules}, w.engines()...)
	w.nodes = []*program.Charye{program.Start(t, args...), program.Start(t, args...)}
	return w
}

func drill(t *testing.T, doses int, gaps bool, hurt func(*world)) {
	program.NeedE2E(t)
	w := newWorld(t, doses)

	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	file := filepath.Join(t.TempDir(), "rush.json")
	crowd := exec.CommandContext(ctx, program.Binary(t), "rush", "--target", w.nodes[0].URL, "--target", w.nodes[1].URL, "--data", w.data, "--postgres", w.url,
		"--people", fmt.Sprint(people), "--json", file, "--seed", "11")
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
		t.Fatalf("the rush: %v, %v\n%s", crowdErr, err, out)
	}
	var report rush.Report
	if err := json.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	// A line that was lost goes on behind a gap. The crowd does not know of it; the check at the end does, and knows its size.
	broken := slices.DeleteFunc(report.Violations, func(v rush.Violation) bool { return gaps && v.Kind == "numbers-not-dense" })
	if len(broken) > 0 || len(report.Breaches) > 0 || crowdErr != nil && !gaps {
		t.Fatalf("the rush: %v, violations: %v %v\n%s", crowdErr, broken, report.Breaches, out)
	}
	t.Logf("the fault took %v; %s; the crowd met %s", hurting.Round(10*time.Millisecond), watch(), met(report.Errors))

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

func (w *world) engines() []string {
	args := []string{"--data", w.data, "--postgres", w.url}
	for _, a := range w.cache.Addresses() {
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
