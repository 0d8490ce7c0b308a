package delivery_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/internal/civil"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/delivery"
)

// TestPlansKeepTheirPromises makes plans of small worlds and checks each against a plain recount that knows nothing of how it was made.
func TestPlansKeepTheirPromises(t *testing.T) {
	t.Parallel()
	for range 10 { // the worlds that tell most are rare
		rapid.Check(t, plansKeepTheirPromises)
	}
}

func plansKeepTheirPromises(t *rapid.T) {
	in := drawInput(t)
	p, err := delivery.Make(in)
	if err != nil {
		t.Fatal(err)
	}
	m := newModel(t, in, p)
	m.everyBoxOnce()
	m.everyDepartureIsLegal()
	m.whatIsShortIsSaid()
	m.nothingStaysThatWouldHelp()
	m.firstExpiringFirstOut()
	m.giversKeepWhatTheyNeed()
	m.nothingNeedless()
	m.whatExpiresIsSaid()
	again := in
	again.Needs, again.Boxes = rapid.Permutation(in.Needs).Draw(t, "needs again"), rapid.Permutation(in.Boxes).Draw(t, "boxes again")
	other, err := delivery.Make(again)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(p, other); d != "" {
		t.Fatalf("another order of the input gives another plan:\n%s", d)
	}
}

func drawRules(t *rapid.T, from civil.Date) programme.Shipping {
	n := func(label string, least, most int) int { return rapid.IntRange(least, most).Draw(t, label) }
	s := programme.Shipping{From: from, LateAfter: 2}
	for d := range n("depots", 1, 3) {
		depot := programme.Depot{ID: fmt.Sprintf("d%d", d), Places: []string{fmt.Sprintf("urn:x:%d", d)}, Leaves: n("leaves", 6, 20) * 60}
		for w := range depot.Weekdays {
			depot.Weekdays[w] = n("weekday", 0, 3) > 0
		}
		depot.Lanes = append(depot.Lanes, programme.Lane{Region: rapid.SampledFrom([]string{"", "서울"}).Draw(t, "region"), Transport: n("transport", 0, 2), Cost: n("cost", 0, 5)})
		if n("second lane", 0, 2) == 0 {
			depot.Lanes = append(depot.Lanes, programme.Lane{Region: "경기", Transport: n("transport", 0, 3)})
		}
		s.Depots = append(s.Depots, depot)
	}
	for _, id := range []string{"flu", "covid"} {
		if id == "flu" || n("both", 0, 1) == 1 {
			s.Products = append(s.Products, programme.ShippedProduct{
				Product: id, VialsPerBox: 5, CutOff: programme.CutOff{Days: n("cut-off days", 0, 1), Length: time.Duration(n("cut-off hours", 0, 30)) * time.Hour},
				Covers: n("covers", 1, 4), ShelfLife: n("shelf life", 0, 2), Reserve: n("reserve", 0, 1) * 30,
			})
		}
	}
	if n("transfers", 0, 2) > 0 {
		s.Transfers = &programme.Transfers{
			WithinKm: n("within", 5, 40), Transport: n("transfer days", 0, 1), Leaves: n("transfer leaves", 8, 18) * 60,
			CutOff: programme.CutOff{Length: time.Duration(n("transfer cut-off", 0, 24)) * time.Hour}, Leg: time.Duration(n("leg", 0, 60)) * time.Minute, Cost: n("transfer cost", 0, 5),
		}
	}
	return s
}

func drawInput(t *rapid.T) delivery.Input {
	n := func(label string, least, most int) int { return rapid.IntRange(least, most).Draw(t, label) }
	list := []programme.Shipping{drawRules(t, monday-30)}
	if n("two eras", 0, 1) == 1 {
		list = append(list, drawRules(t, monday+civil.Date(n("second from", 1, 8))))
	}
	in := input(list...)
	in.Now = monday.At(n("minute", 0, 23*60), seoul)
	in.From, in.Days = monday+civil.Date(n("from", 0, 3)), n("days", 1, 8)
	for range n("needs", 0, 14) {
		in.Needs = append(in.Needs, delivery.Need{
			Site: site.Num(n("site", 1, 4)), Day: monday + civil.Date(n("day", 0, 14)), Product: rapid.SampledFrom([]string{"flu", "covid"}).Draw(t, "product"), Vials: n("vials", 1, 9),
		})
	}
	depots := map[string]bool{}
	for _, s := range list {
		for _, d := range s.Depots {
			depots[d.ID] = true
		}
	}
	ids := slices.Sorted(func(yield func(string) bool) {
		for id := range depots {
			if !yield(id) {
				return
			}
		}
	})
	sameSize := n("same size", 0, 1) == 1
	for i := range n("boxes", 0, 16) {
		b := delivery.Box{SSCC: sscc(i + 1), Product: rapid.SampledFrom([]string{"flu", "covid"}).Draw(t, "product"), Expires: monday + civil.Date(n("expires", -1, 20)), Vials: 5}
		if !sameSize {
			b.Vials = n("vials of the box", 0, 9)
		}
		if n("where", 0, 2) > 0 {
			b.Depot = rapid.SampledFrom(ids).Draw(t, "depot")
		} else {
			b.Site = site.Num(n("site", 1, 4))
		}
		b.Bar = rapid.SampledFrom([]delivery.Bar{"", "", "", "", delivery.Held, delivery.Doubt}).Draw(t, "bar")
		b.Away = rapid.SampledFrom([]delivery.Bar{"", "", "", delivery.Unknown}).Draw(t, "away")
		if n("coming", 0, 4) == 0 {
			b.Coming, b.From = true, monday+civil.Date(n("from", 0, 6))
		}
		in.Boxes = append(in.Boxes, b)
	}
	room := map[supply.SSCC]time.Duration{}
	for _, b := range in.Boxes {
		room[b.SSCC] = time.Duration(n("room", -1, 60)) * time.Minute
	}
	in.Room = func(k supply.SSCC) (time.Duration, bool) { return room[k], room[k] >= 0 }
	return in
}

type model struct {
	*rapid.T
	in   delivery.Input
	p    *delivery.Plan
	box  map[supply.SSCC]delivery.Box
	gone map[supply.SSCC]*delivery.Shipment // boxes that the plan moves
	load map[supply.SSCC]delivery.Load
}

func newModel(t *rapid.T, in delivery.Input, p *delivery.Plan) *model {
	m := &model{t, in, p, map[supply.SSCC]delivery.Box{}, map[supply.SSCC]*delivery.Shipment{}, map[supply.SSCC]delivery.Load{}}
	for _, b := range in.Boxes {
		m.box[b.SSCC] = b
	}
	return m
}

func (m *model) all() (out []*delivery.Shipment) {
	for i := range m.p.Shipments {
		out = append(out, &m.p.Shipments[i])
	}
	for i := range m.p.Transfers {
		out = append(out, &m.p.Transfers[i])
	}
	return out
}

// usable reports whether a vial may be used on a day.
func (m *model) usable(b delivery.Box, day civil.Date) bool {
	shelf := 0
	if p, ok := m.in.Programme.ShippingOn(day).Product(b.Product); ok {
		shelf = p.ShelfLife
	}
	return b.Bar == "" && b.Expires >= day+civil.Date(shelf)
}

func (m *model) everyBoxOnce() {
	for _, s := range m.all() {
		if len(s.Loads) == 0 {
			m.Fatalf("an empty shipment %+v", s)
		}
		for _, l := range s.Loads {
			b, ok := m.box[l.Box]
			if !ok || m.gone[l.Box] != nil {
				m.Fatalf("box %s is not there, or goes twice", l.Box)
			}
			m.gone[l.Box], m.load[l.Box] = s, l
			switch {
			case b.Bar != "" || b.Away != "":
				m.Fatalf("box %+v goes", b)
			case b.Depot != s.Depot || b.Site != s.Giver || b.Vials != l.Vials || b.Expires != l.Expires || b.Product != l.Product:
				m.Fatalf("box %+v goes as %+v in %+v", b, l, s)
			case max(b.From, monday) > s.Leave, s.Giver != 0 && b.Coming:
				m.Fatalf("box %+v leaves on %s before it is there", b, s.Leave)
			case l.Reserve && l.For != 0, !l.Reserve && (l.For < s.Arrives || !m.usable(b, l.For) || l.For > m.p.To):
				m.Fatalf("box %+v comes on %s for %s", b, s.Arrives, l.For)
			}
		}
	}
}

// departs gives the arrival of a departure of a depot for a site, when it can be ordered.
func (m *model) departs(depot string, at site.Num, product string, leave civil.Date) (arrive civil.Date, cost int, ok bool) {
	s := m.in.Programme.ShippingOn(leave)
	d, known := s.Depot(depot)
	p, shipped := s.Product(product)
	if !known || !shipped || leave < monday || !d.Weekdays[leave.Weekday()] {
		return 0, 0, false
	}
	where, _ := m.in.Sites.ByNum(at)
	lane := slices.IndexFunc(d.Lanes, func(l programme.Lane) bool { return regionName(l.Region) == where.Region })
	if lane < 0 {
		lane = slices.IndexFunc(d.Lanes, func(l programme.Lane) bool { return l.Region == "" })
	}
	if lane < 0 || !p.CutOff.Of(leave.At(d.Leaves, seoul)).After(m.in.Now) {
		return 0, 0, false
	}
	return leave + civil.Date(d.Lanes[lane].Transport), d.Lanes[lane].Cost, true
}

func regionName(s string) string { n, _ := site.RegionName(s); return n }

func (m *model) everyDepartureIsLegal() {
	for i := range m.p.Shipments {
		s := &m.p.Shipments[i]
		for _, l := range s.Loads {
			if arrive, _, ok := m.departs(s.Depot, s.Site, l.Product, s.Leave); !ok || arrive != s.Arrives {
				m.Fatalf("%+v cannot take %s (arrives %s)", s, l.Product, arrive)
			}
			p, _ := m.in.Programme.ShippingOn(s.Leave).Product(l.Product)
			for leave := s.Leave + 1; !l.Reserve && l.For >= s.Arrives+civil.Date(p.Covers) && leave <= l.For; leave++ {
				if arrive, _, ok := m.departs(s.Depot, s.Site, l.Product, leave); ok && arrive <= l.For {
					m.Fatalf("%s comes on %s for %s, beyond what a delivery covers; it could leave on %s", l.Box, s.Arrives, l.For, leave)
				}
			}
			if cutOff := p.CutOff.Of(s.Leaves); s.CutOff.After(cutOff) {
				m.Fatalf("%+v says a cut-off after that of %s, %s", s, l.Product, cutOff)
			}
		}
		if i > 0 && m.p.Shipments[i-1].Depot == s.Depot && m.p.Shipments[i-1].Site == s.Site && m.p.Shipments[i-1].Leave == s.Leave {
			m.Fatalf("two shipments from %s to %d on %s", s.Depot, s.Site, s.Leave)
		}
	}
	for _, s := range m.p.Transfers {
		t := m.in.Programme.ShippingOn(s.Leave).Transfers
		a, _ := m.in.Sites.ByNum(s.Giver)
		b, _ := m.in.Sites.ByNum(s.Site)
		metres, _ := site.Metres(a, b)
		if t == nil || s.Leave < monday || s.Giver == s.Site || metres > t.WithinKm*1000+1 || s.Arrives != s.Leave+civil.Date(t.Transport) ||
			!t.CutOff.Of(s.Leave.At(t.Leaves, seoul)).After(m.in.Now) || s.Why != delivery.Sooner && s.Why != delivery.Cheaper {
			m.Fatalf("%+v is no transfer of the rules", s)
		}
		for _, l := range s.Loads {
			if room, ok := m.in.Room(l.Box); !ok || room < t.Leg {
				m.Fatalf("box %s travels with %v left", l.Box, room)
			}
		}
	}
}

type siteDay struct {
	site    site.Num
	day     civil.Date
	product string
}

// recount uses up vials day by day, out of boxes where they are and where they come to; own leaves out what comes by the plan.
func (m *model) recount(without func(supply.SSCC) bool, own bool) (short map[siteDay]int) {
	type there struct {
		delivery.Box
		at   site.Num
		from civil.Date
	}
	var list []*there
	for _, b := range m.in.Boxes {
		s := m.gone[b.SSCC]
		switch {
		case b.Bar != "" || without(b.SSCC):
		case s != nil && !own:
			list = append(list, &there{b, s.Site, s.Arrives})
		case b.Site != 0:
			list = append(list, &there{b, b.Site, b.From})
		}
	}
	slices.SortFunc(list, func(a, b *there) int { return cmp.Or(cmp.Compare(a.Expires, b.Expires), cmp.Compare(a.SSCC, b.SSCC)) })
	needs := slices.Clone(m.in.Needs)
	slices.SortStableFunc(needs, func(a, b delivery.Need) int { return cmp.Compare(a.Day, b.Day) })
	short = map[siteDay]int{}
	for _, n := range needs {
		for range n.Vials {
			i := slices.IndexFunc(list, func(b *there) bool {
				return b.at == n.Site && b.Product == n.Product && b.from <= n.Day && b.Vials > 0 && m.usable(b.Box, n.Day)
			})
			if i < 0 {
				short[siteDay{n.Site, n.Day, n.Product}]++
			} else {
				list[i].Vials--
			}
		}
	}
	return short
}

// whatExpiresIsSaid: every box that cannot be used after the last day is named once, unless all of it is used by then.
func (m *model) whatExpiresIsSaid() {
	seen := map[supply.SSCC]bool{}
	for _, u := range m.p.Unused {
		b := m.box[u.Box]
		at := b.Site
		if s := m.gone[u.Box]; s != nil {
			at = s.Site
		}
		if seen[u.Box] || b.Bar != "" || u.Vials < 1 || u.Vials > b.Vials || b.Expires > m.p.To+2 || u.Site != at {
			m.Fatalf("unused %+v of %+v", u, b)
		}
		seen[u.Box] = true
	}
	for _, b := range m.in.Boxes {
		if stays := m.gone[b.SSCC] == nil && b.Depot != ""; stays && b.Vials > 0 && b.Bar == "" && b.Away == "" && b.Expires <= m.p.To && !seen[b.SSCC] {
			m.Fatalf("box %+v expires in its depot, and nobody says so", b)
		}
	}
}

func none(supply.SSCC) bool { return false }

func (m *model) whatIsShortIsSaid() {
	want := m.recount(none, false)
	for k := range want {
		if k.day < m.in.From || k.day > m.p.To {
			delete(want, k)
		}
	}
	got := map[siteDay]int{}
	total := 0
	for _, s := range m.p.Short {
		got[siteDay{s.Site, s.Day, s.Product}] += s.Vials
		total += s.Vials
	}
	if d := gocmp.Diff(want, got, gocmp.AllowUnexported(siteDay{})); d != "" || total != m.p.Totals.Short {
		m.Fatalf("short (-recount +plan), %+v:\n%s", m.p.Totals, d)
	}
}

func (m *model) nothingStaysThatWouldHelp() {
	for _, s := range m.p.Short {
		for _, b := range m.in.Boxes {
			if m.gone[b.SSCC] != nil || b.Depot == "" || b.Vials == 0 || b.Away != "" || b.Product != s.Product || !m.usable(b, s.Day) {
				continue
			}
			for leave := max(monday, b.From); leave <= s.Day; leave++ {
				if arrive, _, ok := m.departs(b.Depot, s.Site, s.Product, leave); ok && arrive <= s.Day {
					m.Fatalf("%+v is short, and box %+v stays that could leave on %s and be there on %s", s, b, leave, arrive)
				}
			}
		}
	}
}

func (m *model) firstExpiringFirstOut() {
	for k, s := range m.gone {
		b, l := m.box[k], m.load[k]
		if b.Depot == "" {
			continue
		}
		use := l.For
		if l.Reserve {
			use = m.p.To
		}
		for _, c := range m.in.Boxes {
			o, goes := m.load[c.SSCC]
			if c.Depot != b.Depot || c.Product != b.Product || c.Vials == 0 || c.Away != "" || c.Expires >= b.Expires || !m.usable(c, use) || c.From > s.Leave {
				continue
			}
			if !goes || !l.Reserve && (o.Reserve || o.For > l.For) {
				m.Fatalf("box %+v goes for %s, and box %+v, which expires before it, stays or goes for a later day", b, use, c)
			}
		}
	}
}

func (m *model) giversKeepWhatTheyNeed() {
	given := func(k supply.SSCC) bool { return m.gone[k] != nil && m.gone[k].Giver != 0 }
	if d := gocmp.Diff(m.recount(none, true), m.recount(given, true), gocmp.AllowUnexported(siteDay{})); d != "" {
		m.Fatalf("sites are short of what they gave:\n%s", d)
	}
}

// nothingNeedless: where all boxes are of one size and outlast the plan, each that comes is needed.
func (m *model) nothingNeedless() {
	for _, b := range m.in.Boxes {
		if b.Vials != 5 || b.Expires < m.p.To+2 {
			return
		}
	}
	before := m.recount(none, false)
	for k, l := range m.load {
		if l.Reserve {
			continue
		}
		after := m.recount(func(o supply.SSCC) bool { return o == k }, false)
		short := false
		for d, n := range after {
			short = short || n > before[d] && d.day <= m.p.To
		}
		if !short {
			m.Fatalf("box %s comes, and nobody would be short without it", k)
		}
	}
}

// TestRoundedUp: alone with plenty of boxes, a site gets exactly as many as its vials fill, rounded up.
func TestRoundedUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size, vials := rapid.IntRange(1, 40).Draw(t, "size"), rapid.IntRange(1, 200).Draw(t, "vials")
		in := input(rules())
		in.Needs = []delivery.Need{need(1, 3, vials)}
		for n := range 200 {
			b := stored(n+1, 90)
			b.Vials = size
			in.Boxes = append(in.Boxes, b)
		}
		p, err := delivery.Make(in)
		if err != nil {
			t.Fatal(err)
		}
		want := (vials + size - 1) / size
		if len(p.Shipments) != 1 || len(p.Shipments[0].Loads) != want || len(p.Short) != 0 {
			t.Fatalf("%d vials in boxes of %d: %d shipments, want one of %d boxes", vials, size, len(p.Shipments), want)
		}
	})
}
