package attacks_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"charye/test/program"
	"charye/test/services"
	"charye/test/services/redis"
)

func TestMain(m *testing.M) {
	program.Patient()
	services.Main(m)
}

// rules: one campaign that is open, one that opens in two hours, one with room for one inside, one with two doses, and one that
// offers leftover doses. Site T2 vaccinates already today.
const rules = `
programme: attacked
name: {en: Attacked}
timezone: Asia/Seoul
trial: true
fourEyes: {}
products:
  - {id: flu, name: {en: Flu}, cvx: "158", dosesPerVial: 10, series: {doses: 1}, gtins: ["08809999000013"], storage: [{from: 2020-01-01, bands: [{name: cold, under: 2, side: cold, for: 0m}, {name: fridge, upto: 8}, {name: hot, side: warm, for: 0m}]}]}
campaigns:
  - {id: open, name: {en: Open}, products: [flu], eligible: {born: {from: 1950-01-01, to: 1990-12-31}}, opens: +0s, closes: +6h, stock: 1000, line: {order: arrival, inside: 500, perSecond: 500}, helpers: {allowed: true, perHelper: 5}, desk: {allowed: true, perClerk: 50}}
  - {id: later, name: {en: Later}, products: [flu], eligible: all, gathers: +0s, opens: +2h, closes: +6h, stock: 1000, line: {inside: 500, perSecond: 500}}
  - {id: narrow, name: {en: Narrow}, products: [flu], eligible: all, opens: +0s, closes: +6h, stock: 1000, line: {order: arrival, inside: 1, perSecond: 500}}
  - {id: scarce, name: {en: Scarce}, products: [flu], eligible: all, opens: +0s, closes: +6h, stock: 2, invitations: {hours: 1}, line: {order: arrival, inside: 500, perSecond: 500}}
  - {id: spare, name: {en: Spare}, products: [flu], eligible: all, opens: +0s, closes: +6h, stock: 1, line: {order: arrival, inside: 500, perSecond: 500}, leftovers: {minutes: 1, sites: 1, withinKm: 5}}
timetables:
  - {sites: all, start: +2d, days: 5, from: "09:00", to: "17:00", every: 30m, seats: 20}
  - {sites: T2, start: +0d, days: 2, from: "00:00", to: "23:55", every: 5m, seats: 20}
shipping:
  - {from: 2020-01-01, unknown: ship, depots: [{id: depot, name: {en: Depot}, places: ["urn:x:depot"], weekdays: [mon, tue, wed, thu, fri, sat, sun], leaves: "23:59", lanes: [{region: all, transport: 1d}]}], products: [{product: flu, vialsPerBox: 1, cutOff: 0m}]}
`

const sites = "id,name,kind,address,lat,lon,phone,region\nT1,시험의원,clinic,서울특별시 중구,37.5,127.0,02-000-0000,서울특별시\nT2,하루의원,clinic,서울특별시 중구,37.5,127.0,02-000-0001,서울특별시\n"

// world is a program, or two on shared engines, that are attacked.
type world struct {
	*testing.T
	nodes    []*program.Charye
	data     string
	rules    string   // the programme file
	path     string   // the program, with or without a defence
	env      []string // which
	at       []string // what commands are told of where it is
	sessions []string // of people born in 1964
	young    string   // of somebody born in 2010
	turn     atomic.Int64
	client   *http.Client
	day      string
	lying    *liar // a provider of identities in the attackers' hands
}

// pairs are the engines.
func pairs(t *testing.T, path string, env []string) map[string]func() *world {
	files := func(w *world) (rulesFile, sitesFile string, serve []string) {
		dir := w.TempDir()
		w.data = filepath.Join(dir, "data")
		w.lying = newLiar(w)
		for name, content := range map[string]string{"rules.yaml": rules, "sites.csv": sites, "providers.yaml": w.lying.file()} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				w.Fatal(err)
			}
		}
		rulesFile = filepath.Join(dir, "rules.yaml")
		w.rules = rulesFile
		return rulesFile, filepath.Join(dir, "sites.csv"), []string{"serve", "--programme", rulesFile, "--providers", filepath.Join(dir, "providers.yaml")}
	}
	return map[string]func() *world{
		"embedded": func() *world {
			w := &world{T: t, path: path, env: env}
			_, sites, serve := files(w)
			w.at = []string{"--data", w.data}
			w.command("import", "sites", "--format", "csv", "--data", w.data, sites)
			w.nodes = []*program.Charye{program.StartVariant(t, path, env, append(serve, "--data", w.data)...)}
			return w.ready()
		},
		"cluster": func() *world {
			w := &world{T: t, path: path, env: env}
			_, sites, serve := files(w)
			url := services.OwnPostgres(t).URL("postgres")
			at := []string{"--data", w.data, "--postgres", url}
			w.at = at[:4:4]
			w.command(append(append([]string{"import", "sites", "--format", "csv"}, at...), sites)...)
			for _, a := range redis.StartCluster(t, 3).Addresses() {
				at = append(at, "--valkey", a)
			}
			for range 2 {
				w.nodes = append(w.nodes, program.StartVariant(t, path, env, append(serve[:len(serve):len(serve)], at...)...))
			}
			return w.ready()
		},
	}
}

func (w *world) command(args ...string) string {
	w.Helper()
	out, err := exec.CommandContext(w.Context(), program.Binary(w), args...).Output()
	if err != nil {
		var said []byte
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			said = e.Stderr
		}
		w.Fatalf("charye %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return string(out)
}

func (w *world) ready() *world {
	w.Helper()
	w.lying.serves(w.nodes)
	w.client = &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, set := range []struct {
		n    string
		born string
		from string
		into *[]string
	}{{"1500", "1964-07-01", "1", &w.sessions}, {"1", "2010-07-01", "9000", nil}} {
		s := bufio.NewScanner(strings.NewReader(w.command("session", "--data", w.data, "--people", set.n, "--born", set.born, "--from", set.from)))
		for s.Scan() {
			var row struct{ Session string }
			if err := json.Unmarshal(s.Bytes(), &row); err != nil {
				w.Fatal(err)
			}
			if set.into == nil {
				w.young = row.Session
			} else {
				*set.into = append(*set.into, row.Session)
			}
		}
	}
	w.untilState("open", "open")
	w.untilState("later", "gathering")
	var free struct {
		Sites []struct{ Free map[string]int }
	}
	w.as("").get("/api/v1/campaigns/open/sites").into(&free)
	for day := range free.Sites[0].Free {
		if w.day == "" || day < w.day {
			w.day = day
		}
	}
	return w
}

// untilState waits until a campaign is in a state.
func (w *world) untilState(campaign, want string) {
	w.Helper()
	until := time.Now().Add(30 * time.Second)
	for {
		var d struct{ State string }
		w.as("").get("/api/v1/campaigns/" + campaign).into(&d)
		if d.State == want {
			return
		}
		if time.Now().After(until) {
			w.Fatalf("%s is %s, want %s", campaign, d.State, want)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// caller makes requests as somebody.
type caller struct {
	w       *world
	headers map[string]string
}

func (w *world) as(session string) *caller {
	c := &caller{w: w, headers: map[string]string{}}
	if session != "" {
		c.headers["Authorization"] = "Bearer " + session
	}
	return c
}

func (c *caller) with(name, value string) *caller {
	n := &caller{w: c.w, headers: map[string]string{name: value}}
	for k, v := range c.headers {
		if k != name {
			n.headers[k] = v
		}
	}
	return n
}

// reply is an answer, read whole.
type reply struct {
	w      *world
	status int
	header http.Header
	body   []byte
}

// do is a patient request: whoever is told to wait waits, so that not the rates stop an attack but what it is about.
func (c *caller) do(method, path, body string) reply {
	for try := 0; ; try++ {
		r := c.once(method, path, body)
		busy := r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable && r.code() == "overloaded"
		if !busy || try == 20 {
			return r
		}
		select {
		case <-time.After(time.Second):
		case <-c.w.Context().Done():
			return r
		}
	}
}

func (c *caller) once(method, path, body string) reply {
	node := c.w.nodes[int(c.w.turn.Add(1))%len(c.w.nodes)]
	q, err := http.NewRequestWithContext(c.w.Context(), method, node.URL+path, strings.NewReader(body))
	if err != nil {
		c.w.Fatal(err)
	}
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	for k, v := range c.headers {
		if k == "Host" {
			q.Host = v
			continue
		}
		q.Header.Set(k, v)
	}
	a, err := c.w.client.Do(q)
	if err != nil {
		return reply{w: c.w, body: []byte(err.Error())}
	}
	defer func() { _ = a.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(a.Body, 4<<20))
	if err != nil {
		return reply{w: c.w, body: []byte(err.Error())}
	}
	return reply{c.w, a.StatusCode, a.Header, b}
}

func (c *caller) get(path string) reply { return c.do("GET", path, "") }

func (c *caller) post(path, format string, args ...any) reply {
	return c.do("POST", path, fmt.Sprintf(format, args...))
}

func (r reply) into(v any) {
	r.w.Helper()
	if err := json.Unmarshal(r.body, v); err != nil || r.status >= 300 {
		r.w.Fatalf("%d %s: %v", r.status, r.body, err)
	}
}

// code is a problem's code; "" for anything else.
func (r reply) code() string {
	var p struct{ Code string }
	_ = json.Unmarshal(r.body, &p) // a page, or nothing: then there is no code
	return p.Code
}

func (r reply) has(text string) bool { return bytes.Contains(r.body, []byte(text)) }

// somebody is a person on the walk.
type somebody struct {
	*caller
	ticket, pass, booking string
	number                int
}

func (w *world) person(n int) *somebody { return &somebody{caller: w.as(w.sessions[n])} }

// joins takes a place in a campaign.
func (p *somebody) joins(campaign string) *somebody {
	p.w.Helper()
	var d struct {
		Ticket string
		Number int
	}
	p.post("/api/v1/campaigns/"+campaign+"/places", "{}").into(&d)
	p.ticket, p.number = d.Ticket, d.Number
	return p
}

// enters takes a pass, as soon as it is the person's turn.
func (p *somebody) enters(campaign string) *somebody {
	p.w.Helper()
	until := time.Now().Add(30 * time.Second)
	for {
		r := p.with("Charye-Ticket", p.ticket).post("/api/v1/campaigns/"+campaign+"/passes", `{"device":"phone"}`)
		// What one node of two knows may be half a second old.
		if (r.status == 425 || r.code() == "slot-full") && time.Now().Before(until) {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		var d struct{ Pass string }
		r.into(&d)
		p.pass = d.Pass
		return p
	}
}

// slot is a free slot of a campaign.
func (w *world) slot(campaign string, i int) string {
	w.Helper()
	var d struct{ Slots []struct{ ID string } }
	w.as("").get("/api/v1/campaigns/" + campaign + "/sites/T1/slots?date=" + w.day).into(&d)
	return d.Slots[i%len(d.Slots)].ID
}

// books confirms.
func (p *somebody) books(slot, key string) reply {
	return p.with("Charye-Pass", p.pass).with("Idempotency-Key", key).post("/api/v1/bookings", `{"slot":%q}`, slot)
}

// booked is somebody with a booking.
func (w *world) booked(n int, campaign string) *somebody {
	w.Helper()
	p := w.person(n).joins(campaign).enters(campaign)
	var d struct{ ID string }
	p.books(w.slot(campaign, n), fmt.Sprint("key-", campaign, n)).into(&d)
	p.booking = d.ID
	return p
}

// live is how many live bookings somebody has in a campaign.
func (p *somebody) live(campaign string) int {
	p.w.Helper()
	var d struct {
		Bookings []struct {
			Status   string
			Campaign json.RawMessage
		}
	}
	p.get("/api/v1/bookings").into(&d)
	n := 0
	for _, b := range d.Bookings {
		if b.Status != "cancelled" && bytes.Contains(b.Campaign, []byte(campaign)) {
			n++
		}
	}
	return n
}
