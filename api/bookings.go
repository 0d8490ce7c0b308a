package api

import (
	"net/http"
	"strings"
	"time"

	"charye/internal/ical"
	"charye/walk"
)

// pass reads the header Charye-Pass. Without one there is no entry.
func (x *exchange) pass() (string, error) {
	p, err := credential(x.r.Header, passHeader)
	if err != nil {
		return "", err
	}
	if p == "" {
		return "", &walk.Error{Code: walk.NoPass, Detail: "Send the pass that entering gave in the header Charye-Pass."}
	}
	return p, nil
}

func postHolds(f *face, x *exchange) error {
	if err := x.query().done(); err != nil {
		return err
	}
	pass, err := x.pass()
	if err != nil {
		return err
	}
	body, err := x.body(false)
	if err != nil {
		return err
	}
	slot := body.required("slot", 1, maxID)
	if err := body.done(); err != nil {
		return err
	}
	h, err := f.svc.Hold(x.ctx, x.actor, pass, slot)
	if err != nil {
		return err
	}
	return x.private(http.StatusCreated, func(b []byte, zone *time.Location) []byte {
		b = str(append(b, '{'), "hold", h.ID)
		b = str(b, "slot", h.Slot)
		return append(instant(b, "expiresAt", h.ExpiresAt, zone), '}')
	})
}

func postBookings(f *face, x *exchange) error {
	if err := x.query().done(); err != nil {
		return err
	}
	pass, err := x.pass()
	if err != nil {
		return err
	}
	idem, err := credential(x.r.Header, idempotencyHeader)
	if err != nil {
		return err
	}
	switch {
	case idem == "":
		return badRequest(idempotencyHeader, "is missing: send a key made once for this booking")
	case len(idem) > maxIdemKey:
		return badRequest(idempotencyHeader, "is longer than %d characters", maxIdemKey)
	}
	body, err := x.body(false)
	if err != nil {
		return err
	}
	r := walk.BookRequest{
		Slot:           body.text("slot", 1, maxID),
		Hold:           body.text("hold", 1, maxID),
		IdempotencyKey: idem,
		WithPass:       body.text("withPass", 1, maxCredential),
	}
	if body.has("slot") == body.has("hold") {
		body.fail("slot", "or hold must be given, and not both")
	}
	if body.has("withPass") && body.has("hold") {
		body.fail("withPass", "goes with a slot: two people are booked by a slot, not by a hold")
	}
	if err := body.done(); err != nil {
		return err
	}
	b, repeated, err := f.svc.Book(x.ctx, x.actor, pass, r)
	if err != nil {
		return err
	}
	x.w.Header()["Location"] = []string{"/api/v1/bookings/" + b.ID}
	if repeated {
		x.w.Header()["Idempotent-Replayed"] = []string{"true"}
	}
	return x.booking(http.StatusCreated, &b)
}

func (x *exchange) booking(status int, k *walk.Booking) error {
	return x.private(status, func(b []byte, zone *time.Location) []byte { return appendBooking(b, k, zone) })
}

func getBookings(f *face, x *exchange) error {
	if err := x.query().done(); err != nil {
		return err
	}
	list, err := f.svc.Bookings(x.ctx, x.actor)
	if err != nil {
		return err
	}
	return x.private(http.StatusOK, func(b []byte, zone *time.Location) []byte {
		b = append(key(append(b, '{'), "bookings"), '[')
		for i := range list {
			b = appendBooking(comma(b), &list[i], zone)
		}
		return append(b, ']', '}')
	})
}

// id reads the id of a route that takes no parameters.
func (x *exchange) id() (string, error) {
	if err := x.query().done(); err != nil {
		return "", err
	}
	return x.path("id")
}

func getBooking(f *face, x *exchange) error {
	id, err := x.id()
	if err != nil {
		return err
	}
	b, err := f.svc.Booking(x.ctx, x.actor, id)
	if err != nil {
		return err
	}
	return x.booking(http.StatusOK, &b)
}

func deleteBooking(f *face, x *exchange) error {
	id, err := x.id()
	if err != nil {
		return err
	}
	b, err := f.svc.Cancel(x.ctx, x.actor, id)
	if err != nil {
		return err
	}
	return x.booking(http.StatusOK, &b)
}

func putBookingSlot(f *face, x *exchange) error {
	id, err := x.id()
	if err != nil {
		return err
	}
	body, err := x.body(false)
	if err != nil {
		return err
	}
	slot := body.required("slot", 1, maxID)
	dose := body.number("dose", 1, 1, maxDose)
	if err := body.done(); err != nil {
		return err
	}
	b, err := f.svc.Change(x.ctx, x.actor, id, int(dose), slot)
	if err != nil {
		return err
	}
	return x.booking(http.StatusOK, &b)
}

func getBookingSlots(f *face, x *exchange) error {
	id, err := x.path("id")
	if err != nil {
		return err
	}
	q := x.query()
	site := q.text("site", maxID)
	day, hasDay := q.day("date")
	dose := q.number("dose", 1, 1, maxDose)
	if site == "" {
		q.fail("site", "is missing")
	}
	if !hasDay {
		q.fail("date", "is missing")
	}
	if err := q.done(); err != nil {
		return err
	}
	slots, err := f.svc.DoseSlots(x.ctx, x.actor, id, dose, site, day)
	if err != nil {
		return err
	}
	return x.private(http.StatusOK, func(b []byte, zone *time.Location) []byte { return appendSlotsDoc(b, slots, zone) })
}

var icalType = []string{ical.ContentType}

func getCalendar(f *face, x *exchange) error {
	id, err := x.path("id")
	if err != nil {
		return err
	}
	q := x.query()
	lang := q.text("lang", 2)
	if lang != "" && lang != "ko" && lang != "en" {
		q.fail("lang", "must be ko or en")
	}
	if err := q.done(); err != nil {
		return err
	}
	k, err := f.svc.Booking(x.ctx, x.actor, id)
	if err != nil {
		return err
	}
	x.w.Header()["Content-Disposition"] = []string{`attachment; filename="charye-` + fileName(k.Number) + `.ics"`}
	x.write(http.StatusOK, icalType, Calendar(k, lang))
	return nil
}

// fileName keeps of s what is safe in every file system and header.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' {
			return r
		}
		return -1
	}, s)
}
