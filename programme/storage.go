package programme

import (
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"charye/supply"
)

const (
	gtinWanted  = "the GTIN of a vial in quotes, 8 to 14 digits with its check digit"
	degreeWant  = "degrees Celsius with at most six decimals, such as 8 or -0.5"
	budgetWant  = "a length such as 0m, 30m, 12h or 31d"
	bandsWanted = "bands from cold to warm, such as [{name: cold, under: 2, side: cold, for: 0m}, {name: fridge, upto: 8}, {name: warm, side: warm, for: 12h}]"
)

// storage reads how a product is stored, by date, and under which GTINs its vials come; nil where the file says neither.
func (p *parser) storage(o object, id string) *supply.Product {
	rules, has := o.opt("storage")
	codes, coded := o.opt("gtins")
	switch {
	case !has && !coded:
		return nil
	case !has:
		p.bad(codes, o.at("gtins"), "goes with storage; want both, so that boxes of it can be judged")
		return nil
	case !coded:
		p.bad(rules, o.at("storage"), "goes with gtins; want both, so that boxes of it can be known")
		return nil
	}
	before := len(p.problems)
	out := &supply.Product{ID: id}
	entries, _ := p.list(codes, o.at("gtins"), 1, 100)
	for i, e := range entries {
		if s, ok := p.text(e, index(o.at("gtins"), i), gtinWanted); ok {
			g, err := supply.ParseGTIN(s)
			if err != nil {
				p.bad(e, index(o.at("gtins"), i), "%v; want %s", err, gtinWanted)
				continue
			}
			if other := p.gtins[g]; other != "" {
				p.bad(e, index(o.at("gtins"), i), "%s is of %q already; want it once", g, other)
			} else if p.gtins == nil {
				p.gtins = map[supply.GTIN]string{}
			}
			p.gtins[g] = id
			out.GTINs = append(out.GTINs, g)
		}
	}
	entries, _ = p.list(rules, o.at("storage"), 1, 100)
	for i, e := range entries {
		if r, ok := p.storageRule(e, index(o.at("storage"), i)); ok {
			out.Rules = append(out.Rules, r)
		}
	}
	if len(p.problems) == before && id != "" {
		if err := out.Validate(); err != nil { // what no single field is to blame for
			p.bad(rules, o.at("storage"), "%v", err)
		}
	}
	return out
}

func (p *parser) storageRule(n *yaml.Node, path string) (r supply.Rule, ok bool) {
	o, ok := p.object(n, path, "from", "stage", "bands")
	if !ok {
		return r, false
	}
	if n, has := o.need("from", dateWanted); has {
		r.From, _ = p.date(n, o.at("from"))
	}
	if n, has := o.opt("stage"); has {
		s, _ := p.oneOf(n, o.at("stage"), "unopened", "thawed", "punctured")
		r.Stage = map[string]supply.Stage{"thawed": supply.Thawed, "punctured": supply.Punctured}[s]
	}
	list, has := o.need("bands", bandsWanted)
	if !has {
		return r, false
	}
	entries, ok := p.list(list, o.at("bands"), 1, supply.MaxBands)
	for i, e := range entries {
		r.Bands = append(r.Bands, p.band(e, index(o.at("bands"), i), i == len(entries)-1))
	}
	return r, ok
}

// band reads one band. It ends at upto, which belongs to it, or at under, which does not; the last one has no end.
func (p *parser) band(n *yaml.Node, path string, last bool) (b supply.Band) {
	b.Budget, b.Upto = supply.Unlimited, supply.Hottest
	o, ok := p.object(n, path, "name", "upto", "under", "side", "for")
	if !ok {
		return b
	}
	if n, has := o.need("name", "a name for people"); has {
		b.Name, _ = p.text(n, o.at("name"), "a name for people")
	}
	upto, hasUpto := o.opt("upto")
	under, hasUnder := o.opt("under")
	switch {
	case last && (hasUpto || hasUnder):
		p.bad(n, path, "the last band has an end; want it without upto and under: it is for all that is warmer")
	case !last && hasUpto == hasUnder:
		p.bad(n, path, "want one of upto (which still belongs to it) and under (which does not): %s", degreeWant)
	case hasUpto:
		b.Upto, _ = p.celsius(upto, o.at("upto"))
	case hasUnder:
		if b.Upto, ok = p.celsius(under, o.at("under")); ok {
			b.Upto--
		}
	}
	if n, has := o.opt("side"); has {
		s, _ := p.oneOf(n, o.at("side"), "cold", "store", "warm")
		b.Side = map[string]supply.Side{"cold": supply.Cold, "warm": supply.Warm}[s]
	}
	if n, has := o.opt("for"); has {
		b.Budget, _ = p.budget(n, o.at("for"))
	} else if b.Side != supply.Store {
		p.bad(o.node, path, "a band that is not where it is stored needs for: %s", budgetWant)
	}
	return b
}

func (p *parser) celsius(n *yaml.Node, path string) (supply.Celsius, bool) {
	s, ok := p.scalar(n, path, degreeWant)
	if !ok {
		return 0, false
	}
	c, err := supply.ParseCelsius(s)
	if err != nil {
		p.bad(n, path, "%q is no temperature; want %s", shown(s), degreeWant)
	}
	return c, err == nil
}

func (p *parser) budget(n *yaml.Node, path string) (time.Duration, bool) {
	s, ok := p.scalar(n, path, budgetWant)
	if !ok {
		return 0, false
	}
	if days, isDays := strings.CutSuffix(s, "d"); isDays {
		if v, err := strconv.Atoi(days); err == nil && v >= 0 && v <= maxAhead && isDigit(s[0]) {
			return time.Duration(v) * 24 * time.Hour, true
		}
	} else if d, err := time.ParseDuration(s); err == nil && d >= 0 && d <= math.MaxInt64/4 && d%time.Second == 0 && isDigit(s[0]) {
		return d, true
	}
	p.bad(n, path, "%q is no length; want %s", shown(s), budgetWant)
	return 0, false
}
