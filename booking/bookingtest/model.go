package bookingtest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"charye/booking"
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
	add := func(doses []booking.Dose, shared []booking.Claim) {
		for _, d := range doses {
			if d.Seat.Counter == c {
				n += d.Seat.N
			}
		}
		for _, s := range shared {
			if s.Counter == c {
				n += s.N
			}
		}
	}
	for _, b := range m.bookings {
		if b.Status == booking.Booked && b.ID != notBooking {
			add(b.Doses, b.Shared)
		}
	}
	for _, h := range m.holds {
		if h.ID != notHold {
			add(h.Doses, h.Shared)
		}
	}
	return n
}

// fit places a series beside everything but one booking and one hold.
func (m model) fit(r *booking.Request, shared []booking.Claim, notBooking, notHold int64) (doses []booking.Dose, fullDose int, ok bool) {
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
			return nil, 0, false
		}
	}
	for i, choices := range r.Doses {
		at := slices.IndexFunc(choices, func(c booking.Choice) bool { return take(c.Seat) })
		if at < 0 {
			return nil, i + 1, false
		}
		doses = append(doses, booking.Dose{Dose: i + 1, Slot: choices[at].Slot, Minutes: choices[at].Minutes, Seat: choices[at].Seat})
	}
	return doses, 0, true
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
		want = n.book(&r, got)
	case booking.OpChange:
		want = n.change(&r)
	case booking.OpCancel:
		want = n.cancel(&r)
	case booking.OpInvite:
		want = n.invite(&r)
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
		return booking.Outcome{Result: booking.Full, FullDose: full}
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
			return booking.Outcome{Result: booking.Full, FullDose: full}
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
	shared := r.Shared
	if shared == nil {
		shared = b.Shared
	}
	doses, full, ok := m.fit(r, shared, b.ID, 0)
	if !ok {
		return booking.Outcome{Result: booking.Full, FullDose: full, Booking: *b}
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
	return fmt.Sprintf("result %d, full dose %d, invited %+v, %s, %s", o.Result, o.FullDose, o.Invited, describeBooking(o.Booking), describeHold(o.Hold))
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
		out = fmt.Appendf(out, "%d: %v (%d min) %v×%d; ", d.Dose, d.Slot, d.Minutes, d.Seat.Counter, d.Seat.N)
	}
	for _, c := range shared {
		out = fmt.Appendf(out, "%v×%d; ", c.Counter, c.N)
	}
	return string(out)
}
