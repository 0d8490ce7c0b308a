package epcis

import (
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
