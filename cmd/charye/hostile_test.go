package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"charye/api"
	"charye/person"
)

// hostile are values that nobody honest sends, or only by mistake.
var hostile = []string{
	"no-such", "adults", "..", "../../etc/passwd", "%", "%00", "\x00", "\x7f", "\xff\xfe", "\n", "a\r\nX-Evil: 1", " ", "+", "?", "#", "/", "//", "\\", ";", "'",
	"' OR 1=1 --", "<script>alert(1)</script>", "{{.}}", "${jndi:ldap://x}", "null", "true", "[]", "{}", "🙂", "\u202e", "가",
	strings.Repeat("9", 30), strings.Repeat("a", 129), strings.Repeat("가", 300), strings.Repeat("A", 5000),
	"0", "-0", "-1", "1", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551616",
	"1e309", "-1e309", "NaN", "Infinity", "0x10", "1_000", "٣", "90.0000000000000000001", "91", "-91", "181",
	"0000-00-00", "2021-02-30", "2021-13-01", "9999-12-31", "99999-01-01", "-0001-01-01", "20210726", "2021-07-26T09:00:00Z", "1970-01-01",
	"1-20210726-0900-alpha", "4294967296-20210726-0900-alpha", "1-99999999-9999-alpha", "1-20210726-2460-alpha", "1-20210230-0900-alpha",
	"1-20210726-0900-", "-1-20210726-0900-alpha", "1-20210726-0900-no-such", "1-20210726-0900-alpha-0000000000000000", "0-0-0-0",
}

// takes says which query parameters and fields of a body each route knows; all get one that they do not know beside.
var takes = map[string]struct{ query, body []string }{
	"GET /api/v1/campaigns/{c}/sites":           {query: []string{"region", "lat", "lon", "date", "cursor"}},
	"GET /api/v1/campaigns/{c}/sites/{s}/slots": {query: []string{"date"}},
	"GET /api/v1/campaigns/{c}/eligibility":     {query: []string{"recipient"}},
	"GET /api/v1/campaigns/{c}/place":           {query: []string{"recipient"}},
	"GET /api/v1/bookings/{id}/slots":           {query: []string{"site", "date", "dose"}},
	"GET /api/v1/bookings/{id}/calendar.ics":    {query: []string{"lang"}},
	"POST /api/v1/campaigns/{c}/places":         {body: []string{"recipient"}},
	"POST /api/v1/campaigns/{c}/passes":         {body: []string{"device", "recipient", "takeover"}},
	"PUT /api/v1/campaigns/{c}/leftovers":       {body: []string{"sites"}},
	"POST /api/v1/holds":                        {body: []string{"slot"}},
	"POST /api/v1/bookings":                     {body: []string{"slot", "hold"}},
	"PUT /api/v1/bookings/{id}/slot":            {body: []string{"slot", "dose"}},
	"POST /api/v1/recipients":                   {body: []string{"campaign", "name", "identity", "born", "consent"}},
	"PUT /api/v1/me/contact":                    {body: []string{"lang", "phone", "mail"}},

	"POST /api/v1/campaigns/{c}/leftovers/{id}/accept":  {body: []string{}},
	"POST /api/v1/campaigns/{c}/leftovers/{id}/decline": {body: []string{}},
}

// proper are the values that stand beside a hostile one.
var proper = map[string]string{
	"device": `"the-device"`, "campaign": `"adults"`, "name": `"이어른"`, "identity": `"no-number-1"`, "born": `"1969-07-02"`, "consent": "true",
	"slot": `"1-20210726-0900-alpha"`, "sites": `"demo-001"`, "lang": `"ko"`, "phone": `"010-1234-5678"`, "mail": `"kim@example.org"`,
}

// bodies are whole bodies that are no document of ours.
var bodies = []string{
	"", " ", "{", "}", "[]", "null", `"x"`, "1", "{}", `{"slot":}`, `{"slot":1e400}`, `{"slot":null,"slot":"x"}`, `{"a":{"b":[{}]}}`, "\xef\xbb\xbf{}",
	strings.Repeat("[", 10_000), `{"slot":"` + strings.Repeat("x", 20_000) + `"}`, `{"slot":"\ud800"}`, "{\"slot\":\"\xff\"}", `{"slot":"x"} {}`,
}

// literals are JSON values of the wrong kind.
var literals = []string{"null", "true", "false", "0", "-1", "1e400", "123456789012345678901234567890", "0.5", "[]", "[[]]", "{}", `{"a":1}`}

// attempt is one request to make.
type attempt struct {
	method, path, query, body string
	headers                   http.Header
}

var wildcard = regexp.MustCompile(`\{[a-z]+\}`)

// attempts gives every route with every hostile value in every place that takes one. who gives somebody who may call the
// route: headers, and values for its wildcards that exist, so that the other places are reached.
func attempts(t *testing.T, who func(r api.Route) (http.Header, map[string]string)) []attempt {
	var all []attempt
	for _, r := range api.Routes() {
		known, ok := takes[r.Method+" "+r.Pattern]
		if writes := r.Method == "POST" || r.Method == "PUT"; writes != (known.body != nil) {
			t.Errorf("%s %s: say in takes (%v) what it takes", r.Method, r.Pattern, ok)
		}
		// at and value replace one wildcard.
		add := func(at, value, query, body string, change func(http.Header)) {
			h, real := who(r)
			if body != "" {
				h.Set("Content-Type", "application/json")
			}
			if change != nil {
				change(h)
			}
			path := wildcard.ReplaceAllStringFunc(r.Pattern, func(w string) string {
				if w == at {
					return url.PathEscape(value)
				}
				return url.PathEscape(real[w])
			})
			all = append(all, attempt{r.Method, path, query, body, h})
		}
		document := ""
		if known.body != nil {
			document = object(known.body, "", "")
		}
		for i, v := range hostile {
			if r.Pattern == "/metrics" && i%8 != 0 {
				continue // it looks at nothing that is sent, and each answer gathers all there is
			}
			for _, w := range wildcard.FindAllString(r.Pattern, -1) {
				add(w, v, "", document, nil)
			}
			for _, q := range append([]string{"unknown"}, known.query...) {
				all := url.Values{q: {v}}
				for _, beside := range known.query { // a hostile value alone might be refused for what is missing
					if d := map[string]string{"site": "demo-001", "date": "2021-07-26", "lat": "37.5", "lon": "127"}[beside]; d != "" && beside != q {
						all.Set(beside, d)
					}
				}
				add("", "", all.Encode(), document, nil)
			}
			if strings.ContainsAny(v, "\r\n\x00\x7f") { // no client can send these in a header
				continue
			}
			names := []string{"Authorization"}
			switch {
			case r.Access == api.Public:
				names = append(names, "If-None-Match", "Range", "Accept", "X-Forwarded-For")
			case r.Method != "GET":
				names = append(names, "Charye-Ticket", "Charye-Pass", "Idempotency-Key", "Content-Type")
			case r.Access == api.HasPlace:
				names = append(names, "Charye-Ticket")
			}
			for _, name := range names {
				add("", "", "", document, func(h http.Header) { h[name] = []string{v} })
			}
		}
		if known.body == nil {
			continue
		}
		for _, b := range bodies {
			add("", "", "", b, func(h http.Header) { h.Set("Content-Type", "application/json") })
		}
		values := slices.Clone(literals)
		for _, v := range hostile {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, string(b))
		}
		for _, f := range append([]string{"unknown"}, known.body...) {
			for _, v := range values {
				add("", "", "", object(known.body, f, v), nil)
			}
		}
	}
	return all
}

// object writes a document with the proper values of some fields, and one field as given.
func object(names []string, field, value string) string {
	var parts []string
	for _, n := range names {
		if v := proper[n]; v != "" && n != field && (n != "slot" || field != "hold") {
			parts = append(parts, fmt.Sprintf("%q:%s", n, v))
		}
	}
	if field != "" {
		parts = append(parts, fmt.Sprintf("%q:%s", field, value))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// TestHostileCalls sends what nobody should to every route of the whole server: each answer is a refusal that says what is
// wrong, or a proper answer, and never a fault of the server. Nothing of it, and nobody, is seen in the metrics or the log.
func TestHostileCalls(t *testing.T) {
	t.Parallel()
	s := serve(t, demoNow(), nil)
	const people = 60
	in := s.admit(1, people)
	slots := s.slots()
	ids := make([]string, people)
	for i := range people / 2 { // the first half has bookings, the other half live passes
		b := s.must(http.StatusCreated, "POST", "/api/v1/bookings", fmt.Sprintf(`{"slot":%q}`, slots[i%len(slots)]),
			"Authorization", in[i].bearer, "Charye-Pass", in[i].pass, "Idempotency-Key", "key-0")
		ids[i] = b["id"].(string)
	}
	turn := 0
	who := func(r api.Route) (http.Header, map[string]string) {
		turn++
		i := turn % (people / 2)
		if strings.HasSuffix(r.Pattern, "/holds") || r.Method == "POST" {
			i += people / 2
		}
		bearer := in[i].bearer
		if r.Access == api.SignedIn && !strings.Contains(r.Pattern, "{id}") && (r.Method == "GET" || strings.HasSuffix(r.Pattern, "/recipients")) {
			bearer = "Bearer " + s.session(1000+turn) // anybody will do, and the rate of each is small
		}
		return http.Header{
			"Authorization": {bearer}, "Charye-Ticket": {in[i].ticket}, "Charye-Pass": {in[i].pass}, "Idempotency-Key": {fmt.Sprint("key-", turn)},
		}, map[string]string{"{c}": "adults", "{s}": "demo-001", "{id}": ids[i]}
	}
	work := make(chan attempt)
	var wg sync.WaitGroup
	var mu sync.Mutex
	byStatus := map[int]int{}
	for range 4 { // as many as may read /metrics at once
		wg.Go(func() {
			for a := range work {
				status, fault := s.try(a)
				mu.Lock()
				byStatus[status]++
				mu.Unlock()
				if fault != "" {
					t.Errorf("%s %s?%s %.100q: %s", a.method, a.path, a.query, a.body, fault)
				}
			}
		})
	}
	for _, a := range attempts(t, who) {
		work <- a
	}
	close(work)
	wg.Wait()
	t.Logf("answers by status: %v", byStatus)
	for _, status := range []int{http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound} {
		if byStatus[status] == 0 {
			t.Errorf("no answer %d at all: the calls did not get where they should", status)
		}
	}
	s.isAboutNobody(in)
}

// try makes one attempt and says what is wrong with the answer.
func (s *serving) try(a attempt) (status int, fault string) {
	req, err := http.NewRequestWithContext(s.t.Context(), a.method, s.url, strings.NewReader(a.body))
	if err != nil {
		return 0, err.Error()
	}
	req.URL.Opaque = "//" + req.URL.Host + a.path // exactly as written, in whatever spelling
	req.URL.RawQuery = a.query
	req.Header = a.headers
	res, err := hostileClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return res.StatusCode, err.Error()
	}
	if res.Header.Get("X-Evil") != "" {
		return res.StatusCode, "a header was planted"
	}
	// Too many at once is an honest answer; the rest of 5xx is not.
	if res.StatusCode >= 500 && res.StatusCode != http.StatusServiceUnavailable {
		return res.StatusCode, fmt.Sprintf("answered %d %s", res.StatusCode, b)
	}
	if res.StatusCode < 400 {
		return res.StatusCode, ""
	}
	var problem struct {
		Code   string `json:"code"`
		Status int    `json:"status"`
	}
	switch {
	case res.StatusCode == http.StatusRequestedRangeNotSatisfiable:
	case res.Header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(b, &problem) != nil:
		fault = fmt.Sprintf("%d is no problem document: %s", res.StatusCode, b)
	case problem.Code == "" || problem.Code == "internal" || problem.Status != res.StatusCode:
		fault = fmt.Sprintf("%d has a problem document of another: %s", res.StatusCode, b)
	}
	return res.StatusCode, fault
}

var hostileClient = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 8},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// isAboutNobody reads /metrics and the log: no person, no credential, nothing that a caller sent.
func (s *serving) isAboutNobody(in []insider) {
	s.t.Helper()
	res, err := http.Get(s.url + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	secret := []string{"no-number-1", "이어른", "1969-07-02", "no-such", "passwd", "alert(1)", "the-device", "key-1"}
	for i, x := range in {
		p := person.Trial(1 + i)
		key := person.NewKeyer(s.keys).Key(person.NamespaceCI, p.Subject).String()
		secret = append(secret, p.Name, p.Subject, p.Identity, key, strings.TrimPrefix(x.bearer, "Bearer "), x.ticket, x.pass)
	}
	logged := s.log.String()
	for _, word := range secret {
		if bytes.Contains(b, []byte(word)) {
			s.t.Errorf("/metrics shows %q", word)
		}
		if strings.Contains(logged, word) {
			s.t.Errorf("the log shows %q", word)
		}
	}
	series := 0
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "#") {
			series++
		}
	}
	// Routes × statuses × buckets, whatever callers send.
	if series < 100 || series > 5000 {
		s.t.Errorf("/metrics has %d series", series)
	}
}
