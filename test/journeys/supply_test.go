package journeys_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charye/test/journeys"
)

const storage = `
    gtins: ["08809999000013"]
    storage: [{from: 2020-01-01, bands: [{name: 영하, under: 0, side: cold, for: 0m}, {name: 0–2도, under: 2, side: cold, for: 12h}, {name: 2–8도, upto: 8}, {name: 8도 초과, side: warm, for: 1h}]}]`

// boxOf is the nth box of the made-up prefix.
func boxOf(n int) string {
	return []string{"", "088099990000000013", "088099990000000020", "088099990000000037"}[n]
}

// shipment is three boxes of ten doses each that came to s1, s1 and s2 today; the truck froze after the first two had left it.
func shipment(now time.Time) string {
	at := func(minutesAgo int) string {
		return now.Add(-time.Duration(minutesAgo) * time.Minute).Truncate(time.Second).Format(time.RFC3339)
	}
	var events []string
	event := func(minutesAgo int, format string, args ...any) {
		events = append(events, fmt.Sprintf(`{"eventTime":%q,"eventTimeZoneOffset":"+09:00",%s}`, at(minutesAgo), fmt.Sprintf(format, args...)))
	}
	readings := func(place string, from, until int, degrees func(int) float64) {
		var reports []string
		for m := from; m >= until; m -= 5 {
			reports = append(reports, fmt.Sprintf(`{"type":"Temperature","time":%q,"value":%.1f,"uom":"CEL"}`, at(m), degrees(m)))
		}
		event(until, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"sensor_reporting","epcList":[],"readPoint":{"id":%q},"sensorElementList":[{"sensorReport":[%s]}]`, place, strings.Join(reports, ","))
	}
	steady := func(m int) float64 { return 4.5 + float64(m%15)/20 }
	const depot, truck = "https://id.gs1.org/414/8809999000105", "urn:x:truck:11t-0412"
	for n := 1; n <= 3; n++ {
		event(360, `"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/Q1","quantity":1}],"bizLocation":{"id":%q}`, boxOf(n), depot)
	}
	event(300, `"type":"AggregationEvent","action":"ADD","bizStep":"loading","parentID":%q,"childEPCs":["https://id.gs1.org/00/%s","https://id.gs1.org/00/%s","https://id.gs1.org/00/%s"],"readPoint":{"id":%q}`, truck, boxOf(1), boxOf(2), boxOf(3), depot)
	event(240, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"receiving","epcList":["https://id.gs1.org/00/%s","https://id.gs1.org/00/%s"],"bizLocation":{"id":"urn:charye:site:s1"}`, boxOf(1), boxOf(2))
	event(180, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"receiving","epcList":["https://id.gs1.org/00/%s"],"bizLocation":{"id":"urn:charye:site:s2"}`, boxOf(3))
	readings(depot, 360, 300, steady)
	readings(truck, 300, 180, func(m int) float64 {
		if m <= 220 && m > 195 {
			return -1.4
		}
		return steady(m)
	})
	readings("urn:charye:site:s1", 240, 0, steady)
	readings("urn:charye:site:s2", 180, 0, steady)
	return `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"` + at(0) + `","epcisBody":{"eventList":[` + strings.Join(events, ",\n") + `]}}`
}

// TestSupply is the work of those who look after boxes: an alarm comes while the server runs, somebody looks at the box and whom it reaches, asks for a hold,
// and somebody else agrees. The one who has booked where the frozen box is gets another place.
func TestSupply(t *testing.T) {
	t.Parallel()
	b := journeys.StartBrowser(t)
	s := newWorldOf(t, open, strings.Replace(programmeFile, "\n    series: {doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]}", storage+"\n    series: {doses: 1}", 1), "--alarm-to", "mail:cold-chain@example.org")
	g := s.guests(1)[0]
	g.join()
	g.enter()
	var booked struct {
		ID     string
		Number string
	}
	if status := g.call("POST", "/bookings", map[string]string{"slot": g.slot("s2")}, &booked); status != 201 {
		t.Fatalf("a booking at s2: %d", status)
	}

	w := b.Visitor()
	w.Open(s.URL + "/supply")
	w.WaitForText("직원 로그인")
	clerkSignsIn(w, "나물류", "logistics", "", true)
	w.WaitForText("지금 정해야 할 알림이 없습니다")
	healthy(t, w, "01-nothing")

	file := filepath.Join(t.TempDir(), "shipment.json")
	if err := os.WriteFile(file, []byte(shipment(time.Now())), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "supply", "capture", "--data", s.Data, "--party", "maker", file)
	s.until("the alarm", func() bool { w.Reload(); return w.Says("얼었을 수 있음") })
	healthy(t, w, "02-alarm")
	w.ClickText("얼었을 수 있음")
	w.WaitForText("지금 할 일")
	healthy(t, w, "03-what-to-do")
	w.ClickText(boxOf(3))
	w.WaitFor("#plot canvas")
	if !w.Says("잠깐도 허용되지 않습니다") || !w.Says("−1.4\u00a0°C") {
		t.Error("the page of the box does not say in words what the chart draws")
	}
	healthy(t, w, "04-box")
	w.ClickText("이 상자가 누구에게까지 닿는지 보기")
	w.WaitFor(".tree")
	s.until("the tree to say whom the box reaches", func() bool {
		w.Reload()
		return w.Says("앞으로의 예약 1자리") && w.Says("(가상) 강남 햇살병원")
	})
	healthy(t, w, "05-reach")
	w.ClickText("판정 요청하기")
	w.WaitFor("#boxes")
	w.Type("#case", "트럭 0412")
	w.Type("#reason", "운송 중 얼었음")
	w.ClickText("무엇이 바뀌는지 미리 보기")
	w.WaitForText("근거를 한 줄 이상")
	healthy(t, w, "06-no-evidence")
	w.Set("#evidence", "온도 파일 truck.csv")
	w.ClickText("무엇이 바뀌는지 미리 보기")
	w.WaitForText("아직 아무것도 바뀌지 않았습니다")
	if !w.Says(booked.Number) || w.Says("홍") {
		t.Errorf("the preview does not name the booking %s by its number", booked.Number)
	}
	healthy(t, w, "07-preview")
	w.ClickText("동의를 요청하기")
	w.WaitForText("다른 사람의 동의를 기다립니다")
	if w.Says("동의하고 실행하기") {
		t.Error("who asked is offered to agree")
	}
	healthy(t, w, "08-waits")
	at := w.URL()

	other := b.Visitor(journeys.WithoutScript)
	other.Open(at)
	clerkSignsIn(other, "다동의", "manager", "", true)
	other.WaitForText("동의하시겠습니까?")
	healthy(t, other, "09-other-eyes")
	other.ClickText("동의하고 실행하기")
	other.WaitForText("실행한 일") // the page asks again by itself
	if !other.Says("예약 1건을 옮겼습니다") {
		t.Error("the booking was not moved")
	}
	healthy(t, other, "10-done")
	var mine struct {
		Bookings []struct {
			Doses []struct{ Site struct{ ID string } }
		}
	}
	if status := g.call("GET", "/bookings", nil, &mine); status != 200 || mine.Bookings[0].Doses[0].Site.ID != "s1" {
		t.Errorf("the booking is at %+v (%d)", mine, status)
	}
	w.Open(s.URL + "/supply")
	w.WaitForText("지금 정해야 할 알림이 없습니다")
	healthy(t, w, "11-dealt-with")

	phone := b.Visitor(journeys.OnPhone)
	phone.Open(s.URL + "/supply/boxes/" + boxOf(3))
	clerkSignsIn(phone, "라감사", "auditor", "", true)
	phone.WaitFor("#plot canvas")
	healthy(t, phone, "12-box-on-a-phone")
	if phone.Has(`a[href^="/supply/cases/new"]`) {
		t.Error("an auditor is offered to ask for a verdict")
	}
	phone.Open(s.URL + "/supply")
	healthy(t, phone, "13-room-on-a-phone")
	phone.Open(s.URL + "/supply/readings?lot=Q1")
	healthy(t, phone, "14-reach-on-a-phone")
	noComplaints(t, w)

	// One message for the one alarm, also after a restart.
	s.Kill()
	s.Restart()
	w.Open(s.URL + "/supply/alarms")
	s.until("the room to be read again", func() bool { w.Reload(); return w.Says("이미 정했습니다") })
	b1, err := os.ReadFile(filepath.Join(s.Data, "messages.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(b1)) {
		var m struct{ To, Subject string }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "cold-chain@example.org") {
			n++
			if !strings.Contains(line, "얼었을 수 있음") || !strings.Contains(line, "/supply/alarms/1") {
				t.Errorf("the message says %s", line)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d messages of one alarm:\n%s", n, b1)
	}
}
