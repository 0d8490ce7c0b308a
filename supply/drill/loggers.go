package drill

import (
	"time"

	"charye/internal/civil"
	"charye/supply"
)

// series is what a logger told of a run: a little over and under its set point, and the trouble.
func (w *world) series(at supply.Point, begin, end time.Time, step time.Duration, t *trouble) supply.Series {
	s := supply.Series{Point: at, Device: "drill " + string(at), Interval: step, Source: "drill/" + string(at) + ".csv"}
	base := 4*supply.Degree + supply.Celsius(w.rng.IntN(20))*supply.Degree/10
	for now := begin; !now.After(end); now = now.Add(step) {
		c := base + supply.Celsius(w.rng.IntN(11)-5)*supply.Degree/10
		if t.any() && !now.Before(t.from) && now.Before(t.to) {
			c = t.at
		}
		s.Readings = append(s.Readings, supply.Reading{At: now, Celsius: c})
	}
	return s
}

// summaries is what the refrigerators of the sites told of each day until the last midnight.
func (w *world) summaries() (out []supply.Summary) {
	for i := range w.places {
		p := &w.places[i]
		for n := p.days[0]; n < days; n++ {
			from := civil.Date(int(firstDay)+n).At(0, kst)
			to := from.Add(24 * time.Hour)
			if to.After(stopped) {
				break
			}
			s := supply.Summary{Point: fridge(w.sites[i].Num), Device: "drill fridge", From: from, To: to, Min: 3 * supply.Degree, Max: 6*supply.Degree + supply.Degree/2, Source: "drill/fridges"}
			outside := time.Duration(0)
			if p.nights != nil && p.nights[n] > 0 {
				s.Max, outside = 11*supply.Degree, time.Duration(p.nights[n])*time.Minute
			}
			s.Outside = []supply.Outside{{Limit: 2 * supply.Degree}, {Limit: 8 * supply.Degree, Above: true, For: outside}}
			out = append(out, s)
		}
	}
	return out
}
