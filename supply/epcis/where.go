package epcis

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
)

// Condition is a parameter for which engines keep no index: a pure question to an event, with one meaning for all of them.
type Condition struct {
	Name   string // the parameter's, as it was given
	Values []string
	needs  []byte // a member without which an event does not meet it
	meets  func(*view) bool
}

// Meets tells whether an event meets every condition of Where. The other fields of the query are the engines'.
func (q *Query) Meets(s *Stored) bool { return q.meets(s, nil) }

// meets is Meets; contexts keeps what was read of the contexts that many events share.
func (q *Query) meets(s *Stored, contexts map[string]Prefixes) bool {
	if len(q.Where) == 0 {
		return true
	}
	for i := range q.Where { // most events are told by this
		if !bytes.Contains(s.JSON, q.Where[i].needs) {
			return false
		}
	}
	v := viewOf(s, contexts)
	for i := range q.Where {
		if !q.Where[i].meets(v) {
			return false
		}
	}
	return true
}

// view is an event of which only that is read which is asked for.
type view struct {
	stored   *Stored
	raw      map[string]json.RawMessage
	read     map[string]any
	contexts map[string]Prefixes
	prefixes Prefixes
	standard bool // of a type whose members have the standard's meaning
}

func viewOf(s *Stored, contexts map[string]Prefixes) *view {
	v := &view{stored: s, raw: map[string]json.RawMessage{}, contexts: contexts}
	for name, value := range members(s.JSON) {
		v.raw[name] = value
	}
	switch kind, _ := plainText(v.raw["type"]); kind {
	case ObjectEvent, AggregationEvent, TransactionEvent, TransformationEvent, AssociationEvent:
		v.standard = true
	}
	return v
}

// member reads a member of the event; nil without it.
func (v *view) member(name string) any {
	if x, ok := v.read[name]; ok {
		return x
	}
	raw, ok := v.raw[name]
	if !ok {
		return nil
	}
	x, err := valueOf(raw)
	if err != nil { // it was valid when it was captured
		return nil
	}
	if v.read == nil {
		v.read = map[string]any{}
	}
	v.read[name] = x
	return x
}

// of reads a member whose meaning is the standard's.
func (v *view) of(name string) any {
	if !v.standard {
		return nil
	}
	return v.member(name)
}

// expand gives the full URI of a name as the event's context says.
func (v *view) expand(name string) string {
	if v.prefixes == nil {
		v.prefixes = v.contexts[string(v.stored.Context)]
		if v.prefixes == nil {
			v.prefixes = PrefixesOf(v.stored.Context)
			if v.contexts != nil && len(v.contexts) < 1000 {
				v.contexts[string(v.stored.Context)] = v.prefixes
			}
		}
	}
	return v.prefixes.expand(name)
}

// objects goes through the objects of a list, or the one object that stands instead of it.
func objects(x any) iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) {
		switch x := x.(type) {
		case map[string]any:
			yield(x)
		case []any:
			for _, e := range x {
				if m, ok := e.(map[string]any); ok && !yield(m) {
					return
				}
			}
		}
	}
}

// metadata and reports go through the sensor data of an event.
func (v *view) metadata() iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) {
		for element := range objects(v.of("sensorElementList")) {
			if m, ok := element["sensorMetadata"].(map[string]any); ok && !yield(m) {
				return
			}
		}
	}
}

func (v *view) reports() iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) {
		for element := range objects(v.of("sensorElementList")) {
			for r := range objects(element["sensorReport"]) {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// sensed goes through the objects of the sensor data that may have one of the standard's members.
func (v *view) sensed() iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) {
		for m := range v.metadata() {
			if !yield(m) {
				return
			}
		}
		for r := range v.reports() {
			if !yield(r) {
				return
			}
		}
	}
}

// scopes are where members of extensions can lie, by the word for it in the name of a parameter.
var scopes = map[string]func(*view) iter.Seq[map[string]any]{
	"": func(v *view) iter.Seq[map[string]any] {
		return func(yield func(map[string]any) bool) {
			own := map[string]any{}
			for name := range v.raw {
				if strings.ContainsRune(name, ':') {
					own[name] = v.member(name)
				}
			}
			yield(own)
		}
	},
	"ILMD":              func(v *view) iter.Seq[map[string]any] { return objects(v.of("ilmd")) },
	"ERROR_DECLARATION": func(v *view) iter.Seq[map[string]any] { return objects(v.member("errorDeclaration")) },
	"readPoint":         func(v *view) iter.Seq[map[string]any] { return objects(v.of("readPoint")) },
	"bizLocation":       func(v *view) iter.Seq[map[string]any] { return objects(v.of("bizLocation")) },
	"SENSORELEMENT":     func(v *view) iter.Seq[map[string]any] { return objects(v.of("sensorElementList")) },
	"SENSORMETADATA":    (*view).metadata,
	"SENSORREPORT":      (*view).reports,
}

// field is a member of an extension that a question is about.
type field struct {
	scope string
	name  string // in full
	inner bool   // not itself in the scope, but anywhere within the extensions that are
}

// values goes through what the event has of a field.
func (f field) values(v *view) iter.Seq[any] {
	return func(yield func(any) bool) {
		for object := range scopes[f.scope](v) {
			for name, x := range object {
				switch {
				case f.inner && strings.ContainsRune(name, ':'):
					if !f.within(v, x, yield) {
						return
					}
				case !f.inner && v.expand(name) == f.name:
					if !yield(x) {
						return
					}
				}
			}
		}
	}
}

// within goes down into a value; how deep it can be is bounded by what is captured.
func (f field) within(v *view, x any, yield func(any) bool) bool {
	switch x := x.(type) {
	case map[string]any:
		for name, value := range x {
			if v.expand(name) == f.name && !yield(value) || !f.within(v, value, yield) {
				return false
			}
		}
	case []any:
		for _, e := range x {
			if !f.within(v, e, yield) {
				return false
			}
		}
	}
	return true
}

// liesIn tells whether a place lies in another, both as [Key] gives them: it is the same, or it is the other's GLN with an extension.
func liesIn(place, in string) bool {
	return place == in || strings.HasPrefix(place, in+extension) && gln(in)
}

// extension is what follows a GLN in a key before what tells a place in it from others.
const extension = "/254/"

func gln(key string) bool {
	rest, ok := strings.CutPrefix(key, linkBase+"/414/")
	return ok && digits(rest)
}
