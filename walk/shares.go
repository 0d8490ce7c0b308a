package walk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/line"
	"charye/programme"
	"charye/site"
)

// What a first dose takes beside its seat: of the stock of the campaign, and of what that is split into.

// claims are those of a first dose at a site on a day, booked by a channel at an instant.
func (w *Walk) claims(c *programme.Campaign, channel string, s site.Site, day civil.Date, now time.Time) []booking.Claim {
	out := append(make([]booking.Claim, 0, 4), w.stockClaims(c, channel, now)...)
	for _, share := range c.Shares {
		if id := shareCounter(c, share, s, day); id != 0 {
			out = append(out, booking.Claim{Counter: id, Capacity: share.Doses, N: 1})
		}
	}
	return out
}

// stockClaims are those that do not depend on where and when.
func (w *Walk) stockClaims(c *programme.Campaign, channel string, now time.Time) []booking.Claim {
	out := []booking.Claim{{Counter: booking.StockCounter(c.Num), Capacity: w.stock(c, now), N: 1}}
	if !c.Channeled() {
		return out
	}
	if doses, own := c.SetAside(channel, now); own {
		id := booking.ChannelShareCounter(c.Num, channelNumber(channel))
		if w.free.Used(id) < doses {
			return append(out, booking.Claim{Counter: id, Capacity: doses, N: 1})
		}
	}
	return append(out, booking.Claim{Counter: booking.ChannelShareCounter(c.Num, 0), Capacity: w.open(c, now), N: 1})
}

// moved are the claims of a booking whose first dose goes to another site or day: the channel's share stays what it was.
func (w *Walk) moved(c *programme.Campaign, had []booking.Claim, s site.Site, day civil.Date) []booking.Claim {
	out := slices.DeleteFunc(slices.Clone(had), func(claim booking.Claim) bool {
		k := claim.Counter.Kind()
		return k == booking.KindDayShare || k == booking.KindRegionShare
	})
	for _, share := range c.Shares {
		if id := shareCounter(c, share, s, day); id != 0 {
			out = append(out, booking.Claim{Counter: id, Capacity: share.Doses, N: 1})
		}
	}
	return out
}

// shareCounter names the share of a region or a day that a first dose there draws on; 0 for any other.
func shareCounter(c *programme.Campaign, share programme.Share, s site.Site, day civil.Date) booking.Counter {
	switch {
	case share.Day != 0 && share.Day == day:
		return booking.DayShareCounter(c.Num, day)
	case share.Region != "" && regionNumber(share.Region) == regionNumber(s.Region):
		return booking.RegionShareCounter(c.Num, regionNumber(s.Region))
	}
	return 0
}

// regionNumber is the place of a region in [site.Regions], from 1; 0 for one that is not there.
func regionNumber(name string) uint16 {
	official, _ := site.RegionName(name)
	for i, r := range site.Regions() {
		if r.Name == official {
			return uint16(i) + 1
		}
	}
	return 0
}

// knownRegions refuses a share of a region that there is not: it would bound nothing.
func (w *Walk) knownRegions() error {
	for i := range w.programme.Campaigns {
		for k, share := range w.programme.Campaigns[i].Shares {
			if share.Region != "" && regionNumber(share.Region) == 0 {
				return fmt.Errorf("programme: campaigns[%d].shares[%d].region: there is no region %q; want one such as 서울 or 서울특별시", i, k, share.Region)
			}
		}
	}
	return nil
}

func channelNumber(channel string) uint16 {
	return uint16(slices.Index(programme.Channels(), channel) + 1)
}

// open is how many doses there are for those without a channel of their own.
func (w *Walk) open(c *programme.Campaign, now time.Time) int {
	return max(0, w.stock(c, now)-c.Reserved(now))
}

// remainingFor is what a channel can still book, from the snapshot.
func (w *Walk) remainingFor(c *programme.Campaign, channel string) int {
	left := w.remaining(c)
	if !c.Channeled() {
		return left
	}
	now := w.now()
	n := max(0, w.open(c, now)-w.free.Used(booking.ChannelShareCounter(c.Num, 0)))
	if doses, own := c.SetAside(channel, now); own {
		n += max(0, doses-w.free.Used(booking.ChannelShareCounter(c.Num, channelNumber(channel))))
	}
	return min(left, n)
}

// shareCapacity is what the rules say now about the counter of a share.
func (w *Walk) shareCapacity(id booking.Counter, now time.Time) (int, bool) {
	num, part, ok := id.Share()
	if !ok {
		return 0, false
	}
	c, ok := w.programme.CampaignByNum(num)
	if !ok {
		return 0, false
	}
	if id == booking.ChannelShareCounter(num, 0) {
		return w.open(c, now), true
	}
	for _, share := range c.Shares {
		switch k := id.Kind(); {
		case k == booking.KindChannelShare && share.Channel != "" && channelNumber(share.Channel) == part,
			k == booking.KindRegionShare && share.Region != "" && regionNumber(share.Region) == part,
			k == booking.KindDayShare && share.Day != 0 && booking.DayShareCounter(num, share.Day) == id:
			return share.Doses, true
		}
	}
	return 0, false
}

// dosesOn is how many more first doses of a campaign the shares of a site's region and of a day allow.
func (w *Walk) dosesOn(c *programme.Campaign, s site.Site, day civil.Date) int {
	n := booking.MaxQuantity
	for _, share := range c.Shares {
		if id := shareCounter(c, share, s, day); id != 0 {
			n = min(n, max(0, share.Doses-w.free.Used(id)))
		}
	}
	return n
}

// vialsOf says how a dose of a product draws on the vials of its site.
func (w *Walk) vialsOf(product string) booking.Vial {
	if p, ok := w.programme.Product(product); ok && p.Vials != nil {
		return booking.Vial{Product: p.Num, Doses: p.DosesPerVial}
	}
	return booking.Vial{}
}

// inVials is how many more doses of a product a site's vials hold for a day: what is left in the one that is open, and the others.
func (w *Walk) inVials(s site.Site, day civil.Date, product string) int {
	v := w.vialsOf(product)
	if v == (booking.Vial{}) {
		return booking.MaxQuantity
	}
	id := booking.VialsCounter(s.Num, v.Product)
	vials, ok := w.free.Capacity(id)
	if !ok {
		return 0
	}
	booked := w.free.Used(booking.OpenedCounter(s.Num, day, v))
	return booking.VialsFor(booked, v.Doses)*v.Doses - booked + max(0, vials-w.free.Used(id))*v.Doses
}

// inAnyVials is how many more first doses of a campaign a site's vials hold for a day, whichever of its products they are of.
func (w *Walk) inAnyVials(c *programme.Campaign, s site.Site, day civil.Date) (n int) {
	for _, product := range c.Products {
		n = min(booking.MaxQuantity, n+w.inVials(s, day, product))
	}
	return n
}

// leftFor refuses whoever has a turn when all that is left is set aside for other channels. They keep it for when that changes.
func (w *Walk) leftFor(ctx context.Context, c *programme.Campaign, channel string, p line.Place) error {
	if !c.Channeled() || p.State != line.Admitted || w.remainingFor(c, channel) > 0 {
		return nil
	}
	if _, stands := w.free.Capacity(booking.StandbyCounter(c.Num)); stands { // theirs is kept for them
		return nil
	}
	if w.free.Met(booking.DisplacedCounter(c.Num)) {
		if until, err := w.invitation(ctx, c, p.Person); err != nil || !until.IsZero() {
			return err
		}
	}
	e := refuse(SlotFull, "what is left of %s is set aside for those who book in another way, such as by telephone; the turn is kept for what comes back", c.ID)
	e.RetryAfter = soldOutRetry
	if now := w.now(); !c.Released(now).IsZero() {
		e.Detail += "; from " + c.Released(now).In(w.programme.Zone).Format(time.RFC3339) + " on it can have what is left of that"
		e.RetryAfter = c.Released(now).Sub(now)
	}
	return e
}
