package journeys_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charye/person/oidctest"
	"charye/test/journeys"
)

// rules are what a journey's programme says of its campaign "main". A second campaign, "later", opens in an hour.
type rules struct {
	Opens     string // from the first start, such as 25s
	Order     string // draw or arrival
	Inside    int
	PerSecond string
	Stock     int
	Today     bool // site s1 vaccinates already today, and on no other day
}

// open is a campaign that has opened, with room for everybody.
var open = rules{Opens: "1s", Order: "arrival", Inside: 50, PerSecond: "50", Stock: 1000}

// narrow lets one person in at a time, so that somebody who comes second waits until the first has booked.
var narrow = rules{Opens: "1s", Order: "arrival", Inside: 1, PerSecond: "5", Stock: 1000}

const programmeFile = `programme: journeys
name: {ko: 여정 시험 접종사업, en: Programme of the journeys}
timezone: Asia/Seoul
trial: true
fourEyes: {}
products:
  - id: alpha
    name: {ko: 알파 백신 (가상), en: Alpha vaccine (made up)}
    cvx: "207"
    dosesPerVial: 10
    series: {doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]}
campaigns:
  - id: main
    name: {ko: 50대 사전예약, en: People in their fifties}
    products: [alpha]
    eligible: {born: {from: 1962-01-01, to: 1971-12-31}}
    gathers: +0s
    opens: +%s
    closes: +6h
    stock: %d
    line: {order: %s, inside: %d, perSecond: %s, passMinutes: 10}
    helpers: {allowed: true, perHelper: 2}
    leftovers: {minutes: 10, sites: 2, withinKm: 10}
    desk: {allowed: true, perClerk: 20}
  - id: later
    name: {ko: 다음 사전예약, en: The next one}
    products: [alpha]
    eligible: {born: {from: 1962-01-01, to: 1971-12-31}}
    gathers: +0s
    opens: +1h
    closes: +6h
    stock: 1000
timetables:
  - {sites: all, start: +3d, days: 10, from: "09:00", to: "17:00", every: 30m, seats: 5}
`

const sitesFile = `id,name,kind,address,lat,lon,phone,region
s1,(가상) 종로 예방접종센터,centre,서울특별시 종로구 가상로 1,37.573,126.979,02-000-0001,서울특별시
s2,(가상) 강남 햇살병원,hospital,서울특별시 강남구 가상로 2,37.517,127.047,02-000-0002,서울특별시
s3,(가상) 해운대 새봄의원,clinic,부산광역시 해운대구 가상로 3,35.163,129.164,051-000-0003,부산광역시
s4,(가상) 제주 한빛의원,clinic,제주특별자치도 제주시 가상로 4,33.499,126.531,064-000-0004,제주특별자치도
`

// someone fills in the form of the trial sign-in. The same words are the same person, from wherever they come.
type someone struct{ name, born string }

var (
	sunja   = someone{"박순자", "1964-03-15"}
	dongsu  = someone{"이동수", "1966-11-02"}
	english = someone{"Alex Kim", "1969-07-21"}
	young   = someone{"최하늘", "2003-05-05"}
	// Helped by others: in the roster of residents with this identity number.
	mother       = someone{"김말순", "1963-09-09"}
	motherNumber = "630909-2000000"
)

// world is a running Charye with a programme, sites and a roster.
type world struct {
	t *testing.T
	*journeys.Charye
}

func newWorld(t *testing.T, r rules) *world {
	t.Helper()
	return newWorldOf(t, r, programmeFile)
}

// newWorldOf is a world with another programme, served with more flags.
func newWorldOf(t *testing.T, r rules, programmeFile string, flags ...string) *world {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	write := func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	motherIs := oidctest.Visitor{Name: mother.name, Born: date(t, mother.born), Identity: motherNumber}
	roster := fmt.Sprintf("subject,identity,born\n%s,%s,%s\n", motherIs.CI(), motherNumber, mother.born)
	run(t, "import", "sites", "--format", "csv", "--data", data, write("sites.csv", sitesFile))
	run(t, "import", "roster", "--id", "residents", "--data", data, write("roster.csv", roster))
	text := fmt.Sprintf(programmeFile, r.Opens, r.Stock, r.Order, r.Inside, r.PerSecond)
	if r.Today {
		text = strings.Replace(text, "    desk:", "    visits: [{from: 2021-01-01, lateMinutes: 30, noShow: {after: 60, then: rebook}}]\n    desk:", 1) +
			`  - {sites: s1, start: +0d, days: 1, from: "00:00", to: "23:55", every: 5m, seats: 5}` + "\n"
	}
	file := write("programme.yaml", text)
	s := &world{t, journeys.StartCharye(t, append([]string{"serve", "--programme", file, "--data", data}, flags...)...)}
	// Rules count in whole seconds, so the very first moments of a server may be before everything.
	s.until("the campaign to begin", func() bool {
		state := s.line().State
		return state == "open" || state == "gathering" && r.Order == "draw"
	})
	return s
}

// run runs the program to its end and gives what it printed.
func run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), journeys.Binary(t), args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("charye %s: %v\n%s", strings.Join(args, " "), err, complaint.Bytes())
	}
	return out
}

// signIn goes through the trial provider's form, from the page that offers the ways to sign in.
func signIn(w *journeys.Window, p someone) {
	w.WaitFor(".choices a")
	w.Click(".choices a")
	fillIn(w, p)
}

func fillIn(w *journeys.Window, p someone, identity ...string) {
	w.Type("#name", p.name)
	w.Type("#birthdate", p.born)
	for _, number := range identity {
		w.Type("#identity", number)
	}
	w.Click("form button[type=submit]:not([name])")
}

// join takes a window from nothing to the waiting page of a campaign.
func (s *world) join(w *journeys.Window, campaign string, p someone) {
	s.t.Helper()
	s.arrive(w, campaign, p)
	w.Click(`form[action$="/join"] button`)
	w.WaitFor("#wait")
}

// arrive takes a window to the page of a campaign, signed in.
func (s *world) arrive(w *journeys.Window, campaign string, p someone) {
	s.t.Helper()
	w.Open(s.URL + "/sign-in?return=/c/" + campaign)
	signIn(w, p)
	w.WaitFor(`form[action$="/join"], .card.good, .card.bad`)
}

// goIn presses the button once the turn has come.
func goIn(w *journeys.Window) {
	w.WaitFor(`[data-part="turn"] button`)
	w.Click(`[data-part="turn"] button`)
	w.WaitFor(".sites")
}

// chooseAndConfirm goes from the list of sites to the receipt.
func chooseAndConfirm(w *journeys.Window) {
	choose(w)
	w.Click(`form[action$="/confirm"] button`)
	w.WaitFor(".ticket .number")
}

// choose goes from the list of sites to the last page before booking.
func choose(w *journeys.Window) {
	w.Click(".sites a")
	w.WaitFor("form .radio")
	w.Click("form .radio:not(.off)")
	w.Click(".sticky button")
	w.WaitFor(`form[action$="/confirm"] button`)
}

// guest is a made-up person who uses the API, to stand in line before or beside the one in the browser.
type guest struct {
	s                     *world
	session, ticket, pass string
	number, tries         int
}

// guests makes so many people.
func (s *world) guests(n int) []*guest {
	s.t.Helper()
	out := run(s.t, "session", "--data", s.Data, "--people", fmt.Sprint(n), "--born", "1965-01-01")
	var all []*guest
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var line struct{ Session string }
		if err := dec.Decode(&line); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, &guest{s: s, session: line.Session})
	}
	if len(all) != n {
		s.t.Fatalf("asked for %d sessions, got %d", n, len(all))
	}
	return all
}

// call asks the API and decodes the answer when it is of success.
func (g *guest) call(method, path string, body, into any) int {
	g.s.t.Helper()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			g.s.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(g.s.t.Context(), method, g.s.URL+"/api/v1"+path, in)
	if err != nil {
		g.s.t.Fatal(err)
	}
	for k, v := range map[string]string{
		"Authorization": "Bearer " + g.session, "Charye-Ticket": g.ticket, "Charye-Pass": g.pass,
		"Content-Type": "application/json", "Idempotency-Key": fmt.Sprint("try-", g.tries),
	} {
		if v != "" {
			req.Header.Set(k, v)
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode < 300 && into != nil {
		if err := json.NewDecoder(res.Body).Decode(into); err != nil {
			g.s.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return res.StatusCode
}

func (g *guest) join() {
	g.s.t.Helper()
	var place struct {
		Ticket string
		Number int
	}
	if status := g.call("POST", "/campaigns/main/places", struct{}{}, &place); status != http.StatusCreated {
		g.s.t.Fatalf("a guest joins: %d", status)
	}
	g.ticket, g.number = place.Ticket, place.Number
}

// enter waits for the turn and asks for a pass.
func (g *guest) enter() {
	g.s.t.Helper()
	g.s.untilAdmitted(g.number)
	var pass struct{ Pass string }
	if status := g.call("POST", "/campaigns/main/passes", map[string]string{"device": "a guest's device"}, &pass); status != http.StatusCreated {
		g.s.t.Fatalf("a guest goes in: %d", status)
	}
	g.pass = pass.Pass
}

// untilAdmitted asks the line until so many have had their turn.
func (s *world) untilAdmitted(n int) {
	s.t.Helper()
	s.until(fmt.Sprintf("%d admitted", n), func() bool {
		d := s.line()
		return d.State == "open" && d.Admitted >= n
	})
}

// until asks again and again, as long as a journey's step may take.
func (s *world) until(what string, done func() bool) {
	s.t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(30 * time.Second); !done(); <-again.C {
		if time.Now().After(end) {
			s.t.Fatalf("waited in vain for %s; the line says %+v", what, s.line())
		}
	}
}

// slot gives some free slot of a site.
func (g *guest) slot(site string) string {
	g.s.t.Helper()
	var list struct {
		Sites []struct {
			ID   string
			Free map[string]int
		}
	}
	if status := g.call("GET", "/campaigns/main/sites", nil, &list); status != http.StatusOK {
		g.s.t.Fatalf("sites: %d", status)
	}
	for _, s := range list.Sites {
		for day := range s.Free {
			if s.ID != site {
				continue
			}
			var slots struct {
				Slots []struct {
					ID   string
					Free int
				}
			}
			path := "/campaigns/main/sites/" + url.PathEscape(site) + "/slots?date=" + day
			if status := g.call("GET", path, nil, &slots); status != http.StatusOK {
				g.s.t.Fatalf("slots: %d", status)
			}
			for _, sl := range slots.Slots {
				if sl.Free > 0 {
					return sl.ID
				}
			}
		}
	}
	g.s.t.Fatal("no free slot")
	return ""
}

func (g *guest) book() {
	g.s.t.Helper()
	g.bookAt("s4")
}

func (g *guest) bookAt(site string) {
	g.s.t.Helper()
	if status := g.call("POST", "/bookings", map[string]string{"slot": g.slot(site)}, nil); status != http.StatusCreated {
		g.s.t.Fatalf("a guest books: %d", status)
	}
}

// cancel cancels what the guest has booked.
func (g *guest) cancel() {
	g.s.t.Helper()
	var mine struct {
		Bookings []struct{ ID, Status string }
	}
	if status := g.call("GET", "/bookings", nil, &mine); status != http.StatusOK {
		g.s.t.Fatalf("a guest's bookings: %d", status)
	}
	for _, b := range mine.Bookings {
		if b.Status == "cancelled" {
			continue
		}
		if status := g.call("DELETE", "/bookings/"+b.ID, nil, nil); status >= 300 {
			g.s.t.Fatalf("a guest cancels: %d", status)
		}
	}
	g.tries++
}

// holdTheDoor has somebody go in before everybody else; with the narrow rules the rest then wait until that guest books.
func (s *world) holdTheDoor() *guest {
	s.t.Helper()
	g := s.guests(1)[0]
	g.join()
	g.enter()
	return g
}

// lineDoc is the public document of the line.
type lineDoc struct {
	State                               string
	Joined, Admitted, Inside, Remaining int
}

func (s *world) line() (d lineDoc) {
	s.t.Helper()
	g := guest{s: s}
	if status := g.call("GET", "/campaigns/main/line", nil, &d); status != http.StatusOK {
		s.t.Fatalf("line: %d", status)
	}
	return d
}

// remains waits until the line's public document, which may be a second old, says how many doses remain.
func (s *world) remains(want int) {
	s.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for over := time.Now().Add(10 * time.Second); ; <-tick.C {
		d := s.line()
		if d.Remaining == want {
			return
		}
		if time.Now().After(over) {
			s.t.Errorf("%d doses remain, want %d", d.Remaining, want)
			return
		}
	}
}

// noComplaints fails when a page of the window had an error.
func noComplaints(t *testing.T, w *journeys.Window) {
	t.Helper()
	for _, e := range w.Errors() {
		// Mistakes in a form are answered with this status, which the browser reports as if it were an error.
		if !strings.Contains(e, "status of 422") {
			t.Errorf("the browser complains: %s", e)
		}
	}
}
