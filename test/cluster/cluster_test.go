package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"charye/rush"
	"charye/test/program"
	"charye/test/services"
	"charye/test/services/redis"
)

func TestMain(m *testing.M) { services.Main(m) }

// TestTwoNodes runs a rush against one of two nodes on the same PostgreSQL and Redis Cluster, while the other node serves
// too, and kills the second node with kill -9 in the middle. Whichever node had the lease, the line goes on; the recount
// finds everything; the node that was killed says the same as the other when it is back; the ledger's invariants hold.
func TestTwoNodes(t *testing.T) {
	program.NeedE2E(t)
	const people = 1200
	server := services.SharedPostgres(t)
	url := server.URL(server.Database(t, func(context.Context, string) error { return nil }))
	cache := redis.StartCluster(t, 3)
	small, err := rush.Named("small")
	if err != nil {
		t.Fatal(err)
	}
	scale := float64(people) / float64(small.Eligible)
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	sites := write(t, dir, "sites.csv", "id,name,kind,address,lat,lon,phone,region\n"+manySites(200))
	rules := write(t, dir, "rush.yaml", string(small.Programme(scale)))
	if out, err := exec.Command(program.Binary(t), "import", "sites", "--format", "csv", "--data", data, "--postgres", url, sites).CombinedOutput(); err != nil {
		t.Fatalf("import: %v\n%s", err, out)
	}
	args := []string{"serve", "--programme", rules, "--data", data, "--postgres", url}
	for _, a := range cache.Addresses() {
		args = append(args, "--valkey", a)
	}
	first := program.Start(t, args...)
	second := program.Start(t, args...)

	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	file := filepath.Join(dir, "rush.json")
	crowd := exec.CommandContext(ctx, program.Binary(t), "rush", "--target", first.URL, "--data", data, "--postgres", url,
		"--people", fmt.Sprint(people), "--json", file, "--seed", "11")
	ended := make(chan error, 1)
	var out []byte
	go func() {
		var err error
		out, err = crowd.CombinedOutput()
		ended <- err
	}()

	waitFor(ctx, t, first.URL, func(d lineDoc) bool { return d.Admitted > people/10 })
	second.Kill()
	before := waitFor(ctx, t, first.URL, func(d lineDoc) bool { return d.Admitted > people/4 })
	second.Restart()
	if err := <-ended; err != nil {
		t.Fatalf("the rush: %v\n%s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report rush.Report
	if err := json.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	if !report.OK() {
		t.Fatalf("violations: %v", report.Violations)
	}
	last := waitFor(ctx, t, first.URL, func(d lineDoc) bool { return d.Admitted >= before.Admitted })
	waitFor(ctx, t, second.URL, func(d lineDoc) bool {
		return d.Joined == last.Joined && d.Admitted == last.Admitted && d.Commitment == last.Commitment
	})
	if err := first.Stop(); err != nil {
		t.Error(err)
	}
	if err := second.Stop(); err != nil {
		t.Error(err)
	}
	proof := []string{"check", "--data", data, "--postgres", url}
	for _, a := range cache.Addresses() {
		proof = append(proof, "--valkey", a)
	}
	if out, err := exec.CommandContext(ctx, program.Binary(t), proof...).CombinedOutput(); err != nil {
		t.Errorf("check: %v\n%s", err, out)
	} else {
		t.Logf("check:\n%s", out)
	}
}

type lineDoc struct {
	State      string `json:"state"`
	Joined     int    `json:"joined"`
	Admitted   int    `json:"admitted"`
	Commitment string `json:"drawCommitment"`
}

// waitFor asks a node for the line until it says what is wanted.
func waitFor(ctx context.Context, t *testing.T, url string, want func(lineDoc) bool) lineDoc {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var d lineDoc
	for {
		if got, err := lineOf(ctx, url); err == nil {
			if d = got; want(d) {
				return d
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the line of %s stays at %+v", url, d)
		case <-tick.C:
		}
	}
}

func lineOf(ctx context.Context, url string) (d lineDoc, err error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/campaigns/rush/line", nil)
	if err != nil {
		return d, err
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return d, err
	}
	defer func() { _ = a.Body.Close() }()
	if a.StatusCode != http.StatusOK {
		return d, fmt.Errorf("status %d", a.StatusCode)
	}
	return d, json.NewDecoder(a.Body).Decode(&d)
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
