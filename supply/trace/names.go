package trace

import (
	"strings"

	"charye/supply"
)

// name stands for the text by which events call a box, pallet, vehicle, device, place or class, so that events and what is known of each
// name are small. 0 is no name.
type name uint32

// names gives every text its name.
type names struct {
	all   []called // by name; the first is that of 0
	by    map[string]name
	vials bool // some are of vials or cartons
}

// called is what a name stands for.
type called struct {
	text string
	sscc supply.SSCC // 0: no box and no pallet
	unit bool        // named as a box or pallet is, if perhaps with a wrong check digit
	vial bool        // named as a single vial or carton is
}

func newNames() names { return names{all: make([]called, 1), by: map[string]name{}} }

// of gives the name of a text, which is an [epcis.Key] where it is an identifier.
func (n *names) of(text string) name {
	if text == "" {
		return 0
	}
	if k, ok := n.by[text]; ok {
		return k
	}
	text = strings.Clone(text) // it may be part of a whole document
	c := called{text: text, unit: strings.HasPrefix(text, boxKey)}
	if c.unit {
		c.sscc, _ = SSCCOf(text)
	}
	if strings.HasPrefix(text, lotKey) && strings.Contains(text, "/21/") {
		c.vial, n.vials = true, true
	}
	k := name(len(n.all))
	n.all = append(n.all, c)
	n.by[text] = k
	return k
}

func (n *names) text(k name) string { return n.all[k].text }
