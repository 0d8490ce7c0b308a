package programme

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"charye/supply"
)

const (
	cutOffWanted = "days or a length before the departure, such as 1d, 36h or 90m, at most 30d"
	placeWanted  = "the 13 digits of a GLN in quotes, or a URI"
	lanesWanted  = "[{region: all, transport: 1d}]"
	// mostTransport is the longest way in days, mostDays bounds the other numbers of days here.
	mostTransport, mostDays = 30, 365
	mostCost                = 1_000_000_000
)

// shipping reads how vaccine goes to the sites, by date. That the products are there is checked once all are read.
func (p *parser) shipping(n *yaml.Node, path string) (out []Shipping) {
	entries, _ := p.list(n, path, 1, 100)
	for i, e := range entries {
		o, ok := p.object(e, index(path, i), "from", "depots", "products", "transfers", "lateAfter", "unknown")
		if !ok {
			continue
		}
		v := Shipping{LateAfter: 2}
		if n, ok := o.need("from", dateWanted); ok {
			if v.From, ok = p.date(n, o.at("from")); ok && len(out) > 0 && v.From <= out[len(out)-1].From {
				p.bad(n, o.at("from"), "%s is not after the entry before it, %s; want the entries in order of date", v.From, out[len(out)-1].From)
			}
		}
		if n, ok := o.need("depots", "a list of depots, at least one"); ok {
			v.Depots = p.depots(n, o.at("depots"))
		}
		if n, ok := o.need("products", "a list of products, at least one"); ok {
			v.Products = p.shipped(n, o.at("products"))
		}
		if n, ok := o.opt("transfers"); ok {
			v.Transfers = p.transfers(n, o.at("transfers"))
		}
		if n, ok := o.opt("lateAfter"); ok {
			v.LateAfter, _ = p.wholeDays(n, o.at("lateAfter"), 0, mostTransport)
		}
		if n, ok := o.opt("unknown"); ok {
			word, _ := p.oneOf(n, o.at("unknown"), "keep", "ship")
			v.Unknown = word == "ship"
		}
		out = append(out, v)
	}
	return out
}

func (p *parser) depots(n *yaml.Node, path string) (out []Depot) {
	entries, _ := p.list(n, path, 1, 100)
	ids, places := map[string]bool{}, map[string]bool{}
	for i, e := range entries {
		o, ok := p.object(e, index(path, i), "id", "name", "places", "weekdays", "notOn", "leaves", "lanes")
		if !ok {
			continue
		}
		d := Depot{Weekdays: [7]bool{1: true, 2: true, 3: true, 4: true, 5: true}}
		if n, ok := o.need("id", idWanted); ok {
			if d.ID, ok = p.id(n, o.at("id")); ok {
				p.unique(n, o.at("id"), d.ID, ids)
			}
		}
		if n, ok := o.need("name", "{ko: …, en: …}"); ok {
			d.Name, _ = p.names(n, o.at("name"))
		}
		if n, ok := o.need("places", "what custody calls the depot: a list of GLNs or URIs"); ok {
			list, _ := p.list(n, o.at("places"), 1, 100)
			for j, e := range list {
				at := index(o.at("places"), j)
				if s, ok := p.place(e, at); ok {
					p.unique(e, at, s, places)
					d.Places = append(d.Places, s)
				}
			}
		}
		if n, ok := o.opt("weekdays"); ok {
			d.Weekdays = p.weekdays(n, o.at("weekdays"))
		}
		if n, ok := o.opt("notOn"); ok {
			list, _ := p.list(n, o.at("notOn"), 1, 1000)
			for j, e := range list {
				if day, ok := p.date(e, index(o.at("notOn"), j)); ok {
					d.NotOn = append(d.NotOn, day)
				}
			}
		}
		if n, ok := o.need("leaves", `the time of day at which its vehicles leave, such as "14:00"`); ok {
			d.Leaves, _ = p.clock(n, o.at("leaves"))
		}
		if n, ok := o.need("lanes", lanesWanted); ok {
			d.Lanes = p.lanes(n, o.at("lanes"))
		}
		out = append(out, d)
	}
	return out
}

// place reads what custody calls a depot.
func (p *parser) place(n *yaml.Node, path string) (string, bool) {
	s, ok := p.text(n, path, placeWanted)
	if !ok {
		return "", false
	}
	if strings.Trim(s, "0123456789") == "" {
		if _, err := supply.ParseGLN(s); err != nil {
			p.bad(n, path, "%v; want %s", err, placeWanted)
			return "", false
		}
		return s, true
	}
	if scheme, rest, ok := strings.Cut(s, ":"); !ok || scheme == "" || rest == "" || strings.ContainsAny(s, " \t") {
		p.bad(n, path, "%q names no place; want %s", shown(s), placeWanted)
		return "", false
	}
	return s, true
}

func (p *parser) weekdays(n *yaml.Node, path string) (out [7]bool) {
	entries, _ := p.list(n, path, 1, 7)
	for i, e := range entries {
		word, ok := p.oneOf(e, index(path, i), weekdays[:]...)
		if !ok {
			continue
		}
		day := slices.Index(weekdays[:], word)
		if out[day] {
			p.bad(e, index(path, i), "%q is used twice; want each day once", word)
		}
		out[day] = true
	}
	return out
}

func (p *parser) lanes(n *yaml.Node, path string) (out []Lane) {
	entries, _ := p.list(n, path, 1, 100)
	seen := map[string]bool{}
	for i, e := range entries {
		o, ok := p.object(e, index(path, i), "region", "transport", "cost")
		if !ok {
			continue
		}
		var v Lane
		if n, ok := o.need("region", "all, or the name of a region"); ok {
			if v.Region, ok = p.text(n, o.at("region"), "all, or the name of a region"); ok {
				p.unique(n, o.at("region"), v.Region, seen)
			}
			if v.Region == "all" {
				v.Region = ""
			}
		}
		if n, ok := o.need("transport", "the days of the way, such as 1d, or 0d for the same day"); ok {
			v.Transport, _ = p.wholeDays(n, o.at("transport"), 0, mostTransport)
		}
		if n, ok := o.opt("cost"); ok {
			v.Cost, _ = p.count(n, o.at("cost"), 0, mostCost)
		}
		out = append(out, v)
	}
	return out
}

func (p *parser) shipped(n *yaml.Node, path string) (out []ShippedProduct) {
	entries, _ := p.list(n, path, 1, 100)
	seen := map[string]bool{}
	for i, e := range entries {
		o, ok := p.object(e, index(path, i), "product", "vialsPerBox", "cutOff", "covers", "shelfLife", "reserve")
		if !ok {
			continue
		}
		v := ShippedProduct{Covers: 1}
		if n, ok := o.need("product", "the id of a product"); ok {
			if v.Product, ok = p.id(n, o.at("product")); ok {
				p.unique(n, o.at("product"), v.Product, seen)
				p.others = append(p.others, named{n, o.at("product"), v.Product})
			}
		}
		if n, ok := o.need("vialsPerBox", "how many vials are in a box"); ok {
			v.VialsPerBox, _ = p.count(n, o.at("vialsPerBox"), 1, 100_000)
		}
		if n, ok := o.need("cutOff", cutOffWanted); ok {
			v.CutOff = p.cutOff(n, o.at("cutOff"))
		}
		if n, ok := o.opt("covers"); ok {
			v.Covers, _ = p.wholeDays(n, o.at("covers"), 1, mostDays)
		}
		if n, ok := o.opt("shelfLife"); ok {
			v.ShelfLife, _ = p.wholeDays(n, o.at("shelfLife"), 0, mostDays)
		}
		if n, ok := o.opt("reserve"); ok {
			v.Reserve, _ = p.count(n, o.at("reserve"), 0, 100)
		}
		out = append(out, v)
	}
	return out
}

func (p *parser) transfers(n *yaml.Node, path string) *Transfers {
	o, ok := p.object(n, path, "withinKm", "transport", "leaves", "cutOff", "leg", "cost", "costPerKm")
	if !ok {
		return nil
	}
	v := &Transfers{}
	if n, ok := o.need("withinKm", "how far apart the two sites may be, from 1 to 1000 kilometres"); ok {
		v.WithinKm, _ = p.count(n, o.at("withinKm"), 1, 1000)
	}
	if n, ok := o.need("transport", "the days of the way, such as 1d, or 0d for the same day"); ok {
		v.Transport, _ = p.wholeDays(n, o.at("transport"), 0, mostTransport)
	}
	if n, ok := o.need("leaves", `the time of day at which they leave, such as "14:00"`); ok {
		v.Leaves, _ = p.clock(n, o.at("leaves"))
	}
	if n, ok := o.need("cutOff", cutOffWanted); ok {
		v.CutOff = p.cutOff(n, o.at("cutOff"))
	}
	if n, ok := o.need("leg", "how long a box may be out of its store on the way, such as 30m"); ok {
		v.Leg, _ = p.budget(n, o.at("leg"))
	}
	for _, f := range []struct {
		name string
		to   *int
	}{{"cost", &v.Cost}, {"costPerKm", &v.CostPerKm}} {
		if n, ok := o.opt(f.name); ok {
			*f.to, _ = p.count(n, o.at(f.name), 0, mostCost)
		}
	}
	return v
}

func (p *parser) cutOff(n *yaml.Node, path string) CutOff {
	s, ok := p.scalar(n, path, cutOffWanted)
	if !ok {
		return CutOff{}
	}
	c, ok := cutOffText(s)
	if !ok {
		p.bad(n, path, "%q is no cut-off; want %s", shown(s), cutOffWanted)
	}
	return c
}

// wholeDays reads a number of days that may be none: 0d, 3d.
func (p *parser) wholeDays(n *yaml.Node, path string, least, most int) (int, bool) {
	s, ok := p.scalar(n, path, "days such as 3d")
	if !ok {
		return 0, false
	}
	digits, isDays := strings.CutSuffix(s, "d")
	v, err := strconv.Atoi(digits)
	if !isDays || err != nil || !isDigit(s[0]) || v < least || v > most {
		p.bad(n, path, "%q is no number of days here; want %dd to %dd", shown(s), least, most)
		return 0, false
	}
	return v, true
}
