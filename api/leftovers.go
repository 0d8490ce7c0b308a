package api

import (
	"net/http"
	"strings"
	"time"

	"charye/walk/leftovers"
)

func getLeftovers(f *face, x *exchange) error {
	c, err := x.path("c")
	if err != nil {
		return err
	}
	q := x.query()
	recipient := q.text("recipient", maxID)
	if err := q.done(); err != nil {
		return err
	}
	l, err := f.svc.LeftoversFor(x.ctx, x.actor, c, recipient)
	if err != nil {
		return err
	}
	return x.leftovers(&l)
}

// maxSitesText is room for twenty ids, in characters; openapi.yaml says the same.
const maxSitesText = 20 * 65

func putLeftovers(f *face, x *exchange) error {
	c, err := x.campaign()
	if err != nil {
		return err
	}
	body, err := x.body(false)
	if err != nil {
		return err
	}
	if !body.has("sites") {
		body.fail("sites", "is missing: ids with spaces between them, or an empty text to leave all lists")
	}
	sites := strings.Fields(body.text("sites", 0, maxSitesText)) // an id has no space in it
	recipient := body.text("recipient", 1, maxID)
	if err := body.done(); err != nil {
		return err
	}
	l, err := f.svc.SetLeftovers(x.ctx, x.actor, c, recipient, sites)
	if err != nil {
		return err
	}
	return x.leftovers(&l)
}

func (x *exchange) leftovers(l *leftovers.Mine) error {
	return x.private(http.StatusOK, func(b []byte, zone *time.Location) []byte { return appendLeftovers(b, l, zone) })
}

func appendLeftovers(b []byte, l *leftovers.Mine, zone *time.Location) []byte {
	b = str(append(b, '{'), "campaign", l.Campaign.ID)
	b = boolean(b, "today", l.Today)
	b = boolean(b, "ended", l.Ended)
	b = integer(b, "answerMinutes", int64(l.Rules.Answer/time.Minute))
	b = integer(b, "mostSites", int64(l.Rules.Sites))
	b = integer(b, "withinKm", int64(l.Rules.WithinKm))
	b = append(key(b, "sites"), '[')
	for i := range l.Sites {
		s := &l.Sites[i]
		b = str(append(comma(b), '{'), "id", s.ID)
		b = str(b, "name", s.Name)
		b = str(b, "address", s.Address)
		b = append(str(b, "since", s.Since.String()), '}')
	}
	b = append(b, ']')
	if o := l.Offer; o != nil {
		b = str(append(key(b, "offer"), '{'), "id", o.ID)
		b = str(b, "state", string(o.State))
		b = str(b, "site", o.Site.ID)
		b = str(b, "siteName", o.Site.Name)
		b = str(b, "address", o.Site.Address)
		b = optional(b, "phone", o.Site.Phone)
		b = str(b, "product", o.Product.ID)
		b = instant(b, "expiresAt", o.Until, zone)
		b = append(instant(b, "giveBy", o.GiveBy, zone), '}')
	}
	return append(b, '}')
}

// offer reads the campaign, the recipient and the offer of a route that takes no parameters.
func (x *exchange) offer() (campaign, recipient, offer string, err error) {
	if campaign, err = x.campaign(); err != nil {
		return "", "", "", err
	}
	if offer, err = x.path("id"); err != nil {
		return "", "", "", err
	}
	body, err := x.body(true)
	if err != nil {
		return "", "", "", err
	}
	recipient = body.text("recipient", 1, maxID)
	return campaign, recipient, offer, body.done()
}

func acceptLeftover(f *face, x *exchange) error {
	c, r, o, err := x.offer()
	if err != nil {
		return err
	}
	b, err := f.svc.AcceptLeftover(x.ctx, x.actor, c, r, o)
	if err != nil {
		return err
	}
	x.w.Header()["Location"] = []string{"/api/v1/bookings/" + b.ID}
	return x.booking(http.StatusOK, &b)
}

func declineLeftover(f *face, x *exchange) error {
	c, r, o, err := x.offer()
	if err != nil {
		return err
	}
	if err := f.svc.DeclineLeftover(x.ctx, x.actor, c, r, o); err != nil {
		return err
	}
	l, err := f.svc.LeftoversFor(x.ctx, x.actor, c, r)
	if err != nil {
		return err
	}
	return x.leftovers(&l)
}
