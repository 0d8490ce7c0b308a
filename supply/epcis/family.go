package epcis

import (
	"fmt"
	"slices"
	"strings"
)

// standardMembers are those of sensor data, for which the families of extensions serve too.
var standardMembers = map[string][]string{
	"SENSORMETADATA": {"time", "startTime", "endTime", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"},
	"SENSORREPORT": {"type", "exception", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules", "time", "microorganism", "chemicalSubstance",
		"coordinateReferenceSystem", "component", "value", "stringValue", "booleanValue", "hexBinaryValue", "uriValue", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue", "uom"},
}

// familyOf takes a name apart: EQ, GT, GE, LT, LE or EXISTS, then INNER_, then where the member is, then the member's name, which is
// not looked at.
func familyOf(name string) (op string, f field, ok bool) {
	op, rest, _ := strings.Cut(name, "_")
	switch op {
	case "EQ", "GT", "GE", "LT", "LE", "EXISTS":
	default:
		return op, f, false
	}
	rest, f.inner = strings.CutPrefix(rest, "INNER_")
	f.name = rest
	for scope := range scopes {
		if member, ok := strings.CutPrefix(rest, scope+"_"); ok && scope != "" {
			f.scope, f.name = scope, member
		}
	}
	return op, f, f.name != "" && (f.inner || f.scope != "" || strings.ContainsRune(f.name, ':'))
}

// ofExtension gives the predicate of a parameter about a member of an extension.
func ofExtension(name, one string, list []string, p Prefixes) (func(*view) bool, error) {
	op, f, ok := familyOf(name)
	if !ok {
		return nil, nil
	}
	switch {
	case f.inner && !strings.ContainsRune(f.name, ':'): // what lies in an extension needs no name of its own
		f.name = p.expand(strings.TrimPrefix(f.name, "#"))
	case slices.Contains(standardMembers[f.scope], f.name):
	default:
		var err error
		if f.name, err = p.full(f.name); err != nil {
			return nil, err
		}
	}
	if op == "EXISTS" {
		return flagged(one, func(v *view) bool { return anyOf(f.values(v), func(x any) bool { return !empty(x) }) })
	}
	c := comparison(op)
	var wanted []operand
	for _, s := range list {
		o := operandOf(s)
		if c != equal && o.number == nil && !o.timely {
			return nil, fmt.Errorf("want a number, an instant (RFC 3339), or a day such as 2026-09-21")
		}
		wanted = append(wanted, o)
	}
	if c != equal && len(wanted) > 1 {
		return nil, fmt.Errorf("want one value")
	}
	return func(v *view) bool { return anyOf(f.values(v), func(x any) bool { return c.meets(x, wanted) }) }, nil
}
