package journeys_test

import (
	"strings"
	"testing"

	"charye/test/journeys"

	"github.com/chromedp/chromedp/kb"
)

// TestDesk is the work of a call desk and of a local office, in windows of their clerks.
func TestDesk(t *testing.T) {
	t.Parallel()
	b := journeys.StartBrowser(t)
	for name, walk := range map[string]func(*testing.T, *journeys.Browser){
		"call desk":    callDesk,
		"local office": localOffice,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			walk(t, b.For(t))
		})
	}
}

// clerkSignsIn goes from the desk's first page through the trial provider.
func clerkSignsIn(w *journeys.Window, name, role, unit string, secondFactor bool) {
	w.WaitFor(".choices a")
	w.Click(".choices a")
	w.Type("#name", name)
	w.Click(`input[name="role"][value="` + role + `"]`)
	if unit != "" {
		w.Type("#unit", unit)
	}
	if !secondFactor {
		w.Click("#factor")
	}
	w.Click("form button[type=submit]:not([name])")
	w.WaitFor("a.brand") // back from the provider: whoever goes on before breaks it off
}

// callDesk: a clerk without script takes a place for somebody who called, a colleague rings back when the turn has come and books,
// changes and cancels. Neither a local office nor a citizen sees any of it.
func callDesk(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, narrow)
	guest := s.holdTheDoor()
	w := b.Visitor(journeys.WithoutScript)
	w.Open(s.URL + "/desk")
	w.WaitForText("직원 로그인")
	healthy(t, w, "01-sign-in")
	clerkSignsIn(w, "나상담", "calldesk", "", false)
	w.WaitForText("2단계 인증을 하지 않은 로그인입니다")
	healthy(t, w, "02-no-second-factor")
	clerkSignsIn(w, "나상담", "calldesk", "", true)
	w.WaitForText("나상담 – 콜센터")
	healthy(t, w, "03-desk")
	w.ClickText("전화하거나 오신 분 찾기")
	w.WaitFor("#identity")
	if w.Says("직접 와서 동의했습니다") {
		t.Error("the call desk is asked whether the caller is there in person")
	}
	healthy(t, w, "04-find")
	fill := func(day string, consent bool) {
		w.Type("#identity", motherNumber)
		w.Type("input[name=year]", "1963")
		w.Type("input[name=month]", "9")
		w.Type("input[name=day]", day)
		w.Type("#name", mother.name)
		w.Type("#phone", "010-1234-5678")
		if consent {
			w.Click(`input[name="consent"][value="phone"]`)
		}
		w.ClickText("찾아서 등록하기")
	}
	fill("9", false)
	w.WaitForText("동의를 어떻게 받았는지 고르세요")
	healthy(t, w, "05-no-consent")
	fill("8", true)
	w.WaitForText("이 번호와 생년월일이 맞는 분을 찾지 못했습니다")
	fill("9", true)
	w.WaitForText("자리를 맡을 수 있습니다")
	healthy(t, w, "06-registered")
	w.ClickText("자리 맡기")
	w.WaitForText("기다리는 중입니다")
	healthy(t, w, "07-waits")
	caller := w.URL()
	w.ClickText("다시 전화할 분")
	w.WaitForText("곧 차례인 분: 1명")
	healthy(t, w, "08-near")
	guest.book()
	s.untilAdmitted(guest.number + 1)

	// The shift changes.
	other := b.Visitor()
	other.Open(s.URL + "/desk")
	clerkSignsIn(other, "다교대", "calldesk", "", true)
	other.ClickText("50대 사전예약")
	other.WaitForText("차례가 된 분: 1명")
	if !other.Says(mother.name) || !other.Has(`a[href="tel:01012345678"]`) {
		t.Error("the list does not say whom to ring at which number")
	}
	healthy(t, other, "09-called")
	other.ClickText(mother.name)
	other.WaitForText("차례가 되었습니다")
	healthy(t, other, "10-turn")
	other.ClickText("들어가서 예약하기")
	other.WaitFor(".sites")
	if !other.Says(mother.name + "님을 대신해") {
		t.Error("while choosing, nothing says for whom")
	}
	healthy(t, other, "11-sites")
	chooseAndConfirm(other)
	other.WaitForText("예약이 확정되었습니다")
	healthy(t, other, "12-receipt")
	receipt := strings.Split(other.URL(), "?")[0]
	number := other.Text(".ticket .number")
	other.ClickText("날짜나 장소 바꾸기")
	other.ClickText("1차 접종")
	other.WaitFor(".days")
	other.Click(".days a:not([aria-current])")
	other.WaitFor(".radio:not(.off)")
	other.Click(".radio:not(.off)")
	other.ClickText("이 시간으로 바꾸기")
	other.WaitForText("예약을 바꾸었습니다")
	other.ClickText(mother.name + "님 화면으로 돌아가기")
	other.WaitForText("예약번호는 " + number)
	healthy(t, other, "13-booked")
	other.ClickText("다시 전화할 분")
	other.WaitForText("차례가 된 분: 0명")
	noComplaints(t, other)

	office := b.Visitor()
	office.Open(s.URL + "/desk")
	clerkSignsIn(office, "라주민", "office", "종로", true)
	office.WaitForText("주민센터")
	for _, address := range []string{caller, receipt} {
		office.Open(address)
		if office.Says(mother.name) || office.Says(number) {
			t.Errorf("a local office sees %s of the call desk", address)
		}
	}
	citizen := b.Visitor()
	s.arrive(citizen, "main", sunja)
	citizen.Open(caller)
	citizen.WaitForText("직원 로그인")

	other.Open(receipt)
	other.ClickText("예약 취소하기")
	other.Click(`form[action$="/cancel"] button`)
	other.WaitForText("예약을 취소했습니다")
	s.remains(999)
	w.Open(caller)
	w.ClickText("동의를 거두셨나요?")
	w.Click(`form[action$="/remove"] button`)
	w.WaitForText("이 로그인은")
	if status, _ := w.Ask(strings.TrimPrefix(caller, s.URL), nil); status == 200 {
		t.Error("a caller who took consent back is shown")
	}
}

// localOffice: by keyboard alone, somebody without telephone or number gets a temporary identity, and with its code a booking.
func localOffice(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, open)
	w := b.Visitor()
	w.Open(s.URL + "/desk")
	clerkSignsIn(w, "라주민", "office", "종로", true)
	w.WaitForText("라주민 – 주민센터")
	healthy(t, w, "01-desk")
	fill := func() {
		tabTo(t, w, "input[name=year]")
		w.Press("1965" + kb.Tab + "2" + kb.Tab + "28" + kb.Tab + "누구인가" + kb.Tab + " " + kb.Enter)
	}
	w.Open(s.URL + "/desk/temporary")
	w.WaitForText("무엇을 보여 주었나요?")
	healthy(t, w, "02-temporary")
	fill()
	w.WaitForText("번호를 만들었습니다")
	healthy(t, w, "03-print")
	code := w.Text(".spell")
	w.Open(s.URL + "/desk/temporary")
	fill()
	w.WaitForText("같은 이름과 생년월일로 만든 번호가 이미 있습니다")
	healthy(t, w, "04-alike")

	w.Open(s.URL + "/desk/callers/new")
	w.WaitFor("#identity")
	if !has(w, `document.activeElement.matches('#campaign')`) {
		t.Error("the form does not begin where the focus is")
	}
	find := func(code string) {
		w.Press(kb.Tab + strings.ToLower(code) + kb.Tab + "1965" + kb.Tab + "2" + kb.Tab + "28" + kb.Tab + "누구인가" + kb.Tab + kb.Tab + " " + kb.ArrowDown + kb.Enter)
	}
	find(code)
	w.WaitForText("자리를 맡을 수 있습니다")
	if !w.Says("임시번호로 확인") || !w.Says("직접 와서 동의했습니다") {
		t.Error("the page does not say how the person is known and how they agreed")
	}
	w.Press(kb.Enter) // the button has the focus
	w.WaitUntil("a place", `document.body.innerText.includes('기다리는 중입니다') || document.body.innerText.includes('차례가 되었습니다')`, 30e9)
	s.until("the turn", func() bool { w.Reload(); return w.Says("차례가 되었습니다") })
	w.WaitFor(`form[action$="/enter"] button`)
	w.Press(kb.Enter)
	w.WaitFor(".sites")
	chooseAndConfirm(w)
	w.WaitForText("예약이 확정되었습니다")
	if !w.Says("누구인가") {
		t.Error("the receipt does not say for whom it is")
	}
	healthy(t, w, "05-receipt")
	noComplaints(t, w)
}
