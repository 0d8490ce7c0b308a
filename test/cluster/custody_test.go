package cluster_test

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"charye/test/program"
	"charye/test/services"
	"charye/test/services/redis"
)

// TestCustodyOnTwoNodes tells one node of a box and kills it: what it acknowledged is there at the other.
func TestCustodyOnTwoNodes(t *testing.T) {
	t.Parallel()
	program.NeedE2E(t)
	w := &world{T: t, postgres: services.OwnPostgres(t), lines: []string{redis.Single(t).Addr}}
	w.url = w.postgres.URL("postgres")
	dir := t.TempDir()
	w.data = filepath.Join(dir, "data")
	w.command("import", "sites", "--format", "csv", "--data", w.data, "--postgres", w.url, write(t, dir, "sites.csv", "id,name,kind,address,lat,lon,phone,region\n"+manySites(30)))
	tokens := filepath.Join(dir, "parties")
	token, err := exec.CommandContext(t.Context(), program.Binary(t), "supply", "token", "--file", tokens, "--party", "depot").Output()
	if err != nil {
		t.Fatal(err)
	}
	serve := append([]string{"serve", "--programme", write(t, dir, "rules.yaml", movingRules), "--supply-tokens", tokens}, w.engines()...)
	one, two := program.Start(t, serve...), program.Start(t, serve...)
	ask := func(n *program.Charye, method, path, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, n.URL+"/epcis/v2"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header.Get("Location") + string(b)
	}
	var events []string
	for i := range 100 {
		events = append(events, fmt.Sprintf(`{"@context":{},"type":"ObjectEvent","eventID":"urn:x:%d","eventTime":"2026-09-21T09:00:00Z","eventTimeZoneOffset":"+09:00",
			"action":"OBSERVE","epcList":["urn:epc:id:sscc:8801234.0000000017"]}`, i))
	}
	status, at := ask(one, "POST", "/capture", "["+strings.Join(events, ",")+"]")
	if status != http.StatusAccepted {
		t.Fatalf("%d %s", status, at)
	}
	one.Kill()
	if status, job := ask(two, "GET", strings.TrimPrefix(at, "/epcis/v2"), ""); status != 200 || !strings.Contains(job, `"success":true`) {
		t.Errorf("the job at the other node: %d %s", status, job)
	}
	if status, answer := ask(two, "GET", "/epcs/urn:epc:id:sscc:8801234.0000000017/events?perPage=1000", ""); status != 200 || strings.Count(answer, `"recordTime"`) != 100 {
		t.Errorf("the events at the other node: %d %.500s", status, answer)
	}
	if status, answer := ask(two, "POST", "/events", strings.Replace(events[7], "09:00:00Z", "10:00:00Z", 1)); status != http.StatusConflict {
		t.Errorf("another event of the same ID: %d %s", status, answer)
	}
}
