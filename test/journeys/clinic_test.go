package journeys_test

import (
	"strings"
	"testing"

	"charye/test/journeys"
)

// TestClinic is a day at a site's counter, without a script, and what the people see of it on their telephones.
func TestClinic(t *testing.T) {
	t.Parallel()
	b := journeys.StartBrowser(t)
	r := open
	r.Today = true
	s := newWorld(t, r)
	booked := func(p someone) (w *journeys.Window, number string) {
		w = b.Visitor(journeys.OnPhone)
		s.join(w, "main", p)
		goIn(w)
		w.Open(s.URL + "/c/main/sites/s1")
		w.WaitFor("form .radio")
		w.Click("form .radio:not(.off)")
		w.Click(".sticky button")
		w.WaitFor(`form[action$="/confirm"] button`)
		w.Click(`form[action$="/confirm"] button`)
		w.WaitFor(".ticket .number")
		return w, w.Text(".ticket .number")
	}
	first, number := booked(sunja)
	second, _ := booked(dongsu)
	for _, g := range s.guests(3) {
		g.join()
		g.enter()
		g.bookAt("s1")
	}

	lost := b.Visitor(journeys.WithoutScript)
	lost.Open(s.URL + "/clinic")
	lost.WaitForText("직원 로그인")
	clerkSignsIn(lost, "나간호", "clinic", "s9", true)
	lost.WaitForText("어느 접종기관인지 알 수 없습니다")
	healthy(t, lost, "01-no-site")
	w := b.Visitor(journeys.WithoutScript)
	w.Open(s.URL + "/clinic")
	clerkSignsIn(w, "가간호", "clinic", "s1", true)
	w.WaitForText("오늘 오실 분")
	if !w.Says(sunja.name) || !w.Says(dongsu.name) || !w.Says("1964년생") {
		t.Error("the list does not say who comes")
	}
	healthy(t, w, "02-list")

	w.Type("#q", number)
	w.ClickText("찾기")
	w.WaitForText("2건을 찾았습니다")
	healthy(t, w, "03-found")
	w.ClickText(sunja.name)
	w.WaitForText("접종했습니다")
	healthy(t, w, "04-visit")
	w.ClickText("도착")
	w.WaitForText("도착 –")
	w.Type("#from", "088099990000000014")
	w.ClickText("접종 완료로 적기")
	w.WaitForText("상자나 제조번호로 읽을 수 없습니다")
	healthy(t, w, "05-unread")
	w.Set("#from", "AB12")
	w.ClickText("접종 완료로 적기")
	w.WaitForText("접종 완료로 적었습니다: " + number)
	healthy(t, w, "06-given")

	w.Click(`form:has(button .vh) button.button`) // the next who is expected has come
	w.WaitForText("도착으로 적었습니다")
	w.Open(s.URL + "/clinic/find?q=" + "동수")
	w.ClickText(dongsu.name)
	w.WaitFor("#from")
	if v := w.Attribute("#from", "value"); v != "(10)AB12" {
		t.Errorf("the box has %q, want what was used last", v)
	}
	w.ClickText("접종하지 못했습니다")
	w.Set("#why", "no-vaccine")
	healthy(t, w, "07-turn-away")
	w.ClickText("접종 못 함으로 적기")
	w.WaitForText("이분의 백신은 남겨 둡니다")

	first.Open(s.URL + "/bookings")
	first.WaitForText("접종을 마쳤습니다")
	healthy(t, first, "08-given-on-the-phone")
	second.Open(s.URL + "/bookings")
	second.WaitForText("그날 접종하지 못했습니다")
	second.ClickText("자세히 보기")
	second.WaitForText("1차 접종 시간을 다시 골라 주세요")
	healthy(t, second, "09-turned-away-on-the-phone")
	second.ClickText("다른 시간 고르기")
	second.WaitForText("다른 접종기관 고르기")
	healthy(t, second, "10-another-time")

	w.Open(s.URL + "/clinic")
	w.WaitForText("남을 잔여백신")
	w.Set(`input[name="until"]`, "23:59")
	w.ClickText("잔여백신 권하기")
	w.WaitForText("잔여백신을 권하기 시작했습니다")
	healthy(t, w, "11-offered")
	w.ClickText("명단 인쇄하기")
	w.WaitFor("table.print")
	healthy(t, w, "12-print")

	// A mistake is taken back.
	w.Open(s.URL + "/clinic/find?q=" + strings.ReplaceAll(number, " ", ""))
	w.ClickText(sunja.name)
	w.ClickText("잘못 적었습니다")
	w.ClickText("되돌리기")
	w.WaitForText("적은 것을 되돌렸습니다")

	phone := b.Visitor(journeys.OnPhone, journeys.Speaking("en"))
	phone.Open(s.URL + "/clinic")
	clerkSignsIn(phone, "Nurse", "clinic", "s1", true)
	phone.WaitForText("Today's list")
	healthy(t, phone, "13-list-on-a-phone")
	phone.ClickText(sunja.name)
	phone.WaitForText("The dose was given")
	healthy(t, phone, "14-visit-on-a-phone")
	phone.Open(s.URL + "/clinic/print")
	healthy(t, phone, "15-print-on-a-phone")
	noComplaints(t, w)
	noComplaints(t, phone)
}
