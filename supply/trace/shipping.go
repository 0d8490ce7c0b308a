package trace

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"charye/supply"
	"charye/supply/epcis"
)

// Shipping is boxes that leave a place for another at an instant.
type Shipping struct {
	At       time.Time // in the zone of the place that they leave
	From, To string    // places: a GLN's Digital Link, a URI, or [SiteURN]
	Boxes    []supply.SSCC
}

// PlaceKey is a place as the boxes of a trace name it: of the 13 digits of a GLN, or of a URI.
func PlaceKey(text string) string {
	if g, err := supply.ParseGLN(text); err == nil {
		return epcis.Key("https://id.gs1.org/414/" + g.String())
	}
	return epcis.Key(text)
}

// ShippingDocument writes an EPCISDocument with a shipping event for each of a list. The events have no ID of their own: the same
// shipping makes the same event, so that capturing it again adds nothing. A [Reader] of them has the boxes under way to To.
func ShippingDocument(list []Shipping, made time.Time) ([]byte, error) {
	events := make([]any, 0, len(list))
	for _, s := range list {
		boxes := slices.Clone(s.Boxes)
		slices.Sort(boxes)
		names := make([]string, len(boxes))
		for i, k := range boxes {
			names[i] = keyOf(k)
		}
		events = append(events, map[string]any{
			"type": "ObjectEvent", "action": "OBSERVE", "bizStep": "shipping", "disposition": "in_transit",
			"eventTime": s.At.Format(time.RFC3339), "eventTimeZoneOffset": s.At.Format("-07:00"),
			"epcList": names, "readPoint": map[string]any{"id": s.From},
			"sourceList":      []any{map[string]any{"type": "location", "source": s.From}},
			"destinationList": []any{map[string]any{"type": "location", "destination": s.To}},
		})
	}
	src, err := json.MarshalIndent(map[string]any{
		"@context": []any{json.RawMessage(epcis.StandardContext)}, "type": "EPCISDocument", "schemaVersion": "2.0",
		"creationDate": made.UTC().Format(time.RFC3339), "epcisBody": map[string]any{"eventList": events},
	}, "", " ")
	if err != nil {
		return nil, err
	}
	if _, err := epcis.Parse(src, len(list)); err != nil {
		return nil, fmt.Errorf("shipping: %w", err)
	}
	return append(src, '\n'), nil
}
