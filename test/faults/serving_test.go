package faults_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"charye/person"
	"charye/test/program"

	_ "modernc.org/sqlite" // writes what a newer charye would have written
)

// TestInUse: a second server on the same data is refused; the first does not notice.
func TestInUse(t *testing.T) {
	program.NeedE2E(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	file := write(t, "drill.yaml", always)
	c := program.Start(t, "serve", "--programme", file, "--data", data)
	// The first server goes on with its own work meanwhile, which grows its logs.
	logs := regexp.MustCompile(`(?m)^.*-wal \d+\n`)
	before := logs.ReplaceAllString(listing(t, data), "")
	oneLine(t, []string{data, "is being served by another charye", "stop that one first"},
		"serve", "--programme", file, "--data", data, "--listen", "127.0.0.1:0")
	if after := logs.ReplaceAllString(listing(t, data), ""); after != before {
		t.Errorf("the refused start has changed the directory:\n%s\nbecame\n%s", before, after)
	}
	if a := mustCall(t, "GET", c.URL+"/readyz", ""); a.status != http.StatusOK {
		t.Errorf("the first server is not ready any more: %d %s", a.status, a.raw)
	}
}

// TestNewerData: a database with a later schema than this program knows is refused, whichever it is, and left alone.
func TestNewerData(t *testing.T) {
	program.NeedE2E(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	c := drill(t, data)
	token := sessions(t, data, 1, 1)[0]
	first := mustCall(t, "POST", joinAt(c), "{}", bearer(token)...)
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	change := func(name, statement string) {
		t.Helper()
		db, err := sql.Open("sqlite", filepath.Join(data, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	file := write(t, "drill.yaml", always)
	for _, name := range []string{"sites.db", "people.db", "booking.db", "line.db"} {
		change(name, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
		before := listing(t, data)
		oneLine(t, []string{name, "newer version of charye", "version 99", "use that newer charye, or another data directory"},
			"serve", "--programme", file, "--data", data, "--listen", "127.0.0.1:0")
		if after := listing(t, data); after != before {
			t.Errorf("the refused start has changed the directory:\n%s\nbecame\n%s", before, after)
		}
		change(name, "DELETE FROM goose_db_version WHERE version_id = 99")
	}
	c.Restart()
	if a := mustCall(t, "POST", joinAt(c), "{}", bearer(token)...); a.status != http.StatusOK || a.Number != first.Number {
		t.Errorf("after all, number %d is %d: %d %s", first.Number, a.Number, a.status, a.raw)
	}
}

const byRoster = `programme: drill
name: {ko: 훈련, en: Drill}
timezone: Asia/Seoul
trial: true
products:
  - {id: alpha, name: {ko: 알파, en: Alpha}, cvx: "207", dosesPerVial: 10, series: {doses: 1}}
campaigns:
  - id: drill
    name: {ko: 훈련, en: Drill}
    products: [alpha]
    eligible: {roster: staff}
    gathers: +0s
    opens: +1s
    closes: +6h
    stock: 1000
    line: {order: arrival}
timetables:
  - {sites: all, start: +1d, days: 14, from: "09:00", to: "17:00", every: 30m, seats: 5}
`

// TestImportWhileServing imports sites and a roster beside a running server, which takes both up within seconds.
func TestImportWhileServing(t *testing.T) {
	program.NeedE2E(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	c := program.Start(t, "serve", "--programme", write(t, "roster.yaml", byRoster), "--data", data)
	waitOpen(t, c)
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), program.Binary(t), args...).CombinedOutput(); err != nil {
			t.Fatalf("charye %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	sites := c.URL + "/api/v1/campaigns/drill/sites"
	if a := mustCall(t, "GET", sites, ""); len(a.Sites) != 0 {
		t.Fatalf("there are sites already: %s", a.raw)
	}
	importSites := func(name string) {
		t.Helper()
		run("import", "sites", "--data", data, "--format", "csv", write(t, "sites.csv", "id,name,kind,address,lat,lon,phone,region\n"+
			"s1,"+name+",clinic,1 Road,37.5,127.0,02-000-0001,서울특별시\n"))
		began := time.Now()
		eventually(t, 8*time.Second, func() error {
			a := mustCall(t, "GET", sites, "")
			if len(a.Sites) != 1 || a.Sites[0].Name != name || len(a.Sites[0].Free) == 0 {
				return fmt.Errorf("the sites are %s", a.raw)
			}
			return nil
		})
		t.Logf("an import of sites shows after %v", time.Since(began).Round(time.Millisecond))
	}
	importSites("First")
	importSites("Second")

	tokens := sessions(t, data, 1, 2)
	importRoster := func(member, stranger int) {
		t.Helper()
		who := person.Trial(member)
		run("import", "roster", "--data", data, "--id", "staff",
			write(t, "roster.csv", "subject,identity,born\n"+who.Subject+","+who.Identity+",1964-07-01\n"))
		began := time.Now()
		eventually(t, 8*time.Second, func() error {
			<-time.After(700 * time.Millisecond) // one person may not ask as often as a test would
			a := mustCall(t, "GET", c.URL+"/api/v1/campaigns/drill/eligibility", "", bearer(tokens[member-1])...)
			if !strings.Contains(a.raw, `"eligible":true`) {
				return fmt.Errorf("somebody of the roster is told %d %s", a.status, a.raw)
			}
			return nil
		})
		t.Logf("an import of a roster shows within %v", time.Since(began).Round(time.Millisecond))
		if a := mustCall(t, "POST", joinAt(c), "{}", bearer(tokens[member-1])...); a.status != http.StatusCreated {
			t.Errorf("somebody of the roster joins: %d %s", a.status, a.raw)
		}
		if a := mustCall(t, "POST", joinAt(c), "{}", bearer(tokens[stranger-1])...); a.status != http.StatusForbidden || a.Code != "not-eligible" {
			t.Errorf("somebody who is not in the roster joins: %d %s", a.status, a.raw)
		}
	}
	if a := mustCall(t, "POST", joinAt(c), "{}", bearer(tokens[0])...); a.status != http.StatusForbidden {
		t.Errorf("without any roster somebody joins: %d %s", a.status, a.raw)
	}
	importRoster(1, 2)
	importRoster(2, 1) // it replaces the first
}

var opensAt = regexp.MustCompile(`"(gathersAt|opensAt|closesAt)":"[^"]+"`)

// TestRelativeTimesAreKept: the times of a trial are those of the first start, however often it is started.
func TestRelativeTimesAreKept(t *testing.T) {
	program.NeedE2E(t)
	t.Parallel()
	c := program.Start(t, "serve", "--programme", write(t, "drill.yaml", always))
	times := func() string {
		t.Helper()
		a := mustCall(t, "GET", c.URL+"/api/v1/campaigns", "")
		found := opensAt.FindAllString(a.raw, -1)
		if len(found) != 3 {
			t.Fatalf("the times of one campaign in %s", a.raw)
		}
		return strings.Join(found, " ")
	}
	first, began := times(), time.Now()
	for _, end := range []func(){func() {
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
	}, c.Kill} {
		end()
		<-time.After(max(0, time.Second-time.Since(began))) // times are shown in whole seconds
		c.Restart()
		if again := times(); again != first {
			t.Errorf("%s became %s", first, again)
		}
		began = time.Now()
	}
}
