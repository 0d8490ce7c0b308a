package cluster_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charye/test/program"
	"charye/test/services"
	"charye/test/services/redis"
)

const movingRules = `programme: moving
name: {ko: 이사, en: Moving}
timezone: Asia/Seoul
trial: true
products:
  - id: moderna
    name: {ko: 모더나, en: Moderna}
    cvx: "207"
    dosesPerVial: 10
    series: {doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]}
campaigns:
  - id: rush
    name: {ko: 이사, en: Moving}
    products: [moderna]
    eligible: {born: {from: 1962-01-01, to: 1966-12-31}}
    gathers: +1s
    opens: +8s
    closes: +6h
    stock: 400
    line: {order: draw, inside: 300, perSecond: 6, passMinutes: 10}
    helpers: {allowed: true, perHelper: 5}
timetables:
  - {sites: all, start: +1d, days: 14, from: "09:00", to: "17:00", every: 30m, seats: 5}
`

// TestMove grows an installation of one machine, in the middle of its opening, into a cluster of two nodes. The move is killed
// again and again and run again. Everybody finds their place, number, booking and address as they were, with the session and the
// ticket that they had; those inside go on, those who wait get their turn.
func TestMove(t *testing.T) {
	t.Parallel()
	program.NeedE2E(t)
	dir := t.TempDir()
	m := &moving{T: t, rules: write(t, dir, "moving.yaml", movingRules), data: filepath.Join(dir, "data")}
	sites := write(t, dir, "sites.csv", "id,name,kind,address,lat,lon,phone,region\n"+manySites(30))
	m.must("import", "sites", "--format", "csv", "--data", m.data, sites)
	one := program.Start(t, "serve", "--programme", m.rules, "--data", m.data)
	m.people = m.sessions(120)
	m.walkHalf(one)
	before := m.whatEverybodyHas(one)
	if err := one.Stop(); err != nil {
		t.Fatal(err)
	}

	db, cache := services.OwnPostgres(t), redis.StartCluster(t, 3)
	to := []string{"--to-postgres", db.URL("postgres")}
	at := []string{"--data", m.data, "--postgres", db.URL("postgres")}
	for _, a := range cache.Addresses() {
		to, at = append(to, "--to-valkey", a), append(at, "--valkey", a)
	}
	for _, after := range []string{"", "sites", "people", "messages", "bookings", "leftovers", "approvals", "lines"} {
		m.killedAfter(after, append([]string{"move", "--from", m.data}, to...))
		if after == "" { // it may not have begun
			continue
		}
		if out, err := m.run("serve", "--programme", m.rules, "--data", m.data, "--listen", "127.0.0.1:0"); err == nil || !strings.Contains(out, "on its way into a cluster") {
			t.Fatalf("a directory on its way was served: %v %s", err, out)
		}
	}
	out := m.must(append([]string{"move", "--from", m.data}, to...)...)
	for _, room := range []string{"sites", "people", "messages", "bookings"} {
		if !strings.Contains(out, fmt.Sprintf("%-10s there already", room)) {
			t.Errorf("the last of many tries does not find %s where an earlier one put it:\n%s", room, out)
		}
	}

	another := m.another(dir)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"has moved already", append([]string{"move", "--from", m.data}, to...)},
		{"give --postgres and --valkey", []string{"serve", "--programme", m.rules, "--data", m.data, "--listen", "127.0.0.1:0"}},
		{"give --postgres and --valkey", []string{"import", "sites", "--format", "csv", "--data", m.data, sites}},
		{"is not empty", append([]string{"move", "--from", another}, to...)},
		{"an installation of its own", append([]string{"serve", "--programme", m.rules, "--listen", "127.0.0.1:0", "--data", another}, at[2:]...)},
	} {
		if out, err := m.run(c.args...); err == nil || !strings.Contains(out, c.want) {
			t.Errorf("charye %s: %v %s; want %q", c.args[0], err, out, c.want)
		}
	}

	nodes := []*program.Charye{
		program.Start(t, append([]string{"serve", "--programme", m.rules}, at...)...),
		program.Start(t, append([]string{"serve", "--programme", m.rules}, at...)...),
	}
	for i, n := range nodes {
		for who, had := range before {
			if has := m.has(n, m.people[who]); has != had {
				t.Fatalf("person %d on node %d has\n%s, had\n%s", who, i+1, has, had)
			}
		}
	}
	m.walkOn(nodes)
	for _, n := range nodes {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("check:\n%s", m.must(append([]string{"check"}, at...)...))
}

type moving struct {
	*testing.T
	rules, data string
	people      []*mover
}

// mover is one of the people, with what they keep on their device.
type mover struct {
	nth             int
	session, ticket string
	booked          bool
}

func (m *moving) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(m.Context(), time.Minute) // a server that was not refused would stay
	defer cancel()
	out, err := exec.CommandContext(ctx, program.Binary(m), args...).CombinedOutput()
	return string(out), err
}

func (m *moving) must(args ...string) string {
	m.Helper()
	out, err := m.run(args...)
	if err != nil {
		m.Fatalf("charye %s: %v\n%s", args[0], err, out)
	}
	return out
}

// killedAfter runs the program and kills it once it has said the word; "": as soon as it runs.
func (m *moving) killedAfter(word string, args []string) {
	m.Helper()
	cmd := exec.CommandContext(m.Context(), program.Binary(m), args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.Fatal(err)
	}
	seen := word == ""
	for lines := bufio.NewScanner(out); !seen && lines.Scan(); {
		seen = strings.HasPrefix(lines.Text(), word)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	if !seen {
		m.Fatalf("it never came to %s: %s", word, &said)
	}
}

func (m *moving) sessions(n int) (list []*mover) {
	m.Helper()
	for l := range strings.Lines(m.must("session", "--data", m.data, "--people", fmt.Sprint(n))) {
		var s struct{ Session string }
		if err := json.Unmarshal([]byte(l), &s); err != nil {
			m.Fatal(err)
		}
		list = append(list, &mover{nth: len(list), session: s.Session})
	}
	return list
}

// another makes a second installation with something in it.
func (m *moving) another(dir string) string {
	m.Helper()
	data := filepath.Join(dir, "another")
	m.must("import", "sites", "--format", "csv", "--data", data, write(m.T, dir, "other.csv", "id,name,kind,address,lat,lon,phone,region\n"+manySites(3)))
	c := program.Start(m, "serve", "--programme", m.rules, "--data", data)
	if err := c.Stop(); err != nil {
		m.Fatal(err)
	}
	return data
}

// call asks a node, again while it says that it is too early or too busy.
func (m *moving) call(n *program.Charye, who *mover, want int, method, path, body string, header ...string) map[string]any {
	m.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		r, err := http.NewRequestWithContext(m.Context(), method, n.URL+"/api/v1"+path, strings.NewReader(body))
		if err != nil {
			m.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+who.session)
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			m.Fatal(err)
		}
		b, err := io.ReadAll(a.Body)
		_ = a.Body.Close()
		var doc map[string]any
		if err == nil && len(b) > 0 && b[0] == '{' {
			err = json.Unmarshal(b, &doc)
		}
		if err != nil {
			m.Fatalf("%s %s: %v %s", method, path, err, b)
		}
		if a.StatusCode == want {
			return doc
		}
		switch a.StatusCode {
		case http.StatusTooEarly, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		default:
			m.Fatalf("%s %s: %d %s, want %d", method, path, a.StatusCode, b, want)
		}
		if time.Now().After(deadline) {
			m.Fatalf("%s %s: %d %s for a minute", method, path, a.StatusCode, b)
		}
		<-time.After(200 * time.Millisecond)
	}
}

const moverCampaign = "/campaigns/rush"

// walkHalf has everybody take a place before the opening, then a dozen book, some of whom cancel, and some hold.
func (m *moving) walkHalf(n *program.Charye) {
	m.Helper()
	for i, p := range m.people {
		p.ticket, _ = m.call(n, p, http.StatusCreated, "POST", moverCampaign+"/places", "{}")["ticket"].(string)
		if i%40 == 0 {
			m.call(n, p, http.StatusOK, "PUT", "/me/contact", `{"lang":"ko","mail":"person@example.org"}`)
		}
	}
	for done, deadline := 0, time.Now().Add(time.Minute); done < 12; {
		if time.Now().After(deadline) {
			m.Fatalf("after a minute %d have booked", done)
		}
		for _, p := range m.people {
			if p.booked || m.call(n, p, http.StatusOK, "GET", moverCampaign+"/place", "", "Charye-Ticket", p.ticket)["state"] != "admitted" {
				continue
			}
			id := m.book(n, p, done%6 == 5)
			if done++; done%5 == 0 && id != "" {
				m.call(n, p, http.StatusOK, "DELETE", "/bookings/"+id, "")
			}
		}
	}
}

// book takes a pass and a slot; hold: only for a while.
func (m *moving) book(n *program.Charye, p *mover, hold bool) (id string) {
	m.Helper()
	p.booked = true
	pass, _ := m.call(n, p, http.StatusCreated, "POST", moverCampaign+"/passes", `{"device":"a phone"}`, "Charye-Ticket", p.ticket)["pass"].(string)
	sites, _ := m.call(n, p, http.StatusOK, "GET", moverCampaign+"/sites", "")["sites"].([]any)
	for i := range sites { // each at another site: nobody is in another's way
		s := sites[(p.nth+i)%len(sites)]
		doc, _ := s.(map[string]any)
		free, _ := doc["free"].(map[string]any)
		for day := range free {
			slots, _ := m.call(n, p, http.StatusOK, "GET", fmt.Sprintf("%s/sites/%v/slots?date=%s", moverCampaign, doc["id"], day), "")["slots"].([]any)
			if len(slots) == 0 {
				continue
			}
			slot, _ := slots[p.nth/len(sites)%len(slots)].(map[string]any)
			what := "/bookings"
			if hold {
				what = "/holds"
			}
			made := m.call(n, p, http.StatusCreated, "POST", what, fmt.Sprintf(`{"slot":%q}`, slot["id"]), "Charye-Pass", pass, "Idempotency-Key", "moving-1")
			if !hold {
				id, _ = made["id"].(string)
			}
			return id
		}
	}
	m.Fatal("no free slot")
	return ""
}

// has gives what stays of somebody: place and number, bookings, contact. What moves with time is left out.
func (m *moving) has(n *program.Charye, p *mover) string {
	m.Helper()
	place := m.call(n, p, http.StatusOK, "GET", moverCampaign+"/place", "", "Charye-Ticket", p.ticket)
	var out strings.Builder
	fmt.Fprintln(&out, place["number"], place["pseudonym"])
	for _, path := range []string{"/bookings", "/me/contact"} {
		b, err := json.Marshal(m.call(n, p, http.StatusOK, "GET", path, ""))
		if err != nil {
			m.Fatal(err)
		}
		fmt.Fprintf(&out, "%s\n", b)
	}
	return out.String()
}

func (m *moving) whatEverybodyHas(n *program.Charye) (list []string) {
	m.Helper()
	booked := 0
	for _, p := range m.people {
		has := m.has(n, p)
		if strings.Contains(has, "slot") {
			booked++
		}
		list = append(list, has)
	}
	if booked < 10 {
		m.Fatalf("%d have a booking; the test means nothing", booked)
	}
	return list
}

// walkOn has everybody who has no booking get one, at the one node or the other, in time.
func (m *moving) walkOn(nodes []*program.Charye) {
	m.Helper()
	for i, p := range m.people {
		if !p.booked {
			m.book(nodes[i%2], p, false)
		}
	}
	newcomer := &mover{session: m.sessions(len(m.people) + 1)[len(m.people)].session}
	place := m.call(nodes[0], newcomer, http.StatusCreated, "POST", moverCampaign+"/places", "{}")
	if got, want := fmt.Sprint(place["number"]), fmt.Sprint(len(m.people)+1); got != want {
		m.Errorf("the first to come after the move has number %s, want %s", got, want)
	}
}
