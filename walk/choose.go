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

// directory is the sites as of one version of the store; it is replaced whole.
type directory struct {
	version int64
	index   *site.Index
	regions []string
	units   map[[16]byte]site.Num // by what sessions of staff carry of their place of work
}

func (w *Walk) reloadSites(ctx context.Context) error {
	v, err := w.siteStore.Version(ctx)
	if err != nil {
		return err
	}
	if d := w.sites.Load(); d != nil && d.version == v {
		return nil
	}
	all, err := w.siteStore.All(ctx)
	if err != nil {
		return err
	}
	w.sites.Store(w.directory(v, site.NewIndex(all)))
	return nil
}

func (w *Walk) directory(version int64, index *site.Index) *directory {
	d := &directory{version: version, index: index, units: map[[16]byte]site.Num{}}
	have := make(map[string]bool)
	for _, s := range index.All() {
		for _, namespace := range w.staffFrom {
			d.units[w.keyer.Unit(namespace, s.ID)] = s.Num
		}
		have[s.Region] = true
	}
	for _, r := range site.Regions() {
		if have[r.Name] {
			d.regions = append(d.regions, r.Name)
		}
	}
	return d
}

// Regions lists the provinces that have sites, in their usual order.
func (w *Walk) Regions(context.Context) []string { return w.sites.Load().regions }

// sitesPerPage is what fits a telephone without endless scrolling, and keeps one answer small.
const sitesPerPage = 20

// Sites lists sites with free counts, from the snapshot. Public.
func (w *Walk) Sites(_ context.Context, campaign string, q SiteQuery) (SitePage, error) {
	c, err := w.campaign(campaign)
	if err != nil {
		return SitePage{}, err
	}
	if q.Near && !(math.Abs(q.Lat) <= 90 && math.Abs(q.Lon) <= 180) { // so that NaN is refused too
		return SitePage{}, refuse(BadRequest, "lat, lon: want degrees, -90 to 90 and -180 to 180").field("lat")
	}
	index := w.sites.Load().index
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
		return SitePage{}, refuse(BadRequest, "cursor: use the `next` of the page before, unchanged").field("cursor")
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
		n := min(w.freeOn(s, day, day == today, now), w.dosesOn(c, s, day), w.inAnyVials(c, s, day))
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
	c, err := w.campaign(campaign)
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
	c, err := w.campaign(campaign)
	if err != nil {
		return nil, err
	}
	who, err := w.subject(ctx, a, c, recipient)
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
	s, ok := w.sites.Load().index.ByID(id)
	if !ok {
		return site.Site{}, refuse(NotFound, "there is no such site")
	}
	return s, nil
}

// Site finds one site of a campaign with its free counts on every day, from the snapshot; [NotFound] otherwise. Public.
func (w *Walk) Site(_ context.Context, campaign, siteID string) (SiteFree, error) {
	c, err := w.campaign(campaign)
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
	c, err := w.campaign(campaign)
	if err != nil {
		return Slot{}, site.Site{}, err
	}
	slot, err := booking.ParseSlot(slotID)
	if err == nil {
		if s, ok := w.sites.Load().index.ByNum(slot.Site); ok && slices.Contains(c.Products, slot.Product) {
			for _, ses := range w.programme.Sessions(s.ID, s.Kind, s.Region, slot.Day) {
				if ses.Minute == slot.Minute {
					free := min(w.seatsFree(s.Num, slot.Day, ses), w.inVials(s, slot.Day, slot.Product), w.dosesOn(c, s, slot.Day))
					return w.slotView(slot, ses.Minutes, free), s, nil
				}
			}
		}
	}
	return Slot{}, site.Site{}, refuse(NotFound, "there is no such slot")
}

// firstSlots lists the slots of first doses: with who those of the products that they may choose, else of all products offered now.
func (w *Walk) firstSlots(c *programme.Campaign, s site.Site, day civil.Date, who *subject) []Slot {
	now := w.now()
	out := []Slot{}
	products := c.OnOffer(civil.Of(now, w.programme.Zone))
	if who != nil {
		products = w.programme.Offered(c, who.born, civil.Of(now, w.programme.Zone), day)
	}
	most := w.dosesOn(c, s, day)
	doses := make([]int, len(products))
	for i, product := range products {
		doses[i] = min(most, w.inVials(s, day, product))
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
		return nil, refuse(BadRequest, "dose: want 1 to %d", last).field("dose")
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
	doses := w.inVials(s, day, product)
	for _, ses := range w.programme.Sessions(s.ID, s.Kind, s.Region, day) {
		if w.startsLater(day, ses.Minute, now) {
			out = append(out, w.slotView(booking.Slot{
				Session: booking.Session{Site: s.Num, Day: day, Minute: ses.Minute}, Product: product,
			}, ses.Minutes, min(doses, w.seatsFree(s.Num, day, ses))))
		}
	}
	return out
}

// choice checks that a slot is real under the rules at this moment, and of a product that this person may choose, and gives the
// claim on its seat. Of which product a follow-up dose must be is the caller's to check. has is the product of the booking that is being changed, which they may keep.
func (w *Walk) choice(c *programme.Campaign, who subject, text string, first bool, has string) (booking.Choice, site.Site, error) {
	bad := func(format string, args ...any) (booking.Choice, site.Site, error) {
		return booking.Choice{}, site.Site{}, refuse(BadRequest, format, args...).field("slot")
	}
	slot, err := booking.ParseSlot(text)
	if err != nil {
		return bad("slot: not a slot; take the id of one that the site lists")
	}
	s, ok := w.sites.Load().index.ByNum(slot.Site)
	if !ok {
		return bad("slot: there is no such site")
	}
	if first && !slices.Contains(c.Products, slot.Product) {
		return bad("slot: %s does not offer this product", c.ID)
	}
	if first && slot.Product != has && !slices.Contains(w.programme.Offered(c, who.born, civil.Of(w.now(), w.programme.Zone), slot.Day), slot.Product) {
		return bad("slot: %s does not offer this product to somebody of this age today; take one that is listed", c.ID)
	}
	for _, ses := range w.programme.Sessions(s.ID, s.Kind, s.Region, slot.Day) {
		if ses.Minute != slot.Minute {
			continue
		}
		if first && !ses.First {
			return bad("slot: this session takes follow-up doses only")
		}
		if !w.startsLater(slot.Day, ses.Minute, w.now()) {
			return bad("slot: it has begun already; take a later one")
		}
		return w.seatChoice(slot, ses), s, nil
	}
	return bad("slot: the site has no session at that time")
}

func (w *Walk) seatChoice(slot booking.Slot, ses programme.Session) booking.Choice {
	return booking.Choice{
		Slot: slot, Minutes: ses.Minutes, Vial: w.vialsOf(slot.Product),
		Seat: booking.Claim{Counter: booking.SeatCounter(slot.Session), Capacity: ses.Seats, N: 1},
	}
}

// series is the doses that begin with a product, of somebody in a campaign.
type series struct {
	*programme.Product
	campaign *programme.Campaign
	born     civil.Date
}

func (w *Walk) series(c *programme.Campaign, who subject, first string) (series, bool) {
	p, ok := w.programme.Product(first)
	return series{p, c, who.born}, ok
}

// interval is the one after a dose on a day.
func (s series) interval(before civil.Date) booking.Interval {
	iv := s.Series.Interval(s.campaign.ID, before)
	return booking.Interval{Default: iv.Default, Min: iv.Min, Max: iv.Max}
}

// product is that of a dose whose dose before it is on a day.
func (s series) product(dose int, before civil.Date) string {
	return s.DoseProduct(dose, s.born, before)
}

// follows reports whether a slot may be that of a dose behind another.
func (s series) follows(dose int, before, slot booking.Slot) bool {
	return slot.Product == s.product(dose, before.Day) && booking.LegalInterval(before.Day, slot.Day, s.interval(before.Day))
}

// behind gives the product of a booking's dose 2, 3 … behind another on a day, and whether that day is far enough from it and not too far. Behind a
// dose that was spoilt the same one is given again, from the day on that the programme says.
func (s series) behind(b *booking.Booking, dose int, before booking.Slot, day civil.Date) (product string, ok bool) {
	if spoilt := b.Again(dose); spoilt != nil {
		first, ok := s.Series.AgainFrom(spoilt.Slot.Day)
		return spoilt.Slot.Product, ok && day >= first
	}
	iv := s.interval(before.Day)
	ok = booking.LegalInterval(before.Day, day, iv) || lateable(b, dose) && int(day-before.Day) >= iv.Min
	return s.product(b.Counting(dose), before.Day), ok
}

// lateable reports whether a later dose may come after its interval: it was missed at its time or is not booked yet, and the one before it was given.
func lateable(b *booking.Booking, dose int) bool {
	return dose > 1 && (dose > len(b.Doses) || !b.Doses[dose-1].Draws()) && b.Doses[dose-2].Visit.State == booking.Given
}

// seriesFrom gives the preference lists of the doses from a fixed one on; dose is the fixed one's number in the series.
func (w *Walk) seriesFrom(of series, s site.Site, fixed booking.Choice, dose int) [][]booking.Choice {
	var intervals []booking.Interval
	for day, n := fixed.Slot.Day, dose; n < of.Series.Doses; n++ {
		iv := of.interval(day)
		intervals = append(intervals, iv)
		day += civil.Date(iv.Default)
	}
	hours := func(day civil.Date) []booking.SessionInfo {
		ses := w.programme.Sessions(s.ID, s.Kind, s.Region, day)
		out := make([]booking.SessionInfo, len(ses))
		for i, x := range ses {
			out[i] = booking.SessionInfo{Minute: x.Minute, Minutes: x.Minutes, Seats: x.Seats}
		}
		return out
	}
	lists := booking.Series(fixed, intervals, hours, w.free.Free, booking.DefaultChoices)
	for i := 1; i < len(lists) && len(lists[i-1]) > 0; i++ {
		product := of.product(dose+i, lists[i-1][0].Slot.Day)
		for k := range lists[i] {
			lists[i][k].Slot.Product, lists[i][k].Vial = product, w.vialsOf(product)
		}
	}
	return lists
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
