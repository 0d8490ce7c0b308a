package person

import (
	"go.yaml.in/yaml/v3"
)

// staff reads what makes a provider one of staff.
func (r *providerReader) staff(n *yaml.Node, path string) *StaffRules {
	s := &StaffRules{Roles: map[string]Role{}}
	var hasAMR, hasACR bool
	r.fields(n, path, func(field string, v *yaml.Node) bool {
		switch at := path + "." + field; field {
		case "roles":
			s.RolesClaim = r.text(v, at)
		case "unit":
			s.UnitClaim = r.text(v, at)
		case "map":
			r.fields(v, at, func(said string, v *yaml.Node) bool {
				role, ok := ParseRole(v.Value)
				if !ok || v.Kind != yaml.ScalarNode {
					r.fail(v, at+"."+said, "want one of clinic, calldesk, office, manager, logistics, auditor, operator")
				}
				s.Roles[said] = role
				return true
			})
		case "amr":
			s.AMR, hasAMR = r.words(v, at), true
		case "acr":
			s.ACR, hasACR = r.words(v, at), true
		default:
			return false
		}
		return true
	})
	switch {
	case s.RolesClaim == "":
		r.fail(n, path+".roles", "missing; want the claim that names the roles")
	case len(s.Roles) == 0:
		r.fail(n, path+".map", "missing; want what the claim says, and the role that it means")
	case hasAMR == hasACR:
		r.fail(n, path, "want either amr or acr: what shows that a second factor was used")
	}
	return s
}

// words reads a list of texts with at least one in it.
func (r *providerReader) words(n *yaml.Node, path string) (out []string) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.fail(n, path, "want a list with at least one value")
		return nil
	}
	for _, c := range n.Content {
		out = append(out, r.text(c, path))
	}
	return out
}
