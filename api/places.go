package api

import (
	"errors"
	"net/http"
	"time"

	"charye/walk"
)

func getEligibility(f *face, x *exchange) error {
	id, err := x.path("c")
	if err != nil {
		return err
	}
	q := x.query()
	recipient := q.text("recipient", maxID)
	if err := q.done(); err != nil {
		return err
	}
	// A refusal for any other reason than the rules is no answer to the question.
	reason := ""
	if err := f.svc.Eligible(x.ctx, x.actor, id, recipient); err != nil {
		var e *walk.Error
		if !errors.As(err, &e) || e.Code != walk.NotEligible {
			return err
		}
		if reason = e.Detail; reason == "" {
			reason = "Not eligible."
		}
	}
	return x.private(http.StatusOK, func(b []byte, _ *time.Location) []byte {
		b = boolean(append(b, '{'), "eligible", reason == "")
		return append(optional(b, "reason", reason), '}')
	})
}

func postPlaces(f *face, x *exchange) error {
	id, err := x.campaign()
	if err != nil {
		return err
	}
	body, err := x.body(true)
	if err != nil {
		return err
	}
	recipient := body.text("recipient", 1, maxID)
	if err := body.done(); err != nil {
		return err
	}
	p, created, err := f.svc.Join(x.ctx, x.actor, id, recipient)
	if err != nil {
		return err
	}
	if !created {
		return x.place(http.StatusOK, &p)
	}
	x.w.Header()["Location"] = []string{x.r.URL.EscapedPath()[:len(x.r.URL.EscapedPath())-1]} // …/places → …/place
	return x.place(http.StatusCreated, &p)
}

func getPlace(f *face, x *exchange) error {
	id, err := x.path("c")
	if err != nil {
		return err
	}
	q := x.query()
	recipient := q.text("recipient", maxID)
	if x.ticket != "" && recipient != "" {
		q.fail("recipient", "is not taken with a ticket")
	}
	if err := q.done(); err != nil {
		return err
	}
	var p walk.Place
	if x.ticket != "" {
		p, err = f.svc.PlaceByTicket(x.ctx, id, x.ticket)
	} else {
		p, err = f.svc.PlaceOf(x.ctx, x.actor, id, recipient)
	}
	if err != nil {
		return err
	}
	return x.place(http.StatusOK, &p)
}

func (x *exchange) place(status int, p *walk.Place) error {
	buf := getBuffer()
	defer putBuffer(buf)
	*buf = appendPlace(*buf, p, x.face.svc.Programme().Zone)
	x.write(status, jsonType, *buf)
	return nil
}

func postPasses(f *face, x *exchange) error {
	id, err := x.campaign()
	if err != nil {
		return err
	}
	ticket, err := credential(x.r.Header, ticketHeader)
	if err != nil {
		return err
	}
	if ticket == "" {
		return badRequest(ticketHeader, "is missing: send the ticket that joining gave")
	}
	body, err := x.body(false)
	if err != nil {
		return err
	}
	recipient := body.text("recipient", 1, maxID)
	device := body.required("device", 1, maxDevice)
	takeover := body.truth("takeover")
	if err := body.done(); err != nil {
		return err
	}
	p, err := f.svc.Enter(x.ctx, x.actor, id, recipient, ticket, device, takeover)
	if err != nil {
		return err
	}
	return x.private(http.StatusCreated, func(b []byte, zone *time.Location) []byte {
		b = str(append(b, '{'), "pass", p.Token)
		return append(instant(b, "expiresAt", p.ExpiresAt, zone), '}')
	})
}
