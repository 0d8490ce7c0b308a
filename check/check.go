// Package check re-reads an installation and proves what it promises: counters equal the bookings they stand for, nobody is
// booked twice, places are unique and dense apart from named gaps, the
// draw is the one that its seed makes, nobody has a pass without a turn, the feed of events is whole, doses add up from the box to the arm, and none is given against a verdict.
//
// It owns the list of what is proved and how findings are told. It must not know of engines, faces or files: it is given
// the domains' contracts and the rules. A finding names no person.
package check

import (
	"context"
	"fmt"
	"io"

	"charye/approval"
	"charye/booking"
	"charye/internal/chain"
	"charye/line"
	"charye/programme"
)

// Input is what is checked. It must be at rest.
type Input struct {
	Programme *programme.Programme
	Ledger    booking.Ledger
	Line      line.Auditor
	// Noted are chains over the events that were written down elsewhere, of earlier reports.
	Noted  []booking.Noted
	Supply *Supply // nil: there is no supply room
	// Histories are the other rooms' histories, each held together by a chain of its own.
	Histories []History
	// Requests are what two people decide on, and NotedRequests chains over their history.
	Requests      approval.Source
	NotedRequests []chain.Noted
	// Progress is told what is being read; nil: nobody.
	Progress func(what string)
}

// Report is what was proved, and what was found. Notes break no promise: bookings that the rules as they are now would not
// make, as after a change in mid-programme.
type Report struct {
	Proved   []Line
	Findings []string
	Notes    []string
	Chain    booking.Noted // over all events: what to write down elsewhere
	Requests chain.Noted   // the same over what happened to requests
	Chains   []ChainOf     // the same of the other histories
	noted    int
}

// mostNotes is how many notes are listed; the rest is counted.
const mostNotes = 20

func (r *Report) note(booking int64, list []string) {
	for _, n := range list {
		if r.noted++; r.noted <= mostNotes {
			r.Notes = append(r.Notes, fmt.Sprintf("booking %d: %s", booking, n))
		}
	}
}

// Line is one thing that was looked at, with how many there were.
type Line struct {
	What  string
	Count int64
	// Passes is true for what lasts minutes and may go with its store.
	Passes bool
}

// OK reports whether every promise is kept.
func (r *Report) OK() bool { return len(r.Findings) == 0 }

// Run reads everything. An error means that it could not be read; what was found until then is in the report.
func Run(ctx context.Context, in Input) (*Report, error) {
	r := &Report{}
	say := in.Progress
	if say == nil {
		say = func(string) {}
	}
	say("bookings")
	a := booking.Audit(ctx, in.Ledger, booking.Asked{Noted: in.Noted, Each: func(b *booking.Booking) []string {
		r.note(b.ID, rules(in.Programme, b))
		return nil
	}})
	if err := ctx.Err(); err != nil {
		return r, err
	}
	r.Findings = append(r.Findings, a.Findings...)
	r.count("events, without a gap, as the chain over them says", a.Events)
	r.Chain = booking.Noted{Seq: a.Events, Chain: a.Chain}
	if a.Vouched < a.Events {
		r.Notes = append(r.Notes, fmt.Sprintf("events %d to %d were written by a version before the chain; the next event of this one vouches for them", a.Vouched+1, a.Events))
	}
	r.count("counters, equal to the bookings and holds they stand for", int64(a.Counters))
	r.count("bookings", int64(a.Bookings))
	r.count("live bookings, one for a person and campaign", int64(a.Live))
	r.count("holds, none beside a booking", int64(a.Holds))
	for i := range in.Programme.Campaigns {
		c := &in.Programme.Campaigns[i]
		say("line of " + c.ID)
		l, err := in.Line.Audit(ctx, c.Num)
		if err != nil {
			return r, fmt.Errorf("line of %s: %w", c.ID, err)
		}
		r.count("places in the line of "+c.ID+", one for a person", int64(l.Found))
		if l.Gaps > 0 {
			r.count("numbers of "+c.ID+" that nobody has, as the line's store says", int64(l.Gaps))
		}
		r.count("turns in the line of "+c.ID, int64(l.Admitted))
		r.Proved = append(r.Proved, Line{What: "passes of " + c.ID + ", none without a turn", Count: int64(l.Live), Passes: true})
		for _, v := range l.Violations {
			r.Findings = append(r.Findings, "line of "+c.ID+": "+v)
		}
	}
	if in.Supply != nil {
		say("supply")
		if err := r.supply(ctx, in.Supply); err != nil {
			return r, err
		}
	}
	if in.Requests != nil {
		say("requests")
		a, err := approval.Audit(ctx, in.Requests, in.NotedRequests...)
		if err != nil {
			return r, fmt.Errorf("requests: %w", err)
		}
		for _, f := range a.Findings {
			r.find("requests: %s", f)
		}
		r.Requests = a.Head
		r.count("requests, none agreed to by who asked and none done unless agreed", a.Requests)
		r.count("events of requests, without a gap, as the chain over them says", a.Head.Seq)
	}
	for _, h := range in.Histories {
		say("what happened to " + h.Room)
		c, err := chain.Check(ctx, h.Of, h.Noted)
		if err != nil {
			return r, fmt.Errorf("what happened to %s: %w", h.Room, err)
		}
		for _, f := range c.Findings {
			r.find("%s: %s", h.Room, f)
		}
		r.Chains = append(r.Chains, ChainOf{h.Room, c.Head})
		r.count("events of "+h.Room+", without a gap, as the chain over them says", c.Head.Seq)
	}
	return r, nil
}

// History is what happened in a room, with the chains over it that were written down elsewhere.
type History struct {
	Room  string
	Of    chain.Keeper
	Noted []chain.Noted
}

// ChainOf is the chain over what happened in a room.
type ChainOf struct {
	Room string
	Head chain.Noted
}

func (r *Report) count(what string, n int64) { r.Proved = append(r.Proved, Line{What: what, Count: n}) }

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	for _, l := range r.Proved {
		if _, err := fmt.Fprintf(w, "%12d  %s\n", l.Count, l.What); err != nil {
			return err
		}
	}
	for _, f := range r.Findings {
		if _, err := fmt.Fprintf(w, "WRONG         %s\n", f); err != nil {
			return err
		}
	}
	for _, n := range r.Notes {
		if _, err := fmt.Fprintf(w, "note          %s\n", n); err != nil {
			return err
		}
	}
	if more := r.noted - mostNotes; more > 0 {
		if _, err := fmt.Fprintf(w, "note          and %d more\n", more); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(w, "chain         %v\n", r.Chain); err != nil {
		return err
	}
	if r.Requests.Seq > 0 {
		if _, err := fmt.Fprintf(w, "chain         %v of requests\n", r.Requests); err != nil {
			return err
		}
	}
	for _, c := range r.Chains {
		if c.Head.Seq == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "chain         %v of %s\n", c.Head, c.Room); err != nil {
			return err
		}
	}
	last := "every promise is kept"
	if !r.OK() {
		last = fmt.Sprintf("%d promises are broken", len(r.Findings))
	}
	_, err := fmt.Fprintln(w, last)
	return err
}

func firstProduct(b *booking.Booking) string {
	if len(b.Doses) == 0 {
		return ""
	}
	return b.Doses[0].Slot.Product
}

// rules holds a live booking against the programme: its campaign, its products, the number of doses, and the intervals that
// held on the day of the dose before.
func rules(p *programme.Programme, b *booking.Booking) (wrong []string) {
	c, ok := p.CampaignByNum(b.Campaign)
	if !ok {
		return []string{fmt.Sprintf("it is in campaign %d, which the programme does not have", b.Campaign)}
	}
	began, known := p.Product(firstProduct(b))
	for i := range b.Doses {
		d := &b.Doses[i]
		product, ok := p.Product(d.Slot.Product)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("dose %d is of %s, which the programme does not have", d.Dose, d.Slot.Product))
			continue
		}
		if i == 0 {
			// What was spoilt does not count, and until its person has picked another time there is one less.
			count := b.Counting(len(b.Doses)+1) - 1
			if count > product.Series.Doses || count < product.Series.Doses && count == len(b.Doses) {
				wrong = append(wrong, fmt.Sprintf("it has %d doses of %s that count, whose series has %d", count, product.ID, product.Series.Doses))
			}
			continue
		}
		before := b.Doses[i-1].Slot
		if !known {
			continue
		}
		if spoilt := b.Again(i + 1); spoilt != nil {
			// One that was booked before may stand too soon, until it is moved; given it never is.
			first, ruled := began.Series.AgainFrom(before.Day)
			if ruled && d.Slot.Day < first && d.Visit.State == booking.Given && d.Visit.At.After(spoilt.Visit.At) {
				wrong = append(wrong, fmt.Sprintf("dose %d was given again on %s, and was spoilt on %s: it may be from %s on", d.Dose, d.Slot.Day, before.Day, first))
			}
			continue
		}
		iv := began.Series.Interval(c.ID, before.Day)
		// A dose behind one that was given may have been missed at its time, and come later than its interval.
		late := b.Doses[i-1].Visit.State == booking.Given && int(d.Slot.Day-before.Day) >= iv.Min
		if !late && !booking.LegalInterval(before.Day, d.Slot.Day, booking.Interval{Default: iv.Default, Min: iv.Min, Max: iv.Max}) {
			wrong = append(wrong, fmt.Sprintf("dose %d on %s is outside the interval after dose %d on %s", d.Dose, d.Slot.Day, i, before.Day))
		}
	}
	return wrong
}
