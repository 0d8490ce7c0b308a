package trace

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/supply"
	"charye/supply/epcis"
)

// Words of our own in events: places that have no GLN, and the booking that a dose was given for. A booking says nothing of the
// person to whom it cannot look it up.
const (
	sitePrefix    = "urn:charye:site:"
	bookingPrefix = "urn:charye:booking:"
	extension     = "urn:charye:epcis:"
)

// SiteURN names a site that has no GLN, as the bizLocation of an event.
func SiteURN(id string) string { return sitePrefix + url.PathEscape(id) }

// SiteOfURN reads what [SiteURN] writes; what follows a further colon names a room.
func SiteOfURN(place string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(place, sitePrefix)
	if !ok {
		return "", false
	}
	rest, _, _ = strings.Cut(rest, ":")
	id, err := url.PathUnescape(rest)
	return id, err == nil && id != ""
}

// GLNOf gives the GLN of a place's key, whatever room of it.
func GLNOf(place string) (supply.GLN, bool) {
	rest, ok := strings.CutPrefix(place, "https://id.gs1.org/414/")
	if !ok {
		return 0, false
	}
	rest, _, _ = strings.Cut(rest, "/")
	k, err := supply.ParseGLN(rest)
	return k, err == nil
}

// BookingURN names the dose of a booking, as a bizTransaction of the event that gave it.
func BookingURN(id int64, dose int) string {
	return bookingPrefix + strconv.FormatInt(id, 10) + ":" + strconv.Itoa(dose)
}

func bookingOf(urn string) (id int64, dose int, ok bool) {
	rest, ok := strings.CutPrefix(urn, bookingPrefix)
	first, second, two := strings.Cut(rest, ":")
	id, err1 := strconv.ParseInt(first, 10, 64)
	dose, err2 := strconv.Atoi(second)
	return id, dose, ok && two && err1 == nil && err2 == nil && id > 0 && dose >= 1 && dose <= 255
}

// SSCCOf reads the name of a box or pallet: digits, the URN, or a Digital Link.
func SSCCOf(name string) (supply.SSCC, bool) {
	name = strings.TrimPrefix(epcis.Key(name), boxKey)
	k, err := supply.ParseSSCC(name)
	return k, err == nil
}

const (
	boxKey = "https://id.gs1.org/00/"
	lotKey = "https://id.gs1.org/01/"
)

// keyOf is the name of a box or pallet as events are compared by.
func keyOf(k supply.SSCC) string { return boxKey + k.String() }

// BoxKey is the name of a box or pallet as events are compared by.
func BoxKey(k supply.SSCC) string { return keyOf(k) }

// LotClass is the name of a lot as events are compared by.
func LotClass(l supply.LotKey) string {
	return lotKey + l.GTIN.String() + "/10/" + url.PathEscape(l.ID)
}

func lotOf(class string) (l supply.LotKey, ok bool) {
	rest, ok := strings.CutPrefix(epcis.Key(class), lotKey)
	gtin, lot, two := strings.Cut(rest, "/10/")
	if !ok || !two {
		return l, false
	}
	var err1, err2 error
	l.GTIN, err1 = supply.ParseGTIN(gtin)
	l.ID, err2 = url.PathUnescape(lot)
	return l, err1 == nil && err2 == nil && l.ID != ""
}

// told is what is kept of an event.
type told struct {
	seq         int64
	id          string
	at          time.Time
	kind        string
	action      string
	step        string
	place       string // where it happened: bizLocation, else readPoint
	parent      string
	things      []string
	portions    []portion
	expires     civil.Date
	booking     int64
	dose        int
	sensed      []sensed
	sensorFault string
}

// portion is so much of a class.
type portion struct {
	class  string
	amount string
	unit   string
}

func tell(e *epcis.Event) *told {
	t := &told{id: e.ID, at: e.Time, kind: e.Type, action: e.Action, step: epcis.Word(e.BizStep), place: e.BizLocation}
	if t.place == "" {
		t.place = e.ReadPoint
	}
	if t.place != "" {
		t.place = epcis.Key(t.place)
	}
	for _, x := range e.Things {
		switch x.Role {
		case epcis.RoleParent:
			t.parent = epcis.Key(x.EPC)
		case epcis.RoleEPC, epcis.RoleChild:
			t.things = append(t.things, epcis.Key(x.EPC))
		case epcis.RoleInput, epcis.RoleOutput, epcis.RoleClass, epcis.RoleChildClass, epcis.RoleInputClass, epcis.RoleOutputClass:
		}
	}
	for _, q := range e.Quantities {
		t.portions = append(t.portions, portion{q.Class, q.Amount.String(), q.Unit})
	}
	var more struct {
		ILMD         map[string]json.RawMessage `json:"ilmd"`
		Transactions []struct {
			ID string `json:"bizTransaction"`
		} `json:"bizTransactionList"`
		Sensors []element `json:"sensorElementList"`
	}
	if err := json.Unmarshal(e.JSON, &more); err != nil {
		t.sensorFault = err.Error() // the rules let members of extensions be anything
	}
	for name, v := range more.ILMD {
		if i := strings.LastIndexAny(name, ":/"); name[i+1:] == "itemExpirationDate" || name[i+1:] == "expirationDate" {
			var s string
			if json.Unmarshal(v, &s) == nil && len(s) >= len(time.DateOnly) {
				t.expires, _ = civil.Parse(s[:len(time.DateOnly)])
			}
		}
	}
	for _, x := range more.Transactions {
		if id, dose, ok := bookingOf(x.ID); ok {
			t.booking, t.dose = id, dose
		}
	}
	var fault string
	if t.sensed, fault = readSensors(more.Sensors, e.Time); fault != "" {
		t.sensorFault = fault
	}
	return t
}
