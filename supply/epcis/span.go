package epcis

import (
	"bytes"
	"encoding/json"
	"iter"
)

// The bytes of a document are read twice: once into values, for the rules, and here for what is kept as it was written.
// All texts here have been found to be valid JSON before.

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skip gives the end of the value that begins at i.
func skip(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			} else if depth < 0 {
				return i
			}
		case ',', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// members goes through the members of an object.
func members(b []byte) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for i := space(b, 1); i < len(b) && b[i] == '"'; {
			end := skip(b, i)
			name := string(b[i+1 : end-1])
			if bytes.IndexByte(b[i:end], '\\') >= 0 {
				_ = json.Unmarshal(b[i:end], &name)
			}
			i = space(b, end)
			i = space(b, i+1) // the colon
			end = skip(b, i)
			if !yield(name, b[i:end]) {
				return
			}
			i = space(b, end)
			i = space(b, i+1) // the comma
		}
	}
}

// elements goes through an array.
func elements(b []byte) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		for i := space(b, 1); i < len(b) && b[i] != ']'; {
			end := skip(b, i)
			if !yield(b[i:end]) {
				return
			}
			i = space(b, end)
			i = space(b, i+1)
		}
	}
}

// member finds a member of an object; nil without it.
func member(b []byte, path ...string) json.RawMessage {
	for _, want := range path {
		var found json.RawMessage
		for name, value := range members(b) {
			if name == want {
				found = value
				break
			}
		}
		if b = bytes.TrimSpace(found); len(b) == 0 {
			return nil
		}
	}
	return b
}

// without copies an object compactly, but for some of its members.
func without(b []byte, names ...string) json.RawMessage {
	out := append(make([]byte, 0, len(b)), '{')
next:
	for name, value := range members(b) {
		for _, n := range names {
			if n == name {
				continue next
			}
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(appendString(out, name), ':')
		out = appendCompact(out, value)
	}
	return append(out, '}')
}

// appendCompact leaves out the spaces between the tokens of a value.
func appendCompact(out, b []byte) []byte {
	for i := 0; i < len(b); {
		switch c := b[i]; c {
		case ' ', '\n', '\t', '\r':
			i++
		case '"':
			end := skip(b, i)
			out = append(out, b[i:end]...)
			i = end
		default:
			out = append(out, c)
			i++
		}
	}
	return out
}
