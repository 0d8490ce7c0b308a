package api

import (
	"encoding/hex"
	"math"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"charye/programme"
)

// The documents are written by appending, without reflection. Each helper appends one member of an object that has been
// opened with '{'; names are constants of this package and need no escaping.

// key appends a member's name, after a comma where one is due.
func key(b []byte, name string) []byte {
	b = append(comma(b), '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// comma appends the comma between members or elements.
func comma(b []byte) []byte {
	if last := b[len(b)-1]; last != '{' && last != '[' {
		b = append(b, ',')
	}
	return b
}

func str(b []byte, name, value string) []byte { return quote(key(b, name), value) }

// optional leaves an empty text out.
func optional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return str(b, name, value)
}

func integer(b []byte, name string, v int64) []byte { return strconv.AppendInt(key(b, name), v, 10) }

func boolean(b []byte, name string, v bool) []byte { return strconv.AppendBool(key(b, name), v) }

// decimal writes v with so many places; what is not a number is 0.
func decimal(b []byte, name string, v float64, places int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	return strconv.AppendFloat(key(b, name), v, 'f', places, 64)
}

// instant writes RFC 3339 with the offset of the programme's zone, whole seconds.
func instant(b []byte, name string, t time.Time, zone *time.Location) []byte {
	b = append(key(b, name), '"')
	b = t.In(zone).AppendFormat(b, time.RFC3339)
	return append(b, '"')
}

// instantMilli is instant with milliseconds, for server time.
func instantMilli(b []byte, name string, t time.Time, zone *time.Location) []byte {
	b = append(key(b, name), '"')
	b = t.In(zone).AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	return append(b, '"')
}

func hexed(b []byte, name string, v []byte) []byte {
	b = append(key(b, name), '"')
	b = hex.AppendEncode(b, v)
	return append(b, '"')
}

func text(b []byte, name string, t programme.Text) []byte {
	b = append(key(b, name), '{')
	b = str(b, "ko", t.In("ko"))
	b = str(b, "en", t.In("en"))
	return append(b, '}')
}

const hexDigits = "0123456789abcdef"

// quote appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func quote(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\t':
				b = append(b, '\\', 't')
			case '\r':
				b = append(b, '\\', 'r')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(b, s[start:i]...)
			b = append(b, "\ufffd"...)
			i++
			start = i
			continue
		}
		i += size
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// maxPooled keeps one large document from staying in the pool for ever.
const maxPooled = 64 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

func getBuffer() *[]byte {
	b := buffers.Get().(*[]byte)
	*b = (*b)[:0]
	return b
}

func putBuffer(b *[]byte) {
	if cap(*b) <= maxPooled {
		buffers.Put(b)
	}
}
