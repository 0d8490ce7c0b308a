package walk

import (
	"context"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/leftover"
	"charye/site"
)

// siteBatches is how many batches of a site and day are looked at.
const siteBatches = 1000

// onOffer counts the doses of a site's batches of a day that nobody has booked yet, by product: those are spoken for.
func (w *Walk) onOffer(ctx context.Context, at site.Site, day civil.Date) (map[string]int, error) {
	out := map[string]int{}
	if w.leftovers == nil {
		return out, nil
	}
	views, err := w.leftovers.SiteSince(ctx, at.Num, day.At(0, w.programme.Zone), siteBatches)
	if err != nil {
		return nil, unavailable(err)
	}
	now := w.now()
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

// OfferLeftovers has doses left over at the actor's site offered to the people on its list, until an instant of today.
type OfferLeftovers struct {
	Campaign, Product string
	Doses             int
	Until             time.Time
}

// OfferLeftovers offers doses of open vials that nobody is coming for. It refuses more than there are.
func (w *Walk) OfferLeftovers(ctx context.Context, a Actor, o OfferLeftovers) (waiting int, err error) {
	at, err := w.clinicSite(a, OfferLeftover)
	if err != nil {
		return 0, err
	}
	c, err := w.leftoversOf(o.Campaign)
	if err != nil {
		return 0, err
	}
	now := w.now()
	today := civil.Of(now, w.programme.Zone)
	switch {
	case !c.Leftovers.On(today):
		return 0, refuse(Closed, "%s offers no leftover doses today", c.ID)
	case !slices.Contains(c.Products, o.Product):
		return 0, refuse(BadRequest, "product: %s does not offer it", c.ID).field("product")
	case !o.Until.After(now) || civil.Of(o.Until, w.programme.Zone) != today:
		return 0, refuse(BadRequest, "until: want a time later today").field("until")
	}
	day, err := w.clinicDay(ctx, a, at)
	if err != nil {
		return 0, err
	}
	spare := 0
	for _, p := range day.Products {
		if p.Product.ID == o.Product {
			spare = p.Spare
		}
	}
	if o.Doses < 1 || o.Doses > min(spare, leftover.MaxDoses) {
		return 0, refuse(BadRequest, "doses: want 1 to %d, which open vials have beyond all who are still to come", spare).field("doses")
	}
	out, err := w.leftoverPool.Do(ctx, leftover.Request{
		Op: leftover.OpOpen, At: now, Day: today, Channel: a.Channel, Batch: leftover.Batch{
			Campaign: c.Num, Site: at.Num, Product: o.Product, Doses: o.Doses, Until: o.Until, Minutes: int(c.Leftovers.Answer / time.Minute),
		},
	})
	if err != nil {
		return 0, unavailable(err)
	}
	if out.Result != leftover.Done {
		return 0, refuse(Internal, "unexpected outcome %d of offering leftover doses", out.Result)
	}
	if waiting, err = w.leftovers.Waiting(ctx, c.Num, at.Num); err != nil {
		return 0, unavailable(err)
	}
	return waiting, nil
}
