package epcis_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/supply/epcis"
)

// received is an event of our own for tests; %s is more members.
const received = `{"@context":"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
 "type":"ObjectEvent","eventTime":"2020-09-21T19:10:00.5+09:00","eventTimeZoneOffset":"+09:00",
 "action":"OBSERVE","bizStep":"receiving","disposition":"in_progress",
 "epcList":["urn:epc:id:sscc:8801234.0000000017"],
 "quantityList":[{"epcClass":"urn:epc:class:lgtin:8801234.012345.L-7","quantity":200}],
 "readPoint":{"id":"urn:epc:id:sgln:8801234.00001.dock1"},"bizLocation":{"id":"urn:epc:id:sgln:8801234.00001.0"}%s}`

func one(t testing.TB, src string) *epcis.Event {
	t.Helper()
	list, err := epcis.Parse([]byte(src), 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d events, %v", len(list), err)
	}
	return list[0]
}

func TestWhatIsReadOutOfAnEvent(t *testing.T) {
	t.Parallel()
	e := one(t, fmt.Sprintf(received, `,"recordTime":"2001-01-01T00:00:00Z","sensorElementList":[{"sensorMetadata":{"deviceID":"urn:x:logger"},
		"sensorReport":[{"type":"Temperature","minValue":-0.5,"maxValue":11,"uom":"CEL","exception":"ALARM_CONDITION"}]}],
		"errorDeclaration":{"declarationTime":"2020-09-22T00:00:00+09:00","reason":"incorrect_data","correctiveEventIDs":["urn:uuid:1"]}`))
	if e.Given || !strings.HasPrefix(e.ID, "ni:///sha-256;") {
		t.Errorf("the event is named %s", e.ID)
	}
	sensors, err := e.Sensors()
	if err != nil || len(sensors) != 1 || sensors[0].Metadata.Device != "urn:x:logger" || *sensors[0].Reports[0].Min != -0.5 || *sensors[0].Reports[0].Max != 11 ||
		sensors[0].Reports[0].Value != nil || sensors[0].Reports[0].Exception != "ALARM_CONDITION" {
		t.Errorf("sensors %+v, %v", sensors, err)
	}
	got := *e
	got.JSON, got.Context, got.Content, got.Declaration, got.ID = nil, nil, epcis.Digest{}, epcis.Digest{}, ""
	want := epcis.Event{
		Type: epcis.ObjectEvent, Time: time.Date(2020, 9, 21, 10, 10, 0, 5e8, time.UTC), Offset: "+09:00",
		Action: "OBSERVE", BizStep: "receiving", Disposition: "in_progress",
		ReadPoint: "urn:epc:id:sgln:8801234.00001.dock1", BizLocation: "urn:epc:id:sgln:8801234.00001.0",
		Things:     []epcis.Thing{{Role: epcis.RoleEPC, EPC: "urn:epc:id:sscc:8801234.0000000017"}},
		Quantities: []epcis.Quantity{{Role: epcis.RoleClass, Class: "urn:epc:class:lgtin:8801234.012345.L-7", Amount: "200"}},
		Error:      &epcis.ErrorDeclaration{Time: time.Date(2020, 9, 21, 15, 0, 0, 0, time.UTC), Reason: "incorrect_data", Corrective: []string{"urn:uuid:1"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if strings.Contains(string(e.JSON), "recordTime") || strings.Contains(string(e.JSON), "@context") {
		t.Errorf("kept: %s", e.JSON)
	}
}

func TestRefusedWithPlaceAndRule(t *testing.T) {
	t.Parallel()
	doc := `{"@context":[],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2020-01-01T00:00:00Z","epcisBody":{"eventList":[` +
		fmt.Sprintf(received, "") + `,` + `%s` + `]}}`
	second := func(from, to string) string {
		e := strings.Replace(fmt.Sprintf(received, ""), from, to, 1)
		return fmt.Sprintf(doc, e)
	}
	const at = "/epcisBody/eventList/1"
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	for name, c := range map[string]struct{ src, pointer, rule, says string }{
		"no JSON":            {`{"type":`, "", "JSON", "ends too early"},
		"JSON with a fault":  {"{\n\"type\":x}", "", "JSON", "line 2"},
		"more than one":      {`{} {}`, "", "JSON", "follows"},
		"no object":          {`7`, "", "#/type", "EPCISDocument"},
		"not UTF-8":          {"\"\xff\"", "", "UTF-8", "UTF-8"},
		"no type":            {`{}`, "", "#/required", "type"},
		"a name twice":       {second(`"action":"OBSERVE"`, `"action":"ADD","action":"OBSERVE"`), at + "/action", "JSON", "twice"},
		"too deep":           {second(`"action":"OBSERVE"`, `"x:y":`+deep+`,"action":"OBSERVE"`), at + "/x:y", "depth", "one another"},
		"a monstrous number": {second(`200`, `1e99999999999999`), at + "/quantityList/0/quantity", "number", "digits"},
		"no context":         {strings.Replace(fmt.Sprintf(received, ""), "@context", "x:context", 1), "", "#/$defs/bareEvent/required", "@context"},
		"wrong word":         {second(`"receiving"`, `"recieving"`), at + "/bizStep", "#/$defs/uri/format", "none of them"},
		"word with GS1's":    {second(`"receiving"`, `"urn:epcglobal:cbv:bizstep:receiving"`), at + "/bizStep", "#/$defs/ownWord/not", "without their namespace"},
		"wrong action":       {second(`"OBSERVE"`, `"SEEN"`), at + "/action", "#/$defs/action/enum", "ADD"},
		"no time":            {second(`"eventTime"`, `"x:eventTime"`), at, "#/$defs/event/required", "eventTime"},
		"wrong time":         {second(`2020-09-21T19:10:00.5+09:00`, `2020-09-21 19:10`), at + "/eventTime", "#/$defs/time/format", "date-time"},
		"unknown member":     {second(`"action"`, `"acton":1,"action"`), at + "/acton", "#/$defs/ObjectEvent/additionalProperties", "no such member"},
		"ilmd when observed": {second(`"action"`, `"ilmd":{},"action"`), at + "/ilmd", "#/$defs/ObjectEvent/allOf/2/else/properties/ilmd", "ADD"},
		"about nothing": {strings.Replace(second(`"epcList":["urn:epc:id:sscc:8801234.0000000017"],`, ``), `"quantityList":[{"epcClass":"urn:epc:class:lgtin:8801234.012345.L-7","quantity":200}],
 "readPoint":{"id":"urn:epc:id:sgln:8801234.00001.dock1"},"bizLocation":{"id":"urn:epc:id:sgln:8801234.00001.0"}}]`, `"readPoint":{"id":"urn:x:y"}}]`, 1), at, "#/$defs/ObjectEvent/allOf/1/anyOf", "epcList"},
	} {
		_, err := epcis.Parse([]byte(c.src), 10)
		e, ok := errors.AsType[*epcis.RefusedError](err)
		if !ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		deep := name == "too deep" && strings.HasPrefix(e.Pointer, c.pointer)
		if !deep && e.Pointer != c.pointer || e.Rule != c.rule || !strings.Contains(e.Problem, c.says) {
			t.Errorf("%s: at %q, rule %q: %s", name, e.Pointer, e.Rule, e.Problem)
		}
	}
	if _, err := epcis.Parse([]byte(second("", "")), 1); !errors.Is(err, epcis.ErrTooMany) {
		t.Errorf("two events where one may be: %v", err)
	}
	list := "[" + fmt.Sprintf(received, "") + "," + strings.Replace(fmt.Sprintf(received, ""), `"OBSERVE"`, `"SEEN"`, 1) + "]"
	if _, err := epcis.Parse([]byte(list), 10); err == nil || !strings.HasPrefix(err.Error(), "/1/action") {
		t.Errorf("a list with a wrong event: %v", err)
	}
}

func TestSameContent(t *testing.T) {
	t.Parallel()
	a := one(t, fmt.Sprintf(received, `,"x:n":[1.50,-0,1e2],"x:s":"é\n"`))
	b := one(t, `{"x:s":"\u00e9\u000A","x:n":[15E-1,0.0,100],`+strings.Replace(strings.Replace(fmt.Sprintf(received, `,"recordTime":"2020-09-21T19:10:00Z"`)[1:], "200", "2.00e+02", 1), " ", "\t", -1))
	if a.Content != b.Content || a.ID != b.ID {
		t.Error("two ways to write one event differ")
	}
	c := one(t, fmt.Sprintf(received, `,"x:n":[1.51,-0,1e2],"x:s":"é\n"`))
	if a.Content == c.Content || a.ID == c.ID {
		t.Error("two events are the same")
	}
	declared := one(t, fmt.Sprintf(received, `,"x:n":[1.50,-0,1e2],"x:s":"é\n","errorDeclaration":{"declarationTime":"2020-09-22T00:00:00Z"}`))
	if declared.ID != a.ID || declared.Content != a.Content || declared.Declaration == a.Declaration {
		t.Error("a declaration is not that of its event")
	}
}

// TestDigestOfAnyValue writes the same members in another order and form.
func TestDigestOfAnyValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		m := rapid.MapOf(rapid.StringMatching(`[a-z]{1,3}:[a-z"/~ü]{0,4}`), rapid.OneOf(
			rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Float64Range(-1e9, 1e9), func(f float64) any { return f }),
			rapid.Map(rapid.Int64(), func(i int64) any { return i }), rapid.Just(any(nil)), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		)).Draw(r, "members")
		src, err := json.Marshal(m)
		if err != nil {
			r.Fatal(err)
		}
		more := ""
		if len(m) > 0 {
			more = "," + string(src[1:len(src)-1])
		}
		a := one(t, fmt.Sprintf(received, more))
		again, err := json.MarshalIndent(json.RawMessage(a.JSON), "", "  ")
		if err != nil {
			r.Fatal(err)
		}
		b := one(t, `{"@context":{},`+strings.TrimPrefix(string(again), "{"))
		if a.Content != b.Content {
			r.Fatalf("%s\n%s", a.JSON, b.JSON)
		}
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"https://id.gs1.org/01/10614141073464/21/2017", "urn:epc:id:sgtin:0614141.107346.2017", "https://example.com/some/01/10614141073464/21/2017?linkType=all",
			"http://example.com/01/10614141073464/10/L1/21/2017"},
		{"https://id.gs1.org/01/04012345123456/10/998877", "urn:epc:class:lgtin:4012345.012345.998877"},
		{"https://id.gs1.org/01/04012345444445", "urn:epc:idpat:sgtin:4012345.044444.*", "https://brand.example/01/4012345444445"},
		{"https://id.gs1.org/00/106141412345678908", "urn:epc:id:sscc:0614141.1234567890"},
		{"https://id.gs1.org/414/0614141073467/254/a%2Fb", "urn:epc:id:sgln:0614141.07346.a%2fb"},
		{"https://id.gs1.org/414/0614141073467", "urn:epc:id:sgln:0614141.07346.0", "https://id.gs1.org/414/0614141073467/254/0"},
		{"urn:epc:id:sgtin:0614141.107.2017"}, {"urn:uuid:1"}, {"https://example.com/x"}, {"urn:epc:id:giai:4000001.111"}, {"urn:epc:id:sgln:a.b.c"},
	} {
		for _, uri := range same {
			if got := epcis.Key(uri); got != same[0] {
				t.Errorf("%s has the key %s, want %s", uri, got, same[0])
			}
		}
	}
	if got := epcis.Key("urn:epc:class:lgtin:4012345.012345.998877"); got != "https://id.gs1.org/01/04012345123456/10/998877" {
		t.Error(got)
	}
}

func TestParseQuery(t *testing.T) {
	t.Parallel()
	got, err := epcis.ParseQuery(map[string][]string{
		"eventType": {"ObjectEvent|AggregationEvent"}, "EQ_bizStep": {"https://ns.gs1.org/cbv/BizStep-shipping|urn:epcglobal:cbv:bizstep:receiving|storing"},
		"GE_eventTime": {"2020-09-21T00:00:00+09:00"}, "MATCH_epc": {"urn:epc:idpat:sgtin:0614141.107346.*|urn:uuid:1"}, "orderBy": {"recordTime"},
		"orderDirection": {"ASC"}, "perPage": {"5"}, "EXISTS_errorDeclaration": {"true"}, "EQ_bizLocation": {"urn:epc:id:sgln:0614141.07346.0"},
	}, nil)
	want := epcis.Query{
		Types: []string{"ObjectEvent", "AggregationEvent"}, BizSteps: []string{"shipping", "receiving", "storing"},
		From: time.Date(2020, 9, 20, 15, 0, 0, 0, time.UTC), Declared: true, BizLocations: []string{"https://id.gs1.org/414/0614141073467"},
		Matches: []epcis.Match{{Roles: []epcis.Role{epcis.RoleEPC, epcis.RoleChild}, Wanted: epcis.Wanted{
			Keys: []string{"https://id.gs1.org/01/10614141073464", "urn:uuid:1"}, Prefixes: []string{"https://id.gs1.org/01/10614141073464/21/"}}}},
		Order: epcis.ByRecordTime, Ascending: true, Limit: 5,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n-want +got:\n%s", err, diff)
	}
	for name, value := range map[string]string{
		"EQ_acton": "ADD", "EQ_action": "SEEN", "eventType": "Event", "GE_eventTime": "yesterday", "orderBy": "size", "perPage": "0",
		"EXISTS_errorDeclaration": "perhaps", "MATCH_epc": "urn:epc:idpat:giai:*.*", "orderDirection": "ASC", "EQ_bizStep": "a||b", "EQ_eventID": "",
		"MATCH_anyEPC": strings.Repeat("urn:a:b|", 200) + "urn:a:b",
	} {
		_, err := epcis.ParseQuery(map[string][]string{name: {value}}, nil)
		if e, ok := errors.AsType[*epcis.ParameterError](err); !ok || e.Name != name {
			t.Errorf("%s=%.40s: %v", name, value, err)
		}
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	event := func(id, more string) *epcis.Event { return one(t, fmt.Sprintf(received, `,"eventID":"`+id+`"`+more)) }
	wrong := `,"errorDeclaration":{"declarationTime":"2020-09-22T00:00:00Z"}`
	other := `,"errorDeclaration":{"declarationTime":"2020-09-23T00:00:00Z"}`
	jobs := []epcis.Job{
		{Events: []*epcis.Event{event("urn:a:1", ""), event("urn:a:1", ""), event("urn:a:2", "")}},
		{Events: []*epcis.Event{event("urn:a:3", ""), event("urn:a:1", `,"x:y":1`)}}, // refused whole
		{Events: []*epcis.Event{event("urn:a:3", `,"x:y":1`)}},                       // as if the one before had not been
		{Events: []*epcis.Event{event("urn:a:1", wrong)}},
		{Events: []*epcis.Event{event("urn:a:1", other)}},                    // another declaration
		{Events: []*epcis.Event{event("urn:a:2", `,"x:y":1`+wrong)}},         // a declaration of something else
		{Events: []*epcis.Event{event("urn:a:4", ""), event("urn:a:1", "")}}, // the first is known already
	}
	four := event("urn:a:4", "")
	keep, out := epcis.Decide([]epcis.Known{{ID: four.ID, Content: four.Content}}, jobs)
	if diff := cmp.Diff([][]int{{0, 2}, nil, {0}, {0}, nil, nil, nil}, keep); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	for j, o := range out {
		_, conflict := errors.AsType[*epcis.ConflictError](o.Err)
		if refused := j == 1 || j == 4 || j == 5; refused != conflict || o.New != len(keep[j]) {
			t.Errorf("job %d: %+v", j, o)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(received, "")))
	f.Add([]byte(`{"@context":[],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2020-01-01T00:00:00Z","epcisBody":{"eventList":[` + fmt.Sprintf(received, `,"x:y":{"a":[1,"\"",{}]}`) + `]}}`))
	f.Add([]byte(`[` + fmt.Sprintf(received, `,"eventID":"urn:a:b","errorDeclaration":{"declarationTime":"2020-09-22T00:00:00Z"}`) + `]`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		events, err := epcis.Parse(src, 100)
		if err != nil {
			if _, ok := errors.AsType[*epcis.RefusedError](err); !ok && !errors.Is(err, epcis.ErrTooMany) {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		for _, e := range events {
			s := epcis.Stored{ID: e.ID, JSON: e.JSON, Context: e.Context, Recorded: e.Time}
			again, err := epcis.Parse(s.Alone(), 1)
			if err != nil || len(again) != 1 {
				t.Fatalf("what was taken is not taken again: %v\n%s", err, s.Alone())
			}
			if again[0].ID != e.ID || again[0].Content != e.Content || again[0].Declaration != e.Declaration || !again[0].Time.Equal(e.Time) {
				t.Fatalf("what was taken came back as another\n%s\n%s", e.JSON, again[0].JSON)
			}
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("MATCH_anyEPC", "urn:epc:idpat:sgtin:0614141.107346.*|https://example.com/01/10614141073464/21/2017")
	f.Add("MATCH_epcClass", "urn:epc:idpat:lgtin:0614141.*.*")
	f.Add("EQ_readPoint", "urn:epc:id:sgln:0614141.07346.a%2fb")
	f.Add("GE_eventTime", "2016-12-31T23:59:60Z")
	f.Add("EQ_bizStep", "https://ns.gs1.org/cbv/BizStep-shipping")
	f.Add("EQ_value_FAH", "78.8|1e400")
	f.Add("EQ_INNER_ILMD_ex:when", "2026-09-20T01:00:00Z|0e999999999|-0")
	f.Add("GE_SENSORREPORT_ex:grade", "2026-09-20")
	f.Add("EQ_bizTransaction_ex:inquiry", "urn:x:i:1")
	f.Add("EXISTS_ERROR_DECLARATION_https://example.com/x/by", "")
	e := one(f, rich)
	stored := &epcis.Stored{ID: e.ID, JSON: e.JSON, Context: e.Context}
	f.Fuzz(func(t *testing.T, name, value string) {
		q, err := epcis.ParseQuery(map[string][]string{name: {value}}, asked)
		if err != nil {
			if _, ok := errors.AsType[*epcis.ParameterError](err); !ok {
				t.Fatalf("an error without a name: %v", err)
			}
			return
		}
		if again, err := epcis.ParseQuery(map[string][]string{name: {value}}, asked); err != nil || again.Meets(stored) != q.Meets(stored) {
			t.Fatalf("the same question twice is two: %v", err)
		}
		for _, m := range q.Matches {
			if len(m.Wanted.Keys)+len(m.Wanted.Prefixes) == 0 {
				t.Fatal("a condition that nothing meets")
			}
			for _, k := range m.Wanted.Keys {
				if epcis.Key(k) != k {
					t.Fatalf("the key of %q is %q, and its key is %q", value, k, epcis.Key(k))
				}
			}
			for _, p := range m.Wanted.Prefixes {
				if epcis.After(p) <= p {
					t.Fatalf("nothing begins with %q", p)
				}
			}
		}
	})
}

// TestReadIsEvent: a stored event that is read without the rules says what it says with them.
func TestReadIsEvent(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		`{"@context":{"x":"urn:x:"},"type":"ObjectEvent","eventID":"urn:x:1","eventTime":"2016-12-31T23:59:60Z","eventTimeZoneOffset":"+09:00","action":"OBSERVE","bizStep":"receiving","disposition":"in_transit",
			"epcList":["urn:epc:id:sscc:8801234.0000000017"],"quantityList":[{"epcClass":"urn:epc:class:lgtin:0614141.107346.A","quantity":1.50,"uom":"KGM"}],"readPoint":{"id":"urn:x:r"},"bizLocation":{"id":"urn:x:l"},
			"errorDeclaration":{"declarationTime":"2026-09-22T00:00:00Z","reason":"did_not_occur","correctiveEventIDs":["urn:x:2"]}}`,
		`{"@context":{},"type":"AggregationEvent","eventTime":"2026-09-21T00:00:00.1234567Z","eventTimeZoneOffset":"-01:00","action":"ADD","parentID":"urn:x:p","childEPCs":["urn:x:c"]}`,
	} {
		list, err := epcis.Parse([]byte(src), 1)
		if err != nil {
			t.Fatal(err)
		}
		want := *list[0]
		stored := epcis.Stored{ID: want.ID, JSON: want.JSON, Context: want.Context}
		got, err := stored.Read()
		if err != nil {
			t.Fatal(err)
		}
		want.Content, want.Declaration = epcis.Digest{}, epcis.Digest{}
		if d := cmp.Diff(&want, got); d != "" {
			t.Error(d)
		}
	}
}
