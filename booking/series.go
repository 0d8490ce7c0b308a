package booking

import (
	"cmp"
	"slices"

	"charye/internal/civil"
)

// DefaultChoices is how many choices [SecondDose] and [Series] give for a dose when the caller sets no limit.
const DefaultChoices = 24

// Interval is the number of days between one dose and the next: 0 ≤ Min ≤ Default ≤ Max.
type Interval struct{ Default, Min, Max int }

// LegalInterval reports whether a dose on the day to may follow a dose on the day from.
func LegalInterval(from, to civil.Date, iv Interval) bool {
	d := int(to) - int(from)
	return iv.Min <= d && d <= iv.Max
}

// SessionInfo is a stretch of time of the site in question: start and length in minutes, and its seats.
type SessionInfo struct{ Minute, Minutes, Seats int }

// Sessions lists a site's sessions of a day, in any order.
type Sessions func(day civil.Date) []SessionInfo

// Free says how many units of a counter are free, from a snapshot, when the rules give it this capacity. It only sorts
// out what is full anyway: [Decide] has the last word.
type Free func(c Counter, capacity int) int

// SecondDose gives the choices for a follow-up dose, the best first: the same site, always; the day at the default
// interval (the same weekday, when the interval is whole weeks), then the day nearest to it within Min … Max, of two
// equally near the earlier, which protects sooner; within a day the session whose start is nearest to the first dose's, of
// two equally near the earlier. Sessions without a free seat are left out; at most limit choices (0: [DefaultChoices]).
func SecondDose(first Slot, iv Interval, sessions Sessions, free Free, limit int) []Choice {
	if iv.Min < 0 || iv.Min > iv.Default || iv.Default > iv.Max {
		return nil
	}
	f := follow{slot: first, sessions: sessions, free: free, limit: limit}
	return f.within(first.Day+civil.Date(iv.Min), first.Day+civil.Date(iv.Default), first.Day+civil.Date(iv.Max), -1)
}

// After gives the interval that follows a dose on a day.
type After func(before civil.Date) Interval

// Series gives the choices for a whole series that begins with the person's own pick: one list for the pick itself and
// one for each interval, as [Request] wants them. Every combination of choices keeps every interval, whichever of them
// [Decide] finds room for: the choices of a dose that has a successor lie no further apart than the successor's interval
// is wide, and where the interval is another after some of those days (rules are dated), choices that have no day in common with the better ones are left
// out. A dose for which nothing is free, and all after it, get an empty list.
func Series(first Choice, intervals []After, sessions Sessions, free Free, limit int) [][]Choice {
	doses := make([][]Choice, 1, 1+len(intervals))
	doses[0] = []Choice{first}
	f := follow{slot: first.Slot, sessions: sessions, free: free, limit: limit}
	for i, after := range intervals {
		if len(doses[i]) == 0 {
			doses = append(doses, nil)
			continue
		}
		iv := after(doses[i][0].Slot.Day)
		if iv.Min < 0 || iv.Min > iv.Default || iv.Default > iv.Max {
			doses = append(doses, nil)
			continue
		}
		before, earliest, latest := common(doses[i], after)
		doses[i] = before
		want := min(max(before[0].Slot.Day+civil.Date(iv.Default), earliest), latest)
		spread := -1
		if i+1 < len(intervals) {
			next := intervals[i+1](want)
			spread = next.Max - next.Min
		}
		doses = append(doses, f.within(earliest, want, latest, spread))
	}
	return doses
}

// common gives those of a dose's choices after which one day is legal whichever of them is taken, and the first and the last such day. The best choice is
// always among them.
func common(choices []Choice, after After) (kept []Choice, earliest, latest civil.Date) {
	for _, c := range choices {
		iv := after(c.Slot.Day)
		lo, hi := c.Slot.Day+civil.Date(iv.Min), c.Slot.Day+civil.Date(iv.Max)
		if len(kept) > 0 {
			lo, hi = max(lo, earliest), min(hi, latest)
		}
		if lo <= hi {
			kept, earliest, latest = append(kept, c), lo, hi
		}
	}
	return kept, earliest, latest
}

// follow looks for follow-up doses at the site, and near the time, of a slot.
type follow struct {
	slot     Slot
	sessions Sessions
	free     Free
	limit    int
}

// within lists choices on the days earliest … latest, nearest to want first. A spread of 0 or more keeps all choices
// within that many days of one another.
func (f follow) within(earliest, want, latest civil.Date, spread int) []Choice {
	limit := f.limit
	if limit <= 0 {
		limit = DefaultChoices
	}
	var out []Choice
	lo, hi := want, want
	add := func(day civil.Date) {
		if day < earliest || day > latest || len(out) >= limit {
			return
		}
		if len(out) == 0 {
			lo, hi = day, day
		}
		if spread >= 0 && int(max(hi, day)-min(lo, day)) > spread {
			return
		}
		n := len(out)
		out = f.day(out, day, limit)
		if len(out) > n {
			lo, hi = min(lo, day), max(hi, day)
		}
	}
	reach := max(want-earliest, latest-want)
	for off := civil.Date(0); off <= reach && len(out) < limit; off++ {
		add(want - off)
		if off > 0 {
			add(want + off)
		}
	}
	return out
}

func (f follow) day(out []Choice, day civil.Date, limit int) []Choice {
	near := slices.Clone(f.sessions(day))
	slices.SortFunc(near, func(a, b SessionInfo) int {
		return cmp.Or(cmp.Compare(f.away(a.Minute), f.away(b.Minute)), cmp.Compare(a.Minute, b.Minute))
	})
	for _, s := range near {
		if len(out) >= limit {
			break
		}
		at := Session{Site: f.slot.Site, Day: day, Minute: s.Minute}
		c := SeatCounter(at)
		if c == 0 || f.free(c, s.Seats) < 1 {
			continue
		}
		out = append(out, Choice{
			Slot:    Slot{Session: at, Product: f.slot.Product},
			Minutes: s.Minutes,
			Seat:    Claim{Counter: c, Capacity: s.Seats, N: 1},
		})
	}
	return out
}

func (f follow) away(minute int) int {
	if minute < f.slot.Minute {
		return f.slot.Minute - minute
	}
	return minute - f.slot.Minute
}
