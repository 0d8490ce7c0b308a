package epcis_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"charye/supply/epcis"
)

// rich has something for each family of parameters. Its prefix is its own, not that of the questions.
const rich = `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"own":"https://example.com/x/"}],
"type":"TransformationEvent","eventID":"urn:x:1","eventTime":"2026-09-21T00:00:00Z","eventTimeZoneOffset":"+09:00","transformationID":"urn:x:batch:7",
"inputQuantityList":[{"epcClass":"urn:epc:class:lgtin:8801234.012345.A","quantity":1.50,"uom":"KGM"}],"outputQuantityList":[{"epcClass":"urn:epc:class:lgtin:8801234.012345.B","quantity":200}],
"readPoint":{"id":"urn:epc:id:sgln:8801234.00001.7","own:door":"east"},"bizLocation":{"id":"https://id.gs1.org/414/8801234000017","own:floor":{"own:n":2}},
"bizTransactionList":[{"type":"po","bizTransaction":"urn:x:po:1"},{"type":"own:inquiry","bizTransaction":"urn:x:i:1"},{"bizTransaction":"urn:x:none"}],
"sourceList":[{"type":"owning_party","source":"urn:epc:id:sgln:8801234.00002.0"}],"destinationList":[{"type":"location","destination":"https://example.org/414/8801234000031"}],
"persistentDisposition":{"set":["completeness_verified"],"unset":["completeness_inferred"]},
"ilmd":{"cbvmda:lotNumber":"010","cbvmda:itemExpirationDate":"2027-06-30","own:made":{"line":4,"own:when":"2026-09-20T10:00:00+09:00"}},
"own:count":12.50,"own:texts":["a","b"],"own:flag":true,"own:nothing":"","own:box":{"deep":[{"own:x":5},{"own:x":9}],"own:s":"in"},
"sensorElementList":[{"own:probe":"P","sensorMetadata":{"startTime":"2026-09-20T00:00:00Z","endTime":"2026-09-20T12:00:00Z","deviceID":"urn:epc:id:giai:8801234.1","bizRules":"https://example.com/r","own:cal":{"own:year":2025}},
 "sensorReport":[{"type":"Temperature","time":"2026-09-20T06:00:00Z","value":26,"minValue":-1,"maxValue":30.5,"meanValue":8,"sDev":5,"uom":"CEL","percRank":95,"percValue":29,"dataProcessingMethod":"https://example.com/m","own:grade":"A"},
  {"type":"own:smell","stringValue":"sour","booleanValue":false,"hexBinaryValue":"f0AB","uriValue":"https://example.com/u","microorganism":"https://example.com/germ","chemicalSubstance":"https://example.com/salt"}]}],
"errorDeclaration":{"declarationTime":"2026-09-22T00:00:00Z","reason":"incorrect_data","correctiveEventIDs":["urn:x:2"],"own:by":"Kim","own:in":{"own:n":1}}}`

var asked = epcis.Prefixes{"ex": "https://example.com/x/"}

func meets(t *testing.T, src, name, value string) bool {
	t.Helper()
	e := one(t, src)
	q, err := epcis.ParseQuery(map[string][]string{name: {value}}, asked)
	if err != nil {
		t.Fatalf("%s=%s: %v", name, value, err)
	}
	return q.Meets(&epcis.Stored{ID: e.ID, JSON: e.JSON, Context: e.Context})
}

// TestConditions asks one event for what it has, and for what it nearly has.
func TestConditions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		yes, no []string
	}{
		{"EQ_quantity", []string{"1.5", "15e-1", "200", "7|200.0"}, []string{"1.51", "7"}},
		{"GT_quantity", []string{"199.999"}, []string{"200"}},
		{"LE_quantity", []string{"1.5"}, []string{"1.4999"}},
		{"EQ_quantity_KGM", []string{"1.5"}, []string{"200"}},
		{"EQ_quantity_GRM", []string{"1500"}, []string{"1.5"}},
		{"GE_quantity_CEL", nil, []string{"0"}},
		{"EQ_transformationID", []string{"urn:x:batch:7", "a|urn:x:batch:7"}, []string{"urn:x:batch:8"}},
		{"EQ_bizTransaction_po", []string{"urn:x:po:1"}, []string{"urn:x:i:1", "urn:x:none"}},
		{"EQ_bizTransaction_urn:epcglobal:cbv:btt:po", []string{"urn:x:po:1"}, nil},
		{"EQ_bizTransaction_ex:inquiry", []string{"urn:x:i:1"}, []string{"urn:x:po:1"}},
		{"EQ_source_owning_party", []string{"https://id.gs1.org/414/8801234000024"}, []string{"https://id.gs1.org/414/8801234000031"}},
		{"EQ_destination_location", []string{"urn:epc:id:sgln:8801234.00003.0"}, []string{"urn:x:y"}},
		{"EQ_destination_owning_party", nil, []string{"urn:epc:id:sgln:8801234.00003.0"}},
		{"EQ_persistentDisposition_set", []string{"completeness_verified", "https://ref.gs1.org/cbv/Disp-completeness_verified|x:y", "urn:epcglobal:cbv:disp:completeness_verified"}, []string{"completeness_inferred"}},
		{"EQ_persistentDisposition_unset", []string{"completeness_inferred"}, []string{"completeness_verified"}},
		{"WD_readPoint", []string{"urn:epc:id:sgln:8801234.00001.0", "urn:epc:id:sgln:8801234.00001.7"}, []string{"urn:epc:id:sgln:8801234.00001.77", "https://id.gs1.org/414/8801234000031"}},
		{"WD_bizLocation", []string{"urn:epc:id:sgln:8801234.00001.0"}, []string{"urn:epc:id:sgln:8801234.00001.7"}},
		{"EQ_errorReason", []string{"incorrect_data", "urn:epcglobal:cbv:er:incorrect_data"}, []string{"did_not_occur"}},
		{"EQ_correctiveEventID", []string{"urn:x:2"}, []string{"urn:x:1"}},
		{"GE_errorDeclarationTime", []string{"2026-09-22T09:00:00+09:00"}, []string{"2026-09-22T00:00:01Z"}},
		{"LT_errorDeclarationTime", []string{"2026-09-22T00:00:01Z"}, []string{"2026-09-22T00:00:00Z"}},
		{"LT_errorDeclaration_Time", []string{"2026-09-22T00:00:01Z"}, []string{"2026-09-22T00:00:00Z"}},
		{"EXISTS_errorDeclaration", []string{"true", "false"}, nil},
		{"EXISTS_sensorElementList", []string{"true", "", "false"}, nil},
		{"GE_time", []string{"2026-09-20T06:00:00Z"}, []string{"2026-09-20T06:00:01Z"}},
		{"LT_startTime", []string{"2026-09-20T00:00:01Z"}, []string{"2026-09-20T00:00:00Z"}},
		{"GE_endTime", []string{"2026-09-20T12:00:00Z"}, []string{"2026-09-20T12:00:01Z"}},
		{"EQ_type", []string{"Temperature", "gs1:MT-Temperature", "ex:smell"}, []string{"Mass", "smell"}},
		{"EQ_deviceID", []string{"urn:epc:id:giai:8801234.1"}, []string{"urn:epc:id:giai:8801234.2"}},
		{"EQ_dataProcessingMethod", []string{"https://example.com/m"}, []string{"https://example.com/r"}},
		{"EQ_bizRules", []string{"https://example.com/r"}, []string{"https://example.com/m"}},
		{"EQ_microorganism", []string{"https://example.com/germ"}, []string{"https://example.com/salt"}},
		{"EQ_chemicalSubstance", []string{"https://example.com/salt"}, []string{"https://example.com/germ"}},
		{"EQ_stringValue", []string{"sour"}, []string{"SOUR"}},
		{"EQ_booleanValue", []string{"false"}, []string{"true"}},
		{"EQ_hexBinaryValue", []string{"F0ab"}, []string{"f0"}},
		{"EQ_uriValue", []string{"https://example.com/u"}, []string{"https://example.com/v"}},
		{"EQ_value_CEL", []string{"26", "2.6e1"}, []string{"26.1"}},
		{"EQ_value_KEL", []string{"299.15"}, []string{"26", "299.1500001"}},
		{"EQ_value_FAH", []string{"78.8"}, []string{"78.79"}},
		{"GT_value_KEL", []string{"299.149"}, []string{"299.15"}},
		{"LT_minValue_FAH", []string{"32"}, []string{"30.2"}},
		{"LE_minValue_FAH", []string{"30.2"}, []string{"30.19"}},
		{"GE_maxValue_CEL", []string{"30.5"}, []string{"30.51"}},
		{"EQ_meanValue_CEL", []string{"8"}, []string{"9"}},
		{"EQ_sDev_FAH", []string{"9"}, []string{"41"}}, // a difference has no zero
		{"EQ_percRank", []string{"95"}, []string{"94"}},
		{"GE_percValue_CEL", []string{"29"}, []string{"29.1"}},
		{"GE_value_MTS", nil, []string{"0"}},
		{"EQ_ex:count", []string{"12.5", "1250e-2"}, []string{"12.51", "12"}},
		{"EQ_https://example.com/x/count", []string{"12.5"}, []string{"12"}},
		{"GT_ex:count", []string{"12.49"}, []string{"12.5", "2026-09-21"}},
		{"EQ_ex:texts", []string{"b", "z|a"}, []string{"c", "a,b"}},
		{"EQ_ex:flag", []string{"true"}, []string{"false", "1"}},
		{"EXISTS_ex:count", []string{"true", "", "false"}, nil},
		{"EXISTS_ex:nothing", nil, []string{"true"}},
		{"EXISTS_ex:x", nil, []string{"true"}},
		{"EXISTS_INNER_ex:x", []string{"true"}, nil},
		{"EXISTS_INNER_ex:count", nil, []string{"true"}}, // it lies outside of any other
		{"EQ_INNER_ex:x", []string{"5", "9.0"}, []string{"7"}},
		{"GT_INNER_ex:x", []string{"8"}, []string{"9"}},
		{"EQ_INNER_ex:s", []string{"in"}, []string{"out"}},
		{"EQ_INNER_deep", nil, []string{"5"}},
		{"EXISTS_INNER_deep", []string{"true"}, nil},
		{"EXISTS_INNER_#deep", []string{"true"}, nil},
		{"EQ_ILMD_cbvmda:lotNumber", []string{"010"}, []string{"10", "10.0"}}, // a lot is a text
		{"EQ_ILMD_urn:epcglobal:cbv:mda:lotNumber", []string{"010"}, nil},
		{"GE_ILMD_cbvmda:lotNumber", nil, []string{"10", "9"}},
		{"GE_ILMD_cbvmda:itemExpirationDate", []string{"2027-06-30", "2027-06-30T00:00:00Z"}, []string{"2027-07-01"}},
		{"LT_ILMD_cbvmda:itemExpirationDate", []string{"2027-07-01"}, []string{"2027-06-30"}},
		{"EXISTS_ILMD_ex:made", []string{"true"}, nil},
		{"EXISTS_ILMD_ex:when", nil, []string{"true"}},
		{"EQ_INNER_ILMD_ex:when", []string{"2026-09-20T01:00:00Z", "2026-09-20T10:00:00+09:00"}, []string{"2026-09-20T10:00:00Z"}},
		{"EQ_INNER_ILMD_line", []string{"4"}, []string{"5"}},
		{"EQ_ERROR_DECLARATION_ex:by", []string{"Kim"}, []string{"Lee"}},
		{"EQ_INNER_ERROR_DECLARATION_ex:n", []string{"1"}, []string{"2"}},
		{"EXISTS_ERROR_DECLARATION_ex:in", []string{"true"}, nil},
		{"EQ_readPoint_ex:door", []string{"east"}, []string{"west"}},
		{"GE_INNER_bizLocation_ex:n", []string{"2"}, []string{"3"}},
		{"EQ_SENSORELEMENT_ex:probe", []string{"P"}, []string{"Q"}},
		{"EQ_INNER_SENSORMETADATA_ex:year", []string{"2025"}, []string{"2026"}},
		{"EXISTS_SENSORMETADATA_ex:cal", []string{"true"}, nil},
		{"EQ_SENSORREPORT_ex:grade", []string{"A"}, []string{"B"}},
		{"EQ_SENSORMETADATA_deviceID", []string{"urn:epc:id:giai:8801234.1"}, []string{"urn:x:y"}},
		{"GE_SENSORMETADATA_startTime", []string{"2026-09-20"}, []string{"2026-09-21"}},
		{"EXISTS_SENSORREPORT_deviceMetadata", nil, []string{"true"}},
	} {
		for i, values := range [][]string{c.yes, c.no} {
			for _, v := range values {
				if got := meets(t, rich, c.name, v); got != (i == 0) {
					t.Errorf("%s=%s: %v", c.name, v, got)
				}
			}
		}
	}
}

// TestConditionsOfPlainEvents: what an event does not have meets nothing.
func TestConditionsOfPlainEvents(t *testing.T) {
	t.Parallel()
	plain := fmt.Sprintf(received, "")
	foreign := `{"@context":[],"type":"https://example.com/Odd","eventTime":"2026-09-21T00:00:00Z","eventTimeZoneOffset":"+09:00","transformationID":"urn:x:batch:7","quantityList":[{"quantity":5}],"https://example.com/x/count":12.5}`
	for _, name := range []string{"EQ_quantity", "EQ_transformationID", "EQ_bizTransaction_po", "WD_bizLocation", "EQ_errorReason", "EQ_type", "EQ_value_CEL", "EQ_ex:count", "EQ_ILMD_ex:count", "EQ_INNER_ex:count"} {
		value := "5"
		if name == "EQ_transformationID" {
			value = "urn:x:batch:7"
		}
		for _, src := range []string{plain, foreign} { // the members of a foreign type have meanings of their own
			if meets(t, src, name, value) {
				t.Errorf("%s is met by %s", name, src)
			}
		}
	}
	if !meets(t, foreign, "EQ_ex:count", "12.5") {
		t.Error("an extension's member is one in an event of any type")
	}
}

func TestRefusedConditions(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"EQ_quantity": "many", "GT_quantity": "1|2", "GE_quantity_kg": "1", "EQ_value": "5", "GE_value_CEL": "NaN", "EQ_value_CEL": "0x10", "GE_startTime": "2026-09-21", "LE_startTime": "2026-09-21T00:00:00Z",
		"EQ_booleanValue": "yes", "EQ_other:count": "5", "GT_ex:count": "many", "GT_ex:texts": "1|2", "EQ_count": "5", "EQ_": "5", "EXISTS_": "true", "EXISTS_ex:count": "perhaps", "EQ_ILMD_lot": "5",
		"EQ_SENSORREPORT_colour": "red", "HASATTR_bizLocation": "x:y", "EQATTR_bizLocation_x:y": "z", "WD_epc": "urn:x:y", "EQ_bizTransaction_": "urn:x:y", "EQ_bizTransaction": "urn:x:y", "orderBy": "ex:count",
		"eventCountLimit": "5", "maxEventCount": "0", "NE_ex:count": "5", "EQ_ex:": "5", "EQ_:x": "5", "eq_quantity": "5",
	} {
		_, err := epcis.ParseQuery(map[string][]string{name: {value}}, asked)
		if e, ok := errors.AsType[*epcis.ParameterError](err); !ok || e.Name != name {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
	_, err := epcis.ParseQuery(map[string][]string{"orderBy": {"eventTime"}, "eventCountLimit": {"5"}, "maxEventCount": {"5"}}, nil)
	if e, ok := errors.AsType[*epcis.ParameterError](err); !ok || e.Name != "maxEventCount" {
		t.Error(err)
	}
}

// TestNotAsked: a question whether something is there that says "false" asks for nothing, whatever it would narrow.
func TestNotAsked(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"EXISTS_errorDeclaration", "EXISTS_ERROR_DECLARATION_ex:by", "EXISTS_sensorElementList", "EXISTS_INNER_ILMD_ex:x"} {
		q, err := epcis.ParseQuery(map[string][]string{name: {"false"}}, asked)
		if err != nil || q.Declared || q.Where != nil {
			t.Errorf("%s=false asks for %+v, %v", name, q, err)
		}
	}
	q, err := epcis.ParseQuery(map[string][]string{"EQ_errorReason": {"did_not_occur"}, "EXISTS_errorDeclaration": {"false"}}, asked)
	if err != nil || !q.Declared || len(q.Where) != 1 {
		t.Errorf("%+v, %v", q, err)
	}
}

// TestParametersOfTheInterface: all that GS1's description of the interface names is taken.
func TestParametersOfTheInterface(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(filepath.Join(gs1(t), "EPCIS-openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	type parameter struct {
		Name string `json:"name"`
		In   string `json:"in"`
		Ref  string `json:"$ref"`
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []parameter `json:"parameters"`
		} `json:"paths"`
		Components struct {
			Parameters map[string]parameter `json:"parameters"`
		} `json:"components"`
	}
	// Other members of a path are no operations.
	if err := json.Unmarshal(src, &doc); err != nil && len(doc.Paths) == 0 {
		t.Fatal(err)
	}
	n := 0
	for _, p := range doc.Paths["/events"]["get"].Parameters {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			p = doc.Components.Parameters[name]
		}
		if p.In != "query" || p.Name == "nextPageToken" { // which is the face's
			continue
		}
		n++
		taken := slices.ContainsFunc([]string{"5", "2026-09-21T00:00:00Z", "true", "ObjectEvent", "ADD", "urn:x:y", "eventTime", "ASC"}, func(value string) bool {
			values := map[string][]string{p.Name: {value}}
			if p.Name == "orderDirection" || p.Name == "eventCountLimit" {
				values["orderBy"] = []string{"eventTime"}
			}
			_, err := epcis.ParseQuery(values, nil)
			return err == nil
		})
		if !taken {
			t.Errorf("%s is not taken", p.Name)
		}
	}
	if n < 50 {
		t.Errorf("only %d parameters were found", n)
	}
}

func TestParseExtensions(t *testing.T) {
	t.Parallel()
	p, err := epcis.ParseExtensions([]string{"a=https://example.com/a/, b=urn:b:", "c=a:c/"})
	if err != nil || p["a"] != "https://example.com/a/" || p["b"] != "urn:b:" || p["c"] != "https://example.com/a/c/" || len(p) != 3 {
		t.Errorf("%v, %v", p, err)
	}
	for _, bad := range []string{"a", "=urn:x:", "a=b", "a b=urn:x:", "a:b=urn:x:"} {
		if _, err := epcis.ParseExtensions([]string{bad}); err == nil {
			t.Errorf("taken: %s", bad)
		}
	}
}

// TestConditionsOfExamples asks GS1's examples for what can be seen in their files.
func TestConditionsOfExamples(t *testing.T) {
	t.Parallel()
	all := examples(t)
	for _, c := range []struct {
		name, value string
		want        []string // at least these
	}{
		{"GE_value_KEL", "299", []string{"WithSensorData_SensorDataExample1.jsonld"}},
		{"EQ_ILMD_http://ns.example.com/epcis/batch", "XYZ", []string{"Example_9.6.4-TransformationEvent.jsonld"}},
		{"EQ_http://ns.example.com/epcis/myField", "Example of a vendor/user extension", []string{"Example_9.6.1-ObjectEvent.jsonld", "Example_9.6.4-TransformationEvent.jsonld"}},
		{"EQ_persistentDisposition_set", "completeness_verified", []string{"PersistentDisposition-example.jsonld"}},
		{"EXISTS_sensorElementList", "true", []string{"WithSensorData_SensorDataExample1.jsonld", "WithSensorData_SensorDataExample9.jsonld"}},
		{"EQ_errorReason", "incorrect_data", []string{"WithErrorDeclaration_ErrorDeclarationAndCorrectiveEvent.jsonld"}},
		{"EQ_type", "Temperature", []string{"WithSensorData_SensorDataExample1.jsonld"}},
		{"GE_quantity", "1", []string{"Example_9.6.2-ObjectEvent.jsonld"}},
		{"EQ_quantity_GRM", "123456789000000000000", nil},
	} {
		q, err := epcis.ParseQuery(map[string][]string{c.name: {c.value}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for file, src := range all {
			events, err := epcis.Parse(src, 100)
			if err != nil { // one of them is refused; gs1_test.go says which
				continue
			}
			for _, e := range events {
				if q.Meets(&epcis.Stored{ID: e.ID, JSON: e.JSON, Context: e.Context}) && !slices.Contains(got, file) {
					got = append(got, file)
				}
			}
		}
		for _, want := range c.want {
			if !slices.Contains(got, want) {
				t.Errorf("%s=%s is not met by %s, but by %s", c.name, c.value, want, strings.Join(got, " "))
			}
		}
		if len(got) == len(all) || c.want == nil && got != nil {
			t.Errorf("%s=%s is met by %d files", c.name, c.value, len(got))
		}
	}
}
