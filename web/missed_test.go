package web

import (
	"strings"
	"testing"

	"charye/booking"
	"charye/walk"
	"charye/web/catalogue"
	"charye/web/page"
	"charye/web/page/pagetest"
)

// TestMissedBookings: what somebody sees of appointments that were missed.
func TestMissedBookings(t *testing.T) {
	t.Parallel()
	for _, lang := range catalogue.Names {
		b, svc := atDesk(t, "")
		b.Lang = lang.ID
		b.Cookies[page.CookieSession] = "token"
		show := func(name string, set func(*walk.Booking), says ...string) {
			t.Helper()
			k := svc.aBooking()
			set(&k)
			svc.bookings = []walk.Booking{k}
			for _, where := range []string{"/bookings", "/bookings/" + k.ID} {
				w := b.Get(where)
				if where == "/bookings" {
					pagetest.WantPage(t, w, 200)
				} else {
					pagetest.WantPage(t, w, 200, says...)
				}
				pagetest.CheckPage(t, name, lang.ID, w.Body.String())
			}
		}
		say := func(key string) string {
			s, _, _ := strings.Cut(pagetest.Languages(t)[lang.ID].Sentences[key]["other"], "{")
			return s
		}
		show("missed", func(k *walk.Booking) { k.Missed = true }, say("receipt.missed.now"))
		show("over", func(k *walk.Booking) { k.Missed, k.Closed = true, true }, say("receipt.missed.closed"))
		show("from", func(k *walk.Booking) { k.Missed, k.Again = true, &walk.ComesAgain{From: svc.now} })
		show("last", func(k *walk.Booking) { k.Missed, k.Again = true, &walk.ComesAgain{Last: true, Until: svc.now} }, say("receipt.missed.last"))
		show("given", func(k *walk.Booking) { k.Doses[0].State = booking.Given }, say("receipt.given"))
		show("there", func(k *walk.Booking) { k.Doses[0].State = booking.Arrived }, say("receipt.arrived"))
		show("turned away", func(k *walk.Booking) {
			k.Doses[0].State, k.Doses[0].Movable, k.Doses[0].KeptUntil, k.Changeable = booking.TurnedAway, true, svc.now, false
		}, say("receipt.turned"), "/change?dose=1")
		show("second missed", func(k *walk.Booking) {
			k.Doses[1].State, k.Doses[1].Movable, k.Changeable = booking.NoShow, true, false
		}, say("receipt.noshow"), "/change?dose=2")
		spoilt := func(r walk.Repeat) func(*walk.Booking) {
			return func(k *walk.Booking) { k.Doses[0].State, k.Changeable, k.Repeat = booking.Spoilt, false, &r }
		}
		show("spoilt", spoilt(walk.Repeat{Spoilt: 1, Dose: 3, From: 18900}), say("receipt.spoilt"), say("receipt.spoilt.from"), "/change?dose=3")
		pagetest.WantPage(t, b.Get("/bookings/"+svc.bookings[0].ID+"/change?dose=3"), 200, `name="dose" value="3"`, say("change.another"))
		show("spoilt, by hand", spoilt(walk.Repeat{Spoilt: 1, Dose: 3}), say("receipt.spoilt.ring"))
		show("spoilt, booked", spoilt(walk.Repeat{Spoilt: 1}), say("receipt.spoilt.booked"))
		show("spoilt, too soon", spoilt(walk.Repeat{Spoilt: 1, Dose: 2, From: 18900, TooSoon: true}), "/change?dose=2")
		show("the second can be moved", func(k *walk.Booking) {
			k.Doses[0].State, k.Changeable, k.Doses[1].Changeable = booking.Given, false, true
		}, say("receipt.change"))
		for dose, can := range map[string]bool{"1": false, "2": true} {
			w := b.Get("/bookings/" + svc.bookings[0].ID + "/change?dose=" + dose)
			if strings.Contains(w.Body.String(), `name="dose" value="`+dose+`"`) != can {
				t.Errorf("dose %s can be moved: %t is wrong", dose, !can)
			}
		}
		if w := b.Get("/bookings/" + svc.bookings[0].ID + "/change"); strings.Contains(w.Body.String(), "dose=1") || !strings.Contains(w.Body.String(), "dose=2") {
			t.Error("which dose: the first is among them, or the second is not")
		}
		show("missed once more", func(k *walk.Booking) {
			k.Doses[1].State, k.Doses[1].Movable, k.Changeable = booking.NoShow, true, false
		})
		for _, dose := range []string{"1", "2"} {
			svc.bookings[0].Doses[0].Movable = true
			w := b.Get("/bookings/" + svc.bookings[0].ID + "/change?dose=" + dose)
			pagetest.WantPage(t, w, 200, `name="dose" value="`+dose+`"`)
		}
	}
}
