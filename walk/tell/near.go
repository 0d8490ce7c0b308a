package tell

import (
	"context"
	"errors"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/walk"
)

// The bounds of looking for those whose turn is near: twenty thousand people a second at the most, in commits that leave the outbox to
// others in between. Engines keep some thousands a second where every other person has left an address (BenchmarkNear of notify/sqlite
// and notify/postgres), and a line admits 2,000. A block of people takes 8 MB, and the line is asked for few of them, since it may
// read all of itself for each.
const (
	nearAtOnce   = 2000 // people in one commit
	nearCommits  = 10   // in a row
	nearBlock    = 500_000
	nearReadPart = 50 // reading the line takes at most this part of the time
)

// block is people of a line in a row, as it told them.
type block struct {
	after uint32
	who   []person.Key
}

// lookedAt is how far one node has looked through a campaign's line for those whose turn is near.
type lookedAt struct {
	known bool // upTo is what the outbox has
	upTo  uint32
	block block
	read  time.Time // no further block before this instant
}

// Every is how often [Teller.Round] is called.
const Every = time.Second

// Round keeps messages to those whose turn is near. It is one node's work; two of them at it do no harm.
func (t *Teller) Round(ctx context.Context) error {
	if t.outbox == nil {
		return nil
	}
	var errs []error
	now := t.now()
	for i := range t.programme.Campaigns {
		c := &t.programme.Campaigns[i]
		rules := t.programme.Near(c)
		within := rules.On(civil.Of(now, t.programme.Zone))
		if within == 0 || c.Phase(now) != programme.PhaseOpen || !t.line.Leads(c.Num) {
			delete(t.near, c.Num)
			continue
		}
		if t.near[c.Num] == nil {
			t.near[c.Num] = &lookedAt{}
		}
		errs = append(errs, t.tellNearIn(ctx, c, t.near[c.Num], rules, within))
	}
	return errors.Join(errs...)
}

func (t *Teller) tellNearIn(ctx context.Context, c *programme.Campaign, at *lookedAt, rules programme.NearRules, within time.Duration) error {
	upTo, err := t.line.Near(ctx, c.Num, within)
	if err != nil || upTo == 0 {
		return err
	}
	if !at.known {
		if at.upTo, err = t.outbox.Near(ctx, c.Num); err != nil {
			return err
		}
		at.known = true
	}
	words := t.rules
	for range nearCommits {
		who, err := t.after(ctx, c, at, upTo, within)
		if err != nil || len(who) == 0 {
			return err
		}
		helpers, err := t.Helpers(ctx, c.Num, who)
		if err != nil {
			return err
		}
		now := t.now()
		list := make([]notify.Message, 0, len(who))
		for _, k := range who {
			if !k.IsZero() { // a number that nobody has
				list = append(list, words.Near(c.Num, k, helpers[k], rules.InQuiet, now, c.Closes)...)
			}
		}
		to := at.upTo + uint32(len(who))
		at.known = false // until it is known to be kept
		_, err = t.outbox.TellNear(ctx, c.Num, at.upTo, to, list, now)
		if errors.Is(err, notify.ErrOvertaken) {
			return nil // another node does it
		}
		if err != nil {
			return err
		}
		at.known, at.upTo = true, to
	}
	return nil
}

// after gives the next people of a line who were not looked at, up to a number.
func (t *Teller) after(ctx context.Context, c *programme.Campaign, at *lookedAt, upTo uint32, within time.Duration) ([]person.Key, error) {
	if at.upTo >= upTo {
		return nil, nil
	}
	end := at.block.after + uint32(len(at.block.who))
	if at.upTo < at.block.after || at.upTo >= end {
		begun := t.now()
		if begun.Before(at.read) {
			return nil, nil // people come to the end of the line one by one, and the line may be long: some at a time
		}
		who, err := t.line.Numbered(ctx, c.Num, at.upTo, nearBlock)
		if err != nil {
			return nil, err
		}
		now := t.now()
		at.block = block{after: at.upTo, who: who}
		at.read = now.Add(min(nearReadPart*now.Sub(begun), within/4))
		end = at.upTo + uint32(len(who))
	}
	first := at.upTo - at.block.after
	last := min(end, upTo, at.upTo+nearAtOnce) - at.block.after
	return at.block.who[first:max(first, last)], nil
}

// tellLate tells the actor, who has left an address only now, of the turns that others were told of before: their own and those of
// whom they help.
func (t *Teller) tellLate(ctx context.Context, a walk.Actor) error {
	now := t.now()
	words := t.rules
	var helped []person.Recipient
	looked := false
	for i := range t.programme.Campaigns {
		c := &t.programme.Campaigns[i]
		rules := t.programme.Near(c)
		if rules.On(civil.Of(now, t.programme.Zone)) == 0 || c.Phase(now) != programme.PhaseOpen {
			continue
		}
		tell := func(who person.Key) error {
			p, err := t.line.Place(ctx, c.Num, who)
			if errors.Is(err, line.ErrNoPlace) || err == nil && p.State != line.Waiting {
				return nil
			}
			if err != nil {
				return err
			}
			list := words.Near(c.Num, who, []person.Key{a.Key}, rules.InQuiet, now, c.Closes)
			m := list[0]
			if who != a.Key {
				m = list[1]
			}
			return t.outbox.TellLate(ctx, p.Number, m, now)
		}
		if err := tell(a.Key); err != nil {
			return err
		}
		if !t.takesHelpers(c) {
			continue
		}
		if !looked {
			var err error
			if helped, err = t.people.Recipients(ctx, a.Key); err != nil {
				return err
			}
			looked = true
		}
		for _, r := range helped {
			if r.Campaign != c.ID {
				continue
			}
			if err := tell(r.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// NearTurn gives what there is to tell somebody whose turn is near or has come, for [notify.Courier]: nothing to whoever has booked or
// is inside already, nor when there is nothing to be had. link is the address of the pages.
func (t *Teller) NearTurn(link string) notify.DescribeTurn {
	return func(ctx context.Context, campaign uint32, m *notify.Message) (f notify.Facts, ok bool, err error) {
		c, ok := t.programme.CampaignByNum(campaign)
		if !ok || t.programme.Near(c).Within == 0 {
			return f, false, nil
		}
		if ok, err := t.MayKnow(ctx, c, m); err != nil || !ok {
			return f, false, err
		}
		now := t.now()
		if p := c.Phase(now); p != programme.PhaseOpen && p != programme.PhasePaused {
			return f, false, nil
		}
		who := m.Subject()
		had, err := t.ledger.Bookings(ctx, who)
		if err != nil {
			return f, false, err
		}
		for i := range had {
			if had[i].Campaign == c.Num { // also one that was cancelled: they have been
				return f, false, nil
			}
		}
		p, err := t.line.Place(ctx, c.Num, who)
		if errors.Is(err, line.ErrNoPlace) {
			return f, false, nil
		}
		if err != nil {
			return f, false, err
		}
		st, err := t.line.Status(ctx, c.Num)
		if err != nil {
			return f, false, err
		}
		inside, err := t.line.Inside(ctx, c.Num, who)
		if err != nil {
			return f, false, err
		}
		if _, only := t.stock.StandsBy(c); only || inside || st.SoldOut || p.State != line.Waiting && p.State != line.Admitted {
			return f, false, nil
		}
		f = notify.Facts{Campaign: c.Name, Zone: t.programme.Zone, Link: link + "/c/" + c.ID, Come: p.State == line.Admitted}
		if !f.Come && p.Wait[0] >= 0 {
			f.Expected = now.Add(p.Wait[0]/2 + p.Wait[1]/2).Add(time.Minute - 1).Truncate(time.Minute)
		}
		return f, true, nil
	}
}

// Helpers gives who acts for which of some people in a campaign, for [notify.Courier]; nobody where it takes no helpers today.
func (t *Teller) Helpers(ctx context.Context, campaign uint32, who []person.Key) (map[person.Key][]person.Key, error) {
	c, ok := t.programme.CampaignByNum(campaign)
	if !ok || !t.takesHelpers(c) {
		return nil, nil
	}
	return t.people.Helpers(ctx, c.ID, who)
}

// MayKnow reports whether a message is still for whom it was planned: a helper whose consent was withdrawn is told nothing more.
func (t *Teller) MayKnow(ctx context.Context, c *programme.Campaign, m *notify.Message) (bool, error) {
	if !m.Helper {
		return true, nil
	}
	who := m.Subject()
	helpers, err := t.Helpers(ctx, c.Num, []person.Key{who})
	return slices.Contains(helpers[who], m.To), err
}
