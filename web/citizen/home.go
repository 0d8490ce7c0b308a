package citizen

import (
	"encoding/hex"
	"net/http"
	"time"

	"charye/programme"
	"charye/walk"
	"charye/web/page"
)

type homeData struct {
	Campaigns []page.CampaignCard
	Now       time.Time
	Name      string
}

func (h *Pages) home(q *page.Request) error {
	all, err := h.svc.Campaigns(q.Context())
	if err != nil {
		return err
	}
	d := homeData{Now: h.svc.Now(), Name: q.Name()}
	// Closed campaigns come last: nothing can be done there.
	for _, closed := range []bool{false, true} {
		for _, c := range all {
			if (c.State == walk.CampaignState(programme.PhaseClosed)) == closed {
				d.Campaigns = append(d.Campaigns, q.Card(c, d.Now))
			}
		}
	}
	return q.Show(http.StatusOK, "home", page.View{Title: q.Words("home.title"), Script: "page.js", D: d})
}

func (h *Pages) chooseLanguage(q *page.Request) error {
	if l, ok := h.Languages[q.Field("to")]; ok {
		h.Cookies.Set(q.W, page.CookieLanguage, l.ID, 365*24*time.Hour)
	}
	return q.Redirect(page.LocalPath(q.FormValue("return")))
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

func (h *Pages) fairTurn(q *page.Request) error {
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
		f := fairCampaign{Campaign: c, Commitment: hex.EncodeToString(draw.Commitment[:]), Drawn: draw.Drawn, Entrants: draw.Entrants, At: draw.At}
		if draw.Drawn {
			f.Seed = hex.EncodeToString(draw.Seed[:])
		}
		if a, err := q.Actor(); err == nil {
			p, err := h.svc.PlaceOf(q.Context(), a, c.ID, "")
			if err != nil && page.CodeOf(err) != walk.NotFound {
				return err
			}
			if err == nil {
				f.Pseudonym, f.Number = hex.EncodeToString(p.Pseudonym[:]), int(p.Number)
				if n := f.Number; n > 0 && n <= draw.Entrants {
					f.Offset, f.End = (n-1)*16, n*16-1
				}
			}
		}
		d.Campaigns = append(d.Campaigns, f)
	}
	return q.Show(http.StatusOK, "fair", page.View{Title: q.Words("fair.title"), D: d})
}
