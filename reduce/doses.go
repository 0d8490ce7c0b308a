package reduce

import (
	"context"
	"fmt"

	"charye/booking"
)

// The campaign's doses while a plan is carried out: what went is taken off once, and the rest with each booking that loses its own.

func (c *carrier) once(what string) booking.Counter {
	return booking.OnceCounter("reduce " + c.head.ID + " " + what)
}

// begin takes what went off the campaign's doses, as far as they are not promised, once. Undone, it only looks whether there is something to undo.
func (c *carrier) begin(ctx context.Context) error {
	applied, undone := c.once("apply"), c.once("undo")
	return c.adjust(ctx, []booking.Counter{applied, undone}, func(have map[booking.Counter]booking.CounterState) ([]booking.Claim, error) {
		_, before := have[applied]
		_, after := have[undone]
		switch {
		case c.way.Undo && !before:
			return nil, fmt.Errorf("%w: it was never applied", ErrPlan)
		case c.way.Undo:
			return nil, nil
		case after:
			return nil, fmt.Errorf("%w: it was undone; make another", ErrPlan)
		case before:
			return nil, nil
		}
		there := booking.There(c.campaign.Num, c.campaign.StockAt(c.way.Now()), func(id booking.Counter) int { return have[id].Capacity })
		if went := -c.head.Net; went > 0 && went > there {
			return nil, tooFew(went, there)
		}
		return append(c.net(have, c.head.Net), booking.Claim{Counter: applied, Capacity: 1}), nil
	})
}

// end takes what was returned into the campaign's doses, once.
func (c *carrier) end(ctx context.Context) error {
	undone := c.once("undo")
	err := c.adjust(ctx, []booking.Counter{undone}, func(have map[booking.Counter]booking.CounterState) ([]booking.Claim, error) {
		if _, done := have[undone]; done || !c.way.Undo {
			return nil, nil
		}
		return append(c.net(have, -c.head.Net), booking.Claim{Counter: undone, Capacity: 1}), nil
	})
	c.o.Short = c.over.short()
	return err
}

// net changes what came and went beside the rules.
func (c *carrier) net(have map[booking.Counter]booking.CounterState, n int) []booking.Claim {
	came, went := booking.DeliveredCounter(c.campaign.Num), booking.WithdrawnCounter(c.campaign.Num)
	a, b := Beside(have[came].Capacity, have[went].Capacity, n)
	return []booking.Claim{{Counter: came, Capacity: a}, {Counter: went, Capacity: b}}
}

// Beside adds doses to what came beside the rules of a campaign, or takes them off: first from what was the other way.
func Beside(came, went, n int) (newCame, newWent int) {
	if n < 0 {
		from := min(came, -n)
		return came - from, went - n - from
	}
	from := min(went, n)
	return came + n - from, went - from
}

// adjust changes counters by a rule, and sets the campaign's doses to what is on offer then, as far as what is promised allows. Undone it leaves
// them until the end: they come back with each booking. It finds by how much too much is promised.
func (c *carrier) adjust(ctx context.Context, more []booking.Counter, rule func(map[booking.Counter]booking.CounterState) ([]booking.Claim, error)) error {
	now := c.way.Now()
	num := c.campaign.Num
	stock, open := booking.StockCounter(num), booking.ChannelShareCounter(num, 0)
	come := c.campaign.Come(now, c.rules.Programme.Zone)
	ids := append([]booking.Counter{stock, open, booking.DeliveredCounter(num), booking.WithdrawnCounter(num)}, more...)
	for _, day := range come {
		ids = append(ids, booking.ForwardCounter(num, day))
	}
	return c.ledger.Adjust(ctx, ids, func(have map[booking.Counter]booking.CounterState) ([]booking.Claim, error) {
		claims, err := rule(have)
		if err != nil {
			return nil, err
		}
		for _, x := range claims {
			st := have[x.Counter]
			st.Counter, st.Capacity = x.Counter, x.Capacity
			have[x.Counter] = st
		}
		capacity, used := func(id booking.Counter) int { return have[id].Capacity }, func(id booking.Counter) int { return have[id].Used }
		n := booking.OnOffer(num, c.campaign.StockAt(now), come, capacity, used)
		c.over = promised(c.campaign, now, c.rules.Programme.Zone, capacity, used)
		sized := []booking.Claim{{Counter: stock, Capacity: max(n, have[stock].Used)}}
		if c.campaign.Channeled() {
			everybodys := max(0, n-c.campaign.Reserved(now))
			sized = append(sized, booking.Claim{Counter: open, Capacity: max(everybodys, have[open].Used)})
		}
		if c.way.Undo && len(claims) == 0 {
			return claims, nil
		}
		return append(claims, sized...), nil
	})
}

// claims are those on counters beside seats.
func (c *carrier) claims(ids []booking.Counter) (out []booking.Claim) {
	coming := c.campaign.Coming(c.head.Made, c.rules.Programme.Zone)
	for _, id := range ids {
		capacity := booking.MaxQuantity // they are there
		for day, doses := range coming {
			if id == booking.ForwardCounter(c.campaign.Num, day) {
				capacity = doses
			}
		}
		for _, s := range c.campaign.Shares {
			if s.Day != 0 && id == booking.DayShareCounter(c.campaign.Num, s.Day) {
				capacity = s.Doses
			}
		}
		out = append(out, booking.Claim{Counter: id, Capacity: capacity, N: 1})
	}
	return out
}
