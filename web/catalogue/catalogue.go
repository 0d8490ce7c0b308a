// Package catalogue is the words of the pages, in Korean and English, and how each language writes numbers, dates and times.
//
// It owns ko.json and en.json: every sentence that a page says is in both, under the same key. It must not know of requests, templates or any face;
// a test holds that the faces use every sentence and name none that is missing.
package catalogue

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
	textlang "golang.org/x/text/language"
)

//go:embed *.json
var catalogueFiles embed.FS

// Default is shown to those who ask for none that there is.
const Default = "ko"

// Names are the languages there are, each by its own name.
var Names = []struct{ ID, Name string }{{"ko", "한국어"}, {"en", "English"}}

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

// Language is one catalogue with the zone in which it tells times. Immutable.
type Language struct {
	ID        string
	tag       textlang.Tag
	Sentences map[string]sentence
	Zone      *time.Location
}

// Load reads every catalogue; zone is where its times are told.
func Load(zone *time.Location) (map[string]*Language, error) {
	all := map[string]*Language{}
	for _, n := range Names {
		b, err := catalogueFiles.ReadFile(n.ID + ".json")
		if err != nil {
			return nil, fmt.Errorf("catalogue: %w", err)
		}
		l := &Language{ID: n.ID, tag: textlang.Make(n.ID), Zone: zone}
		if err := json.Unmarshal(b, &l.Sentences); err != nil {
			return nil, fmt.Errorf("catalogue %s: %w", n.ID, err)
		}
		all[n.ID] = l
	}
	return all, nil
}

// Text gives a sentence with its values put in: pairs of name and value. A whole number as "n" chooses the plural form.
// A missing sentence or value is an error: no page goes out with a hole in it.
func (l *Language) Text(key string, kv ...any) (string, error) {
	forms, ok := l.Sentences[key]
	if !ok {
		return "", fmt.Errorf("catalogue %s: no sentence %q", l.ID, key)
	}
	if len(kv)%2 != 0 {
		return "", fmt.Errorf("catalogue %s: %s: a value without a name", l.ID, key)
	}
	form := "other"
	var swaps []string
	for i := 0; i < len(kv); i += 2 {
		name, ok := kv[i].(string)
		if !ok {
			return "", fmt.Errorf("catalogue %s: %s: a name must be a string", l.ID, key)
		}
		var value string
		switch v := kv[i+1].(type) {
		case string:
			value = v
		case int:
			value = Number(v)
			if name == "n" {
				form = pluralForm(l.tag, v)
			}
		default:
			return "", fmt.Errorf("catalogue %s: %s: value %s is neither text nor whole number", l.ID, key, name)
		}
		swaps = append(swaps, "{"+name+"}", value)
	}
	s, ok := forms[form]
	if !ok {
		s = forms["other"]
	}
	if err := checkHoles(s, swaps); err != nil {
		return "", fmt.Errorf("catalogue %s: %s: %w", l.ID, key, err)
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

// Preferred gives the best of our languages for an Accept-Language header.
func Preferred(header string) string {
	if len(header) > 500 {
		return Default
	}
	asked, weights, err := textlang.ParseAcceptLanguage(header)
	if err != nil {
		return Default
	}
	for i, tag := range asked {
		base, _ := tag.Base()
		for _, n := range Names {
			if weights[i] > 0 && base.String() == n.ID {
				return n.ID
			}
		}
	}
	if len(asked) > 0 && weights[0] > 0 && asked[0] != textlang.Und && asked[0].String() != "mul" { // mul is how "*" is read
		return "en" // asks for a language, and it is not Korean: English will be understood by more
	}
	return Default
}
