package journeys_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charye/supply"
	"charye/test/journeys"
)

const shippingRules = `
shipping:
  - from: 2020-01-01
    depots:
      - {id: icheon, name: {ko: 이천 물류센터, en: Icheon depot}, places: ["8809999000105"], weekdays: [mon, tue, wed, thu, fri, sat, sun], leaves: "23:00", lanes: [{region: all, transport: 0d}]}
    products: [{product: PRODUCT, vialsPerBox: 1, cutOff: 0m, covers: 3d}]
    transfers: {withinKm: 50, transport: 0d, leaves: "22:00", cutOff: 1h, leg: 20m}
`

// inDepot is boxes of one vial in the depot, whose lot has an expiry, with readings of the last hours.
func inDepot(now time.Time, from, n int) string {
	at := func(minutesAgo int) string {
		return now.Add(-time.Duration(minutesAgo) * time.Minute).Truncate(time.Second).Format(time.RFC3339)
	}
	const depot = "https://id.gs1.org/414/8809999000105"
	event := func(minutesAgo int, format string, args ...any) string {
		return fmt.Sprintf(`{"@context":[{"cbvmda":"urn:epcglobal:cbv:mda:"}],"eventTime":%q,"eventTimeZoneOffset":"+09:00",%s}`, at(minutesAgo), fmt.Sprintf(format, args...))
	}
	events := []string{event(361, `"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":[],"quantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/Q1","quantity":100}],"ilmd":{"cbvmda:itemExpirationDate":%q},"readPoint":{"id":%q}`,
		now.AddDate(0, 6, 0).Format(time.DateOnly), depot)}
	for i := range n {
		k, _ := supply.NewSSCC(0, "8809999", uint64(from+i))
		events = append(events, event(290, `"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/Q1","quantity":1}],"bizLocation":{"id":%q}`, k, depot))
	}
	var reports []string
	for m := 295; m >= 0; m -= 5 {
		reports = append(reports, fmt.Sprintf(`{"type":"Temperature","time":%q,"value":4.5,"uom":"CEL"}`, at(m)))
	}
	events = append(events, event(0, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"sensor_reporting","epcList":[],"readPoint":{"id":%q},"sensorElementList":[{"sensorReport":[%s]}]`, depot, strings.Join(reports, ",")))
	return "[" + strings.Join(events, ",\n") + "]"
}

// TestDeliveries is the look of those who send boxes: what has to be settled, what is short, what goes from site to site; on a desk, and without JavaScript on a
// telephone.
func TestDeliveries(t *testing.T) {
	t.Parallel()
	b := journeys.StartBrowser(t)
	programme := strings.Replace(programmeFile, "\n    series: {doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]}", storage+"\n    series: {doses: 1}", 1)
	_, rest, _ := strings.Cut(programme, "\nproducts:\n  - id: ")
	product, _, _ := strings.Cut(rest, "\n")
	s := newWorldOf(t, open, strings.TrimRight(programme, "\n")+strings.Replace(shippingRules, "PRODUCT", strings.TrimSpace(product), 1))
	for _, g := range s.guests(2) {
		g.join()
		g.enter()
		if status := g.call("POST", "/bookings", map[string]string{"slot": g.slot("s2")}, nil); status != 201 {
			t.Fatalf("a booking at s2: %d", status)
		}
	}
	for name, text := range map[string]string{"shipment.json": shipment(time.Now()), "depot.json": inDepot(time.Now(), 4, 3)} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, "supply", "capture", "--data", s.Data, "--party", "maker", file)
	}
	w := b.Visitor()
	w.Open(s.URL + "/supply")
	w.WaitForText("직원 로그인")
	clerkSignsIn(w, "나물류", "logistics", "", true)
	w.WaitForText("백신 배송 계획")
	w.ClickText("백신 배송 계획")
	w.WaitFor(".crumb")
	s.until("the plan", func() bool { w.Reload(); return w.Says("전체 계획 표로 받기") && w.Says("이천 물류센터") })
	if !w.Says("계획에서 뺀 상자") || !w.Says("온도 때문에 의심됨") {
		t.Error("the page does not say that the frozen box is not planned with")
	}
	healthy(t, w, "01-deliveries")
	noComplaints(t, w)

	// One departure is settled: its page shows the boxes, then it is a packing list, and the plan has it no more.
	w.ClickText("살펴보고 확정하기")
	w.WaitForText("이 상자들을 보낼까요?")
	healthy(t, w, "03-departure")
	w.Click("main form button")
	w.WaitForText("라벨 인쇄용 표로 받기")
	if !w.Says("대기 중") || !w.Says("확정 취소하기") {
		t.Error("the packing list does not say what waits, and that it can be withdrawn")
	}
	healthy(t, w, "04-packing-list")
	noComplaints(t, w)
	w.Open(s.URL + "/supply/deliveries")
	s.until("the plan with what is settled", func() bool {
		w.Reload()
		return w.Says("확정했고 아직 출발하지 않은 배송") && w.Says("오늘 정해야 하는 배송이 없습니다")
	})
	healthy(t, w, "05-deliveries-settled")

	phone := b.Visitor(journeys.OnPhone, journeys.WithoutScript)
	phone.Open(s.URL + "/supply/deliveries")
	clerkSignsIn(phone, "라감사", "auditor", "", true)
	phone.WaitForText("오늘 정해야 하는 배송")
	healthy(t, phone, "02-deliveries-on-a-phone")
	phone.ClickText("확정 1번")
	phone.WaitForText("라벨 인쇄용 표로 받기")
	if phone.Says("확정 취소하기") {
		t.Error("an auditor is offered to withdraw")
	}
	healthy(t, phone, "06-packing-list-on-a-phone")
}
