package logger

import (
	"slices"
	"strconv"
	"time"

	"charye/supply"
)

// readQTag reads Q-tag CLm doc: one run with readings, and its alarms over the run.
func readQTag(device string, lines []string, zone *time.Location) (*File, error) {
	b := &berlinger{zone: zone, lines: lines}
	b.Device = device
	line := func(depth int, list [][2]string) error {
		if used, err := b.conf(depth, list); used || err != nil {
			return err
		}
		k, v := list[0][0], list[0][1]
		if b.zone == nil && b.path[0] == "Res" {
			return b.wrong("Res", `"Zone" in Conf before it`, k)
		}
		var err error
		switch b.path[0] {
		case "Conf":
			if depth == 3 && b.path[1] == "Alarm" {
				return b.qtagLimit(list)
			}
		case "Res":
			switch {
			case depth == 1 && k == "TS Start":
				b.Begun, err = b.instant(k, v)
			case depth == 1 && k == "TS Stop":
				b.Made, err = b.instant(k, v)
			case depth == 1 && (k == "Min T" || k == "Max T" || k == "MKT"):
				var c supply.Celsius
				if c, err = b.celsius(k, v); err == nil {
					*map[string]**supply.Celsius{"Min T": &b.Min, "Max T": &b.Max, "MKT": &b.MeanKinetic}[k] = &c
				}
			case depth == 2 && b.path[1] == "Alarm":
				return b.qtagAlarmed(k)
			case depth == 3 && b.path[1] == "Alarm":
				return b.qtagAlarm(list)
			}
		}
		return err
	}
	if err := b.walk(line, b.reading); err != nil {
		return nil, err
	}
	if len(b.Readings) == 0 || b.Interval == 0 {
		return nil, b.wrong("Data", "readings: a Q-tag that has not run has nothing to tell", "")
	}
	return b.done()
}

// qtagLimit reads "Type: 2, T AL: 8.0, t AL: 30". Types: 0 none, 1 unbroken below, 2 unbroken above, 3 cumulative below, 4 cumulative
// above. (Which is which follows from the example files: their alarms agree with the readings in this reading only.)
func (b *berlinger) qtagLimit(list [][2]string) (err error) {
	var l Limit
	if l.Number, err = strconv.Atoi(b.path[2]); err != nil || l.Number < 0 || l.Number > 16 {
		return b.wrong("Conf, Alarm", "the number of a limit", b.path[2])
	}
	if list[0][0] != "Type" {
		return b.wrong("Conf, Alarm", "Type first", list[0][0])
	}
	switch list[0][1] {
	case "0":
		return nil
	case "1":
	case "2":
		l.Above = true
	case "3":
		l.Cumulative = true
	case "4":
		l.Above, l.Cumulative = true, true
	default:
		return b.wrong("Type", "0 to 4", list[0][1])
	}
	if len(list) != 3 || list[1][0] != "T AL" || list[2][0] != "t AL" {
		return b.wrong("Conf, Alarm", `"Type: N, T AL: degrees, t AL: minutes"`, b.path[2])
	}
	if slices.ContainsFunc(b.Limits, func(o Limit) bool { return o.Number == l.Number }) {
		return b.wrong("Conf, Alarm", "each limit once", b.path[2])
	}
	if l.Celsius, err = b.celsius("T AL", list[1][1]); err != nil {
		return err
	}
	if l.After, err = b.minutes("t AL", list[2][1]); err != nil {
		return err
	}
	b.Limits = append(b.Limits, l)
	return nil
}

// qtagAlarmed begins what is told of one limit.
func (b *berlinger) qtagAlarmed(number string) error {
	n, err := strconv.Atoi(number)
	if err != nil || b.limit(n) == nil || slices.ContainsFunc(b.Alarms, func(a Alarm) bool { return a.Limit == n }) {
		return b.wrong("Res, Alarm", "the number of a limit that is set in Conf, once", number)
	}
	b.Alarms = append(b.Alarms, Alarm{Limit: n})
	return nil
}

// qtagAlarm reads "TS S: …, t A: 219, TS A: …, TS E: …, T M: …, TS M: …".
func (b *berlinger) qtagAlarm(list [][2]string) (err error) {
	if len(b.Alarms) == 0 {
		return b.wrong("Res, Alarm", "the number of a limit first", list[0][0])
	}
	a := &b.Alarms[len(b.Alarms)-1]
	var s Stretch
	for _, p := range list {
		switch p[0] {
		case "TS S":
			s.Begin, err = b.instant(p[0], p[1])
		case "TS A":
			if p[1] != "" {
				s.Alarm, err = b.instant(p[0], p[1])
			}
		case "t A":
			s.For, err = b.minutes(p[0], p[1])
		}
		if err != nil {
			return err
		}
	}
	if s.Begin.IsZero() || len(a.Single) >= 1000 {
		return b.wrong("Res, Alarm", `"TS S" with the beginning`, list[0][0])
	}
	a.For += s.For
	if a.At.IsZero() {
		a.At = s.Alarm
	}
	if !b.limit(a.Limit).Cumulative {
		a.Single = append(a.Single, s)
	}
	return nil
}
