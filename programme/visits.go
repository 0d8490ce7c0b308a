package programme

import (
	"time"

	"charye/internal/civil"

	"go.yaml.in/yaml/v3"
)

// VisitRules are a campaign's rules for the day of a vaccination, for appointments on From and later.
type VisitRules struct {
	From     civil.Date
	Late     time.Duration // whoever comes so long after the end of their session is served as if in time
	KeepDays int           // so many days a dose is kept for somebody whom the site turned away
	NoShow   *NoShowRules  // nil: nobody is ever taken for not coming
}

// DefaultKeepDays is how long a dose is kept for somebody whom the site turned away, where the file does not say.
const DefaultKeepDays = 30

// NoShowRules say when somebody did not come, and what follows for who did not come for the first dose. Nobody is shut out for ever.
type NoShowRules struct {
	After      time.Duration // so long after the end of the session; at least [VisitRules.Late]
	Last       bool          // they may book again when nobody in the line is ahead of them any more; false: with the turn that they have
	AfterDays  int           // in any case not before so many days after the day they missed
	Limit      int           // from one no-show more than this on it is as with Last; 0: no limit
	WithinDays int           // with Last: at the latest so many days after the day they missed, whoever is ahead
}

// DefaultWithinDays is [NoShowRules.WithinDays] where the file does not say.
const DefaultWithinDays = 14

// VisitsOn gives the rules for appointments on a day; nil: there are none.
func (c *Campaign) VisitsOn(day civil.Date) *VisitRules {
	var out *VisitRules
	for i := range c.Visits {
		if c.Visits[i].From <= day {
			out = &c.Visits[i]
		}
	}
	return out
}

// Again says when somebody may book again who did not come on a day, for the n-th time in this campaign (1, 2 …): not before the day
// from; with last only once nobody is ahead in the line, and at the latest on the day until.
func (r *NoShowRules) Again(n int, missed civil.Date) (from civil.Date, last bool, until civil.Date) {
	from = missed + civil.Date(r.AfterDays)
	last = r.Last || r.Limit > 0 && n > r.Limit
	return from, last, max(from, missed+civil.Date(r.WithinDays))
}

const mostLate = 24 * 60

func (p *parser) visits(n *yaml.Node, path string) []VisitRules {
	entries, _ := p.list(n, path, 1, 100)
	var out []VisitRules
	for i, e := range entries {
		o, ok := p.object(e, index(path, i), "from", "lateMinutes", "keepDays", "noShow")
		if !ok {
			continue
		}
		v := VisitRules{KeepDays: DefaultKeepDays}
		if n, ok := o.need("from", dateWanted); ok {
			if v.From, ok = p.date(n, o.at("from")); ok && len(out) > 0 && v.From <= out[len(out)-1].From {
				p.bad(n, o.at("from"), "%s is not after that of the entry above it; want the entries in order of date, one for a date", v.From)
			}
		}
		if n, ok := o.need("lateMinutes", "for how many minutes after the end of the session people are still served, from 0 to 1440"); ok {
			minutes, _ := p.count(n, o.at("lateMinutes"), 0, mostLate)
			v.Late = time.Duration(minutes) * time.Minute
		}
		if n, ok := o.opt("keepDays"); ok {
			v.KeepDays, _ = p.count(n, o.at("keepDays"), 1, 365)
		}
		if n, ok := o.opt("noShow"); ok {
			v.NoShow = p.noShow(n, o.at("noShow"), v.Late)
		}
		out = append(out, v)
	}
	return out
}

func (p *parser) noShow(n *yaml.Node, path string, late time.Duration) *NoShowRules {
	o, ok := p.object(n, path, "after", "then", "afterDays", "limit", "withinDays")
	if !ok {
		return nil
	}
	v := &NoShowRules{WithinDays: DefaultWithinDays}
	if n, ok := o.need("after", "how many minutes after the end of the session, from 0 to 1440"); ok {
		minutes, ok := p.count(n, o.at("after"), 0, mostLate)
		if v.After = time.Duration(minutes) * time.Minute; ok && v.After < late {
			p.bad(n, o.at("after"), "%d is less than lateMinutes, %d; want at least as much", minutes, int(late/time.Minute))
		}
	}
	if n, ok := o.need("then", "rebook, or last"); ok {
		then, _ := p.oneOf(n, o.at("then"), "rebook", "last")
		v.Last = then == "last"
	}
	if n, ok := o.opt("afterDays"); ok {
		v.AfterDays, _ = p.count(n, o.at("afterDays"), 0, 365)
	}
	if n, ok := o.opt("limit"); ok {
		v.Limit, _ = p.count(n, o.at("limit"), 1, 10)
	}
	if n, ok := o.opt("withinDays"); ok {
		v.WithinDays, _ = p.count(n, o.at("withinDays"), 1, 365)
	}
	return v
}
