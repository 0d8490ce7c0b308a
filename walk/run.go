package walk

import (
	"context"
	"errors"
	"time"
)

// How often the background work of a walk is called for. An import shows within ReloadEvery.
const (
	SweepEvery  = time.Second
	ReloadEvery = 2 * time.Second
)

// Sweep gives back holds whose time is over, and rooms inside that could not be given back before.
func (w *Walk) Sweep(ctx context.Context) error {
	return errors.Join(w.desk.Sweep(ctx, w.now()), w.leaveAgain(ctx))
}

// Reload notices imports of sites and rosters.
func (w *Walk) Reload(ctx context.Context) error {
	return errors.Join(w.sites.Reload(ctx), w.rosters.Reload(ctx))
}
