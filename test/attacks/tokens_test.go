package attacks_test

import (
	"encoding/base64"

	"charye/internal/weak"
)

// spoiled are texts made from a token that are not it: bytes changed, cut, added, and other texts of the same bytes.
func spoiled(token string) []string {
	out := []string{token[:len(token)-1], token[:len(token)/2], token + "A", token + "=", token + "AAAA", "A" + token}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return out
	}
	for i := 5; i < len(raw); i += 11 { // behind version and key id
		b := append([]byte(nil), raw...)
		b[i] ^= 1 << (i % 8)
		out = append(out, base64.RawURLEncoding.EncodeToString(b))
	}
	return out
}

// Tickets, passes and sessions with other contents than were signed. In other waiting rooms an unsigned position was edited in the
// address of the page.
var forged = attack{name: "forged and damaged tokens", without: weak.Signature, run: func(a *assault) {
	p := a.me(0).joins("open").enters("open")
	slot := a.slot("open", 0)
	for _, t := range spoiled(p.ticket) {
		a.refused("ticket", a.as("").with("Charye-Ticket", t).get("/api/v1/campaigns/open/place"), 400, 404, 409)
		a.refused("ticket", p.with("Charye-Ticket", t).post("/api/v1/campaigns/open/passes", `{"device":"phone"}`), 400, 403, 404, 409)
	}
	for _, t := range spoiled(p.pass) {
		a.refused("pass", p.with("Charye-Pass", t).post("/api/v1/holds", `{"slot":%q}`, slot), 403)
	}
	for _, t := range spoiled(a.sessions[a.base]) {
		a.refused("session", a.as(t).get("/api/v1/bookings"), 401)
	}
}}

// A ticket bought, found or sent on.
var anothersTicket = attack{name: "somebody else's ticket", without: weak.TicketOf, run: func(a *assault) {
	owner, thief := a.me(0).joins("open"), a.me(1).joins("open")
	for range 3 {
		a.refused("ticket", thief.with("Charye-Ticket", owner.ticket).post("/api/v1/campaigns/open/passes", `{"device":"phone"}`), 403)
	}
	a.refused("another campaign", owner.with("Charye-Ticket", owner.ticket).post("/api/v1/campaigns/later/passes", `{"device":"phone"}`), 400)
}}

// A pass bought, found or sent on.
var anothersPass = attack{name: "somebody else's pass", without: weak.PassOf, run: func(a *assault) {
	owner, thief := a.me(0).joins("open").enters("open"), a.me(1).joins("open")
	thief.pass = owner.pass
	slot := a.slot("open", 0)
	a.refused("hold", thief.with("Charye-Pass", owner.pass).post("/api/v1/holds", `{"slot":%q}`, slot), 403)
	a.refused("book", thief.books(slot, "thief"), 403)
	a.refused("book without session", a.as("").with("Charye-Pass", owner.pass).with("Idempotency-Key", "k").post("/api/v1/bookings", `{"slot":%q}`, slot), 401)
}}

// A pass that has done its work: after the booking, and after the pass moved to another pass.
var usedPass = attack{name: "a used pass", without: weak.LivePass, run: func(a *assault) {
	p := a.booked(a.base, "open")
	a.refused("after the booking", p.books(a.slot("open", 3), "again"), 403, 409)
	p.do("DELETE", "/api/v1/bookings/"+p.booking, "")
	a.refused("after cancelling", p.books(a.slot("open", 4), "once-more"), 403)
	a.refused("hold after cancelling", p.with("Charye-Pass", p.pass).post("/api/v1/holds", `{"slot":%q}`, a.slot("open", 5)), 403)
}}

// The same person at a second device while the first one chooses.
var otherDevice = attack{name: "two devices at once", without: weak.Device, run: func(a *assault) {
	p := a.me(0).joins("open").enters("open")
	for range 3 {
		a.refused("second device", p.with("Charye-Ticket", p.ticket).post("/api/v1/campaigns/open/passes", `{"device":"another"}`), 409)
	}
}}
