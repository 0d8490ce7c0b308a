package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charye/internal/civil"
	"charye/notify"
	"charye/supply/trace"
)

const supplyServed = `
programme: served
name: {en: Served}
timezone: Asia/Seoul
trial: true
products:
  - id: alpha
    name: {en: Alpha}
    cvx: "207"
    dosesPerVial: 1
    vials: {opensWith: 1}
    gtins: ["08809999000013"]
    storage: [{from: 2020-01-01, bands: [{name: cold, under: 2, side: cold, for: 0m}, {name: fridge, upto: 8}, {name: hot, side: warm, for: 0m}]}]
    series: {doses: 1}
campaigns:
  - {id: adults, name: {en: Adults}, products: [alpha], eligible: all, opens: +0s, closes: +8h, stock: 100, line: {order: arrival, inside: 100, perSecond: 1000, passMinutes: 10}}
timetables:
  - {sites: all, start: +1d, days: 5, from: "09:00", to: "17:00", every: 30m, seats: 5}
`

// TestHoldWhileServed: two people book the two vials of a site, one of them is in a box that is held while the server runs. Who booked last
// is moved to the next site and told; after the release back, and told again.
func TestHoldWhileServed(t *testing.T) {
	t.Parallel()
	s := serve(t, supplyServed, nil)
	for n, place := range []string{"demo-001", "demo-001", "demo-002"} {
		told(t, s.data, "2020-09-18T00:00:00Z", fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/A","quantity":1}],"bizLocation":{"id":%q}`,
			boxURI(n+1), trace.SiteURN(place)))
	}
	done(t, importStockCmd{Product: "alpha", Data: s.data, File: written(t, "stock.csv", "site,vials\ndemo-001,2\ndemo-002,1\n")}.Run)
	people := s.admit(1, 2)
	day := (civil.Of(time.Now(), s.programme.Zone) + 2).String()
	var slots []string
	wait(t, func() bool { // until the pages know of the vials
		for _, slot := range s.must(http.StatusOK, "GET", adults+"/sites/demo-001/slots?date="+day, "")["slots"].([]any) {
			slots = append(slots, slot.(map[string]any)["id"].(string))
		}
		return len(slots) > 0
	})
	for _, p := range people {
		s.must(http.StatusCreated, "POST", "/api/v1/bookings", `{"slot":"`+slots[0]+`"}`, "Authorization", p.bearer, "Charye-Pass", p.pass, "Idempotency-Key", "k")
	}
	where := func(p insider) string {
		list := s.must(http.StatusOK, "GET", "/api/v1/bookings", "", "Authorization", p.bearer)["bookings"].([]any)
		return fmt.Sprint(list[0].(map[string]any)["doses"].([]any)[0].(map[string]any)["site"])
	}
	before := [2]string{where(people[0]), where(people[1])}
	dir := t.TempDir()
	f := verdictFlags{Where: supplyWhere{Data: s.data}, Said: saidVerdict{Case: "truck", Reason: "froze", Evidence: []string{"file"}, Metres: 100_000}, Asked: "rule", Agreed: "officer",
		Plan: filepath.Join(dir, "hold"), Most: 20, Boxes: whichBoxes{SSCC: []string{supplyBox(1).String()}}}
	said := done(t, supplyHoldCmd{Flags: f}.Run)
	if !strings.Contains(said, "1 doses of bookings move") || !strings.Contains(said, "1 moved") {
		t.Errorf("hold: %s", said)
	}
	if where(people[0]) != before[0] || where(people[1]) == before[1] {
		t.Errorf("the first is at %s, before %s; the last at %s, before %s", where(people[0]), before[0], where(people[1]), before[1])
	}
	f.Plan = filepath.Join(dir, "release")
	if said = done(t, supplyReleaseCmd{Flags: f, Undo: filepath.Join(dir, "hold")}.Run); !strings.Contains(said, "1 moved") {
		t.Errorf("release: %s", said)
	}
	if where(people[1]) != before[1] {
		t.Errorf("after the release the last is at %s, before %s", where(people[1]), before[1])
	}
	b, err := s.ledger.Events(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	last := b[len(b)-1]
	wait(t, func() bool {
		list, err := s.outbox.Messages(t.Context(), last.Person, 10)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, m := range list {
			if m.Kind == notify.Changed {
				n++
			}
		}
		return n == 2
	})
}
