package programme

import (
	"strconv"
	"strings"
	"time"

	"charye/internal/civil"

	"go.yaml.in/yaml/v3"
)

// Defaults of what a campaign may leave out.
const (
	DefaultInside      = 1000
	DefaultPassMinutes = 10
	DefaultUntilDays   = 1
)

func (p *parser) campaigns(n *yaml.Node, products map[string]bool) []Campaign {
	entries, ok := p.list(n, "campaigns", 1, 1000)
	if !ok {
		return nil
	}
	out := make([]Campaign, len(entries))
	seen := make(map[string]bool)
	numbered := make(map[uint32]string)
	for i, e := range entries {
		path := index("campaigns", i)
		o, ok := p.object(e, path, "id", "name", "products", "eligible", "rota", "gathers", "opens", "closes", "stock", "holdBack", "shares", "deliveries", "invitations", "pauses",
			"line", "helpers", "desk", "change", "messages", "leftovers", "visits")
		if !ok {
			continue
		}
		c := &out[i]
		key := path
		if n, ok := o.need("id", idWanted); ok {
			if c.ID, ok = p.id(n, o.at("id")); ok {
				key = "campaigns[" + c.ID + "]"
				c.Num = number(c.ID)
				p.unique(n, o.at("id"), c.ID, seen)
				if other, taken := numbered[c.Num]; taken && other != c.ID {
					p.bad(n, o.at("id"), "%q has the same number, %d, as %q; want another id", c.ID, c.Num, other)
				}
				numbered[c.Num] = c.ID
			}
		}
		p.campaign(o, key, c, products)
	}
	return out
}

// campaign reads everything but the id. key is the campaign's name among the kept values of relative times.
func (p *parser) campaign(o object, key string, c *Campaign, products map[string]bool) {
	if n, ok := o.need("name", "{ko: …, en: …}"); ok {
		c.Name, _ = p.names(n, o.at("name"))
	}
	if n, ok := o.need("products", "a list of product ids"); ok {
		c.Offers = p.offered(n, o.at("products"), products)
		for i := range c.Offers {
			c.Products = append(c.Products, c.Offers[i].Product)
		}
	}
	const eligibleWanted = "{born: {from: …, to: …}}, {roster: ID}, both, or the word all"
	if n, ok := o.need("eligible", eligibleWanted); ok {
		p.eligible(n, o.at("eligible"), c, eligibleWanted)
	}
	if n, ok := o.need("stock", "the number of first doses on offer"); ok {
		c.Stock, _ = p.count(n, o.at("stock"), 1, mostStock)
	}
	c.Line = LineRules{Order: OrderDraw, Inside: DefaultInside, PassMinutes: DefaultPassMinutes}
	orderAt, orderPath := o.node, o.at("line.order")
	if n, ok := o.opt("line"); ok {
		orderAt = p.line(n, o.at("line"), &c.Line)
	}
	p.opening(o, key, c, orderAt, orderPath)
	if n, ok := o.opt("holdBack"); ok {
		c.HoldBack = p.holdBack(n, o.at("holdBack"), key+".holdBack", c)
	}
	if n, ok := o.opt("shares"); ok {
		c.Shares = p.shares(n, o.at("shares"), key+".shares", c)
	}
	if n, ok := o.opt("deliveries"); ok {
		c.Deliveries = p.deliveries(n, o.at("deliveries"), key+".deliveries", c)
	}
	if n, ok := o.opt("invitations"); ok {
		if v, ok := p.object(n, o.at("invitations"), "hours"); ok {
			if n, ok := v.need("hours", "a whole number from 1 to 240"); ok {
				hours, _ := p.count(n, v.at("hours"), 1, 240)
				c.InviteFor = time.Duration(hours) * time.Hour
			}
		}
	}
	if n, ok := o.opt("leftovers"); ok {
		c.Leftovers = p.leftovers(n, o.at("leftovers"))
	}
	if n, ok := o.opt("visits"); ok {
		c.Visits = p.visits(n, o.at("visits"))
	}
	if n, ok := o.opt("rota"); ok {
		c.Rota = p.rota(n, o.at("rota"), c)
	}
	if n, ok := o.opt("helpers"); ok {
		c.Helpers = p.helpers(n, o.at("helpers"))
	}
	if n, ok := o.opt("desk"); ok {
		c.Desk = p.desk(n, o.at("desk"))
	}
	c.Near = p.campaignMessages(o)
	c.Change.UntilDays = DefaultUntilDays
	if n, ok := o.opt("change"); ok {
		p.changeRules(n, o.at("change"), &c.Change)
	}
}

// opening reads gathers, opens, closes and the pauses, and checks their order.
func (p *parser) opening(o object, key string, c *Campaign, orderAt *yaml.Node, orderPath string) {
	at := func(name string) (v time.Time, n *yaml.Node, ok bool) {
		if n, ok = o.need(name, instantWanted); ok {
			v, ok = p.instant(n, o.at(name), key+"."+name)
		}
		return v, n, ok
	}
	var opens, closes, gathers bool
	var closesAt *yaml.Node
	c.Opens, _, opens = at("opens")
	c.Closes, closesAt, closes = at("closes")
	if opens && closes && !c.Closes.After(c.Opens) {
		p.bad(closesAt, o.at("closes"), "%s is not after opens, %s; want a later time", stamp(c.Closes), stamp(c.Opens))
	}
	n, given := o.opt("gathers")
	if given {
		c.Gathers, gathers = p.instant(n, o.at("gathers"), key+".gathers")
	} else {
		c.Gathers = c.Opens
	}
	switch {
	case !opens || given && !gathers:
	case c.Gathers.After(c.Opens):
		p.bad(n, o.at("gathers"), "%s is after opens, %s; want a time before it, or none", stamp(c.Gathers), stamp(c.Opens))
	case c.Line.Order == OrderDraw && c.Gathers.Equal(c.Opens):
		p.bad(orderAt, orderPath, "a draw needs people gathered before the opening; want gathers before opens, or order: arrival")
	}
	if n, ok := o.opt("pauses"); ok {
		c.Pauses = p.pauses(n, o.at("pauses"), key+".pauses", c, opens && closes)
	}
}

func (p *parser) pauses(n *yaml.Node, path, key string, c *Campaign, bounded bool) []Pause {
	entries, ok := p.list(n, path, 0, 100)
	if !ok {
		return nil
	}
	var out []Pause
	for i, e := range entries {
		o, ok := p.object(e, index(path, i), "from", "to", "why")
		if !ok {
			continue
		}
		var v Pause
		good := true
		for _, f := range []struct {
			name string
			to   *time.Time
		}{{"from", &v.From}, {"to", &v.To}} {
			n, has := o.need(f.name, instantWanted)
			if has {
				*f.to, has = p.instant(n, o.at(f.name), index(key, i)+"."+f.name)
			}
			good = good && has
		}
		if n, ok := o.need("why", "{ko: …, en: …}: the waiting page shows it"); ok {
			v.Why, _ = p.names(n, o.at("why"))
		}
		switch {
		case !good:
			continue
		case !v.To.After(v.From):
			p.bad(e, o.path, "from %s to %s is no stretch of time; want a later time in to", stamp(v.From), stamp(v.To))
		case bounded && (v.From.Before(c.Opens) || v.To.After(c.Closes)):
			p.bad(e, o.path, "from %s to %s is not between opens and closes; want it within them", stamp(v.From), stamp(v.To))
		case len(out) > 0 && v.From.Before(out[len(out)-1].To):
			p.bad(e, o.path, "begins at %s, before the pause above it ends; want the pauses in order and apart", stamp(v.From))
		}
		out = append(out, v)
	}
	return out
}

// deliveries reads what comes to the stock later, and what goes.
func (p *parser) deliveries(n *yaml.Node, path, key string, c *Campaign) []Delivery {
	entries, ok := p.list(n, path, 1, 1000)
	if !ok {
		return nil
	}
	var out []Delivery
	left := c.Stock
	for i, e := range entries {
		o, ok := p.object(e, index(path, i), "at", "doses")
		if !ok {
			continue
		}
		var v Delivery
		at, hasAt := o.need("at", instantWanted)
		if hasAt {
			v.At, hasAt = p.instant(at, o.at("at"), index(key, i)+".at")
		}
		doses, hasDoses := o.need("doses", "a whole number; less than 0 for a reduction")
		if hasDoses {
			v.Doses, hasDoses = p.change(doses, o.at("doses"))
		}
		if !hasAt || !hasDoses {
			continue
		}
		left += v.Doses
		switch {
		case !c.Opens.IsZero() && v.At.Before(c.Opens) || !c.Closes.IsZero() && !v.At.Before(c.Closes):
			p.bad(at, o.at("at"), "%s is not between opens and closes; want a time within them (what is there at the opening is stock)", stamp(v.At))
		case len(out) > 0 && v.At.Before(out[len(out)-1].At):
			p.bad(at, o.at("at"), "%s is before the delivery above it; want them in order", stamp(v.At))
		case left < 0:
			p.bad(doses, o.at("doses"), "leaves %d doses; want no reduction below nothing", left)
		case left > mostStock:
			p.bad(doses, o.at("doses"), "makes it %d doses; want %d at most", left, mostStock)
		}
		out = append(out, v)
	}
	return out
}

// change reads a whole number that is not 0.
func (p *parser) change(n *yaml.Node, path string) (int, bool) {
	const want = "a whole number, not 0; less than 0 for a reduction"
	s, ok := p.scalar(n, path, want)
	if !ok {
		return 0, false
	}
	v, err := strconv.Atoi(s)
	if err != nil || v == 0 || v > mostStock || v < -mostStock || n.ShortTag() != "!!int" {
		p.bad(n, path, "is %s; want %s", describe(n), want)
		return 0, false
	}
	return v, true
}

// mostStock is the most doses that a campaign can have.
const mostStock = 1_000_000_000

// days reads from and until, either of which may be left out.
func (p *parser) days(o object) (from, until civil.Date) {
	var has [2]bool
	for i, f := range []struct {
		name string
		to   *civil.Date
	}{{"from", &from}, {"until", &until}} {
		if n, ok := o.opt(f.name); ok {
			*f.to, has[i] = p.date(n, o.at(f.name))
		}
	}
	if has[0] && has[1] && until < from {
		p.bad(o.node, o.at("until"), "%s is before from, %s; want a later date", until, from)
	}
	return from, until
}

// line reads the rules of the line and gives the node that its order stands at.
func (p *parser) line(n *yaml.Node, path string, out *LineRules) (orderAt *yaml.Node) {
	o, ok := p.object(n, path, "order", "inside", "perSecond", "passMinutes")
	if !ok {
		return n
	}
	orderAt = n
	if n, ok := o.opt("order"); ok {
		orderAt = n
		s, _ := p.oneOf(n, o.at("order"), string(OrderDraw), string(OrderArrival))
		out.Order = Order(s)
	}
	if n, ok := o.opt("inside"); ok {
		out.Inside, _ = p.count(n, o.at("inside"), 1, 10_000_000)
	}
	if n, ok := o.opt("perSecond"); ok {
		out.PerSecond = p.perSecond(n, o.at("perSecond"))
	}
	if n, ok := o.opt("passMinutes"); ok {
		out.PassMinutes, _ = p.count(n, o.at("passMinutes"), 1, 240)
	}
	return orderAt
}

func (p *parser) perSecond(n *yaml.Node, path string) float64 {
	const want = "a number from 0.01 to 1000000, or auto"
	s, ok := p.scalar(n, path, want)
	if !ok || s == "auto" {
		return 0
	}
	v, err := strconv.ParseFloat(s, 64)
	plain := strings.Trim(s, "0123456789.") == ""
	if err != nil || !plain || n.ShortTag() == "!!str" || v < 0.01 || v > 1e6 {
		p.bad(n, path, "is %s; want %s", describe(n), want)
		return 0
	}
	return v
}

func stamp(t time.Time) string { return t.Format(time.RFC3339) }
