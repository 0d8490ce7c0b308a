package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
	textlang "golang.org/x/text/language"
)

//go:embed catalogue/*.json
var catalogueFiles embed.FS

// defaultLanguage is shown to those who ask for none that there is.
const defaultLanguage = "ko"

// languageNames are the languages there are, each by its own name.
var languageNames = []struct{ ID, Name string }{{"ko", "한국어"}, {"en", "English"}}

// sentence is one entry of a catalogue: a text, or its plural forms by CLDR name (one, other). {name} stands for a value.
type sentence map[string]string

// UnmarshalJSON reads a string or an object of plural forms.
func (s *sentence) UnmarshalJSON(b []byte) error {
	var plain string
	if err := json.Unmarshal(b, &plain); err == nil {
		*s = sentence{"other": plain}
		return nil
	}
	var forms map[string]string
	if err := json.Unmarshal(b, &forms); err != nil {
		return err
	}
	if forms["other"] == "" {
		return fmt.Errorf("plural forms without %q", "other")
	}
	*s = forms
	return nil
}

// language is one catalogue with the zone in which it tells times. Immutable.
type language struct {
	id        string
	tag       textlang.Tag
	sentences map[string]sentence
	zone      *time.Location
}

func loadLanguages(zone *time.Location) (map[string]*language, error) {
	all := map[string]*language{}
	for _, n := range languageNames {
		b, err := catalogueFiles.ReadFile("catalogue/" + n.ID + ".json")
		if err != nil {
			return nil, fmt.Errorf("catalogue: %w", err)
		}
		l := &language{id: n.ID, tag: textlang.Make(n.ID), zone: zone}
		if err := json.Unmarshal(b, &l.sentences); err != nil {
			return nil, fmt.Errorf("catalogue %s: %w", n.ID, err)
		}
		all[n.ID] = l
	}
	return all, nil
}

// text gives a sentence with its values put in: pairs of name and value. A whole number as "n" chooses the plural form.
// A missing sentence or value is an error: no page goes out with a hole in it.
func (l *language) text(key string, kv ...any) (string, error) {
	forms, ok := l.sentences[key]
	if !ok {
		return "", fmt.Errorf("catalogue %s: no sentence %q", l.id, key)
	}
	if len(kv)%2 != 0 {
		return "", fmt.Errorf("catalogue %s: %s: a value without a name", l.id, key)
	}
	form := "other"
	var swaps []string
	for i := 0; i < len(kv); i += 2 {
		name, ok := kv[i].(string)
		if !ok {
			return "", fmt.Errorf("catalogue %s: %s: a name must be a string", l.id, key)
		}
		var value string
		switch v := kv[i+1].(type) {
		case string:
			value = v
		case int:
			value = number(v)
			if name == "n" {
				form = pluralForm(l.tag, v)
			}
		default:
			return "", fmt.Errorf("catalogue %s: %s: value %s is neither text nor whole number", l.id, key, name)
		}
		swaps = append(swaps, "{"+name+"}", value)
	}
	s, ok := forms[form]
	if !ok {
		s = forms["other"]
	}
	if err := checkHoles(s, swaps); err != nil {
		return "", fmt.Errorf("catalogue %s: %s: %w", l.id, key, err)
	}
	return strings.NewReplacer(swaps...).Replace(s), nil
}

// checkHoles finds a {name} that no value fills.
func checkHoles(s string, swaps []string) error {
	for _, hole := range holes(s) {
		found := false
		for i := 0; i < len(swaps); i += 2 {
			found = found || swaps[i] == hole
		}
		if !found {
			return fmt.Errorf("no value for %s", hole)
		}
	}
	return nil
}

// holes lists the {name} places of a sentence.
func holes(s string) []string {
	var out []string
	for {
		i := strings.IndexByte(s, '{')
		if i < 0 {
			return out
		}
		j := strings.IndexByte(s[i:], '}')
		if j < 0 {
			return out
		}
		out = append(out, s[i:i+j+1])
		s = s[i+j+1:]
	}
}

func pluralForm(tag textlang.Tag, n int) string {
	if plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0) == plural.One {
		return "one"
	}
	return "other"
}

// languageOf chooses the language of an answer: the address, then the cookie, then what the browser asks for.
func (h *handler) languageOf(w http.ResponseWriter, r *http.Request) *language {
	if r.Method == http.MethodGet {
		if l, ok := h.languages[r.URL.Query().Get("lang")]; ok {
			h.cookies.set(w, cookieLanguage, l.id, 365*24*time.Hour)
			return l
		}
	}
	if l, ok := h.languages[h.cookies.get(r, cookieLanguage)]; ok {
		return l
	}
	return h.languages[preferred(r.Header.Get("Accept-Language"))]
}

// preferred gives the best of our languages for an Accept-Language header.
func preferred(header string) string {
	if len(header) > 500 {
		return defaultLanguage
	}
	asked, weights, err := textlang.ParseAcceptLanguage(header)
	if err != nil {
		return defaultLanguage
	}
	for i, tag := range asked {
		base, _ := tag.Base()
		for _, n := range languageNames {
			if weights[i] > 0 && base.String() == n.ID {
				return n.ID
			}
		}
	}
	if len(asked) > 0 && weights[0] > 0 && asked[0] != textlang.Und && asked[0].String() != "mul" { // mul is how "*" is read
		return "en" // asks for a language, and it is not Korean: English will be understood by more
	}
	return defaultLanguage
}
