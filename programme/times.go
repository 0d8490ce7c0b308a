package programme

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"charye/internal/civil"
)

// times reads the dates and times of one file, and resolves the relative ones.
type times struct {
	*reader
	zone  *time.Location
	trial bool
	now   time.Time         // what relative times count from, whole seconds; zero when the caller gave none
	kept  map[string]string // absolute values by key: those of earlier starts and those resolved now
}

const (
	instantWanted = "a time with its offset, such as 2021-07-12T20:00:00+09:00"
	dateWanted    = "a date such as 2021-07-26"
	// maxAhead bounds relative times and lengths in days: ten years.
	maxAhead = 3660
)

// isRelative tells the relative form from all others: no date or time begins with a plus sign.
func isRelative(s string) bool { return strings.HasPrefix(s, "+") }

// instant reads a time with its offset or, in trials, a length from the first start such as +1h30m. key names the value
// among the kept ones.
func (t *times) instant(n *yaml.Node, path, key string) (time.Time, bool) {
	s, ok := t.scalar(n, path, instantWanted)
	if !ok {
		return time.Time{}, false
	}
	if !isRelative(s) {
		v, err := parseInstant(s)
		if err != nil {
			t.bad(n, path, "%q %s", shown(s), err)
			return time.Time{}, false
		}
		return v.In(t.zone), true
	}
	d, err := time.ParseDuration(s[1:])
	if err != nil || d < 0 || d > maxAhead*24*time.Hour || d%time.Second != 0 || strings.HasPrefix(s, "++") {
		t.bad(n, path, "%q is no relative time; want whole hours, minutes and seconds such as +30s or +1h30m, or %s", shown(s), instantWanted)
		return time.Time{}, false
	}
	kept, ok := t.resolve(n, path, key, func() string { return t.now.Add(d).In(t.zone).Format(time.RFC3339) })
	if !ok {
		return time.Time{}, false
	}
	v, err := parseInstant(kept)
	if err != nil {
		t.bad(n, path, "the value kept for it, %q, %s", shown(kept), err)
		return time.Time{}, false
	}
	return v.In(t.zone), true
}

// day reads a date or, in trials, a number of days from the day of the first start such as +1d.
func (t *times) day(n *yaml.Node, path, key string) (civil.Date, bool) {
	s, ok := t.scalar(n, path, dateWanted)
	if !ok || !isRelative(s) {
		return t.date(n, path)
	}
	days, err := strconv.Atoi(strings.TrimSuffix(s[1:], "d"))
	if err != nil || !strings.HasSuffix(s, "d") || days < 0 || days > maxAhead || !isDigit(s[1]) {
		t.bad(n, path, "%q is no relative day; want days such as +1d, or %s", shown(s), dateWanted)
		return 0, false
	}
	kept, ok := t.resolve(n, path, key, func() string { return (civil.Of(t.now, t.zone) + civil.Date(days)).String() })
	if !ok {
		return 0, false
	}
	v, err := civil.Parse(kept)
	if err != nil {
		t.bad(n, path, "the value kept for it is no date: %v", err)
		return 0, false
	}
	return v, true
}

// resolve gives the absolute value of a relative one: the kept one, or else a new one, which is kept.
func (t *times) resolve(n *yaml.Node, path, key string, absolute func() string) (string, bool) {
	if !t.trial {
		t.bad(n, path, "%q is relative, which only a programme with trial: true may use; want an absolute one", shown(n.Value))
		return "", false
	}
	if v, ok := t.kept[key]; ok {
		return v, true
	}
	if t.now.IsZero() {
		t.bad(n, path, "%q is relative to the first start, which is not known here; want an absolute one", shown(n.Value))
		return "", false
	}
	v := absolute()
	t.kept[key] = v
	return v, true
}

// date reads a plain date.
func (t *times) date(n *yaml.Node, path string) (civil.Date, bool) {
	s, ok := t.scalar(n, path, dateWanted)
	if !ok {
		return 0, false
	}
	d, err := civil.Parse(s)
	if err != nil {
		t.bad(n, path, "%q is no date; want %s", shown(s), dateWanted)
		return 0, false
	}
	if d < civil.New(1850, 1, 1) || d >= civil.New(2200, 1, 1) {
		t.bad(n, path, "%s is out of range; want a date from 1850-01-01 to 2199-12-31", s)
		return 0, false
	}
	return d, true
}

// length reads a number of days: 28d or 4w.
func (t *times) length(n *yaml.Node, path string) (int, bool) {
	const want = "days or weeks such as 28d or 4w"
	s, ok := t.scalar(n, path, want)
	if !ok {
		return 0, false
	}
	unit := 0
	number, isDays := strings.CutSuffix(s, "d")
	if isDays {
		unit = 1
	} else if w, isWeeks := strings.CutSuffix(s, "w"); isWeeks {
		number, unit = w, 7
	}
	v, err := strconv.Atoi(number)
	if unit == 0 || err != nil || !isDigit(number[0]) {
		t.bad(n, path, "%q is no length; want %s", shown(s), want)
		return 0, false
	}
	if v < 1 || v > maxAhead/unit {
		t.bad(n, path, "%q is out of range; want 1d to %dd", shown(s), maxAhead)
		return 0, false
	}
	return v * unit, true
}

// clock reads a time of day as minutes after midnight; "24:00" is the end of the day.
func (t *times) clock(n *yaml.Node, path string) (int, bool) {
	const want = `a time of day in quotes, from "00:00" to "24:00"`
	s, ok := t.scalar(n, path, want)
	if !ok {
		return 0, false
	}
	if s == "24:00" {
		return 24 * 60, true
	}
	v, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		t.bad(n, path, "%q is no time of day; want %s", shown(s), want)
		return 0, false
	}
	return v.Hour()*60 + v.Minute(), true
}

// every reads the length of a session in minutes: 30m, 1h, 1h30m.
func (t *times) every(n *yaml.Node, path string) (int, bool) {
	const want = "a length from 5m to 24h in whole minutes, such as 30m"
	s, ok := t.scalar(n, path, want)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 5*time.Minute || d > 24*time.Hour || d%time.Minute != 0 || !isDigit(s[0]) {
		t.bad(n, path, "%q is no length of a session; want %s", shown(s), want)
		return 0, false
	}
	return int(d / time.Minute), true
}

// parseInstant reads RFC 3339 in its strict form, in whole seconds of this and the next century.
func parseInstant(s string) (time.Time, error) {
	var v time.Time
	if err := v.UnmarshalText([]byte(s)); err != nil {
		return time.Time{}, fmt.Errorf("is no time; want %s", instantWanted)
	}
	if y := v.UTC().Year(); v.Nanosecond() != 0 || y < 2000 || y > 2199 {
		return time.Time{}, fmt.Errorf("is out of range; want whole seconds of the years 2000 to 2199")
	}
	return v, nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
