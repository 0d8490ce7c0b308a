package epcis

import "math/big"

// unit is a code of UN/CEFACT Recommendation 20 as a multiple of the base of its kind, and where its zero lies in that base.
type unit struct {
	kind         string
	factor, zero *big.Rat
}

// units are those that are converted into one another; others are only equal to themselves. Factors are exact by definition
// (the international pound and yard of 1959, the Celsius and Fahrenheit scales by the kelvin).
var units = func() map[string]unit {
	out := map[string]unit{}
	for kind, codes := range map[string]map[string][2]string{
		"temperature": {"KEL": {"1", "0"}, "CEL": {"1", "273.15"}, "FAH": {"5/9", "45967/180"}, "A48": {"5/9", "0"}},
		"mass": {"KGM": {"1"}, "GRM": {"1/1000"}, "MGM": {"1/1000000"}, "MC": {"1/1000000000"}, "HGM": {"1/10"}, "DTN": {"100"}, "TNE": {"1000"}, "LBR": {"0.45359237"},
			"ONZ": {"0.028349523125"}},
		"volume": {"MTQ": {"1"}, "DMQ": {"1/1000"}, "LTR": {"1/1000"}, "HLT": {"1/10"}, "DLT": {"1/10000"}, "CLT": {"1/100000"}, "MLT": {"1/1000000"}, "CMQ": {"1/1000000"},
			"MMQ": {"1/1000000000"}, "4G": {"1/1000000000"}},
		"length":   {"MTR": {"1"}, "KMT": {"1000"}, "DMT": {"1/10"}, "CMT": {"1/100"}, "MMT": {"1/1000"}, "INH": {"0.0254"}, "FOT": {"0.3048"}, "YRD": {"0.9144"}, "SMI": {"1609.344"}},
		"time":     {"SEC": {"1"}, "C26": {"1/1000"}, "MIN": {"60"}, "HUR": {"3600"}, "DAY": {"86400"}, "WEE": {"604800"}},
		"pressure": {"PAL": {"1"}, "A97": {"100"}, "MBR": {"100"}, "KPA": {"1000"}, "BAR": {"100000"}, "MPA": {"1000000"}, "ATM": {"101325"}},
		"speed":    {"MTS": {"1"}, "KMH": {"5/18"}},
		"ratio":    {"C62": {"1"}, "P1": {"1/100"}, "59": {"1/1000000"}},
	} {
		for code, numbers := range codes {
			if numbers[1] == "" {
				numbers[1] = "0"
			}
			u := unit{kind: kind, factor: new(big.Rat), zero: new(big.Rat)}
			u.factor.SetString(numbers[0])
			u.zero.SetString(numbers[1])
			out[code] = u
		}
	}
	return out
}()

// convertible tells whether numbers in two units can be compared.
func convertible(a, b string) bool {
	return a == b || units[a].kind != "" && units[a].kind == units[b].kind
}

// inBase converts to the base of the unit's kind, so that numbers in convertible units compare. A difference, such as a standard
// deviation, has no zero: 9 degrees Fahrenheit apart are 5 Celsius apart.
func inBase(n *big.Rat, code string, difference bool) *big.Rat {
	u, ok := units[code]
	if !ok {
		return n
	}
	out := new(big.Rat).Mul(n, u.factor)
	if !difference {
		out.Add(out, u.zero)
	}
	return out
}
