package programme

import "go.yaml.in/yaml/v3"

// MessageRules say when people are told of what they did not do themselves, reminded, and told that their turn is near.
type MessageRules struct {
	// QuietFrom and QuietTo are minutes of the day between which only answers to people's own acts go out; equal: never
	// quiet. The quiet may go over midnight.
	QuietFrom, QuietTo int
	// RemindDays is how many days before a dose its reminder goes out, at the minute RemindAt of that day; 0: none.
	RemindDays, RemindAt int
	// Near is for the campaigns that say nothing of their own.
	Near NearRules
}

// DefaultMessages are the rules of a file that says nothing about messages: quiet from nine in the evening to eight in the
// morning, a reminder at ten on the day before, and nothing of a turn that is near.
var DefaultMessages = MessageRules{QuietFrom: 21 * 60, QuietTo: 8 * 60, RemindDays: 1, RemindAt: 10 * 60}

func (p *parser) messages(n *yaml.Node) MessageRules {
	out := DefaultMessages
	o, ok := p.object(n, "messages", "quiet", "reminder", "near")
	if !ok {
		return out
	}
	if n, ok := o.opt("quiet"); ok {
		const want = `from: "21:00", to: "08:00"; the same twice for no quiet hours`
		if q, ok := p.object(n, o.at("quiet"), "from", "to"); ok {
			if n, ok := q.need("from", want); ok {
				out.QuietFrom = p.minute(n, q.at("from"))
			}
			if n, ok := q.need("to", want); ok {
				out.QuietTo = p.minute(n, q.at("to"))
			}
		}
	}
	if n, ok := o.opt("reminder"); ok {
		if r, ok := p.object(n, o.at("reminder"), "daysBefore", "at"); ok {
			if n, ok := r.need("daysBefore", "a whole number from 0 to 30; 0 for no reminder"); ok {
				out.RemindDays, _ = p.count(n, r.at("daysBefore"), 0, 30)
			}
			n, has := r.opt("at")
			switch {
			case has:
				out.RemindAt = p.minute(n, r.at("at"))
			case out.RemindDays > 0:
				p.bad(r.node, r.at("at"), `missing; want the time of day, such as "10:00"`)
			}
		}
	}
	if n, ok := o.opt("near"); ok {
		out.Near = p.near(n, o.at("near"))
	}
	return out
}

// minute reads a time of day; the end of the day is its beginning.
func (p *parser) minute(n *yaml.Node, path string) int {
	v, _ := p.clock(n, path)
	return v % (24 * 60)
}
