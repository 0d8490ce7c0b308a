package supply

import (
	"fmt"
	"strings"
	"testing"

	"charye/booking"
	"charye/supply/room/roomtest"
	"charye/supply/trace"
	"charye/web/catalogue"
	"charye/web/page"
	"charye/web/page/pagetest"
)

// TestPeoplePages: who was given a dose from a box that froze and is recalled is listed by number, told by one press, and followed until another is booked.
func TestPeoplePages(t *testing.T) {
	t.Parallel()
	b, svc, w := inRoom(t, "logistics")
	k := w.Book(9, 2, 0)
	if out, err := w.Ledger.Apply(t.Context(), []booking.Request{{
		Op: booking.OpVisit, Campaign: k.Campaign, Person: k.Person, Channel: "clinic", At: w.Now(), Booking: k.ID, Dose: 1, Visit: booking.Visit{State: booking.Given},
	}}); err != nil || out[0].Result != booking.Done {
		t.Fatalf("%+v, %v", out, err)
	}
	given := func(more string) {
		t.Helper()
		w.Event(roomtest.Minute(200), `"type":"ObjectEvent","action":"OBSERVE","bizStep":"dispensing","epcList":["https://id.gs1.org/00/%s"],"quantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/%s","quantity":1,"uom":"E27"}],"bizLocation":{"id":%q}%s`,
			roomtest.Box(3), roomtest.LotName, trace.SiteURN("T2"), more)
	}
	given(fmt.Sprintf(`,"bizTransactionList":[{"bizTransaction":%q}]`, trace.BookingURN(k.ID, 1)))
	given("") // of somebody that only the site knows
	round(t, svc)
	form := []string{"action", "recall", "case", "트럭", "boxes", roomtest.Box(3).String(), "reason", "얼었음", "evidence", "file-3", "km", "30", "days", "20"}
	to := b.Post("/supply/cases/new", form...).Header().Get("Location")
	at := b.Post("/supply/cases", "plan", strings.TrimPrefix(to, "/supply/cases/draft/")).Header().Get("Location")
	people := strings.Replace(at, "/cases/", "/people/", 1)
	pagetest.WantPage(t, b.Get(people), 404) // nobody has agreed
	pagetest.WantPage(t, b.Post(people), 404)
	r, err := svc.room.Case(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	b.Cookies[page.CookieStaff] = "manager"
	pagetest.WantRedirect(t, b.Post(at+"/agree", "digest", fmt.Sprintf("%x", r.Request.Digest)), at)
	round(t, svc)
	round(t, svc)
	pagetest.WantPage(t, b.Get(at), 200, people)
	look := func(where string, says ...string) {
		t.Helper()
		for _, lang := range catalogue.Names {
			b.Lang = lang.ID
			a := b.Get(where)
			pagetest.WantPage(t, a, 200, says...)
			pagetest.CheckPage(t, where, lang.ID, a.Body.String())
		}
		b.Lang = "ko"
	}
	number := booking.Number(k.ID)
	look(people, "두리의원", `<button class="button big">`, "/list.csv")
	pagetest.WantPage(t, b.Get(people+"/list.csv"), 200, "T2,"+number+",1,", ",frozen,listed,", "T2,,1,", ",frozen,unnamed,")
	b.Cookies[page.CookieStaff] = "auditor"
	pagetest.WantPage(t, b.Post(people), 403)
	if s := b.Get(people).Body.String(); strings.Contains(s, "<form method=\"post\" action=\"/supply") {
		t.Error("an auditor is offered the button")
	}
	if s := b.Get(people).Body.String(); strings.Contains(s, number) {
		t.Error("the page tells a booking's number") // the file does, for whoever has to ring
	}
	b.Cookies[page.CookieStaff] = "logistics"
	pagetest.WantRedirect(t, b.Post(people), people+"?done=1")
	look(people+"?done=1", `role="status"`)
	pagetest.WantRedirect(t, b.Post(people), people+"?done=0") // again is safe
	if got, _, err := w.Ledger.Booking(t.Context(), k.ID); err != nil || got.Doses[0].Visit.State != booking.Spoilt || got.Doses[0].Visit.Why != "트럭" {
		t.Errorf("the booking: %+v, %v", got.Doses[0].Visit, err)
	}
	pagetest.WantPage(t, b.Get(people+"/list.csv"), 200, ",frozen,spoilt,")
	look(people + "?all=1")
	if s := b.Get(people + "?all=1").Body.String(); strings.Contains(s, `action="/supply/people`) {
		t.Error("one person is offered to void doses that were given while the box was fit")
	}
}
