package epcis_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"charye/supply/epcis"
)

// gs1 gives the folder of GS1's schema and examples, which are not part of the project: it lies in ../shared/data beside the
// checkout or where CHARYE_DATA says.
func gs1(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("CHARYE_DATA")
	if dir == "" {
		root, err := filepath.Abs("../..")
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(root, "..", "shared", "data")
	}
	dir = filepath.Join(dir, "epcis")
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		t.Skip("GS1's schema and examples are not on this machine (epcis in ../shared/data or $CHARYE_DATA)")
	}
	return dir
}

// examples reads GS1's examples by name.
func examples(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(gs1(t), "examples-gs1", "*.jsonld"))
	if err != nil || len(files) < 40 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = b
	}
	return out
}

// notBefore is a pattern that begins with a negative lookahead, which Go's regular expressions do not have.
type notBefore struct {
	source string
	not    *regexp.Regexp
}

func (n notBefore) MatchString(s string) bool { return !n.not.MatchString(s) }
func (n notBefore) String() string            { return n.source }

func lookahead(s string) (jsonschema.Regexp, error) {
	if inner, ok := strings.CutPrefix(s, "^(?!"); ok {
		not, err := regexp.Compile("^" + strings.TrimSuffix(strings.ReplaceAll(inner, `\/`, "/"), ")"))
		return notBefore{s, not}, err
	}
	return regexp.Compile(s)
}

// theirs is GS1's own schema.
func theirs(t testing.TB) *jsonschema.Schema {
	t.Helper()
	f, err := os.Open(filepath.Join(gs1(t), "EPCIS-JSON-Schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseRegexpEngine(lookahead)
	if err := c.AddResource("gs1.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("gs1.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func value(t testing.TB, src []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func compare(t *testing.T, schema *jsonschema.Schema, name string, v any) (accepted bool) {
	t.Helper()
	src, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	want := schema.Validate(v)
	_, got := epcis.Parse(src, 1000)
	if (want == nil) != (got == nil) {
		t.Errorf("%s: GS1's schema says %v, we say %v\n%.3000s", name, want, got, src)
	}
	return want == nil
}

func TestSameVerdictOnExamples(t *testing.T) {
	t.Parallel()
	schema := theirs(t)
	for name, src := range examples(t) {
		v := value(t, src)
		if _, err := epcis.Parse(src, 1000); (err != nil) != (name == "AssociationEvent_AssociationEvent-h.jsonld") {
			t.Errorf("%s as it was written: %v", name, err) // that one has a name twice, which no schema sees
		}
		if !compare(t, schema, name, v) {
			t.Logf("%s is not valid by GS1's own schema", name)
		}
		// Each event alone, with the document's context and without any.
		doc := v.(map[string]any)
		body := doc["epcisBody"].(map[string]any)
		if r, ok := body["queryResults"].(map[string]any); ok {
			body = r["resultsBody"].(map[string]any)
		}
		for i, e := range body["eventList"].([]any) {
			alone := maps.Clone(e.(map[string]any))
			delete(alone, "@context")
			compare(t, schema, fmt.Sprintf("%s, event %d without context", name, i), alone)
			alone["@context"] = doc["@context"]
			compare(t, schema, fmt.Sprintf("%s, event %d", name, i), alone)
		}
	}
}

// TestSameVerdictOnMutations changes one place of an example in every way there is, at every place in turn.
func TestSameVerdictOnMutations(t *testing.T) {
	t.Parallel()
	schema := theirs(t)
	all := examples(t)
	tries, accepted := 0, 0
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		doc := value(t, all[name])
		var places [][]any
		walk(doc, nil, func(path []any) { places = append(places, slices.Clone(path)) })
		rng.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
		for _, path := range places[:min(len(places), 40)] {
			for what, mutate := range mutations {
				copied := value(t, all[name])
				changed, ok := mutate(rng, copied, path)
				if !ok {
					continue
				}
				tries++
				if compare(t, schema, fmt.Sprintf("%s: %s at %v", name, what, path), changed) {
					accepted++
				}
				if t.Failed() {
					return // one is enough to look at
				}
			}
		}
	}
	t.Logf("%d mutations, %d of them valid", tries, accepted)
	if tries < 5000 || accepted < tries/20 || accepted > tries*19/20 {
		t.Errorf("%d mutations of which %d valid do not try much", tries, accepted)
	}
}

func walk(v any, path []any, visit func([]any)) {
	visit(path)
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			walk(v[k], append(path, k), visit)
		}
	case []any:
		for i, x := range v {
			walk(x, append(path, i), visit)
		}
	}
}

// at gives what lies at a path.
func at(v any, path []any) any {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			v = v.(map[string]any)[s]
		case int:
			v = v.([]any)[s]
		}
	}
	return v
}

// put sets what lies at a path; remove takes it away.
func put(root any, path []any, x any) any {
	if len(path) == 0 {
		return x
	}
	switch s := path[len(path)-1].(type) {
	case string:
		at(root, path[:len(path)-1]).(map[string]any)[s] = x
	case int:
		at(root, path[:len(path)-1]).([]any)[s] = x
	}
	return root
}

var someValues = []any{
	"", "x", "a b", "ADD", "OBSERVE", "DELETE", "shipping", "urn:epcglobal:cbv:bizstep:shipping", "https://ns.gs1.org/cbv/BizStep-shipping",
	"https://example.org/own", "example:own", "recalled", "owning_party", "Temperature", "https://gs1.org/voc/Temperature", "https://www.gs1.org/voc/x",
	"ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent", "EPCISDocument", "EPCISQueryDocument",
	"example:OwnEvent", "2.0", "2.x", "+09:00", "+14:00", "+14:01", "-00:00", "+9:00", "2020-01-15T07:47:21.677Z", "2020-01-15t07:47:21z", "2016-12-31T23:59:60Z",
	"2016-12-31T23:59:61Z", "2020-13-15T07:47:21Z", "2020-01-15", "2020-01-15T07:47:21", "2020-01-15T07:47:21.123456789012+23:59",
	"KGM", "K", "kgm", "f0", "zz", "did_not_occur", "http://[::1", "urn:epc:id:sgtin:0614141.107346.2017", "%zz", "%zz:x", "a:b\x01",
	json.Number("0"), json.Number("-1.5e3"), json.Number("200"), true, false, nil,
	[]any{}, []any{"urn:a:b"}, []any{"urn:a:b", "urn:a:b"}, []any{json.Number("1")}, []any{map[string]any{}}, []any{map[string]any{}, map[string]any{}},
	map[string]any{}, map[string]any{"id": "urn:a:b"}, map[string]any{"example:a": json.Number("1")}, map[string]any{"a": "b"},
	map[string]any{"declarationTime": "2020-01-15T07:47:21Z"}, map[string]any{"set": []any{"active"}}, map[string]any{"set": []any{}},
	[]any{map[string]any{"epcClass": "urn:a:b"}}, []any{map[string]any{"sensorReport": []any{map[string]any{"type": "Temperature"}}}},
}

var someNames = []string{
	"epcList", "childEPCs", "parentID", "quantityList", "childQuantityList", "inputEPCList", "outputEPCList", "inputQuantityList", "outputQuantityList",
	"transformationID", "ilmd", "action", "bizStep", "disposition", "persistentDisposition", "readPoint", "bizLocation", "bizTransactionList",
	"sourceList", "destinationList", "sensorElementList", "sensorReport", "sensorMetadata", "errorDeclaration", "certificationInfo", "recordTime", "eventID", "@context",
	"type", "id", "unknown", "example:unknown", "urn:x:y", "https://example.com/a?b#c", "http://example.com:80", "x:a b", "x:%zz", "x:/%zz", "x:y#%zz", "x:", ":x", "1x:y", "x:\x01", "x:한글", "uom", "value", "exception", "epcisHeader", "epcisMasterData", "vocabularyList",
}

var mutations = map[string]func(rng *rand.Rand, root any, path []any) (any, bool){
	"removed": func(_ *rand.Rand, root any, path []any) (any, bool) {
		if len(path) == 0 {
			return nil, false
		}
		switch s := path[len(path)-1].(type) {
		case string:
			delete(at(root, path[:len(path)-1]).(map[string]any), s)
		case int:
			list := at(root, path[:len(path)-1]).([]any)
			return put(root, path[:len(path)-1], slices.Delete(list, s, s+1)), true
		}
		return root, true
	},
	"another value": func(rng *rand.Rand, root any, path []any) (any, bool) {
		if len(path) == 0 {
			return nil, false // what is no object is for TestRefused
		}
		return put(root, path, someValues[rng.IntN(len(someValues))]), true
	},
	"a third value": func(rng *rand.Rand, root any, path []any) (any, bool) {
		if len(path) == 0 {
			return nil, false
		}
		return put(root, path, someValues[rng.IntN(len(someValues))]), true
	},
	"a member more": func(rng *rand.Rand, root any, path []any) (any, bool) {
		m, ok := at(root, path).(map[string]any)
		if !ok {
			return nil, false
		}
		m[someNames[rng.IntN(len(someNames))]] = someValues[rng.IntN(len(someValues))]
		return root, true
	},
	"an element twice": func(_ *rand.Rand, root any, path []any) (any, bool) {
		list, ok := at(root, path).([]any)
		if !ok || len(list) == 0 {
			return nil, false
		}
		return put(root, path, append(list, list[0])), true
	},
	"emptied": func(_ *rand.Rand, root any, path []any) (any, bool) {
		switch at(root, path).(type) {
		case []any:
			return put(root, path, []any{}), true
		case map[string]any:
			return put(root, path, map[string]any{}), len(path) > 0
		}
		return nil, false
	},
	"the opposite action": func(rng *rand.Rand, root any, path []any) (any, bool) {
		m, ok := at(root, path).(map[string]any)
		if !ok || m["action"] == nil {
			return nil, false
		}
		m["action"] = []any{"ADD", "OBSERVE", "DELETE"}[rng.IntN(3)]
		return root, true
	},
}
