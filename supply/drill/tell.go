package drill

import (
	"context"
	"fmt"
	"time"

	"charye/site"
	"charye/supply"
)

// tell brings custody and doses given into the index, as the events of the autumn would have.
func (d *drill) tell(context.Context) (err error) {
	begun := time.Now()
	w := d.world
	if d.index, err = supply.NewIndex(&rules); err != nil {
		return err
	}
	for i := range w.boxes {
		if err := d.index.AddBox(w.boxes[i].Box); err != nil {
			return err
		}
	}
	keys := func(boxes []int) []supply.SSCC {
		out := make([]supply.SSCC, len(boxes))
		for i, b := range boxes {
			out[i] = w.boxes[b].SSCC
		}
		return out
	}
	for _, s := range w.depot {
		if err := d.index.AddLeg(supply.Leg{Point: depotPoint, Begin: s.from, End: s.to, Aboard: keys(s.boxes)}); err != nil {
			return err
		}
	}
	var stay []int
	for i := range w.boxes {
		if w.boxes[i].site == 0 {
			stay = append(stay, i)
		}
	}
	if len(stay) > 0 {
		if err := d.index.AddLeg(supply.Leg{Point: depotPoint, Begin: firstDay.At(0, kst).Add(-48 * time.Hour), Aboard: keys(stay)}); err != nil {
			return err
		}
	}
	for _, r := range w.runs {
		for _, p := range r.drops {
			if err := d.index.AddLeg(supply.Leg{Point: r.point, Site: p.site, Begin: r.begin, End: p.at, Aboard: keys(p.boxes)}); err != nil {
				return err
			}
			if p.site == 0 {
				continue
			}
			if err := d.index.AddLeg(supply.Leg{Point: fridge(p.site), Site: p.site, Begin: p.at, Aboard: keys(p.boxes)}); err != nil {
				return err
			}
		}
	}
	for i := range w.given {
		if err := d.index.AddGiven(w.given[i].Given); err != nil {
			return err
		}
	}
	r := d.report
	r.Doses, r.Boxes, r.Sites, r.Legs, r.Given, r.Lots = len(w.boxes)*perBox, len(w.boxes), len(w.sites), d.index.Legs(), len(w.given), len(w.lots)
	for _, run := range w.runs {
		switch {
		case run.trouble.silent:
			r.Unrecorded++
		case run.trouble.any():
			r.Departures++
		}
	}
	r.Times.Tell = since(begun)
	return nil
}

const depotPoint supply.Point = "depot Gimpo"

func fridge(at site.Num) supply.Point { return supply.Point(fmt.Sprintf("fridge T%05d", at)) }
