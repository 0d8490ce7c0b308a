package journeys_test

import (
	"strings"
	"testing"

	"charye/test/journeys"
)

// leftoverDose is somebody who signs up for doses left over at the end of a day, without a script, is offered one by what the
// clinic tells, leaves it to the next, and takes the second.
func leftoverDose(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, open)
	w := b.Visitor(journeys.OnPhone, journeys.WithoutScript)
	s.arrive(w, "main", sunja)
	w.ClickText("오늘 남은 백신(잔여백신) 신청")
	w.WaitForText("빨리 누르지 않아도 됩니다")
	healthy(t, w, "01-lists")
	w.Set("#region", "서울특별시")
	w.ClickText("찾기")
	w.WaitForText("(가상) 종로 예방접종센터")
	healthy(t, w, "02-sites")
	w.Click(`form:has(input[name=add][value="s1"]) button`)
	w.WaitForText("신청되었습니다")
	w.WaitForText("강남 햇살병원") // 8.6 km away; the other two are in other cities
	if w.Says("해운대") || w.Says("제주") {
		t.Error("sites are shown that are too far")
	}
	healthy(t, w, "03-signed-up")

	offer := func() {
		run(t, "leftovers", "offer", "--data", s.Data, "--campaign", "main", "--site", "s1", "--product", "alpha", "--doses", "1", "--until", "24:00")
	}
	offer()
	untilSays(t, w, s.URL+"/leftovers", "차례가 되었습니다")
	healthy(t, w, "04-offer")
	w.ClickText("다음 분께 넘깁니다")
	w.WaitForText("백신은 다음 분께 넘어갑니다")
	healthy(t, w, "05-declined")

	offer()
	untilSays(t, w, s.URL+"/leftovers", "차례가 되었습니다")
	w.ClickText("네, 가겠습니다")
	w.WaitForText("예약이 확정되었습니다")
	healthy(t, w, "06-booked")
	if n := len(whens(w)); n != 2 {
		t.Errorf("the receipt shows %d doses", n)
	}
	w.Open(s.URL + "/leftovers")
	w.WaitForText("예약되었습니다")
	healthy(t, w, "07-afterwards")
	s.until("the list to tell of it", func() bool {
		out := string(run(t, "leftovers", "list", "--data", s.Data))
		return strings.Contains(out, "1 declined") && strings.Contains(out, "1 booked")
	})
	noComplaints(t, w)
}
