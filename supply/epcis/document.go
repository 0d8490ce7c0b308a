package epcis

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// StandardContext is the context of the standard's own words.
const StandardContext = `"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"`

// AppendQueryDocument writes events as an EPCISQueryDocument. The prefixes that the events were written with are in its
// context; where two events mean different things by one prefix, each brings its own context instead.
func AppendQueryDocument(b []byte, events []Stored, now time.Time) []byte {
	merged, own := mergeContexts(events)
	b = append(b, `{"@context":`...)
	b = append(b, merged...)
	b = append(b, `,"type":"EPCISQueryDocument","schemaVersion":"2.0","creationDate":"`...)
	b = now.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","epcisBody":{"queryResults":{"queryName":"SimpleEventQuery","resultsBody":{"eventList":[`...)
	for i := range events {
		if i > 0 {
			b = append(b, ',')
		}
		var context json.RawMessage
		if own {
			context = events[i].Context
		}
		b = append(b, events[i].Whole(context)...)
	}
	return append(b, `]}}}}`...)
}

// Alone is the event as it stands for itself.
func (s *Stored) Alone() json.RawMessage {
	context := s.Context
	if context == nil {
		context = json.RawMessage(StandardContext)
	}
	return s.Whole(context)
}

// mergeContexts joins the prefixes of all events under the standard's context; own is true when they cannot be joined.
func mergeContexts(events []Stored) (merged json.RawMessage, own bool) {
	prefixes := map[string]json.RawMessage{}
	seen := map[string]bool{}
	for i := range events {
		if seen[string(events[i].Context)] {
			continue
		}
		seen[string(events[i].Context)] = true
		for _, part := range parts(events[i].Context) {
			if part[0] != '{' {
				if !standard(part) { // who knows what it says
					return json.RawMessage(StandardContext), true
				}
				continue
			}
			for name, value := range members(part) {
				if there, ok := prefixes[name]; ok && !bytes.Equal(there, value) {
					return json.RawMessage(StandardContext), true
				}
				prefixes[name] = value
			}
		}
	}
	if len(prefixes) == 0 {
		return json.RawMessage(StandardContext), false
	}
	names := make([]string, 0, len(prefixes))
	for name := range prefixes {
		names = append(names, name)
	}
	slices.Sort(names)
	b := append([]byte{'['}, StandardContext...)
	b = append(b, ',', '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		b = append(b, prefixes[name]...)
	}
	return append(b, '}', ']'), false
}

// standard reports whether a context is one of the addresses of the standard's.
func standard(part json.RawMessage) bool {
	s := strings.ToLower(strings.Trim(string(part), `"`))
	for _, base := range []string{"https://ref.gs1.org/standards/epcis/", "http://ref.gs1.org/standards/epcis/", "https://gs1.github.io/epcis/"} {
		if strings.HasPrefix(s, base) {
			return true
		}
	}
	return false
}
