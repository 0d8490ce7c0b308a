package rush

import (
	"encoding/json"
	"errors"
	"strconv"
)

// The scanners below read JSON without building it: the crowd reads tens of thousands of answers a second and needs a few
// fields of each. For every valid document they agree with encoding/json (fuzzed); of an invalid one they may read a part.

var errJSON = errors.New("not the JSON that was expected")

// fields calls fn with each member of the object b, the key without its quotes, the value raw; fn returns false to stop.
func fields(b []byte, fn func(key, val []byte) bool) error {
	i := space(b, 0)
	if i >= len(b) || b[i] != '{' {
		return errJSON
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return nil
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return errJSON
		}
		end := skipString(b, i)
		if end < 0 {
			return errJSON
		}
		key := b[i+1 : end-1]
		for _, c := range key {
			if c == '\\' {
				key = []byte(text(b[i:end]))
				break
			}
		}
		i = space(b, end)
		if i >= len(b) || b[i] != ':' {
			return errJSON
		}
		i = space(b, i+1)
		end = skipValue(b, i)
		if end < 0 {
			return errJSON
		}
		if !fn(key, b[i:end]) {
			return nil
		}
		i = space(b, end)
		if i >= len(b) {
			return errJSON
		}
		if b[i] == '}' {
			return nil
		}
		if b[i] != ',' {
			return errJSON
		}
		i = space(b, i+1)
	}
}

// elements calls fn with each element of the array b, raw; fn returns false to stop. null counts as an empty array.
func elements(b []byte, fn func(val []byte) bool) error {
	i := space(b, 0)
	if string(b[i:]) == "null" {
		return nil
	}
	if i >= len(b) || b[i] != '[' {
		return errJSON
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return nil
	}
	for {
		end := skipValue(b, i)
		if end < 0 {
			return errJSON
		}
		if !fn(b[i:end]) {
			return nil
		}
		i = space(b, end)
		if i >= len(b) {
			return errJSON
		}
		if b[i] == ']' {
			return nil
		}
		if b[i] != ',' {
			return errJSON
		}
		i = space(b, i+1)
	}
}

// text gives the string of a raw JSON string; anything else is "".
func text(val []byte) string {
	if len(val) < 2 || val[0] != '"' {
		return ""
	}
	plain := true
	for _, c := range val[1 : len(val)-1] {
		if c == '\\' || c >= 0x80 { // invalid UTF-8 is replaced by encoding/json; leave that to it
			plain = false
			break
		}
	}
	if plain {
		return string(val[1 : len(val)-1])
	}
	var s string
	if json.Unmarshal(val, &s) != nil {
		return ""
	}
	return s
}

// whole gives the integer of a raw JSON number; a fraction is cut off. ok is false when it is none.
func whole(val []byte) (n int64, ok bool) {
	i, neg := 0, false
	if len(val) > 0 && val[0] == '-' {
		i, neg = 1, true
	}
	if i >= len(val) || len(val)-i > 18 {
		f, ok := decimal(val)
		return int64(f), ok
	}
	for ; i < len(val); i++ {
		c := val[i]
		if c < '0' || c > '9' {
			f, ok := decimal(val)
			return int64(f), ok
		}
		n = n*10 + int64(c-'0')
	}
	if neg {
		n = -n
	}
	return n, true
}

func decimal(val []byte) (float64, bool) {
	if len(val) == 0 || val[0] != '-' && (val[0] < '0' || val[0] > '9') {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(val), 64)
	return f, err == nil
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString gives the index after the string that starts at b[i], or -1.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// skipValue gives the index after the value that starts at b[i], or -1. It counts brackets instead of recursing, so deep
// nesting costs no stack.
func skipValue(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		depth := 0
		for i < len(b) {
			switch b[i] {
			case '"':
				if i = skipString(b, i); i < 0 {
					return -1
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return -1
	}
	start := i
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] != ' ' && b[i] != '\n' && b[i] != '\t' && b[i] != '\r' {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
