package epcis

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxEventBytes bounds one event as it was written, so that a page of events has a bound too.
const MaxEventBytes = 1 << 20

// ErrTooMany means that a document has more events than the limit.
var ErrTooMany = errors.New("more events than one capture may have")

// Parse reads an EPCISDocument, an EPCISQueryDocument, an event that comes alone, or an array of such events. All of it is
// taken or none: the error is a [*RefusedError] that names the place and the rule, or [ErrTooMany] when there are more than
// limit events.
func Parse(src []byte, limit int) ([]*Event, error) {
	v, err := decode(src)
	if err != nil {
		return nil, err
	}
	src = bytes.TrimSpace(src)
	list, alone := v.([]any)
	if alone {
		if len(list) > limit {
			return nil, tooMany(len(list), limit)
		}
		var out []*Event
		for raw := range elements(src) {
			at := "/" + strconv.Itoa(len(out))
			m, ok := list[len(out)].(map[string]any)
			if !ok || isDocument(m) {
				return nil, &RefusedError{Pointer: at, Rule: "#/$defs/bareEvent", Problem: "an event is wanted"}
			}
			if err := validate(m); err != nil {
				return nil, within(at, err)
			}
			if out, err = appendEvent(out, m, raw, nil, at); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, &RefusedError{Rule: "#/type", Problem: "an EPCISDocument, an event, or an array of events is wanted"}
	}
	path := eventList(m)
	if path == nil {
		if err := validate(m); err != nil {
			return nil, err
		}
		return appendEvent(nil, m, src, nil, "")
	}
	if n := length(m, path); n > limit {
		return nil, tooMany(n, limit) // before the work of looking at each
	}
	if err := validate(m); err != nil {
		return nil, err
	}
	for _, name := range path[:len(path)-1] {
		m = m[name].(map[string]any)
	}
	list = m[path[len(path)-1]].([]any)
	out := make([]*Event, 0, len(list))
	context := member(src, "@context")
	for raw := range elements(member(src, path...)) {
		at := "/" + strings.Join(path, "/") + "/" + strconv.Itoa(len(out))
		if out, err = appendEvent(out, list[len(out)].(map[string]any), raw, context, at); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func tooMany(n, limit int) error {
	return fmt.Errorf("%w: %d, at most %d", ErrTooMany, n, limit)
}

func isDocument(m map[string]any) bool { return eventList(m) != nil }

// eventList is where a document keeps its events; nil for what is no document.
func eventList(m map[string]any) []string {
	switch m["type"] {
	case "EPCISDocument":
		return []string{"epcisBody", "eventList"}
	case "EPCISQueryDocument":
		return []string{"epcisBody", "queryResults", "resultsBody", "eventList"}
	}
	return nil
}

func length(m map[string]any, path []string) int {
	var v any = m
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	list, _ := v.([]any)
	return len(list)
}

func appendEvent(out []*Event, m map[string]any, raw, context json.RawMessage, at string) ([]*Event, error) {
	if len(raw) > MaxEventBytes {
		return nil, &RefusedError{Pointer: at, Rule: "size", Problem: fmt.Sprintf("an event of %d bytes; at most %d", len(raw), MaxEventBytes)}
	}
	e, err := eventOf(m, raw, context)
	if err != nil {
		return nil, within(at, err)
	}
	return append(out, e), nil
}

func within(at string, err error) error {
	if e, ok := errors.AsType[*RefusedError](err); ok {
		return &RefusedError{Pointer: at + e.Pointer, Rule: e.Rule, Problem: e.Problem}
	}
	return err
}

// parseTime reads an instant to the microsecond, with everything the rules take: small letters, and a leap second, which is
// the first instant after it.
func parseTime(s string) (time.Time, error) {
	s = strings.ToUpper(s)
	leap := len(s) > 19 && s[17:19] == "60"
	if leap {
		s = s[:17] + "59" + s[19:]
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, fmt.Errorf("%q is no instant with its distance from UTC (RFC 3339)", s)
	}
	if leap {
		t = t.Truncate(time.Second).Add(time.Second)
	}
	return t.UTC().Truncate(time.Microsecond), nil
}

// joined is the context of an event: that of its document, then its own.
func joined(document, own json.RawMessage) (json.RawMessage, error) {
	if document == nil || own == nil {
		one := document
		if one == nil {
			one = own
		}
		var b bytes.Buffer
		if one == nil {
			return nil, nil
		}
		err := json.Compact(&b, one)
		return b.Bytes(), err
	}
	return json.Marshal(slices.Concat(parts(document), parts(own)))
}

// parts are the single contexts of a context.
func parts(context json.RawMessage) (out []json.RawMessage) {
	context = bytes.TrimSpace(context)
	if len(context) == 0 {
		return nil
	}
	if context[0] != '[' {
		return []json.RawMessage{context}
	}
	for one := range elements(context) {
		out = append(out, one)
	}
	return out
}
