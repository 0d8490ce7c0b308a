// Package reschedule moves follow-up doses that are booked already when a rule changes in the middle of a programme: first a
// plan that changes nothing and can be read, then its application, then, if need be, its undoing.
//
// It owns which bookings a plan moves and where to, the form of a plan, and how it is carried out. It must not know of engines,
// files or faces: it is given a ledger, the rules and the sites. What it wants is decided by booking.Decide like everybody's
// wish: capacity holds, and a person's own choice since the plan was made stands.
package reschedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"charye/booking"
	"charye/booking/moves"
	"charye/internal/civil"
	"charye/internal/weak"
	"charye/programme"
	"charye/site"
)

// Wish says which doses are looked at. The interval is that of the programme as it is now.
type Wish struct {
	Campaign string
	Product  string // which the series began with
	Dose     int    // 2 or more
	// Doses on these days are looked at, both included; zero: no bound.
	From, Until civil.Date
	// Nothing is moved from or to a day before this one: vials are under way by then.
	NotBefore civil.Date
	Keep      map[int64]bool // bookings that stay, by id: of people who asked for it
	// Metres is how far a dose may be sent whose site has no room within the interval, and which may not stay where it is; 0: it stays.
	Metres int
	// DeclineDays is how many days after the plan was made people may have their own move taken back; 0: none. See [Way.Only].
	DeclineDays int
	Why         string // for the events, such as interval-2021-09-27
}

// Move is one dose of one booking, from a slot to another.
type Move struct {
	Booking int64  `json:"booking"`
	Dose    int    `json:"dose"`
	From    string `json:"from"` // booking.Slot in its text form
	To      string `json:"to"`
	Metres  int    `json:"metres,omitempty"` // to another site
}

// Summary says what a plan does.
type Summary struct {
	Looked   int // live doses that the wish is about
	Right    int // on the default day already
	Own      int // moved by the person before: their choice stands
	Kept     int // of people who asked to be left alone
	Moved    int
	Unplaced int   // no free seat nearer to the default day at their site, nor within reach where they may not stay
	Sent     int   // of those moved: to another site
	Metres   []int // how far each of these is sent, ascending
	// Days says for each day how many doses leave it and come to it, and how many wanted to come and found it full.
	Days map[civil.Date]Day
}

// Day is what a plan does to one day.
type Day struct{ Leave, Come, Overflow int }

// header is the first line of a plan.
type header struct {
	Reschedule string    `json:"reschedule"` // the programme's id
	Campaign   string    `json:"campaign"`
	Why        string    `json:"why"`
	Made       time.Time `json:"made"`
	// DeclineUntil is the instant until which people may have their own move taken back; absent: they may not.
	DeclineUntil *time.Time `json:"declineUntil,omitempty"`
}

// places are those of a plan in the making.
type places struct{ *moves.Places }

// Plan looks at every booking and writes a plan, one JSON document a line. Nothing is changed, and nothing held: what is booked
// meanwhile is found when the plan is carried out. Memory grows with the sessions, and with the bookings that people moved.
func Plan(ctx context.Context, l booking.Ledger, r moves.Rules, w Wish, at time.Time, to io.Writer) (*Summary, error) {
	c, ok := r.Programme.Campaign(w.Campaign)
	if !ok {
		return nil, fmt.Errorf("campaign: the programme has none that is called %s", w.Campaign)
	}
	product, ok := r.Programme.Product(w.Product)
	if !ok || w.Dose < 2 || w.Dose > product.Series.Doses {
		return nil, fmt.Errorf("product, dose: the programme has no dose %d of %s", w.Dose, w.Product)
	}
	p := &places{Places: r.Places()}
	if err := p.Read(ctx, l); err != nil {
		return nil, err
	}
	own, err := movedByPeople(ctx, l)
	if err != nil {
		return nil, err
	}
	out := json.NewEncoder(to)
	head := header{Reschedule: r.Programme.ID, Campaign: w.Campaign, Why: w.Why, Made: at.UTC()}
	if w.DeclineDays > 0 {
		until := (civil.Of(at, r.Programme.Zone) + civil.Date(w.DeclineDays) + 1).At(0, r.Programme.Zone).UTC()
		head.DeclineUntil = &until
	}
	if err := out.Encode(head); err != nil {
		return nil, err
	}
	sum := &Summary{Days: map[civil.Date]Day{}}
	err = l.All(ctx, func(b booking.Booking) error {
		if b.Status != booking.Booked || b.Campaign != c.Num || len(b.Doses) < w.Dose || b.Counting(w.Dose) != w.Dose {
			return nil // behind a spoilt dose other days hold, which their person has chosen
		}
		before, dose := &b.Doses[w.Dose-2], &b.Doses[w.Dose-1]
		day := dose.Slot.Day
		if b.Doses[0].Slot.Product != w.Product || w.From != 0 && day < w.From || w.Until != 0 && day > w.Until || day < w.NotBefore {
			return nil
		}
		sum.Looked++
		iv := product.Series.Interval(c.ID, before.Slot.Day)
		want := before.Slot.Day + civil.Date(iv.Default)
		switch {
		case day == want:
			sum.Right++
			return nil
		case w.Keep[b.ID]:
			sum.Kept++
			return nil
		case own[b.ID]:
			sum.Own++
			return nil
		}
		here := before.Slot // at its hour
		here.Site = dose.Slot.Site
		best, ok := p.nearest(&b, w, iv, here)
		metres := 0
		if !ok && w.Metres > 0 && (!legal(before.Slot.Day, day, iv) || weak.Off(weak.FaultElsewhere)) {
			best, metres, ok = p.elsewhere(&b, w, iv)
		}
		if !ok || best.Slot.Day != want {
			sum.day(want, Day{Overflow: 1})
		}
		if !ok {
			sum.Unplaced++
			return nil
		}
		p.TakeDose(dose.Slot, dose.Vial, -1)
		p.TakeDose(best.Slot, best.Vial, 1)
		sum.Moved++
		if best.Slot.Site != dose.Slot.Site {
			sum.Sent++
			sum.Metres = append(sum.Metres, metres)
		}
		sum.day(day, Day{Leave: 1})
		sum.day(best.Slot.Day, Day{Come: 1})
		return out.Encode(Move{b.ID, w.Dose, dose.Slot.String(), best.Slot.String(), metres})
	})
	slices.Sort(sum.Metres)
	if err != nil {
		return sum, err
	}
	return sum, out.Encode(map[string]end{"end": {Looked: sum.Looked, Own: sum.Own, Kept: sum.Kept, Unplaced: sum.Unplaced}})
}

func legal(before, day civil.Date, iv programme.Interval) bool {
	return booking.LegalInterval(before, day, booking.Interval{Default: iv.Default, Min: iv.Min, Max: iv.Max})
}

func (s *Summary) day(day civil.Date, d Day) {
	was := s.Days[day]
	s.Days[day] = Day{was.Leave + d.Leave, was.Come + d.Come, was.Overflow + d.Overflow}
}

// nearest is the free slot nearest to the default day at the site of a slot, if that is nearer than where the dose is, or legal where that is
// not; the dose after it keeps its interval.
func (p *places) nearest(b *booking.Booking, w Wish, iv programme.Interval, at booking.Slot) (booking.Choice, bool) {
	before, dose := b.Doses[w.Dose-2].Slot, &b.Doses[w.Dose-1]
	rule := booking.Interval{Default: iv.Default, Min: iv.Min, Max: iv.Max}
	want := before.Day + civil.Date(iv.Default)
	far := func(day civil.Date) int { return max(int(day-want), int(want-day)) }
	stays := legal(before.Day, dose.Slot.Day, iv)
	for _, c := range booking.SecondDose(at, rule, p.Sessions(at.Site), p.Free, 0) {
		c.Slot.Product = dose.Slot.Product // which may be another than that of the dose before
		c, ok := p.Choice(c.Slot, *dose)
		switch {
		case !ok, c.Slot.Day < w.NotBefore, stays && far(c.Slot.Day) >= far(dose.Slot.Day):
			continue
		case c.Slot.Site != dose.Slot.Site && !p.InVial(c.Slot):
			continue
		case w.Dose < len(b.Doses) && !p.keeps(b, c.Slot, b.Doses[w.Dose].Slot):
			continue
		}
		return c, true
	}
	return booking.Choice{}, false
}

// elsewhere is the slot at the nearest site within reach that has one.
func (p *places) elsewhere(b *booking.Booking, w Wish, iv programme.Interval) (c booking.Choice, metres int, ok bool) {
	from, known := p.Site(b.Doses[w.Dose-1].Slot.Site)
	if !known || !from.Placed() {
		return c, 0, false
	}
	for next := ""; ; {
		page, after, err := p.Index.Nearest(from.Lat, from.Lon, next, site.MaxPage)
		if err != nil {
			return c, 0, false
		}
		for _, near := range page {
			if near.Metres > w.Metres && !weak.Off(weak.FaultReach) {
				return c, 0, false
			}
			if near.Num == from.Num {
				continue
			}
			at := b.Doses[w.Dose-2].Slot
			at.Site = near.Num
			if c, ok := p.nearest(b, w, iv, at); ok {
				return c, near.Metres, true
			}
		}
		if next = after; next == "" {
			return c, 0, false
		}
	}
}

// keeps reports whether a dose may stay where it is after one that moves to a slot.
func (p *places) keeps(b *booking.Booking, moved, after booking.Slot) bool {
	c, ok := p.Programme.CampaignByNum(b.Campaign)
	product, known := p.Programme.Product(b.Doses[0].Slot.Product)
	if !ok || !known {
		return false
	}
	return legal(moved.Day, after.Day, product.Series.Interval(c.ID, moved.Day))
}

const eventsPage = 10_000

// movedByPeople finds the bookings that somebody moved who is not the system.
func movedByPeople(ctx context.Context, l booking.Ledger) (map[int64]bool, error) {
	own := map[int64]bool{}
	for last := int64(0); ; {
		page, err := l.Events(ctx, last, eventsPage)
		if err != nil || len(page) == 0 {
			return own, err
		}
		for i := range page {
			if e := &page[i]; e.Kind == booking.EventChanged && e.Channel != moves.System {
				own[e.Booking] = true
			}
		}
		last = page[len(page)-1].Seq
	}
}

// ErrPlan means that a plan is not one, or not for this programme.
var ErrPlan = errors.New("not a plan for this programme")

// sortedDays gives the days of a summary in order.
func (s *Summary) sortedDays() []civil.Date {
	days := make([]civil.Date, 0, len(s.Days))
	for d := range s.Days {
		days = append(days, d)
	}
	slices.Sort(days)
	return days
}

// WriteText writes the summary for people.
func (s *Summary) WriteText(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%d doses looked at: %d would move, %d are right already, %d were moved by the people themselves and stay, %d stay because they asked for it, %d find no free seat nearer at their site\n",
		s.Looked, s.Moved, s.Right, s.Own, s.Kept, s.Unplaced); err != nil {
		return err
	}
	if s.Sent > 0 {
		if _, err := fmt.Fprintf(w, "%d of them go to another site: half of these not further than %d m, nine in ten not further than %d m, none further than %d m\n",
			s.Sent, s.Metres[(s.Sent-1)/2], s.Metres[(s.Sent-1)*9/10], s.Metres[s.Sent-1]); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(w, "%-10s  %9s  %9s  %9s\n", "day", "leave", "come", "overflow"); err != nil {
		return err
	}
	for _, d := range s.sortedDays() {
		v := s.Days[d]
		if _, err := fmt.Fprintf(w, "%-10s  %9d  %9d  %9d\n", d, v.Leave, v.Come, v.Overflow); err != nil {
			return err
		}
	}
	return nil
}
