package web

import (
	"strings"
	"testing"

	"charye/notify"
)

func TestContactPage(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	b := signedIn(t, svc)
	wantPage(t, b.get("/contact"), 200, "알림 받기", "보낸 알림", "예약 확정")

	wantPage(t, b.post("/contact", "phone", "12", "mail", "nobody"), 200, "휴대전화 번호를 확인해 주세요", "전자우편 주소를 확인해 주세요", `value="12"`, `aria-invalid="true"`)
	if svc.called("SetContact") {
		t.Fatal("a wrong address was kept")
	}
	wantRedirect(t, b.post("/contact", "phone", "010-1234-5678", "mail", "kim@example.org"), "/contact?done=saved")
	if got := svc.told; got.Lang != "ko" || len(got.Addresses) != 2 || got.Addresses[0].Channel != notify.Text {
		t.Errorf("kept %+v", got)
	}
	wantPage(t, b.get("/contact?done=saved"), 200, "저장했습니다", "010-1234-5678", "kim@example.org")
	wantRedirect(t, b.post("/contact"), "/contact?done=removed")
	w := b.get("/contact?done=saved")
	if strings.Contains(w.Body.String(), "저장했습니다") {
		t.Error("the page says saved, and nothing is")
	}
	wantPage(t, b.get("/contact?done=removed"), 200, "지웠습니다")
}

func TestContactNeedsSignIn(t *testing.T) {
	t.Parallel()
	svc := newScripted()
	b := open(t, svc, newDoorman(svc.now), Options{})
	for _, w := range []int{b.get("/contact").Code, b.post("/contact", "phone", "010-1234-5678").Code} {
		if w != 303 {
			t.Errorf("status %d without a session, want a way to sign in", w)
		}
	}
	if svc.called("Contact") || svc.called("SetContact") {
		t.Error("somebody who is not signed in reached a contact")
	}
}
