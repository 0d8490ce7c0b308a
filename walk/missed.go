package walk

import (
	"context"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
)

// visitRules are those of a campaign on a day; nil without either.
func visitRules(c *programme.Campaign, day civil.Date) *programme.VisitRules {
	if c == nil {
		return nil
	}
	return c.VisitsOn(day)
}

// ComesAgain is when somebody may book again who did not come. It names no person.
type ComesAgain struct {
	From  time.Time // not before; zero: at once
	Last  bool      // when nobody in the line is ahead any more …
	Until time.Time // … and at the latest then
}

// Error is in English.
func (e *ComesAgain) Error() string {
	if e.Last {
		return "after a missed appointment others go first, until " + e.Until.Format(time.RFC3339) + " at the latest"
	}
	return "after a missed appointment booking is possible from " + e.From.Format(time.RFC3339)
}

// AfterMissing is what follows from appointments that somebody missed in a campaign; nil: nothing, or nothing any more.
func (w *Walk) AfterMissing(c *programme.Campaign, all []booking.Booking) *ComesAgain {
	n, last := 0, civil.Date(0)
	var rules *programme.NoShowRules
	for i := range all {
		b := &all[i]
		if b.Campaign != c.Num || b.Status != booking.Missed || len(b.Doses) == 0 {
			continue
		}
		n++
		if day := b.Doses[0].Slot.Day; day >= last {
			last = day
			if r := c.VisitsOn(day); r != nil {
				rules = r.NoShow
			}
		}
	}
	if rules == nil {
		return nil
	}
	from, behind, until := rules.Again(n, last)
	out := &ComesAgain{From: from.At(0, w.programme.Zone), Last: behind, Until: until.At(0, w.programme.Zone)}
	now := w.now()
	if !now.Before(out.Until) || !behind && !now.Before(out.From) {
		return nil
	}
	return out
}

// viewMissed is a booking as its person sees it, with what follows where nobody came.
func (w *Walk) viewMissed(ctx context.Context, o ownBooking) (Booking, error) {
	v := w.View(o.Booking, o.subject)
	if !v.Missed {
		return v, nil
	}
	all, err := w.ledger.Bookings(ctx, o.Person)
	if err != nil {
		return Booking{}, Unavailable(err)
	}
	if _, live := liveOf(o.campaign, all); !live {
		v.Again = w.AfterMissing(o.campaign, all)
		v.Closed = !w.now().Before(o.campaign.Closes)
	}
	return v, nil
}

// mayComeAgain refuses whoever missed an appointment in the campaign as long as its rules have others go first. A dose that is kept for them by
// an invitation is theirs all the same.
func (w *Walk) mayComeAgain(ctx context.Context, c *programme.Campaign, who person.Key, all []booking.Booking) error {
	e := w.AfterMissing(c, all)
	if e == nil {
		return nil
	}
	now := w.now()
	if !now.Before(e.From) { // only others' turns are before them
		st, err := w.line.Status(ctx, c.Num)
		if err != nil {
			return Unavailable(err)
		}
		if int(st.Admitted) >= st.Joined {
			return nil
		}
	}
	if until, err := w.InvitedUntil(ctx, c, who); err != nil || !until.IsZero() {
		return err
	}
	out := Refuse(NotOpen, "%s", e.Error())
	out.Err, out.RetryAfter = e, e.From.Sub(now)
	if out.RetryAfter <= 0 {
		out.RetryAfter = soldOutRetry
	}
	return out
}
