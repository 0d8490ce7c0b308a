package walk

import (
	"context"
	"time"

	"charye/booking"
	"charye/internal/weak"
	"charye/line"
	"charye/person"
	"charye/programme"
)

// InvitedUntil gives until when a dose is kept for somebody; zero when none is.
func (w *Walk) InvitedUntil(ctx context.Context, c *programme.Campaign, who person.Key) (time.Time, error) {
	h, ok, err := w.ledger.Hold(ctx, who, c.Num)
	if err != nil {
		return time.Time{}, Unavailable(err)
	}
	if until := h.Invited; ok && until.After(w.now()) {
		return until, nil
	}
	return time.Time{}, nil
}

// invitable refuses whoever has a turn in a campaign that stands by, and no dose kept: it is for others who wait.
func (w *Walk) invitable(ctx context.Context, c *programme.Campaign, p line.Place) error {
	if _, only := w.stock.StandsBy(c); !only && w.stock.StandFirst(c) == 0 || p.State != line.Admitted || weak.Off(weak.Invited) {
		return nil
	}
	h, ok, err := w.ledger.Hold(ctx, p.Person, c.Num)
	if err != nil {
		return Unavailable(err)
	}
	if ok && h.Until.After(w.now()) {
		return nil
	}
	e := Refuse(SlotFull, "what comes free in %s is kept for those who were invited, in the order of the line; no dose is kept for this person now", c.ID)
	e.RetryAfter = soldOutRetry
	return e
}

// withInvitation fills in until when a dose is kept for the person of a place.
func (w *Walk) withInvitation(ctx context.Context, c *programme.Campaign, p Place) (Place, error) {
	if !w.free.Met(booking.StandbyCounter(c.Num)) && !w.free.Met(booking.DisplacedCounter(c.Num)) || p.State != line.Admitted {
		return p, nil
	}
	var err error
	p.KeptUntil, err = w.InvitedUntil(ctx, c, p.Person)
	return p, err
}

// leftFor refuses whoever has a turn when all that is left is set aside for other channels. They keep it for when that changes.
func (w *Walk) leftFor(ctx context.Context, c *programme.Campaign, channel string, p line.Place) error {
	if !c.Channeled() || p.State != line.Admitted || w.stock.RemainingFor(c, channel) > 0 {
		return nil
	}
	if _, stands := w.free.Capacity(booking.StandbyCounter(c.Num)); stands { // theirs is kept for them
		return nil
	}
	if w.free.Met(booking.DisplacedCounter(c.Num)) {
		if until, err := w.InvitedUntil(ctx, c, p.Person); err != nil || !until.IsZero() {
			return err
		}
	}
	e := Refuse(SlotFull, "what is left of %s is set aside for those who book in another way, such as by telephone; the turn is kept for what comes back", c.ID)
	e.RetryAfter = soldOutRetry
	if now := w.now(); !c.Released(now).IsZero() {
		e.Detail += "; from " + c.Released(now).In(w.programme.Zone).Format(time.RFC3339) + " on it can have what is left of that"
		e.RetryAfter = c.Released(now).Sub(now)
	}
	return e
}
