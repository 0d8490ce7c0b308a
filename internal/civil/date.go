// Package civil holds calendar dates that carry no time of day and no zone: birth dates and vaccination days.
//
// It owns the arithmetic of days. It knows nothing of programmes, people or clocks; whoever needs "today" converts an
// instant with [Of] in the zone that applies.
package civil

import (
	"fmt"
	"time"
)

// Date is a day of the proleptic Gregorian calendar, counted in days since 1970-01-01. The zero value is that day;
// code that needs "no date" says so with a separate flag. Dates compare and subtract as integers.
type Date int32

// New gives the date of a year, month and day; out-of-range values carry over as in [time.Date].
func New(year int, month time.Month, day int) Date {
	return Date(floorDiv(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix(), 86400))
}

// Of gives the day that an instant falls on in the zone loc.
func Of(t time.Time, loc *time.Location) Date {
	y, m, d := t.In(loc).Date()
	return New(y, m, d)
}

// Parse reads exactly YYYY-MM-DD; anything else is an error that says so.
func Parse(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("date %q: want YYYY-MM-DD", s)
	}
	return Date(floorDiv(t.Unix(), 86400)), nil
}

// String gives YYYY-MM-DD.
func (d Date) String() string { return d.utc().Format(time.DateOnly) }

// MarshalText and UnmarshalText use the form of [Date.String] and [Parse].
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the form that [Parse] reads.
func (d *Date) UnmarshalText(b []byte) error {
	v, err := Parse(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

// At gives the instant of a minute of this day (0 … 1439) in the zone loc.
func (d Date) At(minute int, loc *time.Location) time.Time {
	y, m, day := d.utc().Date()
	return time.Date(y, m, day, 0, minute, 0, 0, loc)
}

func (d Date) utc() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
