package web

import (
	"testing"
	"time"

	"charye/supply/dispense"
	"charye/supply/room/roomtest"
	"charye/walk"
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
		wantRedirect(t, b.get(withQuery("/supply/find", "q", text)), withQuery("/supply/readings", "vial", to))
	}
	wantRedirect(t, b.get(withQuery("/supply/find", "q", "(01)08809999000013(17)270630(10)S1(21)V9")), "/supply/boxes?lot=S1")
	words := mustLanguages(t)
	for _, lang := range []string{"ko", "en"} {
		b.cookies[cookieLanguage] = lang
		say := func(key string) string { return words[lang].sentences[key]["other"] }
		page := func(path string, want ...string) {
			t.Helper()
			got := b.get(path)
			wantPage(t, got, 200, want...)
			checkPage(t, path, lang, got.Body.String())
		}
		vial := func(s string) string { return withQuery("/supply/readings", "vial", label+s) }
		page(vial("V1"), say("supply.vials.doubt"), "/supply/boxes/"+box, say("supply.stage.thawed"), "T1")
		page(vial("V2"), say("supply.vials.gone"))
		page(vial("V3"), say("supply.vials.doubt"), "/supply/cases/new?box="+box)
		page(vial("V/4"), "두리의원")
		page("/supply/boxes/"+box, say("supply.vials.gone"), say("supply.vials.doubt"), ">V3</a>", "V%2F4", `aria-labelledby="vials"`)
		page("/supply/boxes/" + roomtest.Box(1).String())
	}
	wantPage(t, b.get(withQuery("/supply/readings", "vial", label+"V9")), 404)
	wantPage(t, b.get("/supply/readings?vial=x"), 404)
}

// TestVialOpenTooLong: the page of the appointment says since when the vial is open, and what to do.
func TestVialOpenTooLong(t *testing.T) {
	t.Parallel()
	b, svc := atClinic(t, "nurse")
	svc.fail["TellVisit"] = &walk.Error{Code: walk.Conflict, Field: "from", Err: &dispense.Unfit{Reason: dispense.Over, Since: time.Date(2026, 9, 18, 0, 0, 0, 0, time.UTC), For: 6 * time.Hour}}
	for lang, want := range map[string]string{"ko": "2026-09-18 09:00에 열었거나 녹인 것이고, 6시간 안에만 쓸 수 있습니다", "en": "opened or thawed on 2026-09-18 09:00, and may be used for 6 h only"} {
		b.cookies[cookieLanguage] = lang
		w := b.post("/clinic/visits/bk-1-1/1", "state", "given", "from", "(01)08809999000013(10)S1(21)V1")
		wantPage(t, w, 422, want, `value="(01)08809999000013(10)S1(21)V1"`, `aria-describedby="from-hint from-error"`)
		checkPage(t, "open too long", lang, w.Body.String())
	}
}
