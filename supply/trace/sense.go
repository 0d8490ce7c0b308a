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

// interval is how often a logger measured: as it says, else as it seems.
func interval(said int64, list []supply.Reading) time.Duration {
	return cmp.Or(time.Duration(said), usual(list), spot)
}
