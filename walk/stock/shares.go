package stock

import (
	"fmt"
	"slices"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/programme"
	"charye/site"
)

// What a first dose takes beside its seat: of the stock of the campaign, and of what that is split into.

// Claims are those of a first dose at a site on a day, booked by a channel at an instant.
func (s *Stock) Claims(c *programme.Campaign, channel string, at site.Site, day civil.Date, now time.Time) []booking.Claim {
	out := append(make([]booking.Claim, 0, 4), s.StockClaims(c, channel, now)...)
	for _, share := range c.Shares {
		if id := shareCounter(c, share, at, day); id != 0 {
			out = append(out, booking.Claim{Counter: id, Capacity: share.Doses, N: 1})
		}
	}
	return out
}

// StockClaims are those that do not depend on where and when.
func (s *Stock) StockClaims(c *programme.Campaign, channel string, now time.Time) []booking.Claim {
	out := []booking.Claim{{Counter: booking.StockCounter(c.Num), Capacity: s.OnOffer(c, now), N: 1}}
	if !c.Channeled() {
		return out
	}
	if doses, own := c.SetAside(channel, now); own {
		id := booking.ChannelShareCounter(c.Num, channelNumber(channel))
		if s.free.Used(id) < doses {
			return append(out, booking.Claim{Counter: id, Capacity: doses, N: 1})
		}
	}
	return append(out, booking.Claim{Counter: booking.ChannelShareCounter(c.Num, 0), Capacity: s.open(c, now), N: 1})
}

// Moved are the claims of a booking whose first dose goes to another site or day: the channel's share stays what it was.
func (s *Stock) Moved(c *programme.Campaign, had []booking.Claim, at site.Site, day civil.Date) []booking.Claim {
	out := slices.DeleteFunc(slices.Clone(had), func(claim booking.Claim) bool {
		k := claim.Counter.Kind()
		return k == booking.KindDayShare || k == booking.KindRegionShare
	})
	for _, share := range c.Shares {
		if id := shareCounter(c, share, at, day); id != 0 {
			out = append(out, booking.Claim{Counter: id, Capacity: share.Doses, N: 1})
		}
	}
	return out
}

// shareCounter names the share of a region or a day that a first dose there draws on; 0 for any other.
func shareCounter(c *programme.Campaign, share programme.Share, at site.Site, day civil.Date) booking.Counter {
	switch {
	case share.Day != 0 && share.Day == day:
		return booking.DayShareCounter(c.Num, day)
	case share.Region != "" && regionNumber(share.Region) == regionNumber(at.Region):
		return booking.RegionShareCounter(c.Num, regionNumber(at.Region))
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
func (s *Stock) knownRegions() error {
	for i := range s.programme.Campaigns {
		for k, share := range s.programme.Campaigns[i].Shares {
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
func (s *Stock) open(c *programme.Campaign, now time.Time) int {
	return max(0, s.OnOffer(c, now)-c.Reserved(now))
}

// RemainingFor is what a channel can still book, from the snapshot.
func (s *Stock) RemainingFor(c *programme.Campaign, channel string) int {
	left := s.Remaining(c)
	if !c.Channeled() {
		return left
	}
	now := s.now()
	n := max(0, s.open(c, now)-s.free.Used(booking.ChannelShareCounter(c.Num, 0)))
	if doses, own := c.SetAside(channel, now); own {
		n += max(0, doses-s.free.Used(booking.ChannelShareCounter(c.Num, channelNumber(channel))))
	}
	return min(left, n)
}

// shareCapacity is what the rules say now about the counter of a share.
func (s *Stock) shareCapacity(id booking.Counter, now time.Time) (int, bool) {
	num, part, ok := id.Share()
	if !ok {
		return 0, false
	}
	c, ok := s.programme.CampaignByNum(num)
	if !ok {
		return 0, false
	}
	if id == booking.ChannelShareCounter(num, 0) {
		return s.open(c, now), true
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

// DosesOn is how many more first doses of a campaign the shares of a site's region and of a day allow.
func (s *Stock) DosesOn(c *programme.Campaign, at site.Site, day civil.Date) int {
	n := booking.MaxQuantity
	for _, share := range c.Shares {
		if id := shareCounter(c, share, at, day); id != 0 {
			n = min(n, max(0, share.Doses-s.free.Used(id)))
		}
	}
	return n
}

// VialsOf says how a dose of a product draws on the vials of its site.
func (s *Stock) VialsOf(product string) booking.Vial {
	if p, ok := s.programme.Product(product); ok && p.Vials != nil {
		return booking.Vial{Product: p.Num, Doses: p.DosesPerVial}
	}
	return booking.Vial{}
}

// InVials is how many more doses of a product a site's vials hold for a day: what is left in the one that is open, and the others.
func (s *Stock) InVials(at site.Site, day civil.Date, product string) int {
	v := s.VialsOf(product)
	if v == (booking.Vial{}) {
		return booking.MaxQuantity
	}
	id := booking.VialsCounter(at.Num, v.Product)
	vials, ok := s.free.Capacity(id)
	if !ok {
		return 0
	}
	booked := s.free.Used(booking.OpenedCounter(at.Num, day, v))
	return booking.VialsFor(booked, v.Doses)*v.Doses - booked + max(0, vials-s.free.Used(id))*v.Doses
}

// InAnyVials is how many more first doses of a campaign a site's vials hold for a day, whichever of its products they are of.
func (s *Stock) InAnyVials(c *programme.Campaign, at site.Site, day civil.Date) (n int) {
	for _, product := range c.Products {
		n = min(booking.MaxQuantity, n+s.InVials(at, day, product))
	}
	return n
}
