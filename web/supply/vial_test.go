package supply

import (
	"testing"

	"charye/supply/room/roomtest"
	"charye/web/catalogue"
	"charye/web/page"
	"charye/web/page/pagetest"
)

// TestVialPages: a vial is found by its label, however it is written; its page says its box, its state and whom it reached; its box lists it.
func TestVialPages(t *testing.T) {
	t.Parallel()
	const base, label = "https://id.gs1.org/01/08809999000013/21/", "(01)08809999000013(21)"
	b, svc, w := inRoom(t, "logistics")
	box, place := roomtest.Box(9).String(), "https://id.gs1.org/414/"+roomtest.SiteGLN
	event := func(minute int, format string, args ...any) { w.Event(roomtest.Minute(minute), format, args...) }
	event(0, `"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":[%q,%q,%q,%q],"ilmd":{"cbvmda:lotNumber":"S1"}`, base+"V1", base+"V2", base+"V3", base+"V%2F4")
	event(1, `"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[%q,%q,%q,%q],"bizLocation":{"id":%q}`, box, base+"V1", base+"V2", base+"V3", base+"V%2F4", place)
	event(10, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"other","urn:charye:epcis:stage":"thawed","epcList":[%q]`, base+"V1")
	event(20, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"destroying","epcList":[%q],"bizLocation":{"id":%q}`, base+"V2", place)
	event(30, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"dispensing","epcList":[%q],"bizLocation":{"id":%q}`, base+"V3", place)
	event(40, `"type":"AggregationEvent","action":"DELETE","bizStep":"unpacking","parentID":"https://id.gs1.org/00/%s","childEPCs":[%q],"bizLocation":{"id":"urn:charye:site:T2"}`, box, base+"V%2F4")
	round(t, svc)
	for text, to := range map[string]string{
		label + "V1": label + "V1", "(01)08809999000013(17)270630(10)S1(21)V1": label + "V1", "]d20108809999000013" + "10S1\x1d21V1": label + "V1",
		base + "V3": label + "V3", "https://maker.example/01/08809999000013/10/S1/21/V%2F4?17=270630": label + "V/4", "urn:epc:id:sgtin:8809999.000001.V%2F4": label + "V/4",
	} {
		pagetest.WantRedirect(t, b.Get(page.WithQuery("/supply/find", "q", text)), page.WithQuery("/supply/readings", "vial", to))
	}
	pagetest.WantRedirect(t, b.Get(page.WithQuery("/supply/find", "q", "(01)08809999000013(17)270630(10)S1(21)V9")), "/supply/boxes?lot=S1")
	for _, lang := range catalogue.Names {
		b.Lang = lang.ID
		say := func(key string) string { return pagetest.Languages(t)[lang.ID].Sentences[key]["other"] }
		see := func(path string, want ...string) {
			t.Helper()
			got := b.Get(path)
			pagetest.WantPage(t, got, 200, want...)
			pagetest.CheckPage(t, path, lang.ID, got.Body.String())
		}
		vial := func(s string) string { return page.WithQuery("/supply/readings", "vial", label+s) }
		see(vial("V1"), say("supply.vials.doubt"), "/supply/boxes/"+box, say("supply.stage.thawed"), "T1")
		see(vial("V2"), say("supply.vials.gone"))
		see(vial("V3"), say("supply.vials.doubt"), "/supply/cases/new?box="+box)
		see(vial("V/4"), "두리의원")
		see("/supply/boxes/"+box, say("supply.vials.gone"), say("supply.vials.doubt"), ">V3</a>", "V%2F4", `aria-labelledby="vials"`)
		see("/supply/boxes/" + roomtest.Box(1).String())
	}
	pagetest.WantPage(t, b.Get(page.WithQuery("/supply/readings", "vial", label+"V9")), 404)
	pagetest.WantPage(t, b.Get("/supply/readings?vial=x"), 404)
}
