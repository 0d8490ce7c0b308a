package keeping

import (
	"context"
	"fmt"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/seal"
	"charye/person"
	"charye/programme"
)

// atOnce is how many rows one transaction erases.
const atOnce = 512

// Counted is a rule with how much it is about.
type Counted struct {
	Due
	Rows int64
}

// Count tells how much each rule would erase on a day: what is not due yet has no rows.
func Count(ctx context.Context, rooms Rooms, p *programme.Programme, today civil.Date) ([]Counted, error) {
	ends, err := ReadEnds(ctx, rooms.Ledger)
	if err != nil {
		return nil, err
	}
	var out []Counted
	for _, d := range Plan(p, ends) {
		c := Counted{Due: d}
		if d.On <= today {
			if c.Rows, err = rooms.count(ctx, d, p, today); err != nil {
				return out, fmt.Errorf("%s %s: %w", d.Rule, d.Of, err)
			}
		}
		out = append(out, c)
	}
	return out, nil
}

func (r Rooms) count(ctx context.Context, d Due, p *programme.Programme, today civil.Date) (n int64, err error) {
	if e, ok := d.erasure(); ok {
		return r.People.Count(ctx, e)
	}
	if d.Rule == Contacts {
		contacts, messages, err := r.Outbox.CountErasable(ctx, person.Key{})
		return contacts + messages, err
	}
	if d.Rule == Leftovers {
		c, ok := p.Campaign(d.Of)
		if !ok {
			return 0, nil
		}
		return r.Leftovers.CountEntries(ctx, c.Num, person.Key{})
	}
	err = r.Ledger.All(ctx, func(b booking.Booking) error {
		if len(b.Sealed) > 0 && nameIsOver(&b, p.Retention.Names, today) {
			n++
		}
		return nil
	})
	return n, err
}

// nameIsOver reports whether the name of a booking is erased by date.
func nameIsOver(b *booking.Booking, days int, today civil.Date) bool {
	return lastDose(b)+civil.Date(days) <= today
}

// Apply erases what is due on a day, step by step, each step a transaction with its event. What was erased stays so when it is ended in
// the middle; the same call goes on. done is told what each rule erased.
func Apply(ctx context.Context, rooms Rooms, p *programme.Programme, today civil.Date, at time.Time, pace seal.Pace, done func(Counted)) error {
	ends, err := ReadEnds(ctx, rooms.Ledger)
	if err != nil {
		return err
	}
	for _, d := range Plan(p, ends) {
		if d.On > today {
			continue
		}
		n, err := rooms.erase(ctx, d, p, today, at, pace)
		if n > 0 || err == nil {
			done(Counted{Due: d, Rows: n})
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", d.Rule, d.Of, err)
		}
	}
	return nil
}

func (r Rooms) erase(ctx context.Context, d Due, p *programme.Programme, today civil.Date, at time.Time, pace seal.Pace) (int64, error) {
	if e, ok := d.erasure(); ok {
		return steps(ctx, pace, func() (int64, error) { return r.People.Erase(ctx, e, at, atOnce) })
	}
	if d.Rule == Contacts {
		return steps(ctx, pace, func() (int64, error) {
			contacts, messages, err := r.Outbox.EraseContacts(ctx, person.Key{}, "retention", at, atOnce)
			return contacts + messages, err
		})
	}
	if d.Rule == Leftovers {
		c, ok := p.Campaign(d.Of)
		if !ok {
			return 0, nil
		}
		return steps(ctx, pace, func() (int64, error) {
			return r.Leftovers.EraseEntries(ctx, c.Num, person.Key{}, "retention", at, atOnce)
		})
	}
	done, err := r.rewrite(ctx, at, "retention", pace, func(b *booking.Booking) ([]byte, error) {
		if nameIsOver(b, p.Retention.Names, today) {
			return nil, nil
		}
		return b.Sealed, nil
	})
	return done.Erased, err
}

// steps repeats a step until it has nothing to do.
func steps(ctx context.Context, pace seal.Pace, step func() (int64, error)) (total int64, err error) {
	for {
		n, err := step()
		total += n
		if err != nil || n == 0 {
			return total, err
		}
		if err := pace(ctx, int(n)); err != nil {
			return total, err
		}
	}
}

// namesAtOnce is how many bookings one transaction goes over.
const namesAtOnce = 512

// rewrite goes over the names of all bookings.
func (r Rooms) rewrite(ctx context.Context, at time.Time, why string, pace seal.Pace, name func(*booking.Booking) ([]byte, error)) (all booking.Rewritten, err error) {
	for after := int64(0); ; {
		next, done, err := r.Ledger.RewriteNames(ctx, after, namesAtOnce, at, why, name)
		all.Add(done)
		if err != nil || next == 0 {
			return all, err
		}
		after = next
		if err := pace(ctx, int(done.Changed+done.Erased)); err != nil {
			return all, err
		}
	}
}

// Own is what is kept of one person, as an erasure on request sees it.
type Own struct {
	Recipients         int64 // whom they help or are helped by, and their temporary identity
	Contacts, Messages int64
	Leftovers          int64 // lists for leftover doses that they are or were in
	Names              int64 // on bookings, that may go
	NamesKept          int64 // on bookings, that the programme's rules keep
	Bookings           int64 // of which a name or none is kept; the bookings stay, with a key in place of the person
}

// Preview tells what [ErasePerson] would erase and keep.
func Preview(ctx context.Context, rooms Rooms, p *programme.Programme, who person.Key, today civil.Date) (o Own, err error) {
	if o.Recipients, err = rooms.People.Count(ctx, personal(who)); err != nil {
		return o, err
	}
	if o.Contacts, o.Messages, err = rooms.Outbox.CountErasable(ctx, who); err != nil {
		return o, err
	}
	if o.Leftovers, err = rooms.Leftovers.CountEntries(ctx, 0, who); err != nil {
		return o, err
	}
	list, err := rooms.Ledger.Bookings(ctx, who)
	if err != nil {
		return o, err
	}
	for i := range list {
		o.Bookings++
		switch b := &list[i]; {
		case len(b.Sealed) == 0:
		case mayGo(b, p, today):
			o.Names++
		default:
			o.NamesKept++
		}
	}
	return o, nil
}

func personal(who person.Key) person.Erasure {
	return person.Erasure{What: person.ErasePerson, Who: who, Why: "request"}
}

// mayGo reports whether the name on a booking may be erased because its person asks for it: of a booking that was cancelled, or
// whose time is over by the programme's rules. Who was vaccinated, or is about to be, is on record for as long as those say.
func mayGo(b *booking.Booking, p *programme.Programme, today civil.Date) bool {
	if today < p.Retention.KeepUntil {
		return false
	}
	return b.Status == booking.Cancelled || p.Retention.Names > 0 && nameIsOver(b, p.Retention.Names, today)
}

// ErasePerson erases what may be erased of one person, with events of its own. It is idempotent.
func ErasePerson(ctx context.Context, rooms Rooms, p *programme.Programme, who person.Key, today civil.Date, at time.Time) (o Own, err error) {
	if o, err = Preview(ctx, rooms, p, who, today); err != nil {
		return o, err
	}
	calm := func(context.Context, int) error { return nil }
	if o.Recipients, err = steps(ctx, calm, func() (int64, error) { return rooms.People.Erase(ctx, personal(who), at, atOnce) }); err != nil {
		return o, err
	}
	if o.Leftovers, err = steps(ctx, calm, func() (int64, error) {
		return rooms.Leftovers.EraseEntries(ctx, 0, who, "request", at, atOnce)
	}); err != nil {
		return o, err
	}
	o.Contacts, o.Messages = 0, 0
	if _, err = steps(ctx, calm, func() (int64, error) {
		c, m, err := rooms.Outbox.EraseContacts(ctx, who, "request", at, atOnce)
		o.Contacts, o.Messages = o.Contacts+c, o.Messages+m
		return c + m, err
	}); err != nil {
		return o, err
	}
	list, err := rooms.Ledger.Bookings(ctx, who)
	if err != nil {
		return o, err
	}
	o.Names = 0
	for i := range list {
		b := &list[i]
		if len(b.Sealed) == 0 || !mayGo(b, p, today) {
			continue
		}
		_, done, err := rooms.Ledger.RewriteNames(ctx, b.ID-1, 1, at, "request", func(b *booking.Booking) ([]byte, error) {
			if b.Person == who && mayGo(b, p, today) {
				return nil, nil
			}
			return b.Sealed, nil
		})
		o.Names += done.Erased
		if err != nil {
			return o, err
		}
	}
	return o, nil
}
