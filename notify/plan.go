package notify

import (
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
)

// Rules say when messages go out; see programme.Messages.
type Rules struct {
	Zone *time.Location
	// QuietFrom and QuietTo are minutes of the day between which nobody is told of what they did not do themselves; equal:
	// never quiet. From may be later than To: the quiet then goes over midnight.
	QuietFrom, QuietTo int
	// RemindDays and RemindAt say when people are reminded of a dose: so many days before, at this minute of the day. No
	// reminders with RemindDays 0.
	RemindDays, RemindAt int
}

// RulesOf gives what a programme says of messages.
func RulesOf(p *programme.Programme) Rules {
	m := p.Messages
	return Rules{Zone: p.Zone, QuietFrom: m.QuietFrom, QuietTo: m.QuietTo, RemindDays: m.RemindDays, RemindAt: m.RemindAt}
}

// worth is how long what happened to a booking is worth telling.
const worth = 3 * 24 * time.Hour

// worthLong is how long that is of a dose that does not count: until it is given again, nobody may take themselves for protected.
const worthLong = 60 * 24 * time.Hour

// Plan gives the messages that an event of the ledger causes; b is the booking it tells of, as it stands now; nil when it tells of
// none. helpers are those who act for the person it tells of; an invitation is told to them too. Pure.
//
// The person who gets the vaccine is told of everything; whoever did it for them is told too, but not a clerk at work; and what nobody
// asked for is told to the helper who made the booking. What people did themselves
// is told at once, at whatever hour: they wait for it. Everything else keeps the quiet hours.
func (r *Rules) Plan(e *booking.Event, b *booking.Booking, helpers []person.Key) []Message {
	var kind Kind
	switch e.Kind {
	case booking.EventBooked:
		kind = Booked
	case booking.EventChanged:
		kind = Changed
	case booking.EventCanceled:
		kind = Cancelled
	case booking.EventDisplaced:
		kind = Displaced
	case booking.EventReinstated:
		kind = Booked
	case booking.EventInvited:
		return toAll(Message{To: e.Person, Kind: Invited, Event: e.Seq, Due: r.AfterQuiet(e.At), Expires: e.At.Add(worth)}, helpers)
	case booking.EventNoShow:
		kind = Missed
	case booking.EventTurnedAway:
		kind = Turned
	case booking.EventSpoilt:
		kind = Spoilt
	case booking.EventCalled, booking.EventHeld, booking.EventHoldOver, booking.EventCapacity, booking.EventArrived, booking.EventGiven, booking.EventUndone, booking.EventErased:
		return nil
	default:
		return nil
	}
	tell := func(to person.Key, helper bool) Message {
		m := Message{To: to, Kind: kind, Booking: e.Booking, Event: e.Seq, Helper: helper, Dose: e.Dose, Due: e.At, Expires: e.At.Add(worth)}
		if kind == Spoilt {
			m.Expires = e.At.Add(worthLong)
		}
		if to != e.Actor {
			m.Due = r.AfterQuiet(m.Due)
		}
		m.ID = NewID(m)
		return m
	}
	out := []Message{tell(e.Person, false)}
	if _, staff := person.ParseRole(e.Channel); !e.Actor.IsZero() && e.Actor != e.Person && !staff {
		out = append(out, tell(e.Actor, true))
	}
	if _, staff := person.ParseRole(b.Channel); e.Actor.IsZero() && !b.Actor.IsZero() && b.Actor != e.Person && !staff {
		out = append(out, tell(b.Actor, true))
	}
	if kind == Cancelled || kind == Displaced || kind == Missed || kind == Turned || kind == Spoilt || b.Status != booking.Booked || r.RemindDays == 0 {
		return out
	}
	for i := range b.Doses {
		d := &b.Doses[i]
		starts := d.Slot.Day.At(d.Slot.Minute, r.Zone)
		m := Message{
			To: e.Person, Kind: Reminder, Booking: e.Booking, Event: e.Seq, Dose: d.Dose, Day: d.Slot.Day,
			Due: r.AfterQuiet((d.Slot.Day - civil.Date(r.RemindDays)).At(r.RemindAt, r.Zone)), Expires: starts,
		}
		if !m.Due.After(e.At) || !m.Due.Before(starts) {
			continue // booked so late that the receipt is the reminder
		}
		m.ID = NewID(m)
		out = append(out, m)
	}
	return out
}

// Near gives the messages that tell of a turn that is near: to the person, and to those who help them. inQuiet has them go out at
// whatever hour; until is when they are worth nothing any more. Pure.
func (r *Rules) Near(campaign uint32, who person.Key, helpers []person.Key, inQuiet bool, now, until time.Time) []Message {
	m := Message{To: who, Kind: Near, Campaign: campaign, Due: now, Expires: until}
	if !inQuiet {
		m.Due = r.AfterQuiet(now)
	}
	return toAll(m, helpers)
}

// toAll gives a message of no booking to the person it is about, and the same to those who help them.
func toAll(m Message, helpers []person.Key) []Message {
	m.ID = NewID(m)
	out := []Message{m}
	for _, h := range helpers {
		c := m
		c.To, c.Helper, c.About = h, true, m.To
		c.ID = NewID(c)
		out = append(out, c)
	}
	return out
}

// AfterQuiet gives the instant itself, or the end of the quiet hours it lies in.
func (r *Rules) AfterQuiet(t time.Time) time.Time {
	if r.QuietFrom == r.QuietTo {
		return t
	}
	local := t.In(r.Zone)
	minute := local.Hour()*60 + local.Minute()
	day := civil.Of(t, r.Zone)
	switch over := r.QuietFrom > r.QuietTo; {
	case !over && minute >= r.QuietFrom && minute < r.QuietTo, over && minute < r.QuietTo:
		return day.At(r.QuietTo, r.Zone)
	case over && minute >= r.QuietFrom:
		return (day + 1).At(r.QuietTo, r.Zone)
	}
	return t
}

// True reports whether a message is still true of its booking: a receipt while it is live, a cancellation when it is not, a
// reminder while the dose is on that day, a message of a visit while it stands so.
func (m *Message) True(b *booking.Booking) bool {
	live := b.Status == booking.Booked
	switch m.Kind {
	case Booked, Changed:
		return live
	case Cancelled:
		return !live
	case Displaced:
		return b.Displaced()
	case Reminder:
		for i := range b.Doses {
			if live && b.Doses[i].Dose == m.Dose {
				return b.Doses[i].Slot.Day == m.Day
			}
		}
	case Missed, Turned, Spoilt:
		for i := range b.Doses {
			if s := b.Doses[i].Visit.State; b.Doses[i].Dose == m.Dose {
				return b.Status != booking.Cancelled && (m.Kind == Missed && s == booking.NoShow || m.Kind == Turned && s == booking.TurnedAway || m.Kind == Spoilt && s == booking.Spoilt)
			}
		}
	case Invited, Near, Leftover, Alarm: // of no booking
	}
	return false
}
