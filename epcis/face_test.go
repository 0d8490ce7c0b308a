package epcis_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	face "charye/epcis"
	"charye/internal/telemetry"
	"charye/supply/epcis"
	"charye/supply/epcis/postgres"
	"charye/supply/epcis/sqlite"
	"charye/test/services"
)

func TestMain(m *testing.M) { services.Main(m) }

// engines open a new store.
var engines = map[string]func(t testing.TB) epcis.Store{
	"sqlite": func(t testing.TB) epcis.Store {
		s, err := sqlite.Open(context.Background(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return s
	},
	"postgres": func(t testing.TB) epcis.Store {
		p := services.SharedPostgres(t)
		s, err := postgres.Open(context.Background(), p.URL(p.Database(t, func(ctx context.Context, url string) error {
			s, err := postgres.Open(ctx, url)
			if err != nil {
				return err
			}
			return s.Close()
		})))
		if err != nil {
			t.Fatal(err)
		}
		return s
	},
}

func onEach(t *testing.T, check func(t *testing.T, c *client)) {
	for name, open := range engines {
		t.Run(name, func(t *testing.T) { t.Parallel(); check(t, serve(t, open(t))) })
	}
}

// client is a party that speaks with a served face.
type client struct {
	t     testing.TB
	url   string
	token string
	all   map[string]string // tokens by their party
	face  *face.Face
}

var now = time.Date(2026, 9, 21, 3, 0, 0, 0, time.UTC)

func serve(t testing.TB, store epcis.Store) *client {
	t.Helper()
	return serveFor(t, store, 0)
}

// serveFor serves a face that waits so long for a capture.
func serveFor(t testing.TB, store epcis.Store, patience time.Duration) *client {
	t.Helper()
	c := &client{t: t, all: map[string]string{}}
	var file strings.Builder
	for name, rights := range map[string]face.Rights{"both": face.MayCapture | face.MayQuery, "maker": face.MayCapture, "reader": face.MayQuery} {
		token, line := face.NewToken(face.Party{Name: name, Rights: rights})
		c.all[name] = token
		fmt.Fprintln(&file, line)
	}
	tokens, err := face.ReadTokens("tokens", strings.NewReader(file.String()))
	if err != nil {
		t.Fatal(err)
	}
	c.face = face.New(store, face.Options{Tokens: tokens, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler), Metrics: telemetry.New(), Patience: patience})
	server := httptest.NewServer(c.face)
	t.Cleanup(func() {
		server.Close()
		c.face.Stop()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	c.url, c.token = server.URL, c.all["both"]
	return c
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

func (c *client) do(method, path, body string, headers ...string) reply {
	c.t.Helper()
	r, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/ld+json")
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, b}
}

type problem struct {
	Type, Detail, Pointer, Rule, EventID string
	Status                               int
}

// refused sends what must be refused.
func (c *client) refused(status int, exception, method, path, body string, headers ...string) problem {
	c.t.Helper()
	got := c.do(method, path, body, headers...)
	var p problem
	if err := json.Unmarshal(got.body, &p); err != nil || got.header.Get("Content-Type") != "application/problem+json" {
		c.t.Errorf("%s %s: no problem document but %d %.300s", method, path, got.status, got.body)
		return p
	}
	if got.status != status || p.Status != status || p.Type != "epcisException:"+exception {
		c.t.Errorf("%s %s: %d %s, want %d %s", method, path, got.status, got.body, status, exception)
	}
	return p
}

type job struct {
	CaptureID        string
	Running, Success bool
	Errors           []problem
}

// capture sends a document and reads what became of the job.
func (c *client) capture(doc string) (j job) {
	c.t.Helper()
	got := c.do("POST", "/epcis/v2/capture", doc)
	if got.status != http.StatusAccepted {
		c.t.Fatalf("capture: %d %s\n%.2000s", got.status, got.body, doc)
	}
	at := got.header.Get("Location")
	got = c.do("GET", at, "")
	if err := json.Unmarshal(got.body, &j); err != nil || got.status != 200 || j.Running || "/epcis/v2/capture/"+j.CaptureID != at {
		c.t.Fatalf("job: %d %s, %v", got.status, got.body, err)
	}
	return j
}

var next = regexp.MustCompile(`^<(.*)>; rel="next"$`)

// events follows the pages of a query.
func (c *client) events(path string) (list []map[string]any) {
	c.t.Helper()
	for range 1000 {
		got := c.do("GET", path, "")
		if got.status != 200 {
			c.t.Fatalf("%s: %d %s", path, got.status, got.body)
		}
		if _, err := epcis.Parse(got.body, 5000); err != nil {
			c.t.Fatalf("the answer is no valid document: %v\n%.2000s", err, got.body)
		}
		var doc struct {
			EpcisBody struct {
				QueryResults struct {
					ResultsBody struct{ EventList []map[string]any }
				}
			}
		}
		if err := json.Unmarshal(got.body, &doc); err != nil {
			c.t.Fatal(err)
		}
		list = append(list, doc.EpcisBody.QueryResults.ResultsBody.EventList...)
		m := next.FindStringSubmatch(got.header.Get("Link"))
		if m == nil {
			return list
		}
		if got.header.Get("GS1-Next-Page-Token-Expires") != "2026-09-22T03:00:00Z" {
			c.t.Errorf("the token expires at %q", got.header.Get("GS1-Next-Page-Token-Expires"))
		}
		path = m[1]
	}
	c.t.Fatal("the pages do not end")
	return nil
}

// examples reads GS1's examples, which are not part of the project.
func examples(t testing.TB) map[string][]byte {
	t.Helper()
	dir := os.Getenv("CHARYE_DATA")
	if dir == "" {
		root, err := filepath.Abs("..")
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(root, "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(dir, "epcis", "examples-gs1", "*.jsonld"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("GS1's examples are not on this machine (epcis in ../shared/data or $CHARYE_DATA)")
	}
	out := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = b
	}
	return out
}

func eventList(t testing.TB, doc map[string]any) []any {
	t.Helper()
	body := doc["epcisBody"].(map[string]any)
	if r, ok := body["queryResults"].(map[string]any); ok {
		body = r["resultsBody"].(map[string]any)
	}
	return body["eventList"].([]any)
}

// TestExamplesComeBackEqual captures each of GS1's examples and reads its events again.
func TestExamplesComeBackEqual(t *testing.T) {
	t.Parallel()
	for name, src := range examples(t) {
		if name == "AssociationEvent_AssociationEvent-h.jsonld" {
			continue // see TestTwoIDs
		}
		t.Run(strings.TrimSuffix(name, ".jsonld"), func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, c *client) {
				var doc map[string]any
				if err := json.Unmarshal(src, &doc); err != nil {
					t.Fatal(err)
				}
				if j := c.capture(string(src)); !j.Success || len(j.Errors) != 0 {
					t.Fatalf("%+v", j)
				}
				want := eventList(t, doc)
				got := c.events("/epcis/v2/events?orderBy=recordTime&orderDirection=ASC&perPage=2")
				if len(got) != len(want) {
					t.Fatalf("%d events of %d", len(got), len(want))
				}
				for i, e := range want {
					e := e.(map[string]any)
					e["recordTime"] = "2026-09-21T03:00:00.000000Z"
					if e["eventID"] == nil {
						e["eventID"] = got[i]["eventID"]
					}
					if diff := cmp.Diff(e, got[i]); diff != "" {
						t.Errorf("event %d (-sent +read):\n%s", i, diff)
					}
					id := url.PathEscape(got[i]["eventID"].(string))
					if one := c.events("/epcis/v2/events/" + id); len(one) == 0 || !cmp.Equal(one[0], got[i]) && len(one) == 1 {
						t.Errorf("event %s alone is %v", id, one)
					}
				}
				if j := c.capture(string(src)); !j.Success {
					t.Errorf("the same again: %+v", j)
				}
				if again := c.events("/epcis/v2/events?perPage=1000"); len(again) != len(want) {
					t.Errorf("%d events after the same again", len(again))
				}
				// Without an event's time nothing is taken, and the place is named.
				last := len(want) - 1
				delete(want[last].(map[string]any), "eventTime")
				b, err := json.Marshal(doc)
				if err != nil {
					t.Fatal(err)
				}
				p := c.refused(400, "ValidationException", "POST", "/epcis/v2/capture", string(b))
				if !strings.HasSuffix(p.Pointer, fmt.Sprintf("/eventList/%d", last)) || !strings.Contains(p.Detail, "eventTime") || !strings.HasPrefix(p.Rule, "#/$defs/event/required") {
					t.Errorf("%+v", p)
				}
			})
		})
	}
}

// TestTwoIDs has GS1's one example that is not taken: its event has two members eventID.
func TestTwoIDs(t *testing.T) {
	t.Parallel()
	src := examples(t)["AssociationEvent_AssociationEvent-h.jsonld"]
	c := serve(t, engines["sqlite"](t))
	if p := c.refused(400, "ValidationException", "POST", "/epcis/v2/capture", string(src)); p.Pointer != "/epcisBody/eventList/0/eventID" {
		t.Errorf("%+v", p)
	}
}

func shipped(id, epc string, hour int) string {
	return fmt.Sprintf(`{"@context":"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld","type":"ObjectEvent","eventID":"urn:x:%s",
		"eventTime":"2026-09-21T%02d:00:00+09:00","eventTimeZoneOffset":"+09:00","action":"OBSERVE","bizStep":"shipping","disposition":"in_transit",
		"epcList":[%q],"readPoint":{"id":"urn:epc:id:sgln:8801234.00001.0"}}`, id, hour, epc)
}

const box = "urn:epc:id:sscc:8801234.0000000017"

func TestOneEvent(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, c *client) {
		for range 2 { // again is the same
			got := c.do("POST", "/epcis/v2/events", shipped("1", box, 9))
			if got.status != http.StatusCreated || got.header.Get("Location") != "/epcis/v2/events/urn:x:1" {
				t.Fatalf("%d %s %s", got.status, got.header.Get("Location"), got.body)
			}
		}
		if p := c.refused(409, "ResourceAlreadyExistsException", "POST", "/epcis/v2/events", shipped("1", box, 10)); p.EventID != "urn:x:1" {
			t.Errorf("%+v", p)
		}
		noID := strings.Replace(shipped("1", box, 11), `"eventID":"urn:x:1",`, "", 1)
		at := c.do("POST", "/epcis/v2/events", noID).header.Get("Location")
		if got := c.events(at); len(got) != 1 || !strings.HasPrefix(got[0]["eventID"].(string), "ni:///sha-256;") {
			t.Errorf("%s has %v", at, got)
		}
		wrong := strings.Replace(shipped("1", box, 9), `"action"`, `"errorDeclaration":{"declarationTime":"2026-09-22T00:00:00Z"},"action"`, 1)
		if got := c.do("POST", "/epcis/v2/events", wrong); got.status != http.StatusCreated {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := c.events("/epcis/v2/events/urn:x:1"); len(got) != 2 || got[0]["errorDeclaration"] != nil || got[1]["errorDeclaration"] == nil {
			t.Errorf("an event declared wrong: %v", got)
		}
		for path, want := range map[string]int{
			"/epcs/" + url.PathEscape(box) + "/events": 3, "/epcs/" + url.PathEscape("https://id.gs1.org/00/088012340000000178") + "/events": 3,
			"/bizSteps/shipping/events": 3, "/bizSteps/receiving/events": 0, "/eventTypes/ObjectEvent/events": 3, "/dispositions/in_transit/events?perPage=1": 3,
			"/readPoints/urn:epc:id:sgln:8801234.00001.0/events": 3, "/bizLocations/urn:x:y/events": 0,
			"/events?EXISTS_errorDeclaration=true": 1, "/events?EQ_action=ADD|DELETE": 0, "/events?MATCH_epc=urn:epc:idpat:sscc:8801234.*&GE_eventTime=2026-09-21T01:30:00Z": 1,
		} {
			if got := c.events("/epcis/v2" + path); len(got) != want {
				t.Errorf("%s: %d events, want %d", path, len(got), want)
			}
		}
		for path, want := range map[string]string{
			"/epcs": `"member":["` + epcis.Key(box) + `"]`, "/readPoints": `"member":["` + epcis.Key("urn:epc:id:sgln:8801234.00001.0") + `"]`, "/bizSteps": `"member":["shipping"]`,
			"/dispositions?perPage=7": `"member":["in_transit"]`, "/bizLocations": `"member":[]`,
		} {
			if got := c.do("GET", "/epcis/v2"+path, ""); got.status != 200 || !bytes.Contains(got.body, []byte(want)) || got.header.Get("Link") != "" {
				t.Errorf("%s: %d %s, want %s", path, got.status, got.body, want)
			}
		}
		if got := c.do("GET", "/epcis/v2/eventTypes", ""); !bytes.Contains(got.body, []byte(`"member":["ObjectEvent"`)) {
			t.Errorf("%s", got.body)
		}
		c.refused(404, "NoSuchResourceException", "GET", "/epcis/v2/events/urn:x:2", "")
	})
}

func TestJobsAreWhole(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, c *client) {
		doc := func(events ...string) string {
			return `{"@context":[],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-09-21T00:00:00Z","epcisBody":{"eventList":[` + strings.Join(events, ",") + `]}}`
		}
		if j := c.capture(doc(shipped("1", box, 9))); !j.Success {
			t.Fatalf("%+v", j)
		}
		j := c.capture(doc(shipped("2", box, 9), shipped("1", box, 10)))
		if j.Success || len(j.Errors) != 1 || j.Errors[0].Type != "epcisException:ResourceAlreadyExistsException" || !strings.Contains(j.Errors[0].Detail, "event 1 (urn:x:1)") {
			t.Errorf("%+v", j)
		}
		c.refused(404, "NoSuchResourceException", "GET", "/epcis/v2/events/urn:x:2", "")
		c.token = c.all["maker"]
		c.refused(404, "NoSuchResourceException", "GET", "/epcis/v2/capture/"+j.CaptureID, "")
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	c := serve(t, engines["sqlite"](t))
	one := shipped("1", box, 9)
	const events, capture = "/epcis/v2/events", "/epcis/v2/capture"
	many := "[" + strings.Repeat(one+",", face.MaxEvents) + one + "]"

	c.refused(400, "ValidationException", "POST", capture, `{"type":"EPCISDocument"}`)
	c.refused(400, "ValidationException", "POST", capture, `{`)
	c.refused(400, "ValidationException", "POST", events, "["+one+","+one+"]")
	c.refused(400, "ValidationException", "POST", events, "[]")
	c.refused(413, "CaptureLimitExceededException", "POST", capture, many)
	c.refused(413, "CaptureLimitExceededException", "POST", capture, `"`+strings.Repeat("a", face.MaxBody)+`"`)
	c.refused(415, "UnsupportedMediaTypeException", "POST", capture, one, "Content-Type", "application/xml")
	c.refused(406, "NotAcceptableException", "GET", events, "", "Accept", "application/xml")
	c.refused(406, "NotAcceptableException", "GET", events, "", "GS1-EPCIS-Version", "1.2")
	c.refused(501, "ImplementationException", "POST", capture, one, "GS1-Capture-Error-Behaviour", "proceed")
	c.refused(400, "QueryParameterException", "GET", events+"?EQ_transformationId=x", "")
	c.refused(400, "QueryParameterException", "GET", events+"?nextPageToken=AAAA", "")
	c.refused(400, "QueryParameterException", "GET", "/epcis/v2/bizSteps/shipping/events?EQ_bizStep=receiving", "")
	c.refused(404, "NoSuchResourceException", "GET", "/epcis/v2/query", "")
	c.refused(405, "ImplementationException", "DELETE", events, "")

	c.token = c.all["maker"]
	c.refused(403, "SecurityException", "GET", events, "")
	c.token = c.all["reader"]
	c.refused(403, "SecurityException", "POST", events, one)
	c.refused(403, "SecurityException", "POST", capture, one)
	if got := c.do("OPTIONS", capture, ""); got.status != 204 || got.header.Get("Allow") != "OPTIONS, POST" || got.header.Get("GS1-EPCIS-Capture-Limit") != "5000" || got.header.Get("GS1-EPCIS-Version") != "2.0.0" {
		t.Errorf("%d %v", got.status, got.header)
	}
}

// TestNothingWithoutToken asks for every path and more with what is no token.
func TestNothingWithoutToken(t *testing.T) {
	t.Parallel()
	c := serve(t, engines["sqlite"](t))
	good := c.token
	for _, token := range []string{"", "x", good + "x", good[:len(good)-1], strings.ToLower(good), "charye-epcis-"} {
		c.token = token
		for _, path := range []string{"/capture", "/capture/1", "/events", "/events/1", "/eventTypes", "/epcs/x/events", "/bizSteps/shipping/events", "/none", ""} {
			for _, method := range []string{"GET", "POST", "OPTIONS", "DELETE"} {
				c.refused(401, "SecurityException", method, face.Prefix+path, "")
			}
		}
	}
	c.refused(401, "SecurityException", "GET", "/epcis/v2/events", "", "Authorization", "Basic "+good)
}

// TestPagingWhileOthersCapture follows Link headers while events come in at the top.
func TestPagingWhileOthersCapture(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, c *client) {
		want := map[string]bool{}
		for i := range 40 {
			id := fmt.Sprintf("first-%d", i)
			want["urn:x:"+id] = true
			if got := c.do("POST", "/epcis/v2/events", shipped(id, box, i%10)); got.status != 201 {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for w := range 3 {
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
						if got := c.do("POST", "/epcis/v2/events", shipped(fmt.Sprintf("later-%d-%d", w, i), box, i%10)); got.status != 201 {
							t.Errorf("%d %s", got.status, got.body)
							return
						}
					}
				}
			})
		}
		for _, query := range []string{"perPage=3", "perPage=3&orderBy=eventTime&orderDirection=ASC", "perPage=3&EQ_bizStep=shipping&orderBy=recordTime", "perPage=3&MATCH_epc=" + box} {
			seen := map[string]int{}
			for _, e := range c.events("/epcis/v2/events?" + query) {
				seen[e["eventID"].(string)]++
			}
			for id, n := range seen {
				if n != 1 {
					t.Errorf("%s: %s is there %d times", query, id, n)
				}
			}
			for id := range want {
				if seen[id] == 0 {
					t.Errorf("%s: %s is on no page", query, id)
				}
			}
		}
		close(stop)
		wg.Wait()
	})
}

func TestTokensOfOtherQueries(t *testing.T) {
	t.Parallel()
	c := serve(t, engines["sqlite"](t))
	for i := range 3 {
		c.do("POST", "/epcis/v2/events", shipped(fmt.Sprint(i), box, i))
	}
	m := next.FindStringSubmatch(c.do("GET", "/epcis/v2/bizSteps/shipping/events?perPage=1", "").header.Get("Link"))
	if m == nil {
		t.Fatal("no next page")
	}
	u, err := url.Parse(m[1])
	if err != nil {
		t.Fatal(err)
	}
	token := url.QueryEscape(u.Query().Get("nextPageToken"))
	if got := c.events("/epcis/v2/bizSteps/shipping/events?perPage=2&nextPageToken=" + token); len(got) != 2 {
		t.Errorf("%d events with another size of page", len(got))
	}
	c.refused(400, "QueryParameterException", "GET", "/epcis/v2/events?perPage=1&nextPageToken="+token, "")
	c.refused(400, "QueryParameterException", "GET", "/epcis/v2/bizSteps/shipping/events?perPage=1&EQ_action=ADD&nextPageToken="+token, "")
}

func TestReadTokens(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("0a", 32)
	for src, want := range map[string]string{
		"":                                      "no token",
		"# a\n\nmaker capture":                  "f:3: want a party",
		"ma/ker capture " + hash:                "f:1: \"ma/ker\" is no name",
		"maker all " + hash:                     "f:1: \"all\" is no right",
		"maker capture " + hash[1:]:             "f:1: the hash",
		"a query " + hash + "\nb query " + hash: "f:2: the same hash is on line 1",
	} {
		if _, err := face.ReadTokens("f", strings.NewReader(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", src, err, want)
		}
	}
	if _, err := face.ReadTokens("f", strings.NewReader("# a\n\n a  capture,query\t"+hash+"\n")); err != nil {
		t.Error(err)
	}
	a, lineA := face.NewToken(face.Party{Name: "a", Rights: face.MayQuery})
	b, _ := face.NewToken(face.Party{Name: "a", Rights: face.MayQuery})
	if a == b || strings.Contains(lineA, a) || !slices.Equal(strings.Fields(lineA)[:2], []string{"a", "query"}) {
		t.Errorf("%s %s %s", a, b, lineA)
	}
}
