package epcistest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/supply/epcis"
)

var prefixes = epcis.Prefixes{"x": "https://example.com/x/"}

func ask(t testing.TB, parameters ...string) epcis.Query {
	t.Helper()
	values := map[string][]string{}
	for i := 0; i < len(parameters); i += 2 {
		values[parameters[i]] = []string{parameters[i+1]}
	}
	q, err := epcis.ParseQuery(values, prefixes)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// families asks one question of each family of parameters.
func families(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	object := func(id, more string) string {
		return fmt.Sprintf(`"type":"ObjectEvent","eventID":"urn:x:%s","eventTime":"2026-09-21T09:00:00Z","action":"ADD","epcList":[]%s`, id, more)
	}
	gln := "urn:epc:id:sgln:8801234.00001."
	events := parse(t,
		object("plain", ""),
		object("few", `,"quantityList":[{"epcClass":"urn:x:c","quantity":5,"uom":"KGM"}]`), object("many", `,"quantityList":[{"epcClass":"urn:x:c","quantity":5000.5,"uom":"GRM"}]`),
		object("cold", `,"sensorElementList":[{"sensorMetadata":{"startTime":"2026-09-20T00:00:00Z","deviceID":"urn:x:d1"},"sensorReport":[{"type":"Temperature","value":1.5,"uom":"CEL"}]}]`),
		object("warm", `,"sensorElementList":[{"sensorMetadata":{"startTime":"2026-09-21T00:00:00Z","deviceID":"urn:x:d2"},"sensorReport":[{"type":"Temperature","value":50,"uom":"FAH","x:grade":2}]}]`),
		object("site", `,"bizLocation":{"id":"`+gln+`0"},"readPoint":{"id":"`+gln+`0"}`), object("room", `,"bizLocation":{"id":"`+gln+`7","x:floor":3},"readPoint":{"id":"`+gln+`7"}`),
		object("else", `,"bizLocation":{"id":"urn:epc:id:sgln:8801234.00002.7"},"readPoint":{"id":"urn:x:door"}`),
		object("order", `,"bizTransactionList":[{"type":"po","bizTransaction":"urn:x:po:1"}],"sourceList":[{"type":"owning_party","source":"urn:x:o"}],"destinationList":[{"type":"location","destination":"`+gln+`0"}]`),
		object("own", `,"x:n":12.50,"x:in":{"x:deep":"yes","x:n":3}`), object("lot", `,"ilmd":{"cbvmda:lotNumber":"L-7","x:in":{"x:until":"2027-06-30"}}`),
		object("lasting", `,"persistentDisposition":{"set":["completeness_verified"]}`),
		`"type":"TransformationEvent","eventID":"urn:x:batch","eventTime":"2026-09-21T09:00:00Z","transformationID":"urn:x:t:1","inputEPCList":["urn:x:a"]`,
		object("wrong", `,"errorDeclaration":{"declarationTime":"2026-09-22T00:00:00Z","reason":"incorrect_data","correctiveEventIDs":["urn:x:own"],"x:by":"Kim"}`),
	)
	taken(t, s, len(events), events...)
	for _, c := range []struct {
		parameters string // name value …
		want       string
	}{
		{"GT_quantity 5", "many"}, {"EQ_quantity 5.0|7", "few"}, {"GT_quantity_KGM 5", "many"}, {"LE_quantity_KGM 5", "few"},
		{"EQ_type Temperature", "cold warm"}, {"LE_value_CEL 10", "cold warm"}, {"LT_value_CEL 10", "cold"}, {"EQ_value_KEL 283.15", "warm"}, {"EQ_deviceID urn:x:d1", "cold"},
		{"GE_startTime 2026-09-21T00:00:00Z", "warm"}, {"EXISTS_sensorElementList true", "cold warm"}, {"EQ_SENSORREPORT_x:grade 2", "warm"}, {"EXISTS_SENSORMETADATA_deviceID true", "cold warm"},
		{"WD_bizLocation " + gln + "0", "room site"}, {"WD_bizLocation " + gln + "7", "room"}, {"WD_readPoint " + gln + "0|urn:x:door", "else room site"}, {"WD_readPoint urn:x:d", ""},
		{"WD_bizLocation " + gln + "0 EQ_bizLocation " + gln + "7", "room"}, {"EQ_bizLocation_x:floor 3", "room"},
		{"EQ_bizTransaction_po urn:x:po:1", "order"}, {"EQ_bizTransaction_inv urn:x:po:1", ""}, {"EQ_source_owning_party urn:x:o", "order"}, {"EQ_destination_location https://id.gs1.org/414/8801234000017", "order"},
		{"EQ_x:n 12.5", "own"}, {"GE_INNER_x:n 3", "own"}, {"EQ_INNER_x:deep yes", "own"}, {"EXISTS_x:in true", "own"}, {"EXISTS_x:deep true", ""},
		{"EQ_ILMD_cbvmda:lotNumber L-6|L-7", "lot"}, {"LT_INNER_ILMD_x:until 2027-07-01", "lot"}, {"EXISTS_INNER_ILMD_x:until true", "lot"}, {"EXISTS_ILMD_x:until true", ""},
		{"EQ_persistentDisposition_set completeness_verified", "lasting"}, {"EQ_persistentDisposition_unset completeness_verified", ""},
		{"EQ_transformationID urn:x:t:1", "batch"}, {"EQ_transformationID urn:x:t:1 eventType ObjectEvent", ""},
		{"EQ_errorReason incorrect_data", "wrong!"}, {"EQ_correctiveEventID urn:x:own", "wrong!"}, {"LT_errorDeclarationTime 2026-09-22T00:00:00Z", ""}, {"EQ_ERROR_DECLARATION_x:by Kim", "wrong!"},
		{"EQ_deviceID urn:x:d1 EQ_type Temperature EQ_action ADD", "cold"}, {"EQ_deviceID urn:x:d1 EQ_action OBSERVE", ""},
	} {
		q := ask(t, strings.Fields(c.parameters)...)
		got := all(t, s, q)
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s gives %v, want %s", c.parameters, got, c.want)
		}
	}
}

// wheresAgreeWithPredicate asks made-up questions about made-up events: over all pages an engine gives those that meet the predicate, in
// order, whatever it looks at at once and whatever the index has left.
func wheresAgreeWithPredicate(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	var events []*epcis.Event
	for i := range 240 {
		more := fmt.Sprintf(`"eventID":"urn:x:%d","eventTime":"2026-09-21T%02d:00:00Z","x:n":%d,"bizLocation":{"id":"urn:epc:id:sgln:8801234.%05d.%d"}`, i, i*7%24, i%9, i%3, i%4)
		switch i % 5 {
		case 0:
			more += fmt.Sprintf(`,"type":"TransformationEvent","transformationID":"urn:x:t:%d","inputEPCList":["urn:x:a"],"outputQuantityList":[{"epcClass":"urn:x:c","quantity":%d.5}]`, i%3, i%7)
		case 1:
			more += fmt.Sprintf(`,"type":"ObjectEvent","action":"ADD","epcList":[],"ilmd":{"cbvmda:lotNumber":"L-%d"}`, i%6)
		default:
			more += fmt.Sprintf(`,"type":"ObjectEvent","action":"OBSERVE","epcList":[],"bizStep":"storing","bizTransactionList":[{"type":"po","bizTransaction":"urn:x:po:%d"}],"sensorElementList":[{"sensorReport":[{"type":"Temperature","value":%d,"uom":%q}]}]`,
				i%8, i%11, []string{"CEL", "KEL", "FAH"}[i%3])
		}
		events = append(events, parse(t, more)...)
		if i%20 == 0 {
			events = append(events, parse(t, more+wrong)...)
		}
	}
	for i := 0; i < len(events); i += 40 {
		capture(t, s, epcis.Job{At: when.Add(time.Duration(i) * time.Second), Events: events[i:min(i+40, len(events))]})
	}
	parameters := []struct{ name, value string }{
		{"GE_x:n", "4"}, {"EQ_x:n", "1|2|3"}, {"LT_x:n", "7"}, {"EXISTS_x:n", "true"}, {"EXISTS_x:none", "true"}, {"WD_bizLocation", "urn:epc:id:sgln:8801234.00001.0"}, {"WD_bizLocation", "urn:epc:id:sgln:8801234.00001.0|urn:epc:id:sgln:8801234.00002.3"},
		{"EQ_transformationID", "urn:x:t:0|urn:x:t:1"}, {"GE_quantity", "3.5"}, {"EQ_ILMD_cbvmda:lotNumber", "L-1"}, {"EQ_bizTransaction_po", "urn:x:po:2|urn:x:po:3"}, {"GE_value_KEL", "274"}, {"LT_value_FAH", "40"},
		{"EQ_type", "Temperature"}, {"EQ_errorReason", "did_not_occur"}, {"EQ_bizStep", "storing"}, {"EQ_action", "OBSERVE|ADD"}, {"eventType", "ObjectEvent"}, {"GE_eventTime", "2026-09-21T06:00:00Z"}, {"LT_eventTime", "2026-09-21T20:00:00Z"},
	}
	rapid.Check(t, func(r *rapid.T) {
		values := map[string][]string{"perPage": {fmt.Sprint(rapid.IntRange(1, 60).Draw(r, "per page"))}}
		values["orderBy"] = []string{rapid.SampledFrom([]string{"eventTime", "recordTime"}).Draw(r, "order")}
		values["orderDirection"] = []string{rapid.SampledFrom([]string{"ASC", "DESC"}).Draw(r, "direction")}
		for _, p := range rapid.SliceOfN(rapid.SampledFrom(parameters), 1, 3).Draw(r, "parameters") {
			values[p.name] = []string{p.value}
		}
		first := rapid.IntRange(0, 40).Draw(r, "first")
		if first > 0 {
			values["eventCountLimit"] = []string{fmt.Sprint(first)}
		}
		q, err := epcis.ParseQuery(values, prefixes)
		if err != nil {
			r.Fatal(err)
		}
		q.Looks = rapid.SampledFrom([]int{0, 5, 50}).Draw(r, "looks")
		var want []string
		for _, e := range sorted(events, q) {
			if meets(e, q) && q.Meets(&epcis.Stored{ID: e.ID, JSON: e.JSON, Context: e.Context}) && (first == 0 || len(want) < first) {
				want = append(want, label(e.ID, e.Declared()))
			}
		}
		if diff := cmp.Diff(want, all(t, s, q)); diff != "" {
			r.Fatalf("%v, looking at %d (-want +got):\n%s", values, q.Looks, diff)
		}
	})
}

// looksAreBounded asks for what is in none of many events: no page looks at more than its bound, and each says where to go on.
func looksAreBounded(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	const events, looks = 3000, 400
	var list []*epcis.Event
	for i := range events {
		list = append(list, parse(t, received(fmt.Sprint(i), i%24, ""))...)
	}
	taken(t, s, events, list...)
	for _, order := range []epcis.Order{epcis.ByEventTime, epcis.ByRecordTime} {
		q := ask(t, "EQ_x:none", "1")
		q.Looks, q.Order = looks, order
		pages := 0
		for ; ; pages++ {
			p, err := s.Events(context.Background(), q)
			if err != nil || len(p.Events) > 0 {
				t.Fatal(len(p.Events), err)
			}
			if q.After = p.Next; q.After == nil {
				break
			}
		}
		if want := (events - 1) / looks; pages != want {
			t.Errorf("%d pages with another behind them, want %d", pages, want)
		}
	}
	// The page of a full match ends where it is full, and not at the bound.
	q := ask(t, "EQ_bizStep", "receiving", "EXISTS_x:none", "false")
	q.Limit, q.Looks = 30, looks
	if p, err := s.Events(context.Background(), q); err != nil || len(p.Events) != 30 || p.Next == nil {
		t.Error(len(p.Events), err)
	}
}

// counts are those of events over all pages.
func counts(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	var list []*epcis.Event
	for i := range 25 {
		list = append(list, parse(t, received(fmt.Sprint(i), i%24, fmt.Sprintf(`,"x:n":%d`, i%2)))...)
	}
	taken(t, s, 25, list...)
	for _, c := range []struct{ limit, first, want int }{{10, 7, 7}, {7, 14, 14}, {7, 15, 15}, {7, 1, 1}, {1, 3, 3}, {10, 100, 25}} {
		q := ask(t, "orderBy", "eventTime", "eventCountLimit", fmt.Sprint(c.first))
		q.Limit = c.limit
		if got := all(t, s, q); len(got) != c.want {
			t.Errorf("the first %d, %d a page: %d events", c.first, c.limit, len(got))
		}
	}
	for _, c := range []struct {
		name, value string
		most        int
		large       bool
	}{{"EQ_bizStep", "receiving", 25, false}, {"EQ_bizStep", "receiving", 24, true}, {"EQ_x:n", "1", 12, false}, {"EQ_x:n", "1", 11, true}, {"EQ_x:n", "1", 1, true}} {
		q := ask(t, c.name, c.value, "maxEventCount", fmt.Sprint(c.most))
		q.Limit = 5
		_, err := s.Events(context.Background(), q)
		if e, large := errors.AsType[*epcis.TooLargeError](err); large != c.large || !large && err != nil || large && e.Most != int64(c.most) {
			t.Errorf("%s=%s, at most %d: %v", c.name, c.value, c.most, err)
		}
		// Where it is not seen at once it is seen on the page that has one too many.
		q.Looks = 3
		for page := 0; ; page++ {
			p, err := s.Events(context.Background(), q)
			if _, large := errors.AsType[*epcis.TooLargeError](err); large && c.large {
				break
			}
			if q.After = p.Next; err != nil || p.Next == nil {
				if c.large || err != nil {
					t.Errorf("%s=%s, at most %d, page %d: %v", c.name, c.value, c.most, page, err)
				}
				break
			}
		}
	}
}

// placesWithin has more places in one than are asked for by name.
func placesWithin(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	var list []*epcis.Event
	for i := range 260 {
		list = append(list, parse(t, received(fmt.Sprint(i), i%24, fmt.Sprintf(`,"readPoint":{"id":"urn:epc:id:sgln:8801234.%05d.%d"}`, i%2, i)))...)
	}
	for i := range 500 {
		list = append(list, parse(t, received(fmt.Sprint("else", i), i%24, fmt.Sprintf(`,"readPoint":{"id":"urn:epc:id:sgln:8801234.00003.%d"}`, i)))...)
	}
	taken(t, s, 760, list...)
	for place, want := range map[string]int{"00000": 130, "00001": 130, "00002": 0, "00003": 500} {
		if got := all(t, s, ask(t, "WD_readPoint", "urn:epc:id:sgln:8801234."+place+".0", "perPage", "50")); len(got) != want {
			t.Errorf("within %s are %d events, want %d", place, len(got), want)
		}
	}
}
