package standby

import (
	"cmp"
	"context"
	"slices"
	"time"

	"charye/booking"
	"charye/programme"
)

const (
	// recalledFor is how long a dose is kept for somebody who stands first in a campaign without invitations of its own.
	recalledFor     = 24 * time.Hour
	displacedAtOnce = 4096 // bookings read at a time
)

// recall keeps what is free for those who stand first, in the order in which they had booked.
func (s *Standby) recall(ctx context.Context, c *programme.Campaign, standing int) error {
	n := min(s.stock.RemainingFor(c, ""), invitedAtOnce)
	if n == 0 {
		return nil
	}
	list := s.displaced[c.Num]
	if len(list) == 0 || len(list) > standing { // some found a dose by themselves
		var err error
		if list, err = s.allDisplaced(ctx, c); err != nil {
			return err
		}
	}
	now := s.now()
	long := c.InviteFor
	if long == 0 {
		long = recalledFor
	}
	until := s.keptUntil(c, long, now)
	batch := make([]booking.Request, min(n, len(list)))
	for i := range batch {
		batch[i] = booking.Request{
			Op: booking.OpRecall, Campaign: c.Num, Person: list[i].Person, Booking: list[i].ID, Channel: "system", Why: "recalled", At: now, HoldUntil: until,
			Shared: s.stock.StockClaims(c, "", now),
		}
	}
	s.displaced[c.Num] = nil // read anew unless all goes well
	if len(batch) == 0 {
		return nil
	}
	out, err := s.ledger.Apply(ctx, batch)
	if err != nil {
		return err
	}
	done := slices.IndexFunc(out, func(o booking.Outcome) bool { return o.Result == booking.Full })
	if done < 0 {
		done = len(out)
	}
	s.displaced[c.Num] = list[done:]
	return nil
}

// allDisplaced lists whoever stands first in a campaign, who booked first first. It may read all cancelled bookings of the campaign.
func (s *Standby) allDisplaced(ctx context.Context, c *programme.Campaign) (all []booking.Booking, err error) {
	for last := int64(0); ; {
		page, err := s.ledger.Displaced(ctx, c.Num, last, displacedAtOnce)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < displacedAtOnce {
			break
		}
		last = page[len(page)-1].ID
	}
	slices.SortFunc(all, func(a, b booking.Booking) int { return cmp.Or(a.MadeAt.Compare(b.MadeAt), cmp.Compare(a.ID, b.ID)) })
	return all, nil
}
