package delivery

import (
	"slices"

	"charye/internal/civil"
	"charye/site"
	"charye/supply"
	"charye/supply/trace"
)

// boxes finds where all boxes are, and what is against using them.
func (g *gatherer) boxes() []Box {
	t := g.w.Trace
	doubt := map[supply.SSCC]Bar{}
	t.Index.Unfit(g.at, func(k supply.SSCC, j supply.Judgement) {
		doubt[k] = Unknown
		if len(j.Findings) > 0 {
			doubt[k] = Doubt
		}
	})
	depots := g.places()
	var out []Box
	for _, k := range t.Boxes() {
		x, _ := t.Box(k)
		if b, there := g.stands(x, depots); there {
			g.bar(&b, doubt[k])
			out = append(out, b)
		}
	}
	g.takeUntold(out)
	return out
}

// stands says where a box is, or is under way to; false for one that is used up, at its end, or of a product that is not shipped.
func (g *gatherer) stands(x *trace.Box, depots places) (b Box, there bool) {
	if g.products[x.Product] == nil {
		return b, false
	}
	b = Box{SSCC: x.SSCC, Product: x.Product, Lot: x.Lot, Site: x.Site}
	b.Vials, b.Away = whole(x)
	b.Expires, _ = g.w.Trace.Expires(x.Lot)
	switch depot := depots.of(x.Place); {
	case b.Vials == 0 || x.Place == "" && !x.Since.IsZero():
		return b, false
	case x.Site != 0:
	case depot != "":
		b.Depot = depot
	default:
		g.underWay(&b, &x.Sent, depots)
	}
	return b, true
}

// bar says what is against using a box, of whose readings doubt is what is thought.
func (g *gatherer) bar(b *Box, doubt Bar) {
	rules := g.w.Programme.ShippingOn(g.today)
	switch {
	case g.w.Register.State(b.SSCC) != supply.Usable:
		b.Bar = Held
	case doubt == Doubt:
		b.Bar = Doubt
	case b.Away == "" && doubt == Unknown && (rules == nil || !rules.Unknown):
		b.Away = Unknown
	}
}

// whole is how many vials of a box were not opened, and whether some are thawed. A vial that was punctured is open for the day.
func whole(x *trace.Box) (vials int, away Bar) {
	if len(x.Parts) == 0 {
		return x.Left() / x.DosesPerVial, ""
	}
	for _, p := range x.Parts {
		if p.Stage != supply.Punctured {
			vials += p.Doses / x.DosesPerVial
		}
		if p.Stage != supply.Unopened {
			away = Thawed
		}
	}
	return vials, away
}

// underWay says where a box is meant to go and when it is there.
func (g *gatherer) underWay(b *Box, s *trace.Sent, depots places) {
	leave := civil.Of(s.At, g.w.Programme.Zone)
	due := leave + 1
	b.Coming = true
	switch depot := depots.of(s.To); {
	case s.Site != 0:
		b.Site = s.Site
		due = leave + civil.Date(g.transport(depots.of(s.From), s, leave))
	case depot != "":
		b.Depot = depot
	default:
		b.Bar = Elsewhere
		return
	}
	b.From = max(due, g.today)
	if rules := g.w.Programme.ShippingOn(g.today); rules != nil && due+civil.Date(rules.LateAfter) < g.today {
		b.Bar = Late
	}
}

// transport is how many days a way takes by the rules of the day of leaving; one, where they do not say.
func (g *gatherer) transport(depot string, s *trace.Sent, leave civil.Date) int {
	rules := g.w.Programme.ShippingOn(leave)
	if rules == nil {
		return 1
	}
	to, _ := g.w.Sites.ByNum(s.Site)
	if d, ok := rules.Depot(depot); ok {
		if l := lane(d, regionOf(to.Region)); l != nil {
			return l.Transport
		}
		return 1
	}
	if rules.Transfers != nil && g.w.Trace.SiteAt(s.From) != 0 {
		return rules.Transfers.Transport
	}
	return 1
}

// places are the depots by what custody calls them.
type places struct {
	keys map[string]string
	glns map[supply.GLN]string
}

func (g *gatherer) places() places {
	p := places{map[string]string{}, map[supply.GLN]string{}}
	for i := range g.w.Programme.Shipping {
		for _, d := range g.w.Programme.Shipping[i].Depots {
			for _, text := range d.Places {
				key := trace.PlaceKey(text)
				p.keys[key] = d.ID
				if gln, ok := trace.GLNOf(key); ok {
					p.glns[gln] = d.ID
				}
			}
		}
	}
	return p
}

// of gives the depot at a place, or that a room belongs to; empty: none.
func (p places) of(place string) string {
	if id := p.keys[place]; id != "" {
		return id
	}
	if gln, ok := trace.GLNOf(place); ok {
		return p.glns[gln]
	}
	return ""
}

// takeUntold takes vials that were opened without a word from the boxes of a site, first those that expire first.
func (g *gatherer) takeUntold(list []Box) {
	untold := g.untold()
	if len(untold) == 0 {
		return
	}
	bySite := map[shelfOf][]*Box{}
	for i := range list {
		if b := &list[i]; b.Site != site.Num(0) && !b.Coming && b.Bar == "" {
			s := shelfOf{b.Site, b.Product}
			bySite[s] = append(bySite[s], b)
		}
	}
	for s, vials := range untold {
		boxes := bySite[s]
		slices.SortFunc(boxes, byExpiry)
		for _, b := range boxes {
			n := min(vials, b.Vials)
			b.Vials -= n
			vials -= n
		}
	}
}
