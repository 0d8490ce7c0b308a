package trace

import (
	"cmp"
	"slices"

	"charye/supply"
	"charye/supply/epcis"
)

// stream is what one device told of one point at one interval.
type stream struct {
	point  name
	device string
	every  int64
}

// senses gathers all that was told of each point.
type senses struct {
	r      *Reader
	mounts map[name][]mounted
	series map[stream]*stretch
	sums   map[name][]supply.Summary
	times  map[name][]int64 // of readings, by point
	vial   func(name) bool  // whether a name is that of a vial of ours
}

// stretch is what one stream told, and where it comes from.
type stretch struct {
	readings []supply.Reading
	source   string
}

// mounted says which unit a device is on from an instant on.
type mounted struct {
	at     int64
	parent name // 0: on none
}

// newSenses finds what the loggers were mounted on.
func newSenses(r *Reader, order []uint32) *senses {
	g := &senses{r: r, mounts: map[name][]mounted{}, series: map[stream]*stretch{}, sums: map[name][]supply.Summary{}, times: map[name][]int64{}}
	for _, i := range order {
		t := &r.events[i]
		if t.kind != ofAssociation || t.wrong {
			continue
		}
		for _, d := range r.thingsOf(t) {
			switch t.action {
			case add:
				g.mounts[d] = append(g.mounts[d], mounted{t.at, t.parent})
			case remove:
				g.mounts[d] = append(g.mounts[d], mounted{t.at, 0})
			case observe:
			}
		}
	}
	return g
}

// owner finds whose temperature a device tells at an instant: that of the unit it is mounted on; 0 for none.
func (g *senses) owner(device name, at int64) name {
	list := g.mounts[device]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].at <= at {
			return list[i].parent
		}
	}
	return 0
}

// about says what an event's sensors tell of.
type about struct {
	units, others []name
	place         name
	devices       []name
	one           [1]name
}

// gather attributes what the events' sensors told. An event that names boxes or pallets tells of those; else a device that is mounted tells of
// what it is mounted on; else the event tells of what else it names, or of its place.
func (g *senses) gather(order []uint32) (problems []Problem) {
	for _, i := range order {
		t := &g.r.events[i]
		if t.sense == nil || t.wrong {
			continue
		}
		a := about{place: t.place}
		for _, k := range append(slices.Clone(g.r.thingsOf(t)), t.parent) {
			switch {
			case g.r.names.all[k].unit || g.mounts[k] == nil && g.vial(k):
				a.units = append(a.units, k)
			case k != 0 && g.mounts[k] == nil:
				a.others = append(a.others, k)
			}
		}
		if t.kind == ofAggregation && g.r.names.all[t.parent].unit {
			a.units = []name{t.parent}
		}
		lost := false
		for j := range t.sense.list {
			s := &t.sense.list[j]
			device := g.r.names.by[epcis.Key(s.device)]
			a.devices = append([]name{device, t.place}, g.r.thingsOf(t)...)
			lost = g.take(&a, s) || lost
		}
		if lost {
			problems = append(problems, Problem{t.id, "its readings belong to no box, vehicle or place"})
		}
	}
	for _, times := range g.times {
		slices.Sort(times)
	}
	return problems
}

// of gives what is told of at an instant.
func (g *senses) of(a *about, at int64) []name {
	if len(a.units) > 0 {
		return a.units
	}
	for _, d := range a.devices {
		if p := g.owner(d, at); p != 0 {
			a.one[0] = p
			return a.one[:]
		}
	}
	if len(a.others) > 0 {
		return a.others
	}
	if a.place != 0 {
		a.one[0] = a.place
		return a.one[:]
	}
	return nil
}

// take attributes what one device told; lost says that some of it belongs to nothing.
func (g *senses) take(a *about, s *sensed) (lost bool) {
	for _, r := range s.readings {
		at := r.At.UnixMicro()
		points := g.of(a, at)
		lost = lost || points == nil
		for _, p := range points {
			k := stream{p, s.device, int64(s.every)}
			x := g.series[k]
			if x == nil {
				x = &stretch{}
				g.series[k] = x
			}
			x.readings = append(x.readings, r)
			if x.source == "" {
				x.source = s.source
			}
			g.times[p] = append(g.times[p], at)
		}
	}
	for _, sum := range s.summaries {
		points := g.of(a, sum.From.UnixMicro())
		lost = lost || points == nil
		for _, p := range points {
			sum.Device, sum.Source = s.device, s.source
			sum.Point = supply.Point(g.r.names.text(p))
			g.sums[p] = append(g.sums[p], sum)
		}
	}
	return lost
}

// covers reports whether loggers of a unit's own tell more of a stretch than a glance: two readings, or a summary.
func (g *senses) covers(point name, begin, end int64) bool {
	if times := g.times[point]; times != nil {
		i, _ := slices.BinarySearch(times, begin)
		if i+1 < len(times) && times[i+1] < end {
			return true
		}
	}
	return slices.ContainsFunc(g.sums[point], func(s supply.Summary) bool { return s.To.UnixMicro() > begin && s.From.UnixMicro() < end })
}

// feed brings everything into an index.
func (g *senses) feed(x *supply.Index) (problems []Problem) {
	keys := make([]stream, 0, len(g.series))
	for k := range g.series {
		keys = append(keys, k)
	}
	text := g.r.names.text
	slices.SortFunc(keys, func(a, b stream) int {
		return cmp.Or(cmp.Compare(text(a.point), text(b.point)), cmp.Compare(a.device, b.device), cmp.Compare(a.every, b.every))
	})
	for _, k := range keys {
		list := g.series[k].readings
		slices.SortStableFunc(list, func(a, b supply.Reading) int { return a.At.Compare(b.At) })
		// One instant told twice is one reading; told differently it is a series of its own, so that both count.
		var other []supply.Reading
		first := make([]supply.Reading, 0, len(list))
		for _, r := range list {
			switch n := len(first); {
			case n == 0 || r.At.After(first[n-1].At):
				first = append(first, r)
			case first[n-1].Celsius != r.Celsius && (len(other) == 0 || r.At.After(other[len(other)-1].At)):
				other = append(other, r)
			}
		}
		for _, part := range [][]supply.Reading{first, other} {
			if len(part) == 0 {
				continue
			}
			s := supply.Series{Point: supply.Point(text(k.point)), Device: k.device, Interval: interval(k.every, part), Readings: part, Source: g.series[k].source}
			if err := x.AddSeries(s); err != nil {
				problems = append(problems, Problem{What: err.Error()})
			}
		}
	}
	points := make([]name, 0, len(g.sums))
	for p := range g.sums {
		points = append(points, p)
	}
	slices.SortFunc(points, func(a, b name) int { return cmp.Compare(text(a), text(b)) })
	for _, p := range points {
		for _, s := range g.sums[p] {
			if err := x.AddSummary(s); err != nil {
				problems = append(problems, Problem{What: err.Error()})
			}
		}
	}
	return problems
}
