package programme

import (
	"slices"
	"time"

	"charye/internal/civil"

	"go.yaml.in/yaml/v3"
)

// The channels that can have a share of a campaign's stock to themselves. Everybody else (web, api) shares the rest.
const (
	ChannelDesk   = "calldesk"
	ChannelOffice = "office"
	ChannelClinic = "clinic"
)

// Channels lists those with a number of their own, which is their place in the list, from 1.
func Channels() []string { return []string{ChannelDesk, ChannelOffice, ChannelClinic} }

// Share is a part of a campaign's stock: of a channel, of the sites of a region, or of a day's first doses. Exactly one of
// Channel, Region and Day is set.
type Share struct {
	Channel string
	Region  string // as the file has it
	Day     civil.Date
	Doses   int
	Until   time.Time // of a channel: from then on what is left of it is everybody's; zero: it never is
}

// HoldBack is what is kept of a campaign's stock, so that rounding up to whole vials at each site does not run it short.
type HoldBack struct {
	Doses int
	Until time.Time // from then on it is on offer; zero: never
}

// VialRules count a product's vials at the sites.
type VialRules struct {
	OpensWith int // a vial is opened for no fewer bookings than these: those of a day that has fewer are listed in time
}

// Apart keeps a product's doses away from those of other products in other campaigns, for bookings made from a date on.
type Apart struct {
	From     civil.Date
	Products []string
	Days     int  // between the two, whichever comes first; 0 with SameDay has no meaning
	SameDay  bool // or both on one day
}

// SetAside is what a channel has to itself at an instant; false when it shares what all have.
func (c *Campaign) SetAside(channel string, now time.Time) (doses int, ok bool) {
	for _, s := range c.Shares {
		if s.Channel == channel && channel != "" && s.active(now) {
			return s.Doses, true
		}
	}
	return 0, false
}

// Channeled reports whether any channel has a share to itself, now or at another time.
func (c *Campaign) Channeled() bool {
	for _, s := range c.Shares {
		if s.Channel != "" {
			return true
		}
	}
	return false
}

// Released is the next instant at which a channel's share comes to all; zero when none does.
func (c *Campaign) Released(now time.Time) (next time.Time) {
	for _, s := range c.Shares {
		if s.Channel != "" && s.Doses > 0 && s.active(now) && !s.Until.IsZero() && (next.IsZero() || s.Until.Before(next)) {
			next = s.Until
		}
	}
	return next
}

// Reserved is what channels have to themselves at an instant.
func (c *Campaign) Reserved(now time.Time) (doses int) {
	for _, s := range c.Shares {
		if s.Channel != "" && s.active(now) {
			doses += s.Doses
		}
	}
	return doses
}

func (s Share) active(now time.Time) bool { return s.Until.IsZero() || now.Before(s.Until) }

// Away is a product from whose doses those of another must keep away.
type Away struct {
	Product string
	Days    int
	SameDay bool
}

// AwayFrom gives what the doses of a series that begins with a product must keep away from, for bookings made on a day: the rule with
// the latest From that is not after it, of each pair of products. Rules hold both ways.
func (p *Programme) AwayFrom(first *Product, on civil.Date) (out []Away) {
	of := []*Product{first}
	for _, m := range first.Series.Mixed {
		if product, ok := p.Product(m.Product); ok {
			of = append(of, product)
		}
	}
	for i := range p.Products {
		for _, product := range of {
			if rule := apart(product, &p.Products[i], on); rule.Days > 0 {
				out = append(out, Away{p.Products[i].ID, rule.Days, rule.SameDay})
			}
		}
	}
	return out
}

// apart finds the rule between two products.
func apart(a, b *Product, on civil.Date) (rule Apart) {
	look := func(rules []Apart, with string) {
		for _, r := range rules {
			if r.From <= on && r.From >= rule.From && slices.Contains(r.Products, with) {
				rule = r
			}
		}
	}
	look(a.Apart, b.ID)
	look(b.Apart, a.ID)
	return rule
}

func (p *parser) shares(n *yaml.Node, path, key string, c *Campaign) []Share {
	entries, ok := p.list(n, path, 1, 1000)
	if !ok {
		return nil
	}
	var out []Share
	seen := make(map[Share]bool)
	set := 0
	for i, e := range entries {
		o, ok := p.object(e, index(path, i), "channel", "region", "day", "doses", "until")
		if !ok {
			continue
		}
		var v Share
		named := 0
		if n, ok := o.opt("channel"); ok {
			named++
			v.Channel, _ = p.oneOf(n, o.at("channel"), Channels()...)
		}
		if n, ok := o.opt("region"); ok {
			named++
			v.Region, _ = p.text(n, o.at("region"), "the name of a region")
		}
		if n, ok := o.opt("day"); ok {
			named++
			v.Day, _ = p.date(n, o.at("day"))
		}
		if named != 1 {
			p.bad(e, o.path, "is for %d things; want exactly one of channel, region and day", named)
		}
		if seen[v] {
			p.bad(e, o.path, "is there twice; want one share each")
		}
		seen[v] = true
		if n, ok := o.need("doses", "a whole number"); ok {
			v.Doses, _ = p.count(n, o.at("doses"), 0, mostStock)
		}
		if n, ok := o.opt("until"); ok {
			if v.Until, ok = p.instant(n, o.at("until"), index(key, i)+".until"); ok && v.Channel == "" {
				p.bad(n, o.at("until"), "is of channels only; want none here")
			}
		}
		if v.Channel != "" {
			set += v.Doses
			if set > c.Stock {
				p.bad(e, o.path, "sets aside %d doses in all, of a stock of %d; want no more than there are", set, c.Stock)
			}
		}
		out = append(out, v)
	}
	return out
}

func (p *parser) holdBack(n *yaml.Node, path, key string, c *Campaign) (out HoldBack) {
	o, ok := p.object(n, path, "doses", "until")
	if !ok {
		return out
	}
	if n, ok := o.need("doses", "the number of doses that are kept back"); ok {
		if out.Doses, ok = p.count(n, o.at("doses"), 1, mostStock); ok && out.Doses >= c.Stock {
			p.bad(n, o.at("doses"), "keeps back %d of a stock of %d; want fewer", out.Doses, c.Stock)
		}
	}
	if n, ok := o.opt("until"); ok {
		out.Until, _ = p.instant(n, o.at("until"), key+".until")
	}
	return out
}

func (p *parser) apart(n *yaml.Node, path, self string) (out []Apart) {
	entries, _ := p.list(n, path, 1, 100)
	for i, e := range entries {
		o, ok := p.object(e, index(path, i), "from", "products", "days", "sameDay")
		if !ok {
			continue
		}
		var v Apart
		if n, ok := o.need("from", dateWanted); ok {
			v.From, _ = p.date(n, o.at("from"))
		}
		if n, ok := o.need("products", "a list of product ids"); ok {
			ids, _ := p.list(n, o.at("products"), 1, 100)
			for k, e := range ids {
				at := index(o.at("products"), k)
				if id, ok := p.id(e, at); ok {
					v.Products = append(v.Products, id)
					p.others = append(p.others, named{e, at, id})
					if id == self {
						p.bad(e, at, "is the product itself; want another")
					}
				}
			}
		}
		if n, ok := o.need("days", "a whole number of days from 1 to 400"); ok {
			v.Days, _ = p.count(n, o.at("days"), 1, 400)
		}
		if n, ok := o.opt("sameDay"); ok {
			v.SameDay, _ = p.boolean(n, o.at("sameDay"))
		}
		out = append(out, v)
	}
	return out
}

// vials reads the rules of a product whose vials are counted at its sites.
func (p *parser) vials(n *yaml.Node, path string, product *Product) *VialRules {
	const mostInOne = 31
	o, ok := p.object(n, path, "opensWith")
	if !ok {
		return nil
	}
	v := &VialRules{OpensWith: 1}
	if product.DosesPerVial > mostInOne {
		p.bad(n, path, "dosesPerVial is %d; want %d at most where vials are counted", product.DosesPerVial, mostInOne)
	}
	if n, ok := o.opt("opensWith"); ok {
		v.OpensWith, _ = p.count(n, o.at("opensWith"), 1, max(product.DosesPerVial, 1))
	}
	return v
}

// vialNumber is the 32-bit hash of a product's id, folded to 1 … 511.
func vialNumber(id string) uint16 {
	h := number(id)
	return uint16((h^h>>9^h>>18^h>>27)%511) + 1
}
