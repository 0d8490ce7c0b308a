package attacks_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"charye/internal/weak"
)

// One person, two nodes, one instant: two bookings. Also the double click.
var twoNodesAtOnce = attack{name: "two bookings at once", why: "the decision, and behind it a unique index: either alone stops it", run: func(a *assault) {
	p := a.me(0).joins("open").enters("open")
	slots := make([]string, 20)
	for i := range slots {
		slots[i] = a.slot("open", i)
	}
	var all sync.WaitGroup
	made := make([]bool, len(slots))
	for i, slot := range slots {
		all.Go(func() { made[i] = p.books(slot, fmt.Sprint("at-once-", i)).status == 201 })
	}
	all.Wait()
	n := 0
	for _, m := range made {
		if m {
			n++
		}
		a.note(!m || n == 1, fmt.Sprintf("booked %v", m))
	}
	a.note(p.live("open") == 1, "one live booking")
}}

// Slots held and not booked, to freeze a clinic: seen wherever a basket keeps what is in it.
var manyHolds = attack{name: "hold and sit", why: "a new hold replaces the old in the decision, and behind it stands a unique index", run: func(a *assault) {
	p := a.me(0).joins("open").enters("open")
	free := func() (n int) {
		var d struct{ Slots []struct{ Free int } }
		a.as("").get("/api/v1/campaigns/open/sites/T1/slots?date=" + a.day).into(&d)
		for _, s := range d.Slots {
			n += s.Free
		}
		return n
	}
	time.Sleep(1500 * time.Millisecond) // free counts are a moment old
	before := free()
	for i := range 16 {
		r := p.with("Charye-Pass", p.pass).post("/api/v1/holds", `{"slot":%q}`, a.slot("open", i))
		a.note(r.status == 201 || r.status == 429, fmt.Sprint("hold ", r.status))
	}
	time.Sleep(1500 * time.Millisecond)
	after := free()
	a.note(before-after <= 1, "one seat is held")
}}

// One idempotency key for two things, and somebody else's key.
var keyAbuse = attack{name: "idempotency keys", why: "the key is looked up with its person and its body; there is no check to leave out", run: func(a *assault) {
	p := a.me(0).joins("open").enters("open")
	slot, other := a.slot("open", 0), a.slot("open", 1)
	var made struct{ ID string }
	p.books(slot, "the-key").into(&made)
	var again struct{ ID string }
	p.books(slot, "the-key").into(&again)
	a.note(again.ID == made.ID, "the same booking")
	a.refused("another slot", p.books(other, "the-key"), 403, 409)
	q := a.me(1).joins("open").enters("open")
	var theirs struct{ ID string }
	q.books(slot, "the-key").into(&theirs)
	a.note(theirs.ID != made.ID, "a booking of their own")
	for _, key := range []string{"", string(make([]byte, 300))} {
		r := a.me(2).joins("open").enters("open").books(slot, key)
		a.note(r.status == 400 || r.status == 0, "400 bad-request") // 0: no client sends it
	}
}}

// Another person's booking by its id: read, moved, cancelled.
var anothersBooking = attack{name: "somebody else's booking", without: weak.BookingOf, run: func(a *assault) {
	owner, thief := a.booked(a.base, "open"), a.me(1)
	path := "/api/v1/bookings/" + owner.booking
	a.refused("calendar", thief.get(path+"/calendar.ics"), 404)
	a.refused("read", thief.get(path), 404, 405)
	a.refused("change", thief.do("PUT", path+"/slot", fmt.Sprintf(`{"slot":%q}`, a.slot("open", 7))), 404)
	a.refused("cancel", thief.do("DELETE", path, ""), 404)
	a.note(owner.live("open") == 1, "it stands")
}}

// Somebody for whom the campaign is not.
var notEligible = attack{name: "not eligible", without: weak.Eligible, run: func(a *assault) {
	young := a.as(a.young)
	a.refused("join", young.post("/api/v1/campaigns/open/places", "{}"), 403)
	a.refused("join with a date of birth", young.post("/api/v1/campaigns/open/places", `{"born":"1964-07-01"}`), 400, 403)
	p := a.me(0).joins("open")
	a.refused("with another's ticket", young.with("Charye-Ticket", p.ticket).post("/api/v1/campaigns/open/passes", `{"device":"phone"}`), 403)
}}

// A recipient whom another helper registered.
var anothersRecipient = attack{name: "somebody else's recipient", why: "a recipient is found under its helper; there is no check to leave out", run: func(a *assault) {
	thief := a.me(1)
	for _, id := range []string{"r-1", "1", "AAAA", "../me", "0"} {
		a.refused("join", thief.post("/api/v1/campaigns/open/places", `{"recipient":%q}`, id), 400, 403)
	}
	a.refused("where no helpers are", thief.post("/api/v1/campaigns/later/places", `{"recipient":"r-1"}`), 400, 403)
}}

// Two people agree on a second: one gives the dose back, the other takes it, and those who stand by get nothing. Seen wherever freed
// places go to whoever is quickest.
var handOver = attack{name: "cancel and hand over", without: weak.Invited, run: func(a *assault) {
	seller, second := a.booked(a.base, "scarce"), a.booked(a.base+1, "scarce")
	buyer := a.me(2).joins("scarce")
	for n := 3; n < 8; n++ {
		a.me(n).joins("scarce") // they stand by
	}
	a.untilState("scarce", "soldOut")
	time.Sleep(2 * time.Second) // the line is called within a second of what comes free
	// The buyer is next, has a dose kept, takes it and gives it back: from then on they have a turn and no claim.
	second.do("DELETE", "/api/v1/bookings/"+second.booking, "")
	buyer.enters("scarce")
	var d struct{ ID string }
	buyer.books(a.slot("scarce", 1), "theirs").into(&d)
	buyer.do("DELETE", "/api/v1/bookings/"+d.ID, "")
	time.Sleep(2 * time.Second)
	seller.do("DELETE", "/api/v1/bookings/"+seller.booking, "")
	for i := range 5 {
		r := buyer.with("Charye-Ticket", buyer.ticket).post("/api/v1/campaigns/scarce/passes", `{"device":"phone"}`)
		var pass struct{ Pass string }
		if json.Unmarshal(r.body, &pass) == nil && pass.Pass != "" {
			buyer.pass = pass.Pass
		}
		r = buyer.books(a.slot("scarce", 2), fmt.Sprint("hand-over-", i))
		a.note(r.status >= 400 && r.status < 500, fmt.Sprint(r.status, " ", r.code()))
	}
}}
