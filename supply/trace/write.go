package trace

import (
	"encoding/json"
	"fmt"
	"time"

	"charye/supply"
	"charye/supply/epcis"
)

// mostReadings is how many readings one event carries, well below what an event may have in bytes.
const mostReadings = 2000

// Readings writes what a logger told of a point as events for the log of custody. point is a place, a box or pallet by its SSCC, or a
// vehicle, by its URI; made names the file in the events. The same readings make the same events, so that capturing them again adds nothing.
func Readings(point string, series []supply.Series, summaries []supply.Summary, made string) ([]*epcis.Event, error) {
	var list []any
	for i := range series {
		s := &series[i]
		for from := 0; from < len(s.Readings); from += mostReadings {
			part := s.Readings[from:min(from+mostReadings, len(s.Readings))]
			reports := make([]any, len(part))
			for j, r := range part {
				reports[j] = map[string]any{"type": "Temperature", "time": stamp(r.At), "value": json.Number(r.Celsius.String()), "uom": "CEL"}
			}
			meta := map[string]any{"startTime": stamp(part[0].At), "endTime": stamp(part[len(part)-1].At), "charye:device": s.Device,
				"charye:file": made, "charye:intervalSeconds": int64(s.Interval / time.Second)}
			list = append(list, sensing(point, part[len(part)-1].At, []any{map[string]any{"sensorMetadata": meta, "sensorReport": reports}}))
		}
	}
	for from := 0; from < len(summaries); from += mostReadings {
		part := summaries[from:min(from+mostReadings, len(summaries))]
		elements := make([]any, len(part))
		for j := range part {
			s := &part[j]
			r := map[string]any{"type": "Temperature", "minValue": json.Number(s.Min.String()), "maxValue": json.Number(s.Max.String()), "uom": "CEL"}
			var out []any
			for _, o := range s.Outside {
				out = append(out, map[string]any{"limit": json.Number(o.Limit.String()), "above": o.Above, "seconds": int64(o.For / time.Second)})
			}
			if out != nil {
				r["charye:outside"] = out
			}
			meta := map[string]any{"startTime": stamp(s.From), "endTime": stamp(s.To), "charye:device": s.Device, "charye:file": made}
			if s.Silent > 0 {
				meta["charye:silentSeconds"] = int64(s.Silent / time.Second)
			}
			elements[j] = map[string]any{"sensorMetadata": meta, "sensorReport": []any{r}}
		}
		list = append(list, sensing(point, part[len(part)-1].To, elements))
	}
	src, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	events, err := epcis.Parse(src, len(list))
	if err != nil {
		return nil, fmt.Errorf("readings of %s: %w", point, err)
	}
	return events, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func sensing(point string, at time.Time, elements []any) map[string]any {
	e := map[string]any{
		"@context": []any{json.RawMessage(epcis.StandardContext), map[string]any{"charye": extension}},
		"type":     "ObjectEvent", "action": "OBSERVE", "bizStep": "sensor_reporting", "eventTime": stamp(at), "eventTimeZoneOffset": "+00:00",
		"sensorElementList": elements,
	}
	if k, ok := SSCCOf(point); ok {
		e["epcList"] = []any{keyOf(k)}
	} else if k, ok := SGTINOf(point); ok {
		e["epcList"] = []any{VialKey(k)}
	} else {
		e["epcList"] = []any{}
		e["readPoint"] = map[string]any{"id": point}
	}
	return e
}

// Destroyed writes that vials were thrown away at a place, with all that was left in them.
func Destroyed(place string, at time.Time, vials []supply.SGTIN, why string) (*epcis.Event, error) {
	names := make([]any, len(vials))
	for i, k := range vials {
		names[i] = VialKey(k)
	}
	e := map[string]any{
		"@context": []any{json.RawMessage(epcis.StandardContext), map[string]any{"charye": extension}},
		"type":     "ObjectEvent", "action": "OBSERVE", "bizStep": "destroying", "eventTime": stamp(at), "eventTimeZoneOffset": "+00:00",
		"epcList": names, "bizLocation": map[string]any{"id": place},
	}
	if why != "" {
		e["charye:why"] = why
	}
	src, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	events, err := epcis.Parse(src, 1)
	if err != nil {
		return nil, fmt.Errorf("destroyed vials: %w", err)
	}
	return events[0], nil
}
