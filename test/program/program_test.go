package program_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"charye/test/program"
)

// smallProgramme gathers for an hour: enough for a server to have something to serve.
const smallProgramme = `programme: small
name: {ko: 작은 사업, en: Small}
timezone: Asia/Seoul
trial: true
products:
  - id: alpha
    name: {ko: 알파, en: Alpha}
    cvx: "207"
    dosesPerVial: 10
    series: {doses: 1}
campaigns:
  - id: all
    name: {ko: 모두, en: Everybody}
    products: [alpha]
    eligible: all
    gathers: +0s
    opens: +1h
    closes: +2h
    stock: 100
    line: {order: draw, inside: 100, perSecond: 10, passMinutes: 10}
timetables:
  - {sites: all, start: +1d, days: 14, from: "09:00", to: "17:00", every: 30m, seats: 5}
`

func TestMain(m *testing.M) { program.Main(m) }

func TestProgramHarness(t *testing.T) {
	t.Parallel()
	program.NeedE2E(t)
	file := filepath.Join(t.TempDir(), "small.yaml")
	if err := os.WriteFile(file, []byte(smallProgramme), 0o600); err != nil {
		t.Fatal(err)
	}
	c := program.Start(t, "serve", "--programme", file)
	at, pid := c.URL, c.PID()

	campaigns := func() {
		t.Helper()
		res, err := http.Get(c.URL + "/api/v1/campaigns")
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusOK {
			t.Fatalf("campaigns: %s", res.Status)
		}
	}
	campaigns()

	c.Kill()
	if res, err := http.Get(at + "/healthz"); err == nil {
		_ = res.Body.Close()
		t.Fatal("the program answers after kill -9")
	}
	c.Restart()
	if c.URL != at {
		t.Errorf("restarted at %s, want the same address %s", c.URL, at)
	}
	if c.PID() == pid {
		t.Error("the restarted program has the pid of the killed one")
	}
	campaigns()

	if err := c.Stop(); err != nil {
		t.Errorf("a graceful stop: %v", err)
	}
	if err := c.Stop(); err != nil {
		t.Errorf("stopping twice: %v", err)
	}
	c.Restart()
	campaigns()
}
