package delivery_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/internal/civil"
	"charye/programme"
	"charye/site"
	"charye/supply"
	"charye/supply/delivery"
)

// tell writes a plan in a line for each thing: days as + so many after monday, boxes by their number.
func tell(p *delivery.Plan) (out []string) {
	number := map[supply.SSCC]int{}
	for n := range 200 {
		number[sscc(n)] = n
	}
	day := func(d civil.Date) string { return fmt.Sprintf("%+d", d-monday) }
	ship := func(from string, s delivery.Shipment) {
		line := fmt.Sprintf("%s→%d leaves %s arrives %s:", from, s.Site, day(s.Leave), day(s.Arrives))
		for _, l := range s.Loads {
			line += fmt.Sprintf(" %d", number[l.Box])
			if l.Reserve {
				line += " (reserve)"
			} else {
				line += " for " + day(l.For)
			}
		}
		if s.Why != "" {
			line += " " + string(s.Why)
		}
		out = append(out, line)
	}
	for _, s := range p.Shipments {
		ship(s.Depot, s)
	}
	for _, s := range p.Transfers {
		ship(fmt.Sprint(s.Giver), s)
	}
	for _, s := range p.Short {
		line := fmt.Sprintf("%d short of %d vials (%d boxes) on %s: %s", s.Site, s.Vials, s.Boxes, day(s.Day), s.Why)
		if !s.CutOff.IsZero() {
			line += " " + s.CutOff.Format("01-02 15:04")
		}
		out = append(out, line)
	}
	for _, u := range p.Unused {
		out = append(out, fmt.Sprintf("%d unused, %d vials until %s at %s%d", number[u.Box], u.Vials, day(u.Expires), u.Depot, u.Site))
	}
	for _, a := range p.Aside {
		out = append(out, fmt.Sprintf("%d aside: %s", number[a.Box.SSCC], a.Why))
	}
	return out
}

func TestMake(t *testing.T) {
	t.Parallel()
	with := func(change func(*programme.Shipping)) delivery.Input {
		r := rules()
		change(&r)
		return input(r)
	}
	plain := func() delivery.Input { return input(rules()) }
	for name, c := range map[string]struct {
		in    delivery.Input
		needs []delivery.Need
		boxes []delivery.Box
		want  []string
	}{
		"rounded up per box, first-expiring-first-out, with the last departure that comes in time": {
			plain(), []delivery.Need{need(1, 3, 11)}, []delivery.Box{stored(1, 90), stored(2, 30), stored(3, 60)},
			[]string{"icheon→1 leaves +2 arrives +3: 2 for +3 3 for +3"},
		},
		"what is there is used before anything is sent": {
			plain(), []delivery.Need{need(1, 2, 8), need(1, 3, 4)}, []delivery.Box{kept(5, 1, 60), stored(1, 90)},
			[]string{"icheon→1 leaves +2 arrives +3: 1 for +3"},
		},
		"one delivery covers three days; the fourth gets its own": {
			plain(), []delivery.Need{need(1, 2, 10), need(1, 3, 10), need(1, 4, 10), need(1, 7, 10)}, []delivery.Box{stored(1, 90), stored(2, 91), stored(3, 92), stored(4, 93)},
			[]string{"icheon→1 leaves +1 arrives +2: 1 for +2 2 for +3 3 for +4", "icheon→1 leaves +4 arrives +5: 4 for +7"},
		},
		"nothing leaves at a weekend": {
			plain(), []delivery.Need{need(1, 7, 1)}, []delivery.Box{stored(1, 90)},
			[]string{"icheon→1 leaves +4 arrives +5: 1 for +7"},
		},
		"a holiday": {
			with(func(r *programme.Shipping) { r.Depots[0].NotOn = []civil.Date{monday + 4} }), []delivery.Need{need(1, 7, 1)}, []delivery.Box{stored(1, 90)},
			[]string{"icheon→1 leaves +3 arrives +4: 1 for +7"},
		},
		"past its cut-off: the truck of today was settled yesterday": {
			plain(), []delivery.Need{need(1, 1, 4)}, []delivery.Box{stored(1, 90)},
			[]string{"1 short of 4 vials (1 boxes) on +1: past-cut-off 10-04 14:00"},
		},
		"no box is left": {
			plain(), []delivery.Need{need(1, 3, 14), need(2, 3, 3)}, []delivery.Box{stored(1, 90)},
			[]string{"icheon→1 leaves +2 arrives +3: 1 for +3", "1 short of 4 vials (1 boxes) on +3: no-box", "2 short of 3 vials (1 boxes) on +3: no-box"},
		},
		"no depot serves the region": {
			with(func(r *programme.Shipping) { r.Depots[0].Lanes[0].Region = "서울" }), []delivery.Need{need(4, 3, 1), need(1, 3, 1)}, []delivery.Box{stored(1, 90)},
			[]string{"icheon→1 leaves +2 arrives +3: 1 for +3", "4 short of 1 vials (1 boxes) on +3: no-depot"},
		},
		"a region's own lane is longer": {
			with(func(r *programme.Shipping) {
				r.Depots[0].Lanes = append(r.Depots[0].Lanes, programme.Lane{Region: "제주", Transport: 2})
			}), []delivery.Need{need(4, 3, 1)}, []delivery.Box{stored(1, 90)},
			[]string{"icheon→4 leaves +1 arrives +3: 1 for +3"},
		},
		"never after its last day, nor without the shelf life that is wanted": {
			with(func(r *programme.Shipping) { r.Products[0].ShelfLife = 7 }), []delivery.Need{need(1, 3, 5)}, []delivery.Box{stored(1, 9), stored(2, 10)},
			[]string{"icheon→1 leaves +2 arrives +3: 2 for +3", "1 unused, 10 vials until +9 at icheon0", "2 unused, 5 vials until +10 at 1"},
		},
		"held, in doubt, without an expiry": {
			plain(), []delivery.Need{need(1, 3, 5)}, []delivery.Box{
				{SSCC: sscc(1), Product: "flu", Expires: monday + 9, Vials: 10, Depot: "icheon", Bar: delivery.Held},
				{SSCC: sscc(2), Product: "flu", Vials: 10, Depot: "icheon"}, {SSCC: sscc(3), Product: "flu", Expires: monday + 90, Vials: 10, Depot: "icheon", Away: delivery.Unknown},
				{SSCC: sscc(4), Product: "flu", Expires: monday + 90, Vials: 10, Site: 1, Bar: delivery.Doubt},
			},
			[]string{"1 short of 5 vials (1 boxes) on +3: no-box", "4 aside: doubt", "1 aside: held", "2 aside: no-expiry", "3 aside: unknown"},
		},
		"under way counts from the day of its arrival": {
			plain(), []delivery.Need{need(1, 2, 5), need(1, 3, 5)}, []delivery.Box{
				{SSCC: sscc(1), Product: "flu", Expires: monday + 90, Vials: 10, Site: 1, From: monday + 3, Coming: true}, stored(2, 90),
			},
			[]string{"icheon→1 leaves +1 arrives +2: 2 for +2"},
		},
		"a box that comes to the depot first": {
			plain(), []delivery.Need{need(1, 2, 5), need(1, 4, 10)}, []delivery.Box{{SSCC: sscc(1), Product: "flu", Expires: monday + 90, Vials: 10, Depot: "icheon", From: monday + 3, Coming: true}},
			[]string{"icheon→1 leaves +3 arrives +4: 1 for +4", "1 short of 5 vials (1 boxes) on +2: no-box"},
		},
		"what is needed sooner comes first, and on one day who uses most of a box": {
			plain(), []delivery.Need{need(1, 4, 10), need(2, 3, 1), need(3, 3, 9)}, []delivery.Box{stored(1, 90), stored(2, 90)},
			[]string{"icheon→2 leaves +2 arrives +3: 2 for +3", "icheon→3 leaves +2 arrives +3: 1 for +3", "1 short of 10 vials (1 boxes) on +4: no-box"},
		},
		"a reserve on top, when everybody has what is needed": {
			with(func(r *programme.Shipping) { r.Products[0].Reserve = 20 }), []delivery.Need{need(1, 3, 10), need(2, 3, 6)},
			[]delivery.Box{stored(1, 90), stored(2, 91), stored(3, 92), stored(4, 93)},
			[]string{"icheon→1 leaves +2 arrives +3: 1 for +3 3 (reserve)", "icheon→2 leaves +2 arrives +3: 2 for +3"},
		},
		"rules change: from Thursday on there is a cut-off of an hour and a longer way": {
			func() delivery.Input {
				later := rules()
				later.From = monday + 3
				later.Depots[0].Lanes[0].Transport = 3
				later.Products[0].CutOff = programme.CutOff{Length: time.Hour}
				return input(rules(), later)
			}(), []delivery.Need{need(1, 4, 1), need(2, 7, 1)}, []delivery.Box{stored(1, 90), stored(2, 91)},
			[]string{"icheon→1 leaves +2 arrives +3: 1 for +4", "icheon→2 leaves +4 arrives +7: 2 for +7"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.in.Needs, c.in.Boxes = c.needs, c.boxes
			p := mustPlan(t, c.in)
			if d := cmp.Diff(c.want, tell(p)); d != "" {
				t.Error(d)
			}
			sent, reserve, short := 0, 0, 0
			for _, s := range p.Shipments {
				for _, l := range s.Loads {
					if l.Reserve {
						reserve += l.Vials
					} else {
						sent += l.Vials
					}
				}
			}
			for _, s := range p.Short {
				short += s.Vials
			}
			needed := 0
			for _, n := range c.needs {
				needed += n.Vials
			}
			if n := p.Totals; n.Needed != needed || n.Shipped != sent || n.Reserve != reserve || n.Short != short || n.Over() != sent-(needed-n.There-short) {
				t.Errorf("totals %+v, want %d needed, %d sent, %d in reserve, %d short", n, needed, sent, reserve, short)
			}
		})
	}
}

func TestTransfers(t *testing.T) {
	t.Parallel()
	with := func(change func(*programme.Shipping)) delivery.Input {
		r := rules()
		r.Transfers = transfers()
		change(&r)
		return input(r)
	}
	same := func(*programme.Shipping) {}
	for name, c := range map[string]struct {
		in    delivery.Input
		needs []delivery.Need
		boxes []delivery.Box
		want  []string
	}{
		"sooner than any depot, from the nearest that can": {
			with(same), []delivery.Need{need(1, 1, 4)}, []delivery.Box{kept(7, 3, 60), kept(8, 2, 90), stored(1, 90)},
			[]string{"2→1 leaves +1 arrives +1: 8 for +1 sooner"},
		},
		"nobody within reach": {
			with(same), []delivery.Need{need(1, 1, 4)}, []delivery.Box{kept(7, 3, 60), kept(8, 4, 60)},
			[]string{"1 short of 4 vials (1 boxes) on +1: no-box"},
		},
		"not what the giver needs itself, now or after the days planned for": {
			with(same), []delivery.Need{need(1, 1, 4), need(2, 5, 9), need(2, 40, 3)}, []delivery.Box{kept(7, 2, 60), kept(8, 2, 61), kept(9, 2, 62)},
			[]string{"2→1 leaves +1 arrives +1: 9 for +1 sooner"},
		},
		"cheaper than a stop of its own": {
			with(same), []delivery.Need{need(1, 3, 4)}, []delivery.Box{kept(7, 2, 60), stored(1, 30)},
			[]string{"2→1 leaves +3 arrives +3: 7 for +3 cheaper"},
		},
		"not cheaper, when a delivery has to come anyway": {
			with(same), []delivery.Need{need(1, 3, 14)}, []delivery.Box{kept(7, 2, 60), stored(1, 30), stored(2, 30), kept(8, 1, 2)},
			[]string{"icheon→1 leaves +2 arrives +3: 1 for +3 2 for +3", "8 unused, 10 vials until +2 at 1"},
		},
		"not cheaper when it costs as much": {
			with(func(r *programme.Shipping) { r.Transfers.Cost = 34_000 }), []delivery.Need{need(1, 3, 4)}, []delivery.Box{kept(7, 2, 60), stored(1, 30)},
			[]string{"icheon→1 leaves +2 arrives +3: 1 for +3"},
		},
		"past the cut-off of transfers of the day": {
			with(func(r *programme.Shipping) { r.Transfers.CutOff.Length = 4*time.Hour + time.Minute }), []delivery.Need{need(1, 0, 4)}, []delivery.Box{kept(7, 2, 60)},
			[]string{"1 short of 4 vials (1 boxes) on +0: no-box"},
		},
		"within the cut-off": {
			with(func(r *programme.Shipping) { r.Transfers.CutOff.Length = 4*time.Hour - time.Minute }), []delivery.Need{need(1, 0, 4)}, []delivery.Box{kept(7, 2, 60)},
			[]string{"2→1 leaves +0 arrives +0: 7 for +0 sooner"},
		},
		"the reserve of the giver stays": {
			with(func(r *programme.Shipping) { r.Products[0].Reserve = 50 }), []delivery.Need{need(1, 1, 4), need(2, 5, 10)}, []delivery.Box{kept(7, 2, 60), kept(8, 2, 90)},
			[]string{"1 short of 4 vials (1 boxes) on +1: no-box"},
		},
		"what would expire there goes all the same": {
			with(func(r *programme.Shipping) { r.Products[0].Reserve = 50 }), []delivery.Need{need(1, 1, 4), need(2, 5, 10)}, []delivery.Box{kept(7, 2, 60), kept(8, 2, 3)},
			[]string{"2→1 leaves +1 arrives +1: 8 for +1 sooner", "8 unused, 6 vials until +3 at 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.in.Needs, c.in.Boxes = c.needs, c.boxes
			if d := cmp.Diff(c.want, tell(mustPlan(t, c.in))); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestTravelBudget: a box goes only when it has as much left of its budget as the way may cost, and when it may travel at all.
func TestTravelBudget(t *testing.T) {
	t.Parallel()
	r := rules()
	r.Transfers = transfers()
	in := input(r)
	in.Needs = []delivery.Need{need(1, 1, 4)}
	in.Boxes = []delivery.Box{kept(1, 2, 50), kept(2, 2, 60), kept(3, 2, 70)}
	in.Room = func(k supply.SSCC) (time.Duration, bool) {
		switch k {
		case sscc(1):
			return time.Hour, false // thawed
		case sscc(2):
			return 30*time.Minute - 1, true
		}
		return 30 * time.Minute, true
	}
	if d := cmp.Diff([]string{"2→1 leaves +1 arrives +1: 3 for +1 sooner"}, tell(mustPlan(t, in))); d != "" {
		t.Error(d)
	}
	in.Room = nil
	if p := mustPlan(t, in); len(p.Transfers) != 0 {
		t.Errorf("boxes of which nothing is known travel: %v", tell(p))
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	unknown := rules()
	unknown.Depots[0].Lanes = append(unknown.Depots[0].Lanes, programme.Lane{Region: "Atlantis"})
	for name, c := range map[string]struct {
		change func(*delivery.Input)
		is     error
		want   string
	}{
		"no rules":       {func(in *delivery.Input) { in.Programme.Shipping = nil }, delivery.ErrRules, "for 2026-10-18 in programme p"},
		"yesterday":      {func(in *delivery.Input) { in.From-- }, delivery.ErrInput, "from 2026-10-05 on"},
		"no days":        {func(in *delivery.Input) { in.Days = 0 }, delivery.ErrInput, "one day or more"},
		"unknown region": {func(in *delivery.Input) { in.Programme.Shipping = []programme.Shipping{unknown} }, nil, `shipping[0].depots[0].lanes[1].region: there is no region "Atlantis"`},
		"unknown site":   {func(in *delivery.Input) { in.Needs = []delivery.Need{need(site.Num(9), 1, 1)} }, delivery.ErrInput, "there is no site 9"},
		"unknown product": {func(in *delivery.Input) {
			in.Needs = []delivery.Need{{Site: 1, Day: monday, Product: "polio", Vials: 1}}
		}, delivery.ErrInput, `no product "polio"`},
		"unknown depot": {func(in *delivery.Input) {
			in.Boxes = []delivery.Box{{SSCC: sscc(1), Product: "flu", Expires: monday + 9, Vials: 1, Depot: "busan"}}
		}, delivery.ErrInput, `in depot "busan"`},
	} {
		in := input(rules())
		c.change(&in)
		p, err := delivery.Make(in)
		if p != nil || err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
