package api

import (
	"errors"
	"net/http"
	"time"

	"charye/notify"
	"charye/person"
	"charye/walk"
)

// held is all that is kept about somebody, as far as it is theirs to read. What is kept for the sake of proof (events, the draw)
// names them by a key only, and is not among it.
type held struct {
	places     []walk.Place
	bookings   []walk.Booking
	recipients []person.Recipient
	contact    notify.Contact
	messages   []notify.Kept
	leftovers  []walk.Leftovers
}

func getExport(f *face, x *exchange) error {
	if err := x.query().done(); err != nil {
		return err
	}
	h, err := f.held(x)
	if err != nil {
		return err
	}
	x.w.Header()["Content-Disposition"] = []string{`attachment; filename="charye.json"`}
	return x.private(http.StatusOK, func(b []byte, zone *time.Location) []byte {
		b = x.appendMe(key(append(b, '{'), "me"), zone)
		b = append(key(b, "places"), '[')
		for i := range h.places {
			c, _ := f.svc.Programme().CampaignByNum(h.places[i].Campaign)
			b = str(append(comma(b), '{'), "campaign", c.ID)
			b = append(appendPlace(key(b, "place"), &h.places[i], zone), '}')
		}
		b = append(key(append(b, ']'), "bookings"), '[')
		for i := range h.bookings {
			b = appendBooking(comma(b), &h.bookings[i], zone)
		}
		b = appendRecipients(append(b, ']'), h.recipients, zone)
		b = appendContact(key(b, "contact"), h.contact)
		b = appendMessages(b, h.messages, zone)
		b = append(key(b, "leftovers"), '[')
		for i := range h.leftovers {
			b = appendLeftovers(comma(b), &h.leftovers[i], zone)
		}
		return append(b, ']', '}')
	})
}

// held reads it room by room.
func (f *face) held(x *exchange) (h held, err error) {
	campaigns := f.svc.Programme().Campaigns
	for i := range campaigns {
		p, err := f.svc.PlaceOf(x.ctx, x.actor, campaigns[i].ID, "")
		if e, ok := errors.AsType[*walk.Error](err); ok && e.Code == walk.NotFound {
			continue
		}
		if err != nil {
			return h, err
		}
		h.places = append(h.places, p)
	}
	if h.bookings, err = f.svc.Bookings(x.ctx, x.actor); err != nil {
		return h, err
	}
	if h.recipients, err = f.svc.Recipients(x.ctx, x.actor); err != nil {
		return h, err
	}
	if h.contact, err = f.svc.Contact(x.ctx, x.actor); err != nil {
		return h, err
	}
	if h.messages, err = f.svc.Messages(x.ctx, x.actor); err != nil {
		return h, err
	}
	for i := range campaigns {
		if campaigns[i].Leftovers == nil {
			continue
		}
		l, err := f.svc.Leftovers(x.ctx, x.actor, campaigns[i].ID)
		if err != nil {
			return h, err
		}
		h.leftovers = append(h.leftovers, l)
	}
	return h, nil
}
