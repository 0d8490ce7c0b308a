package programme

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"charye/internal/civil"
)

// Change is one rule that is another in the second of two programmes. Path names it as the file does, with the ids of entries; Before and
// After are empty where the rule is not there.
type Change struct {
	Path          string
	Before, After string
}

// String tells the change in a line.
func (c Change) String() string {
	none := func(s string) string {
		if s == "" {
			return "(nothing)"
		}
		return s
	}
	return fmt.Sprintf("%s: %s → %s", c.Path, none(c.Before), none(c.After))
}

// Begun reports whether the campaign has begun at an instant and is not closed: people stand in its line by its rules.
func (c *Campaign) Begun(now time.Time) bool { return !now.Before(c.Gathers) && now.Before(c.Closes) }

// Differences tells what differs between two programmes at an instant: open is about campaigns that have begun and not closed, by the rules of
// either, and about what they are made of (their products, the timetables, the zone, who must agree to what); rest is everything else. Names
// for people are in rest, and so are pauses that come in addition: stopping is always allowed.
func Differences(before, after *Programme, now time.Time) (open, rest []Change) {
	touched := map[string]bool{} // products of open campaigns
	running := false
	for _, id := range campaignsOf(before, after) {
		b, hasB := before.Campaign(id)
		a, hasA := after.Campaign(id)
		isOpen := hasB && b.Begun(now) || hasA && a.Begun(now)
		running = running || isOpen
		var found []Change
		path := "campaigns[" + id + "]"
		switch {
		case !hasB:
			found = []Change{{path, "", "a new campaign, from " + show(reflect.ValueOf(a.Gathers))}}
		case !hasA:
			found = []Change{{path, "the campaign", ""}}
		default:
			found = differ(path, reflect.ValueOf(*b), reflect.ValueOf(*a))
			if isOpen {
				found, rest = morePauses(path, b, a, found, rest)
			}
		}
		if !isOpen {
			rest = append(rest, found...)
			continue
		}
		for _, c := range found {
			if isName(c.Path) {
				rest = append(rest, c)
			} else {
				open = append(open, c)
			}
		}
		for _, list := range [][]string{productsOf(b, hasB), productsOf(a, hasA)} {
			for _, p := range list {
				touched[p] = true
			}
		}
	}
	for _, id := range productIDs(before, after) {
		b, hasB := before.Product(id)
		a, hasA := after.Product(id)
		path := "products[" + id + "]"
		var found []Change
		switch {
		case !hasB:
			found = []Change{{path, "", "a new product"}}
		case !hasA:
			found = []Change{{path, "the product", ""}}
		default:
			found = differ(path, reflect.ValueOf(*b), reflect.ValueOf(*a))
		}
		for _, c := range found {
			if touched[id] && !isName(c.Path) {
				open = append(open, c)
			} else {
				rest = append(rest, c)
			}
		}
	}
	var shared []Change
	shared = append(shared, differ("timetables", reflect.ValueOf(before.Timetables), reflect.ValueOf(after.Timetables))...)
	shared = append(shared, differ("fourEyes", reflect.ValueOf(before.FourEyes), reflect.ValueOf(after.FourEyes))...)
	if before.Zone.String() != after.Zone.String() {
		shared = append(shared, Change{"timezone", before.Zone.String(), after.Zone.String()})
	}
	if running {
		open = append(open, shared...)
	} else {
		rest = append(rest, shared...)
	}
	rest = append(rest, differ("name", reflect.ValueOf(before.Name), reflect.ValueOf(after.Name))...)
	return open, append(rest, differ("messages", reflect.ValueOf(before.Messages), reflect.ValueOf(after.Messages))...)
}

// morePauses takes the pauses out of what differs where all that were there still are.
func morePauses(path string, b, a *Campaign, found, rest []Change) (kept, others []Change) {
	for _, p := range b.Pauses {
		if !slices.ContainsFunc(a.Pauses, func(q Pause) bool { return !q.From.After(p.From) && !q.To.Before(p.To) }) {
			return found, rest
		}
	}
	for _, c := range found {
		if strings.HasPrefix(c.Path, path+".pauses") {
			rest = append(rest, c)
		} else {
			kept = append(kept, c)
		}
	}
	return kept, rest
}

func campaignsOf(list ...*Programme) (ids []string) {
	for _, p := range list {
		for i := range p.Campaigns {
			if id := p.Campaigns[i].ID; !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func productIDs(list ...*Programme) (ids []string) {
	for _, p := range list {
		for i := range p.Products {
			if id := p.Products[i].ID; !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func productsOf(c *Campaign, ok bool) []string {
	if !ok {
		return nil
	}
	return c.Products
}

func isName(path string) bool { return strings.Contains(path, ".name") }

// leaves are the types that are told as one thing.
var leaves = []reflect.Type{reflect.TypeFor[time.Time](), reflect.TypeFor[civil.Date](), reflect.TypeFor[time.Duration](), reflect.TypeFor[Text]()}

// differ walks two values of one type.
func differ(path string, b, a reflect.Value) (out []Change) {
	leaf := func() []Change {
		if before, after := show(b), show(a); before != after {
			return []Change{{path, before, after}}
		}
		return nil
	}
	if slices.Contains(leaves, b.Type()) {
		return leaf()
	}
	switch b.Kind() {
	case reflect.Pointer:
		if b.IsNil() || a.IsNil() {
			return leaf()
		}
		return differ(path, b.Elem(), a.Elem())
	case reflect.Struct:
		for i := range b.NumField() {
			f := b.Type().Field(i)
			if f.IsExported() && f.Name != "Num" { // numbers are made from ids
				out = append(out, differ(path+"."+lower(f.Name), b.Field(i), a.Field(i))...)
			}
		}
		return out
	case reflect.Slice:
		if b.Len() != a.Len() || b.Len() > 0 && !composite(b.Type().Elem()) {
			return leaf()
		}
		for i := range b.Len() {
			out = append(out, differ(index(path, i), b.Index(i), a.Index(i))...)
		}
		return out
	default:
		return leaf()
	}
}

func composite(t reflect.Type) bool {
	return !slices.Contains(leaves, t) && (t.Kind() == reflect.Struct || t.Kind() == reflect.Pointer)
}

func lower(name string) string {
	r, n := utf8.DecodeRuneInString(name)
	if strings.ToUpper(name) == name {
		return strings.ToLower(name)
	}
	return string(unicode.ToLower(r)) + name[n:]
}

// show tells a value; nothing for what is not set.
func show(v reflect.Value) string {
	if !v.IsValid() || v.IsZero() && v.Kind() != reflect.Bool && v.Kind() != reflect.Int && v.Kind() != reflect.Float64 {
		return ""
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return x.Format(time.RFC3339)
	case civil.Date:
		return x.String()
	case time.Duration:
		return x.String()
	case Text:
		if x.KO != "" && x.EN != "" {
			return x.KO + " / " + x.EN
		}
		return x.In("ko")
	}
	switch v.Kind() {
	case reflect.Pointer:
		return show(v.Elem())
	case reflect.Struct:
		var parts []string
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "Num" && !v.Field(i).IsZero() {
				parts = append(parts, lower(f.Name)+" "+show(v.Field(i)))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = show(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	default:
		return fmt.Sprint(v.Interface())
	}
}
