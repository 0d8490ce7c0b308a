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

func stamp(t time.Time) string { return t.Format(time.RFC3339) }
