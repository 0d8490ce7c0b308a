// Package reduce takes doses from a campaign that are booked already: first a plan that changes nothing and can be read, then its
// application, then, if need be, its undoing.
//
// It owns who loses a dose (the last who booked, a whole series at a time, and nobody whose first dose is given or near), what they
// get instead (another product where doses of it came in its place; a day after a delivery that is foreseen; else the first places in
// standby, in the order of their bookings), the form of a plan, and how it is carried out. It must not know of engines, files or faces: it is
// given a ledger, the rules and the sites. Every step is decided by booking.Decide, and the doses go in the same step, so that nobody
// books what somebody has just lost.
package reduce

import (
	"cmp"
	"context"
	"crypto/rand"
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
)

// Wish says what went.
type Wish struct {
	Campaign string
	Doses    int    // that went now; 0 where the rules, or an earlier plan, say already that there are fewer
	Product  string // only those whose series began with it lose theirs; empty: whoever booked last
	// Instead is a product of which so many doses came in place of those that went, for those who lost; empty: none.
	Instead      string
	InsteadDoses int
	// Whose first dose is before this day loses nothing: it is given, or its vial is under way.
	NotBefore civil.Date
	Why       string // for the events, such as delivery-2021-08-06
}

// What a plan refuses.
var (
	// ErrPlan means that a plan is not one, or not for this programme, or was undone.
	ErrPlan = errors.New("not a plan for this programme")
	// ErrTooMany means that more would have to be lost than those have who may lose one.
	ErrTooMany = errors.New("more than those have who can lose a dose")
	// ErrNotThere means that more went than there were: what comes later has not gone.
	ErrNotThere = errors.New("more doses than the campaign has")
	// ErrClosed means that somebody would stand first in a line that is closed.
	ErrClosed = errors.New("the campaign is closed")
)

// Kind says what somebody gets for a dose that is lost.
type Kind string

// The kinds, in the order in which they are tried.
const (
	OtherProduct Kind = "product" // same site and session, of the product that came instead
	OtherDay     Kind = "day"     // same site, the first day with room behind a delivery
	Standby      Kind = "standby" // first in line for what comes free
)

// Loss is one booking that loses its doses.
type Loss struct {
	Booking int64    `json:"booking"`
	Kind    Kind     `json:"kind"`
	From    []string `json:"from"`         // booking.Slot in its text form, by dose
	To      []string `json:"to,omitempty"` // as many; none with Standby
	// Had are the counters, beside seats, that the booking takes of, and Has what it takes of afterwards; one of each.
	Had []booking.Counter `json:"had"`
	Has []booking.Counter `json:"has,omitempty"`
}

// header is the first line of a plan. Net is by how much the campaign's doses change: what went, less those of the product that came instead and
// found somebody.
type header struct {
	Reduction string    `json:"reduction"` // the programme's id
	ID        string    `json:"id"`        // tells this plan from all others: what went is counted once
	Campaign  string    `json:"campaign"`
	Doses     int       `json:"doses"`
	Net       int       `json:"net"`
	Why       string    `json:"why"`
	Made      time.Time `json:"made"`
}

// Summary says what a plan does.
type Summary struct {
	Before, After int // doses there are
	Taken         int // booked, held or kept for somebody, before
	Spare         int // bookings that may lose theirs
	Lose          int
	Kinds         map[Kind]int
	Later         []int // days by which those are later who get another day, ascending
}

// late is a booking that may lose its doses, as small as it can be kept.
type late struct {
	made int64 // microseconds
	id   int64
	of   part
}

// Plan looks at every booking and writes a plan, one JSON document a line: who booked last comes first. Nothing is changed, and nothing held:
// what is booked meanwhile is found when the plan is carried out. Memory grows with the bookings of the campaign, about 24 bytes each,
// and with those who lose.
func Plan(ctx context.Context, l booking.Ledger, r moves.Rules, w Wish, at time.Time, to io.Writer) (*Summary, error) {
	m, err := newMaker(ctx, l, r, w, at)
	if err != nil {
		return nil, err
	}
	lost, err := m.losers(ctx, l, at)
	if err != nil {
		return nil, err
	}
	losses, err := m.losses(ctx, l, lost)
	if err != nil {
		return nil, err
	}
	if m.sum.Kinds[Standby] > 0 && !at.Before(m.campaign.Closes) {
		return nil, fmt.Errorf("%w since %s: %d people would stand first in a line that does not move; set a later `closes` first",
			ErrClosed, m.campaign.Closes.In(r.Programme.Zone).Format(time.RFC3339), m.sum.Kinds[Standby])
	}
	head := header{
		Reduction: r.Programme.ID, ID: rand.Text(), Campaign: w.Campaign, Doses: w.Doses, Net: m.sum.Kinds[OtherProduct] - w.Doses, Why: w.Why, Made: at.UTC(),
	}
	m.sum.After = m.sum.Before + head.Net
	out := json.NewEncoder(to)
	if err := out.Encode(head); err != nil {
		return nil, err
	}
	for i := len(losses) - 1; i >= 0; i-- {
		if err := out.Encode(losses[i]); err != nil {
			return nil, err
		}
	}
	slices.Sort(m.sum.Later)
	return &m.sum, nil
}

// maker is a plan in the making.
type maker struct {
	*moves.Places
	wish     Wish
	campaign *programme.Campaign
	coming   []delivery
	instead  *programme.Product // nil: none
	left     int                // doses of it
	sum      Summary
	over     excess
	at       time.Time
	others   []booking.Booking // what the one who loses has in other campaigns, where a rule asks for it
}

// delivery is what is still to come on a day.
type delivery struct {
	day   civil.Date
	doses int
}

func newMaker(ctx context.Context, l booking.Ledger, r moves.Rules, w Wish, at time.Time) (*maker, error) {
	c, ok := r.Programme.Campaign(w.Campaign)
	if !ok {
		return nil, fmt.Errorf("campaign: the programme has none that is called %s", w.Campaign)
	}
	if w.Product != "" && !slices.Contains(c.Products, w.Product) {
		return nil, fmt.Errorf("product: %s does not offer %s", w.Campaign, w.Product)
	}
	m := &maker{Places: r.Places(), wish: w, campaign: c, sum: Summary{Kinds: map[Kind]int{}}, at: at}
	if err := m.offers(at); err != nil {
		return nil, err
	}
	if err := m.Read(ctx, l); err != nil {
		return nil, err
	}
	for day, doses := range c.Coming(at, r.Programme.Zone) {
		m.coming = append(m.coming, delivery{day, doses})
	}
	slices.SortFunc(m.coming, func(a, b delivery) int { return cmp.Compare(a.day, b.day) })
	m.over = promised(c, at, r.Programme.Zone, m.Capacity, m.Used)
	m.sum.Before, m.sum.Taken = m.over.there, m.over.stock+m.over.ahead
	if w.Doses > m.sum.Before {
		return nil, tooFew(w.Doses, m.sum.Before)
	}
	m.over.there -= w.Doses
	return m, nil
}

func tooFew(went, there int) error {
	return fmt.Errorf("%w: %d cannot have gone where there are %d by its rules now; say at most that many, or correct the rules", ErrNotThere, went, there)
}

// offers checks whether everybody of the campaign may get the product that came instead: the ledger does not know how old they are.
func (m *maker) offers(at time.Time) error {
	w := &m.wish
	if w.Instead == "" {
		return nil
	}
	p, ok := m.Programme.Product(w.Instead)
	if !ok || !slices.Contains(m.campaign.Products, w.Instead) {
		return fmt.Errorf("instead: %s does not offer %s", w.Campaign, w.Instead)
	}
	if w.Product == "" || w.Product == w.Instead {
		return errors.New("instead: say of which product doses went, and another that came in its place")
	}
	if was, ok := m.Programme.Product(w.Product); !ok || was.Series.Doses != p.Series.Doses {
		return fmt.Errorf("instead: a series of %s has another number of doses than one of %s", w.Instead, w.Product)
	}
	if len(p.Series.Mixed) > 0 {
		return fmt.Errorf("instead: whether a series of %s goes on with another product depends on when somebody was born, which is not known here", w.Instead)
	}
	born := programme.BornRange{From: civil.New(1900, 1, 1), To: civil.Of(at, m.Programme.Zone)}
	if m.campaign.Born != nil {
		born = *m.campaign.Born
	}
	today := civil.Of(at, m.Programme.Zone)
	for _, of := range []civil.Date{born.From, born.To} {
		if !slices.Contains(m.Programme.Offered(m.campaign, of, today, max(today, w.NotBefore)), w.Instead) {
			return fmt.Errorf("instead: %s is not for everybody in %s: somebody born on %s may not have it", w.Instead, w.Campaign, of)
		}
	}
	m.instead, m.left = p, w.InsteadDoses
	return nil
}

// losers finds who loses: the last who booked, as many as it takes.
func (m *maker) losers(ctx context.Context, l booking.Ledger, at time.Time) ([]int64, error) {
	part := partOf(m.campaign, at, m.Programme.Zone)
	var list []late
	if err := l.All(ctx, func(b booking.Booking) error {
		if b.Status != booking.Booked || b.Campaign != m.campaign.Num || b.Doses[0].Slot.Day < m.wish.NotBefore {
			return nil
		}
		if of, ok := part(counters(&b)); ok && (m.wish.Product == "" || b.Doses[0].Slot.Product == m.wish.Product) {
			list = append(list, late{b.MadeAt.UnixMicro(), b.ID, of})
		}
		return nil
	}); err != nil {
		return nil, err
	}
	m.sum.Spare = len(list)
	slices.SortFunc(list, func(a, b late) int { return cmp.Or(cmp.Compare(b.made, a.made), cmp.Compare(b.id, a.id)) })
	if weak.Off(weak.FaultLast) {
		slices.Reverse(list)
	}
	over := m.over
	var lose []late
	for _, b := range list {
		if over.short() == 0 {
			break
		}
		if over.relieves(b.of) {
			over.take(b.of, 1)
			lose = append(lose, b)
		}
	}
	if over.short() > 0 {
		return nil, fmt.Errorf("%w: %d have to go, and %d people booked whose first dose is on %s or later; at most that many less can be taken away",
			ErrTooMany, m.over.short(), len(list), m.wish.NotBefore)
	}
	// Who booked first gets back what turns out not to be needed, and the better of what there is instead.
	ids := make([]int64, 0, len(lose))
	for i := len(lose) - 1; i >= 0; i-- {
		back := over
		if back.take(lose[i].of, -1); back.short() == 0 {
			over = back
			continue
		}
		ids = append(ids, lose[i].id)
	}
	m.sum.Lose = len(ids)
	return ids, nil
}

func counters(b *booking.Booking) []booking.Counter {
	out := make([]booking.Counter, len(b.Shared))
	for i, c := range b.Shared {
		out[i] = c.Counter
	}
	return out
}

// losses finds what each of the losers gets, in their order.
func (m *maker) losses(ctx context.Context, l booking.Ledger, ids []int64) ([]Loss, error) {
	out := make([]Loss, 0, len(ids))
	for part := range slices.Chunk(ids, moves.AtOnce) {
		list, err := l.Several(ctx, part)
		if err != nil {
			return nil, err
		}
		found := make(map[int64]*booking.Booking, len(list))
		for i := range list {
			found[list[i].ID] = &list[i]
		}
		for _, id := range part {
			b := found[id]
			if b == nil || b.Status != booking.Booked {
				continue
			}
			if err := m.look(ctx, l, b); err != nil {
				return nil, err
			}
			out = append(out, m.loss(b))
		}
	}
	return out, nil
}

func (m *maker) loss(b *booking.Booking) Loss {
	for i := range b.Doses {
		m.TakeDose(b.Doses[i].Slot, b.Doses[i].Vial, -1)
	}
	out := Loss{Booking: b.ID, Kind: Standby}
	for i := range b.Doses {
		out.From = append(out.From, b.Doses[i].Slot.String())
	}
	out.Had = counters(b)
	to, has, ok := m.product(b)
	if ok {
		out.Kind = OtherProduct
	} else if to, has, ok = m.day(b); ok {
		out.Kind = OtherDay
		m.sum.Later = append(m.sum.Later, int(to[0].Slot.Day-b.Doses[0].Slot.Day))
	}
	for i := range to {
		m.TakeDose(to[i].Slot, to[i].Vial, 1)
		out.To = append(out.To, to[i].Slot.String())
	}
	// Carried out, those who come later here go first: they find taken what this one leaves.
	for i := range b.Doses {
		if i >= len(to) || to[i].Slot.Session != b.Doses[i].Slot.Session {
			m.TakeDose(b.Doses[i].Slot, b.Doses[i].Vial, 1)
		}
	}
	out.Has = has
	m.sum.Kinds[out.Kind]++
	return out
}
