package web

import (
	"net/http"
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

// campaignCard is a campaign as the home page and its own page tell it.
type campaignCard struct {
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

func (q *request) card(c walk.Campaign, now time.Time) campaignCard {
	k := stateKeys[c.State]
	if k.name == "" {
		k = stateKeys[walk.CampaignState(programme.PhaseClosed)]
	}
	card := campaignCard{Campaign: c, StateName: q.words(k.name), Next: q.words(k.next), Who: q.who(c), URL: campaignPath(c.ID, "", "")}
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
		if p, ok := q.h.product(id); ok {
			card.Products = append(card.Products, p)
		}
	}
	return card
}

// who says in one sentence whom a campaign is for.
func (q *request) who(c walk.Campaign) string {
	switch {
	case c.Born != nil && c.Roster != "":
		return q.words("who.both", "from", q.plain(c.Born.From), "to", q.plain(c.Born.To))
	case c.Born != nil:
		return q.words("who.born", "from", q.plain(c.Born.From), "to", q.plain(c.Born.To))
	case c.Roster != "":
		return q.words("who.roster")
	}
	return q.words("who.all")
}

func (h *handler) product(id string) (programme.Product, bool) {
	for _, p := range h.svc.Programme().Products {
		if p.ID == id {
			return p, true
		}
	}
	return programme.Product{}, false
}

type homeData struct {
	Campaigns []campaignCard
	Now       time.Time
	Name      string
}

func (h *handler) home(q *request) error {
	all, err := h.svc.Campaigns(q.Context())
	if err != nil {
		return err
	}
	d := homeData{Now: h.svc.Now(), Name: q.name()}
	// Closed campaigns come last: nothing can be done there.
	for _, closed := range []bool{false, true} {
		for _, c := range all {
			if (c.State == walk.CampaignState(programme.PhaseClosed)) == closed {
				d.Campaigns = append(d.Campaigns, q.card(c, d.Now))
			}
		}
	}
	return q.show(http.StatusOK, "home", view{Title: q.words("home.title"), Script: "page.js", D: d})
}

func (h *handler) chooseLanguage(q *request) error {
	if l, ok := h.languages[q.field("to")]; ok {
		h.cookies.set(q.w, cookieLanguage, l.id, 365*24*time.Hour)
	}
	return q.redirect(localPath(q.FormValue("return")))
}

type fairData struct {
	Campaigns []fairCampaign
}

// fairCampaign is the public record of one campaign's draw, with the reader's own pseudonym when they stand in it.
type fairCampaign struct {
	walk.Campaign
	Commitment, Seed, Pseudonym string
	Drawn                       bool
	Entrants                    int
	At                          time.Time
	Number                      int
	Offset, End                 int // bytes of the reader's pseudonym in the published order
}

func (h *handler) fairTurn(q *request) error {
	all, err := h.svc.Campaigns(q.Context())
	if err != nil {
		return err
	}
	var d fairData
	for _, c := range all {
		if c.Line.Order != programme.OrderDraw {
			continue
		}
		draw, err := h.svc.Draw(q.Context(), c.ID)
		if err != nil {
			return err
		}
		f := fairCampaign{Campaign: c, Commitment: hexOf(draw.Commitment[:]), Drawn: draw.Drawn, Entrants: draw.Entrants, At: draw.At}
		if draw.Drawn {
			f.Seed = hexOf(draw.Seed[:])
		}
		if a, err := q.actor(); err == nil {
			p, err := h.svc.PlaceOf(q.Context(), a, c.ID, "")
			if err != nil && codeOf(err) != walk.NotFound {
				return err
			}
			if err == nil {
				f.Pseudonym, f.Number = hexOf(p.Pseudonym[:]), int(p.Number)
				if n := f.Number; n > 0 && n <= draw.Entrants {
					f.Offset, f.End = (n-1)*16, n*16-1
				}
			}
		}
		d.Campaigns = append(d.Campaigns, f)
	}
	return q.show(http.StatusOK, "fair", view{Title: q.words("fair.title"), D: d})
}
