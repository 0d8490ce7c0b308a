package supply

import (
	"regexp"
	"strings"
	"testing"

	"charye/supply/delivery"
	"charye/supply/journal"
	"charye/supply/room/roomtest"
	"charye/web/catalogue"
	"charye/web/page/pagetest"
)

var shownDigest = regexp.MustCompile(`/supply/deliveries/departure\?d=([0-9a-f]{64})`)

// TestSettlePages: a departure is looked at, settled once, refused to whoever comes second, is a packing list then, and is withdrawn with a reason.
func TestSettlePages(t *testing.T) {
	t.Parallel()
	b, svc, w := inRoom(t, "logistics")
	b.Lang = "en"
	w.Stock(1, 50)
	w.Book(9, 1, 7)
	w.Stock(3, 50)
	w.Book(8, 3, 7)
	w.Pack(5, w.Now(), roomtest.Depot)
	w.Event(roomtest.Minute(0), `"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":[],"quantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/%s","quantity":100}],"ilmd":{"cbvmda:itemExpirationDate":"2027-03-31"},"readPoint":{"id":%q}`, roomtest.LotName, roomtest.Depot)
	w.At(250)
	w.Readings(roomtest.Depot, 240, 250, 4)
	b.Get("/supply/deliveries") // somebody wants the plan
	round(t, svc)
	page := b.Get("/supply/deliveries").Body.String()
	m := shownDigest.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("nothing can be settled:\n%s", page)
	}
	digest := m[1]
	at := "/supply/deliveries/departure?d=" + digest
	for _, lang := range catalogue.Names {
		b.Lang = lang.ID
		w := b.Get(at)
		pagetest.WantPage(t, w, 200, roomtest.Box(5).String(), "두리의원", `name="d" value="`+digest+`"`)
		pagetest.CheckPage(t, at, lang.ID, w.Body.String())
	}
	b.Lang = "en"

	// Of two who settle it at once one does, and the other hears of it.
	first := b.Post("/supply/deliveries/departure", "d", digest)
	pagetest.WantRedirect(t, first, "/supply/deliveries/settled/1")
	second := b.Post("/supply/deliveries/departure", "d", digest)
	pagetest.WantPage(t, second, 409, "Somebody else settled some of these boxes", "settlement 1", `href="/supply/deliveries/settled/1"`)
	if strings.Contains(second.Body.String(), "Settle these") {
		t.Error("what is settled is offered to be settled")
	}
	pagetest.WantPage(t, b.Post("/supply/deliveries/departure", "d", strings.Repeat("0", 64)), 409, "The plan was made anew")
	pagetest.WantPage(t, b.Get("/supply/deliveries/departure?d=x"), 409, "The plan was made anew")
	if n := countEvents(t, w); n != 1 {
		t.Errorf("%d events of the journal, want 1", n)
	}

	for _, lang := range catalogue.Names {
		b.Lang = lang.ID
		for _, path := range []string{"/supply/deliveries/settled/1", "/supply/deliveries/settled", "/supply/deliveries"} {
			w := b.Get(path)
			pagetest.WantPage(t, w, 200)
			pagetest.CheckPage(t, path, lang.ID, w.Body.String())
			if strings.Contains(w.Body.String(), "supply.settle") {
				t.Errorf("%s: a word is missing", path)
			}
		}
	}
	b.Lang = "en"
	pagetest.WantPage(t, b.Get("/supply/deliveries/settled/1"), 200, roomtest.Box(5).String(), "2027-03-31", roomtest.LotName, "Withdraw it", "/boxes.csv", "/shipping.json")
	pagetest.WantPage(t, b.Get("/supply/deliveries"), 200, "Settled, not left yet", `href="/supply/deliveries/settled/1"`)
	file := b.Get("/supply/deliveries/settled/1/boxes.csv")
	if file.Code != 200 || !strings.HasPrefix(file.Body.String(), "settlement,from,leaves,site,name,address,gln,usable from,product,box,lot,expires,vials,state\n1,icheon,") || !strings.Contains(file.Body.String(), ",waiting\n") {
		t.Errorf("%d\n%s", file.Code, file.Body)
	}
	doc := b.Get("/supply/deliveries/settled/1/shipping.json")
	if doc.Code != 200 || !strings.Contains(doc.Body.String(), `"bizStep": "shipping"`) || !strings.Contains(doc.Body.String(), "urn:charye:site:T2") {
		t.Errorf("%d\n%s", doc.Code, doc.Body)
	}

	// The next plan does without the box; when it is held, it is named, and not promised any more.
	round(t, svc)
	if page := b.Get("/supply/deliveries").Body.String(); strings.Contains(page, digest) {
		t.Error("what is settled is to be settled again")
	}
	pagetest.WantPage(t, b.Post("/supply/deliveries/settled/1/withdraw"), 422, "Say why")
	pagetest.WantRedirect(t, b.Post("/supply/deliveries/settled/1/withdraw", "reason", "no driver"), "/supply/deliveries/settled/1")
	pagetest.WantPage(t, b.Get("/supply/deliveries/settled/1"), 200, "no driver", "withdrawn")
	pagetest.WantPage(t, b.Post("/supply/deliveries/settled/1/withdraw", "reason", "again"), 409, "nothing left to withdraw")
	for _, none := range []string{"/supply/deliveries/settled/2", "/supply/deliveries/settled/x", "/supply/deliveries/settled/1/shipping.json"} {
		pagetest.WantPage(t, b.Get(none), 404)
	}
	if n := countEvents(t, w); n != 2 {
		t.Errorf("%d events of the journal, want 2", n)
	}
}

func countEvents(t *testing.T, w *roomtest.World) (n int) {
	t.Helper()
	if err := w.Store.Journal(t.Context(), 0, func(journal.Event) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSettlingIsForLogistics: an auditor looks, and is offered nothing and allowed nothing.
func TestSettlingIsForLogistics(t *testing.T) {
	t.Parallel()
	b, _, w := inRoom(t, "auditor")
	pagetest.WantPage(t, b.Get("/supply/deliveries/settled"), 200)
	pagetest.WantPage(t, b.Post("/supply/deliveries/departure", "d", strings.Repeat("0", 64)), 403)
	pagetest.WantPage(t, b.Post("/supply/deliveries/settled/1/withdraw", "reason", "x"), 403)
	if n := countEvents(t, w); n != 0 {
		t.Errorf("%d events of the journal", n)
	}
}

// TestPackedNames: every state of a line of a packing list has words.
func TestPackedNames(t *testing.T) {
	t.Parallel()
	for _, s := range []string{delivery.PackedWaiting, delivery.PackedWithdrawn, string(journal.Left), string(journal.Unusable), string(journal.Missed), string(delivery.Doubt)} {
		if packedName(s) == "" {
			t.Errorf("there are no words for %s", s)
		}
	}
}
