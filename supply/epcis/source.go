package epcis

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

// Source is a store that another can be filled from.
type Source interface {
	Events(ctx context.Context, q Query) (Page, error)
	// Reports calls yield for the report of every capture job.
	Reports(ctx context.Context, yield func(Report) error) error
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
	d := json.NewDecoder(bytes.NewReader(s.JSON))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("stored event %s: %w", s.ID, err)
	}
	e := &Event{Type: text(m, "type"), Offset: text(m, "eventTimeZoneOffset"), ID: s.ID, Given: text(m, "eventID") != "", JSON: s.JSON, Context: s.Context}
	if err := e.read(m); err != nil {
		return nil, fmt.Errorf("stored event %s: %w", s.ID, err)
	}
	return e, nil
}
