package attacks_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"charye/internal/weak"
	"charye/test/program"
)

// changedRules is the programme file of the world with another stock, none twice.
func (a *assault) changedRules(n int) (text, file string) {
	a.Helper()
	b, err := os.ReadFile(a.rules)
	if err != nil {
		a.Fatal(err)
	}
	text = strings.Replace(string(b), "stock: 1000", fmt.Sprintf("stock: %d", 1001+a.base+n), 1)
	file = filepath.Join(a.TempDir(), "changed.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		a.Fatal(err)
	}
	return text, file
}

// asksRules has a manager ask for changed rules on the page, and gives the address of the request.
func (a *assault) asksRules(manager map[string]string, n int) string {
	a.Helper()
	text, _ := a.changedRules(n)
	r := a.page("POST", "/manage/rules", url.Values{"file": {text}, "do": {"ask"}, "reason": {"more came"}}, manager)
	at := r.header.Get("Location")
	if !strings.HasPrefix(at, "/manage/requests/") {
		a.Fatalf("nothing was asked for: %d %.400s", r.status, r.body)
	}
	return at
}

// asksOnShell has somebody on the command line ask for changed rules: two managers must agree.
func (a *assault) asksOnShell(n int) string {
	a.Helper()
	_, file := a.changedRules(n)
	out := a.command(append(append([]string{"programme", "ask"}, a.at...), "--reason", "more came", file)...)
	number := requestShown.FindStringSubmatch(out)
	if number == nil {
		a.Fatalf("nothing was asked for: %s", out)
	}
	return "/manage/requests/" + number[1]
}

var (
	requestShown  = regexp.MustCompile(`request (\d+) `)
	requestDigest = regexp.MustCompile(`<code>([0-9a-f]{64})</code>`)
)

// agrees is a manager who has read a request's page.
func (a *assault) agrees(at string, manager map[string]string) reply {
	a.Helper()
	digest := requestDigest.FindSubmatch(a.page("GET", at, nil, manager).body)
	if digest == nil {
		a.Fatalf("%s shows no digest", at)
	}
	return a.page("POST", at+"/agree", url.Values{"digest": {string(digest[1])}}, manager)
}

func (a *assault) manager(name string) map[string]string {
	a.Helper()
	c, _ := a.atWork(name, "manager", "", true)
	return c
}

// Who wants it also agrees to it: in the session they asked in, and in another one.
var askerAgrees = attack{name: "who asked agrees", without: weak.OtherEyes, run: func(a *assault) {
	at := a.asksRules(a.manager("가담당"), 1)
	for _, session := range []map[string]string{a.manager("가담당"), a.manager("가담당")} {
		r := a.agrees(at, session)
		a.refused("agree to one's own", r, 403, 409)
	}
	if r := a.agrees(at, a.manager("나담당")); r.status != http.StatusSeeOther && len(a.through) == 0 {
		a.Errorf("another manager cannot agree either: %d %.200s", r.status, r.body)
	}
}}

// One manager is two, from two browsers.
var twoSessions = attack{name: "one manager agrees twice", without: weak.Distinct, run: func(a *assault) {
	at := a.asksOnShell(1)
	if r := a.agrees(at, a.manager("다담당")); r.status != http.StatusSeeOther {
		a.Fatalf("a manager cannot agree: %d %.200s", r.status, r.body)
	}
	a.refused("agree from another browser", a.agrees(at, a.manager("다담당")), 409)
}}

// The page that a manager read was of something else: another request, or nothing.
var anotherDigest = attack{name: "agreed to what was not read", without: weak.Unchanged, run: func(a *assault) {
	manager := a.manager("라담당")
	first, second := a.asksOnShell(1), a.asksOnShell(2)
	digest := requestDigest.FindSubmatch(a.page("GET", first, nil, manager).body)
	a.refused("the digest of another request", a.page("POST", second+"/agree", url.Values{"digest": {string(digest[1])}}, manager), 409)
}}

// Whoever is not a manager has found the address.
var notManagers = attack{name: "not managers at a request", without: weak.Role, run: func(a *assault) {
	at := a.asksOnShell(1)
	digest := requestDigest.FindSubmatch(a.page("GET", at, nil, a.manager("마담당")).body)
	for _, role := range []string{"calldesk", "office", "clinic", "logistics", "operator", "auditor"} {
		c, _ := a.atWork("바직원", role, "", true)
		a.kept(role+" agrees", a.page("POST", at+"/agree", url.Values{"digest": {string(digest[1])}}, c))
		a.kept(role+" declines", a.page("POST", at+"/decline", url.Values{"why": {"x"}}, c))
		if role != "auditor" {
			a.kept(role+" reads it", a.page("GET", at, nil, c))
		}
		c["charye_role"] = "manager" // not among their roles
		a.kept(role+" says manager", a.page("POST", at+"/agree", url.Values{"digest": {string(digest[1])}}, c))
	}
}}

// onePlan is a plan of one move, of a booking that is not there: it counts as cancelled.
const onePlan = `{"reschedule":"attacked","campaign":"open","why":"interval","made":"2021-09-23T01:00:00Z"}
{"booking":%d,"dose":2,"from":"1-20211004-0900-flu","to":"1-20210927-0900-flu"}
`

// What was agreed is done again, or another plan in its place. On one machine plans are carried out while the server is stopped: this attack has an
// installation of its own.
var doneTwice = attack{name: "a plan carried out twice, or changed after it was agreed to", why: "the command looks for an agreed request for exactly this plan, and the register takes no step on one that is done: each alone stops it", run: func(a *assault) {
	own := &assault{world: &world{T: a.T, path: a.path, env: a.env, rules: a.rules, data: filepath.Join(a.TempDir(), "own"), client: a.client}, told: map[string]int{}}
	own.at = []string{"--data", own.data}
	dir := a.TempDir()
	plan := filepath.Join(dir, "plan")
	write := func(booking int) {
		if err := os.WriteFile(plan, fmt.Appendf(nil, onePlan, booking), 0o600); err != nil {
			a.Fatal(err)
		}
	}
	charye := func(args ...string) (string, error) {
		cmd := exec.CommandContext(a.Context(), a.path, append(args, "--data", own.data, "--plan", plan)...)
		cmd.Env = append(os.Environ(), a.env...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	server := program.StartVariant(a.T, a.path, a.env, "serve", "--programme", a.rules, "--data", own.data)
	own.nodes = []*program.Charye{server}
	write(7)
	out, err := charye("reschedule", "ask", "--reason", "four weeks")
	number := requestShown.FindStringSubmatch(out)
	if err != nil || number == nil {
		a.Fatalf("nothing was asked for: %v %s", err, out)
	}
	for _, name := range []string{"가담당", "나담당"} {
		if r := own.agrees("/manage/requests/"+number[1], own.manager(name)); r.status != http.StatusSeeOther {
			a.Fatalf("%s cannot agree: %d %.200s", name, r.status, r.body)
		}
	}
	if err := server.Stop(); err != nil {
		a.Fatal(err)
	}
	try := func(what, told string) {
		out, err := charye("reschedule", "apply")
		a.note(err != nil && strings.Contains(out, told), told)
		if err == nil {
			a.through = append(a.through, what+": "+out)
		}
	}
	write(8)
	try("another plan", "two managers who agree to it")
	write(7)
	if out, err := charye("reschedule", "apply"); err != nil || !strings.Contains(out, "1 cancelled") {
		a.Fatalf("what was agreed cannot be done: %v %s", err, out)
	}
	try("again", "is done")
}}

var nameShown = regexp.MustCompile(`가명은 ([0-9a-f]{12}) `)

// A laptop of staff that was left on a train: somebody goes on with the session in it after it was ended.
var endedSession = attack{name: "a session of staff that was ended", without: weak.Ended, run: func(a *assault) {
	clerk, _ := a.atWork("사직원", "office", "", true)
	name := nameShown.FindSubmatch(a.page("GET", "/desk", nil, clerk).body)
	if name == nil {
		a.Fatal("the desk does not say which name stands for its clerk")
	}
	r := a.page("POST", "/manage/sessions", url.Values{"staff": {string(name[1])}, "why": {"lost"}, "do": {"one"}}, a.manager("아담당"))
	if r.status != http.StatusSeeOther {
		a.Fatalf("a manager cannot end it: %d %.300s", r.status, r.body)
	}
	for _, p := range deskPages {
		method, path, _ := strings.Cut(p, " ")
		r := a.page(method, path, url.Values{}, clerk)
		stopped := r.status == http.StatusSeeOther && strings.HasPrefix(r.header.Get("Location"), "/desk/sign-in")
		a.note(stopped, fmt.Sprintf("%d", r.status))
	}
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(300 * time.Millisecond) { // a sign-in is known by its second
		again, _ := a.atWork("사직원", "office", "", true)
		if r = a.page("GET", "/desk", nil, again); r.status == http.StatusOK {
			return
		}
		if time.Now().After(until) {
			a.Fatalf("who signs in again is not let in: %d", r.status)
		}
	}
}}
