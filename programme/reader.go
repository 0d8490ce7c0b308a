package programme

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxProblems bounds what is collected from one file; more would help nobody.
const maxProblems = 200

// reader walks the nodes of one file and collects what is wrong with them. Its value methods report a problem themselves
// and then return false; callers only decide whether they can go on.
type reader struct {
	file     string
	problems Errors
	dropped  int
}

func (r *reader) bad(n *yaml.Node, path, format string, args ...any) {
	if len(r.problems) == maxProblems {
		r.dropped++
		return
	}
	e := &Error{File: r.file, Field: path, Msg: fmt.Sprintf(format, args...)}
	if n != nil {
		e.Line = n.Line
	}
	r.problems = append(r.problems, e)
}

func (r *reader) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	if r.dropped > 0 {
		r.problems = append(r.problems, &Error{File: r.file, Msg: fmt.Sprintf("%d more problems; correct these first", r.dropped)})
	}
	return r.problems
}

// object is a mapping whose keys have been checked: each known and present once.
type object struct {
	r      *reader
	node   *yaml.Node
	path   string
	fields map[string]*yaml.Node
}

// object reports unknown and repeated fields. It is false when n is no mapping at all.
func (r *reader) object(n *yaml.Node, path string, known ...string) (object, bool) {
	if n.Kind != yaml.MappingNode {
		r.bad(n, path, "is %s; want a group of fields: %s", describe(n), strings.Join(known, ", "))
		return object{}, false
	}
	o := object{r: r, node: n, path: path, fields: make(map[string]*yaml.Node, len(known))}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch name := k.Value; {
		case k.Kind != yaml.ScalarNode || !slices.Contains(known, name):
			r.bad(k, o.at(shown(name)), "unknown field; known here: %s", strings.Join(known, ", "))
		case o.fields[name] != nil:
			r.bad(k, o.at(name), "given twice, first on line %d; keep one", o.fields[name].Line)
		default:
			o.fields[name] = v
		}
	}
	return o, true
}

func (o object) at(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

// need gives the value of a field that must be there.
func (o object) need(name, want string) (*yaml.Node, bool) {
	n := o.fields[name]
	if n == nil {
		o.r.bad(o.node, o.at(name), "missing; want %s", want)
		return nil, false
	}
	return n, true
}

// opt gives the value of a field that may be left out.
func (o object) opt(name string) (*yaml.Node, bool) {
	n := o.fields[name]
	return n, n != nil
}

// list checks that n is a list of min … max entries.
func (r *reader) list(n *yaml.Node, path string, minLen, maxLen int) ([]*yaml.Node, bool) {
	if n.Kind != yaml.SequenceNode {
		r.bad(n, path, "is %s; want a list", describe(n))
		return nil, false
	}
	if len(n.Content) < minLen || len(n.Content) > maxLen {
		r.bad(n, path, "has %d entries; want %d to %d", len(n.Content), minLen, maxLen)
		return nil, false
	}
	return n.Content, true
}

// scalar gives the text of a single value, whatever YAML takes its type to be.
func (r *reader) scalar(n *yaml.Node, path, want string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		r.bad(n, path, "is %s; want %s", describe(n), want)
		return "", false
	}
	return n.Value, true
}

// text gives a string. Numbers, dates and truth values written without quotes are refused: YAML would rewrite them.
func (r *reader) text(n *yaml.Node, path, want string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		r.bad(n, path, "is %s; want %s", describe(n), want)
		return "", false
	}
	if n.ShortTag() != "!!str" {
		r.bad(n, path, "is %s; write it in quotes: %q", describe(n), shown(n.Value))
		return "", false
	}
	s := n.Value
	switch {
	case strings.TrimSpace(s) == "":
		r.bad(n, path, "is empty; want %s", want)
	case utf8.RuneCountInString(s) > 500:
		r.bad(n, path, "is longer than 500 characters; want %s", want)
	case strings.ContainsFunc(s, unicode.IsControl):
		r.bad(n, path, "has control characters or line breaks in it; want %s on one line", want)
	default:
		return s, true
	}
	return "", false
}

const idWanted = "1 to 64 small letters, digits and hyphens, such as age-55-59"

// id gives a name that may stand in addresses and keys.
func (r *reader) id(n *yaml.Node, path string) (string, bool) {
	s, ok := r.text(n, path, idWanted)
	if !ok {
		return "", false
	}
	for i, c := range s {
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !letter && (c != '-' || i == 0) || i >= 64 {
			r.bad(n, path, "%q is no id; want %s", shown(s), idWanted)
			return "", false
		}
	}
	return s, true
}

// oneOf gives one of a few words.
func (r *reader) oneOf(n *yaml.Node, path string, words ...string) (string, bool) {
	s, ok := r.scalar(n, path, strings.Join(words, " or "))
	if ok && !slices.Contains(words, s) {
		r.bad(n, path, "%q is unknown; want %s", shown(s), strings.Join(words, " or "))
		return "", false
	}
	return s, ok
}

// count gives a whole number within bounds, written in plain digits.
func (r *reader) count(n *yaml.Node, path string, minValue, maxValue int) (int, bool) {
	want := fmt.Sprintf("a whole number from %d to %d", minValue, maxValue)
	s, ok := r.scalar(n, path, want)
	if !ok {
		return 0, false
	}
	v, err := strconv.Atoi(s)
	if n.ShortTag() != "!!int" || err != nil || strings.HasPrefix(s, "+") || v < minValue || v > maxValue {
		r.bad(n, path, "is %s; want %s", describe(n), want)
		return 0, false
	}
	return v, true
}

func (r *reader) boolean(n *yaml.Node, path string) (value, ok bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Value != "true" && n.Value != "false" {
		r.bad(n, path, "is %s; want true or false", describe(n))
		return false, false
	}
	return n.Value == "true", true
}

// names reads {ko, en}, of which one may be left out.
func (r *reader) names(n *yaml.Node, path string) (Text, bool) {
	o, ok := r.object(n, path, "ko", "en")
	if !ok {
		return Text{}, false
	}
	var t Text
	for _, f := range []struct {
		key string
		to  *string
	}{{"ko", &t.KO}, {"en", &t.EN}} {
		if v, has := o.opt(f.key); has {
			s, good := r.text(v, o.at(f.key), "a text")
			*f.to, ok = s, ok && good
		}
	}
	if ok && t == (Text{}) {
		r.bad(n, path, "has no text; want ko, en or both")
		return Text{}, false
	}
	return t, ok
}

// describe says in a few words what stands at n.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a group of fields"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias (these are not read: write the value out)"
	}
	if n.Value == "" || n.ShortTag() == "!!null" {
		return "empty"
	}
	v := shown(n.Value)
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "the number " + v
	case "!!bool":
		return "the truth value " + v
	case "!!timestamp":
		return "the date " + v
	case "!!str":
		return "the text " + strconv.Quote(v)
	}
	return "a value of the type " + strconv.Quote(shown(n.Tag))
}

// shown shortens what a file contains for a one-line message.
func shown(s string) string { return shownUpTo(s, 40) }

func shownUpTo(s string, runes int) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || c == utf8.RuneError {
			return '?'
		}
		return c
	}, s)
	if utf8.RuneCountInString(s) > runes {
		s = string([]rune(s)[:runes]) + "…"
	}
	return s
}
