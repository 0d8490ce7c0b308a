package web

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"charye/line"
	"charye/programme"
	"charye/walk"
	"charye/web/page"
	"charye/web/page/pagetest"
)

// TestTheWholeWalk goes through every step as a browser without JavaScript does.
func TestTheWholeWalk(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	gathering(svc)
	b := open(t, svc, pagetest.NewDoorman(svc.now), Options{Calendar: func(b walk.Booking, lang string) []byte { return []byte("BEGIN:VCALENDAR " + b.Number + " " + lang) }})
	const c = "/c/age-55-59"

	pagetest.WantPage(t, b.Get("/"), 200, `href="/c/age-55-59"`, "23분 0초", "시험 운영")
	pagetest.WantPage(t, b.Get(c), 200, "/sign-in?return=%2fc%2fage-55-59")
	pagetest.WantRedirect(t, b.Post(c+"/join"), "/sign-in?return=%2Fc%2Fage-55-59&why=needed")
	pagetest.WantPage(t, b.Get("/sign-in?return=%2Fc%2Fage-55-59"), 200, "/sign-in/demo?return=%2Fc%2Fage-55-59")
	if w := b.Get("/sign-in/demo?return=%2Fc%2Fage-55-59"); w.Header().Get("Location") != "https://id.example/authorize?p=demo" {
		t.Fatalf("to the provider: %q", w.Header().Get("Location"))
	}
	pagetest.WantRedirect(t, b.Get("/sign-in/callback?code=good&state=x"), c)

	pagetest.WantPage(t, b.Get(c), 200, "예약할 수 있습니다", `action="/c/age-55-59/join"`)
	pagetest.WantRedirect(t, b.Get(c+"/wait"), c) // no place yet
	pagetest.WantRedirect(t, b.Post(c+"/join"), c+"/wait")
	svc.placed(line.Gathering, 0, 0, -time.Second, -time.Second)
	pagetest.WantPage(t, b.Get(c+"/wait"), 200, "23분 0초", "1,234,567명", `<noscript><meta http-equiv="refresh" content="20">`)
	svc.now, svc.state = pagetest.Opening.Add(time.Second), "open"
	pagetest.WantPage(t, b.Get(c+"/wait"), 200, `data-state="drawing"`)
	svc.placed(line.Waiting, 5021, 4000, time.Minute, 3*time.Minute)
	pagetest.WantPage(t, b.Get(c+"/wait"), 200, "5,021", "앞에 4,000명이 있습니다", "1분에서 3분 사이", `max="5021" value="1020"`)
	svc.Fail["Enter"] = &walk.Error{Code: walk.NotYourTurn}
	pagetest.WantRedirect(t, b.Post(c+"/enter"), c+"/wait")
	delete(svc.Fail, "Enter")
	svc.placed(line.Admitted, 5021, 0, 0, 0)
	w := b.Get(c + "/wait")
	pagetest.WantPage(t, w, 200, `data-state="turn"`, "차례가 되었습니다", `action="/c/age-55-59/enter"`)
	if strings.Contains(w.Body.String(), "http-equiv") {
		t.Error("the turn must not refresh under the person's hands")
	}

	pagetest.WantPage(t, b.Get(c+"/sites"), 200, "지금은 둘러보기만") // no pass
	pagetest.WantRedirect(t, b.Post(c+"/enter"), c+"/sites")
	if !svc.Called("Enter age-55-59 for= ticket=ticket-") || !svc.Called("Enter") {
		t.Errorf("calls: %v", svc.Taken)
	}
	pagetest.WantPage(t, b.Get(c+"/sites?region="+url.QueryEscape("서울특별시")), 200, "까지 고르세요", "한강이비인후과의원", "가장 빠른 날", "cursor=cursor-2")
	if !svc.Called("Sites region=서울특별시 near=false") {
		t.Error("the region was not asked for")
	}
	pagetest.WantPage(t, b.Get(c+"/sites?lat=37.55&lon=126.99"), 200, "640 m", "2.4 km", "가까운 순서")
	if !svc.Called("Sites region= near=true 37.55,126.99") {
		t.Error("nearness was not asked for")
	}
	pagetest.WantPage(t, b.Get(c+"/sites/s1?date=2021-07-28"), 200, `aria-current="date"`, `value="s1.2021-07-28.570"`, "이 시간으로 하기")
	pagetest.WantRedirect(t, b.Post(c+"/hold", "site", "s1", "date", "2021-07-28"), c+"/sites/s1?date=2021-07-28&missing=1")
	pagetest.WantPage(t, b.Get(c+"/sites/s1?date=2021-07-28&missing=1"), 200, `class="errors"`, "시간을 하나 골라 주세요", "<title>확인 필요:")

	w = b.Post(c+"/hold", "site", "s1", "date", "2021-07-28", "slot", "s1.2021-07-28.570")
	if w.Code != 303 || !strings.HasPrefix(w.Header().Get("Location"), c+"/confirm?hold=hold-1&slot=s1.2021-07-28.570&until=") {
		t.Fatalf("hold: %d %q", w.Code, w.Header().Get("Location"))
	}
	w = b.Get(w.Header().Get("Location"))
	pagetest.WantPage(t, w, 200, "2021년 7월 28일(수) 오전\u00a09:30", "28일 뒤", "21일에서 42일", "오후\u00a08:04까지")
	key := regexp.MustCompile(`name="key" value="([^"]{22})"`).FindStringSubmatch(w.Body.String())
	if key == nil {
		t.Fatal("no idempotency key in the form")
	}
	svc.bookings = []walk.Booking{svc.aBooking()}
	pagetest.WantRedirect(t, b.Post(c+"/confirm", "slot", "s1.2021-07-28.570", "hold", "hold-1", "key", key[1]), "/bookings/bk_7f3a9c?done=booked")
	if !svc.Called("Book pass=pass-token slot= hold=hold-1 key=" + key[1]) {
		t.Errorf("calls: %v", svc.Taken)
	}
	if b.Cookies[page.PassName("age-55-59", "")] != "" {
		t.Error("the pass is still there after booking")
	}
	pagetest.WantRedirect(t, b.Post(c+"/confirm", "slot", "s1.2021-07-28.570", "hold", "hold-1", "key", key[1]), "/bookings/bk_7f3a9c?done=booked") // a second click
	pagetest.WantPage(t, b.Get("/bookings/bk_7f3a9c?done=booked"), 200, "예약이 확정되었습니다", "4821-0937", "2021년 8월 23일(월)", "02-000-1234", "tel:020001234", "/bookings/bk_7f3a9c/calendar.ics")
	w = b.Get("/bookings/bk_7f3a9c/calendar.ics")
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/calendar; charset=utf-8" || w.Body.String() != "BEGIN:VCALENDAR 4821-0937 ko" {
		t.Errorf("calendar: %d %q %q", w.Code, w.Header(), w.Body)
	}
	pagetest.WantPage(t, b.Get("/bookings"), 200, "4821-0937", "1차 접종")

	pagetest.WantPage(t, b.Get("/bookings/bk_7f3a9c/change"), 200, "어느 접종을 바꿀까요?")
	w = b.Get("/bookings/bk_7f3a9c/change?dose=2")
	pagetest.WantPage(t, w, 200, "8월 16일(월)", "9월 6일(월)", "지금 2차 접종")
	if strings.Contains(w.Body.String(), "8월 15일") || strings.Contains(w.Body.String(), "9월 7일") {
		t.Error("offers days outside the interval")
	}
	pagetest.WantPage(t, b.Get("/bookings/bk_7f3a9c/change/sites?dose=2"), 200, "/bookings/bk_7f3a9c/change?dose=2&amp;site=s2")
	pagetest.WantRedirect(t, b.Post("/bookings/bk_7f3a9c/change", "dose", "2", "slot", "s1.2021-08-24.600", "site", "s1"), "/bookings/bk_7f3a9c?done=changed")
	pagetest.WantPage(t, b.Get("/bookings/bk_7f3a9c/cancel"), 200, "예약을 취소할까요?")
	if svc.Called("Cancel") {
		t.Error("looking at the question cancelled")
	}
	pagetest.WantRedirect(t, b.Post("/bookings/bk_7f3a9c/cancel"), "/bookings/bk_7f3a9c?done=cancelled")
	if !svc.Called("Cancel bk_7f3a9c") || !svc.Called("Change bk_7f3a9c 2 s1.2021-08-24.600") {
		t.Errorf("calls: %v", svc.Taken)
	}
	pagetest.WantRedirect(t, b.Post("/sign-out"), "/")
	pagetest.WantRedirect(t, b.Get("/bookings"), "/sign-in?return=%2Fbookings&why=needed")
}

func TestEligibilityIsToldBeforeWaiting(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	gathering(svc)
	door := pagetest.NewDoorman(svc.now)
	door.Session.Born = 0 // 1970-01-01
	svc.Fail["Eligible"] = &walk.Error{Code: walk.NotEligible}
	b := open(t, svc, door, Options{})
	b.Cookies[page.CookieSession] = "token"
	w := b.Get("/c/age-55-59")
	pagetest.WantPage(t, w, 200, "1962년 1월 1일부터 1966년 12월 31일까지", "1970년 1월 1일입니다", "기다리실 필요가 없습니다")
	if strings.Contains(w.Body.String(), "/join") {
		t.Error("offers a place to somebody who cannot book")
	}
	svc.programme.Campaigns[0].Born, svc.programme.Campaigns[0].Roster = nil, "teachers"
	pagetest.WantPage(t, b.Get("/c/age-55-59"), 200, "명단에서 찾지 못했습니다", "명단은 바로잡을 수 있고", "보건소")
	svc.Fail["Eligible"] = &walk.Error{Code: walk.NotEligible, Err: &programme.NotEligible{Reason: programme.ReasonExcept, Roster: "elsewhere"}}
	pagetest.WantPage(t, b.Get("/c/age-55-59"), 200, "다른 곳에서 접종받는 분의 명단에 있어", "명단은 바로잡을 수 있고", "보건소")
	later := time.Date(2021, 8, 11, 20, 0, 0, 0, time.FixedZone("KST", 9*3600))
	svc.Fail["Eligible"] = &walk.Error{Code: walk.NotOpen, Err: &walk.ComesLater{From: later}}
	w = b.Get("/c/age-55-59")
	pagetest.WantPage(t, w, 200, "예약하실 날이 따로 있습니다", "8월 11일", "기다리실 필요가 없고")
	if strings.Contains(w.Body.String(), "/join") {
		t.Error("offers a place to somebody whose day is another")
	}
	svc.Fail["Eligible"] = &walk.Error{Code: walk.AlreadyBooked}
	pagetest.WantPage(t, b.Get("/c/age-55-59"), 200, "이미 예약하셨습니다", `href="/bookings"`)
	svc.Fail["Eligible"] = &walk.Error{Code: walk.Overloaded, RetryAfter: time.Minute}
	pagetest.WantPage(t, b.Get("/c/age-55-59"), 503, "60초 뒤에")
}

func TestWaitingStates(t *testing.T) {
	t.Parallel()
	invited, kept := inScene(t, scenes["invited"])
	kept.bookings = nil
	pagetest.WantPage(t, invited.Get("/c/age-55-59/wait"), 200, `data-state="turn"`, "한 분 몫을", "다음 분께 넘어갑니다")
	aside, others := inScene(t, scenes["aside"])
	others.bookings = nil
	pagetest.WantPage(t, aside.Get("/c/age-55-59/wait"), 200, `data-state="standby"`, "전화나 방문으로 예약하는", "부터는 그때까지 남은 몫을")
	// A booking would end the turn.
	for name, want := range map[string]string{"placed": page.WaitGathering, "waiting": page.WaitWaiting, "turn": page.WaitTurn, "standby": page.WaitStandby, "paused": page.WaitPaused, "closed": page.WaitClosed} {
		b, svc := inScene(t, scenes[name])
		svc.bookings = nil
		w := b.Get("/c/age-55-59/wait")
		pagetest.WantPage(t, w, 200, `data-state="`+want+`"`)
		pagetest.CheckPage(t, name, "ko", w.Body.String())
		if !regexp.MustCompile(`<section data-part="`+want+`" class="[^"]*">`).MatchString(w.Body.String()) && want != page.WaitWaiting {
			t.Errorf("%s: its part is hidden", name)
		}
		for _, other := range []string{page.WaitGathering, page.WaitDrawing, page.WaitTurn, page.WaitStandby, page.WaitPaused, page.WaitClosed} {
			if other != want && regexp.MustCompile(`<section data-part="`+other+`" class="[^"]*">`).MatchString(w.Body.String()) {
				t.Errorf("%s: shows the part %s", name, other)
			}
		}
	}
}

func TestTakeoverIsDeliberateAndFreshlySignedIn(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	svc.placed(line.Admitted, 10, 0, 0, 0)
	svc.Fail["Enter"] = &walk.Error{Code: walk.OtherDevice}
	door := pagetest.NewDoorman(svc.now)
	b := open(t, svc, door, Options{})
	b.Cookies[page.CookieSession] = "token"
	const c = "/c/age-55-59"
	pagetest.WantPage(t, b.Post(c+"/enter"), 409, "다른 기기에서 예약하고 있습니다", `href="/c/age-55-59/takeover"`)
	w := b.Get(c + "/takeover")
	pagetest.WantPage(t, w, 200, "/sign-in?fresh=1&amp;return=%2Fc%2Fage-55-59%2Ftakeover")
	if strings.Contains(w.Body.String(), `name="takeover"`) {
		t.Error("offers the takeover without a fresh sign-in")
	}
	pagetest.WantPage(t, b.Get("/sign-in?fresh=1&return=%2Fc%2Fage-55-59%2Ftakeover"), 200, "/sign-in/demo?fresh=1&amp;return=%2Fc%2Fage-55-59%2Ftakeover")
	b.Get("/sign-in/demo?fresh=1&return=%2Fc%2Fage-55-59%2Ftakeover")
	if !door.Fresh {
		t.Error("the provider was not told to ask again")
	}
	door.Session.SignedInAt = svc.now
	pagetest.WantRedirect(t, b.Get("/sign-in/callback?code=good"), c+"/takeover")
	pagetest.WantPage(t, b.Get(c+"/takeover"), 200, `name="takeover" value="yes"`)
	delete(svc.Fail, "Enter")
	pagetest.WantRedirect(t, b.Post(c+"/enter", "takeover", "yes"), c+"/sites")
	if !strings.Contains(strings.Join(svc.Taken, "\n"), "takeover=true") {
		t.Errorf("calls: %v", svc.Taken)
	}
	svc.Fail["Enter"] = &walk.Error{Code: walk.NotSignedIn}
	pagetest.WantRedirect(t, b.Post(c+"/enter", "takeover", "yes"), "/sign-in?fresh=1&return=%2Fc%2Fage-55-59%2Ftakeover")
}

func TestWhoHasBookedIsNotAskedInAgain(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	svc.placed(line.Admitted, 10, 0, 0, 0)
	svc.bookings = []walk.Booking{svc.aBooking()}
	b := signedIn(t, svc)
	pagetest.WantRedirect(t, b.Get("/c/age-55-59/wait"), "/c/age-55-59")
	pagetest.WantPage(t, b.Get("/c/age-55-59"), 200, "이미 예약하셨습니다", `href="/bookings"`)
	svc.bookings[0].Cancelled = true
	pagetest.WantPage(t, b.Get("/c/age-55-59/wait"), 200, `data-state="turn"`)
}

func TestSlotFullOffersWhatIsNearAndKeepsThePlace(t *testing.T) {
	t.Parallel()
	b, svc := inScene(t, scenes["full"])
	w := b.Post("/c/age-55-59/hold", "slot", "s1.2021-07-26.570", "for", "r1")
	pagetest.WantPage(t, w, 409, "자리는 그대로입니다", "오후\u00a08:20까지", "오전\u00a010:00", "한강이비인후과의원", `name="for" value="r1"`, `action="/c/age-55-59/hold"`)
	svc.Fail["Book"] = svc.Fail["Hold"]
	pagetest.WantPage(t, b.Post("/c/age-55-59/confirm", "slot", "s1.2021-07-26.570", "key", "k"), 409, "비슷한 시간")
	svc.Fail["Change"] = svc.Fail["Hold"]
	pagetest.WantPage(t, b.Post("/bookings/bk_7f3a9c/change", "dose", "1", "slot", "s1.2021-07-26.570"), 409,
		"지금 예약은 그대로 있습니다", `action="/bookings/bk_7f3a9c/change"`, `name="dose" value="1"`)
}

func TestBusyWhileBookingRepeatsTheSameRequest(t *testing.T) {
	t.Parallel()
	b, svc := inScene(t, scenes["turn"])
	svc.Fail["Book"] = &walk.Error{Code: walk.Overloaded, RetryAfter: 3 * time.Second}
	w := b.Post("/c/age-55-59/confirm", "slot", "s1.2021-07-26.570", "hold", "h1", "key", "the-key", "for", "r1")
	pagetest.WantPage(t, w, 503, `action="/c/age-55-59/confirm"`, `name="key" value="the-key"`, `name="hold" value="h1"`, `name="for" value="r1"`, "5초 뒤에")
	if strings.Contains(w.Body.String(), "http-equiv") {
		t.Error("a form's answer must not refresh itself")
	}
	if b.Cookies[page.PassName("age-55-59", "r1")] == "" {
		t.Error("the pass is gone")
	}
}

func TestPassesAreKeptApart(t *testing.T) {
	t.Parallel()
	b, svc := inScene(t, scenes["turn"])
	b.Cookies = map[string]string{page.CookieSession: "token"}
	pagetest.WantPage(t, b.Post("/c/age-55-59/hold", "slot", "s1.2021-07-26.570"), 403, "지금은 이 기기에서 고를 수 없습니다", `href="/c/age-55-59/wait"`)
	pagetest.WantRedirect(t, b.Post("/c/age-55-59/enter", "for", "r1"), "/c/age-55-59/sites?for=r1")
	pagetest.WantPage(t, b.Post("/c/age-55-59/hold", "slot", "s1.2021-07-26.570"), 403)
	if svc.Called("Hold") {
		t.Error("the recipient's pass opened the door for the helper")
	}
	if w := b.Post("/c/age-55-59/hold", "slot", "s1.2021-07-26.570", "for", "r1"); w.Code != 303 {
		t.Errorf("with the recipient's pass: %d", w.Code)
	}
	svc.Fail["Hold"] = &walk.Error{Code: walk.PassExpired}
	pagetest.WantPage(t, b.Post("/c/age-55-59/hold", "slot", "s1.2021-07-26.570", "for", "r1"), 403, "고르는 시간이 끝났습니다", `href="/c/age-55-59/wait?for=r1"`)
	pagetest.WantPage(t, b.Get("/c/age-55-59/wait?for=somebody-elses"), 404)
}

func TestSigningIn(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	door := pagetest.NewDoorman(svc.now)
	b := open(t, svc, door, Options{})
	for _, evil := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "/a\r\nb", "javascript:alert(1)", ""} {
		b.Get("/sign-in/demo?return=" + url.QueryEscape(evil))
		pagetest.WantRedirect(t, b.Get("/sign-in/callback?code=good"), "/")
		pagetest.WantRedirect(t, b.Get("/lang?to=en&return="+url.QueryEscape(evil)), "/")
	}
	delete(b.Cookies, page.CookieLanguage)
	delete(b.Cookies, page.CookieSession)
	pagetest.WantRedirect(t, b.Get("/sign-in/callback?code=good"), "/sign-in?why=failed") // nothing was begun here
	b.Get("/sign-in/demo?return=/bookings")
	pagetest.WantRedirect(t, b.Get("/sign-in/callback?error=access_denied"), "/sign-in?return=%2Fbookings&why=failed")
	if b.Cookies[page.CookieSession] != "" || b.Cookies[page.CookieLogin] != "" {
		t.Errorf("cookies after a failed sign-in: %v", b.Cookies)
	}
	pagetest.WantPage(t, b.Get("/sign-in?why=failed&return=/bookings"), 200, "로그인하지 못했습니다", "/sign-in/demo?return=%2Fbookings")
	pagetest.WantPage(t, b.Get("/sign-in/unknown"), 404)
	door.Fail = true
	pagetest.WantRedirect(t, b.Get("/sign-in/demo?return=/bookings"), "/sign-in?return=%2Fbookings&why=failed")

	door.Fail = false
	b.Cookies[page.CookieSession] = "forged"
	pagetest.WantRedirect(t, b.Get("/bookings"), "/sign-in?return=%2Fbookings&why=needed")
	b.Cookies[page.CookieSession] = "token"
	inside(b, "")
	b.Get("/sign-in/demo")
	pagetest.WantRedirect(t, b.Get("/sign-in/callback?code=good"), "/")
	if b.Cookies[page.PassName("age-55-59", "")] == "" {
		t.Error("the same person lost their pass by signing in again")
	}
	b.Get("/sign-in/demo")
	pagetest.WantRedirect(t, b.Get("/sign-in/callback?code=other"), "/")
	if b.Cookies[page.PassName("age-55-59", "")] != "" || b.Cookies[page.CookieSession] != "other" {
		t.Error("another person at the same browser kept the pass of the one before")
	}
}

func TestHelpersForm(t *testing.T) {
	t.Parallel()
	b, svc := inScene(t, scenes["gathering"])
	const path = "/c/age-55-59/for"
	pagetest.WantPage(t, b.Get(path), 200, "박말순님", "/c/age-55-59?for=r1")
	w := b.Post(path, "name", "이순자", "year", "1950", "month", "2", "day", "30", "identity", "500230-2000000")
	pagetest.WantPage(t, w, 422, `href="#born"`, `href="#consent"`, `value="이순자"`, `aria-invalid="true"`, "autofocus")
	if strings.Contains(w.Body.String(), "500230") {
		t.Error("the identity number came back")
	}
	if svc.Called("AddRecipient") {
		t.Error("registered in spite of mistakes")
	}
	good := []string{"name", "이순자", "year", "1950", "month", "02", "day", "3", "identity", "500203-2000000", "consent", "yes"}
	pagetest.WantRedirect(t, b.Post(path, good...), "/c/age-55-59?for=r-new")
	if !svc.Called("AddRecipient age-55-59 이순자 1950-02-03 5002032000000 consent=true") {
		t.Errorf("calls: %v", svc.Taken)
	}
	for _, c := range []struct {
		err  error
		says string
	}{
		{&walk.Error{Code: walk.BadRequest, Field: "identity"}, "적은 내용과 맞는 대상자를 찾지 못했습니다"},
		{&walk.Error{Code: walk.NotFound}, "적은 내용과 맞는 대상자를 찾지 못했습니다"},
		{&walk.Error{Code: walk.BadRequest, Field: "born"}, "생년월일을 숫자로"},
		{&walk.Error{Code: walk.HelperNotAllowed}, "적은 내용과 맞는 대상자를 찾지 못했습니다"},
	} {
		svc.Fail["AddRecipient"] = c.err
		pagetest.WantPage(t, b.Post(path, good...), 422, c.says)
	}
	svc.programme.Campaigns[0].Helpers.PerHelper = 1
	svc.Fail["AddRecipient"] = &walk.Error{Code: walk.HelperNotAllowed}
	pagetest.WantPage(t, b.Post(path, good...), 422, "더는 다른 사람을 등록할 수 없습니다")
	svc.Fail["AddRecipient"] = &walk.Error{Code: walk.Overloaded}
	pagetest.WantPage(t, b.Post(path, good...), 503)
	pagetest.WantRedirect(t, b.Post(path+"/remove", "id", "r1"), path)
	if !svc.Called("RemoveRecipient r1") {
		t.Error("not removed")
	}
}

// TestGuardiansForm: where a campaign has guardians act, a helper says as what they do, and is told when that does not go.
func TestGuardiansForm(t *testing.T) {
	t.Parallel()
	b, svc := inScene(t, scenes["gathering"])
	const path = "/c/age-55-59/for"
	if w := b.Get(path); strings.Contains(w.Body.String(), `name="as"`) {
		t.Error("a campaign without guardians asks for them")
	}
	svc.programme.Campaigns[0].Helpers.Guardians = &programme.Guardians{Under: 19}
	pagetest.WantPage(t, b.Get(path), 200, "19세가 안 된 아이를 위해", `value="family" checked`, "제가 대신 동의합니다")
	svc.programme.Campaigns[0].Helpers.Guardians.Wards = true
	pagetest.WantPage(t, b.Get(path), 200, "후견인")
	child := []string{"name", "김하늘", "year", "2012", "month", "02", "day", "3", "identity", "120203-3000000", "consent", "yes", "as", "guardian"}
	pagetest.WantRedirect(t, b.Post(path, child...), "/c/age-55-59?for=r-new")
	if !svc.Called("AddRecipient age-55-59 김하늘 2012-02-03 1202033000000 consent=true as guardian") {
		t.Errorf("calls: %v", svc.Taken)
	}
	svc.Fail["AddRecipient"] = &walk.Error{Code: walk.HelperNotAllowed, Field: "guardian"}
	pagetest.WantPage(t, b.Post(path, child...), 422, "본인이 동의해야 합니다", `value="guardian" checked`, `href="#guardian"`)
	child[len(child)-1] = "family"
	pagetest.WantPage(t, b.Post(path, child...), 422, "부모나 보호자만 대신 예약할 수 있습니다")
}

func TestFaultsShowNothingInside(t *testing.T) {
	t.Parallel()
	b, svc := inScene(t, scenes["waiting"])
	svc.Fail["Campaigns"] = errors.New("sql: secret of the house")
	w := b.Get("/")
	pagetest.WantPage(t, w, 500, "저희 쪽 문제이며")
	if strings.Contains(w.Body.String(), "secret") {
		t.Error("shows the cause")
	}
	svc.programme.Campaigns[0].Line.Order = "draw"
	svc.Fail = map[string]error{"PlaceOf": errors.New("x")}
	pagetest.WantPage(t, b.Get("/about/fair-turn"), 500)
	svc.bookings[0].Doses, svc.Fail = nil, nil
	svc.Fail = map[string]error{}
	if w := b.Get("/bookings/bk_7f3a9c/change?dose=3"); w.Code >= 500 {
		t.Errorf("a dose that is not there: %d", w.Code)
	}
	big := url.Values{"name": {strings.Repeat("x", 64<<10+1)}}
	if w := b.Do(http.MethodPost, "/c/age-55-59/for", big); w.Code != 400 {
		t.Errorf("a huge form: %d", w.Code)
	}
	panicky := open(t, panics{svc}, pagetest.NewDoorman(svc.now), Options{})
	pagetest.WantPage(t, panicky.Get("/"), 500, "저희 쪽 문제이며")
	for _, path := range []string{"/c/age-55-59/join", "/c/age-55-59/enter", "/c/age-55-59/hold"} {
		pagetest.WantRedirect(t, b.Get(path), "/c/age-55-59/wait")
	}
}

// TestDosesRunShort: who waits behind as many people as there are doses is told in time, and that the place stays.
func TestDosesRunShort(t *testing.T) {
	t.Parallel()
	b, svc := inScene(t, scenes["waiting"])
	const short = "차례가 되기 전에 백신이 모두 예약될 수 있습니다"
	svc.placed(line.Waiting, 5021, 4000, time.Minute, 3*time.Minute)
	for _, c := range []struct {
		left int
		gone bool
	}{{4001, false}, {4000, true}, {0, true}} {
		svc.doc.Remaining = c.left
		body := b.Get("/c/age-55-59/wait").Body.String()
		at := strings.Index(body, short)
		if at < 0 || strings.Contains(body[at-40:at], "hidden") == c.gone {
			t.Errorf("%d doses left: %q", c.left, body[max(at-60, 0):max(at, 0)])
		}
	}
}
