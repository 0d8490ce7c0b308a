package journeys_test

import (
	"strings"
	"testing"
	"time"

	"charye/internal/civil"
	"charye/test/journeys"

	"github.com/chromedp/chromedp/kb"
)

func date(t *testing.T, s string) civil.Date {
	t.Helper()
	d, err := civil.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestJourneys are walks through the whole of Charye, each in a browser of its own person and with a server of its own.
func TestJourneys(t *testing.T) {
	t.Parallel()
	b := journeys.StartBrowser(t)
	for name, walk := range map[string]func(*testing.T, *journeys.Browser){
		"telephone":         telephone,
		"without script":    withoutScript,
		"keyboard":          keyboard,
		"not eligible":      notEligible,
		"helper":            helper,
		"couple":            couple,
		"two devices":       twoDevices,
		"before the turn":   beforeTheTurn,
		"clock and console": clockAndConsole,
		"lost network":      lostNetwork,
		"killed server":     killedServer,
		"sold out":          soldOut,
		"narrow screen":     narrowScreen,
		"leftover dose":     leftoverDose,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			walk(t, b.For(t))
		})
	}
}

// telephone is the walk of most people: early, on a telephone, in Korean, through the draw.
func telephone(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, rules{Opens: "30s", Order: "draw", Inside: 50, PerSecond: "1", Stock: 1000})
	w := b.Visitor(journeys.OnPhone)

	w.Open(s.URL)
	w.WaitForText("50대 사전예약")
	healthy(t, w, "01-home")
	w.Click(`a.button[href="/c/main"]`)
	w.WaitForText("먼저 대상자인지 확인하세요")
	healthy(t, w, "02-campaign")
	w.ClickText("로그인하고 확인하기")
	w.WaitForText("로그인 방법")
	healthy(t, w, "03-ways-to-sign-in")
	w.ClickText("시험용 로그인")
	w.WaitFor("#birthdate")
	healthy(t, w, "04-sign-in")
	fillIn(w, sunja)
	w.WaitForText("예약할 수 있습니다")
	if !w.Says("로그아웃") {
		t.Error("nothing says that she is signed in")
	}
	healthy(t, w, "05-eligible")
	w.Click(`form[action$="/join"] button`)
	w.WaitForText("자리를 맡았습니다")
	healthy(t, w, "06-gathering")
	for _, g := range s.guests(4) {
		g.join()
	}

	w.WaitUntil("a number, after the opening", `+document.getElementById('number').textContent > 0`, 60*time.Second)
	w.Shot("07-number")
	var number int
	w.Eval(`+document.getElementById('number').textContent`, &number)
	if number < 1 || number > 5 {
		t.Errorf("her number is %d, of 5 people", number)
	}
	w.WaitFor(`[data-part="turn"] button`)
	healthy(t, w, "08-turn")
	if title := w.Title(); !strings.Contains(title, "차례가 되었습니다") {
		t.Errorf("the title of her turn is %q", title)
	}
	w.Click(`[data-part="turn"] button`)
	w.WaitForText("접종기관 고르기")
	healthy(t, w, "09-sites")
	w.Set("#region", "서울특별시")
	w.ClickText("찾기")
	w.WaitUntil("the sites of the region", `location.search.includes('region=') && document.querySelectorAll('.sites > li').length === 2`, 30*time.Second)
	w.ClickText("햇살병원")
	w.WaitForText("02-000-0002")
	healthy(t, w, "10-times")
	w.Click("form .radio:not(.off)")
	w.Shot("11-time-chosen")
	w.ClickText("이 시간으로 하기")
	w.WaitForText("확인해 주세요")
	if !w.Says("맡아 두었습니다") || !w.Says("2차 접종") {
		t.Error("the last page before booking does not say that the time is kept, and what becomes of the second dose")
	}
	healthy(t, w, "12-confirm")
	w.ClickText("예약 확정하기")
	w.WaitForText("예약이 확정되었습니다")
	healthy(t, w, "13-receipt")

	booking := w.Text(".ticket .number")
	doses := whens(w)
	if len(doses) != 2 || doses[0] == doses[1] {
		t.Fatalf("the receipt shows the doses %q", doses)
	}
	if !w.Says(sunja.name) {
		t.Error("the receipt does not say whose it is")
	}
	receipt := w.URL()
	file, ics := w.Download(func() { w.ClickText("달력에 넣기") })
	if file != "charye.ics" {
		t.Errorf("the calendar file is called %q", file)
	}
	checkCalendar(t, ics, 2)

	w.Open(s.URL)
	w.ClickText("내 예약")
	w.WaitForText(booking)
	healthy(t, w, "14-my-bookings")
	w.ClickText("자세히 보기")
	w.WaitFor(".ticket .number")
	if w.URL() != strings.Split(receipt, "?")[0] {
		t.Errorf("the booking is at %s, the receipt was %s", w.URL(), receipt)
	}

	w.ClickText("날짜나 장소 바꾸기")
	w.WaitForText("어느 접종을 바꿀까요?")
	healthy(t, w, "15-change-which")
	w.ClickText("1차 접종")
	w.WaitFor(".days")
	healthy(t, w, "16-change")
	w.Click(".days a:not([aria-current])")
	w.WaitUntil("another day", `location.hash === '#times' && !!document.querySelector('.radio:not(.off)')`, 30*time.Second)
	w.Click(".radio:not(.off)")
	w.ClickText("이 시간으로 바꾸기")
	w.WaitForText("예약을 바꾸었습니다")
	healthy(t, w, "17-changed")
	if changed := whens(w); len(changed) != 2 || changed[0] == doses[0] {
		t.Errorf("after the change the doses are %q, were %q", changed, doses)
	}
	if again := w.Text(".ticket .number"); again != booking {
		t.Errorf("the change made the booking number %s out of %s", again, booking)
	}

	w.ClickText("예약 취소하기")
	w.WaitForText("예약을 취소할까요?")
	healthy(t, w, "18-cancel")
	w.Click(`form[action$="/cancel"] button`)
	w.WaitForText("예약을 취소했습니다")
	healthy(t, w, "19-cancelled")
	s.remains(1000)
	noComplaints(t, w)
}

// withoutScript is the same walk where JavaScript is switched off, in English.
func withoutScript(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, rules{Opens: "25s", Order: "draw", Inside: 50, PerSecond: "50", Stock: 1000})
	w := b.Visitor(journeys.WithoutScript, journeys.Speaking("en"))
	w.Open(s.URL)
	w.Click(`a.button[href="/c/main"]`)
	w.ClickText("Sign in and see")
	w.ClickText("Trial sign-in")
	fillIn(w, english)
	w.WaitForText("You can book")
	w.Click(`form[action$="/join"] button`)
	w.WaitForText("You have your place")
	healthy(t, w, "gathering")
	// The page refreshes itself.
	w.WaitUntil("her turn", `!document.querySelector('[data-part="turn"]').hidden`, 60*time.Second)
	healthy(t, w, "turn")
	w.ClickText("Go in and book")
	w.WaitForText("Choose a clinic")
	healthy(t, w, "sites")
	w.Click(".sites a")
	w.WaitFor(".sticky button")
	// Nothing chosen: the page says so, by the browser or by the server.
	if status, at := w.Ask("/c/main/hold", map[string]string{"site": "s1"}); status != 200 || !strings.Contains(at, "missing=1") {
		t.Errorf("without a time: %d at %s", status, at)
	}
	w.Click("form .radio:not(.off)")
	w.ClickText("Take this time")
	w.WaitForText("Please check")
	healthy(t, w, "confirm")
	w.ClickText("Confirm the booking")
	w.WaitForText("Your booking is confirmed")
	healthy(t, w, "receipt")
	booking := w.Text(".ticket .number")
	if n := len(whens(w)); n != 2 {
		t.Errorf("the receipt shows %d doses", n)
	}
	_, ics := w.Download(func() { w.ClickText("Add to my calendar") })
	checkCalendar(t, ics, 2)

	w.ClickText("Change day or place")
	w.ClickText("Dose 1")
	w.ClickText("Choose another clinic")
	w.WaitForText("Choose the new clinic")
	w.Click(".sites li:last-child a")
	w.WaitFor(".radio:not(.off)")
	w.Click(".radio:not(.off)")
	w.ClickText("Change to this time")
	w.WaitForText("Your booking has been changed")
	if again := w.Text(".ticket .number"); again != booking {
		t.Errorf("the change made the booking number %s out of %s", again, booking)
	}
	w.ClickText("Cancel the booking")
	w.WaitForText("Cancel this booking?")
	w.Click(`form[action$="/cancel"] button`)
	w.WaitForText("Your booking has been cancelled")
	w.ClickText("Sign out")
	w.WaitForText("Sign in")
	noComplaints(t, w)
}

// whens are the times of the doses on a receipt.
func whens(w *journeys.Window) (all []string) {
	w.Eval(`[...document.querySelectorAll('.doses .when')].map(e => e.textContent)`, &all)
	return all
}

// keyboard joins and books with Tab, Enter, Space and the arrows alone.
func keyboard(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, open)
	w := b.Visitor()
	w.Open(s.URL)
	w.Press(kb.Tab)
	if !has(w, `document.activeElement.matches('.skip') && document.activeElement.getBoundingClientRect().left >= 0`) {
		t.Error("the first stop is not a visible link past the menu")
	}
	w.Press(kb.Enter)
	w.WaitUntil("the main part", `location.hash === '#main'`, 10*time.Second)
	tabTo(t, w, `a.button[href="/c/main"]`)
	w.Press(kb.Enter)
	w.WaitForText("먼저 대상자인지 확인하세요")
	tabTo(t, w, `main a[href^="/sign-in"]`)
	w.Press(kb.Enter)
	w.WaitFor(".choices a")
	tabTo(t, w, ".choices a")
	w.Press(kb.Enter)
	w.WaitFor("#birthdate")
	tabTo(t, w, "#name")
	w.Press(dongsu.name)
	tabTo(t, w, "#birthdate")
	w.Press(dongsu.born)
	w.Press(kb.Enter)
	w.WaitFor(`form[action$="/join"] button`)
	tabTo(t, w, `form[action$="/join"] button`)
	w.Press(kb.Enter)
	w.WaitUntil("her turn", `!!document.querySelector('[data-part="turn"]') && !document.querySelector('[data-part="turn"]').hidden`, 60*time.Second)
	tabTo(t, w, `[data-part="turn"] button`)
	w.Press(kb.Enter)
	w.WaitFor(".sites")
	tabTo(t, w, ".sites a")
	w.Press(kb.Enter)
	w.WaitFor(".days")
	tabTo(t, w, ".days li:nth-child(2) a")
	w.Press(kb.Enter)
	w.WaitUntil("the second day", `!!document.querySelector('.days li:nth-child(2) [aria-current]')`, 30*time.Second)
	tabTo(t, w, "input[name=slot]")
	w.Press(" ")
	w.Press(kb.ArrowDown)
	if !has(w, `document.querySelectorAll('input[name=slot]')[1].checked`) {
		t.Error("the arrow does not go to the second time")
	}
	tabTo(t, w, ".sticky button")
	if !has(w, `(() => {
		const r = document.activeElement.getBoundingClientRect();
		return r.top >= 0 && r.bottom <= innerHeight;
	})()`) {
		t.Error("the button that has the focus is out of sight")
	}
	w.Press(kb.Enter)
	w.WaitFor(`form[action$="/confirm"] button`)
	tabTo(t, w, `form[action$="/confirm"] button`)
	w.Press(kb.Enter)
	w.WaitForText("예약이 확정되었습니다")
	noComplaints(t, w)
}

// tabTo presses Tab until an element that fits has the focus. Each stop must show that it has it.
func tabTo(t *testing.T, w *journeys.Window, selector string) {
	t.Helper()
	for range 80 {
		w.Press(kb.Tab)
		var at struct {
			There, Seen bool
			What        string
		}
		w.Eval(`(() => {
			const e = document.activeElement, s = getComputedStyle(e);
			const card = e.closest('label') ? getComputedStyle(e.closest('label')) : s;
			return {
				There: e.matches(`+"`"+selector+"`"+`), What: e.outerHTML.slice(0, 120),
				// The parts of a date field have the focus in turn; the browser shows that itself. What Tab cannot reach was given the focus by
				// the page, on its way in: the next Tab goes on from there.
				Seen: e === document.body || e.tabIndex < 0 || e.type === 'date' || s.outlineStyle !== 'none' || card.outlineStyle !== 'none',
			};
		})()`, &at)
		if !at.Seen {
			t.Errorf("nothing shows that this has the focus: %s", at.What)
		}
		if at.There {
			return
		}
	}
	t.Fatalf("Tab does not come to %s on %s", selector, w.URL())
}

func has(w *journeys.Window, expression string) (yes bool) {
	w.Eval("!!("+expression+")", &yes)
	return yes
}

// narrowScreen looks at every page of the walk on the narrowest telephone there is.
func narrowScreen(t *testing.T, b *journeys.Browser) {
	s := newWorld(t, open)
	w := b.Visitor(journeys.OnPhone)
	w.Size(320, 568, 2)
	at := func(path, name string) {
		t.Helper()
		w.Open(s.URL + path)
		healthy(t, w, name)
	}
	at("/", "home")
	at("/about/fair-turn", "fair")
	at("/sign-in", "sign-in")
	at("/c/later", "campaign")
	s.join(w, "later", sunja)
	healthy(t, w, "gathering")
	at("/c/later", "place")
	at("/c/main/for", "for-whom")
	w.ClickText("등록하고 계속하기")
	w.WaitFor(".errors")
	healthy(t, w, "for-whom-mistakes")
	at("/c/main", "eligible")
	w.Click(`form[action$="/join"] button`)
	goIn(w)
	healthy(t, w, "sites")
	at("/c/main/sites?region=대구광역시", "no-sites")
	at("/c/main/sites/s1", "times")
	w.Click("form .radio:not(.off)")
	w.Click(".sticky button")
	w.WaitFor(`form[action$="/confirm"] button`)
	healthy(t, w, "confirm")
	w.Click(`form[action$="/confirm"] button`)
	w.WaitFor(".ticket .number")
	healthy(t, w, "receipt")
	receipt := strings.TrimPrefix(strings.Split(w.URL(), "?")[0], s.URL)
	at("/bookings", "bookings")
	at("/me", "held")
	at("/c/main", "booked")
	at(receipt+"/change", "change-which")
	at(receipt+"/change?dose=2", "change-second")
	at(receipt+"/change/sites?dose=1", "change-sites")
	at(receipt+"/cancel", "cancel")
	noComplaints(t, w)
	at("/c/main/confirm?slot=x", "refused")
	at("/nowhere", "missing")
	w.Open(s.URL + "/lang?to=en&return=/")
	healthy(t, w, "english")
}
