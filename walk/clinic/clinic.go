// Package clinic is the vaccination day at a site, as its staff see it: who is expected, who has come, was given the dose, was turned away or did
// not come, what is left in open vials; and what follows when a day is over.
//
// It owns what staff of a site see and say, the rounds that settle the sites' days, and telling the supply room of doses. What an appointment
// becomes is decided by the ledger, what may be given by package dispense. It must not know of HTTP, HTML or how anything is kept.
package clinic

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/internal/weak"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/walk"
)

// Visitor is somebody who is expected at a site, with what happened at the appointment.
type Visitor struct {
	Booking    string // public id
	Number     string // to say
	Dose       int
	Of         int // doses of the series
	Name       string
	BornYear   int // 0: not known
	Campaign   *programme.Campaign
	Product    programme.Product
	Start, End time.Time
	State      booking.VisitState
	Since      time.Time // of State; zero with expected
	Why        string    // of turned away
	From       string    // of given
	Late       time.Time // until when they may come and be served as if in time
	Missable   bool      // nobody came, and it may be said by now
	slot       booking.Slot
	person     person.Key
}

// VisitSession is the people of one session, by name.
type VisitSession struct {
	Start, End time.Time
	People     []Visitor
}

// SiteProduct is how a product stands at a site on a day.
type SiteProduct struct {
	Product  programme.Product
	Campaign *programme.Campaign // whose people leftover doses of it are offered to; nil: of none
	Given    int
	Coming   int    // expected or there
	Open     int    // vials opened for those given
	Left     int    // doses in the open ones
	Spare    int    // of those, beyond all who are still to come: to be offered, what is on offer already taken off
	Offered  int    // doses of today's batches that are still on offer
	Last     string // what the last dose was given from
}

// Day is a site's day.
type Day struct {
	Site     site.Site
	Day      civil.Date
	Now      time.Time
	Sessions []VisitSession
	Products []SiteProduct
	Counts   map[booking.VisitState]int
	More     bool // there are more people than are shown
}

// mostVisitors is how many people of a site's day are read and shown: beyond any site of the programmes of 2021, whose largest gave 600 doses a day.
const mostVisitors = 2000

// StaffFrom says which providers' staff work at sites: their names of places of work are ids of sites. Called before anybody is served.
func (cl *Clinic) StaffFrom(namespaces []string) { cl.staffFrom = slices.Clone(namespaces) }

// units are the sites by what sessions of staff carry of their place of work, as of one version of the directory.
type units struct {
	version int64
	sites   map[[16]byte]site.Num
}

func (cl *Clinic) unitsOf(d *site.Sites) *units {
	if u := cl.units.Load(); u != nil && u.version == d.Version {
		return u
	}
	u := &units{version: d.Version, sites: map[[16]byte]site.Num{}}
	for _, s := range d.All() {
		for _, namespace := range cl.staffFrom {
			u.sites[cl.keyer.Unit(namespace, s.ID)] = s.Num
		}
	}
	cl.units.Store(u)
	return u
}

// clinicSite is the site that an actor works at: the place of work that their provider names must be the id of a site. Otherwise they
// see nothing.
func (cl *Clinic) clinicSite(a walk.Actor, act walk.Act) (site.Site, error) {
	if err := walk.Allow(a, act); err != nil {
		return site.Site{}, err
	}
	d := cl.sites.Now()
	if num, ok := cl.unitsOf(d).sites[a.Unit]; ok {
		if at, ok := d.ByNum(num); ok {
			return at, nil
		}
	}
	return site.Site{}, walk.Refuse(walk.NotAllowed, "your sign-in does not name a site of this programme as your place of work; whoever runs your sign-in must set it to the site's id").At("unit")
}

// ClinicDay shows the actor's site today. Everybody on it is looked at, which is an event.
func (cl *Clinic) ClinicDay(ctx context.Context, a walk.Actor) (Day, error) {
	at, err := cl.clinicSite(a, walk.ListVisitors)
	if err != nil {
		return Day{}, err
	}
	return cl.clinicDay(ctx, a, at)
}

func (cl *Clinic) clinicDay(ctx context.Context, a walk.Actor, at site.Site) (Day, error) {
	now := cl.now()
	out := Day{Site: at, Day: civil.Of(now, cl.programme.Zone), Now: now, Counts: map[booking.VisitState]int{}}
	list, err := cl.ledger.Day(ctx, at.Num, out.Day, mostVisitors+1)
	if err != nil {
		return Day{}, walk.Unavailable(err)
	}
	if out.More = len(list) > mostVisitors; out.More {
		list = list[:mostVisitors]
	}
	var visitors []Visitor
	var people []person.Key
	for i := range list {
		b := &list[i]
		for k := range b.Doses {
			if v, ok := cl.visitor(b, k, now); ok && v.slot.Site == at.Num && v.slot.Day == out.Day {
				visitors = append(visitors, v)
				people = append(people, b.Person)
				out.Counts[v.State]++
			}
		}
	}
	if err := cl.walk.LookAtList(ctx, a, lookDay, people); err != nil {
		return Day{}, err
	}
	slices.SortFunc(visitors, func(a, b Visitor) int {
		return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Number, b.Number))
	})
	for _, v := range visitors {
		if n := len(out.Sessions); n == 0 || !out.Sessions[n-1].Start.Equal(v.Start) || !out.Sessions[n-1].End.Equal(v.End) {
			out.Sessions = append(out.Sessions, VisitSession{Start: v.Start, End: v.End})
		}
		s := &out.Sessions[len(out.Sessions)-1]
		s.People = append(s.People, v)
	}
	out.Products, err = cl.siteProducts(ctx, at, out.Day, visitors)
	return out, err
}

// Why staff of a clinic look at people.
const (
	lookDay   = "clinic day"
	lookVisit = "visit"
)

// visitor is one dose of a booking as a clinic sees it; ok is false for what is not to be seen: a cancelled booking.
func (cl *Clinic) visitor(b *booking.Booking, k int, now time.Time) (Visitor, bool) {
	d := &b.Doses[k]
	c, known := cl.programme.CampaignByNum(b.Campaign)
	if b.Status == booking.Cancelled || !known || b.Status == booking.Missed && k > 0 {
		return Visitor{}, false
	}
	product, ok := cl.programme.Product(d.Slot.Product)
	if !ok {
		product = &programme.Product{ID: d.Slot.Product}
	}
	start := d.Slot.Day.At(d.Slot.Minute, cl.programme.Zone)
	v := Visitor{
		Booking: cl.walk.BookingID(b.ID), Number: booking.Number(b.ID), Dose: d.Dose, Of: len(b.Doses), Campaign: c, Product: *product,
		Start: start, End: start.Add(time.Duration(d.Minutes) * time.Minute), State: d.Visit.State, Since: d.Visit.At, Why: d.Visit.Why, From: d.Visit.From,
		slot: d.Slot, person: b.Person,
	}
	v.Name, v.BornYear = cl.walk.OpenName(b)
	v.Late = v.End
	if r := c.VisitsOn(d.Slot.Day); r != nil {
		v.Late = v.End.Add(r.Late)
		v.Missable = r.NoShow != nil && v.State == booking.Expected && now.After(v.Late)
	}
	return v, true
}

// siteProducts sums up what is open, and what is left in it.
func (cl *Clinic) siteProducts(ctx context.Context, at site.Site, day civil.Date, visitors []Visitor) ([]SiteProduct, error) {
	var out []SiteProduct
	find := func(v *Visitor) *SiteProduct {
		for i := range out {
			if out[i].Product.ID == v.Product.ID {
				return &out[i]
			}
		}
		out = append(out, SiteProduct{Product: v.Product})
		return &out[len(out)-1]
	}
	last := map[string]time.Time{}
	for i := range visitors {
		v := &visitors[i]
		p := find(v)
		switch v.State {
		case booking.Given, booking.Spoilt:
			p.Given++
			if v.From != "" && v.Since.After(last[v.Product.ID]) {
				last[v.Product.ID], p.Last = v.Since, v.From
			}
		case booking.Expected, booking.Arrived:
			p.Coming++
		case booking.TurnedAway, booking.NoShow:
		}
		if p.Campaign == nil && v.Campaign.Leftovers.On(day) && cl.lists.Offers() {
			p.Campaign = v.Campaign
		}
	}
	offered, err := cl.lists.OnOffer(ctx, at, day)
	if err != nil {
		return nil, err
	}
	for i := range out {
		p := &out[i]
		per := max(1, p.Product.DosesPerVial)
		p.Open = booking.VialsFor(p.Given, per)
		p.Left = p.Open*per - p.Given
		p.Offered = offered[p.Product.ID]
		p.Spare = max(0, p.Left-p.Coming-p.Offered)
	}
	slices.SortFunc(out, func(a, b SiteProduct) int { return cmp.Compare(a.Product.ID, b.Product.ID) })
	return out, nil
}

// FindVisitors looks somebody up: by a booking number, whatever day the appointment is at the actor's site; else by a part of the name,
// among those of today.
func (cl *Clinic) FindVisitors(ctx context.Context, a walk.Actor, text string) ([]Visitor, error) {
	at, err := cl.clinicSite(a, walk.ListVisitors)
	if err != nil {
		return nil, err
	}
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 4*walk.MaxName {
		return nil, walk.Refuse(walk.BadRequest, "want a booking number, or a part of a name").At("q")
	}
	if id, err := booking.ParseNumber(text); err == nil {
		return cl.findNumber(ctx, a, at, id)
	}
	day, err := cl.clinicDay(ctx, a, at)
	if err != nil {
		return nil, err
	}
	wanted := strings.ToLower(strings.Join(strings.Fields(text), ""))
	out := []Visitor{}
	for _, s := range day.Sessions {
		for _, v := range s.People {
			if strings.Contains(strings.ToLower(strings.Join(strings.Fields(v.Name), "")), wanted) {
				out = append(out, v)
			}
		}
	}
	return out, nil
}

// findNumber gives the doses of a booking that are at the site. One that is elsewhere is not found, as one that there is not.
func (cl *Clinic) findNumber(ctx context.Context, a walk.Actor, at site.Site, id int64) ([]Visitor, error) {
	b, ok, err := cl.ledger.Booking(ctx, id)
	if err != nil {
		return nil, walk.Unavailable(err)
	}
	out := []Visitor{}
	if !ok {
		return out, nil
	}
	for k := range b.Doses {
		if v, ok := cl.visitor(&b, k, cl.now()); ok && (v.slot.Site == at.Num || weak.Off(weak.SiteOf)) {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		return out, nil
	}
	return out, cl.walk.Look(ctx, a, out[0].Campaign.ID, lookVisit, b.Person)
}

// appointment finds a dose at the actor's site by the public id of its booking. Somebody else's site is as if it were not there.
func (cl *Clinic) appointment(ctx context.Context, a walk.Actor, act walk.Act, public string, dose int) (booking.Booking, *booking.Dose, site.Site, error) {
	none := booking.Booking{}
	at, err := cl.clinicSite(a, act)
	if err != nil {
		return none, nil, at, err
	}
	missing := walk.Refuse(walk.NotFound, "there is no such appointment at %s", at.Name)
	num, ok := cl.walk.ParseBookingID(public)
	if !ok {
		return none, nil, at, missing
	}
	b, ok, err := cl.ledger.Booking(ctx, num)
	if err != nil {
		return none, nil, at, walk.Unavailable(err)
	}
	if !ok || dose < 1 || dose > len(b.Doses) || b.Doses[dose-1].Slot.Site != at.Num && !weak.Off(weak.SiteOf) {
		return none, nil, at, missing
	}
	if _, ok := cl.visitor(&b, dose-1, cl.now()); !ok {
		return none, nil, at, missing
	}
	if err := cl.walk.Look(ctx, a, "", lookVisit, b.Person); err != nil {
		return none, nil, at, err
	}
	return b, &b.Doses[dose-1], at, nil
}

// Visitor shows one appointment at the actor's site.
func (cl *Clinic) Visitor(ctx context.Context, a walk.Actor, public string, dose int) (Visitor, error) {
	b, _, _, err := cl.appointment(ctx, a, walk.ListVisitors, public, dose)
	if err != nil {
		return Visitor{}, err
	}
	v, _ := cl.visitor(&b, dose-1, cl.now())
	return v, nil
}
