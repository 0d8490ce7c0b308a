package programme

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// changeRules reads the cut-offs.
func (p *parser) changeRules(n *yaml.Node, path string, out *ChangeRules) {
	const untilWanted = "a number of days, 0 for until the session begins"
	o, ok := p.object(n, path, "untilDays", "rules")
	if !ok {
		return
	}
	if n, ok := o.opt("untilDays"); ok {
		out.UntilDays, _ = p.count(n, o.at("untilDays"), 0, 365)
	}
	list, ok := o.opt("rules")
	if !ok {
		return
	}
	entries, _ := p.list(list, o.at("rules"), 1, 100)
	for i, e := range entries {
		o, ok := p.object(e, index(o.at("rules"), i), "from", "channels", "untilDays", "notice")
		if !ok {
			continue
		}
		var v ChangeRule
		if n, ok := o.need("from", dateWanted); ok {
			if v.From, ok = p.date(n, o.at("from")); ok && len(out.Rules) > 0 && v.From < out.Rules[len(out.Rules)-1].From {
				p.bad(n, o.at("from"), "%s is before the entry above it; want the entries in order of date", v.From)
			}
		}
		if n, ok := o.opt("channels"); ok {
			names, _ := p.list(n, o.at("channels"), 1, 10)
			for k, e := range names {
				if s, ok := p.oneOf(e, index(o.at("channels"), k), append([]string{"web", "api"}, Channels()...)...); ok {
					v.Channels = append(v.Channels, s)
				}
			}
		}
		if n, ok := o.need("untilDays", untilWanted); ok {
			v.UntilDays, _ = p.count(n, o.at("untilDays"), 0, 365)
		}
		if n, ok := o.opt("notice"); ok {
			v.Notice = p.notice(n, o.at("notice"))
		}
		out.Rules = append(out.Rules, v)
	}
}

func (p *parser) notice(n *yaml.Node, path string) time.Duration {
	const want = "hours or minutes such as 2h or 90m, up to 240h"
	s, ok := p.text(n, path, want)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > 240*time.Hour || d%time.Minute != 0 || strings.ContainsAny(s, ".-+") {
		p.bad(n, path, "%q is no such length; want %s", shown(s), want)
		return 0
	}
	return d
}
