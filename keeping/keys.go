package keeping

import (
	"context"
	"fmt"
	"time"

	"charye/booking"
	"charye/internal/seal"
	"charye/person"
	"charye/programme"
)

// Census counts what all rooms keep by the keys that it needs. It reads every booking of the embedded engine.
func Census(ctx context.Context, rooms Rooms) (c seal.Census, err error) {
	for _, room := range []func(context.Context) (seal.Census, error){rooms.People.Census, rooms.Outbox.Census} {
		part, err := room(ctx)
		if err != nil {
			return c, err
		}
		c.Add(part)
	}
	names, err := rooms.Ledger.NamePrefixes(ctx, 5)
	for prefix, n := range names {
		c.Field(seal.KeyOf([]byte(prefix)), n)
	}
	return c, err
}

// Reseal moves everything to the keys in use, room by room, while everybody else goes on. Ended at any moment and begun again, it goes
// on with what has not been moved.
func Reseal(ctx context.Context, rooms Rooms, keys *seal.Keys, pace seal.Pace) (moved int64, err error) {
	for _, room := range []func(context.Context, seal.Pace) (int64, error){rooms.People.Reseal, rooms.Outbox.Reseal} {
		n, err := room(ctx, pace)
		moved += n
		if err != nil {
			return moved, err
		}
	}
	done, err := rooms.rewrite(ctx, time.Time{}, "", pace, func(b *booking.Booking) ([]byte, error) {
		place := booking.NamePlace(b.Person)
		name, _, err := keys.Reseal(place, place, b.Sealed)
		return name, err
	})
	return moved + done.Changed, err
}

// importTime is how long an import that began with the keys of before may go on.
const importTime = 24 * time.Hour

// MayRetire tells why a key must not be taken out yet; nil when nothing needs it any more. compromised is for a key that is in wrong
// hands: who holds a token of it then signs in again, and asks for their ticket anew; rows are never given up.
func MayRetire(v seal.Version, c seal.Census, p *programme.Programme, now time.Time, compromised bool) error {
	switch v.State {
	case seal.Coming:
		return fmt.Errorf("it comes into use at %s", v.From.Format(time.RFC3339))
	case seal.Current:
		return fmt.Errorf("it is in use; rotate first")
	case seal.Inner:
		return fmt.Errorf("it is retired: blind indexes of later layers are built on it")
	case seal.Old:
	}
	wait := person.SessionLife // names in session tokens are sealed with the fields' key
	switch v.Set {
	case seal.Fields:
		if n := c.Fields[v.Key]; n > 0 {
			return fmt.Errorf("%d sealed fields need it; run `charye keys reseal`", n)
		}
	case seal.Indexes:
		wait = importTime
		n := int64(0)
		for layer, rows := range c.Layers {
			if layer <= v.Layer {
				n += rows
			}
		}
		if n > 0 {
			return fmt.Errorf("%d blind indexes need it; run `charye keys reseal`", n)
		}
	case seal.Tokens:
		for i := range p.Campaigns {
			if c := &p.Campaigns[i]; !compromised && c.Gathers.Before(v.Until) && now.Before(c.Closes) {
				return fmt.Errorf("tickets of the campaign %s were made with it, which closes at %s", c.ID, c.Closes.Format(time.RFC3339))
			}
		}
	}
	if until := v.Until.Add(wait); !compromised && now.Before(until) {
		return fmt.Errorf("what was made with it lives until %s", until.Format(time.RFC3339))
	}
	return nil
}
