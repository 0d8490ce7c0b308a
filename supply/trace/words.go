package trace

import (
	"net/url"
	"strconv"
	"strings"

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

// BoxKey is the name of a box or pallet as events are compared by.
func BoxKey(k supply.SSCC) string { return keyOf(k) }

// LotClass is the name of a lot as events are compared by.
func LotClass(l supply.LotKey) string {
	return lotKey + l.GTIN.String() + "/10/" + url.PathEscape(l.ID)
}

// keyOf is the name of a box or pallet as events are compared by.
func keyOf(k supply.SSCC) string { return boxKey + k.String() }

// SGTINOf reads the name of a vial or carton: a URN, a Digital Link, or the label as people or scanners write it.
func SGTINOf(name string) (supply.SGTIN, bool) {
	if k, ok := sgtinOf(epcis.Key(name)); ok {
		return k, true
	}
	e, err := supply.ParseElements(name)
	if err != nil {
		return supply.SGTIN{}, false
	}
	return e.SGTIN()
}

// VialKey is the name of a vial as events are compared by.
func VialKey(k supply.SGTIN) string {
	return lotKey + k.GTIN.String() + "/21/" + url.PathEscape(k.Serial)
}

func unescaped(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
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
