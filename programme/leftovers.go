package programme

import (
	"time"

	"charye/internal/civil"

	"go.yaml.in/yaml/v3"
)

// Leftovers are a campaign's rules for the doses that sites have left over at the end of a day.
type Leftovers struct {
	From, Until civil.Date    // on these days, both included; zero: no bound
	Answer      time.Duration // how long an offer to a person stands; whole minutes
	Sites       int           // how many lists one person may be in
	WithinKm    int           // how far these sites may be from one of them
}

// On reports whether leftover doses are offered on a day; of no rules it is false.
func (l *Leftovers) On(day civil.Date) bool {
	return l != nil && (l.From == 0 || day >= l.From) && (l.Until == 0 || day <= l.Until)
}

// Ended reports whether the last day is over.
func (l *Leftovers) Ended(day civil.Date) bool { return l == nil || l.Until != 0 && day > l.Until }

func (p *parser) leftovers(n *yaml.Node, path string) *Leftovers {
	o, ok := p.object(n, path, "from", "until", "minutes", "sites", "withinKm")
	if !ok {
		return nil
	}
	v := &Leftovers{}
	v.From, v.Until = p.days(o)
	if n, ok := o.need("minutes", "how long an offer stands, in whole minutes from 1 to 240"); ok {
		minutes, _ := p.count(n, o.at("minutes"), 1, 240)
		v.Answer = time.Duration(minutes) * time.Minute
	}
	if n, ok := o.need("sites", "how many sites one person may sign up at, from 1 to 20"); ok {
		v.Sites, _ = p.count(n, o.at("sites"), 1, 20)
	}
	if n, ok := o.need("withinKm", "how many kilometres apart these may be, from 1 to 100"); ok {
		v.WithinKm, _ = p.count(n, o.at("withinKm"), 1, 100)
	}
	return v
}
