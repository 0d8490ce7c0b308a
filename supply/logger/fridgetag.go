package logger

import (
	"slices"
	"strconv"
	"time"
)

// readFridgeTag reads Fridge-tag 2 (daily summaries), 2 L and Ultra Low (with readings).
func readFridgeTag(device string, lines []string, zone *time.Location) (*File, error) {
	b := &berlinger{zone: zone, lines: lines}
	b.Device = device
	external := false
	var day *Day
	line := func(depth int, list [][2]string) error {
		if used, err := b.conf(depth, list); used || err != nil {
			return err
		}
		k, v := list[0][0], list[0][1]
		if b.zone == nil && b.path[0] == "Hist" {
			return b.wrong("Hist", `"Zone" in Conf before it`, k)
		}
		var err error
		switch b.path[0] {
		case "Conf":
			switch {
			case depth == 1 && k == "Use ext devices":
				external = v == "1"
			case depth == 3 && b.path[1] == "Alarm":
				return b.fridgeLimit(list)
			}
		case "Hist":
			switch {
			case depth == 1 && k == "TS Actv":
				b.Begun, err = b.instant(k, v)
			case depth == 1 && k == "TS Report Creation":
				b.Made, err = b.instant(k, v)
			case depth == 1:
				if n, aerr := strconv.Atoi(k); aerr != nil || n != len(b.Days)+1 || len(b.Days) >= 400 || len(list) != 1 || v != "" {
					return b.wrong("Hist", "the number of the day, counting up from 1", k)
				}
				b.Days = append(b.Days, Day{line: b.n})
				day = &b.Days[len(b.Days)-1]
			case depth == 0:
			case day == nil:
				return b.wrong("Hist", "the number of a day first", k)
			default:
				return b.day(day, depth, list, external)
			}
		}
		return err
	}
	if err := b.walk(line, b.reading); err != nil {
		return nil, err
	}
	f, err := b.done()
	if err != nil {
		return nil, err
	}
	for i := range f.Days {
		d := &f.Days[i]
		if d.From.IsZero() {
			return nil, &LineError{d.line, "Hist", "a Date for every day", ""}
		}
		if i > 0 && !d.From.Before(f.Days[i-1].From) {
			return nil, &LineError{d.line, "Date", "an earlier day than the one above: the newest comes first", d.From.Format(time.DateOnly)}
		}
	}
	for i := range f.Days {
		d := &f.Days[i]
		d.From, d.To = later(d.From, f.Begun), earlier(d.To, f.Made)
	}
	return f, nil
}

// fridgeLimit reads "T AL: +2.0, t AL: 60" of limit 0, the lower one, or 1, the upper one.
func (b *berlinger) fridgeLimit(list [][2]string) (err error) {
	l := Limit{Above: b.path[2] == "1"}
	if l.Number, err = strconv.Atoi(b.path[2]); err != nil || l.Number > 1 || l.Number < 0 || len(list) != 2 || list[0][0] != "T AL" || list[1][0] != "t AL" {
		return b.wrong("Conf, Alarm", `"0:" or "1:" and then "T AL: degrees, t AL: minutes"`, b.path[2])
	}
	if slices.ContainsFunc(b.Limits, func(o Limit) bool { return o.Number == l.Number }) {
		return b.wrong("Conf, Alarm", "each limit once", b.path[2])
	}
	if l.Celsius, err = b.celsius("T AL", list[0][1]); err != nil {
		return err
	}
	if l.After, err = b.minutes("t AL", list[1][1]); err != nil {
		return err
	}
	b.Limits = append(b.Limits, l)
	return nil
}

// day reads one field of a daily summary.
func (b *berlinger) day(d *Day, depth int, list [][2]string, external bool) (err error) {
	k, v := list[0][0], list[0][1]
	switch {
	case depth == 2 && k == "Date":
		on, err := time.ParseInLocation(time.DateOnly, v, b.zone)
		if err != nil || on.Year() < 1970 || on.Year() > 2200 {
			return b.wrong(k, "YYYY-MM-DD", v)
		}
		d.From, d.To = on, on.AddDate(0, 0, 1)
	case depth == 2 && (k == "Min T" || k == "Max T"):
		if v == "--.-" {
			d.Absent = true
			return nil
		}
		c, err := b.celsius(k, v)
		if err != nil {
			return err
		}
		if k == "Min T" {
			d.Min = c
		} else if d.Max = c; c < d.Min && !d.Absent {
			return b.wrong(k, "at least Min T", v)
		}
	case depth == 4 && b.path[2] == "Alarm" && k == "t Acc":
		a := Alarm{}
		if a.Limit, err = strconv.Atoi(b.path[3]); err != nil || len(d.Outside) > 8 {
			return b.wrong("Alarm", "the number of a limit", b.path[3])
		}
		if a.For, err = b.minutes(k, v); err != nil {
			return err
		}
		for _, p := range list[1:] {
			if p[0] != "TS A" {
				continue
			}
			if a.At, err = b.clock(d, p[0], p[1]); err != nil {
				return err
			}
		}
		d.Outside = append(d.Outside, a)
	case depth == 3 && k == "t AccST":
		silent, err := b.minutes(k, v)
		if err != nil {
			return err
		}
		if of := b.path[2]; of == "Ext Sensor timeout" && external || of == "Int Sensor timeout" && !external {
			d.Silent = silent
		}
	}
	return nil
}

// clock reads hh:mm of a day.
func (b *berlinger) clock(d *Day, field, v string) (time.Time, error) {
	t, err := time.Parse("15:04", v)
	if err != nil || d.From.IsZero() {
		return time.Time{}, b.wrong(field, "hh:mm after the Date of the day", v)
	}
	y, m, day := d.From.Date()
	return time.Date(y, m, day, t.Hour(), t.Minute(), 0, 0, b.zone), nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
