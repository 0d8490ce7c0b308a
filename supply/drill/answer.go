package drill

import (
	"context"
	"errors"
	"slices"
	"time"

	"charye/booking"
	"charye/site"
	"charye/supply"
	"charye/supply/relief"
)

// judge lets the loggers' readings arrive and judges every box.
func (d *drill) judge(context.Context) error {
	begun := time.Now()
	series := make([]supply.Series, 0, len(d.world.runs)+1)
	series = append(series, d.world.series(depotPoint, firstDay.At(0, kst).Add(-48*time.Hour), stopped, 10*time.Minute, &trouble{}))
	for _, r := range d.world.runs {
		if !r.trouble.silent {
			series = append(series, d.world.series(r.point, r.begin, r.end, r.step, &r.trouble))
		}
	}
	sums := d.world.summaries()
	d.report.Times.Loggers = since(begun)

	begun = time.Now()
	for _, s := range series {
		d.report.Readings += len(s.Readings)
		if err := d.index.AddSeries(s); err != nil {
			return err
		}
	}
	for _, s := range sums {
		if err := d.index.AddSummary(s); err != nil {
			return err
		}
	}
	d.report.Summaries = len(sums)
	d.report.Times.Read = since(begun)

	begun = time.Now()
	d.unfit = d.causes()
	d.report.Times.Judge = since(begun)
	return nil
}

func (d *drill) causes() map[supply.SSCC]cause {
	out := map[supply.SSCC]cause{}
	d.index.Unfit(asOf, func(k supply.SSCC, j supply.Judgement) {
		c := unknown
		for _, f := range j.Findings {
			if f.Side == supply.Cold {
				c = froze
			} else if c != froze {
				c = heat
			}
		}
		out[k] = c
	})
	return out
}

// hold holds what is not fit, one case for each cause, and finds whom it touches.
func (d *drill) hold(context.Context) error {
	begun := time.Now()
	d.state = supply.NewRegister()
	all := make([]supply.SSCC, 0, len(d.unfit))
	byCause := map[cause][]supply.SSCC{}
	for k, c := range d.unfit {
		byCause[c] = append(byCause[c], k)
		all = append(all, k)
	}
	slices.Sort(all)
	for _, c := range []cause{froze, heat, unknown} {
		if len(byCause[c]) == 0 {
			continue
		}
		v := d.verdict(supply.Hold, c, byCause[c])
		v.Agreed = v.Asked
		if _, err := d.state.Decide(v); !errors.Is(err, supply.ErrFourEyes) {
			d.wrong("one person alone could hold %d boxes: %v", len(v.Boxes), err)
		}
		if _, err := d.state.Decide(d.verdict(supply.Hold, c, byCause[c])); err != nil {
			return err
		}
	}
	h := &d.report.Held
	h.Boxes, h.Doses, h.Share = len(all), len(all)*perBox, float64(len(all))/float64(len(d.world.boxes))
	h.Freezing, h.Heat, h.Unknown = len(byCause[froze])*perBox, len(byCause[heat])*perBox, len(byCause[unknown])*perBox
	d.report.Times.Hold = since(begun)

	begun = time.Now()
	scope := d.index.Of(all, bookedFrom)
	h.Lots, h.Sites, h.Appointments = len(scope.Lots), len(scope.Sites), scope.Appointments
	d.report.Times.Scope = since(begun)

	begun = time.Now()
	d.people = d.index.FollowUp(all, asOf)
	d.report.Times.People = since(begun)

	// From one reading on, and from one person back.
	for _, r := range d.world.runs {
		if !r.trouble.any() || r.trouble.silent {
			continue
		}
		begun = time.Now()
		d.index.Reading(r.point, r.trouble.from, r.trouble.to, bookedFrom)
		d.report.Times.Reading = max(d.report.Times.Reading, since(begun))
	}
	for i := range d.people {
		begun = time.Now()
		list := d.index.Person(d.people[i].Person)
		d.report.Times.Person = max(d.report.Times.Person, since(begun))
		if len(list) != 1 || len(list[0].Passages) < 5 {
			d.wrong("the way of a dose back to the depot has %d parts", len(list))
			break
		}
	}
	return nil
}

func (d *drill) verdict(a supply.Action, c cause, boxes []supply.SSCC) supply.Verdict {
	return supply.Verdict{
		At: stopped, Action: a, Case: "2020-09 " + c.String(), Boxes: boxes, Reason: "temperature in transport: " + c.String(),
		Evidence: []string{"readings of the loggers of the runs aboard"}, Asked: "rule temperature", Agreed: "duty officer",
	}
}

// stock is what every site has now, by the verdicts.
func (d *drill) stock() []relief.Stock {
	out := make([]relief.Stock, 0, len(d.world.sites))
	for i := range d.world.places {
		s := relief.Stock{Site: d.world.sites[i].Num, Product: product, PerVial: vialDoses}
		for _, list := range [][]int{d.world.places[i].first, d.world.places[i].second} {
			for _, b := range list {
				x := &d.world.boxes[b]
				switch left := x.Doses() - d.index.Used(x.SSCC); d.state.State(x.SSCC) {
				case supply.Usable:
					s.Usable += left
				case supply.Held:
					s.Held += left
				}
			}
		}
		out = append(out, s)
	}
	return out
}

func (d *drill) makePlan(ctx context.Context) error {
	begun := time.Now()
	snap, err := booking.NewSnapshot(ctx, d.cfg.Ledger)
	if err != nil {
		return err
	}
	d.report.Times.Counts = since(begun)
	begun = time.Now()
	d.rules = relief.Rules{Sites: site.NewIndex(d.world.sites), Sessions: d.sessions, Free: snap.Free, From: bookedFrom, Until: bookedTo, Metres: metres}
	if d.plan, err = relief.Make(d.rules, d.stock(), relief.Indexed(d.index, d.rules.From)); err != nil {
		return err
	}
	d.report.Times.Plan = since(begun)
	m := &d.report.Moves
	m.Planned, m.Without = len(d.plan.Moves), len(d.plan.Without)
	for _, n := range d.plan.Needs {
		m.Missing += n.Missing
		m.Vials += n.Vials
		if n.Missing > 0 {
			m.SitesShort++
		}
	}
	far := make([]int, 0, len(d.plan.Moves))
	for i := range d.plan.Moves {
		v := &d.plan.Moves[i]
		far = append(far, v.Metres)
		if v.From.Day == v.To.Day {
			m.SameDay++
		}
	}
	slices.Sort(far)
	if n := len(far); n > 0 {
		m.MetresMedian, m.MetresMost = far[n/2], far[n-1]
	}
	return nil
}

func (d *drill) move(ctx context.Context) error {
	begun := time.Now()
	d.moved = make(map[int64]booking.Slot, len(d.plan.Moves))
	o, err := relief.Carry(ctx, d.cfg.Ledger, d.rules, d.plan, relief.Doing{Why: "hold 2020-09", Now: func() time.Time { return stopped }, Done: func(m relief.Move) { d.moved[m.Booking] = m.To }})
	d.report.Moves.Moved = o.Moved
	if o.Moved != len(d.plan.Moves) {
		d.wrong("%d of %d planned moves were made: %+v", o.Moved, len(d.plan.Moves), o)
	}
	d.report.Times.Move = since(begun)
	return err
}

// release lets the records of the silent vans be found: what was unknown is known, its boxes are released, and people go back.
func (d *drill) release(ctx context.Context) error {
	begun := time.Now()
	for _, r := range d.world.runs {
		if r.trouble.silent {
			if err := d.index.AddSeries(d.world.series(r.point, r.begin, r.end, r.step, &trouble{})); err != nil {
				return err
			}
		}
	}
	now := d.causes()
	var back []supply.SSCC
	for k, c := range d.unfit {
		if now[k] == fine && c == unknown {
			back = append(back, k)
		}
	}
	d.unfit = now
	if len(back) == 0 {
		return nil
	}
	before := d.stock()
	if _, err := d.state.Decide(d.verdict(supply.Release, unknown, back)); err != nil {
		return err
	}
	released := d.stock()
	for i := range released {
		released[i].Usable -= before[i].Usable
	}
	plan := d.plan.Back(released)
	o, err := relief.Carry(ctx, d.cfg.Ledger, d.rules, plan, relief.Doing{
		Undo: true, Why: "release 2020-09", Now: func() time.Time { return stopped.Add(time.Hour) }, Done: func(m relief.Move) { d.moved[m.Booking] = m.From },
	})
	if o.Moved != len(plan.Moves) {
		d.wrong("%d of %d people could go back: %+v", o.Moved, len(plan.Moves), o)
	}
	d.plan.Without = plan.Without
	l := &d.report.Released
	l.Boxes, l.Doses, l.Back = len(back), len(back)*perBox, o.Moved
	d.report.Times.Release = since(begun)
	return err
}
