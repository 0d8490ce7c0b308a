package walk

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"charye/booking"

	"golang.org/x/sync/errgroup"
)

// How often the background work looks. Pages read free counts at most followEvery old; an import shows within reloadEvery.
const (
	followEvery = 200 * time.Millisecond
	sweepEvery  = time.Second
	reloadEvery = 2 * time.Second
)

// Run does the work that no request asks for, until ctx ends: follows the ledger's events, tells the line what stock is
// left, invites who is next where it was sold out, tells whose turn is near, gives back holds whose time is over, settles what became of appointments, watches over boxes, and notices imports. A failing round is logged and tried again; nothing
// that people were told depends on it.
func (w *Walk) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.line.Run(ctx) })
	g.Go(func() error {
		return w.every(ctx, followEvery, "follow the ledger", func() error { return w.follow(ctx) })
	})
	g.Go(func() error {
		return w.every(ctx, sweepEvery, "give back holds and rooms", func() error { return w.sweep(ctx) })
	})
	g.Go(func() error {
		return w.every(ctx, standbyEvery, "invite who is next", func() error { return w.invite(ctx) })
	})
	g.Go(func() error {
		return w.every(ctx, nearEvery, "tell whose turn is near", func() error { return w.tellNear(ctx) })
	})
	g.Go(func() error {
		return w.every(ctx, leftoverEvery, "offer leftover doses", func() error { return w.offerLeftovers(ctx) })
	})
	if w.supply != nil {
		g.Go(func() error { return w.supply.Run(ctx) })
	}
	g.Go(func() error {
		return w.every(ctx, visitsEvery, "go through the sites' days", func() error { return w.visits(ctx) })
	})
	g.Go(func() error {
		return w.every(ctx, reloadEvery, "look for imports", func() error { return w.reload(ctx) })
	})
	return g.Wait()
}

// Round does each piece of the work of [Walk.Run] once, except the line's own, for tests and tools that own the clock.
func (w *Walk) Round(ctx context.Context) error {
	return errors.Join(w.sweep(ctx), w.follow(ctx), w.invite(ctx), w.follow(ctx), w.tellNear(ctx), w.offerLeftovers(ctx), w.visits(ctx), w.reload(ctx))
}

func (w *Walk) follow(ctx context.Context) error {
	if err := w.free.Refresh(ctx); err != nil {
		return err
	}
	if err := w.restock(ctx); err != nil {
		return err
	}
	w.tellSupply(ctx)
	return nil
}

func (w *Walk) sweep(ctx context.Context) error {
	return errors.Join(w.desk.Sweep(ctx, w.now()), w.leaveAgain(ctx))
}

func (w *Walk) reload(ctx context.Context) error {
	return errors.Join(w.reloadSites(ctx), w.rosters.Reload(ctx))
}

func (w *Walk) every(ctx context.Context, d time.Duration, what string, round func() error) error {
	tick := time.NewTicker(d)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := round()
		if err != nil && ctx.Err() == nil && !failing {
			w.log.LogAttrs(ctx, slog.LevelWarn, "background work fails, trying on: "+what, slog.String("error", err.Error()))
		}
		failing = err != nil
	}
}

// holdsLooked is how many holds are looked at, to see whether one may fall back to a campaign without stock.
const holdsLooked = 1000

// tellSupply tells each line how much stock is left.
func (w *Walk) tellSupply(ctx context.Context) {
	for i := range w.programme.Campaigns {
		c := &w.programme.Campaigns[i]
		free := w.remaining(c)
		if w.standFirst(c) > 0 {
			free = 0 // it is theirs
		}
		unbooked := free
		if free == 0 {
			// Sold out is only said when no hold can fall back any more.
			holds, err := w.ledger.DueHolds(ctx, w.now().Add(24*time.Hour), holdsLooked)
			if err != nil {
				continue
			}
			for _, h := range holds {
				if h.Campaign == c.Num {
					unbooked++
				}
			}
			if unbooked == 0 && len(holds) == holdsLooked {
				unbooked = 1 // there are more holds than were looked at, and one of them may be of this campaign
			}
		}
		w.line.Supply(c.Num, free, unbooked)
		if called, only := w.standsBy(c); only || called > 0 {
			w.line.StandBy(c.Num, called)
		}
	}
}

// reconcile gives counters that exist the capacity of the rules as they are now.
func (w *Walk) reconcile(ctx context.Context) error {
	want := make([]booking.Claim, 0, 64)
	_, err := w.ledger.Counters(ctx, func(st booking.CounterState) {
		if capacity, ok := w.capacity(st.Counter); ok && capacity != st.Capacity {
			want = append(want, booking.Claim{Counter: st.Counter, Capacity: capacity})
		}
	})
	if err != nil {
		return err
	}
	for _, claim := range want {
		err := w.ledger.SetCapacity(ctx, []booking.Claim{claim})
		switch {
		case errors.Is(err, booking.ErrBelowUsed):
			w.log.LogAttrs(ctx, slog.LevelWarn, "the rules now allow less than is booked already; bookings stand, nothing more is given: "+claim.Counter.String())
		case err != nil:
			return err
		}
	}
	return nil
}

// capacity is what the rules say about a counter now; ok is false for one they say nothing of.
func (w *Walk) capacity(id booking.Counter) (int, bool) {
	if num, ok := id.Campaign(); ok {
		c, ok := w.programme.CampaignByNum(num)
		if !ok {
			return 0, false
		}
		return w.stock(c, w.now()), true
	}
	if doses, ok := w.shareCapacity(id, w.now()); ok {
		return doses, true
	}
	ses, ok := id.Session()
	if !ok {
		return 0, false
	}
	at, ok := w.sites.Load().index.ByNum(ses.Site)
	if !ok {
		return 0, false
	}
	for _, x := range w.programme.Sessions(at.ID, at.Kind, at.Region, ses.Day) {
		if x.Minute == ses.Minute {
			return x.Seats, true
		}
	}
	return 0, false
}
