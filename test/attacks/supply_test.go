package attacks_test

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"charye/internal/weak"
)

// boxes are made-up ones of the rules' product, at the site T1.
var boxes = []string{"088099990000000013", "088099990000000020", "088099990000000037", "088099990000000044"}

// stocked tells the supply room of the boxes, and waits until its pages know them.
func (a *assault) stocked(worker map[string]string) {
	a.Helper()
	at := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	var events []string
	for _, b := range boxes {
		events = append(events, fmt.Sprintf(`{"eventTime":%q,"eventTimeZoneOffset":"+00:00","type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%s","childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/A","quantity":4}],"bizLocation":{"id":"urn:charye:site:T1"}}`, at, b))
	}
	file := filepath.Join(a.TempDir(), "boxes.json")
	doc := `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"` + at + `","epcisBody":{"eventList":[` + strings.Join(events, ",") + `]}}`
	if err := os.WriteFile(file, []byte(doc), 0o600); err != nil {
		a.Fatal(err)
	}
	a.command(append(append([]string{"supply", "capture", "--party", "maker"}, a.at...), file)...)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(30 * time.Second); a.page("GET", "/supply/boxes/"+boxes[len(boxes)-1], nil, worker).status != 200; <-again.C {
		if time.Now().After(end) {
			a.Fatal("the supply room does not learn of boxes")
		}
	}
}

var casePath = regexp.MustCompile(`^/supply/cases/[0-9]+$`)
var digestShown = regexp.MustCompile(`name="digest" value="([0-9a-f]{64})"`)
var digestText = regexp.MustCompile(`class="code">([0-9a-f]{64})<`)

// asked is a verdict that a worker has previewed and asked for, by the address of its page.
func (a *assault) asked(worker map[string]string, box, name string) string {
	a.Helper()
	form := url.Values{"action": {"hold"}, "case": {name}, "boxes": {box}, "reason": {"attack"}, "evidence": {"none"}, "km": {"30"}, "days": {"30"}}
	to := a.page("POST", "/supply/cases/new", form, worker).header.Get("Location")
	digest, ok := strings.CutPrefix(to, "/supply/cases/draft/")
	if !ok {
		a.Fatalf("no preview: it leads to %q", to)
	}
	to = a.page("POST", "/supply/cases", url.Values{"plan": {digest}}, worker).header.Get("Location")
	if !casePath.MatchString(to) {
		a.Fatalf("nothing was asked for: it leads to %q", to)
	}
	return to
}

// digestOf is the digest that the page of a request shows.
func (a *assault) digestOf(at string, worker map[string]string) string {
	a.Helper()
	m := digestText.FindSubmatch(a.page("GET", at, nil, worker).body)
	if m == nil {
		a.Fatalf("%s shows no digest", at)
	}
	return string(m[1])
}

// supplyPages are pages and forms of the supply room.
var supplyPages = []string{
	"GET /supply", "GET /supply/find?q=1", "GET /supply/alarms", "GET /supply/alarms/1", "GET /supply/sites", "GET /supply/boxes", "GET /supply/boxes/088099990000000013",
	"GET /supply/readings?lot=A", "GET /supply/cases", "GET /supply/cases/1", "GET /supply/cases/new", "POST /supply/cases/new", "POST /supply/cases", "GET /supply/cases/draft/x", "GET /supply/cases/making/x", "POST /supply/cases/making/x/again",
	"GET /supply/deliveries", "GET /supply/deliveries/departure?d=x", "POST /supply/deliveries/departure", "GET /supply/deliveries/settled/1", "GET /supply/deliveries/settled/1/boxes.csv",
	"POST /supply/deliveries/settled/1/withdraw", "GET /supply/people/1", "GET /supply/people/1/list.csv", "POST /supply/people/1", "POST /supply/cases/1/agree", "POST /supply/cases/1/decline", "POST /supply/cases/1/withdraw",
}

// Somebody who has found the address of the supply room, with the session they have.
var citizenInSupply = attack{name: "citizens in the supply room", why: "the cookie of staff, the session's roles and the table of acts: each alone stops it", run: func(a *assault) {
	mine := a.sessions[0]
	for _, cookies := range []map[string]string{{}, {"charye_session": mine}, {"charye_staff": mine}, {"charye_staff": mine, "charye_session": mine, "charye_role": "logistics"}} {
		for _, p := range supplyPages {
			method, path, _ := strings.Cut(p, " ")
			a.kept(p, a.page(method, path, url.Values{"why": {"x"}, "digest": {strings.Repeat("0", 64)}}, cookies))
		}
	}
}}

// A clerk of the call desk has a second factor and a staff session, and nothing to do with boxes; an auditor looks and decides nothing.
var clerkInSupply = attack{name: "a clerk's hold", without: weak.Role, run: func(a *assault) {
	worker, _ := a.atWork("나물류", "logistics", "", true)
	a.stocked(worker)
	at := a.asked(worker, boxes[0], "clerk")
	digest := a.digestOf(at, worker)
	clerk, _ := a.atWork("나상담", "calldesk", "", true)
	auditor, _ := a.atWork("다감사", "auditor", "", true)
	for _, p := range []string{"GET /supply", "GET /supply/readings?lot=A", "GET " + at} {
		method, path, _ := strings.Cut(p, " ")
		a.kept(p, a.page(method, path, nil, clerk))
	}
	form := url.Values{"action": {"destroy"}, "case": {"x"}, "boxes": {boxes[0]}, "reason": {"x"}, "evidence": {"x"}, "km": {"1"}, "days": {"1"}, "digest": {digest}, "why": {"x"}}
	for _, cookies := range []map[string]string{clerk, auditor} {
		a.kept("a preview", a.page("POST", "/supply/cases/new", form, cookies))
		a.kept("agreement", a.page("POST", at+"/agree", form, cookies))
		a.kept("a no", a.page("POST", at+"/decline", form, cookies))
		a.kept("a settlement", a.page("POST", "/supply/deliveries/departure", url.Values{"d": {strings.Repeat("0", 64)}}, cookies))
		a.kept("a withdrawal", a.page("POST", "/supply/deliveries/settled/1/withdraw", url.Values{"reason": {"x"}}, cookies))
	}
}}

// One person alone holds boxes: in the role they asked in and in another of theirs, signed in again, at the other node.
var ownVerdict = attack{name: "agreeing to one's own verdict", without: weak.OtherEyes, run: func(a *assault) {
	worker, _ := a.atWork("나물류", "logistics", "", true)
	a.stocked(worker)
	at := a.asked(worker, boxes[1], "own")
	form := url.Values{"digest": {a.digestOf(at, worker)}}
	a.kept("who asked agrees", a.page("POST", at+"/agree", form, worker))
	again, _ := a.atWork("나물류", "logistics", "", true)
	a.kept("signed in again", a.page("POST", at+"/agree", form, again))
	manager, _ := a.atWork("나물류", "manager", "", true)
	a.kept("in another role", a.page("POST", at+"/agree", form, manager))
	last := a.nodes[len(a.nodes)-1].URL
	a.kept("at the other node", a.page("POST", last+at+"/agree", form, worker))
	if m := digestShown.Find(a.page("GET", at, nil, worker).body); m != nil {
		a.note(false, "the page offers it")
	}
}}

// What is agreed to is what the page showed: another request's digest, or one that was made up, agrees to nothing.
var otherDigest = attack{name: "agreeing to another plan", without: weak.Unchanged, run: func(a *assault) {
	worker, _ := a.atWork("나물류", "logistics", "", true)
	a.stocked(worker)
	first, second := a.asked(worker, boxes[2], "small"), a.asked(worker, boxes[3], "large")
	manager, _ := a.atWork("라관리", "manager", "", true)
	small := a.digestOf(first, manager)
	for _, digest := range []string{small, strings.Repeat("0", 64), "", small[:63]} {
		r := a.page("POST", second+"/agree", url.Values{"digest": {digest}}, manager)
		a.note(r.status == 409, fmt.Sprintf("%d", r.status))
	}
}}

var departureShown = regexp.MustCompile(`/supply/deliveries/departure\?d=([0-9a-f]{64})`)

// One box is in the depot. Two people settle it from several windows at all nodes at once, then again, and under digests of what nobody showed them.
var settledTwice = attack{name: "settling one box twice", why: "the book under the store's lock and the primary key of the box: each alone stops it", run: func(a *assault) {
	const box = "088099990000000099"
	at := time.Now().Add(-time.Hour).UTC()
	doc := fmt.Sprintf(`[{"@context":[{"cbvmda":"urn:epcglobal:cbv:mda:"}],"eventTime":%[1]q,"eventTimeZoneOffset":"+00:00","type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":[],"quantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/B","quantity":1}],"ilmd":{"cbvmda:itemExpirationDate":%[2]q},"readPoint":{"id":"urn:x:depot"}},
{"@context":[],"eventTime":%[1]q,"eventTimeZoneOffset":"+00:00","type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"https://id.gs1.org/00/%[3]s","childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/B","quantity":1}],"bizLocation":{"id":"urn:x:depot"}}]`,
		at.Format(time.RFC3339), at.AddDate(1, 0, 0).Format(time.DateOnly), box)
	file := filepath.Join(a.TempDir(), "depot.json")
	if err := os.WriteFile(file, []byte(doc), 0o600); err != nil {
		a.Fatal(err)
	}
	a.command(append(append([]string{"supply", "capture", "--party", "maker"}, a.at...), file)...)
	if a.booked(a.base, "open") == nil {
		a.Fatal("nobody is booked")
	}
	one, _ := a.atWork("가물류", "logistics", "", true)
	two, _ := a.atWork("나관리", "manager", "", true)
	digests := make([]string, len(a.nodes))
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for i, node := range a.nodes {
		end := time.Now().Add(2 * time.Minute)
		for ; a.page("GET", node.URL+"/supply/boxes/"+box, nil, one).status != 200 && time.Now().Before(end); <-again.C { // a plan is made once a minute: first the box
		}
		for ; digests[i] == ""; <-again.C {
			for _, m := range departureShown.FindAllSubmatch(a.page("GET", node.URL+"/supply/deliveries", nil, one).body, -1) {
				if bytes.Contains(a.page("GET", node.URL+"/supply/deliveries/departure?d="+string(m[1]), nil, one).body, []byte(box)) {
					digests[i] = string(m[1])
				}
			}
			if time.Now().After(end) {
				a.Fatal("nothing is to be settled")
			}
		}
	}
	var wg sync.WaitGroup
	var won atomic.Int64
	for i, node := range a.nodes {
		for range 4 {
			for _, worker := range []map[string]string{one, two} {
				wg.Go(func() {
					r := a.page("POST", node.URL+"/supply/deliveries/departure", url.Values{"d": {digests[i]}}, worker)
					if r.status == 303 && strings.HasPrefix(r.header.Get("Location"), "/supply/deliveries/settled/") {
						if won.Add(1) > 1 {
							a.note(false, "settled twice")
						}
						return
					}
					a.note(r.status == 409, fmt.Sprintf("%d", r.status))
				})
			}
		}
	}
	wg.Wait()
	if won.Load() != 1 {
		a.Errorf("%d settled it, want one", won.Load())
	}
	for _, digest := range []string{digests[0], strings.Repeat("0", 64), ""} {
		r := a.page("POST", "/supply/deliveries/departure", url.Values{"d": {digest}}, one)
		a.note(r.status == 409, fmt.Sprintf("%d", r.status))
	}
	r := a.page("POST", "/supply/deliveries/settled/1/withdraw", url.Values{"reason": {""}}, one)
	a.note(r.status == 422, fmt.Sprintf("%d", r.status))
}}
