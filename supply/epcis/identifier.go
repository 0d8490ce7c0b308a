package epcis

import (
	"net/url"
	"regexp"
	"strings"
)

// Key is the form in which identifiers are compared. One thing has many URIs: the EPC's URN, and GS1 Digital Links at any
// domain. Keys are Digital Links at id.gs1.org with nothing but what identifies: a trade item's class (01), its lot (01, 10)
// or single piece (01, 21), a logistic unit (00), a place (414, 254). What is none of these is its own key.
//
// Sources: EPC Tag Data Standard 1.13 section 7 (URNs and element strings), GS1 Digital Link standard 1.1 section 4.
func Key(uri string) string {
	if urn, ok := strings.CutPrefix(uri, "urn:epc:"); ok {
		if key, ok := keyOfURN(urn); ok {
			return key
		}
		return uri
	}
	if strings.HasPrefix(uri, "http") {
		if key, ok := keyOfLink(uri); ok {
			return key
		}
	}
	return uri
}

const linkBase = "https://id.gs1.org"

func keyOfURN(urn string) (string, bool) {
	kind, scheme, rest, ok := splitURN(urn)
	if !ok {
		return "", false
	}
	parts := strings.SplitN(rest, ".", 3)
	if len(parts) < 2 || !digits(parts[0]) || !digits(parts[1]) && parts[1] != "" {
		return "", false
	}
	company, reference := parts[0], parts[1]
	switch {
	case (kind == "id" || kind == "idpat") && scheme == "sgtin" && len(parts) == 3,
		(kind == "class" || kind == "idpat") && scheme == "lgtin" && len(parts) == 3:
		if len(company)+len(reference) != 13 || reference == "" {
			return "", false
		}
		gtin := checked(reference[:1] + company + reference[1:])
		switch {
		case kind == "idpat" && parts[2] == "*":
			return linkBase + "/01/" + gtin, true
		case kind == "idpat":
			return "", false
		case scheme == "sgtin":
			return linkBase + "/01/" + gtin + "/21/" + plain(parts[2]), true
		default:
			return linkBase + "/01/" + gtin + "/10/" + plain(parts[2]), true
		}
	case kind == "id" && scheme == "sscc" && len(parts) == 2:
		if len(company)+len(reference) != 17 || reference == "" {
			return "", false
		}
		return linkBase + "/00/" + checked(reference[:1]+company+reference[1:]), true
	case kind == "id" && scheme == "sgln" && len(parts) == 3:
		if len(company)+len(reference) != 12 {
			return "", false
		}
		gln := linkBase + "/414/" + checked(company+reference)
		if parts[2] == "0" {
			return gln, true
		}
		return gln + "/254/" + plain(parts[2]), true
	}
	return "", false
}

func splitURN(urn string) (kind, scheme, rest string, ok bool) {
	kind, rest, ok = strings.Cut(urn, ":")
	if !ok {
		return "", "", "", false
	}
	scheme, rest, ok = strings.Cut(rest, ":")
	return kind, scheme, rest, ok
}

// link finds the identifying end of a Digital Link's path.
var link = regexp.MustCompile(`/(?:(01)/([0-9]{8}|[0-9]{12,14})(?:/22/[^/]+)?(?:/10/([^/]+))?(?:/21/([^/]+))?|(00)/([0-9]{18})|(414)/([0-9]{13})(?:/254/([^/]+))?)/?$`)

func keyOfLink(uri string) (string, bool) {
	// Most are keys already.
	if rest, ok := strings.CutPrefix(uri, linkBase+"/00/"); ok && len(rest) == 18 && digits(rest) {
		return uri, true
	}
	if rest, ok := strings.CutPrefix(uri, linkBase+"/414/"); ok && len(rest) == 13 && digits(rest) {
		return uri, true
	}
	path, _, _ := strings.Cut(uri, "#")
	path, _, _ = strings.Cut(path, "?")
	m := link.FindStringSubmatch(path)
	switch {
	case m == nil:
		return "", false
	case m[1] != "":
		key := linkBase + "/01/" + strings.Repeat("0", 14-len(m[2])) + m[2]
		if m[4] != "" {
			return key + "/21/" + plain(m[4]), true
		}
		if m[3] != "" {
			return key + "/10/" + plain(m[3]), true
		}
		return key, true
	case m[5] != "":
		return linkBase + "/00/" + m[6], true
	default:
		if m[9] != "" && m[9] != "0" {
			return linkBase + "/414/" + m[8] + "/254/" + plain(m[9]), true
		}
		return linkBase + "/414/" + m[8], true
	}
}

// plain is one form of a serial or lot number, however it was escaped.
func plain(s string) string {
	u, err := url.PathUnescape(s)
	if err != nil { // escaped in no way that is one; what would end a path is
		return strings.NewReplacer("#", "%23", "?", "%3F").Replace(s)
	}
	return url.PathEscape(u)
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// checked appends the check digit (GS1 General Specifications, section 7.9: weights 3 and 1 from the right).
func checked(s string) string {
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 0 {
			d *= 3
		}
		sum += d
	}
	return s + string(rune('0'+(10-sum%10)%10))
}

// Wanted is what a MATCH parameter asks for: any of these keys, or any that begins so.
type Wanted struct {
	Keys     []string
	Prefixes []string
}

// wanted reads one value of a MATCH parameter: a URI, or a pattern of the EPC Tag Data Standard whose last parts are "*".
func (w *Wanted) add(value string) error {
	urn, ok := strings.CutPrefix(value, "urn:epc:idpat:")
	if !ok {
		w.Keys = append(w.Keys, Key(value))
		return nil
	}
	unknown := &ParameterError{Value: value, Problem: "patterns are understood for sgtin, lgtin, sscc and sgln, with * for the last part or all but the company prefix"}
	scheme, rest, _ := strings.Cut(urn, ":")
	parts := strings.Split(rest, ".")
	if !digits(parts[0]) {
		return unknown
	}
	switch {
	case (scheme == "sgtin" || scheme == "lgtin") && len(parts) == 3 && parts[2] == "*" && parts[1] != "*":
		class, ok := keyOfURN("idpat:" + urn)
		if !ok {
			return unknown
		}
		w.Keys = append(w.Keys, class) // a class stands for itself too
		if scheme == "sgtin" {
			w.Prefixes = append(w.Prefixes, class+"/21/")
		} else {
			w.Prefixes = append(w.Prefixes, class+"/10/")
		}
	case (scheme == "sgtin" || scheme == "lgtin") && len(parts) == 3 && parts[1] == "*" && parts[2] == "*":
		w.indicators(linkBase+"/01/", parts[0])
	case scheme == "sscc" && len(parts) == 2 && parts[1] == "*":
		w.indicators(linkBase+"/00/", parts[0])
	case scheme == "sgln" && len(parts) == 3 && parts[2] == "*" && parts[1] != "*":
		place, ok := keyOfURN("id:sgln:" + parts[0] + "." + parts[1] + ".0")
		if !ok {
			return unknown
		}
		w.Keys = append(w.Keys, place)
		w.Prefixes = append(w.Prefixes, place+"/254/")
	case scheme == "sgln" && len(parts) == 3 && parts[1] == "*" && parts[2] == "*":
		w.Prefixes = append(w.Prefixes, linkBase+"/414/"+parts[0])
	default:
		return unknown
	}
	return nil
}

// indicators adds a company's identifiers: before the company prefix there is one digit more.
func (w *Wanted) indicators(before, company string) {
	for d := '0'; d <= '9'; d++ {
		w.Prefixes = append(w.Prefixes, before+string(d)+company)
	}
}

// After is the first text, by its bytes, that sorts behind all that begin with prefix, which is not empty and ends in ASCII.
func After(prefix string) string {
	last := len(prefix) - 1
	return prefix[:last] + string(prefix[last]+1)
}

// Mention is a thing or class as engines index it.
type Mention struct {
	Role Role
	Key  string
}

// Mentions are the things and classes of the event by their keys.
func (e *Event) Mentions() []Mention {
	out := make([]Mention, 0, len(e.Things)+len(e.Quantities))
	for _, t := range e.Things {
		out = append(out, Mention{t.Role, Key(t.EPC)})
	}
	for _, q := range e.Quantities {
		out = append(out, Mention{q.Role, Key(q.Class)})
	}
	return out
}
