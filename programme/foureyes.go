package programme

import "go.yaml.in/yaml/v3"

// FourEyes says which acts need others who want them too. A programme that is not a trial always has it on.
type FourEyes struct {
	On bool
	// Reschedule is how many doses a plan may move without an agreed request.
	Reschedule int
}

// NeedsRequest reports whether a plan that moves so many doses needs an agreed request.
func (f FourEyes) NeedsRequest(moves int) bool { return f.On && moves > f.Reschedule }

// fourEyes reads the group. In a trial it turns the rules on.
func (p *parser) fourEyes(n *yaml.Node) (out FourEyes) {
	out.On = true
	o, ok := p.object(n, "fourEyes", "reschedule")
	if !ok {
		return out
	}
	if n, ok := o.opt("reschedule"); ok {
		out.Reschedule, _ = p.count(n, o.at("reschedule"), 0, 1_000_000)
	}
	return out
}
