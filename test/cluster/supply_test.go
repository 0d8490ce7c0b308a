package cluster_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"charye/test/program"
	"charye/test/services"
	"charye/test/services/redis"
)

// TestSupplyMovesAlong holds a box on one machine, moves the installation into a cluster, and goes on there: custody, verdicts and the vials of
// sites are those from before, and the release gives back what the hold took. The shipment is that of the walk in docs/supply.md.
func TestSupplyMovesAlong(t *testing.T) {
	t.Parallel()
	program.NeedE2E(t)
	script, err := os.ReadFile(filepath.Join("..", "script", "testdata", "supply.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m := &moving{T: t, data: filepath.Join(dir, "data")}
	file := map[string]string{}
	for _, part := range strings.Split("\n"+string(script), "\n-- ")[1:] {
		name, content, _ := strings.Cut(part, " --\n")
		file[name] = write(t, dir, name, content+"\n")
	}
	here := func(args ...string) []string { return append(args, "--data", m.data) }
	m.must(here("import", "sites", "--format", "csv", file["sites.csv"])...)
	m.must(here("import", "roster", file["roster.csv"])...)
	for from, to := range map[string]string{"programme.yaml": "programme.yaml", "first.json": "programme.json"} {
		b, err := os.ReadFile(file[from])
		if err != nil {
			t.Fatal(err)
		}
		write(t, m.data, to, string(b))
	}
	m.must(here("import", "glns", file["glns.csv"])...)
	m.must(here("import", "stock", "--product", "flu", file["stock.csv"])...)
	m.must(here("supply", "capture", "--party", "maker", file["shipment.json"], file["given.json"])...)
	const box = "088099990000000037"
	say := []string{"--case", "truck", "--reason", "froze", "--evidence", "truck.csv", "--asked", "rule", "--agreed", "duty", box}
	plan := filepath.Join(dir, "hold.plan")
	m.must(here(append([]string{"supply", "hold", "--plan", plan}, say...)...)...)

	db, cache := services.OwnPostgres(t), redis.Single(t)
	url := db.URL("postgres")
	out := m.must("move", "--from", m.data, "--to-postgres", url, "--to-valkey", cache.Addr)
	for _, want := range []string{"verdicts   moved", "1  verdicts on boxes, without a gap", "2  lots at sites, whose doses add up", "every promise is kept"} {
		if !strings.Contains(out, want) {
			t.Errorf("the move did not say %q:\n%s", want, out)
		}
	}
	there := func(args ...string) []string { return append(here(args...), "--postgres", url) }
	if out := m.must(there("supply", "scope", "--lot", "Q1")...); !strings.Contains(out, "3 boxes: 2 usable 1 held") || !strings.Contains(out, "4 people were given 4 doses") {
		t.Error(out)
	}
	m.must(there("supply", "readings", "--point", "urn:x:truck:11t-0412", file["truck.csv"])...)
	if out := m.must(there("supply", "judge", "--only", "frozen", "--at", "2026-09-18T13:00:00+09:00")...); strings.TrimSpace(out) != box {
		t.Errorf("frozen: %s", out)
	}
	if out, err := m.run(there(append([]string{"supply", "release", "--preview"}, append([]string{"--case", "another"}, say[2:]...)...)...)...); err == nil || !strings.Contains(out, "not by case") {
		t.Errorf("the release of another case: %v %s", err, out)
	}
	out = m.must(there(append([]string{"supply", "release", "--undo", plan, "--plan", filepath.Join(dir, "release.plan")}, say...)...)...)
	if !strings.Contains(out, "vials 0 → 9") || !strings.Contains(out, "verdict 2 kept") {
		t.Error(out)
	}
	if out := m.must(append(there("check"), "--valkey", cache.Addr)...); !strings.Contains(out, "2  verdicts on boxes") || !strings.Contains(out, "every promise is kept") {
		t.Error(out)
	}
}
