package epcis

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Source is a store that another can be filled from.
type Source interface {
	Events(ctx context.Context, q Query) (Page, error)
	// Reports calls yield for the report of every capture job.
	Reports(ctx context.Context, yield func(Report) error) error
	Queries(ctx context.Context, after string, most int) ([]NamedQuery, error)
}

// Event reads a stored event as it was read when it was captured.
func (s *Stored) Event() (*Event, error) {
	context := s.Context
	if context == nil {
		context = json.RawMessage(StandardContext)
	}
	b := append([]byte(`{"@context":`), context...)
	b = append(append(b, ','), s.JSON[1:]...)
	list, err := Parse(b, 1)
	if err != nil {
		return nil, fmt.Errorf("stored event %s: %w", s.ID, err)
	}
	return list[0], nil
}

// Read reads a stored event without holding it against the rules once more: it was when it was captured. Content and Declaration are not
// computed. It takes a fraction of the time of Event, for those who read all that there is.
func (s *Stored) Read() (*Event, error) {
	if !json.Valid(s.JSON) || len(s.JSON) == 0 || s.JSON[0] != '{' {
		return nil, fmt.Errorf("stored event %s: it is no JSON object", s.ID)
	}
	m := map[string]any{}
	for name, raw := range members(s.JSON) {
		if !readOut[name] {
			continue
		}
		v, err := valueOf(raw)
		if err != nil {
			return nil, fmt.Errorf("stored event %s: %s: %w", s.ID, name, err)
		}
		m[name] = v
	}
	e := &Event{Type: text(m, "type"), Offset: text(m, "eventTimeZoneOffset"), ID: s.ID, Given: text(m, "eventID") != "", JSON: s.JSON, Context: s.Context}
	if err := e.read(m); err != nil {
		return nil, fmt.Errorf("stored event %s: %w", s.ID, err)
	}
	return e, nil
}

// readOut are the members that [Event.read] looks at; the others, such as readings, are far larger.
var readOut = map[string]bool{
	"type": true, "eventTime": true, "eventTimeZoneOffset": true, "eventID": true, "errorDeclaration": true, "action": true, "bizStep": true, "disposition": true,
	"readPoint": true, "bizLocation": true, "epcList": true, "childEPCs": true, "inputEPCList": true, "outputEPCList": true, "parentID": true,
	"quantityList": true, "childQuantityList": true, "inputQuantityList": true, "outputQuantityList": true,
}

// valueOf reads a value as encoding/json does with UseNumber: at once where it is a plain text, or a list of such.
func valueOf(raw json.RawMessage) (any, error) {
	if s, ok := plainText(raw); ok {
		return s, nil
	}
	if len(raw) > 1 && raw[0] == '[' {
		list := []any{}
		for e := range elements(raw) {
			s, ok := plainText(e)
			if !ok {
				list = nil
				break
			}
			list = append(list, s)
		}
		if list != nil {
			return list, nil
		}
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// plainText reads a text that stands there as it is.
func plainText(raw json.RawMessage) (string, bool) {
	n := len(raw)
	if n < 2 || raw[0] != '"' || bytes.IndexByte(raw, '\\') >= 0 || !utf8.Valid(raw) {
		return "", false
	}
	return string(raw[1 : n-1]), true
}
