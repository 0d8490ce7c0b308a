package documents_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"charye/person"
	"charye/walk"

	"github.com/google/go-cmp/cmp"
)

// TestStaffTable compares the table of docs/staff.md with what the code allows.
func TestStaffTable(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(root, "docs/staff.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for _, act := range walk.Acts {
		roles := []string{}
		for _, r := range person.AllRoles() {
			if walk.May(walk.Actor{Session: person.Session{Roles: person.RolesOf(r)}, Role: r}, act) {
				roles = append(roles, r.String())
			}
		}
		want[string(act)] = roles
	}
	got := map[string][]string{}
	acts := firstColumn(string(b), "act", 0)
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !slices.Contains(acts, strings.Trim(cells[1], " `")) {
			continue
		}
		got[strings.Trim(cells[1], " `")] = strings.Fields(strings.ReplaceAll(cells[3], "`", ""))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/staff.md and the code disagree (-code +document):\n%s", diff)
	}
}
