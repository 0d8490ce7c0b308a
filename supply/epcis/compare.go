package epcis

import (
	"encoding/json"
	"math/big"
	"strconv"
	"time"
)

// comparison is how a value in an event stands to one in a question.
type comparison string

const (
	equal        comparison = "EQ"
	greater      comparison = "GT"
	greaterEqual comparison = "GE"
	less         comparison = "LT"
	lessEqual    comparison = "LE"
)

// holds tells whether the order of event's value and question's, -1, 0 or 1, is the one asked for.
func (c comparison) holds(order int) bool {
	switch c {
	case greater:
		return order > 0
	case greaterEqual:
		return order >= 0
	case less:
		return order < 0
	case lessEqual:
		return order <= 0
	default:
		return order == 0
	}
}

// exact reads a JSON number, whatever its form, as what it is: 1.50 is 15e-1. nil: it is none, or beyond all measure.
func exact(s string) *big.Rat {
	if !isNumber(s) {
		return nil
	}
	digits, exponent, err := decimal(s)
	if err != nil {
		return nil
	}
	r, _ := new(big.Rat).SetString(digits + "e" + strconv.Itoa(exponent)) // decimal gives what this reads
	return r
}

func isNumber(s string) bool {
	if s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') {
		return false
	}
	return json.Valid([]byte(s))
}

// moment reads an instant, or a day, which stands for its beginning in UTC.
func moment(s string) (t time.Time, ok bool) {
	if len(s) == len(time.DateOnly) {
		t, err := time.Parse(time.DateOnly, s)
		return t, err == nil
	}
	if len(s) < len("2006-01-02T15:04:05Z") {
		return t, false
	}
	t, err := parseTime(s)
	return t, err == nil
}

// operand is a value in a question, in all the ways in which it can be read.
type operand struct {
	text   string
	number *big.Rat // nil: none
	at     time.Time
	timely bool
}

func operandOf(s string) operand {
	o := operand{text: s, number: exact(s)}
	o.at, o.timely = moment(s)
	return o
}

// meets tells whether a value of an extension stands to any of the operands as asked. Of a list, one of its values is enough.
// Numbers compare as exact decimals, instants and days as instants. A text is equal to the same text and to another form of the same
// instant; "010" is not 10, which may be a lot, but for the order texts that are numbers are these.
func (c comparison) meets(v any, wanted []operand) bool {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if c.meets(x, wanted) {
				return true
			}
		}
	case map[string]any:
		for _, name := range []string{"@value", "@id", "id"} {
			if x, ok := v[name]; ok {
				return c.meets(x, wanted)
			}
		}
	case bool:
		return c == equal && hasText(wanted, strconv.FormatBool(v))
	case json.Number:
		return c.number(exact(string(v)), wanted)
	case string:
		if c == equal && hasText(wanted, v) {
			return true
		}
		if at, ok := moment(v); ok {
			for _, w := range wanted {
				if w.timely && c.holds(at.Compare(w.at)) {
					return true
				}
			}
			return false
		}
		return c != equal && c.number(exact(v), wanted)
	}
	return false
}

func (c comparison) number(n *big.Rat, wanted []operand) bool {
	if n == nil {
		return false
	}
	for _, w := range wanted {
		if w.number != nil && c.holds(n.Cmp(w.number)) {
			return true
		}
	}
	return false
}

func hasText(wanted []operand, s string) bool {
	for _, w := range wanted {
		if w.text == s {
			return true
		}
	}
	return false
}

// empty tells of values that say nothing.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
