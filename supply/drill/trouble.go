package drill

import (
	"slices"
	"time"

	"charye/internal/civil"
	"charye/supply"
)

// goWrong picks runs at random until as many doses were aboard as in 2020, and makes small departures of the rest.
func (w *world) goWrong() {
	order := slices.Clone(w.runs)
	w.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	departures := 0
	spend := func(want int, kind runKind, what func(r *run) trouble) {
		for _, r := range order {
			if want <= 0 {
				return
			}
			if r.kind != kind || r.trouble.any() || r.doses > want*3/2 && w.smaller(order, kind, r.doses) {
				continue
			}
			r.trouble = what(r)
			want -= r.doses
			if !r.trouble.silent {
				departures++
			}
		}
	}
	minutes := func(r *run, from, long int, what string, at supply.Celsius) trouble {
		begin := r.begin.Add(time.Duration(from) * time.Minute)
		return trouble{what: what, at: at, from: begin, to: begin.Add(time.Duration(long) * time.Minute)}
	}
	// Neither leg alone is too long; the sum is, for the boxes that stayed in the van to the end.
	if r := longest(order); r != nil {
		r.trouble = minutes(r, 10, 470, "long heat in the truck", 12*supply.Degree)
		r.feeds[0].trouble = minutes(r.feeds[0], 5, 420, "long heat in the van", 14*supply.Degree)
		departures += 2
	}
	spend(w.sc.Outdoors, hub, func(r *run) trouble {
		return minutes(r, 10, 40, "on the car-park floor", 28*supply.Degree+supply.Degree/2)
	})
	spend(w.sc.Freezing, van, func(r *run) trouble {
		return minutes(r, 30, 10+5*w.rng.IntN(20), "freezing", -supply.Degree/2-supply.Celsius(w.rng.IntN(3))*supply.Degree)
	})
	spend(w.sc.Unrecorded, van, func(r *run) trouble { return trouble{what: "no record", silent: true} })
	small := w.sc.Departures - departures
	for i := 0; i < len(order) && small > 0; i++ {
		r := order[i]
		if r.trouble.any() || r.kind == hub {
			continue
		}
		small--
		switch w.rng.IntN(3) {
		case 0:
			r.trouble = minutes(r, 20, 30, "a cold start", supply.Degree) // 1 °C: within the budget
		default:
			r.trouble = minutes(r, 20, 30+10*w.rng.IntN(13), "the doors stood open", (9+supply.Celsius(w.rng.IntN(4)))*supply.Degree)
		}
	}
}

// longest is the truck whose first van makes the most stops.
func longest(order []*run) (best *run) {
	for _, r := range order {
		if r.kind == truck && (best == nil || len(r.feeds[0].drops) > len(best.feeds[0].drops)) {
			best = r
		}
	}
	return best
}

// smaller reports whether a run with fewer doses is still free.
func (w *world) smaller(order []*run, kind runKind, doses int) bool {
	return slices.ContainsFunc(order, func(r *run) bool { return r.kind == kind && !r.trouble.any() && r.doses < doses })
}

// give lets people be vaccinated from the boxes before the programme is stopped.
func (w *world) give() {
	var first []int
	for i := range w.places {
		if w.places[i].days[0] < days-3 {
			first = append(first, w.places[i].first...)
		}
	}
	for n := 0; n < w.sc.Given && len(first) > 0; n++ {
		b := &w.boxes[first[w.rng.IntN(len(first))]]
		who, hours := key(w.rng.Uint64(), w.rng.Uint64()), int(stopped.Sub(b.arrived).Hours())
		at := b.arrived.Add(time.Duration(1+w.rng.IntN(max(1, hours-1))) * time.Hour)
		if b.used >= b.Doses() || at.After(stopped) || !at.After(b.arrived) {
			continue
		}
		b.used++
		w.given = append(w.given, given{supply.Given{Person: who, Box: b.SSCC, Site: b.site, Dose: 1, At: at}, int(b.number() - 1)})
	}
}

// number is the place of a box, from its serial.
func (b *box) number() uint64 { return uint64(b.SSCC) / 10 % 1_000_000_000 }

// truth says what a box has gone through until an instant, in minutes and by the simulation's own books.
func (w *world) truth(b *box, until time.Time, silentKnown bool) cause {
	var frozen, warm, hot, cold, silent time.Duration
	for _, r := range b.aboard {
		t := &r.run.trouble
		if t.silent {
			if !silentKnown {
				silent += r.to.Sub(r.from)
			}
			continue
		}
		from, to := r.from, r.to
		if t.from.After(from) {
			from = t.from
		}
		if t.to.Before(to) {
			to = t.to
		}
		if until.Before(to) {
			to = until
		}
		if !t.any() || !to.After(from) {
			continue
		}
		switch d := to.Sub(from); {
		case t.at < 0:
			frozen += d
		case t.at < 2*supply.Degree:
			cold += d
		case t.at > 25*supply.Degree:
			hot += d
			warm += d
		case t.at > 8*supply.Degree:
			warm += d
		}
	}
	if b.site != 0 {
		if nights := w.places[b.site-1].nights; nights != nil {
			for n, m := range nights {
				// A day's sum does not say when: it counts from the morning on. It is told in the night after; that of the last day has not come yet.
				evening := civil.Date(int(firstDay)+n).At(22*60, kst)
				if evening.After(b.arrived) && evening.Add(2*time.Hour).Before(stopped) && !evening.Add(-22*time.Hour).After(until) {
					warm += time.Duration(m) * time.Minute
				}
			}
		}
	}
	switch {
	case frozen > 0 || cold > 720*time.Minute:
		return froze
	case warm > 800*time.Minute || hot > 30*time.Minute:
		return heat
	case silent > 0:
		return unknown
	}
	return fine
}
