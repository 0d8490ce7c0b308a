package epcis_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"charye/supply/epcis"
)

func TestNamedQuery(t *testing.T) {
	t.Parallel()
	src := ` {"name":"cold boxes","query":{"@context":[{"own":"https://example.com/x/"}],"eventType":["TransformationEvent"],"EQ_bizStep":[],"GE_own:count":12.5}} `
	src = strings.Replace(strings.Replace(src, "cold boxes", "찬_box-1", 1), `"EQ_bizStep":[],`, `"EQ_quantity":[200, 7.0],"EXISTS_ex:box":null,"EXISTS_errorDeclaration":1,"EQ_ILMD_cbvmda:lotNumber":["a|b","010"],"orderBy":"recordTime",`, 1)
	n, err := epcis.ParseNamedQuery([]byte(src), asked)
	if err != nil || n.Name != "찬_box-1" {
		t.Fatalf("%+v, %v", n, err)
	}
	q, err := n.Query()
	if err != nil {
		t.Fatal(err)
	}
	want := epcis.Query{Types: []string{"TransformationEvent"}, Declared: true, Order: epcis.ByRecordTime, Limit: epcis.DefaultPerPage, Where: []epcis.Condition{
		{Name: "EQ_ILMD_cbvmda:lotNumber", Values: []string{"a|b", "010"}}, // a bar in a value of a list is a bar
		{Name: "EQ_quantity", Values: []string{"200", "7.0"}}, {Name: "EXISTS_ex:box", Values: []string{""}}, {Name: "GE_own:count", Values: []string{"12.5"}},
	}}
	if diff := cmp.Diff(want, q, cmpopts.IgnoreUnexported(epcis.Condition{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	e := one(t, rich)
	if !q.Meets(&epcis.Stored{JSON: e.JSON, Context: e.Context}) {
		t.Error("it is not met by what it is about")
	}
	for _, bad := range []string{
		``, `[]`, `{}`, `{"name":"a"}`, `{"name":"a","query":{}}`, `{"name":"","query":{"EQ_action":["ADD"]}}`, `{"name":"a","query":{"EQ_action":["ADD"]},"stream":true}`, `{"name":"a/b","query":{"EQ_action":["ADD"]}}`,
		`{"name":"SimpleEventQuery","query":{"EQ_action":["ADD"]}}`, `{"name":"..","query":{"EQ_action":["ADD"]}}`, `{"name":"a","query":{"EQ_action":["SEEN"]}}`, `{"name":"a","query":{"EQ_action":[]}}`,
		`{"name":"a","query":{"EQ_action":[null]}}`, `{"name":"a","query":{"EQ_action":{"a":1}}}`, `{"name":"a","query":{"EQ_action":["ADD"],"perPage":3}}`, `{"name":"a","query":{"EQ_other:x":1}}`,
		`{"name":"a","query":{"GE_eventTime":["2026-09-21T00:00:00Z","2026-09-22T00:00:00Z"]}}`, `{"name":"a","query":{"EQ_action":["ADD"],"EQ_action":["DELETE"]}}`, `{"name":"` + strings.Repeat("a", 101) + `","query":{"EQ_action":["ADD"]}}`,
	} {
		_, err := epcis.ParseNamedQuery([]byte(bad), asked)
		_, refused := errors.AsType[*epcis.RefusedError](err)
		_, parameter := errors.AsType[*epcis.ParameterError](err)
		if !refused && !parameter {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzNamedQuery(f *testing.F) {
	f.Add([]byte(`{"name":"a","query":{"@context":{"own":"https://example.com/x/"},"GE_own:count":12.5,"EQ_bizStep":["shipping"],"EXISTS_ex:box":null}}`))
	f.Add([]byte(`{"name":"b","query":{"@context":[],"EQ_ILMD_cbvmda:lotNumber":"010"}}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		n, err := epcis.ParseNamedQuery(src, asked)
		if err != nil {
			_, refused := errors.AsType[*epcis.RefusedError](err)
			_, parameter := errors.AsType[*epcis.ParameterError](err)
			if !refused && !parameter {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		// What is kept is a question that can be kept: with its prefixes it stands for itself.
		again, err := epcis.ParseNamedQuery([]byte(`{"name":"a","query":`+string(n.JSON)+`}`), nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, n.JSON)
		}
		if diff := cmp.Diff(string(n.JSON), string(again.JSON)); diff != "" {
			t.Fatal(diff)
		}
	})
}
