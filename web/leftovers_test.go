package web

import (
	"context"
	"strings"
	"testing"
	"time"

	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/walk"
	"charye/walk/leftovers"
	"charye/web/page/pagetest"
)

func (s *scripted) leftoversNow() leftovers.Mine {
	return leftovers.Mine{
		Campaign: &s.programme.Campaigns[0], Rules: s.programme.Campaigns[0].Leftovers, Today: true,
		Sites: s.lists, Offer: s.offer,
	}
}

func (s *scripted) Leftovers(ctx context.Context, a walk.Actor, campaign string) (leftovers.Mine, error) {
	return s.LeftoversFor(ctx, a, campaign, "")
}

func (s *scripted) LeftoversFor(_ context.Context, _ walk.Actor, campaign, recipient string) (leftovers.Mine, error) {
	return s.leftoversNow(), s.Step("Leftovers", "%s %s", campaign, recipient)
}

func (s *scripted) SetLeftovers(_ context.Context, _ walk.Actor, campaign, recipient string, sites []string) (leftovers.Mine, error) {
	return s.leftoversNow(), s.Step("SetLeftovers", "%s %s%v", campaign, withSpace(recipient), sites)
}

func withSpace(s string) string {
	if s == "" {
		return ""
	}
	return s + " "
}

func (s *scripted) AcceptLeftover(_ context.Context, _ walk.Actor, campaign, recipient, offer string) (walk.Booking, error) {
	return s.aBooking(), s.Step("AcceptLeftover", "%s %s%s", campaign, withSpace(recipient), offer)
}

func (s *scripted) DeclineLeftover(_ context.Context, _ walk.Actor, campaign, recipient, offer string) error {
	return s.Step("DeclineLeftover", "%s %s%s", campaign, withSpace(recipient), offer)
}

// spare is a service whose campaign offers leftover doses.
func spare(t *testing.T) (*scripted, *pagetest.Browser) {
	t.Helper()
	svc := newScripted()
	svc.programme.Campaigns[0].Leftovers = &programme.Leftovers{Answer: 10 * time.Minute, Sites: 2, WithinKm: 3}
	return svc, signedIn(t, svc)
}

func TestLeftoversPage(t *testing.T) {
	t.Parallel()
	svc, b := spare(t)
	pagetest.WantPage(t, b.Get("/leftovers"), 200, "오늘 남은 백신", "2곳까지", "10분 동안", "순서는 바뀌지 않습니다", "지역을 고르세요")
	pagetest.WantPage(t, b.Get("/leftovers?c=age-55-59&region=%EC%84%9C%EC%9A%B8%ED%8A%B9%EB%B3%84%EC%8B%9C"), 200, "한강이비인후과의원", "여기에 신청하기", `name="add" value="s2"`, "cursor=cursor-2")
	pagetest.WantRedirect(t, b.Post("/leftovers", "c", "age-55-59", "add", "s1"), "/leftovers?c=age-55-59&done=added")
	if !svc.Called("SetLeftovers age-55-59 [s1]") {
		t.Errorf("calls: %v", svc.Taken)
	}
	svc.lists = []leftovers.Site{{Site: madeUpSites[0], Since: civil.New(2021, 7, 26)}}
	w := b.Get("/leftovers?done=added")
	pagetest.WantPage(t, w, 200, "신청되었습니다", "2021년 7월 26일부터", "3km 안에", "2.4", "느티나무내과의원")
	if strings.Contains(w.Body.String(), "은평구 예방접종센터") {
		t.Error("a site is shown that is too far to be added")
	}
	pagetest.WantRedirect(t, b.Post("/leftovers", "c", "age-55-59", "remove", "s1"), "/leftovers?c=age-55-59&done=removed")
	if !svc.Called("SetLeftovers age-55-59 []") {
		t.Errorf("calls: %v", svc.Taken)
	}
	svc.Fail["SetLeftovers"] = &walk.Error{Code: walk.BadRequest, Field: "sites"}
	pagetest.WantRedirect(t, b.Post("/leftovers", "c", "age-55-59", "add", "s3"), "/leftovers?c=age-55-59&done=far")
	pagetest.WantPage(t, b.Get("/leftovers?done=far"), 200, "3km 안에 모두 있어야", `role="alert"`)
	svc.Fail["SetLeftovers"] = &walk.Error{Code: walk.NotEligible}
	pagetest.WantPage(t, b.Post("/leftovers", "c", "age-55-59", "add", "s3"), 403)
}

func TestLeftoverOffer(t *testing.T) {
	t.Parallel()
	svc, b := spare(t)
	svc.lists = []leftovers.Site{{Site: madeUpSites[0], Since: civil.New(2021, 7, 26)}}
	at := func(st leftovers.State) {
		svc.offer = &leftovers.Offer{
			ID: "17", State: st, Site: madeUpSites[0], Product: svc.programme.Products[0],
			Until: civil.New(2021, 7, 26).At(15*60+10, pagetest.Seoul), GiveBy: civil.New(2021, 7, 26).At(17*60, pagetest.Seoul),
		}
	}
	for _, lang := range []string{"ko", "en"} {
		b.Lang = lang
		for state, says := range map[leftovers.State][2]string{
			leftovers.Offered:  {"차례가 되었습니다", "It is your turn"},
			leftovers.Accepted: {"본인 몫입니다", "The dose is yours"},
			leftovers.Booked:   {"예약되었습니다", "It is booked"},
			leftovers.Declined: {"다음 분께 넘겼습니다", "next person"},
			leftovers.Lapsed:   {"다음 분께 넘어갔습니다", "next person"},
			leftovers.Returned: {"예약하지 못했습니다", "could not be booked"},
		} {
			at(state)
			w := b.Get("/leftovers")
			pagetest.WantPage(t, w, 200, says[map[string]int{"ko": 0, "en": 1}[lang]])
			if asks := strings.Contains(w.Body.String(), `action="/leftovers/17/decline"`); asks != (state == leftovers.Offered) {
				t.Errorf("%s: asks for an answer: %v", state, asks)
			}
		}
	}
	b = signedIn(t, svc)
	at(leftovers.Offered)
	pagetest.WantPage(t, b.Get("/leftovers"), 200, "오후\u00a03:10까지 남겨 둡니다", "오늘 오후\u00a05:00까지", `<noscript><meta http-equiv="refresh" content="30">`)
	pagetest.WantRedirect(t, b.Post("/leftovers/17/accept", "c", "age-55-59"), "/bookings/"+svc.aBooking().ID+"?done=booked")
	pagetest.WantRedirect(t, b.Post("/leftovers/17/decline", "c", "age-55-59"), "/leftovers?c=age-55-59&done=declined")
	svc.Fail["AcceptLeftover"] = &walk.Error{Code: walk.Closed}
	pagetest.WantRedirect(t, b.Post("/leftovers/17/accept", "c", "age-55-59"), "/leftovers?c=age-55-59&done=over")
	pagetest.WantPage(t, b.Get("/leftovers?done=over"), 200, "시간이 지나", `role="alert"`)
	svc.Fail["AcceptLeftover"] = &walk.Error{Code: walk.SlotFull}
	pagetest.WantPage(t, b.Post("/leftovers/17/accept", "c", "age-55-59"), 409)
	pagetest.WantRedirect(t, b.Get("/leftovers/17/accept"), "/leftovers")
	pagetest.WantPage(t, b.Get("/c/age-55-59"), 200, `href="/leftovers?c=age-55-59"`)
}

// TestLeftoversForSomebody: a helper signs up the person they act for, and answers for them.
func TestLeftoversForSomebody(t *testing.T) {
	t.Parallel()
	svc, b := spare(t)
	svc.programme.Campaigns[0].Helpers = programme.HelperRules{Allowed: true, PerHelper: 5}
	svc.recipients = []person.Recipient{{ID: "r1", Name: "박말순", Campaign: "age-55-59"}}
	pagetest.WantPage(t, b.Get("/c/age-55-59?for=r1"), 200, `href="/leftovers?c=age-55-59&amp;for=r1"`)
	pagetest.WantPage(t, b.Get("/leftovers?c=age-55-59&for=r1&region=%EC%84%9C%EC%9A%B8%ED%8A%B9%EB%B3%84%EC%8B%9C"), 200, "박말순님을 대신해 신청하고", `name="for" value="r1"`, "cursor=cursor-2&amp;for=r1")
	if !svc.Called("Leftovers age-55-59 r1") {
		t.Errorf("calls: %v", svc.Taken)
	}
	pagetest.WantRedirect(t, b.Post("/leftovers", "c", "age-55-59", "for", "r1", "add", "s1"), "/leftovers?c=age-55-59&done=added&for=r1")
	if !svc.Called("SetLeftovers age-55-59 r1 [s1]") {
		t.Errorf("calls: %v", svc.Taken)
	}
	pagetest.WantRedirect(t, b.Post("/leftovers/17/decline", "c", "age-55-59", "for", "r1"), "/leftovers?c=age-55-59&done=declined&for=r1")
	pagetest.WantRedirect(t, b.Post("/leftovers/17/accept", "c", "age-55-59", "for", "r1"), "/bookings/"+svc.aBooking().ID+"?done=booked")
	if !svc.Called("DeclineLeftover age-55-59 r1 17") || !svc.Called("AcceptLeftover age-55-59 r1 17") {
		t.Errorf("calls: %v", svc.Taken)
	}
	pagetest.WantPage(t, b.Get("/leftovers?c=age-55-59&for=nobody"), 404)
}

func TestLeftoversWithoutAny(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	b := signedIn(t, svc)
	pagetest.WantPage(t, b.Get("/leftovers"), 200, "지금은 없습니다")
	if w := b.Get("/c/age-55-59"); strings.Contains(w.Body.String(), "/leftovers") {
		t.Error("a campaign without leftover doses links to them")
	}
	svc, _ = spare(t)
	signedOut := open(t, svc, pagetest.NewDoorman(svc.now), Options{})
	for _, w := range []int{signedOut.Get("/leftovers").Code, signedOut.Post("/leftovers", "c", "age-55-59", "add", "s1").Code, signedOut.Post("/leftovers/17/accept").Code} {
		if w != 303 {
			t.Errorf("status %d without a session, want a way to sign in", w)
		}
	}
	if svc.Called("Leftovers") || svc.Called("SetLeftovers") || svc.Called("AcceptLeftover") {
		t.Error("somebody who is not signed in reached the lists")
	}
}
