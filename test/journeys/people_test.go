package journeys_test

import (
	"strings"
	"testing"

	"charye/test/journeys"
)

// notEligible is somebody too young: told at once, with the reason, and nothing lets them stand in line.
func notEligible(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, open)
	w := b.Visitor(journeys.OnPhone)
	s.arrive(w, "main", young)
	w.WaitForText("이번 예약의 대상자가 아닙니다")
	for _, want := range []string{"1962년 1월 1일", "1971년 12월 31일", "2003년 5월 5일", "기다리실 필요가 없습니다"} {
		if !w.Says(want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if w.Has(`form[action$="/join"]`) {
		t.Error("the page offers a place")
	}
	healthy(t, w, "told")
	noComplaints(t, w)

	if status, _ := w.Ask("/c/main/join", map[string]string{}); status != 403 {
		t.Errorf("joining by script is answered %d, want 403", status)
	}
	if d := s.line(); d.Joined != 0 {
		t.Errorf("%d people have joined", d.Joined)
	}
	w.Open(s.URL + "/c/main/wait")
	w.WaitForText("이번 예약의 대상자가 아닙니다")
}

// helper registers her mother and books for her. The mother, signing in herself, meets the same booking.
func helper(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, open)
	w := b.Visitor(journeys.OnPhone)
	s.arrive(w, "main", dongsu)
	w.ClickText("다른 사람을 대신해 예약하기")
	w.WaitForText("다른 사람 등록하기")
	healthy(t, w, "01-for-whom")

	fill := func(day string) {
		w.Type("#name", mother.name)
		w.Type("input[name=year]", "1963")
		w.Type("input[name=month]", "9")
		w.Type("input[name=day]", day)
		w.Type("#identity", "630909 2000000")
		if !has(w, `document.querySelector('#consent').checked`) {
			w.Click("label.check")
		}
		w.ClickText("등록하고 계속하기")
	}
	fill("8")
	w.WaitForText("적은 내용과 맞는 대상자를 찾지 못했습니다")
	if has(w, `document.querySelector('#identity').value !== ''`) {
		t.Error("the identity number was sent back")
	}
	healthy(t, w, "02-wrong-date")
	fill("9")
	w.WaitForText(mother.name + "님을 예약할 수 있습니다")
	healthy(t, w, "03-registered")
	w.Click(`form[action$="/join"] button`)
	w.WaitForText(mother.name + "님을 대신해 예약하고 있습니다")
	goIn(w)
	if !w.Says(mother.name + "님을 대신해") {
		t.Error("while choosing, nothing says for whom")
	}
	chooseAndConfirm(w)
	if !w.Says(mother.name) {
		t.Error("the receipt does not say for whom it is")
	}
	healthy(t, w, "04-receipt")
	booking := w.Text(".ticket .number")
	w.Open(s.URL + "/bookings")
	if !w.Says(booking) || !w.Says(mother.name) {
		t.Error("the helper's bookings do not show it")
	}
	// The helper's own place and booking are another matter.
	w.Open(s.URL + "/c/main")
	w.WaitFor(`form[action$="/join"]`)
	noComplaints(t, w)

	her := b.Visitor()
	her.Open(s.URL + "/sign-in?return=/c/main")
	her.Click(".choices a")
	fillIn(her, mother, motherNumber)
	her.WaitForText("이미 예약하셨습니다")
	her.ClickText("내 예약 보기")
	her.WaitForText(booking)
	noComplaints(t, her)

	// Somebody else does not get to see it.
	other := b.Visitor()
	s.arrive(other, "main", sunja)
	other.Open(s.URL + "/bookings")
	other.WaitForText("아직 예약이 없습니다")
}

// couple is a man who books for himself and for her whom he helps, at one time and place, in one step.
func couple(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, open)
	w := b.Visitor(journeys.OnPhone)
	s.arrive(w, "main", dongsu)
	w.ClickText("다른 사람을 대신해 예약하기")
	w.WaitForText("다른 사람 등록하기")
	w.Type("#name", mother.name)
	w.Type("input[name=year]", "1963")
	w.Type("input[name=month]", "9")
	w.Type("input[name=day]", "9")
	w.Type("#identity", "630909 2000000")
	w.Click("label.check")
	w.ClickText("등록하고 계속하기")
	w.WaitForText(mother.name + "님을 예약할 수 있습니다")
	w.Click(`form[action$="/join"] button`)
	goIn(w)
	w.Open(s.URL + "/c/main")
	w.Click(`form[action$="/join"] button`)
	goIn(w)
	choose(w)
	w.WaitForText("두 분이 함께 예약하시겠습니까?")
	w.Click(`input[name="with"]:not([value=""])`)
	healthy(t, w, "01-together")
	w.ClickText("예약 확정하기")
	w.WaitForText("두 분의 예약이 같은 시간, 같은 곳으로 확정되었습니다")
	healthy(t, w, "02-both")
	mine := whens(w)
	w.ClickText("내 예약")
	w.WaitForText(mother.name)
	for _, when := range mine {
		if n := strings.Count(w.Text("main"), when); n != 2 {
			t.Errorf("the list of both has %q %d times, want it for each", when, n)
		}
	}
	noComplaints(t, w)
}

// twoDevices has one person in two windows and on a second device.
func twoDevices(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, narrow)
	guest := s.holdTheDoor()
	first := b.Visitor()
	s.join(first, "main", sunja)
	first.WaitFor("#number")
	number := first.Text("#number")

	second := first.NewWindow()
	second.Open(s.URL + "/c/main")
	second.WaitForText("이미 자리가 있습니다")
	if status, at := second.Ask("/c/main/join", map[string]string{}); status != 200 || !strings.HasSuffix(at, "/wait") {
		t.Errorf("joining again: %d at %s", status, at)
	}
	second.Open(s.URL + "/c/main/wait")
	telephone := b.Visitor(journeys.OnPhone)
	telephone.Open(s.URL + "/sign-in?return=/c/main/wait")
	signIn(telephone, sunja)
	telephone.WaitFor("#number")
	for _, w := range []*journeys.Window{second, telephone} {
		if got := w.Text("#number"); got != number {
			t.Errorf("the same person has number %s elsewhere and %s here", number, got)
		}
	}
	if d := s.line(); d.Joined != 2 {
		t.Errorf("%d people have joined, want the guest and her", d.Joined)
	}

	guest.book()
	s.untilTurn(first)
	goIn(first)
	noComplaints(t, first)

	// The second window is the same device.
	second.Open(s.URL + "/c/main/sites/s1")
	second.WaitFor(".sticky button")
	noComplaints(t, second)
	// The telephone is not.
	s.untilTurn(telephone)
	telephone.Click(`[data-part="turn"] button`)
	telephone.WaitForText("다른 기기에서 예약하고 있습니다")
	healthy(t, telephone, "01-other-device")
	telephone.ClickText("이 기기로 옮기는 방법")
	telephone.WaitForText("이 기기에서 계속하기")
	healthy(t, telephone, "02-takeover")
	telephone.ClickText("이 기기로 옮기기")
	telephone.WaitFor(".sites")

	// Now the first device can choose nothing, in either window.
	second.Click("form .radio:not(.off)")
	second.Click(".sticky button")
	second.WaitForText("내 자리 화면에서 들어와야 합니다")
	healthy(t, second, "03-moved-away")
	first.Click(".sites a")
	first.WaitFor("form .radio")
	first.Click("form .radio:not(.off)")
	first.Click(".sticky button")
	first.WaitForText("내 자리 화면에서 들어와야 합니다")
	first.ClickText("내 자리 보기")
	first.WaitFor(`[data-part="turn"] button`)
	first.Click(`[data-part="turn"] button`)
	first.WaitForText("다른 기기에서 예약하고 있습니다")

	chooseAndConfirm(telephone)
	telephone.WaitForText("예약이 확정되었습니다")
	first.Open(s.URL + "/bookings")
	first.WaitForText("예약됨")
}

// untilTurn looks at the place again and again, as an impatient person does, until it says that the turn has come.
func (s *world) untilTurn(w *journeys.Window) {
	s.t.Helper()
	for range 100 {
		w.Open(s.URL + "/c/main/wait")
		if has(w, `!document.querySelector('[data-part="turn"]').hidden`) {
			return
		}
	}
	s.t.Fatal("the turn does not come")
}

// soldOut is who comes when everything is booked, and who waits while the last dose goes.
func soldOut(t *testing.T, b *journeys.Browser) {
	r := narrow
	r.Stock = 1
	s := newWorld(t, r)
	guest := s.holdTheDoor()
	waiting := b.Visitor(journeys.OnPhone)
	s.join(waiting, "main", sunja)
	waiting.WaitFor("#number")
	number := waiting.Text("#number")
	guest.book()

	late := b.Visitor(journeys.OnPhone)
	untilSays(t, late, s.URL, "준비된 백신 예약 완료")
	healthy(t, late, "01-home")
	late.Click(`a[href="/c/main"]`)
	late.WaitForText("지금 준비된 백신은 모두 예약되었습니다")
	s.arrive(late, "main", dongsu)
	late.WaitForText("이 예약의 대상자입니다")
	if late.Says("예약할 수 있습니다\n") || !late.Says("백신이 더 들어왔을 때 번호 순서대로") {
		t.Error("the page promises a booking, or does not say what a place is good for")
	}
	healthy(t, late, "02-told-before-joining")
	late.Click(`form[action$="/join"] button`)
	late.WaitForText("준비된 백신이 모두 예약되었습니다")
	if !late.Says("순서는 그대로 지켜집니다") || late.Text("#number") != "3" {
		t.Error("the standby page does not say the number and what happens next")
	}
	healthy(t, late, "03-standby")
	noComplaints(t, late)

	untilSays(t, waiting, s.URL+"/c/main/wait", "준비된 백신이 모두 예약되었습니다")
	if got := waiting.Text("#number"); got != number {
		t.Errorf("standby has number %s, was %s", got, number)
	}
	if d := s.line(); d.State != "soldOut" || d.Remaining != 0 {
		t.Errorf("the line says %+v", d)
	}
	// A cancellation brings it back, in order. It is gone again before she presses the button, and comes once more.
	guest.cancel()
	s.untilTurn(waiting)
	guest.enter()
	guest.book()
	s.until("sold out again", func() bool { return s.line().State == "soldOut" })
	waiting.Click(`[data-part="turn"] button`)
	waiting.WaitForText("준비된 백신이 모두 예약되었습니다")
	healthy(t, waiting, "04-gone-again")
	guest.cancel()
	s.untilTurn(waiting)
	goIn(waiting)
	chooseAndConfirm(waiting)
	waiting.WaitForText("예약이 확정되었습니다")
}

// untilSays looks at a page again and again until it says something.
func untilSays(t *testing.T, w *journeys.Window, url, text string) {
	t.Helper()
	for range 100 {
		w.Open(url)
		if w.Says(text) {
			return
		}
	}
	t.Fatalf("%s does not come to say %q", url, text)
}
