package epcis

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The bounds of what parties can leave with a store.
const (
	MaxQueries       = 200 // in all
	maxQueryName     = 100 // bytes
	MaxQueryBytes    = 64 << 10
	simpleEvents     = "SimpleEventQuery" // the standard's own, of which every question is one
	simpleMasterData = "SimpleMasterDataQuery"
)

// ErrTaken means that there is a named query of that name.
var ErrTaken = errors.New("there is a query of that name")

// ErrManyQueries means that no more than [MaxQueries] are kept.
var ErrManyQueries = fmt.Errorf("there are %d named queries, and no more are kept; delete one", MaxQueries)

// NamedQuery is a question that a party left under a name, for all parties. It is never changed, only deleted.
type NamedQuery struct {
	Name    string
	By      string
	Created time.Time
	JSON    json.RawMessage // the question as it was written, with what its prefixes mean
}

// ParseNamedQuery reads what is sent to make one, {"name": …, "query": {…}}; header are the prefixes of the request. It is a question that
// [NamedQuery.Query] reads. An error is a [*RefusedError] or a [*ParameterError].
func ParseNamedQuery(src []byte, header Prefixes) (n NamedQuery, err error) {
	v, err := decode(src)
	if err != nil {
		return n, err
	}
	m, _ := v.(map[string]any)
	if _, ok := m["query"].(map[string]any); !ok || text(m, "name") == "" || len(m) != 2 {
		return n, &RefusedError{Rule: "query", Problem: `want {"name": "…", "query": {…}} and nothing else`}
	}
	n.Name = text(m, "name")
	if !queryName(n.Name) {
		return n, &RefusedError{Pointer: "/name", Rule: "query", Problem: fmt.Sprintf("want at most %d bytes of letters, digits and the signs - _ . ~ that begin with a letter or digit, and not a name of the standard's", maxQueryName)}
	}
	raw := member([]byte(strings.TrimSpace(string(src))), "query")
	own, err := header.with(member(raw, "@context"))
	if err != nil {
		return n, err
	}
	n.JSON = without(raw, "@context")
	if own != nil {
		rest := n.JSON[1:]
		b := append([]byte(`{"@context":`), own...)
		if rest[0] != '}' {
			b = append(b, ',')
		}
		n.JSON = append(b, rest...)
	}
	_, err = n.Query()
	return n, err
}

// with adds the prefixes of a request's header to a context, before what that says itself.
func (p Prefixes) with(context json.RawMessage) (json.RawMessage, error) {
	var header json.RawMessage
	if len(p) > 0 {
		b, err := json.Marshal(p)
		if err != nil {
			return nil, err
		}
		header = b
	}
	return joined(header, context)
}

func queryName(s string) bool {
	if len(s) > maxQueryName || s == simpleEvents || s == simpleMasterData || !utf8.ValidString(s) {
		return false
	}
	for i, c := range s {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && (i == 0 || !unicode.IsMark(c) && !strings.ContainsRune("-_.~", c)) {
			return false
		}
	}
	return s != ""
}

// Query reads the question: the parameters of [ParseQuery] by their names, with one value or a list of them. How many events a page has is
// not part of it.
func (n *NamedQuery) Query() (Query, error) {
	values := map[string][]string{}
	for name, raw := range members(n.JSON) {
		if name == "@context" {
			continue
		}
		v, err := valueOf(raw)
		if err != nil {
			return Query{}, err
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		if name == "perPage" || name == "nextPageToken" {
			return Query{}, &ParameterError{Name: name, Problem: "is told when the query is asked"}
		}
		for _, x := range list {
			switch x := x.(type) {
			case string:
				values[name] = append(values[name], x)
			case json.Number, bool:
				values[name] = append(values[name], fmt.Sprint(x))
			case nil: // the value of what has none
				values[name] = append(values[name], "")
			default:
				return Query{}, &ParameterError{Name: name, Problem: "want a text, a number, true or false, or a list of these"}
			}
		}
		if values[name] == nil {
			return Query{}, &ParameterError{Name: name, Problem: "a value is empty"}
		}
	}
	if len(values) == 0 {
		return Query{}, &RefusedError{Pointer: "/query", Rule: "query", Problem: "it asks for nothing"}
	}
	return parseLists(values, PrefixesOf(member(n.JSON, "@context")))
}

// sortedNames gives the names of a question's parameters in one order, so that the same fault is told each time.
func sortedNames(values map[string][]string) []string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
