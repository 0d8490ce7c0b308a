package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// contractDoc is openapi.yaml as a tree, and its schemas compiled on demand (OpenAPI 3.1 schemas are JSON Schema 2020-12).
type contractDoc struct {
	root     map[string]any
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

const contractURL = "https://charye.invalid/openapi.yaml"

var theContract = sync.OnceValue(func() *contractDoc {
	var tree any
	if err := yaml.Unmarshal(contract, &tree); err != nil {
		panic(err)
	}
	b, err := json.Marshal(tree)
	if err != nil {
		panic(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(contractURL, v); err != nil {
		panic(err)
	}
	return &contractDoc{root: v.(map[string]any), compiler: c, compiled: map[string]*jsonschema.Schema{}}
})

// at walks the tree by keys; every $ref on the way is followed. It gives the node and its own pointer.
func (c *contractDoc) at(keys ...string) (node any, pointer []string) {
	node = c.root
	for _, k := range keys {
		switch n := node.(type) {
		case map[string]any:
			node = n[k]
		case []any:
			i, err := strconv.Atoi(k)
			if err != nil || i >= len(n) {
				return nil, nil
			}
			node = n[i]
		default:
			return nil, nil
		}
		pointer = append(pointer, k)
		if m, ok := node.(map[string]any); ok {
			if ref, ok := m["$ref"].(string); ok {
				return c.follow(ref, keys[len(pointer):])
			}
		}
	}
	return node, pointer
}

func (c *contractDoc) follow(ref string, rest []string) (any, []string) {
	return c.at(append(strings.Split(strings.TrimPrefix(ref, "#/"), "/"), rest...)...)
}

func (c *contractDoc) schema(t testing.TB, pointer []string) *jsonschema.Schema {
	t.Helper()
	var loc strings.Builder
	loc.WriteString(contractURL + "#")
	for _, p := range pointer {
		loc.WriteString("/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(p)))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.compiled[loc.String()]; s != nil {
		return s
	}
	s, err := c.compiler.Compile(loc.String())
	if err != nil {
		t.Fatalf("schema %s: %v", loc.String(), err)
	}
	c.compiled[loc.String()] = s
	return s
}

func (c *contractDoc) operation(pattern, method string) (map[string]any, []string) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	n, _ := c.at("paths", pattern, strings.ToLower(method))
	op, _ := n.(map[string]any)
	return op, []string{"paths", pattern, strings.ToLower(method)}
}

// check holds an answer against the contract: status, headers, media type, body.
func (c *contractDoc) check(t testing.TB, pattern, method string, rec *httptest.ResponseRecorder) {
	t.Helper()
	where := []string{"components", "responses"}
	op, base := c.operation(pattern, method)
	switch {
	case rec.Code == http.StatusMethodNotAllowed:
		where = append(where, "MethodNotAllowed")
	case op == nil && rec.Code == http.StatusNotFound:
		where = append(where, "NotFound")
	case op == nil && rec.Code == http.StatusBadRequest:
		where = append(where, "BadRequest")
	case op == nil:
		t.Errorf("%s %s is not in the contract and gets %d", method, pattern, rec.Code)
		return
	default:
		where = append(base, "responses", strconv.Itoa(rec.Code))
	}
	node, where := c.at(where...)
	resp, ok := node.(map[string]any)
	if !ok {
		t.Errorf("%s %s: status %d is not in the contract; body %s", method, pattern, rec.Code, rec.Body)
		return
	}
	c.checkHeaders(t, fmt.Sprintf("%s %s %d", method, pattern, rec.Code), resp, where, rec.Header())
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		if got := rec.Header().Get(name); got != want {
			t.Errorf("%s %s: %s is %q, want %q", method, pattern, name, got, want)
		}
	}
	content, _ := resp["content"].(map[string]any)
	if len(content) == 0 {
		if rec.Body.Len() != 0 {
			t.Errorf("%s %s %d: a body where the contract has none", method, pattern, rec.Code)
		}
		return
	}
	media, _, err := mime.ParseMediaType(rec.Header().Get("Content-Type"))
	if err != nil || content[media] == nil {
		t.Errorf("%s %s %d: content type %q is not in the contract", method, pattern, rec.Code, rec.Header().Get("Content-Type"))
		return
	}
	if !strings.HasSuffix(media, "json") {
		return
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(rec.Body.Bytes()))
	if err != nil {
		t.Errorf("%s %s %d: %v in %s", method, pattern, rec.Code, err, rec.Body)
		return
	}
	if err := c.schema(t, append(where, "content", media, "schema")).Validate(v); err != nil {
		t.Errorf("%s %s %d: %v\nin %s", method, pattern, rec.Code, err, rec.Body)
	}
}

func (c *contractDoc) checkHeaders(t testing.TB, what string, resp map[string]any, where []string, got http.Header) {
	t.Helper()
	headers, _ := resp["headers"].(map[string]any)
	for name := range headers {
		n, p := c.at(append(slices.Clone(where), "headers", name)...)
		h := n.(map[string]any)
		v := got.Get(name)
		if v == "" {
			if h["required"] == true {
				t.Errorf("%s: no header %s", what, name)
			}
			continue
		}
		if err := c.schema(t, append(p, "schema")).Validate(v); err != nil {
			t.Errorf("%s: header %s: %v", what, name, err)
		}
	}
}

// The table of routes and the contract name the same calls, and ask for the same proof.
func TestRoutesAreTheContract(t *testing.T) {
	t.Parallel()
	c := theContract()
	inTable, inContract := map[string]Access{}, map[string]Access{}
	for _, r := range Routes() {
		inTable[r.Method+" "+r.Pattern] = r.Access
	}
	paths, _ := c.root["paths"].(map[string]any)
	ids := map[string]bool{}
	for pattern, n := range paths {
		for method, n := range n.(map[string]any) {
			if method == "parameters" {
				continue
			}
			op := n.(map[string]any)
			inContract[strings.ToUpper(method)+" "+pattern] = accessOf(t, op)
			id, _ := op["operationId"].(string)
			if id == "" || ids[id] {
				t.Errorf("%s %s: operationId %q is missing or not unique", method, pattern, id)
			}
			ids[id] = true
			for _, need := range []string{"summary", "tags", "responses", "security"} {
				if op[need] == nil {
					t.Errorf("%s %s: no %s", method, pattern, need)
				}
			}
			if (method == "post" || method == "put") != (op["requestBody"] != nil) {
				t.Errorf("%s %s: requestBody", method, pattern)
			}
		}
		for part := range strings.SplitSeq(pattern, "/") {
			if strings.HasPrefix(part, "{") && !c.hasPathParameter(pattern, strings.Trim(part, "{}")) {
				t.Errorf("%s: parameter %s is not described", pattern, part)
			}
		}
	}
	if d := cmp.Diff(inContract, inTable); d != "" {
		t.Errorf("contract (-) and table (+) differ:\n%s", d)
	}
}

func (c *contractDoc) hasPathParameter(pattern, name string) bool {
	for i := range 8 {
		n, _ := c.at("paths", pattern, "parameters", strconv.Itoa(i))
		if p, ok := n.(map[string]any); ok && p["name"] == name && p["in"] == "path" && p["required"] == true {
			return true
		}
	}
	return false
}

func accessOf(t *testing.T, op map[string]any) Access {
	t.Helper()
	list, _ := op["security"].([]any)
	if len(list) == 0 {
		return Public
	}
	access := SignedIn
	for _, n := range list {
		if _, ok := n.(map[string]any)["session"]; !ok {
			access = HasPlace // something else than a session is enough
		}
	}
	return access
}

// Every $ref leads somewhere, every component is used, every schema compiles, every example fits its schema.
func TestContractIsSound(t *testing.T) {
	t.Parallel()
	c := theContract()
	used := map[string]bool{}
	examples := 0
	var visit func(n any, pointer []string)
	visit = func(n any, pointer []string) {
		switch n := n.(type) {
		case []any:
			for i, e := range n {
				visit(e, append(slices.Clone(pointer), strconv.Itoa(i)))
			}
		case map[string]any:
			if ref, ok := n["$ref"].(string); ok {
				used[ref] = true
				if target, _ := c.follow(ref, nil); target == nil {
					t.Errorf("%s: $ref %s leads nowhere", strings.Join(pointer, "/"), ref)
				}
			}
			if s, ok := n["schema"]; ok && s != nil {
				sch := c.schema(t, append(slices.Clone(pointer), "schema"))
				if e, ok := n["example"]; ok {
					examples++
					if err := sch.Validate(e); err != nil {
						t.Errorf("%s: example: %v", strings.Join(pointer, "/"), err)
					}
				}
			}
			if len(pointer) >= 3 && pointer[0] == "components" && pointer[1] == "schemas" {
				c.checkSchemaExamples(t, n, pointer, &examples)
			}
			for k, e := range n {
				if k == "example" || k == "examples" {
					continue
				}
				visit(e, append(slices.Clone(pointer), k))
			}
		}
	}
	visit(c.root, nil)
	if examples < 30 {
		t.Errorf("only %d examples were checked", examples)
	}
	for _, kind := range []string{"schemas", "responses", "parameters", "headers"} {
		n, _ := c.at("components", kind)
		for name := range n.(map[string]any) {
			if ref := "#/components/" + kind + "/" + name; !used[ref] && name != "MethodNotAllowed" {
				t.Errorf("%s is not used", ref)
			}
		}
	}
}

func (c *contractDoc) checkSchemaExamples(t *testing.T, n map[string]any, pointer []string, count *int) {
	t.Helper()
	list, _ := n["examples"].([]any)
	if e, ok := n["example"]; ok {
		list = append(list, e)
	}
	if len(list) == 0 || pointer[len(pointer)-1] == "properties" {
		return
	}
	sch := c.schema(t, pointer)
	for _, e := range list {
		*count++
		if err := sch.Validate(e); err != nil {
			t.Errorf("%s: example: %v", strings.Join(pointer, "/"), err)
		}
	}
}

// Objects in the contract are closed and say what is required: a field nobody described cannot slip out.
func TestSchemasAreClosed(t *testing.T) {
	t.Parallel()
	n, _ := theContract().at("components", "schemas")
	schemas := n.(map[string]any)
	names := make([]string, 0, len(schemas))
	for name := range schemas {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		s := schemas[name].(map[string]any)
		if s["type"] != "object" {
			continue
		}
		if s["additionalProperties"] != false {
			t.Errorf("%s: additionalProperties is not false", name)
		}
		if s["required"] == nil && s["oneOf"] == nil && name != "JoinRequest" {
			t.Errorf("%s: nothing is required", name)
		}
	}
}
