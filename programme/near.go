package programme

import (
	"time"

	"go.yaml.in/yaml/v3"

	"charye/internal/civil"
)

// NearRules say whether those who wait are told that their turn is near, and how long before.
type NearRules struct {
	Within  time.Duration // before the turn is expected; 0: nobody is told
	InQuiet bool          // told in the quiet hours too: the turn is worth waking up for
	// From and Until are the days on which people are told, both included; 0: no bound.
	From, Until civil.Date
}

// On gives how long before their turn people are told on a day; 0: not at all.
func (r NearRules) On(day civil.Date) time.Duration {
	if r.From != 0 && day < r.From || r.Until != 0 && day > r.Until {
		return 0
	}
	return r.Within
}

// Near gives a campaign's rules for telling that a turn is near: its own, or those of the programme.
func (p *Programme) Near(c *Campaign) NearRules {
	if c.Near != nil {
		return *c.Near
	}
	return p.Messages.Near
}

const nearWanted = "0 for none, or a length from 1m to 24h in whole minutes, such as 15m"

// near reads a length alone, or a group that says more.
func (p *parser) near(n *yaml.Node, path string) (out NearRules) {
	if n.Kind != yaml.MappingNode {
		out.Within = p.within(n, path)
		return out
	}
	o, ok := p.object(n, path, "within", "inQuiet", "from", "until")
	if !ok {
		return out
	}
	if n, ok := o.need("within", nearWanted); ok {
		out.Within = p.within(n, o.at("within"))
	}
	if n, ok := o.opt("inQuiet"); ok {
		out.InQuiet, _ = p.boolean(n, o.at("inQuiet"))
	}
	out.From, out.Until = p.days(o)
	return out
}

func (p *parser) within(n *yaml.Node, path string) time.Duration {
	s, ok := p.scalar(n, path, nearWanted)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil || d != 0 && d < time.Minute || d > 24*time.Hour || d%time.Minute != 0 || !isDigit(s[0]) {
		p.bad(n, path, "is %s; want %s", describe(n), nearWanted)
		return 0
	}
	return d
}

// campaignMessages reads what a campaign has of its own to say about messages; nil where it says nothing.
func (p *parser) campaignMessages(o object) *NearRules {
	n, ok := o.opt("messages")
	if !ok {
		return nil
	}
	m, ok := p.object(n, o.at("messages"), "near")
	if !ok {
		return nil
	}
	n, ok = m.need("near", nearWanted)
	if !ok {
		return nil
	}
	own := p.near(n, m.at("near"))
	return &own
}
