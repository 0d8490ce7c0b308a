package api

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"charye/walk"
)

// Request bodies are flat objects of texts, whole numbers and booleans. They are read by hand: encoding/json takes names in
// any case and takes the last of repeated ones, and two readers that differ in that are how checks are walked around.

type kind uint8

const (
	kindText kind = iota + 1
	kindNumber
	kindBoolean
)

type member struct {
	name  string
	kind  kind
	text  string
	num   int64
	truth bool
	taken bool
}

// form is a parsed body. Its methods take members; the first fault is kept for done.
type form struct {
	members []member
	err     error
}

func (f *form) take(name string, k kind, want string) *member {
	for i := range f.members {
		m := &f.members[i]
		if m.name != name {
			continue
		}
		m.taken = true
		if m.kind != k {
			f.fail(name, "must be %s", want)
			return nil
		}
		return m
	}
	return nil
}

func (f *form) fail(field, format string, args ...any) {
	if f.err == nil {
		f.err = badRequest(field, format, args...)
	}
}

// text takes an optional text of lo to hi characters; "" when it is not there.
func (f *form) text(name string, lo, hi int) string {
	m := f.take(name, kindText, "a text")
	if m == nil {
		return ""
	}
	n := utf8.RuneCountInString(m.text)
	switch {
	case n < lo || n > hi:
		f.fail(name, "must have %d to %d characters", lo, hi)
	case !plain(m.text):
		f.fail(name, "must not have control characters")
	default:
		return m.text
	}
	return ""
}

// required takes a text that must be there.
func (f *form) required(name string, lo, hi int) string {
	if !f.has(name) {
		f.fail(name, "is missing")
		return ""
	}
	return f.text(name, lo, hi)
}

func (f *form) has(name string) bool {
	for i := range f.members {
		if f.members[i].name == name {
			return true
		}
	}
	return false
}

func (f *form) number(name string, def, lo, hi int64) int64 {
	m := f.take(name, kindNumber, "a whole number")
	if m == nil {
		return def
	}
	if m.num < lo || m.num > hi {
		f.fail(name, "must be from %d to %d", lo, hi)
		return def
	}
	return m.num
}

func (f *form) truth(name string) bool {
	m := f.take(name, kindBoolean, "true or false")
	return m != nil && m.truth
}

// done gives the first fault; a member nobody took is one.
func (f *form) done() error {
	for i := range f.members {
		if !f.members[i].taken {
			// Told first: a misspelt name is better named than the field that is missing because of it.
			return badRequest(shown(f.members[i].name), "is not a field of this call")
		}
	}
	return f.err
}

// maxMembers bounds the work on a body; no call has that many fields.
const maxMembers = 16

// reader reads one JSON object (RFC 8259).
type reader struct {
	b []byte
	i int
}

func malformed(why string) error {
	return &walk.Error{Code: walk.BadRequest, Field: "body", Detail: "The body is not a JSON object as this call wants it: " + why + "."}
}

// parseObject reads exactly one flat object. Names must be unique; what follows the object must be white space.
func parseObject(b []byte) (*form, error) {
	if !utf8.Valid(b) {
		return nil, malformed("it is not UTF-8")
	}
	p := &reader{b: b}
	if !p.next('{') {
		return nil, malformed("it does not begin with {")
	}
	f := &form{}
	if p.next('}') {
		return f, p.end()
	}
	for {
		name, err := p.quoted()
		if err != nil {
			return nil, err
		}
		if f.has(name) {
			return nil, badRequest(shown(name), "is given twice")
		}
		if len(f.members) == maxMembers {
			return nil, malformed("it has too many fields")
		}
		if !p.next(':') {
			return nil, malformed("a name is not followed by :")
		}
		m, err := p.value(name)
		if err != nil {
			return nil, err
		}
		f.members = append(f.members, m)
		if p.next(',') {
			continue
		}
		if p.next('}') {
			return f, p.end()
		}
		return nil, malformed("a value is not followed by , or }")
	}
}

func (p *reader) space() {
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// next consumes c, after white space, if it is there.
func (p *reader) next(c byte) bool {
	p.space()
	if p.i < len(p.b) && p.b[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *reader) end() error {
	p.space()
	if p.i != len(p.b) {
		return malformed("something follows it")
	}
	return nil
}

func (p *reader) value(name string) (member, error) {
	p.space()
	m := member{name: name}
	if p.i == len(p.b) {
		return m, malformed("it ends too early")
	}
	switch c := p.b[p.i]; {
	case c == '"':
		s, err := p.quoted()
		m.kind, m.text = kindText, s
		return m, err
	case c == '-' || c >= '0' && c <= '9':
		n, ok := p.whole()
		if !ok {
			return m, badRequest(shown(name), "must be a whole number")
		}
		m.kind, m.num = kindNumber, n
		return m, nil
	case p.word("true"):
		m.kind, m.truth = kindBoolean, true
		return m, nil
	case p.word("false"):
		m.kind = kindBoolean
		return m, nil
	default:
		return m, badRequest(shown(name), "must be a text, a whole number, true or false")
	}
}

func (p *reader) word(w string) bool {
	if len(p.b)-p.i < len(w) || string(p.b[p.i:p.i+len(w)]) != w {
		return false
	}
	p.i += len(w)
	return true
}

// whole reads an integer in its one spelling: no leading zero, no -0, no fraction, no exponent.
func (p *reader) whole() (int64, bool) {
	start := p.i
	for p.i < len(p.b) {
		switch c := p.b[p.i]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
			p.i++
			continue
		}
		break
	}
	s := string(p.b[start:p.i])
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == s
}

// quoted reads a string. Lone surrogates are refused: they stand for no character.
func (p *reader) quoted() (string, error) {
	if !p.next('"') {
		return "", malformed("a text does not begin with \"")
	}
	start, escaped := p.i, false
	for p.i < len(p.b) {
		switch c := p.b[p.i]; {
		case c == '"':
			raw := p.b[start-1 : p.i+1]
			p.i++
			if !escaped {
				return string(raw[1 : len(raw)-1]), nil
			}
			return unquote(raw)
		case c == '\\':
			escaped = true
			p.i++ // whatever it escapes is not the end
		case c < ' ':
			return "", malformed("a text has a control character")
		}
		p.i++
	}
	return "", malformed("a text does not end")
}

// unquote leaves the escapes to encoding/json, which turns a lone surrogate into U+FFFD.
func unquote(raw []byte) (string, error) {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", malformed("a text has a wrong escape")
	}
	if strings.ContainsRune(s, utf8.RuneError) {
		return "", malformed("a text has a character that is none")
	}
	return s, nil
}
