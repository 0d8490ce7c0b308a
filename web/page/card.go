package page

import (
	"time"

	"charye/programme"
	"charye/walk"
)

// stateKeys are what a campaign's state is called and what comes next, by state.
var stateKeys = map[walk.CampaignState]struct{ name, next string }{
	walk.CampaignState(programme.PhaseDraft):     {"state.draft", "next.draft"},
	walk.CampaignState(programme.PhaseGathering): {"state.gathering", "next.gathering"},
	walk.CampaignState(programme.PhaseOpen):      {"state.open", "next.open"},
	walk.CampaignState(programme.PhasePaused):    {"state.paused", "next.paused"},
	walk.StateSoldOut:                            {"state.soldout", "next.soldout"},
	walk.CampaignState(programme.PhaseClosed):    {"state.closed", "next.closed"},
}

// CampaignCard is a campaign as the home page and its own page tell it.
type CampaignCard struct {
	walk.Campaign
	StateName, Next string
	Who             string
	Joinable        bool          // a place can be taken now
	NotNow          bool          // and yet nobody is let in at present: paused or sold out
	Countdown       time.Time     // the next stroke of the hour; zero when there is none ahead
	Left            time.Duration // until Countdown
	URL             string
	Products        []programme.Product
}

// Card tells a campaign in the reader's language, as of now.
func (q *Request) Card(c walk.Campaign, now time.Time) CampaignCard {
	k := stateKeys[c.State]
	if k.name == "" {
		k = stateKeys[walk.CampaignState(programme.PhaseClosed)]
	}
	card := CampaignCard{Campaign: c, StateName: q.Words(k.name), Next: q.Words(k.next), Who: q.who(c), URL: CampaignPath(c.ID, "", "")}
	switch c.State {
	case walk.CampaignState(programme.PhaseDraft):
		card.Countdown = c.Gathers
	case walk.CampaignState(programme.PhaseGathering):
		card.Countdown, card.Joinable = c.Opens, true
	case walk.CampaignState(programme.PhaseOpen):
		card.Joinable = true
	case walk.CampaignState(programme.PhasePaused), walk.StateSoldOut:
		card.Joinable, card.NotNow = true, true
	}
	if card.Countdown.IsZero() || !card.Countdown.After(now) {
		card.Countdown = time.Time{}
	} else {
		card.Left = card.Countdown.Sub(now)
	}
	for _, id := range c.Products {
		if p, ok := q.h.Product(id); ok {
			card.Products = append(card.Products, p)
		}
	}
	return card
}

// who says in one sentence whom a campaign is for.
func (q *Request) who(c walk.Campaign) string {
	switch {
	case c.Born != nil && c.Roster != "":
		return q.Words("who.both", "from", q.Plain(c.Born.From), "to", q.Plain(c.Born.To))
	case c.Born != nil:
		return q.Words("who.born", "from", q.Plain(c.Born.From), "to", q.Plain(c.Born.To))
	case c.Roster != "":
		return q.Words("who.roster")
	}
	return q.Words("who.all")
}

// Product finds one of the programme's products.
func (h *Frame) Product(id string) (programme.Product, bool) {
	for _, p := range h.svc.Programme().Products {
		if p.ID == id {
			return p, true
		}
	}
	return programme.Product{}, false
}
