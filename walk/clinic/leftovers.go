package clinic

import (
	"context"
	"slices"
	"time"

	"charye/internal/civil"
	"charye/leftover"
	"charye/walk"
)

// OfferLeftovers has doses left over at the actor's site offered to the people on its list, until an instant of today.
type OfferLeftovers struct {
	Campaign, Product string
	Doses             int
	Until             time.Time
}

// OfferLeftovers offers doses of open vials that nobody is coming for. It refuses more than there are.
func (cl *Clinic) OfferLeftovers(ctx context.Context, a walk.Actor, o OfferLeftovers) (waiting int, err error) {
	at, err := cl.clinicSite(a, walk.OfferLeftover)
	if err != nil {
		return 0, err
	}
	c, err := cl.lists.Of(o.Campaign)
	if err != nil {
		return 0, err
	}
	now := cl.now()
	today := civil.Of(now, cl.programme.Zone)
	switch {
	case !c.Leftovers.On(today):
		return 0, walk.Refuse(walk.Closed, "%s offers no leftover doses today", c.ID)
	case !slices.Contains(c.Products, o.Product):
		return 0, walk.Refuse(walk.BadRequest, "product: %s does not offer it", c.ID).At("product")
	case !o.Until.After(now) || civil.Of(o.Until, cl.programme.Zone) != today:
		return 0, walk.Refuse(walk.BadRequest, "until: want a time later today").At("until")
	}
	day, err := cl.clinicDay(ctx, a, at)
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
		return 0, walk.Refuse(walk.BadRequest, "doses: want 1 to %d, which open vials have beyond all who are still to come", spare).At("doses")
	}
	return cl.lists.Open(ctx, c, leftover.Batch{Campaign: c.Num, Site: at.Num, Product: o.Product, Doses: o.Doses, Until: o.Until}, a.Channel)
}
