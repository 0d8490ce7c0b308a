package attacks_test

import (
	"fmt"
	"sync"
	"time"

	"charye/internal/weak"
)

// Many windows, private windows and devices of one person: in July 2021 each browser drew a number of its own, and people opened as
// many as their machine bore.
var manyWindows = attack{name: "many windows", why: "a place is found by its person; there is no check to leave out", run: func(a *assault) {
	var all sync.WaitGroup
	numbers := make([]int, 15)
	for i := range numbers {
		all.Go(func() { numbers[i] = a.me(0).joins("open").number })
	}
	all.Wait()
	for _, n := range numbers {
		a.note(n == numbers[0], fmt.Sprintf("number %v for all", n == numbers[0]))
	}
}}

// The clock of the machine was put forward in July 2021, and the page opened. Here every field and header that can carry a time says
// that it is later, and the campaign stays shut.
var ownClock = attack{name: "own clock", without: weak.Opening, run: func(a *assault) {
	late := time.Now().Add(3 * time.Hour)
	p := a.me(0).joins("later")
	path := "/api/v1/campaigns/later/passes"
	for _, h := range []string{"Date", "X-Now", "X-Time", "X-Client-Time", "If-Unmodified-Since", "X-Forwarded-Date"} {
		a.refused(h, p.with("Charye-Ticket", p.ticket).with(h, late.UTC().Format(time.RFC1123)).post(path, `{"device":"phone"}`), 425)
	}
	for _, q := range []string{"now", "time", "at", "ts", "serverTime"} {
		a.refused(q, p.with("Charye-Ticket", p.ticket).post(path+"?"+q+"="+late.Format("2006-01-02T15:04:05Z"), `{"device":"phone"}`), 400, 425)
		a.refused(q, p.with("Charye-Ticket", p.ticket).post(path, `{"device":"phone",%q:%q}`, q, late.Format(time.RFC3339)), 400, 425)
		a.refused(q, p.with("Charye-Ticket", p.ticket).with("Cookie", q+"="+late.Format(time.RFC3339)).post(path, `{"device":"phone"}`), 425)
	}
}}

// "Let me in" was a function of the page in July 2021, to be called from the console. Here the call is the server's to grant: whoever is
// not called yet hears so, however they ask, and however often.
var aheadOfTurn = attack{name: "ahead of the turn", without: weak.Turn, run: func(a *assault) {
	a.me(0).joins("narrow").enters("narrow")
	for n := 1; n < 4; n++ {
		p := a.me(n).joins("narrow")
		for range 5 {
			a.refused("ahead", p.with("Charye-Ticket", p.ticket).post("/api/v1/campaigns/narrow/passes", `{"device":"phone"}`), 425)
		}
	}
}}

// Many people politely asking again and again with a script: it is told the same as a page, and its number does not get smaller.
var politeMacro = attack{name: "a macro that polls", why: "the number is fixed before anybody can poll; there is nothing to leave out", run: func(a *assault) {
	page, macro := a.me(0).joins("later"), a.me(1).joins("later")
	type place struct {
		Number *int
		State  string
	}
	for range 100 {
		var d place
		r := a.as("").with("Charye-Ticket", macro.ticket).once("GET", "/api/v1/campaigns/later/place", "")
		if r.status == 429 {
			a.note(true, "429 rate-limited")
			continue
		}
		r.into(&d)
		a.note(d.State == "gathering" && d.Number == nil, "waits like everybody")
	}
	var d place
	a.as("").with("Charye-Ticket", page.ticket).get("/api/v1/campaigns/later/place").into(&d)
	a.note(d.State == "gathering", "waits like everybody")
}}
