package leftovers

import (
	"context"
	"time"

	"charye/internal/civil"
	"charye/leftover"
	"charye/programme"
	"charye/site"
	"charye/walk"
)

// siteBatches is how many batches of a site and day are looked at.
const siteBatches = 1000

// OnOffer counts the doses of a site's batches of a day that nobody has booked yet, by product: those are spoken for.
func (l *Lists) OnOffer(ctx context.Context, at site.Site, day civil.Date) (map[string]int, error) {
	out := map[string]int{}
	if l.store == nil {
		return out, nil
	}
	views, err := l.store.SiteSince(ctx, at.Num, day.At(0, l.programme.Zone), siteBatches)
	if err != nil {
		return nil, walk.Unavailable(err)
	}
	now := l.now()
	for i := range views {
		v := &views[i]
		if v.Batch.Over() || !now.Before(v.Batch.Until) {
			continue
		}
		n := v.Batch.Doses
		for _, o := range v.Offers {
			if o.State == leftover.Booked { // is one of those who are coming
				n--
			}
		}
		out[v.Batch.Product] += max(0, n)
	}
	return out, nil
}

// Offers reports whether leftover doses are offered here at all.
func (l *Lists) Offers() bool { return l.store != nil }

// Open has doses of a site offered from now on, and gives how many wait in its list.
func (l *Lists) Open(ctx context.Context, c *programme.Campaign, b leftover.Batch, channel string) (waiting int, err error) {
	now := l.now()
	b.Minutes = int(c.Leftovers.Answer / time.Minute)
	out, err := l.pool.Do(ctx, leftover.Request{Op: leftover.OpOpen, At: now, Day: civil.Of(now, l.programme.Zone), Channel: channel, Batch: b})
	if err != nil {
		return 0, walk.Unavailable(err)
	}
	if out.Result != leftover.Done {
		return 0, walk.Refuse(walk.Internal, "unexpected outcome %d of offering leftover doses", out.Result)
	}
	if waiting, err = l.store.Waiting(ctx, c.Num, b.Site); err != nil {
		return 0, walk.Unavailable(err)
	}
	return waiting, nil
}
