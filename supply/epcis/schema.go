package epcis

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Schema is our JSON Schema (draft 2020-12) of EPCIS documents, queried documents and events that come alone.
//
//go:embed schema.json
var Schema []byte

// rules are compiled once. A schema of our own that does not compile is a fault of the program.
var rules = sync.OnceValue(func() *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		panic("epcis: schema.json: " + err.Error())
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("charye:epcis", doc); err != nil {
		panic("epcis: schema.json: " + err.Error())
	}
	return c.MustCompile("charye:epcis")
})

// RefusedError says why a document is not taken: where in it, and by which rule.
type RefusedError struct {
	Pointer string // RFC 6901, into the document; empty: the whole of it
	Rule    string // a place in schema.json, such as "#/$defs/action/enum", or the name of a bound
	Problem string
}

func (e *RefusedError) Error() string {
	at := e.Pointer
	if at == "" {
		at = "the document"
	}
	return fmt.Sprintf("%s: %s (rule %s)", at, e.Problem, e.Rule)
}

// validate holds a decoded document against the schema.
func validate(v any) error {
	err := rules().Validate(v)
	if err == nil {
		return nil
	}
	ve, ok := err.(*jsonschema.ValidationError) //nolint:errorlint // Validate gives nothing else, and does not wrap it
	if !ok {
		return &RefusedError{Rule: "#", Problem: err.Error()}
	}
	return refusal(ve)
}

// refusal tells the one broken rule that says most: the deepest in the document, and of those the first.
func refusal(ve *jsonschema.ValidationError) *RefusedError {
	best := ve
	var look func(e *jsonschema.ValidationError)
	look = func(e *jsonschema.ValidationError) {
		if _, ways := e.ErrorKind.(*kind.AnyOf); ways && alike(e) { // none of the ways is nearer than the others
			best = better(best, e)
			return
		}
		if len(e.Causes) == 0 {
			best = better(best, e)
		}
		for _, c := range e.Causes {
			look(c)
		}
	}
	look(ve)

	out := &RefusedError{Rule: rule(best), Problem: best.ErrorKind.LocalizedString(message.NewPrinter(language.English))}
	for _, part := range best.InstanceLocation {
		out.Pointer += "/" + escape(part)
	}
	switch k := best.ErrorKind.(type) {
	case *kind.AnyOf:
		out.Problem = "one of these is wanted: " + strings.Join(ways(best), "; or ")
	case *kind.Not:
		out.Rule += "/not"
		out.Problem = "a word of GS1's vocabularies is written alone, without their namespace"
	case *kind.FalseSchema:
		out.Problem = "this does not belong here"
		if strings.HasSuffix(out.Rule, "/ilmd") {
			out.Problem = "ilmd goes with action ADD only"
		}
	case *kind.AdditionalProperties:
		out.Pointer += "/" + escape(k.Properties[0])
		out.Problem = "no such member belongs here; the name of an extension has a prefix"
	case *kind.Format:
		out.Problem = fmt.Sprintf("%q is not a valid %s: %v", k.Got, k.Want, k.Err)
		if k.Want == "uri" {
			out.Problem = fmt.Sprintf("%q is no URI, and where the standard has words, none of them: %v", k.Got, k.Err)
		}
	}
	return out
}

// alike reports whether an anyOf failed by what it asks for itself, not by something within one of the ways.
func alike(e *jsonschema.ValidationError) bool {
	for _, c := range e.Causes {
		for _, leaf := range leaves(c) {
			if len(leaf.InstanceLocation) > len(e.InstanceLocation)+1 {
				return false
			}
		}
	}
	return true
}

func leaves(e *jsonschema.ValidationError) (out []*jsonschema.ValidationError) {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	for _, c := range e.Causes {
		out = append(out, leaves(c)...)
	}
	return out
}

// ways are the messages of an anyOf's ways.
func ways(e *jsonschema.ValidationError) (out []string) {
	p := message.NewPrinter(language.English)
	for _, c := range e.Causes {
		for _, leaf := range leaves(c) {
			switch k := leaf.ErrorKind.(type) {
			case *kind.Required:
				out = append(out, strings.Join(k.Missing, " with "))
			case *kind.MinItems:
				out = append(out, fmt.Sprintf("%s with at least %d", leaf.InstanceLocation[len(leaf.InstanceLocation)-1], k.Want))
			default:
				out = append(out, k.LocalizedString(p))
			}
		}
	}
	return out
}

func better(a, b *jsonschema.ValidationError) *jsonschema.ValidationError {
	if _, start := a.ErrorKind.(*kind.Schema); start || len(b.InstanceLocation) > len(a.InstanceLocation) {
		return b
	}
	return a
}

// rule is the place in schema.json of a broken rule.
func rule(e *jsonschema.ValidationError) string {
	_, at, _ := strings.Cut(e.SchemaURL, "#")
	out := "#" + at
	for _, k := range e.ErrorKind.KeywordPath() {
		out += "/" + escape(k)
	}
	return out
}
