package trace

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/supply"
	"charye/supply/epcis"
)

// told is what is kept of an event. Whoever adds to it, or reads more out of an event than before, gives [version] a new number.
type told struct {
	id       string
	seq      int64
	at       int64 // microseconds since 1970
	booking  int64
	place    name // where it happened: bizLocation, else readPoint
	parent   name
	to       name // where what leaves is meant to go: of destinationList, the location before the parties
	things   part
	outputs  part // of a transformation; things are its inputs
	portions part
	expires  civil.Date
	sense    *sense // nil: no sensor told anything
	kind     kind
	action   action
	step     step
	stage    stage
	dose     uint8
	wrong    bool // declared to be; see Reader.mark
}

// part is a stretch of the reader's tables, to not included.
type part struct{ from, to uint32 }

func (p part) none() bool { return p.from == p.to }

// portion is so much of a class.
type portion struct {
	class  name
	unit   name
	amount float64 // NaN: not said
	output bool    // of a transformation
}

// sense is what the sensors of an event told.
type sense struct {
	list  []sensed
	fault string
}

type kind uint8

const (
	ofAnother kind = iota
	ofObject
	ofAggregation
	ofTransaction
	ofTransformation
	ofAssociation
)

var kinds = map[string]kind{
	epcis.ObjectEvent: ofObject, epcis.AggregationEvent: ofAggregation, epcis.TransactionEvent: ofTransaction,
	epcis.TransformationEvent: ofTransformation, epcis.AssociationEvent: ofAssociation,
}

type action uint8

const (
	observe action = iota
	add
	remove
)

var actions = map[string]action{"ADD": add, "DELETE": remove}

// step is a business step, as far as it means something here.
type step uint8

const (
	another step = iota
	leaves       // what it names is on its way from then on
	dispensing
	destroying
	counting
	decommissioning
)

var steps = map[string]step{
	"shipping": leaves, "departing": leaves, "transporting": leaves, "loading": leaves, "dispensing": dispensing, "destroying": destroying,
	"cycle_counting": counting, "stock_taking": counting, "decommissioning": decommissioning,
}

func (s step) String() string {
	return [...]string{"another", "leaving", "dispensing", "destroying", "counting", "decommissioning"}[s]
}

// stage is what charye:stage says: that of the vials which the event names, from then on.
type stage uint8

const (
	unsaid stage = iota
	thawed
	punctured
	misspelt // something else was said
)

var stages = map[string]stage{"": unsaid, supply.Thawed.String(): thawed, supply.Punctured.String(): punctured}

// said reports whether a stage was said that there is.
func (s stage) said() bool { return s == thawed || s == punctured }

// of is the stage in supply's words.
func (s stage) of() supply.Stage {
	switch s {
	case thawed:
		return supply.Thawed
	case punctured:
		return supply.Punctured
	case unsaid, misspelt:
	}
	return supply.Unopened
}

// tell keeps what an event says.
func (r *Reader) tell(e *epcis.Event, seq int64) {
	t := told{seq: seq, id: strings.Clone(e.ID), at: e.Time.UnixMicro(), kind: kinds[e.Type], action: actions[e.Action], step: steps[epcis.Word(e.BizStep)]}
	place := e.BizLocation
	if place == "" {
		place = e.ReadPoint
	}
	key := func(uri string) name {
		if uri == "" {
			return 0
		}
		return r.names.of(epcis.Key(uri))
	}
	t.place = key(place)
	t.things.from = uint32(len(r.things))
	for _, x := range e.Things {
		switch x.Role {
		case epcis.RoleParent:
			t.parent = key(x.EPC)
		case epcis.RoleEPC, epcis.RoleChild, epcis.RoleInput:
			r.things = append(r.things, key(x.EPC))
		case epcis.RoleOutput, epcis.RoleClass, epcis.RoleChildClass, epcis.RoleInputClass, epcis.RoleOutputClass:
		}
	}
	t.things.to = uint32(len(r.things))
	t.outputs.from = t.things.to
	for _, x := range e.Things {
		if x.Role == epcis.RoleOutput {
			r.things = append(r.things, key(x.EPC))
		}
	}
	t.outputs.to = uint32(len(r.things))
	t.portions.from = uint32(len(r.portions))
	for _, q := range e.Quantities {
		amount, err := strconv.ParseFloat(q.Amount.String(), 64)
		if err != nil {
			amount = math.NaN()
		}
		r.portions = append(r.portions, portion{key(q.Class), r.names.of(q.Unit), amount, q.Role == epcis.RoleOutputClass})
	}
	to, lot := t.more(e)
	if lot != "" && t.kind == ofObject && t.action == add {
		r.lotOf(&t, lot)
	}
	t.portions.to = uint32(len(r.portions))
	t.to = key(to)
	r.events = append(r.events, t)
}

// lotOf keeps the lot of the vials that an event brings into being as what it is about: a class of each product, without an amount.
func (r *Reader) lotOf(t *told, lot string) {
	for _, n := range r.thingsOf(t) {
		k, ok := sgtinOf(r.names.text(n))
		if !ok {
			continue
		}
		class := r.names.of(LotClass(supply.LotKey{GTIN: k.GTIN, ID: lot}))
		if !slices.ContainsFunc(r.portions[t.portions.from:], func(p portion) bool { return p.class == class }) {
			r.portions = append(r.portions, portion{class: class, amount: math.NaN()})
		}
	}
}

// more reads what is not among the fields of an [epcis.Event], and gives where the event sends things and of which lot those are that it brings into being.
func (t *told) more(e *epcis.Event) (to, lot string) {
	var more struct {
		Stage        json.RawMessage            `json:"charye:stage"`
		Whole        json.RawMessage            `json:"urn:charye:epcis:stage"`
		ILMD         map[string]json.RawMessage `json:"ilmd"`
		Transactions []struct {
			ID string `json:"bizTransaction"`
		} `json:"bizTransactionList"`
		Destinations []struct {
			Type string `json:"type"`
			ID   string `json:"destination"`
		} `json:"destinationList"`
		Sensors []element `json:"sensorElementList"`
	}
	if !hasMore(e.JSON) {
		return "", ""
	}
	var fault string
	if err := json.Unmarshal(e.JSON, &more); err != nil {
		fault = err.Error() // the rules let members of extensions be anything
	}
	var said string
	if raw := cmp.Or(string(more.Stage), string(more.Whole)); raw != "" {
		if err := json.Unmarshal([]byte(raw), &said); err != nil || said == "" {
			said = "?"
		}
	}
	known := false
	if t.stage, known = stages[said]; !known {
		t.stage = misspelt
	}
	for name, v := range more.ILMD {
		var s string
		switch i := strings.LastIndexAny(name, ":/"); name[i+1:] {
		case "itemExpirationDate", "expirationDate":
			if json.Unmarshal(v, &s) == nil && len(s) >= len(time.DateOnly) {
				t.expires, _ = civil.Parse(s[:len(time.DateOnly)])
			}
		case "lotNumber":
			if json.Unmarshal(v, &s) == nil && supply.ValidLot(s) {
				lot = s
			}
		}
	}
	for _, x := range more.Transactions {
		if id, dose, ok := bookingOf(x.ID); ok {
			t.booking, t.dose = id, uint8(dose)
		}
	}
	for _, x := range more.Destinations {
		if to == "" || epcis.Word(x.Type) == "location" {
			to = x.ID
		}
	}
	list, wrong := readSensors(more.Sensors, e.Time)
	if wrong != "" {
		fault = wrong
	}
	if len(list) > 0 || fault != "" {
		t.sense = &sense{list, fault}
	}
	return to, lot
}

// hasMore reports whether an event may have what [told.more] reads, which most have not.
func hasMore(src []byte) bool {
	for _, name := range []string{`"ilmd"`, `"bizTransactionList"`, `"destinationList"`, `"sensorElementList"`, `charye:`, `\\`} { // an escape may be part of a name
		if bytes.Contains(src, []byte(name)) {
			return true
		}
	}
	return false
}

// when is the instant of an event.
func (t *told) when() time.Time { return instant(t.at) }

func instant(micro int64) time.Time { return time.UnixMicro(micro).UTC() }
