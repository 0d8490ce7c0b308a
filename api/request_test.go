package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"charye/walk"
)

func TestBodies(t *testing.T) {
	t.Parallel()
	pass, ticket := "Charye-Pass: P", "Charye-Ticket: T"
	big := `{"slot":"` + strings.Repeat("a", maxBody) + `"}`
	for _, c := range []struct {
		request, header, body string
		status                int
		field                 string
	}{
		{"POST /api/v1/holds", pass, ``, 400, "body"},
		{"POST /api/v1/holds", pass, `{}`, 400, "slot"},
		{"POST /api/v1/holds", pass, `{"slot":""}`, 400, "slot"},
		{"POST /api/v1/holds", pass, `{"slot":null}`, 400, "slot"},
		{"POST /api/v1/holds", pass, `{"slot":7}`, 400, "slot"},
		{"POST /api/v1/holds", pass, `{"slot":["s"]}`, 400, "slot"},
		{"POST /api/v1/holds", pass, `{"slot":{"id":"s"}}`, 400, "slot"},
		{"POST /api/v1/holds", pass, `{"slot":"s","slot":"t"}`, 400, "slot"},
		{"POST /api/v1/holds", pass, `{"Slot":"s"}`, 400, "Slot"},
		{"POST /api/v1/holds", pass, `{"slot":"s","now":"2021-07-12T20:00:00Z"}`, 400, "now"},
		{"POST /api/v1/holds", pass, `{"slot":"s","<script>\u0000":1}`, 400, "(unnamed)"},
		{"POST /api/v1/holds", pass, `{"slot":"s"} {}`, 400, "body"},
		{"POST /api/v1/holds", pass, `{"slot":"s"},`, 400, "body"},
		{"POST /api/v1/holds", pass, `{"slot":"s",}`, 400, "body"},
		{"POST /api/v1/holds", pass, `{"slot":"s"`, 400, "body"},
		{"POST /api/v1/holds", pass, `{"slot":"s`, 400, "body"},
		{"POST /api/v1/holds", pass, `{"slot" "s"}`, 400, "body"},
		{"POST /api/v1/holds", pass, "{\"slot\":\"a\tb\"}", 400, "body"},
		{"POST /api/v1/holds", pass, `{"slot":"\x"}`, 400, "body"},
		{"POST /api/v1/holds", pass, `{"slot":"\ud83d"}`, 400, "body"},
		{"POST /api/v1/holds", pass, `{"slot":"a\u0000b"}`, 400, "slot"},
		{"POST /api/v1/holds", pass, `{"slot":"a\u0085b"}`, 400, "slot"},
		{"POST /api/v1/holds", pass, "{\"slot\":\"\xff\"}", 400, "body"},
		{"POST /api/v1/holds", pass, `{"slot":"` + strings.Repeat("a", 129) + `"}`, 400, "slot"},
		{"POST /api/v1/holds", pass, big, 413, "body"},
		{"POST /api/v1/holds", pass, `{` + strings.Repeat(`"a":1,`, 1) + strings.Join(many(20), ",") + `}`, 400, "body"},

		{"POST /api/v1/bookings", pass, `{}`, 400, "slot"},
		{"POST /api/v1/bookings", pass, `{"slot":"s","hold":"h"}`, 400, "slot"},
		{"PUT /api/v1/bookings/b/slot", "", `{"slot":"s","dose":0}`, 400, "dose"},
		{"PUT /api/v1/bookings/b/slot", "", `{"slot":"s","dose":10}`, 400, "dose"},
		{"PUT /api/v1/bookings/b/slot", "", `{"slot":"s","dose":"2"}`, 400, "dose"},
		{"PUT /api/v1/bookings/b/slot", "", `{"slot":"s","dose":2.0}`, 400, "dose"},
		{"PUT /api/v1/bookings/b/slot", "", `{"slot":"s","dose":1e0}`, 400, "dose"},
		{"PUT /api/v1/bookings/b/slot", "", `{"slot":"s","dose":02}`, 400, "dose"},
		{"PUT /api/v1/bookings/b/slot", "", `{"slot":"s","dose":99999999999999999999}`, 400, "dose"},
		{"POST " + c1 + "/places", "", `{"recipient":""}`, 400, "recipient"},
		{"POST " + c1 + "/passes", ticket, `{"device":""}`, 400, "device"},
		{"POST " + c1 + "/passes", ticket, `{"device":"d-1234567","takeover":"yes"}`, 400, "takeover"},
		{"POST /api/v1/recipients", "", `{"campaign":"c","name":"n","born":"1962-02-30","identity":"i","consent":true}`, 400, "born"},
		{"POST /api/v1/recipients", "", `{"campaign":"c","name":"n","born":"1962-02-03","identity":"i","consent":false}`, 400, "consent"},
		{"POST /api/v1/recipients", "", `{"campaign":"c","name":"n","born":"1962-02-03","identity":"i"}`, 400, "consent"},
		{"POST /api/v1/recipients", "", `{"campaign":"c","born":"1962-02-03","identity":"i","consent":true}`, 400, "name"},
	} {
		b := newBench(t)
		r := request(c.request, auth, "Idempotency-Key: k", c.header)
		r.Header.Set("Content-Type", "application/json")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(c.body)), int64(len(c.body))
		wantCode(t, b.send(r), c.status, "bad-request", c.field)
		// The same without a declared length, as a chunked body comes.
		if c.body != "" {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(c.body)), -1
			wantCode(t, b.send(r), c.status, "bad-request", c.field)
		}
		if call := b.svc.last(); call != "" {
			t.Errorf("%s %s reached %q", c.request, c.body, call)
		}
	}
}

func many(n int) (out []string) {
	for i := range n {
		out = append(out, `"f`+string(rune('a'+i))+`":1`)
	}
	return out
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	for value, status := range map[string]int{
		"application/json":                   201,
		"application/json; charset=utf-8":    201,
		"Application/JSON;charset=\"UTF-8\"": 201,
		"application/json; charset=euc-kr":   415,
		"text/plain":                         415,
		"application/x-www-form-urlencoded":  415,
		"application/json, text/plain":       415,
		"":                                   415,
	} {
		b := newBench(t)
		r := request("POST /api/v1/holds", auth, "Charye-Pass: P", `{"slot":"s"}`)
		r.Header.Del("Content-Type")
		if value != "" {
			r.Header.Set("Content-Type", value)
		}
		wantStatus(t, b.send(r), status)
	}
	b := newBench(t)
	wantCode(t, b.do("POST /api/v1/holds", auth, "Charye-Pass: P", "Content-Encoding: gzip", `{"slot":"s"}`), 415, "bad-request", "Content-Encoding")
}

func TestQueries(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, c := range []struct{ target, field string }{
		{c1 + "/line?x=1", "x"},
		{c1 + "/line?=", "(unnamed)"},
		{c1 + "/sites?lat=37.5", "lon"},
		{c1 + "/sites?lon=127", "lat"},
		{c1 + "/sites?lat=37.5&lon=127&lat=1", "lat"},
		{c1 + "/sites?lat=&lon=127", "lat"},
		{c1 + "/sites?lat=NaN&lon=127", "lat"},
		{c1 + "/sites?lat=3e1&lon=127", "lat"},
		{c1 + "/sites?lat=0x1p4&lon=127", "lat"},
		{c1 + "/sites?lat=%2B37&lon=127", "lat"},
		{c1 + "/sites?lat=37.&lon=127", "lat"},
		{c1 + "/sites?lat=.5&lon=127", "lat"},
		{c1 + "/sites?lat=-&lon=127", "lat"},
		{c1 + "/sites?lat=90.01&lon=127", "lat"},
		{c1 + "/sites?lat=37&lon=-180.5", "lon"},
		{c1 + "/sites?date=2021-7-26", "date"},
		{c1 + "/sites?date=2021-02-30", "date"},
		{c1 + "/sites?region=" + strings.Repeat("a", 61), "region"},
		{c1 + "/sites?region=a%00b", "region"},
		{c1 + "/sites?region=%ff", "region"},
		{c1 + "/sites?cursor=" + strings.Repeat("a", 257), "cursor"},
		{c1 + "/sites?now=2021-07-12", "now"},
		{c1 + "/sites?region=a;b", "query"},
		{c1 + "/sites?region=%zz", "query"},
		{c1 + "/sites/X/slots", "date"},
		{c1 + "/draw/entrants?from=1", "from"},
		{"/api/v1/bookings/b/slots?date=2021-07-26", "site"},
		{"/api/v1/bookings/b/slots?site=X", "date"},
		{"/api/v1/bookings/b/slots?site=X&date=2021-07-26&dose=01", "dose"},
		{"/api/v1/bookings/b/slots?site=X&date=2021-07-26&dose=0", "dose"},
		{"/api/v1/me?x=1", "x"},
		{c1 + "/eligibility?recipient=", "recipient"},
	} {
		wantCode(t, b.do("GET "+c.target, auth), 400, "bad-request", c.field)
	}
	if call := b.svc.last(); call != "" {
		t.Errorf("reached %q", call)
	}
}

// Positions are made coarse before anything sees them, and what asks the same shares one cached answer.
func TestNearbyQueriesShareAnAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, q := range []string{"lat=37.5671&lon=126.9801", "lon=126.98&lat=37.57", "lat=37.5749&lon=126.9799999"} {
		wantStatus(t, b.do("GET "+c1+"/sites?"+q), 200)
	}
	if n := b.svc.count("Sites"); n != 1 {
		t.Errorf("the walk was asked %d times", n)
	}
	b.do("GET " + c1 + "/sites?lat=37.58&lon=126.98")
	b.do("GET " + c1 + "/sites")
	if n := b.svc.count("Sites"); n != 3 {
		t.Errorf("different questions, asked %d times, want 3", n)
	}
}

// The reader takes what encoding/json takes, with the same values, except for what it refuses on purpose.
func FuzzParseObject(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"slot":"s"}`, ` { "a" : 1 , "b" : true , "c":false } `, `{"a":"\u00e9\n\ud83d\ude00"}`, `{"a":-0}`, `{"a":1.5}`, `{"a":null}`,
		`{"a":1,"a":2}`, `{"a":"\ud800"}`, `[]`, `{"a":[1]}`, "{\"a\":\"\x01\"}", `{"a":"b"}x`, `{"a":9223372036854775808}`, `{"":""}`, `{"a":-}`, `{"a":"\\"}`, `{"a\"b":"\""}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		form, err := parseObject(b)
		if err != nil {
			if problemOf(err).code != walk.BadRequest || problemOf(err).field == "" {
				t.Fatalf("refused with %v, without a field", err)
			}
			return
		}
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.UseNumber()
		var want map[string]any
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("taken, but encoding/json says %v", err)
		}
		if _, err := dec.Token(); err != io.EOF {
			t.Fatal("taken with something after the object")
		}
		if len(want) != len(form.members) {
			t.Fatalf("%d members, encoding/json has %d", len(form.members), len(want))
		}
		for _, m := range form.members {
			var same bool
			switch v := want[m.name].(type) {
			case string:
				same = m.kind == kindText && m.text == v
			case json.Number:
				n, err := v.Int64()
				same = err == nil && m.kind == kindNumber && m.num == n
			case bool:
				same = m.kind == kindBoolean && m.truth == v
			}
			if !same {
				t.Fatalf("%q is read as %+v, encoding/json has %v", m.name, m, want[m.name])
			}
			if !utf8.ValidString(m.name) || !utf8.ValidString(m.text) {
				t.Fatal("not UTF-8")
			}
		}
	})
}

// Whatever is taken is within bounds, and written canonically it is taken again as the same question.
func FuzzSiteQuery(f *testing.F) {
	for _, s := range []string{"", "lat=37.5&lon=127", "region=%EC%84%9C&date=2021-07-26&cursor=abc", "lat=-0.001&lon=-180", "lat=1&lat=2", "a=b", "%", "cursor=%00", "lat=090&lon=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := siteQuery(parseQuery(raw))
		if err != nil {
			if p := problemOf(err); p.code != walk.BadRequest || p.field == "" {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if q.Lat < -90 || q.Lat > 90 || q.Lon < -180 || q.Lon > 180 || coarse(q.Lat) != q.Lat || coarse(q.Lon) != q.Lon {
			t.Fatalf("position %v %v", q.Lat, q.Lon)
		}
		if len(q.Cursor) > 4*maxCursor || strings.ContainsRune(q.Region+q.Cursor, 0) || !utf8.ValidString(q.Region+q.Cursor) {
			t.Fatalf("%+v", q)
		}
		v := url.Values{}
		if q.Region != "" {
			v.Set("region", q.Region)
		}
		if q.Cursor != "" {
			v.Set("cursor", q.Cursor)
		}
		if q.HasDate {
			v.Set("date", q.Date.String())
		}
		if q.Near {
			b := siteKey("", walk.SiteQuery{Near: true, Lat: q.Lat, Lon: q.Lon})
			lat, lon, _ := strings.Cut(strings.Trim(b, "\x00"), " ")
			v.Set("lat", lat)
			v.Set("lon", lon)
		}
		again, err := siteQuery(parseQuery(v.Encode()))
		if err != nil || again != q || siteKey("c", again) != siteKey("c", q) {
			t.Fatalf("%+v becomes %+v, %v", q, again, err)
		}
	})
}

// A path that is taken is one that no router, proxy or cache can spell otherwise.
func FuzzOnlySpelling(f *testing.F) {
	for _, s := range []string{"/", "/api/v1/campaigns", "//", "/a/../b", "/a%2Fb", "/%61", "/a/", "/을지", "/a%20b", "/.", "/a/.", "/a%00", "/..."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.ParseRequestURI(raw)
		if err != nil || !onlySpelling(u) {
			return
		}
		if path.Clean(u.Path) != u.Path {
			t.Fatalf("%q would be redirected to %q", u.Path, path.Clean(u.Path))
		}
		if again := (&url.URL{Path: u.Path}).EscapedPath(); u.EscapedPath() != again {
			t.Fatalf("%q can be written %q", u.EscapedPath(), again)
		}
	})
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a\"b\\c", "\x00\x1f\x7f\n\r\t", "가😀\u2028", "\xff\xc0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(quote(nil, s), &got); err != nil {
			t.Fatal(err)
		}
		if want := string([]rune(s)); got != want {
			t.Fatalf("%q reads back as %q", want, got)
		}
	})
}
