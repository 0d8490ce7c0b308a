package notify

import (
	"context"

	"charye/booking"
	"charye/person"
)

// What messages have to tell, and to whom else.

// Describe gives what there is to tell of a booking; ok is false when there is no such booking. was are sessions that it had and was moved
// from.
type Describe func(ctx context.Context, id int64, was []booking.Session) (f Facts, ok bool, err error)

// DescribeTurn gives what a message of no booking has to tell: of a dose of the campaign that is kept for its subject, or of their
// turn in the line; ok is false when that is no longer so, or when a helper does not act for them any more.
type DescribeTurn func(ctx context.Context, campaign uint32, m *Message) (f Facts, ok bool, err error)

// Helpers gives who acts for which of some people in a campaign; people without a helper are left out.
type Helpers func(ctx context.Context, campaign uint32, who []person.Key) (map[person.Key][]person.Key, error)

// helped is a person in a campaign.
type helped struct {
	campaign uint32
	who      person.Key
}

// helpersOf looks up, in one question for each campaign, who acts for those who are invited.
func (c *Courier) helpersOf(ctx context.Context, events []booking.Event) (map[helped][]person.Key, error) {
	out := map[helped][]person.Key{}
	if c.helpers == nil {
		return out, nil
	}
	invited := map[uint32][]person.Key{}
	for i := range events {
		if e := &events[i]; e.Kind == booking.EventInvited {
			invited[e.Campaign] = append(invited[e.Campaign], e.Person)
		}
	}
	for campaign, who := range invited {
		found, err := c.helpers(ctx, campaign, who)
		if err != nil {
			return nil, err
		}
		for k, h := range found {
			out[helped{campaign, k}] = h
		}
	}
	return out, nil
}

// facts gives what a message has to tell; ok is false when there is nothing any more.
func (c *Courier) facts(ctx context.Context, m *Claimed) (f Facts, ok bool, err error) {
	switch m.Kind {
	case Near:
		if c.near == nil {
			return Facts{}, false, nil
		}
		return c.near(ctx, m.Campaign, &m.Message)
	case Invited:
		events, err := c.ledger.Events(ctx, m.Event-1, 1)
		if err != nil || len(events) == 0 || c.invited == nil {
			return Facts{}, false, err
		}
		return c.invited(ctx, events[0].Campaign, &m.Message)
	case Leftover:
		if c.leftover == nil {
			return Facts{}, false, nil
		}
		return c.leftover(ctx, m.Event, &m.Message)
	case Alarm:
		if c.alarm == nil {
			return Facts{}, false, nil
		}
		return c.alarm(ctx, m.Event)
	case Changed:
		was, err := c.movedFrom(ctx, m.Event)
		if err != nil {
			return Facts{}, false, err
		}
		return c.describe(ctx, m.Booking, was)
	case Booked, Cancelled, Displaced, Reminder:
	}
	return c.describe(ctx, m.Booking, nil)
}

// movedFrom gives the sessions whose seats an event gave back.
func (c *Courier) movedFrom(ctx context.Context, seq int64) (was []booking.Session, err error) {
	events, err := c.ledger.Events(ctx, seq-1, 1)
	if err != nil || len(events) == 0 {
		return nil, err
	}
	for _, d := range events[0].Deltas {
		if s, ok := d.Counter.Session(); ok && d.By < 0 {
			was = append(was, s)
		}
	}
	return was, nil
}
