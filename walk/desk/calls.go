package desk

import (
	"cmp"
	"context"
	"slices"
	"time"

	"charye/line"
	"charye/person"
	"charye/programme"
	"charye/walk"
)

// Calls are the callers of a desk in a campaign that somebody should ring, and those who wait.
type Calls struct {
	Campaign  walk.Campaign
	Called    []Call // their turn has come
	Near      []Call // it comes soon
	NotJoined []Call // registered, and nobody has taken a place for them
	Waiting   int    // the others
	More      bool   // there are more than could be looked at; those registered first are here
}

// Call is one of them.
type Call struct {
	person.Recipient
	Number    uint32
	Ahead     int
	KeptUntil time.Time // until when a dose is kept for them; zero: none is
}

const (
	callsLooked = 1000 // open callers that one list looks up in the line
	nearMinutes = 30   // so soon that somebody should be at the telephone
	nearLeast   = 50   // people ahead, where the line is slow
)

// Calls lists whom of the desk to ring in a campaign: first those called first.
func (d *Desk) Calls(ctx context.Context, a walk.Actor, campaign string) (Calls, error) {
	if err := walk.Allow(a, walk.ListCallers); err != nil {
		return Calls{}, err
	}
	c, err := d.walk.CampaignRules(campaign)
	if err != nil {
		return Calls{}, err
	}
	var out Calls
	if out.Campaign, err = d.walk.Standing(ctx, c, d.now()); err != nil {
		return Calls{}, err
	}
	open, err := d.people.OpenRecipients(ctx, d.walk.DeskKey(a), c.ID, callsLooked+1)
	if err != nil {
		return Calls{}, walk.Unavailable(err)
	}
	if out.More = len(open) > callsLooked; out.More {
		open = open[:callsLooked]
	}
	st, err := d.line.Status(ctx, c.Num)
	if err != nil {
		return Calls{}, walk.Unavailable(err)
	}
	near := st.Admitted + uint32(max(nearLeast, int(st.PerMinute*nearMinutes)))
	for _, r := range open {
		if err := d.sort(ctx, &out, c, r, near); err != nil {
			return Calls{}, err
		}
	}
	return out, d.lookAll(ctx, a, c.ID, &out)
}

func (d *Desk) sort(ctx context.Context, out *Calls, c *programme.Campaign, r person.Recipient, near uint32) error {
	call := Call{Recipient: r}
	p, ok, err := d.walk.WhereIs(ctx, c, r.Key)
	if err != nil {
		return err
	}
	if !ok {
		out.NotJoined = append(out.NotJoined, call)
		return nil
	}
	call.Number, call.Ahead, call.KeptUntil = p.Number, p.Ahead, p.KeptUntil
	invited := !p.KeptUntil.IsZero()
	turn := invited || p.State == line.Admitted && out.Campaign.State == walk.CampaignState(programme.PhaseOpen)
	switch {
	case turn:
		// Who has booked by themselves meanwhile is not rung.
		if _, live, err := d.walk.LiveBooking(ctx, c, r.Key); err != nil {
			return err
		} else if live {
			d.walk.Settle(ctx, &r)
			return nil
		}
		out.Called = append(out.Called, call)
	case p.Number > 0 && p.Number <= near:
		out.Near = append(out.Near, call)
	default:
		out.Waiting++
	}
	return nil
}

// lookAll writes one event for the whole list.
func (d *Desk) lookAll(ctx context.Context, a walk.Actor, campaign string, out *Calls) error {
	var seen []person.Key
	for _, list := range [][]Call{out.Called, out.Near, out.NotJoined} {
		byNumber(list)
		for _, call := range list {
			seen = append(seen, call.Key)
		}
	}
	if len(seen) == 0 {
		return nil
	}
	return d.walk.Look(ctx, a, campaign, "list", seen...)
}

func byNumber(list []Call) {
	slices.SortStableFunc(list, func(a, b Call) int { return cmp.Compare(a.Number, b.Number) })
}
