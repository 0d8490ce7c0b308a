package supply

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// SGTIN names a single vial, or a carton of vials: its product and a serial number, AIs (01) and (21). The zero SGTIN names nothing.
type SGTIN struct {
	GTIN   GTIN
	Serial string // AI (21): 1 to 20 characters of GS1's set 82
}

// IsZero reports whether it names nothing.
func (k SGTIN) IsZero() bool { return k == SGTIN{} }

// String gives the bracketed form of a label, which [ParseElements] reads.
func (k SGTIN) String() string { return Elements{GTIN: k.GTIN, Serial: k.Serial}.String() }

// Valid reports whether it can be the name of a vial.
func (k SGTIN) Valid() bool { return k.GTIN != 0 && validText(k.Serial, 20) }

// Compare orders names by product and by the bytes of the serial number.
func (k SGTIN) Compare(o SGTIN) int {
	switch {
	case k.GTIN < o.GTIN:
		return -1
	case k.GTIN > o.GTIN:
		return 1
	}
	return strings.Compare(k.Serial, o.Serial)
}

// SGTIN is the name of the single vial that a label is of; false when it has no serial number.
func (e *Elements) SGTIN() (SGTIN, bool) {
	k := SGTIN{e.GTIN, e.Serial}
	return k, k.Valid()
}

// IsLink reports whether a text is a web address, as [ParseLink] reads them.
func IsLink(s string) bool {
	return strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")
}

// ParseLink reads a GS1 Digital Link, as a QR code on a carton has it: https://anywhere/01/GTIN/10/LOT/21/SERIAL?17=YYMMDD. The path begins, after
// whatever else, with the first key that is known; of the question only known AIs are read, since others may put there what they like (GS1
// Digital Link standard 1.1, section 4).
func ParseLink(s string) (Elements, error) {
	var e Elements
	u, err := url.Parse(s)
	if err != nil || !IsLink(s) || u.Host == "" {
		return e, fmt.Errorf("%w: %.80q is no Digital Link", ErrElements, s)
	}
	parts := strings.Split(strings.TrimSuffix(u.EscapedPath(), "/"), "/")
	for len(parts) > 0 && parts[0] != "00" && parts[0] != "01" && parts[0] != "414" {
		parts = parts[1:]
	}
	if len(parts) == 0 || len(parts)%2 != 0 {
		return e, fmt.Errorf("%w: %.80q: want …/01/GTIN, and after it pairs of an AI and its value", ErrElements, s)
	}
	seen := map[string]bool{}
	for ; len(parts) > 0; parts = parts[2:] {
		v, err := url.PathUnescape(parts[1])
		if g, wrong := ParseGTIN(v); parts[0] == "01" && wrong == nil {
			v = g.String() // a link may have the shorter forms
		}
		if err == nil {
			err = e.take(parts[0], v, seen)
		}
		if err != nil {
			return Elements{}, fmt.Errorf("%w: (%.4s): %w", ErrElements, parts[0], err)
		}
	}
	for ai, values := range u.Query() {
		if _, known := elements[ai]; !known {
			continue
		}
		for _, v := range values {
			if err := e.take(ai, v, seen); err != nil {
				return Elements{}, fmt.Errorf("%w: (%.4s): %w", ErrElements, ai, err)
			}
		}
	}
	if err := together(seen); err != nil {
		return Elements{}, err
	}
	return e, nil
}

// take reads one value of a known AI, which may be there once.
func (e *Elements) take(ai, value string, seen map[string]bool) error {
	el, known := elements[ai]
	switch {
	case !known:
		return errUnknownAI
	case seen[ai]:
		return errors.New("it is there twice")
	case el.fixed && len(value) != el.width || value == "" || len(value) > el.width:
		return fmt.Errorf("want %d characters, has %d", el.width, len(value))
	case !validText(value, el.width):
		return errors.New("a character outside of GS1's set 82")
	}
	seen[ai] = true
	return el.set(e, value)
}
