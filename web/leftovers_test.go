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
	return s.leftoversNow(), s.step("Leftovers", "%s %s", campaign, recipient)
}

func (s *scripted) SetLeftovers(_ context.Context, _ walk.Actor, campaign, recipient string, sites []string) (leftovers.Mine, error) {
	return s.leftoversNow(), s.step("SetLeftovers", "%s %s%v", campaign, withSpace(recipient), sites)
}

func withSpace(s string) string {
	if s == "" {
		return ""
	}
	return s + " "
}

func (s *scripted) AcceptLeftover(_ context.Context, _ walk.Actor, campaign, recipient, offer string) (walk.Booking, error) {
	return s.aBooking(), s.step("AcceptLeftover", "%s %s%s", campaign, withSpace(recipient), offer)
}

func (s *scripted) DeclineLeftover(_ context.Context, _ walk.Actor, campaign, recipient, offer string) error {
	return s.step("DeclineLeftover", "%s %s%s", campaign, withSpace(recipient), offer)
}

// spare is a service whose campaign offers leftover doses.
func spare(t *testing.T) (*scripted, *browser) {
	t.Helper()
	svc := newScripted()
	svc.programme.Campaigns[0].Leftovers = &programme.Leftovers{Answer: 10 * time.Minute, Sites: 2, WithinKm: 3}
	return svc, signedIn(t, svc)
}

func TestLeftoversPage(t *testing.T) {
	t.Parallel()
	svc, b := spare(t)
	wantPage(t, b.get("/leftovers"), 200, "오늘 남은 백신", "2곳까지", "10분 동안", "순서는 바뀌지 않습니다", "지역을 고르세요")
	wantPage(t, b.get("/leftovers?c=age-55-59&region=%EC%84%9C%EC%9A%B8%ED%8A%B9%EB%B3%84%EC%8B%9C"), 200, "한강이비인후과의원", "여기에 신청하기", `name="add" value="s2"`, "cursor=cursor-2")
	wantRedirect(t, b.post("/leftovers", "c", "age-55-59", "add", "s1"), "/leftovers?c=age-55-59&done=added")
	if !svc.called("SetLeftovers age-55-59 [s1]") {
		t.Errorf("calls: %v", svc.calls)
	}
	svc.lists = []leftovers.Site{{Site: madeUpSites[0], Since: civil.New(2021, 7, 26)}}
	w := b.get("/leftovers?done=added")
	wantPage(t, w, 200, "신청되었습니다", "2021년 7월 26일부터", "3km 안에", "2.4", "느티나무내과의원")
	if strings.Contains(w.Body.String(), "은평구 예방접종센터") {
		t.Error("a site is shown that is too far to be added")
	}
	wantRedirect(t, b.post("/leftovers", "c", "age-55-59", "remove", "s1"), "/leftovers?c=age-55-59&done=removed")
	if !svc.called("SetLeftovers age-55-59 []") {
		t.Errorf("calls: %v", svc.calls)
	}
	svc.fail["SetLeftovers"] = &walk.Error{Code: walk.BadRequest, Field: "sites"}
	wantRedirect(t, b.post("/leftovers", "c", "age-55-59", "add", "s3"), "/leftovers?c=age-55-59&done=far")
	wantPage(t, b.get("/leftovers?done=far"), 200, "3km 안에 모두 있어야", `role="alert"`)
	svc.fail["SetLeftovers"] = &walk.Error{Code: walk.NotEligible}
	wantPage(t, b.post("/leftovers", "c", "age-55-59", "add", "s3"), 403)
}

func TestLeftoverOffer(t *testing.T) {
	t.Parallel()
	svc, b := spare(t)
	svc.lists = []leftovers.Site{{Site: madeUpSites[0], Since: civil.New(2021, 7, 26)}}
	at := func(st leftovers.State) {
		svc.offer = &leftovers.Offer{
			ID: "17", State: st, Site: madeUpSites[0], Product: svc.programme.Products[0],
			Until: civil.New(2021, 7, 26).At(15*60+10, seoul), GiveBy: civil.New(2021, 7, 26).At(17*60, seoul),
		}
	}
	for _, lang := range []string{"ko", "en"} {
		b.lang = lang
		for state, says := range map[leftovers.State][2]string{
			leftovers.Offered:  {"차례가 되었습니다", "It is your turn"},
			leftovers.Accepted: {"본인 몫입니다", "The dose is yours"},
			leftovers.Booked:   {"예약되었습니다", "It is booked"},
			leftovers.Declined: {"다음 분께 넘겼습니다", "next person"},
			leftovers.Lapsed:   {"다음 분께 넘어갔습니다", "next person"},
			leftovers.Returned: {"예약하지 못했습니다", "could not be booked"},
		} {
			at(state)
			w := b.get("/leftovers")
			wantPage(t, w, 200, says[map[string]int{"ko": 0, "en": 1}[lang]])
			if asks := strings.Contains(w.Body.String(), `action="/leftovers/17/decline"`); asks != (state == leftovers.Offered) {
				t.Errorf("%s: asks for an answer: %v", state, asks)
			}
		}
	}
	b = signedIn(t, svc)
	at(leftovers.Offered)
	wantPage(t, b.get("/leftovers"), 200, "오후\u00a03:10까지 남겨 둡니다", "오늘 오후\u00a05:00까지", `<noscript><meta http-equiv="refresh" content="30">`)
	wantRedirect(t, b.post("/leftovers/17/accept", "c", "age-55-59"), "/bookings/"+svc.aBooking().ID+"?done=booked")
	wantRedirect(t, b.post("/leftovers/17/decline", "c", "age-55-59"), "/leftovers?c=age-55-59&done=declined")
	svc.fail["AcceptLeftover"] = &walk.Error{Code: walk.Closed}
	wantRedirect(t, b.post("/leftovers/17/accept", "c", "age-55-59"), "/leftovers?c=age-55-59&done=over")
	wantPage(t, b.get("/leftovers?done=over"), 200, "시간이 지나", `role="alert"`)
	svc.fail["AcceptLeftover"] = &walk.Error{Code: walk.SlotFull}
	wantPage(t, b.post("/leftovers/17/accept", "c", "age-55-59"), 409)
	wantRedirect(t, b.get("/leftovers/17/accept"), "/leftovers")
	wantPage(t, b.get("/c/age-55-59"), 200, `href="/leftovers?c=age-55-59"`)
}

// TestLeftoversForSomebody: a helper signs up the person they act for, and answers for them.
func TestLeftoversForSomebody(t *testing.T) {
	t.Parallel()
	svc, b := spare(t)
	svc.programme.Campaigns[0].Helpers = programme.HelperRules{Allowed: true, PerHelper: 5}
	svc.recipients = []person.Recipient{{ID: "r1", Name: "박말순", Campaign: "age-55-59"}}
	wantPage(t, b.get("/c/age-55-59?for=r1"), 200, `href="/leftovers?c=age-55-59&amp;for=r1"`)
	wantPage(t, b.get("/leftovers?c=age-55-59&for=r1&region=%EC%84%9C%EC%9A%B8%ED%8A%B9%EB%B3%84%EC%8B%9C"), 200, "박말순님을 대신해 신청하고", `name="for" value="r1"`, "cursor=cursor-2&amp;for=r1")
	if !svc.called("Leftovers age-55-59 r1") {
		t.Errorf("calls: %v", svc.calls)
	}
	wantRedirect(t, b.post("/leftovers", "c", "age-55-59", "for", "r1", "add", "s1"), "/leftovers?c=age-55-59&done=added&for=r1")
	if !svc.called("SetLeftovers age-55-59 r1 [s1]") {
		t.Errorf("calls: %v", svc.calls)
	}
	wantRedirect(t, b.post("/leftovers/17/decline", "c", "age-55-59", "for", "r1"), "/leftovers?c=age-55-59&done=declined&for=r1")
	wantRedirect(t, b.post("/leftovers/17/accept", "c", "age-55-59", "for", "r1"), "/bookings/"+svc.aBooking().ID+"?done=booked")
	if !svc.called("DeclineLeftover age-55-59 r1 17") || !svc.called("AcceptLeftover age-55-59 r1 17") {
		t.Errorf("calls: %v", svc.calls)
	}
	wantPage(t, b.get("/leftovers?c=age-55-59&for=nobody"), 404)
}

func TestLeftoversWithoutAny(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	b := signedIn(t, svc)
	wantPage(t, b.get("/leftovers"), 200, "지금은 없습니다")
	if w := b.get("/c/age-55-59"); strings.Contains(w.Body.String(), "/leftovers") {
		t.Error("a campaign without leftover doses links to them")
	}
	svc, _ = spare(t)
	signedOut := open(t, svc, newDoorman(svc.now), Options{})
	for _, w := range []int{signedOut.get("/leftovers").Code, signedOut.post("/leftovers", "c", "age-55-59", "add", "s1").Code, signedOut.post("/leftovers/17/accept").Code} {
		if w != 303 {
			t.Errorf("status %d without a session, want a way to sign in", w)
		}
	}
	if svc.called("Leftovers") || svc.called("SetLeftovers") || svc.called("AcceptLeftover") {
		t.Error("somebody who is not signed in reached the lists")
	}
}
