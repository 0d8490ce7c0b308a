package programme

import (
	"go.yaml.in/yaml/v3"
)

// For whom a campaign is, and who may help them.

// offered reads a list of products: each an id, or a group that says when and to whom it is offered.
func (p *parser) offered(n *yaml.Node, path string, products map[string]bool) []Offer {
	entries, ok := p.list(n, path, 1, 100)
	if !ok {
		return nil
	}
	seen := make(map[string]bool)
	out := make([]Offer, 0, len(entries))
	for i, e := range entries {
		v, at, where := Offer{}, e, index(path, i)
		if e.Kind == yaml.MappingNode {
			o, ok := p.object(e, where, "id", "from", "until", "born")
			if !ok {
				continue
			}
			if at, ok = o.need("id", "the id of a product"); !ok {
				continue
			}
			where = o.at("id")
			v.From, v.Until = p.days(o)
			if n, ok := o.opt("born"); ok {
				v.Born = p.born(n, o.at("born"))
			}
		}
		if v.Product, ok = p.id(at, where); !ok {
			continue
		}
		if !products[v.Product] {
			p.bad(at, where, "%q is not among the products; want the id of one", v.Product)
		}
		p.unique(at, where, v.Product, seen)
		out = append(out, v)
	}
	return out
}

// rota reads the days that people are spread over.
func (p *parser) rota(n *yaml.Node, path string, c *Campaign) *Rota {
	o, ok := p.object(n, path, "from", "days", "opens", "closes")
	if !ok {
		return nil
	}
	v := &Rota{}
	good := true
	if n, ok := o.need("from", dateWanted); ok {
		v.From, ok = p.date(n, o.at("from"))
		good = good && ok
	} else {
		good = false
	}
	if n, ok := o.need("days", "a whole number from 1 to 100"); ok {
		v.Days, ok = p.count(n, o.at("days"), 1, 100)
		good = good && ok
	} else {
		good = false
	}
	for _, f := range []struct {
		name string
		to   *int
	}{{"opens", &v.Opens}, {"closes", &v.Closes}} {
		if n, ok := o.need(f.name, `a time of day in quotes, such as "20:00"`); ok {
			*f.to, ok = p.clock(n, o.at(f.name))
			good = good && ok
		} else {
			good = false
		}
	}
	switch {
	case !good || c.Opens.IsZero() || c.Closes.IsZero():
	case c.Line.Order != OrderArrival:
		p.bad(n, path, "spreads people over days, and a draw wants them together before the opening; want line: {order: arrival}")
	case v.From.At(v.Opens, p.zone).Before(c.Opens):
		p.bad(n, path, "begins at %s, before opens, %s; want the first window within opens and closes", stamp(v.From.At(v.Opens, p.zone)), stamp(c.Opens))
	case v.over(p.zone).After(c.Closes):
		p.bad(n, path, "ends at %s, after closes, %s; want the last window within opens and closes", stamp(v.over(p.zone)), stamp(c.Closes))
	}
	return v
}

func (p *parser) eligible(n *yaml.Node, path string, c *Campaign, want string) {
	if n.Kind == yaml.ScalarNode && n.Value == "all" {
		return
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		p.bad(n, path, "is %s, which does not say who; want %s", describe(n), want)
		return
	}
	o, _ := p.object(n, path, "born", "roster", "temporary", "except")
	if n, ok := o.opt("except"); ok {
		c.Except = p.except(n, o.at("except"))
	}
	if n, ok := o.opt("roster"); ok {
		c.Roster, _ = p.id(n, o.at("roster"))
	}
	p.temporary(o, c)
	if n, ok := o.opt("born"); ok {
		c.Born = p.born(n, o.at("born"))
	}
}

// except reads the rosters of those who are left out.
func (p *parser) except(n *yaml.Node, path string) (out []string) {
	entries, _ := p.list(n, path, 1, 20)
	seen := make(map[string]bool)
	for i, e := range entries {
		if id, ok := p.id(e, index(path, i)); ok {
			p.unique(e, index(path, i), id, seen)
			out = append(out, id)
		}
	}
	return out
}

// born reads a range of dates of birth; nil when it is no group of fields.
func (p *parser) born(n *yaml.Node, path string) *BornRange {
	born, ok := p.object(n, path, "from", "to")
	if !ok {
		return nil
	}
	v := &BornRange{}
	from, ok1 := born.need("from", dateWanted)
	if ok1 {
		v.From, ok1 = p.date(from, born.at("from"))
	}
	to, ok2 := born.need("to", dateWanted)
	if ok2 {
		v.To, ok2 = p.date(to, born.at("to"))
	}
	if ok1 && ok2 && v.To < v.From {
		p.bad(to, born.at("to"), "%s is before from, %s; want the later date of birth here", v.To, v.From)
	}
	return v
}

func (p *parser) helpers(n *yaml.Node, path string) (out HelperRules) {
	o, ok := p.object(n, path, "allowed", "perHelper", "from", "until", "guardians")
	if !ok {
		return out
	}
	out.From, out.Until = p.days(o)
	if n, ok := o.need("allowed", "true or false"); ok {
		out.Allowed, _ = p.boolean(n, o.at("allowed"))
	}
	if n, ok := o.opt("guardians"); ok {
		out.Guardians = p.guardians(n, o.at("guardians"))
	}
	limit, ok := o.opt("perHelper")
	switch {
	case ok:
		out.PerHelper, _ = p.count(limit, o.at("perHelper"), 1, 1000)
	case out.Allowed:
		p.bad(n, o.at("perHelper"), "missing; want the number of people one helper may act for")
	}
	return out
}

func (p *parser) guardians(n *yaml.Node, path string) *Guardians {
	o, ok := p.object(n, path, "under", "wards")
	if !ok {
		return nil
	}
	g := &Guardians{}
	if n, ok := o.need("under", "an age in whole years, such as 19"); ok {
		g.Under, _ = p.count(n, o.at("under"), 1, 30)
	}
	if n, ok := o.opt("wards"); ok {
		g.Wards, _ = p.boolean(n, o.at("wards"))
	}
	return g
}
