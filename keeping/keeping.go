// Package keeping is what becomes of people's data as time goes by: what is erased on which day by the programme's rules, what one
// person may have erased, what moves to new keys, and when an old key is needed no more.
//
// It owns these four questions and the order of the work over all rooms; each room erases and re-seals its own, in steps, and
// writes the event of it. It must not know of engines, faces or files, and it is given the day.
package keeping

import (
	"cmp"
	"context"
	"slices"

	"charye/booking"
	"charye/internal/civil"
	"charye/leftover"
	"charye/notify"
	"charye/person"
	"charye/programme"
)

// Ledger is a ledger that keeps names over time.
type Ledger interface {
	booking.Ledger
	booking.NameKeeper
}

// Rooms are the rooms that have people's data.
type Rooms struct {
	People person.Keeper
	Outbox notify.Keeper
	Ledger Ledger
	// Leftovers are the lists for leftover doses.
	Leftovers leftover.Keeper
}

// Rule names a rule of the programme's `retention`.
type Rule string

// The rules.
const (
	Contacts    Rule = "contacts"
	Phones      Rule = "phones"
	Recipients  Rule = "recipients"
	Temporaries Rule = "temporaries"
	Rosters     Rule = "rosters"
	Leftovers   Rule = "leftovers"
	Names       Rule = "names"
)

// Due is what a rule erases from the beginning of a day on.
type Due struct {
	Rule Rule
	Of   string     // the campaign or the roster; empty: of the whole programme
	On   civil.Date // with Names 0: each booking has a day of its own
}

// Ends are the days of the last doses booked, by campaign.
type Ends map[uint32]civil.Date

// ReadEnds goes over all live bookings once.
func ReadEnds(ctx context.Context, l booking.Ledger) (Ends, error) {
	ends := Ends{}
	err := l.All(ctx, func(b booking.Booking) error {
		if b.Status == booking.Booked {
			ends[b.Campaign] = max(ends[b.Campaign], lastDose(&b))
		}
		return nil
	})
	return ends, err
}

func lastDose(b *booking.Booking) (last civil.Date) {
	for i := range b.Doses {
		last = max(last, b.Doses[i].Slot.Day)
	}
	return last
}

// Plan lists what the programme's rules erase, and when: first what is due first.
func Plan(p *programme.Programme, ends Ends) (list []Due) {
	r := p.Retention
	var last civil.Date
	rosters := map[string]civil.Date{}
	add := func(rule Rule, of string, end civil.Date, days int) {
		if days > 0 {
			list = append(list, Due{Rule: rule, Of: of, On: max(end+civil.Date(days), r.KeepUntil)})
		}
	}
	for i := range p.Campaigns {
		c := &p.Campaigns[i]
		end := p.EndOf(c, ends[c.Num])
		last = max(last, end)
		for _, id := range append(slices.Clone(c.Except), c.Roster) {
			if id != "" {
				rosters[id] = max(rosters[id], end)
			}
		}
		add(Phones, c.ID, end, r.Phones)
		add(Recipients, c.ID, end, r.Recipients)
		if c.Leftovers != nil {
			add(Leftovers, c.ID, end, r.Leftovers)
		}
	}
	for id, end := range rosters {
		add(Rosters, id, end, r.Rosters)
	}
	add(Contacts, "", last, r.Contacts)
	add(Temporaries, "", last, r.Temporaries)
	if r.Names > 0 {
		list = append(list, Due{Rule: Names, On: r.KeepUntil})
	}
	slices.SortFunc(list, func(a, b Due) int {
		return cmp.Or(cmp.Compare(a.On, b.On), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Of, b.Of))
	})
	return list
}

// erasure is what a rule erases in the room of people; ok is false for the rules of other rooms.
func (d Due) erasure() (e person.Erasure, ok bool) {
	kinds := map[Rule]person.ErasureKind{
		Phones: person.ErasePhones, Recipients: person.EraseRecipients, Temporaries: person.EraseTemporaries, Rosters: person.EraseRoster,
	}
	kind, ok := kinds[d.Rule]
	return person.Erasure{What: kind, Of: d.Of, Why: "retention"}, ok
}
