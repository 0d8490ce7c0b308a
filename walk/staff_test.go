package walk_test

import (
	"strings"
	"testing"

	"charye/person"
	"charye/walk"
)

// TestWhoMayDoWhat is the whole table, written down once more.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"clinic": "list-visitors tell-of-visit offer-leftover", "calldesk": "find-caller list-callers serve-caller", "office": "find-caller list-callers serve-caller issue-temporary",
		"manager":   "see-requests ask-request decide-request see-supply ask-verdict agree-verdict settle-delivery ask-rules end-sessions see-figures see-waiting",
		"logistics": "ask-request see-supply ask-verdict agree-verdict settle-delivery", "auditor": "see-requests see-supply see-chains see-looks",
		"operator": "end-sessions see-waiting see-installation", "none": "",
	}
	for _, r := range append(person.AllRoles(), person.NoRole) {
		var may []string
		for _, act := range walk.Acts {
			a := walk.Actor{Session: person.Session{Key: person.Key{1}, Roles: person.RolesOf(r)}, Role: r}
			if walk.May(a, act) {
				may = append(may, string(act))
			}
			// Having a role is not acting in it, and the other way round.
			a.Roles = person.RolesOf(person.AllRoles()...) &^ person.RolesOf(r)
			if walk.May(a, act) {
				t.Errorf("%s does %s without having the role", r, act)
			}
			a.Roles, a.Role = person.RolesOf(r), person.NoRole
			if walk.May(a, act) {
				t.Errorf("%s does %s without acting in a role", r, act)
			}
		}
		if got := strings.Join(may, " "); got != want[r.String()] {
			t.Errorf("%s may %q, want %q", r, got, want[r.String()])
		}
	}
}
