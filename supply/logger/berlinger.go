package logger

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"charye/supply"
)

// berlinger reads the form that all of the maker's loggers share: a tree of "key: value, key: value" lines whose depth is the number of leading
// spaces, and tables whose rows begin with a tab.
type berlinger struct {
	File
	zone  *time.Location
	path  [8]string // the heading at each depth
	lines []string
	n     int // the line being read, from 1
	sig   bool
}

// pairs cuts "T AL: +2.0, t AL: 60".
func pairs(s string) (out [][2]string) {
	for part := range strings.SplitSeq(s, ", ") {
		k, v, ok := strings.Cut(part, ":")
		if !ok {
			if len(out) > 0 {
				out[len(out)-1][1] += ", " + part // a comma within a text
			}
			continue
		}
		out = append(out, [2]string{strings.TrimSpace(k), strings.TrimSpace(v)})
	}
	return out
}

// walk calls line for each line of the tree, with its depth, and row for each row of a table.
func (b *berlinger) walk(line func(depth int, list [][2]string) error, row func(cells []string) error) error {
	for i, l := range b.lines {
		b.n = i + 1
		if strings.TrimSpace(l) == "" {
			continue
		}
		if cells, ok := strings.CutPrefix(l, "\t"); ok {
			if err := row(strings.Split(cells, "\t")); err != nil {
				return err
			}
			continue
		}
		depth := len(l) - len(strings.TrimLeft(l, " "))
		list := pairs(l[depth:])
		if depth >= len(b.path) || len(list) == 0 {
			return b.wrong("line", `"key: value"`, l)
		}
		b.path[depth] = list[0][0]
		for d := depth + 1; d < len(b.path); d++ {
			b.path[d] = ""
		}
		if depth == 0 && list[0][0] == "Sig" {
			b.sig = true
		}
		if b.path[0] == "Cert" {
			continue // the maker's; its lot and issuer are not the logger's
		}
		if err := line(depth, list); err != nil {
			return err
		}
	}
	b.n = len(b.lines)
	if !b.sig {
		return b.wrong("end of file", `"Sig: …": the export is cut off`, b.lines[len(b.lines)-1])
	}
	return nil
}

func (b *berlinger) wrong(field, want, got string) error { return &LineError{b.n, field, want, got} }

func (b *berlinger) celsius(field, v string) (supply.Celsius, error) {
	c, err := supply.ParseCelsius(v)
	if err != nil {
		return 0, b.wrong(field, "degrees Celsius such as +4.5", v)
	}
	return c, nil
}

func (b *berlinger) minutes(field, v string) (time.Duration, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 1_000_000 {
		return 0, b.wrong(field, "minutes", v)
	}
	return time.Duration(n) * time.Minute, nil
}

func (b *berlinger) instant(field, v string) (time.Time, error) {
	if b.zone == nil {
		return time.Time{}, b.wrong(field, `"Zone" in Conf before any time`, v)
	}
	t, err := time.ParseInLocation("2006-01-02 15:04", v, b.zone)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return time.Time{}, b.wrong(field, "YYYY-MM-DD hh:mm", v)
	}
	return t, nil
}

// conf reads the fields of the configuration that all loggers have; used tells whether it was one.
func (b *berlinger) conf(depth int, list [][2]string) (used bool, err error) {
	k, v := list[0][0], list[0][1]
	switch {
	case depth == 0 && k == "Fw Vers":
		b.Firmware = v
	case depth != 1 || b.path[0] != "Conf":
		return false, nil
	case k == "Serial":
		if b.Serial = v; v == "" || len(v) > 32 {
			return true, b.wrong(k, "1 to 32 characters", v)
		}
	case k == "Temp unit":
		if v != "C" {
			return true, b.wrong(k, "C: export in degrees Celsius", v)
		}
	case k == "Zone":
		hours, err := strconv.ParseFloat(v, 64)
		if err != nil || !(hours >= -14 && hours <= 14) {
			return true, b.wrong(k, "hours from UTC", v)
		}
		if b.zone == nil {
			b.zone = time.FixedZone("", int(hours*3600))
			if hours == 0 {
				b.zone = time.UTC
			}
		}
	case k == "Logging Interval":
		if b.Interval, err = b.minutes(k, v); err != nil {
			return true, err
		}
		if b.Interval == 0 || b.Interval > 24*time.Hour {
			return true, b.wrong(k, "1 to 1440 minutes", v)
		}
	default:
		return false, nil
	}
	return true, nil
}

// reading reads a row of "yyyy-MM-dd hh:mm  T  x".
func (b *berlinger) reading(cells []string) error {
	if b.path[0] != "Data" {
		return nil // markers, headings
	}
	if cells[0] == "yyyy-MM-dd hh:mm" {
		return nil
	}
	if len(cells) < 2 {
		return b.wrong("Data", "time, temperature and mark, parted by tabs", strings.Join(cells, "\t"))
	}
	r := Reading{line: b.n}
	var err error
	if r.At, err = b.instant("Data", cells[0]); err != nil {
		return err
	}
	if cells[1] == "--.-" {
		r.Absent = true
	} else if r.Celsius, err = b.celsius("Data", cells[1]); err != nil {
		return err
	}
	if len(cells) > 2 {
		if r.Outside = cells[2] == "x"; !r.Outside && cells[2] != "" {
			return b.wrong("Data", "x or nothing in the third column", cells[2])
		}
	}
	if n := len(b.Readings); n > 0 && !r.At.After(b.Readings[n-1].At) {
		return b.wrong("Data", "a time later than the line before", cells[0])
	}
	if b.Interval == 0 {
		return b.wrong("Data", `a "Logging Interval" in Conf, since there are readings`, cells[0])
	}
	if b.Readings = append(b.Readings, r); len(b.Readings) > MaxReadings {
		return b.wrong("Data", fmt.Sprintf("at most %d readings", MaxReadings), "more")
	}
	return nil
}

// done checks what every file must have said.
func (b *berlinger) done() (*File, error) {
	b.n = len(b.lines)
	switch {
	case b.Serial == "":
		return nil, b.wrong("Conf, Serial", "the logger's serial number", "")
	case b.Begun.IsZero() || b.Made.IsZero() || b.Made.Before(b.Begun):
		return nil, b.wrong("TS", "when it was begun, and after that when the report was made", b.Begun.Format(time.DateTime)+" to "+b.Made.Format(time.DateTime))
	case len(b.Limits) == 0:
		return nil, b.wrong("Conf, Alarm", "alarm limits", "")
	}
	slices.SortFunc(b.Limits, func(x, y Limit) int { return x.Number - y.Number })
	return &b.File, nil
}
