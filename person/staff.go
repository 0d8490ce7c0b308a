package person

import (
	"errors"
	"iter"
	"strings"
	"time"
)

// Role is what somebody does for the programme at work. What each may do is in package walk.
type Role uint8

// The roles. Citizens have none; a helper is a citizen.
const (
	NoRole    Role = iota
	Clinic         // at a site on the day: check-in, doses
	CallDesk       // on the telephone, for people without internet
	Office         // at a local office, in person
	Manager        // of the programme: supply, figures
	Logistics      // boxes and their way
	Auditor        // reads what was done
	Operator       // of the installation
	lastRole
)

var roleNames = [lastRole]string{
	Clinic: "clinic", CallDesk: "calldesk", Office: "office", Manager: "manager", Logistics: "logistics", Auditor: "auditor", Operator: "operator",
}

// String is the role's name, as providers files and events have it; also the channel of what is done in it.
func (r Role) String() string {
	if r == NoRole || r >= lastRole {
		return "none"
	}
	return roleNames[r]
}

// ParseRole reads a role's name.
func ParseRole(s string) (Role, bool) {
	for r := NoRole + 1; r < lastRole; r++ {
		if roleNames[r] == s {
			return r, true
		}
	}
	return NoRole, false
}

// AllRoles lists every role.
func AllRoles() []Role {
	out := make([]Role, 0, lastRole-1)
	for r := NoRole + 1; r < lastRole; r++ {
		out = append(out, r)
	}
	return out
}

// Roles is a set of roles; the zero Roles are a citizen's.
type Roles uint16

// RolesOf makes a set.
func RolesOf(list ...Role) (s Roles) {
	for _, r := range list {
		if r > NoRole && r < lastRole {
			s |= 1 << r
		}
	}
	return s
}

// Has reports whether a role is among them.
func (s Roles) Has(r Role) bool { return r > NoRole && r < lastRole && s&(1<<r) != 0 }

// All gives the roles in their order.
func (s Roles) All() iter.Seq[Role] {
	return func(yield func(Role) bool) {
		for r := NoRole + 1; r < lastRole; r++ {
			if s.Has(r) && !yield(r) {
				return
			}
		}
	}
}

// String lists the names.
func (s Roles) String() string {
	var names []string
	for r := range s.All() {
		names = append(names, r.String())
	}
	return strings.Join(names, " ")
}

// known reports whether the set holds roles that there are, and nothing else.
func (s Roles) known() bool { return s&^RolesOf(AllRoles()...) == 0 }

// StaffSessionLife is the most that a staff session lasts: a shift. It begins with the second factor, not before.
const StaffSessionLife = 8 * time.Hour

// What a sign-in of staff is refused for.
var (
	// ErrSecondFactor: the provider does not say that a second factor was used.
	ErrSecondFactor = errors.New("the sign-in was without a second factor")
	// ErrNoStaffRole: the provider gives the person no role that the providers file knows.
	ErrNoStaffRole = errors.New("the identity provider gives this person no role here")
)

// StaffRules make a provider one of staff: whoever signs in there is at work, and never a citizen.
type StaffRules struct {
	RolesClaim string          // claim with the roles: a text, or a list of texts
	Roles      map[string]Role // from what the claim says
	UnitClaim  string          // claim with the office or clinic that the person works at; empty: all of a role are one desk
	AMR        []string        // one of these in the claim amr shows a second factor …
	ACR        []string        // … or the claim acr is one of these; exactly one of the two lists is given
}

// maxUnit is the longest name of a unit in bytes.
const maxUnit = 128

// Desk is the key of a desk: all who work in a role at a unit, so that a colleague takes over where a shift ends. No person has it.
func (k *Keyer) Desk(r Role, unit [16]byte) Key {
	return k.Key("desk", r.String()+"\x00"+string(unit[:]))
}

// Unit is what a session carries of the name of a unit, as a provider of a namespace gives it.
func (k *Keyer) Unit(namespace, name string) [16]byte {
	if name == "" {
		return [16]byte{}
	}
	return k.Key("unit\x00"+namespace, name)
}
