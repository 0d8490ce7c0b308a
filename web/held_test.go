package web

import (
	"strings"
	"testing"

	"charye/internal/civil"
	"charye/line"
	"charye/notify"
	"charye/person"
	"charye/programme"
	"charye/walk"
	"charye/walk/held"
	"charye/web/page"
	"charye/web/page/pagetest"
)

// TestHeldPage: somebody sees all that is kept about them, how long, and gets the same as a file; nobody else sees anything.
func TestHeldPage(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	out := open(t, svc, pagetest.NewDoorman(svc.now), Options{})
	for _, path := range []string{"/me", "/me/charye.json"} {
		if w := out.Get(path); w.Code != 303 {
			t.Errorf("%s without a session: status %d, want a way to sign in", path, w.Code)
		}
	}
	svc.placed(line.Waiting, 7, 3, 0, 0)
	svc.place.Campaign = 7
	svc.bookings = []walk.Booking{svc.aBooking()}
	svc.recipients = []person.Recipient{{ID: "r", Name: "박말순", Born: civil.New(1938, 3, 1)}}
	svc.told = notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Text, Value: "01012345678"}}}
	svc.programme.Retention = programme.Retention{Contacts: 30, Names: 365}
	var given held.Held
	b := open(t, svc, pagetest.NewDoorman(svc.now), Options{HelpPhone: "1339", Export: func(a walk.Actor, h held.Held) []byte {
		given = h
		return []byte(`{"name":"` + a.Name + `"}`)
	}})
	b.Cookies[page.CookieSession] = "token"
	w := b.Get("/me")
	pagetest.WantPage(t, w, 200, "저장된 내 정보", "김영숙", "1964년 3월 9일", "55–59세 사전예약", "1건 보기", "박말순", "01012345678", "접종사업이 끝나고 30일 뒤에", "마지막 접종일에서 365일 뒤에",
		"동의: 지우는 날이 정해지지 않았습니다", `href="/me/charye.json" download`, `href="tel:1339"`)
	b.Lang = "en"
	pagetest.WantPage(t, b.Get("/me"), 200, "What is kept about you", "erased 30 days after the programme ends", "See 1 booking<")
	w = b.Get("/me/charye.json")
	if w.Code != 200 || w.Body.String() != `{"name":"김영숙"}` || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") ||
		w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("the file: %d %v %s", w.Code, w.Header(), w.Body)
	}
	if len(given.Places) != 1 || len(given.Bookings) != 1 || len(given.Recipients) != 1 || len(given.Contact.Addresses) != 1 || len(given.Messages) == 0 {
		t.Errorf("in the file: %+v", given)
	}
	pagetest.WantPage(t, b.Get("/bookings"), 200, `href="/me"`)
	pagetest.WantPage(t, b.Get("/contact"), 200, `href="/me"`)
	if w := open(t, svc, pagetest.NewDoorman(svc.now), Options{}).Get("/me/charye.json"); w.Code == 200 {
		t.Error("a file without a way to write it")
	}
}
