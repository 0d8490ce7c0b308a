package programme

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (p *parser) timetables(n *yaml.Node) []Timetable {
	entries, ok := p.list(n, "timetables", 1, 10_000)
	if !ok {
		return nil
	}
	out := make([]Timetable, len(entries))
	nth := make(map[string]int)
	for i, e := range entries {
		o, ok := p.object(e, index("timetables", i), "sites", "start", "days", "from", "to", "every", "seats")
		if !ok {
			continue
		}
		v := &out[i]
		if n, ok := o.need("sites", sitesWanted); ok {
			v.Sites = p.sites(n, o.at("sites"))
		}
		if n, ok := o.need("start", dateWanted); ok {
			v.Start, _ = p.day(n, o.at("start"), fmt.Sprintf("timetables[%s/%d].start", v.Sites, nth[v.Sites]))
		}
		nth[v.Sites]++
		if n, ok := o.need("days", "a whole number from 1 to 3660"); ok {
			v.Days, _ = p.count(n, o.at("days"), 1, maxAhead)
		}
		p.hours(o, v)
		if n, ok := o.need("seats", "the number of seats of a session"); ok {
			v.Seats, _ = p.count(n, o.at("seats"), 1, 100_000)
		}
	}
	return out
}

const sitesWanted = "all, region:NAME, kind:NAME or a site's id"

func (p *parser) sites(n *yaml.Node, path string) string {
	s, ok := p.text(n, path, sitesWanted)
	if !ok {
		return ""
	}
	if kind, ok := strings.CutPrefix(s, "kind:"); ok && kind != "centre" && kind != "hospital" && kind != "clinic" {
		p.bad(n, path, "%q is an unknown kind; want kind:centre, kind:hospital or kind:clinic", shown(s))
	}
	if name, ok := strings.CutPrefix(s, "region:"); ok && (name == "" || strings.TrimSpace(name) != name) {
		p.bad(n, path, "%q names no region; want region:NAME", shown(s))
	}
	return s
}

// hours reads from, to and every, and checks that a session fits.
func (p *parser) hours(o object, v *Timetable) {
	good := true
	for _, f := range []struct {
		name string
		to   *int
		read func(*yaml.Node, string) (int, bool)
	}{{"from", &v.From, p.clock}, {"to", &v.To, p.clock}, {"every", &v.Every, p.every}} {
		n, has := o.need(f.name, `from: "09:00", to: "17:00", every: 30m`)
		if has {
			*f.to, has = f.read(n, o.at(f.name))
		}
		good = good && has
	}
	if good && v.From+v.Every > v.To {
		p.bad(o.fields["to"], o.at("to"), "no session of %d minutes fits between %s and %s; want a later end or a shorter session",
			v.Every, o.fields["from"].Value, o.fields["to"].Value)
	}
}
