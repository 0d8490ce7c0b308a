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
)

// TestTheWholeWalk goes through every step as a browser without JavaScript does.
func TestTheWholeWalk(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	gathering(svc)
	b := open(t, svc, newDoorman(svc.now), Options{Calendar: func(b walk.Booking, lang string) []byte { return []byte("BEGIN:VCALENDAR " + b.Number + " " + lang) }})
	const c = "/c/age-55-59"

	wantPage(t, b.get("/"), 200, `href="/c/age-55-59"`, "23분 0초", "시험 운영")
	wantPage(t, b.get(c), 200, "/sign-in?return=%2fc%2fage-55-59")
	wantRedirect(t, b.post(c+"/join"), "/sign-in?return=%2Fc%2Fage-55-59&why=needed")
	wantPage(t, b.get("/sign-in?return=%2Fc%2Fage-55-59"), 200, "/sign-in/demo?return=%2Fc%2Fage-55-59")
	if w := b.get("/sign-in/demo?return=%2Fc%2Fage-55-59"); w.Header().Get("Location") != "https://id.example/authorize?p=demo" {
		t.Fatalf("to the provider: %q", w.Header().Get("Location"))
	}
	wantRedirect(t, b.get("/sign-in/callback?code=good&state=x"), c)

	wantPage(t, b.get(c), 200, "예약할 수 있습니다", `action="/c/age-55-59/join"`)
	wantRedirect(t, b.get(c+"/wait"), c) // no place yet
	wantRedirect(t, b.post(c+"/join"), c+"/wait")
	svc.placed(line.Gathering, 0, 0, -time.Second, -time.Second)
	wantPage(t, b.get(c+"/wait"), 200, "23분 0초", "1,234,567명", `<noscript><meta http-equiv="refresh" content="20">`)
	svc.now, svc.state = opening.Add(time.Second), "open"
	wantPage(t, b.get(c+"/wait"), 200, `data-state="drawing"`)
	svc.placed(line.Waiting, 5021, 4000, time.Minute, 3*time.Minute)
	wantPage(t, b.get(c+"/wait"), 200, "5,021", "앞에 4,000명이 있습니다", "1분에서 3분 사이", `max="5021" value="1020"`)
	svc.fail["Enter"] = &walk.Error{Code: walk.NotYourTurn}
	wantRedirect(t, b.post(c+"/enter"), c+"/wait")
	delete(svc.fail, "Enter")
	svc.placed(line.Admitted, 5021, 0, 0, 0)
	w := b.get(c + "/wait")
	wantPage(t, w, 200, `data-state="turn"`, "차례가 되었습니다", `action="/c/age-55-59/enter"`)
	if strings.Contains(w.Body.String(), "http-equiv") {
		t.Error("the turn must not refresh under the person's hands")
	}

	wantPage(t, b.get(c+"/sites"), 200, "지금은 둘러보기만") // no pass
	wantRedirect(t, b.post(c+"/enter"), c+"/sites")
	if !svc.called("Enter age-55-59 for= ticket=ticket-") || !svc.called("Enter") {
		t.Errorf("calls: %v", svc.calls)
	}
	wantPage(t, b.get(c+"/sites?region="+url.QueryEscape("서울특별시")), 200, "까지 고르세요", "한강이비인후과의원", "가장 빠른 날", "cursor=cursor-2")
	if !svc.called("Sites region=서울특별시 near=false") {
		t.Error("the region was not asked for")
	}
	wantPage(t, b.get(c+"/sites?lat=37.55&lon=126.99"), 200, "640 m", "2.4 km", "가까운 순서")
	if !svc.called("Sites region= near=true 37.55,126.99") {
		t.Error("nearness was not asked for")
	}
	wantPage(t, b.get(c+"/sites/s1?date=2021-07-28"), 200, `aria-current="date"`, `value="s1.2021-07-28.570"`, "이 시간으로 하기")
	wantRedirect(t, b.post(c+"/hold", "site", "s1", "date", "2021-07-28"), c+"/sites/s1?date=2021-07-28&missing=1")
	wantPage(t, b.get(c+"/sites/s1?date=2021-07-28&missing=1"), 200, `class="errors"`, "시간을 하나 골라 주세요", "<title>확인 필요:")

	w = b.post(c+"/hold", "site", "s1", "date", "2021-07-28", "slot", "s1.2021-07-28.570")
	if w.Code != 303 || !strings.HasPrefix(w.Header().Get("Location"), c+"/confirm?hold=hold-1&slot=s1.2021-07-28.570&until=") {
		t.Fatalf("hold: %d %q", w.Code, w.Header().Get("Location"))
	}
	w = b.get(w.Header().Get("Location"))
	wantPage(t, w, 200, "2021년 7월 28일(수) 오전\u00a09:30", "28일 뒤", "21일에서 42일", "오후\u00a08:04까지")
	key := regexp.MustCompile(`name="key" value="([^"]{22})"`).FindStringSubmatch(w.Body.String())
	if key == nil {
		t.Fatal("no idempotency key in the form")
	}
	svc.bookings = []walk.Booking{svc.aBooking()}
	wantRedirect(t, b.post(c+"/confirm", "slot", "s1.2021-07-28.570", "hold", "hold-1", "key", key[1]), "/bookings/bk_7f3a9c?done=booked")
	if !svc.called("Book pass=pass-token slot= hold=hold-1 key=" + key[1]) {
		t.Errorf("calls: %v", svc.calls)
	}
	if b.cookies[page.PassName("age-55-59", "")] != "" {
		t.Error("the pass is still there after booking")
	}
	wantRedirect(t, b.post(c+"/confirm", "slot", "s1.2021-07-28.570", "hold", "hold-1", "key", key[1]), "/bookings/bk_7f3a9c?done=booked") // a second click
	wantPage(t, b.get("/bookings/bk_7f3a9c?done=booked"), 200, "예약이 확정되었습니다", "4821-0937", "2021년 8월 23일(월)", "02-000-1234", "tel:020001234", "/bookings/bk_7f3a9c/calendar.ics")
	w = b.get("/bookings/bk_7f3a9c/calendar.ics")
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/calendar; charset=utf-8" || w.Body.String() != "BEGIN:VCALENDAR 4821-0937 ko" {
		t.Errorf("calendar: %d %q %q", w.Code, w.Header(), w.Body)
	}
	wantPage(t, b.get("/bookings"), 200, "4821-0937", "1차 접종")

	wantPage(t, b.get("/bookings/bk_7f3a9c/change"), 200, "어느 접종을 바꿀까요?")
	w = b.get("/bookings/bk_7f3a9c/change?dose=2")
	wantPage(t, w, 200, "8월 16일(월)", "9월 6일(월)", "지금 2차 접종")
	if strings.Contains(w.Body.String(), "8월 15일") || strings.Contains(w.Body.String(), "9월 7일") {
		t.Error("offers days outside the interval")
	}
	wantPage(t, b.get("/bookings/bk_7f3a9c/change/sites?dose=2"), 200, "/bookings/bk_7f3a9c/change?dose=2&amp;site=s2")
	wantRedirect(t, b.post("/bookings/bk_7f3a9c/change", "dose", "2", "slot", "s1.2021-08-24.600", "site", "s1"), "/bookings/bk_7f3a9c?done=changed")
	wantPage(t, b.get("/bookings/bk_7f3a9c/cancel"), 200, "예약을 취소할까요?")
	if svc.called("Cancel") {
		t.Error("looking at the question cancelled")
	}
	wantRedirect(t, b.post("/bookings/bk_7f3a9c/cancel"), "/bookings/bk_7f3a9c?done=cancelled")
	if !svc.called("Cancel bk_7f3a9c") || !svc.called("Change bk_7f3a9c 2 s1.2021-08-24.600") {
		t.Errorf("calls: %v", svc.calls)
	}
	wantRedirect(t, b.post("/sign-out"), "/")
	wantRedirect(t, b.get("/bookings"), "/sign-in?return=%2Fbookings&why=needed")
}

func TestEligibilityIsToldBeforeWaiting(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	gathering(svc)
	door := newDoorman(svc.now)
	door.session.Born = 0 // 1970-01-01
	svc.fail["Eligible"] = &walk.Error{Code: walk.NotEligible}
	b := open(t, svc, door, Options{})
	b.cookies[page.CookieSession] = "token"
	w := b.get("/c/age-55-59")
	wantPage(t, w, 200, "1962년 1월 1일부터 1966년 12월 31일까지", "1970년 1월 1일입니다", "기다리실 필요가 없습니다")
	if strings.Contains(w.Body.String(), "/join") {
		t.Error("offers a place to somebody who cannot book")
	}
	svc.programme.Campaigns[0].Born, svc.programme.Campaigns[0].Roster = nil, "teachers"
	wantPage(t, b.get("/c/age-55-59"), 200, "명단에서 찾지 못했습니다", "명단은 바로잡을 수 있고", "보건소")
	svc.fail["Eligible"] = &walk.Error{Code: walk.NotEligible, Err: &programme.NotEligible{Reason: programme.ReasonExcept, Roster: "elsewhere"}}
	wantPage(t, b.get("/c/age-55-59"), 200, "다른 곳에서 접종받는 분의 명단에 있어", "명단은 바로잡을 수 있고", "보건소")
	later := time.Date(2021, 8, 11, 20, 0, 0, 0, time.FixedZone("KST", 9*3600))
	svc.fail["Eligible"] = &walk.Error{Code: walk.NotOpen, Err: &walk.ComesLater{From: later}}
	w = b.get("/c/age-55-59")
	wantPage(t, w, 200, "예약하실 날이 따로 있습니다", "8월 11일", "기다리실 필요가 없고")
	if strings.Contains(w.Body.String(), "/join") {
		t.Error("offers a place to somebody whose day is another")
	}
	svc.fail["Eligible"] = &walk.Error{Code: walk.AlreadyBooked}
	wantPage(t, b.get("/c/age-55-59"), 200, "이미 예약하셨습니다", `href="/bookings"`)
	svc.fail["Eligible"] = &walk.Error{Code: walk.Overloaded, RetryAfter: time.Minute}
	wantPage(t, b.get("/c/age-55-59"), 503, "60초 뒤에")
}

func TestWaitingStates(t *testing.T) {
	t.Parallel()
	invited, kept := inScene(t, scenes["invited"])
	kept.bookings = nil
	wantPage(t, invited.get("/c/age-55-59/wait"), 200, `data-state="turn"`, "한 분 몫을", "다음 분께 넘어갑니다")
	aside, others := inScene(t, scenes["aside"])
	others.bookings = nil
	wantPage(t, aside.get("/c/age-55-59/wait"), 200, `data-state="standby"`, "전화나 방문으로 예약하는", "부터는 그때까지 남은 몫을")
	// A booking would end the turn.
	for name, want := range map[string]string{"placed": page.WaitGathering, "waiting": page.WaitWaiting, "turn": page.WaitTurn, "standby": page.WaitStandby, "paused": page.WaitPaused, "closed": page.WaitClosed} {
		b, svc := inScene(t, scenes[name])
		svc.bookings = nil
		w := b.get("/c/age-55-59/wait")
		wantPage(t, w, 200, `data-state="`+want+`"`)
		checkPage(t, name, "ko", w.Body.String())
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
	svc.fail["Enter"] = &walk.Error{Code: walk.OtherDevice}
	door := newDoorman(svc.now)
	b := open(t, svc, door, Options{})
	b.cookies[page.CookieSession] = "token"
	const c = "/c/age-55-59"
	wantPage(t, b.post(c+"/enter"), 409, "다른 기기에서 예약하고 있습니다", `href="/c/age-55-59/takeover"`)
	w := b.get(c + "/takeover")
	wantPage(t, w, 200, "/sign-in?fresh=1&amp;return=%2Fc%2Fage-55-59%2Ftakeover")
	if strings.Contains(w.Body.String(), `name="takeover"`) {
		t.Error("offers the takeover without a fresh sign-in")
	}
	wantPage(t, b.get("/sign-in?fresh=1&return=%2Fc%2Fage-55-59%2Ftakeover"), 200, "/sign-in/demo?fresh=1&amp;return=%2Fc%2Fage-55-59%2Ftakeover")
	b.get("/sign-in/demo?fresh=1&return=%2Fc%2Fage-55-59%2Ftakeover")
	if !door.fresh {
		t.Error("the provider was not told to ask again")
	}
	door.session.SignedInAt = svc.now
	wantRedirect(t, b.get("/sign-in/callback?code=good"), c+"/takeover")
	wantPage(t, b.get(c+"/takeover"), 200, `name="takeover" value="yes"`)
	delete(svc.fail, "Enter")
	wantRedirect(t, b.post(c+"/enter", "takeover", "yes"), c+"/sites")
	if !strings.Contains(strings.Join(svc.calls, "\n"), "takeover=true") {
		t.Errorf("calls: %v", svc.calls)
	}
	svc.fail["Enter"] = &walk.Error{Code: walk.NotSignedIn}
	wantRedirect(t, b.post(c+"/enter", "takeover", "yes"), "/sign-in?fresh=1&return=%2Fc%2Fage-55-59%2Ftakeover")
}

func TestWhoHasBookedIsNotAskedInAgain(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	svc.placed(line.Admitted, 10, 0, 0, 0)
	svc.bookings = []walk.Booking{svc.aBooking()}
	b := signedIn(t, svc)
	wantRedirect(t, b.get("/c/age-55-59/wait"), "/c/age-55-59")
	wantPage(t, b.get("/c/age-55-59"), 200, "이미 예약하셨습니다", `href="/bookings"`)
	svc.bookings[0].Cancelled = true
	wantPage(t, b.get("/c/age-55-59/wait"), 200, `data-state="turn"`)
}

func TestSlotFullOffersWhatIsNearAndKeepsThePlace(t *testing.T) {
	t.Parallel()
	b, svc := inScene(t, scenes["full"])
	w := b.post("/c/age-55-59/hold", "slot", "s1.2021-07-26.570", "for", "r1")
	wantPage(t, w, 409, "자리는 그대로입니다", "오후\u00a08:20까지", "오전\u00a010:00", "한강이비인후과의원", `name="for" value="r1"`, `action="/c/age-55-59/hold"`)
	svc.fail["Book"] = svc.fail["Hold"]
	wantPage(t, b.post("/c/age-55-59/confirm", "slot", "s1.2021-07-26.570", "key", "k"), 409, "비슷한 시간")
	svc.fail["Change"] = svc.fail["Hold"]
	wantPage(t, b.post("/bookings/bk_7f3a9c/change", "dose", "1", "slot", "s1.2021-07-26.570"), 409,
		"지금 예약은 그대로 있습니다", `action="/bookings/bk_7f3a9c/change"`, `name="dose" value="1"`)
}

func TestBusyWhileBookingRepeatsTheSameRequest(t *testing.T) {
	t.Parallel()
	b, svc := inScene(t, scenes["turn"])
	svc.fail["Book"] = &walk.Error{Code: walk.Overloaded, RetryAfter: 3 * time.Second}
	w := b.post("/c/age-55-59/confirm", "slot", "s1.2021-07-26.570", "hold", "h1", "key", "the-key", "for", "r1")
	wantPage(t, w, 503, `action="/c/age-55-59/confirm"`, `name="key" value="the-key"`, `name="hold" value="h1"`, `name="for" value="r1"`, "5초 뒤에")
	if strings.Contains(w.Body.String(), "http-equiv") {
		t.Error("a form's answer must not refresh itself")
	}
	if b.cookies[page.PassName("age-55-59", "r1")] == "" {
		t.Error("the pass is gone")
	}
}

func TestPassesAreKeptApart(t *testing.T) {
	t.Parallel()
	b, svc := inScene(t, scenes["turn"])
	b.cookies = map[string]string{page.CookieSession: "token"}
	wantPage(t, b.post("/c/age-55-59/hold", "slot", "s1.2021-07-26.570"), 403, "지금은 이 기기에서 고를 수 없습니다", `href="/c/age-55-59/wait"`)
	wantRedirect(t, b.post("/c/age-55-59/enter", "for", "r1"), "/c/age-55-59/sites?for=r1")
	wantPage(t, b.post("/c/age-55-59/hold", "slot", "s1.2021-07-26.570"), 403)
	if svc.called("Hold") {
		t.Error("the recipient's pass opened the door for the helper")
	}
	if w := b.post("/c/age-55-59/hold", "slot", "s1.2021-07-26.570", "for", "r1"); w.Code != 303 {
		t.Errorf("with the recipient's pass: %d", w.Code)
	}
	svc.fail["Hold"] = &walk.Error{Code: walk.PassExpired}
	wantPage(t, b.post("/c/age-55-59/hold", "slot", "s1.2021-07-26.570", "for", "r1"), 403, "고르는 시간이 끝났습니다", `href="/c/age-55-59/wait?for=r1"`)
	wantPage(t, b.get("/c/age-55-59/wait?for=somebody-elses"), 404)
}

func TestSigningIn(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	door := newDoorman(svc.now)
	b := open(t, svc, door, Options{})
	for _, evil := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "/a\r\nb", "javascript:alert(1)", ""} {
		b.get("/sign-in/demo?return=" + url.QueryEscape(evil))
		wantRedirect(t, b.get("/sign-in/callback?code=good"), "/")
		wantRedirect(t, b.get("/lang?to=en&return="+url.QueryEscape(evil)), "/")
	}
	delete(b.cookies, page.CookieLanguage)
	delete(b.cookies, page.CookieSession)
	wantRedirect(t, b.get("/sign-in/callback?code=good"), "/sign-in?why=failed") // nothing was begun here
	b.get("/sign-in/demo?return=/bookings")
	wantRedirect(t, b.get("/sign-in/callback?error=access_denied"), "/sign-in?return=%2Fbookings&why=failed")
	if b.cookies[page.CookieSession] != "" || b.cookies[page.CookieLogin] != "" {
		t.Errorf("cookies after a failed sign-in: %v", b.cookies)
	}
	wantPage(t, b.get("/sign-in?why=failed&return=/bookings"), 200, "로그인하지 못했습니다", "/sign-in/demo?return=%2Fbookings")
	wantPage(t, b.get("/sign-in/unknown"), 404)
	door.fail = true
	wantRedirect(t, b.get("/sign-in/demo?return=/bookings"), "/sign-in?return=%2Fbookings&why=failed")

	door.fail = false
	b.cookies[page.CookieSession] = "forged"
	wantRedirect(t, b.get("/bookings"), "/sign-in?return=%2Fbookings&why=needed")
	b.cookies[page.CookieSession] = "token"
	b.inside("")
	b.get("/sign-in/demo")
	wantRedirect(t, b.get("/sign-in/callback?code=good"), "/")
	if b.cookies[page.PassName("age-55-59", "")] == "" {
		t.Error("the same person lost their pass by signing in again")
	}
	b.get("/sign-in/demo")
	wantRedirect(t, b.get("/sign-in/callback?code=other"), "/")
	if b.cookies[page.PassName("age-55-59", "")] != "" || b.cookies[page.CookieSession] != "other" {
		t.Error("another person at the same browser kept the pass of the one before")
	}
}

func TestHelpersForm(t *testing.T) {
	t.Parallel()
	b, svc := inScene(t, scenes["gathering"])
	const path = "/c/age-55-59/for"
	wantPage(t, b.get(path), 200, "박말순님", "/c/age-55-59?for=r1")
	w := b.post(path, "name", "이순자", "year", "1950", "month", "2", "day", "30", "identity", "500230-2000000")
	wantPage(t, w, 422, `href="#born"`, `href="#consent"`, `value="이순자"`, `aria-invalid="true"`, "autofocus")
	if strings.Contains(w.Body.String(), "500230") {
		t.Error("the identity number came back")
	}
	if svc.called("AddRecipient") {
		t.Error("registered in spite of mistakes")
	}
	good := []string{"name", "이순자", "year", "1950", "month", "02", "day", "3", "identity", "500203-2000000", "consent", "yes"}
	wantRedirect(t, b.post(path, good...), "/c/age-55-59?for=r-new")
	if !svc.called("AddRecipient age-55-59 이순자 1950-02-03 5002032000000 consent=true") {
		t.Errorf("calls: %v", svc.calls)
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
		svc.fail["AddRecipient"] = c.err
		wantPage(t, b.post(path, good...), 422, c.says)
	}
	svc.programme.Campaigns[0].Helpers.PerHelper = 1
	svc.fail["AddRecipient"] = &walk.Error{Code: walk.HelperNotAllowed}
	wantPage(t, b.post(path, good...), 422, "더는 다른 사람을 등록할 수 없습니다")
	svc.fail["AddRecipient"] = &walk.Error{Code: walk.Overloaded}
	wantPage(t, b.post(path, good...), 503)
	wantRedirect(t, b.post(path+"/remove", "id", "r1"), path)
	if !svc.called("RemoveRecipient r1") {
		t.Error("not removed")
	}
}

// TestGuardiansForm: where a campaign has guardians act, a helper says as what they do, and is told when that does not go.
func TestGuardiansForm(t *testing.T) {
	t.Parallel()
	b, svc := inScene(t, scenes["gathering"])
	const path = "/c/age-55-59/for"
	if w := b.get(path); strings.Contains(w.Body.String(), `name="as"`) {
		t.Error("a campaign without guardians asks for them")
	}
	svc.programme.Campaigns[0].Helpers.Guardians = &programme.Guardians{Under: 19}
	wantPage(t, b.get(path), 200, "19세가 안 된 아이를 위해", `value="family" checked`, "제가 대신 동의합니다")
	svc.programme.Campaigns[0].Helpers.Guardians.Wards = true
	wantPage(t, b.get(path), 200, "후견인")
	child := []string{"name", "김하늘", "year", "2012", "month", "02", "day", "3", "identity", "120203-3000000", "consent", "yes", "as", "guardian"}
	wantRedirect(t, b.post(path, child...), "/c/age-55-59?for=r-new")
	if !svc.called("AddRecipient age-55-59 김하늘 2012-02-03 1202033000000 consent=true as guardian") {
		t.Errorf("calls: %v", svc.calls)
	}
	svc.fail["AddRecipient"] = &walk.Error{Code: walk.HelperNotAllowed, Field: "guardian"}
	wantPage(t, b.post(path, child...), 422, "본인이 동의해야 합니다", `value="guardian" checked`, `href="#guardian"`)
	child[len(child)-1] = "family"
	wantPage(t, b.post(path, child...), 422, "부모나 보호자만 대신 예약할 수 있습니다")
}

func TestFaultsShowNothingInside(t *testing.T) {
	t.Parallel()
	b, svc := inScene(t, scenes["waiting"])
	svc.fail["Campaigns"] = errors.New("sql: secret of the house")
	w := b.get("/")
	wantPage(t, w, 500, "저희 쪽 문제이며")
	if strings.Contains(w.Body.String(), "secret") {
		t.Error("shows the cause")
	}
	svc.programme.Campaigns[0].Line.Order = "draw"
	svc.fail = map[string]error{"PlaceOf": errors.New("x")}
	wantPage(t, b.get("/about/fair-turn"), 500)
	svc.bookings[0].Doses, svc.fail = nil, nil
	svc.fail = map[string]error{}
	if w := b.get("/bookings/bk_7f3a9c/change?dose=3"); w.Code >= 500 {
		t.Errorf("a dose that is not there: %d", w.Code)
	}
	big := url.Values{"name": {strings.Repeat("x", 64<<10+1)}}
	if w := b.do(http.MethodPost, "/c/age-55-59/for", big); w.Code != 400 {
		t.Errorf("a huge form: %d", w.Code)
	}
	panicky := open(t, panics{svc}, newDoorman(svc.now), Options{})
	wantPage(t, panicky.get("/"), 500, "저희 쪽 문제이며")
	for _, path := range []string{"/c/age-55-59/join", "/c/age-55-59/enter", "/c/age-55-59/hold"} {
		wantRedirect(t, b.get(path), "/c/age-55-59/wait")
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
		body := b.get("/c/age-55-59/wait").Body.String()
		at := strings.Index(body, short)
		if at < 0 || strings.Contains(body[at-40:at], "hidden") == c.gone {
			t.Errorf("%d doses left: %q", c.left, body[max(at-60, 0):max(at, 0)])
		}
	}
}
