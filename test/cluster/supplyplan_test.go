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

// TestDeliveriesOnPostgres plans on one machine, moves the installation into a cluster, and plans there: the same plan, and what was captured there is under
// way for the next one. The world is that of the script supplyplan.
func TestDeliveriesOnPostgres(t *testing.T) {
	t.Parallel()
	program.NeedE2E(t)
	script, err := os.ReadFile(filepath.Join("..", "script", "testdata", "supplyplan.txtar"))
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
	m.must(here("supply", "capture", "--party", "maker", file["stock.json"])...)
	for point, log := range map[string]string{"8809999000105": "depot.csv", "8809999000204": "t1.csv", "site:T2": "t2.csv"} {
		m.must(here("supply", "readings", "--point", point, file[log])...)
	}
	db, cache := services.OwnPostgres(t), redis.Single(t)
	url := db.URL("postgres")
	m.must("move", "--from", m.data, "--to-postgres", url, "--to-valkey", cache.Addr)
	there := func(args ...string) []string { return append(here(args...), "--postgres", url) }
	plan := filepath.Join(dir, "there.csv")
	leaving := filepath.Join(dir, "leaving.json")
	m.must(there("supply", "plan", "--at", "2026-10-05T09:00:00+09:00", "--needs", file["needs.csv"], "--csv", plan, "--epcis", leaving)...)
	got, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(file["want.csv"])
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(got)) != strings.TrimSpace(string(want)) {
		t.Errorf("the plan on PostgreSQL is\n%s\nwant\n%s", got, want)
	}
	m.must(there("supply", "capture", "--party", "icheon", leaving)...)
	if out := m.must(there("supply", "plan", "--at", "2026-10-06T15:00:00+09:00", "--needs", file["needs.csv"])...); !strings.Contains(out, "19 vials needed, 14 of them there or under way, 5 short") {
		t.Errorf("after the vehicles left:\n%s", out)
	}
	if out := m.must(append(there("check"), "--valkey", cache.Addr)...); !strings.Contains(out, "every promise is kept") {
		t.Error(out)
	}
	m.must(there("supply", "capture", "--party", "icheon", file["twice.json"])...)
	if out, err := m.run(append(there("check"), "--valkey", cache.Addr)...); err == nil || !strings.Contains(out, "it is promised twice") {
		t.Errorf("a box promised twice: %v\n%s", err, out)
	}
}
