package main

import (
	"fmt"
	"io"
	"time"

	"charye/internal/civil"
	"charye/site"
	planning "charye/supply/delivery"
)

const planMinute = "2006-01-02 15:04"

// tellDeliveries says what there is to do, what is short, and what will not be used.
func (r *supplyRoom) tellDeliveries(to io.Writer, p *planning.Plan, most int) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(to, format+"\n", args...) }
	in := func(t time.Time) string { return t.In(r.programme.Zone).Format(planMinute) }
	n := p.Totals
	say("%s – %s, as of %s: %d vials needed, %d of them there or under way, %d short", p.From, p.To, in(p.Made), n.Needed, n.There, n.Short)
	say("sent for these days: %d vials by depots, %d by other sites; %d of them are beyond what is needed, since boxes are whole", n.Shipped, n.Moved, n.Over())
	if n.Reserve > 0 {
		say("in reserve: %d vials more", n.Reserve)
	}
	today := civil.Of(p.Made, r.programme.Zone)
	list := departures(p)
	settle, later := 0, 0
	for _, d := range list {
		if civil.Of(d.cutOff, r.programme.Zone) > today {
			later++
			continue
		}
		if settle++; settle == 1 {
			say("to be settled today:")
		}
		say("  before %s: %s, leaves %s, %d boxes with %d vials for %d sites", d.cutOff.In(r.programme.Zone).Format("15:04"), r.depot(p, d.depot), in(d.leaves), d.boxes, d.vials, len(d.sites))
	}
	if settle == 0 {
		say("nothing is to be settled today")
	}
	if later > 0 {
		say("later:")
		shown := 0
		for _, d := range list {
			if civil.Of(d.cutOff, r.programme.Zone) <= today {
				continue
			}
			if shown++; shown > most {
				say("  … and %d departures more", later-most)
				break
			}
			say("  before %s: %s, leaves %s, %d boxes with %d vials for %d sites", in(d.cutOff), r.depot(p, d.depot), in(d.leaves), d.boxes, d.vials, len(d.sites))
		}
	}
	lines(to, "from site to site", len(p.Transfers), most, func(i int) string {
		s := &p.Transfers[i]
		vials := 0
		for _, l := range s.Loads {
			vials += l.Vials
		}
		return fmt.Sprintf("before %s: %s gives %s %d boxes with %d vials, leaves %s, %d m: %s", in(s.CutOff), r.place("", s.Giver), r.place("", s.Site), len(s.Loads), vials, in(s.Leaves), s.Metres, whyText(s.Why))
	})
	lines(to, "short", len(p.Short), most, func(i int) string {
		s := &p.Short[i]
		why := whyText(s.Why)
		if !s.CutOff.IsZero() {
			why += " (" + in(s.CutOff) + ")"
		}
		return fmt.Sprintf("%s on %s: %d vials of %s (%d boxes): %s", r.place("", s.Site), s.Day, s.Vials, s.Product, s.Boxes, why)
	})
	lines(to, "nobody is foreseen for before they expire", len(p.Unused), most, func(i int) string {
		u := &p.Unused[i]
		return fmt.Sprintf("%s lot %s until %s: %d vials of %s, %s", u.Box, u.Lot.ID, u.Expires, u.Vials, u.Product, r.whereabouts(p, u.Depot, u.Site))
	})
	r.tellAside(to, p, most)
}

// tellAside says how many boxes were left out, why and where; which ones is in the CSV.
func (r *supplyRoom) tellAside(to io.Writer, p *planning.Plan, most int) {
	type group struct {
		why   planning.Bar
		where string
	}
	boxes, vials := map[group]int{}, map[group]int{}
	var order []group
	for i := range p.Aside {
		b := &p.Aside[i].Box
		g := group{p.Aside[i].Why, r.whereabouts(p, b.Depot, b.Site)}
		if boxes[g]++; boxes[g] == 1 {
			order = append(order, g)
		}
		vials[g] += b.Vials
	}
	lines(to, "places with boxes that were left out", len(order), most, func(i int) string {
		g := order[i]
		return fmt.Sprintf("%s: %d boxes with %d vials: %s", g.where, boxes[g], vials[g], barText(g.why))
	})
}

// lines prints a list under its heading; nothing, when it is empty.
func lines(to io.Writer, heading string, n, most int, line func(int) string) {
	if n == 0 {
		return
	}
	_, _ = fmt.Fprintf(to, "%s: %d\n", heading, n)
	for i := range min(n, most) {
		_, _ = fmt.Fprintf(to, "  %s\n", line(i))
	}
	if n > most {
		_, _ = fmt.Fprintf(to, "  … and %d more\n", n-most)
	}
}

func (r *supplyRoom) depot(p *planning.Plan, id string) string {
	if s := r.programme.ShippingOn(p.To); s != nil {
		if d, ok := s.Depot(id); ok {
			return id + " " + d.Name.In("ko")
		}
	}
	return id
}

func (r *supplyRoom) whereabouts(p *planning.Plan, depot string, at site.Num) string {
	switch {
	case depot != "":
		return r.depot(p, depot)
	case at != 0:
		return r.place("", at)
	}
	return "somewhere else"
}

func whyText(w planning.Why) string {
	return map[planning.Why]string{
		planning.PastCutOff: "past the cut-off",
		planning.NoBox:      "no depot has a usable box in time",
		planning.NoDepot:    "no depot serves it",
		planning.Sooner:     "no depot can bring it in time",
		planning.Cheaper:    "cheaper than a stop of a depot",
	}[w]
}

func barText(b planning.Bar) string {
	return map[planning.Bar]string{
		planning.Held:      "held, recalled or destroyed",
		planning.Doubt:     "in doubt by its readings, see supply judge",
		planning.Unknown:   "nothing is known of its temperature for some of its way",
		planning.Thawed:    "some of its vials were thawed or punctured, and these do not travel",
		planning.NoExpiry:  "nobody told when its lot expires",
		planning.Late:      "under way, and long overdue",
		planning.Elsewhere: "neither in a depot nor at a site, and nobody told where it goes",
	}[b]
}

// tellPromises says what became of what was settled before.
func (r *supplyRoom) tellPromises(to io.Writer, k planning.Kept, now time.Time, most int) {
	line := func(list []planning.Promise) func(int) string {
		return func(i int) string {
			p := &list[i]
			of := ""
			if p.Settlement != 0 {
				of = fmt.Sprintf("settlement %d: ", p.Settlement)
			}
			return fmt.Sprintf("%s%s for %s, leaves %s, there on %s", of, p.Box, r.place("", p.Site), p.Leaves.In(r.programme.Zone).Format(planMinute), p.Arrives)
		}
	}
	var today, later []planning.Promise
	for _, p := range k.Waiting {
		if civil.Of(p.Leaves, r.programme.Zone) > civil.Of(now, r.programme.Zone) {
			later = append(later, p)
		} else {
			today = append(today, p)
		}
	}
	lines(to, "settled before, boxes that leave today or should have left", len(today), most, line(today))
	lines(to, "settled before, boxes that leave later", len(later), most, line(later))
	lines(to, "settled before, boxes that must not go any more", len(k.Barred), most, line(k.Barred))
	lines(to, "settled before, boxes that never left and are free again", len(k.Missed), most, line(k.Missed))
}
