package epcis

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// sensorNumbers are the members of a sensor report whose unit stands behind them in a parameter's name; true: a difference.
var sensorNumbers = map[string]bool{"value": false, "minValue": false, "maxValue": false, "meanValue": false, "sDev": true, "percValue": false}

// numeric gives the predicate of a parameter about quantities or readings.
func numeric(op, rest string, list []string) (func(*view) bool, error) {
	c := comparison(op)
	switch c {
	case equal, greater, greaterEqual, less, lessEqual:
	default:
		return nil, nil
	}
	member, code, united := strings.Cut(rest, "_")
	difference, reading := sensorNumbers[member]
	switch {
	case member == "quantity", rest == "percRank":
	case reading && united:
	case reading:
		return nil, fmt.Errorf("the name ends in a unit: %s_%s_CEL", op, rest)
	default:
		return nil, nil
	}
	if united && !isUnit(code) {
		return nil, fmt.Errorf("%q is no code of a unit; want that of UN/CEFACT Recommendation 20, such as KGM or CEL", code)
	}
	if c != equal && len(list) > 1 {
		return nil, fmt.Errorf("want one number")
	}
	var wanted []*big.Rat
	for _, s := range list {
		n := exact(s)
		if n == nil {
			return nil, fmt.Errorf("want a number, in digits with a point")
		}
		wanted = append(wanted, inBase(n, code, difference))
	}
	holds := func(n *big.Rat) bool {
		return n != nil && slices.ContainsFunc(wanted, func(w *big.Rat) bool { return c.holds(n.Cmp(w)) })
	}
	fits := func(m map[string]any) bool {
		x, ok := m[member]
		if !ok {
			return false
		}
		n := exact(fmt.Sprint(x))
		if !united {
			return holds(n)
		}
		own := text(m, "uom")
		return n != nil && convertible(own, code) && holds(inBase(n, own, difference))
	}
	if member == "quantity" {
		return func(v *view) bool {
			for _, name := range []string{"quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"} {
				if anyOf(objects(v.of(name)), fits) {
					return true
				}
			}
			return false
		}, nil
	}
	return func(v *view) bool { return anyOf(v.reports(), fits) }, nil
}

func isUnit(code string) bool {
	for _, c := range code {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(code) >= 2 && len(code) <= 4
}
