package supply

import (
	"strings"
	"testing"

	"charye/supply/delivery"
	"charye/supply/room/roomtest"
	"charye/web/catalogue"
	"charye/web/page/pagetest"
)

// TestDeliveriesPage: first the plan is being made, then it says what has to be settled today, what is short and why, and gives the whole as a table.
func TestDeliveriesPage(t *testing.T) {
	t.Parallel()
	b, svc, w := inRoom(t, "logistics")
	b.Lang = "en"
	pagetest.WantPage(t, b.Get("/supply"), 200, `href="/supply/deliveries"`)
	first := b.Get("/supply/deliveries")
	pagetest.WantPage(t, first, 200, "The plan is being made")
	if to := b.Get("/supply/deliveries.csv").Header().Get("Location"); to != "/supply/deliveries" {
		t.Errorf("before there is a plan, the file leads to %q", to)
	}
	w.Stock(3, 50)
	w.Book(9, 3, 7) // Busan, a week after the shipment: box 4, which is in doubt, does not count there
	round(t, svc)
	for _, lang := range catalogue.Names {
		b.Lang = lang.ID
		page := b.Get("/supply/deliveries")
		pagetest.WantPage(t, page, 200, "세모병원", `href="/supply/boxes?site=T3"`, `/supply/deliveries.csv`)
		pagetest.CheckPage(t, "/supply/deliveries", lang.ID, page.Body.String())
		if strings.Contains(page.Body.String(), "supply.deliveries") {
			t.Error("a word is missing")
		}
	}
	b.Lang = "en"
	body := b.Get("/supply/deliveries").Body.String()
	for _, want := range []string{"What will be missing", "no depot has a usable box in time", "Nothing is to be settled today", "in doubt by its temperature"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	file := b.Get("/supply/deliveries.csv")
	if file.Code != 200 || file.Header().Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(file.Body.String(), "what,from,site,") || !strings.Contains(file.Body.String(), "short,,T3,") {
		t.Errorf("%d %v\n%s", file.Code, file.Header(), file.Body)
	}

	// Two boxes come to the depot: for Busan, and for the place that the other frozen box went to.
	w.Pack(5, w.Now(), roomtest.Depot)
	w.Pack(6, w.Now(), roomtest.Depot)
	w.Event(roomtest.Minute(0), `"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":[],"quantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/%s","quantity":100}],"ilmd":{"cbvmda:itemExpirationDate":"2027-03-31"},"readPoint":{"id":%q}`, roomtest.LotName, roomtest.Depot)
	w.At(250)
	w.Readings(roomtest.Depot, 240, 250, 4)
	round(t, svc)
	w.At(400)
	round(t, svc) // the plan before was not old
	body = b.Get("/supply/deliveries").Body.String()
	for _, want := range []string{"Icheon depot", "Later", "Nobody will be short"} {
		if !strings.Contains(body, want) {
			t.Errorf("with a box in the depot the page does not say %q", want)
		}
	}
	svc.programme.Shipping = nil
	pagetest.WantPage(t, b.Get("/supply/deliveries"), 404)
}

// TestEveryReasonHasWords: of the plan's reasons in both languages.
func TestEveryReasonHasWords(t *testing.T) {
	t.Parallel()
	for _, w := range []delivery.Why{delivery.PastCutOff, delivery.NoBox, delivery.NoDepot, delivery.Sooner, delivery.Cheaper} {
		if whyNames[w] == "" {
			t.Errorf("there are no words for %s", w)
		}
	}
	for _, b := range []delivery.Bar{delivery.Held, delivery.Doubt, delivery.Unknown, delivery.Thawed, delivery.NoExpiry, delivery.Late, delivery.Elsewhere} {
		if barNames[b] == "" {
			t.Errorf("there are no words for %s", b)
		}
	}
}
