// Package logger reads what temperature loggers write: the exports of Berlinger's Fridge-tag 2, Fridge-tag 2 L, Fridge-tag Ultra Low
// and Q-tag CLm doc, and plain CSV.
//
// It owns those formats and the check of a file against itself: what a logger says of alarms must follow from its own readings or
// daily sums. It must not know of boxes, custody, rules or storage: it gives [supply.Series] and [supply.Summary] for a point that
// the caller names. The makers' signatures in the files are not verified, since the key material to do so is not public; who
// needs that keeps the file itself and checks it with the maker's tool.
package logger

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"charye/supply"
)

// What one file may hold at most.
const (
	MaxBytes    = 64 << 20
	MaxReadings = 2_000_000
	maxLine     = 4096
)

// ErrFormat is wrapped by everything that is wrong with a file.
var ErrFormat = errors.New("not a logger's file")

// LineError says where a file is wrong, and what would be right.
type LineError struct {
	Line  int // from 1
	Field string
	Want  string
	Got   string
}

func (e *LineError) Error() string {
	return fmt.Sprintf("line %d: %s: want %s, has %.60q", e.Line, e.Field, e.Want, e.Got)
}

// Unwrap makes it an [ErrFormat].
func (e *LineError) Unwrap() error { return ErrFormat }

// File is what a logger's file says.
type File struct {
	Device   string // model, as the file names it
	Serial   string
	Firmware string
	Begun    time.Time // activation of a Fridge-tag, start of a Q-tag, first reading of a CSV
	Made     time.Time // report, stop, last reading
	Interval time.Duration
	Limits   []Limit
	Readings []Reading
	Days     []Day   // newest first, as in the file; Fridge-tags only
	Alarms   []Alarm // of a Q-tag: over the whole run; those of Fridge-tags are with the days
	// Min, Max, MeanKinetic are the results that a Q-tag states; nil where the file has none.
	Min, Max, MeanKinetic *supply.Celsius
}

// Reading is one line of measurements.
type Reading struct {
	At      time.Time
	Celsius supply.Celsius
	Absent  bool // the sensor gave nothing
	Outside bool // marked by the logger as out of limits
	line    int
}

// Limit is an alarm limit as the logger was set.
type Limit struct {
	Number     int
	Above      bool // else below
	Cumulative bool // the time counts up over the run; else it must be unbroken
	Celsius    supply.Celsius
	After      time.Duration
}

// Day is a daily summary.
type Day struct {
	From, To time.Time
	Min, Max supply.Celsius
	Absent   bool // no temperature was measured on that day
	Outside  []Alarm
	Silent   time.Duration // how long the sensor was not there
	line     int
}

// Alarm is how long it was beyond a limit, and when the alarm went off.
type Alarm struct {
	Limit  int
	For    time.Duration // in all
	At     time.Time     // when the alarm went off on that day or run; zero: it did not
	Single []Stretch     // of a Q-tag's limits of unbroken time: each stretch that made an alarm
}

// Stretch is an alarm's own time.
type Stretch struct {
	Begin, Alarm time.Time
	For          time.Duration
}

// Read finds the format by its first line and reads a file. zone is where the logger's clock was set to; nil: the zone the file states, or UTC.
// CSV needs none: its times carry their offset.
func Read(r io.Reader, zone *time.Location) (*File, error) {
	lines, err := split(r)
	if err != nil {
		return nil, err
	}
	first := strings.TrimSpace(lines[0])
	device, ok := strings.CutPrefix(first, "Device: ")
	switch {
	case strings.EqualFold(strings.ReplaceAll(first, " ", ""), csvHeader):
		return readCSV(lines)
	case !ok:
		return nil, &LineError{1, "first line", `"Device: …" of a Berlinger logger, or the CSV header "` + csvHeader + `"`, first}
	}
	switch device {
	case "Q-tag Fridge-tag 2", "Q-tag Fridge-tag 2 L", "Q-tag Fridge-tag Ultra Low":
		return readFridgeTag(device, lines, zone)
	case "Q-tag CLm doc LR", "Q-tag CLm doc L", "Q-tag CLm doc":
		return readQTag(device, lines, zone)
	}
	return nil, &LineError{1, "Device", "Q-tag Fridge-tag 2, Q-tag Fridge-tag 2 L, Q-tag Fridge-tag Ultra Low or Q-tag CLm doc (LR)", device}
}

func split(r io.Reader) ([]string, error) {
	in := bufio.NewScanner(io.LimitReader(r, MaxBytes+1))
	in.Buffer(make([]byte, 0, maxLine), maxLine)
	var lines []string
	size := 0
	for in.Scan() {
		size += len(in.Bytes()) + 1
		lines = append(lines, strings.TrimSuffix(in.Text(), "\r"))
	}
	switch {
	case errors.Is(in.Err(), bufio.ErrTooLong):
		return nil, &LineError{len(lines) + 1, "line", fmt.Sprintf("at most %d bytes", maxLine), "more"}
	case in.Err() != nil:
		return nil, in.Err()
	case size > MaxBytes:
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrFormat, MaxBytes)
	case len(lines) == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrFormat)
	}
	lines[0] = strings.TrimPrefix(lines[0], "\ufeff")
	return lines, nil
}

// Series gives the readings as supply keeps them, without those that the sensor missed: they are a gap. ok is false for a file
// that has daily summaries only.
func (f *File) Series(at supply.Point, source string) (s supply.Series, ok bool) {
	s = supply.Series{Point: at, Device: f.Device + " " + f.Serial, Interval: f.Interval, Source: source}
	for i := range f.Readings {
		if r := &f.Readings[i]; !r.Absent {
			s.Readings = append(s.Readings, supply.Reading{At: r.At, Celsius: r.Celsius})
		}
	}
	return s, len(s.Readings) > 0
}

// Summaries gives the days as supply keeps them, the oldest first.
func (f *File) Summaries(at supply.Point, source string) (out []supply.Summary) {
	for i := len(f.Days) - 1; i >= 0; i-- {
		d := &f.Days[i]
		if d.Absent || !d.To.After(d.From) {
			continue
		}
		s := supply.Summary{Point: at, Device: f.Device + " " + f.Serial, From: d.From, To: d.To, Min: d.Min, Max: d.Max, Silent: d.Silent, Source: source}
		for _, a := range d.Outside {
			if l := f.limit(a.Limit); l != nil {
				s.Outside = append(s.Outside, supply.Outside{Limit: l.Celsius, Above: l.Above, For: a.For})
			}
		}
		out = append(out, s)
	}
	return out
}

func (f *File) limit(n int) *Limit {
	for i := range f.Limits {
		if f.Limits[i].Number == n {
			return &f.Limits[i]
		}
	}
	return nil
}

// beyond reports whether a temperature is outside: strictly, as these loggers count it.
func (l *Limit) beyond(c supply.Celsius) bool {
	if l.Above {
		return c > l.Celsius
	}
	return c < l.Celsius
}
