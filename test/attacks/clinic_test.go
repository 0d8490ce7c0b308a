package attacks_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"charye/internal/weak"
)

// today is somebody with an appointment at T2 later today, by the name that the clinic sees.
func (a *assault) today(n int) *somebody {
	a.Helper()
	p := a.me(n).joins("open").enters("open")
	var free struct {
		Sites []struct {
			ID   string
			Free map[string]int
		}
	}
	a.as("").get("/api/v1/campaigns/open/sites").into(&free)
	day := ""
	for _, s := range free.Sites {
		for d := range s.Free {
			if s.ID == "T2" && (day == "" || d < day) {
				day = d
			}
		}
	}
	var d struct{ Slots []struct{ ID string } }
	a.as("").get("/api/v1/campaigns/open/sites/T2/slots?date=" + day).into(&d)
	var b struct{ ID string }
	p.books(d.Slots[len(d.Slots)-1].ID, fmt.Sprintf("today-%d-%d", a.base, n)).into(&b)
	p.booking = b.ID
	return p
}

// number is the booking's number.
func (p *somebody) bookingNumber() string {
	p.w.Helper()
	var d struct {
		Bookings []struct{ ID, Number string }
	}
	p.get("/api/v1/bookings").into(&d)
	for _, b := range d.Bookings {
		if b.ID == p.booking {
			return b.Number
		}
	}
	p.w.Fatal("the booking has no number")
	return ""
}

// says is what a nurse's form says of an appointment.
func (a *assault) says(nurse map[string]string, p *somebody, state, from string) reply {
	a.Helper()
	return a.page("POST", "/clinic/visits/"+p.booking+"/1", url.Values{"state": {state}, "from": {from}, "why": {"fever"}}, nurse)
}

// Clinic staff look at, and change, what is at another site; or have no site, or are no clinic's.
var otherSite = attack{name: "clinic staff of another site", without: weak.SiteOf, run: func(a *assault) {
	p := a.today(0)
	number := p.bookingNumber()
	own, _ := a.atWork("가간호", "clinic", "T2", true)
	if r := a.page("GET", "/clinic/find?q="+number, nil, own); r.status != 200 || !r.has("/clinic/visits/"+p.booking) {
		a.Fatalf("its own site does not find the booking: %d", r.status)
	}
	for _, unit := range []string{"T1", "t2", "", "T9"} {
		other, _ := a.atWork("나간호", "clinic", unit, true)
		for _, q := range []string{number, "김"} {
			r := a.page("GET", "/clinic/find?q="+url.QueryEscape(q), nil, other)
			a.note(away(r) || !r.has("/clinic/visits/"+p.booking), fmt.Sprint("find ", r.status))
		}
		r := a.page("GET", "/clinic", nil, other)
		a.note(away(r) || !r.has(p.booking), fmt.Sprint("list ", r.status))
		a.kept("look", a.page("GET", "/clinic/visits/"+p.booking+"/1", nil, other))
		for _, state := range []string{"arrived", "given", "turned-away", "no-show", "expected"} {
			a.kept(state, a.says(other, p, state, "AB12"))
		}
	}
	office, _ := a.atWork("라주민", "office", "T2", true)
	a.kept("an office lists", a.page("GET", "/clinic", nil, office))
	a.kept("an office gives", a.says(office, p, "given", "AB12"))
}}

// The box of a verdict, scanned or typed in every form.
var heldBox = attack{name: "giving from a held box", without: weak.HeldBox, run: func(a *assault) {
	const box, other = "088099990000000051", "088099990000000068" // of nobody else here
	dir := a.TempDir()
	var events []string
	for _, k := range []string{box, other} {
		events = append(events, fmt.Sprintf(`{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"eventTime":"2026-09-18T00:00:00Z","eventTimeZoneOffset":"+00:00",
			"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/Q1","quantity":10}]}`, k))
	}
	file := filepath.Join(dir, "events.json")
	if err := os.WriteFile(file, []byte("["+strings.Join(events, ",")+"]"), 0o600); err != nil {
		a.Fatal(err)
	}
	a.command(append(append([]string{"supply", "capture"}, a.at...), "--party", "maker", file)...)
	out := a.command(append(append([]string{"supply", "ask", "hold"}, a.at...), "--case", "attacked", "--reason", "freezing", "--evidence", "log", box)...)
	number := requestShown.FindStringSubmatch(out)
	if number == nil {
		a.Fatalf("nothing was asked for: %s", out)
	}
	for _, name := range []string{"자담당", "차담당"} {
		if r := a.agrees("/manage/requests/"+number[1], a.manager(name)); r.status != http.StatusSeeOther {
			a.Fatalf("a manager cannot agree: %d %.200s", r.status, r.body)
		}
	}
	a.command(append(append([]string{"supply", "hold"}, a.at...), "--request", number[1], "--plan", filepath.Join(dir, "plan"))...)
	p := a.today(0)
	nurse, _ := a.atWork("가간호", "clinic", "T2", true)
	for _, from := range []string{box, "(00)" + box, "]C100" + box, " " + box + " ", "0880 9999 0000 0000 51", "(00)" + box + "(02)08809999000013(37)10"} {
		r := a.says(nurse, p, "given", from)
		a.note(r.status == http.StatusUnprocessableEntity, fmt.Sprint("refused ", r.status))
		a.says(nurse, p, "expected", "")
	}
	// The other box of the lot is good.
	if r := a.says(nurse, p, "given", other); r.status != http.StatusSeeOther {
		a.Fatalf("a good box is refused: %d %.200s", r.status, r.body)
	}
}}

// A dose given twice: by the same nurse from another lot, by a colleague, and at once by many.
var givenTwice = attack{name: "giving twice", without: weak.GivenOnce, run: func(a *assault) {
	p := a.today(0)
	nurse, _ := a.atWork("가간호", "clinic", "T2", true)
	colleague, _ := a.atWork("나간호", "clinic", "T2", true)
	if r := a.says(nurse, p, "given", "Z1"); r.status != http.StatusSeeOther {
		a.Fatalf("the first time: %d", r.status)
	}
	for i, who := range []map[string]string{nurse, colleague, nurse} {
		r := a.says(who, p, "given", fmt.Sprint("Z", i+2))
		a.note(r.status == http.StatusConflict, fmt.Sprint("refused ", r.status))
	}
	r := a.page("GET", "/clinic/visits/"+p.booking+"/1", nil, nurse)
	a.note(r.has("Z1") && !r.has("Z2") && !r.has("Z4"), "the first stands")
}}
