package epcis

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Prefixes say what the short names of extensions stand for: "x" before a colon, or a whole term.
type Prefixes map[string]string

// given are the prefixes that the standard's own context has; they need not be declared.
var given = Prefixes{
	"cbvmda": "urn:epcglobal:cbv:mda:", "gs1": "https://gs1.org/voc/", "cbv": "https://ref.gs1.org/cbv/", "epcis": "https://ref.gs1.org/epcis/",
	"xsd": "http://www.w3.org/2001/XMLSchema#", "rdfs": "http://www.w3.org/2000/01/rdf-schema#", "owl": "http://www.w3.org/2002/07/owl#", "dcterms": "http://purl.org/dc/terms/",
}

// ParseExtensions reads the values of the header GS1-Extensions: "x=https://example.com/x/, y=…". An error is a [*ParameterError].
func ParseExtensions(header []string) (Prefixes, error) {
	p := Prefixes{}
	for _, line := range header {
		for one := range strings.SplitSeq(line, ",") {
			if one = strings.TrimSpace(one); one == "" {
				continue
			}
			name, base, _ := strings.Cut(one, "=")
			if name == "" || strings.ContainsAny(name, ": ") || !strings.Contains(base, ":") {
				return nil, &ParameterError{Name: "GS1-Extensions", Value: one, Problem: "want prefix=URI, several with commas between"}
			}
			p.add(name, base)
		}
	}
	return p, nil
}

// PrefixesOf reads an "@context". Of a context that is only named, the standard's is known, and of terms what they stand for.
func PrefixesOf(context json.RawMessage) Prefixes {
	p := Prefixes{}
	for _, part := range parts(context) {
		if part[0] != '{' {
			continue
		}
		for name, value := range members(part) {
			var base string
			if id := value; len(id) > 0 && id[0] == '{' {
				value = member(id, "@id")
			}
			if json.Unmarshal(value, &base) == nil && !strings.HasPrefix(name, "@") {
				p.add(name, base)
			}
		}
	}
	return p
}

func (p Prefixes) add(name, base string) {
	if base == "urn:epcglobal:cbv:mda" { // written so as often as with its colon
		base += ":"
	}
	p[name] = p.expand(base)
}

// find gives what a prefix or term stands for.
func (p Prefixes) find(name string) (string, bool) {
	base, ok := p[name]
	if !ok {
		base, ok = given[name]
	}
	return base, ok
}

// expand gives the full URI of a name; a name that is none of these short ones stays as it is.
func (p Prefixes) expand(name string) string {
	prefix, local, ok := strings.Cut(name, ":")
	if !ok {
		if term, ok := p[name]; ok {
			return term
		}
		return name
	}
	if strings.HasPrefix(local, "//") {
		return name
	}
	if base, ok := p.find(prefix); ok {
		return base + local
	}
	return name
}

// full is expand for a name in a question, whose prefix must be known: one that is not would quietly ask for something else.
func (p Prefixes) full(name string) (string, error) {
	prefix, local, ok := strings.Cut(name, ":")
	if !ok || local == "" {
		return "", fmt.Errorf("the name of an extension is prefix:name or a full URI")
	}
	if _, ok := p.find(prefix); !ok && prefix != "urn" && !strings.HasPrefix(local, "//") {
		return "", fmt.Errorf("the prefix %q is not declared; send GS1-Extensions: %s=URI, or the full URI", prefix, prefix)
	}
	return p.expand(name), nil
}
