package api

import (
	"net/http"
	"time"

	"charye/programme"
	"charye/walk"
	"charye/walk/held"
)

func getExport(f *face, x *exchange) error {
	if err := x.query().done(); err != nil {
		return err
	}
	h, err := held.Read(x.ctx, f.svc, x.actor)
	if err != nil {
		return err
	}
	x.w.Header()["Content-Disposition"] = []string{`attachment; filename="charye.json"`}
	return x.private(http.StatusOK, func(b []byte, zone *time.Location) []byte {
		return appendExport(b, f.svc.Programme(), &x.actor, &h, zone)
	})
}

// Export writes what is kept about somebody as `GET /api/v1/me/export` gives it, for the pages.
func Export(p *programme.Programme, a walk.Actor, h held.Held) []byte {
	return appendExport(nil, p, &a, &h, p.Zone)
}

func appendExport(b []byte, p *programme.Programme, a *walk.Actor, h *held.Held, zone *time.Location) []byte {
	b = appendActor(key(append(b, '{'), "me"), a, zone)
	b = append(key(b, "places"), '[')
	for i := range h.Places {
		c, _ := p.CampaignByNum(h.Places[i].Campaign)
		b = str(append(comma(b), '{'), "campaign", c.ID)
		b = append(appendPlace(key(b, "place"), &h.Places[i], zone), '}')
	}
	b = append(key(append(b, ']'), "bookings"), '[')
	for i := range h.Bookings {
		b = appendBooking(comma(b), &h.Bookings[i], zone)
	}
	b = appendRecipients(append(b, ']'), h.Recipients, zone)
	b = appendContact(key(b, "contact"), h.Contact)
	b = appendMessages(b, h.Messages, zone)
	b = append(key(b, "leftovers"), '[')
	for i := range h.Leftovers {
		b = appendLeftovers(comma(b), &h.Leftovers[i], zone)
	}
	return append(b, ']', '}')
}
