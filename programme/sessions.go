package programme

import (
	"slices"
	"strings"
	"sync"

	"charye/internal/civil"
)

// AllSites is the Sites of a timetable that holds for every site.
const AllSites = "all"

// Matches reports whether a timetable speaks of a site.
func (t *Timetable) Matches(siteID, kind, region string) bool {
	if t.Sites == AllSites || t.Sites == siteID {
		return true
	}
	if name, ok := strings.CutPrefix(t.Sites, "region:"); ok {
		return name == region
	}
	if name, ok := strings.CutPrefix(t.Sites, "kind:"); ok {
		return name == kind
	}
	return false
}

// Sessions gives the sessions of a site on a day, by time of day. Of the timetables that match the site and reach to that
// day, the one written last decides alone, so particular entries go below general ones. The slice is shared and must not
// be changed. It allocates nothing after the first call for a combination of region and kind, and is safe for concurrent
// use.
func (p *Programme) Sessions(siteID, kind, region string, day civil.Date) []Session {
	for _, t := range p.plan(siteID, kind, region).tables {
		switch {
		case day < t.start || day > t.lastDay:
			continue
		case day <= t.lastFirst:
			return t.first
		}
		return t.followUp
	}
	return nil
}

// FirstDays gives the days on which a site has first doses, ascending. The slice is shared and must not be changed.
func (p *Programme) FirstDays(siteID, kind, region string) []civil.Date {
	return p.plan(siteID, kind, region).firstDays()
}

// Span gives the first and the last day on which a site may have sessions of any sort; ok is false when no timetable
// matches it.
func (p *Programme) Span(siteID, kind, region string) (first, last civil.Date, ok bool) {
	for i, t := range p.plan(siteID, kind, region).tables {
		if i == 0 {
			first, last = t.start, t.lastDay
		}
		first, last = min(first, t.start), max(last, t.lastDay)
		ok = true
	}
	return first, last, ok
}

// table is a timetable worked out: its last days and its two lists of sessions.
type table struct {
	start, lastFirst, lastDay civil.Date
	first, followUp           []Session
}

// plan is what holds for all sites of one combination, the last timetable first.
type plan struct {
	tables []*table
	days   func() []civil.Date
}

// combination is all that timetables can tell sites apart by. What no timetable names is left empty, so their number is
// bounded by the file and not by the number of sites.
type combination struct{ site, kind, region string }

// plans are made when first asked for.
type plans struct {
	programme *Programme
	tables    []*table
	named     map[string]bool // the Sites of the timetables
	made      sync.Map        // combination → *plan
}

func newPlans(p *Programme) *plans {
	reach := 0
	for i := range p.Products {
		reach = max(reach, p.Products[i].Series.Reach())
	}
	out := &plans{programme: p, named: make(map[string]bool)}
	lists := make(map[Timetable][2][]Session)
	for _, t := range p.Timetables {
		out.named[t.Sites] = true
		hours := Timetable{From: t.From, To: t.To, Every: t.Every, Seats: t.Seats}
		made, ok := lists[hours]
		if !ok {
			made = [2][]Session{hours.sessions(true), hours.sessions(false)}
			lists[hours] = made
		}
		lastFirst := t.Start + civil.Date(t.Days) - 1
		out.tables = append(out.tables, &table{
			start: t.Start, lastFirst: lastFirst, lastDay: lastFirst + civil.Date(reach),
			first: made[0], followUp: made[1],
		})
	}
	return out
}

func (t *Timetable) sessions(first bool) []Session {
	var out []Session
	if t.Every <= 0 {
		return nil
	}
	for at := t.From; at+t.Every <= t.To; at += t.Every {
		out = append(out, Session{Minute: at, Minutes: t.Every, Seats: t.Seats, First: first})
	}
	return slices.Clip(out)
}

func (p *Programme) plan(siteID, kind, region string) *plan {
	all := p.plans
	if all == nil { // a Programme that did not come from Parse
		all = newPlans(p)
	}
	c := combination{}
	if all.named[siteID] {
		c.site = siteID
	}
	if kind != "" && all.has("kind:", kind) {
		c.kind = kind
	}
	if region != "" && all.has("region:", region) {
		c.region = region
	}
	if made, ok := all.made.Load(c); ok {
		return made.(*plan)
	}
	made := &plan{}
	for i, t := range slices.Backward(p.Timetables) {
		if t.Matches(c.site, c.kind, c.region) {
			made.tables = append(made.tables, all.tables[i])
		}
	}
	made.days = sync.OnceValue(made.workOutFirstDays)
	kept, _ := all.made.LoadOrStore(c, made)
	return kept.(*plan)
}

func (a *plans) has(prefix, name string) bool {
	var buf [128]byte
	return a.named[string(append(append(buf[:0], prefix...), name...))]
}

func (p *plan) firstDays() []civil.Date { return p.days() }

func (p *plan) workOutFirstDays() []civil.Date {
	decided := make(map[civil.Date]bool)
	var out []civil.Date
	for _, t := range p.tables {
		for d := t.start; d <= t.lastDay; d++ {
			if !decided[d] {
				decided[d] = true
				if d <= t.lastFirst {
					out = append(out, d)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Clip(out)
}
