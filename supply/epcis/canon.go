package epcis

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxDepth is how deep objects and arrays may lie in one another.
	maxDepth = 64
	// maxExponent bounds the size of numbers, whose comparison costs as many digits as they have.
	maxExponent = 400
)

// decode reads one JSON value. What different readers would take differently is refused: text that is not UTF-8, a name
// twice in one object, a number beyond all measure.
func decode(src []byte) (any, error) {
	if !utf8.Valid(src) {
		return nil, &RefusedError{Rule: "UTF-8", Problem: "the document is not UTF-8 text"}
	}
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, syntax(src, err, d.InputOffset())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &RefusedError{Rule: "JSON", Problem: fmt.Sprintf("line %d: something follows the end of the document", lineOf(src, d.InputOffset()))}
	}
	members, err := measure(v, 0)
	if err != nil {
		return nil, err
	}
	// Each member has one colon outside strings. Of two with one name the decoder has kept the last.
	if members != colons(src) {
		return nil, &RefusedError{Pointer: twice(src), Rule: "JSON", Problem: "this name is there twice in one object"}
	}
	return v, nil
}

func syntax(src []byte, err error, at int64) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = e.Offset
	}
	msg := err.Error()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		msg, at = "the document ends too early", int64(len(src))
	}
	return &RefusedError{Rule: "JSON", Problem: fmt.Sprintf("line %d: %s", lineOf(src, at), msg)}
}

func lineOf(src []byte, at int64) int {
	return 1 + bytes.Count(src[:min(at, int64(len(src)))], []byte{'\n'})
}

// measure counts the members of all objects, and holds depth and numbers against their bounds.
func measure(v any, depth int) (members int, err error) {
	if depth > maxDepth {
		return 0, &RefusedError{Rule: "depth", Problem: fmt.Sprintf("more than %d objects and arrays lie in one another", maxDepth)}
	}
	switch v := v.(type) {
	case map[string]any:
		members = len(v)
		for name, x := range v {
			n, err := measure(x, depth+1)
			if err != nil {
				return 0, within("/"+escape(name), err)
			}
			members += n
		}
	case []any:
		for i, x := range v {
			if _, simple := x.(string); simple {
				continue
			}
			n, err := measure(x, depth+1)
			if err != nil {
				return 0, within("/"+strconv.Itoa(i), err)
			}
			members += n
		}
	case json.Number:
		if _, _, err := decimal(string(v)); err != nil {
			return 0, &RefusedError{Rule: "number", Problem: err.Error()}
		}
	}
	return members, nil
}

// escape is a name as a part of a JSON pointer (RFC 6901).
func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// colons counts the colons outside strings of a valid JSON text.
func colons(src []byte) (n int) {
	inside := false
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case inside && c == '\\':
			i++
		case c == '"':
			inside = !inside
		case c == ':' && !inside:
			n++
		}
	}
	return n
}

// twice finds a name that an object has twice.
func twice(src []byte) string {
	switch src = bytes.TrimSpace(src); src[0] {
	case '{':
		seen := map[string]bool{}
		for name, value := range members(src) {
			if seen[name] {
				return "/" + escape(name)
			}
			seen[name] = true
			if at := twice(value); at != "" {
				return "/" + escape(name) + at
			}
		}
	case '[':
		i := 0
		for value := range elements(src) {
			if at := twice(value); at != "" {
				return "/" + strconv.Itoa(i) + at
			}
			i++
		}
	}
	return ""
}

// decimal takes a JSON number apart: its digits, with a sign and without zeros at either end, and the power of ten of the last.
func decimal(s string) (digits string, exponent int, err error) {
	mantissa := s
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa = s[:i]
		if exponent, err = strconv.Atoi(s[i+1:]); err != nil {
			return "", 0, fmt.Errorf("a number of at most %d digits is wanted", maxExponent)
		}
	}
	sign := ""
	if mantissa[0] == '-' {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	exponent -= len(fraction)
	n := len(digits)
	digits = strings.TrimRight(digits, "0")
	exponent += n - len(digits)
	if digits == "" {
		return "0", 0, nil
	}
	if len(digits) > maxExponent || exponent > maxExponent || exponent < -maxExponent {
		return "", 0, fmt.Errorf("a number of at most %d digits is wanted", maxExponent)
	}
	return sign + digits, exponent, nil
}

// Digest is what the content of an event, or of a part of it, comes down to: equal for two that say the same in another order
// of members, with other spaces, escapes or forms of number.
type Digest [sha256.Size]byte

// digestOf is SHA-256 over the canonical form of v: no spaces, members in the order of their names' bytes, strings as
// encoding/json writes them, numbers as digits and a power of ten. Top-level members named in without are left out.
func digestOf(v any, without ...string) Digest {
	b := make([]byte, 0, 1024)
	if m, ok := v.(map[string]any); ok {
		b = appendObject(b, m, without)
	} else {
		b = appendCanonical(b, v)
	}
	return sha256.Sum256(b)
}

func appendObject(b []byte, m map[string]any, without []string) []byte {
	names := make([]string, 0, len(m))
	for name := range m {
		if !slices.Contains(without, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, name)
		b = append(b, ':')
		b = appendCanonical(b, m[name])
	}
	return append(b, '}')
}

func appendCanonical(b []byte, v any) []byte {
	switch v := v.(type) {
	case map[string]any:
		return appendObject(b, v, nil)
	case []any:
		b = append(b, '[')
		for i, x := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendCanonical(b, x)
		}
		return append(b, ']')
	case string:
		return appendString(b, v)
	case json.Number:
		digits, exponent, _ := decimal(string(v)) // measured when it was read
		b = append(b, digits...)
		b = append(b, 'e')
		return strconv.AppendInt(b, int64(exponent), 10)
	case bool:
		return strconv.AppendBool(b, v)
	default:
		return append(b, "null"...)
	}
}

func appendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			q, _ := json.Marshal(s) // a string has always a form
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
