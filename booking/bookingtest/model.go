package bookingtest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
)

// model is a ledger as simple as it can be said: two lists, and every count added up anew. Its step is pure, so that it
// serves sequential tests and the search for a linear order of concurrent ones alike.
type model struct {
	bookings []booking.Booking
	holds    []booking.Hold
	capacity map[booking.Counter]int // set by SetCapacity; nil or absent: the claim's own
	called   map[uint32]int          // up to which number of a campaign's line people were invited
}

func (m model) clone() model {
	m.bookings, m.holds, m.called = slices.Clone(m.bookings), slices.Clone(m.holds), maps.Clone(m.called)
	return m
}

// used adds up a counter over everything but one booking and one hold (0: none).
func (m model) used(c booking.Counter, notBooking, notHold int64) (n int) {
	if c == booking.StandbyCounter(uint32(c)) {
		return m.called[uint32(c)]
	}
	days := map[civil.Date]int{} // what is booked of the vials' product, by day
	add := func(doses []booking.Dose, shared []booking.Claim) {
		for _, d := range doses {
			if gone(d) {
				continue
			}
			switch c {
			case d.Seat.Counter:
				n += d.Seat.N
			case booking.OpenedCounter(d.Slot.Site, d.Slot.Day, d.Vial):
				n++
			case booking.VialsCounter(d.Slot.Site, d.Vial.Product):
				days[d.Slot.Day]++
			}
		}
		for _, s := range shared {
			if s.Counter == c {
				n += s.N
			}
		}
	}
	for _, b := range m.bookings {
		switch {
		case b.ID == notBooking:
		case b.Status == booking.Booked:
			add(b.Doses, b.Shared)
		case b.Status == booking.Missed && b.Doses[0].Visit.Kept:
			add(nil, b.Shared)
		}
	}
	for _, h := range m.holds {
		if h.ID != notHold {
			add(h.Doses, h.Shared)
		}
	}
	return n + vialsOf(days)
}

// vialsOf is how many vials of [perVial] doses the days open.
func vialsOf(days map[civil.Date]int) (n int) {
	for _, booked := range days {
		n += (booked + perVial - 1) / perVial
	}
	return n
}

// fit places a series beside everything but one booking and one hold.
func (m model) fit(r *booking.Request, shared []booking.Claim, notBooking, notHold int64) (doses []booking.Dose, full booking.Outcome, ok bool) {
	if !m.keepsApart(r) {
		return nil, booking.Outcome{Result: booking.Limited}, false
	}
	full.Result = booking.Full
	mine := map[booking.Counter]int{}
	take := func(c booking.Claim) bool {
		limit, set := m.capacity[c.Counter]
		if !set {
			limit = c.Capacity
		}
		if m.used(c.Counter, notBooking, notHold)+mine[c.Counter]+c.N > limit {
			return false
		}
		mine[c.Counter] += c.N
		return true
	}
	for _, c := range shared {
		if !take(c) {
			full.Shared = c.Counter
			return nil, full, false
		}
	}
	for i, choices := range r.Doses {
		if s := m.stays(r, i); s != nil {
			if gone(*s) {
				doses = append(doses, *s)
				continue
			}
			choices = []booking.Choice{{Slot: s.Slot, Minutes: s.Minutes, Seat: s.Seat, Vial: s.Vial}}
		}
		at := slices.IndexFunc(choices, func(c booking.Choice) bool {
			if !m.apart(r, c.Slot) {
				return false
			}
			before := mine[c.Seat.Counter]
			if !take(c.Seat) {
				return false
			}
			if c.Vial.Doses == 0 || m.vialsWith(append(slices.Clone(doses), booking.Dose{Slot: c.Slot, Vial: c.Vial}), c, notBooking, notHold) <= m.capacity[booking.VialsCounter(c.Slot.Site, c.Vial.Product)] {
				return true
			}
			mine[c.Seat.Counter] = before
			return false
		})
		if at < 0 {
			full.FullDose = i + 1
			return nil, full, false
		}
		c := choices[at]
		d := booking.Dose{Dose: i + 1, Slot: c.Slot, Minutes: c.Minutes, Seat: c.Seat, Vial: c.Vial}
		if s := m.stays(r, i); s != nil {
			d.Visit = s.Visit
		}
		doses = append(doses, d)
	}
	return doses, booking.Outcome{}, true
}

// vialsWith is how many vials a choice's site opens when doses are booked beside everything but one booking and one hold.
func (m model) vialsWith(doses []booking.Dose, c booking.Choice, notBooking, notHold int64) int {
	m.bookings = append(slices.Clone(m.bookings), booking.Booking{ID: -1 << 40, Status: booking.Booked, Doses: doses})
	return m.used(booking.VialsCounter(c.Slot.Site, c.Vial.Product), notBooking, notHold)
}

// apart reports whether a slot is far enough from what the person has in other campaigns.
func (m model) apart(r *booking.Request, s booking.Slot) bool {
	for _, b := range m.bookings {
		if b.Person != r.Person || b.Campaign == r.Campaign || b.Status != booking.Booked {
			continue
		}
		for _, d := range b.Doses {
			for _, a := range r.Apart {
				if gone(d) {
					continue
				}
				days := max(d.Slot.Day-s.Day, s.Day-d.Slot.Day)
				if d.Slot.Product == a.Product && int(days) < a.Days && (days != 0 || !a.SameDay) {
					return false
				}
			}
		}
	}
	return true
}

// keepsApart reports whether each dose with choices has one that is far enough.
func (m model) keepsApart(r *booking.Request) bool {
	for _, choices := range r.Doses {
		if len(choices) > 0 && !slices.ContainsFunc(choices, func(c booking.Choice) bool { return m.apart(r, c.Slot) }) {
			return false
		}
	}
	return true
}

// step does one request; got tells the ids that the engine gave and is compared with what the model expects. why says
// where they differ, and is empty when they agree.
func (m model) step(r booking.Request, got booking.Outcome) (next model, why string) {
	n := m.clone()
	over := n.expire(r.At)
	want := booking.Outcome{}
	switch r.Op {
	case booking.OpExpire:
		want.Result = booking.Repeated
		if over {
			want.Result = booking.Done
		}
	case booking.OpHold:
		want = n.hold(&r, got)
	case booking.OpBook:
		want = n.bookBoth(&r, got)
	case booking.OpChange:
		want = n.change(&r)
	case booking.OpCancel:
		want = n.cancel(&r)
	case booking.OpInvite:
		want = n.invite(&r)
	case booking.OpVisit:
		want = n.visit(&r)
	}
	if w, g := describe(want), describe(got); w != g {
		return m, fmt.Sprintf("got  %s\nwant %s", g, w)
	}
	return n, ""
}

// expire ends what is over; the rest of an invitation comes back, under an id that the model does not know.
func (m *model) expire(at time.Time) (over bool) {
	for i := 0; i < len(m.holds); i++ {
		h := &m.holds[i]
		switch {
		case h.Until.After(at):
			continue
		case h.Invited.After(at):
			h.ID, h.Doses, h.Until = -h.Invited.UnixNano()-int64(i), nil, h.Invited
		default:
			m.holds = slices.Delete(m.holds, i, i+1)
			i--
		}
		over = true
	}
	return over
}

func (m *model) invite(r *booking.Request) booking.Outcome {
	limit, stands := m.capacity[booking.StandbyCounter(r.Campaign)]
	if !stands {
		return booking.Outcome{Result: booking.Malformed}
	}
	out := booking.Outcome{Result: booking.Repeated}
	for _, c := range r.Callees {
		if int(c.Number) <= m.called[r.Campaign] {
			continue
		}
		if int(c.Number) > limit {
			break
		}
		booked := slices.ContainsFunc(m.bookings, func(b booking.Booking) bool { return b.Person == c.Person && b.Campaign == r.Campaign })
		if !c.Person.IsZero() && !booked && m.holdOf(c.Person, r.Campaign) < 0 {
			if _, _, ok := m.fit(&booking.Request{}, r.Shared, 0, 0); !ok {
				break
			}
			m.holds = append(m.holds, booking.Hold{
				ID: -int64(c.Number), Campaign: r.Campaign, Person: c.Person, Shared: r.Shared, Until: r.HoldUntil, Invited: r.HoldUntil,
			})
			out.Invited.People++
		}
		m.called[r.Campaign] = int(c.Number)
		out.Result = booking.Done
	}
	out.Invited.UpTo = uint32(m.called[r.Campaign])
	return out
}

// reserved: the campaign stands by, and whoever asks has no dose kept.
func (m *model) reserved(r *booking.Request, hold int) bool {
	stock := func(c booking.Claim) bool { return c.Counter == booking.StockCounter(r.Campaign) }
	limit, stands := m.capacity[booking.StandbyCounter(r.Campaign)]
	return stands && m.called[r.Campaign] < limit && slices.ContainsFunc(r.Shared, stock) &&
		(hold < 0 || !slices.ContainsFunc(m.holds[hold].Shared, stock))
}

func (m *model) hold(r *booking.Request, got booking.Outcome) booking.Outcome {
	if b := m.live(r.Person, r.Campaign); b != nil {
		return booking.Outcome{Result: booking.AlreadyBooked, Booking: *b}
	}
	at := m.holdOf(r.Person, r.Campaign)
	if m.reserved(r, at) {
		return booking.Outcome{Result: booking.Full}
	}
	var old booking.Hold
	if at >= 0 {
		old = m.holds[at]
	}
	doses, full, ok := m.fit(r, r.Shared, 0, old.ID)
	if !ok {
		return full
	}
	h := booking.Hold{ID: got.Hold.ID, Campaign: r.Campaign, Person: r.Person, Doses: doses, Shared: r.Shared, Until: r.HoldUntil}
	if at >= 0 {
		m.holds = slices.Delete(m.holds, at, at+1)
		if claimsOf(nil, old.Shared) == claimsOf(nil, r.Shared) {
			h.Invited = old.Invited
		}
	}
	if slices.ContainsFunc(m.holds, func(o booking.Hold) bool { return o.ID == h.ID }) {
		return booking.Outcome{} // an id given twice agrees with nothing
	}
	m.holds = append(m.holds, h)
	return booking.Outcome{Result: booking.Done, Hold: h}
}

// bookBoth books a request and its partner, where it has one, or neither.
func (m *model) bookBoth(r *booking.Request, got booking.Outcome) booking.Outcome {
	before := m.clone()
	if r.Partner != nil && got.Booking.ID == 0 { // refused: then there is no id to go by
		got.Booking.ID = -1 << 41
	}
	out := m.book(r, got)
	if r.Partner == nil || out.Result != booking.Done && out.Result != booking.Repeated {
		return out
	}
	gotOther := booking.Outcome{}
	if got.Partner != nil {
		gotOther = *got.Partner
	}
	other := m.book(r.Partner, gotOther)
	if out.Result == booking.Done && other.Result != booking.Done {
		*m = before
		return booking.Outcome{Result: other.Result, FullDose: other.FullDose, Shared: other.Shared, Partner: &other}
	}
	out.Partner = &other
	return out
}

func (m *model) book(r *booking.Request, got booking.Outcome) booking.Outcome {
	if r.Idempotency != [16]byte{} {
		for _, b := range m.bookings {
			if b.Person == r.Person && b.Idempotency == r.Idempotency {
				if b.Body != r.Body {
					return booking.Outcome{Result: booking.KeyReused}
				}
				return booking.Outcome{Result: booking.Repeated, Booking: b}
			}
		}
	}
	if b := m.live(r.Person, r.Campaign); b != nil {
		return booking.Outcome{Result: booking.AlreadyBooked, Booking: *b}
	}
	b := booking.Booking{
		ID: got.Booking.ID, Campaign: r.Campaign, Person: r.Person, Actor: r.Actor, Channel: r.Channel, Status: booking.Booked,
		MadeAt: r.At, Sealed: r.Sealed, Idempotency: r.Idempotency, Body: r.Body,
	}
	at := m.holdOf(r.Person, r.Campaign)
	if r.Hold != 0 {
		if at < 0 || m.holds[at].ID != r.Hold {
			return booking.Outcome{Result: booking.HoldGone}
		}
		if slices.ContainsFunc(m.holds[at].Doses, func(d booking.Dose) bool { return !m.apart(r, d.Slot) }) {
			return booking.Outcome{Result: booking.Limited}
		}
		b.Doses, b.Shared = m.holds[at].Doses, m.holds[at].Shared
	} else {
		if m.reserved(r, at) {
			return booking.Outcome{Result: booking.Full}
		}
		old := int64(0)
		if at >= 0 {
			old = m.holds[at].ID
		}
		doses, full, ok := m.fit(r, r.Shared, 0, old)
		if !ok {
			return full
		}
		b.Doses, b.Shared = doses, r.Shared
	}
	if at >= 0 {
		m.holds = slices.Delete(m.holds, at, at+1)
	}
	if slices.ContainsFunc(m.bookings, func(o booking.Booking) bool { return o.ID == b.ID }) {
		return booking.Outcome{}
	}
	m.bookings = append(m.bookings, b)
	return booking.Outcome{Result: booking.Done, Booking: b}
}

func (m *model) change(r *booking.Request) booking.Outcome {
	b := m.mine(r)
	if b == nil || b.Status != booking.Booked {
		return booking.Outcome{Result: booking.NoBooking}
	}
	for i, d := range b.Doses {
		if (d.Visit.State == booking.Given || d.Visit.State == booking.Spoilt || d.Visit.State == booking.Arrived) && m.stays(r, i) == nil {
			if m.keepsApart(r) {
				return booking.Outcome{Result: booking.Visited, Booking: *b}
			}
			return booking.Outcome{Result: booking.Limited, Booking: *b}
		}
	}
	shared := r.Shared
	if shared == nil {
		shared = b.Shared
	}
	doses, full, ok := m.fit(r, shared, b.ID, 0)
	if !ok {
		full.Booking = *b
		return full
	}
	if claimsOf(doses, shared) == claimsOf(b.Doses, b.Shared) {
		return booking.Outcome{Result: booking.Repeated, Booking: *b}
	}
	b.Doses, b.Shared = doses, shared
	b.Changed++
	return booking.Outcome{Result: booking.Done, Booking: *b}
}

func (m *model) cancel(r *booking.Request) booking.Outcome {
	b := m.mine(r)
	if b == nil {
		return booking.Outcome{Result: booking.NoBooking}
	}
	if b.Status == booking.Cancelled {
		return booking.Outcome{Result: booking.Repeated, Booking: *b}
	}
	if b.Status == booking.Missed {
		return booking.Outcome{Result: booking.NoBooking}
	}
	if slices.ContainsFunc(b.Doses, func(d booking.Dose) bool { return d.Visit.State == booking.Given || d.Visit.State == booking.Spoilt }) {
		return booking.Outcome{Result: booking.Visited, Booking: *b}
	}
	b.Status = booking.Cancelled
	return booking.Outcome{Result: booking.Done, Booking: *b}
}

func (m *model) live(who person.Key, campaign uint32) *booking.Booking {
	for i := range m.bookings {
		if b := &m.bookings[i]; b.Person == who && b.Campaign == campaign && b.Status == booking.Booked {
			return b
		}
	}
	return nil
}

func (m *model) mine(r *booking.Request) *booking.Booking {
	for i := range m.bookings {
		if b := &m.bookings[i]; b.ID == r.Booking && b.Person == r.Person && b.Campaign == r.Campaign {
			return b
		}
	}
	return nil
}

func (m *model) holdOf(who person.Key, campaign uint32) int {
	return slices.IndexFunc(m.holds, func(h booking.Hold) bool { return h.Person == who && h.Campaign == campaign })
}

// describe writes out everything in an outcome that anybody can rely on.
func describe(o booking.Outcome) string {
	partner := ""
	if o.Partner != nil {
		partner = "; the partner: " + describe(*o.Partner)
	}
	return fmt.Sprintf("result %d, full dose %d of %v, invited %+v, %s, %s%s",
		o.Result, o.FullDose, o.Shared, o.Invited, describeBooking(o.Booking), describeHold(o.Hold), partner)
}

func describeBooking(b booking.Booking) string {
	if b.ID == 0 {
		return "no booking"
	}
	return fmt.Sprintf("booking %d of %v by %v via %q in %d, status %d, changed %d, made %s, sealed %q, key %x %x: %s",
		b.ID, b.Person.String(), b.Actor.String(), b.Channel, b.Campaign, b.Status, b.Changed, b.MadeAt.UTC().Format(time.RFC3339Nano),
		b.Sealed, b.Idempotency, b.Body, claimsOf(b.Doses, b.Shared))
}

func describeHold(h booking.Hold) string {
	if h.ID == 0 {
		return "no hold"
	}
	return fmt.Sprintf("hold %d of %v in %d until %s: %s", h.ID, h.Person.String(), h.Campaign, h.Until.UTC().Format(time.RFC3339Nano),
		claimsOf(h.Doses, h.Shared))
}

func claimsOf(doses []booking.Dose, shared []booking.Claim) string {
	var out []byte
	for _, d := range doses {
		out = fmt.Appendf(out, "%d: %v (%d min) %v×%d %v %v since %d, %q %q %v; ", d.Dose, d.Slot, d.Minutes, d.Seat.Counter, d.Seat.N, d.Vial,
			d.Visit.State, d.Visit.At.UnixMicro(), d.Visit.Why, d.Visit.From, d.Visit.Kept)
	}
	for _, c := range shared {
		out = fmt.Appendf(out, "%v×%d; ", c.Counter, c.N)
	}
	return string(out)
}
