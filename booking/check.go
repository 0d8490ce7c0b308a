package booking

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"charye/internal/chain"
	"charye/person"
)

// maxFindings is where [Check] stops counting broken things and says so.
const maxFindings = 100

// Check re-reads a ledger and proves its promises: events are numbered without gaps and replay to the counters exactly,
// and are what the chain over them says ([Link]); counters lie within their capacity and are the sums over live bookings and holds; nobody has two live bookings, two
// holds, or a hold beside a booking, in one campaign; bookings are as their events tell. It returns what is broken, one
// sentence each, without naming a person; nothing when all is well.
//
// The ledger must be at rest: what changes during the reading would look broken. Memory grows with the number of
// bookings, about 100 bytes each.
func Check(ctx context.Context, l Ledger) []string {
	return Audit(ctx, l, Asked{}).Findings
}

// Asked is what an [Audit] looks at beside the promises of the ledger itself.
type Asked struct {
	// Each, which may be nil, looks at every live booking and gives what it finds wrong.
	Each func(*Booking) []string
	// Noted are chains that were written down elsewhere.
	Noted []Noted
}

// Audited is what a [Check] read, and what it found.
type Audited struct {
	Bookings, Live, Holds, Counters int
	Events                          int64
	Chain                           Hash  // after the last event, as the events make it
	Vouched                         int64 // the last event that the ledger's own chain vouches for
	Findings                        []string
}

// Strays is what a ledger has whose tables could hold events that are in no feed: it finds them, one sentence each.
type Strays interface {
	Strays(ctx context.Context) ([]string, error)
}

// Audit is [Check] with what was read.
func Audit(ctx context.Context, l Ledger, asked Asked) Audited {
	c := &checker{
		l: l, each: asked.Each, counters: map[Counter]CounterState{}, replay: map[Counter]int{}, high: map[Counter]int{}, wide: map[Counter]int{}, sums: map[Counter]int{},
		told: map[int64]toldOf{}, booked: map[placeIn]int64{},
	}
	c.links.Noted = asked.Noted
	for _, step := range []func(context.Context) error{c.readCounters, c.readEvents, c.readBookings, c.readHolds} {
		if err := step(ctx); err != nil {
			c.findings = append(c.findings, fmt.Sprintf("the ledger cannot be read: %v", err))
			return c.audited()
		}
	}
	c.compare()
	return c.audited()
}

func (c *checker) audited() Audited {
	return Audited{Bookings: c.bookings, Live: c.live, Holds: c.held, Counters: len(c.counters), Events: c.seq,
		Chain: c.links.Head().Chain, Vouched: c.links.Vouched(), Findings: c.findings}
}

type placeIn struct {
	who      person.Key
	campaign uint32
}

// toldOf is what events tell of a booking.
type toldOf struct {
	changed   int
	cancelled bool
	missed    bool
	visits    [MaxDoses]VisitState
}

type checker struct {
	l        Ledger
	findings []string

	seq      int64
	counters map[Counter]CounterState
	replay   map[Counter]int // by events
	high     map[Counter]int // the most that was taken at any event
	wide     map[Counter]int // the greatest capacity that an event tells of
	sums     map[Counter]int // over bookings and holds
	told     map[int64]toldOf
	booked   map[placeIn]int64
	each     func(*Booking) []string
	links    chain.Checker

	bookings, live, held int
}

func (c *checker) find(format string, args ...any) {
	switch len(c.findings) {
	case maxFindings:
	case maxFindings - 1:
		c.findings = append(c.findings, "and more: the rest is not listed")
	default:
		c.findings = append(c.findings, fmt.Sprintf(format, args...))
	}
}

func (c *checker) readCounters(ctx context.Context) (err error) {
	c.seq, err = c.l.Counters(ctx, func(s CounterState) {
		if _, twice := c.counters[s.Counter]; twice {
			c.find("%v is listed twice", s.Counter)
		}
		c.counters[s.Counter] = s
		if s.Used < 0 || s.Used > s.Capacity {
			c.find("%v has %d taken of %d", s.Counter, s.Used, s.Capacity)
		}
	})
	return err
}

func (c *checker) readEvents(ctx context.Context) error {
	last := int64(0)
	for {
		page, err := c.l.Events(ctx, last, eventsPage)
		if err != nil {
			return err
		}
		seals, err := c.l.Seals(ctx, last, eventsPage)
		if err != nil {
			return err
		}
		for i := range page {
			if page[i].Seq != last+1 {
				c.find("event %d follows event %d", page[i].Seq, last)
			}
			last = page[i].Seq
			c.event(&page[i])
			for len(seals) > 0 && seals[0].Seq < last {
				seals = seals[1:]
			}
			seal := Seal{Seq: last}
			if len(seals) > 0 && seals[0].Seq == last {
				seal = seals[0]
			}
			c.links.Add(chain.Row{Seq: last, Digest: page[i].Digest(), KeptDigest: seal.Digest, Kept: seal.Chain}, c.find)
		}
		if len(page) == 0 {
			break
		}
	}
	if last != c.seq {
		c.find("the counters include event %d, the last event is %d", c.seq, last)
	}
	c.links.End(c.find)
	if s, ok := c.l.(Strays); ok {
		list, err := s.Strays(ctx)
		if err != nil {
			return err
		}
		for _, finding := range list {
			c.find("%s", finding)
		}
	}
	return nil
}

func (c *checker) event(e *Event) {
	for _, d := range e.Deltas {
		c.replay[d.Counter] += d.By
		c.high[d.Counter] = max(c.high[d.Counter], c.replay[d.Counter])
		if c.replay[d.Counter] < 0 {
			c.find("at event %d more was given back to %v than was taken", e.Seq, d.Counter)
		}
	}
	t, known := c.told[e.Booking]
	switch e.Kind {
	case EventBooked:
		if known || e.Booking == 0 {
			c.find("event %d tells of the making of booking %d, which was there", e.Seq, e.Booking)
		}
	case EventChanged, EventCanceled, EventDisplaced:
		if !known || t.cancelled || t.missed {
			c.find("event %d (%s) tells of booking %d, which was not live", e.Seq, e.Kind, e.Booking)
		}
		t.cancelled = e.Kind != EventChanged
		if e.Kind == EventChanged {
			t.changed++
			t.moved()
		}
	case EventReinstated:
		if !known || !t.cancelled {
			c.find("event %d (%s) tells of booking %d, which was not over", e.Seq, e.Kind, e.Booking)
		}
		t.cancelled = false
		t.changed++
		t.moved()
	case EventArrived, EventGiven, EventTurnedAway, EventNoShow, EventUndone, EventSpoilt:
		c.visit(e, &t, known)
	case EventCapacity:
		var from, to int
		if _, err := fmt.Sscanf(e.Why, "%d to %d", &from, &to); err != nil {
			from = MaxQuantity // what it was is not told
		}
		for _, d := range e.Deltas {
			c.wide[d.Counter] = max(c.wide[d.Counter], from, to)
		}
		return
	case EventHeld, EventHoldOver, EventInvited, EventCalled, EventErased:
		return
	default:
		c.find("event %d is of the unknown kind %q", e.Seq, e.Kind)
		return
	}
	c.told[e.Booking] = t
}

func (c *checker) readBookings(ctx context.Context) error {
	last := int64(0)
	err := c.l.All(ctx, func(b Booking) error {
		if b.ID <= last {
			c.find("booking %d is listed after booking %d", b.ID, last)
		}
		last = b.ID
		c.bookings++
		t, known := c.told[b.ID]
		switch {
		case !known:
			c.find("booking %d is in no event", b.ID)
		case t.cancelled != (b.Status == Cancelled) || t.missed != (b.Status == Missed) || t.changed != b.Changed:
			c.find("booking %d is not as its events tell", b.ID)
		}
		delete(c.told, b.ID)
		c.visited(&b, &t)
		if b.Status != Booked {
			doses, shared := b.Draws()
			c.claims(fmt.Sprintf("booking %d", b.ID), doses, shared)
			return nil
		}
		c.live++
		place := placeIn{b.Person, b.Campaign}
		if other, twice := c.booked[place]; twice {
			c.find("bookings %d and %d are of one person in one campaign", other, b.ID)
		}
		c.booked[place] = b.ID
		if len(b.Doses) == 0 {
			c.find("booking %d has no dose", b.ID)
		}
		c.claims(fmt.Sprintf("booking %d", b.ID), b.Doses, b.Shared)
		if c.each != nil {
			for _, finding := range c.each(&b) {
				c.find("booking %d: %s", b.ID, finding)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(c.told)) {
		c.find("booking %d is in the events and nowhere else", id)
	}
	return nil
}

func (c *checker) readHolds(ctx context.Context) error {
	forever := time.UnixMicro(math.MaxInt64 / 4)
	holds, err := c.l.DueHolds(ctx, forever, math.MaxInt32)
	if err != nil {
		return err
	}
	held := map[placeIn]int64{}
	for i := range holds {
		h := &holds[i]
		c.held++
		place := placeIn{h.Person, h.Campaign}
		if other, twice := held[place]; twice {
			c.find("holds %d and %d are of one person in one campaign", other, h.ID)
		}
		held[place] = h.ID
		if b, booked := c.booked[place]; booked {
			c.find("hold %d is of a person who has booking %d in the campaign", h.ID, b)
		}
		if len(h.Doses) == 0 && (h.Invited.IsZero() || !h.Invited.Equal(h.Until) || len(h.Shared) == 0) {
			c.find("hold %d has no dose and is no invitation", h.ID)
		}
		c.claims(fmt.Sprintf("hold %d", h.ID), h.Doses, h.Shared)
	}
	return nil
}

func (c *checker) claims(owner string, doses []Dose, shared []Claim) {
	for i := range doses {
		if doses[i].Dose != i+1 {
			c.find("%s has its doses out of order", owner)
		}
		if !doses[i].Draws() {
			continue
		}
		c.sums[doses[i].Seat.Counter] += doses[i].Seat.N
		if d := &doses[i]; d.Vial.counted() {
			c.sums[OpenedCounter(d.Slot.Site, d.Slot.Day, d.Vial)]++
		}
	}
	for _, s := range shared {
		c.sums[s.Counter] += s.N
	}
}

func (c *checker) compare() {
	for id, booked := range c.sums {
		if id.Kind() == KindOpened {
			vials, doses := id.opens()
			c.sums[vials] += VialsFor(booked, doses)
		}
	}
	all := map[Counter]bool{}
	for id := range c.counters {
		all[id] = true
	}
	for id := range c.replay {
		all[id] = true
	}
	for id := range c.sums {
		all[id] = true
	}
	order := make([]Counter, 0, len(all))
	for id := range all {
		order = append(order, id)
	}
	slices.Sort(order)
	for _, id := range order {
		used := c.counters[id].Used
		if most := max(c.counters[id].Capacity, c.wide[id]); c.high[id] > most {
			c.find("%v had %d taken at some event, of %d", id, c.high[id], most)
		}
		if n := c.replay[id]; n != used {
			c.find("%v has %d taken, its events add up to %d", id, used, n)
		}
		if n := c.sums[id]; n != used && id.Kind() != KindStandby {
			c.find("%v has %d taken, bookings and holds add up to %d", id, used, n)
		}
	}
}
