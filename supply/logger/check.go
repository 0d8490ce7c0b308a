package logger

import (
	"fmt"
	"time"
)

// Check recomputes the alarms from the file's own readings, or where it has none from its daily sums, and gives what does not agree
// with what the file states, one sentence each. Nothing said means: as far as the file holds enough to recompute it, it agrees.
//
// A logger measures each minute and writes down each few: so a time outside is known to lie between a least and a most, and an
// alarm is certain, impossible, or open. Only what is certain or impossible is held against the file.
func (f *File) Check() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for i := range f.Readings {
		r := &f.Readings[i]
		if outside := f.outside(r); !r.Absent && len(f.Limits) > 0 && outside != r.Outside {
			say("line %d: %s °C is marked as outside of limits: %t, and is it: %t", r.line, r.Celsius, r.Outside, outside)
		}
	}
	for _, l := range f.Limits {
		runs := f.runs(&l)
		if len(f.Days) == 0 {
			f.checkRun(&l, runs, say)
		}
	}
	for i := range f.Days {
		f.checkDay(i, say)
	}
	f.checkRange(say)
	return out
}

// Recomputed is how many statements of the file on alarms its readings or sums allow to be recomputed: those that are certain or impossible.
func (f *File) Recomputed() (n int) {
	for _, l := range f.Limits {
		runs := f.runs(&l)
		for i := range f.Days {
			d := &f.Days[i]
			for _, a := range d.Outside {
				if a.Limit == l.Number && f.dayAlarm(i, &a, &l, runs) != open {
					n++
				}
			}
		}
		if len(f.Days) == 0 && len(runs) > 0 && runAlarm(&l, runs) != open {
			n++
		}
	}
	return n
}

func (f *File) outside(r *Reading) bool {
	for i := range f.Limits {
		if f.Limits[i].beyond(r.Celsius) {
			return true
		}
	}
	return false
}

// run is an unbroken time outside of a limit: it began after before and not later than first, and ended not earlier than last and
// before after.
type run struct{ before, first, last, after time.Time }

func (r run) least() time.Duration { return r.last.Sub(r.first) }
func (r run) most() time.Duration  { return r.after.Sub(r.before) }

// within cuts a run to a day.
func (r run) within(from, to time.Time) (least, most time.Duration) {
	least = earlier(r.last, to).Sub(later(r.first, from))
	most = earlier(r.after, to).Sub(later(r.before, from))
	return max(0, least), max(0, most)
}

// runs finds the runs by the readings. A reading that is absent may have been anything: it lengthens what a run may have been at most.
func (f *File) runs(l *Limit) (out []run) {
	inside := f.Begun
	var current *run
	for i := range f.Readings {
		r := &f.Readings[i]
		if i > 0 && r.At.Sub(f.Readings[i-1].At) > f.Interval*3/2 {
			// The logger did not log, or its clock was set: what was there before the gap ends with it.
			if current != nil {
				current.after = current.last.Add(f.Interval)
				current = nil
			}
			inside = r.At.Add(-f.Interval)
		}
		switch {
		case r.Absent:
		case l.beyond(r.Celsius):
			if current == nil {
				out = append(out, run{before: inside, first: r.At})
				current = &out[len(out)-1]
			}
			current.last = r.At
		default:
			if current != nil {
				current.after = r.At
				current = nil
			}
			inside = r.At
		}
	}
	if current != nil {
		current.after = later(f.Made, current.last)
	}
	return out
}

type verdict uint8

const (
	open verdict = iota
	certain
	impossible
)

func (f *File) checkDay(i int, say func(string, ...any)) {
	d := &f.Days[i]
	for _, a := range d.Outside {
		l := f.limit(a.Limit)
		if l == nil {
			say("%s: there is no limit %d", d.From.Format(time.DateOnly), a.Limit)
			continue
		}
		day := d.From.Format(time.DateOnly)
		edge := d.Max
		if !l.Above {
			edge = d.Min
		}
		if !d.Absent && l.beyond(edge) != (a.For > 0) {
			say("%s: limit %d: at the most %s °C, and %v outside of %s", day, l.Number, edge, a.For, l.Celsius)
		}
		if whole := d.To.Sub(d.From); a.For > whole+time.Minute {
			say("%s: limit %d: %v outside in a day of %v", day, l.Number, a.For, whole)
		}
		runs := f.runs(l)
		if len(f.Readings) > 0 {
			var least, most time.Duration
			for _, r := range runs {
				lo, hi := r.within(d.From, d.To)
				least, most = least+lo, most+hi
			}
			// Minutes outside between two readings inside are not in the readings.
			if a.For < least-time.Minute || a.For > most+f.Interval {
				say("%s: limit %d: %v outside as it states, %v to %v by its readings", day, l.Number, a.For, least, most)
			}
		}
		stated := impossible
		if !a.At.IsZero() {
			stated = certain
		}
		if ours := f.dayAlarm(i, &a, l, runs); ours != open && ours != stated {
			say("%s: limit %d: an alarm is stated: %t, by its own figures: %t", day, l.Number, stated == certain, ours == certain)
		}
	}
}

// dayAlarm says whether an alarm of a day follows.
func (f *File) dayAlarm(i int, a *Alarm, l *Limit, runs []run) verdict {
	d := &f.Days[i]
	if len(f.Readings) > 0 {
		v := impossible
		for _, r := range runs {
			// The alarm goes off After into the run, and is told again on each further day that the run lasts into.
			if _, most := r.within(d.From, d.To); most <= 0 {
				continue
			}
			latest := r.first.Add(l.After)   // it has gone off by then if the run lasts so long
			longest := r.before.Add(l.After) // it has not gone off before
			switch {
			case !earlier(r.last, d.To).Before(latest) && r.last.After(d.From):
				return certain
			case earlier(r.after, d.To).Add(time.Minute).After(longest):
				v = open
			}
		}
		return v
	}
	before := time.Duration(0)
	if i+1 < len(f.Days) {
		for _, b := range f.Days[i+1].Outside {
			if b.Limit == a.Limit {
				before = b.For
			}
		}
	}
	switch whole := d.To.Sub(d.From); {
	case a.For == 0:
		return impossible
	case a.For >= whole && whole >= l.After:
		return certain
	case before < 24*time.Hour && a.For+before < l.After:
		return impossible
	}
	return open
}

// checkRun holds a Q-tag's statement on a limit against the readings of its run.
func (f *File) checkRun(l *Limit, runs []run, say func(string, ...any)) {
	stated := Alarm{Limit: l.Number}
	for _, a := range f.Alarms {
		if a.Limit == l.Number {
			stated = a
		}
	}
	if f.Device == "CSV" {
		return
	}
	v := runAlarm(l, runs)
	if v != open && (v == certain) != !stated.At.IsZero() {
		say("limit %d: an alarm is stated: %t, by its readings: %t", l.Number, !stated.At.IsZero(), v == certain)
	}
	var least, most time.Duration
	surely := 0
	for _, r := range runs {
		least, most = least+r.least(), most+r.most()
		if r.least() >= l.After {
			surely++
		}
	}
	if l.Cumulative {
		// The stretch that a run begins with is counted by the logger from its second reading on.
		if stated.For > 0 && (stated.For < least-f.Interval || stated.For > most+f.Interval) {
			say("limit %d: %v outside as it states, %v to %v by its readings", l.Number, stated.For, least, most)
		}
		return
	}
	if stated.For > most+f.Interval {
		say("limit %d: alarms of %v, at most %v by its readings", l.Number, stated.For, most)
	}
	if len(stated.Single) < surely {
		say("limit %d: %d alarms as it states, at least %d by its readings", l.Number, len(stated.Single), surely)
	}
	for _, s := range stated.Single {
		found := false
		for _, r := range runs {
			found = found || !s.Begin.Before(r.before) && !s.Begin.After(r.after) && s.For <= r.most()+f.Interval
		}
		if !found {
			say("limit %d: an alarm that began at %s is not in its readings", l.Number, s.Begin.Format(time.DateTime))
		}
	}
}

func runAlarm(l *Limit, runs []run) verdict {
	var least, most time.Duration
	v := impossible
	for _, r := range runs {
		least, most = least+r.least(), most+r.most()
		if l.Cumulative {
			continue
		}
		switch {
		case r.least() >= l.After:
			return certain
		case r.most() >= l.After:
			v = open
		}
	}
	if !l.Cumulative {
		return v
	}
	switch {
	case least >= l.After:
		return certain
	case most >= l.After:
		return open
	}
	return impossible
}

// checkRange holds the stated extremes against the readings: a minute between two readings may have been further out, a reading may not.
func (f *File) checkRange(say func(string, ...any)) {
	for i := range f.Readings {
		r := &f.Readings[i]
		if r.Absent {
			continue
		}
		if f.Min != nil && r.Celsius < *f.Min || f.Max != nil && r.Celsius > *f.Max {
			say("line %d: %s °C is outside of the extremes %s and %s that the file states", r.line, r.Celsius, f.Min, f.Max)
		}
	}
	days := map[string]*Day{}
	for i := range f.Days {
		days[f.Days[i].From.Format(time.DateOnly)] = &f.Days[i]
	}
	for i := range f.Readings {
		r := &f.Readings[i]
		if d := days[r.At.Format(time.DateOnly)]; d != nil && !r.Absent && !d.Absent && (r.Celsius < d.Min || r.Celsius > d.Max) {
			say("line %d: %s °C is outside of the day's extremes %s and %s", r.line, r.Celsius, d.Min, d.Max)
		}
	}
}
