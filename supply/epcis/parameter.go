package epcis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// condition reads one of the parameters for which no index is kept. An error is what is wrong with the value; ok is false when there is
// no such parameter.
func (q *Query) condition(name, one string, list []string, p Prefixes) (ok bool, err error) {
	meets, err := question(name, one, list, p)
	if meets == nil && err == nil {
		return exists(name), nil // EXISTS_… = false asks for nothing
	}
	if err != nil {
		return true, err
	}
	q.Where = append(q.Where, Condition{Name: name, Values: list, needs: needed(name), meets: meets})
	q.Declared = q.Declared || declares(name)
	return true, nil
}

// exists tells whether a parameter is one of those that only ask whether something is there.
func exists(name string) bool {
	op, _, ok := familyOf(name)
	return ok && op == "EXISTS" || name == "EXISTS_sensorElementList" || name == "EXISTS_sensorElement" || name == "EXISTS_errorDeclaration"
}

// question makes the predicate of a parameter; nil without an error: there is none of that name, or it asks for nothing.
func question(name, one string, list []string, p Prefixes) (func(*view) bool, error) {
	op, rest, _ := strings.Cut(name, "_")
	switch op {
	case "WD":
		if rest == "readPoint" || rest == "bizLocation" {
			return placesWithin(rest, list), nil
		}
	case "HASATTR", "EQATTR":
		return nil, fmt.Errorf("master data is not kept here, so nothing can be asked of it")
	case "EXISTS":
		if name == "EXISTS_sensorElementList" || name == "EXISTS_sensorElement" {
			return flagged(one, func(v *view) bool { return !empty(v.of("sensorElementList")) })
		}
	case "EQ":
		if meets := fixed(rest, list, p); meets != nil {
			return meets, nil
		}
		if rest == "booleanValue" {
			b, err := truth(one)
			if err != nil {
				return nil, err
			}
			return func(v *view) bool {
				return anyOf(v.reports(), func(r map[string]any) bool { x, ok := r[rest].(bool); return ok && x == b })
			}, nil
		}
	}
	if meets, err := timely(op, rest, one); meets != nil || err != nil {
		return meets, err
	}
	if meets, err := numeric(op, rest, list); meets != nil || err != nil {
		return meets, err
	}
	return ofExtension(name, one, list, p)
}

// anyOf tells whether f holds for anything in seq.
func anyOf[T any](seq func(func(T) bool), f func(T) bool) bool {
	for x := range seq {
		if f(x) {
			return true
		}
	}
	return false
}

// truth reads the value of an EXISTS parameter, which the standard says to be void: it need not be there, and is true then.
func truth(s string) (bool, error) {
	if s == "" {
		return true, nil
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, fmt.Errorf("want true or false")
	}
	return b, nil
}

// flagged gives the predicate, or nil for who does not ask.
func flagged(one string, meets func(*view) bool) (func(*view) bool, error) {
	if b, err := truth(one); err != nil || !b {
		return nil, err
	}
	return meets, nil
}

func placesWithin(member string, list []string) func(*view) bool {
	keys := each(list, Key)
	return func(v *view) bool {
		place, _ := v.of(member).(map[string]any)
		id := text(place, "id")
		if id == "" {
			return false
		}
		key := Key(id)
		return slices.ContainsFunc(keys, func(k string) bool { return liesIn(key, k) })
	}
}

// sensorTexts are the members of sensor data that are asked for with EQ, and how their values are compared.
var sensorTexts = map[string]func(string) string{
	"type": measured, "deviceID": Key, "dataProcessingMethod": nil, "bizRules": nil, "microorganism": nil, "chemicalSubstance": nil,
	"stringValue": asWritten, "hexBinaryValue": strings.ToUpper, "uriValue": nil,
}

func asWritten(s string) string { return s }

// measured is the short form of a type of measurement of the GS1 Web Vocabulary.
func measured(s string) string {
	for _, base := range []string{"https://gs1.org/voc/", "http://gs1.org/voc/", "https://www.gs1.org/voc/", "http://www.gs1.org/voc/"} {
		if rest, ok := strings.CutPrefix(s, base); ok {
			return strings.TrimPrefix(rest, "MT-")
		}
	}
	return s
}

// word is [Word], for the addresses of the CBV that are kept as they were written too.
func word(s string) string {
	if rest, ok := strings.CutPrefix(s, "https://ref.gs1.org/cbv/"); ok {
		if _, w, ok := strings.Cut(rest, "-"); ok {
			return w
		}
	}
	return Word(s)
}

// fixed gives the predicate of an EQ parameter of the standard's own members.
func fixed(rest string, list []string, p Prefixes) func(*view) bool {
	uris := each(list, p.expand)
	words, keys := each(uris, word), each(uris, Key)
	if form, ok := sensorTexts[rest]; ok {
		plain := rest == "stringValue" || rest == "hexBinaryValue"
		wanted := uris
		if plain {
			wanted = list
		}
		if form != nil {
			wanted = each(wanted, form)
		}
		return func(v *view) bool {
			return anyOf(v.sensed(), func(m map[string]any) bool {
				s, ok := m[rest].(string)
				if !ok {
					return false
				}
				if !plain {
					s = v.expand(s)
				}
				if form != nil {
					s = form(s)
				}
				return slices.Contains(wanted, s)
			})
		}
	}
	switch rest {
	case "persistentDisposition_set", "persistentDisposition_unset":
		return func(v *view) bool {
			m, _ := v.of("persistentDisposition").(map[string]any)
			return slices.ContainsFunc(texts(m, strings.TrimPrefix(rest, "persistentDisposition_")), func(s string) bool { return slices.Contains(words, word(v.expand(s))) })
		}
	case "transformationID":
		return func(v *view) bool {
			s, ok := v.of("transformationID").(string)
			return ok && slices.Contains(keys, Key(v.expand(s)))
		}
	case "errorReason":
		return func(v *view) bool {
			d, _ := v.member("errorDeclaration").(map[string]any)
			return slices.Contains(words, word(v.expand(text(d, "reason")))) && text(d, "reason") != ""
		}
	case "correctiveEventID":
		return func(v *view) bool {
			d, _ := v.member("errorDeclaration").(map[string]any)
			return slices.ContainsFunc(texts(d, "correctiveEventIDs"), func(s string) bool { return slices.Contains(uris, v.expand(s)) })
		}
	}
	for _, kind := range []string{"bizTransaction", "source", "destination"} {
		if t, ok := strings.CutPrefix(rest, kind+"_"); ok && t != "" {
			t = word(p.expand(t))
			return func(v *view) bool {
				return anyOf(objects(v.of(kind+"List")), func(m map[string]any) bool {
					given, ok := m["type"].(string)
					return ok && word(v.expand(given)) == t && slices.Contains(keys, Key(v.expand(text(m, kind))))
				})
			}
		}
	}
	return nil
}

// timely gives the predicate of a parameter about one of the standard's times.
func timely(op, rest, one string) (func(*view) bool, error) {
	c := comparison(op)
	if c != greaterEqual && c != less {
		return nil, nil
	}
	var in func(*view) func(func(map[string]any) bool)
	member := rest
	switch rest {
	case "time":
		in = func(v *view) func(func(map[string]any) bool) { return v.sensed() }
	case "startTime", "endTime":
		in = func(v *view) func(func(map[string]any) bool) { return v.metadata() }
	case "errorDeclarationTime", "errorDeclaration_Time": // as in the standard's text, and as in its schema of queries
		member = "declarationTime"
		in = func(v *view) func(func(map[string]any) bool) { return objects(v.member("errorDeclaration")) }
	default:
		return nil, nil
	}
	at, err := parseTime(one)
	if err != nil {
		return nil, fmt.Errorf("want an instant with its distance from UTC (RFC 3339)")
	}
	return func(v *view) bool {
		return anyOf(in(v), func(m map[string]any) bool {
			t, err := parseTime(text(m, member))
			return err == nil && c.holds(t.Compare(at))
		})
	}, nil
}

// needed gives the member without which no event meets a parameter, as [Stored.JSON] has it; nil: there is no one such.
func needed(name string) []byte {
	op, rest, _ := strings.Cut(name, "_")
	kind, _, _ := strings.Cut(rest, "_")
	member := ""
	switch _, sensor := sensorTexts[rest]; {
	case declares(name):
		member = "errorDeclaration"
	case sensor, rest == "booleanValue", rest == "time", rest == "startTime", rest == "endTime", rest == "percRank", strings.HasPrefix(rest, "sensorElement"):
		member = "sensorElementList"
	case op == "WD", rest == "transformationID":
		member = rest
	case kind == "persistentDisposition":
		member = kind
	case kind == "bizTransaction", kind == "source", kind == "destination":
		member = kind + "List"
	default:
		if _, reading := sensorNumbers[kind]; reading {
			member = "sensorElementList"
		} else if _, f, ok := familyOf(name); ok {
			member = map[string]string{"ILMD": "ilmd", "readPoint": "readPoint", "bizLocation": "bizLocation", "SENSORELEMENT": "sensorElementList", "SENSORMETADATA": "sensorElementList",
				"SENSORREPORT": "sensorElementList"}[f.scope]
		}
	}
	if member == "" {
		return nil
	}
	return []byte(`"` + member + `":`)
}

// declares tells whether only events that declare an error can meet a parameter; those have an index.
func declares(name string) bool {
	return strings.Contains(name, "_ERROR_DECLARATION_") || strings.HasSuffix(name, "_errorReason") || strings.HasSuffix(name, "_correctiveEventID") ||
		strings.HasSuffix(name, "_errorDeclarationTime") || strings.HasSuffix(name, "_errorDeclaration_Time")
}
