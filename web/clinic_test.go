package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"charye/booking"
	"charye/internal/civil"
	"charye/person"
	"charye/supply/dispense"
	"charye/walk"
	"charye/walk/clinic"
	"charye/web/catalogue"
	"charye/web/page/pagetest"

	clinicpages "charye/web/clinic"
	"charye/web/page"
)

// atClinic opens the browser of a nurse, on a day with somebody in each state.
func atClinic(t *testing.T, token string) (*pagetest.Browser, *scripted) {
	t.Helper()
	b, svc := atDesk(t, token)
	svc.now = time.Date(2021, 7, 26, 9, 10, 0, 0, pagetest.Seoul)
	c, _ := svc.Campaign(t.Context(), "age-55-59")
	product, _ := svc.programme.Product("moderna")
	one := func(minute int, number string, state booking.VisitState) clinic.Visitor {
		start := time.Date(2021, 7, 26, 9, minute, 0, 0, pagetest.Seoul)
		return clinic.Visitor{
			Booking: "bk-" + number, Number: number, Dose: 1, Of: 2, Name: "박말순", BornYear: 1963, Campaign: c.Campaign, Product: *product, Start: start,
			End: start.Add(30 * time.Minute), State: state, Late: start.Add(time.Hour), Since: svc.now,
		}
	}
	given, away := one(0, "3-3", booking.Given), one(0, "4-4", booking.TurnedAway)
	given.From, away.Why = "(10)AB12", "fever"
	missable := one(0, "6-6", booking.Expected)
	missable.Missable = true
	svc.visitor = one(0, "1-1", booking.Arrived)
	svc.clinic = clinic.Day{
		Site: svc.aBooking().Doses[0].Site, Day: civil.New(2021, 7, 26), Now: svc.now, More: true,
		Counts: map[booking.VisitState]int{booking.Expected: 3, booking.Given: 1},
		Sessions: []clinic.VisitSession{
			{Start: given.Start, End: given.End, People: []clinic.Visitor{one(0, "1-1", booking.Arrived), given, away, one(0, "5-5", booking.NoShow), missable}},
			{Start: given.End, End: given.End.Add(30 * time.Minute), People: []clinic.Visitor{one(30, "2-2", booking.Expected)}},
		},
		Products: []clinic.SiteProduct{{Product: *product, Campaign: c.Campaign, Given: 1, Coming: 3, Open: 1, Left: 9, Spare: 5, Offered: 1, Last: "(10)AB12"}},
	}
	svc.Taken = nil
	return b, svc
}

func TestClinicPages(t *testing.T) {
	t.Parallel()
	for _, lang := range catalogue.Names {
		b, svc := atClinic(t, "nurse")
		b.Lang = lang.ID
		page := func(where string, status int, says ...string) {
			t.Helper()
			w := b.Get(where)
			pagetest.WantPage(t, w, status, says...)
			pagetest.CheckPage(t, where, lang.ID, w.Body.String())
		}
		page("/clinic", 200, `id="s-0900" open`, `action="/clinic/visits/bk-2-2/1"`, `href="/clinic/visits/bk-1-1/1"`, `name="doses" value="5"`, `value="11:10"`, "1963", `action="/clinic/find"`)
		for _, note := range []string{"arrived", "given", "turned-away", "no-show", "expected", "offered"} {
			page("/clinic?done="+note+"&n=1-1&waiting=1", 200, `role="status"`)
		}
		page("/clinic/print", 200, "☐", "✓", `<div class="wide"`)
		page("/clinic/visits/bk-1-1/1", 200, `name="from" value="(10)AB12"`, `value="turned-away"`, `value="fever"`)
		svc.visitors = svc.clinic.Sessions[0].People
		page("/clinic/find?q="+url.QueryEscape("박"), 200, `value="박"`, "/clinic/visits/bk-3-3/1")
		svc.visitors = nil
		page("/clinic/find?q=x", 200)
		pagetest.WantRedirect(t, b.Get("/clinic/find"), "/clinic")
		for _, v := range svc.clinic.Sessions[0].People {
			svc.visitor = v
			page("/clinic/visits/bk-1-1/1", 200)
		}
		svc.visitor.Start = svc.visitor.Start.AddDate(0, 0, 1)
		page("/clinic/visits/bk-1-1/1", 200, "note warn")
		svc.clinic = clinic.Day{Site: svc.clinic.Site, Day: svc.clinic.Day, Now: svc.now}
		page("/clinic", 200)
		page("/clinic/print", 200)
	}
}

// TestClinicForms: what is sent goes to package walk, and what it refuses is told where the staff are.
func TestClinicForms(t *testing.T) {
	t.Parallel()
	b, svc := atClinic(t, "nurse")
	pagetest.WantRedirect(t, b.Post("/clinic/visits/bk-1-1/1", "state", "arrived"), "/clinic?done=arrived&n=1-1#s-0900")
	pagetest.WantRedirect(t, b.Post("/clinic/visits/bk-1-1/1", "state", "arrived", "then", "give"), "/clinic/visits/bk-1-1/1")
	pagetest.WantRedirect(t, b.Post("/clinic/visits/bk-1-1/1", "state", "given", "from", "AB12"), "/clinic?done=given&n=1-1#s-0900")
	pagetest.WantRedirect(t, b.Post("/clinic/visits/bk-1-1/1", "state", "turned-away", "why", "fever"), "/clinic?done=turned-away&n=1-1#s-0900")
	pagetest.WantRedirect(t, b.Post("/clinic/leftovers", "campaign", "age-55-59", "product", "moderna", "doses", "3", "until", "17:30"), "/clinic?done=offered&waiting=7")
	want := []string{"TellVisit bk-1-1 1 given from=AB12 why=", "TellVisit bk-1-1 1 turned-away from= why=fever", "OfferLeftovers age-55-59 moderna 3 17:30"}
	for _, w := range want {
		if !strings.Contains(strings.Join(svc.Taken, "\n"), w) {
			t.Errorf("calls: %q, want %q", svc.Taken, w)
		}
	}
	pagetest.WantPage(t, b.Post("/clinic/visits/bk-1-1/1", "state", "dead"), 400)
	for _, reason := range []clinic.UnfitReason{clinic.UnfitText, clinic.UnfitHeld, clinic.UnfitLot, clinic.UnfitExpired, clinic.UnfitProduct, clinic.UnfitUnknown} {
		key := "clinic.unfit." + string(reason)
		svc.Fail["TellVisit"] = &walk.Error{Code: walk.Conflict, Field: "from", Err: &dispense.Unfit{Reason: dispense.Reason(reason)}}
		w := b.Post("/clinic/visits/bk-1-1/1", "state", "given", "from", "<AB12>")
		pagetest.WantPage(t, w, 422, pagetest.Languages(t)["ko"].Sentences[key]["other"], `value="&lt;AB12&gt;"`, `aria-describedby="from-hint from-error"`)
		pagetest.CheckPage(t, string(reason), "ko", w.Body.String())
	}
	for code, status := range map[walk.Code]int{
		walk.Conflict: 409, walk.AlreadyBooked: 409, walk.SlotFull: 409, walk.NotOpen: 409, walk.Closed: 409, walk.BadRequest: 422, walk.NotFound: 404, walk.Overloaded: 503,
		walk.NotAllowed: 403,
	} {
		svc.Fail["TellVisit"] = &walk.Error{Code: code}
		pagetest.WantPage(t, b.Post("/clinic/visits/bk-1-1/1", "state", "no-show"), status)
	}
	svc.Fail["TellVisit"] = &walk.Error{Code: walk.BadRequest, Field: "why"}
	pagetest.WantPage(t, b.Post("/clinic/visits/bk-1-1/1", "state", "turned-away"), 422, `id="why-error"`)
	for field, code := range map[string]walk.Code{"doses": walk.BadRequest, "until": walk.BadRequest, "": walk.Closed} {
		svc.Fail["OfferLeftovers"] = &walk.Error{Code: code, Field: field}
		w := b.Post("/clinic/leftovers", "until", "17:30")
		pagetest.WantPage(t, w, map[walk.Code]int{walk.BadRequest: 422, walk.Closed: 409}[code], `role="alert"`)
	}
	pagetest.WantPage(t, b.Post("/clinic/leftovers", "until", "soon"), 422, `role="alert"`)
}

// TestEveryClinicRoute: nobody without a session of a clinic's staff.
func TestEveryClinicRoute(t *testing.T) {
	t.Parallel()
	for _, r := range (&clinicpages.Pages{}).Routes() {
		method, path, _ := strings.Cut(strings.NewReplacer("{$}", "", "{id}", "bk-1-1", "{dose}", "1").Replace(r.Pattern), " ")
		for token, may := range map[string]bool{"": false, "token": false, "nonsense": false, "clerk": false, "auditor": false, "nurse": true} {
			b, svc := atClinic(t, token)
			b.Cookies[page.CookieSession] = "token" // a citizen is signed in at the same browser
			w := b.Do(method, path, url.Values{})
			switch status, to := w.Code, w.Header().Get("Location"); {
			case may && (status == 403 || strings.Contains(to, "sign-in")):
				t.Errorf("%s as %q: %d to %q", r.Pattern, token, status, to)
			case !may && (status != 403 && !strings.HasPrefix(to, "/desk/sign-in?") || len(svc.Taken) > 0):
				t.Errorf("%s as %q: %d to %q after %v", r.Pattern, token, status, to, svc.Taken)
			}
		}
	}
}

// TestClinicSignIn: whoever signs in from there comes back there, and acts as a clinic whatever else they are.
func TestClinicSignIn(t *testing.T) {
	t.Parallel()
	b, svc := atClinic(t, "")
	pagetest.WantRedirect(t, b.Get("/clinic"), "/desk/sign-in?return=%2Fclinic&why=needed")
	b.Get("/desk/sign-in/work?return=%2Fclinic")
	pagetest.WantRedirect(t, b.Get("/sign-in/callback?state=x&code=nurse"), "/clinic")
	b.Cookies[page.CookieRole] = person.Office.String()
	pagetest.WantPage(t, b.Get("/clinic"), 200)
	if !svc.Called("ClinicDay clinic") {
		t.Errorf("calls: %v", svc.Taken)
	}
	b.Cookies[page.CookieRole] = person.Clinic.String()
	pagetest.WantPage(t, b.Get("/desk"), 200, `href="/clinic"`)
}

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
