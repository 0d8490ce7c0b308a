package epcis

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// The event types of the standard.
const (
	ObjectEvent         = "ObjectEvent"
	AggregationEvent    = "AggregationEvent"
	TransactionEvent    = "TransactionEvent"
	TransformationEvent = "TransformationEvent"
	AssociationEvent    = "AssociationEvent"
)

// EventTypes lists the event types of the standard.
func EventTypes() []string {
	return []string{ObjectEvent, AggregationEvent, TransactionEvent, TransformationEvent, AssociationEvent}
}

// Event is one event that the rules take. What stands in JSON is the event; the other fields are read out of it.
type Event struct {
	// ID is the event's own, or one made of its content ([IDOf]) where it brought none; Given tells which.
	ID    string
	Given bool

	Type   string
	Time   time.Time // when it happened; to the microsecond
	Offset string    // the local time's distance from UTC there and then, as written: "+09:00"

	Action      string // ADD, OBSERVE, DELETE; empty where the type has none
	BizStep     string // a word of the CBV ("receiving") or a URI
	Disposition string
	ReadPoint   string // as written; see [Key] for comparing
	BizLocation string

	Things     []Thing
	Quantities []Quantity

	// Error is set when this event declares another, with the same ID and content, to be wrong.
	Error *ErrorDeclaration

	// Content is equal for two events that say the same: context, record time, identity and error declaration aside.
	Content Digest
	// Declaration is that of Error; zero without it.
	Declaration Digest

	// JSON is the event as it was written, without spaces, context and record time.
	JSON json.RawMessage
	// Context is what gives the prefixes in JSON their meaning: an "@context" as it was written in the document, the event,
	// or an array of both.
	Context json.RawMessage
}

// Role is what a thing or a class is in an event.
type Role uint8

// The roles. They are kept by number: only ever add.
const (
	RoleEPC         Role = 1 // epcList
	RoleParent      Role = 2 // parentID
	RoleChild       Role = 3 // childEPCs
	RoleInput       Role = 4 // inputEPCList
	RoleOutput      Role = 5 // outputEPCList
	RoleClass       Role = 6 // quantityList
	RoleChildClass  Role = 7 // childQuantityList
	RoleInputClass  Role = 8 // inputQuantityList
	RoleOutputClass Role = 9 // outputQuantityList
)

// Thing is a single thing with a name of its own: a box, a pallet, a vial.
type Thing struct {
	Role Role
	EPC  string // as written
}

// Quantity is so much of a class: a lot (LGTIN) or a product.
type Quantity struct {
	Role   Role
	Class  string      // as written
	Amount json.Number // empty: not said
	Unit   string      // UN/CEFACT code; empty: pieces
}

// ErrorDeclaration says that an event is wrong. Events are never taken back otherwise.
type ErrorDeclaration struct {
	Time       time.Time
	Reason     string // did_not_occur, incorrect_data, a URI, or nothing
	Corrective []string
}

// SensorElement is what sensors told in an event.
type SensorElement struct {
	Metadata SensorMetadata `json:"sensorMetadata"`
	Reports  []SensorReport `json:"sensorReport"`
}

// SensorMetadata is said once for all reports of an element. Times are as written.
type SensorMetadata struct {
	Time      string `json:"time,omitempty"`
	StartTime string `json:"startTime,omitempty"`
	EndTime   string `json:"endTime,omitempty"`
	Device    string `json:"deviceID,omitempty"`
	RawData   string `json:"rawData,omitempty"`
	BizRules  string `json:"bizRules,omitempty"`
}

// SensorReport is one reading, or the summary of several.
type SensorReport struct {
	Type      string   `json:"type"`
	Exception string   `json:"exception,omitempty"` // ALARM_CONDITION, ERROR_CONDITION or a URI
	Time      string   `json:"time,omitempty"`      // as written; empty: that of the metadata
	Device    string   `json:"deviceID,omitempty"`
	Value     *float64 `json:"value,omitempty"`
	Min       *float64 `json:"minValue,omitempty"`
	Max       *float64 `json:"maxValue,omitempty"`
	Mean      *float64 `json:"meanValue,omitempty"`
	Unit      string   `json:"uom,omitempty"` // UN/CEFACT: CEL, FAH, KEL
}

// Sensors reads what sensors told; nil when nothing.
func (e *Event) Sensors() ([]SensorElement, error) {
	raw := member(e.JSON, "sensorElementList")
	if raw == nil {
		return nil, nil
	}
	var out []SensorElement
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("sensorElementList of %s: %w", e.ID, err)
	}
	return out, nil
}

// ILMD is the master data of the things that the event brings into being, as written; nil without any.
func (e *Event) ILMD() json.RawMessage { return member(e.JSON, "ilmd") }

// Declared reports whether the event declares an error.
func (e *Event) Declared() bool { return e.Error != nil }

// IDOf names an event by its content: "ni:///sha-256;" (RFC 6920 as the CBV's event hash writes it) with the hash in
// hexadecimal. It is over our canonical form and not over the CBV's, which the parameter ver says.
func IDOf(content Digest) string {
	return "ni:///sha-256;" + hex.EncodeToString(content[:]) + "?ver=charye1"
}

// apart are the members that are not an event's content.
var apart = []string{"@context", "recordTime", "eventID", "errorDeclaration"}

// eventOf reads a valid event; raw is its text and context that of its document.
func eventOf(m map[string]any, raw, context json.RawMessage) (*Event, error) {
	e := &Event{
		Type: text(m, "type"), Offset: text(m, "eventTimeZoneOffset"), ID: text(m, "eventID"),
		Content: digestOf(m, apart...), JSON: without(raw, "@context", "recordTime"),
	}
	var err error
	if e.Context, err = joined(context, member(raw, "@context")); err != nil {
		return nil, err
	}
	if e.Given = e.ID != ""; !e.Given {
		e.ID = IDOf(e.Content)
	}
	if err := e.read(m); err != nil {
		return nil, err
	}
	if d, ok := m["errorDeclaration"].(map[string]any); ok {
		e.Declaration = digestOf(d)
	}
	return e, nil
}

// read reads out of an event what is asked for.
func (e *Event) read(m map[string]any) (err error) {
	if e.Time, err = parseTime(text(m, "eventTime")); err != nil {
		return &RefusedError{Pointer: "/eventTime", Rule: "time", Problem: err.Error()}
	}
	if d, ok := m["errorDeclaration"].(map[string]any); ok {
		at, err := parseTime(text(d, "declarationTime"))
		if err != nil {
			return &RefusedError{Pointer: "/errorDeclaration/declarationTime", Rule: "time", Problem: err.Error()}
		}
		e.Error = &ErrorDeclaration{Time: at, Reason: text(d, "reason"), Corrective: texts(d, "correctiveEventIDs")}
	}
	switch e.Type {
	case ObjectEvent, AggregationEvent, TransactionEvent, TransformationEvent, AssociationEvent:
	default:
		return nil // the members of an extension's types have meanings of their own
	}
	e.Action, e.BizStep, e.Disposition = text(m, "action"), text(m, "bizStep"), text(m, "disposition")
	e.ReadPoint, e.BizLocation = placeOf(m, "readPoint"), placeOf(m, "bizLocation")
	for _, l := range []struct {
		name string
		role Role
	}{{"epcList", RoleEPC}, {"childEPCs", RoleChild}, {"inputEPCList", RoleInput}, {"outputEPCList", RoleOutput}} {
		for _, epc := range texts(m, l.name) {
			e.Things = append(e.Things, Thing{l.role, epc})
		}
	}
	if parent := text(m, "parentID"); parent != "" {
		e.Things = append(e.Things, Thing{RoleParent, parent})
	}
	for _, l := range []struct {
		name string
		role Role
	}{{"quantityList", RoleClass}, {"childQuantityList", RoleChildClass}, {"inputQuantityList", RoleInputClass}, {"outputQuantityList", RoleOutputClass}} {
		list, _ := m[l.name].([]any)
		for _, x := range list {
			if q, ok := x.(map[string]any); ok {
				amount, _ := q["quantity"].(json.Number)
				e.Quantities = append(e.Quantities, Quantity{Role: l.role, Class: text(q, "epcClass"), Amount: amount, Unit: text(q, "uom")})
			}
		}
	}
	return nil
}

func text(m map[string]any, name string) string {
	s, _ := m[name].(string)
	return s
}

func texts(m map[string]any, name string) (out []string) {
	list, _ := m[name].([]any)
	for _, x := range list {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func placeOf(m map[string]any, name string) string {
	p, _ := m[name].(map[string]any)
	return text(p, "id")
}
