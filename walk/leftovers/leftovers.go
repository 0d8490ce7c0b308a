// Package leftovers is how people come by a dose that was left over at the end of a day (잔여백신): they sign up with sites, are offered a
// dose, take or decline it, and have it booked.
//
// It owns the steps around the lists and the rounds that go on with every batch. Whose turn it is among those of a list is package leftover's,
// the booking itself the ledger's; which doses a site may offer is walk/clinic's. It must not know of HTTP, HTML or how anything is kept.
package leftovers

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
	"charye/walk"
)

// Mine is what somebody has to do with a campaign's leftover doses (잔여백신).
type Mine struct {
	Campaign *programme.Campaign
	Rules    *programme.Leftovers
	Today    bool // they are offered on this day
	Ended    bool // and will not be any more
	Sites    []Site
	Offer    *Offer // the last one, whatever became of it, of this day; nil: none
}

// Site is a site in whose list somebody is.
type Site struct {
	site.Site
	Since civil.Date // from which day on they wait
}

// State is where an offer stands for the person.
type State string

// The states of an offer.
const (
	Offered  State = "offered"
	Accepted State = "accepted" // the dose is theirs; its booking is being made
	Booked   State = "booked"
	Declined State = "declined"
	Lapsed   State = "lapsed"   // its minutes went by
	Returned State = "returned" // accepted, and could not be booked
)

// Offer is a dose offered to somebody.
type Offer struct {
	ID      string
	State   State
	Site    site.Site
	Product programme.Product
	Until   time.Time // until when it is kept for an answer
	GiveBy  time.Time // until when it must be given
}

// Of finds a campaign with leftover doses; [walk.NotFound] where they are not offered.
func (l *Lists) Of(campaign string) (*programme.Campaign, error) {
	c, err := l.walk.CampaignRules(campaign)
	if err != nil {
		return nil, err
	}
	if c.Leftovers == nil || l.store == nil {
		return nil, walk.Refuse(walk.NotFound, "%s does not offer leftover doses", c.ID)
	}
	return c, nil
}

// actingFor finds a campaign with leftover doses, and for whom the actor acts there.
func (l *Lists) actingFor(ctx context.Context, a walk.Actor, campaign, recipient string) (*programme.Campaign, walk.Subject, error) {
	c, err := l.Of(campaign)
	switch {
	case err != nil:
		return nil, walk.Subject{}, err
	case a.Key.IsZero():
		return nil, walk.Subject{}, walk.Refuse(walk.NotSignedIn, "sign in first")
	case recipient == "":
		return c, walk.Subject{Key: a.Key, Born: a.Born}, nil
	}
	s, err := l.walk.Subject(ctx, a, c, recipient)
	return c, s, err
}

// offersShown is how far back an offer is looked for by its id.
const offersShown = 20

// Leftovers shows the lists that the actor is in, and what is offered to them. Asking for it changes nothing.
func (l *Lists) Leftovers(ctx context.Context, a walk.Actor, campaign string) (Mine, error) {
	return l.LeftoversFor(ctx, a, campaign, "")
}

// LeftoversFor is [Lists.Leftovers] of the actor's recipient; of the actor where recipient is empty.
func (l *Lists) LeftoversFor(ctx context.Context, a walk.Actor, campaign, recipient string) (Mine, error) {
	c, who, err := l.actingFor(ctx, a, campaign, recipient)
	if err != nil {
		return Mine{}, err
	}
	entries, offers, err := l.store.Of(ctx, c.Num, who.Key, 1)
	if err != nil {
		return Mine{}, walk.Unavailable(err)
	}
	now := l.now()
	today := civil.Of(now, l.programme.Zone)
	out := Mine{Campaign: c, Rules: c.Leftovers, Today: c.Leftovers.On(today), Ended: c.Leftovers.Ended(today)}
	index := l.sites.Now()
	for _, e := range entries {
		if at, ok := index.ByNum(e.Site); ok {
			out.Sites = append(out.Sites, Site{Site: at, Since: e.Since})
		}
	}
	slices.SortFunc(out.Sites, func(a, b Site) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Num, b.Num)) })
	if len(offers) == 0 || civil.Of(offers[0].Made, l.programme.Zone) != today {
		return out, nil
	}
	b, ok, err := l.store.Batch(ctx, offers[0].Batch)
	if err != nil || !ok {
		return Mine{}, walk.Unavailable(err)
	}
	o := l.view(offers[0], b)
	out.Offer = &o
	return out, nil
}

func (l *Lists) view(o leftover.Offer, b leftover.Batch) Offer {
	at, _ := l.sites.Now().ByNum(b.Site)
	product, ok := l.programme.Product(b.Product)
	if !ok {
		product = &programme.Product{ID: b.Product}
	}
	v := Offer{ID: strconv.FormatInt(o.ID, 10), Site: at, Product: *product, Until: o.Until, GiveBy: b.Until}
	switch o.State {
	case leftover.Live:
		v.State = Offered
		if !o.Until.After(l.now()) {
			v.State = Lapsed // in a moment it will be so
		}
	case leftover.Taken:
		v.State = Accepted
	case leftover.Booked:
		v.State = Booked
	case leftover.Declined:
		v.State = Declined
	case leftover.Returned:
		v.State = Returned
	case leftover.Lapsed, leftover.Passed: // nobody is shown what they were passed over for
		v.State = Lapsed
	}
	return v
}

// SetLeftovers puts the actor, or their recipient, into the lists of these sites and takes them out of all others; no sites: out of all. Who
// stays in a list keeps their place, so that doing it again changes nothing.
func (l *Lists) SetLeftovers(ctx context.Context, a walk.Actor, campaign, recipient string, sites []string) (Mine, error) {
	c, err := l.Of(campaign)
	if err != nil {
		return Mine{}, err
	}
	s, err := l.walk.Subject(ctx, a, c, recipient)
	if err != nil {
		return Mine{}, err
	}
	now := l.now()
	req := leftover.Request{
		Op: leftover.OpSignUp, At: now, Day: civil.Of(now, l.programme.Zone), Campaign: c.Num, Person: s.Key, Born: s.Born,
		Most: c.Leftovers.Sites, Channel: a.Channel,
	}
	if len(sites) > 0 {
		if err := l.maySignUp(ctx, c, s, req.Day); err != nil {
			return Mine{}, err
		}
		have, _, err := l.store.Of(ctx, c.Num, s.Key, 0)
		if err != nil {
			return Mine{}, walk.Unavailable(err)
		}
		if req.Sites, err = l.sitesOf(c.Leftovers, sites, have); err != nil {
			return Mine{}, err
		}
	}
	out, err := l.pool.Do(ctx, req)
	if err != nil {
		return Mine{}, walk.Unavailable(err)
	}
	switch out.Result {
	case leftover.Done, leftover.Repeated:
		return l.LeftoversFor(ctx, a, campaign, recipient)
	case leftover.TooMany, leftover.NoOffer, leftover.Gone, leftover.NoBatch, leftover.Malformed:
	}
	return Mine{}, walk.Refuse(walk.Internal, "unexpected outcome %d of signing up for leftover doses", out.Result)
}

// maySignUp refuses whoever could not take a dose of the campaign anyway. The rota is of no account: leftover doses are of the day.
func (l *Lists) maySignUp(ctx context.Context, c *programme.Campaign, s walk.Subject, today civil.Date) error {
	if c.Leftovers.Ended(today) {
		return walk.Refuse(walk.Closed, "leftover doses of %s were offered until %s", c.ID, c.Leftovers.Until)
	}
	if err := l.walk.MayHave(c, s); err != nil {
		return err
	}
	b, live, err := l.walk.LiveBooking(ctx, c, s.Key)
	if err != nil {
		return err
	}
	if live && l.begun(b, l.now()) {
		return walk.Refuse(walk.AlreadyBooked, "the first dose of this person's booking in %s was given, or its time has come", c.ID)
	}
	return nil
}

// begun reports whether the time of a booking's first dose has come.
func (l *Lists) begun(b booking.Booking, now time.Time) bool {
	if len(b.Doses) == 0 {
		return false
	}
	first := b.Doses[0].Slot
	if b.Doses[0].Visit.State == booking.TurnedAway {
		return false // they were there, and have nothing
	}
	return !first.Day.At(first.Minute, l.programme.Zone).After(now)
}

// sitesOf finds the sites and checks, when one is added to those that somebody has, that they are one neighbourhood: all
// near one of them.
func (l *Lists) sitesOf(r *programme.Leftovers, ids []string, have []leftover.Entry) (nums []site.Num, err error) {
	if len(ids) > r.Sites {
		return nil, walk.Refuse(walk.BadRequest, "sites: want %d at most", r.Sites).At("sites")
	}
	var all []site.Site
	fewer := true
	for _, id := range ids {
		at, ok := l.sites.Now().ByID(id)
		switch {
		case !ok:
			return nil, walk.Refuse(walk.BadRequest, "sites: there is no site %q", id).At("sites")
		case slices.Contains(nums, at.Num):
			return nil, walk.Refuse(walk.BadRequest, "sites: %s is given twice", id).At("sites")
		}
		all, nums = append(all, at), append(nums, at.Num)
		fewer = fewer && slices.ContainsFunc(have, func(e leftover.Entry) bool { return e.Site == at.Num })
	}
	together := slices.ContainsFunc(all, func(a site.Site) bool {
		return !slices.ContainsFunc(all, func(b site.Site) bool { return !oneNeighbourhood(a, b, r.WithinKm) })
	})
	if !fewer && !together {
		return nil, walk.Refuse(walk.BadRequest, "sites: want one of them within %d km of all the others, so that each can be reached in time", r.WithinKm).At("sites")
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
func (l *Lists) DeclineLeftover(ctx context.Context, a walk.Actor, campaign, recipient, offer string) error {
	c, s, o, err := l.ownOffer(ctx, a, campaign, recipient, offer)
	if err != nil {
		return err
	}
	out, err := l.pool.Do(ctx, leftover.Request{Op: leftover.OpDecline, At: l.now(), Person: s.Key, Offer: o.ID, Channel: a.Channel})
	if err != nil {
		return walk.Unavailable(err)
	}
	if out.Result != leftover.Done && out.Result != leftover.Repeated {
		return offerRefused(c, out.Result)
	}
	return nil
}

// ownOffer finds an offer of the actor, or of their recipient. Somebody else's is not found, whatever the id.
func (l *Lists) ownOffer(ctx context.Context, a walk.Actor, campaign, recipient, offer string) (*programme.Campaign, walk.Subject, leftover.Offer, error) {
	c, s, err := l.actingFor(ctx, a, campaign, recipient)
	if err != nil {
		return nil, walk.Subject{}, leftover.Offer{}, err
	}
	_, offers, err := l.store.Of(ctx, c.Num, s.Key, offersShown)
	if err != nil {
		return nil, walk.Subject{}, leftover.Offer{}, walk.Unavailable(err)
	}
	for _, o := range offers {
		if strconv.FormatInt(o.ID, 10) == offer {
			return c, s, o, nil
		}
	}
	return nil, walk.Subject{}, leftover.Offer{}, offerRefused(c, leftover.NoOffer)
}

// offerRefused is the one table from what an offer's answer ends in to what a person is told.
func offerRefused(c *programme.Campaign, r leftover.Result) error {
	switch r {
	case leftover.NoOffer:
		return walk.Refuse(walk.NotFound, "there is no such offer of yours")
	case leftover.Gone:
		return walk.Refuse(walk.Closed, "the offer is over and the dose went to the next person; the place in the lists of %s is kept, and the next turn comes by itself", c.ID)
	case leftover.Done, leftover.Repeated, leftover.TooMany, leftover.NoBatch, leftover.Malformed:
	}
	return walk.Refuse(walk.Internal, "unexpected outcome %d of an answer to an offer", r)
}

// inList is somebody in a list, as far as rules ask.
func inList(who person.Key, born civil.Date) walk.Subject {
	return walk.Subject{Key: who, Born: born}
}
