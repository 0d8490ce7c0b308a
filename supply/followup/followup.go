// Package followup is what becomes of people who were given a dose from a box that was recalled or destroyed since: who they are, and that the dose
// does not count, so that they are told and can have it again.
//
// It owns who is on the list of a case, and how far each has come. It must not know of names, addresses, pages or files: a person is a booking and a
// dose of it, and who may look one up is the walk's to say. When a dose may be given again is the programme's ([charye/programme.Series.AgainFrom]).
package followup

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/site"
	"charye/supply"
	"charye/supply/trace"
)

// Recalled is why somebody is on the list whose dose was fit by all that is known of its temperature: the box was recalled for another reason.
const Recalled supply.Cause = "recalled"

// Stage is how far somebody on the list has come.
type Stage string

// The stages.
const (
	Listed  Stage = "listed"  // found, and nothing was done
	Spoilt  Stage = "spoilt"  // the dose does not count, and its person is told by that
	Booked  Stage = "booked"  // and has an appointment for another
	Again   Stage = "again"   // and was given it
	Unnamed Stage = "unnamed" // custody told no booking: only the site knows who it was
)

// Stages lists them in their order.
var Stages = []Stage{Listed, Spoilt, Booked, Again, Unnamed}

// Entry is one dose that somebody was given.
type Entry struct {
	Booking  int64 // 0 with Unnamed
	Dose     int   // of the booking
	Campaign uint32
	Person   person.Key // as the index calls them, with Unnamed
	Product  string
	Site     site.Num
	Box      supply.SSCC
	Lot      supply.LotKey
	Given    time.Time
	Why      supply.Cause
	Stage    Stage
	Next     civil.Date // with Booked and Again: the day of the other dose
	told     bool       // the ledger knows that it was given
}

// Case gives the boxes that a case recalled or had destroyed, ascending: verdicts for good, each agreed to by two.
func Case(verdicts []supply.Verdict, name string) (out []supply.SSCC) {
	for _, v := range verdicts {
		if v.Case == name && (v.Action == supply.Recall || v.Action == supply.Destroy) {
			out = append(out, v.Boxes...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Find gives the bookings of people by how the index calls them, some hundred at a time.
type Find func(ctx context.Context, people []person.Key) (map[person.Key][]booking.Booking, error)

// ByPerson finds them where the index knows people by their own keys.
func ByPerson(l interface {
	Bookings(ctx context.Context, who person.Key) ([]booking.Booking, error)
}) Find {
	return func(ctx context.Context, people []person.Key) (map[person.Key][]booking.Booking, error) {
		out := make(map[person.Key][]booking.Booking, len(people))
		for _, who := range people {
			list, err := l.Bookings(ctx, who)
			if err != nil {
				return nil, err
			}
			out[who] = list
		}
		return out, nil
	}
}

// ByNumber finds them where the index stands a booking's number in for its person; number reads it.
func ByNumber(l interface {
	Several(ctx context.Context, ids []int64) ([]booking.Booking, error)
}, number func(person.Key) (id int64, ok bool)) Find {
	return func(ctx context.Context, people []person.Key) (map[person.Key][]booking.Booking, error) {
		out, ids, of := make(map[person.Key][]booking.Booking, len(people)), []int64(nil), map[int64]person.Key{}
		for _, who := range people {
			if id, ok := number(who); ok {
				if _, twice := of[id]; !twice {
					ids = append(ids, id)
				}
				of[id] = who
			}
		}
		list, err := l.Several(ctx, ids)
		for _, b := range list {
			out[of[b.ID]] = []booking.Booking{b}
		}
		return out, err
	}
}

// List is who is on the list of a case.
type List struct {
	Entries []Entry // by site, then by when they were given
	// Before are how many doses were given from the boxes while these were fit by all that is known; they are on the list only where all is asked for.
	Before int
}

// Make finds who was given a dose from boxes after these had ceased to be fit, each dose judged by what its box had gone through until then; with all
// everybody who was given one, as for a recall of the product itself. at is the moment from which the chain is looked at.
func Make(ctx context.Context, t *trace.Trace, find Find, boxes []supply.SSCC, at supply.AsOf, all bool) (*List, error) {
	out := &List{}
	t.Index.Doses(boxes, at, func(g supply.Given, j supply.Judgement) {
		why := Recalled
		if !j.Fit() {
			why = j.Cause()
		} else if !all {
			out.Before++
			return
		}
		e := Entry{Dose: g.Dose, Person: g.Person, Site: g.Site, Box: g.Box, Given: g.At, Why: why, Stage: Unnamed}
		if b, ok := t.Box(g.Box); ok {
			e.Product, e.Lot = b.Product, b.Lot
		}
		out.Entries = append(out.Entries, e)
	})
	for part := range slices.Chunk(out.Entries, atOnce) {
		people := make([]person.Key, len(part))
		for i := range part {
			people[i] = part[i].Person
		}
		found, err := find(ctx, people)
		if err != nil {
			return nil, err
		}
		for i := range part {
			part[i].found(found[people[i]], at.Zone)
		}
	}
	slices.SortFunc(out.Entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Site, b.Site), a.Given.Compare(b.Given), cmp.Compare(a.Booking, b.Booking), cmp.Compare(a.Box, b.Box))
	})
	return out, nil
}

// found fills in which booking it was, and how far its person has come.
func (e *Entry) found(list []booking.Booking, zone *time.Location) {
	day := civil.Of(e.Given, zone)
	for i := range list {
		b := &list[i]
		if b.Status != booking.Booked || e.Dose < 1 || e.Dose > len(b.Doses) {
			continue
		}
		d := &b.Doses[e.Dose-1]
		if d.Slot.Site != e.Site || d.Slot.Day != day || d.Slot.Product != e.Product {
			continue
		}
		switch d.Visit.State {
		case booking.Given, booking.Expected, booking.Arrived: // custody may know what nobody told the ledger
			e.Stage, e.told = Listed, d.Visit.State == booking.Given
		case booking.Spoilt:
			e.Stage = Spoilt
		default: // turned away, or nobody came: custody says otherwise, and only the site can know
			continue
		}
		e.Booking, e.Campaign, e.Person = b.ID, b.Campaign, b.Person
		if e.Stage == Spoilt && e.Dose < len(b.Doses) {
			switch next := &b.Doses[e.Dose]; next.Visit.State {
			case booking.Given:
				e.Stage, e.Next = Again, next.Slot.Day
			case booking.Expected, booking.Arrived:
				e.Stage, e.Next = Booked, next.Slot.Day
			default: // to be moved, or spoilt as well and an entry of its own
			}
		}
		return
	}
}

// Count is how many entries are at each stage.
func (l *List) Count() map[Stage]int {
	out := map[Stage]int{}
	for i := range l.Entries {
		out[l.Entries[i].Stage]++
	}
	return out
}

// Ledger is what carrying out needs; see [booking.Ledger].
type Ledger interface {
	Apply(ctx context.Context, batch []booking.Request) ([]booking.Outcome, error)
}

// atOnce is how many people's doses go into one step of the ledger.
const atOnce = 200

// Carry has the doses of all who are [Listed] not count any more, in the name of a case. What is on the list already is left alone, so an interrupted
// run is gone on with by another; each person is told once, by the event. It gives how many doses it was, and how many changed meanwhile. Nothing is
// begun once the context is over, and that is no error.
func (l *List) Carry(ctx context.Context, to Ledger, name string, now func() time.Time) (spoilt, other int, err error) {
	if name == "" || len(name) > booking.MaxWord {
		return 0, 0, fmt.Errorf("a case of %d bytes; want 1 to %d", len(name), booking.MaxWord)
	}
	var todo []*Entry
	for i := range l.Entries {
		if l.Entries[i].Stage == Listed {
			todo = append(todo, &l.Entries[i])
		}
	}
	for part := range slices.Chunk(todo, atOnce) {
		if ctx.Err() != nil {
			return spoilt, other, nil
		}
		var batch []booking.Request
		at := now()
		for _, e := range part {
			r := booking.Request{
				Op: booking.OpVisit, Campaign: e.Campaign, Person: e.Person, Channel: "system", Why: name, At: at, Booking: e.Booking, Dose: e.Dose,
			}
			if !e.told {
				r.Visit = booking.Visit{State: booking.Given, From: supply.Elements{SSCC: e.Box}.String()}
				batch = append(batch, r)
			}
			r.Visit = booking.Visit{State: booking.Spoilt, Why: name}
			batch = append(batch, r)
		}
		done, err := to.Apply(context.WithoutCancel(ctx), batch)
		if err != nil {
			return spoilt, other, err
		}
		for i, o := range done {
			switch {
			case batch[i].Visit.State != booking.Spoilt:
			case o.Result == booking.Done:
				spoilt++
			case o.Result == booking.Repeated:
			default:
				other++
			}
		}
	}
	return spoilt, other, nil
}

// Columns are those of the list as a table.
var Columns = []string{"site", "booking", "dose", "product", "given", "box", "lot", "why", "stage", "next"}

// Line is an entry as a line of the table; at names its site. Nobody is named: a person is the number of a booking.
func (e *Entry) Line(at string, zone *time.Location) []string {
	number, next := "", ""
	if e.Booking != 0 {
		number = booking.Number(e.Booking)
	}
	if e.Next != 0 {
		next = e.Next.String()
	}
	return []string{at, number, strconv.Itoa(e.Dose), e.Product, e.Given.In(zone).Format(time.RFC3339), e.Box.String(), e.Lot.ID, string(e.Why), string(e.Stage), next}
}
