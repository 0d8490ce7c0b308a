package whole

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"charye/walk"
	"charye/walk/clinic"
	"charye/walk/leftovers"
	"charye/walk/standby"
	"charye/walk/stock"
	"charye/walk/tell"

	"golang.org/x/sync/errgroup"
)

// round is a piece of work that is done again and again, by one goroutine.
type round struct {
	every time.Duration
	what  string
	do    func(context.Context) error
}

func (w *Walk) rounds() []round {
	return []round{
		{walk.SweepEvery, "give back holds and rooms", w.Sweep},
		{stock.FollowEvery, "follow the ledger", w.stock.Follow},
		{standby.Every, "invite who is next", w.standby.Round},
		{tell.Every, "tell whose turn is near", w.Teller.Round},
		{leftovers.Every, "offer leftover doses", w.Lists.Round},
		{clinic.Every, "go through the sites' days", w.Clinic.Round},
		{walk.ReloadEvery, "look for imports", w.Reload},
	}
}

// Run does the work that no request asks for, until ctx ends: follows the ledger's events, tells the line what stock is
// left, invites who is next where it was sold out, tells whose turn is near, gives back holds whose time is over, settles what became of appointments, watches over boxes, and notices imports. A failing round is logged and tried again; nothing
// that people were told depends on it.
func (w *Walk) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.line.Run(ctx) })
	if w.room != nil {
		g.Go(func() error { return w.room.Run(ctx) })
	}
	for _, r := range w.rounds() {
		g.Go(func() error { return w.again(ctx, r) })
	}
	return g.Wait()
}

// Round does each piece of the work of [Walk.Run] once, except the line's and the supply room's own, for tests and tools that own the clock.
func (w *Walk) Round(ctx context.Context) error {
	return errors.Join(w.Sweep(ctx), w.stock.Follow(ctx), w.standby.Round(ctx), w.stock.Follow(ctx), w.Teller.Round(ctx), w.Lists.Round(ctx), w.Clinic.Round(ctx), w.Reload(ctx))
}

func (w *Walk) again(ctx context.Context, r round) error {
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := r.do(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			w.log.LogAttrs(ctx, slog.LevelWarn, "background work fails, trying on: "+r.what, slog.String("error", err.Error()))
		}
		failing = err != nil
	}
}
