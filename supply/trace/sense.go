package trace

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"charye/supply"
	"charye/supply/epcis"
)

// element is a sensorElement, with our own members: how often the logger measured, and how long it was beyond a limit.
type element struct {
	Meta struct {
		Time   string `json:"time"`
		Start  string `json:"startTime"`
		End    string `json:"endTime"`
		Device string `json:"deviceID"`
		Raw    string `json:"rawData"`
		Name   string `json:"charye:device"`
		File   string `json:"charye:file"`
		Every  int64  `json:"charye:intervalSeconds"`
		Silent int64  `json:"charye:silentSeconds"`
	} `json:"sensorMetadata"`
	Reports []report `json:"sensorReport"`
}

type report struct {
	Type    string      `json:"type"`
	Time    string      `json:"time"`
	Device  string      `json:"deviceID"`
	Value   json.Number `json:"value"`
	Min     json.Number `json:"minValue"`
	Max     json.Number `json:"maxValue"`
	Unit    string      `json:"uom"`
	Outside []outside   `json:"charye:outside"`
}

type outside struct {
	Limit   json.Number `json:"limit"`
	Above   bool        `json:"above"`
	Seconds int64       `json:"seconds"`
}

// sensed is what one device told in one event: readings, or summaries.
type sensed struct {
	device    string
	source    string
	every     time.Duration // 0: not said
	readings  []supply.Reading
	summaries []supply.Summary // without point
}

func readSensors(list []element, at time.Time) (out []sensed, fault string) {
	for i := range list {
		x := &list[i]
		by := map[string]*sensed{}
		var order []string
		for j := range x.Reports {
			r := &x.Reports[j]
			if name := r.Type[strings.LastIndexAny(r.Type, ":/")+1:]; name != "Temperature" {
				continue
			}
			device := cmp.Or(r.Device, x.Meta.Device, x.Meta.Name)
			s := by[device]
			if s == nil {
				s = &sensed{device: device, source: cmp.Or(x.Meta.Raw, x.Meta.File), every: time.Duration(x.Meta.Every) * time.Second}
				by[device] = s
				order = append(order, device)
			}
			if err := s.take(x, r, at); err != nil {
				fault = fmt.Sprintf("sensorElementList/%d/sensorReport/%d: %v", i, j, err)
			}
		}
		for _, d := range order {
			s := by[d]
			slices.SortStableFunc(s.readings, func(a, b supply.Reading) int { return a.At.Compare(b.At) })
			if s.every == 0 {
				s.every = usual(s.readings)
			}
			out = append(out, *s)
		}
	}
	return out, fault
}

func (s *sensed) take(x *element, r *report, at time.Time) error {
	when := at
	for _, text := range []string{x.Meta.Time, r.Time} {
		if text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
		if err != nil {
			return fmt.Errorf("time %q", text)
		}
		when = t.UTC()
	}
	if r.Value != "" {
		c, err := celsius(r.Value, r.Unit)
		if err != nil {
			return err
		}
		s.readings = append(s.readings, supply.Reading{At: when, Celsius: c})
		return nil
	}
	if r.Min == "" && r.Max == "" {
		return nil // a mean alone bounds nothing
	}
	if r.Min == "" || r.Max == "" {
		return fmt.Errorf("a summary wants minValue and maxValue")
	}
	from, err1 := time.Parse(time.RFC3339Nano, strings.ToUpper(x.Meta.Start))
	to, err2 := time.Parse(time.RFC3339Nano, strings.ToUpper(x.Meta.End))
	lo, err3 := celsius(r.Min, r.Unit)
	hi, err4 := celsius(r.Max, r.Unit)
	if err := cmp.Or(err1, err2, err3, err4); err != nil {
		return fmt.Errorf("a summary wants startTime, endTime, minValue and maxValue: %w", err)
	}
	sum := supply.Summary{From: from.UTC(), To: to.UTC(), Min: lo, Max: hi, Silent: time.Duration(x.Meta.Silent) * time.Second}
	for _, o := range r.Outside {
		c, err := celsius(o.Limit, r.Unit)
		if err != nil {
			return err
		}
		sum.Outside = append(sum.Outside, supply.Outside{Limit: c, Above: o.Above, For: time.Duration(o.Seconds) * time.Second})
	}
	s.summaries = append(s.summaries, sum)
	return nil
}

// celsius is exact for what is written in degrees Celsius with up to six decimals; other units are rounded to a millionth.
func celsius(n json.Number, unit string) (supply.Celsius, error) {
	if unit == "" || unit == "CEL" {
		if c, err := supply.ParseCelsius(n.String()); err == nil {
			return c, nil
		}
	}
	v, err := strconv.ParseFloat(n.String(), 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no temperature", n)
	}
	switch unit {
	case "", "CEL":
	case "FAH":
		v = (v - 32) / 1.8
	case "KEL":
		v -= 273.15
	default:
		return 0, fmt.Errorf("unit %q: want CEL, FAH or KEL", unit)
	}
	c := math.Round(v * float64(supply.Degree))
	if !(c >= float64(supply.AbsoluteZero) && c <= float64(supply.Hottest)) {
		return 0, fmt.Errorf("%s %s is no temperature of a vaccine", n, unit)
	}
	return supply.Celsius(c), nil
}

// spot is the interval of a reading that comes alone: it says nothing of the time around it.
const spot = time.Minute

// usual is the distance that most neighbours have, the shorter of two.
func usual(list []supply.Reading) time.Duration {
	count := map[time.Duration]int{}
	best := time.Duration(0)
	for i := 1; i < len(list); i++ {
		if d := list[i].At.Sub(list[i-1].At); d > 0 {
			count[d]++
		}
	}
	for d, n := range count {
		if n > count[best] || n == count[best] && d < best {
			best = d
		}
	}
	return best
}

// stream is what one device told of one point at one interval.
type stream struct {
	point, device string
	every         time.Duration
}

// senses gathers all that was told of each point.
type senses struct {
	series    map[stream][]supply.Reading
	source    map[stream]string
	summaries map[string][]supply.Summary
	times     map[string][]time.Time // of readings, by point
}

// mounted says which unit a device is on from an instant on.
type mounted struct {
	at     time.Time
	parent string // empty: on none
}

// owner finds whose temperature a device tells at an instant: that of the unit it is mounted on.
func owner(list []mounted, at time.Time) string {
	for i := len(list) - 1; i >= 0; i-- {
		if !list[i].at.After(at) {
			return list[i].parent
		}
	}
	return ""
}

func (g *senses) add(point string, s *sensed, r supply.Reading) {
	k := stream{point, s.device, s.every}
	g.series[k] = append(g.series[k], r)
	if g.source[k] == "" {
		g.source[k] = s.source
	}
	g.times[point] = append(g.times[point], r.At)
}

// gather attributes what the events' sensors told. An event that names boxes or pallets tells of those; else a device that is mounted tells of
// what it is mounted on; else the event tells of what else it names, or of its place.
func gather(list []*told, mounts map[string][]mounted) (*senses, []Problem) {
	g := &senses{series: map[stream][]supply.Reading{}, source: map[stream]string{}, summaries: map[string][]supply.Summary{}, times: map[string][]time.Time{}}
	var problems []Problem
	for _, t := range list {
		var units, others []string
		for _, k := range append(slices.Clone(t.things), t.parent) {
			switch {
			case strings.HasPrefix(k, boxKey):
				units = append(units, k)
			case k != "" && mounts[k] == nil:
				others = append(others, k)
			}
		}
		if t.kind == epcis.AggregationEvent && strings.HasPrefix(t.parent, boxKey) {
			units = []string{t.parent}
		}
		for i := range t.sensed {
			s := &t.sensed[i]
			devices := append([]string{epcis.Key(s.device), t.place}, t.things...)
			of := func(at time.Time) []string {
				if len(units) > 0 {
					return units
				}
				for _, d := range devices {
					if p := owner(mounts[d], at); p != "" {
						return []string{p}
					}
				}
				if len(others) > 0 {
					return others
				}
				if t.place != "" {
					return []string{t.place}
				}
				return nil
			}
			lost := false
			for _, r := range s.readings {
				points := of(r.At)
				lost = lost || points == nil
				for _, p := range points {
					g.add(p, s, r)
				}
			}
			for _, sum := range s.summaries {
				points := of(sum.From)
				lost = lost || points == nil
				for _, p := range points {
					sum.Device, sum.Source = s.device, s.source
					sum.Point = supply.Point(p)
					g.summaries[p] = append(g.summaries[p], sum)
				}
			}
			if lost {
				problems = append(problems, Problem{t.id, "its readings belong to no box, vehicle or place"})
			}
		}
	}
	for _, times := range g.times {
		slices.SortFunc(times, time.Time.Compare)
	}
	return g, problems
}

// covers reports whether loggers of a unit's own tell more of a stretch than a glance: two readings, or a summary.
func (g *senses) covers(point string, begin, end time.Time) bool {
	times := g.times[point]
	i, _ := slices.BinarySearchFunc(times, begin, time.Time.Compare)
	if i+1 < len(times) && (end.IsZero() || times[i+1].Before(end)) {
		return true
	}
	return slices.ContainsFunc(g.summaries[point], func(s supply.Summary) bool {
		return s.To.After(begin) && (end.IsZero() || s.From.Before(end))
	})
}

// feed brings everything into an index.
func (g *senses) feed(x *supply.Index) (problems []Problem) {
	keys := make([]stream, 0, len(g.series))
	for k := range g.series {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b stream) int {
		return cmp.Or(cmp.Compare(a.point, b.point), cmp.Compare(a.device, b.device), cmp.Compare(a.every, b.every))
	})
	for _, k := range keys {
		list := g.series[k]
		slices.SortStableFunc(list, func(a, b supply.Reading) int { return a.At.Compare(b.At) })
		// One instant told twice is one reading; told differently it is a series of its own, so that both count.
		var first, other []supply.Reading
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
			s := supply.Series{Point: supply.Point(k.point), Device: k.device, Interval: cmp.Or(k.every, usual(part), spot), Readings: part, Source: g.source[k]}
			if err := x.AddSeries(s); err != nil {
				problems = append(problems, Problem{What: err.Error()})
			}
		}
	}
	points := make([]string, 0, len(g.summaries))
	for p := range g.summaries {
		points = append(points, p)
	}
	slices.Sort(points)
	for _, p := range points {
		for _, s := range g.summaries[p] {
			if err := x.AddSummary(s); err != nil {
				problems = append(problems, Problem{What: err.Error()})
			}
		}
	}
	return problems
}
