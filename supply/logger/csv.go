package logger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"charye/supply"
)

const csvHeader = "time,celsius"

// readCSV reads "time,celsius": RFC 3339 times with their offset, ascending, and decimals with a point. An empty temperature is a
// reading that the sensor missed. The interval is the one that most readings have.
func readCSV(lines []string) (*File, error) {
	f := &File{Device: "CSV"}
	for i, l := range lines[1:] {
		n := i + 2
		if strings.TrimSpace(l) == "" {
			continue
		}
		when, value, ok := strings.Cut(l, ",")
		if !ok || strings.Contains(value, ",") {
			return nil, &LineError{n, "row", "two fields: " + csvHeader, l}
		}
		at, err := time.Parse(time.RFC3339, strings.TrimSpace(when))
		if err != nil || at.Year() < 1970 || at.Year() > 2200 {
			return nil, &LineError{n, "time", "RFC 3339 with an offset, as in 2020-09-21T09:00:00+09:00", when}
		}
		r := Reading{At: at, line: n}
		if value = strings.TrimSpace(value); value == "" {
			r.Absent = true
		} else if r.Celsius, err = supply.ParseCelsius(value); err != nil {
			return nil, &LineError{n, "celsius", "a decimal such as 4.5, at most six decimals, from -273.15 to 200", value}
		}
		if k := len(f.Readings); k > 0 && !r.At.After(f.Readings[k-1].At) {
			return nil, &LineError{n, "time", "later than the line before", when}
		}
		if f.Readings = append(f.Readings, r); len(f.Readings) > MaxReadings {
			return nil, fmt.Errorf("%w: it has more than %d readings", ErrFormat, MaxReadings)
		}
	}
	if len(f.Readings) < 2 {
		return nil, &LineError{len(lines), "rows", "at least two readings: the interval is taken from them", fmt.Sprint(len(f.Readings))}
	}
	f.Begun, f.Made = f.Readings[0].At, f.Readings[len(f.Readings)-1].At
	f.Interval = usual(f.Readings)
	return f, nil
}

// usual is the distance that most neighbours have; of two that are equally frequent the shorter, so that a gap is rather seen than not.
func usual(list []Reading) time.Duration {
	count := map[time.Duration]int{}
	for i := 1; i < len(list); i++ {
		count[list[i].At.Sub(list[i-1].At)]++
	}
	steps := make([]time.Duration, 0, len(count))
	for d := range count {
		steps = append(steps, d)
	}
	slices.Sort(steps)
	best := steps[0]
	for _, d := range steps {
		if count[d] > count[best] {
			best = d
		}
	}
	return best
}
