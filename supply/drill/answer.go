package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/site"
	"charye/supply"
	"charye/supply/relief"
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

// book fills the ledger: every site takes bookings for a share of what it has, one after the other around the country.
func (d *drill) book(ctx context.Context) error {
	begun := time.Now()
	w := d.world
	open := openDays()
	type filling struct {
		left int
		used []uint16
	}
	fill := make([]filling, len(w.sites))
	total := 0
	for i := range w.places {
		onHand := 0
		for _, list := range [][]int{w.places[i].first, w.places[i].second} {
			for _, b := range list {
				onHand += w.boxes[b].Doses() - w.boxes[b].used
			}
		}
		fill[i] = filling{int(float64(onHand) * w.sc.Booked), make([]uint16, 2*len(open))}
		total += fill[i].left
	}
	stock := []booking.Claim{{Counter: booking.StockCounter(campaign), Capacity: len(w.boxes) * perBox, N: 1}}
	first := civil.New(2020, time.September, 1).At(9*60, kst)
	batch := make([]booking.Request, 0, 4096)
	send := func() error {
		out, err := d.cfg.Ledger.Apply(ctx, batch)
		if err != nil {
			return err
		}
		for i := range out {
			b := &out[i].Booking
			if out[i].Result != booking.Done || b.ID != int64(len(d.booked)+1) {
				return fmt.Errorf("booking %d got result %d and number %d: the ledger was not empty", len(d.booked)+1, out[i].Result, b.ID)
			}
			s := b.Doses[0].Slot
			d.booked = append(d.booked, slot{s.Site, s.Day, int16(s.Minute)})
			d.index.AddAppointment(supply.Appointment{
				Booking: b.ID, Person: b.Person, Site: s.Site, Day: s.Day, Minute: int16(s.Minute), Dose: 1, Product: product, Made: b.MadeAt.UnixMicro(),
			})
		}
		batch = batch[:0]
		return nil
	}
	for n := 0; n < total; {
		for i := range fill {
			f := &fill[i]
			if f.left == 0 {
				continue
			}
			f.left--
			k := w.rng.IntN(len(f.used))
			for int(f.used[k]) >= w.places[i].seats {
				k = (k + 1) % len(f.used)
			}
			f.used[k]++
			at := booking.Session{Site: w.sites[i].Num, Day: open[k/2], Minute: (9 + 5*(k%2)) * 60}
			who := key(w.rng.Uint64(), w.rng.Uint64())
			batch = append(batch, booking.Request{
				Op: booking.OpBook, Campaign: campaign, Person: who, Actor: who, Channel: "web", At: first.Add(time.Duration(n) * 300 * time.Millisecond), Shared: stock,
				Doses: [][]booking.Choice{{{Slot: booking.Slot{Session: at, Product: product}, Minutes: 180, Seat: booking.Claim{Counter: booking.SeatCounter(at), Capacity: w.places[i].seats, N: 1}}}},
			})
			n++
			if len(batch) == cap(batch) {
				if err := send(); err != nil {
					return err
				}
			}
		}
	}
	if len(batch) > 0 {
		if err := send(); err != nil {
			return err
		}
	}
	d.report.Bookings = len(d.booked)
	d.report.Times.Book = since(begun)
	return nil
}

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
	if d.plan, err = relief.Make(d.rules, d.stock(), d.index.Appointments); err != nil {
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
	l := &d.report.Released
	l.Boxes, l.Doses, l.Back = len(back), len(back)*perBox, o.Moved
	d.report.Times.Release = since(begun)
	return err
}
