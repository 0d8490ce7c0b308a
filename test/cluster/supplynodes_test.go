package cluster_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"charye/booking"
	bookingpostgres "charye/booking/postgres"
	"charye/internal/civil"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/test/program"
	"charye/test/services"
	"charye/test/services/redis"
)

const boxRules = `
programme: boxes
name: {en: Boxes}
timezone: Asia/Seoul
trial: true
products:
  - {id: flu, name: {en: Flu}, cvx: "158", dosesPerVial: 10, series: {doses: 1}, gtins: ["08809999000013"], storage: [{from: 2020-01-01, bands: [{name: cold, under: 2, side: cold, for: 0m}, {name: fridge, upto: 8}, {name: hot, side: warm, for: 0m}]}]}
campaigns:
  - {id: c, name: {en: C}, products: [flu], eligible: all, opens: 2026-01-01T09:00:00+09:00, closes: 2036-12-31T18:00:00+09:00, stock: 100000, line: {order: arrival}}
timetables:
  - {sites: all, start: DAY, days: 10, from: "09:00", to: "17:00", every: 60m, seats: 400}
`

// Boxes of the test: the one that froze, at T1, and a good one at T2.
const (
	frozenBox = "088099990000000013"
	goodBox   = "088099990000000020"
)

// room is two nodes that look after boxes, the first by a wire to PostgreSQL.
type room struct {
	*world
	wire   *services.Wire
	client *http.Client
	token  string
}

// page asks for a page, or sends a form, with the cookies of a browser.
func (r *room) page(method, address string, form url.Values, cookies map[string]string) (status int, to, body string) {
	r.Helper()
	q, err := http.NewRequestWithContext(r.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		r.Fatal(err)
	}
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range cookies {
		q.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	a, err := r.client.Do(q)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	for _, c := range a.Cookies() {
		cookies[c.Name] = c.Value
	}
	b, err := io.ReadAll(a.Body)
	if err != nil {
		r.Fatal(err)
	}
	return a.StatusCode, a.Header.Get("Location"), string(b)
}

// atWork signs somebody in at a node, by the made-up provider of staff.
func (r *room) atWork(n *program.Charye, name, role string) map[string]string {
	r.Helper()
	cookies := map[string]string{}
	_, to, _ := r.page("GET", n.URL+"/desk/sign-in/trial-staff?return=%2Fdesk", nil, cookies)
	_, to, _ = r.page("POST", to, url.Values{"name": {name}, "role": {role}, "factor": {"1"}}, cookies)
	if status, _, body := r.page("GET", to, nil, cookies); status != http.StatusSeeOther {
		r.Fatalf("the sign-in of staff ends with %d %.200s", status, body)
	}
	return cookies
}

// until asks for a page again and again until it is as wanted.
func (r *room) until(what, address string, cookies map[string]string, want func(status int, body string) bool) (body string) {
	r.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	status := 0
	for end := time.Now().Add(2 * time.Minute); ; <-tick.C {
		if status, _, body = r.page("GET", address, nil, cookies); want(status, body) {
			return body
		}
		if time.Now().After(end) {
			r.Fatalf("%s: %s stays at %d:\n%s", what, address, status, body)
		}
	}
}

func (r *room) capture(n *program.Charye, events ...string) {
	r.Helper()
	q, err := http.NewRequestWithContext(r.Context(), "POST", n.URL+"/epcis/v2/capture", strings.NewReader("["+strings.Join(events, ",")+"]"))
	if err != nil {
		r.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+r.token)
	q.Header.Set("Content-Type", "application/json")
	a, err := r.client.Do(q)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	if said, _ := io.ReadAll(a.Body); a.StatusCode != http.StatusAccepted {
		r.Fatalf("capture: %d %s", a.StatusCode, said)
	}
}

// newRoom starts the first node alone, so that it is the one that works in the background, and then the second.
func newRoom(t *testing.T) *room {
	t.Helper()
	w := &world{T: t, postgres: services.OwnPostgres(t), lines: []string{redis.Single(t).Addr}}
	w.url = w.postgres.URL("postgres")
	dir := t.TempDir()
	w.data = filepath.Join(dir, "data")
	w.command("import", "sites", "--format", "csv", "--data", w.data, "--postgres", w.url, write(t, dir, "sites.csv",
		"id,name,kind,address,lat,lon,phone,region\nT1,하나의원,clinic,서울특별시 중구,37.5,127.0,02-000-0000,서울특별시\nT2,두리의원,clinic,서울특별시 중구,37.51,127.0,02-000-0001,서울특별시\n"))
	tokens := filepath.Join(dir, "parties")
	token, err := exec.CommandContext(t.Context(), program.Binary(t), "supply", "token", "--file", tokens, "--party", "depot").Output()
	if err != nil {
		t.Fatal(err)
	}
	serve := []string{"serve", "--programme", write(t, dir, "rules.yaml", strings.Replace(boxRules, "DAY", tomorrow().String(), 1)), "--supply-tokens", tokens, "--alarm-to", "mail:cold-chain@example.org", "--data", w.data}
	for _, a := range w.lines {
		serve = append(serve, "--valkey", a)
	}
	wire, socket := services.WireToPostgres(t, w.postgres)
	r := &room{world: w, wire: wire, token: strings.TrimSpace(string(token)), client: &http.Client{
		Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	w.nodes = append(w.nodes, program.Start(t, append(serve[:len(serve):len(serve)], "--postgres", services.URL(socket, "postgres"))...))
	r.leads()
	w.nodes = append(w.nodes, program.Start(t, append(serve[:len(serve):len(serve)], "--postgres", w.url)...))
	return r
}

func tomorrow() civil.Date { return civil.Of(time.Now(), time.FixedZone("KST", 9*3600)) + 1 }

// leads waits until somebody has the lease.
func (r *room) leads() {
	r.Helper()
	conn, err := pgx.Connect(r.Context(), r.url)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); ; <-tick.C {
		n := 0
		if err := conn.QueryRow(r.Context(), `SELECT count(*) FROM supply_lease`).Scan(&n); err == nil && n == 1 {
			return
		} else if time.Now().After(end) {
			r.Fatal("nobody has the lease: ", err)
		}
	}
}

// book books for so many people at T1, in the ledger itself.
func (r *room) book(people int) {
	r.Helper()
	p, err := programme.Parse("boxes", []byte(strings.Replace(boxRules, "DAY", tomorrow().String(), 1)), programme.Options{})
	if err != nil {
		r.Fatal(err)
	}
	l := r.ledger()
	at := time.Now()
	var batch []booking.Request
	for n := range people {
		s := booking.Session{Site: 1, Day: tomorrow() + civil.Date(n%10), Minute: 540 + 60*(n/10%8)}
		who := person.Key{byte(n), byte(n >> 8), byte(n >> 16), 15: 1}
		batch = append(batch, booking.Request{
			Op: booking.OpBook, Campaign: p.Campaigns[0].Num, Person: who, Actor: who, Channel: "web", At: at,
			Shared: []booking.Claim{{Counter: booking.StockCounter(p.Campaigns[0].Num), Capacity: 100_000, N: 1}},
			Doses:  [][]booking.Choice{{{Slot: booking.Slot{Session: s, Product: "flu"}, Minutes: 60, Seat: booking.Claim{Counter: booking.SeatCounter(s), Capacity: 400, N: 1}}}},
		})
		if len(batch) == 2000 || n == people-1 {
			out, err := l.Apply(r.Context(), batch)
			if err != nil {
				r.Fatal(err)
			}
			for i := range out {
				if out[i].Result != booking.Done {
					r.Fatalf("a booking gets result %d", out[i].Result)
				}
			}
			batch = batch[:0]
		}
	}
}

func (r *room) ledger() *bookingpostgres.Ledger {
	r.Helper()
	l, err := bookingpostgres.Open(r.Context(), r.url)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = l.Close() })
	return l
}

var (
	shownDigest   = regexp.MustCompile(`name="digest" value="([0-9a-f]{64})"`)
	shownPlan     = regexp.MustCompile(`name="plan" value="([0-9a-f]{64})"`)
	shownProgress = regexp.MustCompile(`<progress max="100" value="([0-9]+)"`)
)

func progressOf(body string) int {
	m := shownProgress.FindStringSubmatch(body)
	if m == nil {
		return -1
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// TestSupplyRoomOnTwoNodes: what one node is told the other shows, an alarm is raised and told once, a preview that one node makes is seen at the other, a hold
// that was asked for at one and agreed to at the other is seen at both while it is done, and when the node that works at it is killed the other ends it: nobody is
// moved twice, nobody is told twice, and the check finds every promise kept.
func TestSupplyRoomOnTwoNodes(t *testing.T) {
	t.Parallel()
	program.NeedE2E(t)
	r := newRoom(t)
	const people = 8000
	r.book(people)
	one, two := r.nodes[0], r.nodes[1]
	asker, other := r.atWork(one, "나물류", "logistics"), r.atWork(two, "다동의", "manager")

	at := time.Now().Add(-30 * time.Minute).UTC()
	event := func(when time.Time, members string) string {
		return fmt.Sprintf(`{"@context":{},"eventTime":%q,"eventTimeZoneOffset":"+00:00",%s}`, when.Format(time.RFC3339), members)
	}
	pack := func(box, where string, vials int) string {
		return event(at, fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/A","quantity":%d}],"bizLocation":{"id":"urn:charye:site:%s"}`, box, vials, where))
	}
	r.capture(one, pack(frozenBox, "T1", people/10), pack(goodBox, "T2", 2*people/10))
	told := time.Now()
	for _, n := range r.nodes {
		r.until("the box", n.URL+"/supply/boxes/"+frozenBox, asker, func(status int, _ string) bool { return status == 200 })
	}
	t.Logf("both nodes show what one was told after %v", time.Since(told))
	read := func(where string, lo float64) string {
		return event(at.Add(20*time.Minute), fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"sensor_reporting","epcList":[],"readPoint":{"id":"urn:charye:site:%s"},"sensorElementList":[{"sensorMetadata":{"startTime":%q,"endTime":%q},"sensorReport":[{"type":"Temperature","minValue":%.1f,"maxValue":5.0,"uom":"CEL"}]}]`,
			where, at.Format(time.RFC3339), at.Add(20*time.Minute).Format(time.RFC3339), lo))
	}
	r.capture(two, read("T1", -2), read("T2", 4))
	for _, n := range r.nodes {
		r.until("the alarm", n.URL+"/supply/alarms/1", asker, func(status int, _ string) bool { return status == 200 })
		if status, _, _ := r.page("GET", n.URL+"/supply/alarms/2", nil, asker); status != 404 {
			t.Errorf("a second alarm at %s: %d", n.URL, status)
		}
	}
	told = time.Now()
	for tick := time.NewTicker(50 * time.Millisecond); r.messages() == 0; <-tick.C { // an alarm that is dealt with is told to nobody any more
		if time.Since(told) > 2*time.Minute {
			t.Fatal("nobody is told of the alarm")
		}
	}

	form := url.Values{"action": {"hold"}, "case": {"refrigerator"}, "boxes": {frozenBox}, "reason": {"froze"}, "evidence": {"logger"}, "km": {"30"}, "days": {"20"}}
	status, to, body := r.page("POST", one.URL+"/supply/cases/new", form, asker)
	if status != http.StatusSeeOther {
		t.Fatalf("the preview: %d\n%s", status, body)
	}
	if strings.HasPrefix(to, "/supply/cases/making/") { // its progress, and what came of it, at the other node
		r.until("the preview", two.URL+to, asker, func(status int, body string) bool { return status == http.StatusSeeOther })
		_, to, _ = r.page("GET", two.URL+to, nil, asker)
	}
	if _, _, body = r.page("GET", two.URL+"/supply/cases", nil, asker); !strings.Contains(body, to) {
		t.Errorf("the other node does not list the preview %s", to)
	}
	_, _, body = r.page("GET", two.URL+to, nil, asker)
	plan := shownPlan.FindStringSubmatch(body)
	if plan == nil {
		t.Fatalf("%s shows no plan:\n%s", to, body)
	}
	_, at1, _ := r.page("POST", one.URL+"/supply/cases", url.Values{"plan": {plan[1]}}, asker)
	_, _, body = r.page("GET", two.URL+at1, nil, other)
	digest := shownDigest.FindStringSubmatch(body)
	if digest == nil {
		t.Fatalf("%s shows no digest:\n%s", at1, body)
	}
	r.wire.Slow(100 * time.Millisecond) // the node that does it: so that there is a middle
	if status, _, body = r.page("POST", two.URL+at1+"/agree", url.Values{"digest": {digest[1]}}, other); status != http.StatusSeeOther {
		t.Fatalf("agreeing: %d\n%s", status, body)
	}
	seen := 0
	r.until("progress at the other node", two.URL+at1, other, func(_ int, body string) bool {
		seen = progressOf(body)
		if strings.Contains(body, "card good") {
			t.Fatal("it was done before the node could be killed")
		}
		return seen > 0 && seen < 100
	})
	if _, _, body := r.page("GET", one.URL+at1, nil, asker); progressOf(body) < seen {
		t.Errorf("the node that works shows %d %%, the other %d %%", progressOf(body), seen)
	}
	one.Kill()
	killed := time.Now()
	moved := r.moved()
	if moved == 0 || moved == people {
		t.Errorf("the node was killed when %d of %d were moved", moved, people)
	}
	body = r.until("the end", two.URL+at1, other, func(_ int, body string) bool { return strings.Contains(body, "card good") })
	t.Logf("killed at %d %% (%d of %d moved); the other node ended it %v later", seen, moved, people, time.Since(killed))
	if !strings.Contains(body, fmt.Sprintf("예약 %s건을 옮겼습니다", "8,000")) {
		t.Errorf("what came of it:\n%s", body)
	}

	// Everybody is elsewhere, and was moved and told of once: messages follow the events.
	events := map[int64]int{}
	l := r.ledger()
	for last, more := int64(0), true; more; {
		list, err := l.Events(t.Context(), last, 5000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if last = e.Seq; e.Kind == booking.EventChanged {
				events[e.Booking]++
			}
		}
		more = len(list) > 0
	}
	if err := l.All(t.Context(), func(b booking.Booking) error {
		if b.Doses[0].Slot.Site != site.Num(2) || events[b.ID] != 1 {
			return fmt.Errorf("booking %d is at site %d after %d changes", b.ID, b.Doses[0].Slot.Site, events[b.ID])
		}
		return nil
	}); err != nil || len(events) != people {
		t.Errorf("%d bookings were moved: %v", len(events), err)
	}
	one.Restart()
	r.wire.Mend()
	r.until("the end at the node that was killed", one.URL+at1, asker, func(_ int, body string) bool { return strings.Contains(body, "card good") })
	for _, n := range r.nodes {
		r.until("the alarm is dealt with", n.URL+"/supply", asker, func(_ int, body string) bool {
			return strings.Contains(body, "지금 정해야 할 알림이 없습니다")
		})
	}
	if n := r.messages(); n != 1 {
		t.Errorf("%d messages of one alarm", n)
	}
	if out := r.command(append([]string{"check"}, r.engines()...)...); !strings.Contains(out, "1  verdicts on boxes") || !strings.Contains(out, "every promise is kept") {
		t.Error(out)
	}
}

// messages counts those about alarms, of both nodes.
func (r *room) messages() int {
	r.Helper()
	b, err := os.ReadFile(filepath.Join(r.data, "messages.ndjson"))
	if err != nil && !os.IsNotExist(err) {
		r.Fatal(err)
	}
	return strings.Count(string(b), "cold-chain@example.org")
}

// moved counts the bookings that are no longer at T1.
func (r *room) moved() (n int) {
	r.Helper()
	if err := r.ledger().All(r.Context(), func(b booking.Booking) error {
		if b.Doses[0].Slot.Site != 1 {
			n++
		}
		return nil
	}); err != nil {
		r.Fatal(err)
	}
	return n
}
