package web

import (
	"strings"
	"testing"

	"charye/web/page"
	"charye/web/page/pagetest"
)

// TestCouple: whoever is inside for themselves and for somebody they help is asked whether to book for both; then both passes go along,
// and the slot in place of its hold.
func TestCouple(t *testing.T) {
	t.Parallel()
	b, svc := inScene(t, scenes["turn"])
	const confirm = "/c/age-55-59/confirm"
	const slot = "s1.2021-07-26.570"
	id := svc.recipients[0].ID
	delete(b.Cookies, page.PassName("age-55-59", id))
	if w := b.Get(confirm + "?slot=" + slot + "&hold=h1"); strings.Contains(w.Body.String(), `name="with"`) {
		t.Error("asked although nobody else is inside")
	}
	inside(b, id)
	pagetest.WantPage(t, b.Get(confirm+"?slot="+slot+"&hold=h1"), 200, "함께 예약", `name="with" value="`+id+`"`, svc.recipients[0].Name)
	pagetest.WantPage(t, b.Get(confirm+"?slot="+slot+"&hold=h1&for="+id), 200, `name="with" value="me"`)
	pagetest.WantRedirect(t, b.Post(confirm, "slot", slot, "hold", "h1", "key", "k1", "with", id), "/bookings/bk_7f3a9c?done=both")
	if last := svc.Taken[len(svc.Taken)-1]; !strings.Contains(last, "slot="+slot+" hold= key=k1 with=") {
		t.Errorf("asked %q", last)
	}
	for _, name := range []string{page.PassName("age-55-59", ""), page.PassName("age-55-59", id)} {
		if b.Cookies[name] != "" {
			t.Error("a pass that was used is kept")
		}
	}
	pagetest.WantPage(t, b.Get("/bookings/bk_7f3a9c?done=both"), 200, "두 분의 예약")
	if w := b.Post(confirm, "slot", slot, "key", "k2", "with", "somebody"); w.Code == 303 && strings.Contains(w.Header().Get("Location"), "done=") {
		t.Errorf("booked with somebody who is not inside: %s", w.Header().Get("Location"))
	}
}
