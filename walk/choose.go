package walk

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/programme"
	"charye/site"
)

// Regions lists the provinces that have sites, in their usual order.
func (w *Walk) Regions(context.Context) []string { return w.sites.Now().Regions }

// sitesPerPage is what fits a telephone without endless scrolling, and keeps one answer small.
const sitesPerPage = 20

// Sites lists sites with free counts, from the snapshot. Public.
func (w *Walk) Sites(_ context.Context, campaign string, q SiteQuery) (SitePage, error) {
	c, err := w.CampaignRules(campaign)
	if err != nil {
		return SitePage{}, err
	}
	if q.Near && !(math.Abs(q.Lat) <= 90 && math.Abs(q.Lon) <= 180) { // so that NaN is refused too
		return SitePage{}, Refuse(BadRequest, "lat, lon: want degrees, -90 to 90 and -180 to 180").At("lat")
	}
	index := w.sites.Now()
	now := w.now()
	var out SitePage
	add := func(s site.Site, metres int) {
		out.Sites = append(out.Sites, SiteFree{Site: s, Metres: metres, Free: w.freeDays(c, s, q, now)})
	}
	if q.Near {
		var near []site.Near
		near, out.Next, err = index.Nearest(q.Lat, q.Lon, q.Cursor, sitesPerPage)
		for _, n := range near {
			add(n.Site, n.Metres)
		}
	} else {
		var page []site.Site
		page, out.Next, err = index.ByRegion(q.Region, q.Cursor, sitesPerPage)
		for _, s := range page {
			add(s, -1)
		}
	}
	if err != nil {
		return SitePage{}, Refuse(BadRequest, "cursor: use the `next` of the page before, unchanged").At("cursor")
	}
	return out, nil
}

// freeDays counts a site's free first-dose seats by day, as far as its vials and the shares of the stock reach. What is left of the
// whole stock is the campaign's Remaining.
func (w *Walk) freeDays(c *programme.Campaign, s site.Site, q SiteQuery, now time.Time) []DayFree {
	today := civil.Of(now, w.programme.Zone)
	var out []DayFree
	for _, day := range w.programme.FirstDays(s.ID, s.Kind, s.Region) {
		if day < today || q.HasDate && day != q.Date {
			continue
		}
		n := min(w.freeOn(s, day, day == today, now), w.stock.DosesOn(c, s, day), w.stock.InAnyVials(c, s, day))
		if n > 0 || q.HasDate {
			out = append(out, DayFree{Day: day, Free: n})
		}
	}
	return out
}

// freeOn counts the free first-dose seats of one day. Only today has sessions that began already; for other days one sum
// of what is taken stands for all sessions of the day.
func (w *Walk) freeOn(s site.Site, day civil.Date, today bool, now time.Time) int {
	sessions := w.programme.Sessions(s.ID, s.Kind, s.Region, day)
	n := 0
	if today {
		for _, ses := range sessions {
			if ses.First && w.startsLater(day, ses.Minute, now) {
				n += w.seatsFree(s.Num, day, ses)
			}
		}
		return n
	}
	for _, ses := range sessions {
		if ses.First {
			n += ses.Seats
		}
	}
	return max(0, n-w.free.SeatsUsed(s.Num, day))
}

func (w *Walk) startsLater(day civil.Date, minute int, now time.Time) bool {
	return day.At(minute, w.programme.Zone).After(now)
}

func (w *Walk) seatsFree(num site.Num, day civil.Date, ses programme.Session) int {
	used := w.free.Used(booking.SeatCounter(booking.Session{Site: num, Day: day, Minute: ses.Minute}))
	return max(0, ses.Seats-used)
}

// Slots lists a site's first-dose slots on a day, from the snapshot. Public.
func (w *Walk) Slots(_ context.Context, campaign, siteID string, day civil.Date) ([]Slot, error) {
	c, err := w.CampaignRules(campaign)
	if err != nil {
		return nil, err
	}
	s, err := w.siteByID(siteID)
	if err != nil {
		return nil, err
	}
	return w.firstSlots(c, s, day, nil), nil
}

// SlotsFor is [Walk.Slots] of the products that the actor, or their recipient, may choose.
func (w *Walk) SlotsFor(ctx context.Context, a Actor, campaign, recipient, siteID string, day civil.Date) ([]Slot, error) {
	c, err := w.CampaignRules(campaign)
	if err != nil {
		return nil, err
	}
	who, err := w.Subject(ctx, a, c, recipient)
	if err != nil {
		return nil, err
	}
	s, err := w.siteByID(siteID)
	if err != nil {
		return nil, err
	}
	return w.firstSlots(c, s, day, &who), nil
}

func (w *Walk) siteByID(id string) (site.Site, error) {
	s, ok := w.sites.Now().ByID(id)
	if !ok {
		return site.Site{}, Refuse(NotFound, "there is no such site")
	}
	return s, nil
}

// Site finds one site of a campaign with its free counts on every day, from the snapshot; [NotFound] otherwise. Public.
func (w *Walk) Site(_ context.Context, campaign, siteID string) (SiteFree, error) {
	c, err := w.CampaignRules(campaign)
	if err != nil {
		return SiteFree{}, err
	}
	s, err := w.siteByID(siteID)
	if err != nil {
		return SiteFree{}, err
	}
	return SiteFree{Site: s, Metres: -1, Free: w.freeDays(c, s, SiteQuery{}, w.now())}, nil
}

// Slot tells what a slot's id stands for, whether or not a seat is left in it; [NotFound] when there is no such slot.
// Public.
func (w *Walk) Slot(_ context.Context, campaign, slotID string) (Slot, site.Site, error) {
	c, err := w.CampaignRules(campaign)
	if err != nil {
		return Slot{}, site.Site{}, err
	}
	slot, err := booking.ParseSlot(slotID)
	if err == nil {
		if s, ok := w.sites.Now().ByNum(slot.Site); ok && slices.Contains(c.Products, slot.Product) {
			for _, ses := range w.programme.Sessions(s.ID, s.Kind, s.Region, slot.Day) {
				if ses.Minute == slot.Minute {
					free := min(w.seatsFree(s.Num, slot.Day, ses), w.stock.InVials(s, slot.Day, slot.Product), w.stock.DosesOn(c, s, slot.Day))
					return w.slotView(slot, ses.Minutes, free), s, nil
				}
			}
		}
	}
	return Slot{}, site.Site{}, Refuse(NotFound, "there is no such slot")
}

// firstSlots lists the slots of first doses: with who those of the products that they may choose, else of all products offered now.
func (w *Walk) firstSlots(c *programme.Campaign, s site.Site, day civil.Date, who *Subject) []Slot {
	now := w.now()
	out := []Slot{}
	products := c.OnOffer(civil.Of(now, w.programme.Zone))
	if who != nil {
		products = w.programme.Offered(c, who.Born, civil.Of(now, w.programme.Zone), day)
	}
	most := w.stock.DosesOn(c, s, day)
	doses := make([]int, len(products))
	for i, product := range products {
		doses[i] = min(most, w.stock.InVials(s, day, product))
	}
	for _, ses := range w.programme.Sessions(s.ID, s.Kind, s.Region, day) {
		if !ses.First || !w.startsLater(day, ses.Minute, now) {
			continue
		}
		free := w.seatsFree(s.Num, day, ses)
		for i, product := range products {
			out = append(out, w.slotView(booking.Slot{
				Session: booking.Session{Site: s.Num, Day: day, Minute: ses.Minute}, Product: product,
			}, ses.Minutes, min(free, doses[i])))
		}
	}
	return out
}

func (w *Walk) slotView(s booking.Slot, minutes, free int) Slot {
	start := s.Day.At(s.Minute, w.programme.Zone)
	return Slot{
		ID: s.String(), Start: start, End: start.Add(time.Duration(minutes) * time.Minute), Product: s.Product, Free: free,
	}
}

// DoseSlots lists the slots that one dose of the actor's booking could move to on a day at a site, within the interval.
func (w *Walk) DoseSlots(ctx context.Context, a Actor, bookingID string, dose int, siteID string, day civil.Date) ([]Slot, error) {
	own, err := w.own(ctx, a, bookingID)
	if err != nil {
		return nil, err
	}
	of, ok := w.series(own.campaign, own.subject, own.Doses[0].Slot.Product)
	if last := own.bookable(of); dose < 1 || dose > last {
		return nil, Refuse(BadRequest, "dose: want 1 to %d", last).At("dose")
	}
	s, err := w.siteByID(siteID)
	if err != nil {
		return nil, err
	}
	if dose == 1 {
		return w.firstSlots(own.campaign, s, day, &own.subject), nil
	}
	if !ok {
		return []Slot{}, nil
	}
	product, ok := of.behind(&own.Booking, dose, own.Doses[dose-2].Slot, day)
	if !ok {
		return []Slot{}, nil
	}
	return w.followUpSlots(s, day, product), nil
}

// followUpSlots lists a site's slots for a follow-up dose on a day.
func (w *Walk) followUpSlots(s site.Site, day civil.Date, product string) []Slot {
	now := w.now()
	out := []Slot{}
	doses := w.stock.InVials(s, day, product)
	for _, ses := range w.programme.Sessions(s.ID, s.Kind, s.Region, day) {
		if w.startsLater(day, ses.Minute, now) {
			out = append(out, w.slotView(booking.Slot{
				Session: booking.Session{Site: s.Num, Day: day, Minute: ses.Minute}, Product: product,
			}, ses.Minutes, min(doses, w.seatsFree(s.Num, day, ses))))
		}
	}
	return out
}

// mostAlternatives is how many slots a refusal offers instead.
const mostAlternatives = 5

// sameDay are a few free slots for a follow-up dose on the day of one that was full.
func (w *Walk) sameDay(s site.Site, wanted booking.Slot) []Slot {
	var out []Slot
	for _, slot := range w.followUpSlots(s, wanted.Day, wanted.Product) {
		if slot.Free > 0 && slot.ID != wanted.String() && len(out) < mostAlternatives {
			out = append(out, slot)
		}
	}
	return out
}

// alternatives are a few free first-dose slots close to one that was full: the same day first, then the days around.
func (w *Walk) alternatives(c *programme.Campaign, s site.Site, wanted booking.Slot) []Slot {
	var out []Slot
	days := slices.Clone(w.programme.FirstDays(s.ID, s.Kind, s.Region))
	distance := func(d civil.Date) civil.Date { return max(d-wanted.Day, wanted.Day-d) }
	slices.SortStableFunc(days, func(a, b civil.Date) int { return cmp.Compare(distance(a), distance(b)) })
	for _, day := range days {
		for _, slot := range w.firstSlots(c, s, day, nil) {
			if slot.Free == 0 || slot.ID == wanted.String() {
				continue
			}
			if out = append(out, slot); len(out) == mostAlternatives {
				return out
			}
		}
	}
	return out
}
