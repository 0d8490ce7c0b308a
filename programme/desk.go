package programme

import (
	"charye/internal/civil"

	"go.yaml.in/yaml/v3"
)

// On reports whether clerks may act on a day.
func (d DeskRules) On(day civil.Date) bool {
	return d.Allowed && (d.From == 0 || day >= d.From) && (d.Until == 0 || day <= d.Until)
}

// desk reads the rules of the call desk and the local offices.
func (p *parser) desk(n *yaml.Node, path string) (out DeskRules) {
	o, ok := p.object(n, path, "allowed", "perClerk", "from", "until")
	if !ok {
		return out
	}
	out.From, out.Until = p.days(o)
	if n, ok := o.need("allowed", "true or false"); ok {
		out.Allowed, _ = p.boolean(n, o.at("allowed"))
	}
	limit, ok := o.opt("perClerk")
	switch {
	case ok:
		out.PerClerk, _ = p.count(limit, o.at("perClerk"), 1, 100_000)
	case out.Allowed:
		p.bad(n, o.at("perClerk"), "missing; want the number of people one clerk may act for")
	}
	return out
}

// temporary reads whether temporary identities count like the roster; there must be one.
func (p *parser) temporary(o object, c *Campaign) {
	n, ok := o.opt("temporary")
	if !ok {
		return
	}
	if c.Roster == "" {
		p.bad(n, o.at("temporary"), "says that temporary identities count like the roster, and there is none; want roster: ID beside it, or no temporary")
		return
	}
	c.Temporary, _ = p.boolean(n, o.at("temporary"))
}
