package walk

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/leftover"
	"charye/person"
	"charye/programme"
	"charye/site"
)

// Leftovers is what somebody has to do with a campaign's leftover doses (잔여백신).
type Leftovers struct {
	Campaign *programme.Campaign
	Rules    *programme.Leftovers
	Today    bool // they are offered on this day
	Ended    bool // and will not be any more
	Sites    []LeftoverSite
	Offer    *LeftoverOffer // the last one, whatever became of it, of this day; nil: none
}

// LeftoverSite is a site in whose list somebody is.
type LeftoverSite struct {
	site.Site
	Since civil.Date // from which day on they wait
}

// LeftoverState is where an offer stands for the person.
type LeftoverState string

// The states of an offer.
const (
	LeftoverOffered  LeftoverState = "offered"
	LeftoverAccepted LeftoverState = "accepted" // the dose is theirs; its booking is being made
	LeftoverBooked   LeftoverState = "booked"
	LeftoverDeclined LeftoverState = "declined"
	LeftoverLapsed   LeftoverState = "lapsed"   // its minutes went by
	LeftoverReturned LeftoverState = "returned" // accepted, and could not be booked
)

// LeftoverOffer is a dose offered to somebody.
type LeftoverOffer struct {
	ID      string
	State   LeftoverState
	Site    site.Site
	Product programme.Product
	Until   time.Time // until when it is kept for an answer
	GiveBy  time.Time // until when it must be given
}

// leftoversOf finds a campaign with leftover doses; [NotFound] where they are not offered.
func (w *Walk) leftoversOf(campaign string) (*programme.Campaign, error) {
	c, err := w.campaign(campaign)
	if err != nil {
		return nil, err
	}
	if c.Leftovers == nil || w.leftovers == nil {
		return nil, refuse(NotFound, "%s does not offer leftover doses", c.ID)
	}
	return c, nil
}

// leftoversFor finds a campaign with leftover doses, and for whom the actor acts there.
func (w *Walk) leftoversFor(ctx context.Context, a Actor, campaign, recipient string) (*programme.Campaign, subject, error) {
	c, err := w.leftoversOf(campaign)
	switch {
	case err != nil:
		return nil, subject{}, err
	case a.Key.IsZero():
		return nil, subject{}, refuse(NotSignedIn, "sign in first")
	case recipient == "":
		return c, subject{key: a.Key, born: a.Born}, nil
	}
	s, err := w.subject(ctx, a, c, recipient)
	return c, s, err
}

// offersShown is how far back an offer is looked for by its id.
const offersShown = 20

// Leftovers shows the lists that the actor is in, and what is offered to them. Asking for it changes nothing.
func (w *Walk) Leftovers(ctx context.Context, a Actor, campaign string) (Leftovers, error) {
	return w.LeftoversFor(ctx, a, campaign, "")
}

// LeftoversFor is [Walk.Leftovers] of the actor's recipient; of the actor where recipient is empty.
func (w *Walk) LeftoversFor(ctx context.Context, a Actor, campaign, recipient string) (Leftovers, error) {
	c, who, err := w.leftoversFor(ctx, a, campaign, recipient)
	if err != nil {
		return Leftovers{}, err
	}
	entries, offers, err := w.leftovers.Of(ctx, c.Num, who.key, 1)
	if err != nil {
		return Leftovers{}, unavailable(err)
	}
	now := w.now()
	today := civil.Of(now, w.programme.Zone)
	out := Leftovers{Campaign: c, Rules: c.Leftovers, Today: c.Leftovers.On(today), Ended: c.Leftovers.Ended(today)}
	index := w.sites.Load().index
	for _, e := range entries {
		if at, ok := index.ByNum(e.Site); ok {
			out.Sites = append(out.Sites, LeftoverSite{Site: at, Since: e.Since})
		}
	}
	slices.SortFunc(out.Sites, func(a, b LeftoverSite) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Num, b.Num)) })
	if len(offers) == 0 || civil.Of(offers[0].Made, w.programme.Zone) != today {
		return out, nil
	}
	b, ok, err := w.leftovers.Batch(ctx, offers[0].Batch)
	if err != nil || !ok {
		return Leftovers{}, unavailable(err)
	}
	o := w.leftoverView(offers[0], b)
	out.Offer = &o
	return out, nil
}

func (w *Walk) leftoverView(o leftover.Offer, b leftover.Batch) LeftoverOffer {
	at, _ := w.sites.Load().index.ByNum(b.Site)
	product, ok := w.programme.Product(b.Product)
	if !ok {
		product = &programme.Product{ID: b.Product}
	}
	v := LeftoverOffer{ID: strconv.FormatInt(o.ID, 10), Site: at, Product: *product, Until: o.Until, GiveBy: b.Until}
	switch o.State {
	case leftover.Live:
		v.State = LeftoverOffered
		if !o.Until.After(w.now()) {
			v.State = LeftoverLapsed // in a moment it will be so
		}
	case leftover.Taken:
		v.State = LeftoverAccepted
	case leftover.Booked:
		v.State = LeftoverBooked
	case leftover.Declined:
		v.State = LeftoverDeclined
	case leftover.Returned:
		v.State = LeftoverReturned
	case leftover.Lapsed, leftover.Passed: // nobody is shown what they were passed over for
		v.State = LeftoverLapsed
	}
	return v
}

// SetLeftovers puts the actor, or their recipient, into the lists of these sites and takes them out of all others; no sites: out of all. Who
// stays in a list keeps their place, so that doing it again changes nothing.
func (w *Walk) SetLeftovers(ctx context.Context, a Actor, campaign, recipient string, sites []string) (Leftovers, error) {
	c, err := w.leftoversOf(campaign)
	if err != nil {
		return Leftovers{}, err
	}
	s, err := w.subject(ctx, a, c, recipient)
	if err != nil {
		return Leftovers{}, err
	}
	now := w.now()
	req := leftover.Request{
		Op: leftover.OpSignUp, At: now, Day: civil.Of(now, w.programme.Zone), Campaign: c.Num, Person: s.key, Born: s.born,
		Most: c.Leftovers.Sites, Channel: a.Channel,
	}
	if len(sites) > 0 {
		if err := w.maySignUp(ctx, c, s, req.Day); err != nil {
			return Leftovers{}, err
		}
		have, _, err := w.leftovers.Of(ctx, c.Num, s.key, 0)
		if err != nil {
			return Leftovers{}, unavailable(err)
		}
		if req.Sites, err = w.leftoverSites(c.Leftovers, sites, have); err != nil {
			return Leftovers{}, err
		}
	}
	out, err := w.leftoverPool.Do(ctx, req)
	if err != nil {
		return Leftovers{}, unavailable(err)
	}
	switch out.Result {
	case leftover.Done, leftover.Repeated:
		return w.LeftoversFor(ctx, a, campaign, recipient)
	case leftover.TooMany, leftover.NoOffer, leftover.Gone, leftover.NoBatch, leftover.Malformed:
	}
	return Leftovers{}, refuse(Internal, "unexpected outcome %d of signing up for leftover doses", out.Result)
}

// maySignUp refuses whoever could not take a dose of the campaign anyway. The rota is of no account: leftover doses are of the day.
func (w *Walk) maySignUp(ctx context.Context, c *programme.Campaign, s subject, today civil.Date) error {
	if c.Leftovers.Ended(today) {
		return refuse(Closed, "leftover doses of %s were offered until %s", c.ID, c.Leftovers.Until)
	}
	if err := w.mayHave(c, s); err != nil {
		return err
	}
	b, live, err := w.liveBooking(ctx, c, s.key)
	if err != nil {
		return err
	}
	if live && w.begun(b, w.now()) {
		return refuse(AlreadyBooked, "the first dose of this person's booking in %s was given, or its time has come", c.ID)
	}
	return nil
}

// mayHave refuses those whom the campaign is not for.
func (w *Walk) mayHave(c *programme.Campaign, s subject) error {
	err := c.Eligible(s.born, func(roster string) bool { return w.rosters.Has(roster, s.key) })
	if err != nil {
		e := refuse(NotEligible, "%v", err)
		e.Err = err
		return e
	}
	return nil
}

// begun reports whether the time of a booking's first dose has come.
func (w *Walk) begun(b booking.Booking, now time.Time) bool {
	if len(b.Doses) == 0 {
		return false
	}
	first := b.Doses[0].Slot
	if b.Doses[0].Visit.State == booking.TurnedAway {
		return false // they were there, and have nothing
	}
	return !w.startsLater(first.Day, first.Minute, now)
}

// leftoverSites finds the sites and checks, when one is added to those that somebody has, that they are one neighbourhood: all
// near one of them.
func (w *Walk) leftoverSites(r *programme.Leftovers, ids []string, have []leftover.Entry) (nums []site.Num, err error) {
	if len(ids) > r.Sites {
		return nil, refuse(BadRequest, "sites: want %d at most", r.Sites).field("sites")
	}
	var all []site.Site
	fewer := true
	for _, id := range ids {
		at, ok := w.sites.Load().index.ByID(id)
		switch {
		case !ok:
			return nil, refuse(BadRequest, "sites: there is no site %q", id).field("sites")
		case slices.Contains(nums, at.Num):
			return nil, refuse(BadRequest, "sites: %s is given twice", id).field("sites")
		}
		all, nums = append(all, at), append(nums, at.Num)
		fewer = fewer && slices.ContainsFunc(have, func(e leftover.Entry) bool { return e.Site == at.Num })
	}
	together := slices.ContainsFunc(all, func(a site.Site) bool {
		return !slices.ContainsFunc(all, func(b site.Site) bool { return !oneNeighbourhood(a, b, r.WithinKm) })
	})
	if !fewer && !together {
		return nil, refuse(BadRequest, "sites: want one of them within %d km of all the others, so that each can be reached in time", r.WithinKm).field("sites")
	}
	return nums, nil
}

// oneNeighbourhood reports whether two sites are near each other; without positions, when they are in one district.
func oneNeighbourhood(a, b site.Site, km int) bool {
	if metres, ok := site.Metres(a, b); ok {
		return metres <= km*1000
	}
	return a.Region == b.Region && a.District == b.District
}

// DeclineLeftover refuses an offer to the actor or their recipient: the dose goes to the next person at once, and it costs nothing but the turn.
func (w *Walk) DeclineLeftover(ctx context.Context, a Actor, campaign, recipient, offer string) error {
	c, s, o, err := w.ownOffer(ctx, a, campaign, recipient, offer)
	if err != nil {
		return err
	}
	out, err := w.leftoverPool.Do(ctx, leftover.Request{Op: leftover.OpDecline, At: w.now(), Person: s.key, Offer: o.ID, Channel: a.Channel})
	if err != nil {
		return unavailable(err)
	}
	if out.Result != leftover.Done && out.Result != leftover.Repeated {
		return offerRefused(c, out.Result)
	}
	return nil
}

// ownOffer finds an offer of the actor, or of their recipient. Somebody else's is not found, whatever the id.
func (w *Walk) ownOffer(ctx context.Context, a Actor, campaign, recipient, offer string) (*programme.Campaign, subject, leftover.Offer, error) {
	c, s, err := w.leftoversFor(ctx, a, campaign, recipient)
	if err != nil {
		return nil, subject{}, leftover.Offer{}, err
	}
	_, offers, err := w.leftovers.Of(ctx, c.Num, s.key, offersShown)
	if err != nil {
		return nil, subject{}, leftover.Offer{}, unavailable(err)
	}
	for _, o := range offers {
		if strconv.FormatInt(o.ID, 10) == offer {
			return c, s, o, nil
		}
	}
	return nil, subject{}, leftover.Offer{}, offerRefused(c, leftover.NoOffer)
}

// offerRefused is the one table from what an offer's answer ends in to what a person is told.
func offerRefused(c *programme.Campaign, r leftover.Result) error {
	switch r {
	case leftover.NoOffer:
		return refuse(NotFound, "there is no such offer of yours")
	case leftover.Gone:
		return refuse(Closed, "the offer is over and the dose went to the next person; the place in the lists of %s is kept, and the next turn comes by itself", c.ID)
	case leftover.Done, leftover.Repeated, leftover.TooMany, leftover.NoBatch, leftover.Malformed:
	}
	return refuse(Internal, "unexpected outcome %d of an answer to an offer", r)
}

// leftoverSubject is somebody in a list, as far as rules ask.
func leftoverSubject(who person.Key, born civil.Date) subject { return subject{key: who, born: born} }
