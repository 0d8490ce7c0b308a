package page

import (
	"slices"

	"charye/internal/weak"
	"charye/person"
	"charye/walk"
)

// Where the pages of staff are. The desk is also where all staff sign in and out.
const (
	DeskBase   = "/desk"
	ClinicBase = "/clinic"
	ManageBase = "/manage"
	SupplyBase = "/supply"
)

// readSession finds out who is asking. The pages of staff read one cookie and those of citizens another, and neither takes the other's
// session.
func (h *Frame) readSession(q *Request) {
	name, staff := CookieSession, false
	if q.Base != "" {
		name, staff = CookieStaff, true
	}
	token := h.Cookies.Get(q.Request, name)
	if token == "" {
		return
	}
	s, err := h.sessions.Verify(token)
	if err != nil || s.IsStaff() != staff && !weak.Off(weak.Apart) {
		return
	}
	if staff {
		over, err := h.svc.SessionEnded(q.Context(), s)
		if err != nil {
			q.unknown = err
		}
		if over || err != nil {
			return
		}
	}
	q.Session, q.token = &s, token
	if staff {
		q.role = roleOf(s.Roles, h.Cookies.Get(q.Request, CookieRole))
	}
}

// roleOf chooses what somebody with several roles acts as: what they chose, else the first that serves callers.
func roleOf(all person.Roles, chosen string) person.Role {
	if r, ok := person.ParseRole(chosen); ok && all.Has(r) {
		return r
	}
	for _, r := range walk.DeskRoles {
		if all.Has(r) {
			return r
		}
	}
	for r := range all.All() {
		return r
	}
	return person.NoRole
}

// Manages reports whether the pages here have something for an actor.
func Manages(a walk.Actor) bool {
	return slices.ContainsFunc([]walk.Act{walk.SeeRequests, walk.SeeInstallation}, func(act walk.Act) bool { return walk.May(a, act) })
}

// RoleNames are what roles are called.
var RoleNames = map[person.Role]string{
	person.Clinic: "desk.role.clinic", person.CallDesk: "desk.role.calldesk", person.Office: "desk.role.office", person.Manager: "desk.role.manager",
	person.Logistics: "desk.role.logistics", person.Auditor: "desk.role.auditor", person.Operator: "desk.role.operator",
}
