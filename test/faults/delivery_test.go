package faults_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"charye/rush"
	"charye/test/program"
)

// TestDelivery: a rush that ends sold out, and doses that come afterwards, told by the command beside the running server: they are
// kept for those who stand by, from the lowest number on, and for nobody else.
func TestDelivery(t *testing.T) {
	t.Parallel()
	program.NeedE2E(t)
	file := filepath.Join(t.TempDir(), "rush.json")
	out, err := exec.CommandContext(t.Context(), program.Binary(t), "rush", "--embedded", "--people", "400", "--delivery", "50", "--seed", "4", "--json", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report rush.Report
	if err := json.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	d := report.Delivery
	// The rush itself counts exactly. Some of the doses may be for people whose answers it cut off, who are not in its list.
	if d == nil || d.Doses != 50 || d.Kept < 40 || d.OutOf != 0 || d.Booked < d.Kept/2 || report.Oversold != 0 || report.Recheck.Standby == 0 {
		t.Fatalf("delivery %+v, %d stand by\n%s", d, report.Recheck.Standby, out)
	}
}
